"""Giving loads back: waves the inverter can start, and energy kept for what matters more."""
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from hearthgrid_core.island.restoration import (
    CLASSES,
    Restorer,
    RestoreSettings,
    Store,
    allowances,
    cold_load,
    reserves,
)
from hearthgrid_core.island.shedding import Offer, shed
from hearthgrid_core.outlet.schedule import Priority

MEDICAL, FRIDGE, SAFETY, ESSENTIAL, DEFERRABLE, COMFORT = CLASSES
S = RestoreSettings(power_max=4000.0, surge=2.0, margin=0.05, wave=1.0, pickup=3.0)     # 3 800 W and 8 000 W
HOUR = 3600.0


def waiting(*rows):
    return [Offer(name, priority, 0, demand, inrush, on=False) for name, priority, demand, inrush in rows]


@pytest.mark.parametrize('loads, power, off, wave', [
    ([('a', MEDICAL, 100, 1), ('b', COMFORT, 200, 1)], 0, {}, 'ab'),
    ([('a', MEDICAL, 100, 1), ('b', COMFORT, 200, 1)], 3600, {}, 'a'),
    ([('a', MEDICAL, 300, 1), ('b', COMFORT, 100, 1)], 3600, {}, ''),               # nobody overtakes
    ([('a', FRIDGE, 1000, 6), ('b', FRIDGE, 1000, 6)], 0, {}, 'a'),                 # one motor at a time
    ([('a', FRIDGE, 1000, 6)], 2500, {}, ''),                                       # 8 500 W at its start
    ([('a', FRIDGE, 2000, 6), ('b', COMFORT, 100, 1)], 0, {}, 'b'),                 # it never could start
    ([('a', FRIDGE, 1000, math.nan)], 2100, {}, ''),                                # six times, as far as known
    ([('a', FRIDGE, 1000, 1)], 2000, {}, 'a'),
    ([('a', FRIDGE, 1000, 1)], 2000, {'a': 1e6}, ''),                               # cold: 3 000 W at first
    ([('a', FRIDGE, 1000, 1)], 2000, {'a': 1.0}, 'a'),
    ([('a', COMFORT, 3900, 1)], 0, {}, ''),
    ([('a', FRIDGE, 1500, 1), ('b', COMFORT, 100, 1)], 0, {'a': 1e6}, 'b'),         # cold it would overload the island
])
def test_a_wave(loads, power, off, wave):
    assert Restorer(S).step(0.0, waiting(*loads), power, off) == list(wave)


def test_waves_are_apart_and_what_is_on_is_left_alone():
    restorer, loads = Restorer(S), waiting(('a', FRIDGE, 1000, 6), ('b', FRIDGE, 1000, 6))
    on = Offer('c', MEDICAL, 0, 50.0)
    assert restorer.step(0.0, [*loads, on], 0.0, {}) == ['a']
    assert restorer.step(0.9, [loads[1]], 1000.0, {}) == []
    assert restorer.step(1.0, [loads[1]], 1000.0, {}) == ['b']
    with pytest.raises(ValueError):
        restorer.step(5.0, loads, math.nan, {})


def test_cold_loads_fade():
    assert cold_load(S, 0.0, 0.0) == 1.0
    assert cold_load(S, 1e6, 0.0) == pytest.approx(3.0)
    assert cold_load(S, 1e6, S.pickup_time) == pytest.approx(1 + 2 / math.e)
    assert cold_load(S, 1e6, 1e6) == pytest.approx(1.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.0, 7200.0))
def test_a_cold_home_comes_back_within_what_the_inverter_bears(seed, outage):
    rng = np.random.default_rng(seed)
    loads = waiting(*((str(k), CLASSES[int(rng.integers(6))], float(rng.integers(5, 900)), float(rng.uniform(1, 6)))
                      for k in range(15)))
    kept = shed(loads, 0.95 * S.power_max)
    wanted = {o.outlet: o for o in loads if o.outlet in kept}
    thermal = {o.outlet: outage for o in loads if rng.random() < 0.4}
    restorer, begun, order = Restorer(S), {}, []
    for now in range(0, 4 * 3600, 4):
        steady = sum(o.demand * cold_load(S, thermal.get(id, 0.0), now - begun[id]) if id in begun else 0.0
                     for id, o in wanted.items())
        left = [o for id, o in wanted.items() if id not in begun]
        if not left:
            break
        wave = restorer.step(float(now), left, steady, thermal)
        peak = sum(wanted[id].demand * wanted[id].inrush for id in wave)
        assert steady + peak <= S.surge * S.power_max + 1e-6
        assert steady <= S.power_max
        begun |= dict.fromkeys(wave, now)
        order += [wanted[id].level for id in wave]
    assert order == sorted(order)
    if left:    # who waits at the end has no room beside the others, in the order of classes
        first = min(left, key=lambda o: (o.level, o.outlet))
        cold = first.demand * cold_load(S, thermal.get(first.outlet, 0.0), 0.0)
        assert steady + cold > 0.95 * S.power_max or steady + first.demand * first.inrush > S.surge * S.power_max


# The energy of an outage.

STORE = Store(6 * 3.6e6, 10 * 3.6e6, 4000.0, 0.9)


def test_the_reserve_is_the_recursion_by_hand():
    # class 1: 900 W, class 2: 1 800 W; sun 0, 3 600, 0 W
    kept = reserves(np.array([[900.0] * 3, [1800.0] * 3]), np.array([0.0, 3600.0, 0.0]), HOUR, STORE) / HOUR
    np.testing.assert_allclose(kept[0], 0.0)
    np.testing.assert_allclose(kept[1], [1000.0, 0.0, 1000.0, 0.0])            # the sun fills more than the last hour
    np.testing.assert_allclose(kept[2], [5190.0, 2190.0, 3000.0, 0.0])         # 3 000 − 0.9·900; + 3 000


def test_a_lower_class_gets_what_the_higher_ones_will_not_need():
    demand = np.zeros((6, 2))
    demand[0], demand[3] = 500.0, 700.0
    store = Store(2000.0 * HOUR, 1e4 * HOUR, 4000.0, 1.0)
    limits = allowances(store, 100.0, demand, np.zeros(2), HOUR, margin=0.0)
    assert [limits[c] for c in CLASSES] == [2100.0, 1100.0, 1100.0, 1100.0, 0.0, 0.0]
    assert limits[Priority.UNKNOWN] == limits[COMFORT]
    careful = allowances(store, 100.0, demand, np.zeros(2), HOUR, margin=0.2)
    assert careful[FRIDGE] == pytest.approx(900.0)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_limits_fall_from_class_to_class_and_an_empty_battery_leaves_the_sun(seed):
    rng = np.random.default_rng(seed)
    demand, sun = rng.uniform(0, 1500, (6, 8)), rng.uniform(0, 3000, 8)
    limits = [allowances(Store(e, 3.6e7, 3000.0, 0.95), 700.0, demand, sun, HOUR)[c]
              for e in (0.0, 1e7) for c in CLASSES]
    for chain in (limits[:6], limits[6:]):
        assert chain == sorted(chain, reverse=True) and min(chain) >= 0.0
    assert limits[0] == 700.0 and limits[6] <= 3700.0
    assert all(a <= b for a, b in zip(limits[:6], limits[6:], strict=True))


def best(demand, sun, store, classes):
    """HiGHS: the most energy of the first classes."""
    rows, steps = demand.shape
    size = rows * steps
    use = np.tile(np.eye(steps), rows)
    one, none, lower = np.eye(steps), np.zeros((steps, steps)), np.tril(np.ones((steps, steps))) * HOUR
    balance = np.hstack([use, -one, one, -one])                                     # sun used, charge, discharge
    drawn = np.hstack([np.zeros((steps, size)), none, -store.efficiency * lower, lower / store.efficiency])
    cost = np.concatenate([-np.repeat(np.arange(rows) < classes, steps).astype(float), np.zeros(3 * steps)])
    room = np.concatenate([np.full(steps, store.energy), np.full(steps, store.capacity - store.energy)])
    bounds = [(0, d) for d in demand.ravel()] + [(0, s) for s in sun] + [(0, store.power_max)] * 2 * steps
    found = linprog(cost, A_eq=balance, b_eq=np.zeros(steps), A_ub=np.vstack([drawn, -drawn]), b_ub=room, bounds=bounds)
    return -found.fun


@pytest.mark.parametrize('seed', range(12))
def test_with_a_perfect_forecast_every_class_in_turn_is_the_optimum(seed):
    rng = np.random.default_rng(seed)
    demand = rng.uniform(0, 1, (6, 12)) * np.array([[60], [90], [40], [300], [500], [700]])
    sun = np.maximum(0.0, rng.uniform(-1500, 2500, 12))
    store = Store(rng.uniform(0.1, 0.9) * 5 * 3.6e6, 5 * 3.6e6, 4000.0, 0.95)
    out, energy = np.zeros_like(demand), store.energy
    for t in range(12):
        now = Store(energy, store.capacity, store.power_max, store.efficiency)
        limits = allowances(now, sun[t], demand[:, t + 1:], sun[t + 1:], HOUR, margin=0.0)
        used = 0.0
        for row, c in enumerate(CLASSES):    # loads that can be split, for a comparison with an LP
            out[row, t] = min(demand[row, t], max(0.0, limits[c] - used))
            used += out[row, t]
        energy = store.after(energy, used, sun[t], HOUR)
        assert energy >= -1.0
        energy = max(0.0, energy)
    for classes in (1, 2, 3, 4):
        assert out[:classes].sum() >= 0.985 * best(demand, sun, store, classes)
    assert out[0].sum() == pytest.approx(best(demand, sun, store, 1), rel=1e-6)


@pytest.mark.parametrize('bad', [
    lambda: Store(2.0, 1.0, 1.0, 1.0), lambda: Store(math.nan, 1.0, 1.0, 1.0), lambda: Store(0.0, 1.0, 0.0, 1.0),
    lambda: Store(0.0, 1.0, 1.0, 1.1),
    lambda: allowances(STORE, 0.0, np.zeros((6, 3)), np.zeros(2), HOUR),
    lambda: allowances(STORE, 0.0, np.zeros((5, 2)), np.zeros(2), HOUR),
    lambda: allowances(STORE, 0.0, np.full((6, 2), np.nan), np.zeros(2), HOUR),
    lambda: allowances(STORE, math.nan, np.zeros((6, 2)), np.zeros(2), HOUR)])
def test_what_cannot_be_is_refused(bad):
    with pytest.raises(ValueError):
        bad()
