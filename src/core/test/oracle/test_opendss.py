"""The radial feeder against OpenDSS (EPRI) on feeders nobody chose: trees, ZIP mixes, PV, regulator taps."""
import numpy as np
import pytest

from hearthgrid_core.sim.appliances import ZIP
from hearthgrid_core.sim.radial import HEAD, Demand, RadialFeeder

dss = pytest.importorskip('opendssdirect', reason='opendssdirect.py is not installed')

AGREE = 1e-4    # [pu]
SHARES = np.array(list(ZIP.values()), dtype=float)      # (kinds, 2, 3)


def drawn_feeder(rng):
    """Return feeder, demand and the tap's ratio: 3 … 30 buses, stars to chains, 120 or 230 V."""
    n = int(rng.integers(3, 31))
    reach = rng.integers(1, n + 1)      # 1: a chain; n: any tree
    parent = [HEAD] + [int(rng.integers(max(0, k - reach), k)) for k in range(1, n)]
    length = rng.uniform(0.005, 0.05, n)    # [km]
    ohms = (rng.uniform(0.2, 0.6), rng.uniform(0.06, 0.1))
    nominal = float(rng.choice([120.0, 230.0]))
    feeder = RadialFeeder(parent, length * ohms[0], length * ohms[1], nominal)
    weight = rng.dirichlet(np.ones(len(SHARES)), n)
    zips = np.einsum('nk,kqs->qns', weight, SHARES)
    active = rng.uniform(50.0, 1500.0, n) * (nominal / 230.0) ** 2
    power = active * (1 + 1j * rng.uniform(0.02, 0.6, n))
    sun = np.where(rng.random(n) < rng.uniform(0, 0.6), rng.uniform(0, 3.0) * active, 0.0)
    generation = sun * (1 + 1j * rng.uniform(-0.3, 0.3, n))
    ratio = 1 + 0.00625 * int(rng.integers(-6, 9))
    return feeder, Demand(power, *zips, generation), ratio


def solved_by_opendss(feeder, demand, ratio):
    """Return (n,) voltages over nominal, the power into the feeder [W + j var] and the loss [W].

    The regulator is a transformer that is next to ideal, because ours is a ratio.
    """
    kv, n = feeder.nominal / 1000, feeder.size
    dss.Basic.AllowForms(False)
    run = dss.Text.Command
    run('clear')
    run(f'new circuit.home basekv={kv} pu=1.0 phases=1 bus1=supply.1 r1=1e-9 x1=1e-9 r0=1e-9 x0=1e-9')
    run(f'new transformer.regulator phases=1 windings=2 buses=(supply.1 head.1) kvs=({kv} {kv}) kvas=(1000 1000) '
        f'xhl=1e-4 %loadloss=0 %noloadloss=0 %imag=0 maxtap=1.2 mintap=0.8 numtaps=64')
    run(f'transformer.regulator.wdg=2 tap={ratio:.6f}')
    for k in range(n):
        above = 'head' if feeder.parent[k] == HEAD else f'b{feeder.parent[k]}'
        z, p, q = feeder.impedance[k], *(np.array(part[k]) for part in (demand.power.real, demand.power.imag))
        run(f'new line.l{k} phases=1 bus1={above}.1 bus2=b{k}.1 length=1 r1={z.real:.12g} x1={z.imag:.12g} '
            f'r0={z.real:.12g} x0={z.imag:.12g} c1=0 c0=0')
        shares = ' '.join(f'{s:.12g}' for s in (*demand.zip_p[k], *demand.zip_q[k]))
        run(f'new load.d{k} phases=1 bus1=b{k}.1 kv={kv} kw={p / 1000:.12g} kvar={q / 1000:.12g} model=8 '
            f'zipv=({shares} 0) vminpu=0.5 vmaxpu=1.5')
        if demand.generation[k]:
            g = demand.generation[k] / 1000
            run(f'new load.g{k} phases=1 bus1=b{k}.1 kv={kv} kw={-g.real:.12g} kvar={-g.imag:.12g} model=1 '
                f'vminpu=0.5 vmaxpu=1.5')
    run('set tolerance=1e-9')
    run('set maxiterations=200')
    run('solve')
    assert dss.Solution.Converged()
    volts = []
    for k in range(n):
        dss.Circuit.SetActiveBus(f'b{k}')
        volts.append(dss.Bus.VMagAngle()[0] / feeder.nominal)
    dss.Circuit.SetActiveElement('transformer.regulator')
    into = -1000 * complex(*dss.CktElement.Powers()[4:6])
    return np.array(volts), into, 1000 * dss.Circuit.LineLosses()[0]


@pytest.mark.parametrize('seed', range(60))
def test_randomised_feeders_agree(seed):
    feeder, demand, ratio = drawn_feeder(np.random.default_rng([seed, 47]))
    flow = feeder.solve(ratio * feeder.nominal, demand)
    ours = np.abs(flow.voltage) / feeder.nominal
    assert 0.9 < ours.min(), 'a case in which the ZIP polynomials hold'
    volts, into, loss = solved_by_opendss(feeder, demand, ratio)
    np.testing.assert_allclose(ours, volts, atol=AGREE)
    assert abs(flow.head_power - into) < 1e-3 * max(abs(into), 100.0)
    assert flow.loss == pytest.approx(loss, rel=1e-3, abs=0.1)


def test_the_cases_hold_what_they_should():
    """Back-flow, branches, both directions of the tap: else the agreement proves less than it says."""
    cases = [drawn_feeder(np.random.default_rng([seed, 47])) for seed in range(60)]
    assert any(demand.generation.sum().real > demand.power.sum().real for _, demand, _ in cases)
    assert any(np.bincount(feeder.parent[1:]).max() >= 4 for feeder, _, _ in cases)
    assert any(np.array_equal(feeder.parent, np.arange(feeder.size) - 1) for feeder, _, _ in cases)
    assert {np.sign(ratio - 1) for _, _, ratio in cases} == {-1.0, 0.0, 1.0}


def test_many_moments_at_once_are_what_each_is_alone():
    feeder, demand, _ = drawn_feeder(np.random.default_rng(5))
    rng = np.random.default_rng(6)
    level = rng.uniform(0.2, 1.2, (4, 7, 1))
    many = Demand(demand.power * level, demand.zip_p, demand.zip_q, demand.generation * level[::-1])
    head = feeder.nominal * rng.uniform(0.97, 1.05, (4, 7))
    flow = feeder.solve(head, many)
    for at in ((0, 0), (1, 3), (3, 6)):
        alone = feeder.solve(head[at], Demand(many.power[at], demand.zip_p, demand.zip_q, many.generation[at]))
        np.testing.assert_allclose(flow.voltage[at], alone.voltage, atol=1e-6)
        assert flow.head_power[at] == pytest.approx(alone.head_power, rel=1e-7)
