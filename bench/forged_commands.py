"""Forged, replayed, reordered, truncated and changed frames on every path by which a home can be told what to do.

`HEARTHGRID_FRAMES` frames (20 000; 100 000 for the proof) from seed `HEARTHGRID_SEED` (0), in equal shares, for each
path: requests against an outlet's book with a key that meanwhile obeys genuine ones; calls of services and actions
against a book of permits; commands of relays, setpoints of inverters and of the regulator as messages against what
judges them in the world; ballots and shares against a member's seal. A request counts as obeyed when the book takes
it, or when what is in force differs afterwards, a call when it is permitted, all else when it is believed. The baseline
is the same frames without a key.

A ballot that comes out of order within its five seconds is heard once: that is a network's to do, and the election
bears it (`election-proof`). Reordered ones here are held back for longer.
"""

import dataclasses
import math
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

from hearthgrid.benchmark import Result
from hearthgrid_core.island import Committee, Kind, Message
from hearthgrid_core.island.secondary import Share
from hearthgrid_core.island.signed import Seal, pack_ballot, pack_share
from hearthgrid_core.outlet import Request, RequestBook, RequestSettings, Voice, pack, sign
from hearthgrid_core.outlet.authentic import Key, Keyring
from hearthgrid_core.outlet.permit import AGE, CALL, PermitBook, words
from hearthgrid_core.sim.gate import STALE, Gate
from hearthgrid_msgs import msg
from hearthgrid_ros import key_file
from hearthgrid_ros.keys import Keys
from hearthgrid_ros.time import to_msg
from sim_nodes import convert

NAME = 'forged-commands'
NANOSECONDS = 10**9
START = 1_800_000_000.0
GENUINE = 0.2  # share of genuine commands among all
STEP = 0.05  # between frames [s]
BASELINE = 1000  # frames of each attack against a book without a key
REMEMBERED = 500  # genuine frames an attacker has recorded
WORD_ATTACKS = ('forged', 'replayed', 'reordered', 'truncated', 'changed')


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
    for kind, judge in (('calls', calls_of), *((kind, orders_of) for kind in ORDERS),
                        ('ballots', heard_of), ('shares', heard_of)):
        heard, unheard = judge(kind, count, seed, b'k' * 32, progress)
        open_, _ = judge(kind, BASELINE, seed, b'', progress)
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


NAMES = tuple(f'/home/kettle/{name}' for name in ('set_schedule', 'set_priority', 'reset_trip', 'run_job'))


def calls_of(kind: str, count: int, seed: int, key: bytes, progress: Callable[[str], None]) -> tuple[Counter, int]:
    """Return how many calls of each attack were permitted, and how many genuine ones were not."""
    rng, held, now, counter = Random(seed), PermitBook(START, Keyring.of(key)), START, 0
    permitted, missed, seen = Counter(), 0, []

    def permit(word: str, number: int, secret: bytes = key or b'k', **fields) -> Request:
        return frame(secret, Request(CALL, 'page', 0, number, now, now + AGE, 0.0, 0.0, word, **fields))

    for number in range(count):
        now += STEP
        counter += 10
        name, body = rng.choice(NAMES), rng.randbytes(rng.randrange(40))
        if not seen or rng.random() < GENUINE:
            genuine_ = permit(words(name, body), counter)
            refused = held.hear(now, genuine_)
            missed += refused is not None or not held.use(now, genuine_.reason)
            seen = [*seen[-REMEMBERED:], genuine_]
            counter += 10
        if number % 10_000 == 0:
            progress(f'{number} calls, {sum(permitted.values())} permitted')
        attack, wish = WORD_ATTACKS[number % len(WORD_ATTACKS)], words(name, body)
        wrong = permit(wish, counter)
        if attack == 'forged':
            wrong = dataclasses.replace(permit(wish, counter, rng.randbytes(32)), sender=rng.choice(('page', 'x')))
            mac = rng.choice((wrong.mac, b'', rng.randbytes(16), seen[-1].mac))
            wrong = dataclasses.replace(wrong, mac=mac)
        elif attack == 'replayed':
            wrong = rng.choice(seen)
            wish = wrong.reason
        elif attack == 'reordered':
            wrong = permit(wish, seen[-1].counter - rng.randint(0, 9))
        elif attack == 'truncated':
            field, cut = rng.choice((('mac', wrong.mac), ('packed', wrong.packed)))
            wrong = dataclasses.replace(wrong, **{field: cut[: rng.randrange(len(cut))]})
        else:  # a genuine permit is on its way, and another call is made of it
            held.hear(now, wrong)
            wish = words(rng.choice(NAMES), body + rng.randbytes(1))
            permitted[attack] += held.use(now, wish)
            missed += not held.use(now, wrong.reason)
            continue
        held.hear(now, wrong)
        permitted[attack] += held.use(now, wish)
    return permitted, missed


OUTLETS = ('kettle', 'lamp')
ORDERS = ('relays', 'setpoints', 'taps')
FIELDS = {'relays': {'closed': True, 'power_max': 7.0, 'outlet': 'lamp', 'counter': 2**60},
          'setpoints': {'active_power': 9.0, 'mode': 1, 'inverter': 'lamp', 'counter': 2**60, 'epoch': 9, 'term': 3,
                        'frequency': 49.0, 'voltage': 240.0, 'sender': 'x'},
          'taps': {'tap': 5, 'regulator': 'lamp', 'counter': 2**60, 'epoch': 9, 'sender': 'x', 'reason': 'y'}}


def order_of(kind: str, rng: Random, counter: int, now: float):
    """Return a command of a relay, inverter or regulator that might really be given."""
    stamp, expiry = to_msg(now), to_msg(now + STALE)
    if kind == 'relays':
        return msg.RelayCommand(stamp=stamp, outlet='kettle', closed=False, power_max=rng.random(), counter=counter)
    if kind == 'setpoints':
        return msg.InverterSetpoint(stamp=stamp, expiry=expiry, inverter='kettle', mode=2, counter=counter,
                                    sender='plan', active_power=rng.random(), frequency=math.nan, voltage=math.nan)
    return msg.RegulatorSetpoint(stamp=stamp, expiry=expiry, regulator='kettle', tap=rng.randint(-4, 4),
                                 counter=counter, sender='voltage')


def orders_of(kind: str, count: int, seed: int, key: bytes, progress: Callable[[str], None]) -> tuple[Counter, int]:
    """Return how many commands of each attack the world believed, and how many genuine ones it did not."""
    rng, gate, now, counter, other = Random(seed), Gate(), START, 0, 0
    believed, missed, seen = Counter(), 0, []
    ticket = convert.relay if kind == 'relays' else convert.ticket
    with tempfile.TemporaryDirectory() as folder:

        def ring(name: str, *secrets: bytes) -> Keys:
            stored = {who: key_file.Stored(1, (Key(1, secret),)) for who, secret in zip(OUTLETS, secrets, strict=False)}
            key_file.save(Path(folder) / name, key_file.Keys(outlets=stored))
            return Keys(str(Path(folder) / name))

        home = ring('keys.json', key, b'l' * 32) if key else Keys('')
        author, stranger = ring('author.json', key or b'k' * 32), ring('stranger.json', b'x' * 32)

        def obeys(order) -> bool:
            return not (home.refuse_setpoint(order, now) or gate.refuse(now, ticket(order)))

        for number in range(count):
            now += STEP
            counter += 10
            if not seen or rng.random() < GENUINE:
                order = author.sign_setpoint(order_of(kind, rng, counter, now), now)
                missed += not obeys(order)
                seen = [*seen[-REMEMBERED:], order]
                counter, other = counter + 10, counter
            if number % 10_000 == 0:
                progress(f'{number} {kind}, {sum(believed.values())} believed')
            attack = WORD_ATTACKS[number % len(WORD_ATTACKS)]
            wrong = author.sign_setpoint(order_of(kind, rng, counter, now), now)
            if attack == 'forged':
                wrong = stranger.sign_setpoint(wrong, now)
                wrong.mac = rng.choice((list(wrong.mac), [], list(rng.randbytes(16)), list(seen[-1].mac)))
            elif attack == 'replayed':
                wrong = rng.choice(seen)
            elif attack == 'reordered':
                wrong = author.sign_setpoint(order_of(kind, rng, other - rng.randint(0, 9), now), now)
            elif attack == 'truncated':
                wrong.mac = list(wrong.mac)[: rng.randrange(16)]
            else:
                field, value = rng.choice(list(FIELDS[kind].items()))
                setattr(wrong, field, value)
            believed[attack] += obeys(wrong)
    return believed, missed
