"""Readings a second into the embedded store, as a ratio to the database's own bulk insert, and reading a month.

`in batches`: `SqliteBackend.write` in transactions of 5 000 readings with the roll-up of every minute, against one
`executemany` of the same rows into the same table in one transaction. `one by one`: the way a node's callbacks go, each
reading through the writer's queue and thread, until the last is committed. `a month`: one outlet's 43 200 minutes out
of the roll-ups, read as another process would. Fresh files; best of interleaved repetitions; the same in CPU time of
this process, which depends less on what else the machine does (ratios are of CPU time). PostgreSQL, where one is
installed: a real server on a socket, without waiting for the disk (fsync off), against one COPY of the same rows into
the same table; its month is held against its goal in CPU time of both sides. InfluxDB and VictoriaMetrics, where they
are installed: the month of a home whose readings they hold, every line of it sent and counted before.
"""
import os
import pwd
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil

from hearthgrid.benchmark import Result
from hearthgrid_ros.testing import free_port
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
    """Measure; about a minute."""
    readings = _readings(READINGS, OUTLETS, 1)
    ways = {'bulk': _bulk, 'batches': _batches, 'one by one': _one_by_one}
    best, cpu = dict.fromkeys(ways, np.inf), dict.fromkeys(ways, np.inf)
    for repetition in range(REPETITIONS):
        for name, way in ways.items():
            progress(f'{name}, {repetition + 1} of {REPETITIONS}')
            with tempfile.TemporaryDirectory() as folder:
                took, used = way(Path(folder) / 'hearthgrid.db', readings)
                best[name], cpu[name] = min(best[name], took), min(cpu[name], used)
    rate = {name: READINGS / seconds for name, seconds in best.items()}
    progress('a month of minutes')
    with tempfile.TemporaryDirectory() as folder:
        month, month_cpu = _month(SqliteBackend(Path(folder) / 'hearthgrid.db'))
    in_cpu = {name: f'{READINGS / seconds:,.0f}/s of CPU time' for name, seconds in cpu.items()}
    ratio = {name: cpu['bulk'] / cpu[name] for name in rate}  # in CPU time: the machine may be shared
    bulk = rate['bulk'], 'executemany'
    return [
        Result(f'store, in batches ({in_cpu["batches"]})', rate['batches'], 'readings/s', *bulk, RATIO,
               ratio['batches'], f'ratio ≥ {RATIO:g}, ≥ {ROWS:,.0f}/s',
               ratio['batches'] >= RATIO and rate['batches'] >= ROWS),
        Result(f'store, one by one ({in_cpu["one by one"]})', rate['one by one'], 'readings/s', *bulk, ROWS,
               ratio['one by one'], f'≥ {ROWS:,.0f}/s', rate['one by one'] >= ROWS),
        Result(f'a month of one outlet by the minute ({month_cpu:.3g} ms of CPU time)', month, 'ms', limit=MONTH,
               goal=f'≤ {MONTH:g} ms', holds=month <= MONTH),
        *_postgres(readings, progress), *_line_servers(progress)]


def _postgres(readings: np.ndarray, progress: Callable[[str], None]) -> list[Result]:
    """Return the same of a real PostgreSQL server, nothing where none is installed."""
    found = sorted(Path('/usr/lib/postgresql').glob('*/bin/initdb'))
    programs = Path(shutil.which('initdb') or (found[-1] if found else '')).parent
    if not (programs / 'postgres').is_file():
        return []
    from hub_nodes.store.postgres import PostgresBackend

    progress('PostgreSQL')
    user = pwd.getpwnam('postgres').pw_uid if os.geteuid() == 0 else None  # the server refuses to run as root
    folder = Path(tempfile.mkdtemp(prefix='hearthgrid-pg-'))
    url, server = f'postgresql://home@/postgres?host={folder}', None
    if user is not None:
        os.chown(folder, user, -1)
    try:
        subprocess.run([programs / 'initdb', '--auth=trust', '--no-sync', '--username=home', '-D', folder / 'data'],
                       user=user, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        server = subprocess.Popen([programs / 'postgres', '-D', folder / 'data', '-k', folder, '-c',
                                   'listen_addresses=', '-c', 'fsync=off'], user=user, cwd=folder,
                                  stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60.0
        while not list(folder.glob('.s.PGSQL.*[0-9]')) and time.monotonic() < until:
            time.sleep(0.1)
        bulk = batches = np.inf
        for number in range(3):
            progress(f'PostgreSQL, {number + 1} of 3')
            bulk = min(bulk, _copied(PostgresBackend(url, schema=f'bulk{number}'), readings))
            backend = PostgresBackend(url, schema=f'own{number}')
            batches = min(batches, _timed(backend, readings)[0])
        month, used = _month(PostgresBackend(url, schema='month'), server.pid)
    finally:
        if server is not None:
            server.terminate()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)
    rate = len(readings) / batches
    return [
        Result('PostgreSQL, in batches', rate, 'readings/s', len(readings) / bulk, 'COPY', ratio=bulk / batches,
               goal='told, no goal'),
        Result(f'PostgreSQL, a month of one outlet by the minute ({used:.3g} ms of CPU time, server and all)', month,
               'ms', limit=MONTH, goal=f'≤ {MONTH:g} ms of CPU time', holds=used <= MONTH)]


def _line_servers(progress: Callable[[str], None]) -> list[Result]:
    """Return the month of homes with a line-protocol server, of those that are installed."""
    from hearthgrid.virtual_home import Database
    from hub_nodes.store.place import make_backend

    results = []
    for program, name in (('influxd', 'InfluxDB'), ('victoria-metrics', 'VictoriaMetrics')):
        if shutil.which(program) is None:
            continue
        progress(name)
        folder = Path(tempfile.mkdtemp(prefix='hearthgrid-line-'))
        server = Database(folder, 'home') if program == 'influxd' else VictoriaMetrics(folder)
        try:
            month, used = _month(make_backend(server.url, folder))
        finally:
            server.kill()
            shutil.rmtree(folder, ignore_errors=True)
        results.append(Result(f'{name}, a month of one outlet by the minute ({used:.3g} ms of CPU time)', month, 'ms',
                              limit=MONTH, goal=f'≤ {MONTH:g} ms of CPU time', holds=used <= MONTH))
    return results


class VictoriaMetrics:
    """A server in a folder."""

    def __init__(self, folder: Path) -> None:
        address = f'127.0.0.1:{free_port()}'
        self.url = f'victoriametrics://{address}/home'
        self._process = subprocess.Popen(
            ['victoria-metrics', f'-storageDataPath={folder}/data', f'-httpListenAddr={address}',
             '-retentionPeriod=100y'], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def _copied(backend, readings: np.ndarray) -> float:
    """Return how long one COPY of the readings takes PostgreSQL. [s]"""
    backend.open()
    connection, rows = backend._connection, readings.tolist()
    start = time.perf_counter()
    with connection.transaction(), connection.cursor().copy(
            f'COPY readings ({", ".join(schema.READING_COLUMNS)}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)
    took = time.perf_counter() - start
    backend.close()
    return took


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


def _bulk(path: Path, readings: np.ndarray) -> tuple[float, float]:
    rows = readings.tolist()
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in ('journal_mode = WAL', 'synchronous = NORMAL'):
        connection.execute(f'PRAGMA {pragma}')
    schema.migrate(connection)
    start, cpu = time.perf_counter(), time.process_time()
    connection.execute('BEGIN')
    connection.executemany(f'INSERT {schema.INSERT_READING}', rows)
    connection.execute('COMMIT')
    took = time.perf_counter() - start, time.process_time() - cpu
    connection.close()
    return took


def _batches(path: Path, readings: np.ndarray) -> tuple[float, float]:
    return _timed(SqliteBackend(path), readings)


def _timed(backend, readings: np.ndarray) -> tuple[float, float]:
    """Return wall and CPU time of writing in batches with roll-up. [s]"""
    backend.open()
    end = T0 + len(readings)
    start, cpu = time.perf_counter(), time.process_time()
    for first in range(0, len(readings), BATCH_ROWS):
        backend.write(Batch(readings[first:first + BATCH_ROWS], NAMES))
        if (first + BATCH_ROWS) % MAINTAIN_ROWS == 0:
            backend.maintain(end)
    backend.maintain(end)
    took = time.perf_counter() - start, time.process_time() - cpu
    backend.close()
    return took


def _one_by_one(path: Path, readings: np.ndarray) -> tuple[float, float]:
    rows = [(stamp / 1000, NAMES[outlet], duration, supply, values)
            for stamp, outlet, duration, supply, *values in readings.tolist()]
    writer = Writer(SqliteBackend(path), queue=len(rows), clock=lambda: T0 + len(rows))
    start, cpu = time.perf_counter(), time.process_time()
    for row in rows:
        writer.put_reading(*row)
    done = writer.flush(60.0)
    took = time.perf_counter() - start, time.process_time() - cpu
    written = writer.stats().written
    writer.close()
    assert done and written == len(rows), f'{written} of {len(rows)} readings were written'
    return took


def _month(backend, server: int = 0) -> tuple[float, float]:
    """Return how long a month of minutes takes to read, and its CPU time. [ms]

    server : process whose ended children (one a question) count too
    """
    outlets, minutes = 4, 30 * 24 * 60
    readings = _readings(outlets * minutes, outlets, 60)
    backend.open()
    for first in range(0, len(readings), BATCH_ROWS):
        backend.write(Batch(readings[first:first + BATCH_ROWS], NAMES[:outlets]))
    end = T0 + 60 * minutes
    while backend.maintain(end):
        pass
    assert backend.drain(300.0), 'the server did not take all'
    backend.close()
    history, took, used = backend.history(), np.inf, np.inf
    for _ in range(3 * REPETITIONS):
        start, cpu, ended = time.perf_counter(), time.process_time(), _of_children(server)
        series = history.aggregate(NAMES[1], 'active_power', T0, end, 60)
        took, own = min(took, time.perf_counter() - start), time.process_time() - cpu
        if server:
            time.sleep(0.05)  # for the server to see its child end
        used = min(used, own + _of_children(server) - ended)
    assert (series.count == 1).all() and len(series.start) == minutes
    return 1000 * took, 1000 * used


def _of_children(server: int) -> float:
    """Return CPU time of a process' children that have ended. [s]"""
    if not server:
        return 0.0
    times = psutil.Process(server).cpu_times()
    return times.children_user + times.children_system
