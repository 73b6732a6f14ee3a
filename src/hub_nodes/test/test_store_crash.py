"""kill -9 in the middle of writing: the file opens, no committed event is lost, and at most a second of readings."""
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from hub_nodes.store.place import open_history
from hub_nodes.store.sqlite import SqliteBackend

# Readings come as fast as they may, with the time they are made; some are followed by an event. A line on the pipe
# tells what was queued last, what was confirmed, and by how long the machine itself held this process up.
PROGRAM = textwrap.dedent('''
    import os, sys, time
    from hub_nodes.store.model import QUANTITIES, Record
    from hub_nodes.store.sqlite import SqliteBackend
    from hub_nodes.store import writer as module
    module.MAINTAIN = 0.2
    writer = module.Writer(SqliteBackend(sys.argv[1]))
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


@pytest.mark.parametrize('lines, events_every', [(150, 20), (700, 90), (1600, 1_000_000)])
def test_kill_9_loses_no_event_and_at_most_a_second(tmp_path, lines, events_every):
    path = tmp_path / 'hearthgrid.db'
    child = subprocess.Popen([sys.executable, '-c', PROGRAM, str(path), str(events_every)], stdout=subprocess.PIPE,
                             text=True)
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
    queued, now, written, events, held_up = (float(word) for word in heard[-1].split())

    history = open_history(path)  # as the command line finds it, before a store is there again
    found = history.readings('kettle', 0, now + 1)['time'] / 1000
    assert len(found) >= written and len(history.records()) >= events, 'what was confirmed is there'
    assert [record.data['n'] for record in history.records()] == list(range(len(history.records()))), 'none in between'
    assert now - (found[-1] if len(found) else began) <= 1.0 + held_up
    rolled = history.aggregate('kettle', 'voltage', began, now + 1, 60).count.sum()

    backend = SqliteBackend(path)  # and a store that starts again goes on
    while backend.maintain(now + 300):
        pass
    assert backend.history().aggregate('kettle', 'voltage', began, now + 1, 60).count.sum() == len(found) == rolled
    backend.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute('PRAGMA integrity_check').fetchone() == ('ok',)
    connection.close()
    assert np.all(np.diff(found) >= 0) and queued + 1 >= len(found)
