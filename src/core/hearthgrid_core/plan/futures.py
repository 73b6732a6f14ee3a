"""Where jobs belong when forecasts may be wrong: at the least cost on average over the ways the day may go.

By its one future a plan may find that the battery has enough until the next sun, and that a car may as well run at the
dear hour. The dynamic program knows how likely the battery has what charge when each stage begins, so also what a
further kW there costs on average. By these prices each job is placed anew; a place that looks better is looked at with
the whole course of the battery, and taken only if it is.
"""
import numpy as np

from .device import KILO
from .outlook import Outlook
from .program import LinearProgram
from .stock import Course

TRIES = 6           # places of jobs that are looked at with the whole course of the battery
LEAST = 1e-3        # what a kWh elsewhere must save, in mean import prices: levels of charge are no finer


class Futures:
    """The choices of a program, placed over what its home's forecasts leave open.

    keep : what moving a kWh must save anyway [currency]
    """

    def __init__(self, program: LinearProgram, outlook: Outlook, keep: float):
        draws = program.draws()
        self._program, self._outlook = program, outlook
        self._least = max(keep, LEAST * float(np.abs(outlook.buy).mean()))
        self._groups = {k: group for k, group in enumerate(program.groups)
                        if group.one_of or group.choice.cheapest is not None}
        self._draws = {k: draws[:, group.columns] for k, group in self._groups.items()}

    def settle(self, x: np.ndarray) -> tuple[Course, dict[int, np.ndarray], float]:
        """Return the battery's course, the choices that are better elsewhere with their values, and what that saves on
        average [currency]. x : solution of all columns, its choices whole"""
        here = {k: np.round(x[group.columns]) for k, group in self._groups.items()}
        net, energy, moved, gained = self._outlook.net, self._outlook.battery.energy, {}, 0.0
        found, tries = self._outlook.course(net), TRIES
        while tries > 0:
            for k, there in self._promising(found, net, here)[:tries]:
                tries -= 1
                further = net + KILO * (self._draws[k] @ (there - here[k]))
                then = self._outlook.course(further)
                saved = found.cost(energy) - then.cost(energy) + _saved(self._own(k), here[k], there)
                if saved > self._wanted(k, there):
                    net, found, gained = further, then, gained + saved
                    here[k] = moved[k] = there
                    break
            else:
                break
        return found, moved, gained

    def _promising(self, found: Course, net: np.ndarray, here: dict[int, np.ndarray]) -> list[tuple[int, np.ndarray]]:
        """Return choices and values that look better by what a further kW costs, the best first."""
        likely, out = found.likely(self._outlook.battery.energy), []
        for k in self._groups:
            looks = [self._place(k, self._price(found, likely, k, here[k]), here[k])]
            draw = self._draws[k] @ here[k]
            if draw[self._outlook.number == 0].any():
                # It is to begin now. What a large job leaves in the battery is dearer than its kW one by one: as if
                # it were nowhere yet.
                without = self._outlook.course(net - KILO * draw)
                likely_then = without.likely(self._outlook.battery.energy)
                looks.append(self._place(k, self._price(without, likely_then, k, None), here[k]))
            out += [(saved, k, there) for saved, there in looks
                    if (there != here[k]).any() and saved > self._wanted(k, there)]
        return [(k, there) for _, k, there in sorted(out, key=lambda one: -one[0])]

    def _place(self, k: int, price: np.ndarray, here: np.ndarray) -> tuple[float, np.ndarray]:
        """Return what its best place saves and its values there, at a price (n,) of a kW. [currency]"""
        cost = self._own(k) + self._draws[k].T @ price
        there = ((np.arange(len(cost)) == np.argmin(cost)).astype(float) if self._groups[k].one_of
                 else self._groups[k].choice.cheapest(cost))
        return _saved(cost, here, there), there

    def _price(self, found: Course, likely: np.ndarray, k: int, values: np.ndarray | None) -> np.ndarray:
        """Return (n,) what a kW costs in each step: what it saves where the choice draws now. [currency/kW]"""
        draws, number = self._draws[k], self._outlook.number
        power = float(draws.max())
        price = np.zeros(len(self._outlook.hours))
        drawn = np.empty(0, dtype=int) if values is None else np.flatnonzero(draws @ values)
        for sign, steps in ((1.0, np.unique(draws[:, self._may(k)].indices)), (-1.0, drawn)):
            stages = np.unique(number[steps])
            if len(stages):
                price[stages] = sign * found.further(likely, stages, sign * power) / power
        return price[number] * self._outlook.share()

    def _may(self, k: int) -> np.ndarray:
        return self._program.upper[self._groups[k].columns] > 0

    def _own(self, k: int) -> np.ndarray:
        """Return what each value costs but for its draw, infinity where it may not be. [currency]"""
        return np.where(self._may(k), self._program.cost[self._groups[k].columns], np.inf)

    def _wanted(self, k: int, values: np.ndarray) -> float:
        return self._least * float(self._outlook.horizon.hours @ (self._draws[k] @ values))


def _saved(cost: np.ndarray, here: np.ndarray, there: np.ndarray) -> float:
    return float(cost[here > 0].sum() - cost[there > 0].sum())
