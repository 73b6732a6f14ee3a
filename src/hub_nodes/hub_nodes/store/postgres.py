"""PostgreSQL (or TimescaleDB) behind the store: a batch is one COPY and one transaction; roll-ups are made there."""
from __future__ import annotations

import math
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import psycopg
from psycopg import errors

from hub_nodes.store import postgres_schema as schema
from hub_nodes.store import schema as embedded
from hub_nodes.store import timescale
from hub_nodes.store.address import without_password
from hub_nodes.store.backend import Backend, Corrupt, Incompatible, Retention, Unavailable, Vanished, Written
from hub_nodes.store.model import MILLISECONDS, MINUTE, QUANTITIES, Batch, milliseconds
from hub_nodes.store.postgres_history import CONNECT_WAIT, PostgresHistory

DAY = 86_400_000            # [ms]
STATEMENT_WAIT = 30_000     # of one statement [ms]
LOCK_WAIT = 2_000           # for the server to notice that an earlier store has gone [ms]
ROLL_MINUTES = 30           # rolled up in one slice of maintenance
PRUNE_SPAN = 3_600_000      # of readings deleted in one slice [ms]
PRUNE_MINUTES = 20_000
PRUNE_RECORDS = 2_000
RAW_KEPT = 3600 * MILLISECONDS  # readings that are kept even when the database is too large [ms]
SIZE_EVERY = 5.0            # between looks at the chunks of a hypertable, of which there are many [s]
FACTS = ('duration', *QUANTITIES)


class PostgresBackend(Backend):
    """One connection, one transaction a batch; an advisory lock keeps a second writer of the same schema out.

    url : as libpq takes it, with the password in it or in a password file.
    """

    def __init__(self, url: str, retention: Retention | None = None, schema: str = 'hearthgrid') -> None:
        if not schema.isidentifier():
            raise ValueError(f'{schema!r} is no name of a schema')
        self.path = without_password(url)
        self._url, self._schema, self._retention = url, schema, retention or Retention()
        self._connection: psycopg.Connection | None = None
        self._extended, self._remark = False, ''
        self._chunks, self._sized = 0, -math.inf  # of a hypertable, in the extension's schema [byte]; when looked at

    def open(self) -> None:
        if self._connection is not None and not self._connection.closed:
            return
        try:
            connection = psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_WAIT)
        except psycopg.Error as error:
            raise Unavailable(f'{self.path}: {_words(error)}') from None
        try:
            with self._translated():
                self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def _prepare(self, connection: psycopg.Connection) -> None:
        connection.execute(f'SET statement_timeout = {STATEMENT_WAIT}')
        number = zlib.crc32(self._schema.encode())
        connection.execute(f'SET lock_timeout = {LOCK_WAIT}')
        try:
            connection.execute('SELECT pg_advisory_lock(%s)', (number,))
        except errors.LockNotAvailable:
            raise Unavailable(f'{self.path}: another store writes to {self._schema}') from None
        try:
            schema.migrate(connection, self._schema)
        except Incompatible as error:
            raise Incompatible(f'{self.path} {error}') from None
        self._extended = timescale.present(connection)
        self._remark = timescale.arrange(connection, self._retention.readings) if self._extended else ''
        connection.execute(schema.FRESH)
        self._outlets = {name: id for id, name in connection.execute('SELECT id, name FROM outlets')}
        self._newest = connection.execute('SELECT coalesce(max(time), 0) FROM readings').fetchone()[0]  # [ms]
        since = connection.execute("SELECT value FROM facts WHERE name = 'raw_since'").fetchone()
        self._raw_since = since[0] if since else 0  # readings before this are pruned [ms]

    def write(self, batch: Batch, durable: bool = False) -> Written:
        self.open()
        with self._translated():
            return self._commit(batch, durable)

    def _commit(self, batch: Batch, durable: bool) -> Written:
        outlets = dict(self._outlets)
        rows = batch.readings[batch.readings['time'] >= self._raw_since]
        with self._connection.transaction():
            self._connection.execute(f'SET LOCAL synchronous_commit = {"on" if durable else "off"}')
            for name in batch.outlets:
                if name not in outlets:
                    outlets[name] = self._connection.execute(
                        'INSERT INTO outlets (name) VALUES (%s) RETURNING id', (name.replace('\0', ''),)).fetchone()[0]
            if len(rows):
                self._copy(rows, np.array([outlets[name] for name in batch.outlets]))
            with self._connection.cursor() as cursor:
                cursor.executemany(schema.INSERT_RECORD, [
                    (one.kind, one.subject.replace('\0', ''), milliseconds(one.time), embedded.digest(one.text),
                     one.text) for one in batch.records])
        self._outlets = outlets
        if len(rows):
            self._newest = max(self._newest, int(rows['time'].max()))
        return Written(len(rows), len(batch.readings) - len(rows))

    def _copy(self, rows: np.ndarray, ids: np.ndarray) -> None:
        """Take readings in; of those of one outlet and time the last holds."""
        keys = np.stack([rows['time'], rows['outlet'].astype(np.int64)], axis=1)[::-1]
        _, last = np.unique(keys, axis=0, return_index=True)
        rows = rows[len(rows) - 1 - last]
        columns = [rows['time'].tolist(), ids[rows['outlet']].tolist()]
        for name in embedded.READING_COLUMNS[2:]:
            values = rows[name].tolist()
            columns.append([v if math.isfinite(v) else None for v in values] if name in FACTS else values)
        with self._connection.cursor().copy(schema.COPY_FRESH) as copy:
            for row in zip(*columns, strict=True):
                copy.write_row(row)
        self._connection.execute(schema.TAKE_FRESH)
        self._connection.execute(schema.ADD_PENDING)

    def write_minutes(self, outlet: str, rows: Sequence[tuple], raw_since: float) -> None:
        self.open()
        name, since = outlet.replace('\0', ''), max(self._raw_since, milliseconds(raw_since))
        with self._translated(), self._connection.transaction():
            self._connection.execute('INSERT INTO outlets (name) VALUES (%s) ON CONFLICT DO NOTHING', (name,))
            id, = self._connection.execute('SELECT id FROM outlets WHERE name = %s', (name,)).fetchone()
            with self._connection.cursor() as cursor:
                cursor.executemany(schema.REPLACE_MINUTE, [(id, *row) for row in rows])
            self._set_raw_since(since)
        self._outlets[outlet], self._raw_since = id, since

    def _set_raw_since(self, time: int) -> None:
        self._connection.execute("INSERT INTO facts VALUES ('raw_since', %s) "
                                 'ON CONFLICT (name) DO UPDATE SET value = excluded.value', (time,))

    def maintain(self, now: float) -> bool:
        self.open()
        with self._translated():
            now = milliseconds(now) if self._newest == 0 else min(milliseconds(now), self._newest + DAY)
            closed = max(self._newest, now - MINUTE) // MINUTE  # minutes before this one will hardly grow
            more = [self._roll_up(closed), self._prune_readings(now), self._prune_minutes(now),
                    self._prune_records(now)]
            return any(more)

    def _roll_up(self, closed: int) -> bool:
        with self._connection.transaction():
            due = [minute for minute, in self._connection.execute(
                'SELECT minute FROM pending WHERE minute < %s ORDER BY minute LIMIT %s', (closed, ROLL_MINUTES))]
            if due:
                self._connection.execute(schema.RECOMPUTE_MINUTES, (due,))
                self._connection.execute('DELETE FROM pending WHERE minute = ANY(%s)', (due,))
        return len(due) == ROLL_MINUTES

    def _prune_readings(self, now: int) -> bool:
        horizon = now - round(self._retention.readings * DAY)
        if self.size() > self._retention.size_max:
            horizon = max(horizon, self._newest - RAW_KEPT)
        with self._connection.transaction():
            oldest, = self._connection.execute('SELECT min(time) FROM readings').fetchone()
            pending, = self._connection.execute('SELECT min(minute) FROM pending').fetchone()
            end = min(horizon // MINUTE, horizon // MINUTE if pending is None else pending) * MINUTE
            if oldest is None or oldest >= end:
                return False
            until = min(end, (oldest + PRUNE_SPAN) // MINUTE * MINUTE)
            self._connection.execute('DELETE FROM readings WHERE time < %s', (until,))
            if self._chunked:
                self._connection.execute(timescale.DROP, (until,))
            self._set_raw_since(until)
        self._raw_since = until
        return until < end

    def _prune_minutes(self, now: int) -> bool:
        horizon = (now - round(self._retention.minutes * DAY)) // MINUTE
        deleted = self._connection.execute(
            'DELETE FROM minutes WHERE ctid = ANY(ARRAY(SELECT ctid FROM minutes WHERE minute < %s LIMIT %s))',
            (horizon, PRUNE_MINUTES)).rowcount
        return deleted == PRUNE_MINUTES

    def _prune_records(self, now: int) -> bool:
        deleted = [self._connection.execute(
            'DELETE FROM records WHERE id = ANY(ARRAY(SELECT id FROM records WHERE kind = %s AND time < %s LIMIT %s))',
            (kind, now - round(days * DAY), PRUNE_RECORDS)).rowcount
            for kind, days in self._retention.records.items()]
        return max(deleted, default=0) == PRUNE_RECORDS

    def history(self) -> PostgresHistory:
        return PostgresHistory(self._url, self._schema)

    def size(self) -> int:
        if self._connection is None or self._connection.closed:
            return 0
        with self._translated():
            if self._chunked and not 0.0 <= time.monotonic() - self._sized < SIZE_EVERY:
                self._chunks = int(self._connection.execute(timescale.SIZE).fetchone()[0] or 0)
                self._sized = time.monotonic()
            return self._chunks + int(self._connection.execute(
                'SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c '
                'JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind IN (%s, %s)',
                (self._schema, 'r', 'p')).fetchone()[0])

    @property
    def _chunked(self) -> bool:
        """Whether the readings are a hypertable."""
        return self._extended and not self._remark

    def remark(self) -> str:
        return self._remark

    def set_aside(self) -> str:
        target = f'{self._schema}_corrupt_{time.strftime("%Y%m%dt%H%M%Sz", time.gmtime())}'
        try:
            with psycopg.connect(self._url, autocommit=True, connect_timeout=CONNECT_WAIT) as connection:
                connection.execute(f'ALTER SCHEMA "{self._schema}" RENAME TO "{target}"')
        except psycopg.Error as error:
            raise Unavailable(f'{self.path}: cannot be set aside: {_words(error)}') from None
        self.close()
        return f'{self.path} {target}'

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Tell as a StoreError what PostgreSQL could not do; connect anew after all that may have broken the link."""
        try:
            yield
        except (errors.DataCorrupted, errors.IndexCorrupted) as error:
            self.close()
            raise Corrupt(f'{self.path}: {_words(error)}') from error
        except (errors.UndefinedTable, errors.InvalidSchemaName) as error:
            self.close()
            raise Vanished(f'{self.path}: {_words(error)}') from error
        except (psycopg.OperationalError, psycopg.InterfaceError, errors.InsufficientPrivilege,
                errors.InFailedSqlTransaction) as error:
            self.close()
            raise Unavailable(f'{self.path}: {_words(error)}') from error


def _words(error: Exception) -> str:
    return ' '.join(str(error).split())[:200]
