"""The file of a home's keys: who may command an outlet is who can read it. Never a ROS parameter: whoever can speak ROS
can read those.

`keys.json` in the state folder, only its owner's (0600), replaced as a whole. `home` signs ballots and shares, each
outlet, plug, inverter and regulator has a key of its own for what it is asked.
"""
import fcntl
import json
import math
import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from hearthgrid_core.outlet.authentic import Key
from hearthgrid_ros import durable

FORMAT = 'hearthgrid keys 1'
NAME = 'keys.json'
SECRET_BYTES = 32
SIZE_MAX = 10_000_000  # [byte]
LEAD = 5.0    # everybody has read a new key before anybody signs with it [s]
GRACE = 30.0  # the old one fits for so long after that: longer than a request may be on its way (10 s) [s]
GRACE_MAX = 3600.0
HOME = ''     # name of the home's own key


class KeyFileError(ValueError):
    """The file is none, or not for everybody's eyes."""


@dataclass(frozen=True)
class Stored:
    """The keys of one name. epoch : of the newest there ever was, so that a number never comes twice."""

    epoch: int = 0
    keys: tuple[Key, ...] = ()

    @property
    def revoked(self) -> bool:
        """Whether there was a key, and is none now."""
        return not self.keys

    def rotated(self, now: float, grace: float = GRACE, lead: float = LEAD) -> 'Stored':
        """Return them with a new key that signs from `now + lead` on; the older end `grace` after that. [s]

        ValueError when the grace is not in 0 … GRACE_MAX.
        """
        if not 0.0 <= grace <= GRACE_MAX:
            raise ValueError(f'the old key may hold for 0 to {GRACE_MAX:.0f} s more, not {grace:g}')
        begins = now + lead if self.keys else -math.inf
        kept = tuple(replace(key, ends=min(key.ends, begins + grace)) for key in self.keys if now < key.ends)
        return Stored(self.epoch + 1, (*kept, Key(self.epoch + 1, secrets.token_bytes(SECRET_BYTES), begins)))


@dataclass(frozen=True)
class Keys:
    """All of a file."""

    home: Stored = Stored()
    outlets: dict[str, Stored] = field(default_factory=dict)

    def of(self, name: str) -> Stored:
        """Return the keys of an outlet, or of the home (HOME). KeyError when there never was one."""
        return self.home if name == HOME else self.outlets[name]

    def put(self, name: str, stored: Stored) -> 'Keys':
        """Return them with those of one name replaced."""
        if name == HOME:
            return replace(self, home=stored)
        return replace(self, outlets={**self.outlets, name: stored})


def parse(content: bytes) -> Keys:
    """Return what a file holds. KeyFileError when it is none; its words hold nothing of the content."""
    try:
        found = json.loads(content.decode())
        if found['format'] != FORMAT:
            raise ValueError
        return Keys(_stored(found['home']), {_name(name): _stored(row) for name, row in found['outlets'].items()})
    except (AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError):
        raise KeyFileError(f'no file of this format ({FORMAT})') from None


def dump(keys: Keys) -> bytes:
    """Return the content of a file."""
    return json.dumps({'format': FORMAT, 'home': _row(keys.home),
                       'outlets': {name: _row(stored) for name, stored in sorted(keys.outlets.items())}},
                      indent=1, allow_nan=False).encode()


def load(path: Path) -> Keys:
    """Read a file. KeyFileError when it is none; OSError."""
    with open(path, 'rb') as file:
        content = file.read(SIZE_MAX + 1)
    try:
        if len(content) > SIZE_MAX:
            raise KeyFileError('too large')
        return parse(content)
    except KeyFileError as error:
        raise KeyFileError(f'{path} is {error}') from None


def save(path: Path, keys: Keys) -> None:
    """Replace the file as a whole, durably, for its owner's eyes only. OSError; the old one is untouched then."""
    durable.replace(path, dump(keys), 0o600)


@contextmanager
def changing(path: Path):
    """Hold the file against other changes meanwhile. OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.with_name(f'{path.name}.lock'), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def provision(path: Path, names: list[str], now: float) -> list[str]:
    """Give the home and each name a key where it never had one, and return who got one. KeyFileError; OSError.

    A revoked one gets none: that was somebody's decision.
    """
    with changing(path):
        keys = load(path) if path.exists() else Keys()
        new = [] if keys.home.epoch else [HOME]
        new += [name for name in names if not keys.outlets.get(name, Stored()).epoch]
        for name in new:
            keys = keys.put(name, Stored().rotated(now))
        if new:
            save(path, keys)
    return new


def others_read(path: Path) -> bool:
    """Return whether somebody else than the owner may read the file."""
    return bool(path.stat().st_mode & 0o077)


def _name(name: str) -> str:
    if not 0 < len(name) <= 32:
        raise ValueError
    return name


def _stored(row: dict) -> Stored:
    epoch = _whole(row['epoch'])
    keys = tuple(Key(_whole(k['epoch']), _secret(k['key']), _time(k['begins'], -math.inf), _time(k['ends'], math.inf))
                 for k in row['keys'])
    if any(key.epoch > epoch for key in keys):
        raise ValueError
    return Stored(epoch, keys)


def _row(stored: Stored) -> dict:
    return {'epoch': stored.epoch, 'keys': [
        {'epoch': k.epoch, 'key': k.secret.hex(), 'begins': None if math.isinf(k.begins) else k.begins,
         'ends': None if math.isinf(k.ends) else k.ends} for k in stored.keys]}


def _whole(number) -> int:
    if type(number) is not int or not 0 <= number < 2**32:
        raise ValueError
    return number


def _secret(text: str) -> bytes:
    secret = bytes.fromhex(text)
    if not 16 <= len(secret) <= 64:
        raise ValueError
    return secret


def _time(value, missing: float) -> float:
    if value is None:
        return missing
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError
    return float(value)
