"""Meters of the board: grid, PV and battery, from phasors."""
import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from .loads import ORDERS

HARMONICS = ORDERS[-1]
_JOULE = 3.6e6  # in a kWh


class Source(Enum):
    """Who feeds the home."""

    GRID = 'grid'
    ISLAND = 'island'
    NONE = 'none'


@dataclass(frozen=True, eq=False)
class MeterReading:
    """What one meter measured up to `end`; power positive when drawn from the home's bus (at `grid`: imported).

    voltage, current : RMS [V], [A]     active_power, reactive_power : of the fundamental but for P [W], [var]
    frequency : NaN when dead [Hz]     energy_kwh : drawn, never falls (kWh)
    voltage_thd, current_thd : NaN where there is no fundamental [1]     harmonics : (13,) RMS current [A]
    """

    name: str
    end: float
    duration: float
    source: Source
    voltage: float
    current: float
    active_power: float
    reactive_power: float
    frequency: float
    energy_kwh: float
    voltage_thd: float
    current_thd: float
    harmonics: np.ndarray


class Meter:
    """Sums over stretches of time until somebody reads it."""

    def __init__(self, name: str):
        self._name = name
        self._energy = 0.0  # [J]
        self._clear()

    def _clear(self) -> None:
        self._duration, self._live, self._turns = 0.0, 0.0, 0.0
        self._voltage, self._current = np.zeros(len(ORDERS)), np.zeros(len(ORDERS))
        self._power = 0j
        self._source = Source.NONE

    def add(self, durations: np.ndarray, voltage: np.ndarray, current: np.ndarray, frequency: float,
            source: Source) -> None:
        """Note stretches of `durations` (s,) [s] with phasors (s, orders) [V], [A]."""
        duration = float(durations.sum())
        self._duration += duration
        if math.isfinite(frequency):
            self._live += duration
            self._turns += duration * frequency
        self._voltage += durations @ np.abs(voltage) ** 2
        self._current += durations @ np.abs(current) ** 2
        power = voltage * current.conj()
        active, reactive = float(durations @ power.real.sum(axis=1)), float(durations @ power[:, 0].imag)
        self._power += complex(active, reactive)
        self._energy += max(0.0, active)
        self._source = source

    def read(self, now: float) -> MeterReading:
        """Return the means since the last reading, and begin anew."""
        duration = max(self._duration, 1e-9)
        voltage, current = np.sqrt(self._voltage / duration), np.sqrt(self._current / duration)
        harmonics = np.zeros(HARMONICS)
        harmonics[np.array(ORDERS) - 1] = current
        reading = MeterReading(
            name=self._name, end=now, duration=self._duration, source=self._source,
            voltage=float(np.linalg.norm(voltage)), current=float(np.linalg.norm(current)),
            active_power=self._power.real / duration, reactive_power=self._power.imag / duration,
            frequency=self._turns / self._live if self._live else math.nan, energy_kwh=self._energy / _JOULE,
            voltage_thd=_distortion(voltage), current_thd=_distortion(current), harmonics=harmonics)
        self._clear()
        return reading


def _distortion(rms: np.ndarray) -> float:
    return float(np.linalg.norm(rms[1:]) / rms[0]) if rms[0] > 1e-6 else math.nan
