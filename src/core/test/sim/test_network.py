"""Wires and loads against Kirchhoff, closed forms and a plain twin."""
import cmath
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.sim.appliances import LIBRARY
from hearthgrid_core.sim.feeder import WIRE_REACTANCE, WIRE_RESISTANCE, Feeder
from hearthgrid_core.sim.loads import ORDERS, Load, LoadBank, zip_admittance
from hearthgrid_core.sim.network import solve

V = 230.0
EMF = np.array([V + 0j, 1.8, 4.1j, 2.6, 0.4, -1.2, 0.8j])
SERVICE = 0.1 + 1j * np.array(ORDERS) * 0.05
STIFF = np.zeros(len(ORDERS), dtype=complex)


def run(loads, distance, circuit=None, emf=EMF, impedance=SERVICE, injection=0j, drawn=None, level=None):
    bank = LoadBank(loads, V)
    feeder = Feeder(circuit or list(range(len(loads))), distance)
    n = len(loads)
    return bank, feeder, solve(emf, impedance, feeder, bank, np.ones(bank.count) if level is None else level,
                               np.zeros((1, n), dtype=complex), injection, np.zeros(n) if drawn is None else drawn, V)


def test_a_resistor_behind_a_line_is_a_voltage_divider():
    _, _, s = run([[Load(2000.0, conductance=1.0)]], [20.0])
    resistor = V**2 / 2000.0
    for k, order in enumerate(ORDERS):
        line = 0.1 + 20 * WIRE_RESISTANCE + 1j * order * (0.05 + 20 * WIRE_REACTANCE)
        exact = EMF[k] * resistor / (resistor + line)
        assert s.voltage[0, k, 0] == pytest.approx(exact, rel=1e-6 if k == 0 else 2e-4)


def test_constant_power_behind_a_resistance_solves_the_quadratic():
    impedance = np.full(len(ORDERS), 0.5 + 0j)
    load = Load(3000.0, 1.0, (0.0, 0.0, 1.0))
    _, _, s = run([[load]], [0.0], impedance=impedance)
    assert s.voltage[0, 0, 0].real == pytest.approx((V + math.sqrt(V**2 - 4 * 0.5 * 3000)) / 2, rel=1e-7)
    assert s.voltage[0, 0, 0].imag == pytest.approx(0.0, abs=1e-9)


def test_outlets_of_a_circuit_share_the_wire_up_to_the_nearer_one():
    feeder = Feeder(['a', 'a', 'b'], [10.0, 25.0, 7.0])
    z = WIRE_RESISTANCE + 3j * WIRE_REACTANCE
    shared = np.array([[10, 10, 0], [10, 25, 0], [0, 0, 7]])
    np.testing.assert_allclose(feeder.matrix(order=3), shared * z, rtol=1e-12)


@given(st.data())
def test_the_sweep_equals_the_shared_path_matrix(data):
    n = data.draw(st.integers(1, 9))
    circuit = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    distance = data.draw(st.lists(st.floats(0, 50), min_size=n, max_size=n))
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    current = rng.standard_normal((2, 1, n)) + 1j * rng.standard_normal((2, 1, n))
    plain = np.zeros((2, 1, n), dtype=complex)
    for i in range(n):
        for j in range(n):
            if circuit[i] == circuit[j]:
                shared = min(distance[i], distance[j]) * (WIRE_RESISTANCE + 1j * WIRE_REACTANCE)
                plain[:, 0, i] += shared * current[:, 0, j]
    np.testing.assert_allclose(Feeder(circuit, distance).drop(current, (1,)), plain, atol=1e-9)


@pytest.mark.parametrize('circuit, distance', [([], []), ([1], [1.0, 2.0]), ([1], [-1.0]), ([1], [math.nan])])
def test_impossible_wires_are_refused(circuit, distance):
    with pytest.raises(ValueError):
        Feeder(circuit, distance)


def twin(bank, feeder, emf, impedance, injection):
    """Gauss–Seidel with scalars on the shared-path matrix: slow, plain."""
    z, n = feeder.matrix(), len(bank.loads)
    voltage, bus = [emf] * n, emf
    for _ in range(200):
        current = []
        for outlet, of in enumerate(bank.loads):
            v = abs(voltage[outlet]) / V
            p, q = (sum(power * zip_admittance(np.array(shares), np.array(v)) for power, shares in rows) for rows in (
                [(load.power, load.zip_p) for load in of], [(load.reactive_power, load.zip_q) for load in of]))
            current.append(complex(p, -q) / V**2 * voltage[outlet])
        bus = emf - impedance * (sum(current) - (injection / bus).conjugate())
        voltage = [bus - sum(z[i, j] * current[j] for j in range(n)) for i in range(n)]
    return bus, voltage


@pytest.mark.parametrize('emf', [230.0, 214.0, 180.0])
def test_the_solution_equals_a_plain_twin(emf):
    loads = [LIBRARY[kind].loads for kind in ('kettle', 'refrigerator', 'laptop', 'heat_pump', 'washing_machine')]
    bank, feeder, s = run(loads, [5, 12, 9, 14, 20], [0, 0, 1, 1, 1], emf=EMF * emf / V, injection=1500 + 100j)
    bus, voltage = twin(bank, feeder, emf + 0j, SERVICE[0], 1500 + 100j)
    assert s.bus[0, 0] == pytest.approx(bus, rel=1e-6)
    np.testing.assert_allclose(s.voltage[0, 0], voltage, rtol=1e-6)


def test_kirchhoff_and_energy_balance():
    loads = [LIBRARY[kind].loads for kind in ('kettle', 'computer', 'vacuum_cleaner', 'led_lamp')]
    bank, feeder, s = run(loads, [5, 15, 9, 30], [0, 0, 1, 1], injection=700 - 50j)
    inflow = s.source_current[0].copy()
    inflow[0] += (np.conj((700 - 50j) / s.bus[0, 0]))
    np.testing.assert_allclose(inflow, s.current[0].sum(axis=1), atol=1e-5)                    # currents at the board
    np.testing.assert_allclose(s.bus[0], EMF - SERVICE * s.source_current[0], atol=1e-3)       # voltage along the line
    np.testing.assert_allclose(s.voltage[0], s.bus[0][:, None] - feeder.drop(s.current[0], ORDERS), atol=1e-3)
    given_ = (EMF * s.source_current[0].conj()).real.sum() + 700
    used = (s.voltage[0] * s.current[0].conj()).real.sum()
    lost = (np.abs(s.source_current[0]) ** 2 * SERVICE.real).sum()
    for k, order in enumerate(ORDERS):
        lost += (s.current[0, k].conj() @ feeder.matrix(order).real @ s.current[0, k]).real
    assert given_ == pytest.approx(used + lost, abs=0.2)
    assert lost > 5


def test_played_loads_count_with_their_power():
    _, _, s = run([[], []], [10.0, 10.0], drawn=np.array([800 + 200j, 0]))
    assert s.voltage[0, 0, 0] * s.current[0, 0, 0].conjugate() == pytest.approx(800 + 200j, rel=1e-6)
    assert s.current[0, 0, 1] == 0


def test_a_dead_source_gives_nothing_but_zeros():
    _, _, s = run([LIBRARY['computer'].loads], [10.0], emf=np.zeros(len(ORDERS), dtype=complex), injection=1000 + 0j)
    assert not np.abs(s.current).any() and not np.abs(s.voltage).any()


def test_harmonics_follow_the_table_and_the_phase_of_the_voltage():
    """The h-th harmonic turns h times as far as the voltage does."""
    load = Load(100.0, 1.0, harmonics=(0.9, 0.7, 0.5), phases=(0.3, -0.2, 0.1))
    for angle in (0.0, 1.1):
        emf = STIFF.copy()
        emf[0] = V * cmath.exp(1j * angle)
        _, _, s = run([[load]], [0.0], emf=emf, impedance=STIFF)
        for k, (share, phase) in enumerate([(0.9, 0.3), (0.7, -0.2), (0.5, 0.1)], start=1):
            expected = 100 / V * share * cmath.exp(1j * (phase + ORDERS[k] * angle))
            assert s.current[0, k, 0] == pytest.approx(expected, rel=1e-9)
