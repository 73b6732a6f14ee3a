"""Which device hangs on an outlet: type, then model, and "unknown" where it is like nothing that was taught."""
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from ..waveform import FEATURES, SIGNATURE_VERSION
from .classifier import Classifier, fit
from .examples import DevicesError, Examples, Taught, checked_vector
from .settings import IdentifierSettings
from .view import appliance_view

CANDIDATES = 5
MODEL_SURE = 0.5    # probability of the model given the type from which it is named [1]
RECIPE = f'trees+distance 1, signature {SIGNATURE_VERSION}'


class IdentityState(IntEnum):
    """As in the message `Identity`."""

    UNKNOWN = 0
    OFF = 1
    KNOWN = 2
    NAMED = 3


@dataclass(frozen=True)
class Identification:
    """What one signature was recognised as.

    type, model : '' where unknown.     probability : of the type, NaN where none is given. [1]
    model_probability : of the model given the type, NaN where none is given. [1]
    candidates : up to five types with their probability, likeliest first; they are given for the unknown too.
    novelty : above zero the load is unlike its likeliest type (log of how much further off than the bound); NaN where
        nothing was judged. [1]
    """

    state: IdentityState
    type: str = ''
    model: str = ''
    probability: float = float('nan')
    model_probability: float = float('nan')
    candidates: tuple[tuple[str, float], ...] = ()
    novelty: float = float('nan')


class Identifier:
    """Learns from labelled signature vectors and judges new ones.

    `learn` and `forget` are immediate and cheap but change no answer; `refit` does, in the caller's thread. To keep a
    hot path free, hand `taught()` to `fit` in another thread and `adopt` what it returns. Until then the last fitted
    classifier answers. The same examples in the same order and the same seed give the same answers.

    view : from vectors (m, features) to what is compared; the default belongs to the signature's own vector
    """

    def __init__(self, settings: IdentifierSettings | None = None, features: int = FEATURES,
                 signature_version: int = SIGNATURE_VERSION,
                 view: Callable[[np.ndarray], np.ndarray] = appliance_view) -> None:
        self.settings = settings or IdentifierSettings()
        self._view = view
        self._examples = Examples(features, signature_version, self.settings.examples_per_unit,
                                  self.settings.examples_total)
        self._classifier: Classifier | None = None
        self._stale = False

    @property
    def ready(self) -> bool:
        """Whether something was fitted, so that `identify` can know anything."""
        return self._classifier is not None

    @property
    def stale(self) -> bool:
        """Whether examples came or went since the last fit was begun from `taught()`."""
        return self._stale

    @property
    def types(self) -> list[str]:
        """The types taught, in the order they came."""
        return self._examples.types()

    def __len__(self) -> int:
        """The number of examples."""
        return len(self._examples)

    @property
    def recipe(self) -> str:
        """Name and version of what judges."""
        return RECIPE

    @property
    def moved(self) -> bool:
        """Whether use changed anything worth keeping."""
        return False

    @property
    def features(self) -> int:
        """The length of a vector."""
        return self._examples.features

    def is_off(self, active_power: float, apparent_power: float) -> bool:
        """Return whether so little power [W], [VA] tells nothing."""
        return (abs(active_power) < self.settings.power_off
                and max(abs(active_power), apparent_power) < self.settings.apparent_off)

    def count(self, type: str) -> int:
        """Return how many examples of a type there are."""
        return self._examples.count(type)

    def learn(self, vector, type: str, model: str = '', group: int | None = None, version: int | None = None) -> int:
        """Keep a labelled vector (features,) and return its number for `forget`.

        group : any number shared by examples that were seen together, so that they are not taken for independent looks
        version : of the signature, where it is known; another than ours is refused
        DevicesError on a wrong length or version, NaN, or an unusable label; nothing changes then.
        """
        self._check(version)
        number = self._examples.add(vector, type, model, group)
        self._stale = True
        return number

    def forget(self, numbers) -> int:
        """Undo examples by number; return how many there still were."""
        dropped = self._examples.forget(numbers)
        self._stale |= dropped > 0
        return dropped

    def lessons(self, numbers) -> list[tuple[int, np.ndarray, str, str, int]]:
        """Return number, vector, type, model and group of those examples that there still are."""
        return [(number, *row) for number, row in self._examples.rows(numbers).items()]

    def follow(self, vector) -> None:
        """Take notice of a vector in use; nothing is learnt from it here."""

    def taught(self) -> Taught:
        """Return a snapshot of the examples to `fit`, and count as fitted from here on."""
        self._stale = False
        return self._examples.taught()

    def fit(self, taught: Taught) -> Classifier | None:
        """Return the classifier of a snapshot, None of an empty one. Touches nothing of this object but settings."""
        return fit(taught, self.settings, self._view) if len(taught.vectors) else None

    def adopt(self, classifier: Classifier | None) -> None:
        """Answer with this classifier from now on."""
        self._classifier = classifier

    def refit(self) -> None:
        """Fit to the examples now, in this thread."""
        self.adopt(self.fit(self.taught()))

    def identify(self, vector, active_power: float, apparent_power: float = 0.0,
                 version: int | None = None) -> Identification:
        """Return what a vector (features,) is. See `identify_all`."""
        return self.identify_all([vector], [active_power], [apparent_power], version)[0]

    def identify_all(self, vectors, active_power, apparent_power=None, version: int | None = None
                     ) -> list[Identification]:
        """Return what each of m vectors (m, features) is.

        active_power : (m,) [W]     apparent_power : (m,) [VA], taken as |active_power| where not given or smaller
        DevicesError on a wrong length or version, or NaN.
        """
        self._check(version)
        rows = [checked_vector(vector, self._examples.features) for vector in vectors]
        power = np.abs(np.asarray(active_power, dtype=np.float64))
        apparent = power if apparent_power is None else np.maximum(power, np.asarray(apparent_power, dtype=np.float64))
        if power.shape != (len(rows),) or apparent.shape != (len(rows),):
            raise DevicesError(f'{len(rows)} vectors with {power.shape} active and {apparent.shape} apparent powers')
        if not (np.isfinite(power).all() and np.isfinite(apparent).all()):
            raise DevicesError('the power of a signature is not finite')
        out = [Identification(IdentityState.UNKNOWN)] * len(rows)
        on = []
        for k in range(len(rows)):
            if self.is_off(power[k], apparent[k]):
                out[k] = Identification(IdentityState.OFF)
            else:
                on.append(k)
        if on and self.ready:
            for k, answer in zip(on, self._judge(np.stack([rows[k] for k in on])), strict=True):
                out[k] = answer
        return out

    def unlike(self, vector, type: str, model: str = '') -> float:
        """Return how unlike one taught unit a vector is: above zero = unlike, NaN where that unit is not fitted."""
        checked = checked_vector(vector, self._examples.features)
        return float('nan') if self._classifier is None else self._classifier.unlike(checked, type, model)

    def state(self) -> dict[str, np.ndarray]:
        """Return everything taught as plain arrays, for `from_state`."""
        return self._examples.state()

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], settings: IdentifierSettings | None = None,
                   **given) -> 'Identifier':
        """Return an identifier that was taught what `state` says; `refit` it.

        given : the other arguments of the constructor.     DevicesError when the state is foreign or damaged.
        """
        made = cls._made(settings, given)
        made._examples.restore(state)
        made._stale = len(made) > 0
        return made

    @classmethod
    def _made(cls, settings, given: Mapping) -> 'Identifier':
        return cls(settings, **given)

    def _check(self, version: int | None) -> None:
        if version is not None and version != self._examples.signature_version:
            raise DevicesError(f'signature version {version}; this identifier compares version '
                               f'{self._examples.signature_version} only')

    def _judge(self, vectors: np.ndarray) -> list[Identification]:
        classifier = self._classifier
        verdict = classifier.judge(vectors)
        out = []
        for k in range(len(vectors)):
            by_type = np.minimum(verdict.type_probability[k], 1.0)  # sums may pass one by a rounding
            order = np.argsort(-by_type, kind='stable')[:CANDIDATES]
            candidates = tuple((classifier.types[i], float(by_type[i])) for i in order)
            novelty = float(verdict.novelty[k])
            if novelty > 0:
                out.append(Identification(IdentityState.UNKNOWN, candidates=candidates, novelty=novelty))
                continue
            type, probability = candidates[0]
            model, model_probability = self._model(type, verdict.unit_probability[k], verdict.unit_novelty[k])
            out.append(Identification(IdentityState.KNOWN, type, model, probability, model_probability, candidates,
                                      novelty))
        return out

    def _model(self, type: str, by_unit: np.ndarray, novelty: float) -> tuple[str, float]:
        """Return the model and its probability given the type: none where no model stands out or was ever said."""
        own = [(probability, model) for (its_type, model), probability
               in zip(self._classifier.units, by_unit.tolist(), strict=True) if its_type == type]
        probability, model = max(own, key=lambda pair: pair[0])
        probability /= sum(p for p, _ in own)
        if not model or novelty > 0 or probability < MODEL_SURE:
            return '', float('nan')
        return model, min(float(probability), 1.0)
