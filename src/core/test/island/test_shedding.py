"""What is kept on too little power: against HiGHS, against all subsets, and by hand."""
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from hearthgrid_core.island.shedding import CRITICAL, WEIGHTS, Offer, Shedder, ShedSettings, shed
from hearthgrid_core.outlet.schedule import Priority

MEDICAL, FRIDGE, SAFETY, ESSENTIAL, DEFERRABLE, COMFORT = list(Priority)[1:]
EXACT = ShedSettings(slack=0.0)


def offers(*rows):
    return [Offer(outlet, priority, rank, demand) for outlet, priority, rank, demand in rows]


HOME = offers(('cpap', MEDICAL, 0, 40), ('fridge', FRIDGE, 0, 120), ('router', SAFETY, 0, 10), ('lamp', SAFETY, 0, 12),
              ('hob', ESSENTIAL, 0, 1800), ('washer', DEFERRABLE, 0, 500), ('tv', COMFORT, 0, 110),
              ('console', COMFORT, 1, 100), ('heater', Priority.UNKNOWN, 1, 1500))


@pytest.mark.parametrize('available, shed_now', [
    (4192, ''),
    (4191, 'console'),                          # of two equals the pair does not fit: the larger
    (2600, 'console heater'),                   # 2 592 W are on, 8 W left
    (2500, 'tv console heater'),
    (2481, 'washer heater'),                    # the television takes what the washer cannot
    (1900, 'hob heater'),                       # nothing waits for a place it cannot fill
    (182, 'hob washer tv console heater'),
    (181.9, 'router hob washer tv console heater'),
    (60, 'fridge router hob washer tv console heater'),
    (39, 'cpap fridge hob washer tv console heater'),  # light and network fit where the medical device does not
    (0, 'cpap fridge router lamp hob washer tv console heater'),
    (-50, 'cpap fridge router lamp hob washer tv console heater'),
    (math.inf, ''),
])
def test_a_home_sheds_by_class_then_rank(available, shed_now):
    kept = shed(HOME, available, settings=EXACT)
    assert {o.outlet for o in HOME} - kept == set(shed_now.split())
    assert sum(o.demand for o in HOME if o.outlet in kept) <= max(0, available)
    assert shed(HOME[::-1], available, settings=EXACT) == kept, 'the order of arrival decides nothing'


def test_a_level_is_filled_to_the_last_watt():
    assert shed(offers(('a', COMFORT, 0, 60), ('b', COMFORT, 0, 40), ('c', COMFORT, 0, 99)), 100.0) == {'a', 'b'}


def test_limits_by_class_keep_a_margin_too():
    shedder, fridge = Shedder(ShedSettings(margin=0.1)), Offer('fridge', FRIDGE, 0, 100.0, on=False)
    assert shedder.step(0.0, [fridge], {c: 105.0 for c in Priority}).shed == {'fridge'}
    assert shedder.step(1.0, [fridge], {c: 112.0 for c in Priority}).kept == {'fridge'}


def test_a_limit_by_class_holds_the_classes_below_back():
    limits = {c: 500.0 for c in Priority} | {DEFERRABLE: 100.0, COMFORT: 90.0}
    loads = offers(('cpap', MEDICAL, 0, 40), ('fridge', FRIDGE, 0, 50), ('washer', DEFERRABLE, 0, 20),
                   ('tv', COMFORT, 0, 5))
    assert shed(loads, limits) == {'cpap', 'fridge'}
    assert shed(loads, limits | {DEFERRABLE: 110.0}) == {'cpap', 'fridge', 'washer'}


def best(loads, available):
    """All subsets."""
    levels = sorted({o.level for o in loads})
    return max(tuple(sum(o.demand for o in some if o.level == level) for level in levels)
               for n in range(len(loads) + 1) for some in itertools.combinations(loads, n)
               if sum(o.demand for o in some) <= available)


def served(loads, kept):
    return tuple(sum(o.demand for o in loads if o.level == level and o.outlet in kept)
                 for level in sorted({o.level for o in loads}))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 1), st.integers(0, 60)), max_size=9), st.integers(0, 300))
def test_all_subsets_hold_none_better(rows, available):
    loads = [Offer(str(k), Priority(c), r, float(w)) for k, (c, r, w) in enumerate(rows)]
    kept = shed(loads, available, settings=EXACT)
    assert served(loads, kept) == best(loads, available)


def lexicographic(loads, available):
    """HiGHS, level by level: the served power of each level. [W]"""
    watts = np.array([o.demand for o in loads])
    rows, low, high = [watts], [0.0], [available]
    out = []
    for level in sorted({o.level for o in loads}):
        cost = np.where([o.level == level for o in loads], watts, 0.0)
        found = milp(-cost, integrality=np.ones(len(loads)), bounds=Bounds(0, 1),
                     constraints=LinearConstraint(np.array(rows), low, high), options={'mip_rel_gap': 0.0})
        assert found.success
        out.append(round(-found.fun))
        rows, low, high = [*rows, cost], [*low, out[-1] - 0.5], [*high, np.inf]
    return tuple(out)


@pytest.mark.parametrize('seed', range(25))
def test_highs_finds_none_better(seed):
    rng = np.random.default_rng(seed)
    loads = [Offer(str(k), Priority(int(rng.integers(1, 7))), int(rng.integers(2)), float(rng.integers(5, 2500)))
             for k in range(int(rng.integers(5, 40)))]
    available = rng.uniform(0.05, 0.95) * sum(o.demand for o in loads)
    assert served(loads, shed(loads, available, settings=EXACT)) == lexicographic(loads, available)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_slack_is_bounded_and_never_of_a_critical_level(seed):
    rng = np.random.default_rng(seed)
    loads = [Offer(str(k), Priority(int(rng.integers(1, 7))), 0, float(rng.integers(5, 2500))) for k in range(30)]
    available = rng.uniform(0.05, 0.95) * sum(o.demand for o in loads)
    owed = {o.outlet: float(rng.integers(1000)) for o in loads}
    loose, tight = (shed(loads, available, owed, s) for s in (ShedSettings(slack=0.01), EXACT))
    total = [sum(WEIGHTS[o.priority] * o.demand for o in loads if o.outlet in kept) for kept in (loose, tight)]
    assert total[0] >= 0.99 * total[1]
    for priority in CRITICAL:
        mine = [o for o in loads if o.priority == priority]
        assert served(mine, loose) == served(mine, tight)


def test_the_one_most_owed_is_kept_of_equals():
    loads = offers(*((name, COMFORT, 0, 100.0) for name in 'abcd'))
    assert shed(loads, 250, {'c': 5.0, 'd': 1.0}) == {'c', 'd'}
    assert shed(loads, 250) == {'a', 'b'}
    near = offers(('a', COMFORT, 0, 1001.0), ('b', COMFORT, 0, 1000.0))
    assert shed(near, 1500, {'b': 1.0}) == {'b'}, 'a watt is not worth an unfair turn'
    assert shed(near, 1500, {'b': 1.0}, EXACT) == {'a'}


@pytest.mark.parametrize('bad', [
    lambda: Offer('a', COMFORT, 0, -1.0), lambda: Offer('a', COMFORT, 0, math.inf), lambda: Offer('a', 9, 0, 1.0),
    lambda: Offer('a', COMFORT, -1), lambda: Offer('a', COMFORT, 0, 1.0, -1.0), lambda: shed(HOME, math.nan),
    lambda: shed([HOME[0], HOME[0]], 10.0), lambda: shed(HOME, {MEDICAL: 10.0, FRIDGE: math.nan})])
def test_numbers_that_cannot_be_are_refused(bad):
    with pytest.raises(ValueError):
        bad()


def test_a_load_that_does_not_know_its_demand_counts_as_a_large_one():
    assert shed([Offer('a', COMFORT), Offer('b', COMFORT, 1, 900.0)], 1000.0) == {'b'}


def test_shedding_is_immediate_and_giving_back_waits_for_margin_and_pause():
    # available  5000 | 2600 ................................ | 4400
    # at            0 | 10    11    50: 8 W left, no change   | 51: heater back
    shedder = Shedder(ShedSettings(margin=0.04, hold=30.0, slack=0.0))
    assert shedder.step(0.0, HOME, 5000.0).shed == frozenset()
    now = shedder.step(10.0, HOME, 2600.0)
    assert (now.shed, now.overload, now.changed) == ({'console', 'heater'}, True, True)
    assert not shedder.step(11.0, HOME, 2600.0).changed
    assert not shedder.step(50.0, HOME, 2600.0).changed
    assert shedder.step(51.0, HOME, 4192.0).shed == {'heater'}, 'without the margin only what fits'
    assert not shedder.step(52.0, HOME, 4400.0).changed, 'a pause after a change'
    assert shedder.step(81.0, HOME, 4400.0).shed == frozenset()


def test_an_overload_is_answered_by_shedding_alone():
    shedder = Shedder(EXACT)
    loads = offers(('big', COMFORT, 0, 900.0), ('small', COMFORT, 0, 800.0))
    assert shedder.step(0.0, loads, 1000.0).kept == {'big'}
    assert shedder.step(1.0, loads, 850.0).kept == frozenset(), 'the small one is not switched on in an overload'
    assert shedder.step(40.0, loads, 850.0).kept == {'small'}


def test_a_critical_load_comes_back_without_a_pause():
    shedder = Shedder(EXACT)
    loads = [*HOME, Offer('pump', MEDICAL, 0, 300.0, on=False)]
    shedder.step(0.0, HOME, 2600.0)
    assert 'pump' in shedder.step(1.0, loads, 2600.0).kept


def test_power_that_trembles_switches_nothing():
    shedder, rng = Shedder(), np.random.default_rng(1)
    changes = sum(shedder.step(60.0 * k, HOME, 2650.0 * rng.uniform(0.985, 1.015)).changed for k in range(100))
    assert changes == 1


def test_equals_take_turns_and_none_starves():
    shedder = Shedder(ShedSettings(swap=600.0))
    loads = offers(*((name, COMFORT, 0, 1000.0 + k) for k, name in enumerate('abcde')))
    steps = 24 * 60
    on = dict.fromkeys('abcde', 0)
    for minute in range(steps):
        for id in shedder.step(60.0 * minute, loads, 2200.0).kept:
            on[id] += 1
    assert all(share / steps == pytest.approx(2 / 5, abs=0.03) for share in on.values()), on


def test_a_load_unheard_for_a_while_is_not_forgotten():
    shedder = Shedder(EXACT)
    loads = offers(('a', COMFORT, 0, 900.0), ('b', COMFORT, 0, 900.0))
    assert shedder.step(0.0, loads, 1000.0).kept == {'a'}
    shedder.step(1.0, loads[1:], 1000.0)
    assert shedder.step(2.0, loads, 1000.0).kept == {'a'}


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0, 5000), st.sets(st.sampled_from(range(len(HOME))))), max_size=30))
def test_what_is_kept_always_fits(steps):
    shedder = Shedder()
    for k, (available, away) in enumerate(steps):
        loads = [o for j, o in enumerate(HOME) if j not in away]
        now = shedder.step(7.0 * k, loads, available)
        assert sum(o.demand for o in loads if o.outlet in now.kept) <= available + 1e-6
        assert now.kept | now.shed == {o.outlet for o in loads} and not now.kept & now.shed
