"""The plan node: what comes on the topics, the plan, requests and setpoints, and what garbage may do."""
import math
import signal
from dataclasses import replace

import numpy as np
import pytest
from sensor_msgs.msg import BatteryState

from hearthgrid_core.plan import planner
from hearthgrid_core.plan.solve import SolveError
from hearthgrid_msgs import msg
from hearthgrid_ros.health import ERROR, OK, STALE, WARN
from hearthgrid_ros.interfaces import (
    BATTERY,
    DIAGNOSTICS,
    FORECASTS,
    GRID_LIMIT,
    INVERTER_SETPOINT,
    JOBS,
    PLAN,
    PRICES,
    READINGS,
    REQUEST,
    STATES,
    TIE,
)
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph, process
from hearthgrid_ros.time import to_msg, to_seconds
from hub_nodes.plan import PlanNode
from hub_nodes.plan import node as node_module

NAN, INF = math.nan, math.inf
OPTIMAL, RELAXED, FAILED = msg.Plan.STATUS_OPTIMAL, msg.Plan.STATUS_RELAXED, msg.Plan.STATUS_FAILED
WAITING, RUNNING, DONE = msg.Job.STATUS_WAITING, msg.Job.STATUS_RUNNING, msg.Job.STATUS_DONE
QUICK = {'step': 900.0, 'horizon': 43200.0, 'settle': 0.0, 'period': 3600.0}


@pytest.fixture(scope='module')
def ros():
    with graph() as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(node_module, 'TICK', 0.1)  # the same, sooner
        yield made


@pytest.fixture
def settings():
    return {}


@pytest.fixture
def node(ros, settings):
    made = ros.add(PlanNode, **options('/home', {**QUICK, **settings}))
    yield made
    ros.end(made)


@pytest.fixture
def talk(ros, node):
    made = Talk(ros, node)
    yield made
    ros.end(made.peer)


class Talk:
    """A peer that plays utility, forecaster, battery and outlets, and hears what they are told."""

    def __init__(self, ros, node) -> None:
        self.ros, self.node, self.peer = ros, node, ros.peer()
        self.plans = ros.hear(self.peer, PLAN)
        self.setpoints = ros.hear(self.peer, INVERTER_SETPOINT)
        self.requests = ros.hear(self.peer, REQUEST, 'washer')
        self.ends = {row.name: row.publisher(self.peer) for row in (
            PRICES, FORECASTS, JOBS, STATES, BATTERY, GRID_LIMIT, READINGS, TIE)}
        assert all(ros.matched(end) for end in self.ends.values())

    @property
    def now(self) -> float:
        return self.node.now()

    def send(self, row, message) -> None:
        self.ends[row.name].publish(message)

    def price(self, import_price=None, export_price=None, **change) -> None:
        buy = np.full(96, 0.3) if import_price is None else np.asarray(import_price, dtype=float)
        sell = np.full(len(buy), 0.05) if export_price is None else np.asarray(export_price, dtype=float)
        start = math.floor(self.now / 900) * 900 - 900.0
        self.send(PRICES, msg.PriceSeries(**{
            'stamp': to_msg(self.now), 'issuer': 'test', 'currency': 'EUR', 'start': to_msg(start), 'step': 900.0,
            'import_price': buy.tolist(), 'export_price': sell.tolist(), **change}))

    def forecast(self, power=300.0, quantity=msg.Forecast.QUANTITY_LOAD, target='base', spread=0.0) -> None:
        self.send(FORECASTS, msg.Forecast(stamp=to_msg(self.now), quantity=quantity, target=target, method='test',
                                          start=to_msg(self.now - 60), step=900.0, mean=[power] * 96,
                                          lower=[power - spread] * 96, upper=[power + spread] * 96))

    def job(self, status=WAITING, **change) -> None:
        self.send(JOBS, msg.Job(**{
            'stamp': to_msg(self.now), 'outlet': 'washer', 'id': 'job 1', 'status': status, 'energy_kwh': 1.0,
            'delivered_kwh': 0.0, 'power': 1000.0, 'deadline': to_msg(self.now + 8 * 3600), 'interruptible': False,
            **change}))

    def battery(self, percentage=0.5, location='') -> None:
        self.send(BATTERY, BatteryState(percentage=percentage, location=location))

    def read(self, outlet: str, power: float) -> None:
        self.send(READINGS, msg.Reading(stamp=to_msg(self.now), outlet=outlet, duration=1.0, active_power=power))

    def tie(self, closed=True, alive=True) -> None:
        state = msg.Breaker.STATE_CLOSED if closed else msg.Breaker.STATE_OPEN
        self.send(TIE, msg.Breaker(stamp=to_msg(self.now), state=state, grid_alive=alive))

    def until(self, condition, timeout: float = 20.0) -> bool:
        return self.ros.until(condition, timeout)

    def planned(self, condition=lambda plan: True) -> msg.Plan:
        """Wait for a plan that fits, and return the newest."""
        assert self.until(lambda: self.plans and condition(self.plans[-1])), self.health('plan')
        return self.plans[-1]

    def health(self, check: str) -> tuple:
        return self.node.health._checks.get(check, (None, ''))[:2]


def cheap_later() -> np.ndarray:
    """A price that is low from two hours on, for an hour and a half."""
    return np.array([0.3] * 9 + [0.1] * 6 + [0.3] * 81)


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
    talk.price(cheap_later())
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
    talk.price(cheap_later())
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


@pytest.mark.parametrize('settings', [{'validity': 60.0}])
def test_a_stale_plan_does_not_bind(talk, node, monkeypatch):
    talk.price()
    talk.forecast()
    talk.battery(0.8)
    talk.job()
    talk.planned(lambda plan: plan.devices)
    assert talk.until(lambda: talk.requests)
    assert to_seconds(talk.requests[-1].expiry) <= to_seconds(talk.plans[-1].valid_until) + 1e-6
    monkeypatch.setattr(node, '_start', lambda now: None)  # no more plans
    real = node.now
    monkeypatch.setattr(node, 'now', lambda: real() + 100.0)
    talk.battery(0.8)
    assert talk.until(lambda: talk.health('battery')[1] in ('no plan: own use first', 'neither plan nor meter'))
    heard = len(talk.requests)
    setpoints = len(talk.setpoints)
    assert talk.until(lambda: len(talk.setpoints) >= setpoints + 2)
    assert len(talk.requests) == heard


def test_sun_that_costs_money_is_curtailed_at_the_inverter(talk):
    talk.forecast(300.0)
    talk.forecast(3000.0, msg.Forecast.QUANTITY_PV, 'home')
    talk.price(np.full(96, 0.2), np.full(96, -0.1))
    talk.planned()
    assert talk.until(lambda: any(s.inverter == 'pv' for s in talk.setpoints))
    order = next(s for s in talk.setpoints if s.inverter == 'pv')
    assert order.active_power == pytest.approx(-300.0, abs=1.0)


def test_in_an_outage_it_sends_nothing_and_comes_back(talk):
    talk.price()
    talk.forecast()
    talk.battery(0.8)
    talk.job()
    before = talk.planned(lambda plan: plan.devices)
    assert talk.until(lambda: talk.requests and talk.setpoints)
    talk.tie(closed=False, alive=False)
    assert talk.until(lambda: talk.health('plan') == (WARN, 'the tie is open: the plan does not bind'))
    said = len(talk.setpoints), len(talk.requests), len(talk.plans)
    talk.price(cheap_later())
    reports = []
    timer = talk.peer.create_timer(0.5, lambda: reports.append(1))
    assert talk.until(lambda: len(reports) >= 6)
    talk.peer.destroy_timer(timer)
    assert said == (len(talk.setpoints), len(talk.requests), len(talk.plans))
    talk.tie(closed=True, alive=True)
    talk.planned(lambda plan: plan.epoch > before.epoch)
    assert talk.until(lambda: len(talk.requests) > said[1] and len(talk.setpoints) > said[0])


def test_deactivated_it_takes_back_what_it_asked_and_starts_again(talk, node):
    talk.price()
    talk.forecast()
    talk.battery(0.8)
    talk.job()
    assert talk.until(lambda: talk.requests and talk.plans)
    epoch = talk.plans[-1].epoch
    node.trigger_deactivate()
    assert talk.until(lambda: math.isnan(talk.requests[-1].power_max))
    assert talk.until(lambda: talk.setpoints[-1].active_power == 0.0)
    last = talk.setpoints[-1]
    assert to_seconds(last.expiry) - to_seconds(last.stamp) == pytest.approx(2.0, abs=0.01)
    assert talk.health('plan') == (STALE, 'not active')
    node.trigger_activate()
    talk.planned(lambda plan: plan.epoch > epoch)
    node.trigger_deactivate()
    node.trigger_cleanup()
    assert node.state == 'unconfigured'
    assert node.start()
    assert all(talk.ros.matched(end) for end in talk.ends.values())
    talk.price()
    talk.forecast()
    talk.planned(lambda plan: plan.epoch > epoch + 1)


class Log:
    """What a node logged, by level."""

    def __init__(self) -> None:
        self.warning_lines, self.info_lines, self.error_lines = [], [], []
        self.warning, self.info, self.error = (lines.append for lines in (
            self.warning_lines, self.info_lines, self.error_lines))


@pytest.mark.parametrize('garbage, reason', [
    ({'import_price': [NAN] * 96}, 'import price is not a number everywhere'),
    ({'export_price': [INF] * 96}, 'export price is not a number everywhere'),
    ({'import_price': [0.1] * 95}, '95 import but 96 export prices'),
    ({'import_price': [], 'export_price': []}, 'import price is empty'),
    ({'start': to_msg(1e9)}, 'import price ended'),
    ({'step': 0.0}, 'in steps of 0.0 s'),
    ({'step': NAN}, 'in steps of nan s'),
])
def test_garbage_prices_are_refused_with_one_line(talk, node, monkeypatch, garbage, reason):
    log = Log()
    monkeypatch.setattr(node, 'get_logger', lambda: log)
    talk.forecast()
    prices = {'import_price': [0.3] * 96, 'export_price': [0.1] * 96, **garbage}
    heard = []
    real = node._inputs._refuse
    monkeypatch.setattr(node._inputs, '_refuse', lambda name, error: (heard.append(name), real(name, error)))
    for number in range(3):
        talk.price(prices['import_price'], prices['export_price'],
                   **{k: v for k, v in garbage.items() if k in ('start', 'step')})
        assert talk.until(lambda sent=number: len(heard) > sent)
    assert talk.health('prices')[0] == WARN and reason in talk.health('prices')[1]
    assert len([line for line in log.warning_lines if line.startswith('prices')]) == 1
    assert not talk.plans
    talk.price()
    talk.planned()
    assert talk.health('prices')[0] == OK and any(line.startswith('prices') for line in log.info_lines)


def test_a_solver_that_fails_is_survived(talk, monkeypatch):
    talk.price()
    talk.forecast()
    talk.job()
    good = talk.planned(lambda plan: plan.devices)

    def broken(*_):
        raise SolveError('the solver says: numerical trouble')

    with monkeypatch.context() as patch:
        patch.setattr(planner, 'solve', broken)
        talk.price(cheap_later())
        failed = talk.planned(lambda plan: plan.status == FAILED)
        assert failed.epoch > good.epoch and 'numerical trouble' in failed.reasons[0]
        assert to_seconds(failed.valid_until) == pytest.approx(to_seconds(good.valid_until), abs=1e-3), 'no longer'
        assert talk.until(lambda: talk.health('plan')[0] == ERROR)
    talk.price()
    talk.planned(lambda plan: plan.status == OPTIMAL and plan.epoch > failed.epoch)
    assert talk.until(lambda: talk.health('plan')[0] == OK)


def test_an_impossible_deadline_is_said_and_the_job_runs_at_once(talk):
    talk.price()
    talk.forecast()
    talk.job(energy_kwh=5.0, deadline=to_msg(talk.now + 3600))
    plan = talk.planned(lambda plan: plan.status == RELAXED)
    assert 'cannot be delivered' in plan.reasons[0]
    assert talk.until(lambda: talk.requests and talk.requests[-1].power_max == INF)


@pytest.mark.parametrize('percentage', [NAN, -0.1, 1.7])
def test_a_battery_that_talks_nonsense_is_planned_without(talk, percentage):
    talk.price()
    talk.forecast()
    talk.battery(percentage)
    plan = talk.planned()
    assert not plan.battery_energy_kwh and not any(device.outlet == 'battery' for device in plan.devices)


def test_the_home_file_says_what_the_house_is(ros, tmp_path):
    path = tmp_path / 'home.yaml'
    path.write_text('timezone: Asia/Tokyo\nsupply: {import_max: 4000}\nbattery: {capacity_kwh: 5}\n'
                    'tariff: {currency: JPY}\noutlets: [{id: washer}]\n')
    made = ros.add(PlanNode, **options('/home', {**QUICK, 'home_file': str(path)}))
    talk = Talk(ros, made)
    talk.price(currency='')
    talk.forecast()
    plan = talk.planned()
    assert plan.currency == 'JPY' and any('planned without' in reason for reason in plan.reasons)
    talk.battery(1.0)
    assert talk.planned(lambda plan: plan.battery_energy_kwh).battery_energy_kwh[0] <= 5.001
    ros.end(talk.peer)
    ros.end(made)


def test_every_battery_of_the_home_is_planned_and_set(ros, tmp_path):
    path = tmp_path / 'home.yaml'
    path.write_text('battery: {capacity_kwh: 10, reserve: 0.2}\nbatteries: {barn: {capacity_kwh: 5, reserve: 0.2}}\n'
                    'outlets: [{id: washer}]\n')
    made = ros.add(PlanNode, **options('/home', {**QUICK, 'home_file': str(path)}))
    talk = Talk(ros, made)
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
