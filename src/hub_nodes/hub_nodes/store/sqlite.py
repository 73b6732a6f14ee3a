"""The embedded database: SQLite in one file, written by one process, read by any."""
from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hearthgrid_ros import durable
from hub_nodes.store import restore, rollup, schema
from hub_nodes.store.backend import Backend, Corrupt, Incompatible, Retention, Unavailable, Vanished, Written
from hub_nodes.store.history import SqliteHistory
from hub_nodes.store.model import MILLISECONDS, MINUTE, PACKED, QUANTITIES, READING, Batch, milliseconds

DAY = 86_400_000             # [ms]
LOCK_WAIT = 0.25             # for another process to finish its own write [s]
WAL_KEPT = 32 * 1024 * 1024  # size of the write-ahead log left after a checkpoint [byte]
ROLL_ROWS = 50_000           # readings held in memory until they are rolled up, at most
RECOMPUTE_MINUTES = 30       # recomputed in one slice of maintenance
PRUNE_ROWS = 20_000          # readings deleted in one slice
PRUNE_MINUTES = 7 * 1440     # of one outlet deleted in one slice
PRUNE_RECORDS = 2_000
RAW_KEPT = 3600 * MILLISECONDS  # readings that are kept even when the file is too large [ms]


class SqliteBackend(Backend):
    """Write-ahead log, one transaction a batch.

    A killed process loses nothing that was committed. `durable` batches survive a power cut; the others do from the
    next durable one on. A lock file keeps a second writer out.
    """

    def __init__(self, path: str | os.PathLike, retention: Retention | None = None) -> None:
        self.path = Path(path)
        self._retention = retention or Retention()
        self._connection: sqlite3.Connection | None = None
        self._lock: int | None = None

    def open(self) -> None:
        waiting = self.path.with_name(self.path.name + restore.WAITING)
        if self._connection is not None and not waiting.exists():
            if _identity(self.path) == self._file:
                return
            self.close()
            raise Vanished(f'{self.path} was deleted or replaced')
        self._disconnect()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self._lock is None:
                self._lock = _exclusive(self.path.with_name(self.path.name + '.lock'))
            if waiting.exists():
                if self.path.exists():
                    self.set_aside('replaced')
                durable.swap(waiting, self.path)
        except OSError as error:
            raise Unavailable(f'{self.path}: {error.strerror}') from None
        with self._translated():
            connection = sqlite3.connect(self.path, timeout=LOCK_WAIT, isolation_level=None)
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
        self._connection = connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute('PRAGMA journal_mode = WAL')
        connection.execute('PRAGMA synchronous = NORMAL')
        connection.execute(f'PRAGMA journal_size_limit = {WAL_KEPT}')
        connection.execute('PRAGMA secure_delete = OFF')
        try:
            schema.migrate(connection)
        except Incompatible as error:
            raise Incompatible(f'{self.path} {error}') from None
        self._file = _identity(self.path)
        self._durable = False
        self._outlets = {name: id for id, name in connection.execute('SELECT id, name FROM outlets')}
        newest, = connection.execute('SELECT max(time) FROM readings').fetchone()
        self._newest = newest or 0  # [ms]
        since = connection.execute("SELECT value FROM facts WHERE name = 'raw_since'").fetchone()
        self._raw_since = since[0] if since else 0  # readings before this are pruned [ms]
        # Minutes whose uncounted readings are all in `_fresh`, and minutes to be computed from `readings`.
        self._held: set[int] = set()
        self._recompute = {minute for minute, in connection.execute('SELECT minute FROM pending')}
        self._fresh: list[np.ndarray] = []

    def write(self, batch: Batch, durable: bool = False) -> Written:
        self.open()
        with self._translated():
            if durable != self._durable:
                self._connection.execute(f'PRAGMA synchronous = {"FULL" if durable else "NORMAL"}')
                self._durable = durable
            try:
                return self._commit(batch, 'INSERT')
            except sqlite3.IntegrityError:  # a reading of that outlet and time is there already
                return self._commit(batch, 'INSERT OR REPLACE')

    def _commit(self, batch: Batch, verb: str) -> Written:
        outlets = dict(self._outlets)
        with self._transaction() as connection:
            for name in batch.outlets:
                if name not in outlets:
                    outlets[name] = connection.execute('INSERT INTO outlets (name) VALUES (?)', (name,)).lastrowid
            rows = _prepared(batch, outlets, self._floor())
            minutes = set(np.unique(rows['time'] // MINUTE).tolist())
            connection.executemany(f'{verb} {schema.INSERT_READING}', PACKED.iter_unpack(rows.tobytes()))
            connection.executemany('INSERT INTO pending VALUES (?)',
                                   [(m,) for m in minutes - self._held - self._recompute])
            connection.executemany(schema.INSERT_RECORD, [schema.pack(record) for record in batch.records])
        self._outlets = outlets
        if len(rows):
            self._newest = max(self._newest, int(rows['time'].max()))
            self._fresh.append(rows)
            if verb != 'INSERT':  # what was replaced cannot be taken off a sum
                self._recompute |= minutes
            self._held = (self._held | minutes) - self._recompute
        return Written(len(rows), len(batch.readings) - len(rows))

    def _floor(self) -> int:
        """Return the moment before which readings are refused. [ms]"""
        return self._raw_since

    def write_minutes(self, outlet: str, rows: Sequence[tuple], raw_since: float) -> None:
        self.open()
        with self._translated(), self._transaction() as connection:
            if outlet not in self._outlets:
                id = connection.execute('INSERT INTO outlets (name) VALUES (?)', (outlet,)).lastrowid
                self._outlets = {**self._outlets, outlet: id}
            connection.executemany(schema.REPLACE_MINUTE, [(self._outlets[outlet], *row) for row in rows])
            self._raw_since = max(self._raw_since, milliseconds(raw_since))
            connection.execute("INSERT OR REPLACE INTO facts VALUES ('raw_since', ?)", (self._raw_since,))

    def maintain(self, now: float) -> bool:
        self.open()
        with self._translated():
            now = milliseconds(now) if self._newest == 0 else min(milliseconds(now), self._newest + DAY)
            closed = max(self._newest, now - MINUTE) // MINUTE  # minutes before this one will hardly grow
            self._roll_up(closed)
            more = [self._recount(closed), self._prune_readings(now), self._prune_minutes(now),
                    self._prune_records(now)]
            return any(more)

    def _roll_up(self, closed: int) -> None:
        """Add to `minutes` what was written since, but for the minute that still grows."""
        held = np.concatenate([*self._fresh, np.empty(0, READING)])
        held = held[~np.isin(held['time'] // MINUTE, list(self._recompute))]
        growing = (held['time'] // MINUTE >= closed) & (len(held) <= ROLL_ROWS)
        done, rest = held[~growing], held[growing]
        left = set(np.unique(rest['time'] // MINUTE).tolist())
        if len(done):
            with self._transaction() as connection:
                connection.executemany(schema.MERGE_MINUTES, rollup.minutes(done))
                connection.executemany('DELETE FROM pending WHERE minute = ?', [(m,) for m in self._held - left])
        self._fresh, self._held = [rest], left

    def _recount(self, closed: int) -> bool:
        """Compute anew the minutes in which a reading was replaced, or that a killed process left uncounted."""
        due = sorted(minute for minute in self._recompute if minute < closed)
        with self._transaction() as connection:
            for minute in due[:RECOMPUTE_MINUTES]:
                connection.execute(schema.RECOMPUTE_MINUTE, (minute * MINUTE, (minute + 1) * MINUTE))
                connection.execute('DELETE FROM pending WHERE minute = ?', (minute,))
        self._recompute -= set(due[:RECOMPUTE_MINUTES])
        return len(due) > RECOMPUTE_MINUTES

    def _prune_readings(self, now: int) -> bool:
        horizon = now - round(self._retention.readings * DAY)
        with self._transaction() as connection:
            oldest, = connection.execute('SELECT min(time) FROM readings').fetchone()
            if self._used() > self._retention.size_max:
                horizon = max(horizon, self._newest - RAW_KEPT)
            end = min([horizon // MINUTE, *self._held, *self._recompute]) * MINUTE  # all before it is rolled up
            if oldest is None or oldest >= end:
                return False
            some = connection.execute('SELECT time FROM readings ORDER BY time LIMIT 1 OFFSET ?',
                                      (PRUNE_ROWS,)).fetchone()
            until = end if some is None else min(end, (some[0] // MINUTE + 1) * MINUTE)
            connection.execute('DELETE FROM readings WHERE time < ?', (until,))
            connection.execute("INSERT OR REPLACE INTO facts VALUES ('raw_since', ?)", (until,))
        self._raw_since = until
        return until < end

    def _prune_minutes(self, now: int) -> bool:
        horizon = (now - round(self._retention.minutes * DAY)) // MINUTE
        with self._transaction() as connection:
            for id in self._outlets.values():
                oldest, = connection.execute('SELECT min(minute) FROM minutes WHERE outlet = ?', (id,)).fetchone()
                if oldest is not None and oldest < horizon:
                    connection.execute('DELETE FROM minutes WHERE outlet = ? AND minute < ?',
                                       (id, min(horizon, oldest + PRUNE_MINUTES)))
                    return True
        return False

    def _prune_records(self, now: int) -> bool:
        with self._transaction() as connection:
            deleted = [connection.execute(
                'DELETE FROM records WHERE id IN (SELECT id FROM records WHERE kind = ? AND time < ? LIMIT ?)',
                (kind, now - round(days * DAY), PRUNE_RECORDS)).rowcount
                for kind, days in self._retention.records.items()]
        return max(deleted, default=0) == PRUNE_RECORDS

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        connection.execute('BEGIN IMMEDIATE')
        try:
            yield connection
            connection.execute('COMMIT')
        except BaseException:
            try:
                connection.execute('ROLLBACK')
            except sqlite3.Error:
                pass  # SQLite has rolled back by itself
            raise

    def _used(self) -> int:
        count, free, page = (self._connection.execute(f'PRAGMA {name}').fetchone()[0]
                             for name in ('page_count', 'freelist_count', 'page_size'))
        return (count - free) * page

    def history(self) -> SqliteHistory:
        return SqliteHistory(self.path)

    def size(self) -> int:
        return sum(_size(self.path.with_name(self.path.name + tail)) for tail in ('', '-wal'))

    def set_aside(self, why: str = 'corrupt') -> str:
        self._disconnect()
        stamp = time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())
        name = f'{self.path.name}.{why}-{stamp}'
        number = 1
        while (target := self.path.with_name(name)).exists():
            number += 1
            name = f'{self.path.name}.{why}-{stamp}-{number}'
        try:
            for tail in ('', '-wal'):  # SQLite finds a log by the name of its database
                part = self.path.with_name(self.path.name + tail)
                if part.exists():
                    part.rename(target.with_name(name + tail))
            self.path.with_name(self.path.name + '-shm').unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f'{self.path}: cannot be set aside: {error.strerror}') from None
        return str(target)

    def close(self) -> None:
        self._disconnect()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                pass  # what was committed is in the log, and the next to open it finds it there

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Tell as a StoreError what SQLite could not do; connect anew after all but a lock."""
        try:
            yield
        except sqlite3.Error as error:
            if isinstance(error, (sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.InterfaceError)):
                raise
            text = str(error)
            if 'locked' not in text:
                self._disconnect()
            if 'malformed' in text or 'not a database' in text:
                raise Corrupt(f'{self.path}: {text}') from error
            raise Unavailable(f'{self.path}: {text}') from error


def _prepared(batch: Batch, ids: dict[str, int], since: int) -> np.ndarray:
    """Return the batch's readings with the ids of their outlets, without infinities and what is older than `since`."""
    rows = batch.readings[batch.readings['time'] >= since]  # a copy
    if len(rows):
        rows['outlet'] = np.array([ids[name] for name in batch.outlets], np.int32)[rows['outlet']]
        for name in ('duration', *QUANTITIES):
            rows[name][~np.isfinite(rows[name])] = np.nan
    return rows


def _exclusive(path: Path) -> int:
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise Unavailable(f'{path}: another store writes here') from None
    return lock


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
