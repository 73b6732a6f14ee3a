"""Loads against their tables: ZIP, harmonics, starts."""
import math
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.sim.appliances import LIBRARY, OUTLET_CURRENT, SPECTRUM, ZIP, appliance
from hearthgrid_core.sim.loads import JOIN_HIGH, JOIN_LOW, KNEE, Load, LoadBank, Start, zip_admittance

REFRIGERATOR = (5.03, -8.48, 4.45)


def power(shares, v):
    """P(v)/P0 as the model gives it."""
    v = np.asarray(v, dtype=float)
    return zip_admittance(np.broadcast_to(shares, (*v.shape, 3)), v) * v**2


@pytest.mark.parametrize('name', ZIP)
@pytest.mark.parametrize('v', [0.9, 0.95, 1.0, 1.05, 1.1])
def test_between_90_and_110_percent_the_polynomial_holds(name, v):
    for z, i, p in ZIP[name]:
        assert power((z, i, p), v) == pytest.approx(z * v * v + i * v + p, rel=1e-12)


@pytest.mark.parametrize('name', ZIP)
def test_shares_sum_to_one(name):
    for shares in ZIP[name]:
        assert sum(shares) == pytest.approx(1.0, abs=0.011)  # as published, rounded


@pytest.mark.parametrize('v', [0.001, 0.3, 0.5, 0.7])
def test_far_below_it_is_the_impedance_of_the_knee(v):
    z, i, p = REFRIGERATOR
    knee = z * KNEE**2 + i * KNEE + p
    assert power(REFRIGERATOR, v) == pytest.approx(knee * (v / KNEE) ** 2, rel=1e-12)


@pytest.mark.parametrize('name', ZIP)
def test_the_join_is_smooth(name):
    v = np.linspace(JOIN_LOW - 0.02, JOIN_HIGH + 0.02, 2401)
    for shares in ZIP[name]:
        slope = np.gradient(power(shares, v), v)
        bend = np.abs(np.diff(slope)).max()
        assert bend < 0.1, 'a kink would be a jump of the slope'


def test_bank_adds_per_outlet_what_its_loads_draw_alone():
    loads = [[Load(1000.0)], [], [Load(500.0, 0.8, *ZIP['fan']), Load(20.0, -0.95)]]
    bank = LoadBank(loads, 230.0)
    v = np.array([1.0, 1.0, 0.97, 0.97])
    total = bank.per_outlet(bank.admittance(v))
    assert total[0] == pytest.approx(1000 / 230**2)
    assert total[1] == 0
    p = 500 * (0.26 * 0.97**2 + 0.90 * 0.97 - 0.16)
    q = 375 * (0.50 * 0.97**2 + 0.62 * 0.97 - 0.12)
    alone = (p - 1j * q) / (0.97 * 230) ** 2 + (20 + 1j * 20 * math.tan(math.acos(0.95))) / 230**2
    assert total[2] == pytest.approx(alone, rel=1e-12)


def test_leading_loads_give_reactive_power():
    assert Load(100.0, 0.8).reactive_power == pytest.approx(75.0)
    assert Load(100.0, -0.8).reactive_power == pytest.approx(-75.0)


@pytest.mark.parametrize('changes', [{'power': -1.0}, {'power': math.nan}, {'power_factor': 0.0}, {'power_factor': 1.2},
                                     {'harmonics': (0.1,) * 7}, {'phases': (0.1,)}])
def test_impossible_loads_are_refused(changes):
    with pytest.raises(ValueError):
        replace(Load(100.0), **changes)


def test_table_of_current_harmonics():
    assert SPECTRUM['cfl'] == (0.85, 0.61, 0.37, 0.23, 0.22, 0.20)
    assert SPECTRUM['led'] == (0.91, 0.75, 0.56, 0.37, 0.24, 0.19)
    assert SPECTRUM['laptop'] == (0.95, 0.84, 0.71, 0.56, 0.43, 0.33)
    assert SPECTRUM['passive_pfc'] == (0.74, 0.38, 0.12, 0.08, 0.06, 0.03)


@pytest.mark.parametrize('kind, low, high, first, last', [
    ('refrigerator', 5, 7, 0.10, 0.30), ('freezer', 5, 7, 0.10, 0.30), ('air_conditioner', 5, 7, 0.10, 0.30),
    ('vacuum_cleaner', 2, 4, 0.05, 0.10), ('incandescent_lamp', 10, 14, 0.005, 0.030),
])
def test_starts_are_as_high_and_as_long_as_measured(kind, low, high, first, last):
    start = LIBRARY[kind].loads[0].start
    assert low <= start.ratio <= high
    t = np.linspace(0, 1, 100_001)
    past = t[np.argmax(start.envelope(t) < 0.10 * (start.ratio - 1))]
    assert first <= past <= last
    assert start.envelope(np.array([start.duration]))[0] <= 1.001e-3 * (start.ratio - 1)


@pytest.mark.parametrize('kind', ['laptop', 'computer', 'television', 'led_lamp', 'cfl_lamp'])
def test_switch_mode_supplies_charge_with_a_short_high_pulse(kind):
    start = LIBRARY[kind].loads[0].start
    assert 10 <= start.pulse <= 60
    assert start.pulse_time * math.log(100) < 2e-3, 'below a hundredth within 2 ms'


def test_a_load_without_a_start_has_none():
    assert Start().duration == 0.0
    assert Start(pulse=20.0).duration > 0


def test_the_library_is_large_enough_and_alive():
    assert len(LIBRARY) >= 16
    for kind, one in LIBRARY.items():
        assert one.kind == kind
        assert any(level > 0 for phase in one.phases for level in phase.levels)


@pytest.mark.parametrize('kind', LIBRARY)
@pytest.mark.parametrize('voltage', [120.0, 230.0])
def test_nothing_draws_more_than_its_outlet_bears(kind, voltage):
    fitted = LIBRARY[kind].fitted(voltage)
    for phase in fitted.phases:
        drawn = sum(abs(complex(load.power, load.reactive_power)) * level
                    for load, level in zip(fitted.loads, phase.levels, strict=True))
        assert drawn <= OUTLET_CURRENT * voltage * (1 + 1e-9)


def test_specimens_differ_a_little_and_repeat_with_the_seed():
    one, same, other = (LIBRARY['laptop'].unit(np.random.default_rng(seed)).loads[0] for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert one.power == pytest.approx(other.power, rel=0.07)


def test_unknown_appliances_are_named_with_the_known_ones():
    assert appliance('') is None
    with pytest.raises(ValueError, match="'toaster'.*kettle"):
        appliance('toaster')
