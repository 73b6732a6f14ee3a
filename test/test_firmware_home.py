"""A mixed home: two outlets in Python, two in C, and nobody can tell which is which."""

import math
import os
import shutil
import time

import numpy as np
import pytest
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient

from hearthgrid import firmware
from hearthgrid.bringup import Options, key_names, plan
from hearthgrid.supervisor import Supervisor
from hearthgrid_core.outlet import Voice, sign
from hearthgrid_core.outlet.capture import Capture, mean
from hearthgrid_msgs.msg import Ballot, IslandMode, Job, OutletState, Request, ScheduleEntry
from hearthgrid_msgs.srv import GetSchedule, PlugAppliance, ScriptOutage, SetPriority, SetSchedule
from hearthgrid_ros import interfaces, key_file
from hearthgrid_ros.calls import Permits
from hearthgrid_ros.home import HomeError, parse
from hearthgrid_ros.keys import Keys
from hearthgrid_ros.request import request
from hearthgrid_ros.testing import Graph, own_domain
from hearthgrid_ros.time import to_msg, to_seconds
from outlet_node import convert

HOME = """
outlets:
  - {id: fridge, appliance: refrigerator, priority: refrigeration, always_on: true}
  - {id: lamp, appliance: led_lamp, priority: safety, always_on: true}
  - {id: heater, appliance: heater, priority: comfort}
  - {id: fan, appliance: heater, priority: comfort, rank: 1}
battery: {capacity_kwh: 10, power_max: 1000}
pv: null
nodes:
  world: {reconnect_wait: 1.0}
  outlet: {job_margin: 1.0}
  consensus: {return_time: 1.0, renew: 0.5, hold: 5.0, restore_step: 0.5}
"""
C, PYTHON = ('lamp', 'heater'), ('fridge', 'fan')
VOTERS = {'battery', *C, *PYTHON}
PATIENCE = 90.0  # CI is slow [s]
NO_PERMIT = 'no signed word permits this call'


@pytest.fixture(scope='module')
def home(tmp_path_factory):
    for program in ('make', 'cc', 'nm'):
        if not shutil.which(program):
            text = f'{program} is not installed (Debian: build-essential)'
            pytest.fail(text) if os.environ.get('CI') == 'true' else pytest.skip(text)
    own_domain()
    folder, described = tmp_path_factory.mktemp('mixed'), parse(HOME)
    (folder / 'home.yaml').write_text(HOME)
    keys = folder / key_file.NAME
    key_file.provision(keys, key_names(described), time.time())
    options = Options(str(folder / 'home.yaml'), str(folder), hub=False, keys_file=str(keys))
    processes = firmware.processes(described, plan(described, options), C, firmware.build())
    made = Mixed(folder, Supervisor(processes, folder, lambda line: None), keys)
    try:
        made.supervisor.start()
        yield made
        assert made.supervisor.stop() == []  # all of them end when they are asked
    finally:
        made.supervisor.stop()
        made.graph.close()


class Mixed:
    """The home, and all it says."""

    def __init__(self, folder, supervisor, keys):
        self.folder, self.supervisor, self.keys, self.graph = folder, supervisor, keys, Graph()
        self.counter = time.time_ns()
        self.peer = self.graph.peer()
        self.states, self.views, self.readings, self.ballots = {}, {}, [], []
        interfaces.STATES.subscription(self.peer, lambda m: self.states.__setitem__(m.outlet, m))
        interfaces.ISLAND.subscription(self.peer, lambda m: self.views.setdefault(m.member, []).append(m))
        interfaces.READINGS.subscription(self.peer, self.readings.append)
        interfaces.BALLOTS.subscription(self.peer, self.ballots.append)
        self.signatures = self.graph.hear(self.peer, interfaces.SIGNATURES)
        self.to = {outlet: interfaces.REQUEST.publisher_to(self.peer, outlet) for outlet in (*C, *PYTHON)}
        self.jobs = self.graph.hear(self.peer, interfaces.JOBS)
        self.permits = Permits(self.peer, Keys(str(keys)), 'tester', self.count, time.time)

    def until(self, condition):
        def poll():
            self.supervisor.poll()
            return condition()
        if not self.graph.until(poll, PATIENCE):
            logs = '\n'.join(f'== {p.name}\n{p.read_text()[-2000:]}' for p in (self.folder / 'log').glob('*.log'))
            pytest.fail(f'{self.states}\n{({k: v[-1:] for k, v in self.views.items()})}\n{logs}')

    def everybody(self, mode):
        return {m for m, told in self.views.items() if told[-1].mode == mode} == VOTERS

    def count(self):
        self.counter += 1
        return self.counter

    def call(self, row, asked, outlet=''):
        """Call a service with a permit; asked again where the permit was lost on its way."""
        client, answers = row.client(self.peer, outlet), []

        def answered():
            self.permits.permit(row, asked, outlet)
            answers.append(self.graph.call(client, asked, PATIENCE))
            return answers[-1].success or answers[-1].message != NO_PERMIT

        self.until(lambda: self.permits.heard(row, outlet))
        self.until(answered)
        return answers[-1]

    def ask(self, outlet, power_max, key=None, **fields):
        """Send a signed request."""
        now = time.time()
        self.counter += 1
        made = Request(stamp=to_msg(now), expiry=to_msg(now + 30.0), counter=self.counter, power_min=0.0,
                       power_max=power_max, reason='a test', sender='tester',
                       **{'voice': Request.VOICE_PERSON, 'epoch': 1} | fields)
        secret = key_file.load(self.keys).of(outlet).keys[-1].secret if key is None else key
        made.mac = list(sign(secret, request(made).packed))
        self.to[outlet].publish(made)

    def insist(self, outlet, condition, power_max, **fields):
        """Ask until `condition()`: a word may be lost while two processes find each other."""
        asked = -math.inf

        def again():
            nonlocal asked
            if not condition() and time.monotonic() - asked > 3.0:
                asked = time.monotonic()
                self.ask(outlet, power_max, **fields)
            return condition()
        self.until(again)

    def relay(self, outlet):
        return self.states[outlet].relay if outlet in self.states else None


def test_outlets_in_c_are_chosen_by_number_name_or_all():
    described = parse(HOME)
    assert firmware.chosen(described, '2') == ('fridge', 'lamp')
    assert firmware.chosen(described, ' lamp,heater,lamp') == ('lamp', 'heater')
    assert firmware.chosen(described, 'all') == ('fridge', 'lamp', 'heater', 'fan')
    for wrong, said in (('attic', 'no outlet is called attic'), (',', 'no outlet is called so')):
        with pytest.raises(HomeError, match=said):
            firmware.chosen(described, wrong)


def test_a_plan_keeps_every_node_when_outlets_move_to_c(tmp_path):
    described = parse(HOME)
    before = plan(described, Options('home.yaml', str(tmp_path)))
    after = firmware.processes(described, before, C, tmp_path / 'outlet')
    nodes = [sorted(f'{n.namespace}/{n.name}' for p in made for n in p.nodes) for made in (before, after)]
    assert nodes[0] == nodes[1]
    own = [p for p in after if isinstance(p, firmware.FirmwareProcess)]
    assert [p.name for p in own] == ['firmware_lamp', 'firmware_heater']
    path = own[0].write(tmp_path)
    assert own[0].command(path) == [str(tmp_path / 'outlet'), str(path)]
    written = path.read_text().splitlines()
    assert written[:2] == ['id lamp', 'home /home'] and {'priority 3', 'return_time 1.0'} <= set(written)
    assert not any(line.startswith(('renew', 'hold')) for line in written)  # a leader's duties are not there


def test_without_sources_or_compiler_the_reason_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv('HEARTHGRID_FIRMWARE', str(tmp_path))
    with pytest.raises(firmware.FirmwareError, match='no firmware sources'):
        firmware.build()
    (tmp_path / 'posix.mk').touch()
    (tmp_path / 'Makefile').write_text('posix:\n\t@echo \'no rcl headers\' >&2; exit 1\n')
    with pytest.raises(firmware.FirmwareError, match='no rcl headers'):
        firmware.build()


def test_the_same_samples_give_the_same_readings_and_signatures(home):
    capture, meterings, vectors = Capture(), {}, {}
    knob = PlugAppliance.Request(outlet='heater', on=True)

    def on_samples(message):
        captured = capture.take(time.time(), convert.block(message))
        meterings[round(captured.measurement.stamp, 3)] = captured.metering
        if (found := capture.signature()) is not None:
            vectors[round(found[1].start, 3)] = found[0]

    listening = interfaces.ADC.subscription_to(home.peer, 'heater', on_samples)
    home.until(lambda: set(home.states) >= {*C, *PYTHON} and all(home.relay(o) == OutletState.RELAY_CLOSED for o in C))

    def pairs():
        for said in home.readings:
            ends = [round(to_seconds(said.stamp) - 0.2 * k, 3) for k in range(5)]
            if said.outlet == 'heater' and said.active_power > 100.0 and all(end in meterings for end in ends):
                yield said, mean([meterings[end] for end in ends])

    def shown():
        return [m for m in home.signatures if m.outlet == 'heater' and round(to_seconds(m.stamp), 3) in vectors]

    home.until(lambda: home.call(interfaces.PLUG_APPLIANCE, knob).success)
    home.until(lambda: len(list(pairs())) >= 3)
    home.until(lambda: home.to['heater'].get_subscription_count() >= 1)
    home.graph.call(interfaces.CAPTURE_WAVEFORM.client(home.peer, 'heater'), interfaces.CAPTURE_WAVEFORM.type.Request())
    home.until(shown)
    home.peer.destroy_subscription(listening)
    for said, own in list(pairs())[-3:]:
        for name in ('voltage', 'current', 'active_power', 'apparent_power', 'frequency', 'voltage_thd'):
            assert getattr(said, name) == pytest.approx(getattr(own, name), rel=1e-4), name
        assert said.reactive_power == pytest.approx(own.reactive_power, abs=1e-4 * own.apparent_power)
        np.testing.assert_allclose(said.harmonics, own.harmonics, atol=1e-4 * own.current)
        assert said.duration == pytest.approx(1.0)
    said = shown()[-1]
    own = vectors[round(to_seconds(said.stamp), 3)]
    np.testing.assert_allclose(said.trajectory, own.trajectory, atol=1e-3)
    np.testing.assert_allclose(said.harmonics_real, own.harmonics.real, atol=1e-4 * said.current)
    assert said.version == own.version


def test_what_is_offered_is_the_same(home):
    home.until(lambda: set(home.states) >= {*C, *PYTHON})
    assert len({home.states[o].features for o in (*C, *PYTHON)}) == 1

    def offered(row):
        kinds = dict(home.peer.get_service_names_and_types())
        return [kinds.get(row.of(home.peer, outlet)) for outlet in (*C, *PYTHON)]

    for row in interfaces.SERVICES:
        if row.scope is interfaces.Scope.OUTLET:
            home.until(lambda row=row: None not in offered(row))
            assert len({tuple(kinds) for kinds in offered(row)}) == 1, row.name


def test_a_signed_request_is_obeyed_and_a_forged_one_refused(home):
    home.until(lambda: set(home.states) >= {*C, *PYTHON} and home.relay('lamp') == OutletState.RELAY_CLOSED)
    before = home.states['lamp'].requests_refused
    home.insist('lamp', lambda: home.states['lamp'].requests_refused > before, 0.0, key=b'somebody else')
    assert home.relay('lamp') == OutletState.RELAY_CLOSED
    home.insist('lamp', lambda: home.relay('lamp') == OutletState.RELAY_OPEN, 0.0)
    assert home.states['lamp'].voice == Voice.PERSON and 'a test' in home.states['lamp'].reason
    home.insist('lamp', lambda: home.relay('lamp') == OutletState.RELAY_CLOSED, math.inf)


def test_a_person_sets_schedule_and_priority(home):
    def call(row, asked):
        return home.call(row, asked, 'lamp')

    stolen = interfaces.SET_PRIORITY.client(home.peer, 'lamp')  # without a permit
    answer = home.graph.call(stolen, SetPriority.Request(priority=OutletState.CLASS_COMFORT), PATIENCE)
    assert (answer.success, answer.message) == (False, NO_PERMIT)

    rule = ScheduleEntry(days=127, start_minute=60, end_minute=61, on=True, power_max=math.inf)
    assert call(interfaces.SET_SCHEDULE, SetSchedule.Request(entries=[rule])).success
    bad = ScheduleEntry(days=127, start_minute=2000, end_minute=61, on=True, power_max=math.inf)
    assert not call(interfaces.SET_SCHEDULE, SetSchedule.Request(entries=[bad])).success
    assert not call(interfaces.SET_PRIORITY, SetPriority.Request(priority=9)).success
    assert call(interfaces.SET_PRIORITY, SetPriority.Request(priority=OutletState.CLASS_MEDICAL, rank=3)).success
    told = call(interfaces.GET_SCHEDULE, GetSchedule.Request())
    assert list(told.entries) == [rule] and (told.priority, told.rank) == (OutletState.CLASS_MEDICAL, 3)


def test_all_outlets_go_through_an_outage(home):
    home.until(lambda: home.everybody(IslandMode.MODE_GRID) and len({v[-1].leader for v in home.views.values()}) == 1
               and home.views['heater'][-1].leader)
    asked = ScriptOutage.Request(kind=ScriptOutage.Request.KIND_BLACKOUT)
    assert home.call(interfaces.SCRIPT_OUTAGE, asked).success
    home.until(lambda: home.everybody(IslandMode.MODE_REGULATE))
    for member in C:
        modes = [m.mode for m in home.views[member]]
        steps = [mode for mode, before in zip(modes, [None, *modes], strict=False) if mode != before]
        assert steps[-1] == IslandMode.MODE_REGULATE
        assert set(steps) & {IslandMode.MODE_OUTAGE, IslandMode.MODE_ELECTION, IslandMode.MODE_CONFIRMATION,
                             IslandMode.MODE_JOIN, IslandMode.MODE_SHED}  # a slow reader may miss some
    home.until(lambda: home.states['heater'].voice == Voice.ISLAND and home.relay('heater') == OutletState.RELAY_OPEN)
    assert home.relay('lamp') == OutletState.RELAY_CLOSED
    assert home.call(interfaces.SCRIPT_OUTAGE, ScriptOutage.Request(restore=True)).success
    home.until(lambda: home.everybody(IslandMode.MODE_GRID))


def test_a_killed_outlet_comes_back_with_what_it_promised(home):
    child = next(c for c in home.supervisor.children if c.process.name == 'firmware_heater')
    before, restarts = home.views['heater'][-1], child.restarts
    said = len(home.ballots)
    del home.states['heater']
    home.views['heater'].clear()
    child.popen.kill()
    home.until(lambda: child.restarts > restarts and home.views['heater'] and home.relay('heater') is not None)
    assert home.views['heater'][0].term >= before.term > 0
    assert home.views['heater'][0].epoch >= before.epoch > 0
    home.until(lambda: any(b.sender == 'heater' for b in home.ballots[said:]))
    assert not any(b.sender == 'heater' and b.kind == Ballot.KIND_RECALL for b in home.ballots[said:])
    home.until(lambda: home.relay('heater') in (OutletState.RELAY_CLOSED, OutletState.RELAY_OPEN))
    refused = home.states['heater'].requests_refused
    home.insist('heater', lambda: home.states['heater'].requests_refused > refused, 0.0,
                voice=Request.VOICE_ISLAND, epoch=0, term=0)  # of a leader before the outage
    assert home.states['heater'].voice != Voice.ISLAND


class Goals:
    """Asks an outlet for jobs until somebody answers: one with the same id is the same job."""

    def __init__(self, home, outlet):
        self.home, self.outlet, self.feedback = home, outlet, []
        self.client = ActionClient(home.peer, interfaces.RUN_JOB.type, interfaces.RUN_JOB.of(home.peer, outlet))

    def ask(self, goal):
        """Return the handle of a goal that was taken."""
        handles = []

        def taken():
            self.home.permits.permit(interfaces.RUN_JOB, goal, self.outlet)
            future = self.client.send_goal_async(goal, feedback_callback=lambda m: self.feedback.append(m.feedback))
            if self.home.graph.until(future.done, 5.0) and future.result().accepted:
                handles.append(future.result())
            return handles

        self.home.until(lambda: self.client.server_is_ready() and self.home.permits.heard(interfaces.RUN_JOB,
                                                                                         self.outlet))
        self.home.until(taken)
        return handles[0]

    def result(self, handle):
        """Return (status, result) of a goal at its end."""
        future = handle.get_result_async()
        self.home.until(future.done)
        return future.result().status, future.result().result


def test_a_job_outlives_the_death_of_its_outlet(home):
    """It runs since its deadline presses; killed in the middle it goes on, and whoever asks again hears of its end."""
    goals = Goals(home, 'heater')
    goal = interfaces.RUN_JOB.type.Goal(energy_kwh=0.008, power=1500.0, id='bake',
                                        deadline=to_msg(time.time() + 4 * PATIENCE))
    unpermitted = goals.client.send_goal_async(goal)
    home.until(unpermitted.done)
    assert not unpermitted.result().accepted
    goals.ask(goal)
    home.until(lambda: goals.feedback and goals.feedback[-1].status == Job.STATUS_WAITING
               and goals.feedback[-1].reason == 'job bake waits for the plan')
    home.until(lambda: home.states['heater'].voice == Voice.PERSON
               and home.relay('heater') == OutletState.RELAY_OPEN)
    child = next(c for c in home.supervisor.children if c.process.name == 'firmware_heater')
    restarts = child.restarts
    child.popen.kill()
    home.until(lambda: child.restarts > restarts)
    del home.jobs[:]
    home.until(lambda: any(m.outlet == 'heater' and m.id == 'bake' and m.status == Job.STATUS_WAITING
                           for m in home.jobs))
    del goals.feedback[:]
    goal.deadline = to_msg(time.time() + 25.0)  # sooner: moved, so that it must run now
    handle = goals.ask(goal)
    home.until(lambda: any(f.status == Job.STATUS_RUNNING and f.reason == 'job bake must run now to meet its deadline'
                           for f in goals.feedback))
    status, result = goals.result(handle)
    assert (status, result.status) in {(GoalStatus.STATUS_SUCCEEDED, Job.STATUS_DONE),
                                       (GoalStatus.STATUS_ABORTED, Job.STATUS_MISSED)}  # on a machine that is slow
    other = goals.ask(interfaces.RUN_JOB.type.Goal(energy_kwh=0.008, power=1500.0, id='dry',
                                                   deadline=to_msg(time.time() + 4 * PATIENCE)))
    home.permits.permit_cancel(interfaces.RUN_JOB, other.goal_id, 'heater')
    future = other.cancel_goal_async()
    home.until(future.done)
    assert len(future.result().goals_canceling) == 1
    status, result = goals.result(other)
    assert (status, result.status, result.message) == (GoalStatus.STATUS_CANCELED, Job.STATUS_CANCELLED, 'cancelled')


def test_keys_rotate_while_outlets_live_and_one_is_killed(home):
    """The new key is obeyed by all, the old one by nobody when its grace has passed, and killed it reads the same."""
    home.until(lambda: home.relay('heater') in (OutletState.RELAY_CLOSED, OutletState.RELAY_OPEN))
    old = key_file.load(home.keys).of('heater').keys[-1].secret
    with key_file.changing(home.keys):
        keys, now = key_file.load(home.keys), time.time()
        for name in ('', *C, *PYTHON):
            keys = keys.put(name, keys.of(name).rotated(now, grace=1.0, lead=2.0))
        key_file.save(home.keys, keys)
    home.views['heater'] = []
    next(c for c in home.supervisor.children if c.process.name == 'firmware_heater').popen.kill()
    home.until(lambda: time.time() > now + 4.0)
    home.insist('heater', lambda: home.states['heater'].voice == Voice.PERSON
                and home.relay('heater') == OutletState.RELAY_OPEN, 0.0)
    refused = home.states['heater'].requests_refused
    home.insist('heater', lambda: home.states['heater'].requests_refused > refused, math.inf, key=old)
    assert home.relay('heater') == OutletState.RELAY_OPEN
    home.until(lambda: home.views['heater'] and len({v[-1].leader for v in home.views.values() if v}) == 1
               and home.views['heater'][-1].leader)  # ballots are signed with the home's new key
