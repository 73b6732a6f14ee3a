"""From converter blocks to what an outlet knows: measurement for protection, metering, 1 s readings, load changes."""
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

import numpy as np

from hearthgrid_core.outlet.protection import Measurement, block_fault
from hearthgrid_core.waveform import (
    LOAD_MIN,
    Aligned,
    CaptureRing,
    ChangeDetector,
    EnergyCounter,
    Metering,
    Signature,
    TurnOnTracker,
    WaveformError,
    Window,
    align,
    meter,
    meter_dead,
    signature,
)

READING_TIME = 1.0   # [s]
RAW_MAX = 4096       # samples of a window on the wire
SLOWEST = 0.9        # mains frequency over nominal
RING_TIME = 1.0      # of samples kept [s]
SPARE_CYCLES = 3     # beyond those analysed, lost to alignment
FUTURE_MAX, AGE_MAX = 2.0, 10.0  # of a block's stamp against this clock [s]
ORDER_MAX = 10       # blocks out of order in a row after which the converter's clock is believed again


@dataclass(frozen=True, eq=False)
class Block:
    """A block as the converter gave it, with nothing checked yet. See Samples.msg.

    stamp : of the first sample. [s]     voltage, current : (n,) int16 counts.
    """

    stamp: float
    sequence: int
    sampling_rate: float
    nominal_frequency: float
    voltage_scale: float
    current_scale: float
    temperature: float
    voltage: np.ndarray
    current: np.ndarray


class Drop(Enum):
    """Why a block is not used."""

    LENGTH = 'voltage and current differ in length or hold less than one mains cycle'
    RATE = 'its sampling rate is not a number above 1 kHz'
    NOMINAL = 'its nominal frequency is not 45 … 65 Hz'
    SCALE = 'a scale is not a number above 0'
    STAMP = 'its stamp is far from this clock'
    ORDER = 'it is not younger than the last'


DROPS: tuple[tuple[Drop, Callable[[Block, float, float], bool]], ...] = (
    (Drop.RATE, lambda b, now, last: not 1e3 < b.sampling_rate < 1e6),
    (Drop.NOMINAL, lambda b, now, last: not 45.0 <= b.nominal_frequency <= 65.0),
    (Drop.SCALE, lambda b, now, last: not (0.0 < b.voltage_scale < math.inf and 0.0 < b.current_scale < math.inf)),
    (Drop.LENGTH, lambda b, now, last: len(b.voltage) != len(b.current)
     or len(b.voltage) < b.sampling_rate / b.nominal_frequency),
    (Drop.STAMP, lambda b, now, last: not -FUTURE_MAX <= now - b.stamp <= AGE_MAX),
    (Drop.ORDER, lambda b, now, last: not b.stamp > last),
)


@dataclass(frozen=True, eq=False)
class Captured:
    """What a block says. metering : of the newest whole cycles.     reading : at the end of each second, else None.

    changed : the load has become another.     lost : blocks missing before this one.
    """

    measurement: Measurement
    metering: Metering
    reading: 'Reading | None'
    changed: bool
    lost: int


@dataclass(frozen=True, eq=False)
class Reading:
    """Means over one second; see Reading.msg for every quantity. end : [s]     duration : [s]"""

    end: float
    duration: float
    metering: Metering
    energy_kwh: float
    temperature: float


class Capture:
    """Takes blocks and remembers the newest second. Time [s] is an argument."""

    def __init__(self, energy_kwh: float = 0.0) -> None:
        """energy_kwh : where the counter goes on from. [kWh]"""
        self.energy = EnergyCounter(energy_kwh)
        self.dropped: dict[Drop, int] = {}
        self.lost = 0
        self._ring, self._changes, self._turn_on = CaptureRing(RING_TIME), ChangeDetector(), TurnOnTracker()
        self._aligned: Aligned | None = None
        self._last: Block | None = None
        self._disorder = 0
        self._second: list[tuple[Metering, float]] = []

    def take(self, now: float, block: Block) -> Captured | Drop:
        """Take the next block, or return why not; nothing changes then but the count."""
        last = -math.inf if self._last is None or self._disorder >= ORDER_MAX else self._last.stamp
        for drop, dropped in DROPS:
            if dropped(block, now, last):
                self.dropped[drop] = self.dropped.get(drop, 0) + 1
                self._disorder += drop is Drop.ORDER
                return drop
        lost = 0 if self._last is None else max(block.sequence - self._last.sequence - 1, 0)
        self._disorder, self._last, self.lost = 0, block, self.lost + lost
        window = Window.from_counts(block.voltage, block.current, block.voltage_scale, block.current_scale,
                                    block.sampling_rate, block.stamp)
        if not self._ring.append(window) or lost:
            self._turn_on.lost()
            self._second = []
        metering = self._meter(window, block.nominal_frequency)
        frequency = block.nominal_frequency if math.isnan(metering.frequency) else metering.frequency
        cycles = self._turn_on.step(window, frequency)
        measurement = Measurement(
            stamp=window.end, voltage=_rms(window.voltage), current=_rms(window.current),
            current_cycle=float(cycles.max()),
            active_power=float(np.dot(window.voltage, window.current)) / len(window), temperature=block.temperature,
            fault=block_fault(block.voltage, block.current))
        self.energy.add(measurement.active_power, window.duration)
        changed = self._changes.step(window.end, metering)
        return Captured(measurement, metering, self._read(window, metering), changed, lost)

    def signature(self) -> tuple[Signature, Aligned] | None:
        """Return the signature of the newest whole cycles and those cycles; None without mains."""
        if self._aligned is None:
            return None
        return signature(self._aligned, self._turn_on.result), self._aligned

    def raw(self) -> tuple[Block, Aligned | None, np.ndarray, np.ndarray, float] | None:
        """Return the newest window as converter counts: the block it came with (for its scales), the whole cycles
        it shows (None without mains), voltage and current (n,) int16, and the time of the first sample [s].

        None before the first block.
        """
        if self._last is None:
            return None
        block, aligned = self._last, self._aligned
        held = self._ring.latest(self._ring.duration)
        if aligned is None:
            return block, None, block.voltage, block.current, block.stamp
        first = max(round((aligned.start - held.start) * held.sampling_rate), 0)
        count = round(aligned.duration * held.sampling_rate)
        cut = Window(held.voltage[first:first + count], held.current[first:first + count], held.sampling_rate)
        voltage, current = cut.to_counts(block.voltage_scale, block.current_scale)
        return block, aligned, voltage, current, held.start + first / held.sampling_rate

    def _meter(self, window: Window, nominal: float) -> Metering:
        # So many whole cycles fit a message also where the mains is slow: of the largest block not all.
        most = int(RAW_MAX / window.sampling_rate * nominal * SLOWEST)
        cycles = max(min(round(window.duration * nominal), most), 1)
        longer = self._ring.latest((cycles + SPARE_CYCLES) / nominal)
        try:
            self._aligned = align(window, nominal) if longer is None else align(longer, nominal, cycles=cycles)
            return meter(self._aligned)
        except WaveformError:
            self._aligned = None
            return meter_dead(window)

    def _read(self, window: Window, metering: Metering) -> Reading | None:
        self._second.append((metering, window.duration))
        duration = sum(length for _, length in self._second)
        if duration < READING_TIME - 1e-6:
            return None
        meterings, self._second = [m for m, _ in self._second], []
        return Reading(window.end, duration, mean(meterings), self.energy.energy_kwh, self._last.temperature)


def mean(meterings: list[Metering]) -> Metering:
    """Return the aggregate of meterings of equal length: root mean square of RMS values and distortions, mean of powers
    and frequency, each over those where it is defined.

    References: IEC 61000-4-30:2015, 4.5 (aggregation by the square root of the mean of the squares).
    """
    def over(name: str, power: int) -> float:
        known = [value for m in meterings if not math.isnan(value := getattr(m, name))]
        return (sum(value ** power for value in known) / len(known)) ** (1.0 / power) if known else math.nan

    voltage, current, active = over('voltage', 2), over('current', 2), over('active_power', 1)
    harmonics = np.array([m.harmonics for m in meterings if not np.isnan(m.harmonics).any()])
    return Metering(
        voltage=voltage, current=current, active_power=active, reactive_power=over('reactive_power', 1),
        apparent_power=voltage * current,
        power_factor=active / (voltage * current) if current >= LOAD_MIN and voltage > 0.0 else math.nan,
        frequency=over('frequency', 1), voltage_thd=over('voltage_thd', 2), current_thd=over('current_thd', 2),
        harmonics=np.sqrt(np.mean(harmonics ** 2, axis=0)) if len(harmonics) else meterings[0].harmonics)


def _rms(values: np.ndarray) -> float:
    return math.sqrt(float(np.dot(values, values)) / len(values))
