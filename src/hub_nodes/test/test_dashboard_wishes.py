"""Wishes of a person, from the dashboard's node to an outlet's topics, services and action, and back."""
import asyncio
import math
import threading

import pytest
from rclpy.action import ActionServer, CancelResponse, GoalResponse

from hearthgrid_msgs import msg
from hearthgrid_msgs.action import RunJob
from hearthgrid_ros import interfaces as io
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph
from hearthgrid_ros.time import to_msg, to_seconds
from hub_nodes.dashboard import values
from hub_nodes.dashboard.node import DashboardNode
from hub_nodes.dashboard.permitted import Permitted
from hub_nodes.dashboard.who import Who, here

RULE = values.ScheduleEntry(31, 360, 480, True, 1500.0)
FREE = values.ScheduleEntry(96, 0, 0, False)


class Outlet:
    """An outlet that keeps what it is told."""

    def __init__(self, node) -> None:
        self.entries, self.goals, self.requests = [], [], []
        self.takes, self.asked = True, []
        io.REQUEST.subscription_to(node, 'kettle', self.requests.append)
        for row, answer in ((io.GET_SCHEDULE, self._get), (io.SET_SCHEDULE, self._set)):
            node.create_service(row.type, row.of(node, 'kettle'), answer)
        for row, answer in ((io.ACKNOWLEDGE, self._keep), (io.TEST_NOTIFICATION, self._keep)):
            row.server(node, answer)
        self.action = ActionServer(node, io.RUN_JOB.type, io.RUN_JOB.of(node, 'kettle'), lambda goal: RunJob.Result(),
                                   goal_callback=self._goal, handle_accepted_callback=self.goals.append,
                                   cancel_callback=lambda goal: CancelResponse.ACCEPT)

    def _get(self, request, response):
        response.success, response.entries = True, self.entries
        return response

    def _set(self, request, response):
        response.success, response.message = self.takes, 'two rules overlap'
        self.entries = list(request.entries) if self.takes else self.entries
        return response

    def _keep(self, request, response):
        self.asked.append(request)
        response.success = True
        return response

    def _goal(self, goal):
        self.asked.append(goal)
        return GoalResponse.ACCEPT if self.takes else GoalResponse.REJECT


@pytest.fixture(scope='module')
def ros():
    with graph() as made:
        yield made


@pytest.fixture(scope='module')
def outlet(ros):
    return Outlet(ros.peer(name='outlet'))


@pytest.fixture(scope='module')
def dashboard(ros, outlet):
    node = ros.add(DashboardNode, **options('/home', {'port': 0}))
    node.model.put(values.Reading('kettle', node.now(), 5.0), node.now())
    return node


@pytest.fixture()
def anna(dashboard):
    return Permitted(dashboard.actions, here('page'), dashboard.access)


def asked(ros, question):
    """Return the answer to what a page asks, while the graph spins."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(asyncio.run(question)))
    thread.start()
    assert ros.until(lambda: answers)
    thread.join()
    return answers[0]


@pytest.mark.parametrize('wish, cap, low, high, words', [
    ('on', math.inf, 1.0, math.inf, 'to be on until'), ('on', 500.0, 1.0, 500.0, 'to be on, at most 500'),
    ('on', 0.5, 0.5, 0.5, 'to be on, at most'), ('limit', 800.0, 0.0, 800.0, 'to keep its limit, at most 800'),
    ('off', 500.0, 0.0, 0.0, 'to be off until'), ('auto', math.inf, 0.0, math.nan, 'back to automatic'),
])
def test_a_wish_is_a_band_in_the_persons_voice_for_so_long(ros, outlet, anna, wish, cap, low, high, words):
    outlet.requests.clear()
    answer = asked(ros, anna.ask('kettle', wish, cap, 600.0))
    assert answer.ok and words in answer.text and ros.until(lambda: outlet.requests)
    request = outlet.requests[0]
    assert (request.voice, request.power_min) == (msg.Request.VOICE_PERSON, low)
    assert request.power_max == high or math.isnan(high) and math.isnan(request.power_max)
    assert to_seconds(request.expiry) - to_seconds(request.stamp) == pytest.approx(600.0, abs=1e-3)


def test_a_schedule_goes_there_and_comes_back(ros, outlet, anna):
    outlet.takes = True
    assert asked(ros, anna.set_schedule('kettle', (RULE, FREE))).ok
    assert asked(ros, anna.schedule('kettle')) == values.Schedule('kettle', (RULE, FREE))
    outlet.takes = False
    answer = asked(ros, anna.set_schedule('kettle', ()))
    assert not answer.ok and 'two rules overlap' in answer.text and answer.why == 'refused'
    assert len(asked(ros, anna.schedule('kettle')).entries) == 2


def test_a_job_is_given_and_taken_back(ros, outlet, anna, dashboard):
    outlet.takes = True
    wish = values.JobWish('job-1', 1.5, dashboard.now() + 3600, 2000.0, True)
    answer = asked(ros, anna.run_job('kettle', wish))
    assert answer.ok and answer.id == 'job-1'
    goal = outlet.goals[-1].request
    assert (goal.id, goal.energy_kwh, goal.power, goal.interruptible) == ('job-1', 1.5, 2000.0, True)
    assert to_seconds(goal.deadline) == pytest.approx(wish.deadline, abs=1e-6)
    assert asked(ros, anna.cancel_job('kettle', 'job-1')).ok and outlet.goals[-1].is_cancel_requested
    again = asked(ros, anna.cancel_job('kettle', 'job-1'))
    assert not again.ok and again.why == 'unknown'


def test_a_job_an_outlet_does_not_take_is_told(ros, outlet, anna, dashboard):
    outlet.takes = False
    answer = asked(ros, anna.run_job('kettle', values.JobWish('job-2', 1.0, dashboard.now() + 60, 1000.0)))
    assert not answer.ok and answer.why == 'refused'
    answer = asked(ros, anna.run_job('toaster', values.JobWish('job-3', 1.0, dashboard.now() + 60, 1000.0)))
    assert not answer.ok and answer.why == 'absent'


def test_what_was_switched_past_the_page_is_in_its_log(ros, dashboard):
    others = io.AUDIT.publisher(ros.peer(name='broker'))
    assert ros.matched(others)
    said = {'action': 'switch', 'target': 'kettle', 'allowed': True, 'detail': 'OFF in Home Assistant'}
    for source in ('page', 'mqtt'):  # its own word it has written already
        others.publish(msg.Audit(source=source, **said))
    assert ros.until(lambda: any(entry.source == 'mqtt' for entry in dashboard.access.audit.latest()))
    assert [entry.detail for entry in dashboard.access.audit.latest() if entry.detail == said['detail']] == [
        said['detail']]


def test_jobs_of_outlets_are_known(ros, dashboard):
    jobs = io.JOBS.publisher(ros.peer(name='worker'))
    assert ros.matched(jobs)
    jobs.publish(msg.Job(outlet='kettle', id='j', status=msg.Job.STATUS_RUNNING, energy_kwh=2.0,
                         deadline=to_msg(dashboard.now() + 60)))
    assert ros.until(dashboard.model.jobs)
    assert [(job.id, job.status, job.energy_kwh) for job in dashboard.model.jobs()] == [('j', 'running', 2.0)]


def test_an_anomaly_that_was_seen_says_by_whom_until_it_is_over(ros, outlet, anna, dashboard):
    outlet.asked.clear()
    anomalies = io.ANOMALIES.publisher(ros.peer(name='watcher'))
    assert ros.matched(anomalies)
    anomalies.publish(msg.Anomaly(id='a1', status=msg.Anomaly.STATUS_RAISED))
    assert ros.until(lambda: dashboard.model.anomalies()[0])
    assert asked(ros, anna.acknowledge('a1')).ok
    assert (outlet.asked[0].id, outlet.asked[0].sender) == ('a1', 'dashboard')
    assert dashboard.model.seen('a1') == 'dashboard'
    anomalies.publish(msg.Anomaly(id='a1', status=msg.Anomaly.STATUS_CLEARED))
    assert ros.until(lambda: not dashboard.model.seen('a1'))


def test_what_was_done_and_refused_is_on_the_audit_topic(ros, outlet, dashboard):
    heard = ros.hear(ros.peer(name='auditor'), io.AUDIT)
    assert ros.matched(dashboard._audit)
    viewer = Permitted(dashboard.actions, Who('', 'read', 'page'), dashboard.access)
    outlet.requests.clear()
    answer = asked(ros, viewer.ask('kettle', 'off'))
    assert not answer.ok and answer.why == 'forbidden'
    assert ros.until(lambda: heard) and outlet.requests == []
    assert (heard[0].action, heard[0].target, heard[0].allowed) == ('switch', 'kettle', False)


@pytest.mark.parametrize('wish', [
    lambda home: home.ask('kettle', 'off'), lambda home: home.correct('kettle', 'lamp', ''),
    lambda home: home.reset_trip('kettle'), lambda home: home.set_priority('kettle', 'medical'),
    lambda home: home.set_schedule('kettle', ()), lambda home: home.cancel_job('kettle', 'x'),
    lambda home: home.run_job('kettle', values.JobWish('x', 1.0, 1.0, 1.0)), lambda home: home.acknowledge('a1'),
    lambda home: home.test_notification(), lambda home: home.outage(5.0)])
def test_a_viewer_may_wish_for_nothing(dashboard, wish):
    viewer = Permitted(dashboard.actions, Who('', 'read', 'page'), dashboard.access)
    assert asyncio.run(wish(viewer)).why == 'forbidden'


@pytest.mark.parametrize('look', [
    lambda home: home.capture('kettle'), lambda home: home.schedule('kettle'), lambda home: home.costs(0.0),
    lambda home: home.history('kettle', 'voltage', 60.0), lambda home: home.ask('kettle', 'off')])
def test_a_login_that_is_over_may_not_even_look(dashboard, look):
    gone = Permitted(dashboard.actions, Who('anna', 'admin', 'page', 'mark', 'session', 0.0), dashboard.access)
    assert asyncio.run(look(gone)).why == 'forbidden' and not gone.welcome()
