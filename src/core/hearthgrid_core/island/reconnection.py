"""Back to the utility: wait until it may be entered, bring the island into step, close inside the window.

IEEE 1547-2018: 4.10 enter service (0.917 … 1.05 pu, 59.5 … 60.1 Hz, 300 s without a break; adjustable), table 5
synchronisation (its strictest row: 0.1 Hz, 3 %, 10°). The breaker's own interlock (`sim.tie`) decides again by itself.
"""

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum

from hearthgrid_core.settings import check_bounds, setting

LIVE = 0.5  # an island below this share of nominal voltage is not brought into step [1]


@dataclass(frozen=True)
class ReconnectionSettings:
    """What the utility must be, for how long, and how near the island must come."""

    nominal_frequency: float = setting(50.0, 'Hz', 45.0, 65.0, 'Of the utility.')
    enter_voltage_min: float = setting(0.917, '1', 0.88, 0.95, 'Of the utility over nominal.')
    enter_voltage_max: float = setting(1.05, '1', 1.05, 1.06, 'Of the utility over nominal.')
    enter_frequency_min: float = setting(59.5 / 60, '1', 0.98, 1.0, 'Of the utility over nominal.')
    enter_frequency_max: float = setting(60.1 / 60, '1', 1.0, 1.02, 'Of the utility over nominal.')
    enter_time: float = setting(300.0, 's', 0.0, 600.0, 'How long the utility must be well without a break.')
    frequency: float = setting(0.1, 'Hz', 0.01, 0.3, 'Largest difference at closing.')
    voltage: float = setting(0.03, '1', 0.005, 0.1, 'Largest difference at closing, over nominal.')
    angle: float = setting(math.radians(10.0), 'rad', 0.02, 0.35, 'Largest angle at closing.')
    guard: float = setting(0.6, '1', 0.1, 1.0, 'Share of the window that is used: the rest is for noise and for drift.')
    looks: int = setting(5, '1', 1, 100, 'Successive looks inside before it closes.')
    slip: float = setting(0.2, 'Hz', 0.02, 0.5, 'Largest frequency by which the island turns towards the utility.')
    gain: float = setting(0.5, 'Hz/rad', 0.05, 5.0, 'Slip per angle.')
    delay: float = setting(0.02, 's', 0.0, 0.5, 'From the order to close to the contact.')

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the tie: voltage over nominal [1], frequency [Hz], phase [rad]; NaN where it is not known."""

    voltage: float
    frequency: float
    phase: float

    @property
    def known(self) -> bool:
        """Whether all three are numbers."""
        return math.isfinite(self.voltage) and math.isfinite(self.frequency) and math.isfinite(self.phase)


class Stage(Enum):
    """Where the way back stands."""

    AWAY = 'the utility may not be entered'
    WAITING = 'the utility is well, not yet for long enough'
    SYNCHRONISING = 'the island is brought into step'
    CLOSING = 'inside the window'


@dataclass(frozen=True, slots=True)
class Aim:
    """frequency [Hz] and voltage over nominal the island is to make, NaN = its own; close : order the tie now."""

    stage: Stage
    frequency: float = math.nan
    voltage: float = math.nan
    close: bool = False


def apart(utility: Side, island: Side) -> tuple[float, float, float]:
    """Return island minus utility: frequency [Hz], voltage over nominal [1], angle within ± π [rad]."""
    return (island.frequency - utility.frequency, island.voltage - utility.voltage,
            math.remainder(island.phase - utility.phase, 2 * math.pi))


class Reconnection:
    """One way back. Its order is a wish: the tie's interlock, which no message overrides, has the last word."""

    def __init__(self, settings: ReconnectionSettings) -> None:
        self._s = settings
        self._well_since = math.inf
        self._inside: deque[bool] = deque(maxlen=settings.looks)

    def step(self, now: float, utility: Side, island: Side, open_: bool = True) -> Aim:
        """Look at both sides, once a cycle or so. open_ : the tie is seen open."""
        s = self._s
        if not (open_ and self._well(utility)):
            self._well_since = math.inf
            self._inside.clear()
            return Aim(Stage.AWAY)
        self._well_since = min(self._well_since, now)
        if now - self._well_since < s.enter_time:
            self._inside.clear()
            return Aim(Stage.WAITING)
        if not island.known or island.voltage < LIVE:  # nothing to bring into step
            self._inside.clear()
            return Aim(Stage.SYNCHRONISING)
        slip, over, angle = apart(utility, island)
        ahead = math.remainder(angle + 2 * math.pi * slip * s.delay, 2 * math.pi)  # when the contacts meet
        self._inside.append(abs(slip) <= s.guard * s.frequency and abs(over) <= s.guard * s.voltage
                            and max(abs(angle), abs(ahead)) <= s.guard * s.angle)
        turn = min(s.slip, max(-s.slip, -s.gain * angle))
        close = len(self._inside) == s.looks and all(self._inside)
        return Aim(Stage.CLOSING if close else Stage.SYNCHRONISING, utility.frequency + turn, utility.voltage, close)

    def _well(self, utility: Side) -> bool:
        """Whether the utility may be entered, were it so for long enough."""
        s = self._s
        return (utility.known and s.enter_voltage_min <= utility.voltage <= s.enter_voltage_max
                and s.enter_frequency_min <= utility.frequency / s.nominal_frequency <= s.enter_frequency_max)
