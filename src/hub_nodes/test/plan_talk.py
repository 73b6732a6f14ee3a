"""Somebody to talk with the plan node in its tests: utility, forecaster, battery and outlets in one."""
import math

import numpy as np
import pytest
from sensor_msgs.msg import BatteryState

from hearthgrid_msgs import msg
from hearthgrid_ros.interfaces import (
    BATTERY,
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
from hearthgrid_ros.testing import graph
from hearthgrid_ros.time import to_msg
from hub_nodes.plan import PlanNode
from hub_nodes.plan import node as node_module

NAN, INF = math.nan, math.inf
WAITING = msg.Job.STATUS_WAITING
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
