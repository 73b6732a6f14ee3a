"""The utility: a voltage source that wanders a little, is never quite a sine, and fails when the script says so."""
import cmath
import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from .loads import ORDERS
from .settings import SupplySettings

VOLTAGE_TIME, FREQUENCY_TIME = 300.0, 60.0      # of the wander [s]
FREQUENCY_SLEW = 2.0                            # of a scripted excursion [Hz/s]
_BACKGROUND = np.array([0.45, 1.0, 0.65, 0.1, 0.3, 0.2])  # of orders 3 … 13: what domestic low voltage looks like


class OutageKind(Enum):
    """How a utility fails."""

    BLACKOUT = 'blackout'
    SAG = 'sag'
    SWELL = 'swell'
    FREQUENCY = 'frequency'


@dataclass(frozen=True)
class Outage:
    """A scripted failure from `start` to `end` [s]; the last one begun rules.

    residual : voltage over nominal left in a sag or swell; frequency over nominal in an excursion. [1]
    """

    kind: OutageKind
    start: float
    end: float = math.inf
    residual: float = 0.0

    def __post_init__(self):
        low, high = {OutageKind.BLACKOUT: (0.0, 0.0), OutageKind.SAG: (0.0, 1.0), OutageKind.SWELL: (1.0, 1.5),
                     OutageKind.FREQUENCY: (0.8, 1.2)}[self.kind]
        if not low <= self.residual <= high:
            raise ValueError(f'a {self.kind.value} to {self.residual:g}; it must lie in {low:g} … {high:g}')
        if not (math.isfinite(self.start) and self.end > self.start):
            raise ValueError(f'an outage from {self.start} to {self.end} s')


class Utility:
    """State of the source at the service line.

    phase : of the fundamental [rad]     frequency : [Hz]     voltage : RMS over nominal [1], 0 when dead
    ratio : of the regulator between it and the home [1]
    """

    def __init__(self, settings: SupplySettings, generator: np.random.Generator):
        self._settings, self._generator = settings, generator
        shape = _BACKGROUND * np.exp(1j * generator.uniform(-math.pi, math.pi, len(ORDERS) - 1))
        self._distortion = settings.distortion * shape / np.linalg.norm(shape)
        self._wander, self._slip = generator.standard_normal(2).tolist()
        self._script: list[Outage] = []
        self.phase = float(generator.uniform(-math.pi, math.pi))
        self.frequency = settings.frequency
        self.voltage = self.ratio = 1.0
        self._follow_script(-math.inf)

    def script(self, outage: Outage) -> None:
        """Have the utility fail as said."""
        self._script.append(outage)

    def restore(self) -> None:
        """End everything scripted."""
        self._script.clear()

    def next_change(self, now: float) -> float:
        """Return when the script next does something after `now` [s]; infinity when nothing is left."""
        return min((edge for outage in self._script for edge in (outage.start, outage.end) if edge > now),
                   default=math.inf)

    def update(self, now: float) -> None:
        """Bring voltage up to what the script says at `now` [s]."""
        self._script = [outage for outage in self._script if outage.end > now]
        self._follow_script(now)

    def move(self, now: float, duration: float) -> None:
        """Let voltage and frequency wander for `duration` [s]."""
        for name, time in (('_wander', VOLTAGE_TIME), ('_slip', FREQUENCY_TIME)):
            keep = math.exp(-duration / time)
            setattr(self, name, keep * getattr(self, name)
                    + math.sqrt(1 - keep * keep) * float(self._generator.standard_normal()))
        target = self._settings.frequency + self._settings.frequency_wander * self._slip
        scripted = self._active(now, OutageKind.FREQUENCY)
        if scripted:
            target = scripted.residual * self._settings.frequency
        step = FREQUENCY_SLEW * duration
        self.frequency += min(step, max(-step, target - self.frequency))
        self._follow_script(now)

    def run(self, duration: float) -> None:
        """Turn the phase on by `duration` [s]."""
        self.phase = wrap(self.phase + 2 * math.pi * self.frequency * duration)

    def emf(self, reference: float) -> np.ndarray:
        """Return (orders,) its voltages as RMS phasors against a phase `reference` [rad]. [V]"""
        turn = cmath.exp(1j * (self.phase - reference))
        fundamental = self.voltage * self._settings.voltage
        out = np.empty(len(ORDERS), dtype=complex)
        out[0] = fundamental * turn
        out[1:] = fundamental * self._distortion * turn ** np.array(ORDERS[1:])
        return out

    def _active(self, now: float, *kinds: OutageKind) -> Outage | None:
        found = [o for o in self._script if o.start <= now < o.end and o.kind in kinds]
        return max(found, key=lambda outage: outage.start) if found else None

    def _follow_script(self, now: float) -> None:
        scripted = self._active(now, OutageKind.BLACKOUT, OutageKind.SAG, OutageKind.SWELL)
        unregulated = scripted.residual if scripted else 1 + self._settings.voltage_wander * self._wander
        self.voltage = self.ratio * unregulated


def wrap(angle: float) -> float:
    """Return the angle within −π … π. [rad]"""
    return math.remainder(angle, 2 * math.pi)
