"""A keyed home: members hear only each other, and an outlet obeys only who has its key."""
import itertools

import pytest
from lifecycle_msgs.srv import ChangeState
from rclpy.action import ActionClient

from hearthgrid_core.island import Committee, Kind, Message
from hearthgrid_core.island.signed import Seal
from hearthgrid_core.outlet.authentic import Key
from hearthgrid_core.outlet.permit import NO_PERMIT
from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces
from hearthgrid_ros.calls import Permits
from hearthgrid_ros.key_file import Keys, Stored, save
from hearthgrid_ros.keys import Keys as Held
from hearthgrid_ros.node import options
from hearthgrid_ros.time import to_msg
from outlet_node.ballots import to_ballot
from outlet_node.consensus import ConsensusNode

ZONE, KETTLE = '00112233445566778899aabbccddeeff', 'f0' * 32
NAMES = ('a', 'b', 'c')
Mode, State, Request = msg.IslandMode, msg.OutletState, msg.Request


def test_an_outlet_and_members_with_keys_form_their_island_and_no_stranger_has_a_say(bench, tmp_path):
    path = tmp_path / 'keys.json'
    zone, kettle = (Stored(1, (Key(1, bytes.fromhex(secret)),)) for secret in (ZONE, KETTLE))
    save(path, Keys(zone, {'kettle': kettle}))
    home = bench(keys_file=str(path), priority='comfort', minimum_on_time=0.0, minimum_off_time=0.0)
    settings = {'committee': ','.join(NAMES), 'keys_file': str(path),
                'inverter_power': 500.0, 'outlets': 1, 'join_time': 0.4, 'renew': 0.2}
    members = {}
    for name in NAMES:
        node = members[name] = ConsensusNode(namespace=f'{home.home}/{name}', context=home.graph.context,
                                             **options(parameters=settings))
        node.now = node.clock = lambda: home.time
        home.graph.add(lambda node=node, **_: node)

    def until(condition):
        def passed():
            home.time += 0.01
            return condition()
        home.until(passed, 60.0)

    def views():
        return {view.member: view for view in home.heard['island']}

    def leader():
        claims = [v.member for v in views().values() if v.authority]
        return claims[0] if len(claims) == 1 and {v.leader for v in views().values()} == {claims[0]} else ''

    until(lambda: set(views()) == set(NAMES) and leader())
    first, term = leader(), views()[leader()].term

    # A stranger who knows everything but the key says that it leads, and orders the outlet off.
    ballots = interfaces.BALLOTS.publisher(home.peer)
    assert home.graph.matched(ballots, len(NAMES) + 1)
    for key in ('', 'ff' * 16):
        word = Message(Kind.HEARTBEAT, 'c', '', 2**62, term + 5, 1, False, 'c', Committee(NAMES, term + 5))
        before = {name: node._bad['forged'] for name, node in members.items() if name != 'c'}
        ballots.publish(to_ballot(word, to_msg(home.time), Seal(bytes.fromhex(key), 5.0)))
        until(lambda before=before: all(members[name]._bad['forged'] > count for name, count in before.items()))
    home.feed(1)
    home.ask(Request.VOICE_ISLAND, 0.0, 0.0, term=term + 5)
    home.feed(4, current=4.0)
    state = home.state(lambda s: s.demand > 800.0)
    assert (state.relay, state.requests_refused) == (State.RELAY_CLOSED, 1)
    assert (leader(), views()[first].term) == (first, term)

    home.tie.publish(msg.Breaker(stamp=to_msg(home.time), state=msg.Breaker.STATE_OPEN, grid_alive=False))
    until(lambda: {v.mode for v in views().values()} == {Mode.MODE_REGULATE})
    until(lambda: list(views()[first].shed) == ['kettle'])
    until(lambda: len(home.node._arrived) > 0)
    home.feed(1, current=4.0)
    state = home.state(lambda s: s.relay == State.RELAY_OPEN)
    assert state.voice == Request.VOICE_ISLAND and state.requests_refused == 1

    # The home's key is rotated while the island stands: who has read it is heard by who has not, nobody is doubted.
    dropped = {name: node._bad['forged'] for name, node in members.items()}
    kept, new = leader(), Keys(zone.rotated(home.time, grace=0.0), {'kettle': kettle})
    save(path, new)
    members[kept]._keys._looked = -1e9
    begins = new.home.keys[-1].begins
    until(lambda: members[kept]._keys.ring('').epoch == 2 and home.time > begins - 1.0)
    for node in members.values():
        node._keys._looked = -1e9
    until(lambda: home.time > begins + 3.0)
    assert leader() == kept and {name: node._bad['forged'] for name, node in members.items()} == dropped
    ballots.publish(to_ballot(word, to_msg(home.time), Seal(bytes.fromhex(ZONE), 5.0)))  # the old key fits no more
    until(lambda: all(node._bad['forged'] > dropped[name] for name, node in members.items() if name != 'c'))


@pytest.fixture
def path(tmp_path):
    """Return the key file of a home with one outlet."""
    made = tmp_path / 'keys.json'
    save(made, Keys(Stored(1, (Key(1, b'h' * 32),)), {'kettle': Stored(1, (Key(1, bytes.fromhex(KETTLE)),))}))
    return made


def test_no_call_is_obeyed_without_a_signed_word_that_it_is_meant(bench, path, tmp_path):
    home = bench(keys_file=str(path), minimum_on_time=0.0, minimum_off_time=0.0)
    count = itertools.count(1)
    permits = Permits(home.peer, Held(str(path)), 'page', lambda: next(count), lambda: home.time)
    home.until(lambda: permits.heard(interfaces.SET_PRIORITY, 'kettle'))
    rows = {interfaces.SET_PRIORITY: {'priority': 1, 'rank': 3}, interfaces.RESET_TRIP: {'sender': 'me'},
            interfaces.SET_SCHEDULE: {'entries': [msg.ScheduleEntry(days=127, end_minute=0, on=False)]}}

    def stored():
        told = home.call(interfaces.GET_SCHEDULE)
        return told.priority, told.rank, list(told.entries)

    before = stored()
    for row, fields in rows.items():
        answer = home.call(row, **fields)
        assert (answer.success, answer.message) == (False, NO_PERMIT) and stored() == before
    for row, fields in rows.items():
        permits.permit(row, row.type.Request(**fields), 'kettle')
    assert home.call(interfaces.SET_PRIORITY, priority=1, rank=4).message == NO_PERMIT  # another than was permitted
    for row, fields in rows.items():
        assert home.call(row, **fields).success
        assert home.call(row, **fields).message == NO_PERMIT  # once
    assert stored() == (1, 3, rows[interfaces.SET_SCHEDULE]['entries'])

    # The word of somebody with another key, and a recorded one, permit nothing.
    asked = interfaces.SET_PRIORITY.type.Request(priority=4, rank=9)
    stranger = tmp_path / 'other.json'
    save(stranger, Keys(outlets={'kettle': Stored(1, (Key(1, b'x' * 32),))}))
    recorded = home.graph.hear(home.peer, interfaces.REQUEST, 'kettle')
    refused = home.node._refused
    Permits(home.peer, Held(str(stranger)), 'page', lambda: next(count), lambda: home.time).permit(
        interfaces.SET_PRIORITY, asked, 'kettle')
    permits.permit(interfaces.SET_PRIORITY, asked, 'kettle')
    home.until(lambda: len(recorded) == 2 and home.node._refused == refused + 1)
    assert home.call(interfaces.SET_PRIORITY, priority=4, rank=9).success
    for number, word in enumerate(list(recorded), 2):
        home.request.publish(word)
        home.until(lambda number=number: home.node._refused == refused + number)
    assert home.call(interfaces.SET_PRIORITY, priority=4, rank=9).message == NO_PERMIT

    # Jobs are given and taken back by who has the key only.
    client = ActionClient(home.peer, interfaces.RUN_JOB.type, interfaces.RUN_JOB.of(home.peer, 'kettle'))
    assert client.wait_for_server(20.0)
    goal = interfaces.RUN_JOB.type.Goal(id='wash', energy_kwh=1.0, power=1000.0, deadline=to_msg(home.time + 9000))

    def sent(future):
        home.until(future.done)
        return future.result()

    assert not sent(client.send_goal_async(goal)).accepted and home.node.controller.jobs.job is None
    permits.permit(interfaces.RUN_JOB, goal, 'kettle')
    handle = sent(client.send_goal_async(goal))
    assert handle.accepted and not sent(handle.cancel_goal_async()).goals_canceling
    assert home.node.controller.jobs.job.id == 'wash' and not home.node.controller.jobs.job.status.ended
    permits.permit_cancel(interfaces.RUN_JOB, handle.goal_id, 'kettle')
    assert sent(handle.cancel_goal_async()).goals_canceling and home.node.controller.jobs.job.status.ended
    client.destroy()


def test_an_outlet_with_keys_is_not_put_to_sleep(bench, path):
    home = bench(keys_file=str(path))
    off = ChangeState.Request()
    off.transition.label = 'deactivate'
    changer = home.peer.create_client(ChangeState, f'{home.home}/kettle/outlet/change_state')
    assert not home.graph.call(changer, off).success and home.node.active


def test_what_an_outlet_tells_its_relay_carries_its_code(bench, path):
    home = bench(keys_file=str(path))
    home.feed(2, current=1.0)
    home.until(lambda: home.last('relays'))
    command = home.last('relays')
    held = Held(str(path))
    assert not held.refuse_setpoint(command, home.time)
    command.closed = not command.closed
    assert held.refuse_setpoint(command, home.time) == 'its authentication code is wrong'
