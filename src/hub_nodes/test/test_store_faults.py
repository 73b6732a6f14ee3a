"""The embedded database meets the world: locks, full disks, damaged, deleted and foreign files."""
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import numpy as np
import pytest

from hub_nodes.store import schema
from hub_nodes.store.backend import Corrupt, Incompatible, Retention, Unavailable, Vanished
from hub_nodes.store.model import READING, Batch, Record
from hub_nodes.store.place import open_history
from hub_nodes.store.sqlite import SqliteBackend

T0 = 1_750_032_000.0  # midnight UTC [s]


def batch(*times, power=1.0):
    array = np.zeros(len(times), READING)
    array['time'] = [round(t * 1000) for t in times]
    array['active_power'] = power
    return Batch(array, ('kettle',))


def event(n):
    return Batch(records=[Record.of('anomaly', 'kettle', T0 + n, {'n': n})])


def stored(path):
    return [(t - round(T0 * 1000)) / 1000 for t in open_history(path).readings('kettle', T0, T0 + 1e6)['time']]


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'hearthgrid.db'


@pytest.fixture
def backend(path):
    made = SqliteBackend(path)
    made.open()
    yield made
    made.close()


def test_a_locked_database_is_unavailable_until_it_is_free(backend, path):
    backend.write(batch(T0))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute('BEGIN IMMEDIATE')
    for act in (lambda: backend.write(batch(T0 + 1)), lambda: backend.maintain(T0)):
        with pytest.raises(Unavailable, match='locked'):
            act()
    assert stored(path) == [0], 'readers are not disturbed'
    other.execute('ROLLBACK')
    backend.write(batch(T0 + 1))
    assert stored(path) == [0, 1]
    other.close()


def test_a_database_that_is_locked_from_the_start_is_opened_when_it_is_free(path):
    other = sqlite3.connect(path, isolation_level=None)
    other.execute('BEGIN EXCLUSIVE')
    backend = SqliteBackend(path)
    for _ in range(2):
        with pytest.raises(Unavailable, match='locked'):
            backend.write(batch(T0))
    other.execute('ROLLBACK')
    other.close()
    backend.write(batch(T0))
    assert stored(path) == [0]
    backend.close()


def test_a_full_database_takes_nothing_and_later_all(backend, path):
    backend.write(batch(T0))
    pages, = backend._connection.execute('PRAGMA page_count').fetchone()
    backend._connection.execute(f'PRAGMA max_page_count = {pages}')
    many = batch(*(T0 + 1 + k for k in range(500)))
    with pytest.raises(Unavailable, match='full'):
        backend.write(many)
    assert stored(path) == [0]
    backend.write(many)  # the limit went with the connection
    backend.maintain(T0 + 1000)
    series = open_history(path).aggregate('kettle', 'active_power', T0, T0 + 600, 60)
    assert series.count.sum() == 501, 'nothing is lost and nothing counted twice'


def test_a_disk_that_takes_no_more_is_unavailable(path):
    """RLIMIT_FSIZE stands for the full disk: every write beyond it fails, in a real file system."""
    program = textwrap.dedent('''
        import resource, sys
        sys.path[:0] = %r
        from test_store_faults import *
        backend = SqliteBackend(%r)
        backend.write(batch(T0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
        refused, written = 0, 0
        for k in range(1, 40):
            try:
                backend.write(batch(*(T0 + 100 * k + j for j in range(100))))
                written += 100
            except Unavailable as error:
                refused += 1
        assert refused, 'the limit was never met'
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        backend.write(batch(T0 + 50))
        backend.close()
        print(written)
    ''') % ([os.path.dirname(__file__)], str(path))
    done = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert len(stored(path)) == int(done.stdout) + 2, 'what was accepted is there, before and after'


def damaged(path, damage):
    """Fill a database, close it, and damage its file."""
    backend = SqliteBackend(path)
    backend.write(batch(*(T0 + k for k in range(3000))))
    backend.close()
    data = path.read_bytes()
    path.write_bytes({'half written': data[:len(data) // 2], 'no header': b'\xff' * 100 + data[100:],
                      'not a database': b'Dear diary, today I was a text file.' * 100,
                      'no page left': data[:4096] + os.urandom(len(data) - 4096)}[damage])
    return path.read_bytes()


@pytest.mark.parametrize('damage', ['half written', 'no header', 'not a database', 'no page left'])
def test_a_damaged_file_is_kept_aside_and_a_fresh_one_begun(path, damage):
    left = damaged(path, damage)
    backend = SqliteBackend(path)
    with pytest.raises(Corrupt, match=str(path)):
        backend.write(batch(T0))
    with pytest.raises((Corrupt, Unavailable, Incompatible)):
        open_history(path).aggregate('kettle', 'active_power', T0, T0 + 3000, 1)
    place = backend.set_aside()
    with open(place, 'rb') as file:
        assert file.read() == left
    backend.write(batch(T0 + 5))
    assert stored(path) == [5]
    backend.close()


def test_files_set_aside_do_not_replace_each_other(path):
    places = set()
    for _ in range(3):
        path.write_text('not a database, but long enough to look at' * 100)
        backend = SqliteBackend(path)
        with pytest.raises(Corrupt):
            backend.open()
        places.add(backend.set_aside())
        backend.close()
    assert len(places) == 3 and all(os.path.exists(place) for place in places)


def test_an_empty_file_is_a_new_database(path):
    path.touch()
    backend = SqliteBackend(path)
    backend.write(batch(T0))
    assert stored(path) == [0]
    backend.close()


@pytest.mark.parametrize('act', ['delete', 'replace', 'delete folder'])
def test_a_database_that_was_taken_away_is_begun_anew(tmp_path, act):
    path = tmp_path / 'state' / 'hearthgrid.db'
    backend = SqliteBackend(path)
    backend.write(batch(T0))
    if act == 'delete folder':
        path.parent.rename(tmp_path / 'gone')
    else:
        path.unlink()
        if act == 'replace':
            path.touch()
    with pytest.raises(Vanished, match='deleted'):
        backend.write(batch(T0 + 1))
    backend.write(batch(T0 + 1))
    assert stored(path) == [1]
    backend.close()


def test_a_second_writer_is_kept_out(backend, path):
    backend.write(batch(T0))
    second = SqliteBackend(path)
    with pytest.raises(Unavailable, match='another store'):
        second.open()
    backend.close()
    second.write(batch(T0 + 1))
    assert stored(path) == [0, 1]
    second.close()


def test_a_path_that_cannot_be_made_is_unavailable(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(Unavailable):
        SqliteBackend(tmp_path / 'file' / 'hearthgrid.db').open()


@pytest.mark.parametrize('statement', ['INSERT INTO migrations VALUES (99, 0)', 'PRAGMA application_id = 7'])
def test_a_file_of_a_newer_version_or_of_somebody_else_is_not_touched(path, statement):
    first = SqliteBackend(path)
    first.write(batch(T0))
    first.close()
    other = sqlite3.connect(path)
    other.execute(statement)
    other.commit()
    other.close()
    before = path.read_bytes()
    second = SqliteBackend(path)
    for act in (second.open, lambda: second.write(batch(T0)), open_history(path).outlets):
        with pytest.raises(Incompatible, match=str(path)):
            act()
    second.close()
    assert path.read_bytes() == before


def test_older_tables_are_brought_up_to_date_and_keep_what_they_hold(backend, path):
    backend.write(batch(T0))
    backend.close()
    connection = sqlite3.connect(path, isolation_level=None)
    newer = (*schema.MIGRATIONS, ('ALTER TABLE outlets ADD COLUMN room TEXT',))
    assert schema.migrate(connection, newer) == 1
    assert schema.migrate(connection, newer) == 0, 'once'
    assert schema.version(connection) == len(newer)
    assert connection.execute('SELECT name, room FROM outlets').fetchall() == [('kettle', None)]
    with pytest.raises(sqlite3.OperationalError):
        schema.migrate(connection, (*newer, ('ALTER TABLE outlets ADD COLUMN floor TEXT', 'NONSENSE')))
    assert schema.version(connection) == len(newer), 'all of a step or nothing'
    assert [row[1] for row in connection.execute('PRAGMA table_info(outlets)')] == ['id', 'name', 'room']
    connection.close()


def test_durable_batches_wait_for_the_disk(backend):
    said = []
    backend._connection.set_trace_callback(said.append)
    backend.write(event(1), durable=True)
    backend.write(batch(T0))
    modes = [line.rsplit(' ', 1)[1] for line in said if 'synchronous' in line]
    assert modes == ['FULL', 'NORMAL']


def test_a_reader_is_not_held_up_by_a_writer_in_the_middle(backend, path):
    backend.write(batch(T0))
    with backend._transaction() as connection:
        connection.execute('DELETE FROM readings')
        assert stored(path) == [0]


def test_history_can_be_read_by_somebody_who_may_not_write_there():
    folder = Path(tempfile.mkdtemp(prefix='hearthgrid-'))  # pytest's own folder is closed to others
    try:
        backend = SqliteBackend(folder / 'hearthgrid.db')
        backend.write(batch(T0))
        folder.chmod(0o555)
        program = ('from hub_nodes.store.place import open_history; '
                   f'print(len(open_history({str(folder)!r}).readings("kettle", 0, 9e9)))')
        nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] if os.geteuid() == 0 else []
        if nobody and not shutil.which('setpriv') or subprocess.run(
                [*nobody, sys.executable, '-c', 'import hub_nodes.store.history'], capture_output=True).returncode:
            pytest.skip('root may write everywhere, and nobody else can run this Python')
        for act in (lambda: None, backend.close):  # while the store runs, and after
            act()
            done = subprocess.run([*nobody, sys.executable, '-c', program], capture_output=True, text=True, timeout=60)
            assert done.stdout == '1\n', done.stderr
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_history_says_what_is_missing(tmp_path):
    with pytest.raises(Unavailable, match='has not written'):
        open_history(tmp_path)
    backend = SqliteBackend(tmp_path / 'hearthgrid.db')
    backend.open()
    assert open_history(tmp_path).outlets() == []
    backend.close()


def test_too_large_a_file_loses_its_oldest_readings(tmp_path):
    backend = SqliteBackend(tmp_path / 'hearthgrid.db', Retention(size_max=1_000_000))
    end = T0 + 60_000
    for first in range(0, 60_000, 5000):
        backend.write(batch(*(T0 + first + k for k in range(5000))))
    while backend.maintain(end):
        pass
    left = stored(tmp_path)
    assert backend._used() <= 1_000_000 and left[-1] == 59_999 and 3600 <= len(left) < 50_000
    minutes = open_history(tmp_path).aggregate('kettle', 'active_power', T0, end, 60)
    assert minutes.count.tolist() == [60] * 1000, 'their minutes stay'
    backend.close()
