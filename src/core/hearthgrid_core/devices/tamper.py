"""Signs that a device or its measurements are not what they are said to be."""
import math

from .alarm import WELL, Finding, Severity
from .limits import Observation
from .settings import AnomalySettings

COUNTED = 0.05          # of integrated power, before the counter is held against it [kWh]
WRONG = 0.2             # of that, by which the counter may differ [1]


class Counter:
    """Holds an outlet's energy counter against the power it reports."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None   # time [s], counter [kWh]
        self._power = self._counted = 0.0               # since the last comparison [kWh]
        self.wrong = math.nan                           # counter over power at the last comparison [1]

    def take(self, now: float, seen: Observation) -> None:
        """Take an observation. A counter that begins anew begins the comparison anew; one at zero is none."""
        if not (math.isfinite(seen.energy) and seen.energy > 0 and math.isfinite(seen.active_power)):
            self._last = None
            return
        if self._last is not None and 0 < now - self._last[0] <= 10.0 and seen.energy >= self._last[1]:
            self._power += max(0.0, seen.active_power) * (now - self._last[0]) / 3.6e6
            self._counted += seen.energy - self._last[1]
        else:
            self._power = self._counted = 0.0
        self._last = (now, seen.energy)
        if max(self._power, self._counted) >= COUNTED:
            self.wrong = self._counted / self._power if self._power > 0 else math.inf
            self._power = self._counted = 0.0

    def judge(self, seen: Observation, up: bool) -> Finding:
        """Return whether the last comparison failed."""
        if self.wrong != self.wrong or abs(self.wrong - 1) <= WRONG:
            return WELL
        return Finding(Severity.WARNING, self.wrong, 1.0,
                       f'its energy counter grows {self.wrong:.2f} times as fast as its power says')


def impostor(seen: Observation, up: bool, settings: AnomalySettings) -> Finding | None:
    """A device that a person named looks like another."""
    if not seen.named:
        return WELL
    if not seen.looks_like or not seen.likeness >= 0:
        return None
    if seen.looks_like == seen.type or seen.likeness < settings.tamper_sure:
        return WELL
    return Finding(Severity.WARNING, seen.likeness, math.nan,
                   f'was named {seen.type} but looks like {seen.looks_like}', probability=seen.likeness)


def unknown_device(seen: Observation, up: bool, settings: AnomalySettings) -> Finding | None:
    """A device runs that identification does not know."""
    if not seen.unknown:
        return WELL
    if not seen.active_power >= settings.waste_low:
        return None
    guess = f'; it is most like {seen.looks_like}' if seen.looks_like else ''
    return Finding(Severity.INFO, seen.active_power, math.nan, f'runs a device that is not known{guess}: name it')
