"""Reads a home's history from PostgreSQL, from any process."""
from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import psycopg

from hub_nodes.store import postgres_schema as schema
from hub_nodes.store.address import without_password
from hub_nodes.store.backend import History, Incompatible, Unavailable
from hub_nodes.store.bins import Bins
from hub_nodes.store.model import MILLISECONDS, MINUTE, READING, Record, Series, milliseconds
from hub_nodes.store.schema import MINUTE_COLUMNS, READING_COLUMNS

CONNECT_WAIT = 5  # [s]

# Bins of one quantity of one outlet: number of the bin, sum, minimum, maximum, count.
_FROM_READINGS = '''
    SELECT (time - %(first)s) / %(step)s AS bin, coalesce(sum({q}::float8), 0), min({q}), max({q}), count({q})
    FROM readings WHERE time >= %(first)s AND time < %(last)s AND outlet = %(outlet)s GROUP BY bin'''
_FROM_MINUTES = '''
    SELECT (minute * 60000 - %(first)s) / %(step)s AS bin, sum({q}_sum), min({q}_min), max({q}_max), sum({q}_n)
    FROM minutes WHERE outlet = %(outlet)s AND minute >= %(first)s / 60000 AND minute < %(last)s / 60000
    AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.minute = minutes.minute) GROUP BY bin'''
# Every minute for itself needs no grouping, and whole columns on the wire no parsing value by value.
_EACH_MINUTE = '''
    SELECT array_send(array_agg((minute - %(first)s / 60000)::float8)), array_send(array_agg({q}_sum)),
    array_send(array_agg(coalesce({q}_min, 'NaN')::float8)), array_send(array_agg(coalesce({q}_max, 'NaN')::float8)),
    array_send(array_agg({q}_n::float8))
    FROM minutes WHERE outlet = %(outlet)s AND minute >= %(first)s / 60000 AND minute < %(last)s / 60000
    AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.minute = minutes.minute)'''
_ARRAY_HEAD = 20  # bytes of an array of one dimension before its elements (PostgreSQL: array_send)
_ELEMENT = np.dtype([('size', '>i4'), ('value', '>f8')])
_FROM_PENDING = '''
    SELECT (time - %(first)s) / %(step)s AS bin, coalesce(sum({q}::float8), 0), min({q}), max({q}), count({q})
    FROM pending JOIN readings ON time >= minute * 60000 AND time < (minute + 1) * 60000
    WHERE minute >= %(first)s / 60000 AND minute < %(last)s / 60000 AND outlet = %(outlet)s GROUP BY bin'''


class PostgresHistory(History):
    """Each question is one snapshot on a connection of its own."""

    def __init__(self, url: str, schema: str = 'hearthgrid') -> None:
        self._url, self._schema = url, schema

    def outlets(self) -> list[str]:
        with self._connected() as connection:
            return sorted(name for name, in connection.execute('SELECT name FROM outlets'))

    def span(self, outlet: str) -> tuple[float, float] | None:
        with self._connected() as connection:
            id = _id(connection, outlet)
            rolled = connection.execute('SELECT min(minute) * 60000, (max(minute) + 1) * 60000 FROM minutes '
                                        'WHERE outlet = %s', (id,)).fetchone()
            pending = connection.execute(
                'SELECT min(time), max(time) FROM pending JOIN readings '
                'ON time >= minute * 60000 AND time < (minute + 1) * 60000 WHERE outlet = %s', (id,)).fetchone()
        known = [time for time in (*rolled, *pending) if time is not None]
        return (min(known) / MILLISECONDS, max(known) / MILLISECONDS) if known else None

    def aggregate(self, outlet: str, quantity: str, start: float, end: float, step: float) -> Series:
        Bins.check(quantity, start, end, step)
        with self._connected() as connection:
            since = connection.execute("SELECT value FROM facts WHERE name = 'raw_since'").fetchone()
            bins = Bins(start, end, step, since[0] if since else 0)
            asked = {'first': bins.first, 'last': bins.last, 'step': bins.width, 'outlet': _id(connection, outlet)}
            if bins.width == MINUTE:
                bins.add(_each_minute(connection, _EACH_MINUTE.format(q=quantity), asked))
                queries = (_FROM_PENDING,)
            else:
                queries = (_FROM_MINUTES, _FROM_PENDING) if bins.rolled else (_FROM_READINGS,)
            for query in queries:
                bins.add(connection.execute(query.format(q=quantity), asked).fetchall())
        return bins.series(quantity)

    def readings(self, outlet: str, start: float, end: float) -> np.ndarray:
        with self._connected() as connection:
            rows = connection.execute(
                f'SELECT {", ".join(READING_COLUMNS)} FROM readings WHERE time >= %s AND time < %s AND outlet = %s '
                'ORDER BY time', (milliseconds(start), milliseconds(end), _id(connection, outlet))).fetchall()
        found = np.array([tuple(math.nan if value is None else value for value in row) for row in rows], READING)
        found['outlet'] = 0
        return found

    def raw_since(self) -> float:
        with self._connected() as connection:
            since = connection.execute("SELECT value FROM facts WHERE name = 'raw_since'").fetchone()
        return since[0] / MILLISECONDS if since else 0.0

    def minutes(self, outlet: str, start: float, end: float) -> list[tuple]:
        with self._connected() as connection:
            return connection.execute(
                f'SELECT {", ".join(MINUTE_COLUMNS[1:])} FROM minutes WHERE outlet = %s AND minute >= %s '
                'AND minute < %s ORDER BY minute',
                (_id(connection, outlet), milliseconds(start) // MINUTE, milliseconds(end) // MINUTE)).fetchall()

    def records(self, kinds: Sequence[str] = (), subject: str | None = None, start: float | None = None,
                end: float | None = None, limit: int = 1000, newest_first: bool = False) -> list[Record]:
        terms, values = ['true'], []
        if kinds:
            terms.append('kind = ANY(%s)')
            values.append(list(kinds))
        for term, value in (('subject = %s', subject), ('time >= %s', start), ('time < %s', end)):
            if value is not None:
                terms.append(term)
                values.append(value if isinstance(value, str) else milliseconds(value))
        order = 'DESC' if newest_first else 'ASC'
        with self._connected() as connection:
            found = connection.execute(
                f'SELECT kind, subject, time, data FROM records WHERE {" AND ".join(terms)} '
                f'ORDER BY time {order}, id {order} LIMIT %s', (*values, limit))
            return [Record(kind, subject, time / MILLISECONDS, text) for kind, subject, time, text in found]

    @contextmanager
    def _connected(self) -> Iterator[psycopg.Connection]:
        """Yield a read transaction; what goes wrong is told as a StoreError."""
        shown = without_password(self._url)
        try:
            with psycopg.connect(self._url, connect_timeout=CONNECT_WAIT) as connection:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.read_only = True
                connection.execute(f'SET search_path TO "{self._schema}"')
                if schema.version(connection) != len(schema.MIGRATIONS):
                    raise Incompatible(f'{shown} has tables of another version; the store brings them up to date when '
                                       'it starts')
                yield connection
        except psycopg.errors.UndefinedTable:
            raise Unavailable(f'{shown}: no such database; the store has not written here yet') from None
        except psycopg.Error as error:
            raise Unavailable(f'{shown}: {" ".join(str(error).split())[:200]}') from error


def _each_minute(connection: psycopg.Connection, query: str, asked: dict) -> np.ndarray:
    """Return (n, 5): number of the bin, sum, minimum, maximum, count."""
    with connection.cursor(binary=True) as cursor:
        columns = cursor.execute(query, asked).fetchone()
    if columns[0] is None:
        return np.empty((0, 5))
    try:
        return np.column_stack([np.frombuffer(column, _ELEMENT, offset=_ARRAY_HEAD)['value'] for column in columns])
    except ValueError:
        raise Unavailable('no arrays that PostgreSQL would give') from None


def _id(connection: psycopg.Connection, outlet: str) -> int:
    """Return the id of an outlet, −1 when it was never heard of."""
    found = connection.execute('SELECT id FROM outlets WHERE name = %s', (outlet,)).fetchone()
    return -1 if found is None else found[0]
