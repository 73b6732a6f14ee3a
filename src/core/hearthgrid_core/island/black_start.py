"""Which source energises a dead bus, with every message lost: wait for one's own slot, say one's rank, and listen.

Slots keep sources apart whose clocks began together, at the death of the bus. A source that became able at some other
moment can still begin within the other's blind time, before a voltage is seen. So a start begins with the rank, spoken
at low voltage in halves of voltage and silence (Manchester code, as on a CAN bus: 0 = voltage, silence; 1 = silence,
voltage). Who hears a voltage in its own silence has the lower priority and yields. Ranks being unique, one remains.
"""

import math
from dataclasses import dataclass
from enum import Enum

from hearthgrid_core.settings import check_bounds, setting


@dataclass(frozen=True)
class BlackStartSettings:
    """All sources of a zone must agree on these. Voltages are over nominal."""

    dead: float = setting(0.1, '1', 0.02, 0.2, 'Voltage below which the bus is dead.')
    probe: float = setting(0.25, '1', 0.1, 0.5, 'Voltage at which the rank is spoken.')
    foreign: float = setting(0.1, '1', 0.02, 0.5, "Voltage above one's own that must be another's.")
    detection: float = setting(0.012, 's', 0.001, 0.1, 'Longest time from a voltage to its being seen.')
    fade: float = setting(0.022, 's', 0.0, 0.1, "Longest time from one's own silence to hearing others.")
    spread: float = setting(0.02, 's', 0.0, 0.5, 'Largest difference between moments at which sources see the bus die.')
    drift: float = setting(0.01, '1', 0.0, 0.1, "Largest error of a clock's rate.")
    dead_time: float = setting(0.12, 's', 0.01, 10.0, 'How long the bus must be dead before the first slot.')
    slot: float = setting(0.055, 's', 0.001, 10.0, 'From the start of one rank to that of the next.')
    half: float = setting(0.04, 's', 0.005, 1.0, 'Length of half a bit.')
    bits: int = setting(3, '1', 1, 6, 'Of a rank; so many to the power of two sources at most.')
    ramp: float = setting(0.1, 's', 0.0, 10.0, 'From the end of the rank to full voltage.')

    def __post_init__(self) -> None:
        check_bounds(self)
        last = self.dead_time + (2**self.bits - 1) * self.slot
        if self.slot < self.detection + self.spread + 2 * self.drift * last:
            raise ValueError(f'slot {self.slot:g} s is shorter than what clocks and eyes may be apart')
        if self.half < self.fade + self.detection:
            raise ValueError(f'half {self.half:g} s leaves no time to listen')
        if self.dead_time * (1 - self.drift) < 2 * self.half * (1 + self.drift) + self.fade + self.detection:
            raise ValueError(f'dead_time {self.dead_time:g} s is shorter than the silence within a rank')
        if self.probe < self.dead + self.foreign / 2:
            raise ValueError('probe must lie well above dead')

    def pattern(self, rank: int) -> tuple[bool, ...]:
        """Return the halves of voltage and silence: a start half, then the bits, the highest first."""
        halves = [True]
        for bit in range(self.bits - 1, -1, -1):
            one = bool(rank >> bit & 1)
            halves += [not one, one]
        return tuple(halves)

    @property
    def longest(self) -> float:
        """From the death of the bus to full voltage when only the last rank is there. [s]"""
        last = self.dead_time + (2**self.bits - 1) * self.slot + (1 + 2 * self.bits) * self.half + self.ramp
        return (last + self.spread) * (1 + self.drift)


_EDGE = 1e-4  # of a half is rounding of clocks


class Phase(Enum):
    """What a source does."""

    OFF = 'off'         # it gives nothing: another does, it may not, or its slot has not come
    RANK = 'rank'
    RAMP = 'ramp'
    ON = 'on'


class BlackStart:
    """One source. rank : unique in the zone, 0 starts first. ValueError where it has no slot."""

    def __init__(self, settings: BlackStartSettings, rank: int) -> None:
        if not 0 <= rank < 2**settings.bits:
            raise ValueError(f'rank {rank} has no slot')
        self._s, self.rank = settings, rank
        self._pattern = settings.pattern(rank)
        self.phase, self._dead_since, self._began = Phase.OFF, math.inf, math.inf

    def step(self, now: float, bus: float, isolated: bool, able: bool) -> float:
        """Return the voltage to make, over nominal; 0 = contactor open. [1]

        bus : RMS voltage of the last half cycle over nominal, NaN = not known, which is never dead [1].
        isolated : the tie is seen open, by its own contact.     able : charged, healthy, not blocked.
        """
        s = self._s
        if self.phase is Phase.OFF:
            if not (isolated and able and bus <= s.dead):
                self._dead_since = math.inf
                return 0.0
            self._dead_since = min(self._dead_since, now)
            if now - self._dead_since < s.dead_time + self.rank * s.slot:
                return 0.0
            self.phase, self._began = Phase.RANK, now
        if not (isolated and able) or math.isnan(bus) or self._hears(now, bus):
            self.phase, self._dead_since = Phase.OFF, math.inf
            return 0.0
        return self._voltage(now)

    def _hears(self, now: float, bus: float) -> bool:
        """Whether the bus carries what this source does not make."""
        s, since = self._s, now - self._began
        half = self._half(since)
        if self.phase is not Phase.RANK or half >= len(self._pattern):
            return self.phase is not Phase.ON and bus > self._voltage(now) + s.foreign
        if self._pattern[half]:
            return bus > s.probe + s.foreign
        return since - half * s.half >= s.fade and bus > s.dead

    def _voltage(self, now: float) -> float:
        s = self._s
        since = now - self._began - len(self._pattern) * s.half
        if since < -_EDGE * s.half:
            return s.probe if self._pattern[self._half(now - self._began)] else 0.0
        self.phase = Phase.RAMP if since < s.ramp else Phase.ON
        return min(1.0, s.probe + (1 - s.probe) * max(0.0, since) / s.ramp) if s.ramp else 1.0

    def _half(self, since: float) -> int:
        """Return the number of the half that runs `since` [s] the begin; the end of one is the begin of the next."""
        return int(since / self._s.half + _EDGE)
