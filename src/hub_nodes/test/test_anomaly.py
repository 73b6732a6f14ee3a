"""The watch as a node: what comes on the topics, what is said, and what garbage may do (nothing)."""
import math
import signal

import pytest

from hearthgrid_core.devices import Kind, Severity, Status
from hearthgrid_msgs import msg
from hearthgrid_ros.health import OK, WARN
from hearthgrid_ros.interfaces import ANOMALIES, IDENTITIES, READINGS, SIGNATURES, STATES
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph, process
from hearthgrid_ros.time import to_msg
from hub_nodes.anomaly import OUTLETS, AnomalyNode

RAISED, CLEARED = msg.Anomaly.STATUS_RAISED, msg.Anomaly.STATUS_CLEARED
NAN = math.nan


@pytest.fixture(scope='module')
def ros():
    with graph() as made:
        yield made


def make(ros, **settings) -> AnomalyNode:
    return ros.add(AnomalyNode, **options('/home', {'overcurrent_after': 0.0, 'voltage_after': 0.0, 'sensor_after': 0.0,
                                                    'temperature_after': 0.0, 'clear_after': 0.0, **settings}))


@pytest.fixture
def settings():
    return {}


@pytest.fixture
def node(ros, settings):
    made = make(ros, **settings)
    yield made
    ros.end(made)


class Talk:
    """A peer that plays outlets and hears what is said of them."""

    def __init__(self, ros) -> None:
        self.ros, self.peer = ros, ros.peer()
        self.heard = ros.hear(self.peer, ANOMALIES)
        self.ends = {row.name: row.publisher(self.peer) for row in (READINGS, SIGNATURES, IDENTITIES, STATES)}
        self._last = 0.0

    def meet(self, node) -> None:
        """Wait until the node hears every topic: telemetry is not repeated for who matches late."""
        assert all(self.ros.matched(end) for end in self.ends.values())
        assert self.keep_reading(lambda: 'probe' in node._outlets, outlet='probe')

    def read(self, power=400.0, outlet='kettle', age=0.0, **change) -> None:
        now = self.peer.get_clock().now().nanoseconds * 1e-9 - age
        if not age:
            now = self._last = max(now, self._last + 1e-3)
        self.ends['readings'].publish(msg.Reading(**{
            'stamp': to_msg(now), 'outlet': outlet, 'duration': 1.0, 'voltage': 230.0, 'current': power / 230,
            'active_power': power, 'reactive_power': 0.0, 'apparent_power': power, 'power_factor': 1.0,
            'frequency': 50.0, 'voltage_thd': 0.0, 'current_thd': 0.0, 'temperature': 30.0, **change}))

    def keep_reading(self, condition, **reading) -> bool:
        """Read a few times a second until the condition holds; return whether it did."""
        def step() -> bool:
            if self.peer.get_clock().now().nanoseconds * 1e-9 > self._last + 0.2:
                self.read(**reading)
            return condition()

        return self.ros.until(step)

    def say(self, topic, message) -> None:
        self.ends[topic].publish(message)

    def wait(self, kind, status, outlet='kettle') -> msg.Anomaly:
        """Return the first anomaly of this kind and status, waiting for it."""
        found = []

        def there() -> bool:
            found[:] = [h for h in self.heard if (h.outlet, h.kind, h.status) == (outlet, int(kind), status)]
            return bool(found)

        assert self.ros.until(there), f'{kind!r} was not {Status(status).name} but {self.heard}'
        return found[0]


@pytest.fixture
def talk(ros, node):
    made = Talk(ros)
    made.meet(node)
    yield made
    ros.end(made.peer)


def status(node, check):
    return next(status for status in node.health.statuses() if status.name.endswith(f': {check}'))


@pytest.mark.parametrize('ours, prefix', [(Kind, 'KIND_'), (Severity, 'SEVERITY_'), (Status, 'STATUS_')])
def test_the_enums_are_the_messages(ours, prefix):
    theirs = {name.removeprefix(prefix): getattr(msg.Anomaly, name) for name in dir(msg.Anomaly)
              if name.startswith(prefix)}
    assert {member.name: int(member) for member in ours}.items() <= theirs.items()


@pytest.mark.parametrize('kind, change', [
    (Kind.OVERCURRENT, {'power': 4800.0}),
    (Kind.OVERTEMPERATURE, {'temperature': 90.0}),
    (Kind.VOLTAGE, {'voltage': 190.0, 'current': 2.1}),
    (Kind.SENSOR, {'power_factor': 1.7}),
])
def test_raised_then_cleared_under_one_id(talk, kind, change):
    talk.read(**change)
    raised = talk.wait(kind, RAISED)
    talk.read()
    cleared = talk.wait(kind, CLEARED)
    assert raised.id == cleared.id and raised.text and cleared.text
    assert raised.severity in (msg.Anomaly.SEVERITY_WARNING, msg.Anomaly.SEVERITY_CRITICAL)


@pytest.mark.parametrize('settings', [{'silent_after': 1.0}])
def test_silence_and_its_end(ros, talk):
    talk.read()
    talk.wait(Kind.SILENT, RAISED)
    assert talk.keep_reading(lambda: any((h.outlet, h.status) == ('kettle', CLEARED) for h in talk.heard))


def test_a_trip_is_said_at_once(ros, node, talk):
    state = msg.OutletState(outlet='kettle', relay=msg.OutletState.RELAY_OPEN, trip=msg.OutletState.TRIP_OVERCURRENT)
    talk.say('states', state)
    assert ros.until(lambda: 'kettle' in node._outlets)
    talk.read(0.0)
    raised = talk.wait(Kind.OVERCURRENT, RAISED)
    assert 'switched itself off' in raised.text and raised.severity == msg.Anomaly.SEVERITY_CRITICAL


def test_identity_and_signature_reach_the_detector(ros, node, talk):
    talk.say('identities', msg.Identity(outlet='kettle', state=msg.Identity.STATE_KNOWN, type='kettle'))
    assert ros.until(lambda: 'kettle' in node._outlets)
    talk.read()
    assert ros.until(lambda: list(node._outlets['kettle'].detector._devices) == ['kettle'])


def test_the_meter_of_the_home_may_carry_more_than_an_outlet(ros, node, talk):
    talk.read(15_000.0, 'grid')
    talk.read(4800.0, 'heater')
    talk.wait(Kind.OVERCURRENT, RAISED, 'heater')
    assert not [heard for heard in talk.heard if heard.outlet == 'grid']


GARBAGE = [
    dict.fromkeys(('voltage', 'current', 'active_power', 'apparent_power', 'power_factor', 'frequency', 'temperature'),
                  value) for value in (NAN, math.inf, -math.inf, 3e38, -1.0)]


def test_garbage_neither_ends_nor_poisons_the_watch(ros, node, talk):
    talk.read()
    for change in GARBAGE:
        talk.read(outlet='mad', **change)
    talk.read(outlet='')
    talk.read(age=-1000.0, outlet='ahead')
    talk.read(age=1000.0, outlet='behind')
    talk.read(age=10.0)
    for broken in (msg.Signature(outlet='kettle', version=9), msg.Signature(outlet='kettle', version=1),
                   msg.Signature(outlet=''), msg.Signature(outlet='kettle', version=1, harmonics_real=[NAN] * 32)):
        talk.say('signatures', broken)
        talk.read()
    talk.say('identities', msg.Identity(outlet=''))
    talk.say('states', msg.OutletState(outlet=''))
    assert talk.keep_reading(lambda: node._refused >= 5), (node._refused, node._reason)
    assert status(node, 'input').level == WARN and 'refused' in [value.key for value in status(node, 'input').values]
    assert set(node._outlets) == {'kettle', 'mad', 'probe'}
    talk.read(4800.0)
    talk.wait(Kind.OVERCURRENT, RAISED)


def test_outlets_watched_are_bounded(node):
    for k in range(OUTLETS + 10):
        node._on_state(msg.OutletState(outlet=f'outlet{k}'))
    assert len(node._outlets) == OUTLETS and status(node, 'watch').level == OK


@pytest.fixture
def described(tmp_path):
    (tmp_path / 'home.yaml').write_text('supply: {voltage: 120, frequency: 60}\noutlets: [{id: kettle}, {id: lamp}]\n')
    return {'home_file': str(tmp_path / 'home.yaml'), 'nominal_voltage': 230.0}


def test_the_home_file_gives_voltage_and_outlets(ros, described):
    made = make(ros, **described)
    try:
        assert set(made._outlets) == {'kettle', 'lamp'} and made._rules.nominal_voltage == 120.0
    finally:
        ros.end(made)


def test_it_starts_on_its_defaults_and_ends_on_sigterm(ros):
    talk = Talk(ros)
    with process('hub_nodes.anomaly', '--ros-args', '-r', '__ns:=/home') as child:
        state = msg.OutletState(outlet='kettle', trip=msg.OutletState.TRIP_SENSOR)
        assert talk.keep_reading(lambda: talk.say('states', state) or talk.heard, power=0.0)
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    ros.end(talk.peer)


def test_a_wrong_home_file_is_one_line(ros, tmp_path):
    (tmp_path / 'home.yaml').write_text('outlets:\n  - {id: kettle, colour: red}\n')
    with process('hub_nodes.anomaly', '--ros-args', '-p', f'home_file:={tmp_path / "home.yaml"}') as child:
        output, _ = child.communicate(timeout=30)
    assert child.returncode == 2 and 'home.yaml:2' in output and 'Traceback' not in output
