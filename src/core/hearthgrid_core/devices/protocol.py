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


def roc_area(strange: np.ndarray, known: np.ndarray) -> float:
    """Return the probability that a strange example scores above a known one, ties half. (Mann–Whitney)"""
    if not (len(strange) and len(known)):
        raise DevicesError('the area needs both kinds')
    order = np.sort(known)
    below, upto = (np.searchsorted(order, strange, side=side).mean() for side in ('left', 'right'))
    return float((below + upto) / 2 / len(known))
