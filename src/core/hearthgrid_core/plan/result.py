"""What a plan is."""
import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from .device import Kind, Schedule
from .guide import Guide
from .horizon import Horizon


class Status(Enum):
    """How far a plan can be trusted."""

    OPTIMAL = 'optimal'     # all limits and deadlines kept, as cheap as it gets
    RELAXED = 'relaxed'     # a limit or deadline could not be kept: see reasons
    FAILED = 'failed'       # no new plan; what is there is the last one, moved on


@dataclass(frozen=True, eq=False)
class PlanResult:
    """A schedule of the home.

    grid_power : (n,) positive is import [W]     price : (n,) of a further kWh [currency/kWh]
    cost : energy, wear, less what is left in the battery beyond its first charge [currency]
    cost_unmanaged : the same loads run on arrival, battery idle [currency]
    gap : no plan is cheaper by more [currency]     solve_time : of the solver [s]
    schedules : of all devices     reasons : what a person should know of the whole
    carbon : of what is imported, NaN = not known [kg]     guide : what the inner loop holds, None = no battery
    """

    status: Status
    horizon: Horizon
    grid_power: np.ndarray
    price: np.ndarray
    cost: float
    cost_unmanaged: float
    gap: float
    solve_time: float
    schedules: tuple[Schedule, ...]
    reasons: tuple[str, ...]
    carbon: float = math.nan
    guide: Guide | None = None

    def of(self, kind: Kind) -> tuple[Schedule, ...]:
        """Return the schedules of one kind."""
        return tuple(schedule for schedule in self.schedules if schedule.kind is kind)

    def power(self, kind: Kind) -> np.ndarray:
        """Return (n,) what all devices of a kind draw. [W]"""
        return sum((schedule.power for schedule in self.of(kind)), np.zeros(len(self.grid_power)))

    def schedule(self, name: str) -> Schedule | None:
        """Return the schedule of a device, None when it is not in the plan."""
        return next((schedule for schedule in self.schedules if schedule.name == name), None)

    def at(self, time: float) -> int:
        """Return the step that holds `time` [s]."""
        return self.horizon.index(time)


def nothing(horizon: Horizon, reason: str) -> PlanResult:
    """Return the result of a failure with no plan before it: no schedules, empty arrays."""
    none = np.empty(0)
    return PlanResult(Status.FAILED, horizon, none, none, math.nan, math.nan, math.nan, 0.0, (), (reason,))
