"""From the utility's server to the plan: each payload changes the plan within one cycle, and ends when it ends."""
import importlib.util
from pathlib import Path

import pytest

from hearthgrid_msgs import msg
from hearthgrid_ros.interfaces import FORECASTS, PLAN
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph
from hearthgrid_ros.time import to_msg
from hub_nodes.plan import PlanNode

_spec = importlib.util.spec_from_file_location('grid_service_home', Path(__file__).with_name('grid_service_home.py'))
home_of = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(home_of)

BASE, CHARGE = 3000.0, 4000.0  # [W]
PERIOD = 3600.0     # of the plan, so that whatever comes sooner is an answer [s]
SLACK = 1.0     # of the solver [W]
CASES = {
    'SIMPLE level': (('SIMPLE', 'level', [2.0], None), lambda plan: grid(plan) <= 2500.0 + SLACK),
    'ELECTRICITY_PRICE': (('ELECTRICITY_PRICE', 'price', [2.0], home_of.EURO),
                          lambda plan: battery(plan) < -1000.0 and plan.cost > 1.0),
    'LOAD_CONTROL': (('LOAD_CONTROL', 'x-loadControlCapacity', [0.2], None), lambda plan: grid(plan) <= 2000.0 + SLACK),
    'LOAD_DISPATCH': (('LOAD_DISPATCH', 'setpoint', [0.5], home_of.KILOWATT),
                      lambda plan: grid(plan) == pytest.approx(500.0, abs=SLACK)),
    'CHARGE_STATE': (('CHARGE_STATE', 'setpoint', [4.0], home_of.KILOWATTHOUR),
                     lambda plan: -1300.0 < battery(plan) < -700.0),
}


def grid(plan) -> float:
    """Return the power at the meter in the second step: the first may have begun before the event. [W]"""
    return plan.grid_power[1]


def battery(plan) -> float:
    return plan.battery_power[1]


@pytest.fixture(scope='module')
def authority(tmp_path_factory):
    return home_of.Authority(tmp_path_factory.mktemp('certificates'))


@pytest.fixture
def home(authority, tmp_path):
    with graph() as ros, home_of.utilities(ros, authority, tmp_path) as make:
        yield make()


@pytest.mark.parametrize('payload, answered', CASES.values(), ids=CASES)
def test_a_payload_is_in_the_next_plan_and_no_longer_than_its_event(home, payload, answered):
    planner = home.ros.add(PlanNode, **options('/home', {
        'home_file': home.parameters['home_file'], 'step': 900.0, 'horizon': 43200.0, 'settle': 0.0, 'period': PERIOD}))
    plans, forecasts = home.ros.hear(home.peer, PLAN), FORECASTS.publisher(home.peer)
    assert home.registered() and home.ros.matched(forecasts) and home.ros.matched(home.others, 2)
    start = home.now // 900 * 900 - 900
    home.others.publish(msg.PriceSeries(stamp=to_msg(home.now), issuer='market', currency='EUR', start=to_msg(start),
                                        step=900.0, import_price=[0.1] * 16 + [0.4] * 80, export_price=[0.05] * 96))
    power = {of: [BASE] * 96 for of in ('mean', 'lower', 'upper')}
    forecasts.publish(msg.Forecast(stamp=to_msg(home.now), quantity=msg.Forecast.QUANTITY_LOAD, target='base',
                                   method='test', start=to_msg(start), step=900.0, **power))
    assert home.until(lambda: plans and plans[-1].status == msg.Plan.STATUS_OPTIMAL and len(plans[-1].battery_power))
    usual = pytest.approx(BASE + CHARGE, abs=SLACK)
    assert grid(plans[-1]) == usual and not answered(plans[-1]), 'energy is cheap now'

    name, kind, values, unit = payload
    heard = len(plans)
    home.vtn.event(name, kind, values, unit=unit, length=3600.0)
    assert home.until(lambda: len(plans) > heard), 'no cycle'
    assert home.until(lambda: answered(plans[-1])), plans[-1]
    assert len(plans) <= heard + 2, 'a cycle that had begun, and the one that answers'

    heard = len(plans)
    home.vtn.cancel('e')
    assert home.until(lambda: len(plans) > heard and grid(plans[-1]) == usual), plans[-1]
    assert len(plans) <= heard + 2 and not answered(plans[-1])
    home.ros.end(planner)
