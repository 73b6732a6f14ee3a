"""The best of the baselines, chosen by its own past errors, with a spread learnt from them."""
from dataclasses import dataclass

import numpy as np

from .baselines import METHODS, complete
from .series import DAY, Series
from .settings import ForecastSettings

LOW, HIGH = 0.1, 0.9   # quantiles of the spread
NEAR = 3600.0          # ahead of this the last measurement still tells much [s]
HOUR = 3600.0
UNTRIED = 'mean of the last day'  # the method before there was a competition


@dataclass(frozen=True, eq=False)
class Forecast:
    """Means over coming steps with 10 % and 90 % quantiles.

    start : [s]     step : [s]     mean, lower, upper : (n,) finite     method : in words     history : behind it [s]
    """

    start: float
    step: float
    mean: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    method: str
    history: float


@dataclass(frozen=True)
class Prior:
    """What is believed of a quantity before anything was measured.

    level : in its unit     relative, absolute : half width of the first spread, as a share of the level and beside it
    nonnegative : it cannot fall below 0
    """

    level: float
    relative: float
    absolute: float
    nonnegative: bool


LOAD = Prior(level=400.0, relative=0.8, absolute=500.0, nonnegative=True)          # of a home [W]
PHOTOVOLTAIC = Prior(level=0.0, relative=0.8, absolute=100.0, nonnegative=True)    # [W]
PRICE = Prior(level=0.25, relative=0.4, absolute=0.02, nonnegative=False)          # [currency/kWh]
TEMPERATURE = Prior(level=12.0, relative=0.0, absolute=8.0, nonnegative=False)     # [°C]


@dataclass(frozen=True, eq=False)
class Trial:
    """The competition's outcome. errors : mean absolute error by method     residuals : (origins, count) of the winner
    targets : (origins, count) step of the day of each residual"""

    winner: str
    errors: dict[str, float]
    residuals: np.ndarray
    targets: np.ndarray
    days: float


class Forecaster:
    """Forecasts one quantity. `learn` now and then, `forecast` whenever wanted."""

    def __init__(self, settings: ForecastSettings, prior: Prior):
        self._settings, self._prior = settings, prior
        self._trial: Trial | None = None

    @property
    def errors(self) -> dict[str, float]:
        """Mean absolute error of each method over the last trial; empty before there was one."""
        return dict(self._trial.errors) if self._trial else {}

    def learn(self, past: Series) -> None:
        """Have the methods compete over `past`, in steps of the settings. Without enough of it nothing changes."""
        self._check(past)
        s, values = self._settings, past.values
        first = np.flatnonzero(past.known)
        if not len(first):
            return
        stride = max(1, round(s.trial_stride / s.step))
        # The first hour is what the first forecast rests on.
        earliest = max(first[0] + round(NEAR / s.step), len(values) - round(s.trial / s.step))
        origins = np.arange(len(values) - 1, earliest - 1, -stride)
        if not len(origins):
            return
        actual = np.full((len(origins), s.count), np.nan)
        for row, origin in enumerate(origins):
            known = values[origin:origin + s.count]
            actual[row, :len(known)] = known
        residuals = {}
        for name, method in METHODS.items():
            made = np.stack([complete(method, values[:origin], s.count, s) for origin in origins])
            residuals[name] = actual - made
        errors = {name: float(np.nanmean(np.abs(r))) for name, r in residuals.items() if np.isfinite(r).any()}
        if not errors:
            return
        winner = min(errors, key=lambda name: round(errors[name], 9))
        offset = round(past.start / s.step)
        targets = (offset + origins[:, None] + np.arange(s.count)) % s.steps_a_day
        days = float(np.isfinite(values[earliest:]).sum() / s.steps_a_day)
        self._trial = Trial(winner, errors, residuals[winner], targets, days)

    def forecast(self, past: Series) -> Forecast:
        """Return the forecast from the end of `past`, in steps of the settings."""
        self._check(past)
        s, prior = self._settings, self._prior
        trial = self._trial
        name = trial.winner if trial else UNTRIED
        mean = complete(METHODS[name], past.values, s.count, s)
        if np.isnan(mean).any():
            name, mean = 'first guess', np.full(s.count, prior.level)
        low, high = self._spread(past, mean)
        lower, upper = mean + low, mean + high
        if prior.nonnegative:
            mean, lower, upper = (np.maximum(values, 0.0) for values in (mean, lower, upper))
        return Forecast(past.end, s.step, mean, np.minimum(lower, mean), np.maximum(upper, mean), name,
                        float(past.known.sum() * past.step))

    def _check(self, past: Series) -> None:
        if past.step != self._settings.step:
            raise ValueError(f'the past has steps of {past.step} s, the forecast of {self._settings.step} s')

    def _spread(self, past: Series, mean: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (count,) 10 % and 90 % quantiles of the error: what was seen, widened while little was seen."""
        s, prior = self._settings, self._prior
        width = prior.relative * np.abs(mean) + prior.absolute
        if self._trial is None:
            return -width, width
        residuals, targets = self._trial.residuals, self._trial.targets
        near = round(NEAR / s.step)
        low, high = np.empty(s.count), np.empty(s.count)
        low[:near], high[:near] = _quantiles(residuals[:, :near])
        far, bins = residuals[:, near:], (targets[:, near:] * s.step // HOUR).astype(int)
        pooled = _quantiles(far)
        hours = ((past.end + s.step * np.arange(near, s.count)) % DAY // HOUR).astype(int)
        for hour in np.unique(hours):
            around = far[np.isin(bins, [(hour - 1) % 24, hour, (hour + 1) % 24])]
            # One day says little of its hours: then all hours speak together.
            found = _quantiles(around) if self._trial.days >= 3 and np.isfinite(around).sum() >= 30 else pooled
            low[near:][hours == hour], high[near:][hours == hour] = found
        seen = np.full(s.count, _weight(self._trial.days, s.evidence))
        # Hours ahead every two hours are as good a sample as whole days are of days.
        rows = float(np.isfinite(residuals[:, :near]).any(axis=1).sum())
        seen[:near] = _weight(rows, 6 * s.evidence)
        return (np.where(np.isnan(low), -width, seen * np.nan_to_num(low) - (1 - seen) * width),
                np.where(np.isnan(high), width, seen * np.nan_to_num(high) + (1 - seen) * width))


def _weight(samples: float, guess: float) -> float:
    """Return what `samples` count beside a first guess worth `guess` of them. [1]"""
    return samples**2 / (samples**2 + guess**2) if samples else 0.0


def _quantiles(residuals: np.ndarray) -> tuple[float, float]:
    known = residuals[np.isfinite(residuals)]
    return (float(np.quantile(known, LOW)), float(np.quantile(known, HIGH))) if len(known) else (np.nan, np.nan)
