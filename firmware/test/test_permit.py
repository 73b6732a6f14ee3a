"""Permits of calls and codes of relay commands in C beside their Python twins."""
import random
from dataclasses import replace

from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hearthgrid_core.outlet import Refusal, Request, pack, sign
from hearthgrid_core.outlet.authentic import Keyring, pack_relay
from hearthgrid_core.outlet.permit import CALL, PermitBook, words

NOW, KEY = 1_800_000_000.0, b'k' * 32
PLACES = 8  # HG_PERMITS


def signed(key: bytes, **fields) -> Request:
    asked = replace(Request(CALL, 'page', 0, 7, NOW, NOW + 10.0, 0.0, 0.0, words('/home/kettle/x', b'')), **fields)
    code = pack(round(asked.stamp * 1e9), round(asked.expiry * 1e9), asked.voice, asked.epoch, asked.term,
                asked.provisional, asked.counter, asked.power_min, asked.power_max, asked.reason, asked.sender)
    return replace(asked, packed=code, mac=sign(key, code))


class Twin:
    """A book of each language; what one says the other says."""

    def __init__(self, c, started: float, key: bytes = KEY) -> None:
        self.c, self.python, self.key = c, PermitBook(started, Keyring.of(key)), c.ffi.new('uint8_t[]', key)
        self.book = c.ffi.new('hg_permits_t *')
        c.lib.hg_permits_init(self.book, started, self.key, len(key))

    def hear(self, now: float, asked: Request):
        ffi = self.c.ffi
        packed, mac = ffi.new('uint8_t[]', asked.packed or b'\0'), ffi.new('uint8_t[]', asked.mac or b'\0')
        given_ = ffi.new('hg_request_t *')
        for name in ('voice', 'epoch', 'counter', 'stamp', 'expiry'):
            setattr(given_, name, getattr(asked, name))
        given_.sender = asked.sender.encode()
        given_.packed, given_.packed_length = packed, len(asked.packed)
        given_.mac, given_.mac_length = mac, len(asked.mac)
        found = self.c.lib.hg_permits_hear(self.book, now, given_, asked.reason.encode())
        said = self.python.hear(now, asked)
        assert found == (0 if said is None else 1 + list(Refusal).index(said)), said
        return said

    def use(self, now: float, word: str) -> bool:
        found = self.c.lib.hg_permits_use(self.book, now, word.encode())
        assert found == self.python.use(now, word)
        return found


def test_both_take_use_and_refuse_the_same(core):
    rng, taken, used = random.Random(3), 0, 0
    twin, now = Twin(core, NOW - 1.0), NOW
    calls = [words('/home/kettle/set_priority', bytes([n])) for n in range(6)]
    for number in range(4000):
        now += rng.choice((0.0, 0.5, 3.0))
        asked = signed(rng.choice((KEY, KEY, KEY, b'x' * 32)), stamp=now + rng.choice((0.0, 0.0, -9.0, -11.0, 3.0)),
                       expiry=now + rng.choice((9.0, 1.0, -1.0, 20.0)), reason=rng.choice((*calls, 'call me', '')),
                       counter=number - rng.choice((0, 0, 40)), epoch=rng.choice((0, 0, 1)),
                       voice=rng.choice((CALL, CALL, CALL, 2)), sender=rng.choice('abcd')) \
            if number > 40 else signed(KEY, counter=number + 1)
        if rng.random() < 0.1:
            asked = replace(asked, mac=rng.choice((b'', asked.mac[:15])))
        if len(twin.python._held) < PLACES - 1:
            taken += twin.hear(now, asked) is None
        used += twin.use(now, rng.choice(calls))
    assert taken > 100 and used > 50


def test_words_and_bounds_are_the_twin_s(core):
    words_ = core.ffi.new('char[70]')
    for name, body in (('/home/kettle/set_schedule', b''), ('', b'\0' * 1000), ('/ö/x', bytes(range(256)))):
        core.lib.hg_permit_words(name.encode(), body, len(body), words_)
        assert core.ffi.string(words_).decode() == words(name, body)
    twin = Twin(core, 0.0, key=b'')
    assert core.lib.hg_permits_use(twin.book, NOW, b'anything')  # a home without keys
    crowded = Twin(core, 0.0)
    for n in range(PLACES):
        assert crowded.hear(NOW, signed(KEY, counter=n + 1, reason=words('/x', bytes([n])))) is None
    wire = signed(KEY, counter=99, reason=words('/x', b'more'))
    crowded.python._held |= dict.fromkeys(map(str, range(60)), NOW + 5)  # Python's has more places
    assert crowded.hear(NOW, wire) is Refusal.CROWDED
    for n in range(PLACES):
        assert crowded.use(NOW, words('/x', bytes([n])))
    for n in range(PLACES - 1):  # besides the page, each of whose permits is used at once
        assert crowded.hear(NOW, signed(KEY, sender=f'sender {n}')) is None
        assert crowded.use(NOW, words('/home/kettle/x', b''))
    crowded.python._last |= {str(n): ((0, 0), NOW + 5) for n in range(60)}
    assert crowded.hear(NOW, signed(KEY, sender='one more')) is Refusal.CROWDED


def test_in_a_home_without_keys_a_word_needs_no_code_but_all_else(core):
    twin = Twin(core, NOW - 1.0, key=b'')
    word = replace(signed(KEY), mac=b'')
    assert twin.hear(NOW, word) is None
    assert twin.hear(NOW, word) is Refusal.REPLAYED
    assert twin.hear(NOW, replace(word, voice=2)) is Refusal.VOICE_UNKNOWN


@given(stamp=st.integers(-2**63, 2**63 - 1), closed=st.booleans(), power=st.floats(width=32, allow_nan=False),
       counter=st.integers(0, 2**64 - 1), outlet=st.text('abcä_', max_size=16))
@examples(max_examples=100, deadline=None)
def test_a_relay_s_command_is_packed_as_by_the_twin(core, stamp, closed, power, counter, outlet):
    expected = pack_relay(stamp, outlet, closed, power, counter)
    packed, length = core.ffi.new('uint8_t[256]'), core.ffi.new('size_t *')
    assert core.lib.hg_pack_relay(stamp, outlet.encode(), closed, power, counter, packed, 256, length) == 0
    assert bytes(packed)[:length[0]] == expected
    short = len(expected) - 1
    assert core.lib.hg_pack_relay(stamp, outlet.encode(), closed, power, counter, packed, short, length) != 0
