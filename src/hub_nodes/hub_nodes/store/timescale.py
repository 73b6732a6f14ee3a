"""What TimescaleDB adds where its extension is there: readings as a hypertable, hours as a continuous aggregate.

The home itself asks `minutes`, made by the store and right after every slice of maintenance; `hours` is for other
programs (a year in Grafana), kept fresh by the database and kept when the readings below it are gone. What this server
cannot do of it is told and done without: the tables work as plain ones.
"""
from __future__ import annotations

import psycopg

from hub_nodes.store.model import QUANTITIES

DAY, HOUR = 86_400_000, 3_600_000  # [ms]
REFRESH = '10 minutes'

PRESENT = "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"
NOW = ('CREATE OR REPLACE FUNCTION now_ms() RETURNS bigint LANGUAGE sql STABLE AS '
       "'SELECT (extract(epoch FROM now()) * 1000)::bigint'")
STATEMENTS = (
    # A chunk a day: retention lets go of whole ones. Rows that are there already move into chunks.
    f"SELECT create_hypertable('readings', 'time', chunk_time_interval => {DAY}::bigint, migrate_data => true, "
    'if_not_exists => true)',
    NOW,
    "SELECT set_integer_now_func('readings', 'now_ms', replace_if_exists => true)",
    'CREATE MATERIALIZED VIEW IF NOT EXISTS hours WITH (timescaledb.continuous) AS '
    f'SELECT outlet, time_bucket({HOUR}::bigint, time) AS hour, '
    + ', '.join(f'sum({q}::float8) AS {q}_sum, min({q}) AS {q}_min, max({q}) AS {q}_max, count({q}) AS {q}_n'
                for q in QUANTITIES)
    + f' FROM readings GROUP BY outlet, time_bucket({HOUR}::bigint, time) WITH NO DATA',
    "SELECT remove_continuous_aggregate_policy('hours', if_exists => true)",
    # Only where all readings still are: older hours stay as they are when their readings go.
    "SELECT add_continuous_aggregate_policy('hours', start_offset => {back}::bigint, "
    f"end_offset => {HOUR}::bigint, schedule_interval => INTERVAL '{REFRESH}')",
)
BACK, SPARE = 2 * DAY, 2 * HOUR  # refreshed so far back, and so much less than readings are kept
SIZE = "SELECT hypertable_size('readings')"
DROP = "SELECT drop_chunks('readings', older_than => %s::bigint)"  # whole ones alone; `hours` keeps what they held


def present(connection: psycopg.Connection) -> bool:
    """Return whether the extension is made in this database."""
    return connection.execute(PRESENT).fetchone() is not None


def arrange(connection: psycopg.Connection, days: float) -> str:
    """Have the extension take over what it does better; return why it could not, empty = it does.

    days : for which readings are kept.
    Not in a transaction: a continuous aggregate is not made in one. Done again at each start, it changes nothing.
    """
    back = max(4 * HOUR, min(BACK, round(days * DAY) - SPARE))  # a policy needs a few hours
    for statement in STATEMENTS:
        try:
            connection.execute(statement.replace('{back}', str(back)))
        except psycopg.OperationalError:
            raise  # the link is gone
        except psycopg.Error as error:
            return f'TimescaleDB is not used: {" ".join(str(error).split())[:160]}'
    return ''
