"""Reads a home's embedded database from any process, while the store writes it or after it has died."""
from __future__ import annotations

import math
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from hub_nodes.store import schema
from hub_nodes.store.backend import Corrupt, History, Incompatible, Unavailable
from hub_nodes.store.bins import Bins
from hub_nodes.store.model import MILLISECONDS, MINUTE, READING, Record, Series, milliseconds

FILE = 'hearthgrid.db'
STEPS = (1, 2, 5, 10, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)  # [s]
LOCK_WAIT = 1.0  # for a checkpoint to finish [s]

# Bins of one quantity of one outlet: number of the bin, sum, minimum, maximum, count.
_FROM_READINGS = '''
    SELECT (time - :first) / :step AS bin, total({q}), min({q}), max({q}), count({q})
    FROM readings WHERE time >= :first AND time < :last AND outlet = :outlet GROUP BY bin'''
_FROM_MINUTES = '''
    SELECT (minute * 60000 - :first) / :step AS bin, sum({q}_sum), min({q}_min), max({q}_max), sum({q}_n)
    FROM minutes WHERE outlet = :outlet AND minute >= :first / 60000 AND minute < :last / 60000
    AND minute NOT IN (SELECT minute FROM pending) GROUP BY bin'''
_EACH_MINUTE = '''
    SELECT minute - :first / 60000, {q}_sum, {q}_min, {q}_max, {q}_n
    FROM minutes WHERE outlet = :outlet AND minute >= :first / 60000 AND minute < :last / 60000
    AND minute NOT IN (SELECT minute FROM pending)'''  # grouping one by one would double the time
_FROM_PENDING = '''
    SELECT (time - :first) / :step AS bin, total({q}), min({q}), max({q}), count({q})
    FROM pending CROSS JOIN readings ON time >= minute * 60000 AND time < (minute + 1) * 60000
    WHERE minute >= :first / 60000 AND minute < :last / 60000 AND outlet = :outlet GROUP BY bin'''


def finest_step(duration: float, points: int) -> int:
    """Return the shortest usual step [s] that shows a duration [s] in so many points, both ends rounded outwards."""
    least = duration / (points - 2)
    return next((step for step in STEPS if step >= least), math.ceil(least / STEPS[-1]) * STEPS[-1])


def view(history: History, outlet: str, quantity: str, start: float, end: float, step: float = 0.0,
         points: int = 2000) -> Series:
    """Return what `History.aggregate` does, from the first reading on and in at most so many points.

    step : 0 = as fine as fits. [s]    Raises ValueError that says what would be possible.
    """
    span = history.span(outlet)
    if span is None:
        raise ValueError(f'no reading of {outlet!r} is stored; known: {", ".join(history.outlets()) or "none"}')
    start = max(start, span[0])
    if not end > start:
        raise ValueError(f'{outlet} has readings from {span[0]:.0f} s on; the end must be after that and the start')
    fitting = finest_step(end - start, points)
    if not step >= 0:
        raise ValueError('the step must be above 0 s, or 0 for as fine as fits')
    if 0 < step < (end - start) / (points - 2):
        raise ValueError(f'at most {points} points: the step must be at least {fitting} s')
    return history.aggregate(outlet, quantity, start, end, step or fitting)


def rows_of(rows: Sequence[tuple]) -> np.ndarray:
    """Return rows of `schema.READING_COLUMNS` as (n,) of READING."""
    return np.array([tuple(math.nan if value is None else value for value in row) for row in rows], READING)


class SqliteHistory(History):
    """Each question is one read transaction on a connection of its own: the file may be replaced between two."""

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)

    def outlets(self) -> list[str]:
        with self._connected() as connection:
            return [name for name, in connection.execute('SELECT name FROM outlets ORDER BY name')]

    def span(self, outlet: str) -> tuple[float, float] | None:
        with self._connected() as connection:
            id = _id(connection, outlet)
            rolled = connection.execute('SELECT min(minute) * 60000, (max(minute) + 1) * 60000 FROM minutes '
                                        'WHERE outlet = ?', (id,)).fetchone()
            pending = connection.execute(
                'SELECT min(time), max(time) FROM pending CROSS JOIN readings '
                'ON time >= minute * 60000 AND time < (minute + 1) * 60000 WHERE outlet = ?', (id,)).fetchone()
        known = [time for time in (*rolled, *pending) if time is not None]
        return (min(known) / MILLISECONDS, max(known) / MILLISECONDS) if known else None

    def aggregate(self, outlet: str, quantity: str, start: float, end: float, step: float) -> Series:
        Bins.check(quantity, start, end, step)
        with self._connected() as connection:
            since = connection.execute("SELECT value FROM facts WHERE name = 'raw_since'").fetchone()
            bins = Bins(start, end, step, since[0] if since else 0)
            self._fill(connection, bins, outlet, quantity)
        return bins.series(quantity)

    def _fill(self, connection: sqlite3.Connection, bins: Bins, outlet: str, quantity: str) -> None:
        asked = {'first': bins.first, 'last': bins.last, 'step': bins.width, 'outlet': _id(connection, outlet)}
        rolled = _EACH_MINUTE if bins.width == MINUTE else _FROM_MINUTES
        for query in (rolled, _FROM_PENDING) if bins.rolled else (_FROM_READINGS,):
            bins.add(connection.execute(query.format(q=quantity), asked).fetchall())

    def readings(self, outlet: str, start: float, end: float) -> np.ndarray:
        with self._connected() as connection:
            return self._readings(connection, outlet, start, end)

    def _readings(self, connection: sqlite3.Connection, outlet: str, start: float, end: float) -> np.ndarray:
        found = rows_of(connection.execute(
            f'SELECT {", ".join(schema.READING_COLUMNS)} FROM readings WHERE time >= ? AND time < ? AND outlet = ? '
            'ORDER BY time', (milliseconds(start), milliseconds(end), _id(connection, outlet))).fetchall())
        found['outlet'] = 0
        return found

    def raw_since(self) -> float:
        with self._connected() as connection:
            since = connection.execute("SELECT value FROM facts WHERE name = 'raw_since'").fetchone()
        return since[0] / MILLISECONDS if since else 0.0

    def minutes(self, outlet: str, start: float, end: float) -> list[tuple]:
        with self._connected() as connection:
            return connection.execute(
                f'SELECT {", ".join(schema.MINUTE_COLUMNS[1:])} FROM minutes WHERE outlet = ? AND minute >= ? '
                'AND minute < ? ORDER BY minute',
                (_id(connection, outlet), milliseconds(start) // MINUTE, milliseconds(end) // MINUTE)).fetchall()

    def records(self, kinds: Sequence[str] = (), subject: str | None = None, start: float | None = None,
                end: float | None = None, limit: int = 1000, newest_first: bool = False) -> list[Record]:
        terms, values = ['1'], []
        if kinds:
            terms.append(f'kind IN ({", ".join("?" * len(kinds))})')
            values += kinds
        for term, value in (('subject = ?', subject), ('time >= ?', start), ('time < ?', end)):
            if value is not None:
                terms.append(term)
                values.append(value if isinstance(value, str) else milliseconds(value))
        order = 'DESC' if newest_first else 'ASC'
        with self._connected() as connection:
            return [schema.unpack(*row) for row in connection.execute(
                f'SELECT kind, subject, time, data FROM records WHERE {" AND ".join(terms)} '
                f'ORDER BY time {order}, id {order} LIMIT ?', (*values, limit))]

    def _uri(self) -> str:
        """Return how to open the file without writing to it.

        A reader shares the log's index with the writer, and makes one beside the file if there is none. Where it may
        not, and no log says that a store is at work, the file is read as one that does not change.
        """
        path = self.path.resolve()
        alone = not os.access(path.parent, os.W_OK) and not path.with_name(path.name + '-wal').exists()
        return f'{path.as_uri()}?mode=ro{"&immutable=1" if alone else ""}'

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Yield a read transaction; what goes wrong is told as a StoreError."""
        connection = None
        try:
            connection = sqlite3.connect(self._uri(), uri=True, timeout=LOCK_WAIT, isolation_level=None)
            connection.execute('BEGIN')
            if schema.version(connection) != len(schema.MIGRATIONS):
                raise Incompatible('has tables of another version; the store brings them up to date when it starts')
            yield connection
        except Incompatible as error:
            raise Incompatible(f'{self.path}: {error}') from None
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.OperationalError as error:
            raise Unavailable(f'{self.path}: {error}') from error
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            raise Corrupt(f'{self.path}: {error}') from error
        finally:
            if connection is not None:
                connection.close()


def _id(connection: sqlite3.Connection, outlet: str) -> int:
    """Return the id of an outlet, −1 when it was never heard of."""
    found = connection.execute('SELECT id FROM outlets WHERE name = ?', (outlet,)).fetchone()
    return -1 if found is None else found[0]
