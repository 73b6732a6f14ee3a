"""A backup is whole and of one moment, and comes back into a store that runs."""
import importlib.util
import threading
from pathlib import Path

import pytest

from hub_nodes.store import restore
from hub_nodes.store.backend import Corrupt, Incompatible, StoreError, Unavailable
from hub_nodes.store.history import FILE
from hub_nodes.store.place import open_history
from hub_nodes.store.sqlite import SqliteBackend

_spec = importlib.util.spec_from_file_location('store_contract', Path(__file__).with_name('store_contract.py'))
contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(contract)
T0, batch, record = contract.T0, contract.batch, contract.record


@pytest.fixture
def backend(tmp_path):
    made = SqliteBackend(tmp_path / FILE)
    made.write(batch((0, T0, 1.0), records=[record(n=1)]), durable=True)
    yield made
    made.close()


def powers(place):
    return open_history(place).readings('kettle', T0, T0 + 1e6)['active_power'].tolist()


def test_a_backup_is_one_file_with_all_that_was_committed(backend, tmp_path):
    shares = []
    restore.backup(backend.path, tmp_path / 'b', shares.append)
    backend.write(batch((0, T0 + 1, 2.0)))
    assert powers(tmp_path / 'b') == [1] and powers(tmp_path) == [1, 2] and shares[-1] == 1.0
    assert [r.data for r in open_history(tmp_path / 'b').records()] == [{'n': 1}]
    assert not list(tmp_path.glob('b?*')), 'nothing beside it'


def test_a_backup_while_the_store_writes_is_of_one_moment(backend, tmp_path, monkeypatch):
    """Each transaction writes a reading and a record: a backup has as many of the one as of the other."""
    monkeypatch.setattr(restore, 'PAGES', 1)
    stop, written = threading.Event(), threading.Event()

    def write():
        other, k = SqliteBackend(tmp_path / FILE), 0
        while not stop.is_set():
            k += 1
            other.write(batch((0, T0 + k, 1.0), records=[record(n=k + 1)]))
            written.set()
        other.close()

    backend.close()
    thread = threading.Thread(target=write)
    thread.start()
    assert written.wait(20.0)
    try:
        for number in range(3):
            restore.backup(tmp_path / FILE, tmp_path / f'b{number}')
    finally:
        stop.set()
        thread.join()
    counts = []
    for number in range(3):
        history = open_history(tmp_path / f'b{number}')
        counts.append(len(history.readings('kettle', T0, T0 + 1e6)))
        assert counts[-1] == len(history.records(limit=10**6))
    assert counts == sorted(counts) and counts[0] >= 1


def test_a_running_store_takes_the_backup_and_goes_on(backend, tmp_path):
    restore.backup(backend.path, tmp_path / 'b')
    backend.write(batch((0, T0 + 1, 2.0)))
    waiting = restore.offer(tmp_path / 'b', backend.path)
    assert waiting.exists() and powers(tmp_path) == [1, 2], 'not yet'
    backend.write(batch((0, T0 + 2, 3.0), (1, T0 + 2, 4.0)))
    assert not waiting.exists() and powers(tmp_path) == [1, 3]
    aside, = tmp_path.glob(f'{FILE}.replaced-*[!lm]')
    assert powers(aside) == [1, 2], 'what was replaced is kept'


def test_a_store_that_starts_takes_it_too(backend, tmp_path):
    restore.backup(backend.path, tmp_path / 'b')
    backend.close()
    new = SqliteBackend(tmp_path / 'new' / FILE)
    restore.offer(tmp_path / 'b', new.path)
    new.open()
    new.close()
    assert powers(tmp_path / 'new') == [1]


@pytest.mark.parametrize('content, error', [
    (b'', Incompatible), (b'no database at all' * 100, Corrupt), (None, Corrupt)])
def test_what_is_no_whole_backup_is_refused(backend, tmp_path, content, error):
    file = tmp_path / 'b'
    if content is None:
        backend.write(batch(*((0, T0 + k, 1.0) for k in range(5000))))
        restore.backup(backend.path, file)
        file.write_bytes(file.read_bytes()[:-20_000])
    else:
        file.write_bytes(content)
    with pytest.raises(error):
        restore.offer(file, backend.path)
    assert not list(tmp_path.glob('*.restore*'))


def test_nothing_is_overwritten_and_what_is_not_there_is_said(backend, tmp_path):
    (tmp_path / 'mine').write_text('precious')
    with pytest.raises(Unavailable, match='exists already'):
        restore.backup(backend.path, tmp_path / 'mine')
    assert (tmp_path / 'mine').read_text() == 'precious'
    with pytest.raises(StoreError):
        restore.backup(tmp_path / 'none.db', tmp_path / 'b')
    with pytest.raises(Unavailable):
        restore.backup(backend.path, tmp_path / 'no such folder' / 'b')
    assert not (tmp_path / 'b').exists() and not (tmp_path / 'b.part').exists()
