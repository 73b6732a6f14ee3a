"""Files of every version there was are brought up to date with all they hold; what is newer is left alone and told."""
import importlib.util
import sqlite3
from pathlib import Path

import pytest

from hub_nodes.store import restore, schema
from hub_nodes.store.backend import Incompatible
from hub_nodes.store.history import FILE, SqliteHistory
from hub_nodes.store.sqlite import SqliteBackend

FOLDER = Path(__file__).parent
_spec = importlib.util.spec_from_file_location('store_contract', FOLDER / 'store_contract.py')
contract = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(contract)
T0, DAY, batch, bins = contract.T0, contract.DAY, contract.batch, contract.bins
VERSIONS = range(1, len(schema.MIGRATIONS) + 1)


def old_file(folder, version):
    """Make the file of an old version from its SQL."""
    connection = sqlite3.connect(folder / FILE)
    connection.executescript((FOLDER / f'store_version_{version}.sql').read_text())
    connection.close()
    return folder / FILE


@pytest.mark.parametrize('version', VERSIONS)
def test_an_old_file_is_read_and_written_on(version, tmp_path):
    path = old_file(tmp_path, version)
    restore.check(path)
    backend = SqliteBackend(path)
    backend.open()
    history = SqliteHistory(path)
    assert history.outlets() == ['heater', 'kettle'] and history.raw_since() == T0 + DAY
    assert history.readings('heater', T0, T0 + 3 * DAY)['active_power'].tolist() == [7.5, 8.5]
    assert bins(history.aggregate('kettle', 'active_power', T0, T0 + 60, 60)) == [(0, 3, 2, 4, 2)]
    assert [one.kind for one in history.records()] == ['anomaly', 'plan']
    assert len(history.records(('plan',))[0].data['power']) == 300
    backend.write(batch((1, T0 + 2 * DAY + 91, 1.5)))
    while backend.maintain(T0 + 2 * DAY + 300):
        pass
    assert bins(history.aggregate('heater', 'active_power', T0 + 2 * DAY + 60, T0 + 2 * DAY + 120, 60)) == [
        (2 * DAY + 60, 5, 1.5, 8.5, 2)]
    backend.close()
    with sqlite3.connect(path) as connection:
        assert schema.version(connection) == len(schema.MIGRATIONS)
    connection.close()


@pytest.mark.parametrize('version', VERSIONS)
def test_an_old_backup_is_restored(version, tmp_path):
    (tmp_path / 'home').mkdir()
    restore.offer(old_file(tmp_path, version), tmp_path / 'home' / FILE)
    backend = SqliteBackend(tmp_path / 'home' / FILE)
    backend.open()
    assert len(backend.history().readings('heater', T0, T0 + 3 * DAY)) == 2
    backend.close()


def test_the_sql_of_the_newest_version_is_kept_here():
    assert (FOLDER / f'store_version_{len(schema.MIGRATIONS)}.sql').is_file(), 'a new version needs its file'


def test_a_newer_file_is_left_as_it_is(tmp_path):
    path = old_file(tmp_path, len(schema.MIGRATIONS))
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT INTO migrations VALUES (?, datetime('now'))", (len(schema.MIGRATIONS) + 1,))
    connection.close()
    before = path.read_bytes()
    backend = SqliteBackend(path)
    with pytest.raises(Incompatible, match='newer Hearthgrid'):
        backend.open()
    backend.close()
    with pytest.raises(Incompatible):
        restore.check(path)
    assert path.read_bytes()[100:] == before[100:], 'but for the mark of its journal'
