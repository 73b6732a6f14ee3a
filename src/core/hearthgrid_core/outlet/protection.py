"""An outlet's own protection: thermal overload (I²t), short circuit, contact temperature, and a sensor that lies."""
import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from hearthgrid_core.settings import check_bounds, setting

FULL_SCALE = 32767   # counts
CLIPPED_SHARE = 0.01  # of samples at full scale from which a block is no measurement
STUCK_COUNTS = 64    # a converter at rest stays within its offset; a constant beyond that is a stuck one
TEMPERATURE_RANGE = (-40.0, 200.0)  # beyond it a sensor is open or shorted [°C]


class Trip(IntEnum):
    """Why an outlet latched open; the numbers are those of `OutletState.TRIP_…`."""

    NONE = 0
    OVERCURRENT = 1
    OVERTEMPERATURE = 2
    SENSOR = 3


@dataclass(frozen=True)
class ProtectionSettings:
    """When an outlet trips."""

    current_rating: float = setting(20.0, 'A', 1.0, 63.0, 'RMS current the outlet carries for ever.')
    thermal_factor: float = setting(1.05, '1', 1.0, 2.0, 'Multiple of the rating that just does not trip.')
    thermal_time: float = setting(120.0, 's', 1.0, 7200.0, 'Time constant of the heating model.')
    thermal_reset: float = setting(0.6, '1', 0.05, 0.95, 'Thermal load below which a trip may be reset.')
    instant_current: float = setting(60.0, 'A', 1.0, 1000.0, 'RMS current of one mains cycle that trips at once.')
    temperature_max: float = setting(80.0, '°C', 30.0, 150.0, 'Contact temperature that trips.')
    temperature_reset: float = setting(60.0, '°C', 0.0, 150.0, 'Contact temperature below which a trip may be reset.')
    temperature_time: float = setting(1.0, 's', 0.0, 60.0, 'How long the contacts must be too hot.')
    sensor_time: float = setting(2.0, 's', 0.2, 60.0, 'How long measurements must be implausible to trip.')

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.temperature_reset >= self.temperature_max:
            raise ValueError('temperature_reset must lie below temperature_max')
        if self.instant_current <= self.current_rating:
            raise ValueError('instant_current must lie above current_rating')


@dataclass(frozen=True)
class Measurement:
    """What an outlet's sensors say of one block of some mains cycles.

    current_cycle : largest RMS of one mains cycle in the block. [A]     temperature : NaN = not measured. [°C]
    fault : why the block cannot be true, '' = it can.
    """

    stamp: float
    voltage: float
    current: float
    current_cycle: float
    active_power: float
    temperature: float = math.nan
    fault: str = ''


def block_fault(voltage: np.ndarray, current: np.ndarray) -> str:
    """Return why a block of converter counts (n,) cannot be a measurement, '' when it can."""
    for name, counts in (('voltage', voltage), ('current', current)):
        low, high = int(counts.min()), int(counts.max())
        if low == high:
            if abs(low) > STUCK_COUNTS:
                return f'{name} stuck at {low} counts'
        elif low <= -FULL_SCALE or high >= FULL_SCALE:
            share = np.count_nonzero((counts >= FULL_SCALE) | (counts <= -FULL_SCALE)) / len(counts)
            if share >= CLIPPED_SHARE:
                return f'{name} clipped in {share:.0%} of samples'
    return ''


def trip_time(multiple: float, settings: ProtectionSettings, load: float = 0.0) -> float:
    """Return how long `multiple` of the rating may flow from a thermal load until the trip; infinity = for ever. [s]

    References: IEC 60255-149:2013, thermal electrical relays, t = τ·ln((I²/(k·Ib)² − θ)/(I²/(k·Ib)² − 1)).
    """
    final = (multiple / settings.thermal_factor) ** 2
    if load >= 1.0:
        return 0.0
    return settings.thermal_time * math.log((final - load) / (final - 1.0)) if final > 1.0 else math.inf


class Protection:
    """Watches measurements and latches a trip. Time [s] is an argument; the same time twice changes nothing."""

    def __init__(self, settings: ProtectionSettings) -> None:
        self.settings = settings
        self.trip, self.cause = Trip.NONE, ''
        self.thermal_load = 0.0  # 1 trips
        self._now: float | None = None
        self._current = 0.0
        self._temperature = math.nan
        self._hot_since: float | None = None
        self._fault, self._fault_since = '', None

    def step(self, now: float, measurement: Measurement | None, closed: bool) -> Trip:
        """Take in the newest measurement and return the latched trip.

        measurement : None while there is none; the last current is then believed to flow on while the relay is closed.
        """
        settings, measured = self.settings, measurement
        fault = _implausible(measured) if measured else ''
        if measured and not fault:
            self._current, self._temperature = measured.current, measured.temperature
        elif not closed:
            self._current = 0.0
        elif measured and self._current < measured.current < math.inf:  # a clipped current is at least what it shows
            self._current = measured.current
        self._warm(0.0 if self._now is None else max(now - self._now, 0.0))
        self._now = now
        if self.thermal_load >= 1.0:
            self._latch(Trip.OVERCURRENT, f'overload: {self._current:.1f} A, rated {settings.current_rating:g} A')
        if measured and measured.current_cycle >= settings.instant_current:
            self._latch(Trip.OVERCURRENT, f'short circuit: {measured.current_cycle:.0f} A in one cycle')
        self._hot_since = _since(self._hot_since, now, self._temperature >= settings.temperature_max)
        if self._hot_since is not None and now - self._hot_since >= settings.temperature_time:
            self._latch(Trip.OVERTEMPERATURE, f'contacts at {self._temperature:.0f} °C')
        if measured:
            self._fault, self._fault_since = fault, _since(self._fault_since, now, bool(fault))
        if self._fault_since is not None and now - self._fault_since >= settings.sensor_time:
            self._latch(Trip.SENSOR, f'sensor: {self._fault}')
        return self.trip

    def reset(self) -> str:
        """Unlatch the trip and return '', or return why it stays."""
        settings = self.settings
        if self.thermal_load > settings.thermal_reset:
            wait = settings.thermal_time * math.log(self.thermal_load / settings.thermal_reset)
            return f'still warm: thermal load {self.thermal_load:.2f}, wait {wait:.0f} s'
        if self._temperature >= settings.temperature_reset:
            return f'contacts still at {self._temperature:.0f} °C, resets below {settings.temperature_reset:g} °C'
        if self._fault_since is not None:
            return f'sensor: {self._fault}'
        self.trip, self.cause = Trip.NONE, ''
        return ''

    def _warm(self, duration: float) -> None:
        settings = self.settings
        final = (self._current / (settings.thermal_factor * settings.current_rating)) ** 2
        self.thermal_load = final + (self.thermal_load - final) * math.exp(-duration / settings.thermal_time)

    def _latch(self, trip: Trip, cause: str) -> None:
        if self.trip is Trip.NONE:
            self.trip, self.cause = trip, cause

    def to_dict(self) -> dict:
        """Return what must outlive a restart."""
        return {'trip': int(self.trip), 'cause': self.cause, 'thermal_load': self.thermal_load, 'time': self._now}

    def restore(self, now: float, kept: dict) -> None:
        """Take back what `to_dict` gave, cooled down since. ValueError when it is damaged."""
        try:
            trip, load = Trip(kept['trip']), float(kept['thermal_load'])
            away = max(now - (now if kept['time'] is None else float(kept['time'])), 0.0)
            if not 0.0 <= load < 1e6:
                raise ValueError(f'thermal load {load}')
            self.trip, self.cause = trip, str(kept['cause'])
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f'the kept protection state is damaged: {error!r}') from None
        self.thermal_load = load * math.exp(-away / self.settings.thermal_time)


def _implausible(measured: Measurement) -> str:
    if measured.fault:
        return measured.fault
    if not all(map(math.isfinite, (measured.voltage, measured.current, measured.current_cycle))):
        return 'voltage or current is not a number'
    low, high = TEMPERATURE_RANGE
    if not math.isnan(measured.temperature) and not low <= measured.temperature <= high:
        return f'temperature of {measured.temperature:g} °C'
    return ''


def _since(since: float | None, now: float, holds: bool) -> float | None:
    """Return since when something holds, None when it does not."""
    if not holds:
        return None
    return now if since is None or since > now else since
