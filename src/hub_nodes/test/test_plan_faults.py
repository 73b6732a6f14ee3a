"""The plan node when something fails: old plans, outages, garbage, a solver that gives up."""
import importlib.util
import math
from pathlib import Path

import pytest

from hearthgrid_core.plan import planner
from hearthgrid_core.plan.solve import SolveError
from hearthgrid_msgs import msg
from hearthgrid_ros.health import ERROR, OK, STALE, WARN
from hearthgrid_ros.time import to_msg, to_seconds

_spec = importlib.util.spec_from_file_location('plan_talk', Path(__file__).with_name('plan_talk.py'))
plan_talk = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(plan_talk)
ros, settings, node, talk = plan_talk.ros, plan_talk.settings, plan_talk.node, plan_talk.talk

NAN, INF = math.nan, math.inf
OPTIMAL, RELAXED, FAILED = msg.Plan.STATUS_OPTIMAL, msg.Plan.STATUS_RELAXED, msg.Plan.STATUS_FAILED


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
    talk.price(plan_talk.cheap_later())
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
        talk.price(plan_talk.cheap_later())
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
