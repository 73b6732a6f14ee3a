"""What a plan promises, case by case."""
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.plan import (
    BaseLoad,
    Battery,
    BlockJob,
    InterruptibleJob,
    OptionalLoad,
    Photovoltaic,
    Planner,
    PlanSettings,
    Status,
    Thermostatic,
    planner,
)
from hearthgrid_core.plan.solve import SolveError

NIGHT = np.array([0.30] * 3 + [0.10] * 4 + [0.30] * 5)  # cheap from 03:00 to 07:00


def start(result, name) -> int:
    return int(np.flatnonzero(result.schedule(name).power > 1.0)[0])


def test_a_job_waits_for_the_cheap_hours_and_says_why(house):
    result = house.plan(house.problem(NIGHT, BlockJob('dishwasher', 2.0, 1000.0, house.at(9))), house.usual)
    assert result.status is Status.OPTIMAL
    np.testing.assert_allclose(result.schedule('dishwasher').power, [0, 0, 0, 1000, 1000] + [0] * 7)
    assert result.schedule('dishwasher').reason == \
        'begins 03:00 at 0.100 EUR/kWh, at once would be 0.300; done 05:00, due 09:00'
    assert result.cost == pytest.approx(0.5 * NIGHT.sum() + 0.2)
    assert result.cost_unmanaged == pytest.approx(0.5 * NIGHT.sum() + 0.6)


def test_a_block_that_ends_within_a_step_draws_only_what_it_needs(house):
    result = house.plan(house.problem(NIGHT, BlockJob('a', 2.25, 1000.0, house.at(9)), Battery(4.0, 2.0, 1e3, 1e3)),
                        house.usual)
    np.testing.assert_allclose(result.schedule('a').power[2:8], [0, 1000, 1000, 250, 0, 0])


def test_early_when_equally_cheap(house):
    flat = np.full(12, 0.2)
    result = house.plan(house.problem(flat, BlockJob('a', 1.0, 1000.0, house.at(11)),
                                      InterruptibleJob('b', 3.0, 1000.0, house.at(11))), house.usual)
    assert start(result, 'a') == 0 and start(result, 'b') == 0
    assert 'waiting saves nothing' in result.schedule('a').reason


def test_a_start_is_kept_unless_moving_pays(house):
    price = np.array([0.300, 0.3, 0.2, 0.2, 0.2005, 0.2, 0.15, 0.3])
    job = BlockJob('a', 1.0, 1000.0, house.at(6), kept=house.at(4))
    assert start(house.plan(house.problem(price, job), house.usual), 'a') == 4, 'a twentieth of a cent is no reason'
    assert start(house.plan(house.problem(price, replace(job, deadline=house.at(8))), house.usual), 'a') == 6


@pytest.mark.parametrize('kind', [BlockJob, InterruptibleJob])
def test_an_impossible_deadline_relaxes_the_plan_and_states_the_shortfall(house, kind):
    result = house.plan(house.problem(NIGHT, kind('car', 6.0, 2000.0, house.at(2))))
    assert result.status is Status.RELAXED
    assert result.schedule('car').missed == pytest.approx(2.0)
    assert result.reasons[0] == 'car: 2.00 of 6.00 kWh cannot be delivered by 02:00'
    np.testing.assert_allclose(result.schedule('car').power[:3], 2000.0), 'and it comes as soon as it can'


@pytest.mark.parametrize('hours', [-1, 0])
def test_a_deadline_that_has_passed_is_not_infeasible(house, hours):
    result = house.plan(house.problem(NIGHT, BlockJob('a', 1.0, 1000.0, house.at(hours))))
    assert result.status is Status.RELAXED and start(result, 'a') == 0


def test_the_margin_before_a_deadline_is_kept_where_it_can_be(house):
    late = np.array([0.3] * 5 + [0.1])
    job = BlockJob('a', 1.0, 1000.0, house.at(6))
    assert start(house.plan(house.problem(late, job)), 'a') == 5
    assert start(house.plan(house.problem(late, job), replace(house.exact, margin=60.0)), 'a') < 5
    tight = house.plan(house.problem(late[:1], replace(job, deadline=house.at(1))), replace(house.exact, margin=60.0))
    assert tight.status is Status.OPTIMAL, 'only the deadline itself counts as missed'


def test_loads_keep_clear_of_each_other_under_the_import_limit(house):
    jobs = [BlockJob(name, 2.0, 2000.0, house.at(12)) for name in 'abc']
    result = house.plan(house.problem(NIGHT, *jobs, import_max=3000.0))
    assert result.status is Status.OPTIMAL
    assert result.grid_power.max() <= 3000.0 + 1e-6
    assert house.plan(house.problem(NIGHT, *jobs)).grid_power.max() > 3000.0, 'which they would not without'


def test_an_import_limit_that_cannot_be_kept_is_reported(house):
    base = np.full(12, 500.0)
    base[4] = 4000.0
    result = house.plan(house.problem(NIGHT, base=base, import_max=3000.0))
    assert result.status is Status.RELAXED
    assert result.reasons[0] == 'import limit exceeded by up to 1.00 kW between 04:00 and 05:00, 1.00 kWh in all'


def test_an_export_limit_is_kept_by_curtailing_or_reported(house):
    pv = np.full(6, 4000.0)
    kept, broken = (house.plan(house.problem(np.full(6, 0.2), Photovoltaic(pv, curtailable), sell=0.1, export_max=1e3))
                    for curtailable in (True, False))
    assert kept.status is Status.OPTIMAL and kept.grid_power.min() == pytest.approx(-1000.0)
    assert broken.status is Status.RELAXED and broken.reasons[0].startswith('export limit exceeded by up to 2.50 kW')


def test_the_battery_helps_to_keep_the_limit(house):
    base = np.full(12, 500.0)
    base[4] = 4000.0
    battery = Battery(5.0, 0.0, 2000.0, 2000.0)
    result = house.plan(house.problem(np.full(12, 0.2), battery, base=base, import_max=3000.0))
    assert result.status is Status.OPTIMAL and result.schedule('battery').power[4] < -999.0


def test_the_battery_buys_low_and_gives_when_dear(house):
    price = np.array([0.1] * 4 + [0.4] * 4)
    result = house.plan(house.problem(price, Battery(4.0, 0.0, 2000.0, 2000.0, wear_price=0.02), base=1000.0),
                        house.usual)
    battery = result.schedule('battery')
    assert battery.power[:4].sum() > 3000 and (battery.power[4:] >= -1000.1).all() and battery.power[4:].sum() < -3000
    assert battery.wear == pytest.approx(-battery.power[4:].sum() / 1000 * 0.02)
    assert 'charges from 00:00 at 0.100' in battery.reason and 'gives from 04:00 at 0.400' in battery.reason


def test_a_price_difference_below_losses_and_wear_is_left_alone(house):
    price = np.array([0.20] * 4 + [0.22] * 4)
    battery = house.plan(house.problem(price, Battery(4.0, 0.0, 2000.0, 2000.0, 0.95, 0.95))).schedule('battery')
    assert np.abs(battery.power).max() < 1e-6
    assert battery.reason == 'no price difference pays for its losses'


def test_the_reserve_is_kept_for_outages_and_filled_when_missing(house):
    dear = np.array([0.1, 0.1, 0.9, 0.9])
    kept = house.plan(house.problem(dear, Battery(10.0, 4.0, 3000.0, 3000.0, reserve=3.0), base=2500.0))
    assert kept.schedule('battery').energy.min() >= 3.0 - 1e-6
    spike = np.array([5.0] + [0.05] * 8)
    peak = house.plan(house.problem(spike, Battery(10.0, 3.5, 3000.0, 3000.0, reserve=3.0), base=2500.0))
    assert peak.schedule('battery').energy.min() >= 3.0 - 1e-6, 'no price is a reason to touch it'
    low = house.plan(house.problem(dear[::-1], Battery(10.0, 1.0, 3000.0, 3000.0, reserve=3.0), base=100.0))
    assert low.status is Status.OPTIMAL and low.schedule('battery').energy[0] == pytest.approx(3.0), 'at any price'
    assert 'below its reserve' in low.schedule('battery').reason


def test_negative_prices_are_used_but_nothing_goes_in_circles(house):
    price = np.array([0.2, -0.2, -0.2, 0.2])
    result = house.plan(house.problem(price, Battery(4.0, 3.0, 2000.0, 2000.0),
                                      BlockJob('washer', 2.0, 2000.0, house.at(4)), sell=-0.3))
    assert result.status is Status.OPTIMAL  # charging and discharging at once would not survive the checker
    assert start(result, 'washer') in (1, 2)
    assert result.schedule('battery').power[0] == pytest.approx(-500.0), 'makes room'
    assert result.schedule('battery').energy[2] == pytest.approx(4.0), 'and fills up'


def test_export_dearer_than_import_does_not_make_power_go_round(house):
    """With free direction the profit would be unbounded; it is what the battery and the sun can give."""
    buy, sell = np.full(6, 0.10), np.full(6, 0.30)
    result = house.plan(house.problem(buy, Battery(4.0, 2.0, 2000.0, 2000.0, 1.0, 1.0), sell=sell, base=500.0))
    assert result.grid_power.min() >= -1500.0 - 1e-6 and result.grid_power.max() <= 2500.0 + 1e-6
    assert result.cost == pytest.approx(float(np.where(result.grid_power > 0, 0.1, 0.3) @ result.grid_power) / 1000
                                        - (result.schedule('battery').energy[-1] - 2.0) * 0.08, abs=1e-6)


def test_sun_with_nowhere_to_go_is_not_burnt_by_charging_and_discharging_at_once(house):
    """A broken export limit is dear enough for it, at quite usual prices."""
    battery = Battery(4.0, 4.0, 2000.0, 2000.0, 0.9, 0.9)
    result = house.plan(house.problem(np.full(4, 0.2), Photovoltaic(np.full(4, 3000.0)), battery,
                                      sell=0.1, export_max=500.0))
    assert result.status is Status.RELAXED and 'export limit' in result.reasons[0]


def test_sun_that_nobody_pays_for_is_curtailed_only_where_that_can_be_done(house):
    pv = np.array([0.0, 3000.0, 3000.0, 0.0])
    for curtailable, lowest in ((True, 0.0), (False, -2500.0)):
        result = house.plan(house.problem(np.full(4, 0.2), Photovoltaic(pv, curtailable), sell=-0.1))
        assert result.grid_power.min() == pytest.approx(lowest)
    assert 'sun' in result.schedule('pv').reason
    free = house.plan(house.problem(np.full(4, 0.2), Photovoltaic(pv, True), sell=0.0), house.usual)
    assert free.grid_power.min() == pytest.approx(-2500.0), 'worth nothing is no reason to throw it away'


def test_a_running_block_is_not_moved(house):
    job = BlockJob('washer', 2.5, 1000.0, house.at(12), running=True)
    result = house.plan(house.problem(NIGHT, job))
    np.testing.assert_allclose(result.schedule('washer').power, [1000, 1000, 500] + [0] * 9)
    assert result.schedule('washer').reason == 'runs until 02:30'


def test_a_job_that_begins_now_gets_all_its_energy_from_a_step_that_is_half_over(house):
    problem = house.problem(np.full(5, 0.2), BlockJob('a', 1.75, 1000.0, house.at(5)), now=house.at(0.5))
    result = house.plan(problem, house.usual)
    np.testing.assert_allclose(result.schedule('a').power, [1000, 1000, 250, 0, 0])
    assert float(result.schedule('a').power @ problem.horizon.hours) == pytest.approx(1750.0)


def test_a_job_does_not_begin_before_it_may(house):
    result = house.plan(house.problem(np.full(8, 0.2), BlockJob('a', 1.0, 1000.0, house.at(8), earliest=house.at(3))),
                        house.usual)
    assert start(result, 'a') == 3


def test_an_interruptible_job_takes_the_cheapest_hours_without_flapping(house):
    price = np.array([0.30, 0.1, 0.3, 0.1, 0.101, 0.3])
    job = InterruptibleJob('car', 2.0, 1000.0, house.at(6))
    assert house.plan(house.problem(price, job)).schedule('car').power.tolist() == [0, 1000, 0, 1000, 0, 0]
    calm = house.plan(house.problem(price, job), house.usual).schedule('car')
    assert calm.power.tolist() == [0, 0, 0, 1000, 1000, 0], 'a tenth of a cent does not pay for switching twice'
    assert 'due 06:00' in calm.reason


def test_an_interruptible_job_gets_no_more_than_it_asks(house):
    result = house.plan(house.problem(np.full(5, -0.2), InterruptibleJob('car', 2.5, 1000.0, house.at(5))))
    assert result.schedule('car').power.sum() == pytest.approx(2500.0)


def test_an_optional_load_runs_while_it_is_cheap_enough(house):
    price = np.array([0.1, 0.2, 0.3, 0.1, 0.1])
    wanted = np.array([1.0, 1.0, 1.0, 1.0, 0.0])
    pump = house.plan(house.problem(price, OptionalLoad('pump', 800.0, 0.25, wanted))).schedule('pump')
    assert pump.power.tolist() == [800, 800, 0, 800, 0] and pump.reason.startswith('3.0 h below')
    dear = house.plan(house.problem(price, OptionalLoad('pump', 800.0, 0.05, wanted))).schedule('pump')
    assert dear.power.max() == 0.0 and dear.reason.startswith('never')


def boiler(house, **changes) -> Thermostatic:
    return Thermostatic(**{'name': 'boiler', 'power': 2000.0, 'gain': 1.0, 'resistance': 0.05, 'capacity': 4.0e5,
                           'temperature': 55.0, 'low': 50.0, 'high': 65.0, 'ambient': np.full(12, 20.0)} | changes)


def test_a_boiler_heats_ahead_while_energy_is_cheap(house):
    result = house.plan(house.problem(NIGHT, boiler(house)), house.usual)
    power = result.schedule('boiler').power
    assert result.status is Status.OPTIMAL
    unmanaged = boiler(house).unmanaged(house.horizon())
    assert power[3:7].sum() > 1.3 * unmanaged[3:7].sum() and float(NIGHT @ power) < 0.9 * float(NIGHT @ unmanaged)
    reached = boiler(house).temperatures(power, house.horizon())
    assert reached.min() >= 50.0 - 1e-3 and reached.max() <= 65.0 + 1e-3


def test_a_boiler_that_cannot_keep_warm_says_so(house):
    result = house.plan(house.problem(NIGHT, boiler(house, power=10.0)))
    assert result.status is Status.RELAXED and 'outside its band' in result.reasons[0]


def test_thermal_model_is_the_closed_form(house):
    steady = boiler(house).temperatures(np.full(12, 600.0), house.horizon())
    expected = 50.0 + 5.0 * np.exp(-np.arange(1, 13) * 3600.0 / 2.0e4)  # towards ambient + R·P
    np.testing.assert_allclose(steady, expected)


def test_the_marginal_price_is_what_a_further_kwh_costs(house):
    pv = np.where(np.arange(12) > 7, 3000.0, 0.0)
    result = house.plan(house.problem(NIGHT, Photovoltaic(pv), sell=0.05))
    np.testing.assert_allclose(result.price, np.where(pv > 0, 0.05, NIGHT), atol=1e-9)


def test_the_marginal_price_of_a_short_first_step_is_per_kwh_too(house):
    result = house.plan(house.problem(NIGHT, now=house.at(0.5)))
    np.testing.assert_allclose(result.price, NIGHT, atol=1e-9)


def test_a_second_plan_with_other_numbers_equals_a_fresh_one(house):
    used = Planner(house.usual)
    for price, energy in ((NIGHT, 2.0), (NIGHT[::-1].copy(), 5.0), (NIGHT + 0.05, 1.0)):
        problem = house.problem(price, Battery(6.0, energy, 2000.0, 2000.0), BlockJob('a', 2.0, 1500.0, house.at(9)))
        again, fresh = used.plan(problem), Planner(house.usual).plan(problem)
        assert again.cost == pytest.approx(fresh.cost, abs=1e-9)
        np.testing.assert_allclose(again.grid_power, fresh.grid_power, atol=1e-6)
    assert len(used._programs) == 1, 'compiled once'


def test_when_the_solver_fails_the_last_plan_goes_on(house, monkeypatch):
    job = BlockJob('a', 2.0, 1000.0, house.at(9))
    used = Planner(house.usual)
    first = used.plan(house.problem(NIGHT, job))

    def broken(*_):
        raise SolveError('the solver says: time limit reached')

    monkeypatch.setattr(planner, 'solve', broken)
    later = used.plan(house.problem(NIGHT, job, now=house.at(2)))
    assert later.status is Status.FAILED
    assert later.reasons == ('no plan: the solver says: time limit reached', 'the last plan goes on')
    assert later.horizon.start == house.at(2)
    np.testing.assert_array_equal(later.schedule('a').power, first.schedule('a').power[2:])
    assert len(later.grid_power) == len(later.price) == later.horizon.count == 10
    gone = used.plan(house.problem(NIGHT, job, now=house.at(20)))
    assert gone.status is Status.FAILED and gone.schedules == () and len(gone.grid_power) == 0
    assert Planner(house.usual).plan(house.problem(NIGHT, job)).status is Status.FAILED


def test_a_schedule_that_is_not_what_the_model_solved_does_not_leave(house, monkeypatch):
    monkeypatch.setattr(BlockJob, 'block', lambda job, begin, horizon: np.full(horizon.count, 77.0))
    result = house.plan(house.problem(NIGHT, BlockJob('a', 2.0, 1000.0, house.at(9))))
    assert result.status is Status.FAILED and 'W apart' in result.reasons[0]


def test_a_plan_the_checker_refuses_does_not_leave(house, monkeypatch):
    monkeypatch.setattr(planner, 'check', lambda *_: ['the balance is out by 9.0 W'])
    result = house.plan(house.problem(NIGHT))
    assert result.status is Status.FAILED and 'the balance is out' in result.reasons[0]


def test_no_search_however_long_finds_more_than_the_gap_a_quick_one_admits(house):
    devices = [BlockJob(f'j{k}', 1.0 + k % 3, 900.0 + 100 * k, house.at(20 + k % 4)) for k in range(10)]
    quick = replace(house.exact, solve_time=0.0)
    sun = np.clip(np.sin(np.linspace(-2, 4, 288)), 0, None) * 4000.0
    problem = house.problem(np.full(288, 0.3), Photovoltaic(sun), *devices, step=300.0)
    result = house.plan(problem, quick)
    assert result.status is Status.OPTIMAL
    exact = house.plan(problem, replace(quick, solve_time=5.0))
    assert exact.cost >= result.cost - result.gap - 1e-4 and exact.cost <= result.cost + 1e-4


@pytest.mark.parametrize('broken', [
    lambda house: house.problem(np.array([0.1, np.nan])),
    lambda house: house.problem(np.array([0.1, np.inf])),
    lambda house: house.problem(np.full(3, 0.1), base=[1.0, np.nan, 1.0]),
    lambda house: house.problem(np.full(3, 0.1), import_max=[1.0, -1.0, 1.0]),
    lambda house: house.problem(np.full(3, 0.1), import_max=[1.0, np.nan, 1.0]),
    lambda house: replace(house.problem(np.full(3, 0.1)), grid=house.grid(np.full(4, 0.1))),
    lambda house: replace(house.problem(np.full(3, 0.1)), devices=()),
    lambda house: house.problem(np.full(3, 0.1), BaseLoad(np.ones(3))),
    lambda house: house.problem(np.full(3, 0.1), BaseLoad(np.ones(4), name='other')),
    lambda house: house.problem(np.full(3, 0.1), Photovoltaic(np.array([1.0, 2.0, np.inf]))),
], ids=['price NaN', 'price infinite', 'load NaN', 'limit below 0', 'limit NaN', 'price too long', 'nobody',
        'name twice', 'load too long', 'sun infinite'])
def test_a_problem_that_is_none_is_refused(house, broken):
    with pytest.raises(ValueError):
        house.plan(broken(house))


@pytest.mark.parametrize('make', [
    lambda: Battery(0.0, 0.0, 1.0, 1.0), lambda: Battery(5.0, 6.0, 1.0, 1.0), lambda: Battery(5.0, np.nan, 1.0, 1.0),
    lambda: Battery(5.0, 1.0, 1.0, 1.0, charge_efficiency=1.1), lambda: Battery(5.0, 1.0, 1.0, 1.0, reserve=6.0),
    lambda: BlockJob('a', 0.0, 1.0, 1.0), lambda: BlockJob('a', 1.0, np.nan, 1.0),
    lambda: BlockJob('a', 1.0, 1.0, np.inf), lambda: InterruptibleJob('a', -1.0, 1.0, 1.0),
    lambda: PlanSettings(step=60.0, horizon=86400.0),
    lambda: PlanSettings(step=3600.0, horizon=1800.0),
])
def test_devices_that_cannot_be_are_refused(make):
    with pytest.raises(ValueError):
        make()
