"""Jobs placed by what forecasts may miss: the prices against the course itself, the places against every place."""
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.plan import Battery, BlockJob, Chances, InterruptibleJob, Photovoltaic, planner
from hearthgrid_core.plan.outlook import Outlook
from hearthgrid_core.plan.stock import Stage, ahead, course, repeated

CELL = Battery(10.0, 6.0, 3000.0, 3000.0, 0.9, 0.9, wear_price=0.01)
WEIGHT = np.array([0.25, 0.5, 0.25])
AFTER = ahead(CELL, [], [], WEIGHT, 0.1)


def stages(seed: int, count: int = 10) -> list[Stage]:
    chance = np.random.default_rng(seed)
    return [Stage(1.0, *chance.uniform([0.15, 0.02], [0.4, 0.1]), chance.uniform(-3.0, 3.0, (3, 2)), 8.0, 8.0)
            for _ in range(count)]


@pytest.mark.parametrize('seed', range(6))
def test_what_is_likely_adds_up_and_keeps_how_likely_each_way_is(seed):
    found = course(CELL, stages(seed), AFTER, WEIGHT)
    for likely in found.likely(CELL.energy):
        assert likely.min() >= -1e-12
        np.testing.assert_allclose(likely.sum(axis=1), WEIGHT)
    first = found.likely(CELL.energy)[0].sum(axis=0)
    assert first @ found.levels == pytest.approx(CELL.energy)


@pytest.mark.parametrize('seed', range(6))
def test_the_next_stage_begins_with_the_charge_the_policy_leads_to(seed):
    """The plain twin of one step, one value after the other."""
    found, first = course(CELL, stages(seed), AFTER, WEIGHT), stages(seed)[0]
    ends = np.zeros((3, 2))
    for way, sample in np.ndindex(3, 2):
        buy, cover, take, sell = (float(each[way, 0]) for each in found.stock[:, 0])
        net, end = first.net[way, sample], CELL.energy
        if net > 0 and end > cover:
            end = max(cover, end - min(net, 3.0) / 0.9)
        if net < 0 and end < take:
            end = min(take, end + min(-net, 3.0) * 0.9)
        if end > sell and CELL.energy > sell:
            end = min(end, max(sell, CELL.energy - min(3.0, 8.0 + net) / 0.9))
        if CELL.energy < buy:
            end = max(end, min(buy, CELL.energy + min(3.0, 8.0 - net) * 0.9))
        ends[way, sample] = end
    mean = found.likely(CELL.energy)[1].sum(axis=0) @ found.levels
    assert mean == pytest.approx(WEIGHT @ ends.mean(axis=1), abs=1e-6)


@pytest.mark.parametrize('seed', range(6))
@pytest.mark.parametrize('power', [1.5, -1.0])
def test_a_further_kw_costs_what_the_course_with_it_does(seed, power):
    """In the first stage exactly; later the battery would also prepare for it, so that it costs no more than told."""
    every = stages(seed)
    found = course(CELL, every, AFTER, WEIGHT)
    told = found.further(found.likely(CELL.energy), np.arange(len(every)), power)
    for k, stage in enumerate(every):
        then = course(CELL, [*every[:k], replace(stage, net=stage.net + power), *every[k + 1:]], AFTER, WEIGHT)
        costs = then.cost(CELL.energy) - found.cost(CELL.energy)
        assert costs <= told[k] + 1e-9
        if k == 0:
            assert costs == pytest.approx(told[0], abs=1e-9)


def dull_or_bright(house, *jobs, **limits):
    """A cheap night, a dear evening before it, and a sun tomorrow that comes or does not."""
    price = np.array([0.5] * 4 + [0.2] * 8 + [0.35] * 12)
    sun = np.concatenate((np.zeros(12), np.full(8, 2500.0), np.zeros(4)))
    apart = np.zeros((24, 2, 1))
    apart[12:20] = [[-1500.0], [1500.0]]
    made = house.problem(price, Photovoltaic(sun), CELL, *jobs, base=400.0, sell=0.05, **limits)
    return made, replace(made, chances=Chances.of(apart))


def outlook_of(made, plan) -> Outlook:
    return Outlook.of(CELL, made.horizon, made.grid.checked(made.horizon),
                      plan.grid_power - plan.schedule('battery').power, made.chances, 0.1)


def mean_cost(made, plan) -> float:
    outlook = outlook_of(made, plan)
    return outlook.course(outlook.net).cost(CELL.energy)


@pytest.mark.parametrize('energy, power', [(4.0, 2000.0), (6.0, 3000.0), (2.0, 1000.0)])
def test_a_block_is_where_it_costs_least_on_average(house, energy, power):
    job = BlockJob('dishes', energy, power, house.at(24))
    made, open_ = dull_or_bright(house, job)
    many = house.plan(open_, house.usual)
    outlook = outlook_of(open_, many)
    without = outlook.net - many.schedule('dishes').power
    every = [outlook.course(without + job.block(house.at(hour), made.horizon)).cost(CELL.energy)
             for hour in range(24 - int(job.duration / 3600.0))]
    assert mean_cost(open_, many) <= min(every) + 0.01


def test_a_car_does_not_empty_the_battery_for_a_sun_that_may_not_come(house):
    one, many = (house.plan(made, house.usual) for made in dull_or_bright(house, InterruptibleJob(
        'car', 9.0, 3000.0, house.at(12))))
    open_ = dull_or_bright(house, InterruptibleJob('car', 9.0, 3000.0, house.at(12)))[1]
    assert mean_cost(open_, many) <= mean_cost(open_, one) + 1e-9
    assert many.schedule('car').power @ one.horizon.hours == pytest.approx(9000.0)


def test_what_was_moved_is_said_and_no_limit_is_broken_for_it(house):
    said = 0
    for seed in range(8):
        chance = np.random.default_rng(seed)
        jobs = (InterruptibleJob('car', 9.0, 3000.0, house.at(24)), BlockJob('dishes', 2.0, 1000.0, house.at(20)))
        apart = chance.uniform(-2000, 2000, (24, 4, 1))
        made = house.problem(chance.choice([0.2, 0.22, 0.4], 24), Photovoltaic(np.maximum(0, 3000 * np.sin(
            np.linspace(-2, 4, 24)))), CELL, *jobs, base=500.0, sell=0.05, import_max=3700.0)
        plan = house.plan(replace(made, chances=Chances.of(apart)), house.usual)
        assert plan.status.value == 'optimal', plan.reasons
        assert plan.grid_power.max() <= 3700.0 + 1.0
        said += any('placed for what forecasts may miss' in reason for reason in plan.reasons)
    assert said


@pytest.mark.parametrize('answer', ['none', 'error', 'dear'])
def test_a_solver_that_fails_at_moving_jobs_leaves_the_plan_there_is(house, monkeypatch, answer):
    def fixed(program, chosen, found, guess):
        if answer == 'error':
            raise planner.SolveError('no time')
        return replace(found, objective=found.objective + 1e3) if answer == 'dear' else None

    made, open_ = dull_or_bright(house, InterruptibleJob('car', 9.0, 3000.0, house.at(24)))
    settings = replace(house.usual, keep_weight=0.0)
    one = planner.Planner(settings).plan(made)
    monkeypatch.setattr(planner, 'fixed', fixed)
    monkeypatch.setattr(planner.Futures, 'settle', lambda self, x: (
        self._outlook.course(self._outlook.net), {next(iter(self._groups)): np.zeros(24)}, 1.0))
    many = planner.Planner(settings).plan(open_)
    assert many.status.value == 'optimal'
    np.testing.assert_allclose(many.schedule('car').power, one.schedule('car').power)
    assert not any('placed for what' in reason for reason in many.reasons)


def test_days_beyond_the_end_are_those_of_the_plan():
    every = stages(1)
    assert repeated(every, 0) == []
    assert sum(stage.hours for stage in repeated(every, 4)) == pytest.approx(2 * 4.0)
