"""Bins of a quantity over time, filled from rows that a database has grouped."""
from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from hub_nodes.store.backend import BINS_MAX
from hub_nodes.store.model import MILLISECONDS, MINUTE, QUANTITIES, Series, milliseconds


class Bins:
    """Bins of `width` from `first` to `last` [ms] that cover start … end [s].

    step : asked for [s]     raw_since : readings before this are pruned, so that only minutes are left [ms]
    ValueError when there would be too many.
    """

    def __init__(self, start: float, end: float, step: float, raw_since: int) -> None:
        self.width = max(1, milliseconds(step))
        if self.width > MINUTE or milliseconds(start) < raw_since:
            self.width = math.ceil(self.width / MINUTE) * MINUTE
        self.first = milliseconds(start) // self.width * self.width
        count = math.ceil((milliseconds(end) - self.first) / self.width)
        if count > BINS_MAX:
            raise ValueError(f'{count} steps are too many; the step must be at least '
                             f'{math.ceil((end - start) / BINS_MAX)} s')
        self.last = self.first + count * self.width
        self._total, self._low, self._high = np.zeros(count), np.full(count, np.nan), np.full(count, np.nan)
        self._count = np.zeros(count, np.int64)

    @property
    def rolled(self) -> bool:
        """Whether bins are whole minutes, and roll-ups can fill them."""
        return self.width % MINUTE == 0

    @staticmethod
    def check(quantity: str, start: float, end: float, step: float) -> None:
        """Raise ValueError for a question without sense."""
        if quantity not in QUANTITIES:
            raise ValueError(f'{quantity!r} is not kept; known: {", ".join(QUANTITIES)}')
        if not all(map(math.isfinite, (start, end, step))) or step <= 0 or end <= start:
            raise ValueError('a history needs a start before its end, and a step above 0 s')

    def add(self, rows: Sequence[tuple]) -> None:
        """Add rows of (number of the bin, sum, minimum, maximum, count); None = nothing known."""
        table = np.array(rows, float).reshape(-1, 5)
        bin = table[:, 0].astype(np.int64)
        self._total[bin] += table[:, 1]
        self._low[bin] = np.fmin(self._low[bin], table[:, 2])
        self._high[bin] = np.fmax(self._high[bin], table[:, 3])
        self._count[bin] += table[:, 4].astype(np.int64)

    def series(self, quantity: str) -> Series:
        """Return what was added."""
        mean = np.divide(self._total, self._count, out=np.full(len(self._total), np.nan), where=self._count > 0)
        start = np.arange(self.first, self.last, self.width) / MILLISECONDS
        return Series(start, mean, self._low, self._high, self._count, self.width / MILLISECONDS, QUANTITIES[quantity])
