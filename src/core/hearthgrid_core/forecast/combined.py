"""Forest, like days and yesterday in one forecast: what they get wrong together is less than what each does.

Quantiles are averaged, not probabilities (Lichtendahl, Grushka-Cockayne & Winkler 2013, doi:10.1287/mnsc.1120.1667):
the average stays as sharp as its members. Weights begin with shares found on development days, since weights estimated
from few errors lose more than they gain (Smith & Wallis 2009, doi:10.1111/j.1468-0084.2008.00541.x); a member that
erred more while it was tried loses with the fourth power of its error, and one that erred half as much again as the
best is left out, so that one that knows the weather rules alone.
"""
import numpy as np

from .baselines import complete, same_time_yesterday, scaled
from .learned import LEVELS, ForestLearner, Guess
from .like_days import like_days
from .scores import mean_absolute_error
from .settings import ForecastSettings

POWER = 4
WORST = 1.5     # times the error of the best: such a member is left out
TINY = 1e-3     # of what came: errors below it are none


class HomeLearner:
    """shares : of forest, like days and yesterday before they were tried; sum 1, the first two not both 0
    scaled : it departs from its usual day by a share, as the sun does, so that like days and yesterday are scaled to
    the last hour"""

    least, stride = ForestLearner.least, ForestLearner.stride

    def __init__(self, settings: ForecastSettings, shares: tuple[float, float, float], scaled: bool = False,
                 seed: int = 0):
        self._settings, self._scaled, self._forest = settings, scaled, ForestLearner(settings, scaled, seed)
        self._shares = self._middle = self._mean = np.array(shares)

    def fit(self, values: np.ndarray, start: float, outside: np.ndarray | None) -> None:
        self._forest.fit(values, start, outside)

    def weigh(self, values: np.ndarray, origins: np.ndarray, start: float, outside: np.ndarray | None,
              actual: np.ndarray) -> Guess:
        """Learn weights from `actual` (m, count), NaN = not known, after `origins` not fitted on; return the guess."""
        members = self._members(values, origins, start, outside)
        known = np.isfinite(actual)
        truth = actual[known]
        none = TINY * float(np.abs(truth).mean())
        self._middle = self._weights([none + mean_absolute_error(truth, m.median[known]) for m in members])
        self._mean = self._weights([none + float(np.sqrt(np.mean((m.mean[known] - truth)**2))) for m in members])
        return self._joined(members)

    def guess(self, values: np.ndarray, origins: np.ndarray, start: float, outside: np.ndarray | None) -> Guess:
        return self._joined(self._members(values, origins, start, outside))

    def _weights(self, errors: list[float]) -> np.ndarray:
        least = min(error for error, share in zip(errors, self._shares, strict=True) if share)
        if not least > 0:
            return self._shares     # nothing but zeros came
        relative = np.array(errors) / least
        weights = np.where(relative < WORST, self._shares * relative**-POWER, 0.0)
        return weights / weights.sum()

    def _members(self, values: np.ndarray, origins: np.ndarray, start: float,
                 outside: np.ndarray | None) -> tuple[Guess, Guess, Guess]:
        s = self._settings
        alike = [like_days(values, origin, start, s, LEVELS, self._scaled) for origin in origins]
        mean, quantiles = np.stack([a[0] for a in alike]), np.stack([a[1] for a in alike], axis=1)
        simple = scaled(same_time_yesterday) if self._scaled else same_time_yesterday
        before = np.stack([complete(simple, values[:origin], s.count, s) for origin in origins])
        return (self._forest.guess(values, origins, start, outside), Guess(mean, *quantiles),
                Guess(before, before, before, before))

    def _joined(self, members: tuple[Guess, Guess, Guess]) -> Guess:
        """Yesterday tells no spread: the width is that of the other two, also where these are left out."""
        median = sum(w * m.median for w, m in zip(self._middle, members, strict=True))
        mean = sum(w * m.mean for w, m in zip(self._mean, members, strict=True))
        wide = self._middle[:2] if self._middle[:2].any() else self._shares[:2]
        wide = wide / wide.sum()
        below = sum(w * (m.median - m.lower) for w, m in zip(wide, members[:2], strict=True))
        above = sum(w * (m.upper - m.median) for w, m in zip(wide, members[:2], strict=True))
        return Guess(mean, median - below, median, median + above)
