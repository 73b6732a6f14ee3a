"""The schedules of bench/arbitrage_orders.py: best, possible, and more of them never worse."""
import numpy as np
import pytest
from scipy.optimize import linprog

from hearthgrid.benchmark import beside

orders = beside('arbitrage_orders')
CELL = orders.Cell(10.0, 4.0, 0.95, 0.005)


def bound(prices: np.ndarray, energy: float) -> float:
    """Return the most a linear program earns from `energy` [kWh] on."""
    count = len(prices)
    before = np.tril(np.ones((count, count)))
    flows = np.hstack([CELL.efficiency * before, -before / CELL.efficiency])
    made = linprog(np.concatenate([prices, CELL.wear - prices]), A_ub=np.vstack([flows, -flows]),
                   b_ub=np.concatenate([np.full(count, CELL.capacity - energy), np.full(count, energy)]),
                   bounds=(0, CELL.power), method='highs')
    return -made.fun


@pytest.mark.parametrize('charge', [0.0, 333.0, 950.0])
def test_a_schedule_earns_what_a_linear_program_does(charge):
    prices = np.random.default_rng(7).uniform(0.0, 0.08, (5, 24))
    charges = orders.schedules(CELL, prices, charge)
    assert charges.min() >= 0 and charges.max() <= orders.SEGMENTS and np.allclose(charges[:, 0], charge)
    assert np.abs(CELL.flows(charges)).max() <= CELL.power + 1e-9
    made = np.diag(orders.earned(CELL, charges, prices))
    assert np.allclose(made, [bound(each, charge * CELL.segment) for each in prices], atol=1e-9)


def test_at_negative_prices_it_fills_and_rests():
    charges = orders.schedules(CELL, np.full((1, 24), -0.05), 0.0)[0]
    assert charges[-1] == orders.SEGMENTS and (np.diff(charges) >= 0).all()


def test_more_schedules_are_never_worse_for_prices_they_were_made_for():
    chance = np.random.default_rng(8)
    forecast, errors = chance.uniform(0.02, 0.06, 24), 0.01 * chance.normal(size=(40, 24))
    may = forecast + np.vstack([errors, -errors])
    held = orders.earned(CELL, orders.schedules(CELL, forecast[None], 0.0), may).mean()
    means = []
    for number in (1, 4, 24):
        told = orders.offered(CELL, forecast, errors, 0.0, number)
        assert len(told) <= number
        means.append(orders.earned(CELL, told, may).max(axis=0).mean())
    assert means[0] >= held - 1e-3 and means[1] > 1.05 * means[0] and means[2] > 1.02 * means[1]


def test_a_battery_that_does_not_fit_the_grid_is_refused():
    with pytest.raises(AssertionError, match='divided otherwise'):
        orders.schedules(orders.Cell(10.0, 3.0001, 0.95, 0.0), np.zeros((1, 24)), 0.0)
