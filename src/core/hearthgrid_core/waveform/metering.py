"""Metering to the single-phase definitions of IEEE 1459-2010."""
from dataclasses import dataclass

import numpy as np

from .alignment import Aligned
from .harmonics import harmonic_phasors
from .window import WaveformError, Window

HARMONICS = 40
LOAD_MIN = 0.005    # fundamental current below which there is no load to speak of, only the converter's noise [A]
_JOULE_PER_KWH = 3.6e6


@dataclass(frozen=True, eq=False)
class Metering:
    """What one window measures. A quantity that is not defined is NaN.

    voltage, current : RMS over everything, d.c. and distortion included. [V], [A]
    active_power : P, the mean of v·i, positive when the appliance draws. [W]
    reactive_power : Q1 of the fundamental, positive when the current lags. [var]
    apparent_power : S = V·I. [VA]     power_factor : P/S, −1 … 1.
    frequency : [Hz]
    voltage_thd, current_thd : √(X² − X1²)/X1, everything but the fundamental over the fundamental. [1]
    harmonics : (40,) RMS current of harmonic 1, 2, … [A]
    """

    voltage: float
    current: float
    active_power: float
    reactive_power: float
    apparent_power: float
    power_factor: float
    frequency: float
    voltage_thd: float
    current_thd: float
    harmonics: np.ndarray


def meter(aligned: Aligned) -> Metering:
    """Return the metering of whole cycles.

    Power factor and current THD are NaN while the current is below `LOAD_MIN`.
    """
    both = np.stack([aligned.voltage, aligned.current])
    phasors = harmonic_phasors(both, aligned.cycles, HARMONICS)
    square = np.einsum('ck,ck->c', both, both) / both.shape[1]
    voltage, current = (float(rms) for rms in np.sqrt(square))
    active = float(np.dot(both[0], both[1])) / both.shape[1]
    harmonics = np.abs(phasors[1])
    first_voltage, first_current = float(abs(phasors[0, 0])), float(harmonics[0])
    loaded = first_current >= LOAD_MIN
    return Metering(
        voltage=voltage, current=current, active_power=active,
        reactive_power=float((phasors[0, 0] * phasors[1, 0].conjugate()).imag),
        apparent_power=voltage * current,
        power_factor=active / (voltage * current) if loaded else np.nan,
        frequency=aligned.frequency,
        voltage_thd=_distortion(square[0], first_voltage),
        current_thd=_distortion(square[1], first_current) if loaded else np.nan,
        harmonics=harmonics)


def meter_dead(window: Window) -> Metering:
    """Return the metering of a window without mains: RMS values and mean power, NaN for what needs a fundamental."""
    voltage, current = (float(np.sqrt(np.mean(values ** 2))) for values in (window.voltage, window.current))
    return Metering(voltage=voltage, current=current, active_power=float(np.mean(window.voltage * window.current)),
                    reactive_power=np.nan, apparent_power=voltage * current, power_factor=np.nan, frequency=np.nan,
                    voltage_thd=np.nan, current_thd=np.nan, harmonics=np.full(HARMONICS, np.nan))


def _distortion(square: float, fundamental: float) -> float:
    return float(np.sqrt(max(0.0, square / fundamental ** 2 - 1)))


class EnergyCounter:
    """Counts the energy drawn; it never falls, so energy given back is not taken off."""

    def __init__(self, energy_kwh: float = 0.0):
        """energy_kwh : where to go on from, ≥ 0. [kWh]     Raises WaveformError."""
        if not (np.isfinite(energy_kwh) and energy_kwh >= 0):
            raise WaveformError(f'an energy counter cannot start at {energy_kwh} kWh')
        self._energy = float(energy_kwh)

    @property
    def energy_kwh(self) -> float:
        """[kWh]"""
        return self._energy

    def add(self, active_power: float, duration: float) -> float:
        """Count a mean power [W] over a duration [s]; return the new sum [kWh].

        Power that was not measured (NaN) or flows back counts nothing. Raises WaveformError on an impossible duration.
        """
        if not (np.isfinite(duration) and duration >= 0):
            raise WaveformError(f'energy over {duration} s')
        if np.isfinite(active_power) and active_power > 0:
            self._energy += active_power * duration / _JOULE_PER_KWH
        return self._energy
