"""The member's view, its votes and its commands, whatever rubbish comes in between."""
import json
import math

import pytest

from hearthgrid_core.island import Committee, Kind, Message, Share
from hearthgrid_core.island.signed import Seal
from hearthgrid_core.outlet.authentic import Key
from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces
from hearthgrid_ros.health import OK, STALE, WARN
from hearthgrid_ros.key_file import Keys, Stored, save
from hearthgrid_ros.time import to_msg, to_seconds
from outlet_node.ballots import to_ballot, to_share

Mode, Breaker, Ballot = msg.IslandMode, msg.Breaker, msg.Ballot
FAST = {'return_time': 1.0, 'join_time': 0.4, 'shed_time': 0.4}
NAMES = ('kettle', 'lamp', 'fridge')


def tie(home, state: int, alive: bool) -> None:
    home.tie.publish(Breaker(stamp=to_msg(home.time), state=state, grid_alive=alive))
    closed = state == Breaker.STATE_CLOSED
    home.until(lambda: (word := home.node.member._tie) is not None and word.closed is closed
               and word.grid_alive is alive)


def heard(home, mode: int, condition=lambda view: True) -> Mode:
    def there():
        view = home.last('island')
        return view is not None and view.mode == mode and condition(view)
    home.until(there)
    return home.last('island')


def lead(home) -> Mode:
    """Give a member that is alone the time to elect itself."""
    home.until(lambda: home.last('island') is not None)
    for _ in range(50):
        home.feed(1)
        if home.node.member.election.holds_lease(home.time):
            break
    return heard(home, Mode.MODE_GRID, lambda view: view.authority)


def modes(home) -> list[int]:
    """Return the modes told, each as it was entered."""
    told = [m.mode for m in home.heard['island'] if m.mode]
    return [mode for mode, before in zip(told, [None, *told], strict=False) if mode != before]


def test_grid_outage_island_and_grid_again(member):
    home = member(**FAST)
    grid = lead(home)
    assert (grid.member, grid.epoch, grid.term, grid.leader) == ('kettle', 0, 1, 'kettle')
    assert (list(grid.committee), list(grid.members), list(grid.shed)) == (['kettle'], ['kettle'], [])
    assert grid.voltage == pytest.approx(230.0, rel=1e-3) and grid.frequency == pytest.approx(50.0, abs=1e-2)
    tie(home, Breaker.STATE_CLOSED, True)
    home.feed(3)
    home.feed(1, voltage=0.0)
    outage = heard(home, Mode.MODE_CONFIRMATION, lambda view: view.authority)
    assert (outage.epoch, outage.voltage) == (1, 0.0) and math.isnan(outage.frequency)
    assert outage.evidence == ('0 V, under 23 V for 200 ms; the tie sees the grid: perhaps only this branch; waits for '
                               'a second witness')
    tie(home, Breaker.STATE_OPEN, False)
    home.feed(8, frequency=49.8)
    assert heard(home, Mode.MODE_REGULATE).evidence == 'the tie is open and 230 V are here: the home feeds itself'
    tie(home, Breaker.STATE_OPEN, True)
    heard(home, Mode.MODE_SYNCHRONISE)
    tie(home, Breaker.STATE_CLOSED, True)
    home.feed(4)
    assert home.last('island').mode == Mode.MODE_SYNCHRONISE   # a second must pass
    home.feed(4)
    assert heard(home, Mode.MODE_GRID).epoch == 1
    assert modes(home) == [Mode.MODE_GRID, *range(Mode.MODE_OUTAGE, Mode.MODE_SYNCHRONISE + 1), Mode.MODE_GRID]


def test_silence_is_not_knowing(member):
    home = member()
    home.feed(1)
    heard(home, Mode.MODE_GRID)
    home.until(lambda: home.node.health._checks['supply'][0] == OK)
    home.time += 3.0
    assert heard(home, Mode.MODE_UNKNOWN).evidence == 'no samples for 3 s, and no word of the tie'
    assert home.node.health.level() == STALE


@pytest.mark.parametrize('fields', [
    {'outlet': 'lamp'}, {'voltage_scale': math.nan}, {'sampling_rate': 0.0}, {'nominal_frequency': math.nan},
    {'voltage': []}, {'voltage': [1, 2, 3]}])
def test_garbage_is_dropped(member, fields):
    home = member()
    message = home.converter.block(voltage=0.0)    # taken for true, it would be an outage
    for name, value in fields.items():
        setattr(message, name, value)
    home.give(message)
    home.feed(1)
    heard(home, Mode.MODE_GRID)
    assert modes(home) == [Mode.MODE_GRID]


class Lamp:
    """Another member of the committee, played by hand."""

    def __init__(self, home, name: str = 'lamp') -> None:
        self.home, self.name, self.number = home, name, 0
        self.ballots = interfaces.BALLOTS.publisher(home.peer)
        assert home.graph.matched(self.ballots, 2)      # the bench listens, too

    def say(self, what: Kind, of: int, **fields) -> None:
        """Say a word of a term; `fields` are laid over what is in order."""
        self.number += 1
        leader = self.name if what is Kind.HEARTBEAT else ''
        word = Message(what, self.name, '', 1, of, self.number, False, leader, Committee(NAMES))
        ballot = to_ballot(word, to_msg(self.home.time), Seal(b'', 5.0))
        for name, value in fields.items():
            setattr(ballot, name, value)
        self.ballots.publish(ballot)

    def answer(self, kind: int) -> Ballot:
        """Wait for a reply of that kind to the last word."""
        def found():
            return [b for b in self.home.heard['ballots']
                    if (b.kind, b.receiver, b.round) == (kind, self.name, self.number)]
        self.home.until(lambda: bool(found()))
        return found()[-1]

    def unheard(self) -> None:
        """Wait until the member has heard all that was said, by a question it always answers."""
        self.say(Kind.RECALL, 0)
        self.answer(Ballot.KIND_RECALL_REPLY)


def remembering(tmp_path, **kept) -> dict:
    data = {'term': 4, 'voted': '', 'members': list(NAMES), 'committee_term': 0, 'version': 0, 'epoch': 0,
            'incarnation': 1} | kept
    (tmp_path / 'kettle.ballot.json').write_text(json.dumps(data))
    return {'committee': ','.join(NAMES), 'state_dir': str(tmp_path), 'timeout': 30.0, 'heartbeat': 5.0}


def test_a_vote_is_on_the_disk_before_it_is_told_and_outlives_a_restart(member, tmp_path):
    home = member(**remembering(tmp_path))
    lamp, fridge = Lamp(home), Lamp(home, 'fridge')
    home.time += 31.0       # it may have promised itself to somebody before it started
    lamp.say(Kind.VOTE, 6)
    assert lamp.answer(Ballot.KIND_VOTE_REPLY).granted
    kept = json.loads((tmp_path / 'kettle.ballot.json').read_text())
    assert (kept['term'], kept['voted']) == (6, 'lamp')
    home.restart()
    home.time += 31.0
    assert home.graph.matched(lamp.ballots, 2)
    home.heard['ballots'].clear()
    fridge.say(Kind.VOTE, 6)
    fridge.unheard()
    assert not [b for b in home.heard['ballots'] if b.kind == Ballot.KIND_VOTE_REPLY]
    lamp.say(Kind.VOTE, 6)
    assert lamp.answer(Ballot.KIND_VOTE_REPLY).granted
    assert lamp.answer(Ballot.KIND_VOTE_REPLY).incarnation > kept['incarnation']


def test_a_member_that_forgot_votes_for_nobody_and_asks_the_others(member):
    home = member(committee=','.join(NAMES), timeout=30.0, heartbeat=5.0)
    lamp = Lamp(home)
    home.time += 31.0
    home.until(lambda: any(b.kind == Ballot.KIND_RECALL for b in home.heard['ballots']))
    lamp.say(Kind.VOTE, 6)
    lamp.unheard()
    assert not [b for b in home.heard['ballots'] if b.kind == Ballot.KIND_VOTE_REPLY]


@pytest.mark.parametrize('fields', [
    {'kind': 0}, {'kind': 77}, {'sender': ''}, {'sender': 'kettle'}, {'committee': []}, {'term': 2**32 - 1},
    {'committee': ['x', 'y', 'z']}, {'mode': 200}])
def test_a_ballot_that_is_none_is_dropped_and_the_next_is_heard(member, tmp_path, fields):
    home = member(**remembering(tmp_path))
    lamp = Lamp(home)
    home.time += 31.0
    lamp.say(Kind.VOTE, 6, **fields)
    lamp.say(Kind.VOTE, 6)
    assert lamp.answer(Ballot.KIND_VOTE_REPLY).granted
    assert home.node._bad['ballots'] == 1
    assert json.loads((tmp_path / 'kettle.ballot.json').read_text())['term'] == 6


def test_it_follows_the_leader_and_says_whom(member, tmp_path):
    home = member(**remembering(tmp_path))
    lamp = Lamp(home)
    home.feed(1)
    lamp.say(Kind.HEARTBEAT, 9, mode=Mode.MODE_GRID)
    view = heard(home, Mode.MODE_GRID, lambda v: v.leader == 'lamp')
    assert (view.term, view.authority, view.provisional) == (9, False, False)
    lamp.say(Kind.HEARTBEAT, 9, mode=Mode.MODE_REGULATE)
    view = heard(home, Mode.MODE_REGULATE)
    assert view.evidence == 'lamp says so'


def test_a_leaders_word_to_another_is_repeated_word_for_word(member, tmp_path):
    home = member(**remembering(tmp_path))
    lamp = Lamp(home)
    home.feed(1)
    lamp.say(Kind.HEARTBEAT, 9)
    heard(home, Mode.MODE_GRID, lambda view: view.leader == 'lamp')
    lamp.say(Kind.HEARTBEAT, 9, receiver='fridge', granted=True)

    def copies():
        return [b for b in home.heard['ballots'] if b.receiver == 'fridge']

    home.until(lambda: len(copies()) == 2)
    assert copies()[0] == copies()[1]
    lamp.say(Kind.VOTE_REPLY, 9, receiver='fridge')     # what is none of its business
    lamp.unheard()
    assert len(copies()) == 3


def test_a_leader_serves_and_sheds(member):
    home = member(inverter_power=2000.0, outlets=2, renew=0.2, validity=2.0, **FAST)
    asked = {name: home.graph.hear(home.peer, interfaces.REQUEST, name) for name in ('heater', 'fridge')}
    states, readings = interfaces.STATES.publisher(home.peer), interfaces.READINGS.publisher(home.peer)
    lead(home)
    home.until(lambda: states.get_subscription_count() > 1 and readings.get_subscription_count() > 1)
    for name, kind, watts in (('heater', 6, 1500.0), ('fridge', 2, 500.0), ('', 1, 1.0), ('bad', 99, 1.0)):
        states.publish(msg.OutletState(outlet=name, relay=msg.OutletState.RELAY_CLOSED, priority=kind, demand=watts))
    readings.publish(msg.Reading(outlet='battery', active_power=-1900.0, frequency=49.7))
    home.until(lambda: set(home.node.member.duties.offers) == {'heater', 'fridge'} and home.node._bad['states'] == 2)
    home.until(lambda: all(p.get_subscription_count() for p in home.node._asks.values()))
    assert not asked['heater'] and not asked['fridge']
    tie(home, Breaker.STATE_OPEN, False)
    for _ in range(15):
        home.feed(1, frequency=49.8)
    view = heard(home, Mode.MODE_REGULATE, lambda view: view.shed)
    assert list(view.shed) == ['heater']
    home.until(lambda: asked['heater'] and asked['fridge'])
    off, on = asked['heater'][-1], asked['fridge'][-1]
    assert (off.power_max, on.power_max, on.power_min) == (0.0, math.inf, 0.0)
    for request in (off, on):
        assert (request.voice, request.sender, request.provisional) == (msg.Request.VOICE_ISLAND, 'kettle', False)
        assert (request.epoch, request.term) == (view.epoch, view.term)
        assert to_seconds(request.expiry) - to_seconds(request.stamp) == pytest.approx(2.0, abs=0.01)
    assert [r.counter for r in asked['heater']] == sorted({r.counter for r in asked['heater']})


def test_who_does_not_lead_says_nothing_and_listens_to_little(member, tmp_path):
    home = member(**remembering(tmp_path))
    Lamp(home).say(Kind.HEARTBEAT, 9)
    home.feed(1)
    heard(home, Mode.MODE_GRID, lambda view: view.leader == 'lamp')
    assert not {row.name for row in (interfaces.STATES, interfaces.READINGS)} & {
        s.topic_name.rpartition('/')[2] for s in home.node.subscriptions}


def test_an_inverter_goes_by_its_meter(member):
    home = member(meter=True, outlet='battery', **FAST)
    readings = interfaces.READINGS.publisher(home.peer)
    home.until(lambda: readings.get_subscription_count() > 1)

    def read(**fields):
        readings.publish(msg.Reading(**{'stamp': to_msg(home.time), 'outlet': 'battery', 'frequency': 50.0} | fields))

    read(outlet='fridge', voltage=0.0)
    read(voltage=math.nan)
    read(voltage=231.0)
    assert heard(home, Mode.MODE_GRID).voltage == 231.0
    home.time += 1.0
    read(voltage=0.0, frequency=math.nan)
    home.until(lambda: Mode.MODE_OUTAGE in modes(home))
    assert home.last('island').voltage == 0.0


def inverter(member, **parameters):
    """Return a bench of the inverter's member, a function that gives it a reading, and what it says."""
    home = member(meter=True, outlet='battery', inverter_power=4000.0, **FAST | parameters)
    readings = interfaces.READINGS.publisher(home.peer)
    said = {row.name: home.graph.hear(home.peer, row) for row in (interfaces.INVERTER_SETPOINT, interfaces.SHARES)}
    home.until(lambda: readings.get_subscription_count() > 1 and all(
        home.peer.count_publishers(f'{home.home}/{name}') for name in said))

    def read(**fields):
        home.time += 1.0
        before = len(said['inverter_setpoint'])
        readings.publish(msg.Reading(**{
            'stamp': to_msg(home.time), 'outlet': 'battery', 'frequency': 49.75, 'voltage': 228.0,
            'active_power': -2000.0, 'reactive_power': -400.0} | fields))
        home.until(lambda: len(said['inverter_setpoint']) > before)
        return said['inverter_setpoint'][-1]

    return home, read, said


def test_an_inverter_takes_its_droop_back_alone_and_asks_nobody(member):
    home, read, said = inverter(member)
    tie(home, Breaker.STATE_OPEN, False)
    for _ in range(3):
        setpoint = read()
    assert (setpoint.inverter, setpoint.sender, setpoint.mode) == ('battery', 'battery', msg.InverterSetpoint.MODE_FORM)
    assert 50.1 < setpoint.frequency < 50.3 and 230.5 < setpoint.voltage < 233.0 and setpoint.term == 0
    assert to_seconds(setpoint.expiry) - to_seconds(setpoint.stamp) == pytest.approx(5.0, abs=0.01)
    tie(home, Breaker.STATE_OPEN, True)     # the utility is alive: the inverter turns towards it, what was found stays
    held = read(frequency=49.5)
    assert (held.frequency, held.voltage) == (setpoint.frequency, setpoint.voltage)
    assert not said['shares']


def test_two_inverters_tell_each_other_and_a_stranger_is_not_heard(member, tmp_path):
    key = 'ab' * 16
    save(tmp_path / 'keys.json', Keys(home=Stored(1, (Key(1, bytes.fromhex(key)),))))
    home, read, said = inverter(member, inverter='battery,barn', keys_file=str(tmp_path / 'keys.json'))
    shares = interfaces.SHARES.publisher(home.peer)
    home.until(lambda: shares.get_subscription_count() > 1)
    tie(home, Breaker.STATE_OPEN, False)
    first = read(frequency=50.0)
    assert said['shares'][-1].active == pytest.approx(1.0) and said['shares'][-1].reactive == pytest.approx(0.2)
    assert first.frequency == 50.0          # it hears nobody: no quorum, nothing moves
    word = Share('barn', 1, 50.0, 0.5, 0.2, 1.0)
    for seal in (Seal(b'', 5.0), Seal(bytes(16), 5.0)):
        shares.publish(to_share(word, to_msg(home.time), seal))
    home.until(lambda: home.node._bad['forged'] == 2)
    assert read(frequency=50.0).frequency == 50.0
    shares.publish(to_share(word, to_msg(home.time), Seal(bytes.fromhex(key), 5.0)))
    home.until(lambda: home.node.member.regulation._secondary._heard)
    assert read(frequency=50.0).frequency < 49.99      # it carries more than the other
    assert said['shares'][-1].mac and said['shares'][-1].number > said['shares'][0].number


def test_a_memory_that_cannot_be_kept_is_said(member, tmp_path):
    (tmp_path / 'file').write_text('in the way')
    home = member(state_dir=str(tmp_path / 'file'))
    lead(home)
    level, words, _ = home.node.health._checks['memory']
    assert level == WARN and 'cannot be written' in words


@pytest.mark.parametrize('name, value, words', [
    ('committee', 'a,b,a', 'twice'), ('committee', 'a,,b', 'none'), ('committee', 'a,b,c,d,e,f,g,h', 'committee of 8'),
    ('heartbeat', 4.0, 'two must fit'), ('validity', 1.0, 'two renewals'), ('charge_least', 0.9, 'charge_low')])
def test_a_setting_that_cannot_be_is_refused_at_start(member, name, value, words):
    with pytest.raises(ValueError, match=words):
        member(**{name: value})
