"""Is the grid there? One member's view from its own voltage and the tie breaker, without election or consensus.

Half cycle by half cycle it declares what `detector` declares sample by sample: neither takes a dip that equipment and
sources ride through for an outage.
"""

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from hearthgrid_core.settings import check_bounds, setting

from .detector import FREQUENCY_MAX, FREQUENCY_MIN, FREQUENCY_TIME, SAGS


class Mode(IntEnum):
    """Where the home stands; the numbers are those of `IslandMode.MODE_…`."""

    UNKNOWN = 0
    GRID = 1
    OUTAGE = 2
    ELECTION = 3
    CONFIRMATION = 4
    JOIN = 5
    SHED = 6
    REGULATE = 7
    SYNCHRONISE = 8


@dataclass(frozen=True)
class GridWatchSettings:
    """What counts as a stable grid, and how long to wait for it."""

    nominal_voltage: float = setting(230.0, 'V', 90.0, 260.0, 'Mains voltage, RMS.')
    return_voltage_min: float = setting(0.917, '1', 0.5, 1.0, 'Lowest voltage of a returned grid over nominal.')
    return_voltage_max: float = setting(1.10, '1', 1.0, 1.5, 'Highest voltage of a returned grid over nominal.')
    return_frequency_span: float = setting(0.01, '1', 0.001, 0.1, 'Largest deviation of a returned grid\'s frequency.')
    return_time: float = setting(5.0, 's', 0.0, 600.0, 'How long a returned grid must be sound.')
    silence_max: float = setting(2.0, 's', 0.5, 60.0, 'After so long without samples the member is blind.')
    open_time: float = setting(0.02, 's', 0.0, 10.0, 'A tie that opens under a fed home may only ride out a dip.')
    tie_age_max: float = setting(10.0, 's', 1.0, 600.0, 'A blind member believes a word of the tie for so long.')

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True)
class Supply:
    """The voltage at one outlet in one block of samples.

    start : time of the first half cycle. [s]     rms : (k,), of each nominal half cycle. [V]
    frequency : of the block, NaN = none. [Hz]     nominal_frequency : [Hz]
    """

    start: float
    rms: np.ndarray
    frequency: float
    nominal_frequency: float

    @property
    def half_cycle(self) -> float:
        """Nominal length of one. [s]"""
        return 0.5 / self.nominal_frequency

    @property
    def end(self) -> float:
        """End of the last half cycle. [s]"""
        return self.start + len(self.rms) * self.half_cycle


@dataclass(frozen=True)
class Tie:
    """The last word of the tie breaker: `closed` and `grid_alive` are None where it does not know."""

    stamp: float
    closed: bool | None
    grid_alive: bool | None


@dataclass(frozen=True)
class Standing:
    """What a member believes. since : [s].     epoch : outages seen.     voltage : RMS, last seen. [V]
    frequency : NaN when dead. [Hz]"""

    mode: Mode
    since: float
    epoch: int
    voltage: float
    frequency: float
    evidence: str


def half_cycle_rms(voltage: np.ndarray, sampling_rate: float, nominal_frequency: float) -> np.ndarray:
    """Return the RMS of each whole half cycle of nominal length in voltage (n,), shape (k,). [V]

    ValueError when the block holds no half cycle.
    """
    length = sampling_rate / (2.0 * nominal_frequency)
    count = int(len(voltage) / length + 1e-9)
    if count < 1:
        raise ValueError(f'{len(voltage)} samples hold no half cycle')
    edges = np.rint(np.arange(count + 1) * length).astype(int)
    return np.sqrt(np.add.reduceat(np.square(voltage[:edges[-1]], dtype=float), edges[:-1])
                   / (edges[1:] - edges[:-1]))


class _Low:
    """How long the voltage has been below a limit, half cycle by half cycle."""

    def __init__(self, limit: float, duration: float) -> None:
        self.limit, self.duration = limit, duration
        self.low_for = 0.0

    def step(self, supply: Supply) -> bool:
        """Take a block in; return whether at its end the voltage has been low for too long."""
        sound = np.flatnonzero(supply.rms >= self.limit)
        before, low = (0.0, len(supply.rms) - 1 - sound[-1]) if len(sound) else (self.low_for, len(supply.rms))
        self.low_for = before + float(low) * supply.half_cycle
        return self.low_for > self.duration + 1e-9


class GridWatch:
    """GRID while the grid feeds this outlet, OUTAGE when nothing does, REGULATE when the tie is open and the
    home feeds itself, GRID again after a stable return. Time [s] is an argument."""

    def __init__(self, settings: GridWatchSettings) -> None:
        self._settings = settings
        self._lows = [_Low(share * settings.nominal_voltage, duration) for share, duration in SAGS]
        self._supply: Supply | None = None
        self._broken = ''
        self._open_since = math.inf
        self._astray_for = 0.0
        self._good_since: float | None = None
        self._standing = Standing(Mode.UNKNOWN, 0.0, 0, math.nan, math.nan, 'nothing seen yet')

    def step(self, now: float, supply: Supply | None, tie: Tie | None) -> Standing:
        """Return where the home stands.

        supply : a new block, None when none came since the last step.     tie : its last word, None = never heard.
        """
        if supply is not None:
            self._take(supply)
        mode, evidence = self._judge(now, tie)
        last = self._standing
        if mode is Mode.GRID and last.mode in (Mode.OUTAGE, Mode.REGULATE) and not self._stable(now):
            mode, evidence = last.mode, last.evidence
        elif mode is not Mode.GRID:
            self._good_since = None
        outage = mode in (Mode.OUTAGE, Mode.REGULATE) and last.mode not in (Mode.OUTAGE, Mode.REGULATE)
        seen = self._supply
        self._standing = Standing(
            mode=mode, since=last.since if mode is last.mode and last.since else now, epoch=last.epoch + outage,
            voltage=float(seen.rms[-1]) if seen else math.nan, frequency=seen.frequency if seen else math.nan,
            evidence=last.evidence if mode is last.mode and mode is not Mode.UNKNOWN else evidence)
        return self._standing

    def _take(self, supply: Supply) -> None:
        lowest = float(supply.rms.min())
        self._supply, self._broken = supply, ''
        ratio = supply.frequency / supply.nominal_frequency
        astray = not (FREQUENCY_MIN <= ratio <= FREQUENCY_MAX or math.isnan(ratio))
        self._astray_for = self._astray_for + len(supply.rms) * supply.half_cycle if astray else 0.0
        if self._astray_for > FREQUENCY_TIME:
            self._broken = f'{supply.frequency:.2f} Hz for {self._astray_for:.2f} s'
        for low in self._lows:
            if low.step(supply):
                self._broken = f'{lowest:.0f} V, under {low.limit:.0f} V for {low.low_for * 1e3:.0f} ms'

    def _judge(self, now: float, tie: Tie | None) -> tuple[Mode, str]:
        settings, seen = self._settings, self._supply
        closed, alive = (tie.closed, tie.grid_alive) if tie else (None, None)
        self._open_since = min(self._open_since, now) if closed is False else math.inf
        if seen is None or now - seen.end > settings.silence_max:
            blind = f'no samples for {now - seen.end:.0f} s' if seen else 'no samples yet'
            if tie is None or now - tie.stamp > settings.tie_age_max or closed is None:
                return Mode.UNKNOWN, f'{blind}, and no word of the tie'
            if closed and alive:
                return Mode.GRID, f'{blind}; the tie is closed and sees the grid'
            return Mode.OUTAGE, f'{blind}; the tie is {"closed on a dead grid" if closed else "open"}'
        if self._broken:
            word = {None: 'the tie has not spoken', True: 'the tie sees the grid: perhaps only this branch',
                    False: 'the tie sees no grid'}[alive]
            return Mode.OUTAGE, f'{self._broken}; {word}'
        if closed is False and self._opened(now):
            return Mode.REGULATE, f'the tie is open and {seen.rms[-1]:.0f} V are here: the home feeds itself'
        return Mode.GRID, f'{seen.rms[-1]:.0f} V, {seen.frequency:.2f} Hz'

    def _opened(self, now: float) -> bool:
        """Return whether the tie has been open for longer than a dip that was just noticed."""
        return self._standing.mode is not Mode.GRID or now - self._open_since >= self._settings.open_time

    def _stable(self, now: float) -> bool:
        """Return whether voltage and frequency (blind: the tie's word) have been those of a sound grid for long."""
        settings, seen = self._settings, self._supply
        sound = seen is None or now - seen.end > settings.silence_max or (
            settings.return_voltage_min * settings.nominal_voltage <= seen.rms.min()
            and seen.rms.max() <= settings.return_voltage_max * settings.nominal_voltage
            and abs(seen.frequency / seen.nominal_frequency - 1.0) <= settings.return_frequency_span)
        if not sound:
            self._good_since = None
            return False
        self._good_since = now if self._good_since is None else self._good_since
        return now - self._good_since >= settings.return_time
