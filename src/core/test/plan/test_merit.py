"""The quick moves against the solver they stand for: the merit order is a bound, and tight where it was made."""
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hearthgrid_core.plan import Battery, BlockJob, Photovoltaic, Tariff
from hearthgrid_core.plan.grid import Grid
from hearthgrid_core.plan.master import Master
from hearthgrid_core.plan.merit import Layout, MeritOrder, Placing, descend, total, valleys
from hearthgrid_core.plan.planner import Planner
from hearthgrid_core.plan.program import Program


def program_of(house, seed: int, jobs: int = 3, tariff: Tariff | None = None, count: int = 24):
    """Return a random home's linear program and its guess of prices."""
    chance = np.random.default_rng(seed)
    devices = [Photovoltaic(chance.uniform(0, 4000, count)), Battery(6.0, 3.0, 2500.0, 2500.0, wear_price=0.01)]
    devices += [BlockJob(f'job {k}', float(chance.uniform(0.3, 4.0)), float(chance.uniform(400, 2500)),
                         house.at(float(chance.uniform(5, 26))), house.at(float(chance.uniform(-2, 4))))
                for k in range(jobs)]
    made = house.problem(chance.uniform(0.1, 0.4, count), *devices, base=chance.uniform(100, 900, count), sell=0.05,
                         import_max=4000.0, now=house.at(float(chance.uniform(0, 0.9))))
    grid = Grid(*(getattr(made.grid, name) for name in ('import_price', 'export_price', 'import_max', 'export_max')),
                tariff or Tariff()).checked(made.horizon)
    context = Planner(house.usual)._context(made, grid, False)
    program = Program(made.devices, context, bool(tariff)).load(made.devices, grid, context)
    return program, grid.import_price * made.horizon.hours


def fixed(master: Master, program, starts) -> tuple[float, np.ndarray]:
    for group, start in zip(program.groups, starts, strict=True):
        master.fix(group, (np.arange(len(group.columns)) == start).astype(float))
    return master.solve()


def places_of(program, chance) -> np.ndarray:
    return np.array([int(chance.choice(np.flatnonzero(program.upper[g.columns] > 0))) for g in program.groups])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000))
def test_no_placing_costs_less_than_the_merit_order_says(house, seed):
    program, guess = program_of(house, seed)
    master, chance = Master(program, 60.0, guess), np.random.default_rng(seed)
    master.relax(1e-6)
    layout = Layout(program, master.lazy)
    placings = [Placing(program, group, layout) for group in program.groups]
    here = places_of(program, chance)
    objective, _ = fixed(master, program, here)
    prices = MeritOrder(program, master.price, master.lower, master.upper, layout)
    constant = objective - total(prices, placings, here[None, :], layout.given)[0]
    for _ in range(6):
        there = places_of(program, chance)
        least = total(prices, placings, there[None, :], layout.given)[0] + constant
        assert fixed(master, program, there)[0] >= least - 1e-6


@pytest.mark.parametrize('seed', range(8))
def test_column_generation_finds_the_relaxation_of_all_columns(house, seed):
    from scipy.optimize import Bounds, LinearConstraint, milp
    program, guess = program_of(house, seed, jobs=4, tariff=Tariff(peak_price=0.5) if seed % 2 else None)
    bound, _, raises = Master(program, 60.0, guess).relax(0.0)
    rows = LinearConstraint(program.matrix, program.row_lower, program.row_upper)
    whole = milp(program.cost, constraints=rows, bounds=Bounds(program.lower, program.upper))
    assert bound == pytest.approx(whole.fun, abs=1e-5)
    assert all(raises[group.columns].min() >= -1e-9 for group in program.groups)


def test_a_job_settles_where_enumeration_says(house):
    program, guess = program_of(house, 5, jobs=1)
    master = Master(program, 60.0, guess)
    master.relax(1e-6)
    layout = Layout(program, master.lazy)
    placings = [Placing(program, program.groups[0], layout)]
    prices = MeritOrder(program, master.price, master.lower, master.upper, layout)
    allowed = np.flatnonzero(program.upper[program.groups[0].columns] > 0)
    costs = total(prices, placings, allowed[:, None], layout.given)
    found = descend(prices, placings, np.array([[-1], [allowed[-1]]]), layout.given, 1e-9)
    assert (found == allowed[np.argmin(costs)]).all()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000))
def test_settled_jobs_stay_also_the_one_that_was_held_at_first(house, seed):
    program, guess = program_of(house, seed)
    master, chance = Master(program, 60.0, guess), np.random.default_rng(seed)
    master.relax(1e-6)
    layout = Layout(program, master.lazy)
    placings = [Placing(program, group, layout) for group in program.groups]
    prices = MeritOrder(program, master.price, master.lower, master.upper, layout)
    begun = np.array([places_of(program, chance) for _ in range(6)])
    with mock.patch('hearthgrid_core.plan.merit.SWEEPS', 50):
        found = descend(prices, placings, begun, layout.given, 1e-9, np.arange(6) % 3)
    for begin, end in zip(begun, found, strict=True):
        least = total(prices, placings, end[None, :], layout.given)[0]
        assert least <= total(prices, placings, begin[None, :], layout.given)[0] + 1e-9
        for k, group in enumerate(program.groups):
            others = np.tile(end, (len(group.columns), 1))
            others[:, k] = np.arange(len(group.columns))
            assert total(prices, placings, others, layout.given).min() >= least - 1e-8


def test_valleys_are_lower_than_their_neighbours_lowest_first():
    assert valleys(np.array([3.0, 1.0, 2.0, np.inf, 0.5, 0.7, 0.6]), 5).tolist() == [4, 6, 1]
    assert valleys(np.array([3.0, 1.0, 2.0, np.inf, 0.5, 0.7, 0.6]), 1).tolist() == [4]
