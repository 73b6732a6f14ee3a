"""Tables of the embedded database, and how an older file becomes a newer one.

`readings` lies in order of time, for all outlets together: appended at its end, pruned at its beginning, a few pages a
flush. `minutes` lies in order of outlet and time, so that a year of one outlet is one run of pages. A minute in
`pending` has readings that `minutes` does not count yet; for it, `readings` is right.
"""
from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from hashlib import blake2b

from hub_nodes.store.backend import Incompatible
from hub_nodes.store.model import MILLISECONDS, MINUTE, QUANTITIES, Record, milliseconds

APPLICATION = 0x48474442  # marks the file as ours ('HGDB')
COMPRESS_FROM = 1024  # length of a record's text from which it is compressed [byte]
PARTS = ('sum', 'min', 'max', 'n')  # of each quantity in `minutes`

READING_COLUMNS = ('time', 'outlet', 'duration', 'supply', *QUANTITIES)
MINUTE_COLUMNS = ('outlet', 'minute', *(f'{name}_{part}' for name in QUANTITIES for part in PARTS))


def _types(columns: Sequence[str]) -> str:
    whole = ('time', 'outlet', 'minute', 'supply')
    return ', '.join(f'{c} {"INTEGER NOT NULL" if c in whole else "INTEGER" if c.endswith("_n") else "REAL"}'
                     for c in columns)


VERSION_1 = (
    'CREATE TABLE outlets (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)',
    f'CREATE TABLE readings ({_types(READING_COLUMNS)}, PRIMARY KEY (time, outlet)) WITHOUT ROWID',
    f'CREATE TABLE minutes ({_types(MINUTE_COLUMNS)}, PRIMARY KEY (outlet, minute)) WITHOUT ROWID',
    'CREATE TABLE pending (minute INTEGER PRIMARY KEY)',
    'CREATE TABLE records (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, subject TEXT NOT NULL, time INTEGER NOT NULL,'
    ' digest INTEGER NOT NULL, data NOT NULL, UNIQUE (kind, subject, time, digest))',
    'CREATE INDEX records_time ON records (kind, time)',
    'CREATE TABLE facts (name TEXT PRIMARY KEY, value) WITHOUT ROWID',
)
MIGRATIONS: tuple[tuple[str, ...], ...] = (VERSION_1,)

INSERT_RECORD = 'INSERT OR IGNORE INTO records (kind, subject, time, digest, data) VALUES (?, ?, ?, ?, ?)'
INSERT_READING = f'INTO readings ({", ".join(READING_COLUMNS)}) VALUES ({", ".join("?" * len(READING_COLUMNS))})'

# Adds readings that no roll-up counted to those that are counted.
MERGE_MINUTES = (
    f'INSERT INTO minutes ({", ".join(MINUTE_COLUMNS)}) VALUES ({", ".join("?" * len(MINUTE_COLUMNS))}) '
    'ON CONFLICT (outlet, minute) DO UPDATE SET '
    + ', '.join(f'{q}_sum = {q}_sum + excluded.{q}_sum, {q}_n = {q}_n + excluded.{q}_n, '
                f'{q}_min = min(coalesce({q}_min, excluded.{q}_min), coalesce(excluded.{q}_min, {q}_min)), '
                f'{q}_max = max(coalesce({q}_max, excluded.{q}_max), coalesce(excluded.{q}_max, {q}_max))'
                for q in QUANTITIES))

REPLACE_MINUTE = (f'INSERT OR REPLACE INTO minutes ({", ".join(MINUTE_COLUMNS)}) '
                  f'VALUES ({", ".join("?" * len(MINUTE_COLUMNS))})')

# Computes one minute anew from its readings. [minute start, minute end)
RECOMPUTE_MINUTE = (
    f'INSERT OR REPLACE INTO minutes ({", ".join(MINUTE_COLUMNS)}) SELECT outlet, time / {MINUTE}, '
    + ', '.join(f'total({q}), min({q}), max({q}), count({q})' for q in QUANTITIES)
    + ' FROM readings WHERE time >= ? AND time < ? GROUP BY outlet')


def pack(record: Record) -> tuple[str, str, int, int, str | bytes]:
    """Return a row of INSERT_RECORD: the text as it is, or compressed when it is long."""
    text = record.text.encode()
    data = record.text if len(text) < COMPRESS_FROM else zlib.compress(text, 6)
    return record.kind, record.subject, milliseconds(record.time), digest(record.text), data


def digest(text: str) -> int:
    """Return the number by which texts of one kind, subject and moment are told apart."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), 'little', signed=True)


def unpack(kind: str, subject: str, time: int, data: str | bytes) -> Record:
    """Return the record that was packed."""
    return Record(kind, subject, time / MILLISECONDS, data if isinstance(data, str) else zlib.decompress(data).decode())


def version(connection: sqlite3.Connection) -> int:
    """Return the version of the tables, 0 in an empty file. Incompatible when the file is not ours."""
    application, = connection.execute('PRAGMA application_id').fetchone()
    if application == 0 and connection.execute('SELECT count(*) FROM sqlite_master').fetchone() == (0,):
        return 0
    if application != APPLICATION:
        raise Incompatible('is a database of something else')
    return connection.execute('SELECT max(version) FROM migrations').fetchone()[0] or 0


def migrate(connection: sqlite3.Connection, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> int:
    """Bring the tables to the newest version, all of it or nothing; return how many steps that took.

    Raises Incompatible when the file is newer than this program or not ours.
    """
    connection.execute('BEGIN IMMEDIATE')
    try:
        found = version(connection)
        if found > len(migrations):
            raise Incompatible(f'was made by a newer Hearthgrid (tables of version {found}; this one knows '
                               f'{len(migrations)})')
        if found == 0:
            connection.execute(f'PRAGMA application_id = {APPLICATION}')
            connection.execute("CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY, applied TEXT)")
        for number, statements in enumerate(migrations[found:], start=found + 1):
            for statement in statements:
                connection.execute(statement)
            connection.execute("INSERT INTO migrations VALUES (?, datetime('now'))", (number,))
        connection.execute('COMMIT')
    except BaseException:
        if connection.in_transaction:
            connection.execute('ROLLBACK')
        raise
    return len(migrations) - found
