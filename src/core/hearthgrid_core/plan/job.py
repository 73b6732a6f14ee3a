"""Deferrable jobs: so much energy before a deadline. What one-block and interruptible ones share."""
import math
from dataclasses import dataclass

import numpy as np

from .device import KILO, Context, Device
from .horizon import HOUR, Horizon

NOTICED = 0.005     # energy after a deadline that is worth a word [kWh]
SOONER = 0.1        # by how much an hour later makes late energy worse [1/h]


@dataclass(frozen=True)
class Job(Device):
    """energy : still to deliver [kWh]     power : while it runs [W]     deadline, earliest : [s]
    running : it has begun     kept : when the last plan would have begun it [s], NaN = not planned yet
    A deadline after the end of the plan counts as its end.     Raises ValueError for what is no job.
    """

    name: str
    energy: float
    power: float
    deadline: float
    earliest: float = -math.inf
    running: bool = False
    kept: float = math.nan

    def __post_init__(self):
        if not (math.isfinite(self.energy) and self.energy > 0 and math.isfinite(self.power) and self.power > 0):
            raise ValueError(f'job of {self.name}: {self.energy} kWh at {self.power} W')
        if not math.isfinite(self.deadline) or math.isnan(self.earliest):
            raise ValueError(f'job of {self.name}: deadline {self.deadline}, earliest {self.earliest}')

    @property
    def duration(self) -> float:
        """Time it needs. [s]"""
        return self.energy * KILO / self.power * HOUR

    def due(self, horizon: Horizon) -> float:
        """Return by when it must be done within this plan. [s]"""
        return min(self.deadline, horizon.end)

    def early_due(self, context: Context) -> float:
        """Return by when it should be done, with the margin the outlet's own clock keeps. [s]"""
        return self.due(context.horizon) - context.margin - context.margin_share * self.duration

    def late(self, horizon: Horizon, power: np.ndarray) -> float:
        """Return the energy that `power` (n,) [W] delivers after the deadline or never. [kWh]"""
        in_time = horizon.overlap(-math.inf, self.due(horizon))
        return max(0.0, self.energy - float((power * in_time) @ horizon.hours) / KILO)

    def extent(self, horizon: Horizon):
        return np.zeros(horizon.count), np.full(horizon.count, self.power)

    def unmanaged(self, horizon: Horizon) -> np.ndarray:
        begin = max(horizon.edges[0], self.earliest)
        return self.power * horizon.overlap(begin, begin + self.duration)

    def relaxed(self, context: Context, missed: float) -> tuple[str, ...]:
        """Return in words that energy [kWh] comes late, when it does."""
        if missed <= NOTICED:
            return ()
        return (f'{self.name}: {missed:.2f} of {self.energy:.2f} kWh cannot be delivered by '
                f'{context.say_time(self.due(context.horizon))}',)


def cost_of(power: np.ndarray, price: np.ndarray, horizon: Horizon) -> float:
    """Return the mean price a load of `power` (n,) pays. [currency/kWh]"""
    energy = power * horizon.hours
    return float(price @ energy / energy.sum()) if energy.sum() > 0 else math.nan
