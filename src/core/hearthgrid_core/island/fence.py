"""What stands before every actuator: which command is obeyed, and what holds when none is."""

import math
from dataclasses import dataclass

from .ballot import Fence


@dataclass(frozen=True, slots=True)
class Command:
    """What an island leader asks of one actuator.

    sender : of the command.     fence : its authority when it was sent.     expiry : not obeyed after this [s].
    power_max : cap [W]; infinity = none, 0 = off.
    """

    sender: str
    fence: Fence
    expiry: float
    power_max: float


class Gate:
    """Obeys the newest authority and falls back to `safe` when nothing valid is left.

    A leader with a majority replaces what its forerunners said. Provisional leaders may only reduce: their caps are
    taken together with all that still holds, the minimum; so two of them on one bus agree without a word.

    safe : cap without any command [W].     age_max : longest validity it grants from now [s].
    """

    def __init__(self, safe: float, age_max: float) -> None:
        if math.isnan(safe) or safe < 0.0:
            raise ValueError(f'the safe cap is {safe} W')
        self.safe, self._age_max = safe, age_max
        self.highest = (0, 0)  # (epoch, term) of the newest majority obeyed; survives a restart
        self._full: Command | None = None
        self._reduced: dict[str, Command] = {}

    def obey(self, now: float, command: Command) -> bool:
        """Take a command in; return whether it is obeyed."""
        if not now < command.expiry <= now + self._age_max or not command.power_max >= 0.0:
            return False
        order = command.fence.epoch, command.fence.term
        if not command.fence.full:
            if command.power_max > self.cap(now):
                return False
            self._reduced[command.sender] = command
            return True
        if self._stale(order):
            return False
        self.highest, self._full = order, command
        self._reduced.clear()
        return True

    def _stale(self, order: tuple[int, int]) -> bool:
        return order < self.highest

    def cap(self, now: float) -> float:
        """Return what holds now. [W]"""
        caps = [c.power_max for c in self._reduced.values() if now < c.expiry]
        if self._full is not None and now < self._full.expiry:
            caps.append(self._full.power_max)
        return min(caps, default=self.safe)
