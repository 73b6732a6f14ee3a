"""Codes of ballots: the C core and `hearthgrid_core.island.signed` write the same bytes and hear the same words."""
import math

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hearthgrid_core.island import Committee, Kind, Message
from hearthgrid_core.island.signed import Seal, pack_ballot

OK, ARGUMENT = 0, 1
GOOD, UNSIGNED, FORGED, STALE, REPLAYED, CROWDED = range(6)
WORDS = {'': GOOD, 'it carries no authentication code': UNSIGNED, 'its authentication code is wrong': FORGED,
         'it was heard before': REPLAYED}
KEY, NOW = bytes(range(32)), 1_800_000_000.0
names = st.text(max_size=10).map(lambda text: text.replace('\0', '')).filter(lambda text: len(text.encode()) <= 32)
words = st.builds(
    lambda kind, sender, receiver, incarnation, term, number, granted, leader, members, seats, mode, remembers: Message(
        kind, sender, receiver, incarnation, term, number, granted, leader, Committee(tuple(members), *seats), mode,
        remembers),
    st.sampled_from(list(Kind)[1:]), names, names, st.integers(0, 2**64 - 1), st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1), st.booleans(), names,
    st.lists(names.filter(bool), min_size=1, max_size=7, unique=True), st.tuples(*[st.integers(0, 2**32 - 1)] * 3),
    st.integers(0, 8), st.booleans())


def wired(core, word: Message):
    committee = word.committee
    made = core.ffi.new('hg_wire_ballot_t *', {
        'kind': word.kind, 'mode': word.mode, 'granted': word.granted, 'remembers': word.remembers,
        'incarnation': word.incarnation, 'round': word.round, 'epoch': committee.epoch, 'term': word.term,
        'committee_term': committee.term, 'committee_version': committee.version, 'count': len(committee.members)})
    for name in ('sender', 'receiver', 'leader'):
        setattr(made, name, getattr(word, name).encode())
    for k, name in enumerate(committee.members):
        made.committee[k] = name.encode()
    return made


def seal_of(core, key: bytes, age_max: float = 5.0):
    made, shared = core.ffi.new('hg_seal_t *'), core.ffi.from_buffer('uint8_t[]', key)
    assert core.lib.hg_seal_init(made, shared, len(key), age_max) == OK
    return made, shared


def signed(core, seal, wire, stamp: int) -> bytes:
    mac = core.ffi.new('uint8_t[16]')
    length = core.lib.hg_seal_sign(seal, wire, stamp, mac)
    return bytes(mac)[:length]


def judged(core, seal, now: float, wire, stamp: int, mac: bytes) -> int:
    return core.lib.hg_seal_judge(seal, now, wire, stamp, mac, len(mac))


@given(words, st.integers(0, 2**62), st.binary(max_size=80))
@examples(max_examples=300, deadline=None)
def test_a_ballot_is_packed_and_signed_as_by_the_twin(core, word, stamp, key):
    wire, out, length = wired(core, word), core.ffi.new('uint8_t[448]'), core.ffi.new('size_t *')
    expected = pack_ballot(stamp, word)
    assert core.lib.hg_ballot_pack(wire, stamp, out, 448, length) == OK
    assert bytes(out)[:length[0]] == expected
    assert core.lib.hg_ballot_pack(wire, stamp, out, len(expected) - 1, length) == ARGUMENT
    seal, _keep = seal_of(core, key)
    assert signed(core, seal, wire, stamp) == Seal(key, 5.0).sign(expected)


def test_the_longest_ballot_fits(core):
    word = Message(Kind.HEARTBEAT, *['x' * 32] * 2, 0, 0, 0, True, 'x' * 32,
                   Committee(tuple(f'{k}' * 32 for k in range(7))), 0, True)
    length = core.ffi.new('size_t *')
    assert core.lib.hg_ballot_pack(wired(core, word), 1, core.ffi.new('uint8_t[448]'), 448, length) == OK
    assert length[0] == len(pack_ballot(1, word))


@pytest.mark.parametrize('field', ['sender', 'receiver', 'leader', 'committee', 'count'])
def test_a_ballot_that_is_none_is_forged(core, field):
    word = Message(Kind.VOTE, 'a', '', 1, 1, 1, True, '', Committee(('a', 'b')))
    wire, (seal, _keep) = wired(core, word), seal_of(core, KEY)
    if field == 'count':
        wire.count = 8
    else:
        core.ffi.memmove(wire.committee[1] if field == 'committee' else getattr(wire, field), b'x' * 33, 33)
    assert signed(core, seal, wire, 1) == b''
    assert judged(core, seal, NOW, wire, int(NOW * 1e9), bytes(16)) == FORGED


moments = st.tuples(st.sampled_from([0.0, 0.1, 2.5, 4.9, 5.2]), st.integers(0, 3),
                    st.sampled_from([0.0, 0.0, 0.0, 1.0, -1.0, 4.9, -4.9, 5.1, -5.1]),
                    st.sampled_from(['good'] * 6 + ['none', 'bad', 'cut', 'old']))


@given(st.lists(moments, max_size=40), st.booleans())
@examples(max_examples=200, deadline=None)
def test_words_are_heard_as_by_the_twin(core, story, keyed):
    """Words come late, early, twice, forged and unsigned."""
    key = KEY if keyed else b''
    twin, (seal, _keep) = Seal(key, 5.0), seal_of(core, key)
    now, before = NOW, None
    for wait, number, away, code in story:
        now += wait
        word = Message(Kind.VOTE, f'm{number}', '', 1, 1, number, True, '', Committee(('a', 'b')))
        stamp = round((now + away) * 1e9)
        if code == 'old' and before:
            stamp, word = before
        packed, wire = pack_ballot(stamp, word), wired(core, word)
        mac = {'none': b'', 'bad': bytes(16), 'cut': twin.sign(packed)[:-1]}.get(code, twin.sign(packed))
        expected = twin.refuse(now, stamp / 1e9, packed, mac)
        assert judged(core, seal, now, wire, stamp, mac) == (
            STALE if expected.startswith('its stamp') else WORDS[expected])
        before = stamp, word


def test_more_words_than_it_remembers_are_refused_until_old_ones_are_forgotten(core):
    seal, _keep = seal_of(core, KEY)
    heard = []
    for k in range(257):
        word = wired(core, Message(Kind.VOTE, 'a', '', 1, 1, k, True, '', Committee(('a', 'b'))))
        stamp = int(NOW * 1e9)
        heard.append(judged(core, seal, NOW, word, stamp, signed(core, seal, word, stamp)))
    assert heard == [GOOD] * 256 + [CROWDED]
    later = int((NOW + 5.1) * 1e9)
    assert judged(core, seal, NOW + 5.1, word, later, signed(core, seal, word, later)) == GOOD


def test_without_a_clock_nothing_signed_is_heard(core):
    word, stamp = wired(core, Message(Kind.VOTE, 'a', '', 1, 1, 1, True, '', Committee(('a', 'b')))), int(NOW * 1e9)
    seal, _keep = seal_of(core, KEY)
    assert judged(core, seal, math.nan, word, stamp, signed(core, seal, word, stamp)) == STALE


@pytest.mark.parametrize('length, age, status', [(0, 5.0, OK), (16, 0.0, ARGUMENT), (16, math.nan, ARGUMENT),
                                                 (16, -1.0, ARGUMENT)])
def test_a_seal_needs_an_age(core, length, age, status):
    made = core.ffi.new('hg_seal_t *')
    assert core.lib.hg_seal_init(made, core.ffi.new('uint8_t[16]'), length, age) == status
    assert core.lib.hg_seal_init(made, core.ffi.NULL, 16, 5.0) == ARGUMENT
    assert core.lib.hg_seal_init(made, core.ffi.NULL, 0, 5.0) == OK
