"""The living micro-grid: an outage in a home of one process per outlet, and what may be killed or cut in it."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from hearthgrid.bringup import Options, Process, hub_nodes, member, outlet_nodes, plan
from hearthgrid_msgs.msg import InverterSetpoint, IslandMode, OutletState, Request
from hearthgrid_msgs.srv import ScriptOutage
from hearthgrid_ros.home import parse
from hearthgrid_ros.interfaces import INVERTER_SETPOINT, ISLAND, READINGS, REQUEST, SCRIPT_OUTAGE, SHARES, STATES
from hearthgrid_ros.testing import Graph, own_domain

HOME = """
outlets:
  - {id: fridge, appliance: refrigerator, priority: refrigeration, always_on: true, voter: true}
  - {id: lamp, appliance: led_lamp, priority: safety, always_on: true, voter: true}
  - {id: heater, appliance: heater, priority: comfort, voter: true}
  - {id: fan, appliance: heater, priority: comfort, rank: 1}
battery: {capacity_kwh: 10, power_max: 600}
batteries: {barn: {capacity_kwh: 5, power_max: 400}}
pv: null
nodes:
  world: {reconnect_wait: 5.0}  # a leader that stands still for a while has seen both before the breaker closes
  consensus: {return_time: 1.0, renew: 0.5, hold: 5.0, restore_step: 0.5}
"""
OUTLETS = ('fridge', 'lamp', 'heater', 'fan')
CRITICAL = ('fridge', 'lamp')
INVERTERS = ('battery', 'barn')
VOTERS = (*INVERTERS, 'fridge', 'lamp', 'heater')
MEMBERS = (*VOTERS, 'fan')
STEPS = [IslandMode.MODE_OUTAGE, IslandMode.MODE_ELECTION, IslandMode.MODE_CONFIRMATION, IslandMode.MODE_JOIN,
         IslandMode.MODE_SHED, IslandMode.MODE_REGULATE]
PATIENCE = 90.0  # CI is slow [s]
OVERLAP = 1.5  # of two claims on the topic: words of two writers arrive as they like [s]


class Processes:
    """A home of one process an outlet, without a supervisor: what is killed stays dead until it is started."""

    def __init__(self, folder, prefix=None, **environment):
        self.folder, self.environment = folder, environment
        self.prefix = prefix or (lambda name: [])
        (folder / 'home.yaml').write_text(HOME)
        home, options = parse(HOME), Options(str(folder / 'home.yaml'), str(folder / 'state'))
        world = next(p for p in plan(home, options) if p.name == 'world')
        nodes = {outlet.id: outlet_nodes(home, outlet, options) for outlet in home.outlets}
        nodes |= {name: [member(home, name, options, meter=True)] for name in INVERTERS}
        nodes['hub'] = [spec for spec in hub_nodes(home, options) if spec.name in ('store', 'plan')]
        self.plan = {'world': world} | {name: Process(name, tuple(specs)) for name, specs in nodes.items()}
        self.running = {}

    def start(self, *names):
        for name in names:
            path = self.plan[name].write(self.folder / 'run')
            self.running[name] = subprocess.Popen(
                [*self.prefix(name), sys.executable, '-m', 'hearthgrid.host', str(path)],
                env={**os.environ, **self.environment},
                stdout=(self.folder / f'{name}.txt').open('a'),
                stderr=subprocess.STDOUT,
            )

    def kill(self, name):
        self.running[name].kill()
        self.running.pop(name).wait()

    def text(self):
        return '\n'.join(f'== {p.name}\n{p.read_text()[-3000:]}' for p in sorted(self.folder.glob('*.txt')))

    def close(self):
        for child in self.running.values():
            child.kill()
        for child in self.running.values():
            child.wait()


class Heard:
    """What the home's members and outlets said, in the order it was heard, and who claimed authority together."""

    def __init__(self):
        self.views, self.states, self.dead = [], [], set()
        self._claims, self.conflicts = {}, []

    def view(self, message):
        now = time.monotonic()
        self.views.append(message)
        if message.member in self.dead:
            return
        if not message.authority:
            self._claims.pop(message.member, None)
            return
        self._claims.setdefault(message.member, now)
        self.judge(now)

    def judge(self, now):
        """Note who claims authority while another has done so for longer than words need."""
        for claimant, since in list(self._claims.items()):
            if claimant in self.dead:
                del self._claims[claimant]
            elif len(self._claims) > 1 and now - max(self._claims.values()) > OVERLAP:
                self.conflicts.append((claimant, since, dict(self._claims)))

    def latest(self):
        return {m.member: m for m in self.views if m.member not in self.dead}

    def leader(self):
        """Return the one living member that claims authority and that all others follow, else None."""
        self.judge(time.monotonic())
        latest = self.latest()
        leaders = {m.leader for m in latest.values()}
        claims = [m.member for m in latest.values() if m.authority]
        return claims[0] if claims and leaders == {claims[0]} and len(claims) == 1 else None

    def modes(self, name):
        told = [m.mode for m in self.views if m.member == name]
        return [mode for mode, before in zip(told, [None, *told], strict=False) if mode != before]


@pytest.fixture(scope='module')
def home(tmp_path_factory):
    own_domain()
    made, graph = Processes(tmp_path_factory.mktemp('island')), Graph()
    made.graph, made.heard, made.requests = graph, Heard(), []
    peer = graph.peer()
    ISLAND.subscription(peer, made.heard.view)
    STATES.subscription(peer, made.heard.states.append)
    for outlet in OUTLETS:
        REQUEST.subscription_to(peer, outlet, made.requests.append)
    made.setpoints, made.shares = graph.hear(peer, INVERTER_SETPOINT), graph.hear(peer, SHARES)
    made.readings = graph.hear(peer, READINGS)
    made.outage = SCRIPT_OUTAGE.client(peer)
    made.start(*made.plan)
    yield made
    made.close()
    graph.close()


def until(home, condition):
    assert home.graph.until(condition, PATIENCE), f'{home.heard.latest()}\n{home.text()}'


def everybody(home, mode):
    latest = home.heard.latest()
    return set(latest) == set(MEMBERS) - home.heard.dead and {m.mode for m in latest.values()} == {mode}


def check(home):
    """Critical loads were never off, and nobody claimed authority beside another."""
    off = [f'{s.outlet}: {s.reason}' for s in home.heard.states
           if s.relay == OutletState.RELAY_OPEN and s.outlet in CRITICAL]
    assert not off and not home.heard.conflicts, home.text()


def test_a_leader_stands_while_the_grid_is_up(home):
    until(home, lambda: everybody(home, IslandMode.MODE_GRID) and home.heard.leader())
    view = home.heard.latest()[home.heard.leader()]
    assert tuple(view.committee) == VOTERS and view.term > 0
    until(home, lambda: {s.outlet for s in home.heard.states if s.relay == OutletState.RELAY_CLOSED} == set(OUTLETS))
    until(home, lambda: set(home.heard.latest()[home.heard.leader() or VOTERS[0]].members) == set(MEMBERS))


def test_an_outage_needs_no_election_and_every_step_is_told(home):
    leader, term = home.heard.leader(), home.heard.latest()[home.heard.leader()].term
    response = home.graph.call(home.outage, ScriptOutage.Request(kind=ScriptOutage.Request.KIND_BLACKOUT), PATIENCE)
    assert response.success
    until(home, lambda: everybody(home, IslandMode.MODE_REGULATE))
    view = home.heard.latest()[leader]
    assert home.heard.modes(leader)[-len(STEPS):] == STEPS
    assert (view.authority, view.provisional, view.term, view.epoch) == (True, False, term, 1)
    # Two heaters of 1 500 W on inverters of 600 and 400 W: both are shed once they have run.
    until(home, lambda: set(home.heard.latest()[leader].shed) == {'heater', 'fan'})
    until(home, lambda: all(any(r.sender == leader and r.power_max == power for r in home.requests)
                            for power in (0.0, float('inf'))))
    until(home, lambda: {s.sender for s in home.setpoints if s.sender == s.inverter and s.frequency != 50.0
                         and s.mode == InverterSetpoint.MODE_FORM} == set(INVERTERS))  # each takes its own droop back
    until(home, lambda: {s.inverter for s in home.shares} == set(INVERTERS))
    log = (home.folder / f'{leader}.txt').read_text()
    assert all(f'leader of term {term}: {step}, ' in log for step in ('confirmation', 'join', 'shed', 'regulate'))
    check(home)


def test_both_inverters_carry_the_same_share_of_their_ratings(home):
    begun = len(home.readings)

    def alike():
        given = {r.outlet: -r.active_power for r in home.readings[begun:] if r.outlet in INVERTERS}
        return (set(given) == set(INVERTERS) and min(given.values()) > 5.0
                and abs(given['battery'] / 600 - given['barn'] / 400) < 0.1 * given['battery'] / 600 + 0.003)

    until(home, alike)
    assert {s.inverter for s in home.setpoints if s.sender in INVERTERS} == set(INVERTERS)
    assert all(s.sender == s.inverter for s in home.setpoints if s.sender in INVERTERS), 'each steers only its own'
    check(home)


def test_the_leader_is_killed_and_another_takes_over(home):
    first, before = home.heard.leader(), home.heard.latest()[home.heard.leader()]
    home.kill(first)
    home.heard.dead.add(first)
    until(home, lambda: home.heard.leader() and everybody(home, IslandMode.MODE_REGULATE))
    second = home.heard.leader()
    assert second != first and home.heard.latest()[second].term > before.term
    sent = len(home.requests)
    until(home, lambda: any(r.sender == second and r.voice == Request.VOICE_ISLAND for r in home.requests[sent:]))
    check(home)
    home.first = first


def test_the_hub_is_killed_and_the_island_goes_on(home):
    home.kill('hub')
    leader, sent = home.heard.leader(), len(home.requests)
    until(home, lambda: sum(r.sender == leader for r in home.requests[sent:]) > 20)
    assert everybody(home, IslandMode.MODE_REGULATE)
    check(home)


def test_who_was_killed_comes_back_and_deposes_nobody(home):
    leader, term = home.heard.leader(), home.heard.latest()[home.heard.leader()].term
    said = len(home.heard.views)
    home.start(home.first)
    until(home, lambda: any(m.member == home.first and m.leader == leader for m in home.heard.views[said:]))
    home.heard.dead.discard(home.first)
    until(home, lambda: everybody(home, IslandMode.MODE_REGULATE))
    assert home.heard.leader() == leader and home.heard.latest()[leader].term == term
    check(home)


def test_the_grid_comes_back_and_everybody_is_served(home):
    said = len(home.heard.views)
    assert home.graph.call(home.outage, ScriptOutage.Request(restore=True), PATIENCE).success
    until(home, lambda: everybody(home, IslandMode.MODE_GRID))
    assert IslandMode.MODE_SYNCHRONISE in [m.mode for m in home.heard.views[said:] if m.authority], home.text()
    until(home, lambda: home.heard.leader() and not home.heard.latest()[home.heard.leader()].shed)
    until(home, lambda: {s.outlet: s for s in home.heard.states}['heater'].relay == OutletState.RELAY_CLOSED)
    check(home)


# A network in two halves, each a network namespace of its own.

WATCH = '''
import json, sys, time
import rclpy
from rclpy.node import Node
from hearthgrid_ros.executor import LeanExecutor
from hearthgrid_ros.interfaces import ISLAND, STATES
rclpy.init()
node = Node('watch', namespace='/home')
def tell(kind, *names):
    def told(m):
        print(json.dumps({'kind': kind} | {name: getattr(m, name) for name in names}), flush=True)
    return told
ISLAND.subscription(node, tell('view', 'member', 'mode', 'term', 'leader', 'provisional', 'authority'))
STATES.subscription(node, tell('state', 'outlet', 'relay'))
executor = LeanExecutor()
executor.add_node(node)
print('{}', flush=True)
while True:
    executor.spin_once(0.2)
'''
FAILS = '''
import sys
from hearthgrid.ask import ask
from hearthgrid_msgs.srv import ScriptOutage
from hearthgrid_ros.interfaces import SCRIPT_OUTAGE
ask('home', SCRIPT_OUTAGE, ScriptOutage.Request(kind=1), timeout=60.0)
'''
SIDES = {'a': ('world', *INVERTERS, 'fridge', 'heater'), 'b': ('lamp', 'fan')}


def ip(*words):
    return subprocess.run(['ip', *words], capture_output=True, text=True)


@pytest.fixture
def wires():
    """Two network namespaces on one bridge; a reason to skip where that may not be made."""
    if os.geteuid() or not shutil.which('ip'):
        pytest.skip('network namespaces need root and iproute2')
    tag = f'{os.getpid() % 100000}'
    bridge = f'hgb{tag}'
    steps = [('link', 'add', bridge, 'type', 'bridge'), ('link', 'set', bridge, 'up')]
    for number, side in enumerate(SIDES, 1):
        space, inner, outer = f'hg{side}{tag}', f'hgi{side}{tag}', f'hgo{side}{tag}'
        inside = ('-n', space)
        steps += [
            ('netns', 'add', space), ('link', 'add', inner, 'type', 'veth', 'peer', 'name', outer),
            ('link', 'set', inner, 'netns', space), ('link', 'set', outer, 'master', bridge),
            ('link', 'set', outer, 'up'), (*inside, 'link', 'set', 'lo', 'up'),
            (*inside, 'addr', 'add', f'10.213.7.{number}/24', 'dev', inner), (*inside, 'link', 'set', inner, 'up'),
            (*inside, 'route', 'add', '224.0.0.0/4', 'dev', inner)]
    try:
        for step in steps:
            done = ip(*step)
            if done.returncode:
                pytest.skip(f'ip {" ".join(step)}: {done.stderr.strip()}')
        yield {side: f'hg{side}{tag}' for side in SIDES}, lambda up: ip('link', 'set', f'hgob{tag}', 'up' if up else
                                                                        'down')
    finally:
        for side in SIDES:
            ip('netns', 'del', f'hg{side}{tag}')
            ip('link', 'del', f'hgo{side}{tag}')
        ip('link', 'del', bridge)


class Watch:
    """A watcher inside a namespace, who hears what is heard there."""

    def __init__(self, made, space):
        self.path = made.folder / f'watch_{space}.txt'
        self.child = subprocess.Popen(
            ['ip', 'netns', 'exec', space, sys.executable, '-c', WATCH],
            env={**os.environ, **made.environment}, stdout=self.path.open('w'), stderr=subprocess.STDOUT)

    def rows(self):
        return [json.loads(line) for line in self.path.read_text().splitlines(True)
                if line.startswith('{') and line.endswith('\n')]

    def views(self):
        return {row['member']: row for row in self.rows() if row.get('kind') == 'view'}


def wait(condition, made):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, made.text()
        time.sleep(0.2)


def test_a_network_in_two_halves_has_one_authority_and_heals(wires, tmp_path):
    own_domain()
    spaces, link = wires
    side = {name: key for key, names in SIDES.items() for name in names}
    made = Processes(
        tmp_path, lambda name: ['ip', 'netns', 'exec', spaces[side[name]]],
        ROS_AUTOMATIC_DISCOVERY_RANGE='SUBNET', FASTDDS_BUILTIN_TRANSPORTS='UDPv4',
        FASTDDS_DEFAULT_PROFILES_FILE='')  # which would bind it to the loopback interface
    watches = {}
    try:
        made.start(*side)
        watches.update({key: Watch(made, space) for key, space in spaces.items()})

        def agreed():
            views = watches['a'].views()
            return set(views) == set(MEMBERS) and len({v['leader'] for v in views.values()}) == 1 and sum(
                v['authority'] for v in views.values()) == 1

        wait(agreed, made)
        subprocess.run(['ip', 'netns', 'exec', spaces['a'], sys.executable, '-c', FAILS], check=True,
                       env={**os.environ, **made.environment}, timeout=PATIENCE)
        wait(lambda: agreed() and {v['mode'] for v in watches['b'].views().values()} == {IslandMode.MODE_REGULATE},
             made)
        term = max(v['term'] for v in watches['a'].views().values())
        link(False)
        wait(lambda: any(v['provisional'] and v['leader'] in SIDES['b'] for v in watches['b'].views().values())
             and not any(watches['b'].views()[name]['authority'] for name in SIDES['b']), made)
        wait(lambda: sum(watches['a'].views()[name]['authority'] for name in MEMBERS if side[name] == 'a') == 1, made)
        link(True)
        wait(agreed, made)
        wait(lambda: {watches['b'].views()[name]['leader'] for name in MEMBERS}
             == {watches['a'].views()['battery']['leader']}, made)
        claims = {}
        for watch in watches.values():
            for row in watch.rows():
                if row.get('kind') == 'view' and row['authority']:
                    claims.setdefault(row['term'], set()).add(row['member'])
                assert not (row.get('kind') == 'state' and row['outlet'] in CRITICAL
                            and row['relay'] == OutletState.RELAY_OPEN)
        assert all(len(members) == 1 for members in claims.values()) and max(claims) >= term
    finally:
        for watch in watches.values():
            watch.child.kill()
            watch.child.wait()
        made.close()
