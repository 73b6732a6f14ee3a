"""The plan node and power now: limits and dispatch of the utility, shedding, battery and sun."""
import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest

from hearthgrid_msgs import msg
from hearthgrid_ros.health import OK, WARN
from hearthgrid_ros.interfaces import GRID_LIMIT, REQUEST, STATES
from hearthgrid_ros.node import options
from hearthgrid_ros.time import to_msg, to_seconds
from hub_nodes.plan import PlanNode

_spec = importlib.util.spec_from_file_location('plan_talk', Path(__file__).with_name('plan_talk.py'))
plan_talk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plan_talk)
ros, settings, node, talk = plan_talk.ros, plan_talk.settings, plan_talk.node, plan_talk.talk

NAN, INF = math.nan, math.inf
OPTIMAL = msg.Plan.STATUS_OPTIMAL


def test_a_limit_of_the_utility_is_planned_and_kept(talk):
    talk.price()
    talk.forecast(2500.0)
    talk.battery(0.9)
    before = talk.planned()
    talk.send(GRID_LIMIT, msg.GridLimit(stamp=to_msg(talk.now), event='peak', start=to_msg(talk.now - 10),
                                        end=to_msg(talk.now + 3600), import_max=1500.0, export_max=INF,
                                        dispatch=NAN, charge=NAN))
    plan = talk.planned(lambda plan: plan.epoch > before.epoch and plan.status == OPTIMAL)
    assert max(plan.grid_power[:3]) <= 1500.5
    talk.setpoints.clear()
    talk.read('battery', 0.0)
    talk.read('grid', 4000.0)
    assert talk.until(lambda: any(s.active_power <= -2500.0 for s in talk.setpoints)), 'battery first'


@pytest.mark.parametrize('change', [{'import_max': NAN, 'export_max': 1.0}, {'import_max': -1.0, 'export_max': 1.0},
                                    {'import_max': 1.0, 'export_max': 1.0, 'end': to_msg(1.0)},
                                    {'import_max': 1.0, 'export_max': 1.0, 'dispatch': INF}])
def test_a_limit_that_is_none_is_refused(talk, change):
    talk.send(GRID_LIMIT, msg.GridLimit(**{'start': to_msg(talk.now), 'end': to_msg(talk.now + 60), 'dispatch': NAN,
                                           'charge': NAN, **change}))
    assert talk.until(lambda: talk.health('grid limit')[0] == WARN)
    assert talk.node._inputs.limit(talk.now) is None


@pytest.mark.parametrize('asked, power', [({'charge': -1200.0}, -1200.0), ({'charge': 800.0}, 800.0),
                                          ({'dispatch': -500.0}, -500.0)])
def test_what_the_utility_dispatches_is_followed_at_once(talk, asked, power):
    talk.battery(0.6)
    talk.send(GRID_LIMIT, msg.GridLimit(**{
        'stamp': to_msg(talk.now), 'start': to_msg(talk.now - 10), 'end': to_msg(talk.now + 3600), 'import_max': INF,
        'export_max': INF, 'dispatch': NAN, 'charge': NAN, **asked}))
    talk.read('battery', 0.0)
    talk.read('grid', 0.0)
    share = 1.0 if 'charge' in asked else talk.node.settings.gain
    assert talk.until(lambda: any(s.active_power == pytest.approx(share * power, abs=1.0) for s in talk.setpoints))


def state(outlet: str, priority: int, rank: int = 0) -> msg.OutletState:
    return msg.OutletState(outlet=outlet, priority=priority, rank=rank, demand=NAN)


@pytest.mark.parametrize('settings', [{'shed_after': 0.0, 'restore_after': 1.0}])
def test_what_the_battery_cannot_carry_is_shed_by_priority_and_comes_back(talk):
    """Without any plan: the fuse does not wait for one."""
    heater = talk.ros.hear(talk.peer, REQUEST, 'heater')
    talk.send(STATES, state('washer', msg.OutletState.CLASS_DEFERRABLE))
    talk.send(STATES, state('heater', msg.OutletState.CLASS_COMFORT))
    assert talk.until(lambda: len(talk.node._inputs.loads(talk.now, 5.0)) == 2)
    talk.read('washer', 2000.0)
    talk.read('heater', 1500.0)
    talk.read('grid', 18_000.0)  # the fuse of a home without a file carries 17.25 kW
    assert talk.until(lambda: any(request.power_max == 0.0 for request in heater))
    request = next(request for request in heater if request.power_max == 0.0)
    assert (request.voice, request.sender) == (msg.Request.VOICE_GRID_SERVICE, 'limit')
    assert 'limit of 17.2 kW' in request.reason and 'comfort loads go first' in request.reason
    assert talk.until(lambda: talk.health('import limit') == (WARN, 'heater off'))
    assert not any(request.sender == 'limit' for request in talk.requests), 'the heater was enough'
    talk.read('heater', 0.0)
    talk.read('grid', 9000.0)
    assert talk.until(lambda: heater and math.isnan(heater[-1].power_max)), 'back when there is room'
    assert talk.until(lambda: talk.health('import limit')[0] == OK)


def test_the_battery_keeps_the_planned_grid_power(talk):
    talk.price()
    talk.forecast(300.0)
    talk.battery(0.25)
    plan = talk.planned(lambda plan: plan.battery_energy_kwh)
    talk.setpoints.clear()
    talk.read('battery', 0.0)
    talk.read('grid', plan.grid_power[0] + 1000.0)  # a kettle that nobody foresaw
    assert talk.until(lambda: any(s.active_power == pytest.approx(-700.0, abs=1.0) for s in talk.setpoints))
    assert talk.until(lambda: len(talk.setpoints) >= 3)
    setpoint = talk.setpoints[-1]
    assert (setpoint.inverter, setpoint.mode, setpoint.sender) == ('battery', msg.InverterSetpoint.MODE_FOLLOW, 'plan')
    assert to_seconds(setpoint.expiry) - to_seconds(setpoint.stamp) == pytest.approx(5.0, abs=0.01)
    order = [(s.epoch, s.counter) for s in talk.setpoints]
    assert order == sorted(set(order))


def test_without_a_plan_the_battery_serves_the_home_first(talk):
    talk.battery(0.8)
    assert talk.until(lambda: talk.setpoints)
    talk.read('grid', 800.0)
    assert talk.until(lambda: any(s.active_power == pytest.approx(-560.0) for s in talk.setpoints))
    assert talk.health('battery') == (OK, 'no plan: own use first')


def test_sun_that_costs_money_is_curtailed_at_the_inverter(talk):
    talk.forecast(300.0)
    talk.forecast(3000.0, msg.Forecast.QUANTITY_PV, 'home')
    talk.price(np.full(96, 0.2), np.full(96, -0.1))
    talk.planned()
    assert talk.until(lambda: any(s.inverter == 'pv' for s in talk.setpoints))
    order = next(s for s in talk.setpoints if s.inverter == 'pv')
    assert order.active_power == pytest.approx(-300.0, abs=1.0)


@pytest.mark.parametrize('percentage', [NAN, -0.1, 1.7])
def test_a_battery_that_talks_nonsense_is_planned_without(talk, percentage):
    talk.price()
    talk.forecast()
    talk.battery(percentage)
    plan = talk.planned()
    assert not plan.battery_energy_kwh and not any(device.outlet == 'battery' for device in plan.devices)


def test_every_battery_of_the_home_is_planned_and_set(ros, tmp_path):
    path = tmp_path / 'home.yaml'
    path.write_text('battery: {capacity_kwh: 10, reserve: 0.2}\nbatteries: {barn: {capacity_kwh: 5, reserve: 0.2}}\n'
                    'outlets: [{id: washer}]\n')
    made = ros.add(PlanNode, **options('/home', {**plan_talk.QUICK, 'home_file': str(path)}))
    talk = plan_talk.Talk(ros, made)
    try:
        talk.price()
        talk.forecast()
        talk.battery(0.5, 'battery')
        assert talk.until(lambda: talk.health('batteries') == (
            WARN, 'barn: no word of its charge, planned without'))
        talk.battery(0.2, 'barn')
        plan = talk.planned(lambda plan: plan.battery_energy_kwh and max(plan.battery_energy_kwh) > 4.9 + 1.0)
        assert plan.battery_energy_kwh[0] <= 6.0 + 1e-3
        talk.read('battery', 0.0)
        talk.read('barn', 0.0)
        talk.send(GRID_LIMIT, msg.GridLimit(
            start=to_msg(talk.now - 1), end=to_msg(talk.now + 600), import_max=INF, export_max=INF, dispatch=NAN,
            charge=-1500.0))

        def told(inverter: str) -> float:
            return next((s.active_power for s in reversed(talk.setpoints) if s.inverter == inverter), NAN)

        # The barn is at its reserve: all comes from the other. Then it has as much above it, and gives half.
        assert talk.until(lambda: told('battery') == pytest.approx(-1500.0) and told('barn') == pytest.approx(0.0))
        talk.battery(0.8, 'barn')
        assert talk.until(lambda: told('battery') == pytest.approx(-750.0) and told('barn') == pytest.approx(-750.0))
        talk.battery(0.8, 'stranger')
        assert not talk.until(lambda: math.isfinite(told('stranger')), timeout=0.5)
    finally:
        ros.end(talk.peer)
        ros.end(made)
