"""Hostile bytes into every parser of bytes from outside: each either takes them or refuses them as documented.

An input is a valid sample, changed a few times by a generator with a seed: bits, bytes, cuts, doublings, numbers at
their edges, JSON values of another kind. The same seed makes the same inputs. Anything but a documented refusal is a
failure, and its input is kept.
"""

import json
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

SIZE_MAX = 65_536  # of an input [byte]
SLOW = 5.0  # CPU time of one input that is a failure, too: somebody could stop a node with it [s]
KEPT = 20  # failures of one run of which the input is kept
CHANGES = 4  # most changes of one input
HOSTILE = (
    b'', b'0', b'-1', b'1e999', b'-1e999', b'NaN', b'Infinity', b'9' * 40, b'2147483648', b'18446744073709551616',
    b'1e308', b'1e-320', b'null', b'true', b'[]', b'{}', b'""', b'\x00', b'\xff\xfe', b'\xf0\x9f\x94\xa5',
    b'\xed\xa0\x80',
    b'%s%n', b'../../etc/passwd', b'<!--', b'<![CDATA[', b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>',
    b'!!python/object/apply:os.system [x]', b'&a [*a]', b'0000-00-00T00:00Z', b'9999-12-31T23:59:59Z',
    b'PT99999999999H',
    b'[' * 3000, b'{"a":' * 1500, b'\n', b',', b'"', b"'", b':', b'-', b'\r\n\r\n',
)  # fmt: skip
VALUES = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, 10**400, -0.0, 1e308, -1e308, 5e-324, '', '0', 'x' * 300, '\x00',
    '\ud800', 'NaN', [], {}, [[]], [None], {'': None}, [0] * 2000,
)  # fmt: skip


@dataclass(frozen=True)
class Target:
    """A parser. open : given a folder of its own and a stack to close things, returns samples and what eats bytes."""

    name: str
    about: str
    refuses: tuple[type[BaseException], ...]  # documented
    open: Callable[[Path, ExitStack], tuple[list[bytes], Callable[[bytes], object]]]


@dataclass
class Outcome:
    """What came of a run."""

    name: str
    inputs: int = 0
    taken: int = 0
    refused: int = 0
    seconds: float = 0.0
    failures: list[tuple[str, str]] = field(default_factory=list)  # (error, file of the input or '')
    failed: int = 0


def run(
    target: Target, count: int, seed: int, folder: Path, keep: Path, progress: Callable[[str], None] = lambda text: None
) -> Outcome:
    """Feed a target `count` inputs. folder : to work in.     keep : where inputs of failures go."""
    outcome, begin = Outcome(target.name), time.process_time()
    seen: set[str] = set()
    with ExitStack() as stack:
        samples, eat = target.open(folder, stack)
        for sample in samples:
            eat(sample)  # a sample that is refused would fuzz the refusal only
        for number in range(count):
            rng = Random(f'{target.name} {seed} {number}')
            content = mutated(rng, samples)
            outcome.inputs += 1
            since = time.process_time()
            try:
                eat(content)
                outcome.taken += 1
                error = ''
            except target.refuses:
                outcome.refused += 1
                error = ''
            except Exception as found:
                error = ''.join(traceback.format_exception_only(type(found), found)).strip()[:300]
                last = traceback.extract_tb(found.__traceback__)[-1]
                error = f'{error} ({Path(last.filename).name}:{last.lineno})'
            if not error and time.process_time() - since > SLOW:
                error = f'took {time.process_time() - since:.0f} s'
            if error:
                outcome.failed += 1
                kind = error.partition(':')[0] + error.rpartition('(')[2]
                if kind not in seen and len(seen) < KEPT:
                    seen.add(kind)
                    outcome.failures.append((error, _keep(keep, target.name, seed, number, content)))
            if number % 1000 == 0:
                progress(f'{number} inputs, {outcome.failed} failures')
    outcome.seconds = time.process_time() - begin
    return outcome


def mutated(rng: Random, samples: list[bytes]) -> bytes:
    """Return a sample after one to CHANGES changes; now and then noise."""
    if rng.random() < 0.02:
        return rng.randbytes(rng.randrange(200))
    content = rng.choice(samples)
    if rng.random() < 0.4:
        content = _other_value(rng, content)
        if rng.random() < 0.6:
            return content[:SIZE_MAX]
    for _ in range(rng.randint(1, CHANGES)):
        content = _changed(rng, content, samples)
    return content[:SIZE_MAX]


def _changed(rng: Random, content: bytes, samples: list[bytes]) -> bytes:
    """Return bytes after one change."""
    at = rng.randrange(len(content) + 1)
    to = min(len(content), at + rng.choice((1, 1, 2, 4, 8, 30)))
    way = rng.randrange(9)
    if way == 0 and content:
        spot = rng.randrange(len(content))
        return content[:spot] + bytes([content[spot] ^ 1 << rng.randrange(8)]) + content[spot + 1 :]
    if way == 1:
        return content[:at] + rng.randbytes(to - at or 1) + content[to:]
    if way == 2:
        return content[:at]
    if way == 3:
        return content[:at] + content[to:]
    if way == 4:
        return content[:at] + content[at:to] * rng.choice((2, 3, 100)) + content[to:]
    if way == 5:
        return content[:at] + rng.choice(HOSTILE) + content[to:]
    if way == 6:
        return _another_number(rng, content)
    if way == 7:
        other = rng.choice(samples)
        return content[:at] + other[rng.randrange(len(other) + 1) :]
    words = content.split(b'"')
    if len(words) < 3:
        return content[:at] + rng.choice(HOSTILE) + content[at:]
    words[rng.randrange(len(words))] = rng.choice(HOSTILE)
    return b'"'.join(words)


def _another_number(rng: Random, content: bytes) -> bytes:
    """Return bytes with one run of digits replaced by an edge."""
    spots = [k for k, byte in enumerate(content) if 48 <= byte <= 57 and (k == 0 or not 48 <= content[k - 1] <= 57)]
    if not spots:
        return content + b'0'
    start = end = rng.choice(spots)
    while end < len(content) and 48 <= content[end] <= 57:
        end += 1
    return content[:start] + rng.choice(HOSTILE[:13]) + content[end:]


def _other_value(rng: Random, content: bytes) -> bytes:
    """Return JSON with one value of another kind; what is no JSON as it is."""
    whole = content.lstrip().startswith((b'{', b'['))
    head, line, body = (b'', b'', content) if whole else content.partition(b'\n')
    try:
        tree = json.loads(body)
    except (ValueError, RecursionError):
        return content
    places = []
    _places(tree, places)
    if not places:
        return head + line + _dump(rng.choice(VALUES))
    holder, key = rng.choice(places)
    if rng.random() < 0.2 and isinstance(holder, dict):
        del holder[key]
    elif rng.random() < 0.2 and isinstance(holder, list):
        holder.append(holder[key])
    else:
        holder[key] = rng.choice(VALUES)
    return head + line + _dump(tree)


def _places(tree, found: list) -> None:
    for key in tree if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ():
        found.append((tree, key))
        _places(tree[key], found)


def _dump(value) -> bytes:
    return json.dumps(value).encode()


def _keep(folder: Path, name: str, seed: int, number: int, content: bytes) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{name}-{seed}-{number}.bin'
    path.write_bytes(content)
    return str(path)
