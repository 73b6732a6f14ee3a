"""Forged, replayed, reordered, truncated and changed commands, ballots and shares: how many an outlet or member obeys.

`HEARTHGRID_FRAMES` frames (20 000; 100 000 for the proof) from seed `HEARTHGRID_SEED` (0), in equal shares: as many
requests against an outlet's book with a key that meanwhile obeys genuine ones, as many ballots, and as many shares
against a member's seal. A request counts as obeyed when the book takes it, or when what is in force differs
afterwards, a ballot or share when it is heard. The baseline is the same frames without a key.

A ballot that comes out of order within its five seconds is heard once: that is a network's to do, and the election
bears it (`election-proof`). Reordered ones here are held back for longer.
"""

import dataclasses
import math
import os
import time
from collections import Counter
from collections.abc import Callable
from random import Random

from hearthgrid.benchmark import Result
from hearthgrid_core.island import Committee, Kind, Message
from hearthgrid_core.island.secondary import Share
from hearthgrid_core.island.signed import Seal, pack_ballot, pack_share
from hearthgrid_core.outlet import Request, RequestBook, RequestSettings, Voice, pack, sign

NAME = 'forged-commands'
NANOSECONDS = 10**9
START = 1_800_000_000.0
GENUINE = 0.2  # share of genuine commands among all
STEP = 0.05  # between frames [s]
BASELINE = 1000  # frames of each attack against a book without a key
REMEMBERED = 500  # genuine frames an attacker has recorded


def frame(key: bytes, request: Request) -> Request:
    """Return a request as its sender would have it on the wire."""
    code = packed(request)
    return dataclasses.replace(request, packed=code, mac=sign(key, code))


def packed(request: Request) -> bytes:
    """Return the bytes under a request's code."""
    return pack(
        round(request.stamp * NANOSECONDS), round(request.expiry * NANOSECONDS), request.voice, request.epoch,
        request.term, request.provisional, request.counter, request.power_min, request.power_max, request.reason,
        request.sender,
    )  # fmt: skip


def genuine(rng: Random, key: bytes, now: float, counter: int) -> Request:
    """Return what the plan, a person or the utility might really send."""
    voice = rng.choice((Voice.PLAN, Voice.PERSON, Voice.GRID_SERVICE))
    power = rng.choice((0.0, 500.0, math.inf))
    return frame(key, Request(voice, voice.name.lower(), 1, counter, now, now + 900.0, 0.0, power, 'because'))


def forged(rng: Random, key: bytes, now: float, counter: int, seen: list[Request]) -> Request:
    """Return a fresh command of somebody without the key: a guessed, short, empty or random code."""
    other = genuine(rng, rng.randbytes(32), now, counter)
    code = rng.choice((other.mac, b'', rng.randbytes(16), bytes(16), sign(b'', other.packed), seen[-1].mac))
    return dataclasses.replace(other, mac=code)


def replayed(rng: Random, key: bytes, now: float, counter: int, seen: list[Request]) -> Request:
    """Return a recorded command, unchanged."""
    return rng.choice(seen)


def reordered(rng: Random, key: bytes, now: float, counter: int, seen: list[Request]) -> Request:
    """Return a command held back until a later one of the same voice was obeyed."""
    late = seen[-1]
    return frame(key, dataclasses.replace(late, counter=late.counter - rng.randint(1, 3), stamp=now))


def truncated(rng: Random, key: bytes, now: float, counter: int, seen: list[Request]) -> Request:
    """Return a fresh command of which the end of the code, or of the signed bytes, is missing."""
    fresh = genuine(rng, key, now, counter)
    if rng.random() < 0.5:
        return dataclasses.replace(fresh, mac=fresh.mac[: rng.randrange(len(fresh.mac))])
    return dataclasses.replace(fresh, packed=fresh.packed[: rng.randrange(len(fresh.packed))])


def changed(rng: Random, key: bytes, now: float, counter: int, seen: list[Request]) -> Request:
    """Return a fresh command with one field, or one bit of its code, changed on the way."""
    fresh = genuine(rng, key, now, counter)
    if rng.random() < 0.3:
        bit = rng.randrange(8 * len(fresh.mac))
        mac = bytearray(fresh.mac)
        mac[bit // 8] ^= 1 << bit % 8
        return dataclasses.replace(fresh, mac=bytes(mac))
    field, value = rng.choice(
        (('power_max', 123.0), ('counter', counter + 10**6), ('epoch', 9), ('expiry', now + 1800.0), ('voice', 4),
         ('sender', 'mallory'), ('reason', 'other'), ('stamp', now + 0.5), ('term', 7), ('provisional', True))
    )  # fmt: skip
    other = dataclasses.replace(fresh, **{field: value})
    return dataclasses.replace(other, packed=packed(other))


ATTACKS = (forged, replayed, reordered, truncated, changed)


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about three seconds for 20 000."""
    count, seed = int(os.environ.get('HEARTHGRID_FRAMES', '20000')), int(os.environ.get('HEARTHGRID_SEED', '0'))
    obeyed, missed, each = campaign(count, seed, b'k' * 32, progress)
    results = []
    for attack in ATTACKS:
        name = attack.__name__
        without, _, _ = campaign(BASELINE, seed, b'', progress, (attack,))
        results.append(
            Result(f'{count // len(ATTACKS)} {name}', obeyed[name], 'obeyed', without[name],
                   f'of {BASELINE} without a key', 0, goal='0', holds=obeyed[name] == 0)
        )  # fmt: skip
    for kind in ('ballots', 'shares'):
        heard, unheard = heard_of(kind, count, seed, b'k' * 32, progress)
        open_, _ = heard_of(kind, BASELINE, seed, b'', progress)
        missed += unheard
        for attack in WORD_ATTACKS:
            results.append(
                Result(f'{count // len(WORD_ATTACKS)} {attack} {kind}', heard[attack], 'heard', open_[attack],
                       f'of {BASELINE // len(WORD_ATTACKS)} without a key', 0, goal='0', holds=heard[attack] == 0)
            )  # fmt: skip
    return [
        *results,
        Result('genuine ones between them not obeyed', missed, '', limit=0, goal='0', holds=missed == 0),
        Result('one judgement', 1e6 * each, 'µs of CPU', goal='told'),
    ]


def campaign(
    count: int, seed: int, key: bytes, progress: Callable[[str], None], attacks: tuple[Callable, ...] = ATTACKS
) -> tuple[Counter, int, float]:
    """Return how many frames of each attack were obeyed, genuine ones that were not, and the time of one. [s]"""
    rng, book, now, counter = Random(seed), RequestBook(RequestSettings(), key), START, 0
    seen: list[Request] = []
    obeyed, missed, begin = Counter(), 0, time.process_time()
    for number in range(count):
        now += STEP
        if not seen or rng.random() < GENUINE:
            counter += 10
            request = genuine(rng, key or b'k', now, counter)
            missed += book.receive(now, request) is not None
            seen = [*seen[-REMEMBERED:], request]
            now += STEP
        if number % 10_000 == 0:
            progress(f'{number} frames, {sum(obeyed.values())} obeyed')
        attack = attacks[number % len(attacks)]
        counter += 10
        wrong = attack(rng, key or b'k', now, counter, seen)
        before = book.words(now)
        obeyed[attack.__name__] += book.receive(now, wrong) is None or book.words(now) != before
    return obeyed, missed, (time.process_time() - begin) / count


WORD_ATTACKS = ('forged', 'replayed', 'reordered', 'truncated', 'changed')
AGE_MAX = 5.0  # of a ballot or share [s]
MEMBERS = Committee(('a', 'b', 'c'), 1, 1, 1)


def word_of(kind: str, rng: Random, number: int, stamp: float) -> bytes:
    """Return the bytes under the code of a ballot or share that a member might really say."""
    at = round(stamp * NANOSECONDS)
    if kind == 'shares':
        return pack_share(at, Share('battery', number, 50.0, rng.random(), rng.random(), 1.0))
    spoken = rng.choice((Kind.VOTE, Kind.HEARTBEAT)), rng.choice('abc'), '', 7, number, number, True, 'a', MEMBERS
    return pack_ballot(at, Message(*spoken))


def heard_of(kind: str, count: int, seed: int, key: bytes, progress: Callable[[str], None]) -> tuple[Counter, int]:
    """Return how many frames of each attack on ballots or shares were heard, and how many genuine ones were not."""
    rng, seal, author, now = Random(seed), Seal(key, AGE_MAX), Seal(key or b'k', AGE_MAX), START
    heard, missed, seen = Counter(), 0, []
    for number in range(count):
        now += STEP
        if not seen or rng.random() < GENUINE:
            packed = word_of(kind, rng, number, now)
            frame_ = (now, packed, author.sign(packed))
            missed += seal.refuse(now, *frame_) != ''
            seen = [*seen[-REMEMBERED:], frame_]
        if number % 10_000 == 0:
            progress(f'{number} {kind}, {sum(heard.values())} heard')
        attack = WORD_ATTACKS[number % len(WORD_ATTACKS)]
        held = now - AGE_MAX * (1.01 + rng.random()) if attack == 'reordered' else now - rng.random()
        packed = word_of(kind, rng, count + number, held)
        mac = author.sign(packed)
        if attack == 'forged':
            mac = rng.choice((Seal(rng.randbytes(32), AGE_MAX).sign(packed), b'', rng.randbytes(16), seen[-1][2]))
        elif attack == 'replayed':
            held, packed, mac = rng.choice(seen)
        elif attack == 'truncated':
            mac, packed = rng.choice(((mac[: rng.randrange(16)], packed), (mac, packed[: rng.randrange(len(packed))])))
        elif attack == 'changed':
            bit, wrong = rng.randrange(8 * len(packed)), bytearray(packed)
            wrong[bit // 8] ^= 1 << bit % 8
            packed = bytes(wrong)
        heard[attack] += seal.refuse(now, held, packed, mac) == ''
    return heard, missed
