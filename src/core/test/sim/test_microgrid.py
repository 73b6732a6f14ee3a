"""The micro-grid simulator against closed forms, a dense twin, and what secondary control promises."""

import math
from random import Random

import numpy as np
import pytest

from hearthgrid_core.island.droop import Droop, DroopSettings, share
from hearthgrid_core.island.secondary import Secondary
from hearthgrid_core.sim.microgrid import Microgrid, MicrogridSettings
from hearthgrid_core.sim.microgrid_cases import street
from hearthgrid_core.sim.microgrid_generators import Generators, GeneratorSettings
from hearthgrid_core.sim.microgrid_network import Line, Network, ZipLoads, admittance
from hearthgrid_core.sim.microgrid_regulated import Regulated
from hearthgrid_core.sim.microgrid_steady import steady_state
from hearthgrid_core.sim.radio import Radio, RadioSettings

V = 230.0
CONSTANT_POWER, CONSTANT_IMPEDANCE = np.array([[0.0, 0.0, 1.0]]), np.array([[1.0, 0.0, 0.0]])


def loads(node, power, shares=CONSTANT_POWER):
    shares = np.repeat(shares, len(node), axis=0)
    return ZipLoads(node, power, shares, shares, V)


def pair(ratings=(5000.0, 3000.0), power=4000.0 + 0j, shares=CONSTANT_POWER, wire=0.4j, **unit):
    """Two inverters, a wire each to one load."""
    droop = Droop([DroopSettings(rating=rating, **unit) for rating in ratings])
    return Microgrid(3, [Line(0, 2, wire), Line(1, 2, wire)], loads([2], [power], shares), [0, 1], droop)


# The network.

def test_one_load_behind_a_wire_solves_the_quadratic():
    network = Network(2, [Line(0, 1, 0.5 + 0j)], [0], [0j], loads([1], [3000.0]), V)
    flow = network.solve(np.array([V + 0j]))
    exact = (V + math.sqrt(V**2 - 4 * 0.5 * 3000.0)) / 2
    assert flow.voltage[1] == pytest.approx(exact, rel=2e-6)
    assert flow.current[0] == pytest.approx(3000.0 / exact, rel=2e-5)


def test_elimination_equals_the_whole_matrix():
    """Kron: the currents of constant impedances are those of the full nodal equations."""
    rng = np.random.default_rng(3)
    lines = [Line(k, int(rng.integers(k)), complex(*rng.uniform(0.05, 0.5, 2))) for k in range(1, 12)]
    lines.append(Line(2, 9, 0.3 + 0.2j))
    size = rng.uniform(100.0, 900.0, 7) + 1j * rng.uniform(-100.0, 300.0, 7)
    z = np.array([0.2 + 0.5j, 0.0, 0.7j])
    network = Network(12, lines, [1, 4, 8], z, loads([0, 3, 3, 5, 7, 4, 8], size, CONSTANT_IMPEDANCE), V)
    inner = V * np.exp(1j * rng.uniform(-0.1, 0.1, 3))
    flow = network.solve(inner)
    y = admittance(12, lines).toarray()
    np.add.at(y, (network.loads.node,) * 2, size.conj() / V**2)
    feeding = np.zeros(12, dtype=complex)
    for k in (0, 2):
        y[network.source[k], network.source[k]] += 1 / z[k]
        feeding[network.source[k]] = inner[k] / z[k]
    y_stiff = y.copy()
    y_stiff[4] = np.eye(12)[4]
    feeding[4] = inner[1]
    voltage = np.linalg.solve(y_stiff, feeding)
    np.testing.assert_allclose(flow.voltage, voltage, rtol=1e-9)
    np.testing.assert_allclose(flow.current[[0, 2]], (inner - voltage[[1, 4, 8]])[[0, 2]] / z[[0, 2]], rtol=1e-9)
    assert flow.current[1] == pytest.approx((y @ voltage)[4], rel=1e-9)


def test_energy_is_kept():
    made = street(np.random.default_rng(5), 4, 30, 0.5)
    grid = made.grid
    grid.settle()
    network = grid.network
    v = np.abs(network.voltage[grid.loads.node])
    drawn = (grid.loads.admittance(v / V, grid.loads.running()).real * v**2).sum()
    lost = sum(abs(network.voltage[w.start] - network.voltage[w.end]) ** 2 * (1 / w.impedance).real for w in made.lines)
    assert grid.power.real.sum() == pytest.approx(drawn + lost, rel=1e-4)
    assert lost > 10.0


@pytest.mark.parametrize('bad', [
    lambda: Line(1, 1, 1j), lambda: Line(0, 1, 0j), lambda: admittance(2, [Line(0, 2, 1j)]),
    lambda: Network(3, [Line(0, 1, 1j)], [0], [1j], loads([1], [1.0]), V),              # node 2 hangs on nothing
    lambda: Network(2, [Line(0, 1, 1j)], [0, 0], [0j, 0j], loads([1], [1.0]), V),       # two stiff sources
    lambda: Network(2, [Line(0, 1, 1j)], [5], [1j], loads([1], [1.0]), V),
    lambda: loads([1], [math.nan]), lambda: ZipLoads([1], [1.0], np.ones((2, 3)), np.ones((1, 3)), V),
    lambda: Microgrid(2, [Line(0, 1, 1j)], loads([1], [1.0]), [0]),                     # nobody feeds it
    lambda: MicrogridSettings(step=0.01, step_max=0.005)])
def test_impossible_networks_are_refused(bad):
    with pytest.raises(ValueError):
        bad()


# Primary control.

@pytest.mark.parametrize('power', [1000.0, 4000.0, 6500.0])
def test_without_losses_the_island_settles_at_the_closed_form(power):
    grid = pair(power=power + 0j)
    assert grid.settle()
    frequency, powers = share(power, [DroopSettings(rating=r) for r in (5000.0, 3000.0)])
    assert grid.mean_frequency == pytest.approx(frequency, abs=1e-4)
    np.testing.assert_allclose(grid.power.real, powers, rtol=1e-3)


def test_a_saturated_inverter_leaves_the_sum():
    units = [DroopSettings(rating=5000.0), DroopSettings(rating=3000.0, power_max=0.4)]
    grid = Microgrid(3, [Line(0, 2, 0.4j), Line(1, 2, 0.4j)], loads([2], [5000.0 + 0j]), [0, 1], Droop(units))
    assert grid.settle()
    frequency, powers = share(5000.0, units)
    assert powers[1] == pytest.approx(1200.0)
    np.testing.assert_allclose(grid.power.real, powers, rtol=1e-3)
    assert grid.mean_frequency == pytest.approx(frequency, abs=1e-3)
    assert grid.droop.limited.tolist() == [False, True]


@pytest.mark.parametrize('seed', range(6))
def test_a_street_settles_where_the_equations_say(seed):
    rng = np.random.default_rng(seed)
    made = street(rng, int(rng.integers(1, 9)), 40, rng.uniform(0.2, 0.8), clock=0.0)
    grid = made.grid
    assert grid.settle()
    frequency, voltage, power = steady_state(grid.network.nodes, made.lines, grid.loads, made.at, made.units)
    np.testing.assert_allclose(grid.frequency, frequency, atol=1e-4)
    np.testing.assert_allclose(np.abs(grid.network.voltage), np.abs(voltage), atol=1e-4 * V)
    np.testing.assert_allclose(grid.power, power, atol=1e-3 * grid.rating.max())


def test_unequal_wires_unbalance_reactive_power_as_the_closed_form_says():
    """Q = (V0 − Vb)·Vb/(X + n·Vb), the common bus being held by the load's own voltage."""
    droop = Droop([DroopSettings(rating=4000.0, virtual_reactance=0.0) for _ in range(2)])
    x = np.array([0.3, 0.9])
    grid = Microgrid(3, [Line(0, 2, 1j * x[0]), Line(1, 2, 1j * x[1])], loads([2], [1.0 + 3000j]), [0, 1], droop)
    assert grid.settle()
    bus = abs(grid.network.voltage[2])
    received = (V - bus) * bus / (x + droop.voltage_slope * bus)  # at the bus, to first order in the drop
    np.testing.assert_allclose(grid.power.imag, received, rtol=0.02)
    assert grid.power[0].imag > 1.4 * grid.power[1].imag


def test_two_inverters_swing_with_the_damping_of_the_closed_form():
    """ζ = 1 / (2·√(Tr·ω0·(m1+m2)·K)), K = V²/X, m in 1 over W."""
    droop = Droop([DroopSettings(rating=4000.0, virtual_reactance=0.0, filter_time=0.03) for _ in range(2)])
    settings = MicrogridSettings(step=2e-4, step_max=2e-4)
    grid = Microgrid(3, [Line(0, 2, 0.5j), Line(1, 2, 0.5j)], loads([2], [1.0 + 0j]), [0, 1], droop, settings=settings)
    grid.angle[:] = 0.02, -0.02
    apart = []
    grid.on_step = lambda: apart.append(grid.angle[0] - grid.angle[1])
    grid.step(0.4)
    apart = np.array(apart)
    stiffness = V**2 / 1.0
    zeta = 1 / (2 * math.sqrt(0.03 * 2 * math.pi * 50 * 2 * 0.01 / 4000.0 * stiffness))
    first = apart.argmin()  # the overshoot to the other side: exp(−π·ζ/√(1 − ζ²))
    overshoot = -apart[first] / apart[0]
    # From a pure displacement with the filter at rest the overshoot is that of a second-order system.
    assert overshoot == pytest.approx(math.exp(-math.pi * zeta / math.sqrt(1 - zeta**2)), rel=0.05)


def test_a_short_circuit_draws_what_the_inverters_allow():
    grid = pair(shares=CONSTANT_IMPEDANCE)
    grid.settle()
    grid.loads.level[:] = 200.0
    grid.touch()
    grid.step(grid.now + 0.05)
    assert (np.abs(grid.current) <= grid.droop.current_max * 1.02).all()
    grid.loads.level[:] = 1.0
    grid.touch()
    grid.step(grid.now + 5.0)
    np.testing.assert_allclose(grid.droop.derating, 1.0)


def test_relays_take_loads_off():
    made = street(np.random.default_rng(2), 3, 24, 0.6)
    grid = made.grid
    grid.settle()
    before = grid.power.real.sum()
    grid.loads.closed[::2] = False
    grid.touch()
    grid.settle()
    expected = grid.loads.power.real[1::2].sum()
    assert grid.power.real.sum() == pytest.approx(expected, rel=0.1) and before > 1.5 * grid.power.real.sum()
    assert (grid.outlet_voltage() > 0.9 * V).all()


def test_rest_is_stepped_over_and_a_change_is_seen_in_full():
    fixed, free = (pair(wire=0.1 + 0.1j) for _ in range(2))
    fixed.settings = MicrogridSettings(step_max=0.002)
    seen = {}
    for name, grid in (('fixed', fixed), ('free', free)):
        count = []
        grid.on_step = lambda count=count, grid=grid: count.append((grid.now, grid.mean_frequency))
        grid.step(5.0)
        grid.loads.level[:] = 1.5
        grid.touch()
        grid.step(6.0)
        seen[name] = np.array(count)
    assert len(seen['free']) < 0.3 * len(seen['fixed'])
    at = np.arange(5.002, 6.0, 0.01)
    traces = [np.interp(at, *seen[name].T) for name in ('fixed', 'free')]
    np.testing.assert_allclose(*traces, atol=1e-3)


def test_a_generator_begins_to_fall_at_f0_p_over_m():
    """ROCOF(0) = −f0·ΔP/M."""
    generators = Generators([GeneratorSettings(rating=5000.0, inertia=2.0)])
    grid = Microgrid(2, [Line(0, 1, 0.1j)], loads([1], [2000.0 + 0j]), [0], generators=generators,
                     settings=MicrogridSettings(step=0.001, step_max=0.001))
    generators.begin(np.array([2000.0]))
    grid.step(0.2)
    assert grid.mean_frequency == pytest.approx(50.0, abs=1e-4)
    grid.loads.level[:] = 1.5
    grid.touch()
    grid.step(0.204)
    assert (grid.mean_frequency - 50.0) / 0.004 == pytest.approx(-50.0 * 0.2 / 4.0, rel=0.03)
    grid.step(5.0)
    assert grid.mean_frequency == pytest.approx(50.0 * (1 - 0.04 * 0.2), abs=1e-3)


# Secondary control over a bad network.

def regulated(seed, radio=None, machine=Secondary, loading=0.6):
    made = street(np.random.default_rng(seed), 2 + seed % 5, 20, loading)
    made.grid.settle()
    return Regulated(made.grid, seed, radio, machine=machine)


@pytest.mark.parametrize('seed, burst', [(0, 0.0), (1, 0.0), (2, 0.1), (3, 0.1)])
def test_frequency_returns_and_shares_even_out_at_a_fifth_of_messages_lost(seed, burst):
    r = regulated(seed, RadioSettings(burst=burst))
    assert abs(r.grid.mean_frequency - 50.0) > 0.2
    r.run(r.grid.now + 1.2)
    assert abs(r.grid.mean_frequency - 50.0) < 0.01
    r.run(r.grid.now + 3.0)
    shares = r.grid.power.real / r.grid.rating
    assert np.abs(shares / shares.mean() - 1).max() < 0.02
    assert abs((r.grid.terminal_voltage / V).mean() - 1.0) < 0.005


def test_without_messages_offsets_freeze_and_the_island_lives_on_droop():
    r = regulated(1)
    r.run(r.grid.now + 3.0)
    r.radio.silent = True
    r.run(r.grid.now + 2.0)
    offsets, before = r.grid.droop.frequency_offset.copy(), r.grid.mean_frequency
    r.grid.loads.level[:] = 0.5
    r.grid.touch()
    r.run(r.grid.now + 60.0)
    np.testing.assert_array_equal(r.grid.droop.frequency_offset, offsets)
    assert r.grid.mean_frequency > before + 0.1
    r.grid.loads.level[:] = 1.0
    r.grid.touch()
    r.run(r.grid.now + 10.0)
    assert r.grid.mean_frequency == pytest.approx(before, abs=1e-3)
    r.let_go(True)
    r.run(r.grid.now + 20.0)
    assert np.abs(r.grid.droop.frequency_offset / offsets).max() < 0.15


def test_two_halves_that_cannot_hear_each_other_do_not_pull_apart():
    made = street(np.random.default_rng(8), 5, 20, 0.6)
    made.grid.settle()
    r = Regulated(made.grid, 8)
    r.run(made.grid.now + 3.0)
    r.radio.cut = {(a, b) for a in range(5) for b in range(5) if (a < 2) != (b < 2)}
    r.run(made.grid.now + 5.0)
    early = made.grid.droop.frequency_offset.copy()
    r.run(made.grid.now + 30.0)
    assert np.abs(made.grid.droop.frequency_offset - early).max() < 0.01
    assert abs(made.grid.mean_frequency - 50.0) < 0.01


def test_each_integrating_alone_drifts_apart():
    """The baseline the quorum exists for: clocks differ by up to 5 mHz."""
    class Alone(Secondary):
        def _move(self, duration, own, others, quorum):
            super()._move(duration, own, [], True)

    apart = {}
    for machine in (Secondary, Alone):
        r = regulated(3, machine=machine)
        r.run(r.grid.now + 30.0)
        shares = r.grid.power.real / r.grid.rating
        apart[machine] = np.abs(shares / shares.mean() - 1).max()
    assert apart[Alone] > 0.2 and apart[Secondary] < 0.01


def test_the_same_seed_gives_the_same_run():
    ends = []
    for _ in range(2):
        r = regulated(4)
        r.run(r.grid.now + 1.0)
        ends.append((r.grid.angle.tobytes(), r.grid.droop.frequency_offset.tobytes()))
    assert ends[0] == ends[1]
    radio = Radio(RadioSettings(), Random(1))
    assert sum(not radio.arrivals(0.0, 0, 1) for _ in range(2000)) == pytest.approx(400, abs=80), 'it does lose a fifth'
