"""What identification has been taught: labelled signature vectors, few enough to refit on at any time."""
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

TYPE_LENGTH, MODEL_LENGTH = 48, 64      # as the messages bound them [byte]
STATE_VERSION = 1
VALUE_MAX = 1e4         # no feature of a signature is near it


class DevicesError(ValueError):
    """A vector, a label or a saved state that cannot be used; the message says why."""


def checked_vector(values, features: int) -> np.ndarray:
    """Return a copy of `values` as a vector (features,). DevicesError on another length or what cannot be a feature."""
    try:
        vector = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise DevicesError('a signature vector is a row of numbers') from None
    if vector.shape != (features,):
        raise DevicesError(f'a signature vector has {features} features, not shape {vector.shape}')
    bad = np.flatnonzero(~(np.abs(vector) <= VALUE_MAX))
    if bad.size:
        raise DevicesError(f'feature {bad[0]} of the signature vector is {vector[bad[0]]}')
    return vector


def fits(word, longest: int) -> bool:
    """Return whether `word` is text that a message with room for `longest` bytes can carry."""
    try:
        return len(word.encode()) <= longest and '\0' not in word
    except (AttributeError, UnicodeEncodeError):
        return False


def checked_label(type, model) -> None:
    """Raise DevicesError when type and model cannot be a device's."""
    for word, name, longest in ((type, 'type', TYPE_LENGTH), (model, 'model', MODEL_LENGTH)):
        if not fits(word, longest):
            raise DevicesError(f'the {name} of a device is text of at most {longest} bytes, not {word!r}')
    if not type:
        raise DevicesError('a label needs a type')


@dataclass(frozen=True, eq=False)
class Taught:
    """A snapshot of all examples, oldest first.

    vectors : (n, features) float64     types, models : (n,) str, model '' where none was said
    groups : (n,) int, examples of one group were seen together (one label, one plug-in) and are no independent evidence
    """

    vectors: np.ndarray
    types: np.ndarray
    models: np.ndarray
    groups: np.ndarray


class Examples:
    """A bounded set of labelled vectors. Each has a number that is never given twice, for `forget`.

    A unit (type and model) that has its share, and the largest unit when the whole set is full, loses its most
    redundant example: the older of the two nearest each other. So a heartbeat repeated all day does not push out the
    appliance's other states.
    """

    def __init__(self, features: int, signature_version: int, per_unit: int, total: int) -> None:
        self.features, self.signature_version = features, signature_version
        self._per_unit, self._total = per_unit, total
        self._next = 1
        self._rows: dict[int, tuple[np.ndarray, str, str, int]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, values, type: str, model: str = '', group: int | None = None) -> int:
        """Keep one example and return its number. DevicesError when vector or label is refused.

        group : any number that examples seen together share; None = seen alone.
        """
        vector = checked_vector(values, self.features)
        checked_label(type, model)
        number, self._next = self._next, self._next + 1
        self._rows[number] = (vector, type, model, -number if group is None else int(group))
        self._thin_once()
        return number

    def forget(self, numbers) -> int:
        """Drop examples by number; return how many were still there."""
        return sum(self._rows.pop(int(number), None) is not None for number in numbers)

    def rows(self, numbers) -> dict[int, tuple[np.ndarray, str, str, int]]:
        """Return vector, type, model and group of examples by number, of those that there still are."""
        return {int(number): self._rows[int(number)] for number in numbers if int(number) in self._rows}

    def count(self, type: str) -> int:
        """Return how many examples of a type there are."""
        return sum(row[1] == type for row in self._rows.values())

    def types(self) -> list[str]:
        """Return the types known, in the order they were first taught."""
        return list(dict.fromkeys(row[1] for row in self._rows.values()))

    def units(self) -> set[tuple[str, str]]:
        """Return type and model of all examples."""
        return {(type, model) for _, type, model, _ in self._rows.values()}

    def taught(self) -> Taught:
        """Return a snapshot, safe to hand to another thread."""
        rows = list(self._rows.values())
        return Taught(np.array([row[0] for row in rows]).reshape(len(rows), self.features),
                      np.array([row[1] for row in rows], dtype=f'<U{TYPE_LENGTH}'),
                      np.array([row[2] for row in rows], dtype=f'<U{MODEL_LENGTH}'),
                      np.array([row[3] for row in rows], dtype=np.int64))

    def state(self) -> dict[str, np.ndarray]:
        """Return everything as plain arrays, for `from_state`."""
        taught = self.taught()
        return {'state_version': np.array(STATE_VERSION), 'signature_version': np.array(self.signature_version),
                'vectors': taught.vectors, 'types': taught.types, 'models': taught.models, 'groups': taught.groups,
                'numbers': np.array(list(self._rows), dtype=np.int64), 'next_number': np.array(self._next)}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what `state` returned. DevicesError, and nothing changed, when it is foreign or damaged."""
        try:
            arrays = {name: np.asarray(state[name]) for name in self.state()}
        except KeyError as error:
            raise DevicesError(f'the saved examples lack {error.args[0]!r}') from None
        for name, ours in (('state_version', STATE_VERSION), ('signature_version', self.signature_version)):
            if arrays[name].shape != () or arrays[name].dtype.kind not in 'iu' or int(arrays[name]) != ours:
                raise DevicesError(f'the saved examples have {name} {arrays[name]}; this is {ours}')
        numbers = arrays['numbers']
        count = len(numbers) if numbers.ndim == 1 else -1
        for name, kind, shape in (('vectors', 'f', (count, self.features)), ('types', 'U', (count,)),
                                  ('models', 'U', (count,)), ('groups', 'i', (count,)), ('numbers', 'i', (count,)),
                                  ('next_number', 'i', ())):
            if arrays[name].shape != shape or arrays[name].dtype.kind != kind:
                raise DevicesError(f'the saved {name} are {arrays[name].dtype} {arrays[name].shape}, not as many as '
                                   f'the {count} saved numbers')
        vectors, following = arrays['vectors'], int(arrays['next_number'])
        if not (np.abs(vectors) <= VALUE_MAX).all():
            raise DevicesError('a saved vector holds what no feature can be')
        if len(np.unique(numbers)) != count or not ((numbers >= 1) & (numbers < following)).all():
            raise DevicesError('the saved example numbers are not distinct')
        if '' in arrays['types'] or not all(fits(word, longest) for name, longest
                                            in (('types', TYPE_LENGTH), ('models', MODEL_LENGTH))
                                            for word in arrays[name].tolist()):
            raise DevicesError('a saved label has no type, or is too long')
        self._rows = {int(number): (vectors[k].astype(np.float64), str(arrays['types'][k]), str(arrays['models'][k]),
                                    int(arrays['groups'][k])) for k, number in enumerate(numbers)}
        self._next = max(1, following)
        while self._thin_once():
            pass

    def _thin_once(self) -> bool:
        """Drop one example of a unit that has more than its share, or of the largest unit when the set is too large."""
        units: dict[tuple[str, str], list[int]] = {}
        for number, (_, type, model, _) in self._rows.items():
            units.setdefault((type, model), []).append(number)
        largest = max(units.values(), key=len, default=[])
        if len(largest) <= self._per_unit and len(self._rows) <= self._total:
            return False
        self._thin(largest)
        return True

    def _thin(self, numbers: list[int]) -> None:
        if len(numbers) == 1:
            del self._rows[numbers[0]]
            return
        vectors = np.array([self._rows[number][0] for number in numbers])
        scale = vectors.std(axis=0)
        apart = squared_distances(*[vectors / np.where(scale > 0, scale, 1.0)] * 2)
        np.fill_diagonal(apart, np.inf)
        del self._rows[numbers[min(divmod(int(apart.argmin()), len(numbers)))]]


def squared_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the squared Euclidean distances (n, m) between rows (n, d) and (m, d)."""
    square = (a ** 2).sum(axis=1)[:, None] + (b ** 2).sum(axis=1) - 2 * a @ b.T
    return np.maximum(square, 0.0)
