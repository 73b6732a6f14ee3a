"""What an outlet took and what that cost, so that the waste of any time since can be told."""
import math
from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

EVERY, KEPT = 300.0, 48 * 3600.0    # between two marks, how far back one can be asked for [s]
JOULES = 3.6e6                      # in a kWh


class Mark(NamedTuple):
    """The ledger at one time: running totals.

    time [s]     energy [J]     seen : how long it was measured [s]     money [currency]
    cost : price over time [currency/kWh s]
    """

    time: float
    energy: float
    seen: float
    money: float
    cost: float


class Ledger:
    """Running totals of energy and money, and marks of the last two days."""

    def __init__(self) -> None:
        self._at = Mark(-math.inf, 0.0, 0.0, 0.0, 0.0)
        self._marks: deque[Mark] = deque(maxlen=int(KEPT / EVERY))
        self.currency = ''

    def add(self, now: float, step: float, power: float, price: float = math.nan, currency: str = '') -> None:
        """Count `power` [W] over the last `step` [s], at `price` [currency/kWh], NaN where none is known."""
        at = self._at
        self.currency = self.currency or (currency if price == price else '')
        priced = price if price == price and currency == self.currency else 0.0     # two currencies do not add up
        self._at = Mark(now, at.energy + power * step, at.seen + step, at.money + power * step / JOULES * priced,
                        at.cost + priced * step)
        if not self._marks or now - self._marks[-1].time >= EVERY:
            self._marks.append(self._at)

    def mark(self, since: float) -> Mark:
        """Return the totals at `since` [s], or as far back as they are kept."""
        if not self._marks:
            return self._at
        return self._marks[max(0, bisect_right(self._marks, since, key=lambda m: m.time) - 1)]

    def wasted(self, mark: Mark, base: float, excess: float) -> tuple[float, float, str]:
        """Return energy [kWh], money and its currency since `mark`: what was above `base` [W], or `excess` [W] of it.

        Money is NaN where no price was known.
        """
        at, seen = self._at, self._at.seen - mark.seen
        cost = at.cost - mark.cost
        if excess == excess:
            energy, money = excess * seen / JOULES, excess * cost / JOULES
        else:
            energy = (at.energy - mark.energy - base * seen) / JOULES
            money = at.money - mark.money - base * cost / JOULES
        return max(0.0, energy), money if self.currency else math.nan, self.currency

    def state(self) -> dict:
        """Return the totals as plain values."""
        return {'at': [None if math.isinf(v) else v for v in self._at], 'currency': self.currency}

    @classmethod
    def from_state(cls, state: Mapping) -> 'Ledger':
        """Take over what `state` returned. KeyError, TypeError or ValueError where it cannot be understood."""
        made = cls()
        time, *totals = state['at']
        made._at = Mark(-math.inf if time is None else float(time), *map(float, totals))
        made.currency = str(state['currency'])
        if not all(map(math.isfinite, made._at[1:])):
            raise ValueError('totals that are not finite')
        return made
