"""Identification by a trained model, and by prototypes of what this home was taught: type, then model or unit.

The model tells types. Prototypes tell units within a type, and types that only this home knows: three labelled windows
are enough, and what is surely recognised refines them. Examples are kept as the truth, so that what was taught can be
taken back, and outlives another model.
"""
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from .bundle import Trained
from .classifier import Classifier
from .examples import DevicesError, Taught, checked_vector
from .identifier import CANDIDATES, Identification, Identifier, IdentityState
from .prototypes import NEAR, SAME, Prototypes

DISPLACED = 256     # lessons of which is remembered whose prototypes they dropped
NEARER = 1.0        # times the distance to what the model knows, within which what the home taught goes before it
EVEN = 0.5          # probability below which what the home taught does not go before a model that knows an answer
Judge = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Recogniser(Identifier):
    """An `Identifier` that asks a trained model and has nothing to fit: what it is taught counts at once.

    trained : the model's manifest     judge : from features (m, d) to probability (m, classes) and novelty (m,)
    """

    def __init__(self, trained: Trained, judge: Judge, *arguments, **given) -> None:
        super().__init__(*arguments, **given)
        self._trained, self._ask = trained, judge
        self._displaced: dict[int, tuple[str, ...]] = {}    # by number of the example
        self._shipped = [(np.array(unit.mean), key(unit.type, unit.model)) for unit in trained.units]
        self._book = Prototypes(np.array(trained.noise))
        self._book.relearn((), self._shipped)
        self._moved = False

    @property
    def ready(self) -> bool:
        """True: the model is always there."""
        return True

    @property
    def moved(self) -> bool:
        """Whether use refined a prototype since `state` was last taken."""
        return self._moved

    @property
    def recipe(self) -> str:
        """Name and version of what judges."""
        return self._trained.recipe

    @property
    def bytes(self) -> int:
        """Of all prototypes."""
        return self._book.bytes

    def learn(self, vector, type: str, model: str = '', group: int | None = None, version: int | None = None) -> int:
        """As `Identifier.learn`; it changes answers at once."""
        number = super().learn(vector, type, model, group, version)
        lost = self._book.teach([self._seen(vector)], key(type, model))
        if lost:
            self._displaced[number] = lost
            for old in list(self._displaced)[:-DISPLACED]:
                del self._displaced[old]
        return number

    def forget(self, numbers) -> int:
        """As `Identifier.forget`; prototypes that an example had dropped come back."""
        numbers = [int(number) for number in numbers]
        names = {key(type, model) for _, type, model, _ in self._examples.rows(numbers).values()}
        for number in numbers:
            names |= set(self._displaced.pop(number, ()))
        dropped = super().forget(numbers)
        self._relearn(names)
        return dropped

    def follow(self, vector) -> None:
        """Refine the prototype that a vector (features,) surely belongs to."""
        self._moved |= bool(self._book.follow(self._seen(checked_vector(vector, self.features))))

    def unlike(self, vector, type: str, model: str = '') -> float:
        """Return how unlike one taught unit a vector is: above zero = unlike, NaN where that unit is not known."""
        distance = self._book.distance(self._seen(checked_vector(vector, self.features)), key(type, model))
        return float(np.log(max(distance, 1e-3) / NEAR)) if np.isfinite(distance) else float('nan')

    def fit(self, taught: Taught) -> Classifier | None:
        """Return None: the model is trained elsewhere."""
        return None

    def state(self) -> dict[str, np.ndarray]:
        """Return examples and prototypes as plain arrays, for `from_state`."""
        self._moved = False
        pairs = [(number, name) for number, names in self._displaced.items() for name in names]
        return {**super().state(), **self._book.state(), 'trained_hash': np.array(self._trained.hash),
                'displaced_numbers': np.array([number for number, _ in pairs], dtype=np.int64),
                'displaced_names': np.array([name for _, name in pairs], dtype=str)}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], settings=None, **given) -> 'Recogniser':
        """Return a recogniser that was taught what `state` says, of this class or of `Identifier`.

        given : the other arguments of the constructor, `trained` and `judge` among them. Prototypes of another model,
        or damaged ones, are made again from the examples.     DevicesError when the examples are foreign or damaged.
        """
        made = super().from_state(state, settings, **given)
        try:
            if str(state['trained_hash']) != made._trained.hash:
                raise DevicesError('of another model')
            made._book = Prototypes.from_state(state)
            for number, name in zip(state['displaced_numbers'].tolist(), state['displaced_names'].tolist(),
                                    strict=True):
                made._displaced[number] = (*made._displaced.get(number, ()), name)
        except (KeyError, ValueError, AttributeError):
            made._book = Prototypes(np.array(made._trained.noise))
            made._relearn({name for _, name in made._lessons()})
        return made

    @classmethod
    def _made(cls, settings, given) -> 'Recogniser':
        given = dict(given)
        return cls(given.pop('trained'), given.pop('judge'), settings, **given)

    def _seen(self, vector) -> np.ndarray:
        return self._view(np.asarray(vector, dtype=np.float64)[None])[0]

    def _lessons(self) -> list[tuple[np.ndarray, str]]:
        taught = self._examples.taught()
        home = [(row, key(str(type), str(model))) for row, type, model
                in zip(self._view(taught.vectors), taught.types, taught.models, strict=True)] if len(self) else []
        return [*self._shipped, *home]

    def _relearn(self, names) -> None:
        self._book.relearn(names, [(row, name) for row, name in self._lessons() if name in names])

    def _judge(self, vectors: np.ndarray) -> list[Identification]:
        rows = self._view(vectors)
        home = {key(type, model) for type, model in self._examples.units()}
        return [self._answer(row, probability, float(novelty - self._trained.bound), home)
                for row, probability, novelty in zip(rows, *self._ask(rows), strict=True)]

    def _answer(self, row, by_type: np.ndarray, novelty: float, home: set[str]) -> Identification:
        order = np.argsort(-by_type, kind='stable')[:CANDIDATES]
        candidates = tuple((self._trained.classes[i], min(float(by_type[i]), 1.0)) for i in order)
        type, probability = candidates[0]
        name, distance = self._book.recognise(row)
        own_type, _, model = name.partition('\t')
        bias, slope = self._trained.sure
        named = {'model': model, 'model_probability': _probability(bias - slope * distance)} if model else {}
        if name and own_type == type and novelty <= 0:
            return Identification(IdentityState.KNOWN, type, probability=probability, candidates=candidates,
                                  novelty=novelty, **named)
        sure = _probability(self._trained.odds(distance, novelty)) if name else 0.0
        if name in home and claims(distance, novelty, self._trained.bound) and (novelty > 0 or sure >= EVEN):
            named = {'model': model, 'model_probability': sure} if model else {}
            others = tuple((other, p * (1 - sure)) for other, p in candidates if other != own_type)
            return Identification(IdentityState.KNOWN, own_type, probability=sure, novelty=float(np.log(
                max(distance, 1e-3) / NEAR)), candidates=((own_type, sure), *others)[:CANDIDATES], **named)
        answer = Identification(IdentityState.UNKNOWN, candidates=candidates, novelty=novelty)
        return answer if novelty > 0 else replace(answer, state=IdentityState.KNOWN, type=type,
                                                  probability=probability)


def claims(distance: float, novelty: float, bound: float) -> bool:
    """Return whether what this home taught may go before the model, by the distance of its nearest prototype.

    novelty : for the model, over its bound of "unknown"
    """
    return bool(novelty > 0 or distance < NEARER * np.exp(novelty + bound) or distance <= SAME)


def _probability(odds: float) -> float:
    """Return the probability of log odds."""
    return float(1 / (1 + np.exp(-np.clip(odds, -30, 30))))


def key(type: str, model: str) -> str:
    """Return the name of a unit's prototypes."""
    return f'{type}\t{model}'
