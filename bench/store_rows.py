"""Readings a second into the embedded store, as a ratio to the database's own bulk insert, and reading a month.

`in batches`: `SqliteBackend.write` in transactions of 5 000 readings with the roll-up of every minute, against one
`executemany` of the same rows into the same table in one transaction. `one by one`: the way a node's callbacks go, each
reading through the writer's queue and thread, until the last is committed. `a month`: one outlet's 43 200 minutes out
of the roll-ups, read as another process would. Fresh files; best of interleaved repetitions.
"""
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hearthgrid.benchmark import Result
from hub_nodes.store import schema
from hub_nodes.store.model import QUANTITIES, READING, Batch
from hub_nodes.store.sqlite import SqliteBackend
from hub_nodes.store.writer import BATCH_ROWS, MAINTAIN_ROWS, Writer

NAME = 'store-rows'
RATIO, ROWS, MONTH = 0.5, 50_000.0, 100.0  # goals: of the bulk insert, readings/s, ms
READINGS, OUTLETS = 100_000, 24
REPETITIONS = 9
T0 = 1_750_032_000  # midnight UTC [s]
NAMES = tuple(f'outlet_{k}' for k in range(OUTLETS))


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about half a minute."""
    readings = _readings(READINGS, OUTLETS, 1)
    ways = {'bulk': _bulk, 'batches': _batches, 'one by one': _one_by_one}
    best = dict.fromkeys(ways, np.inf)
    for repetition in range(REPETITIONS):
        for name, way in ways.items():
            progress(f'{name}, {repetition + 1} of {REPETITIONS}')
            with tempfile.TemporaryDirectory() as folder:
                best[name] = min(best[name], way(Path(folder) / 'hearthgrid.db', readings))
    rate = {name: READINGS / seconds for name, seconds in best.items()}
    progress('a month of minutes')
    month = _month()
    ratio = {name: rate[name] / rate['bulk'] for name in rate}
    bulk = rate['bulk'], 'executemany'
    return [
        Result('store, in batches', rate['batches'], 'readings/s', *bulk, RATIO, ratio['batches'],
               f'ratio ≥ {RATIO:g}, ≥ {ROWS:,.0f}/s', ratio['batches'] >= RATIO and rate['batches'] >= ROWS),
        Result('store, one by one', rate['one by one'], 'readings/s', *bulk, ROWS, ratio['one by one'],
               f'≥ {ROWS:,.0f}/s', rate['one by one'] >= ROWS),
        Result('a month of one outlet by the minute', month, 'ms', limit=MONTH, goal=f'≤ {MONTH:g} ms',
               holds=month <= MONTH)]


def _readings(count: int, outlets: int, step: float) -> np.ndarray:
    """Return (count,) of READING: all outlets in turn, every `step` seconds."""
    chance = np.random.default_rng(1)
    out = np.zeros(count, READING)
    turn = np.arange(count)
    out['time'] = (T0 + step * (turn // outlets)) * 1000 + turn % outlets
    out['outlet'] = turn % outlets
    out['duration'], out['supply'] = step, 1
    for name in QUANTITIES:
        out[name] = chance.normal(100.0, 10.0, count)
    return out


def _bulk(path: Path, readings: np.ndarray) -> float:
    rows = readings.tolist()
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ('journal_mode = WAL', 'synchronous = NORMAL'):
        connection.execute(f'PRAGMA {pragma}')
    schema.migrate(connection)
    start = time.perf_counter()
    connection.execute('BEGIN')
    connection.executemany(f'INSERT {schema.INSERT_READING}', rows)
    connection.execute('COMMIT')
    took = time.perf_counter() - start
    connection.close()
    return took


def _batches(path: Path, readings: np.ndarray) -> float:
    backend = SqliteBackend(path)
    backend.open()
    end = T0 + len(readings)
    start = time.perf_counter()
    for first in range(0, len(readings), BATCH_ROWS):
        backend.write(Batch(readings[first:first + BATCH_ROWS], NAMES))
        if (first + BATCH_ROWS) % MAINTAIN_ROWS == 0:
            backend.maintain(end)
    backend.maintain(end)
    took = time.perf_counter() - start
    backend.close()
    return took


def _one_by_one(path: Path, readings: np.ndarray) -> float:
    rows = [(stamp / 1000, NAMES[outlet], duration, supply, values)
            for stamp, outlet, duration, supply, *values in readings.tolist()]
    writer = Writer(SqliteBackend(path), queue=len(rows), clock=lambda: T0 + len(rows))
    start = time.perf_counter()
    for row in rows:
        writer.put_reading(*row)
    done = writer.flush(60.0)
    took = time.perf_counter() - start
    written = writer.stats().written
    writer.close()
    assert done and written == len(rows), f'{written} of {len(rows)} readings were written'
    return took


def _month() -> float:
    """Return how long a month of minutes takes to read. [ms]"""
    outlets, minutes = 4, 30 * 24 * 60
    readings = _readings(outlets * minutes, outlets, 60)
    with tempfile.TemporaryDirectory() as folder:
        backend = SqliteBackend(Path(folder) / 'hearthgrid.db')
        for first in range(0, len(readings), BATCH_ROWS):
            backend.write(Batch(readings[first:first + BATCH_ROWS], NAMES[:outlets]))
        end = T0 + 60 * minutes
        while backend.maintain(end):
            pass
        backend.close()
        history, took = backend.history(), np.inf
        for _ in range(3 * REPETITIONS):
            start = time.perf_counter()
            series = history.aggregate(NAMES[1], 'active_power', T0, end, 60)
            took = min(took, time.perf_counter() - start)
        assert (series.count == 1).all() and len(series.start) == minutes
    return 1000 * took
