"""Programmes at run time: which phase every appliance is in, and when the next one comes."""
import math

import numpy as np

from .appliances import Appliance

SHORTEST = 3.0      # no phase is hurried below this, or nobody could see it [s]
DEBT_MAX = 3.0      # a thermostat makes up for at most so many times its usual run [1]


class Programme:
    """One appliance going through its phases.

    pace : how many times faster than life. [1]
    A programme without supply pauses; a thermostat goes on losing heat and then runs longer (cold-load pick-up).
    """

    def __init__(self, appliance: Appliance, generator: np.random.Generator, now: float, pace: float):
        self._appliance, self._generator, self._pace = appliance, generator, pace
        self._debt = 0.0
        lengths = np.array([min(phase.duration, 1e9) for phase in appliance.phases])
        self._index = int(generator.choice(len(lengths), p=lengths / lengths.sum()))
        self.next_change = now + self._length() * generator.uniform(0.05, 1.0)

    @property
    def levels(self) -> tuple[float, ...]:
        """Of each load. [1]"""
        return self._appliance.phases[self._index].levels

    def advance(self, now: float) -> None:
        """Enter the next phase."""
        self._index = (self._index + 1) % len(self._appliance.phases)
        self.next_change = now + self._length()

    def unpowered(self, duration: float) -> None:
        """Note that there was no supply for `duration` [s]."""
        self.next_change += duration
        if self._appliance.thermal:
            self._debt += duration

    def _length(self) -> float:
        phase = self._appliance.phases[self._index]
        if math.isinf(phase.duration):
            return math.inf
        usual = max(SHORTEST, phase.duration * (1 + phase.spread * self._generator.uniform(-1, 1)) / self._pace)
        if phase.levels[0] <= 0 or not self._debt:
            return usual
        extra, self._debt = min(self._debt, (DEBT_MAX - 1) * usual), 0.0
        return usual + extra
