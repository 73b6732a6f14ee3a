"""Forged, replayed and truncated words: none is heard. A member that hears none of them does what it did before."""
import dataclasses
import math
import struct
from random import Random

import pytest

from hearthgrid_core.island import Committee, Kind, Member, MemberSettings, Message, Mode
from hearthgrid_core.island.secondary import Share
from hearthgrid_core.island.signed import Seal, pack_ballot, pack_share
from hearthgrid_core.outlet import Request, RequestBook, RequestSettings, Voice, pack, sign

KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
NOW = 1_800_000_000.0
WORD = Message(Kind.HEARTBEAT, 'b', '', 2**60, 9, 2**40, True, 'b', Committee(('b', 'a', 'c'), 5, 2, 3), 7, False)
SHARE = Share('battery', 7, 50.0, 0.5, -0.25, 1.0, True)
CHANGES = {'kind': Kind.VOTE, 'sender': 'c', 'receiver': 'a', 'incarnation': 1, 'term': 10, 'round': 1,
           'granted': False, 'leader': 'a', 'committee': Committee(('b', 'a', 'd'), 5, 2, 3), 'mode': 1,
           'remembers': True}


def ns(time):
    return round(time * 1e9)


@pytest.mark.parametrize('field', CHANGES)
def test_every_field_of_a_ballot_counts(field):
    assert pack_ballot(1, WORD._replace(**{field: CHANGES[field]})) != pack_ballot(1, WORD)


@pytest.mark.parametrize('change', [
    {'members': ('b', 'ac')}, {'term': 6}, {'version': 3}, {'epoch': 4}, {'members': ('a', 'b', 'c')}])
def test_every_field_of_a_committee_counts(change):
    other = WORD._replace(committee=dataclasses.replace(WORD.committee, **change))
    assert pack_ballot(1, other) != pack_ballot(1, WORD) != pack_ballot(2, WORD)


def test_no_two_ballots_have_the_same_bytes_where_a_name_ends_elsewhere():
    assert pack_ballot(1, WORD._replace(sender='ab', receiver='c')) != pack_ballot(
        1, WORD._replace(sender='a', receiver='bc'))


@pytest.mark.parametrize('change', [
    {'sender': 'b'}, {'number': 8}, {'frequency': 50.1}, {'active': 0.6}, {'reactive': 0.25}, {'voltage': 1.01},
    {'limited': False}])
def test_every_field_of_a_share_counts(change):
    assert pack_share(1, dataclasses.replace(SHARE, **change)) != pack_share(1, SHARE) != pack_share(2, SHARE)


def test_a_share_is_the_same_in_the_single_precision_of_the_wire():
    there = struct.unpack('<f', struct.pack('<f', 49.987654321))[0]
    assert pack_share(1, dataclasses.replace(SHARE, frequency=there)) == pack_share(
        1, dataclasses.replace(SHARE, frequency=49.987654321))


def test_without_a_key_nothing_is_signed_and_everybody_believed():
    seal = Seal(b'', 5.0)
    assert seal.sign(b'x') == b'' and seal.refuse(NOW, 0.0, b'x', b'') == ''


@pytest.mark.parametrize('age, words', [(0.0, ''), (4.9, ''), (-4.9, ''), (5.1, '5.1 s away'), (-5.1, '-5.1 s away'),
                                        (math.nan, 'nan s away')])
def test_a_word_is_fresh(age, words):
    seal = Seal(KEY, 5.0)
    assert words in seal.refuse(NOW, NOW - age, b'x', seal.sign(b'x')) or not words
    assert bool(Seal(KEY, 5.0).refuse(NOW, NOW - age, b'x', seal.sign(b'x'))) is bool(words)


def test_a_word_is_heard_once_and_memory_does_not_grow():
    seal = Seal(KEY, 5.0)
    for k in range(2000):
        now = NOW + 0.1 * k
        packed = pack_ballot(ns(now), WORD._replace(round=k))
        assert seal.refuse(now, now, packed, seal.sign(packed)) == ''
        assert seal.refuse(now, now, packed, seal.sign(packed)) == 'it was heard before'
    assert len(seal._heard) == len(seal._order) <= 110


def frames(rng, packed, mac):
    """Return what an attacker makes of a true frame: (packed, mac)."""
    flipped, code = bytearray(packed), bytearray(mac)
    flipped[rng.randrange(19, len(packed))] ^= 1 << rng.randrange(8)
    code[rng.randrange(len(mac))] ^= 1 << rng.randrange(8)
    cut = rng.randrange(len(mac))
    return [(bytes(flipped), mac), (packed, bytes(code)), (packed, mac[:cut]), (packed[:-1 - cut], mac), (packed, b''),
            (packed, mac + b'\0'), (packed, sign(OTHER, packed)), (packed, bytes(16)), (packed, mac)]


def test_forged_replayed_and_truncated_ballots_move_nobody():
    """A member in a keyed zone hears 3 000 frames of an attacker that has recorded true ones."""
    rng = Random(4)
    member = Member(MemberSettings(), 'a', Random(1), 0.0, 1, None, ('b', 'a', 'c'))
    seal, refused = Seal(KEY, 5.0), 0
    for k in range(350):
        now = NOW + 0.2 * k
        word = WORD._replace(kind=rng.choice([k for k in Kind if k]), term=50 + k, round=k, mode=int(Mode.REGULATE))
        stamp = now - rng.uniform(0.0, 4.0)
        packed = pack_ballot(ns(stamp), word)
        mac = seal.sign(packed)
        assert seal.refuse(now, stamp, packed, mac) == ''      # the true one, before the attacker's
        for fake, code in frames(rng, packed, mac):
            refused += 1
            if not seal.refuse(now, stamp, fake, code):
                member.step(now, word)
    assert refused >= 3000 and member.election.term == 0 and not member.election.leader
    member.step(now, word)
    assert (member.election.term, member.election.leader) == (word.term, 'b') or word.kind is not Kind.HEARTBEAT


def test_forged_replayed_and_truncated_requests_move_no_relay():
    rng, book, tried = Random(5), RequestBook(RequestSettings(), KEY), 0
    for k in range(350):
        now = NOW + k
        fields = {'voice': Voice.ISLAND, 'epoch': 1, 'term': 2 + k, 'provisional': False, 'counter': k + 1,
                  'power_min': 0.0, 'power_max': math.inf, 'reason': 'the island serves it', 'sender': 'battery'}
        packed = pack(ns(now), ns(now + 5.0), **fields)
        true = Request(stamp=now, expiry=now + 5.0, packed=packed, mac=sign(KEY, packed), **fields)
        assert book.receive(now, true) is None
        for fake, code in frames(rng, packed, true.mac):
            tried += 1
            off = dataclasses.replace(true, power_max=0.0 if fake != packed or code != true.mac else math.inf,
                                      packed=fake, mac=code)
            assert book.receive(now, off) is not None
        assert book.gate.cap(now) == math.inf
        old = dataclasses.replace(true, stamp=now - 60.0, expiry=now - 55.0)
        assert book.receive(now, old) is not None
    assert tried >= 3000
