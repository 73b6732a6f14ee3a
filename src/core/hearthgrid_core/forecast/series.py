"""A quantity over time in equal steps."""
import math
from dataclasses import dataclass

import numpy as np

DAY = 86400.0  # [s]


@dataclass(frozen=True, eq=False)
class Series:
    """Means over equal steps, the first from `start`.

    start : [s]     step : [s], > 0     values : (n,) float64, NaN = not known, in the quantity's own unit
    Raises ValueError for a step or start that is not a number, values that are infinite or not one-dimensional.
    """

    start: float
    step: float
    values: np.ndarray

    def __post_init__(self):
        if not (math.isfinite(self.start) and math.isfinite(self.step) and self.step > 0):
            raise ValueError(f'a series from {self.start} s in steps of {self.step} s')
        values = np.asarray(self.values, dtype=float)
        if values.ndim != 1:
            raise ValueError(f'a series has one dimension, not {values.ndim}')
        if np.isinf(values).any():
            raise ValueError('a series holds an infinite value')
        object.__setattr__(self, 'values', values)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def end(self) -> float:
        """End of the last step. [s]"""
        return self.start + self.step * len(self.values)

    @property
    def times(self) -> np.ndarray:
        """(n,) start of each step. [s]"""
        return self.start + self.step * np.arange(len(self.values))

    @property
    def known(self) -> np.ndarray:
        """(n,) bool, where there is a value."""
        return ~np.isnan(self.values)

    def at(self, time: float) -> float:
        """Return the value that holds at `time` [s]; NaN outside."""
        index = math.floor((time - self.start) / self.step)
        return float(self.values[index]) if 0 <= index < len(self.values) else math.nan

    def resampled(self, start: float, step: float, count: int, coverage: float = 0.5) -> 'Series':
        """Return (count,) means over other steps, each weighted by the time a value covers.

        coverage : share of a step that must be known, else its mean is NaN. [1]
        """
        return Series(start, step, self.means(start + step * np.arange(count + 1), coverage))

    def means(self, edges: np.ndarray, coverage: float = 0.5) -> np.ndarray:
        """Return (n,) means between rising `edges` (n + 1,) [s]; NaN where less than `coverage` of it is known."""
        known = self.known
        bounds = self.start + self.step * np.arange(len(self.values) + 1)
        filled = np.where(known, self.values, 0.0)
        # Relative to their mean: sums of large equal values would cost digits.
        level = float(filled.sum() / known.sum()) if known.any() else 0.0
        integral = np.concatenate(([0.0], np.cumsum((filled - level) * known)))
        time = np.concatenate(([0.0], np.cumsum(known)))
        edges = np.asarray(edges, dtype=float)
        covered = np.diff(np.interp(edges, bounds, time)) * self.step
        area = np.diff(np.interp(edges, bounds, integral)) * self.step
        enough = covered >= np.maximum(coverage * np.diff(edges), 1e-6) - 1e-9
        return np.where(enough, level + area / np.where(enough, covered, 1.0), np.nan)

    def until(self, time: float) -> 'Series':
        """Return the steps that had ended at `time` [s]."""
        count = math.floor((time - self.start) / self.step + 1e-9)
        return Series(self.start, self.step, self.values[:max(0, count)])

    def filled_from(self, other: 'Series') -> 'Series':
        """Return this series with what is missing taken from `other` of the same step and grid, over both spans.

        Raises ValueError when the two do not lie on one grid.
        """
        shift = (other.start - self.start) / self.step
        if other.step != self.step or abs(shift - round(shift)) > 1e-6:
            raise ValueError('two series on different grids')
        if not len(other):
            return self
        if not len(self):
            return other
        first, offset = min(0, round(shift)), round(shift)
        length = max(len(self), offset + len(other)) - first
        values = np.full(length, np.nan)
        values[offset - first:offset - first + len(other)] = other.values
        mine = values[-first:len(self) - first]
        mine[self.known] = self.values[self.known]
        return Series(self.start + first * self.step, self.step, values)
