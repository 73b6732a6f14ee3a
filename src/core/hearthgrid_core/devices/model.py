"""From any table of features to types with calibrated probability, and how unlike anything learnt something is.

A forest of extremely randomised trees, each group and class counting evenly, and where it helps a logistic regression
on ranks: its straight lines reach further than a tree's steps where the groups learnt from are few. Cross-validation
that keeps groups apart, inside the training examples, decides how much of it helps and how smooth it is, and calibrates
the probabilities: a temperature (Guo et al. 2017) and how much surer yet what is nearly sure becomes, which a
temperature cannot tell apart (beta calibration, Kull et al. 2017, over all classes).
"""
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from .classifier import softmax
from .examples import DevicesError
from .forest import Forest, grow
from .novelty import Novelty

MODEL_VERSION = 2
TREES, FOLD_TREES, FOLDS = 200, 60, 8
BLENDS = (0.0, 0.3, 0.5, 0.7, 0.85)     # weight of the logistic regression
FLOOR = 0.01                # no silence of one part rules a class out
PENALTIES = (0.003, 0.01, 0.03)         # inverse strength on weights of the logistic regression
KNOTS, RANK_MAX = 65, 2.5
TEMPERATURES = np.geomspace(0.2, 2.0, 25)
SHARPNESS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
DOUBT_MIN, LEAST = 1e-4, 1e-12      # no share is surer than all but this, nor less than that
EXAMPLES_MAX = 4000         # kept for novelty, dealt evenly


@dataclass(frozen=True, eq=False)
class Ranks:
    """Each feature's rank among the training examples, as a normal score. knots : (KNOTS, d), rising"""

    knots: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> 'Ranks':
        return cls(_single(np.quantile(features, np.linspace(0, 1, KNOTS), axis=0)))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        share, features = np.linspace(0, 1, KNOTS), _single(features)
        out = np.empty(features.shape)
        for k, knots in enumerate(self.knots.T):
            # ties take the middle of their ranks, from either side
            out[:, k] = np.interp(features[:, k], knots, share)
            out[:, k] += 1 - np.interp(-features[:, k], -knots[::-1], share)
        return np.clip(ndtri(np.clip(out / 2, 1e-4, 1 - 1e-4)), -RANK_MAX, RANK_MAX)


def _single(values) -> np.ndarray:
    """Return float64 of single precision, as trees and the node take features: equal stays equal."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


@dataclass(frozen=True, eq=False)
class Model:
    """Made by `train` or `from_state`; immutable.

    classes : names     groups : how many it learnt from     weights : (d + 1, classes), bias last
    blend : of the regression [1]     temperature, sharpness : [1]     near : distance to what was learnt
    """

    classes: tuple[str, ...]
    forest: Forest
    ranks: Ranks
    weights: np.ndarray
    blend: float
    temperature: float
    sharpness: float
    near: Novelty

    @property
    def features(self) -> int:
        return self.ranks.knots.shape[1]

    def probability(self, features: np.ndarray) -> np.ndarray:
        """Return (m, classes) of features (m, d), rows summing to one. DevicesError on another shape or NaN."""
        return _calibrated(self.shares(features), self.temperature, self.sharpness)

    def shares(self, features: np.ndarray) -> np.ndarray:
        """Return (m, classes), rows summing to one: probabilities before calibration, which fits what is known."""
        features = self._checked(features)
        return softmax(_blend(self.forest.probability(features), self._line(features), self.blend))

    def novelty(self, features: np.ndarray) -> np.ndarray:
        """Return (m,): how far off the likeliest class's examples, and how torn between classes; larger = stranger."""
        return self.near.score(self._checked(features), self.shares(features))

    def state(self) -> dict[str, np.ndarray]:
        """Return plain arrays for `from_state`; no pickle is needed to save them."""
        return {'model_version': np.array(MODEL_VERSION), 'classes': np.array(self.classes),
                'knots': self.ranks.knots, 'weights': self.weights, 'blend': np.asarray(self.blend),
                'temperature': np.asarray(self.temperature), 'sharpness': np.asarray(self.sharpness),
                **self.near.__dict__, **self.forest.state()}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray]) -> 'Model':
        """Take over what `state` returned. DevicesError when it is foreign or damaged."""
        try:
            arrays = {name: np.asarray(state[name]) for name in ('model_version', 'classes', 'knots', *_ARRAYS)}
        except KeyError as error:
            raise DevicesError(f'the saved model lacks {error.args[0]!r}') from None
        version = arrays['model_version']
        if version.shape != () or version.dtype.kind not in 'iu' or int(version) != MODEL_VERSION:
            raise DevicesError(f'the saved model has version {version}; this is {MODEL_VERSION}')
        classes, count = arrays['classes'], arrays['classes'].size
        width = arrays['knots'].shape[-1] if arrays['knots'].ndim == 2 else 0
        kept = len(arrays['examples']) if arrays['examples'].ndim else 0
        wanted = {'knots': (KNOTS, width), 'weights': (width + 1, count), 'blend': (), 'temperature': (),
                  'sharpness': (), 'noise': (width,), 'examples': (kept, width),
                  'example_class': (kept,), 'usual': (count,)}
        for name, shape in wanted.items():
            array, kind = arrays[name], 'i' if name == 'example_class' else 'f'
            if array.shape != shape or array.dtype.kind != kind or not np.isfinite(array).all():
                raise DevicesError(f'the saved {name} are {array.dtype} {array.shape}, not finite {shape}')
        if classes.ndim != 1 or classes.dtype.kind != 'U' or not count or len(set(classes.tolist())) != count:
            raise DevicesError('the saved classes are not distinct names')
        if not (width and arrays['temperature'] > 0 and arrays['sharpness'] >= 0 and 0 <= arrays['blend'] <= 1
                and (arrays['usual'] > 0).all() and (arrays['noise'] > 0).all()
                and (np.diff(arrays['knots'], axis=0) >= 0).all()
                and set(arrays['example_class'].tolist()) == set(range(count))):
            raise DevicesError('the saved model is damaged')
        return cls(tuple(classes.tolist()), Forest.from_state(state, width, count), Ranks(arrays['knots']),
                   arrays['weights'], float(arrays['blend']), float(arrays['temperature']),
                   float(arrays['sharpness']),
                   Novelty(*(arrays[name] for name in Novelty.__dataclass_fields__)))

    def _line(self, features: np.ndarray) -> np.ndarray | None:
        return softmax(self.ranks(features) @ self.weights[:-1] + self.weights[-1]) if self.blend else None

    def _checked(self, features) -> np.ndarray:
        features = np.asarray(features, dtype=np.float64)
        if features.ndim != 2 or features.shape[1] != self.features or not np.isfinite(features).all():
            raise DevicesError(f'the model takes finite rows of {self.features} features, not {features.shape}')
        return features


_ARRAYS = ('weights', 'blend', 'temperature', 'sharpness', *Novelty.__dataclass_fields__)


@dataclass(frozen=True, eq=False)
class Validation:
    """What models that learnt from other groups say of each training example.

    tested : (n,) bool, false where no fold could judge it     probability : (n, classes)     novelty : (n,)
    """

    tested: np.ndarray
    probability: np.ndarray
    novelty: np.ndarray


def train(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int, trees: int = TREES,
          examples: int = EXAMPLES_MAX) -> Model:
    """Return a model. Deterministic.

    features : (n, d)     labels : (n,) names, at least two     groups : (n,) what must not be on both sides of a test,
    such as the device or the house; all distinct where every example is independent     examples : kept for novelty
    DevicesError on shapes that do not fit, features that are not finite, or fewer than two classes.
    """
    return _trained(features, labels, groups, seed, trees, examples, False, _silent)[0]


def train_validated(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int, trees: int = TREES,
                    examples: int = EXAMPLES_MAX, progress: Callable[[float], None] = lambda share: None
                    ) -> tuple[Model, Validation]:
    """Return what `train` does, and what its folds say of the examples. progress : is told the share done"""
    return _trained(features, labels, groups, seed, trees, examples, True, progress)


def _silent(share: float) -> None:
    pass


def _trained(features, labels, groups, seed, trees, examples, validated, progress) -> tuple[Model, Validation | None]:
    features, labels, groups = np.asarray(features, dtype=np.float64), np.asarray(labels), np.asarray(groups)
    if features.ndim != 2 or labels.shape != (len(features),) or groups.shape != labels.shape:
        raise DevicesError(f'features {features.shape}, labels {labels.shape} and groups {groups.shape} do not fit')
    if not np.isfinite(features).all():
        raise DevicesError(f'example {np.flatnonzero(~np.isfinite(features).all(axis=1))[0]} is not finite')
    classes, of = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise DevicesError(f'a model tells classes apart; {len(classes)} is taught')
    folds = _folds(features, of, groups, seed, progress)
    chosen = blend, penalty, temperature, sharpness = _choose(folds)
    weight = even_weights(of, groups)
    ranks = Ranks.of(features)
    weights = np.zeros((features.shape[1] + 1, len(classes)))
    if blend:
        weights = _regress(ranks(features), of, weight, len(classes), PENALTIES[penalty])
    made = Model(tuple(classes.tolist()), grow(features, of, weight, trees, seed), ranks, weights, blend, temperature,
                 sharpness, Novelty.of(features, of, groups, _dealt(of, examples, seed)))
    progress(1.0)
    if not validated:
        return made, None
    return made, _judged(folds, features, of, groups, chosen, examples, seed)


def _dealt(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Return the rows kept for novelty: at most about `count`, every class among them."""
    kept = np.random.default_rng(seed).permutation(len(labels))[:count]
    return np.union1d(kept, np.unique(labels, return_index=True)[1])


def even_weights(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return (n,) weights of mean one: groups of a class count the same, classes by the root of their groups."""
    _, unit, count = np.unique(np.stack([labels, np.unique(groups, return_inverse=True)[1]]), axis=1,
                               return_inverse=True, return_counts=True)
    weight = 1 / count[unit.ravel()]
    weight /= np.sqrt(np.bincount(labels, weights=weight))[labels]
    return weight / weight.mean()


@dataclass(frozen=True, eq=False)
class _Fold:
    """inside, outside : (n,) bool     present : classes inside     forest : (outside, present) probabilities
    lines : (penalties, outside, present)
    """

    inside: np.ndarray
    outside: np.ndarray
    present: np.ndarray
    truth: np.ndarray
    forest: np.ndarray
    lines: np.ndarray


def _folds(features, labels, groups, seed: int, progress) -> list[_Fold]:
    """Judge each fold by what was learnt from the others; groups stay together."""
    fold, out = _deal(labels, groups, seed), []
    for k in range(FOLDS):
        progress(k / (FOLDS + 1))
        inside, outside = fold != k, fold == k
        present = np.unique(labels[inside])
        outside &= np.isin(labels, present)
        if len(present) < 2 or not outside.any():
            continue
        local = np.searchsorted(present, labels)
        weight, ranks = even_weights(local[inside], groups[inside]), Ranks.of(features[inside])
        forest = grow(features[inside], local[inside], weight, FOLD_TREES, seed + 1 + k)
        learnt, asked = ranks(features[inside]), ranks(features[outside])
        weights = [_regress(learnt, local[inside], weight, len(present), penalty) for penalty in PENALTIES]
        lines = np.stack([softmax(asked @ w[:-1] + w[-1]) for w in weights])
        out.append(_Fold(inside, outside, present, local[outside], forest.probability(features[outside]), lines))
    return out


def _choose(folds: list[_Fold]) -> tuple[float, int, float, float]:
    """Return blend, which penalty, temperature and sharpness of least log loss; the last two for the first two.

    Where all was right nothing bounds how sure to be: one slip more is reckoned with (Platt 1999).
    """
    judged = sum(len(fold.truth) for fold in folds)
    if judged < 10:
        return 0.0, 0, 1.0, 0.0
    loss = {}
    for blend in BLENDS:
        for penalty in range(len(PENALTIES)) if blend else (0,):
            before = [softmax(_blend(f.forest, f.lines[penalty], blend)) for f in folds]
            for t in TEMPERATURES:
                loss[blend, penalty, float(t)] = _loss(folds, before, float(t), 0.0)
    blend, penalty, _ = min(loss, key=loss.get)
    before = [softmax(_blend(f.forest, f.lines[penalty], blend)) for f in folds]
    return blend, penalty, *min(((float(t), sharp) for sharp in SHARPNESS for t in TEMPERATURES),
                                key=lambda pair: _loss(folds, before, *pair, 1 / (judged + 2)))


def _loss(folds: list[_Fold], before: list[np.ndarray], temperature: float, sharpness: float, slip: float = 0.0
          ) -> float:
    true = np.concatenate([_calibrated(share, temperature, sharpness)[np.arange(len(f.truth)), f.truth]
                           for share, f in zip(before, folds, strict=True)])
    return -float(((1 - slip) * np.log(true + 1e-9) + slip * np.log(1 - true + 1e-9)).sum())


def _judged(folds: list[_Fold], features, labels, groups, chosen, examples, seed) -> Validation:
    blend, penalty, temperature, sharpness = chosen
    tested, novelty = np.zeros(len(labels), dtype=bool), np.full(len(labels), np.nan)
    probability = np.zeros((len(labels), labels.max() + 1))
    for fold in folds:
        before = softmax(_blend(fold.forest, fold.lines[penalty], blend))
        found = _calibrated(before, temperature, sharpness)
        local = np.searchsorted(fold.present, labels[fold.inside])
        near = Novelty.of(features[fold.inside], local, groups[fold.inside], _dealt(local, examples, seed))
        tested |= fold.outside
        probability[np.ix_(fold.outside, fold.present)] = found
        novelty[fold.outside] = near.score(features[fold.outside], before)
    return Validation(tested, probability, novelty)


def _deal(labels, groups, seed: int) -> np.ndarray:
    """Return the fold of each example: groups whole, those of one class (their commonest) dealt round."""
    names, group = np.unique(groups, return_inverse=True)
    held = np.zeros((len(names), labels.max() + 1), dtype=int)
    np.add.at(held, (group, labels), 1)
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(held.argmax(axis=1)[order], kind='stable')]
    fold = np.empty(len(names), dtype=int)
    fold[order] = np.arange(len(names)) % FOLDS
    return fold[group]


def _regress(scores, labels, weight, classes: int, penalty: float = PENALTIES[0]) -> np.ndarray:
    """Return (d + 1, classes) weights of a logistic regression, the bias last."""
    from sklearn.linear_model import LogisticRegression
    fitted = LogisticRegression(C=penalty, max_iter=100, tol=1e-3).fit(scores, labels, sample_weight=weight)
    weights = np.vstack([fitted.coef_.T, fitted.intercept_])
    return weights if classes > 2 else np.hstack([-weights / 2, weights / 2])


def _blend(forest: np.ndarray, line: np.ndarray | None, blend: float) -> np.ndarray:
    log = (1 - blend) * np.log(forest + FLOOR)
    return log if line is None else log + blend * np.log(line + FLOOR)


def _calibrated(share: np.ndarray, temperature: float, sharpness: float) -> np.ndarray:
    """Return probabilities of shares (m, classes); their order stays. Odds p^(1/temperature) / (1 − p)^sharpness"""
    doubt = np.log(1 - share + DOUBT_MIN)
    return softmax(np.log(share + LEAST) / temperature - sharpness * doubt)
