"""Primary control of grid-forming inverters: they share an island's load without a message, f = f0 − m·P, V = V0 − n·Q.

Chandorkar, Divan, Adapa 1993, doi:10.1109/28.195899; virtual impedance: Guerrero et al. 2005, IEEE Trans. Ind.
Electron. 52(4):1126.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hearthgrid_core.settings import check_bounds, setting


@dataclass(frozen=True)
class DroopSettings:
    """One inverter. Droop, limits and virtual impedance are over its own rating, so units of any size share alike."""

    rating: float = setting(4000.0, 'VA', 1.0, 1e7, 'Apparent power it is rated for.')
    nominal_voltage: float = setting(230.0, 'V', 90.0, 1000.0, 'RMS, phase to neutral.')
    nominal_frequency: float = setting(50.0, 'Hz', 45.0, 65.0, 'Of the island without load.')
    droop_frequency: float = setting(0.01, '1', 0.001, 0.05, 'Fall of frequency over nominal at rated power.')
    droop_voltage: float = setting(0.025, '1', 0.0, 0.1, 'Fall of voltage over nominal at rated reactive power.')
    filter_time: float = setting(0.01, 's', 0.001, 1.0, 'Of the low-pass behind the measured powers.')
    virtual_resistance: float = setting(0.0, '1', 0.0, 1.0, 'Over V²/rating: damps, costs voltage.')
    virtual_reactance: float = setting(
        0.1, '1', 0.0, 1.0, 'Over V²/rating: makes resistive wires look inductive, so that P moves the angle.'
    )
    power_max: float = setting(1.0, '1', 0.0, 3.0, 'Most active power over rating; then the frequency falls further.')
    power_min: float = setting(-1.0, '1', -3.0, 0.0, 'Least active power over rating, negative when it charges.')
    limit_gain: float = setting(0.5, 'Hz', 0.0, 10.0, 'Frequency per power beyond a limit, over rating.')
    limit_rate: float = setting(10.0, 'Hz/s', 0.0, 200.0, 'The same, integrated: holds the power at the limit.')
    frequency_min: float = setting(47.0, 'Hz', 40.0, 65.0, 'Never below.')
    frequency_max: float = setting(52.0, 'Hz', 45.0, 70.0, 'Never above.')
    voltage_min: float = setting(0.85, '1', 0.0, 1.0, 'Inner voltage over nominal, before the current limit.')
    voltage_max: float = setting(1.1, '1', 1.0, 1.3, 'Inner voltage over nominal.')
    surge: float = setting(2.0, '1', 1.0, 5.0, 'Current it can give for a moment, over rated.')
    surge_recovery: float = setting(1.0, '1/s', 0.01, 100.0, 'How fast the voltage returns after a current limit.')

    def __post_init__(self) -> None:
        check_bounds(self)
        if not self.frequency_min < self.nominal_frequency < self.frequency_max:
            raise ValueError('nominal_frequency must lie between frequency_min and frequency_max')
        if self.power_min >= self.power_max:
            raise ValueError('power_min must lie below power_max')


class Droop:
    """n inverters side by side in arrays (n,); an inverter's own controller is n = 1. Powers are positive when given.

    reference_frequency, reference_voltage : f0 [Hz], V0 [V]
    frequency_offset, voltage_offset : what secondary control adds [Hz], [V]
    active_power, reactive_power : filtered [W], [var]
    frequency, voltage : what the inverter makes now [Hz], inner RMS [V]
    virtual_impedance : between inner voltage and terminal, emulated: terminal = voltage − virtual_impedance · I [Ω]
    """

    def __init__(self, units: Sequence[DroopSettings]) -> None:
        def column(name: str) -> np.ndarray:
            return np.array([getattr(unit, name) for unit in units], dtype=float)

        if not units:
            raise ValueError('a droop without an inverter')
        self.rating, self.nominal_voltage = column('rating'), column('nominal_voltage')
        self.nominal_frequency = column('nominal_frequency')
        self.frequency_slope = column('droop_frequency') * self.nominal_frequency / self.rating  # m [Hz/W]
        self.voltage_slope = column('droop_voltage') * self.nominal_voltage / self.rating  # n [V/var]
        self.virtual_impedance = (
            (column('virtual_resistance') + 1j * column('virtual_reactance')) * self.nominal_voltage**2 / self.rating
        )
        self.power_max, self.power_min = column('power_max') * self.rating, column('power_min') * self.rating
        self.current_max = column('surge') * self.rating / self.nominal_voltage
        self._filter_time = column('filter_time')
        self._gain, self._rate = column('limit_gain') / self.rating, column('limit_rate') / self.rating
        self._frequency_min, self._frequency_max = column('frequency_min'), column('frequency_max')
        self._voltage_min = column('voltage_min') * self.nominal_voltage
        self._voltage_max = column('voltage_max') * self.nominal_voltage
        self._recovery = column('surge_recovery')
        self.reference_frequency, self.reference_voltage = self.nominal_frequency.copy(), self.nominal_voltage.copy()
        self.frequency_offset, self.voltage_offset = np.zeros((2, len(units)))
        self._kept: tuple[float, np.ndarray] = (-1.0, self._filter_time)  # duration → decay of the filter over it
        nothing = np.zeros(len(units))
        self.begin(nothing, nothing)

    @property
    def limited(self) -> np.ndarray:
        """Whether an inverter is held at a limit of its power. (n,) bool"""
        return (self._low < 0.0) | (self._high > 0.0)

    @property
    def derating(self) -> np.ndarray:
        """What the current limit leaves of the voltage. (n,) [1]"""
        return self._derating

    def begin(self, active_power: np.ndarray, reactive_power: np.ndarray) -> None:
        """Take the bus over while it carries (n,) powers [W], [var]: no bump."""
        self.active_power = np.array(active_power, dtype=float)
        self.reactive_power = np.array(reactive_power, dtype=float)
        self._low, self._high = np.zeros((2, len(self.rating)))  # of the frequency, at a limit of power [Hz]
        self._derating = np.ones(len(self.rating))
        self._set(0.0)

    def step(
        self, duration: float, active_power: np.ndarray, reactive_power: np.ndarray, current: np.ndarray
    ) -> None:
        """Take in what each gave over `duration` [s]: (n,) powers [W], [var], RMS current [A]."""
        if duration != self._kept[0]:
            self._kept = duration, 1.0 - np.exp(-duration / self._filter_time)
        rest = self._kept[1]
        self.active_power += rest * (active_power - self.active_power)
        self.reactive_power += rest * (reactive_power - self.reactive_power)
        over = current / self.current_max
        if over.max() > 1.0 or self._derating.min() < 1.0:
            room = np.minimum(np.exp(self._recovery * duration), 1.0 / np.maximum(over, 1e-9))
            self._derating = np.minimum(1.0, self._derating * room)
        self._set(duration)

    def refresh(self) -> None:
        """Let a changed reference or offset take effect at once."""
        self._set(0.0)

    def _set(self, duration: float) -> None:
        frequency = self.reference_frequency - self.frequency_slope * self.active_power + self.frequency_offset
        above, below = self.active_power - self.power_max, self.active_power - self.power_min
        if above.max() > 0.0 or below.min() < 0.0 or self._low.any() or self._high.any():
            # No further than the frequency can follow: else it would stay there long after the overload.
            floor = np.minimum(self._frequency_min - frequency, 0.0)
            ceiling = np.maximum(self._frequency_max - frequency, 0.0)
            self._low = np.minimum(np.maximum(self._low - self._rate * above * duration, floor), 0.0)
            self._high = np.maximum(np.minimum(self._high - self._rate * below * duration, ceiling), 0.0)
            frequency += np.minimum(0.0, self._low - self._gain * above)
            frequency += np.maximum(0.0, self._high - self._gain * below)
        self.frequency = np.minimum(np.maximum(frequency, self._frequency_min), self._frequency_max)
        voltage = self.reference_voltage - self.voltage_slope * self.reactive_power + self.voltage_offset
        self.voltage = np.minimum(np.maximum(voltage, self._voltage_min), self._voltage_max) * self._derating


def share(power: float, units: Sequence[DroopSettings], damping: float = 0.0) -> tuple[float, np.ndarray]:
    """Return the frequency an island without losses settles at [Hz] and (n,) powers [W]: closed form, by water filling.

    power : of all loads at nominal frequency [W], fed by `units` at their own references.
    damping : of the loads, ΔP over Δf [W/Hz].
    Δf = −ΔP / (Σ 1/m + D); a unit at a limit of its power leaves the sum. Raises ValueError where the units together
    cannot carry it.
    """
    reference = np.array([unit.nominal_frequency for unit in units])
    slope = np.array([unit.droop_frequency * unit.nominal_frequency / unit.rating for unit in units])
    low, high = (np.array([getattr(unit, name) * unit.rating for unit in units]) for name in ('power_min', 'power_max'))

    def surplus(frequency: float) -> float:
        return float(np.clip((reference - frequency) / slope, low, high).sum() - power - damping * (frequency - base))

    base = float(reference.mean())
    # The surplus falls with the frequency, in straight pieces between the corners where a unit meets a limit.
    corners = np.sort(np.concatenate([reference - slope * low, reference - slope * high]))
    tiny = 1e-9 * float((high - low).sum())
    if surplus(corners[0]) < -tiny or surplus(corners[-1]) > tiny:
        raise ValueError(f'{power:.0f} W is beyond what the inverters can carry together')
    place = next(k for k in range(1, len(corners)) if surplus(corners[k]) <= tiny)
    left, right = surplus(corners[place - 1]), surplus(corners[place])
    part = min(1.0, max(0.0, left / (left - right))) if left > right else 0.0
    frequency = corners[place - 1] + part * (corners[place] - corners[place - 1])
    return float(frequency), np.clip((reference - frequency) / slope, low, high)
