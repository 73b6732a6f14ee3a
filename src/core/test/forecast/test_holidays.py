from datetime import date, datetime, timezone

import numpy as np
import pytest

from hearthgrid_core.forecast.holidays import HOLIDAY, SATURDAY, WORKDAY, easter, kinds, season, weekdays


def moment(*when: int) -> float:
    return datetime(*when, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize('day', [date(1818, 3, 22), date(1943, 4, 25), date(1954, 4, 18), date(1981, 4, 19),
                                 date(2000, 4, 23), date(2016, 3, 27), date(2024, 3, 31), date(2026, 4, 5)])
def test_easter(day):
    assert easter(day.year) == day


@pytest.mark.parametrize('when, kind', [
    ((2026, 11, 23), WORKDAY), ((2026, 11, 21), SATURDAY), ((2026, 11, 22), HOLIDAY), ((2026, 1, 1, 23, 59), HOLIDAY),
    ((2026, 1, 2, 0, 0), WORKDAY), ((2026, 4, 3), HOLIDAY), ((2026, 4, 6), HOLIDAY), ((2026, 4, 7), WORKDAY),
    ((2026, 5, 14), HOLIDAY), ((2026, 5, 25), HOLIDAY), ((2026, 12, 26), HOLIDAY)])
def test_kinds_of_days(when, kind):
    assert kinds(np.array([moment(*when)])) == [kind]


def test_weekdays_are_those_of_the_calendar():
    times = np.array([moment(1969, 12, 30), moment(1970, 1, 1), moment(2026, 11, 23, 23)])
    assert weekdays(times).tolist() == [datetime.fromtimestamp(t, timezone.utc).weekday() for t in times]


def test_the_season_comes_back_after_a_year():
    times = moment(2025, 3, 1) + 86400 * np.array([0.0, 365.25, 182.625])
    first, later, half = season(times)
    assert np.allclose(first, later) and np.allclose(half, first * [-1, -1, 1, 1])
