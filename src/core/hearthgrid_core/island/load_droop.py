"""Shedding without a message: every load reads an overload from frequency and voltage, and knows its place.

An inverter above its limit lets the frequency go, at a rate [Hz/s] that tells by how much (`DroopSettings.limit_rate`),
whatever secondary control has added to its droop; one without that law tells it by the frequency itself; one at its
current limit tells it by the voltage. A load's place is the power of all that go before it. It opens when the overload
reaches beyond that place, so all open at once, in the order of the classes, and the share shed follows the overload.
Prefixes of one order agree also where two outlets measure a little differently; a packed subset would not.
"""

import math
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from hearthgrid_core.outlet.schedule import Priority
from hearthgrid_core.settings import check_bounds, setting

from .shedding import Offer

STEP = 0.01  # between two looks at 50 Hz: half a cycle, each at the frequency of the last whole cycle [s]
_BASE = 4    # looks behind an estimate
DEAD = 0.1   # voltage over nominal of a dead bus [1]
HELD = 0.004  # rise of voltage over nominal in two looks: less when the current limit holds it [1]
DIGGING = 0.025  # fall of it in one look: less when the current limit still lowers it, more when it dies [1]
MOVED = 0.01  # … more when the frequency tells of the voltage's return [1]
BEND = 0.1   # of a steep fall its bend may be so much [1]
SLOW = 8     # looks over which a small overload is averaged
USUAL = 0.98  # voltage over nominal below which the loads draw less than they will once it is back [1]
FREE = 0.99  # that voltage, over nominal, at full load [1]
STEEP = 0.4  # fall of frequency over limit_rate, with a voltage below USUAL: the current limit is at work [1]
STIFF = 0.8  # voltage over nominal below which every load is an impedance [1]


@dataclass(frozen=True)
class LoadDroopSettings:
    """What the island's inverters do in an overload, as commissioned, and how a load reads it."""

    power_max: float = setting(4000.0, 'W', 1.0, 1e7, 'What the grid-forming inverters can give for long, together.')
    nominal_voltage: float = setting(230.0, 'V', 90.0, 260.0, 'RMS.')
    nominal_frequency: float = setting(50.0, 'Hz', 45.0, 65.0, 'Of the island without load.')
    droop_frequency: float = setting(0.01, '1', 0.001, 0.05, 'Fall of frequency over nominal at power_max.')
    limit_rate: float = setting(10.0, 'Hz/s', 0.0, 200.0, 'Of the frequency per overload over power_max; 0: the '
                                'inverter only droops, and the frequency itself tells the overload.')
    filter_time: float = setting(0.01, 's', 0.0, 1.0, "Of the inverter's power measurement; undone in the estimate.")
    surge: float = setting(2.0, '1', 1.0, 5.0, 'Current limit over rated; below nominal voltage it is reached.')
    exponent: float = setting(1.6, '1', 0.0, 2.0, 'Of voltage in the power of the loads, rather too much.')
    sag: float = setting(0.92, '1', 0.3, 0.95, 'Voltage over nominal below which the current limit is at work.')
    trigger: float = setting(0.06, '1', 0.01, 0.5, 'Overload over power_max answered at once, of a third of it later: '
                             'five times the noise of an estimate.')
    relief: float = setting(1.0, '1', 1.0, 100.0, 'Overload over trigger in one look that counts where the next shows '
                            'relief: others act already. Steps of phase seem one of up to 1.5.')
    margin: float = setting(0.07, '1', 0.0, 0.5, 'Shed so much of power_max more than was measured.')
    hearsay: float = setting(0.05, '1', 0.0, 0.5, 'Error of the powers a place is the sum of.')
    bend: float = setting(0.01, 'Hz', 0.0, 1.0, 'Of the frequency from look to look: more is a change of power.')
    again: float = setting(0.09, 's', 0.02, 5.0, 'From action to the next estimate: relay, settling and window.')
    calm: float = setting(2.0, 's', 0.1, 600.0, 'After so long without overload what was seen is forgotten.')

    def __post_init__(self) -> None:
        check_bounds(self)

    @property
    def full(self) -> float:
        """Frequency of the bare droop at power_max. [Hz]"""
        return self.nominal_frequency * (1 - self.droop_frequency)


class LoadDroop:
    """One load's rule. `seen`: overload answered since the last calm, over power_max [1]."""

    def __init__(self, settings: LoadDroopSettings) -> None:
        self._s = settings
        self._step = 0.5 / settings.nominal_frequency
        kept = math.exp(-self._step / settings.filter_time) if settings.filter_time else 0.0
        self._lead = kept / (1 - kept)  # takes the filter's fading out of the frequency
        self._frequency: deque[float] = deque(maxlen=_BASE)
        self._voltage: deque[float] = deque(maxlen=_BASE)
        self._next = self._loud = -math.inf
        self._first = self._mean = math.nan
        self._valid, self._rest = 0, _BASE
        self.seen = 0.0

    def step(self, now: float, frequency: float, voltage: float, place: float, armed: bool = True) -> bool:
        """Look, once every half cycle; return whether the load has to open.

        After `calm` the answer is False again, which is no leave to close: coming back is restoration's, in waves.
        frequency : of the last whole cycle, NaN = none [Hz].     voltage : RMS of the last half cycle [V].
        place : power of all loads that are shed before this one [W].     armed : the home may be an island.
        """
        s = self._s
        self._frequency.append(frequency)
        self._voltage.append(voltage / s.nominal_voltage)
        f = self._frequency
        if len(f) == _BASE:  # a fall that grows: power changed within the last cycle
            fall = f[-2] - f[-1]
            self._rest = 0 if fall - (f[-3] - f[-2]) > s.bend + BEND * abs(fall) else self._rest + 1
        over = self._overload() if armed and len(self._frequency) == _BASE else math.nan
        first, self._first = self._first, math.nan
        if over >= s.trigger:
            self._loud = now
        elif now - self._loud > s.calm:
            self.seen = 0.0
        self._valid = 0 if math.isnan(over) else self._valid + 1
        self._mean = over if self._valid == 1 else self._mean + (over - self._mean) / SLOW
        if now < self._next - 1e-9:
            return place < self.seen * s.power_max
        if first >= s.trigger:  # one look may be noise, or the begin of something else
            if math.isnan(over) and armed and first >= s.relief * s.trigger and self._relieved():
                over = first    # others act already
            if over >= s.trigger:
                self._answer(now, max(over, first))
        elif over >= s.trigger:
            self._first = over
        elif self._valid >= 2 * SLOW and self._mean >= s.trigger / 3:
            self._answer(now, self._mean)
            self._loud = now
        return place < self.seen * s.power_max

    def _answer(self, now: float, over: float) -> None:
        self.seen += (over + self._s.margin) * (1 + self._s.hearsay)
        self._next = now + self._s.again

    def _relieved(self) -> bool:
        """Whether frequency or voltage has just begun to rise."""
        f, v = self._frequency, self._voltage
        return f[-2] - f[-1] < f[-3] - f[-2] or v[-1] > v[-2] + HELD / 2

    def _overload(self) -> float:
        """Demand at nominal voltage beyond power_max, over power_max; NaN while it cannot be told. [1]"""
        s, f, v = self._s, list(self._frequency), list(self._voltage)
        moved = v[-1] - v[-3]
        if v[-1] < s.sag:  # by the current limit; on the way back from there, the limit is left
            told = v[-1] > v[-2] - DIGGING and (moved < HELD or not self.seen)
            return self._limited(v[-1]) if v[-1] > DEAD and told else math.nan
        undone = [b - self._lead * (a - b) for a, b in zip(f, f[1:], strict=False)]
        if s.limit_rate > 0.0:
            slope, since = (undone[0] - undone[2]) / 2, _BASE - 2
            bend = 0.7 * abs(undone[0] - 2 * undone[1] + undone[2])  # it carries more noise than the slope
            over = slope / self._step / s.limit_rate
        else:
            slope, since, bend = 0.0, _BASE - 2, abs(undone[1] - undone[2])
            over = (s.full - (undone[1] + undone[2]) / 2) / (s.droop_frequency * s.nominal_frequency)
        if over >= s.trigger:
            over = (1 + over) / (drawn(v[-1] / FREE, s.exponent) if v[-1] < USUAL else 1.0) - 1
        straight = self._rest >= since and bend <= s.bend + BEND * abs(slope)
        if straight and abs(moved) < MOVED:
            return over
        low = s.limit_rate > 0.0 and max(v[-1], v[-2]) < USUAL and not self.seen and v[-1] > v[-2] - DIGGING
        steep = min(f[-2] - f[-1], f[-3] - f[-2]) > STEEP * s.limit_rate * self._step  # a step of phase falls once
        return self._limited(v[-1]) if low and steep else math.nan

    def _limited(self, level: float) -> float:
        """Return the overload at the current limit, which leaves this voltage over nominal. [1]"""
        return self._s.surge * level / drawn(level / FREE, self._s.exponent) - 1


def drawn(level: float, exponent: float) -> float:
    """Return power at a voltage `level` over that at nominal: an exponent to `STIFF`, an impedance below. [1]"""
    return max(level, STIFF) ** exponent * min(1.0, level / STIFF) ** 2


def order(offers: Collection[Offer]) -> list[Offer]:
    """Return the loads in the order they go: comfort first, in a class the higher rank, of equals the smaller."""
    return sorted(offers, key=lambda o: (-o.priority, -o.rank, o.watts(), o.outlet))


def places(offers: Collection[Offer]) -> dict[str, float]:
    """Return by outlet the power of all loads that are shed before it. [W]

    offers : of all loads that are on, as last heard; every outlet can tell its own place from the states of all.
    """
    ahead, out = 0.0, {}
    for offer in order(offers):
        out[offer.outlet] = ahead
        ahead += offer.watts()
    return out


def place_of_class(priority: Priority, rank: int, power_max: float, ranks: int = 16) -> float:
    """Return a place for a load that never heard of the others. [W]

    Classes share the overload up to power_max in equal steps, ranks the step of their class; the highest goes first.
    """
    step = power_max / (len(Priority) - 1)
    before = Priority.COMFORT - (priority or Priority.COMFORT)
    return step * (before + (ranks - 1 - min(rank, ranks - 1)) / ranks)
