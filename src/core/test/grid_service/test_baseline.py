"""Day matching with adjustment, against days whose answer is known."""
import math
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.grid_service import BaselineSettings, PowerLog, baseline, delivered

HOUR, DAY, BERLIN = 3600.0, 86_400.0, ZoneInfo('Europe/Berlin')
RULES = BaselineSettings()


def at(day, hour, month=5, year=2024) -> float:
    return datetime(year, month, day, tzinfo=BERLIN).timestamp() + hour * HOUR


def log_of(power, first, last) -> PowerLog:
    """Return a log in which `power(local time)` [W] held."""
    log = PowerLog()
    for quarter in range(int(first // 900), int(last // 900)):
        log.means[quarter] = power(datetime.fromtimestamp(quarter * 900, BERLIN))
    return log


EVENT = at(29, 17), at(29, 19)      # Wednesday 2024-05-29


def test_a_home_that_is_the_same_every_day_delivers_nothing():
    log = log_of(lambda t: 100.0 * t.hour, at(1, 0), at(30, 0))
    base = baseline(log, *EVENT, [], RULES, BERLIN)
    assert base.power == (1700.0,) * 4 + (1800.0,) * 4 and (base.days, base.factor) == (10, 1.0)
    assert delivered(log, base) == (0.0,) * 8


def test_what_is_drawn_less_is_delivered():
    log = log_of(lambda t: 400.0 if t.date() == date(2024, 5, 29) and t.hour in (17, 18) else 1000.0,
                 at(1, 0), at(30, 0))
    assert delivered(log, baseline(log, *EVENT, [], RULES, BERLIN)) == pytest.approx((600.0,) * 8)


@pytest.mark.parametrize('share, factor', [(1.1, 1.1), (0.9, 0.9), (1.5, 1.2), (0.2, 0.8)])
def test_the_day_itself_scales_within_a_fifth(share, factor):
    log = log_of(lambda t: 1000.0 * (share if t.date() == date(2024, 5, 29) else 1.0), at(1, 0), at(29, 16))
    base = baseline(log, *EVENT, [], RULES, BERLIN)
    assert base.factor == pytest.approx(factor) and base.power[0] == pytest.approx(1000.0 * factor)


def test_the_hour_before_the_event_does_not_scale():
    """Who pre-cools, or stops early, must not move his own baseline."""
    log = log_of(lambda t: 5000.0 if t.date() == date(2024, 5, 29) and t.hour == 16 else 1000.0, at(1, 0), at(30, 0))
    assert baseline(log, *EVENT, [], RULES, BERLIN).factor == 1.0


def test_days_of_events_and_of_the_other_half_of_the_week_are_left_out():
    def power(t):
        return 9000.0 if t.weekday() >= 5 or t.date() == date(2024, 5, 28) else 1000.0

    log = log_of(power, at(1, 0), at(30, 0))
    assert baseline(log, *EVENT, [date(2024, 5, 28)], RULES, BERLIN).power[0] == 1000.0
    sunday = baseline(log, at(26, 17), at(26, 18), [], RULES, BERLIN)
    assert sunday.power[0] == 9000.0 and sunday.days == 4


def test_too_few_days_give_no_baseline_and_say_so():
    log = log_of(lambda t: 1000.0, at(23, 0), at(30, 0))
    base = baseline(log, *EVENT, [], RULES, BERLIN)
    assert all(math.isnan(value) for value in base.power) and base.reason == '4 similar days, 5 are needed'
    assert all(math.isnan(value) for value in delivered(log, base))


def test_a_home_that_exports_is_not_scaled():
    log = log_of(lambda t: -1000.0, at(1, 0), at(30, 0))
    assert baseline(log, *EVENT, [], RULES, BERLIN).factor == 1.0


def test_the_clock_on_the_wall_counts():
    """Two days after summer time began, the same hour of the days before lies an hour later in UTC."""
    log = log_of(lambda t: 100.0 * t.hour, at(1, 0, 3), at(3, 0, 4))
    assert baseline(log, at(2, 17, 4), at(2, 18, 4), [], RULES, BERLIN).power == (1700.0,) * 4


def test_the_log_takes_means_by_time_and_wants_half_of_a_quarter():
    log = PowerLog()
    for second, power in [(0, 0.0), (30, 100.0), (60, 300.0), (120, 0.0), (900, 0.0), (901, 0.0), (1800, 0.0)]:
        log.add(second, power, longest=1000.0)
    assert log.means[0] == pytest.approx((30 * 100 + 30 * 300) / 900)
    gap = PowerLog()
    for second in (0.0, 100.0, 800.0, 950.0):
        gap.add(second, 1000.0, longest=200.0)
    assert gap.means == {}, 'less than half of the quarter was heard'


@given(st.lists(st.tuples(st.floats(0.1, 50.0), st.floats(-5e3, 5e3)), min_size=1, max_size=200))
def test_the_log_agrees_with_a_plain_sum(course):
    log, now, pieces = PowerLog(), 0.0, []
    log.add(0.0, 0.0)
    for step, power in course:
        pieces.append((now, now + step, power))
        now += step
        log.add(now, power)
    for quarter, mean in log.means.items():
        parts = [(min(b, (quarter + 1) * 900) - max(a, quarter * 900), p) for a, b, p in pieces]
        parts = [(length, p) for length, p in parts if length > 0]
        assert mean == pytest.approx(sum(n * p for n, p in parts) / sum(n for n, _ in parts), abs=1e-6)


@pytest.mark.parametrize('power', [math.nan, math.inf])
def test_the_log_takes_no_nonsense(power):
    log = PowerLog()
    log.add(0.0, 1.0)
    log.add(1.0, power)
    log.add(2.0, 1.0)
    assert log._energy == pytest.approx(2.0)
