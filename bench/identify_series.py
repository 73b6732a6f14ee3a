"""Identification from power series: a house left out (100 Hz, three seconds), a device left out (4 s, a day).

One recipe and one way to train for both. Blend, penalty and calibration are chosen by cross-validation inside the
training part. Calibration is told twice: the plain error, which is above zero for a perfect model too, and without
chance; their intervals draw whole houses. A device can only be recognised where another of its type was learnt, so the
second protocol takes the types of two devices or more, device = type and plug. Baselines: forests and gradient boosting
on the same features; MiniRocket-style, 84 fixed kernels, dilations, and biases from the training part (Dempster et al.
2021, arXiv:2012.08791) on the whole series and on its longest run from the switch-on, with the logarithm of its size
and ridge regression.
"""
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np

from hearthgrid.benchmark import Result, recordings
from hearthgrid_core.devices.model import train
from hearthgrid_core.devices.protocol import Scores, calibration, leave_group_out, score
from hearthgrid_core.devices.series import series_features, switched_on

NAME = 'identify-series'
TREES, SEED = 100, 0
LENGTH, RIDGE = 512, 0.1


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about twenty minutes of a whole core."""
    root = recordings()
    return [*_houses(root, progress), *_devices(root, progress)]


def _houses(root: Path, progress) -> list[Result]:
    data = np.load(root / 'plaid2014_envelope' / 'plaid2014_train.npz')
    series = [row[:length] for row, length in zip(data['x'], data['length'], strict=True)]
    labels, units = data['label'], data['appliance']
    ours, probability, others = _measure('house', series, float(data['fs']), labels, data['house'], progress)
    names = np.unique(units)
    unit = float(np.mean([ours.classes[probability[units == u].mean(axis=0).argmax()] == labels[units == u][0]
                          for u in names]))
    worth = calibration(probability.max(axis=1), np.array(ours.classes)[probability.argmax(axis=1)] == labels,
                        np.random.default_rng(0), data['house'])
    progress(f'calibration error {worth.error_low:.4f} … {worth.error_high:.4f}, chance up to {worth.chance_high:.4f}, '
             f'without chance {worth.debiased_low:.4f} … {worth.debiased_high:.4f}')
    return [Result('house left out: accuracy', ours.accuracy, '', limit=.82, goal='≥ .82', holds=ours.accuracy >= .82),
            *(Result('house left out: accuracy', ours.accuracy, '', value, name, goal='told, no goal')
              for name, value in others.items()),
            Result('house left out: macro-F1', ours.macro_f1, '', limit=.74, goal='≥ .74', holds=ours.macro_f1 >= .74),
            Result('house left out: units', unit, '', limit=.80, goal='≥ .80', holds=unit >= .80),
            Result('house left out: calibration error', worth.error, '', worth.chance, 'by chance alone', .03,
                   goal='≤ .03', holds=worth.error <= .03),
            Result('house left out: calibration error without chance', worth.debiased, '', worth.debiased_high,
                   'upper end of its 95 %', .03, goal='≤ .03', holds=worth.debiased <= .03)]


def _devices(root: Path, progress) -> list[Result]:
    data = np.load(root / 'tracebase_4s' / 'tracebase_half.npz')
    labels = data['label']
    devices = np.array([f'{label}/{plug}' for label, plug in zip(labels, data['device'], strict=True)])
    chosen = np.array([len(np.unique(devices[labels == label])) > 1 for label in labels])
    ours, _, others = _measure('device', list(data['p'][chosen]), 1 / float(data['step_s']), labels[chosen],
                               devices[chosen], progress)
    return [Result('device left out: accuracy', ours.accuracy, '', limit=.62, goal='≥ .62',
                   holds=ours.accuracy >= .62),
            *(Result('device left out: accuracy', ours.accuracy, '', value, name, goal='told, no goal')
              for name, value in others.items()),
            Result('device left out: macro-F1', ours.macro_f1, '', goal='told, no goal')]


def _measure(what, series, rate, labels, left_out, progress) -> tuple[Scores, np.ndarray, dict[str, float]]:
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier, RandomForestClassifier
    progress(f'features of {len(series)} series')
    features = np.array([series_features(x, rate) for x in series])
    shapes = np.stack([_whole(series), _switched_on(series)])
    sizes = np.log([[x.max() + 1e-6, np.mean(x) + 1e-6] for x in series])
    classes = np.unique(labels)
    probability = np.zeros((len(labels), len(classes)))
    others = dict.fromkeys(('random forest', 'extra trees', 'gradient boosting', 'MiniRocket-style'), 0)
    judges = {'random forest': RandomForestClassifier(TREES, random_state=SEED),
              'extra trees': ExtraTreesClassifier(TREES, random_state=SEED),
              'gradient boosting': HistGradientBoostingClassifier(max_iter=40, max_leaf_nodes=8, max_bins=63,
                                                                  min_samples_leaf=5, random_state=SEED)}
    tests = list(leave_group_out(left_out))
    rocket = _rocket(shapes, sizes, labels, tests, progress)
    for k, test in enumerate(tests):
        progress(f'{what} {k + 1} of {len(tests)} left out')
        model = train(features[~test], labels[~test], left_out[~test], SEED, TREES)
        probability[np.ix_(test, np.searchsorted(classes, model.classes))] = model.probability(features[test])
        for name, judge in judges.items():
            others[name] += (judge.fit(features[~test], labels[~test]).predict(features[test]) == labels[test]).sum()
        others['MiniRocket-style'] += (rocket[test] == labels[test]).sum()
    return score(labels, probability, classes), probability, {k: float(v / len(labels)) for k, v in others.items()}


def _whole(series) -> np.ndarray:
    """Return (n, LENGTH) series of one length, each over its own deviation."""
    return _even(np.stack([np.interp(np.linspace(0, len(x) - 1, LENGTH), np.arange(len(x)), x) for x in series]))


def _switched_on(series) -> np.ndarray:
    """Return (n, LENGTH) the longest run of each from just before it is switched on, the last value held."""
    out = []
    for x in series:
        begin, end = switched_on(np.maximum(x, 0.0), float(np.quantile(x, 0.02)), float(np.max(x)))
        longest = int(np.argmax(end - begin))
        run = x[max(0, begin[longest] - 8):end[longest]][:LENGTH]
        out.append(np.pad(run, (0, LENGTH - len(run)), mode='edge'))
    return _even(np.stack(out))


def _even(shapes: np.ndarray) -> np.ndarray:
    shapes = shapes.astype(float)
    return ((shapes - shapes.mean(axis=1, keepdims=True)) / (shapes.std(axis=1, keepdims=True) + 1e-9)).astype(
        np.float32)


def _rocket(shapes, sizes, labels, tests, progress) -> np.ndarray:
    """Return (n,) the answer to each series by what was learnt without it; every kernel is run once for all tests.

    shapes : (representations, n, LENGTH)     sizes : (n, k)     tests : masks (n,)
    """
    random, at = [np.random.default_rng(SEED) for _ in tests], [np.flatnonzero(~test) for test in tests]
    columns = np.empty((len(tests), len(shapes) * 6 * 84, len(labels)), dtype=np.float32)
    k = 0
    for these in shapes:
        for dilation in (1, 2, 4, 8, 16, 32):
            progress(f'kernels, {k} of {columns.shape[1]}')
            padded = np.pad(these, ((0, 0), (4 * dilation, 4 * dilation)), mode='edge')
            taps = [padded[:, j * dilation:j * dilation + LENGTH] for j in range(9)]
            total = sum(taps)
            for three in combinations(range(9), 3):
                answer = 3 * sum(taps[j] for j in three) - total
                for own, generator, learnt in zip(columns, random, at, strict=True):
                    bias = np.quantile(answer[generator.choice(learnt)], generator.random())
                    own[k] = (answer > bias).mean(axis=1)
                k += 1
    out = np.empty_like(labels)
    for own, test in zip(columns, tests, strict=True):
        out[test] = _ridge(np.column_stack([*[sizes] * 10, own.T]), labels, ~test, test)
    return out


def _ridge(columns, labels, learn, test) -> np.ndarray:
    columns = (columns - columns[learn].mean(axis=0)) / (columns[learn].std(axis=0) + 1e-6) / columns.shape[1] ** 0.5
    classes, of = np.unique(labels[learn], return_inverse=True)
    target = np.eye(len(classes))[of]
    kernel = columns[learn] @ columns[learn].T + RIDGE * np.eye(learn.sum())
    weights = np.linalg.solve(kernel, target - target.mean(axis=0))
    return classes[(columns[test] @ columns[learn].T @ weights + target.mean(axis=0)).argmax(axis=1)]
