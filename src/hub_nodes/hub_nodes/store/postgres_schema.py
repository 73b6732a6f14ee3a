"""Tables of a PostgreSQL database, in a schema of their own; the same rows as in the embedded one (`schema`)."""
from __future__ import annotations

from collections.abc import Sequence

from hub_nodes.store.backend import Incompatible
from hub_nodes.store.model import MINUTE, QUANTITIES
from hub_nodes.store.schema import MINUTE_COLUMNS, PARTS, READING_COLUMNS

TYPES = {'time': 'bigint NOT NULL', 'minute': 'bigint NOT NULL', 'outlet': 'integer NOT NULL',
         'supply': 'smallint NOT NULL', 'energy_kwh': 'double precision'}


def _type(column: str) -> str:
    if column.endswith('_n'):
        return 'integer NOT NULL'
    if column.endswith('_sum') or column.startswith('energy_kwh'):
        return 'double precision'
    return TYPES.get(column, 'real')


def _columns(columns: Sequence[str]) -> str:
    return ', '.join(f'{column} {_type(column)}' for column in columns)


VERSION_1 = (
    'CREATE TABLE outlets (id serial PRIMARY KEY, name text NOT NULL UNIQUE)',
    f'CREATE TABLE readings ({_columns(READING_COLUMNS)}, PRIMARY KEY (time, outlet))',
    'CREATE INDEX readings_outlet ON readings (outlet, time)',
    f'CREATE TABLE minutes ({_columns(MINUTE_COLUMNS)}, PRIMARY KEY (outlet, minute))',
    'CREATE TABLE pending (minute bigint PRIMARY KEY)',
    'CREATE TABLE records (id bigserial PRIMARY KEY, kind text NOT NULL, subject text NOT NULL, time bigint NOT NULL,'
    ' digest bigint NOT NULL, data text NOT NULL, UNIQUE (kind, subject, time, digest))',
    'CREATE INDEX records_time ON records (kind, time)',
    'CREATE TABLE facts (name text PRIMARY KEY, value bigint NOT NULL)',
)
MIGRATIONS: tuple[tuple[str, ...], ...] = (VERSION_1,)

FRESH = f'CREATE TEMPORARY TABLE IF NOT EXISTS fresh ({_columns(READING_COLUMNS)}) ON COMMIT DELETE ROWS'
COPY_FRESH = f'COPY fresh ({", ".join(READING_COLUMNS)}) FROM STDIN'
_OTHERS = [c for c in READING_COLUMNS if c not in ('time', 'outlet')]
TAKE_FRESH = ('INSERT INTO readings SELECT * FROM fresh ON CONFLICT (time, outlet) DO UPDATE SET '
              + ', '.join(f'{c} = excluded.{c}' for c in _OTHERS))
ADD_PENDING = (f'INSERT INTO pending SELECT DISTINCT time / {MINUTE} FROM fresh ON CONFLICT DO NOTHING')
INSERT_RECORD = ('INSERT INTO records (kind, subject, time, digest, data) VALUES (%s, %s, %s, %s, %s) '
                 'ON CONFLICT DO NOTHING')

_REPLACE = ('ON CONFLICT (outlet, minute) DO UPDATE SET '
            + ', '.join(f'{q}_{part} = excluded.{q}_{part}' for q in QUANTITIES for part in PARTS))
REPLACE_MINUTE = (f'INSERT INTO minutes ({", ".join(MINUTE_COLUMNS)}) '
                  f'VALUES ({", ".join(["%s"] * len(MINUTE_COLUMNS))}) {_REPLACE}')

# Computes some minutes anew from their readings.
RECOMPUTE_MINUTES = (
    f'INSERT INTO minutes ({", ".join(MINUTE_COLUMNS)}) SELECT outlet, time / {MINUTE}, '
    + ', '.join(f'coalesce(sum({q}::float8), 0), min({q}), max({q}), count({q})' for q in QUANTITIES)
    + f' FROM readings JOIN unnest(%s::bigint[]) AS due (minute) ON time >= due.minute * {MINUTE} '
    f'AND time < (due.minute + 1) * {MINUTE} GROUP BY outlet, time / {MINUTE} {_REPLACE}')


def migrate(connection, schema: str, migrations: Sequence[Sequence[str]] = MIGRATIONS) -> int:
    """Bring the tables to the newest version, all of it or nothing; return how many steps that took.

    Raises Incompatible when they are newer than this program.
    """
    with connection.transaction():
        connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        connection.execute(f'SET search_path TO "{schema}", public')
        connection.execute('CREATE TABLE IF NOT EXISTS migrations (version integer PRIMARY KEY, '
                           'applied timestamptz NOT NULL DEFAULT now())')
        found = version(connection)
        if found > len(migrations):
            raise Incompatible(f'was made by a newer Hearthgrid (tables of version {found}; this one knows '
                               f'{len(migrations)})')
        for number, statements in enumerate(migrations[found:], start=found + 1):
            for statement in statements:
                connection.execute(statement)
            connection.execute('INSERT INTO migrations (version) VALUES (%s)', (number,))
    return len(migrations) - found


def version(connection) -> int:
    """Return the version of the tables, 0 where there are none yet."""
    return connection.execute('SELECT max(version) FROM migrations').fetchone()[0] or 0
