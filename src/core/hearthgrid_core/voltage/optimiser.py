"""The lowest voltage every outlet can live with: telemetry in, a setpoint for the regulator or the inverter out."""
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from .law import Cause, Law
from .settings import VoltageSettings

OUTLETS = 1024          # known
TURN = 1.5              # after a tap has moved, readings of this long tell of both [s]
TURN_MAX = 10.0         # after which they are used anyway [s]


@dataclass(frozen=True)
class Measured:
    """One outlet's voltage. end : of the interval it is the RMS of [s]     voltage : [V]"""

    outlet: str
    end: float
    voltage: float


@dataclass(frozen=True)
class Snapshot:
    """What is known now.

    measured : the newest of each outlet that has spoken since the last step; others are remembered.
    tap : where the regulator is, None = it has not spoken lately (an inverter always knows).
    fed : whether the regulator's (or inverter's) voltage is what feeds the outlets.
    """

    measured: Iterable[Measured]
    tap: int | None
    fed: bool = True


@dataclass(frozen=True)
class Setpoint:
    """What is wanted. tap : [steps]     voltage : of an inverter instead of a tap [V]
    low, high : of all outlets, as reckoned now, NaN = unknown [V]     margin : of the lowest to its limit [V]"""

    tap: int
    voltage: float
    cause: Cause
    reason: str
    low: float
    high: float
    margin: float


@dataclass
class _Outlet:
    end: float
    voltage: float
    below: float = 0.0      # the most it was ever below the highest, and above the lowest of all heard [V]
    above: float = 0.0


class VoltageOptimiser:
    """One feeder. `step` is to be called about once a second; time [s] is an argument."""

    def __init__(self, settings: VoltageSettings) -> None:
        self.settings = settings
        self._law = Law(settings)
        self._outlets: dict[str, _Outlet] = {}
        self._tap, self._turned = 0, -math.inf
        self.refused = 0        # measurements that could not be used
        self.setpoint: Setpoint | None = None

    def step(self, now: float, snapshot: Snapshot) -> Setpoint | None:
        """Return what is wanted now; None where nobody was heard yet.

        ValueError where time runs backward.
        """
        self._take(now, snapshot)
        if snapshot.tap is not None and snapshot.tap != self._tap:
            self._tap, self._turned = snapshot.tap, now
        if not self._outlets:
            return None
        if self.setpoint is not None and now - self._turned < TURN_MAX and self._between(now):
            return self.setpoint
        low, high, why = self._extremes(now)
        if snapshot.tap is None:
            why = 'the regulator is silent'
        if not snapshot.fed:    # what is measured tells nothing of this actuator
            why = 'another source feeds the outlets'
        s = self.settings
        target, cause = self._law.step(now, *(np.array([v / s.nominal_voltage]) for v in (low, high)),
                                       np.array([self._tap]), np.array([not why]))
        margin = float(self._law.margins[0][0]) * s.nominal_voltage
        tap, cause = int(target[0]), Cause(cause[0])
        self.setpoint = Setpoint(tap, s.nominal_voltage * (1 + tap * s.step), cause, self._words(cause, low, high, why),
                                 low, high, margin)
        return self.setpoint

    def _take(self, now: float, snapshot: Snapshot) -> None:
        s = self.settings
        for new in snapshot.measured:
            known = self._outlets.get(new.outlet)
            fit = (0.5 * s.nominal_voltage < new.voltage < 1.5 * s.nominal_voltage
                   and now - s.age_max <= new.end <= now + s.age_max)
            if not fit or not new.outlet or (known is None and len(self._outlets) >= OUTLETS):
                self.refused += 1
            elif known is None:
                self._outlets[new.outlet] = _Outlet(new.end, new.voltage)
            elif new.end > known.end:
                known.end, known.voltage = new.end, new.voltage
        for id in [id for id, outlet in self._outlets.items() if now - outlet.end > s.forget]:
            del self._outlets[id]

    def _between(self, now: float) -> bool:
        """Return whether some readings still tell of the tap before."""
        fresh = [o.end for o in self._outlets.values() if now - o.end <= self.settings.age_max]
        return bool(fresh) and min(fresh) < self._turned + TURN

    def _extremes(self, now: float) -> tuple[float, float, str]:
        """Return the lowest and the highest voltage of all outlets [V], and why they cannot be relied on ('' = can).

        A silent outlet is taken as far from the others' other extreme as it ever was: where that one is silent, too,
        this errs on the safe side.
        """
        s = self.settings
        fresh = {id: o for id, o in self._outlets.items() if now - o.end <= s.age_max}
        if not fresh:
            return math.nan, math.nan, 'no outlet is heard'
        voltages = np.array([o.voltage for o in fresh.values()])
        lowest, highest = float(voltages.min()), float(voltages.max())
        low, high, why = lowest, highest, ''
        for id, outlet in self._outlets.items():
            if id in fresh:
                outlet.below = max(outlet.below, highest - outlet.voltage)
                outlet.above = max(outlet.above, outlet.voltage - lowest)
            else:
                low, high = min(low, highest - outlet.below), max(high, lowest + outlet.above)
                if now - outlet.end > s.carry:
                    why = f'{id} has been silent for {now - outlet.end:.0f} s'
        return low, high, why

    def _words(self, cause: Cause, low: float, high: float, why: str) -> str:
        s, (below, above) = self.settings, (float(m[0]) * self.settings.nominal_voltage for m in self._law.margins)
        floor, ceiling = s.voltage_min * s.nominal_voltage, s.voltage_max * s.nominal_voltage
        lowest = f'lowest outlet {low:.1f} V, limit {floor:.1f} V + {below:.1f} V for the unexpected'
        highest = f'highest outlet {high:.1f} V, limit {ceiling:.1f} V - {above:.1f} V'
        return {
            Cause.HOLD: f'nothing to gain: {lowest}', Cause.LOWER: f'saves energy: {lowest}', Cause.RAISE: lowest,
            Cause.CUT: highest,
            Cause.SPREAD: f'outlets {low:.1f} to {high:.1f} V, kept midway in {floor:.1f} to {ceiling:.1f} V: no tap '
                          f'has room for {below:.1f} V down and {above:.1f} V up',
            Cause.WORN: f'could be lower, but the tap steps of the day are used up: {lowest}',
            Cause.DWELL: f'could be lower, a moment later: {lowest}',
            Cause.BLIND: f'suspended, the tap stays: {why}',
            Cause.RETREAT: f'suspended, at the tap that served this hour before: {why}',
        }[cause]
