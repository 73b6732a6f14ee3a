"""The last corrections that people made, with what it takes to take each back."""
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from .examples import MODEL_LENGTH, TYPE_LENGTH, DevicesError

KEPT = 16   # corrections that can be taken back
OUTLET_LENGTH = 32


@dataclass(frozen=True, eq=False)
class Correction:
    """What one correction did to one outlet.

    type, model : its name before, '' = none     numbers : of the examples that name had
    learnt : numbers of the examples it made
    replaced : the examples it took away: number, vector, type, model, group
    """

    outlet: str
    type: str
    model: str
    numbers: tuple[int, ...]
    learnt: tuple[int, ...]
    replaced: tuple[tuple[int, np.ndarray, str, str, int], ...]


class Corrections:
    """A bounded pile of corrections."""

    def __init__(self) -> None:
        self._pile: deque[Correction] = deque(maxlen=KEPT)

    def push(self, correction: Correction) -> None:
        """Keep one; the oldest goes where there is no room."""
        self._pile.append(correction)

    def pop(self, outlet: str) -> Correction | None:
        """Return and drop the last one of an outlet, None where there is none."""
        for correction in reversed(self._pile):
            if correction.outlet == outlet:
                self._pile.remove(correction)
                return correction
        return None

    def state(self, features: int) -> dict[str, np.ndarray]:
        """Return plain arrays for `from_state`. features : of a vector"""
        pile = list(self._pile)
        rows = [(k, *row) for k, correction in enumerate(pile) for row in correction.replaced]
        numbers = [(k, n) for k, correction in enumerate(pile) for n in correction.numbers]
        learnt = [(k, n) for k, correction in enumerate(pile) for n in correction.learnt]
        return {'undo_outlets': np.array([c.outlet for c in pile], dtype=f'<U{OUTLET_LENGTH}'),
                'undo_types': np.array([c.type for c in pile], dtype=f'<U{TYPE_LENGTH}'),
                'undo_models': np.array([c.model for c in pile], dtype=f'<U{MODEL_LENGTH}'),
                'undo_numbers': np.array(numbers, dtype=np.int64).reshape(-1, 2),
                'undo_learnt': np.array(learnt, dtype=np.int64).reshape(-1, 2),
                'undo_replaced': np.array([(row[0], row[1], row[5]) for row in rows], dtype=np.int64).reshape(-1, 3),
                'undo_vectors': np.array([row[2] for row in rows], dtype=np.float64).reshape(-1, features),
                'undo_replaced_types': np.array([row[3] for row in rows], dtype=f'<U{TYPE_LENGTH}'),
                'undo_replaced_models': np.array([row[4] for row in rows], dtype=f'<U{MODEL_LENGTH}')}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], features: int) -> 'Corrections':
        """Take over what `state` returned; none where it was written before there were any. DevicesError."""
        made = cls()
        if 'undo_outlets' not in state:
            return made
        try:
            arrays = {name: np.asarray(state[name]) for name in made.state(features)}
        except KeyError as error:
            raise DevicesError(f'the saved corrections lack {error.args[0]!r}') from None
        count, rows = arrays['undo_outlets'].size, arrays['undo_replaced'].shape[0]
        shapes = {'undo_outlets': (count,), 'undo_types': (count,), 'undo_models': (count,),
                  'undo_numbers': (len(arrays['undo_numbers']), 2), 'undo_learnt': (len(arrays['undo_learnt']), 2),
                  'undo_replaced': (rows, 3), 'undo_vectors': (rows, features), 'undo_replaced_types': (rows,),
                  'undo_replaced_models': (rows,)}
        kinds = {name: array.dtype.kind for name, array in made.state(features).items()}
        owners = np.concatenate([arrays[name][:, 0] for name in ('undo_numbers', 'undo_learnt', 'undo_replaced')
                                 if arrays[name].shape == shapes[name]])
        if (any(arrays[name].shape != shape or arrays[name].dtype.kind != kinds[name]
                for name, shape in shapes.items()) or ((owners < 0) | (owners >= count)).any()
                or not np.isfinite(arrays['undo_vectors']).all()):
            raise DevicesError('the saved corrections are damaged')
        for k in range(count):
            own = {name: arrays[name][arrays[name][:, 0] == k, 1].tolist() for name in ('undo_numbers', 'undo_learnt')}
            at = np.flatnonzero(arrays['undo_replaced'][:, 0] == k)
            replaced = tuple((int(arrays['undo_replaced'][i, 1]), arrays['undo_vectors'][i].copy(),
                              str(arrays['undo_replaced_types'][i]), str(arrays['undo_replaced_models'][i]),
                              int(arrays['undo_replaced'][i, 2])) for i in at)
            made.push(Correction(*(str(arrays[f'undo_{name}'][k]) for name in ('outlets', 'types', 'models')),
                                 tuple(own['undo_numbers']), tuple(own['undo_learnt']), replaced))
        return made
