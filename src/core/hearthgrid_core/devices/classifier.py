"""From labelled signatures to a judge of new ones: type, then unit, and whether it is like anything learnt at all.

Two opinions are blended. A forest of extremely randomised trees (Geurts et al. 2006, doi:10.1007/s10994-006-6226-1) is
the better judge between known classes; distance to the nearest example, in a space whitened by the scatter within units
(shrunk towards a prior, so that one example is enough to begin), works from the first label on and says how far off a
signature is. Cross-validation over groups of examples sets the temperature of the probabilities and the bound beyond
which the answer is "unknown".
"""
from dataclasses import dataclass

import numpy as np

from .examples import DevicesError, Taught, squared_distances
from .settings import IdentifierSettings
from .view import appliance_view

PRIOR_NOISE = 0.1       # of every feature of the view between two looks at one unit, before anything is learnt
PRIOR_WEIGHT = 10.0     # independent looks the prior counts for
PRIOR_NOVELTY = np.log(3.0)   # bound on novelty before anything is learnt: three times as far as usual
SHRINKAGE = 0.3         # of the covariance towards its diagonal
SCALE_QUANTILE = 0.75
SCALE_WEIGHT = 4.0      # looks that the mean of all classes counts for in the scale of one
FOREST_WEIGHT = 0.85    # of the forest's logarithm in the blend
FOREST_FLOOR = 0.01     # no tree's silence rules a class out
FOREST_MIN = 2.0        # mean examples a class below which only distance judges
FOLDS, FOLD_TREES = 4, 16
TEMPERATURES = np.geomspace(0.25, 1.5, 13)


@dataclass(frozen=True, eq=False)
class Verdict:
    """What the classifier thinks of m signatures.

    type_probability : (m, types)     unit_probability : (m, units), each row sums to one
    novelty, unit_novelty : (m,) of the likeliest type and its likeliest unit; above zero = unlike it
    """

    type_probability: np.ndarray
    unit_probability: np.ndarray
    novelty: np.ndarray
    unit_novelty: np.ndarray


class Classifier:
    """Made by `fit`, immutable after; may be made in one thread and used in another."""

    def __init__(self, base: '_Base', units: list[tuple[str, str]], temperature: float, bound: float,
                 unit_bound: float) -> None:
        self.units = units
        self.types = base.types
        self._base, self._temperature, self._bound, self._unit_bound = base, temperature, bound, unit_bound

    def judge(self, vectors: np.ndarray) -> Verdict:
        """Return the verdict on vectors (m, features)."""
        opinion = self._base.opinion(self._base.view(vectors))
        by_unit = softmax(opinion.log_probability / self._temperature)
        by_type = by_unit @ self._base.member
        unit = _best_unit_of(by_type.argmax(axis=1), by_unit, self._base.type_of)
        rows = np.arange(len(unit))
        return Verdict(by_type, by_unit, opinion.novelty() - self._bound,
                       np.log(opinion.unit_ratio[rows, unit]) - self._unit_bound)

    def unlike(self, vector: np.ndarray, type: str, model: str) -> float:
        """Return how unlike one unit a vector (features,) is: above zero = unlike; NaN where the unit is not known."""
        try:
            unit = self.units.index((type, model))
        except ValueError:
            return np.nan
        opinion = self._base.opinion(self._base.view(vector[None]))
        return float(np.log(opinion.unit_ratio[0, unit]) - self._unit_bound)


def fit(taught: Taught, settings: IdentifierSettings, view=appliance_view) -> Classifier:
    """Return the classifier these examples make, at least one. Deterministic. DevicesError when there are none.

    view : from vectors (m, features) to what is compared, on scales where noise is about even
    """
    if not len(taught.vectors):
        raise DevicesError('nothing was taught yet')
    pairs = list(zip(taught.types.tolist(), taught.models.tolist(), strict=True))
    units = list(dict.fromkeys(pairs))
    labels = np.array([units.index(pair) for pair in pairs])
    seen = view(taught.vectors)
    base = _Base(seen, labels, taught.groups, units, view, settings.trees, settings.seed)
    return Classifier(base, units, *_validate(seen, labels, taught.groups, units, view, settings))


def _validate(seen, labels, groups, units, view, settings) -> tuple[float, float, float]:
    """Return temperature, bound on novelty, bound on unit novelty: from folds that keep groups together."""
    fold = _folds(labels, groups)
    type_novelty, unit_novelty, logs, truths = [], [], [], []
    for k in range(FOLDS):
        inside, outside = fold != k, fold == k
        present = np.unique(labels[inside])
        outside &= np.isin(labels, present)
        if not outside.any():
            continue
        local = np.searchsorted(present, labels)
        base = _Base(seen[inside], local[inside], groups[inside], [units[u] for u in present], view, FOLD_TREES,
                     settings.seed + 1 + k)
        opinion, truth = base.opinion(seen[outside]), local[outside]
        rows = np.arange(len(truth))
        right = opinion.type_probability.argmax(axis=1) == base.type_of[truth]
        type_novelty.append(opinion.novelty()[right])
        unit_novelty.append(np.log(opinion.unit_ratio[rows, truth]))
        logs.append(opinion.log_probability)
        truths.append(truth)
    return (_temperature(logs, truths), _bound(type_novelty, settings.false_unknown),
            _bound(unit_novelty, settings.false_unknown))


def _folds(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the fold of each example: the groups of a unit are dealt round, a group is never split."""
    fold = np.empty(len(labels), dtype=int)
    dealt: dict[tuple[int, int], int] = {}
    hands: dict[int, int] = {}
    for row, key in enumerate(zip(labels.tolist(), groups.tolist(), strict=True)):
        if key not in dealt:
            dealt[key] = hands.get(key[0], 0) % FOLDS
            hands[key[0]] = hands.get(key[0], 0) + 1
        fold[row] = dealt[key]
    return fold


def _bound(novelty: list[np.ndarray], false_unknown: float) -> float:
    scores = np.concatenate(novelty) if novelty else np.empty(0)
    if not scores.size:
        return PRIOR_NOVELTY
    own = float(np.quantile(scores, 1 - false_unknown))
    return (scores.size * own + PRIOR_WEIGHT * max(own, PRIOR_NOVELTY)) / (scores.size + PRIOR_WEIGHT)


def _temperature(logs: list[np.ndarray], truths: list[np.ndarray]) -> float:
    """Return the temperature of least log loss, one where there is nothing to learn it from."""
    if sum(map(len, truths)) < PRIOR_WEIGHT:
        return 1.0
    loss = [-sum(np.log(softmax(log / t)[np.arange(len(truth)), truth] + 1e-9).sum()
                 for log, truth in zip(logs, truths, strict=True)) for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(loss))])


def softmax(logs: np.ndarray) -> np.ndarray:
    odds = np.exp(logs - logs.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def _best_unit_of(type: np.ndarray, by_unit: np.ndarray, type_of: np.ndarray) -> np.ndarray:
    return np.where(type_of[None, :] == type[:, None], by_unit, -1.0).argmax(axis=1)


@dataclass(frozen=True, eq=False)
class _Opinion:
    """log_probability, unit_ratio : (m, units)     type_probability, type_ratio : (m, types)

    A ratio is the distance to the nearest example over what is usual in that class.
    """

    log_probability: np.ndarray
    unit_ratio: np.ndarray
    type_probability: np.ndarray
    type_ratio: np.ndarray

    def novelty(self) -> np.ndarray:
        """Return (m,): far from the likeliest type's examples, or torn between types."""
        best = self.type_probability.argmax(axis=1)
        rows = np.arange(len(best))
        return np.log(self.type_ratio[rows, best]) - np.log(self.type_probability[rows, best])


class _Base:
    """Whitened space, scales and forest of one set of examples."""

    def __init__(self, seen, labels, groups, units, view, trees: int, seed: int) -> None:
        self.view = view
        self.types = list(dict.fromkeys(type for type, _ in units))
        self.type_of = np.array([self.types.index(type) for type, _ in units])
        self.member = np.eye(len(self.types))[self.type_of]
        self._labels = labels
        self._whiten = _whitening(seen, labels, groups)
        self._points = seen @ self._whiten
        apart = np.sqrt(squared_distances(self._points, self._points))
        apart[groups[:, None] == groups] = np.inf
        blank = np.sqrt(2.0 * seen.shape[1])
        self._unit_scale = _scales(apart, labels, len(units), blank)
        self._type_scale = _scales(apart, self.type_of[labels], len(self.types), blank)
        self._trees = _forest(seen, labels, trees, seed) if len(labels) >= FOREST_MIN * len(units) > FOREST_MIN else []

    def opinion(self, seen: np.ndarray) -> _Opinion:
        apart = np.sqrt(squared_distances(seen @ self._whiten, self._points))
        units, types = len(self.type_of), len(self.types)
        nearest = np.stack([apart[:, self._labels == unit].min(axis=1) for unit in range(units)], axis=1)
        nearest_type = np.stack([nearest[:, self.type_of == type].min(axis=1) for type in range(types)], axis=1)
        unit_ratio = np.maximum(nearest / self._unit_scale, 1e-3)
        log = -2.0 * np.log1p(unit_ratio ** 2)
        log -= np.log(np.exp(log).sum(axis=1, keepdims=True))
        if self._trees:
            rows = np.ascontiguousarray(seen, dtype=np.float32)
            votes = sum(tree.predict(rows).reshape(len(rows), units) for tree in self._trees) / len(self._trees)
            log = FOREST_WEIGHT * np.log(votes + FOREST_FLOOR) + (1 - FOREST_WEIGHT) * log
        return _Opinion(log, unit_ratio, softmax(log) @ self.member,
                        np.maximum(nearest_type / self._type_scale, 1e-3))


def _whitening(seen: np.ndarray, labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return (d, d) that makes the scatter within units round.

    The scatter counts for as many looks as there are independent groups beyond one a unit, the prior for its own.
    """
    scatter = np.zeros((seen.shape[1],) * 2)
    looks = 0
    for unit in np.unique(labels):
        own = seen[labels == unit]
        own = own - own.mean(axis=0)
        scatter += own.T @ own
        looks += len(np.unique(groups[labels == unit])) - 1
    scatter /= max(1, len(seen) - len(np.unique(labels)))
    scatter = (1 - SHRINKAGE) * scatter + SHRINKAGE * np.diag(np.diag(scatter))
    prior = PRIOR_NOISE ** 2 * np.eye(len(scatter))
    size, axes = np.linalg.eigh((looks * scatter + PRIOR_WEIGHT * prior) / (looks + PRIOR_WEIGHT))
    return axes / np.sqrt(np.maximum(size, 1e-8))


def _scales(apart: np.ndarray, labels: np.ndarray, count: int, blank: float) -> np.ndarray:
    """Return (count,) usual distances to the nearest example of the same class in another group.

    apart : (n, n), infinite within a group.     blank : the answer while no class has two groups
    """
    nearest = np.where(labels[:, None] == labels, apart, np.inf).min(axis=1)
    found = np.isfinite(nearest)
    if not found.any():
        return np.full(count, blank)
    nearest = np.log(np.maximum(nearest, 1e-3 * blank))
    pooled = np.quantile(nearest[found], SCALE_QUANTILE)
    pooled = (found.sum() * pooled + PRIOR_WEIGHT * np.log(blank)) / (found.sum() + PRIOR_WEIGHT)
    out = np.full(count, pooled)
    for k in range(count):
        own = nearest[found & (labels == k)]
        if own.size:
            out[k] = (own.size * np.quantile(own, SCALE_QUANTILE) + SCALE_WEIGHT * pooled) / (own.size + SCALE_WEIGHT)
    return np.exp(out)


def _forest(seen: np.ndarray, labels: np.ndarray, trees: int, seed: int) -> list:
    """Return fitted trees, each with `predict(float32 (m, d))` → class shares."""
    from sklearn.ensemble import ExtraTreesClassifier  # slow to import, and only who learns needs it
    forest = ExtraTreesClassifier(trees, class_weight='balanced', random_state=seed).fit(seen, labels)
    return [tree.tree_ for tree in forest.estimators_]
