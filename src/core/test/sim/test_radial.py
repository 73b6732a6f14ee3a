"""The radial feeder against closed forms, a plain twin, and the golden numbers of the LV feeder."""
import cmath
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.sim.appliances import ZIP
from hearthgrid_core.sim.golden import SHARES, THERMOSTATIC, demand, feeder
from hearthgrid_core.sim.loads import zip_admittance
from hearthgrid_core.sim.radial import HEAD, Demand, RadialError, RadialFeeder

Z, P = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)


def buses(power, zips, generation=0.0):
    power = np.atleast_1d(np.asarray(power, dtype=complex))
    shares = np.broadcast_to(np.array(zips), (*power.shape, 3))
    return Demand(power, shares, shares, np.zeros(power.shape, complex) + generation)


def test_a_resistor_is_a_voltage_divider():
    flow = RadialFeeder([HEAD], [0.3], [0.1], 230.0).solve(240.0, buses(2300.0, Z))
    resistor = 230.0**2 / 2300.0
    assert flow.voltage[0] == pytest.approx(240.0 * resistor / (resistor + 0.3 + 0.1j), rel=1e-9)
    assert flow.loss == pytest.approx(abs(flow.current[0]) ** 2 * 0.3)
    assert flow.head_power.real == pytest.approx(flow.loss + abs(flow.voltage[0]) ** 2 / resistor)


@pytest.mark.parametrize('load, fed_in', [(4000.0, 0.0), (0.0, 4000.0), (1000.0, 5000.0)])
def test_constant_power_solves_the_quadratic_both_ways(load, fed_in):
    flow = RadialFeeder([HEAD], [0.4], [0.0], 230.0).solve(230.0, buses(load, P, fed_in))
    exact = (230.0 + math.sqrt(230.0**2 - 4 * 0.4 * (load - fed_in))) / 2
    assert flow.voltage[0].real == pytest.approx(exact, rel=1e-9)
    assert (flow.voltage[0].real > 230.0) == (fed_in > load), 'back-flow raises the far end'


@pytest.mark.parametrize('parent, resistance, reason', [
    ([], [], 'each of its buses'), ([HEAD, 0], [1.0], 'each of its buses'), ([HEAD], [-1.0], 'negative'),
    ([HEAD], [math.nan], 'not finite'), ([1, 0], [1.0, 1.0], 'itself'), ([5], [1.0], 'there is not'),
])
def test_what_is_no_tree_is_refused(parent, resistance, reason):
    with pytest.raises(RadialError, match=reason):
        RadialFeeder(parent, resistance, resistance, 230.0)


def test_more_than_it_can_carry_is_said():
    with pytest.raises(RadialError):
        RadialFeeder([HEAD], [2.0], [0.0], 230.0).solve(230.0, buses(20_000.0, P))


def plain(parent, impedance, head, power, zips, generation, nominal):
    """Bus by bus: what each wire carries, then what each bus has left."""
    n = len(parent)
    voltage = [complex(head)] * n
    for _ in range(300):
        drawn = []
        for k in range(n):
            y = zip_admittance(np.array(zips[k]), np.array(abs(voltage[k]) / nominal))
            drawn.append(power[k].conjugate() * y / nominal**2 * voltage[k] - (generation[k] / voltage[k]).conjugate())
        carried = list(drawn)
        for k in reversed(range(n)):    # parents come before their children here
            if parent[k] != HEAD:
                carried[parent[k]] += carried[k]
        for k in range(n):
            voltage[k] = (complex(head) if parent[k] == HEAD else voltage[parent[k]]) - impedance[k] * carried[k]
    return voltage


@given(st.data())
def test_the_product_equals_the_plain_sweeps(data):
    n = data.draw(st.integers(1, 8))
    parent = [HEAD] + [data.draw(st.integers(HEAD, k - 1)) for k in range(1, n)]
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    z = rng.uniform(0.005, 0.03, n) * cmath.rect(1.0, rng.uniform(0.0, 0.6))
    zips = np.array([list(ZIP.values())[i][0] for i in rng.integers(len(ZIP), size=n)])
    power = rng.uniform(0, 3000, n) * (1 + 0.3j)
    generation = rng.uniform(-200, 4000, n) + 0j
    tree = RadialFeeder(parent, z.real, z.imag, 230.0)
    flow = tree.solve(235.0, Demand(power, zips, zips, generation))
    # ZIP shares on complex power: P and Q of one load follow the same shares in the twin.
    expected = plain(parent, z, 235.0, power, zips, generation, 230.0)
    np.testing.assert_allclose(flow.voltage, expected, rtol=1e-8)
    losses = flow.head_power.real - (flow.voltage * flow.current.conj()).real.sum()
    assert flow.loss == pytest.approx(losses, abs=1e-4)


def test_several_trees_at_once_are_what_each_is_alone():
    parents = [[HEAD, 0, 1, 2], [HEAD, HEAD, 0, 0], [2, HEAD, 1, 2]]
    rng = np.random.default_rng(1)
    r, power = rng.uniform(0.01, 0.1, (3, 4)), rng.uniform(100, 2000, (3, 4)) * (1 + 0.2j)
    many = RadialFeeder(parents, r, r / 4, 230.0).solve([230.0, 225.0, 240.0], buses(power, Z))
    for k, head in enumerate((230.0, 225.0, 240.0)):
        alone = RadialFeeder(parents[k], r[k], r[k] / 4, 230.0).solve(head, buses(power[k], Z))
        np.testing.assert_allclose(many.voltage[k], alone.voltage, rtol=1e-9)


def test_the_golden_feeder():
    """10 customers × 2 kW, 30 m spans of 0.320 + j0.082 Ω/km. The source of these numbers does not tell its appliance
    mix: `golden.SHARES` is one that gives the voltages and the power factor, and then the rest follows."""
    tree = feeder()
    v = np.abs(tree.solve(230.0, demand()).voltage) / 230.0
    assert v[0] == pytest.approx(0.99606, abs=2e-5) and v[-1] == pytest.approx(0.97835, abs=2e-5)
    power = tree.solve([230.0, 0.99 * 230.0], demand()).head_power.real
    assert (1 - power[1] / power[0]) / 0.01 == pytest.approx(1.063, abs=2e-3)
    held = demand(thermostats_at=v)
    energy = tree.solve([230.0, 0.99 * 230.0], held).head_power.real
    assert (1 - energy[1] / energy[0]) / 0.01 == pytest.approx(0.506, abs=2e-3)
    share = sum(SHARES[kind] for kind in THERMOSTATIC)
    assert share == pytest.approx(0.275, abs=0.01)


def test_what_lowering_from_105_saves_on_it():
    tree = feeder()
    full = tree.solve(1.05 * 230.0, demand())
    held = demand(thermostats_at=np.abs(full.voltage) / 230.0)
    low = 230.0 * 0.9716
    lowered = tree.solve(low, demand())
    assert np.abs(lowered.voltage).min() / 230.0 == pytest.approx(0.95, abs=3e-4)
    assert 1 - lowered.head_power.real / full.head_power.real == pytest.approx(0.081, abs=1.5e-3)
    assert 1 - tree.solve(low, held).head_power.real / full.head_power.real == pytest.approx(0.040, abs=1e-3)
