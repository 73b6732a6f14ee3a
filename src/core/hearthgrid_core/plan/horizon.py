"""The steps a plan is made of."""
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

HOUR = 3600.0
SHORTEST = 0.1  # a first step with less than this share left is skipped


@dataclass(frozen=True)
class Horizon:
    """Steps on the grid of whole multiples of `step` [s]; the first is what is left of the one that holds `now` [s]."""

    now: float
    step: float
    count: int

    def __post_init__(self):
        if not (math.isfinite(self.now) and self.step > 0 and self.count > 0):
            raise ValueError(f'{self.count} steps of {self.step} s from {self.now} s')

    @cached_property
    def start(self) -> float:
        """Start of the first step on the grid. [s]"""
        number = math.floor(self.now / self.step)
        left = 1.0 - (self.now / self.step - number)
        return (number + (left < SHORTEST)) * self.step

    @cached_property
    def edges(self) -> np.ndarray:
        """(count + 1,) bounds of the steps; the first is now, if that lies in the first step. [s]"""
        edges = self.start + self.step * np.arange(self.count + 1)
        edges[0] = max(edges[0], self.now)
        return edges

    @cached_property
    def hours(self) -> np.ndarray:
        """(count,) length of each step. [h]"""
        return np.diff(self.edges) / HOUR

    @cached_property
    def ahead(self) -> np.ndarray:
        """(count,) time from now to each step. [h]"""
        return (self.edges[:-1] - self.edges[0]) / HOUR

    @property
    def end(self) -> float:
        """End of the last step. [s]"""
        return self.start + self.step * self.count

    def index(self, time: float) -> int:
        """Return the step that holds `time` [s]; the first or last when it lies outside."""
        return min(max(math.floor((time - self.start) / self.step), 0), self.count - 1)

    def overlap(self, begin: float, end: float) -> np.ndarray:
        """Return (count,) the share of each step that lies within begin … end [s]. [1]"""
        inside = np.minimum(self.edges[1:], end) - np.maximum(self.edges[:-1], begin)
        return np.maximum(inside, 0.0) / np.diff(self.edges)
