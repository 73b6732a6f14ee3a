"""InfluxDB or VictoriaMetrics behind the store, with the home's own file before it.

The file is the journal: every batch is committed there as in an embedded home, and a thread carries readings to the
server. What the server was proven to have goes from the file after a day. Records, roll-ups and what the server would
not take stay in the file. So nothing waits for the server, a dead one costs nothing, and what it cannot do (the last
word about a moment, all or nothing, text that must not be lost) need not be asked of it.

For each minute one side holds the truth: the file from `raw_since` on and in `line_kept`, else the server.
"""
from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hub_nodes.store import schema
from hub_nodes.store.backend import Retention, StoreError, Unavailable, Written
from hub_nodes.store.history import FILE, rows_of
from hub_nodes.store.line_forward import Forwarder, Position
from hub_nodes.store.line_history import LineHistory, fact
from hub_nodes.store.line_protocol import NUMBERED, tag
from hub_nodes.store.line_server import make_server
from hub_nodes.store.model import MINUTE, PACKED, Batch, milliseconds
from hub_nodes.store.sqlite import DAY, RAW_KEPT, SqliteBackend

KEEP = DAY           # readings are in the file for so long too [ms]
SETTLE = 3_000       # [ms]
PRUNE_SPAN = 60      # minutes that go in one slice
FETCH_MINUTES = 60   # brought back from the server for late readings of one batch, at most

TABLES = (
    'CREATE TABLE IF NOT EXISTS line_kept (minute INTEGER PRIMARY KEY)',
    'CREATE TABLE IF NOT EXISTS line_late (time INTEGER NOT NULL, outlet INTEGER NOT NULL, '
    'PRIMARY KEY (time, outlet)) WITHOUT ROWID',
)


class LineBackend(SqliteBackend):
    """url : influxdb://user:password@host:8086/name or victoriametrics://host:8428/name, `+https` after the scheme for
    TLS.     folder : where the home's file lies.     keep, settle : see `Forwarder`. [ms]
    """

    def __init__(self, url: str, folder: str | os.PathLike, retention: Retention | None = None, keep: int = KEEP,
                 settle: int = SETTLE) -> None:
        super().__init__(Path(folder) / FILE, retention)
        days = self._retention.readings, max(
            (self._retention.records[kind] for kind in NUMBERED if kind in self._retention.records), default=365.0)
        self._server = make_server(url, self._days(days))
        self._reader = make_server(url)
        self._forwarder = Forwarder(self.path, self._server, keep, settle)
        self._lost = self._since = 0

    def _days(self, days: tuple[float, float]) -> tuple[float, float] | None:
        return days

    def _prepare(self, connection: sqlite3.Connection) -> None:
        super()._prepare(connection)
        connection.execute('BEGIN IMMEDIATE')
        for statement in TABLES:
            connection.execute(statement)
        if fact(connection, 'line_server', '') != self._server.path:
            # Another server, or none before: it gets all that is here, and what is not here it never had.
            connection.execute("DELETE FROM facts WHERE name LIKE 'line!_%' ESCAPE '!'")
            for name, value in (('line_server', self._server.path), ('line_since', self._raw_since)):
                _note(connection, name, value)
        connection.execute('COMMIT')
        self._since = fact(connection, 'line_since', 0)  # readings before this are pruned, here and there [ms]
        self._kept = {minute for minute, in connection.execute('SELECT minute FROM line_kept')}
        position = Position(*(fact(connection, f'line_{name}', 0) for name in ('acked', 'proven', 'records')))
        late = connection.execute('SELECT time, outlet FROM line_late').fetchall()
        self._forwarder.begin(position, self._newest, late)

    def write(self, batch: Batch, durable: bool = False) -> Written:
        self.open()
        batch, had = self._make_room(batch)
        with self._forwarder.lock:
            late = self._late(batch)
            done = super().write(batch, durable)
            self._forwarder.committed(self._newest, late)
        return Written(done.readings + had.readings, done.refused + had.refused)

    def _floor(self) -> int:
        return self._since

    def _make_room(self, batch: Batch) -> tuple[Batch, Written]:
        """Bring minutes back that have gone to the server and in which readings come late.

        Returns what is to be written, and how many readings the server has already or cannot be joined to.
        """
        rows = batch.readings
        gone = (rows['time'] >= self._since) & (rows['time'] < self._raw_since) & ~self._in_kept(rows)
        if not gone.any():
            return batch, Written(0, 0)
        known = np.zeros(len(rows), bool)
        try:
            if self._forwarder.error:
                raise Unavailable(self._forwarder.error)  # the newest readings do not wait for a dead server
            for index in np.unique(rows['outlet'][gone]):
                ours = np.flatnonzero(gone & (rows['outlet'] == index))
                known[ours] = self._known(rows[ours], batch.outlets[index])
            for minute in np.unique(rows['time'][gone & ~known] // MINUTE)[:FETCH_MINUTES].tolist():
                self._bring_back(minute)
        except StoreError:
            pass  # the rest is refused, and told so
        lost = gone & ~known & ~self._in_kept(rows)
        return replace(batch, readings=rows[~lost & ~known]), Written(int(known.sum()), int(lost.sum()))

    def _in_kept(self, rows: np.ndarray) -> np.ndarray:
        return np.isin(rows['time'] // MINUTE, list(self._kept))

    def _known(self, rows: np.ndarray, outlet: str) -> np.ndarray:
        """Return which readings (n,) of one outlet the server has as they are: a copy is begun again."""
        times = rows['time']
        there = self._reader.readings(int(times.min()), int(times.max()) + 1, outlet).get(tag(outlet), rows[:0])
        if not len(there):
            return np.zeros(len(rows), bool)
        at = np.clip(np.searchsorted(there['time'], times), 0, len(there) - 1)
        same = (there['time'][at] == times) & _alike(rows, there[at])
        return same & ~np.isin(times, times[~same])  # of a moment that is told twice, the last word has to be written

    def _commit(self, batch: Batch, verb: str) -> Written:
        if verb != 'INSERT':
            self._keep_corrected(batch)
        return super()._commit(batch, verb)

    def _keep_corrected(self, batch: Batch) -> None:
        """Keep minutes in which a reading gets another value: a server may join the two, or keep both."""
        rows = batch.readings[batch.readings['time'] >= self._since]
        kept = set()
        for k in range(len(rows)):
            found = rows_of(self._connection.execute(
                f'SELECT {", ".join(schema.READING_COLUMNS)} FROM readings WHERE time = ? AND outlet = ?',
                (int(rows['time'][k]), self._outlets.get(batch.outlets[rows['outlet'][k]], -1))).fetchall())
            if len(found) and not _alike(rows[k:k + 1], found)[0]:
                kept.add(int(rows['time'][k]) // MINUTE)
        with self._transaction() as connection:
            connection.executemany('INSERT OR IGNORE INTO line_kept VALUES (?)', [(minute,) for minute in kept])
        self._kept |= kept

    def _bring_back(self, minute: int) -> None:
        found = self._reader.readings(minute * MINUTE, (minute + 1) * MINUTE)
        ids = {tag(name): id for name, id in self._outlets.items()}
        with self._translated(), self._transaction() as connection:
            for name, rows in found.items():
                if name in ids:
                    rows['outlet'] = ids[name]
                    connection.executemany(f'INSERT OR IGNORE {schema.INSERT_READING}',
                                           PACKED.iter_unpack(rows.tobytes()))
            connection.execute('INSERT OR IGNORE INTO line_kept VALUES (?)', (minute,))
        self._kept.add(minute)

    def _late(self, batch: Batch) -> list[tuple[int, int]]:
        """Note which readings come behind what is on its way; in minutes that are proven the file now holds the truth.

        An entry without its reading, after a crash, is harmless.
        """
        rows = batch.readings[batch.readings['time'] >= self._since]
        late = self._forwarder.late(rows)
        if not late:
            return []
        proven = self._forwarder.position().proven
        kept = {time // MINUTE for time, _ in late if time < proven} - self._kept
        with self._translated(), self._transaction() as connection:
            for name in batch.outlets:
                connection.execute('INSERT OR IGNORE INTO outlets (name) VALUES (?)', (name,))
            self._outlets = {name: id for id, name in connection.execute('SELECT id, name FROM outlets')}
            late = [(time, self._outlets[batch.outlets[outlet]]) for time, outlet in late]
            connection.executemany('INSERT OR IGNORE INTO line_late VALUES (?, ?)', late)
            connection.executemany('INSERT OR IGNORE INTO line_kept VALUES (?)', [(minute,) for minute in kept])
        self._kept |= kept
        return late

    def write_minutes(self, outlet: str, rows: Sequence[tuple], raw_since: float) -> None:
        super().write_minutes(outlet, rows, raw_since)
        self._since = max(self._since, milliseconds(raw_since))
        with self._translated(), self._transaction() as connection:
            _note(connection, 'line_since', self._since)

    def _prune_readings(self, now: int) -> bool:
        """Let go what is too old, and of the rest what the server was proven to have."""
        at = self._forwarder.position()
        with self._transaction() as connection:
            for name in ('acked', 'proven', 'records'):
                _note(connection, f'line_{name}', getattr(at, name))
            connection.executemany('INSERT OR IGNORE INTO line_kept VALUES (?)', [(minute,) for minute in at.refused])
            connection.executemany('DELETE FROM line_late WHERE time = ? AND outlet = ?', list(at.late))
        self._kept |= at.refused
        self._forwarder.noted(at)
        rolled = min([self._newest // MINUTE, *self._held, *self._recompute])  # all before it is rolled up
        since = self._due(min((now - round(self._retention.readings * DAY)) // MINUTE, rolled) * MINUTE)
        until, full = min(at.proven // MINUTE, rolled) * MINUTE, self._used() > self._retention.size_max
        if full:
            until = max(until, min((self._newest - RAW_KEPT) // MINUTE, rolled) * MINUTE)
        return self._prune_old(since, full, until) | self._prune_here(max(until, since), max(at.proven, since))

    def _due(self, since: int) -> int:
        """Return the moment [ms] up to which readings are too old, as it was where there are none."""
        for id in self._outlets.values():
            if self._connection.execute('SELECT 1 FROM minutes WHERE outlet = ? AND minute >= ? AND minute < ? LIMIT 1',
                                        (id, self._since // MINUTE, since // MINUTE)).fetchone():
                return since
        return self._since

    def _prune_old(self, since: int, full: bool, until: int) -> bool:
        """Delete minutes that only the file has, at the end of their time, or where the file is too large."""
        end = max(since, until if full else 0)
        due = sorted(minute for minute in self._kept if minute * MINUTE < end)
        with self._transaction() as connection:
            for minute in due[:PRUNE_SPAN]:
                gone = connection.execute('DELETE FROM readings WHERE time >= ? AND time < ?',
                                          (minute * MINUTE, (minute + 1) * MINUTE)).rowcount
                self._lost += gone * (minute * MINUTE >= since)
                connection.execute('DELETE FROM line_kept WHERE minute = ?', (minute,))
            if since > self._since:
                _note(connection, 'line_since', since)
        self._kept -= set(due[:PRUNE_SPAN])
        self._since = max(self._since, since)
        return len(due) > PRUNE_SPAN

    def _prune_here(self, until: int, proven: int) -> bool:
        """Delete the oldest readings up to `until` [ms], but for kept minutes; count those nobody else has."""
        with self._transaction() as connection:
            oldest, = connection.execute('SELECT min(time) FROM readings WHERE time >= ? AND time / 60000 NOT IN '
                                         '(SELECT minute FROM line_kept)', (self._raw_since,)).fetchone()
            end = until if oldest is None else min(until, (oldest // MINUTE + PRUNE_SPAN) * MINUTE)
            if end <= self._raw_since:
                return False
            alone, = connection.execute(
                'SELECT count(*) FROM readings WHERE time >= ? AND time < ? AND time / 60000 NOT IN '
                '(SELECT minute FROM line_kept)', (max(proven, self._raw_since), end)).fetchone()
            connection.execute('DELETE FROM readings WHERE time >= ? AND time < ? AND time / 60000 NOT IN '
                               '(SELECT minute FROM line_kept)', (self._raw_since, end))
            _note(connection, 'raw_since', end)
        self._lost += alone
        self._raw_since = end
        self._forwarder.skip(end)
        return end < until

    def drain(self, timeout: float) -> bool:
        """Wait until the server has all that is in the file; return whether that came true in time [s]."""
        self.open()
        return self._forwarder.drain(timeout)

    def share(self) -> float:
        oldest, = self._connection.execute('SELECT min(time) FROM readings').fetchone()
        if oldest is None or oldest >= self._newest:
            return 1.0
        return min(1.0, max(0.0, (self._forwarder.position().acked - oldest) / (self._newest - oldest)))

    def remark(self) -> str:
        if self._forwarder.error:
            return f'{self._forwarder.error}; readings wait in the file'
        if self._lost:
            return f'{self._lost} readings had to go before the server took them: the file was at its bound'
        return f'{self._forwarder.refusal}; these readings stay in the file' if self._forwarder.refusal else ''

    def history(self) -> LineHistory:
        return LineHistory(self.path, self._reader)

    def close(self) -> None:
        self._forwarder.stop()
        self._reader.close()
        super().close()


def _alike(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return which of (n,) READING say the same, but for time and outlet."""
    same = np.ones(len(ours), bool)
    for name in ours.dtype.names:
        if name not in ('time', 'outlet'):
            known = np.where(np.isfinite(ours[name]), ours[name], np.nan)
            same &= np.isclose(theirs[name], known, rtol=1e-12, atol=0.0, equal_nan=True)
    return same


def _note(connection: sqlite3.Connection, name: str, value: int | str) -> None:
    connection.execute('INSERT OR REPLACE INTO facts VALUES (?, ?)', (name, value))


