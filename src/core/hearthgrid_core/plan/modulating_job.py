"""A job whose power can be set: a car at a charge point, a boiler with stages."""
import math
from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from .device import KILO, Choice, Context, Kind, Model, Schedule
from .horizon import HOUR, Horizon
from .job import SOONER, Job, cost_of


@dataclass(frozen=True)
class ModulatingJob(Job):
    """power : the most     power_min : the least while it is on, 0 = none [W]
    from_battery : the home battery may serve it; if not, it draws no more than grid and sun give
    """

    power_min: float = 0.0
    from_battery: bool = True

    def __post_init__(self):
        super().__post_init__()
        if not 0 <= self.power_min <= self.power:
            raise ValueError(f'job of {self.name}: from {self.power_min} to {self.power} W')

    def shape(self, horizon: Horizon):
        return 'modulating', self.power_min > 0, self.from_battery

    def model(self, context: Context) -> 'ModulatingJobModel':
        return ModulatingJobModel(context.horizon.count, self.power_min > 0, self.from_battery)


class ModulatingJobModel(Model):
    """Linear where it may draw as little as it likes, else with a binary a step."""

    def __init__(self, count: int, stepped: bool, from_battery: bool):
        super().__init__()
        self._drawn, self._missing = cp.Variable(count), cp.Variable()
        self._hours, self._needed = cp.Parameter(count, nonneg=True), cp.Parameter(nonneg=True)
        self._price, self._never = cp.Parameter(count), cp.Parameter(nonneg=True)
        self.power = self._drawn
        self.cost = self._price @ self._drawn + self._never * self._missing
        self.constraints.append(self._hours @ self._drawn + self._missing == self._needed)
        self.spared = None if from_battery else self._drawn
        self._stepped = stepped
        if stepped:
            self._on, self._least, self._most = cp.Variable(count), cp.Parameter(nonneg=True), cp.Parameter(nonneg=True)
            self.constraints += [self._drawn >= self._least * self._on, self._drawn <= self._most * self._on]
            self.choices.append(Choice(self._on, _drawing, (self._drawn,)))

    def load(self, job: ModulatingJob, context: Context) -> None:
        horizon, weights = context.horizon, context.weights
        self._hours.value, self._needed.value = horizon.hours, job.energy
        late = np.zeros(horizon.count)
        for due in (job.early_due(context), job.due(horizon)):
            over = horizon.edges[1:] - due
            late += np.where(over > 1.0, 1.0 + SOONER * over / HOUR, 0.0)
        self._price.value = horizon.hours * (weights.late * late + weights.early * horizon.ahead)
        self._never.value = weights.late * (3.0 + 2 * SOONER * (horizon.end - horizon.edges[0]) / HOUR)
        allowed = (horizon.edges[:-1] >= job.earliest).astype(float)
        self.bound(self._drawn, 0.0, allowed * job.power / KILO)
        self.bound(self._missing, 0.0, job.energy)
        if self._stepped:
            self._least.value, self._most.value = job.power_min / KILO, job.power / KILO
            self.bound(self._on, 0.0, allowed)

    def schedule(self, job: ModulatingJob, context: Context, price: np.ndarray) -> Schedule:
        horizon, say = context.horizon, context.say_time
        power = np.clip(KILO * self._drawn.value, 0.0, job.power)
        power[power < 1e-3 * job.power] = 0.0
        on, missed = np.flatnonzero(power), job.late(horizon, power)
        relaxed = job.relaxed(context, missed)
        if not len(on):
            return Schedule(job.name, Kind.LOAD, power, 'no room for it in this plan', relaxed, missed)
        chosen, soonest = cost_of(power, price, horizon), cost_of(job.unmanaged(horizon), price, horizon)
        against = f', at once would be {soonest:.3f}' if soonest > chosen + 1e-3 else ''
        spared = '' if job.from_battery else ', not from the battery'
        return Schedule(job.name, Kind.LOAD, power,
                        f'{say(horizon.edges[on[0]])} to {say(horizon.edges[on[-1] + 1])} at up to '
                        f'{power.max() / KILO:.1f} kW and {chosen:.3f} {context.currency}/kWh{against}{spared}; '
                        f'due {say(job.deadline)}', relaxed, missed)


def _drawing(_: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Return 1 where anything is drawn: it can then draw as much, or as little as it must."""
    return (drawn > 1e-6).astype(float)


def car(name: str, capacity: float, charge: float, target: float, power: float, deadline: float,
        efficiency: float = 0.92, **more) -> ModulatingJob | None:
    """Return a car that is to be charged from `charge` to `target` (0 … 1) of its `capacity` [kWh]; None = it is.

    The home battery does not serve it unless `from_battery` is given.     ValueError for charges that are none.
    """
    if not (0 <= charge <= 1 and 0 <= target <= 1 and 0 < efficiency <= 1 and math.isfinite(capacity) and capacity > 0):
        raise ValueError(f'{name}: from {charge} to {target} of {capacity} kWh at {efficiency}')
    energy = (target - charge) * capacity / efficiency
    if energy < 1e-3:
        return None
    return ModulatingJob(name, energy, power, deadline, **{'from_battery': False, **more})
