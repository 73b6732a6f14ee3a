"""How much charge is worth keeping when forecasts may be wrong."""
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from hearthgrid_core.plan import Battery, Chances, Tariff
from hearthgrid_core.plan.stock import LEVELS, Stage, ahead, course, repeated, together

CELL = Battery(10.0, 5.0, 3000.0, 3000.0, 0.9, 0.9, wear_price=0.01)
SURE = np.ones(1)


def stage(buy, sell, *net, hours=1.0, import_max=1e6, export_max=1e6) -> Stage:
    return Stage(hours, buy, sell, np.array(net, dtype=float)[:, None], import_max, export_max)


def least(cell, stages, weight, worth, energy) -> float:
    """Enumerate charges on a coarse grid: the plain twin of one call."""
    levels = np.linspace(cell.reserve, cell.capacity, 41)
    value = -worth * levels
    for one in reversed(stages):
        before = np.zeros(len(levels))
        for net, share in zip(one.net[:, 0], weight, strict=True):
            for k, charge in enumerate(levels):
                flow = levels - charge
                power = np.where(flow > 0, flow / cell.charge_efficiency, flow * cell.discharge_efficiency) / one.hours
                grid = net + power
                cost = one.hours * (np.where(grid > 0, one.buy, one.sell) * grid
                                    + cell.wear_price * np.maximum(-power, 0)) + value
                cost[(power > cell.charge_max / 1e3 + 1e-9) | (power < -cell.discharge_max / 1e3 - 1e-9)] = np.inf
                before[k] += share * cost.min()
        value = before
    return float(np.interp(energy, levels, value))


def follow(cell, stages, stocks, nets, energy) -> float:
    """Return what the policy pays for one course of things."""
    cost = 0.0
    for one, stock, net in zip(stages, stocks, nets, strict=True):
        into, out = one.hours * cell.charge_efficiency, one.hours / cell.discharge_efficiency
        most_in, most_out = cell.charge_max / 1e3, cell.discharge_max / 1e3
        end = energy
        if net > 0 and energy > stock.cover:
            end = max(stock.cover, energy - min(net, most_out) * out)
        if net < 0 and energy < stock.take:
            end = min(stock.take, energy + min(-net, most_in) * into)
        if energy > stock.sell:
            end = min(end, max(stock.sell, energy - most_out * out))
        if energy < stock.buy:
            end = max(end, min(stock.buy, energy + most_in * into))
        power = (end - energy) / (into if end > energy else out)
        grid = net + power
        cost += one.hours * ((one.buy if grid > 0 else one.sell) * grid + cell.wear_price * max(-power, 0.0))
        energy = end
    return cost, energy


@pytest.mark.parametrize('seed', range(12))
def test_on_average_no_other_policy_is_cheaper(seed):
    """Against enumeration of all charges: the mean over all courses is its optimum."""
    chance = np.random.default_rng(seed)
    weight = np.array([0.3, 0.7])
    stages = []
    for _ in range(3):
        buy = chance.uniform(0.1, 0.5)
        stages.append(stage(buy, buy * chance.uniform(0.1, 0.9), *chance.uniform(-3, 3, 2), hours=0.5))
    worth, energy = chance.uniform(0.0, 0.4), chance.uniform(0.0, 10.0)
    stocks = course(CELL, stages, ahead(CELL, stages, [], weight, worth, 0.0), weight, 0.0).stocks()
    mean = 0.0
    for ways in product(range(2), repeat=3):
        paid, left = follow(CELL, stages, stocks, [s.net[k, 0] for s, k in zip(stages, ways, strict=True)], energy)
        mean += float(np.prod(weight[list(ways)])) * (paid - worth * left)
    assert mean <= least(CELL, stages, weight, worth, energy) + 0.01


def test_what_is_sure_is_bought_and_what_may_come_free_is_waited_for():
    """A dear evening after a noon that may fill the battery for nothing."""
    def night(noon):
        weight = np.full(len(noon), 1 / len(noon))
        stages = [stage(0.15, 0.05, *[0.3] * len(noon)), *[stage(0.25, 0.05, *noon)] * 3,
                  *[stage(0.3, 0.05, *[3.0] * len(noon))] * 3]
        return course(CELL, stages, ahead(CELL, stages, [], weight, 0.0), weight).stocks()[0]

    dark, bright, either = night([0.3]), night([-3.6]), night([0.3, -3.6])
    assert dark.buy.item() == pytest.approx(10.0) and bright.buy.item() < 2.5
    assert bright.buy.item() < either.buy.item() < dark.buy.item()


def test_what_sells_as_well_later_is_kept_till_then():
    """Until then something may need it: only what the last hours cannot sell goes now."""
    stages = [stage(0.3, 0.1, 0.0)] * 3
    found = [stock.sell.item() for stock in course(CELL, stages, ahead(CELL, stages, [], SURE, 0.0), SURE).stocks()]
    assert found == pytest.approx([2 * 3.0 / 0.9, 3.0 / 0.9, 0.0], abs=2 * CELL.capacity / LEVELS)


def test_four_charges_lie_in_order_and_within_the_battery():
    chance = np.random.default_rng(0)
    cell = replace(CELL, reserve=2.0)
    for _ in range(20):
        stages = [stage(*chance.uniform(-0.1, 0.5, 2), *chance.uniform(-5, 5, 4)) for _ in range(5)]
        weight = np.full(4, 0.25)
        for stock in course(cell, stages, ahead(cell, stages, repeated(stages, 5), weight, 0.2), weight).stocks():
            assert 2.0 <= stock.buy.item() <= stock.cover.item() <= stock.sell.item() <= 10.0
            assert stock.buy.item() <= stock.take.item() <= stock.sell.item()


@pytest.mark.parametrize('count, hours', [(0, []), (3, [0.75]), (4, [1.0]), (9, [1.0, 1.0, 0.25])])
def test_stages_taken_together_cost_and_need_the_same_energy(count, hours):
    chance = np.random.default_rng(0)
    stages = [stage(*chance.uniform(0.1, 0.5, 2), *chance.uniform(-3, 3, 2), hours=0.25) for _ in range(count)]
    joined = together(stages, 1.0)
    assert [one.hours for one in joined] == pytest.approx(hours)
    for name in ('net', 'buy', 'sell', 'import_max'):
        assert sum(s.hours * getattr(s, name) for s in joined) == pytest.approx(
            sum(s.hours * getattr(s, name) for s in stages))


def test_a_charge_asked_for_at_the_end_is_bought_in_time():
    cell = replace(CELL, final=8.0)
    stages = [stage(0.2, 0.0, 0.5), stage(0.4, 0.0, 0.5)]
    stocks = course(cell, stages, ahead(cell, stages, [], SURE, 0.0), SURE).stocks()
    assert stocks[1].buy.item() == pytest.approx(8.0, abs=10 / LEVELS)
    # The first hour is the cheap one, but all that cannot be bought in the second must be.
    assert stocks[0].buy.item() >= 8.0 - 2.7 - 10 / LEVELS


def test_the_plan_uses_what_its_forecast_may_miss(house):
    price, sun = np.tile([0.2] * 6 + [0.4] * 6, 2), np.zeros((24, 2, 1))
    sun[8:16] = [[-3000.0], [3000.0]]
    made = house.problem(price, replace(CELL, energy=6.0), sell=0.05, base=600.0)
    one, many = house.plan(made, house.usual), house.plan(replace(made, chances=Chances.of(sun)), house.usual)
    np.testing.assert_allclose(one.schedule('battery').power, many.schedule('battery').power, atol=1e-6)
    assert (many.guide.floor != one.guide.floor).any()
    assert (many.guide.floor <= many.guide.ceiling + 1e-9).all() and np.isfinite(many.guide.hold).all()


def test_what_it_does_not_know_is_left_to_the_plan(house):
    """A month's peak, and export above import."""
    price, chances = np.full(24, 0.3), Chances.of(np.tile([[-500.0], [500.0]], (24, 1, 1)))
    usual = house.problem(price, CELL)
    for made in (house.problem(price, CELL, sell=0.4),
                 replace(usual, grid=replace(usual.grid, tariff=Tariff(peak_price=5.0)))):
        one, many = house.plan(made, house.usual), house.plan(replace(made, chances=chances), house.usual)
        np.testing.assert_array_equal(one.guide.low, many.guide.low)
        np.testing.assert_allclose(one.guide.floor, many.guide.floor, atol=1e-9)


def test_spreads_of_load_and_sun_keep_the_plans_mean():
    load, sun = (np.array([[low], [middle], [high]]) for low, middle, high in ((100, 200, 600), (0, 500, 700)))
    made = Chances.spread(tuple(load), tuple(sun))
    assert made.apart.shape == (1, 9, 1) and made.weight.sum() == pytest.approx(1.0)
    assert float(made.apart[0, :, 0] @ made.weight) == pytest.approx(0.0, abs=1e-9)
    assert made.apart.max() - made.apart.min() == pytest.approx(500 + 700)


@pytest.mark.parametrize('apart, weight', [(np.zeros((3, 1)), np.ones(1)), (np.full((2, 1, 1), np.nan), np.ones(1)),
                                           (np.zeros((2, 2, 1)), np.ones(2)),
                                           (np.zeros((2, 2, 1)), np.array([1.5, -0.5]))])
def test_what_are_no_samples_is_refused(apart, weight):
    with pytest.raises(ValueError, match='samples of shape'):
        Chances(apart, weight)
