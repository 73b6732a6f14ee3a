"""Rules that one reading is enough for: current, temperature, supply voltage, and measurements that cannot be true.

Each takes the outlet's reading and whether its alarm is up, and returns what it finds, None where it cannot tell.
"""
import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from .alarm import WELL, Finding, Severity
from .settings import AnomalySettings

DEAD = 0.1              # of the nominal voltage: below it there is no supply [1]
CURRENT_HYSTERESIS = 0.05       # of the rated current [1]
TEMPERATURE_HYSTERESIS = 5.0    # [K]
VOLTAGE_HYSTERESIS = 0.01       # of the nominal voltage [1]
_NAN = float('nan')


class Trip(Enum):
    """Why an outlet's own protection opened it."""

    OVERCURRENT = 'over-current'
    OVERTEMPERATURE = 'over-temperature'
    SENSOR = 'a measurement that cannot be trusted'


@dataclass(frozen=True, eq=False)
class Observation:
    """What is known of one outlet at one time. NaN = not measured.

    voltage, current : RMS [V], [A]     active_power, apparent_power : [W], [VA]     power_factor [1]     frequency [Hz]
    temperature : of the contacts [°C]     type : of the device, '' where unknown
    signature : (features,), a signature taken since the last observation, or None
    relay_open : the outlet keeps its load switched off     trip : why it tripped, None where it did not
    price : of energy [currency/kWh]     currency : ISO 4217     energy : of the outlet's own counter [kWh]
    unknown : identification says that it knows no such device     named : a person said what it is
    looks_like, likeness : what identification takes it for, and how probably [1]
    """

    voltage: float = _NAN
    current: float = _NAN
    active_power: float = _NAN
    apparent_power: float = _NAN
    power_factor: float = _NAN
    frequency: float = _NAN
    temperature: float = _NAN
    type: str = ''
    signature: np.ndarray | None = None
    relay_open: bool = False
    trip: Trip | None = None
    price: float = _NAN
    currency: str = ''
    energy: float = _NAN
    unknown: bool = False
    named: bool = False
    looks_like: str = ''
    likeness: float = _NAN


def tripped(trip: Trip, seen: Observation, up: bool) -> Finding:
    """The outlet's protection opened it, and stays so until a person resets it."""
    if seen.trip is not trip:
        return WELL
    return Finding(Severity.CRITICAL, text=f'switched itself off: {trip.value}')


def overcurrent(seen: Observation, up: bool, settings: AnomalySettings) -> Finding | None:
    """Near or above what the outlet may carry."""
    if _is_nonsense('current', seen, settings):
        return None
    rated = settings.rated_current
    bound = rated * (settings.overcurrent_share - CURRENT_HYSTERESIS * up)
    if seen.current <= bound:
        return Finding(Severity.UNKNOWN, seen.current, rated)
    severity = Severity.CRITICAL if seen.current > rated else Severity.WARNING
    return Finding(severity, seen.current, rated,
                   f'carries {seen.current:.1f} A, {seen.current / rated:.0%} of the {rated:.0f} A it is made for')


def overtemperature(seen: Observation, up: bool, settings: AnomalySettings) -> Finding | None:
    """Contacts too hot."""
    if _is_nonsense('temperature', seen, settings):
        return None
    bound = settings.temperature_warning
    if seen.temperature <= bound - TEMPERATURE_HYSTERESIS * up:
        return Finding(Severity.UNKNOWN, seen.temperature, bound)
    severity = Severity.CRITICAL if seen.temperature > settings.temperature_critical else Severity.WARNING
    return Finding(severity, seen.temperature, bound,
                   f'contacts are at {seen.temperature:.0f} °C; up to {bound:.0f} °C is ordinary')


def supply_voltage(seen: Observation, up: bool, settings: AnomalySettings) -> Finding | None:
    """Supply outside its range. A dead supply is an outage, not this."""
    nominal = settings.nominal_voltage
    if _is_nonsense('voltage', seen, settings) or is_dead(seen, settings):
        return None
    share, inset = seen.voltage / nominal, VOLTAGE_HYSTERESIS * up
    low, high = settings.voltage_low, settings.voltage_high
    if low + inset <= share <= high - inset:
        return Finding(Severity.UNKNOWN, seen.voltage, nominal)
    outside = max(low - share, share - high)
    severity = Severity.CRITICAL if outside > settings.voltage_critical else Severity.WARNING
    return Finding(severity, seen.voltage, nominal, f'supply is at {seen.voltage:.1f} V, {share:.1%} of nominal; '
                                                    f'{low * nominal:.0f} … {high * nominal:.0f} V is its range')


def is_dead(seen: Observation, settings: AnomalySettings) -> bool:
    """Return whether there is no supply; False where the voltage is not known."""
    return seen.voltage < DEAD * settings.nominal_voltage


class SensorRule:
    """Measurements that cannot be true, and ones that stopped. What an outlet never measured it may leave out."""

    def __init__(self) -> None:
        self._measured = {'voltage': False, 'current': False, 'active_power': False}

    def judge(self, seen: Observation, settings: AnomalySettings) -> Finding:
        for name in self._measured:
            if math.isfinite(getattr(seen, name)):
                self._measured[name] = True
        problem = self._missing(seen, settings) or _impossible(seen, settings)
        if problem is None:
            return WELL
        value, words = problem
        return Finding(Severity.WARNING, value, _NAN, f'a measurement cannot be true: {words}')

    def _missing(self, seen: Observation, settings: AnomalySettings) -> tuple[float, str] | None:
        for name, measured in self._measured.items():
            if measured and not math.isfinite(getattr(seen, name)):
                return getattr(seen, name), f'{name.replace("_", " ")} is {getattr(seen, name)}'
        return None


def _bounds(settings: AnomalySettings) -> dict[str, tuple[float, float]]:
    """Return what each quantity can be at all. [V], [A], [1], [Hz], [°C]"""
    return {'voltage': (0.0, 2 * settings.nominal_voltage), 'current': (0.0, 50 * settings.rated_current),
            'power_factor': (-1.01, 1.01), 'frequency': (40.0, 70.0), 'temperature': (-40.0, 200.0)}


def _is_nonsense(name: str, seen: Observation, settings: AnomalySettings) -> bool:
    low, high = _bounds(settings)[name]
    return not low <= getattr(seen, name) <= high


def _impossible(seen: Observation, settings: AnomalySettings) -> tuple[float, str] | None:
    """Return the first impossible value with words, None where there is none. Comparisons with NaN are false."""
    for name, (low, high) in _bounds(settings).items():
        value = getattr(seen, name)
        if value < low or value > high:
            return value, f'{name.replace("_", " ")} is {value:.4g}'
    product = seen.voltage * seen.current
    if abs(seen.active_power) > 1.05 * product + 5:
        return seen.active_power, f'active power is {seen.active_power:.4g} W at {product:.4g} VA'
    if abs(seen.apparent_power - product) > 0.05 * product + 5:
        return seen.apparent_power, f'apparent power is {seen.apparent_power:.4g} VA, V·I is {product:.4g} VA'
    return None
