"""The micro-grid simulator against ANDES (PyPI), an independent dynamic simulator, on random cases and golden numbers.

ANDES turns its models into Python first; only the twelve used here are, into a temporary folder: half a second.
"""

import logging
import math
from dataclasses import dataclass, field

import numpy as np
import pytest

from hearthgrid_core.island.droop import Droop, DroopSettings
from hearthgrid_core.sim.microgrid import Microgrid, MicrogridSettings
from hearthgrid_core.sim.microgrid_generators import Generators, GeneratorSettings
from hearthgrid_core.sim.microgrid_network import Line, ZipLoads

andes = pytest.importorskip('andes', reason='ANDES is not installed')

BASE, VOLTAGE, HERTZ = 1e4, 230.0, 50.0
OHM = VOLTAGE**2 / BASE
MODELS = ('Bus', 'PQ', 'PV', 'Slack', 'Line', 'ZIP', 'REGF1', 'GENCLS', 'TGOV1', 'Toggle', 'Alter', 'COI')
STEP_AT, SETTLE = 0.1, 2.5  # when the loads step, and how long after it [s]


@dataclass
class Case:
    """Per unit on 10 kVA, 230 V, 50 Hz. Sources sit on nodes 0 … n−1 at 1 pu; the first takes what is left."""

    rating: list[float]  # of each source [VA]
    power: list[float]  # of the sources but the first
    lines: list[tuple[int, int, complex]]
    loads: list[tuple[int, complex, tuple[float, float, float], tuple[float, float, float]]]
    factor: list[float]  # of each load at the step
    inertia: list[float] = field(default_factory=list)
    droop: float = 0.01
    governor: float = 0.05
    reactance: float = 0.15
    damping: float = 0.0

    @property
    def nodes(self) -> int:
        return 1 + max(max(a, b) for a, b, _ in self.lines)


GOLDEN = Case([5000.0, 3000.0], [0.15], [(0, 2, 0.03 + 0.15j), (1, 2, 0.03 + 0.15j)],
              [(2, 0.4 + 0.1j, (0.5, 0.3, 0.2), (0.5, 0.3, 0.2))], [1.5])


def random_case(seed: int, machines: bool = False) -> Case:
    """2 … 5 sources on a chain of load nodes with a mesh; 30 … 60 % loaded, a part of the loads grows or shrinks."""
    rng = np.random.default_rng([seed, machines])
    n, m = int(rng.integers(2, 6)), int(rng.integers(1, 5))
    rating = rng.uniform(2000.0, 10000.0, n)

    def wire(scale: float) -> complex:
        return scale * complex(rng.uniform(0.1, 1.0), rng.uniform(0.7, 1.4))  # R/X from 0.07 to 1.4

    lines = [(k, n + int(rng.integers(m)), wire(0.12)) for k in range(n)]
    lines += [(n + k, n + k + 1, wire(0.03)) for k in range(m - 1)]
    if m > 2:
        lines.append((n, n + m - 1, wire(0.03)))
    total = rng.uniform(0.3, 0.6) * rating.sum() / BASE
    loads = []
    for k, part in enumerate(rng.dirichlet(np.ones(m))):
        zp, zq = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3))
        loads.append((n + k, total * part * complex(1.0, rng.uniform(0.0, 0.4)), tuple(zp), tuple(zq)))
    factor = list(rng.choice([-1, 1], m) * rng.uniform(0.2, 0.5, m) + 1.0)
    power = total * rating / rating.sum() * rng.uniform(0.8, 1.2, n)
    inertia = list(rng.uniform(0.5, 3.0, n)) if machines else []
    return Case(list(rating), list(power[1:]), lines, loads, factor, inertia, rng.uniform(0.005, 0.02),
                rng.uniform(0.03, 0.2), rng.uniform(0.15, 0.3), rng.uniform(4.0, 8.0))


@dataclass
class Answer:
    frequency: np.ndarray  # (sources,) settled [Hz]
    voltage: np.ndarray  # (nodes,) settled [pu]
    power: np.ndarray  # (sources,) settled [pu]
    nadir: np.ndarray  # (sources,) [Hz]
    centre: tuple[float, float]  # nadir of their mean by rating [Hz], and when after the step [s]


@pytest.fixture(scope='module')
def code(tmp_path_factory):
    """Folder with the code ANDES makes of its models."""
    logging.getLogger('andes').setLevel(logging.ERROR)
    folder = tmp_path_factory.mktemp('andes') / 'pycode'
    folder.mkdir()
    blank = andes.System(no_undill=True, default_config=True, no_output=True)
    for name in MODELS:
        blank.models[name].prepare(quick=True, pycode_path=str(folder))
    words = [f'__version__ = {andes.__version__!r}', *(f'from . import {name}' for name in MODELS)]
    (folder / '__init__.py').write_text('\n'.join(words) + '\n')
    return folder


def build(case: Case, code):
    s = andes.System(default_config=True, autogen_stale=False, pycode_path=str(code), no_output=True)
    s.config.mva, s.config.freq = BASE / 1e6, HERTZ
    kv = VOLTAGE / 1e3
    for k in range(case.nodes):
        s.add('Bus', {'idx': k, 'name': f'{k}', 'Vn': kv, 'v0': 1.0, 'a0': 0.0})
    for k, rating in enumerate(case.rating):
        static = {'idx': k, 'bus': k, 'Sn': rating / 1e6, 'Vn': kv, 'v0': 1.0, 'qmax': 10.0, 'qmin': -10.0}
        if k == 0:
            s.add('Slack', {**static, 'a0': 0.0})
        else:
            s.add('PV', {**static, 'p0': case.power[k - 1]})
    for k, (a, b, z) in enumerate(case.lines):
        s.add('Line', {'idx': k, 'bus1': a, 'bus2': b, 'Sn': BASE / 1e6, 'Vn1': kv, 'Vn2': kv, 'fn': HERTZ,
                       'r': z.real, 'x': z.imag})
    for k, (node, power, p, q) in enumerate(case.loads):
        s.add('PQ', {'idx': k, 'bus': node, 'Vn': kv, 'p0': power.real, 'q0': power.imag})
        shares = {name: 100.0 * share for name, share in zip(('kpz', 'kpi', 'kpp', 'kqz', 'kqi', 'kqp'), (*p, *q),
                                                             strict=True)}
        s.add('ZIP', {'idx': k, 'pq': k, **shares})
    for k, rating in enumerate(case.rating):
        common = {'idx': k, 'bus': k, 'gen': k, 'Sn': rating / 1e6, 'fn': HERTZ}
        if case.inertia:
            s.add('GENCLS', {**common, 'Vn': kv, 'M': 2 * case.inertia[k], 'D': case.damping,
                             'xd1': case.reactance, 'ra': 0.0})
            s.add('TGOV1', {'idx': k, 'syn': k, 'R': 0.04, 'T1': case.governor, 'T2': 1.0, 'T3': 1.0, 'Dt': 0.0,
                            'VMAX': 1.2, 'VMIN': 0.0})
        else:  # droops are over the system's base there; the limiters' integrators are off
            off = dict.fromkeys(('KPplim', 'KIplim', 'KPqlim', 'KIqlim'), 0.0)
            wide = {'Pmax': 10.0, 'Pmin': -10.0, 'Qmax': 10.0, 'Qmin': -10.0, 'dwmax': 1e3, 'dwmin': -1e3}
            s.add('REGF1', {**common, **off, **wide, 'rf': 0.003, 'xf': 0.1, 'Tr': 0.01,
                            'wdrp': case.droop * BASE / rating, 'Qdrp': 0.025 * BASE / rating})
    s.setup()
    assert s.PFlow.run()
    return s


def andes_answer(case: Case, s) -> Answer:
    run = s.TDS.config
    run.no_tqdm, run.fixt, run.tstep, run.criteria, run.tf = 1, 1, 0.005, 0, STEP_AT
    assert s.TDS.run(no_summary=True)
    for name in ('pp0', 'pi0', 'pz0', 'qp0', 'qi0', 'qz0'):
        getattr(s.ZIP, name).v[:] *= np.array(case.factor)
    run.tf = STEP_AT + SETTLE
    assert s.TDS.run(no_summary=True)
    if case.inertia:
        speed = HERTZ * s.dae.ts.x[:, s.GENCLS.omega.a]
        power = s.GENCLS.Pe.v
    else:
        speed = HERTZ + s.dae.ts.y[:, s.REGF1.dw_x.a] / (2 * math.pi)
        power = s.REGF1.Pe.v
    return Answer(speed[-1], np.array(s.Bus.v.v), np.array(power), speed.min(axis=0), centre(case, s.dae.ts.t, speed))


def centre(case: Case, times: np.ndarray, speed: np.ndarray) -> tuple[float, float]:
    mean = speed @ np.array(case.rating) / sum(case.rating)
    return float(mean.min()), float(times[mean.argmin()] - STEP_AT)


def started(s) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return ANDES' state before the step: power of the sources, voltage and angle of the nodes [pu], [rad]."""
    power = np.concatenate([s.Slack.p.v, s.PV.p.v]) + 1j * np.concatenate([s.Slack.q.v, s.PV.q.v])
    return power, np.array(s.Bus.v.v), np.array(s.Bus.a.v)


def own_answer(case: Case, power: np.ndarray, voltage: np.ndarray, angle: np.ndarray) -> Answer:
    n = len(case.rating)
    lines = [Line(a, b, z * OHM) for a, b, z in case.lines]
    node, size, p, q = (list(part) for part in zip(*case.loads, strict=True))
    v = voltage[node, None] ** np.array([2.0, 1.0, 0.0])  # ANDES means the power at the first voltage
    loads = ZipLoads(node, np.array(size) * BASE, np.array(p) / v, np.array(q) / v, VOLTAGE)
    droop = generators = None
    if case.inertia:
        generators = Generators([GeneratorSettings(rating, inertia=inertia, damping=case.damping,
                                                   governor_time=case.governor, reactance=case.reactance)
                                 for rating, inertia in zip(case.rating, case.inertia, strict=True)])
        generators.begin(power.real * BASE)
    else:
        droop = Droop([DroopSettings(rating, droop_frequency=case.droop, virtual_reactance=0.0, power_max=3.0,
                                     surge=5.0) for rating in case.rating])
        droop.reference_frequency += droop.frequency_slope * power.real * BASE
        droop.reference_voltage += droop.voltage_slope * power.imag * BASE
        droop.begin(power.real * BASE, power.imag * BASE)
    grid = Microgrid(case.nodes, lines, loads, range(n), droop, generators,
                     settings=MicrogridSettings(step=0.001, step_max=0.001))
    terminal = VOLTAGE * voltage[:n] * np.exp(1j * angle[:n])
    inner = terminal
    if generators is not None:
        inner = terminal + generators.impedance * (power * BASE / terminal).conj()
        generators.voltage = np.abs(inner)
    grid.angle = np.angle(inner)
    grid.network.voltage[:] = VOLTAGE * voltage * np.exp(1j * angle)
    grid.touch()
    grid.step(STEP_AT)
    assert np.abs(grid.frequency - HERTZ).max() < 1e-5, 'it rests where ANDES does'
    loads.level[:] = case.factor
    grid.touch()
    seen, times = [], []
    grid.on_step = lambda: (seen.append(grid.frequency), times.append(grid.now))
    grid.step(STEP_AT + SETTLE)
    seen, times = np.array(seen), np.array(times)
    return Answer(grid.frequency, np.abs(grid.network.voltage) / VOLTAGE, grid.power.real / BASE,
                  np.minimum(seen.min(axis=0), HERTZ), centre(case, times, seen))


def both(case: Case, code) -> tuple[Answer, Answer]:
    s = build(case, code)
    begin = started(s)
    return andes_answer(case, s), own_answer(case, *begin)


@pytest.mark.parametrize('seed', range(4))
def test_random_inverters_settle_where_andes_says(seed, code):
    peer, own = both(random_case(seed), code)
    assert peer.voltage.min() > 0.9, 'the load model is the same there'
    assert np.ptp(peer.frequency) < 1e-3, 'ANDES has come to rest'
    np.testing.assert_allclose(own.frequency, peer.frequency, atol=1e-3)
    np.testing.assert_allclose(own.voltage, peer.voltage, atol=1e-3)
    np.testing.assert_allclose(own.power, peer.power, atol=1e-3)
    np.testing.assert_allclose(own.nadir, peer.nadir, atol=0.05)  # its inner loops are not modelled here


@pytest.mark.parametrize('seed', range(3))
def test_random_generators_swing_as_andes_says(seed, code):
    peer, own = both(random_case(seed, machines=True), code)
    assert peer.voltage.min() > 0.9, 'the load model is the same there'
    np.testing.assert_allclose(own.frequency, peer.frequency, atol=1e-3)
    np.testing.assert_allclose(own.voltage, peer.voltage, atol=1e-3)
    np.testing.assert_allclose(own.nadir, peer.nadir, atol=1e-2)


def test_the_golden_inverters(code):
    peer, own = both(GOLDEN, code)
    for answer, near in ((peer, 2e-5), (own, 3e-6)):  # its integrators still creep
        np.testing.assert_allclose(answer.frequency, 49.877537, atol=near)
        np.testing.assert_allclose(answer.voltage[[0, 2, 1]], [0.998345, 0.976340, 0.997314], atol=near)
        np.testing.assert_allclose(answer.power, [0.375255, 0.223478], atol=near)


def test_the_golden_generators(code):
    case = Case(**{**vars(GOLDEN), 'inertia': [1.0, 1.0]})
    peer, own = both(case, code)
    for answer in (peer, own):
        np.testing.assert_allclose(answer.frequency, 49.53692, atol=1e-3)
        assert answer.centre[0] == pytest.approx(49.478878, abs=1e-3)
        assert answer.centre[1] == pytest.approx(0.185, abs=0.006)
