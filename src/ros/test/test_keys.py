"""Keys in a running node: read, rotated, damaged, absent; and the counter that rises over restarts."""
import math
import os

import pytest

from hearthgrid_core.outlet.authentic import Key, Keyring
from hearthgrid_msgs import msg
from hearthgrid_ros import key_file, keys
from hearthgrid_ros.counter import RESERVE, Counter
from hearthgrid_ros.key_file import GRACE, LEAD, KeyFileError, Stored
from hearthgrid_ros.keys import Keys
from hearthgrid_ros.request import request
from hearthgrid_ros.time import to_msg

NOW = 1_800_000_000.0


@pytest.fixture()
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(keys, 'LOOK', 0.0)
    return tmp_path / 'keys.json'


def asked():
    return msg.Request(stamp=to_msg(NOW), expiry=to_msg(NOW + 60), voice=2, counter=1, power_max=0.0, sender='me')


def test_a_rotation_stops_nobody_and_ends_the_old_key():
    old = Stored().rotated(NOW)
    new = old.rotated(NOW)
    before, after = Keyring(old.keys), Keyring(new.keys)
    assert before.sign(NOW, b'x') == after.sign(NOW + LEAD - 0.1, b'x')  # all have read it before anybody signs with it
    assert after.authentic(NOW, b'x', Keyring(new.keys[1:]).sign(NOW + LEAD, b'x'))
    assert after.sign(NOW + LEAD, b'x') != before.sign(NOW + LEAD, b'x')
    assert after.authentic(NOW + LEAD + GRACE - 0.1, b'x', before.sign(NOW, b'x'))
    assert not after.authentic(NOW + LEAD + GRACE, b'x', before.sign(NOW, b'x'))
    assert [key.epoch for key in new.rotated(NOW + 60.0).keys] == [2, 3]  # what has ended is gone
    assert (new.epoch, after.epoch, Stored(5).rotated(NOW).epoch) == (2, 2, 6)
    with pytest.raises(ValueError, match='0 to 3600 s'):
        old.rotated(NOW, grace=math.nan)


def test_no_keys_and_none_of_this_outlet_are_two_things(path):
    assert not Keys('').ring('kettle').required and not len(Keys('').sign('kettle', asked(), NOW).mac)
    key_file.save(path, key_file.Keys(Stored(1, (Key(1, b'h' * 32),)), {'kettle': Stored(1, (Key(1, b'k' * 32),))}))
    held = Keys(str(path))
    word = held.sign('kettle', asked(), NOW)
    assert Keyring.of(b'k' * 32).authentic(NOW, request(word).packed, bytes(word.mac))
    ring = held.ring('lamp')
    assert ring.required and not ring.keys and not len(held.sign('lamp', asked(), NOW).mac)
    assert held.ring('').epoch == 1 and not held.trouble


def test_a_change_is_read_a_damage_is_said_once_and_changes_nothing(path):
    said = []
    held = Keys(str(path), said.append)
    assert 'cannot be read' in held.trouble and held.ring('kettle').required and not held.ring('kettle').keys
    stored = Stored().rotated(NOW)
    key_file.save(path, key_file.Keys(outlets={'kettle': stored}))
    assert held.ring('kettle').keys == stored.keys and not held.trouble
    path.write_bytes(path.read_bytes()[:-20])
    for _ in range(3):
        assert held.ring('kettle').keys == stored.keys
    path.unlink()
    assert held.ring('kettle').keys == stored.keys
    key_file.save(path, key_file.Keys(outlets={'kettle': Stored(stored.epoch)}))
    assert held.ring('kettle').required and not held.ring('kettle').keys  # revoked
    assert ['no command is obeyed' in said[0], 'used again' in said[1], 'stay in force' in said[2],
            'cannot be read' in said[3], 'used again' in said[4], len(said)] == [True] * 5 + [5]


def test_a_setpoint_needs_the_key_of_whom_it_moves(path):
    own = {name: Stored(1, (Key(1, name.encode().ljust(32)),)) for name in ('battery', 'regulator')}
    key_file.save(path, key_file.Keys(outlets=own))
    held = Keys(str(path))
    order = msg.InverterSetpoint(stamp=to_msg(NOW), expiry=to_msg(NOW + 5), inverter='battery', mode=2, counter=4,
                                 active_power=1234.5, reactive_power=0.1, frequency=math.nan, voltage=math.nan)
    assert held.refuse_setpoint(order, NOW) == 'it carries no authentication code'
    assert not Keys('').refuse_setpoint(order, NOW)
    assert not held.refuse_setpoint(held.sign_setpoint(order, NOW), NOW)
    for field, value in (('active_power', 5.0), ('inverter', 'regulator'), ('mode', 3), ('counter', 5), ('term', 1),
                         ('epoch', 1), ('frequency', 50.0), ('sender', 'x'), ('expiry', to_msg(NOW + 9))):
        was = getattr(order, field)
        setattr(order, field, value)
        assert held.refuse_setpoint(order, NOW) == 'its authentication code is wrong', field
        setattr(order, field, was)
    tap = held.sign_setpoint(msg.RegulatorSetpoint(regulator='regulator', tap=-3, reason='low'), NOW)
    assert not held.refuse_setpoint(tap, NOW)
    tap.tap = -4
    assert held.refuse_setpoint(tap, NOW)


def test_a_file_is_its_owner_s_whole_or_not_at_all_and_bounded(path, monkeypatch):
    stored = key_file.Keys(Stored().rotated(NOW), {'kettle': Stored().rotated(NOW).rotated(NOW)})
    key_file.save(path, stored)
    assert path.stat().st_mode & 0o777 == 0o600 and key_file.load(path) == stored and not key_file.others_read(path)
    assert repr(stored.home.keys[0].secret) not in repr(stored)
    monkeypatch.setattr(os, 'replace', lambda *_: (_ for _ in ()).throw(OSError(28, 'no space')))
    with pytest.raises(OSError, match='no space'):
        key_file.save(path, key_file.Keys())
    assert key_file.load(path) == stored and [file.name for file in path.parent.iterdir()] == [path.name]
    path.write_bytes(b' ' * (key_file.SIZE_MAX + 1))
    with pytest.raises(KeyFileError, match='too large'):
        key_file.load(path)


def test_who_never_had_a_key_gets_one_and_who_lost_it_does_not(path):
    assert key_file.provision(path, ['a', 'b'], NOW) == ['', 'a', 'b'] and key_file.provision(path, ['a'], NOW) == []
    key_file.save(path, key_file.load(path).put('a', Stored(1)))
    assert key_file.provision(path, ['a', 'c'], NOW) == ['c'] and key_file.load(path).of('a').revoked


@pytest.mark.parametrize('clock', [NOW, NOW + 30.0, NOW - 1800.0])
def test_a_counter_rises_over_a_restart_whatever_the_clock_says(tmp_path, clock):
    first = Counter(str(tmp_path), 'page', lambda: NOW)
    last = [first.next() for _ in range(5)][-1]
    second = Counter(str(tmp_path), 'page', lambda: clock)
    assert last < second.next() < second.next() <= int(1000 * NOW) + RESERVE + 10_000_000
    assert Counter('', 'page', lambda: NOW).next() == int(1000 * NOW)


@pytest.mark.parametrize('content', ['', '{', '[]', '{"reserved": -1}', '{"reserved": "x"}', '{"reserved": 1e400}'])
def test_a_damaged_counter_counts_by_the_clock(tmp_path, content):
    (tmp_path / 'page.counter.json').write_text(content)
    counter = Counter(str(tmp_path), 'page', lambda: NOW)
    assert counter.next() == int(1000 * NOW) and counter.next() == int(1000 * NOW) + 1
