"""Weekly rules against a minute-by-minute reading of what they say."""
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.outlet import OFF, Band, Entry, Schedule

MON, SUN, ALL = 1, 64, 127
entries = st.builds(Entry, st.integers(1, 127), st.integers(0, 1439), st.integers(0, 1439), st.just(False))


@pytest.mark.parametrize('entry, weekday, hour, holds', [
    (Entry(MON, 7 * 60, 9 * 60, True), 0, 7.0, True),
    (Entry(MON, 7 * 60, 9 * 60, True), 0, 9.0, False),       # the end is exclusive
    (Entry(MON, 7 * 60, 9 * 60, True), 1, 8.0, False),
    (Entry(MON, 22 * 60, 6 * 60, False), 0, 23.0, True),
    (Entry(MON, 22 * 60, 6 * 60, False), 1, 5.99, True),     # of the night that began on Monday
    (Entry(MON, 22 * 60, 6 * 60, False), 0, 5.0, False),     # of the night that began on Sunday
    (Entry(MON, 22 * 60, 6 * 60, False), 1, 23.0, False),
    (Entry(SUN, 22 * 60, 6 * 60, False), 0, 5.0, True),      # the week is a ring
    (Entry(MON, 600, 600, True), 0, 10.0, True),             # a whole day
    (Entry(MON, 600, 600, True), 1, 9.99, True),
    (Entry(MON, 600, 600, True), 1, 10.0, False),
    (Entry(ALL, 0, 0, True), 3, 0.0, True),
])
def test_when_a_rule_holds(entry, weekday, hour, holds):
    assert entry.holds(weekday, int(hour * 60)) is holds


@given(entries, st.integers(0, 6), st.integers(0, 1439))
def test_a_rule_holds_in_the_minutes_it_names(entry, weekday, minute):
    length = (entry.end - entry.start) % 1440 or 1440
    week = {(day * 1440 + entry.start + k) % 10080 for day in range(7) if entry.days >> day & 1 for k in range(length)}
    assert entry.holds(weekday, minute) == (weekday * 1440 + minute in week)


@pytest.mark.parametrize('hour, band', [
    (3, None),                                  # nothing is said
    (8, Band(1.0, math.inf)),
    (10, OFF),                                  # the last of those that hold
    (13, Band(1.0, 800.0)),
])
def test_the_last_rule_that_holds_counts(hour, band):
    schedule = Schedule((Entry(ALL, 7 * 60, 12 * 60, True), Entry(ALL, 9 * 60, 12 * 60, False),
                         Entry(ALL, 12 * 60, 14 * 60, True, 800.0)))
    entry = schedule.at(2, hour * 60)
    assert (entry.band if entry else None) == band


@pytest.mark.parametrize('days, start, end, on, cap', [
    (0, 0, 1, True, 1.0), (128, 0, 1, True, 1.0), (1, -1, 1, True, 1.0), (1, 0, 1440, True, 1.0),
    (1, 1440, 0, True, 1.0),
    (1, 0, 1, True, -1.0), (1, 0, 1, True, math.nan), (1, 0, 1, True, 0.0)])
def test_what_is_no_rule_is_refused(days, start, end, on, cap):
    with pytest.raises(ValueError):
        Entry(days, start, end, on, cap)


def test_a_schedule_is_bounded():
    with pytest.raises(ValueError, match='33 entries; a schedule holds 32'):
        Schedule((Entry(ALL, 0, 0, True),) * 33)


@given(st.lists(entries, max_size=32))
def test_plain_data_gives_the_schedule_back(rows):
    schedule = Schedule((*rows[:31], Entry(ALL, 0, 60, True, 750.5)))
    assert Schedule.from_list(schedule.to_list()) == schedule


@pytest.mark.parametrize('rows', [[{}], ['x'], 5, [{'days': 'x', 'start': 0, 'end': 0, 'on': 1, 'power_max': None}],
                                  [{'days': 1, 'start': 0, 'end': 0, 'on': True, 'power_max': -3}]])
def test_damaged_data_is_an_error(rows):
    with pytest.raises(ValueError):
        Schedule.from_list(rows)


def test_a_rule_reads_like_one():
    assert str(Entry(1 + 16, 22 * 60, 6 * 60 + 5, False)) == 'Mon Fri 22:00–06:05 off'
