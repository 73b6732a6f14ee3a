"""Readings into means of equal steps, in memory of fixed size."""
import math

import numpy as np

from .series import Series


class Recorder:
    """Means over steps on the grid of whole multiples of `step` [s]; keeps the last `length` steps."""

    def __init__(self, step: float, length: int):
        """Raises ValueError for a step or length that is not above 0."""
        if not (step > 0 and length > 0):
            raise ValueError(f'{length} steps of {step} s')
        self._step, self._length = step, length
        self._sum, self._weight = np.zeros(length), np.zeros(length)
        self._newest: int | None = None  # number of the newest step since the epoch

    @property
    def heard(self) -> bool:
        """Whether anything was ever noted."""
        return self._newest is not None

    def add(self, end: float, duration: float, value: float) -> bool:
        """Note that `value` was the mean of `duration` [s] up to `end` [s].

        Returns False, and notes nothing, when it is not a number or older than what is kept.
        """
        if not (math.isfinite(end) and math.isfinite(value) and duration > 0):
            return False
        number = math.floor((end - 0.5 * duration) / self._step)
        if self._newest is None:
            self._newest = number
        elif number > self._newest:
            self._clear(self._newest + 1, number)
            self._newest = number
        elif number <= self._newest - self._length:
            return False
        index = number % self._length
        self._sum[index] += value * duration
        self._weight[index] += duration
        return True

    def _clear(self, first: int, last: int) -> None:
        indices = np.arange(max(first, last - self._length + 1), last + 1) % self._length
        self._sum[indices] = self._weight[indices] = 0.0

    def learn(self, past: Series) -> None:
        """Take in an older series of any step; a step that was measured here already stays as it is."""
        if not past.known.any():
            return
        first = math.floor(past.times[past.known][0] / self._step)
        last = math.ceil(past.end / self._step) - 1
        if self._newest is None:
            self._newest = last
        first = max(first, self._newest - self._length + 1)
        last = min(last, self._newest)
        if last < first:
            return
        values = past.resampled(first * self._step, self._step, last - first + 1).values
        indices = np.arange(first, last + 1) % self._length
        new = ~np.isnan(values) & (self._weight[indices] == 0.0)
        self._sum[indices[new]] = values[new] * self._step
        self._weight[indices[new]] = self._step

    def series(self) -> Series:
        """Return all that is kept, oldest first; empty when nothing was noted. The newest step may still grow."""
        if self._newest is None:
            return Series(0.0, self._step, np.empty(0))
        numbers = np.arange(self._newest - self._length + 1, self._newest + 1)
        indices = numbers % self._length
        weight = self._weight[indices]
        noted = np.flatnonzero(weight > 0)
        if not len(noted):
            return Series(0.0, self._step, np.empty(0))
        first = noted[0]
        values = np.full(self._length, np.nan)
        values[noted] = self._sum[indices[noted]] / weight[noted]
        return Series(float(numbers[first] * self._step), self._step, values[first:])
