"""`hearthgrid store` at the command line; a running home is in test_home."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from hearthgrid import store_cli
from hearthgrid.cli import app
from hub_nodes.store.history import FILE
from hub_nodes.store.model import QUANTITIES, READING, Batch, Record
from hub_nodes.store.place import open_history, remember
from hub_nodes.store.sqlite import SqliteBackend

_spec = importlib.util.spec_from_file_location(
    'line_servers', Path(__file__).parent.parent / 'src' / 'hub_nodes' / 'test' / 'line_servers.py'
)
line_servers = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(line_servers)
T0 = 1_750_032_000.0


@pytest.fixture
def state(tmp_path):
    backend = SqliteBackend(tmp_path / 'state' / FILE)
    rows = np.array([(round(1000 * (T0 + k)), 0, 1.0, 1, *([5.0] * len(QUANTITIES))) for k in range(300)], READING)
    backend.write(Batch(rows, ('kettle',), [Record.of('anomaly', 'kettle', T0, {'n': 1})]), durable=True)
    backend.close()
    return tmp_path / 'state'


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setattr(store_cli, 'SILENCE', 1.0)


def run(*arguments):
    return CliRunner().invoke(app, ['store', *map(str, arguments)])


def known(place):
    history = open_history(place)
    return history.readings('kettle', T0, T0 + 999)['voltage'].tolist(), len(history.records())


def test_a_backup_is_restored(state, tmp_path):
    made = run('backup', tmp_path / 'b.db', '--state-dir', state)
    assert made.exit_code == 0 and 'MB' in made.stdout, made.output
    assert known(tmp_path / 'b.db') == ([5.0] * 300, 1)
    done = run('restore', tmp_path / 'b.db', '--state-dir', tmp_path / 'other')
    assert done.exit_code == 0, done.output
    assert known(tmp_path / 'other') == ([5.0] * 300, 1)


def test_history_is_moved(state, tmp_path):
    done = run('move', tmp_path / 'other', '--state-dir', state)
    assert done.exit_code == 0 and '300 readings' in done.stdout, done.output
    assert known(tmp_path / 'other') == known(state)


def test_history_is_moved_to_a_server_backed_up_and_restored(state, tmp_path, monkeypatch):
    monkeypatch.setattr(store_cli, 'SILENCE', 60.0)
    server = line_servers.Influx()
    server.start()
    try:
        done = run('move', f'{server.url}/home', '--state-dir', state)
        assert done.exit_code == 0 and '300 readings' in done.stdout, done.output
        remember(state, f'{server.url}/home')
        assert known(state) == ([5.0] * 300, 1)
        made = run('backup', tmp_path / 'b.db', '--state-dir', state)
        assert made.exit_code == 0 and known(tmp_path / 'b.db') == ([5.0] * 300, 1), made.output
        done = run('move', f'{server.url}/other', '--state-dir', state)
        assert done.exit_code == 1 and 'into a folder first' in done.stderr
        done = run('restore', tmp_path / 'b.db', '--state-dir', state)
        assert done.exit_code == 0 and known(state) == ([5.0] * 300, 1), done.output
        done = run('move', tmp_path / 'back', '--state-dir', state)
        assert done.exit_code == 0 and known(tmp_path / 'back') == ([5.0] * 300, 1), done.output
    finally:
        server.stop()


def test_a_store_that_does_not_take_it_in_time_is_said(state, tmp_path):
    run('backup', tmp_path / 'b.db', '--state-dir', state)
    running = SqliteBackend(state / FILE)
    running.open()
    asked = run('restore', tmp_path / 'b.db', '--state-dir', state, '--wait', 0)
    assert asked.exit_code == 1 and 'with its next write' in asked.stderr
    running.close()


@pytest.mark.parametrize('arguments, words', [
    (['backup', '{file}', '--state-dir', '{state}'], 'exists already'),
    (['backup', '{none}', '--state-dir', '{none}'], 'no such database'),
    (['restore', '{file}', '--state-dir', '{state}'], 'not a database'),
    (['move', 'influxdb://h/a/b', '--state-dir', '{state}'], 'must be given as'),
    (['move', 'mysql://h/a', '--state-dir', '{state}'], 'database must be empty or begin with'),
    (['move', 'influxdb://home:secret@127.0.0.1:1/x', '--state-dir', '{state}'], 'home@127.0.0.1'),
    (['move', 'postgresql://home:secret@127.0.0.1:1/x', '--state-dir', '{state}'], 'home@127.0.0.1'),
])  # fmt: skip
def test_a_mistake_is_one_clear_line(arguments, words, state, tmp_path):
    (tmp_path / 'file').write_text('no database at all')
    names = {'file': tmp_path / 'file', 'none': tmp_path / 'none', 'state': state}
    done = run(*(argument.format(**names) for argument in arguments))
    assert done.exit_code == 1 and words in done.stderr and 'secret' not in done.output, done.output
    assert (tmp_path / 'file').read_text() == 'no database at all'
