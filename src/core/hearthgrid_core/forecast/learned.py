"""What a home learns of its own days: a quantile forest of load, sun and temperature, an autoregression of prices.

Fitted on the past alone. Whether it is used is decided by `forecaster.py`, on weeks it was not fitted on.
"""
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .features import filled, rows
from .forest import QuantileForest
from .lear import LAGS, LEAST, lear
from .series import DAY
from .settings import ForecastSettings

LEVELS = (0.1, 0.5, 0.9)
HOUR = 3600.0
ORIGINS, CASES = 250, 8000  # moments of the past a forest looks ahead from, and most steps it is fitted on
BACK = 28                   # days whose errors are the spread of the autoregression
EARLIEST = 7                # days of past before a moment a forest is fitted on


@dataclass(frozen=True, eq=False)
class Guess:
    """mean, lower, median, upper : (m, count), the last three 10 %, 50 % and 90 % quantiles"""

    mean: np.ndarray
    lower: np.ndarray
    median: np.ndarray
    upper: np.ndarray

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """All four, in that order."""
        return self.mean, self.lower, self.median, self.upper


class Learner(Protocol):
    """Fitted once, then asked about the end of any past. Values are without gaps."""

    least: int          # days of past it needs
    stride: float       # between two moments at which it is tried; 0 = as the settings say [s]

    def fit(self, values: np.ndarray, start: float, outside: np.ndarray | None) -> None:
        """values : (n,)     start : [s]     outside : (k, ≥ n + count) foreseen for each step, or None"""

    def guess(self, values: np.ndarray, origins: np.ndarray, start: float, outside: np.ndarray | None) -> Guess:
        """Return what comes from the steps `origins` (m,) on, (m, count), each from `values` (n,) before it alone."""

    def weigh(self, values: np.ndarray, origins: np.ndarray, start: float, outside: np.ndarray | None,
              actual: np.ndarray) -> Guess:
        """Return the guess; `actual` (m, count) is what came, NaN = not known, of a past it was not fitted on."""


class ForestLearner:
    """One forest for all coming steps: how far ahead a step lies is one of its features.     scaled : as in `Prior`"""

    least, stride = 10, 0.0

    def __init__(self, settings: ForecastSettings, scaled: bool = False, seed: int = 0):
        self._settings, self._scaled, self._seed, self._forest = settings, scaled, seed, None

    def fit(self, values: np.ndarray, start: float, outside: np.ndarray | None) -> None:
        s, chance = self._settings, np.random.default_rng(self._seed)
        origins = np.unique(np.linspace(EARLIEST * s.steps_a_day, len(values) - 1, ORIGINS).astype(int))
        # Each step once, from one of the moments it lies ahead of: twins would make leaves look sure of themselves.
        targets = np.arange(origins[0], len(values))
        if len(targets) > CASES:
            targets = np.sort(chance.choice(targets, CASES, replace=False))
        newest = np.searchsorted(origins, targets, side='right')
        oldest = np.minimum(np.searchsorted(origins, targets - s.count + 1), newest - 1)
        chosen = origins[chance.integers(oldest, newest)]
        x, y = [], []
        for origin in np.unique(chosen):
            leads = targets[chosen == origin] - origin
            x.append(rows(values, origin, leads, start, s, outside, self._scaled))
            y.append(values[origin + leads])
        self._forest = QuantileForest(np.concatenate(x), np.concatenate(y), self._seed)

    def guess(self, values: np.ndarray, origins: np.ndarray, start: float, outside: np.ndarray | None) -> Guess:
        leads = np.arange(self._settings.count)
        mean, quantiles = self._forest.predict(
            np.concatenate([rows(values, origin, leads, start, self._settings, outside, self._scaled)
                            for origin in origins]), LEVELS)
        return Guess(*(made.reshape(len(origins), len(leads)) for made in (mean, *quantiles)))


class PriceLearner:
    """Calibrated anew for every forecast; its spread is that of its errors of the last weeks."""

    least, stride = LEAST + max(LAGS) + 7, DAY

    def __init__(self, settings: ForecastSettings):
        self._settings, self._errors = settings, np.zeros((len(LEVELS), settings.count))

    def fit(self, values: np.ndarray, start: float, outside: np.ndarray | None) -> None:
        s, day = self._settings, self._settings.steps_a_day
        days = min(BACK, len(values) // day - LEAST - max(LAGS))
        errors = np.full((days, s.count), np.nan)
        for row in range(days):
            origin = len(values) - day * (row + 1)
            actual = values[origin:origin + s.count]
            errors[row, :len(actual)] = actual - self._made(values[:origin], start, outside)[:len(actual)]
        near = max(1, round(HOUR / s.step))
        for step in range(s.count):
            # The second day has one day less to show; at least the first is there.
            around = errors[:, max(0, step - near):step + near + 1]
            around = around[np.isfinite(around)]
            self._errors[:, step] = np.quantile(around, LEVELS) if len(around) else self._errors[:, step - day]

    def guess(self, values: np.ndarray, origins: np.ndarray, start: float, outside: np.ndarray | None) -> Guess:
        made = np.stack([self._made(values[:origin], start, outside) for origin in origins])
        lower, _, upper = self._errors
        return Guess(made, made + np.minimum(lower, 0.0), made, made + np.maximum(upper, 0.0))

    def weigh(self, values: np.ndarray, origins: np.ndarray, start: float, outside: np.ndarray | None,
              actual: np.ndarray) -> Guess:
        return self.guess(values, origins, start, outside)     # its windows are averaged as they are

    def _made(self, values: np.ndarray, start: float, outside: np.ndarray | None) -> np.ndarray:
        s = self._settings
        return lear(values, s.count, s.steps_a_day, outside, start + s.step * len(values))


@dataclass(frozen=True)
class Verdict:
    """How a learner did on the last weeks, which it had not seen.

    better : it is used     error : mean absolute, of its median     baseline : least mean absolute error of a baseline
    square : root of the mean squared error, of its mean     baseline_square : least of a baseline
    pinball : mean over its three quantiles     coverage : of its 10 … 90 % [1]     stretch : of its spread, learnt from
    that [1]     days : of the trial
    """

    better: bool
    error: float
    baseline: float
    square: float
    baseline_square: float
    pinball: float
    coverage: float
    stretch: float
    days: float


def gapless(values: np.ndarray, steps_a_day: int) -> np.ndarray | None:
    """Return `values` from the first known on, without gaps; None when nothing is known."""
    known = np.flatnonzero(np.isfinite(values))
    return filled(values[known[0]:], steps_a_day) if len(known) else None


def stretch(actual: np.ndarray, guess: np.ndarray) -> float:
    """Return by how much spreads must grow or shrink around their medians for 80 % of `actual` (n,) to lie within.

    guess : (3, n) lower, median, upper; where all three are what came, as the sun at night, nothing is learnt
    Split conformal prediction: Romano, Patterson & Candès 2019, arXiv:1905.03222, here as a factor.
    """
    lower, median, upper = guess
    side = np.where(actual < median, median - lower, upper - median)
    far = np.abs(actual - median)
    ratio = np.where(far < 1e-12, 0.0, far / np.maximum(side, 1e-12))
    ratio = ratio[np.isfinite(ratio) & ((far > 1e-12) | (upper - lower > 1e-12))]
    return float(np.clip(np.quantile(ratio, LEVELS[2] - LEVELS[0]), 0.5, 3.0)) if len(ratio) else 1.0
