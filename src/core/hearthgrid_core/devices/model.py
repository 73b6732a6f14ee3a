"""From any table of features to types with calibrated probability, and how unlike anything learnt something is.

A forest of extremely randomised trees, each group and class counting evenly, and where it helps a logistic regression
on ranks: its straight lines reach further than a tree's steps where the groups learnt from are few. Cross-validation
that keeps groups apart, inside the training examples, decides whether it helps and sets the temperature of the
probabilities (Guo et al. 2017). Novelty is the distance to the nearest example over what is usual in its class.
"""
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from .classifier import softmax
from .examples import DevicesError
from .forest import Forest, grow

MODEL_VERSION = 1
TREES, FOLD_TREES, FOLDS = 200, 60, 8
BLENDS = (0.0, 0.3, 0.5)    # weight of the logistic regression
FLOOR = 0.01                # no silence of one part rules a class out
PENALTY = 0.003             # inverse strength on weights of the logistic regression
KNOTS, RANK_MAX = 65, 2.5
TEMPERATURES = np.geomspace(0.2, 2.0, 25)
TORN = 2.0                  # weight of being torn between classes in novelty
NOISE_SHARE = 0.05          # of a feature's whole deviation, that of within a class is at least
EXAMPLES_MAX = 4000         # kept for novelty, dealt evenly


@dataclass(frozen=True, eq=False)
class Ranks:
    """Each feature's rank among the training examples, as a normal score. knots : (KNOTS, d), rising"""

    knots: np.ndarray

    @classmethod
    def of(cls, features: np.ndarray) -> 'Ranks':
        return cls(np.quantile(features, np.linspace(0, 1, KNOTS), axis=0))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        share = np.linspace(0, 1, KNOTS)
        out = np.empty(features.shape)
        for k, knots in enumerate(self.knots.T):
            # ties take the middle of their ranks, from either side
            out[:, k] = np.interp(features[:, k], knots, share)
            out[:, k] += 1 - np.interp(-features[:, k], -knots[::-1], share)
        return np.clip(ndtri(np.clip(out / 2, 1e-4, 1 - 1e-4)), -RANK_MAX, RANK_MAX)


@dataclass(frozen=True, eq=False)
class Model:
    """Made by `train` or `from_state`; immutable.

    classes : names     groups : how many it learnt from     weights : (d + 1, classes), bias last
    blend : of the regression [1]     temperature : [1]
    noise : (d,) deviation within a class     examples : (k, d) features over noise     example_class : (k,)
    usual : (classes,) distance to the next example
    """

    classes: tuple[str, ...]
    forest: Forest
    ranks: Ranks
    weights: np.ndarray
    blend: float
    temperature: float
    noise: np.ndarray
    examples: np.ndarray
    example_class: np.ndarray
    usual: np.ndarray

    @property
    def features(self) -> int:
        return self.ranks.knots.shape[1]

    def probability(self, features: np.ndarray) -> np.ndarray:
        """Return (m, classes) of features (m, d), rows summing to one. DevicesError on another shape or NaN."""
        features = self._checked(features)
        return softmax(_blend(self.forest.probability(features), self._line(features), self.blend) / self.temperature)

    def novelty(self, features: np.ndarray) -> np.ndarray:
        """Return (m,): how far off the likeliest class's examples, and how torn between classes; larger = stranger."""
        features = self._checked(features)
        likely = self.probability(features)
        best, scaled = likely.argmax(axis=1), features / self.noise
        near = np.array([_distance(self.examples[self.example_class == c], row).min()
                         for row, c in zip(scaled, best, strict=True)])
        return np.log(np.maximum(near, 1e-3) / self.usual[best]) - TORN * self.temperature * np.log(likely.max(axis=1))

    def state(self) -> dict[str, np.ndarray]:
        """Return plain arrays for `from_state`; no pickle is needed to save them."""
        return {'model_version': np.array(MODEL_VERSION), 'classes': np.array(self.classes),
                'knots': self.ranks.knots, **{name: np.asarray(getattr(self, name)) for name in _ARRAYS},
                **self.forest.state()}

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
                  'noise': (width,), 'examples': (kept, width), 'example_class': (kept,), 'usual': (count,)}
        for name, shape in wanted.items():
            array, kind = arrays[name], 'i' if name == 'example_class' else 'f'
            if array.shape != shape or array.dtype.kind != kind or not np.isfinite(array).all():
                raise DevicesError(f'the saved {name} are {array.dtype} {array.shape}, not finite {shape}')
        if classes.ndim != 1 or classes.dtype.kind != 'U' or not count or len(set(classes.tolist())) != count:
            raise DevicesError('the saved classes are not distinct names')
        if not (width and arrays['temperature'] > 0 and 0 <= arrays['blend'] <= 1 and (arrays['usual'] > 0).all()
                and (arrays['noise'] > 0).all()
                and (np.diff(arrays['knots'], axis=0) >= 0).all()
                and set(arrays['example_class'].tolist()) == set(range(count))):
            raise DevicesError('the saved model is damaged')
        return cls(tuple(classes.tolist()), Forest.from_state(state, width, count), Ranks(arrays['knots']),
                   arrays['weights'], float(arrays['blend']), float(arrays['temperature']), arrays['noise'],
                   arrays['examples'], arrays['example_class'], arrays['usual'])

    def _line(self, features: np.ndarray) -> np.ndarray | None:
        return softmax(self.ranks(features) @ self.weights[:-1] + self.weights[-1]) if self.blend else None

    def _checked(self, features) -> np.ndarray:
        features = np.asarray(features, dtype=np.float64)
        if features.ndim != 2 or features.shape[1] != self.features or not np.isfinite(features).all():
            raise DevicesError(f'the model takes finite rows of {self.features} features, not {features.shape}')
        return features


_ARRAYS = ('weights', 'blend', 'temperature', 'noise', 'examples', 'example_class', 'usual')


def train(features: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int, trees: int = TREES) -> Model:
    """Return a model. Deterministic.

    features : (n, d)     labels : (n,) names, at least two     groups : (n,) what must not be on both sides of a test,
    such as the device or the house; all distinct where every example is independent
    DevicesError on shapes that do not fit, features that are not finite, or fewer than two classes.
    """
    features, labels, groups = np.asarray(features, dtype=np.float64), np.asarray(labels), np.asarray(groups)
    if features.ndim != 2 or labels.shape != (len(features),) or groups.shape != labels.shape:
        raise DevicesError(f'features {features.shape}, labels {labels.shape} and groups {groups.shape} do not fit')
    if not np.isfinite(features).all():
        raise DevicesError(f'example {np.flatnonzero(~np.isfinite(features).all(axis=1))[0]} is not finite')
    classes, of = np.unique(labels, return_inverse=True)
    if len(classes) < 2:
        raise DevicesError(f'a model tells classes apart; {len(classes)} is taught')
    blend, temperature = _validate(features, of, groups, seed)
    weight = even_weights(of, groups)
    ranks = Ranks.of(features)
    weights = np.zeros((features.shape[1] + 1, len(classes)))
    if blend:
        weights = _regress(ranks(features), of, weight, len(classes))
    kept = np.sort(np.random.default_rng(seed).permutation(len(of))[:EXAMPLES_MAX])
    kept = np.union1d(kept, np.unique(of, return_index=True)[1])
    noise = _noise(features, of)
    examples = features[kept] / noise
    return Model(tuple(classes.tolist()), grow(features, of, weight, trees, seed), ranks, weights, blend, temperature,
                 noise, examples, of[kept], _usual(examples, of[kept], groups[kept], len(classes)))


def even_weights(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return (n,) weights of mean one: groups of a class count the same, classes by the root of their groups."""
    _, unit, count = np.unique(np.stack([labels, np.unique(groups, return_inverse=True)[1]]), axis=1,
                               return_inverse=True, return_counts=True)
    weight = 1 / count[unit.ravel()]
    weight /= np.sqrt(np.bincount(labels, weights=weight))[labels]
    return weight / weight.mean()


def _validate(features, labels, groups, seed: int) -> tuple[float, float]:
    """Return blend and temperature of least log loss, from folds that keep groups together."""
    fold = _deal(labels, groups, seed)
    truths, parts = [], []
    for k in range(FOLDS):
        inside, outside = fold != k, fold == k
        present = np.unique(labels[inside])
        outside &= np.isin(labels, present)
        if len(present) < 2 or not outside.any():
            continue
        local = np.searchsorted(present, labels)
        weight, ranks = even_weights(local[inside], groups[inside]), Ranks.of(features[inside])
        forest = grow(features[inside], local[inside], weight, FOLD_TREES, seed + 1 + k)
        weights = _regress(ranks(features[inside]), local[inside], weight, len(present))
        line = softmax(ranks(features[outside]) @ weights[:-1] + weights[-1])
        parts.append((forest.probability(features[outside]), line))
        truths.append(local[outside])
    if sum(map(len, truths)) < 10:
        return 0.0, 1.0
    loss = {(blend, t): -sum(np.log(softmax(_blend(*part, blend) / t)[np.arange(len(truth)), truth] + 1e-9).sum()
                             for part, truth in zip(parts, truths, strict=True))
            for blend in BLENDS for t in TEMPERATURES}
    blend, temperature = min(loss, key=loss.get)
    return blend, float(temperature)


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


def _regress(scores, labels, weight, classes: int) -> np.ndarray:
    """Return (d + 1, classes) weights of a logistic regression, the bias last."""
    from sklearn.linear_model import LogisticRegression
    fitted = LogisticRegression(C=PENALTY, max_iter=100, tol=1e-3).fit(scores, labels, sample_weight=weight)
    weights = np.vstack([fitted.coef_.T, fitted.intercept_])
    return weights if classes > 2 else np.hstack([-weights / 2, weights / 2])


def _blend(forest: np.ndarray, line: np.ndarray | None, blend: float) -> np.ndarray:
    log = (1 - blend) * np.log(forest + FLOOR)
    return log if line is None else log + blend * np.log(line + FLOOR)


def _noise(features, labels) -> np.ndarray:
    """Return (d,) the deviation within classes, and a floor below which a feature is taken to be all alike."""
    means = np.stack([features[labels == c].mean(axis=0) for c in range(labels.max() + 1)])
    return np.sqrt(((features - means[labels]) ** 2).mean(axis=0) + (NOISE_SHARE * features.std(axis=0)) ** 2 + 1e-12)


def _distance(examples: np.ndarray, row: np.ndarray) -> np.ndarray:
    return np.sqrt(((examples - row) ** 2).mean(axis=1))


def _usual(scores, labels, groups, classes: int) -> np.ndarray:
    """Return (classes,) the upper quartile of the distance to the next example of the class in another group."""
    out, found = np.full(classes, np.nan), []
    for c in range(classes):
        own, whose = scores[labels == c], groups[labels == c]
        near = [_distance(own[whose != g], row).min() for row, g in zip(own, whose, strict=True)
                if (whose != g).any()]
        found += near
        if near:
            out[c] = np.quantile(near, 0.75)
    pooled = np.quantile(found, 0.75) if found else 1.0
    return np.maximum(np.where(np.isnan(out), pooled, np.sqrt(np.nan_to_num(out, nan=1.0) * pooled)), 1e-3)
