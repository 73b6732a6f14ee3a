"""Which steps interruptible jobs run in, by the merit order: the cheapest, in as few pieces as pays.

A relaxation smears such a job thinly over every step it may use, because then it is hardly ever switched on; no
rounding of that says where it belongs. What a step's supply costs does.
"""
import numpy as np

from .master import Master
from .merit import Layout, MeritOrder
from .program import LinearProgram

SWEEPS = 4          # in which all jobs are placed anew beside each other
TRIES = 12          # solves of the whole


class Pieces:
    """The choices of a program that know their cheapest steps, put in place one beside the other."""

    def __init__(self, master: Master, program: LinearProgram, layout: Layout, slight: float):
        self._master, self._program, self._layout, self._slight = master, program, layout, slight
        self.groups = [k for k, group in enumerate(program.groups) if group.choice.cheapest is not None]
        self._of = [program.groups[k] for k in self.groups]
        self._draws = [layout.draws[:, group.columns].diagonal() for group in self._of]

    def settle(self, x: np.ndarray, enough: float) -> list[np.ndarray]:
        """Return the values of the choices that were best, fixed in the master.

        x : last solution of all columns     enough : an objective so low ends the search
        """
        price, other = self._master.price, self._master.price
        here: list[np.ndarray | None] = [None] * len(self._of)
        best, found, tried, mixed = np.inf, None, set(), None
        while True:
            proposal, better = self._placed(self._prices(x, price if mixed is None else mixed), x, here), False
            for values in self._candidates(proposal, here):
                key = b''.join(each.tobytes() for each in values)
                if key in tried or len(tried) >= TRIES:
                    continue
                tried.add(key)
                self._fix(values)
                objective, solved = self._master.solve()
                if values is proposal and np.isfinite(objective):
                    other = self._master.price
                if objective < best - self._slight:
                    best, found, here, better = objective, values, values, True
                    x, price = solved, self._master.price
                    break
            if best <= enough or len(tried) >= TRIES or not better and (mixed is not None or found is None):
                break
            # Jobs that all go to where it is cheap make it dear: halfway between the two prices they stay.
            mixed = None if better else 0.5 * (price + other)
        found = proposal if found is None else found
        self._fix(found)
        return found

    def _candidates(self, proposal: list[np.ndarray], here: list[np.ndarray | None]) -> list[list[np.ndarray]]:
        """Return the proposal, then with one job moved at a time."""
        moved = [k for k, (values, old) in enumerate(zip(proposal, here, strict=True))
                 if old is not None and (values != old).any()]
        alone = [[*here[:k], proposal[k], *here[k + 1:]] for k in moved] if len(moved) > 1 else []
        return [proposal, *alone]

    def _fix(self, chosen: list[np.ndarray]) -> None:
        for group, values in zip(self._of, chosen, strict=True):
            self._master.fix(group, values)

    def _prices(self, x: np.ndarray, price: np.ndarray) -> MeritOrder:
        """Return what each step's supply costs beside these jobs, at `price` (rows,), duals of a solution `x`."""
        lower, upper, peak = self._master.lower.copy(), self._master.upper.copy(), self._program.peak
        for group in self._of:
            for columns in (group.columns, group.within):
                lower[columns] = upper[columns] = 0.0
        return MeritOrder(self._program, price, lower, upper, self._layout,
                          0.0 if peak is None else float(x[peak.rise]))

    def _placed(self, prices: MeritOrder, x: np.ndarray, begin: list[np.ndarray | None]) -> list[np.ndarray]:
        """Return the values after each was placed beside the others until none moved; None = not placed yet."""
        lazy, chosen = self._master.lazy, list(begin)
        demand = self._layout.given + self._layout.draws[:, lazy] @ x[lazy]
        demand += sum(draw * values for draw, values in zip(self._draws, chosen, strict=True) if values is not None)
        for _ in range(SWEEPS):
            moved = False
            for k, (group, draw) in enumerate(zip(self._of, self._draws, strict=True)):
                without = demand if chosen[k] is None else demand - draw * chosen[k]
                cost = self._program.cost[group.columns] + prices.cost(without + draw) - prices.cost(without)
                values = group.choice.cheapest(cost)
                moved |= chosen[k] is None or bool((values != chosen[k]).any())
                chosen[k], demand = values, without + draw * values
            if not moved:
                break
        return chosen
