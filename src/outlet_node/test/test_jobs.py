"""The action `run_job`: accepted, followed, done, missed, cancelled, and never in the way of anything else."""
import math

import pytest
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient

from hearthgrid_msgs import msg
from hearthgrid_ros.interfaces import RUN_JOB
from hearthgrid_ros.time import to_msg, to_seconds

Job = msg.Job


class Asker:
    """An action client and what it is told."""

    def __init__(self, home) -> None:
        self.home, self.feedback = home, []
        self.client = ActionClient(home.peer, RUN_JOB.type, RUN_JOB.of(home.peer, 'kettle'))
        home.until(self.client.server_is_ready)

    def ask(self, energy_kwh: float = 0.0001, within: float = 600.0, power: float = 1000.0, id: str = 'wash',
            interruptible: bool = False):
        """Send a goal and return its handle."""
        goal = RUN_JOB.type.Goal(energy_kwh=energy_kwh, deadline=to_msg(self.home.time + within), power=power, id=id,
                                 interruptible=interruptible)
        future = self.client.send_goal_async(goal, feedback_callback=lambda m: self.feedback.append(m.feedback))
        self.home.until(future.done)
        return future.result()

    def result(self, handle):
        """Return status and result of a goal that has ended."""
        future = handle.get_result_async()
        self.home.until(future.done)
        return future.result().status, future.result().result


@pytest.fixture
def home(bench):
    made = bench(minimum_on_time=0.0, minimum_off_time=0.0, job_margin=1.0)
    made.feed(1)
    return made


def test_a_job_waits_for_the_plan_runs_and_is_done(home):
    asker = Asker(home)
    handle = asker.ask()                        # 360 J: less than one block at 2.3 kW
    assert handle.accepted
    home.feed(1)
    state = home.state(lambda s: s.relay == msg.OutletState.RELAY_OPEN)
    assert state.reason == 'job wash waits for the plan' and state.features & state.FEATURE_JOB
    assert state.features & (state.FEATURE_CAP | state.FEATURE_AUTHENTICATION) == 0
    home.until(lambda: home.last('jobs') and asker.feedback)
    assert home.last('jobs').status == asker.feedback[-1].status == Job.STATUS_WAITING
    assert asker.feedback[-1].reason == state.reason
    home.ask(msg.Request.VOICE_PLAN, 1000.0, 1000.0)
    home.feed(1)
    home.feed(1, current=0.1)
    home.until(lambda: home.last('jobs').status == Job.STATUS_RUNNING)
    home.feed(1, current=10.0)
    status, result = asker.result(handle)
    assert (status, result.status, result.message) == (GoalStatus.STATUS_SUCCEEDED, Job.STATUS_DONE, 'done')
    assert result.delivered_kwh == pytest.approx(23 * 0.2 / 3.6e6 + 2300 * 0.2 / 3.6e6, rel=1e-2)
    home.until(lambda: home.last('jobs').status == Job.STATUS_DONE)


def test_with_the_hub_dead_it_starts_in_time(home):
    asker = Asker(home)
    asker.ask(energy_kwh=0.001, within=6.0)      # 3.6 s of work at 1 kW, 5 % and 1 s to spare: starts after 1.2 s
    home.feed(5)
    home.state(lambda s: s.relay == msg.OutletState.RELAY_OPEN)
    home.feed(3)
    state = home.state(lambda s: s.relay == msg.OutletState.RELAY_CLOSED)
    assert state.reason == 'job wash must run now to meet its deadline'


def test_asked_again_with_another_deadline_the_job_moves_and_says_so(home):
    asker = Asker(home)
    asker.ask(within=600.0)
    home.feed(1)
    home.until(lambda: home.last('jobs') and home.last('jobs').status == Job.STATUS_WAITING)
    until = home.time + 6000.0
    assert asker.ask(within=6000.0).accepted
    home.feed(1)
    home.until(lambda: abs(to_seconds(home.last('jobs').deadline) - until) < 1e-3)
    assert home.last('jobs').id == 'wash' and home.last('jobs').energy_kwh == 0.0001
    assert not asker.ask(within=-1.0).accepted
    home.feed(1)
    assert abs(to_seconds(home.last('jobs').deadline) - until) < 1e-3


def test_a_deadline_that_passes_ends_it_as_missed(home):
    asker = Asker(home)
    handle = asker.ask(energy_kwh=5.0, within=0.5)
    home.feed(4)
    status, result = asker.result(handle)
    assert (status, result.status) == (GoalStatus.STATUS_ABORTED, Job.STATUS_MISSED)
    assert result.message == 'the deadline passed at 0%'


def test_it_can_be_cancelled_and_another_follows(home):
    asker = Asker(home)
    handle = asker.ask()
    home.feed(1)
    future = handle.cancel_goal_async()
    home.until(future.done)
    assert len(future.result().goals_canceling) == 1
    other = asker.ask(id='dry')                  # before the next block
    status, result = asker.result(handle)
    assert (status, result.status, result.message) == (GoalStatus.STATUS_CANCELED, Job.STATUS_CANCELLED, 'cancelled')
    home.feed(1)
    home.until(lambda: home.last('jobs').id == 'dry')
    assert other.accepted and home.last('jobs').status == Job.STATUS_WAITING


@pytest.mark.parametrize('fields', [{'energy_kwh': 0.0}, {'energy_kwh': math.nan}, {'power': -1.0}, {'within': -1.0}])
def test_what_cannot_be_is_rejected(home, fields):
    assert not Asker(home).ask(**fields).accepted


def test_a_second_job_is_rejected_and_the_same_one_is_joined(home):
    asker = Asker(home)
    first, second, again = asker.ask(), asker.ask(id='dry'), asker.ask()
    assert (first.accepted, second.accepted, again.accepted) == (True, False, True)
    home.feed(1)
    cancelled = again.cancel_goal_async()
    home.until(cancelled.done)
    home.feed(1)
    assert asker.result(again)[0] == GoalStatus.STATUS_CANCELED
    assert asker.result(first)[0] == GoalStatus.STATUS_ABORTED


def test_a_job_outlives_a_restart(bench, tmp_path):
    home = bench(state_dir=str(tmp_path), minimum_on_time=0.0, minimum_off_time=0.0)
    home.feed(1)
    Asker(home).ask()
    home.feed(1)
    home.restart()
    home.feed(1)
    home.until(lambda: home.last('jobs') and home.last('jobs').status == Job.STATUS_WAITING)
    asker = Asker(home)
    handle = asker.ask()                         # its asker comes back
    home.ask(msg.Request.VOICE_PLAN, 1000.0, 1000.0)
    home.feed(1)
    home.feed(2, current=10.0)
    assert asker.result(handle)[0] == GoalStatus.STATUS_SUCCEEDED
