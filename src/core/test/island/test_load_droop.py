"""A load's own answer to an overload: what it reads from frequency and voltage, and the fleet without messages."""
import math
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.island.load_droop import (
    FREE,
    STEP,
    LoadDroop,
    LoadDroopSettings,
    drawn,
    order,
    place_of_class,
    places,
)
from hearthgrid_core.island.shedding import WEIGHTS, Offer, ShedSettings, shed
from hearthgrid_core.outlet.schedule import Priority
from hearthgrid_core.sim.overload import overload

LIMITING = LoadDroopSettings(power_max=4000.0, limit_rate=10.0, filter_time=0.0)
DROOPING = replace(LIMITING, limit_rate=0.0)
FIRST, MIDDLE, LAST = 0.0, 1000.0, 8000.0     # places [W]
HOLD = [50.0] * 6


def off(settings, frequencies, place, volts=230.0, armed=True):
    """Whether the load is off at the end, and how much overload it has seen."""
    rule, voltages = LoadDroop(settings), np.broadcast_to(volts, len(frequencies))
    for k, (f, v) in enumerate(zip(frequencies, voltages, strict=True)):
        answer = rule.step(k * STEP, f, v, place, armed)
    return answer, round(rule.seen / (1 + settings.hearsay) - settings.margin * (rule.seen > 0), 3)


def fall(rate, start=50.0, looks=8):
    """A frequency that falls [Hz/s]."""
    return [start - rate * STEP * k for k in range(looks)]


@pytest.mark.parametrize('settings, frequencies, overload_seen', [
    (LIMITING, HOLD, 0.0),
    (LIMITING, [49.5] * 8, 0.0),                            # full, or an offset of secondary control: no matter
    (LIMITING, fall(2.0), 0.2),                             # 2 Hz/s at 10 Hz/s per overload
    (LIMITING, fall(2.0, 49.2), 0.2),
    (LIMITING, fall(0.4), 0.0),                             # too small for a look …
    (LIMITING, fall(0.4, looks=24), 0.04),                  # … not for many
    (LIMITING, fall(0.1, looks=40), 0.0),
    (LIMITING, fall(-2.0), 0.0),
    (LIMITING, [50.0, 50.0, 50.0, 49.7, 49.7, 49.7, 49.7], 0.0),    # a step of load, no overload
    (LIMITING, [50.0, 50.0, 49.98, 50.0, 50.0, 50.0], 0.0),         # a look astray
    (LIMITING, [math.nan] * 8, 0.0),
    (DROOPING, [49.5] * 8, 0.0),                            # just full
    (DROOPING, [49.4] * 8, 0.2),                            # 0.5 Hz for full
    (DROOPING, [49.0] * 8, 1.0),
    (DROOPING, [49.9] * 8, 0.0),
])
def test_what_the_frequency_tells(settings, frequencies, overload_seen):
    answer, seen = off(settings, frequencies, FIRST)
    assert seen == pytest.approx(overload_seen, abs=0.002)
    assert answer is (overload_seen > 0)
    assert off(settings, frequencies, LAST)[0] is False


def test_only_those_within_the_overload_go():
    assert off(LIMITING, fall(2.0), MIDDLE) == (True, 0.2)      # (0.2 + 0.07) · 1.05 · 4 kW
    assert off(LIMITING, fall(2.0), 1135.0) == (False, 0.2)


@pytest.mark.parametrize('volts, over', [(0.7, 0.0), (0.8, 0.0), (0.94, 0.0)])
def test_at_the_current_limit_the_voltage_tells(volts, over):
    expected = 2.0 * volts / drawn(volts / FREE, LIMITING.exponent) - 1 if volts < LIMITING.sag else over
    assert off(LIMITING, HOLD, FIRST, volts * 230.0)[1] == pytest.approx(expected, abs=0.001)
    coming_back = np.linspace(volts, volts + 0.05, len(HOLD))
    rule = LoadDroop(LIMITING)
    rule.seen = 0.5
    rule._loud = 0.0
    for k, v in enumerate(coming_back):
        rule.step(k * STEP, 50.0, v * 230.0, FIRST)
    assert rule.seen == 0.5, 'a voltage on its way back is no new overload'


def test_a_sagging_voltage_hides_load_that_comes_back_with_it():
    """The inverter near its current limit: what is measured is drawn at a low voltage."""
    assert off(LIMITING, fall(9.0), MIDDLE, 0.98 * 230.0)[1] == pytest.approx(0.9, abs=0.001)
    hidden = 1.9 / (0.94 / FREE)**LIMITING.exponent - 1
    assert off(LIMITING, fall(9.0), MIDDLE, 0.94 * 230.0)[1] == pytest.approx(hidden, abs=0.001)


def test_a_low_voltage_alone_is_no_overload():
    rule = LoadDroop(LIMITING)
    assert not any(rule.step(k * STEP, 49.5, 0.94 * 230.0, FIRST) for k in range(200))
    assert rule.seen == 0.0


@pytest.mark.parametrize('step, told', [(0.005, True), (0.018, True), (0.03, False)])
def test_a_voltage_the_current_limit_still_lowers_is_told_one_that_dies_is_not(step, told):
    volts = 0.91 - step * np.arange(6)
    answer, seen = off(LIMITING, [49.5] * 6, FIRST, volts * 230.0)
    assert answer == told
    if told:
        assert seen == pytest.approx(2.0 * volts[4] / drawn(volts[4] / FREE, LIMITING.exponent) - 1, abs=0.02)


def test_a_steep_fall_that_still_steepens_a_little_is_told():
    """After a transfer the proportional part fades while the frequency already falls."""
    slopes = np.array([0.0] * 4 + [0.070, 0.082, 0.090, 0.091])
    assert off(LIMITING, 50.0 - np.cumsum(slopes), MIDDLE)[0]


def test_noise_alone_sheds_nothing_in_ten_minutes():
    rng, rules = np.random.default_rng(3), [LoadDroop(LoadDroopSettings()), LoadDroop(DROOPING)]
    for k in range(60_000):
        for rule in rules:
            assert not rule.step(k * STEP, 49.52 + rng.normal(0.0, 0.001), 230.0, FIRST)


def test_a_voltage_just_under_and_a_steep_fall_are_told_at_once():
    """Above `sag` the current limit may be at work already: nobody waits for the fall to become straight."""
    bent = 50.0 - np.cumsum([0.0, 0.0, 0.4, 0.6, 0.05, 0.07, 0.08])
    volts = np.array([0.99, 0.99, 0.94, 0.93, 0.929, 0.929, 0.929])
    answer, seen = off(LIMITING, bent, MIDDLE, volts * 230.0)
    assert answer and 0.95 < seen < 1.15
    assert off(LIMITING, bent, MIDDLE)[0] is False, 'the same fall at a sound voltage waits'


def test_of_two_looks_the_larger_counts():
    """Others may act between them."""
    slopes = [0.02] * 6 + [0.014]
    assert off(LIMITING, 50.0 - np.cumsum([0.0] * 4 + slopes), FIRST)[1] >= 0.2 - 1e-9


def test_unarmed_or_dead_it_holds():
    assert off(LIMITING, fall(3.0), FIRST, armed=False) == (False, 0.0)
    assert off(LIMITING, [math.nan] * 8, FIRST, volts=0.0) == (False, 0.0)


def test_after_a_calm_it_is_forgotten():
    rule = LoadDroop(LIMITING)
    for k, f in enumerate([*fall(2.0), *[49.9] * 250]):
        answer = rule.step(k * STEP, f, 230.0, FIRST)
        if k == 100:
            assert answer
    assert not answer and rule.seen == 0.0


def test_places_are_unique_and_in_order():
    loads = [Offer('a', Priority.MEDICAL, 0, 50.0), Offer('b', Priority.COMFORT, 0, 100.0),
             Offer('c', Priority.COMFORT, 3, 70.0), Offer('d', Priority.COMFORT, 3, 60.0),
             Offer('e', Priority.UNKNOWN, 3, 90.0)]
    assert [o.outlet for o in order(loads)] == ['d', 'c', 'e', 'b', 'a']
    assert places(loads) == {'d': 0.0, 'c': 60.0, 'e': 130.0, 'b': 220.0, 'a': 320.0}
    assert places(loads[::-1]) == places(loads)


def test_a_place_without_having_heard_of_anyone():
    ranked = [(c, r) for c in list(Priority)[:0:-1] for r in range(15, -1, -1)]
    found = [place_of_class(c, r, 4800.0) for c, r in ranked]
    assert found == sorted(found) and len(set(found)) == len(found)
    assert found[0] == 0.0 and found[-1] < 4800.0
    assert place_of_class(Priority.UNKNOWN, 99, 4800.0) == 0.0


def home(seed):
    rng = np.random.default_rng([seed, 5])
    loads = [Offer(str(k), Priority(int(rng.integers(1, 7))), int(rng.integers(0, 3)),
                   float(np.clip(rng.lognormal(5.0, 1.2), 5, 3000))) for k in range(60)]
    heard = [replace(o, demand=o.demand * rng.uniform(0.9, 1.1)) for o in loads]
    total = sum(o.demand for o in loads)
    return rng, loads, places(heard), total, total / rng.uniform(1.1, 1.9)


@pytest.mark.parametrize('seed', range(4))
@pytest.mark.parametrize('rate, filter_time', [(10.0, 0.01), (0.0, 0.03)])
def test_a_fleet_clears_an_overload_and_keeps_what_matters(seed, rate, filter_time):
    rng, loads, told, total, most = home(seed)
    settings = LoadDroopSettings(power_max=most, limit_rate=rate, filter_time=filter_time)
    before = total if seed % 2 else 0.7 * most
    end = overload(settings, loads, told, before, rng, transfer=bool(seed % 2), offset=0.3 if rate else 0.0)
    best = shed(loads, most, settings=ShedSettings(slack=0.0))
    worth = [sum(WEIGHTS[o.priority] * o.demand for o in loads if (o.outlet in kept)) for kept in
             ({o.outlet for o in loads} - end.shed, best)]
    assert end.cleared <= (0.1 if rate else 0.35)
    assert worth[0] >= 0.9 * worth[1]


@pytest.mark.parametrize('rate', [10.0, 0.0])
def test_a_fleet_with_enough_power_sheds_nothing(rate):
    rng, loads, told, total, _ = home(9)
    settings = LoadDroopSettings(power_max=1.15 * total, limit_rate=rate, filter_time=0.01 if rate else 0.03)
    for before, transfer in ((0.3 * total, False), (total, True)):
        assert overload(settings, loads, told, before, rng, transfer).shed == frozenset()
