"""The plan node: what comes on the topics, the plan and the requests of jobs."""
import importlib.util
import math
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hearthgrid_msgs import msg
from hearthgrid_ros.health import OK, STALE, WARN
from hearthgrid_ros.interfaces import DIAGNOSTICS, STATES
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import process
from hearthgrid_ros.time import to_seconds
from hub_nodes.plan import PlanNode

_spec = importlib.util.spec_from_file_location('plan_talk', Path(__file__).with_name('plan_talk.py'))
plan_talk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plan_talk)
ros, settings, node, talk = plan_talk.ros, plan_talk.settings, plan_talk.node, plan_talk.talk

NAN, INF = math.nan, math.inf
OPTIMAL, RUNNING, DONE = msg.Plan.STATUS_OPTIMAL, msg.Job.STATUS_RUNNING, msg.Job.STATUS_DONE


def test_it_says_what_it_waits_for(talk):
    assert talk.until(lambda: talk.health('plan') == (STALE, 'waits for prices and a load forecast'))
    talk.price()
    assert talk.until(lambda: talk.health('plan') == (STALE, 'waits for a load forecast'))
    talk.forecast()
    talk.planned()
    assert talk.until(lambda: talk.health('plan')[0] == OK)


def test_the_spread_of_forecasts_reaches_the_plan(talk):
    talk.forecast(spread=200.0)
    assert talk.until(lambda: talk.node._inputs.situation(talk.now).load_within is not None)
    low, high = talk.node._inputs.situation(talk.now).load_within
    assert low.values[0] == pytest.approx(100.0) and high.values[0] == pytest.approx(500.0)
    talk.forecast(spread=math.nan)
    assert talk.until(lambda: talk.node._inputs.situation(talk.now).load_within is None), 'the mean alone is taken'
    assert talk.node._inputs.situation(talk.now).load is not None


def test_a_plan_appears_and_says_all_it_must(talk):
    talk.price(plan_talk.cheap_later())
    talk.forecast(300.0)
    talk.forecast(100.0, msg.Forecast.QUANTITY_PV, 'home')
    talk.battery(0.5)
    talk.job()
    plan = talk.planned(lambda plan: len(plan.devices) == 3)
    assert plan.status == OPTIMAL and plan.currency == 'EUR' and plan.step == 900.0
    count = len(plan.grid_power)
    assert count == 48
    for power in (plan.battery_power, plan.battery_energy_kwh, plan.pv_power, plan.base_load, plan.devices[0].power):
        assert len(power) == count
    assert np.allclose(plan.base_load, 300.0) and np.allclose(plan.pv_power, 100.0)
    devices = {device.outlet: device for device in plan.devices}
    assert set(devices) == {'pv', 'battery', 'washer'} and all(device.reason for device in plan.devices)
    drawn = 200.0 + np.array(plan.battery_power) + np.array(devices['washer'].power)
    assert np.allclose(plan.grid_power, drawn, atol=0.1)
    assert sum(devices['washer'].power) * 0.25 == pytest.approx(1000.0, rel=1e-4)
    assert to_seconds(plan.valid_until) == pytest.approx(talk.now + 1800.0, abs=30.0)
    assert plan.cost < plan.cost_unmanaged and any('further kWh costs least' in reason for reason in plan.reasons)


def test_a_job_is_kept_off_until_the_cheap_hours_and_the_request_is_in_order(talk):
    talk.price(plan_talk.cheap_later())
    talk.forecast()
    talk.job()
    plan = talk.planned(lambda plan: plan.devices)
    power = next(device for device in plan.devices if device.outlet == 'washer').power
    first = int(np.argmax(np.array(power) > 0))
    assert 7 <= first <= 9, 'two hours ahead'
    assert talk.until(lambda: talk.requests)
    request = talk.requests[-1]
    assert (request.voice, request.sender) == (msg.Request.VOICE_PLAN, 'plan')
    assert (request.power_min, request.power_max) == (0.0, 0.0)
    assert request.epoch == plan.epoch and 'begins' in request.reason
    assert to_seconds(request.expiry) - to_seconds(request.stamp) == pytest.approx(300.0, abs=0.1)


@pytest.mark.parametrize('settings', [{'refresh': 1.0}])
def test_a_job_runs_when_it_is_cheap_now_and_orders_follow_on_each_other(talk):
    talk.price(np.array([0.1] * 8 + [0.4] * 88))
    talk.forecast()
    talk.job()
    assert talk.until(lambda: talk.requests and talk.requests[-1].power_max == INF)
    assert talk.requests[-1].power_min == 1.0
    assert talk.until(lambda: len(talk.requests) >= 3), 'asked again and again'
    talk.job(RUNNING, delivered_kwh=0.2)
    running = talk.planned(lambda plan: any(d.reason.startswith('runs until') for d in plan.devices))
    talk.price(np.array([0.2] * 8 + [0.4] * 88))
    talk.planned(lambda plan: plan.epoch > running.epoch)
    assert talk.until(lambda: talk.requests[-1].epoch > running.epoch)
    order = [(request.epoch, request.counter) for request in talk.requests]
    assert order == sorted(set(order))
    assert all(request.power_max == INF for request in talk.requests)


@pytest.mark.parametrize('ends', [{'status': DONE}, {'energy_kwh': NAN}, {'power': -5.0}])
def test_a_job_that_ends_or_goes_bad_is_let_go(talk, ends):
    talk.price()
    talk.forecast()
    talk.job()
    assert talk.until(lambda: talk.requests)
    talk.job(**ends)
    assert talk.until(lambda: math.isnan(talk.requests[-1].power_max)), 'taken back'
    assert talk.requests[-1].power_min == 0.0
    assert (talk.health('jobs')[0] == WARN) == ('status' not in ends)


def test_a_tripped_outlet_is_left_out_until_it_is_reset(talk):
    talk.price()
    talk.forecast()
    talk.job()
    talk.planned(lambda plan: plan.devices)
    talk.send(STATES, msg.OutletState(outlet='washer', trip=msg.OutletState.TRIP_OVERCURRENT))
    talk.planned(lambda plan: not plan.devices)
    talk.send(STATES, msg.OutletState(outlet='washer', trip=msg.OutletState.TRIP_NONE))
    talk.planned(lambda plan: plan.devices)


def test_the_home_file_says_what_the_house_is(ros, tmp_path):
    path = tmp_path / 'home.yaml'
    path.write_text('timezone: Asia/Tokyo\nsupply: {import_max: 4000}\nbattery: {capacity_kwh: 5}\n'
                    'tariff: {currency: JPY}\noutlets: [{id: washer}]\n')
    made = ros.add(PlanNode, **options('/home', {**plan_talk.QUICK, 'home_file': str(path)}))
    talk = plan_talk.Talk(ros, made)
    talk.price(currency='')
    talk.forecast()
    plan = talk.planned()
    assert plan.currency == 'JPY' and any('planned without' in reason for reason in plan.reasons)
    talk.battery(1.0)
    assert talk.planned(lambda plan: plan.battery_energy_kwh).battery_energy_kwh[0] <= 5.001
    ros.end(talk.peer)
    ros.end(made)


def test_settings_that_do_not_fit_together_are_refused():
    from hub_nodes.plan import PlanNodeSettings
    with pytest.raises(ValueError, match='request_life'):
        PlanNodeSettings(request_life=10.0)
    with pytest.raises(ValueError, match='576'):
        replace(PlanNodeSettings(), step=60.0)


def test_it_starts_with_its_defaults_and_ends_on_sigterm(ros):
    peer = ros.peer(namespace='', name='watcher')
    reports = ros.hear(peer, DIAGNOSTICS)
    with process('hub_nodes.plan') as child:
        assert ros.until(lambda: any('waits for prices' in status.message for r in reports for status in r.status))
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    ros.end(peer)
