"""An outlet sheds by itself: its own samples, half cycle by half cycle, through `LoadDroop`, and its way back.

No message is needed. One only keeps it quiet (the tie is closed, or about to be) or tells it when to come back (a
leader). What others draw an outlet does not know; so an overload first costs those who can wait, whatever its size, and
class by class the next only where it is still there when their relays have opened.
"""

import math
import zlib
from dataclasses import dataclass

import numpy as np

from hearthgrid_core.outlet.schedule import Priority
from hearthgrid_core.settings import check_bounds, setting

from .load_droop import LoadDroop, LoadDroopSettings, place_of_class
from .watch import half_cycle_rms

GAP, WELL = 0.5, 0.88  # voltage over nominal below which the supply was away, and from which it is there again [1]
TIE_AGE = 3.0  # of a word of the tie that it is closed [s]
HEED = 3.0  # after shedding, until the leader knows: before it, its word is of another moment [s]
SPREAD = 5.0  # over which those that went off come back on the grid [s]
FAILED = 60.0  # an overload within this time of coming back makes the next wait twice as long [s]
WAITS_MAX = 5  # doublings of the wait
FULL = 0.95  # share of the power that is filled again [1]
RELIEF = 2.0  # a load that starts turns the voltage's phase: for a cycle that is a frequency
ZERO = 0.08  # of the peak: a half wave that stays within it is none [1]
FIT = 32  # part of a cycle on either side of a zero crossing a line is fitted to


@dataclass(frozen=True)
class LocalSettings:
    """The island's inverters, as commissioned, and the outlet's own way back."""

    island_power: float = setting(0.0, 'W', 0.0, 1e7, 'What the grid-forming inverters give together; 0 = there are '
                                  'none, and the outlet sheds nothing by itself.')
    island_voltage: float = setting(230.0, 'V', 90.0, 260.0, 'Of the island, RMS.')
    island_droop: float = setting(0.01, '1', 0.001, 0.05, 'Fall of frequency over nominal at island_power.')
    island_rate: float = setting(10.0, 'Hz/s', 0.0, 200.0, 'Of the frequency per overload; 0: only the droop tells.')
    island_filter: float = setting(0.01, 's', 0.0, 1.0, "Of the inverters' power measurement.")
    island_surge: float = setting(2.0, '1', 1.0, 5.0, "Of the inverters' current over rated.")
    island_return: float = setting(10.0, 's', 0.1, 600.0, 'Without a leader: from shedding to coming back, times one '
                                   'to four by class.')

    def __post_init__(self) -> None:
        check_bounds(self)

    def rule(self, frequency: float, block: float) -> LoadDroopSettings:
        """Return the rule at this nominal frequency [Hz], for samples that come in blocks of this length [s].

        What a block shows is answered when it has ended, so until the one after it shows the effect nothing is new.
        """
        return LoadDroopSettings(
            power_max=self.island_power, nominal_voltage=self.island_voltage, nominal_frequency=frequency,
            droop_frequency=self.island_droop, limit_rate=self.island_rate, filter_time=self.island_filter,
            surge=self.island_surge, relief=RELIEF, again=min(5.0, 0.09 + 2 * block))


@dataclass(frozen=True, slots=True)
class Look:
    """Half a cycle, ended at `time` [s]: frequency of the last whole cycle, NaN = none [Hz]; RMS voltage [V]."""

    time: float
    frequency: float
    voltage: float


class Looks:
    """Cuts gapless blocks of a voltage into half cycles between its zero crossings; a dead one by time alone."""

    def __init__(self, rate: float, frequency: float, peak: float) -> None:
        """rate : of the samples [Hz].     frequency : nominal [Hz].     peak : of the nominal voltage [V]."""
        self._rate, self._half = rate, rate / (2.0 * frequency)  # samples
        self._zero, self._fit = ZERO * peak, max(2, round(2 * self._half / FIT))
        self.reset()

    def reset(self) -> None:
        """Forget what came before: samples are missing."""
        self._past = np.zeros(0)
        self._base = 0.0  # place of the first sample of `_past` in all samples
        self._crossed: list[float] = []  # places of the last crossings
        self._edge = -math.inf  # end of the last half cycle

    def step(self, start: float, voltage: np.ndarray) -> list[Look]:
        """Return the half cycles that ended by now. start : time of the first of the samples (n,) [s]."""
        wave = np.concatenate([self._past, voltage])
        origin = start - len(self._past) / self._rate - self._base / self._rate  # time of place 0
        edge = self._base if math.isinf(self._edge) else self._edge
        found, last = [], self._base + len(wave) - self._fit - 1
        for place in [*(self._base + self._crossings(wave)), math.inf]:
            if place <= edge + 0.25 * self._half:
                continue
            while min(place, last) - edge > 1.5 * self._half:  # nothing crosses zero
                self._crossed.clear()
                found.append(self._look(wave, origin, edge, edge + self._half))
                edge += self._half
            if place < last:
                self._crossed = [*self._crossed[-2:], place]
                if place - edge > 0.75 * self._half:  # else samples begin within it
                    found.append(self._look(wave, origin, edge, place))
                edge = place
        self._edge = edge
        keep = min(len(wave), math.ceil(self._base + len(wave) - edge) + 2 * self._fit + 2)
        self._base += len(wave) - keep
        self._past = wave[len(wave) - keep:]
        return found

    def _look(self, wave: np.ndarray, origin: float, begin: float, end: float) -> Look:
        inside = wave[max(0, math.ceil(begin - self._base)):math.ceil(end - self._base)]
        rms = math.sqrt(float(inside @ inside) / (end - begin))
        cycle = self._crossed[-1] - self._crossed[0] if len(self._crossed) == 3 and self._crossed[-1] == end else 0.0
        return Look(origin + end / self._rate, self._rate / cycle if cycle else math.nan, rms)

    def _crossings(self, wave: np.ndarray) -> np.ndarray:
        """Return the places (k,) of the zero crossings that can be fitted."""
        sign = np.where(wave > self._zero, 1, np.where(wave < -self._zero, -1, 0))
        index = np.maximum.accumulate(np.where(sign != 0, np.arange(len(wave)), 0))
        held = sign[index]  # the last sign that was clear
        after = np.flatnonzero(held[1:] * held[:-1] < 0) + 1
        before = index[after - 1]
        middle = (after + before + 1) // 2
        middle = middle[(middle >= self._fit) & (middle < len(wave) - self._fit)]
        if not len(middle):
            return np.zeros(0)
        offset = np.arange(-self._fit, self._fit + 1)
        part = wave[middle[:, None] + offset]
        slope = part @ offset / float(offset @ offset)
        return middle - part.mean(axis=1) / np.where(slope == 0.0, np.inf, slope)


class LocalShedding:
    """One outlet's own word in an island. Time [s] is an argument."""

    def __init__(self, settings: LocalSettings, outlet: str) -> None:
        self._s = settings
        self._jitter = zlib.crc32(outlet.encode()) / 2**32
        self._looks: Looks | None = None
        self._rule: LoadDroop | None = None
        self._shape: tuple = ()
        self._end = -math.inf  # of the last block [s]
        self._tie: tuple[bool | None, bool, float] = (None, False, -math.inf)  # closed, utility alive, when [s]
        self._answers = 0  # to the overload that lasts
        self._gap_at, self._well = -math.inf, False
        self._since = self._back_at = -math.inf  # of shedding, of coming back [s]
        self._fails, self._share = 0, math.nan
        self.reason = ''  # why it is off by itself, '' = it is not

    def tie(self, now: float, closed: bool | None, alive: bool = False) -> None:
        """Take in the tie's word: whether it is closed, None = it does not know; whether the utility is alive."""
        self._tie = closed, alive, now

    def fed_by_grid(self, now: float) -> bool:
        """Return whether the tie is known to be closed: its word is fresh, and younger than any gap of the supply."""
        closed, _, at = self._tie
        return closed is True and 0.0 <= now - at <= TIE_AGE and at > self._gap_at

    def _turning(self, now: float) -> bool:
        """Return whether the island turns towards the utility: its frequency then means something else."""
        closed, alive, at = self._tie
        return closed is False and alive and 0.0 <= now - at <= TIE_AGE

    def step(self, now: float, start: float, voltage: np.ndarray, rate: float, frequency: float, priority: Priority,
             rank: int) -> None:
        """Look at a block of samples (n,) [V] at `rate` [Hz] that began at `start` [s]. frequency : nominal [Hz]."""
        s = self._s
        if not s.island_power:
            return
        end = start + len(voltage) / rate
        self._fit_to(rate, frequency, len(voltage) / rate)
        lowest = float(half_cycle_rms(voltage, rate, frequency).min()) / s.island_voltage
        if lowest < GAP:
            self._gap_at, self._well = end, False
        if self.fed_by_grid(now):  # not worth a look
            self._end = -math.inf
            return
        if abs(start - self._end) > 0.5 / frequency:
            self._looks.reset()
        self._end = end
        place = place_of_class(priority, rank, s.island_power)
        over, armed = False, not self._turning(now)
        turn = max(1, Priority.COMFORT - (priority or Priority.COMFORT))
        for look in self._looks.step(start, voltage):
            self._well = self._well or look.voltage >= WELL * s.island_voltage
            seen = self._rule.seen
            off = self._rule.step(look.time, look.frequency, look.voltage, place, self._well and armed)
            self._answers = self._answers + (self._rule.seen > seen) if self._rule.seen else 0
            over |= off and self._answers >= turn
            if not math.isnan(look.frequency):
                self._share = (1.0 - look.frequency / frequency) / s.island_droop
        if over and not self.reason:
            self._fails = min(WAITS_MAX, self._fails + 1) if now - self._back_at < FAILED else 0
            self._since = now
            self.reason = f'overload of the island: {self._rule.seen:.0%} of {s.island_power:.0f} W had to go'

    def held(self, now: float, led: bool | None, demand: float, priority: Priority, rank: int) -> str:
        """Return why the outlet is to be off now, '' = it may be on.

        led : a leader of the island wants it on (True) or off; None = none is heard.     demand : [W], NaN = not known.
        """
        if self.reason and self._returns(now, led, demand, priority, rank):
            self.reason, self._back_at = '', now
        return self.reason

    def _returns(self, now: float, led: bool | None, demand: float, priority: Priority, rank: int) -> bool:
        s, waited = self._s, now - self._since
        if self.fed_by_grid(now):
            return waited >= HEED + SPREAD * self._jitter
        if self._rule.seen:
            return False
        if led is not None:
            return led and waited >= HEED
        turn = 3.0 - 2.0 * place_of_class(priority, rank, s.island_power) / s.island_power + self._jitter
        draws = demand / s.island_power if demand == demand else 0.5
        return waited >= s.island_return * turn * 2**self._fails and not self._share + draws > FULL

    def _fit_to(self, rate: float, frequency: float, block: float) -> None:
        if self._shape != (rate, frequency, block):
            self._shape = rate, frequency, block
            self._looks = Looks(rate, frequency, math.sqrt(2.0) * self._s.island_voltage)
            seen = self._rule.seen if self._rule else 0.0
            self._rule = LoadDroop(self._s.rule(frequency, block))
            self._rule.seen = seen
