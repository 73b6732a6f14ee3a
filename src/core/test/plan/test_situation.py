from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.forecast import Series
from hearthgrid_core.plan import (
    BatteryFacts,
    HomeFacts,
    JobState,
    Limit,
    ModulatingJob,
    Planner,
    PlanSettings,
    Situation,
    Tariff,
    problem,
    waits_for,
)

DAY = 86400.0
NOW = 20_000 * DAY
HOURLY = PlanSettings(step=3600.0, horizon=DAY, gap=1e-6)
FACTS = HomeFacts(17000.0, 10000.0, 'EUR', BatteryFacts(10.0, 4000.0, 0.95, 0.2, 0.03), True)


def hours(values, start: float = NOW) -> Series:
    return Series(start, 3600.0, np.asarray(values, dtype=float))


@pytest.fixture
def known() -> Situation:
    return Situation(now=NOW, load=hours(np.full(24, 400.0)), pv=hours(np.full(24, 100.0)),
                     buy=hours(np.arange(24) / 100), sell=hours(np.full(24, 0.05)), buy_ahead=None, charge=0.5,
                     jobs=(), limit=None)


@pytest.mark.parametrize('change, waiting', [
    ({}, ()),
    ({'buy': None}, ('prices',)),
    ({'buy': hours([0.1], NOW - DAY)}, ('prices of this hour',)),
    ({'buy': hours([0.1], NOW + DAY)}, ('prices of this hour',)),
    ({'load': None}, ('a load forecast',)),
    ({'load': hours([1.0], NOW - DAY)}, ('a newer load forecast',)),
    ({'buy': None, 'load': None}, ('prices', 'a load forecast')),
    ({'pv': None, 'charge': np.nan}, ()),
])
def test_it_says_what_it_waits_for(known, change, waiting):
    situation = replace(known, **change)
    assert waits_for(situation) == waiting
    if waiting:
        with pytest.raises(ValueError, match='waits for'):
            problem(situation, FACTS, HOURLY)


def test_all_that_is_known_reaches_the_problem(known):
    job = JobState('car', 'j1', 10.0, 4.0, 3000.0, NOW + 8 * 3600, True, True)
    made, without = problem(replace(known, jobs=(job,)), FACTS, HOURLY)
    assert without == ()
    base, pv, battery, car = made.devices
    assert (base.power == 400).all() and (pv.power == 100).all() and pv.curtailable
    assert (battery.energy, battery.reserve, battery.capacity, battery.wear_price) == (5.0, 2.0, 10.0, 0.03)
    assert (car.energy, car.power, car.running) == (6.0, 3000.0, True)
    np.testing.assert_allclose(made.grid.import_price, np.arange(24) / 100)
    assert (made.grid.import_max == 17000).all()
    assert Planner(HOURLY).plan(made).status.value == 'optimal'


def test_unknown_prices_are_forecast_and_then_taken_from_yesterday(known):
    short = replace(known, buy=hours(np.arange(6) / 10, NOW - 3 * 3600), sell=hours(np.full(6, 0.07), NOW - 3 * 3600))
    made, without = problem(replace(short, buy_ahead=hours(np.full(10, 0.9))), FACTS, HOURLY)
    assert without == ('prices are known for 3 h only, the rest is forecast',)
    price = made.grid.import_price
    np.testing.assert_allclose(price[:3], [0.3, 0.4, 0.5])
    np.testing.assert_allclose(price[3:10], 0.9)
    assert price[21] == 0.0 and np.isfinite(price).all(), '21 h ahead is known from yesterday'
    assert (made.grid.export_price == 0.07).all()


def test_a_limit_holds_in_its_time_and_never_widens_the_connection(known):
    limit = Limit(NOW + 3600, NOW + 2 * 3600 + 60, 2000.0, np.inf)
    made, _ = problem(replace(known, limit=limit), FACTS, HOURLY)
    assert made.grid.import_max[:4].tolist() == [17000, 2000, 2000, 17000], 'also in a step it only touches'
    assert (made.grid.export_max == 10000).all()
    wide = problem(replace(known, limit=Limit(NOW, NOW + DAY, 1e6, 1e6)), FACTS, HOURLY)[0].grid
    assert (wide.import_max == 17000).all() and (wide.export_max == 10000).all()


def test_without_a_battery_state_it_plans_without_the_battery(known):
    made, without = problem(replace(known, charge=np.nan, pv=None), FACTS, HOURLY)
    assert [device.name for device in made.devices] == ['base load'] and 'does not tell its charge' in without[0]


def test_starts_of_the_last_plan_are_kept(known):
    job = JobState('a', '1', 1.0, 0.0, 1000.0, NOW + DAY, False, False)
    flat = replace(known, buy=hours(np.full(24, 0.2)), jobs=(job,))
    first = Planner(HOURLY).plan(problem(flat, FACTS, HOURLY)[0])
    made, _ = problem(flat, FACTS, HOURLY, first)
    assert made.devices[-1].kept == first.horizon.edges[int(np.argmax(first.schedule('a').power > 0))]


def test_a_job_that_has_all_its_energy_is_left_out(known):
    done = JobState('a', '1', 1.0, 1.0, 1000.0, NOW + DAY, False, True)
    made, _ = problem(replace(known, jobs=(done,)), FACTS, HOURLY)
    assert [device.name for device in made.devices] == ['base load', 'pv', 'battery']


@pytest.mark.parametrize('change', [{'energy': 0.0}, {'energy': np.nan}, {'delivered': -1.0}, {'power': 0.0},
                                    {'power': np.inf}, {'deadline': np.nan}])
def test_a_job_that_is_none_is_refused(change):
    with pytest.raises(ValueError):
        JobState(**{'outlet': 'a', 'id': '1', 'energy': 1.0, 'delivered': 0.0, 'power': 1e3, 'deadline': NOW,
                    'interruptible': False, 'running': False} | change)


def test_forecasts_of_other_steps_and_phases_are_resampled(known):
    quarter = Series(NOW - 450.0, 900.0, np.repeat(np.arange(25.0) * 100, 4))
    made, _ = problem(replace(known, load=quarter), FACTS, HOURLY)
    assert made.devices[0].power[1] == pytest.approx(100 + 12.5)


def test_what_the_utility_asks_of_meter_and_battery_shapes_the_plan(known):
    limit = Limit(NOW + 3600, NOW + 3 * 3600, np.inf, np.inf, dispatch=900.0)
    made, _ = problem(replace(known, limit=limit), FACTS, HOURLY)
    assert made.grid.import_max[1:3].tolist() == [900, 900] and made.grid.export_max[1:3].tolist() == [0, 0]
    for charge in (1000.0, -1500.0):
        made, _ = problem(replace(known, limit=replace(limit, dispatch=np.nan, charge=charge)), FACTS, HOURLY)
        power = Planner(HOURLY).plan(made).schedule('battery').power
        np.testing.assert_allclose(power[1:3], charge, atol=1.0)
    made, _ = problem(replace(known, charge=1.0, limit=replace(limit, dispatch=np.nan, charge=3000.0)), FACTS, HOURLY)
    assert Planner(HOURLY).plan(made).status.value == 'optimal', 'a full battery cannot, and that breaks nothing'


def test_a_running_load_enters_with_what_it_draws(known):
    job = JobState('a', '1', 2.0, 0.5, 1000.0, NOW + DAY, False, True)
    power = {}
    for measured in (1800.0, 3.0):
        made, _ = problem(replace(known, jobs=(replace(job, measured=measured),)), FACTS, HOURLY)
        power[measured] = made.devices[-1].power
    assert power == {1800.0: 1800.0, 3.0: 1000.0}, 'a pause is not taken for its power'


def test_a_load_whose_power_can_be_set_is_modulated_and_spared_from_the_battery(known):
    job = JobState('car', '1', 4.0, 0.0, 3000.0, NOW + DAY, True, False, throttleable=True, from_battery=False)
    made, _ = problem(replace(known, jobs=(job,)), FACTS, HOURLY)
    assert isinstance(made.devices[-1], ModulatingJob) and not made.devices[-1].from_battery
    assert Planner(HOURLY).plan(made).status.value == 'optimal'


def test_the_tariff_of_the_house_reaches_the_problem(known):
    tariff = Tariff(peak_price=4.0)
    assert problem(known, replace(FACTS, tariff=tariff), HOURLY)[0].grid.tariff == tariff


def test_what_forecasts_leave_open_reaches_the_plan(known):
    """Three points of load and three of sun; where a bound is not known it is the mean, so nothing is open there."""
    assert problem(known, FACTS, HOURLY)[0].chances is None
    high = np.full(24, 900.0)
    high[20:] = np.nan
    made = problem(replace(known, load_within=(hours(np.full(24, 200.0)), hours(high))), FACTS, HOURLY)[0].chances
    assert made.apart.shape == (24, 3, 1)
    assert np.ptp(made.apart[0]) == pytest.approx(700.0) and np.ptp(made.apart[21]) == pytest.approx(200.0)
    within = hours(np.zeros(24)), hours(np.full(24, 300.0))
    both = problem(replace(known, load_within=within, pv_within=within), FACTS, HOURLY)[0].chances
    assert both.apart.shape == (24, 9, 1) and both.weight.sum() == pytest.approx(1.0)
    assert np.ptp(both.apart[0]) == pytest.approx(400.0 + 300.0), 'a bound never lies on the wrong side of the mean'
