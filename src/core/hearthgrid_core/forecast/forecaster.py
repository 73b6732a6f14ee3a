"""The learned model where it was better on the last weeks, else the best baseline; both with a spread from errors."""
from dataclasses import dataclass

import numpy as np

from .baselines import METHODS, SCALED, Method, complete
from .combined import HomeLearner
from .learned import LEVELS, Guess, Learner, PriceLearner, Verdict, gapless, stretch
from .scores import coverage, mean_absolute_error, pinball_loss
from .series import DAY, Series
from .settings import ForecastSettings

LOW, HIGH = 0.1, 0.9   # quantiles of the spread
NEAR = 3600.0          # ahead of this the last measurement still tells much [s]
HOUR = 3600.0
LEARNED = 'learned'
TRIAL_SHARE, TRIAL_MOST = 3, 14    # of the past, one part in so many tries a learner; at most so many days


@dataclass(frozen=True, eq=False)
class Forecast:
    """Means over coming steps with 10 % and 90 % quantiles.

    start : [s]     step : [s]     mean, lower, upper : (n,) finite     method : in words     history : behind it [s]
    median : (n,) None = no other than the mean
    """

    start: float
    step: float
    mean: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    method: str
    history: float
    median: np.ndarray | None = None


@dataclass(frozen=True)
class Prior:
    """What is believed of a quantity before anything was measured.

    level : in its unit     relative, absolute : half width of the first spread, as a share of the level and beside it
    nonnegative : it cannot fall below 0     daily : its coming days are made at once, as prices are
    shares : of forest, like days and yesterday in what is learned of it, before any of them was tried
    scaled : it departs from its usual day by a share, as the sun does behind clouds, not by so much
    """

    level: float
    relative: float
    absolute: float
    nonnegative: bool
    daily: bool = False
    shares: tuple[float, float, float] = (0.35, 0.45, 0.2)
    scaled: bool = False

    @property
    def methods(self) -> dict[str, Method]:
        """The baselines that compete. The sky knows no weeks: of days of sun the luckiest is not the best."""
        return SCALED if self.scaled else METHODS

    @property
    def untried(self) -> str:
        """The baseline before there was a competition."""
        return next(iter(SCALED)) if self.scaled else 'mean of the last day'


LOAD = Prior(level=400.0, relative=0.8, absolute=500.0, nonnegative=True)          # of a home [W]
PHOTOVOLTAIC = Prior(level=0.0, relative=0.8, absolute=100.0, nonnegative=True, shares=(0.2, 0.2, 0.6),
                     scaled=True)  # [W]
PRICE = Prior(level=0.25, relative=0.4, absolute=0.02, nonnegative=False, daily=True)  # [currency/kWh]
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
    """Forecasts one quantity. `learn` now and then, `train` daily, `forecast` whenever wanted."""

    def __init__(self, settings: ForecastSettings, prior: Prior):
        self._settings, self._prior = settings, prior
        self._trial: Trial | None = None
        self._learner: Learner | None = None
        self._verdict: Verdict | None = None
        self._foreseen = 0  # rows the learner was fitted with

    @property
    def verdict(self) -> Verdict | None:
        """How the learned model did against the baselines; None before there was enough to learn from."""
        return self._verdict

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
        for name, method in (METHODS | self._prior.methods).items():
            made = np.stack([complete(method, values[:origin], s.count, s) for origin in origins])
            residuals[name] = actual - made
        errors = {name: float(np.nanmean(np.abs(r))) for name, r in residuals.items() if np.isfinite(r).any()}
        if not errors:
            return
        winner = min(self._prior.methods, key=lambda name: round(errors[name], 9))
        offset = round(past.start / s.step)
        targets = (offset + origins[:, None] + np.arange(s.count)) % s.steps_a_day
        days = float(np.isfinite(values[earliest:]).sum() / s.steps_a_day)
        self._trial = Trial(winner, errors, residuals[winner], targets, days)

    def train(self, past: Series, outside: np.ndarray | None = None, rival: np.ndarray | None = None) -> None:
        """Fit the learned model and have it compete; takes seconds. Without enough of a past nothing changes.

        It is fitted on what lies before the trial (the last third of the past, at most two weeks), and used only where
        there no baseline had a smaller mean absolute error than its median, nor a smaller root mean square than its
        mean. Then it is fitted anew, on all.
        outside : (k, n + count) what was and is foreseen for each step of `past` and after it, NaN = not known
        rival : (n,) what another method says of each step of `past`; it counts as a baseline, NaN = nothing
        """
        self._check(past)
        s = self._settings
        values, start, seen = self._prepared(past, outside)
        learner = PriceLearner(s) if self._prior.daily else HomeLearner(s, self._prior.shares, self._prior.scaled)
        day = s.steps_a_day
        if values is None or len(values) < learner.least * day:
            return
        split = len(values) - day * min(TRIAL_MOST, max(1, len(values) // day // TRIAL_SHARE))
        if split < learner.least * day:
            split = min(learner.least * day, len(values) - day)
        learner.fit(values[:split], start, seen)
        stride = max(1, round((learner.stride or s.trial_stride) / s.step))
        origins = np.arange(len(values) - (day if learner.stride else stride), split - 1, -stride)
        true = past.values[len(past) - len(values):]     # what was filled in is no test
        actual = np.full((len(origins), s.count), np.nan)
        for row, origin in enumerate(origins):
            known = true[origin:origin + s.count]
            actual[row, :len(known)] = known
        if not np.isfinite(actual).any():
            return
        guess = self._bounded(learner.weigh(values, origins, start, seen, actual))
        mean, quantiles = guess.mean, (guess.lower, guess.median, guess.upper)
        baselines = [np.stack([complete(method, true[:origin], s.count, s) for origin in origins]) - actual
                     for method in (METHODS | self._prior.methods).values()]
        if rival is not None:
            said = np.concatenate([rival[len(past) - len(values):], np.full(s.count, np.nan)])
            baselines.append(said[origins[:, None] + np.arange(s.count)] - actual)
        error, square = mean_absolute_error(actual, quantiles[1]), _root(actual - mean)
        least, least_square = min(_absolute(e) for e in baselines), min(_root(e) for e in baselines)
        better = error < least and square < least_square
        self._verdict = Verdict(
            better, error, least, square, least_square,
            float(np.mean([pinball_loss(actual, q, level) for q, level in zip(quantiles, LEVELS, strict=True)])),
            coverage(actual, quantiles[0], quantiles[2]), stretch(actual, np.stack(quantiles)),
            (len(values) - split) / day)
        learner.fit(values, start, seen)
        self._learner, self._foreseen = learner, 0 if seen is None else len(seen)

    def _prepared(self, past: Series, outside: np.ndarray | None) -> tuple[np.ndarray | None, float, np.ndarray | None]:
        """Return the past from the first known step on without gaps, its start [s], and what is foreseen likewise."""
        values = gapless(past.values, self._settings.steps_a_day)
        if values is None:
            return None, past.start, None
        first = len(past) - len(values)
        seen = None
        if outside is not None and len(outside):
            shape = (len(outside), len(past) + self._settings.count)
            if outside.shape != shape:
                raise ValueError(f'what is foreseen has the shape {outside.shape}, not {shape}')
            made = [gapless(row, self._settings.steps_a_day) for row in outside]
            seen = np.stack([np.zeros(shape[1] - first) if row is None else
                             np.pad(row, (shape[1] - len(row), 0), mode='edge')[first:] for row in made])
        return values, past.start + first * past.step, seen

    def _bounded(self, guess: Guess) -> Guess:
        least = 0.0 if self._prior.nonnegative else -np.inf
        return Guess(*(np.maximum(values, least) for values in guess.arrays))

    def tried(self, past: Series, outside: np.ndarray | None = None) -> Forecast | None:
        """Return what the learned model makes of `past`, better or not; None without one.

        Its spread is stretched to what the trial showed.
        """
        self._check(past)
        learner, verdict = self._learner, self._verdict
        values, start, seen = self._prepared(past, outside if self._foreseen else None)
        if learner is None or values is None or len(values) < learner.least * self._settings.steps_a_day \
                or self._foreseen != (0 if seen is None else len(seen)):
            return None
        made = Guess(*(a[0] for a in learner.guess(values, np.array([len(values)]), start, seen).arrays))
        wide = Guess(made.mean, made.median - verdict.stretch * (made.median - made.lower), made.median,
                     made.median + verdict.stretch * (made.upper - made.median))
        wide = self._bounded(wide)
        return Forecast(past.end, past.step, wide.mean, np.minimum(wide.lower, wide.mean),
                        np.maximum(wide.upper, wide.mean), LEARNED, float(past.known.sum() * past.step), wide.median)

    def forecast(self, past: Series, outside: np.ndarray | None = None) -> Forecast:
        """Return the forecast from the end of `past`, in steps of the settings.

        outside : as for `train`; the learned model is used only where it gets what it was trained with
        """
        made = self.tried(past, outside) if self._verdict and self._verdict.better else None
        return made if made is not None else self.baseline(past)

    def baseline(self, past: Series) -> Forecast:
        """Return the forecast of the best baseline."""
        self._check(past)
        s, prior = self._settings, self._prior
        trial = self._trial
        name = trial.winner if trial else prior.untried
        mean = complete(prior.methods[name], past.values, s.count, s)
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


def _absolute(errors: np.ndarray) -> float:
    return float(np.nanmean(np.abs(errors))) if np.isfinite(errors).any() else np.inf


def _root(errors: np.ndarray) -> float:
    return float(np.sqrt(np.nanmean(errors**2))) if np.isfinite(errors).any() else np.inf


def _weight(samples: float, guess: float) -> float:
    """Return what `samples` count beside a first guess worth `guess` of them. [1]"""
    return samples**2 / (samples**2 + guess**2) if samples else 0.0


def _quantiles(residuals: np.ndarray) -> tuple[float, float]:
    known = residuals[np.isfinite(residuals)]
    return (float(np.quantile(known, LOW)), float(np.quantile(known, HIGH))) if len(known) else (np.nan, np.nan)
