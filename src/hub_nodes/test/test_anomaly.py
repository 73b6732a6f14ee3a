"""The watch as a node: what comes on the topics, what is said, and what garbage may do (nothing)."""
import json
import math
import signal

import pytest

from hearthgrid_core.devices import AnomalyEvent, Kind, Severity, Status
from hearthgrid_msgs import msg
from hearthgrid_ros.health import OK, WARN
from hearthgrid_ros.interfaces import ANOMALIES, IDENTITIES, PRICES, READINGS, SIGNATURES, STATES
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph, process
from hearthgrid_ros.time import to_msg
from hub_nodes.anomaly import OUTLETS, AnomalyNode, Prices, anomaly_of

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
        self.ends = {row.name: row.publisher(self.peer) for row in (READINGS, SIGNATURES, IDENTITIES, STATES, PRICES)}
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
    assert {member.name: int(member) for member in ours} == theirs


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


def test_an_event_keeps_its_evidence_in_the_message():
    event = AnomalyEvent('tv/standby waste', 'tv', Kind.WASTE, Severity.INFO, Status.RAISED, 1e9, 4.0, 0.0, 'stands by',
                         since=9e8, probability=0.75, wasted_energy=1.5, wasted_money=0.6, currency='EUR')
    said = anomaly_of(event)
    assert (said.since.sec, said.probability, said.wasted_energy_kwh, said.currency) == (900_000_000, 0.75, 1.5, 'EUR')
    assert said.wasted_money == pytest.approx(0.6)
    bare = anomaly_of(AnomalyEvent('a', 'tv', Kind.ARC, Severity.INFO, Status.RAISED, 1e9, NAN, NAN, 'arc'))
    assert bare.since.sec == 0 and bare.currency == ''
    assert all(map(math.isnan, (bare.probability, bare.wasted_energy_kwh, bare.wasted_money)))


def test_prices_by_time():
    prices = Prices.of(msg.PriceSeries(currency='EUR', start=to_msg(1000.0), step=10.0, import_price=[0.5, NAN, 0.25]))
    assert [prices.at(t) for t in (1000.0, 1009.9, 1020.0, 1029.0)] == [0.5, 0.5, 0.25, 0.25]
    assert all(math.isnan(prices.at(t)) for t in (999.9, 1010.0, 1030.0))


@pytest.mark.parametrize('step', [0.0, -1.0, NAN, math.inf])
def test_prices_of_no_use_are_refused(step):
    with pytest.raises(ValueError, match='step'):
        Prices.of(msg.PriceSeries(step=step, import_price=[1.0]))


def test_prices_reach_the_ledger(ros, node, talk):
    now = talk.peer.get_clock().now().nanoseconds * 1e-9
    talk.say('prices', msg.PriceSeries(currency='EUR', start=to_msg(now - 60), step=3600.0, import_price=[0.3]))
    assert talk.keep_reading(lambda: 'kettle' in node._outlets
                             and node._outlets['kettle'].detector._ledger.currency == 'EUR')
    node._on_prices(msg.PriceSeries(step=NAN))
    assert 'step' in node._reason and node._prices.currency == 'EUR'


@pytest.mark.parametrize('settings', [{'unknown_after': 0.0, 'tamper_after': 0.0}])
@pytest.mark.parametrize('state, kind', [(msg.Identity.STATE_UNKNOWN, Kind.UNKNOWN_DEVICE),
                                         (msg.Identity.STATE_NAMED, Kind.TAMPER)])
def test_a_device_that_is_not_what_is_known(talk, state, kind):
    identity = {'outlet': 'kettle', 'candidates': ['heater'], 'candidate_probabilities': [0.97]}
    talk.say('identities', msg.Identity(state=state, type='tv' if kind is Kind.TAMPER else '', **identity))
    assert talk.keep_reading(lambda: any(h.kind == int(kind) for h in talk.heard))
    said = talk.wait(kind, RAISED)
    assert 'heater' in said.text
    talk.say('identities', msg.Identity(state=msg.Identity.STATE_KNOWN, type='heater', **identity))
    assert talk.keep_reading(lambda: any((h.id, h.status) == (said.id, CLEARED) for h in talk.heard))


@pytest.mark.parametrize('settings', [{'unknown_after': 0.0}])
def test_before_anything_was_taught_nothing_is_called_unknown(talk):
    talk.say('identities', msg.Identity(outlet='kettle', state=msg.Identity.STATE_UNKNOWN))
    talk.read(4800.0)
    talk.wait(Kind.OVERCURRENT, RAISED)
    assert not any(h.kind == int(Kind.UNKNOWN_DEVICE) for h in talk.heard)


def test_who_comes_late_hears_what_stands(ros, node, talk):
    talk.read(4800.0)
    raised = talk.wait(Kind.OVERCURRENT, RAISED)
    late = ros.peer(name='late')
    heard = ros.hear(late, ANOMALIES)
    assert ros.until(lambda: any(h.id == raised.id for h in heard))
    ros.end(late)


def test_what_stands_is_said_again_before_others_push_it_out(node):
    """Also when much else was said since: a late joiner gets only the last few messages."""
    detector = node._outlet('fridge').detector
    message = msg.OutletState(outlet='fridge', trip=msg.OutletState.TRIP_SENSOR)
    node._on_state(message)
    now = node.now()
    reading = msg.Reading(outlet='fridge', stamp=to_msg(now), voltage=230.0, active_power=0.0)
    node._tell(detector.step(now, node._observation(node._outlets['fridge'], reading)))
    assert 'fridge/trip, sensor' in node._said
    other = AnomalyEvent('tv/a', 'tv', Kind.ARC, Severity.INFO, Status.CLEARED, now, NAN, NAN, 'over')
    for _ in range(2 * node._said.maxlen):
        node._tell([other])
        assert 'fridge/trip, sensor' in node._said


@pytest.fixture
def kept(tmp_path):
    return {'state_dir': str(tmp_path)}


def test_what_stands_outlives_a_restart_and_is_cleared_under_its_id(ros, kept):
    first = make(ros, **kept)
    talk = Talk(ros)
    talk.meet(first)
    talk.read(4800.0)
    raised = talk.wait(Kind.OVERCURRENT, RAISED)
    ros.end(first)
    talk.heard.clear()
    second = make(ros, **kept)
    again = talk.wait(Kind.OVERCURRENT, RAISED)
    assert again.id == raised.id and again.since == raised.since
    assert talk.keep_reading(lambda: any((h.id, h.status) == (raised.id, CLEARED) for h in talk.heard))
    ros.end(second)
    ros.end(talk.peer)


FILE, FORMAT = 'anomaly.json', 'hearthgrid anomaly 1'
BAD_FILES = {'truncated': '{"format": "hearthgrid anomaly 1", "outl', 'foreign': '{"a": 1}', 'no text': '\udcff',
             'empty': '', 'a list': '[1, 2]', 'another version': '{"format": "hearthgrid anomaly 9", "outlets": {}}',
             'deep': '[' * 100_000}


@pytest.mark.parametrize('content', BAD_FILES.values(), ids=BAD_FILES)
def test_a_file_that_cannot_be_used_is_put_aside_and_a_new_one_begun(ros, kept, tmp_path, content):
    (tmp_path / FILE).write_bytes(content.encode(errors='surrogateescape'))
    made = make(ros, **kept)
    assert made._outlets == {} and [p.name.split('-')[0] for p in tmp_path.iterdir()] == [f'{FILE}.bad']
    ros.end(made)
    assert json.loads((tmp_path / FILE).read_text()) == {'format': FORMAT, 'outlets': {}}


def test_an_outlet_that_cannot_be_read_does_not_cost_the_others(ros, kept, tmp_path):
    first = make(ros, **kept)
    for name in ('kettle', 'tv'):
        first._outlet(name)
    ros.end(first)
    state = json.loads((tmp_path / FILE).read_text())
    state['outlets']['kettle'] = {'version': 1}
    state['outlets']['x' * 40] = state['outlets']['tv']
    (tmp_path / FILE).write_text(json.dumps(state))
    second = make(ros, **kept)
    assert set(second._outlets) == {'tv'} and status(second, 'state').level == OK
    ros.end(second)


def test_a_half_written_file_does_not_harm_the_good_one(ros, kept, tmp_path):
    first = make(ros, **kept)
    first._outlet('kettle')
    ros.end(first)
    (tmp_path / f'{FILE}.new').write_text('{"format": "hear')
    second = make(ros, **kept)
    assert set(second._outlets) == {'kettle'}
    ros.end(second)


def test_a_folder_that_cannot_be_written_is_said_and_the_watch_goes_on(ros, tmp_path):
    (tmp_path / 'file').write_text('')
    made = make(ros, state_dir=str(tmp_path / 'file' / 'below'))
    made._save()
    assert ros.until(lambda: made._writing is None or made._settle_write() or False)
    assert status(made, 'state').level == WARN
    ros.end(made)


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
