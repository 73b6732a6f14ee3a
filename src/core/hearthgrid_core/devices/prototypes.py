"""What is remembered of single devices: a few prototypes each, taught by three windows, refined by use.

A prototype is a running mean (Kohonen's LVQ, learning only from what it recognised surely), so it follows a device that
drifts; others are not touched, so nothing is forgotten. It fits into an outlet.
"""
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from .examples import MODEL_LENGTH, TYPE_LENGTH, DevicesError, checked_vector, fits

PROTOTYPES_VERSION = 2
NAME_LENGTH = TYPE_LENGTH + 1 + MODEL_LENGTH    # a type, a tab, a model [byte]
BYTES_MAX = 32 * 1024
PER_NAME = 8            # prototypes of one device: its states
NEAR = 3.0              # distance over noise within which a window is recognised [1]
SURE = 1.5              # … and within which it refines the prototype, where no other name is within
MARGIN = 2.0            # times that distance
SAME = 0.7              # … within which a lesson is the same state
CLAIM = 1.0             # … within which a prototype of another name stands corrected
COUNT_MAX = 50          # looks a prototype's mean goes back


@dataclass(frozen=True, eq=False)
class Prototype:
    """mean : (d,) float32 of the windows seen     count : how many, at most `COUNT_MAX`"""

    name: str
    mean: np.ndarray
    count: int

    @property
    def bytes(self) -> int:
        """As it is stored."""
        return self.mean.nbytes + 4 + len(self.name.encode())


class Prototypes:
    """A bounded book of prototypes.

    noise : (d,) deviation between two looks at one device     bytes_max : of it all
    """

    def __init__(self, noise: np.ndarray, bytes_max: int = BYTES_MAX) -> None:
        self._noise, self._bytes_max = np.array(noise, dtype=np.float32), bytes_max
        if self._noise.ndim != 1 or not (np.isfinite(self._noise).all() and (self._noise > 0).all()):
            raise DevicesError('the noise is a row of positive numbers')
        self._book: tuple[Prototype, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names known, in the order they were first taught."""
        return tuple(dict.fromkeys(prototype.name for prototype in self._book))

    @property
    def book(self) -> tuple[Prototype, ...]:
        """All prototypes, which never change: this one is moved by taking another's place."""
        return self._book

    @property
    def bytes(self) -> int:
        """Of all prototypes and the noise as they are stored."""
        return self._noise.nbytes + sum(p.bytes for p in self._book)

    def teach(self, windows, name: str) -> tuple[str, ...]:
        """Learn a device from labelled windows (k, d), three are enough; return whose prototypes were dropped.

        A near prototype of another name that claimed the windows is corrected: it is dropped. When a name or the whole
        book is full, the prototype seen least often goes. DevicesError, nothing changed, on what cannot be used.
        """
        if not name or not fits(name, NAME_LENGTH):
            raise DevicesError(f'the name of a device is text of 1 to {NAME_LENGTH} bytes, not {name!r}')
        rows = [checked_vector(window, len(self._noise)) for window in windows]
        if not rows:
            raise DevicesError('no window to learn from')
        book, lost = list(self._book), []
        for row in rows:
            lost += [p.name for p in book if p.name != name and self._distance(p, row) <= CLAIM]
            book = [p for p in book if p.name == name or self._distance(p, row) > CLAIM]
            near = [(self._distance(p, row), k) for k, p in enumerate(book) if p.name == name]
            distance, k = min(near, default=(np.inf, -1))
            if distance <= SAME:
                book[k] = _moved(book[k], row)
            else:
                book.append(Prototype(name, row.astype(np.float32), 1))
        self._book = tuple(book)
        self._thin(name)
        return tuple(dict.fromkeys(lost))

    def relearn(self, names, lessons: Iterable[tuple[np.ndarray, str]]) -> None:
        """Forget `names`, then learn windows (d,) of them in turn. No other prototype changes."""
        fresh = Prototypes(self._noise, self._bytes_max)
        for window, name in lessons:
            fresh.teach([window], name)
        self._book = tuple(p for p in self._book if p.name not in names) + fresh._book
        for name in fresh.names:
            self._thin(name)

    def put_back(self, name: str, own: Iterable[tuple[int, Prototype]], gone: Iterable[tuple[int, Prototype]]) -> None:
        """Forget `name`; then set `own`, prototypes of it, where they were in `book`, and `gone`, of others, where they
        were among the others. Every other one stays as it is.
        """
        book = [p for p in self._book if p.name != name]
        for place, prototype in (*sorted(gone, key=_place), *sorted(own, key=_place)):
            book.insert(place, prototype)
        self._book = tuple(book)
        self._thin(name)

    def recognise(self, window) -> tuple[str, float]:
        """Return the nearest device and its distance over noise; '' where nothing is near enough."""
        row = checked_vector(window, len(self._noise))
        distance, k = min(((self._distance(p, row), k) for k, p in enumerate(self._book)), default=(np.inf, -1))
        return (self._book[k].name if distance <= NEAR else '', float(distance))

    def distance(self, window, name: str) -> float:
        """Return the distance of a window from the nearest prototype of a name, infinite where there is none."""
        row = checked_vector(window, len(self._noise))
        return min((self._distance(p, row) for p in self._book if p.name == name), default=float('inf'))

    def distances(self, window) -> dict[str, float]:
        """Return the distance of a window from the nearest prototype of every name, nearest first."""
        row, found = checked_vector(window, len(self._noise)), {}
        for prototype in self._book:
            distance = self._distance(prototype, row)
            found[prototype.name] = min(distance, found.get(prototype.name, distance))
        return dict(sorted(found.items(), key=lambda pair: pair[1]))

    def follow(self, window) -> str:
        """Recognise, and refine the prototype where it was surely this device; return its name, '' otherwise."""
        name, distance = self.recognise(window)
        if not name or distance > SURE:
            return ''
        row = checked_vector(window, len(self._noise))
        if any(p.name != name and self._distance(p, row) < MARGIN * distance for p in self._book):
            return ''
        k = min(range(len(self._book)), key=lambda k: self._distance(self._book[k], row))
        self._book = (*self._book[:k], _moved(self._book[k], row), *self._book[k + 1:])
        return name

    def state(self) -> dict[str, np.ndarray]:
        """Return plain arrays for `from_state`."""
        return {'prototypes_version': np.array(PROTOTYPES_VERSION), 'noise': self._noise,
                'names': np.array([p.name for p in self._book], dtype=f'<U{NAME_LENGTH}'),
                'means': np.array([p.mean for p in self._book], dtype=np.float32).reshape(-1, len(self._noise)),
                'counts': np.array([p.count for p in self._book], dtype=np.int64)}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], bytes_max: int = BYTES_MAX) -> 'Prototypes':
        """Take over what `state` returned. DevicesError when it is foreign, damaged or larger than `bytes_max`."""
        try:
            version, noise, names, means, counts = (np.asarray(state[name]) for name in (
                'prototypes_version', 'noise', 'names', 'means', 'counts'))
        except KeyError as error:
            raise DevicesError(f'the saved prototypes lack {error.args[0]!r}') from None
        if version.shape != () or version.dtype.kind not in 'iu' or int(version) != PROTOTYPES_VERSION:
            raise DevicesError(f'the saved prototypes have version {version}; this is {PROTOTYPES_VERSION}')
        made = cls(noise, bytes_max)
        count = len(names) if names.ndim == 1 else -1
        if (means.shape != (count, len(made._noise)) or counts.shape != (count,) or names.dtype.kind != 'U'
                or counts.dtype.kind != 'i' or means.dtype.kind != 'f' or not np.isfinite(means).all()
                or not ((counts >= 1) & (counts <= COUNT_MAX)).all()
                or not all(name and fits(name, NAME_LENGTH) for name in names.tolist())):
            raise DevicesError('the saved prototypes are damaged')
        made._book = tuple(Prototype(str(name), mean.astype(np.float32), int(n))
                           for name, mean, n in zip(names, means, counts, strict=True))
        if made.bytes > bytes_max:
            raise DevicesError(f'the saved prototypes take {made.bytes} bytes; there is room for {bytes_max}')
        return made

    def _distance(self, prototype: Prototype, row: np.ndarray) -> float:
        return float(np.sqrt(np.mean(((prototype.mean - row) / self._noise) ** 2)))

    def _thin(self, name: str) -> None:
        while sum(p.name == name for p in self._book) > PER_NAME:
            self._drop([k for k, p in enumerate(self._book) if p.name == name])
        while self.bytes > self._bytes_max:
            spare = [k for k, p in enumerate(self._book) if sum(q.name == p.name for q in self._book) > 1]
            self._drop(spare or range(len(self._book)))

    def _drop(self, among) -> None:
        out = min(among, key=lambda k: self._book[k].count)
        self._book = self._book[:out] + self._book[out + 1:]


def _place(pair: tuple[int, Prototype]) -> int:
    return pair[0]


def _moved(prototype: Prototype, row: np.ndarray) -> Prototype:
    count = min(prototype.count + 1, COUNT_MAX)
    return replace(prototype, mean=(prototype.mean + (row - prototype.mean) / count).astype(np.float32), count=count)
