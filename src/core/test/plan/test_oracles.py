"""The planner against plain enumeration and against an independent model written straight for HiGHS."""
import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from hearthgrid_core.plan import (
    BaseLoad,
    Battery,
    BlockJob,
    Grid,
    InterruptibleJob,
    Kind,
    ModulatingJob,
    OptionalLoad,
    Photovoltaic,
    Problem,
    Tariff,
    Thermostatic,
)

SLOW_TO_MAKE = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
prices = st.lists(st.integers(-10, 60), min_size=10, max_size=10).map(lambda cents: np.array(cents) / 100)


@SLOW_TO_MAKE
@given(buy=prices, sell=st.integers(0, 30), sun=st.integers(0, 4),
       lengths=st.tuples(st.integers(1, 4), st.integers(1, 4)), due=st.tuples(st.integers(5, 10), st.integers(5, 10)))
def test_block_jobs_start_where_enumeration_says(house, buy, sell, sun, lengths, due):
    sell = np.minimum(sell / 100, buy)
    pv = 1000.0 * sun * np.clip(np.sin(np.arange(10) / 10 * np.pi), 0, None)
    jobs = [BlockJob(f'job{k}', float(n), 1000.0 * (k + 1), house.at(d))
            for k, (n, d) in enumerate(zip(np.array(lengths) * np.array([1, 2]), due, strict=True))]
    problem = house.problem(buy, Photovoltaic(pv), *jobs, sell=sell, base=300.0)
    result = house.plan(problem)

    def bill(starts) -> float:
        power = 300.0 - pv
        for job, start, length in zip(jobs, starts, lengths, strict=True):
            power = power + job.power * ((np.arange(10) >= start) & (np.arange(10) < start + length))
        return sum(p / 1000 * (buy[k] if p > 0 else sell[k]) for k, p in enumerate(power))

    possible = [range(0, d - n + 1) for d, n in zip(due, lengths, strict=True)]
    best = min(bill(starts) for starts in itertools.product(*possible))
    assert result.cost == pytest.approx(best, abs=1e-6)
    assert result.status.value == 'optimal'


def direct(buy, sell, base, pv, battery: Battery, car: InterruptibleJob, due: int, worth: float,
           import_max: float) -> float:
    """Return the least cost by a model of its own: every flow with its direction binary, on/off for the car."""
    n, hours = len(buy), 1.0
    names = ('bought', 'sold', 'charge', 'discharge', 'energy', 'buying', 'charging', 'on')
    at = {name: np.arange(n) + k * n for k, name in enumerate(names)}
    cost, low, high, whole = (np.zeros(8 * n) for _ in range(4))
    high[:] = 1.0
    cost[at['bought']], cost[at['sold']] = buy, -np.asarray(sell)
    cost[at['discharge']] = battery.wear_price
    cost[at['energy'][-1]] = -worth
    high[at['bought']] = import_max / 1000
    high[at['sold']], high[at['energy']] = 50.0, battery.capacity
    high[at['charge']], high[at['discharge']] = battery.charge_max / 1000, battery.discharge_max / 1000
    low[at['energy']] = battery.reserve
    for name in ('buying', 'charging', 'on'):
        whole[at[name]] = 1
    high[at['on'][due:]] = 0.0
    rows, least, most = [], [], []

    def row(terms, lower, upper):
        line = np.zeros(8 * n)
        for column, value in terms:
            line[column] += value
        rows.append(line)
        least.append(lower)
        most.append(upper)

    for k in range(n):
        net = (base[k] - pv[k]) / 1000
        row([(at['bought'][k], 1), (at['sold'][k], -1), (at['charge'][k], -1), (at['discharge'][k], 1),
             (at['on'][k], -car.power / 1000)], net, net)
        before = [(at['energy'][k - 1], -1.0)] if k else []
        first = 0.0 if k else battery.energy
        row([(at['energy'][k], 1), *before, (at['charge'][k], -battery.charge_efficiency * hours),
             (at['discharge'][k], hours / battery.discharge_efficiency)], first, first)
        row([(at['bought'][k], 1), (at['buying'][k], -50)], -np.inf, 0)
        row([(at['sold'][k], 1), (at['buying'][k], 50)], -np.inf, 50)
        row([(at['charge'][k], 1), (at['charging'][k], -50)], -np.inf, 0)
        row([(at['discharge'][k], 1), (at['charging'][k], 50)], -np.inf, 50)
    steps = car.energy / (car.power / 1000)
    row([(column, 1) for column in at['on']], steps, steps)
    found = milp(cost, constraints=LinearConstraint(np.array(rows), least, most), bounds=Bounds(low, high),
                 integrality=whole, options={'mip_rel_gap': 0.0})
    assert found.success, found.message
    return found.fun + worth * battery.energy


@settings(SLOW_TO_MAKE, max_examples=12)
@given(buy=prices, sell=prices, base=st.integers(0, 3), sun=st.integers(0, 6), energy=st.integers(2, 9),
       steps=st.integers(1, 4), due=st.integers(5, 10), wear=st.sampled_from([0.0, 0.03]))
def test_the_cost_is_that_of_a_direct_model(house, buy, sell, base, sun, energy, steps, due, wear):
    """Any prices: negative ones, and export dearer than import."""
    base = np.full(10, 400.0 * base)
    pv = 1000.0 * sun * np.clip(np.sin(np.arange(10) / 10 * np.pi), 0, None)
    battery = Battery(10.0, float(energy), 3000.0, 2500.0, 0.95, 0.9, reserve=2.0, wear_price=wear)
    car = InterruptibleJob('car', 2.0 * steps, 2000.0, house.at(due))
    result = house.plan(house.problem(buy, Photovoltaic(pv), battery, car, base=base, sell=sell, import_max=9000.0))
    worth = max(0.0, 0.8 * max(buy.mean(), 0.0) * 0.9 - wear)
    assert result.status.value == 'optimal', result.reasons
    assert result.cost == pytest.approx(direct(buy, sell, base, pv, battery, car, due, worth, 9000.0), abs=2e-4)


@settings(SLOW_TO_MAKE, max_examples=25)
@given(data=st.data())
def test_whatever_comes_the_plan_holds_together(house, data):
    """The planner's own checker throws a plan away that breaks balance, charge, jobs or limits: none may be."""
    draw = data.draw
    count = 16
    step = draw(st.sampled_from([900.0, 3600.0]))
    number = st.floats(0, 1)
    rng = np.random.default_rng(draw(st.integers(0, 999)))
    horizon = house.horizon(count, step, house.now + draw(st.integers(0, 3599)))
    devices = [BaseLoad(rng.uniform(0, 3000, count)),
               Photovoltaic(5000 * rng.uniform(0, 1, count), curtailable=draw(st.booleans())),
               Battery(8.0, 8.0 * draw(number), 3000.0, 4000.0, reserve=8.0 * draw(number), wear_price=0.02,
                       final=draw(st.sampled_from([None, 0.0, 8.0])))]
    for k in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from([BlockJob, InterruptibleJob, ModulatingJob]))
        more = {'power_min': 250.0, 'from_battery': draw(st.booleans())} if kind is ModulatingJob else {}
        devices.append(kind(f'job{k}', 0.05 + 4 * draw(number), 300 + 3000 * draw(number),
                            horizon.now + 3600 * draw(st.integers(-1, 20)), running=draw(st.booleans()), **more))
    if draw(st.booleans()):
        devices += [OptionalLoad('pump', 700.0, 0.2 * draw(number), rng.integers(0, 2, count).astype(float)),
                    Thermostatic('boiler', 2000.0, draw(st.sampled_from([1.0, -2.5])), 0.05, 4e5,
                                 100 * draw(number) - 20, 30.0, 40.0, rng.uniform(-20, 45, count))]
    sell = rng.uniform(-0.1, 0.4, count) if draw(st.booleans()) else np.full(count, 0.05)
    limit = st.sampled_from([0.0, 500.0, 3000.0, 6000.0, np.inf])
    tariff = Tariff(draw(st.sampled_from([0.0, 3.0])), 2000 * draw(number), draw(limit), 0.1 * draw(number),
                    draw(number))
    grid = Grid(rng.uniform(-0.1, 0.5, count), sell, np.full(count, draw(limit)), np.full(count, draw(limit)), tariff,
                rng.uniform(0, 0.9, count) if draw(st.booleans()) else None)
    result = house.plan(Problem(horizon, grid, tuple(devices)), house.quick)
    assert result.status.value in ('optimal', 'relaxed'), result.reasons
    assert all(schedule.reason for schedule in result.schedules)
    battery = result.of(Kind.BATTERY)[0]
    assert (battery.energy >= -1e-6).all() and (battery.energy <= 8.0 + 1e-6).all()
    np.testing.assert_allclose(sum(s.power for s in result.schedules), result.grid_power, atol=1e-6)
