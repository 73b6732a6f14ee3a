"""A keyed home: members hear only each other, and an outlet obeys only who has its key."""
import json

import pytest

from hearthgrid_core.island import Committee, Kind, Message
from hearthgrid_core.island.signed import Seal
from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces
from hearthgrid_ros.node import options
from hearthgrid_ros.time import to_msg
from outlet_node.ballots import to_ballot
from outlet_node.consensus import ConsensusNode
from outlet_node.keys import Keys

ZONE, KETTLE = '00112233445566778899aabbccddeeff', 'f0' * 32
NAMES = ('a', 'b', 'c')
Mode, State, Request = msg.IslandMode, msg.OutletState, msg.Request


def test_an_outlet_and_members_with_keys_form_their_island_and_no_stranger_has_a_say(bench, tmp_path):
    (tmp_path / 'keys.json').write_text(json.dumps({'kettle': KETTLE}))
    home = bench(request_key=KETTLE, priority='comfort', minimum_on_time=0.0, minimum_off_time=0.0)
    settings = {'committee': ','.join(NAMES), 'ballot_key': ZONE, 'keys_file': str(tmp_path / 'keys.json'),
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


@pytest.mark.parametrize('text, trouble', [
    ('{"kettle": "00ff"}', ''), ('{"kettle": "xyz"}', 'no JSON mapping'), ('[]', 'no JSON mapping'),
    ('{', 'no JSON mapping'), ('{"kettle": 5}', 'no JSON mapping'), (None, 'cannot be read')])
def test_a_file_of_keys_that_is_none_is_said_and_nothing_taken(tmp_path, text, trouble):
    if text is not None:
        (tmp_path / 'keys.json').write_text(text)
    keys = Keys(str(tmp_path / 'keys.json'))
    assert (trouble in keys.trouble) and (bool(keys.trouble) is bool(trouble)) and len(keys) == (not trouble)
    for outlet, signed in (('kettle', not trouble), ('lamp', False)):
        assert bool(len(keys.sign(outlet, Request(sender='a')).mac)) is signed
