"""The home's local time. One process shows one home, so its zone is this module's.

Browsers count milliseconds in UTC and would show their own zone; charts therefore get local time as if it were UTC
(`useUTC`), and every clock on the page agrees wherever it is looked at.
"""
from datetime import datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_zone: tzinfo | None = None


def use(name: str) -> None:
    """Show times in this zone from now on, 'Europe/Berlin'; empty is this machine's."""
    global _zone
    _zone = ZoneInfo(name) if name else None


def local(at: float) -> datetime:
    """Return the local date and time. `at` : seconds since the epoch. [s]"""
    return datetime.fromtimestamp(at, timezone.utc).astimezone(_zone)


def milliseconds(at: float) -> int:
    """Return where a chart draws a time `at` [s]: local time counted as UTC. [ms]"""
    return round((at + local(at).utcoffset().total_seconds()) * 1e3)


def day_start(at: float) -> float:
    """Return when the local day of `at` began. Both in [s]."""
    return local(at).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()


def month_start(at: float) -> float:
    """Return when the local month of `at` began. Both in [s]."""
    return local(at).replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()


def next_time(at: float, minute: int) -> float:
    """Return when it is next that local minute of the day, after `at`. Both times in [s]."""
    today = local(at).replace(hour=minute // 60, minute=minute % 60, second=0, microsecond=0, fold=0)
    found = today if today.timestamp() > at else today + timedelta(days=1)
    return found.timestamp()
