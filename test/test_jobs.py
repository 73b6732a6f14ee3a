"""Jobs in a living home: the plan chooses when, whoever is killed and whatever fails in the middle.

Hours of life are minutes here: the dishwasher's block is half a minute long, the car wants 0.045 kWh.
"""

import math
import subprocess
import time

import pytest
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient

from hearthgrid_core.outlet import Job as WorkToDo
from hearthgrid_core.outlet import (
    JobBook,
    JobSettings,
    Measurement,
    OutletController,
    ProtectionSettings,
    RelaySettings,
    Request,
    RequestSettings,
    Snapshot,
    Status,
    Voice,
)
from hearthgrid_msgs.msg import IslandMode, Job, OutletState, Plan, PriceSeries
from hearthgrid_ros.calls import Permits
from hearthgrid_ros.interfaces import ISLAND, JOBS, PLAN, PRICES, RUN_JOB, STATES
from hearthgrid_ros.keys import Keys
from hearthgrid_ros.time import to_msg, to_seconds

HOME = """
outlets:
  - {id: lamp, appliance: led_lamp, priority: safety, always_on: true}
  - {id: dishwasher, appliance: oxygen_concentrator, priority: deferrable, deferrable: true}
  - {id: car, appliance: ev_charger, priority: deferrable, deferrable: true, throttleable: true}
battery: {capacity_kwh: 10, power_max: 1000, reserve: 0.6}  # half full: the plan has nothing but the grid
pv: null
tariff: {kind: daily, buy: [{start: "00:00", price: 0.3}]}
nodes:
  world: {reconnect_wait: 1.0, pace: 0.1}
  consensus: {return_time: 1.0}
  outlet: {job_margin: 2.0}
  plan: {step: 20, horizon: 1200, period: 5, margin: 20, early_weight: 0.01}
"""
STEP = 20.0  # of prices and plan [s]
RUNNING, DONE = Job.STATUS_RUNNING, Job.STATUS_DONE


class Household:
    """A home, what it says, and the prices it is told."""

    def __init__(self, running):
        self.home = running
        self.peer = running.graph.peer()
        self.jobs, self.states, self.plans, self.islands = (
            running.graph.hear(self.peer, topic) for topic in (JOBS, STATES, PLAN, ISLAND))  # fmt: skip
        self.clients = {id: ActionClient(self.peer, RUN_JOB.type, RUN_JOB.of(self.peer, id))
                        for id in ('dishwasher', 'car')}  # fmt: skip
        self.permits = Permits(self.peer, Keys(str(running.folder / 'state' / 'keys.json')), 'test', time.time_ns,
                               time.time)  # fmt: skip
        self.prices, self.cheap_from = PRICES.publisher(self.peer), 0.0
        self.peer.create_timer(3.0, self.tell_prices)

    def tell_prices(self):
        """Tell prices, dear until `cheap_from` [s], as often as the simulated utility might say something else."""
        start = time.time() // STEP * STEP
        buy = [1.0 if start + STEP * k < self.cheap_from else 0.1 for k in range(120)]
        self.prices.publish(PriceSeries(stamp=to_msg(time.time()), issuer='test', currency='EUR', start=to_msg(start),
                                        step=STEP, import_price=buy, export_price=[0.01] * 120))  # fmt: skip

    def ask(self, outlet, energy, power, due, interruptible, id, heard=None):
        """Ask for a job due at a time [s] and return the goal's handle.

        A goal sent to a server that has just been killed is lost without a word, so it is sent again until somebody
        answers: a job with the same id is the same job.
        """
        client = self.clients[outlet]
        goal = RUN_JOB.type.Goal(energy_kwh=energy, power=power, deadline=to_msg(due), id=id,
                                 interruptible=interruptible)  # fmt: skip
        listen = None if heard is None else lambda m: heard.append((time.time(), m.feedback))
        for _ in range(4):
            self.home.until(lambda: client.server_is_ready() and self.permits.heard(RUN_JOB, outlet))
            self.permits.permit(RUN_JOB, goal, outlet)
            future = client.send_goal_async(goal, feedback_callback=listen)
            if self.home.graph.until(future.done, 20.0) and future.result().accepted:
                return future.result()
            self.home.graph.until(lambda: False, 0.5)  # perhaps its permit came after it
        raise AssertionError(f'{outlet} takes no goal\n{self.home.text()[-6000:]}')

    def result(self, handle):
        future = handle.get_result_async()
        self.home.until(future.done, 400.0)  # longer than any deadline here
        return future.result().status, future.result().result

    def job(self, outlet):
        return next((job for job in reversed(self.jobs) if job.outlet == outlet), None)

    def state(self, outlet):
        return next((state for state in reversed(self.states) if state.outlet == outlet), None)

    def drawn(self, outlet, id, energy):
        """Wait until a job has got an energy [kWh]."""
        self.home.until(lambda: any(job.outlet == outlet and job.id == id and job.delivered_kwh >= energy
                                    for job in self.jobs[-20:]), 240.0)  # fmt: skip


@pytest.fixture(scope='module')
def home(running):
    made = Household(running(HOME, '--no-page'))
    made.home.until(lambda: any(p.status == Plan.STATUS_OPTIMAL for p in made.plans))
    return made


def test_the_dishwasher_waits_for_the_cheap_minutes_and_runs_in_one_block(home):
    now = time.time()
    home.cheap_from = ((now + 25.0) // STEP + 1) * STEP
    home.tell_prices()
    home.home.until(lambda: home.plans and home.plans[-1].stamp.sec > now)
    feedback = []
    handle = home.ask('dishwasher', 0.0025, 300.0, now + 240.0, False, 'wash', feedback)
    assert handle.accepted
    home.home.until(lambda: (s := home.state('dishwasher')) is not None and s.relay == OutletState.RELAY_OPEN)
    home.home.until(lambda: any(d.outlet == 'dishwasher' and d.reason.startswith('begins ')
                                for d in home.plans[-1].devices))  # fmt: skip
    status, result = home.result(handle)
    assert (status, result.status, result.message) == (GoalStatus.STATUS_SUCCEEDED, DONE, 'done'), result
    assert 0.98 * 0.0025 <= result.delivered_kwh < 0.003
    ran = [at for at, told in feedback if told.status == RUNNING]
    # A plan skips a first step of which less than a tenth is left.
    assert ran[0] > home.cheap_from - 7.0, 'it ran while energy was dear'
    told = [f for at, f in feedback]
    assert told[0].status == Job.STATUS_WAITING and told[0].progress == 0.0
    assert [f.progress for f in told] == sorted(f.progress for f in told) and 0 < told[-1].progress <= 1
    assert to_seconds(told[-1].expected_finish) == pytest.approx(to_seconds(result.finished), abs=5.0)
    begin = next(k for k, job in enumerate(home.jobs) if job.id == 'wash' and job.status == RUNNING)
    assert {job.status for job in home.jobs[begin:] if job.id == 'wash'} <= {RUNNING, DONE}, 'not in one block'


def test_the_car_is_charged_though_everything_is_killed_in_the_middle(home):
    """0.045 kWh at 3.6 kW: 45 s of work, due in four minutes."""
    home.cheap_from = 0.0
    home.tell_prices()
    due = time.time() + 240.0
    handle = home.ask('car', 0.045, 3600.0, due, True, 'trip')
    assert handle.accepted
    home.drawn('car', 'trip', 0.004)
    home.home.kill('plan')
    home.drawn('car', 'trip', 0.012)
    before = home.job('car').delivered_kwh
    home.home.kill('outlets')
    heard = len(home.jobs)
    home.home.until(lambda: any(job.outlet == 'car' for job in home.jobs[heard:]))
    kept = next(job for job in home.jobs[heard:] if job.outlet == 'car')
    assert kept.id == 'trip' and kept.energy_kwh == 0.045 and kept.delivered_kwh >= before - 0.012
    again = home.ask('car', 0.045, 3600.0, due, True, 'trip')  # its asker comes back
    assert again.accepted
    home.home.kill('hub')
    status, result = home.result(again)
    assert (status, result.status) == (GoalStatus.STATUS_SUCCEEDED, DONE), result
    assert 0.044 <= result.delivered_kwh < 0.055


def test_asking_again_for_what_is_done_does_not_do_it_twice(home):
    deadline, heard = to_seconds(home.job('car').deadline), len(home.jobs)
    handle = home.ask('car', 0.045, 3600.0, deadline, True, 'trip')
    status, result = home.result(handle)
    assert (status, result.status) == (GoalStatus.STATUS_SUCCEEDED, DONE)
    assert not [job for job in home.jobs[heard:] if job.outlet == 'car' and job.status == RUNNING]


def test_a_power_cut_in_the_middle_delays_it_and_no_more(home):
    handle = home.ask('car', 0.03, 3600.0, time.time() + 180.0, True, 'cut')
    assert handle.accepted
    home.drawn('car', 'cut', 0.005)
    heard = len(home.islands)
    fail = home.home.command('outage', '--for', 8, '--state-dir', home.home.folder / 'state')
    command = subprocess.Popen(fail, stdout=subprocess.DEVNULL)
    home.home.until(lambda: any(m.member == 'car' and m.mode != IslandMode.MODE_GRID for m in home.islands[heard:]))
    assert command.wait(90.0) == 0
    status, result = home.result(handle)
    assert (status, result.status) == (GoalStatus.STATUS_SUCCEEDED, DONE), result
    assert 0.029 <= result.delivered_kwh < 0.04


def test_a_job_is_cancelled_in_the_middle(home):
    handle = home.ask('dishwasher', 1.0, 300.0, time.time() + 86400.0, False, 'long')
    assert handle.accepted
    future = None
    home.home.until(lambda: (job := home.job('dishwasher')) is not None and job.id == 'long')
    home.permits.permit_cancel(RUN_JOB, handle.goal_id, 'dishwasher')
    future = handle.cancel_goal_async()
    home.home.until(future.done)
    status, result = home.result(handle)
    assert (status, result.status, result.message) == (GoalStatus.STATUS_CANCELED, Job.STATUS_CANCELLED, 'cancelled')
    home.home.until(lambda: not any(d.outlet == 'dishwasher' for d in home.plans[-1].devices))


def test_what_cannot_be_done_in_time_is_said_before_and_after(home):
    seen = len(home.plans)
    handle = home.ask('dishwasher', 1.0, 300.0, time.time() + 25.0, False, 'late')
    assert handle.accepted
    home.home.until(lambda: any(p.status == Plan.STATUS_RELAXED and any('dishwasher' in words for words in p.reasons)
                                for p in home.plans[seen:]))  # fmt: skip
    status, result = home.result(handle)
    assert (status, result.status) == (GoalStatus.STATUS_ABORTED, Job.STATUS_MISSED)
    assert result.message.startswith('the deadline passed at ') and math.isfinite(result.delivered_kwh)


@pytest.mark.parametrize('voltage, status', [(230.0, Status.DONE), (0.0, Status.RUNNING)])
def test_half_done_and_silent_is_finished_only_where_there_is_supply(voltage, status):
    """Without a battery a power cut leaves the machine dead in the middle: it goes on when the utility is back."""
    settings = RelaySettings(minimum_on_time=0.0, minimum_off_time=0.0)
    outlet = OutletController(ProtectionSettings(), settings, RequestSettings(), JobSettings(job_idle_time=60.0))
    outlet.jobs.add(0.0, WorkToDo('wash', 1.0, 3600.0, 1000.0))  # it must run at once
    drawing = Measurement(0.0, 230.0, 5.0, 5.0, 1150.0)
    for second in range(0, 2400):
        outlet.step(float(second), Snapshot(drawing, 0, 0))
    assert 0.5 < outlet.jobs.job.progress < 1.0
    for second in range(2400, 2700):
        decision = outlet.step(float(second), Snapshot(Measurement(0.0, voltage, 0.0, 0.0, 0.0), 0, 0))
    assert decision.job.status is status


def test_a_job_pressed_for_time_does_not_keep_to_the_power_of_the_plan():
    outlet = OutletController(ProtectionSettings(), RelaySettings(), RequestSettings(), JobSettings())
    outlet.jobs.add(0.0, WorkToDo('trip', 1.0, 4200.0, 3600.0, interruptible=True))
    idle = Measurement(0.0, 230.0, 0.0, 0.0, 0.0)
    for now, most in ((1000.0, 1500.0), (3200.0, math.inf)):  # 1 000 s of work, 5 % and a minute to spare
        ask = Request(Voice.PLAN, 'plan', 1, int(now), now, now + 300.0, 1.0, 1500.0, 'slowly')
        decision = outlet.step(now, Snapshot(idle, 0, 0, arrived=(ask,)))
        assert (decision.closed, decision.band.power_max) == (True, most)


@pytest.mark.parametrize('energy, left, status', [
    (20.0, 0.0009, DONE), (20.0, 0.0011, RUNNING), (0.001, 0.0001, RUNNING)])  # fmt: skip
def test_the_last_watt_hour_that_no_plan_is_made_for_is_not_waited_for(energy, left, status):
    book = JobBook(JobSettings())
    book.add(0.0, WorkToDo('trip', energy, 1e6, 3600.0))
    assert book.step(3600.0, True, 1000.0 * (energy - left)).status == status
