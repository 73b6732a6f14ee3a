"""What an outlet learnt, as JSON values: prototypes packed tightly, so that all of it stays below 32 KB."""
import base64
import binascii
import hashlib
import json
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from .examples import DevicesError, fits
from .prototypes import BYTES_MAX, NAME_LENGTH, PROTOTYPES_VERSION, Prototype, Prototypes

FORMAT = "hearthgrid outlet's devices"
_HEAD = struct.Struct('<HBB')   # place, count, length of the name
Placed = list[tuple[int, Prototype]]


@dataclass(eq=False)
class Lesson:
    """What one correction did, to take it back.

    before : what the load was named before, '' = nothing     own : prototypes that `name` had, and where in the book
    gone : those of others it dropped, and where among the others
    """

    name: str
    before: str
    own: Placed
    gone: Placed = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """As it is stored."""
        return len((self.name + self.before).encode()) + sum(p.bytes for _, p in (*self.own, *self.gone))

    def drop(self, gone: Placed) -> None:
        """Note what else was dropped; places among the others as they are now."""
        for place, prototype in reversed(gone):     # from the last on, so that no place moves
            for earlier in sorted(at for at, _ in self.gone):
                place += earlier <= place
            self.gone.append((place, prototype))


def pack(recipe: str, named: str, last: str, book: Iterable[Prototype], lessons: Iterable[Lesson]) -> dict:
    """Return a mapping for `unpack`."""
    state = {'format': FORMAT, 'recipe': recipe, 'prototypes': PROTOTYPES_VERSION, 'named': named, 'last': last,
             'book': _packed(enumerate(book)),
             'lessons': [{'name': one.name, 'before': one.before, 'own': _packed(one.own), 'gone': _packed(one.gone)}
                         for one in lessons]}
    return {**state, 'hash': _hash(state)}


def unpack(recipe: str, state: dict, noise: np.ndarray, bytes_max: int) -> tuple[str, str, Prototypes, list[Lesson]]:
    """Return names, book and lessons. DevicesError, saying why, when it is foreign, damaged or of another recipe."""
    if state.get('format') != FORMAT:
        raise DevicesError('it does not hold what an outlet learnt')
    for name, ours in (('recipe', recipe), ('prototypes', PROTOTYPES_VERSION)):
        if state.get(name) != ours:
            raise DevicesError(f'it has {name} {state.get(name)!r}; this is {ours!r}')
    if state.get('hash') != _hash({name: value for name, value in state.items() if name != 'hash'}):
        raise DevicesError('it was changed since it was written')
    try:
        named, last = state['named'], state['last']
        book = _checked([p for _, p in _unpacked(state['book'])], noise, bytes_max)
        lessons = [Lesson(one['name'], one['before'], _unpacked(one['own']), _unpacked(one['gone']))
                   for one in state['lessons']]
        names = [name for one in lessons for name in (one.name, one.before)]
        if not all(fits(name, NAME_LENGTH) for name in (named, last, *names)):
            raise DevicesError('a name in it is too long')
        for one in lessons:
            _checked([p for _, p in (*one.own, *one.gone)], noise)
            if any(p.name != one.name for _, p in one.own) or any(p.name == one.name for _, p in one.gone):
                raise DevicesError('a correction in it is of another name')
    except (KeyError, TypeError, struct.error, binascii.Error, UnicodeDecodeError) as error:
        raise DevicesError(f'it does not fit its format: {error!r}') from None
    return named, last, book, lessons


def _packed(placed: Iterable[tuple[int, Prototype]]) -> str:
    out = bytearray()
    for place, prototype in placed:
        name = prototype.name.encode()
        out += _HEAD.pack(place, prototype.count, len(name)) + name + prototype.mean.astype('<f4').tobytes()
        width = prototype.mean.nbytes
    return base64.b64encode(struct.pack('<H', width if out else 0) + out).decode()


def _unpacked(text: str) -> Placed:
    content, out, at = base64.b64decode(text, validate=True), [], 2
    width, = struct.unpack_from('<H', content)
    while at < len(content):
        place, count, length = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        name, mean = content[at:at + length], content[at + length:at + length + width]
        if len(mean) != width or not width or width % 4:
            raise DevicesError('a prototype in it is cut short')
        out.append((place, Prototype(name.decode(), np.frombuffer(mean, '<f4').astype(np.float32), count)))
        at += length + width
    return out


def _checked(book: list[Prototype], noise: np.ndarray, bytes_max: int = BYTES_MAX) -> Prototypes:
    """Return prototypes that can be. DevicesError."""
    wide = np.array([p.mean for p in book], dtype=np.float32) if book else np.empty((0, len(noise)), np.float32)
    return Prototypes.from_state({
        'prototypes_version': np.array(PROTOTYPES_VERSION), 'noise': np.asarray(noise), 'means': wide,
        'names': np.array([p.name for p in book], dtype=f'<U{NAME_LENGTH}'),
        'counts': np.array([p.count for p in book], dtype=np.int64)}, bytes_max)


def _hash(state: dict) -> str:
    return hashlib.sha256(json.dumps(state, sort_keys=True, separators=(',', ':')).encode()).hexdigest()
