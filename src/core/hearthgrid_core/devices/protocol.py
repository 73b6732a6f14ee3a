"""How well something is recognised: who is left out, and what the answers are worth."""
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .examples import DevicesError

BINS = 15


def kfold(labels: np.ndarray, folds: int, seed: int) -> Iterator[np.ndarray]:
    """Yield test masks (n,): every example is tested once, the classes dealt evenly. DevicesError with too few."""
    if not 2 <= folds <= len(labels):
        raise DevicesError(f'{folds} folds of {len(labels)} examples')
    random, hand, begin = np.random.default_rng(seed), np.empty(len(labels), dtype=int), 0
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        hand[rows] = (begin + np.arange(len(rows))) % folds
        begin += len(rows)
    for fold in range(folds):
        yield hand == fold


def split(labels: np.ndarray, train: int, seed: int) -> np.ndarray:
    """Return one test mask (n,): all but `train` examples of each class. DevicesError where a class has no more."""
    random, test = np.random.default_rng(seed), np.ones(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if train < 1 or len(rows) <= train:
            raise DevicesError(f'{label!r} has {len(rows)} examples, of which {train} cannot be for training')
        test[random.permutation(rows)[:train]] = False
    return test


def leave_group_out(groups: np.ndarray) -> Iterator[np.ndarray]:
    """Yield one test mask (n,) a group. DevicesError with fewer than two groups."""
    names = np.unique(groups)
    if len(names) < 2:
        raise DevicesError('leaving a group out needs two groups')
    for name in names:
        yield groups == name


@dataclass(frozen=True)
class ClassScore:
    """One row of the table. recall_low, recall_high : 95 % interval (Wilson)."""

    name: str
    count: int
    precision: float
    recall: float
    f1: float
    recall_low: float
    recall_high: float


@dataclass(frozen=True, eq=False)
class Scores:
    """accuracy_low, accuracy_high : 95 % (Wilson)     confusion : (c, c) counts, truth by row
    calibration_error : expected, of the likeliest class, 15 equal bins of probability (Guo et al. 2017)
    """

    classes: tuple[str, ...]
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    macro_f1: float
    calibration_error: float
    confusion: np.ndarray
    table: tuple[ClassScore, ...]


def score(truth: np.ndarray, probability: np.ndarray, classes) -> Scores:
    """Return what answers are worth.

    truth : (n,) names among `classes`     probability : (n, c), columns as `classes`
    Macro-F1 is over the classes that occur in `truth`. DevicesError on shapes or names that do not fit.
    """
    classes = [str(name) for name in classes]
    if not len(truth) or np.shape(probability) != (len(truth), len(classes)):
        raise DevicesError(f'{len(truth)} truths, {len(classes)} classes, probabilities {np.shape(probability)}')
    if set(map(str, truth)) - set(classes):
        raise DevicesError(f'no class is called {sorted(set(map(str, truth)) - set(classes))[0]!r}')
    true = np.array([classes.index(str(name)) for name in truth])
    found = probability.argmax(axis=1)
    confusion = np.zeros((len(classes),) * 2, dtype=int)
    np.add.at(confusion, (true, found), 1)
    rows = []
    for k, name in enumerate(classes):
        count, said, right = confusion[k].sum(), confusion[:, k].sum(), confusion[k, k]
        rows.append(ClassScore(name, int(count), right / said if said else 0.0, right / count if count else np.nan,
                               2 * right / (said + count) if said + count else np.nan, *wilson(right, count)))
    right = found == true
    return Scores(tuple(classes), right.mean(), *wilson(right.sum(), len(right)),
                  float(np.mean([row.f1 for row in rows if row.count])),
                  calibration_error(probability.max(axis=1), right), confusion, tuple(rows))


def wilson(right: float, count: float, z: float = 1.96) -> tuple[float, float]:
    """Return the interval a share may lie in (Wilson 1927, doi:10.2307/2276774); 0 … 1 of nothing."""
    if not count:
        return 0.0, 1.0
    share = right / count
    middle = (share + z ** 2 / (2 * count)) / (1 + z ** 2 / count)
    half = z / (1 + z ** 2 / count) * np.sqrt(share * (1 - share) / count + z ** 2 / (4 * count ** 2))
    return max(0.0, middle - half), min(1.0, middle + half)


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return how far confidence is from the share that is right, weighted over `BINS` bins. [1]"""
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(bins, weights=confidence - right, minlength=BINS)
    return float(np.abs(gap).sum() / len(confidence))


def calibration_floor(confidence: np.ndarray, generator: np.random.Generator, tries: int = 400) -> tuple[float, float]:
    """Return mean and 95 % quantile of the calibration error that chance alone makes.

    Of answers that are right exactly as often as they say: few examples in a bin scatter, whatever the model. An error
    below the quantile is no evidence against the model, and one below the mean none against perfection.
    """
    right = generator.random((tries, len(confidence))) < confidence
    errors = [calibration_error(confidence, row) for row in right]
    return float(np.mean(errors)), float(np.quantile(errors, 0.95))


def calibration_squared(confidence: np.ndarray, right: np.ndarray) -> float:
    """Return the mean square of how far confidence is from the share that is right, chance taken off. [1]

    In `BINS` bins of as many answers each, less what scatters within a bin (Kumar, Liang, Ma 2019, arXiv:1909.10155):
    0 on average for a perfect model, whatever the number of answers, and so as often below as above it. DevicesError
    with fewer than two answers.
    """
    square, scatter = _squares(confidence, right)
    return square - scatter


def _squares(confidence, right) -> tuple[float, float]:
    """Return the mean squared gap of the bins, and what of it chance makes."""
    if len(confidence) < 2:
        raise DevicesError(f'calibration of {len(confidence)} answers')
    gap = (confidence - right)[np.argsort(confidence, kind='stable')]
    edge = np.linspace(0, len(gap), min(BINS, len(gap) // 2) + 1).round().astype(int)     # two or more in each
    count, total = np.diff(edge), np.add.reduceat(gap, edge[:-1])
    # the variance of a mean, as the sample itself says it without bias
    scatter = (np.add.reduceat(gap ** 2, edge[:-1]) - total ** 2 / count) / (count - 1) / count
    return float(count @ (total / count) ** 2 / len(gap)), float(count @ scatter / len(gap))


@dataclass(frozen=True)
class Calibration:
    """What probabilities are worth, with 95 % intervals. [1]

    error, error_low, error_high : `calibration_error`; above 0 for a perfect model too
    chance, chance_high : `calibration_floor`, what it is for a perfect one
    debiased, debiased_low, debiased_high : root of `calibration_squared`, below zero where that is; about 0 for a
    perfect model. A root mean square is never below the mean that `error` estimates, so it judges more strictly.
    """

    error: float
    error_low: float
    error_high: float
    chance: float
    chance_high: float
    debiased: float
    debiased_low: float
    debiased_high: float


def calibration(confidence: np.ndarray, right: np.ndarray, generator: np.random.Generator,
                groups: np.ndarray | None = None, tries: int = 1000) -> Calibration:
    """Return calibration with intervals from the bootstrap. DevicesError with fewer than two answers.

    confidence : (n,) of the likeliest class     right : (n,) bool     groups : (n,) what is drawn whole, such as the
    house whose answers go wrong together; None = each answer for itself
    The error's interval holds 95 % of the redrawn errors. The debiased one's is turned about the estimate (the basic
    bootstrap): what is redrawn scatters about the square with chance in it.
    """
    square, scatter = _squares(confidence, right)
    member = np.arange(len(confidence)) if groups is None else np.unique(groups, return_inverse=True)[1]
    rows = np.split(np.argsort(member, kind='stable'), np.cumsum(np.bincount(member))[:-1])
    plain, squared = np.empty(tries), np.empty(tries)
    for k in range(tries):
        drawn = np.concatenate([rows[g] for g in generator.integers(len(rows), size=len(rows))])
        if len(drawn) < 2:
            plain[k], squared[k] = calibration_error(confidence, right), square - scatter
            continue
        plain[k] = calibration_error(confidence[drawn], right[drawn])
        squared[k] = calibration_squared(confidence[drawn], right[drawn])
    low, high = square - scatter - (np.quantile(squared, (0.975, 0.025)) - square)
    return Calibration(calibration_error(confidence, right), *map(float, np.quantile(plain, (0.025, 0.975))),
                       *calibration_floor(confidence, generator), _root(square - scatter), max(0.0, _root(low)),
                       max(0.0, _root(high)))


def _root(square: float) -> float:
    return float(np.sign(square) * np.sqrt(abs(square)))


def roc_area(strange: np.ndarray, known: np.ndarray) -> float:
    """Return the probability that a strange example scores above a known one, ties half. (Mann–Whitney)"""
    if not (len(strange) and len(known)):
        raise DevicesError('the area needs both kinds')
    order = np.sort(known)
    below, upto = (np.searchsorted(order, strange, side=side).mean() for side in ('left', 'right'))
    return float((below + upto) / 2 / len(known))
