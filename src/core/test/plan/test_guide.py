"""The rule the inner loop follows between two plans, and what the plan knows a stored kWh to be worth."""
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.plan import Battery, Photovoltaic, Planner, PlanSettings, Tariff

CELL = Battery(10.0, 2.0, 3000.0, 3000.0, 0.95, 0.95, wear_price=0.01)


def test_dear_hours_are_covered_cheap_ones_left_to_the_grid_and_what_is_bought_is_held(house):
    price = np.array([0.10] * 3 + [0.20] * 3 + [0.60] * 6)
    result = house.plan(house.problem(price, replace(CELL, capacity=3.0, final=0.0), base=500.0), house.usual)
    held, power = result.guide, result.schedule('battery').power
    bought = power > 20.0
    assert bought[:3].any() and not bought[3:].any()
    np.testing.assert_allclose(held.hold[bought], power[bought])
    assert np.isinf(held.high[3:6]).all(), 'a kettle in the middle hours is not worth what is in it'
    assert ((held.high[6:] == 0.0) | (held.hold[6:] < 0.0) | (power[6:] > -20.0)).all()
    assert (power[6:] < -20.0).sum() >= 4


def test_sun_that_was_not_foreseen_is_stored_where_selling_brings_less(house):
    price = np.array([0.30] * 6)
    store, sell = (house.plan(house.problem(price, replace(CELL, final=0.0), sell=worth, base=500.0)).guide
                   for worth in (0.05, 0.29))
    assert (store.low[:5] == 0.0).all()
    assert np.isneginf(sell.low).all()


def test_charge_that_is_sold_from_the_store_is_held_as_planned(house):
    sell = np.array([0.05, 0.8, 0.05, 0.05])
    result = house.plan(house.problem(np.full(4, 0.9), replace(CELL, energy=10.0, final=2.0), sell=sell, base=0.0))
    assert result.guide.hold[1] == pytest.approx(-3000.0) and result.grid_power[1] == pytest.approx(-3000.0)


def test_beyond_the_months_peak_the_battery_gives(house):
    made = house.problem(np.full(6, 0.2), replace(CELL, energy=5.0), base=1500.0)
    made = replace(made, grid=replace(made.grid, tariff=Tariff(peak_price=5.0, peak_before=1800.0)))
    assert (house.plan(made).guide.high <= 1800.0).all()


def test_without_a_battery_there_is_nothing_to_hold(house):
    assert house.plan(house.problem(np.full(4, 0.2), Photovoltaic(np.full(4, 100.0)))).guide is None


def test_the_worth_of_a_stored_kwh_is_what_one_more_saves(house):
    price = np.array([0.1, 0.3, 0.5, 0.4])
    costs = [house.plan(house.problem(price, replace(CELL, energy=energy, final=0.0), base=2000.0)).cost
             for energy in (2.0, 2.1)]
    worth = house.plan(house.problem(price, replace(CELL, final=0.0), base=2000.0)).schedule('battery').worth
    assert worth[0] == pytest.approx((costs[0] - costs[1]) / 0.1, abs=1e-6)


def test_what_is_left_at_the_end_has_the_worth_of_that_hour_in_the_last_plan(house):
    price = np.tile([0.1] * 8 + [0.3] * 8 + [0.5] * 8, 2)
    settings = PlanSettings(step=3600.0, horizon=86400.0)
    used = Planner(settings)
    first = used.plan(house.problem(price[:24], CELL, base=1000.0))
    second = house.problem(price[6:30], CELL, base=1000.0, now=house.at(6))
    assert used._left(second) == {'battery': pytest.approx(first.schedule('battery').worth[6])}
    assert Planner(settings)._left(second) == {}


def test_where_there_is_not_enough_for_all_dear_hours_no_more_is_given_than_planned(house):
    cell = replace(CELL, energy=2.0, capacity=2.0, final=0.0)
    result = house.plan(house.problem(np.full(6, 0.5), cell, base=1000.0))
    covers = result.schedule('battery').power < -20.0
    held = result.guide
    assert covers.any() and (held.high[covers] == 0.0).all()
    np.testing.assert_allclose(held.floor[covers], result.schedule('battery').energy[covers])


def test_a_guide_moves_on_with_its_plan(house):
    held = house.plan(house.problem(np.full(6, 0.5), CELL)).guide
    later = held.after(2)
    for name in ('low', 'high', 'hold', 'floor', 'ceiling'):
        np.testing.assert_array_equal(getattr(later, name), getattr(held, name)[2:])
