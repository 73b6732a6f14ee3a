"""Days on which much of Europe does not work, and the time of the year: what prices of electricity follow.

Holidays that most European markets share; a regression learns what they mean where a home is, nothing if nothing.
"""
from datetime import date, datetime, timedelta, timezone

import numpy as np

WORKDAY, SATURDAY, HOLIDAY = 0, 1, 2    # kinds of days; Sundays are holidays
FIXED = frozenset({(1, 1), (5, 1), (12, 24), (12, 25), (12, 26), (12, 31)})     # month and day
AROUND_EASTER = frozenset({-2, 0, 1, 39, 49, 50})   # Good Friday, Easter, its Monday, Ascension, Pentecost, its Monday
YEAR = 365.25 * 86400.0     # [s]
HARMONICS = 2


def easter(year: int) -> date:
    """Return Easter Sunday (Gregorian; Meeus, Jones & Butcher)."""
    golden, century, rest = year % 19, year // 100, year % 100
    epact = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * (century % 4) + 2 * (rest // 4) - epact - rest % 4) % 7
    late = (golden + 11 * epact + 22 * weekday) // 451
    days = epact + weekday - 7 * late
    return date(year, 3, 22) + timedelta(days=days)


def kinds(times: np.ndarray) -> np.ndarray:
    """Return (n,) what kind of a day each of `times` (n,) [s, UNIX epoch] lies in, in UTC."""
    return np.array([_kind(datetime.fromtimestamp(float(t), timezone.utc).date()) for t in times], dtype=int)


def weekdays(times: np.ndarray) -> np.ndarray:
    """Return (n,) weekdays, Monday 0, of `times` (n,) [s, UNIX epoch], in UTC."""
    return (np.floor(np.asarray(times) / 86400.0).astype(int) + 3) % 7


def season(times: np.ndarray) -> np.ndarray:
    """Return (n, 4) sines and cosines of the time of the year, of a year and of half a year."""
    angle = 2.0 * np.pi * np.asarray(times) / YEAR
    return np.stack([wave(k * angle) for k in range(1, HARMONICS + 1) for wave in (np.sin, np.cos)], axis=1)


def _kind(day: date) -> int:
    if day.weekday() == 6 or (day.month, day.day) in FIXED or (day - easter(day.year)).days in AROUND_EASTER:
        return HOLIDAY
    return SATURDAY if day.weekday() == 5 else WORKDAY
