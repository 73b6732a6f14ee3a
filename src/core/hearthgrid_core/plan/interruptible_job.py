"""A job that may be cut into pieces: a car, a boiler. On at its power or off, because its outlet has a relay."""
import math
from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from .device import KILO, Choice, Context, Kind, Model, Schedule
from .horizon import HOUR, Horizon
from .job import SOONER, Job, cost_of


@dataclass(frozen=True)
class InterruptibleJob(Job):
    """A job that is on at its power or off, but for one step's worth: the outlet ends it when all is delivered."""

    def shape(self, horizon: Horizon):
        return 'interruptible'

    def model(self, context: Context) -> 'InterruptibleJobModel':
        return InterruptibleJobModel(context.horizon.count)


class InterruptibleJobModel(Model):
    """One binary a step, and what switching on costs, lest it flaps."""

    def __init__(self, count: int):
        super().__init__()
        self._on, self._switched = cp.Variable(count), cp.Variable(count)
        self._spare, self._missing = cp.Variable(count), cp.Variable()
        self._power, self._was_on = cp.Parameter(nonneg=True), cp.Parameter(nonneg=True)
        self._energy, self._needed = cp.Parameter(count, nonneg=True), cp.Parameter(nonneg=True)
        self._hours, self._most_unused = cp.Parameter(count, nonneg=True), cp.Parameter(nonneg=True)
        self._price, self._switch = cp.Parameter(count), cp.Parameter(nonneg=True)
        self._never = cp.Parameter(nonneg=True)
        self.power = self._power * self._on - self._spare
        self.cost = self._price @ self._on + self._switch * cp.sum(self._switched) + self._never * self._missing
        unused = self._hours @ self._spare  # of the last step: a job gets no more than it asks, even at negative prices
        self.constraints += [self._energy @ self._on - unused + self._missing == self._needed,
                             unused <= self._most_unused, self._spare <= self._power * self._on,
                             self._switched[0] >= self._on[0] - self._was_on]
        if count > 1:
            self.constraints += [self._switched[1:] >= self._on[1:] - self._on[:-1]]
        self.choices.append(Choice(self._on, self._round, cheapest=self._cheapest, within=(self._spare,)))

    def load(self, job: InterruptibleJob, context: Context) -> None:
        horizon, weights = context.horizon, context.weights
        power = job.power / KILO
        self._power.value, self._was_on.value = power, float(job.running)
        self._delivers = power * horizon.hours
        self._energy.value, self._needed.value = self._delivers, job.energy
        # As few steps as do; if the first of them is short and what it lacks was needed, one more.
        step, first = power * horizon.step / HOUR, self._delivers[0]
        over = math.ceil(job.energy / step - 1e-9) * step - job.energy
        self._hours.value = horizon.hours
        self._most_unused.value = over + (first if over < step - first - 1e-9 else 0.0)
        late = np.zeros(len(horizon.hours))
        for due in (job.early_due(context), job.due(horizon)):
            over = horizon.edges[1:] - due
            late += np.where(over > 1.0, 1.0 + SOONER * over / HOUR, 0.0)
        self._price.value = self._delivers * (weights.late * late + weights.early * horizon.ahead)
        self._switch.value = weights.switch * power
        self._never.value = weights.late * (2.0 + 2 * SOONER * (horizon.end - horizon.edges[0]) / HOUR + 1.0)
        self._allowed = (horizon.edges[:-1] >= job.earliest).astype(float)
        self._late = late
        self.bound(self._on, 0.0, self._allowed)
        self.bound(self._switched, 0.0, 1.0)
        self.bound(self._spare, 0.0, power)
        self.bound(self._missing, 0.0, job.energy)

    def _round(self, values: np.ndarray) -> np.ndarray:
        """Return the steps with the largest values, as many as the energy needs: those in time first."""
        order = np.lexsort((np.arange(len(values)), -values, self._late))
        order = order[self._allowed[order] > 0]
        before = np.concatenate(([0.0], np.cumsum(self._delivers[order])[:-1]))
        out = np.zeros(len(values))
        out[order[before < self._needed.value - 1e-9]] = 1.0
        return out

    def _cheapest(self, cost: np.ndarray) -> np.ndarray:
        """Return the steps it runs in when each costs so much: as few as do, switched on where that pays."""
        cost = np.where(self._allowed > 0, cost, np.inf)
        needed, step = self._needed.value, float(self._delivers[-1])
        rest = max(1, math.ceil(needed / step - 1e-9))
        with_first = 1 + max(0, math.ceil((needed - self._delivers[0]) / step - 1e-9))
        switch, running = float(self._switch.value), self._was_on.value > 0
        least, out = cheapest(cost, with_first, switch, running)
        if with_first > rest:   # the first step is short, and what it lacks would need one more
            without, later = cheapest(cost[1:], rest, switch, False)
            if without <= least:
                least, out = without, np.concatenate(([0.0], later))
        return out if np.isfinite(least) else self._allowed.copy()

    def schedule(self, job: InterruptibleJob, context: Context, price: np.ndarray) -> Schedule:
        horizon, say = context.horizon, context.say_time
        power = np.clip(job.power * np.round(self._on.value) - KILO * self._spare.value, 0.0, job.power) + 0.0
        on = power > 0.01 * job.power
        missed = job.late(horizon, power)
        relaxed = job.relaxed(context, missed)
        if not on.any():
            return Schedule(job.name, Kind.LOAD, power, 'no room for it in this plan', relaxed, missed)
        begins = np.flatnonzero(np.diff(np.concatenate(([False], on)).astype(int)) > 0)
        last = np.flatnonzero(on)[-1]
        pieces = '' if len(begins) == 1 else f' in {len(begins)} pieces'
        chosen = cost_of(power, price, horizon)
        soonest = cost_of(job.unmanaged(horizon), price, horizon)
        against = f', at once would be {soonest:.3f}' if soonest > chosen + 1e-3 else ''
        return Schedule(job.name, Kind.LOAD, power,
                        f'{say(horizon.edges[begins[0]])} to {say(horizon.edges[last + 1])}{pieces} at {chosen:.3f} '
                        f'{context.currency}/kWh{against}; due {say(job.deadline)}', relaxed, missed)


def cheapest(cost: np.ndarray, count: int, switch: float, running: bool) -> tuple[float, np.ndarray]:
    """Return what it costs to be on in `count` steps, and (n,) 1 where it is; infinity where there are too few.

    cost : (n,) of each step, infinity where it may not be     switch : of each switching on
    """
    n = len(cost)
    off, on = np.full(count + 1, np.inf), np.full(count + 1, np.inf)  # cost by steps used so far
    (on if running else off)[0] = 0.0
    stayed, ended = np.zeros((n, count + 1), dtype=bool), np.zeros((n, count + 1), dtype=bool)
    for k in range(n):
        begun = off + switch
        stayed[k] = on <= begun
        ended[k] = on < off
        now = np.minimum(on, begun) + cost[k]
        off = np.minimum(on, off)
        on = np.concatenate(([np.inf], now[:-1]))
    is_on, used, out = bool(on[count] < off[count]), count, np.zeros(n)
    least = float(min(on[count], off[count]))
    if np.isfinite(least):
        for k in range(n - 1, -1, -1):
            if is_on:
                out[k], used = 1.0, used - 1
                is_on = bool(stayed[k, used])
            else:
                is_on = bool(ended[k, used])
    return least, out
