"""The world in a home with keys: relays and services obey who can sign, once each."""
import itertools
import math
import time

import pytest

from hearthgrid_core.outlet.authentic import Key
from hearthgrid_core.outlet.permit import NO_PERMIT
from hearthgrid_msgs.msg import RelayCommand
from hearthgrid_msgs.srv import PlugAppliance, ScriptOutage
from hearthgrid_ros import key_file
from hearthgrid_ros.calls import Permits
from hearthgrid_ros.interfaces import PLUG_APPLIANCE, RELAYS, SCRIPT_OUTAGE
from hearthgrid_ros.keys import Keys
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph
from hearthgrid_ros.time import to_msg
from sim_nodes.world import WorldNode

HOME = 'outlets: [{id: concentrator, appliance: oxygen_concentrator}]\nbattery: {power_max: 5000}'
PATIENCE = 60.0


@pytest.fixture
def home(tmp_path):
    (tmp_path / 'home.yaml').write_text(HOME)
    rings = {name: {'concentrator': key_file.Stored(1, (Key(1, secret * 32),))} for name, secret in
             (('keys', b'k'), ('stranger', b'x'))}
    for name, outlets in rings.items():
        key_file.save(tmp_path / f'{name}.json',
                      key_file.Keys(key_file.Stored(1, (Key(1, name.encode().ljust(32)),)), outlets))
    with graph() as made:
        peer = made.peer()
        node = made.add(WorldNode, **options('/home', {'home_file': str(tmp_path / 'home.yaml'),
                                                       'keys_file': str(tmp_path / 'keys.json')}))
        yield made, peer, node, *(Keys(str(tmp_path / f'{name}.json')) for name in rings)


def test_a_relay_obeys_its_own_outlet_and_no_copy(home):
    made, peer, node, own, stranger = home
    relays, said = RELAYS.publisher(peer), made.hear(peer, RELAYS)
    assert made.matched(relays, 2)
    applied, apply = [], node._world.apply
    node._world.apply = lambda command, now: (applied.append(command), apply(command, now))
    count = itertools.count(int(1000 * time.time()))

    def command(keys, closes, **fields):
        message = RelayCommand(stamp=to_msg(time.time()), outlet='concentrator', closed=closes, power_max=math.inf,
                               counter=next(count))
        message = keys.sign_setpoint(message, time.time())
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    def heard(message):
        before = len(said)
        relays.publish(message)
        assert made.until(lambda: len(said) > before, PATIENCE)  # the world hears in the same turn, or before
        made.until(lambda: False, 0.05)

    first = command(own, False)
    heard(first)
    assert made.until(lambda: [c.closed for c in applied] == [False], PATIENCE)
    for wrong in (command(stranger, True), command(Keys(''), True), command(own, False, closed=True),
                  command(own, True, mac=[1] * 15), command(own, True, counter=first.counter + 999), first,
                  own.sign_setpoint(RelayCommand(stamp=to_msg(time.time()), outlet='concentrator', closed=True,
                                                 counter=first.counter - 1), time.time()),
                  own.sign_setpoint(RelayCommand(stamp=to_msg(time.time() - 60.0), outlet='concentrator', closed=True,
                                                 counter=first.counter + 999), time.time())):
        heard(wrong)
        assert len(applied) == 1
    heard(command(own, True))
    assert made.until(lambda: [c.closed for c in applied] == [False, True], PATIENCE)


def test_an_outage_and_an_appliance_need_a_signed_word(home):
    made, peer, _, own, stranger = home
    outage, plug = ScriptOutage.Request(kind=1, duration=1.0), PlugAppliance.Request(outlet='concentrator', on=False)
    clients = {SCRIPT_OUTAGE: SCRIPT_OUTAGE.client(peer), PLUG_APPLIANCE: PLUG_APPLIANCE.client(peer)}
    count = itertools.count(1)
    good, bad = (Permits(peer, keys, 'me', lambda: next(count), time.time) for keys in (own, stranger))
    for row, asked in ((SCRIPT_OUTAGE, outage), (PLUG_APPLIANCE, plug)):
        assert made.until(lambda row=row: good.heard(row), PATIENCE) and made.until(lambda row=row: bad.heard(row))
        bad.permit(row, asked)
        answer = made.call(clients[row], asked, PATIENCE)
        assert (answer.success, answer.message) == (False, NO_PERMIT)
        for _ in range(20):
            good.permit(row, asked)
            answer = made.call(clients[row], asked, PATIENCE)
            if answer.success:
                break
        assert answer.success and made.call(clients[row], asked, PATIENCE).message == NO_PERMIT
