"""Which start each job takes: settled in the merit order, solved as a whole, and settled again at the new prices.

Each solve of the whole with the jobs at their places gives new prices, under which the merit order is a bound of what
any other placing costs; only those that the last few bounds leave in doubt are solved.
"""
from collections.abc import Sequence

import numpy as np

from .master import Master
from .merit import Layout, MeritOrder, Placing, descend, kicked, paired, total
from .program import LinearProgram

TRIES = 40          # placings that are solved as a whole
KNOWN = 8           # of them whose prices are remembered
ROUNDED = 16        # placings that the relaxation suggests
ASIDE = 24          # placings tried with one job aside
PAIRS = 10_000      # of places of two jobs: so many are all looked at
KICKS = 2           # times that, without success, before the best is taken


class Places:
    """The one-of-many choices of a program, put in place together."""

    def __init__(self, master: Master, program: LinearProgram, layout: Layout, slight: float):
        self._master, self._program, self._slight = master, program, slight
        self.groups = [k for k, group in enumerate(program.groups) if group.one_of]
        self._layout = layout
        self._placings = [Placing(program, program.groups[k], self._layout) for k in self.groups]
        starts = [len(program.groups[k].columns) for k in self.groups]
        self._few = len(starts) == 2 and starts[0] * starts[1] <= PAIRS
        self._known: list[tuple[MeritOrder, float]] = []

    def settle(self, x: np.ndarray, enough: float) -> np.ndarray:
        """Return (jobs,) the best starts found, fixed in the master.

        x : relaxed solution of all columns     enough : an objective so low ends the search
        """
        self._known = []
        root = self._merit(x)
        queue = list(self._descend(root, self._roundings(x)))
        best, incumbent, here, tried, kicks = np.inf, queue[0], 0, set(), 0
        while best > enough and len(tried) < TRIES:
            queue = self._promising(queue, best, tried, here)
            if queue:
                starts = queue.pop(0)
                tried.add(tuple(starts))
                objective = self._solve(starts)
                if objective < best - 0.5 * self._slight:
                    best, incumbent, here, kicks = objective, starts, len(self._known) - 1, 0
                    queue = [*self._descend(self._known[here][0], incumbent[None, :]), *queue]
            elif not self._known:
                break   # the solver had no time for any of them
            elif self._few:
                queue = self._promising(self._pairs(best, here), best, tried, here)
                if not queue:
                    break
            elif kicks < KICKS:
                prices = (self._known[here][0], root)[kicks % 2]
                others, held = kicked(prices, self._placings, incumbent, self._layout.given, ASIDE)
                queue = list(self._descend(prices, others, held))
                kicks += 1
            else:
                break
        self._fix(incumbent)
        return incumbent

    def values(self, k: int, start: int) -> np.ndarray:
        """Return a choice's columns with that start."""
        return (np.arange(len(self._program.groups[k].columns)) == start).astype(float)

    def _merit(self, x: np.ndarray) -> MeritOrder:
        peak = self._program.peak
        return MeritOrder(self._program, self._master.price, self._master.lower, self._master.upper, self._layout,
                          0.0 if peak is None else float(x[peak.rise]))

    def _descend(self, prices: MeritOrder, starts: np.ndarray, held: np.ndarray | None = None) -> np.ndarray:
        return descend(prices, self._placings, starts, self._layout.given, self._slight, held)

    def _fix(self, starts: Sequence[int]) -> None:
        for k, start in zip(self.groups, starts, strict=True):
            self._master.fix(self._program.groups[k], self.values(k, start))

    def _solve(self, starts: np.ndarray) -> float:
        """Return the objective with these starts, and remember the prices."""
        self._fix(starts)
        objective, x = self._master.solve()
        if np.isfinite(objective):
            prices = self._merit(x)
            there = total(prices, self._placings, starts[None, :], self._layout.given)
            self._known.append((prices, objective - float(there[0])))
        return objective

    def _bounds(self, here: int) -> list[tuple[MeritOrder, float]]:
        """Return the prices that exclude placings: with a peak, which makes them guides, those of the best so far."""
        return self._known[-KNOWN:] if self._program.peak is None else [self._known[here]]

    def _pairs(self, best: float, here: int) -> list[np.ndarray]:
        """Return the starts of two jobs that no known prices exclude."""
        least = np.max([paired(prices, *self._placings, self._layout.given) + constant
                        for prices, constant in self._bounds(here)], axis=0)
        rows = np.argwhere(least < best - self._slight)
        return list(rows[np.argsort(least[tuple(rows.T)], kind='stable')[:TRIES]])

    def _promising(self, queue: list[np.ndarray], best: float, tried: set, here: int) -> list[np.ndarray]:
        """Return those not tried that no known prices exclude, the most promising first."""
        queue = [starts for starts in queue if tuple(starts) not in tried]
        if not queue or not self._known:
            return queue
        rows = np.array(queue)
        least = np.max([total(prices, self._placings, rows, self._layout.given) + constant
                        for prices, constant in self._bounds(here)], axis=0)
        return [queue[i] for i in np.argsort(least, kind='stable') if least[i] < best - self._slight]

    def _roundings(self, x: np.ndarray) -> np.ndarray:
        """Return (ROUNDED, jobs) starts: the nearest whole ones, none at all, and some as likely as they weigh."""
        chance = np.random.default_rng(0)  # always the same: a plan must not change with luck
        rounded, drawn = [], []
        for k in self.groups:
            group = self._program.groups[k]
            weight = np.maximum(x[group.columns], 0.0)
            rounded.append(int(np.argmax(group.rounded(x))))
            drawn.append(chance.choice(len(weight), ROUNDED - 2, p=weight / weight.sum()))
        return np.concatenate(([rounded, [-1] * len(rounded)], np.array(drawn).T))
