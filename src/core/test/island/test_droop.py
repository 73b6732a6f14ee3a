"""Droop against its closed forms; limits one by one."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.island.droop import Droop, DroopSettings, share


def settled(droop, active, reactive=0.0, current=0.0, steps=200, duration=0.01):
    n = droop.rating.size
    for _ in range(steps):
        droop.step(duration, np.broadcast_to(active, n), np.broadcast_to(reactive, n), np.broadcast_to(current, n))
    return droop


# rating, P, Q → f, V with 1 % and 2.5 % on the rating
@pytest.mark.parametrize('rating, active, reactive, frequency, voltage', [
    (4000.0, 0.0, 0.0, 50.0, 230.0),
    (4000.0, 4000.0, 0.0, 49.5, 230.0),
    (8000.0, 4000.0, 0.0, 49.75, 230.0),
    (4000.0, -2000.0, 0.0, 50.25, 230.0),
    (4000.0, 0.0, 4000.0, 50.0, 224.25),
    (4000.0, 0.0, -2000.0, 50.0, 232.875),
])
def test_frequency_falls_with_active_and_voltage_with_reactive_power(rating, active, reactive, frequency, voltage):
    droop = settled(Droop([DroopSettings(rating=rating)]), active, reactive)
    assert droop.frequency[0] == pytest.approx(frequency, abs=1e-9)
    assert droop.voltage[0] == pytest.approx(voltage, abs=1e-9)


def test_the_filter_is_first_order_whatever_the_step():
    coarse, fine = (Droop([DroopSettings(filter_time=0.02)]) for _ in range(2))
    settled(coarse, 1000.0, steps=1, duration=0.03)
    settled(fine, 1000.0, steps=30, duration=0.001)
    assert coarse.active_power[0] == pytest.approx(1000.0 * (1 - math.exp(-1.5)))
    assert fine.active_power[0] == pytest.approx(coarse.active_power[0])


def test_references_and_offsets_add():
    droop = Droop([DroopSettings()])
    droop.reference_frequency[:], droop.reference_voltage[:] = 50.2, 228.0
    droop.frequency_offset[:], droop.voltage_offset[:] = 0.1, 1.0
    droop.refresh()
    assert (droop.frequency[0], droop.voltage[0]) == pytest.approx((50.3, 229.0))


def test_taking_over_a_loaded_bus_makes_no_bump():
    droop = Droop([DroopSettings(rating=4000.0)])
    droop.begin(np.array([2000.0]), np.array([400.0]))
    before = droop.frequency[0], droop.voltage[0]
    settled(droop, 2000.0, 400.0, steps=3)
    assert (droop.frequency[0], droop.voltage[0]) == pytest.approx(before)


def test_frequency_and_voltage_stay_within_their_limits():
    droop = Droop([DroopSettings(rating=1000.0, power_max=3.0)])
    settled(droop, 9000.0, 9000.0)
    assert (droop.frequency[0], droop.voltage[0]) == (47.0, 0.85 * 230.0)
    settled(droop, -9000.0, -9000.0)
    assert (droop.frequency[0], droop.voltage[0]) == (52.0, pytest.approx(1.1 * 230.0))


def test_beyond_its_power_the_frequency_keeps_falling_and_comes_back():
    droop = settled(Droop([DroopSettings(rating=1000.0)]), 1100.0, steps=10)
    assert droop.limited[0]
    early = droop.frequency[0]
    settled(droop, 1100.0, steps=10)
    assert droop.frequency[0] < early - 0.05
    settled(droop, 900.0, steps=400)
    assert not droop.limited[0] and droop.frequency[0] == pytest.approx(49.55)


@pytest.mark.parametrize('power, relief, end', [(2000.0, 500.0, 49.75), (-2000.0, -500.0, 50.25)])
def test_however_long_an_overload_the_way_back_is_no_longer_than_the_limits_are_apart(power, relief, end):
    droop = settled(Droop([DroopSettings(rating=1000.0)]), power, steps=4000)
    settled(droop, relief, steps=70, duration=0.01)  # 5 Hz/s over less than 3 Hz
    assert not droop.limited[0] and droop.frequency[0] == pytest.approx(end, abs=1e-3)


def test_full_it_raises_the_frequency_rather_than_charge():
    droop = settled(Droop([DroopSettings(rating=1000.0, power_min=0.0)]), -100.0, steps=50)
    assert droop.limited[0] and droop.frequency[0] > 50.3


def test_current_is_limited_at_once_and_voltage_returns_slowly():
    droop = Droop([DroopSettings(rating=2300.0, surge=2.0, surge_recovery=1.0)])
    settled(droop, 0.0, current=40.0, steps=1)  # 20 A are allowed
    assert droop.voltage[0] == pytest.approx(115.0)
    settled(droop, 0.0, current=5.0, steps=10, duration=0.01)
    assert droop.voltage[0] == pytest.approx(115.0 * math.exp(0.1))
    settled(droop, 0.0, current=5.0)
    assert droop.voltage[0] == pytest.approx(230.0) and droop.derating[0] == 1.0


def test_a_fleet_is_its_members_side_by_side():
    units = [DroopSettings(rating=r, droop_frequency=d) for r, d in ((2000.0, 0.01), (5000.0, 0.02), (900.0, 0.005))]
    fleet, rng = Droop(units), np.random.default_rng(1)
    alone = [Droop([unit]) for unit in units]
    for _ in range(200):
        p, q, i = rng.uniform(-2e3, 4e3, 3), rng.uniform(-1e3, 1e3, 3), rng.uniform(0.0, 30.0, 3)
        fleet.step(0.002, p, q, i)
        for k, one in enumerate(alone):
            one.step(0.002, p[k:k + 1], q[k:k + 1], i[k:k + 1])
    np.testing.assert_allclose(fleet.frequency, [one.frequency[0] for one in alone], rtol=1e-12)
    np.testing.assert_allclose(fleet.voltage, [one.voltage[0] for one in alone], rtol=1e-12)


def test_virtual_impedance_is_over_each_rating():
    droop = Droop([DroopSettings(rating=r, virtual_reactance=0.1, virtual_resistance=0.02) for r in (5290.0, 2645.0)])
    np.testing.assert_allclose(droop.virtual_impedance, [0.2 + 1.0j, 0.4 + 2.0j])


def unit(rating, **more):
    return DroopSettings(rating=rating, **more)


# ΔP, units, damping → f, powers
@pytest.mark.parametrize('power, units, damping, frequency, powers', [
    (4000.0, [unit(5000.0), unit(3000.0)], 0.0, 49.75, [2500.0, 1500.0]),
    (3900.0, [unit(5000.0), unit(3000.0, droop_frequency=0.02)], 0.0, 49.7, [3000.0, 900.0]),
    (6000.0, [unit(5000.0), unit(3000.0, power_max=0.5)], 0.0, 49.55, [4500.0, 1500.0]),   # one saturated
    (-2000.0, [unit(5000.0), unit(3000.0, power_min=0.0)], 0.0, 50.2, [-2000.0, 0.0]),     # one full
    (4000.0, [unit(8000.0)], 16000.0, 50 - 4000 / 32000, [2000.0]),                        # loads help
])
def test_sharing_is_water_filling(power, units, damping, frequency, powers):
    f, p = share(power, units, damping)
    assert f == pytest.approx(frequency)
    np.testing.assert_allclose(p, powers, atol=1e-9)


@given(st.lists(st.tuples(st.floats(500, 1e4), st.floats(0.002, 0.05), st.floats(0.1, 1.5)), min_size=1, max_size=7),
       st.floats(0.0, 1.0))
def test_shares_add_up_and_stay_within_limits(rows, part):
    units = [unit(r, droop_frequency=m, power_max=top, power_min=-0.5) for r, m, top in rows]
    low, high = (sum(u.rating * getattr(u, name) for u in units) for name in ('power_min', 'power_max'))
    wanted = low + part * (high - low)
    f, p = share(wanted, units)
    assert p.sum() == pytest.approx(wanted, abs=1e-6 * max(high, -low))
    for u, given_ in zip(units, p, strict=True):
        plain = (50.0 - f) / (u.droop_frequency * 50.0) * u.rating
        assert given_ == pytest.approx(min(u.power_max * u.rating, max(u.power_min * u.rating, plain)), abs=1e-6)


def test_what_cannot_be_carried_is_refused():
    with pytest.raises(ValueError, match='beyond'):
        share(9000.0, [unit(5000.0), unit(3000.0)])


@pytest.mark.parametrize('fields', [{'rating': 0.0}, {'rating': math.nan}, {'frequency_min': 50.5}, {'surge': 0.5},
                                    {'power_min': 0.0, 'power_max': 0.0}])
def test_impossible_inverters_are_refused(fields):
    with pytest.raises(ValueError):
        DroopSettings(**fields)


def test_a_droop_needs_an_inverter():
    with pytest.raises(ValueError):
        Droop([])
