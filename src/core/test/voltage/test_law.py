"""The law as a table of situations, and as promises that hold on any day."""
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.voltage import EN_50160, Cause, Law, LawSettings

S = LawSettings(margin_first=0.0, accuracy=0.0, margin_min=0.005, dwell=60.0, settle=0.0, hysteresis=0.0,
                operations_max=1000.0)
MINUTE, DAY = 60.0, 86400.0


class Feeder:
    """One feeder whose voltages follow the tap exactly, with one minute's delay."""

    def __init__(self, chosen=S):
        self.law, self.tap, self.now, self.operations = Law(chosen), 0, 0.0, 0
        self.settings = chosen

    def minute(self, low, high=None, valid=True):
        """low, high : at the neutral tap [1]. Return the cause and where the lowest outlet was."""
        raised = self.tap * self.settings.step
        high = low if high is None else high
        target, cause = self.law.step(self.now, np.array([low + raised]), np.array([high + raised]),
                                      np.array([self.tap]), np.array([valid]))
        self.operations += abs(int(target[0]) - self.tap)
        self.tap, self.now = int(target[0]), self.now + MINUTE
        return Cause(cause[0]), low + raised

    def minutes(self, count, low, high=None, valid=True):
        return [self.minute(low, high, valid)[0] for _ in range(count)]


def test_a_steady_feeder_goes_as_low_as_limit_and_margins_allow():
    feeder = Feeder()
    causes = feeder.minutes(300, 1.03)
    low = 1.03 + feeder.tap * S.step
    assert S.voltage_min + S.margin_min <= low <= S.voltage_min + S.margin_min + 2.2 * S.step
    assert Cause.LOWER in causes and causes[-1] is Cause.HOLD and Cause.RAISE not in causes


@pytest.mark.parametrize('low, high, tap, cause', [
    (0.93, 0.96, 4, Cause.RAISE),       # 0.95 + 0.005 wants 4 taps of 0.00625
    (0.99, 1.07, -4, Cause.CUT),        # PV: the highest outlet at 1.05 - 0.005
    (0.93, 1.06, 1, Cause.SPREAD),      # 4 taps up for one, 3 down for the other: between
    (1.00, 1.01, 0, Cause.DWELL),       # well within: a saving move waits, below
])
def test_the_first_minute_of_a_situation(low, high, tap, cause):
    feeder = Feeder(LawSettings(margin_first=0.0, accuracy=0.0, margin_min=0.005, settle=600.0))
    said, _ = feeder.minute(low, high)
    assert said is cause and abs(feeder.tap - tap) <= (cause is Cause.SPREAD)


def test_limits_are_those_of_the_country():
    low, high = EN_50160
    feeder = Feeder(LawSettings(voltage_min=low, voltage_max=high, margin_first=0.0, settle=0.0, dwell=60.0,
                                operations_max=1000.0))
    feeder.minutes(1500, 1.0)
    assert 0.90 < 1.0 + feeder.tap * feeder.settings.step < 0.925


def test_what_changes_suddenly_is_kept_away_from():
    """A load that costs 0.015 within a minute: the lowest outlet stays above the limit through it."""
    feeder = Feeder(LawSettings(dwell=60.0, settle=0.0, operations_max=1000.0))
    lows = []
    for k in range(2 * 1440):
        lows.append(feeder.minute(1.03 - 0.015 * (k % 120 >= 90))[1])
    assert min(lows) >= 0.95
    assert np.mean(lows[1440:]) < 1.0, 'and yet it is lowered'
    assert feeder.law.margins[0][0] >= 0.015


def test_a_forgotten_change_gives_its_room_back():
    law = Feeder(LawSettings(memory=0.1, margin_first=0.0))
    law.minutes(10, 1.0)
    law.minutes(5, 0.96)
    wide = law.law.margins[0][0]
    law.minutes(1440, 0.96)
    assert law.law.margins[0][0] < 0.5 * wide


def test_where_both_limits_are_near_each_side_keeps_the_same_share_of_its_margin():
    """A load of 0.03 at the far end comes and goes while PV holds the near end high."""
    feeder = Feeder(LawSettings(margin_first=0.0, operations_max=1000.0))
    feeder.minutes(60, 0.99, 1.0)
    feeder.minutes(5, 0.96, 0.999)
    feeder.minutes(5, 0.99, 1.0)
    for high in np.linspace(1.0, 1.03, 60):
        cause, _ = feeder.minute(0.965, high)
    assert cause is Cause.SPREAD
    below, above = (float(m[0]) for m in feeder.law.margins)
    assert below > 2 * above
    low, high = (v + feeder.tap * S.step for v in (0.965, 1.03))
    shares = (low - 0.95) / below, (1.05 - high) / above
    for other in (-1, 1):
        moved = (low + other * S.step - 0.95) / below, (1.05 - high - other * S.step) / above
        assert min(shares) >= 0.8 * min(moved)


def test_where_both_limits_are_near_a_tap_is_not_moved_for_a_trifle():
    feeder = Feeder(LawSettings(margin_first=0.0, margin_min=0.03, operations_max=1000.0))
    feeder.minutes(3, 0.98, 1.02)
    before, moves = feeder.tap, 0
    for k in range(60):
        cause, _ = feeder.minute(0.98 + 0.0012 * (-1)**k, 1.02 + 0.0012 * (-1)**k)
        assert cause is Cause.SPREAD
        moves, before = moves + (feeder.tap != before), feeder.tap
    assert moves <= 1


def test_the_first_day_is_kept_away_from_longer_and_goes_slowly():
    feeder, margins = Feeder(LawSettings()), []
    for _ in range(6):
        margins.append(feeder.law.margins[0][0])
        feeder.minutes(1440, 1.0)
    assert margins[0] == pytest.approx(0.042) and margins[1] == pytest.approx(0.042, abs=1e-4)
    assert margins[1] > margins[2] > margins[3] > 0.012 and margins[4] == margins[5] == pytest.approx(0.012)
    assert feeder.law.margins[1][0] == margins[5]


def test_the_first_day_expects_more_downwards_than_upwards():
    below, above = Feeder(LawSettings()).law.margins
    assert below[0] > above[0] > 0.02


def test_unseen_the_tap_goes_to_the_middle_of_what_the_hour_brought():
    feeder = Feeder(LawSettings(margin_first=0.0, patience=120.0, operations_max=1000.0))
    feeder.minutes(120, 0.99, 1.03)
    feeder.minutes(10, 0.99, 1.03, valid=False)
    below, above = 0.99 + feeder.tap * S.step - 0.95, 1.05 - 1.03 - feeder.tap * S.step
    assert abs(below - above) <= S.step


def test_on_a_first_evening_the_retreat_goes_by_the_last_hours_not_by_noon():
    feeder = Feeder(LawSettings(patience=120.0, operations_max=1000.0))
    feeder.minutes(9 * 60, 1.0, 1.02)
    feeder.minutes(6 * 60, 1.06, 1.09)                  # sun
    feeder.minutes(5 * 60 - 30, 0.99, 1.01)
    feeder.minutes(180, 0.99, 1.01, valid=False)        # from 19:30 on
    assert abs(feeder.tap) <= 1


def test_the_allowance_bounds_what_saving_costs():
    chosen = LawSettings(operations_max=6.0, dwell=60.0, settle=0.0, hysteresis=0.0, margin_first=0.0)
    feeder, days = Feeder(chosen), 2
    rng = np.random.default_rng(4)
    causes = []
    for k in range(days * 1440):
        swing = 0.02 * math.sin(k / 40) + 0.002 * rng.standard_normal()
        causes.append(feeder.minute(1.02 + swing)[0])
    assert Cause.WORN in causes
    assert feeder.operations <= chosen.operations_max * (days + 1)


def test_a_used_up_allowance_does_not_stop_a_raise():
    feeder = Feeder(LawSettings(operations_max=2.0, margin_first=0.0, dwell=60.0, settle=0.0))
    for low in (1.02, 0.94, 0.93, 0.92, 0.91):
        feeder.minutes(30, low)
    assert feeder.law.allowance[0] < 0 and 0.91 + feeder.tap * S.step >= 0.95


def test_lost_telemetry_holds_then_retreats_to_what_served_the_hour_then_needs_time():
    chosen = LawSettings(margin_first=0.0, dwell=60.0, settle=600.0, patience=120.0, operations_max=1000.0)
    feeder = Feeder(chosen)
    feeder.minutes(1080, 1.03)
    evening = np.repeat([*np.linspace(1.03, 0.99, 18), *np.linspace(0.99, 1.03, 18)], 10)
    for low in evening:
        feeder.minute(low)
    feeder.minutes(1000, 1.03)                                                  # it is 16:40
    low_tap = feeder.tap
    assert feeder.minutes(2, 1.03, valid=False)[-1] is Cause.BLIND and feeder.tap == low_tap
    assert feeder.minutes(10, 1.03, valid=False)[-1] is Cause.RETREAT and low_tap < feeder.tap < 0, 'as yesterday'
    feeder.minutes(68, 1.03, valid=False)
    assert min(feeder.minute(low, valid=False)[1] for low in evening) >= 0.95, 'the evening is served unseen'
    feeder.minutes(960, 1.03, valid=False)
    held = feeder.tap
    assert set(feeder.minutes(9, 1.03)) == {Cause.DWELL} and feeder.tap == held
    feeder.minutes(100, 1.03)
    assert feeder.tap < held


def test_who_never_saw_anything_stays_neutral():
    feeder = Feeder()
    assert feeder.minutes(10, 1.0, valid=False)[-1] is Cause.RETREAT and feeder.tap == 0


def test_who_starts_anew_takes_the_tap_over():
    feeder = Feeder(LawSettings())
    feeder.tap = -3
    assert feeder.minutes(4, 1.03)[-1] in (Cause.HOLD, Cause.DWELL) and feeder.tap == -3


def test_garbage_of_the_invalid_is_not_looked_at():
    feeder, twin = Feeder(), Feeder()
    for made, garbage in ((feeder, math.nan), (twin, 1.0)):
        made.minutes(300, 1.02)
        made.minutes(5, garbage, valid=False)
        made.minutes(300, 1.02)
    assert feeder.tap == twin.tap and feeder.law.margins[0] == twin.law.margins[0]
    assert np.isfinite(feeder.law.margins).all()


def test_time_runs_forward():
    law = Law(S)
    one = np.array([1.0]), np.array([1.0]), np.array([0]), np.array([True])
    law.step(10.0, *one)
    with pytest.raises(ValueError, match='time ran'):
        law.step(9.0, *one)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_many_feeders_at_once_are_what_each_is_alone(seed):
    rng = np.random.default_rng(seed)
    count, chosen = 4, LawSettings(dwell=120.0, settle=60.0)
    many, alone = Law(chosen, count), [Law(chosen) for _ in range(count)]
    tap = np.zeros(count, dtype=int)
    for k in range(120):
        low = 1.0 + 0.03 * rng.standard_normal(count)
        high, valid = low + 0.02 * rng.random(count), rng.random(count) < 0.8
        target, cause = many.step(60.0 * k, low, high, tap, valid)
        for j, law in enumerate(alone):
            at = slice(j, j + 1)
            t, c = law.step(60.0 * k, low[at], high[at], tap[at], valid[at])
            assert (t[0], c[0]) == (target[j], cause[j])
        tap = target


@pytest.mark.parametrize('wrong', [
    {'voltage_min': 0.7}, {'voltage_min': 1.0, 'voltage_max': 1.01}, {'tap_max': -1}, {'caution': 0.5}, {'step': 0.0}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError):
        LawSettings(**wrong)
