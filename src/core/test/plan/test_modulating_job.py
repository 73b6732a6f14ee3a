"""Jobs whose power can be set, and the car the home battery must not be emptied into."""
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.plan import Battery, ModulatingJob, Photovoltaic, Status, car, check

NIGHT = np.array([0.30] * 3 + [0.10] * 4 + [0.30] * 5)


def test_it_draws_in_the_cheapest_hours_as_much_as_it_can(house):
    job = ModulatingJob('boiler', 5.0, 2000.0, house.at(12))
    power = house.plan(house.problem(NIGHT, job), house.usual).schedule('boiler').power
    assert power[3:7].sum() == pytest.approx(5000.0, abs=1.0) and power.max() <= 2000.0


def test_it_follows_the_sun(house):
    sun = np.array([0.0, 500, 1500, 2500, 2500, 1500, 500, 0.0])
    job = ModulatingJob('boiler', 4.0, 3000.0, house.at(8))
    result = house.plan(house.problem(np.full(8, 0.3), Photovoltaic(sun), job, base=0.0, sell=0.05))
    assert (result.schedule('boiler').power <= sun + 1.0).all(), 'nothing is bought for it'


def test_below_its_least_power_it_is_off(house):
    sun = np.array([500.0, 900, 1400, 1900])
    job = ModulatingJob('car', 2.8, 3000.0, house.at(4), power_min=1300.0)
    result = house.plan(house.problem(np.full(4, 0.3), Photovoltaic(sun), job, base=0.0, sell=0.05))
    power = result.schedule('car').power
    assert all(value == 0.0 or value >= 1299.0 for value in power) and power.sum() == pytest.approx(2800.0, abs=1.0)


@pytest.mark.parametrize('from_battery, bought', [(True, 0.0), (False, 3.0)])
def test_the_battery_is_not_emptied_into_the_car_unless_allowed(house, from_battery, bought):
    problem = house.problem(np.full(4, 0.4), Battery(10.0, 9.0, 4000.0, 4000.0, final=0.0),
                            ModulatingJob('car', 3.0, 3000.0, house.at(4), from_battery=from_battery), base=500.0)
    result = house.plan(problem)
    assert np.maximum(result.grid_power, 0.0).sum() / 1000 == pytest.approx(bought, abs=0.01)
    assert ('not from the battery' in result.schedule('car').reason) != from_battery


def test_the_checker_sees_a_car_that_empties_the_battery(house):
    problem = house.problem(np.full(4, 0.4), Battery(10.0, 9.0, 4000.0, 4000.0, final=0.0),
                            ModulatingJob('car', 3.0, 3000.0, house.at(4)), base=500.0)
    devices = (*problem.devices[:-1], replace(problem.devices[-1], from_battery=False))
    assert any('must not' in word for word in check(house.plan(problem), devices, problem.grid))


def test_an_impossible_deadline_is_said_and_it_draws_all_it_can(house):
    result = house.plan(house.problem(NIGHT, ModulatingJob('car', 9.0, 3000.0, house.at(2))))
    assert result.status is Status.RELAXED and 'car: 3.00 of 9.00 kWh cannot be delivered' in result.reasons[0]
    np.testing.assert_allclose(result.schedule('car').power[:3], 3000.0, atol=1.0)


def test_a_car_by_charge(house):
    made = car('car', 50.0, 0.2, 0.8, 11_000.0, house.at(6), efficiency=0.9, power_min=1400.0)
    assert made.energy == pytest.approx(0.6 * 50 / 0.9) and not made.from_battery and made.power_min == 1400.0
    assert car('car', 50.0, 0.8, 0.8, 11_000.0, house.at(6)) is None
    with pytest.raises(ValueError):
        car('car', 50.0, 1.2, 0.8, 11_000.0, house.at(6))


@pytest.mark.parametrize('change', [{'power_min': -1.0}, {'power_min': 9e3}, {'energy': 0.0}])
def test_what_is_no_such_job_is_refused(house, change):
    with pytest.raises(ValueError):
        ModulatingJob(**{'name': 'a', 'energy': 1.0, 'power': 1000.0, 'deadline': house.at(3), **change})
