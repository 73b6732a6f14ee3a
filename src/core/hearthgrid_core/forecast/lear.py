"""Prices of a whole day at once, from the days before: a regularised autoregression, averaged over how far it looks.

After the LEAR of Lago et al. 2021, doi:10.1016/j.apenergy.2021.116983: each time of the day has a linear model of its
own with all prices of the days before and the day of the week, in asinh-transformed prices (Uniejewski, Weron & Ziel
2018, doi:10.1109/TPWRS.2017.2734563), and calibration windows of several lengths are averaged. Here each model is a
ridge regression whose penalty has the least leave-one-out error: a hundredth of the lasso's time. Yesterday's prices
count far more than older ones, and where the date is known so do holidays and the season (see docs/planning.md for
what each brought on the development year). A day is the block of 24 h that ends with what is known.
"""
import numpy as np

from .holidays import HOLIDAY, kinds, season, weekdays
from .series import DAY

WINDOWS = (56, 84, 182, 364, 728)   # days of calibration
LAGS = {1: 1.0, 2: 0.1, 7: 0.1}     # how freely the prices of so many days before may count
NEWEST = 3.0                        # the same, of the last price known
WEEKDAY, KIND, LEVEL, SEASON = 0.5, 1.0, 0.3, 1.0   # … of the weekday, of a holiday, of a day's level beside it
USUAL = 24                          # steps a day for which the lags' freedom is meant
SCALED = 56                         # days that say what is usual
LEAST = 21                          # days below which it does not dare
PENALTIES = np.logspace(0, 5, 16)


def lear(past: np.ndarray, count: int, steps_a_day: int, ahead: np.ndarray | None = None,
         end: float | None = None) -> np.ndarray:
    """Return (count,) prices after `past` (n,), finite; NaN when less than 21 days are known.

    ahead : (k, n + count) what is foreseen for each step of past and beyond, e.g. wind, load, someone's own forecast
    end : when `past` ends [s, UNIX epoch]; None = no calendar but the week's
    """
    days = len(past) // steps_a_day
    if days < LEAST + max(LAGS):
        return np.full(count, np.nan)
    prices = past[len(past) - days * steps_a_day:].reshape(days, steps_a_day)
    blocks = -(-count // steps_a_day)
    known = None
    if ahead is not None:
        first = len(past) - days * steps_a_day
        shown = ahead[:, first:first + (days + blocks) * steps_a_day]
        missing = (days + blocks) * steps_a_day - shown.shape[1]
        shown = np.pad(shown, ((0, 0), (0, missing)), mode='edge')
        known = shown.reshape(len(ahead), days + blocks, steps_a_day).transpose(1, 0, 2).reshape(days + blocks, -1)
    middles = None if end is None else end + DAY * (np.arange(-days, blocks) + 0.5)
    for _ in range(blocks):     # a day further on rests on the forecast of the one before
        shown = len(prices) + 1
        prices = np.vstack([prices, _next(prices, None if known is None else known[:shown],
                                          None if middles is None else middles[:shown])])
    return prices[days:].ravel()[:count]


def _next(prices: np.ndarray, known: np.ndarray | None, middles: np.ndarray | None) -> np.ndarray:
    """Return (steps,) the day after `prices` (days, steps). middles : (days + 1,) of the days [s, UNIX epoch]"""
    middle = float(np.median(prices[-SCALED:]))
    scale = float(np.median(np.abs(prices[-SCALED:] - middle))) / 0.6745
    scale = max(scale, 1e-3 * abs(middle), 1e-9)
    z = np.arcsinh((prices - middle) / scale)
    x, freedom = _cases(z, known, middles)
    y = z[max(LAGS):]
    windows = sorted({min(window, len(y)) for window in WINDOWS})
    made = [_ridge(x[:-1][-window:], y[-window:], x[-1], freedom) for window in windows]
    # No price is forecast that was never seen: what the inverse would make of an error has no bound.
    return np.mean([middle + scale * np.sinh(np.clip(m, z.min(), z.max())) for m in made], axis=0)


def _cases(z: np.ndarray, known: np.ndarray | None, middles: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return (days - 7 + 1, k) what each day's prices are explained by, and (k,) how freely each may count."""
    days, share = np.arange(max(LAGS), len(z) + 1), np.sqrt(USUAL / z.shape[1])
    before = z[days - 1]
    groups = [(z[days - lag], freedom * share) for lag, freedom in LAGS.items()] + [(before[:, -1:], NEWEST)]
    if known is not None:
        groups.append((known[days], share))
    if middles is None:
        groups.append((np.eye(7)[days % 7], WEEKDAY))
    else:
        kind = kinds(middles)
        kind, kind_before = np.eye(HOLIDAY + 1)[kind[days]], np.eye(HOLIDAY + 1)[kind[days - 1]]
        level = np.stack([before.mean(axis=1), before.max(axis=1) - before.min(axis=1)], axis=1)
        beside = (level[:, :, None] * kind[:, None, :]).reshape(len(days), -1)
        groups += [(np.eye(7)[weekdays(middles)[days]], WEEKDAY), (kind, KIND), (kind_before, KIND), (beside, LEVEL),
                   (season(middles)[days], SEASON)]
    return (np.concatenate([values for values, _ in groups], axis=1),
            np.concatenate([np.full(values.shape[1], freedom) for values, freedom in groups]))


def _ridge(x: np.ndarray, y: np.ndarray, case: np.ndarray, freedom: np.ndarray) -> np.ndarray:
    """Return (outputs,) the prediction of `case`, each output with the penalty of least leave-one-out error.

    x : (cases, k)     y : (cases, outputs)     case, freedom : (k,), a penalty counts by the freedom's inverse square
    """
    mean, level = x.mean(axis=0), y.mean(axis=0)
    spread = x.std(axis=0)
    spread = np.where(spread > 1e-9, spread, np.inf) / freedom     # what never changed says nothing
    x, y, case = (x - mean) / spread, y - level, (case - mean) / spread
    u, size, v = np.linalg.svd(x, full_matrices=False)
    target = u.T @ y
    errors = []
    for penalty in PENALTIES:
        kept = size**2 / (size**2 + penalty)
        left = (y - u @ (kept[:, None] * target)) / (1.0 - (u**2 @ kept) - 1.0 / len(x))[:, None]
        errors.append((left**2).mean(axis=0))
    penalty = PENALTIES[np.argmin(errors, axis=0)]
    return level + (case @ v.T) @ (size[:, None] / (size[:, None]**2 + penalty) * target)
