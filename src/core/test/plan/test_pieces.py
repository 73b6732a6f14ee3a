"""Interruptible jobs against every way to cut them, pairs of blocks against every pair, and both against a solver."""
import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.plan import Battery, BlockJob, InterruptibleJob, Photovoltaic, PlanSettings, place
from hearthgrid_core.plan.interruptible_job import cheapest
from hearthgrid_core.plan.master import Master
from hearthgrid_core.plan.merit import Layout, MeritOrder, Placing, paired, total
from hearthgrid_core.plan.planner import Planner
from hearthgrid_core.plan.program import Program


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(-5, 20), min_size=1, max_size=8), st.integers(0, 8), st.integers(0, 6), st.booleans())
def test_the_cheapest_steps_are_those_of_every_choice(cost, count, switch, running):
    def price(on) -> float:
        begins = sum(now and not before for before, now in zip((running, *on), on, strict=False))
        return sum(c for c, used in zip(cost, on, strict=True) if used) + switch * begins

    least, found = cheapest(np.array(cost, dtype=float), count, float(switch), running)
    every = [on for on in itertools.product((False, True), repeat=len(cost)) if sum(on) == count]
    if not every:
        assert least == np.inf and not found.any()
        return
    assert least == min(map(price, every)) == price(tuple(found > 0))


def program_of(house, jobs):
    chance = np.random.default_rng(3)
    made = house.problem(chance.uniform(0.1, 0.4, 12), Battery(6.0, 3.0, 2500.0, 2500.0, wear_price=0.01), *jobs,
                         base=chance.uniform(100, 900, 12), sell=0.05, import_max=4000.0)
    grid = made.grid.checked(made.horizon)
    context = Planner(house.usual)._context(made, grid, False)
    return Program(made.devices, context).load(made.devices, grid, context), grid.import_price


def test_the_table_of_two_jobs_is_what_each_pair_costs(house):
    program, guess = program_of(house, [BlockJob('a', 3.0, 1500.0, house.at(9)),
                                        BlockJob('b', 1.5, 2000.0, house.at(11), house.at(2))])
    master = Master(program, 10.0, guess)
    master.relax(0.0)
    layout = Layout(program, master.lazy)
    prices = MeritOrder(program, master.price, master.lower, master.upper, layout)
    placings = [Placing(program, group, layout) for group in program.groups]
    table = paired(prices, *placings, layout.given)
    for first, second in itertools.product(range(12), repeat=2):
        alone = total(prices, placings, np.array([[first, second]]), layout.given)[0]
        assert table[first, second] == pytest.approx(alone) or table[first, second] == alone == np.inf


def test_a_search_whose_prices_exclude_nothing_ends(house, monkeypatch):
    """It went on for ever where the table of pairs promised what the bounds of one of them exclude."""
    monkeypatch.setattr(place, 'paired', lambda *given: paired(*given) - 1e6)
    program, guess = program_of(house, [BlockJob(name, 1.0, 1000.0, house.at(12), house.at(8)) for name in 'ab'])
    master = Master(program, 10.0, guess)
    _, x, _ = master.relax(0.0)
    placed = place.Places(master, program, Layout(program, master.lazy), 1e-7).settle(x, -np.inf)
    assert (placed >= 8).all()


@pytest.mark.parametrize('seed', range(10))
def test_the_quick_search_comes_near_to_branch_and_bound(house, seed):
    """A car may come home at the dear hour, the battery full: what a relaxation smears must not end up there."""
    chance = np.random.default_rng(seed)
    count = 14
    buy = np.where(chance.uniform(size=count) < 0.3, 0.54, 0.22)
    devices = [Photovoltaic(np.maximum(0.0, 3500 * np.sin(np.linspace(-2.0, 3.0, count)))),
               Battery(10.0, float(chance.uniform(1, 9)), 4000.0, 4000.0, wear_price=0.02, final=5.0)]
    devices += [InterruptibleJob(f'car {k}', 7.4, 3700.0, house.at(int(chance.integers(6, count))),
                                 earliest=house.at(int(chance.integers(0, 4)))) for k in range(2)]
    devices.append(BlockJob('dishes', 1.8, 1200.0, house.at(int(chance.integers(5, count)))))
    made = house.problem(buy, *devices, base=chance.uniform(200, 1500, count), sell=0.08, import_max=11000.0)
    free = PlanSettings(step=3600.0, horizon=12 * 3600.0, margin=0.0, margin_share=0.0)
    quick, best = (house.plan(made, each) for each in (free, replace(free, gap=0.0, solve_time=60.0)))
    assert quick.cost <= best.cost + 0.02 * abs(best.cost) + 0.01
