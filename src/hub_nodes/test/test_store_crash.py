"""kill -9 in the middle of writing: the file opens, no committed event is lost, and at most a second of readings."""
import importlib.util
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from hub_nodes.store.line_server import make_server
from hub_nodes.store.place import make_backend, open_history, remember
from hub_nodes.store.sqlite import SqliteBackend


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f'{name}.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


postgres_server, line_servers = _load('postgres_server'), _load('line_servers')

# Readings come as fast as they may, with the time they are made; some are followed by an event. A line on the pipe
# tells what was queued last, what was confirmed, and by how long the machine itself held this process up.
PROGRAM = textwrap.dedent('''
    import os, sys, time
    from hub_nodes.store.model import QUANTITIES, Record
    from hub_nodes.store.place import make_backend
    from hub_nodes.store import writer as module
    module.MAINTAIN = 0.2
    writer = module.Writer(make_backend(sys.argv[3], sys.argv[1]))
    values, last, held_up, events = [1.0] * len(QUANTITIES), time.time(), 0.0, 0
    for k in range(1_000_000):
        now = time.time()
        held_up, last = max(held_up, now - last), now
        writer.put_reading(now, 'kettle', 1.0, 1, values)
        if k % int(sys.argv[2]) == 0:
            writer.put_record(Record.of('anomaly', 'kettle', now, {'n': k // int(sys.argv[2])}))
        stats = writer.stats()
        os.write(1, f'{k} {now} {stats.written} {stats.records} {held_up}\\n'.encode())
        time.sleep(0.001)
''')


def kill(folder, lines, events_every, database=''):
    """Run a writer, kill it after so many readings; return when it began, its last words, and its history then."""
    child = subprocess.Popen([sys.executable, '-c', PROGRAM, str(folder), str(events_every), database],
                             stdout=subprocess.PIPE, text=True)
    try:
        heard = [child.stdout.readline() for _ in range(lines)]
        os.kill(child.pid, signal.SIGKILL)
        heard += child.stdout
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert all(heard), 'the writer ended by itself'
    began = float(heard[0].split()[1])
    return began, *(float(word) for word in heard[-1].split())


def check(history, began, queued, now, written, events, held_up):
    """Return the times of what is stored, after a look at what must be."""
    found = history.readings('kettle', 0, now + 1)['time'] / 1000
    assert len(found) >= written and len(history.records()) >= events, 'what was confirmed is there'
    assert [record.data['n'] for record in history.records()] == list(range(len(history.records()))), 'none in between'
    assert now - (found[-1] if len(found) else began) <= 1.0 + held_up
    assert np.all(np.diff(found) >= 0) and queued + 1 >= len(found)
    return found


@pytest.mark.parametrize('lines, events_every', [(150, 20), (700, 90), (1600, 1_000_000)])
def test_kill_9_loses_no_event_and_at_most_a_second(tmp_path, lines, events_every):
    path = tmp_path / 'hearthgrid.db'
    began, queued, now, *rest = kill(tmp_path, lines, events_every)
    history = open_history(path)  # as the command line finds it, before a store is there again
    found = check(history, began, queued, now, *rest)
    rolled = history.aggregate('kettle', 'voltage', began, now + 1, 60).count.sum()

    backend = SqliteBackend(path)  # and a store that starts again goes on
    while backend.maintain(now + 300):
        pass
    assert backend.history().aggregate('kettle', 'voltage', began, now + 1, 60).count.sum() == len(found) == rolled
    backend.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute('PRAGMA integrity_check').fetchone() == ('ok',)
    connection.close()


@pytest.mark.parametrize('extended', [False] + [True] * bool(postgres_server.timescale()))
def test_kill_9_of_a_writer_to_postgresql_costs_no_more(tmp_path, extended):
    server = postgres_server.Server(extended)
    server.start()
    try:
        told = kill(tmp_path, 700, 90, server.url)
        found = check(open_history(server.url), *told)
        again = make_backend(server.url, tmp_path)
        while again.maintain(told[2] + 300):
            pass
        assert again.history().aggregate('kettle', 'voltage', told[0], told[2] + 1, 60).count.sum() == len(found)
        again.close()
        assert check(open_history(server.url), *told).tolist() == found.tolist()
    finally:
        server.stop()


def test_kill_9_of_a_writer_to_influxdb_costs_no_more(tmp_path):
    server = line_servers.Influx()
    server.start()
    try:
        told = kill(tmp_path, 700, 90, f'{server.url}/home')
        remember(tmp_path, f'{server.url}/home')
        found = check(open_history(tmp_path), *told)
        again = make_backend(f'{server.url}/home', tmp_path)
        assert again.drain(90.0), 'what the killed one had not sent is sent'
        again.close()
        sent = make_server(f'{server.url}/home').series(0, 10**14, 'kettle', 'voltage')[0]
        assert (sent / 1000).tolist() == found.tolist()
    finally:
        server.stop()
