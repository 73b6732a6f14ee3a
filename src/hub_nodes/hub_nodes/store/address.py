"""Where a database is: one setting, an address whose scheme says of which kind it is."""
from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

POSTGRES = ('postgresql://', 'postgres://')
LINE = ('influxdb://', 'influxdb+https://', 'victoriametrics://', 'victoriametrics+https://')  # speak line protocol


def check_database(database: str) -> None:
    """Raise ValueError when `database` is no address that is understood; '' = the embedded one."""
    if not database or database.startswith(POSTGRES):
        return
    if not database.startswith(LINE):
        raise ValueError(f'database must be empty or begin with {POSTGRES[0]}, {LINE[0]} or {LINE[2]}')
    parts = urlsplit(database)
    try:
        parts.port  # noqa: B018  raises where it is no number
    except ValueError:
        raise ValueError('the port of the database must be a number') from None
    if not parts.hostname or parts.query or '/' in parts.path.strip('/'):
        raise ValueError(f'the database must be given as {database.split("//")[0]}//user:password@host:port/name')


def without_password(url: str) -> str:
    """Return a URL that may be shown."""
    parts = urlsplit(url)
    if not parts.password:
        return url
    return urlunsplit(parts._replace(netloc=f'{parts.username}@{parts.netloc.rpartition("@")[2]}'))
