"""Permits of calls: whose, when, how often; a twin of what a request must be."""
from dataclasses import replace

import pytest

from hearthgrid_core.outlet import Refusal, Request, Voice, pack
from hearthgrid_core.outlet.authentic import OPEN, Key, Keyring, sign
from hearthgrid_core.outlet.permit import AGE, CALL, FUTURE, HELD, PermitBook, words

NOW, KEY = 1_800_000_000.0, b'k' * 32
WORD = words('/home/kettle/set_priority', b'\3')


def signed(key: bytes = KEY, **fields) -> Request:
    asked = Request(CALL, 'dashboard', 0, 7, NOW, NOW + AGE, 0.0, 0.0, WORD)
    asked = replace(asked, **fields)
    code = pack(round(asked.stamp * 1e9), round(asked.expiry * 1e9), asked.voice, asked.epoch, asked.term,
                asked.provisional, asked.counter, asked.power_min, asked.power_max, asked.reason, asked.sender)
    return replace(asked, packed=code, mac=sign(key, code))


RING = Keyring.of(KEY)


def book(started: float = NOW - 60.0, ring: Keyring = RING) -> PermitBook:
    return PermitBook(started, ring)


def test_a_permit_is_for_one_call_of_just_this():
    held = book()
    assert not held.use(NOW, WORD) and held.hear(NOW, signed()) is None
    for name, body in (('/home/lamp/set_priority', b'\3'), ('/home/kettle/set_priority', b'\4'),
                       ('/home/kettle/set_priorit', b'y\3'), ('', b'/home/kettle/set_priority\3')):
        assert not held.use(NOW, words(name, body))
    assert held.use(NOW, WORD) and not held.use(NOW, WORD)


@pytest.mark.parametrize('wrong, refusal', [
    (replace(signed(), mac=b''), Refusal.UNSIGNED), (signed(b'x' * 32), Refusal.FORGED),
    (replace(signed(), mac=signed().mac[:15]), Refusal.FORGED),
    (signed(voice=Voice.PERSON), Refusal.VOICE_UNKNOWN), (signed(reason='call me'), Refusal.VOICE_UNKNOWN),
    (signed(reason=WORD[:-1]), Refusal.VOICE_UNKNOWN), (signed(reason='please' + WORD[6:]), Refusal.VOICE_UNKNOWN),
    (signed(stamp=NOW + FUTURE + 0.1, expiry=NOW + FUTURE + 5), Refusal.FUTURE),
    (signed(stamp=NOW - 5, expiry=NOW - 0.1), Refusal.EXPIRED), (signed(stamp=NOW - AGE - 0.1), Refusal.STALE),
    (signed(expiry=NOW + AGE + 0.1), Refusal.TOO_LONG)])
def test_what_is_refused_permits_nothing(wrong, refusal):
    held = book()
    assert held.hear(NOW, wrong) is refusal and not held.use(NOW, WORD)


def test_a_copy_permits_nothing_before_or_after_it_was_used_nor_over_a_restart():
    held = book()
    assert held.hear(NOW, signed()) is None and held.use(NOW + 1, WORD)
    assert held.hear(NOW + 1, signed()) is Refusal.REPLAYED
    assert held.hear(NOW + 1, signed(counter=6)) is Refusal.REPLAYED
    assert held.hear(NOW + 1, signed(epoch=1, counter=1)) is None and held.hear(NOW, signed(sender='x')) is None
    assert book(NOW + 1).hear(NOW + 1, signed()) is Refusal.STALE  # of before the start
    assert not held.use(NOW + AGE + 1, WORD)  # too late


def test_a_home_without_keys_needs_none_and_one_that_lost_them_permits_nothing():
    assert book(ring=OPEN).use(NOW, WORD)
    lost = book()
    assert lost.hear(NOW, signed()) is None
    lost.ring = Keyring()
    assert lost.hear(NOW, signed(counter=8)) is Refusal.FORGED
    rotated = book(ring=Keyring((Key(1, b'o' * 32, ends=NOW), Key(2, KEY))))
    assert rotated.hear(NOW, signed(b'o' * 32)) is Refusal.FORGED and rotated.hear(NOW, signed()) is None


def test_what_is_remembered_is_bounded():
    held = book()
    found = [held.hear(NOW, signed(counter=n, reason=words('/x', bytes([n])))) for n in range(8, 8 + HELD + 2)]
    assert found == [None] * HELD + [Refusal.CROWDED] * 2
    assert held.hear(NOW + AGE + 1, signed(stamp=NOW + AGE, expiry=NOW + 2 * AGE, counter=99)) is None
    crowd = book()
    for n in range(HELD):
        assert crowd.hear(NOW, signed(sender=str(n))) is None and crowd.use(NOW, WORD)
    assert crowd.hear(NOW, signed(sender='one more')) is Refusal.CROWDED
