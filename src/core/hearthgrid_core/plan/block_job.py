"""A job that runs in one block once it has begun: dishwasher, washing machine."""
import math
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
from scipy import sparse

from .device import KILO, Choice, Context, Kind, Model, Schedule
from .horizon import HOUR, Horizon
from .job import SOONER, Job, cost_of


@dataclass(frozen=True)
class BlockJob(Job):
    """A job the plan may place but not cut; when `running`, it only enters as what it will draw."""

    def steps(self, horizon: Horizon) -> int:
        """Return over how many whole steps a block stretches that begins with one."""
        return min(max(1, math.ceil(self.duration / horizon.step - 1e-6)), horizon.count)

    def shape(self, horizon: Horizon):
        return 'running block' if self.running else ('block', self.steps(horizon))

    def model(self, context: Context) -> Model:
        count = context.horizon.count
        return RunningBlockModel(count) if self.running else BlockJobModel(count, self.steps(context.horizon))

    def block(self, begin: float, horizon: Horizon) -> np.ndarray:
        """Return (n,) its power when it begins at `begin` [s]. [W]"""
        return self.power * horizon.overlap(begin, begin + self.duration)


class RunningBlockModel(Model):
    """What a block that has begun will still draw."""

    def __init__(self, count: int):
        super().__init__()
        self.power, self.cost = cp.Parameter(count), cp.Constant(0.0)

    def load(self, job: BlockJob, context: Context) -> None:
        self.power.value = job.block(context.horizon.edges[0], context.horizon) / KILO

    def schedule(self, job: BlockJob, context: Context, price: np.ndarray) -> Schedule:
        horizon = context.horizon
        power = job.block(horizon.edges[0], horizon)
        missed = job.late(horizon, power)
        return Schedule(job.name, Kind.LOAD, power, f'runs until {context.say_time(horizon.edges[0] + job.duration)}',
                        job.relaxed(context, missed), missed)


class BlockJobModel(Model):
    """One binary a start: power is the convolution of the starts with the block.

    Tighter than binaries for on and off: the linear relaxation is often whole already. A start in the first step is
    now, so its block lies differently on the steps and has a parameter of its own.
    """

    def __init__(self, count: int, steps: int):
        super().__init__()
        self._count, self._steps = count, steps
        self._start = cp.Variable(count)
        self._now, self._full, self._tail = cp.Parameter(count), cp.Parameter(nonneg=True), cp.Parameter(nonneg=True)
        self._price = cp.Parameter(count)
        self.power = self._now * self._start[0]
        if count > 1:
            later = self._start[1:]
            offsets = [-1 - k for k in range(min(steps - 1, count - 1))]
            if offsets:
                body = sparse.diags_array([np.ones(count)] * len(offsets), offsets=offsets, shape=(count, count - 1))
                self.power = self.power + self._full * (body.tocsr() @ later)
            if steps < count:
                last = sparse.diags_array([np.ones(count)], offsets=[-steps], shape=(count, count - 1))
                self.power = self.power + self._tail * (last.tocsr() @ later)
        self.cost = self._price @ self._start
        self.constraints.append(cp.sum(self._start) == 1)
        self.choices.append(Choice(self._start, self._round, one_of=True))

    def load(self, job: BlockJob, context: Context) -> None:
        horizon, weights = context.horizon, context.weights
        power = job.power / KILO
        begins, duration = horizon.edges[:-1], job.duration
        self._now.value = job.block(begins[0], horizon) / KILO
        self._full.value = power
        self._tail.value = power * (duration / horizon.step - (self._steps - 1))
        late = np.zeros(len(begins))
        for due in (job.early_due(context), job.due(horizon)):
            over = begins + duration - due
            # That it is late at all counts as much as all of it being late: no price is a reason to miss a deadline.
            late += np.where(over > 1.0, 1.0 + np.minimum(over / duration, 1.0) + SOONER * over / HOUR, 0.0)
        self._price.value = job.energy * (weights.late * late + weights.early * horizon.ahead)
        if math.isfinite(job.kept) and horizon.start <= job.kept < horizon.end:
            self._price.value[horizon.index(job.kept)] -= weights.keep * job.energy
        allowed = begins >= job.earliest
        allowed[-1] |= not allowed.any()
        self._allowed = allowed.astype(float)
        self.bound(self._start, 0.0, self._allowed)

    def _round(self, values: np.ndarray) -> np.ndarray:
        """Return the one start whose block covers most of the fractional one."""
        energy = np.convolve(values, np.ones(self._steps))[:self._count]
        covered = np.convolve(energy, np.ones(self._steps))[self._steps - 1:][:self._count]
        score = np.where(self._allowed > 0, covered + 1e-3 * values, -1.0)
        out = np.zeros(self._count)
        out[int(np.argmax(score))] = 1.0
        return out

    def schedule(self, job: BlockJob, context: Context, price: np.ndarray) -> Schedule:
        horizon = context.horizon
        begin = float(horizon.edges[int(np.argmax(self._start.value))])
        power = job.block(begin, horizon)
        missed = job.late(horizon, power)
        return Schedule(job.name, Kind.LOAD, power, self._reason(job, context, begin, power, price),
                        job.relaxed(context, missed), missed)

    @staticmethod
    def _reason(job: BlockJob, context: Context, begin: float, power: np.ndarray, price: np.ndarray) -> str:
        horizon, say, money = context.horizon, context.say_time, f'{context.currency}/kWh'
        possible = horizon.edges[:-1][horizon.edges[:-1] >= job.earliest]
        first = float(possible[0]) if len(possible) else begin
        chosen, soonest = cost_of(power, price, horizon), cost_of(job.block(first, horizon), price, horizon)
        due = f'done {say(begin + job.duration)}, due {say(job.deadline)}'
        if begin <= first:
            return f'begins {"now" if first == horizon.edges[0] else say(first)} at {chosen:.3f} {money}: ' \
                   f'waiting saves nothing; {due}'
        if soonest > chosen:
            return f'begins {say(begin)} at {chosen:.3f} {money}, at once would be {soonest:.3f}; {due}'
        return f'begins {say(begin)}, where it fits best beside the other loads; {due}'
