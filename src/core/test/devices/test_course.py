"""A day told in a few statistics."""
import math
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.devices.course import EVERY, RESTING, Course, Minutes, minutes_of, power_of


def day(powers, rest=2.0, peak=100.0, spread=math.nan) -> Course:
    course = Course(rest, peak)
    for power in powers:
        course.minute(power, spread)
    return course


def told(course, name):
    return (minutes_of if name in ('run', 'pause') else power_of)(course.worst[name])


def test_runs_pauses_and_starts():
    course = day([2.0] * 30 + [90.0] * 20 + [2.0] * 50 + [90.0] * 35)
    assert (told(course, 'run'), told(course, 'pause')) == (pytest.approx(35), pytest.approx(50))
    assert course.starts == 2 and course.run == 35 and course.pause == 0


def test_the_peak_must_last_two_minutes():
    assert told(day([2.0, 500.0, 2.0, 100.0, 80.0, 2.0]), 'peak') == pytest.approx(80)


def test_energy_is_of_the_whole_day_and_burst_of_three_hours():
    course = day([0.0] * 300 + [120.0] * 90 + [0.0] * 300)
    assert told(course, 'burst') == pytest.approx(60) and told(course, 'energy') == pytest.approx(120 * 90 / 1440)


def test_standby_is_the_median_of_the_last_minutes_at_rest():
    powers = [2.0] * RESTING + [90.0] * 100 + [5.0] * (RESTING // 2 + EVERY)
    assert told(day(powers), 'standby') == pytest.approx(5.0)


def test_noise_is_of_what_is_on_and_not_of_switching():
    quiet, loud = (day([2.0, 2.0] + [90.0] * 60, spread=spread) for spread in (0.9, 27.0))
    assert math.exp(loud.worst['noise']) - 0.02 == pytest.approx(0.3)
    assert math.exp(quiet.worst['noise']) - 0.02 == pytest.approx(0.01)
    assert 'noise' not in day([2.0] * 200, spread=1.0).worst
    assert 'noise' not in day([2.0, 90.0] * 100, spread=27.0).worst     # only ever the minute of switching on
    assert 'noise' in day([90.0] * 200, rest=88.0, spread=1.0).worst    # always on


def test_the_level_is_of_what_is_on():
    assert power_of(day([2.0] * 500 + [90.0] * 11).level()) == pytest.approx(90)
    assert power_of(day([8.0] * 500, rest=8.0, peak=8.5).level()) == pytest.approx(8)
    assert math.isnan(day([0.0] * 500).level())


def test_what_lasts_goes_on_over_midnight_and_not_over_a_gap():
    course = day([90.0] * 40)
    course.next_day()
    assert course.worst == {} and course.begun == (40, 0, [90.0] * 40)
    course.minute(90.0)
    assert told(course, 'run') == pytest.approx(41)
    course.gap()
    course.minute(90.0)
    assert course.run == 1


@given(st.lists(st.floats(0, 4000), min_size=1, max_size=400))
def test_within_a_day_a_statistic_only_grows(powers):
    course, before = Course(2.0, 100.0), {}
    for power in powers:
        course.minute(power, power / 10)
        assert all(course.worst[name] >= value for name, value in before.items())
        before = dict(course.worst)
    assert all(course.now[name] <= course.worst[name] for name in course.worst if name in course.now)
    assert course.rest() <= median(powers) + 1e-9


@pytest.mark.parametrize('step', [1.0, 5.0, 30.0, 60.0])
def test_whole_minutes_of_readings_of_any_rate(step):
    minutes, out = Minutes(), []
    for k in range(1, int(600 / step) + 1):
        whole = minutes.add(6000.0 + k * step, step, 100.0 + (k % 2))
        out += [whole] if whole else []
    assert len(out) == 9 and [end for end, _, _ in out] == [6060.0 + 60 * k for k in range(9)]
    assert all(mean == pytest.approx(100.5, abs=0.51) for _, mean, _ in out)
    assert all(spread == pytest.approx(0.5, abs=0.01) for _, _, spread in out) == (step <= 5.0)


def test_a_minute_hardly_seen_is_left_out():
    minutes = Minutes()
    assert minutes.add(6010.0, 10.0, 5.0) is None and minutes.add(6090.0, 10.0, 5.0) is None
