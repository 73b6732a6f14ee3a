"""The battery: its charge, its inverter following the grid, and its inverter being the grid."""
import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from ..island.droop import Droop, DroopSettings
from .settings import BatterySettings

FULL_TAPER = 0.05       # share of capacity below full over which the charging limit falls to nothing
_JOULE = 3.6e6          # in a kWh
_BAND = 0.15            # of the frequency the droop may ask for, over nominal; twice that of the voltage
_FLOOR = 0.06           # the most an overload lowers the frequency, over nominal: every outlet can still measure it
_FREE = 3.0             # power over rating that does not move the frequency
_GAIN = 0.5             # the part of the limit that is proportional [Hz]


class Mode(Enum):
    """What an inverter is told to do."""

    IDLE = 'idle'
    FOLLOW = 'follow'
    FORM = 'form'


@dataclass(frozen=True)
class Setpoint:
    """A command to an inverter; NaN keeps a droop reference.

    active_power : positive when it draws. [W]     reactive_power : positive when inductive. [var]
    frequency, voltage : droop references f0, V0. [Hz], [V]     expiry : [s]
    """

    mode: Mode
    active_power: float = 0.0
    reactive_power: float = 0.0
    frequency: float = math.nan
    voltage: float = math.nan
    expiry: float = math.inf

    def __post_init__(self):
        if not (math.isfinite(self.active_power) and math.isfinite(self.reactive_power)):
            raise ValueError('a setpoint of power that is not a number')
        if math.isinf(self.frequency) or math.isinf(self.voltage):
            raise ValueError('an infinite droop reference')


class Battery:
    """Charge and losses: dE = η·P·dt when charging, P·dt/η when discharging, less what the inverter uses itself."""

    def __init__(self, settings: BatterySettings):
        self.settings = settings
        self.energy = settings.initial * self.capacity  # [J]

    @property
    def capacity(self) -> float:
        """[J]"""
        return self.settings.capacity_kwh * _JOULE

    @property
    def soc(self) -> float:
        """State of charge. [1]"""
        return self.energy / self.capacity

    @property
    def empty(self) -> bool:
        """Whether it has nothing to give."""
        return self.soc <= self.settings.empty

    @property
    def charge_max(self) -> float:
        """What it can take now; falls to nothing as it fills. [W]"""
        return self.settings.power_max * min(1.0, max(0.0, (1.0 - self.soc) / FULL_TAPER))

    @property
    def discharge_max(self) -> float:
        """What it can give for long. [W]"""
        return 0.0 if self.empty else self.settings.power_max

    def limit(self, power: float) -> float:
        """Return a power it can keep, positive when charging. [W]"""
        return min(self.charge_max, max(-self.discharge_max, power))

    def step(self, power: float, duration: float, awake: bool = True) -> None:
        """Run at `power` [W], positive when charging, for `duration` [s]."""
        eta = self.settings.efficiency
        flow = power * eta if power > 0 else power / eta
        if awake:
            flow -= self.settings.idle_power
        self.energy = min(self.capacity, max(0.0, self.energy + flow * duration))


class Former:
    """A grid-forming inverter: the droop of `island.droop` on filtered power, soft start, and a stop on overload.

    Above its rating it lets the frequency go at `limit_rate`, as `island.droop` does, so that loads see the overload
    without a message (`island.load_droop`). No virtual impedance: it is alone and shares with nobody.
    Power here is what it delivers, positive into the home.
    """

    def __init__(self, settings: BatterySettings, voltage: float, frequency: float):
        self._settings = settings
        limited = settings.limit_rate > 0.0
        self._droop = Droop([DroopSettings(
            rating=settings.power_max, nominal_voltage=voltage, nominal_frequency=frequency,
            droop_frequency=settings.droop_frequency, droop_voltage=settings.droop_voltage,
            filter_time=settings.filter_time, virtual_reactance=0.0, power_max=1.0 if limited else _FREE,
            power_min=-_FREE, limit_rate=settings.limit_rate, limit_gain=_GAIN if limited else 0.0,
            frequency_min=(1 - _FLOOR) * frequency, frequency_max=(1 + _BAND) * frequency, voltage_min=1 - 2 * _BAND,
            voltage_max=1 + 2 * _BAND, surge=settings.surge)])
        self._ramp, self._overloaded = 0.0, 0.0
        self.blocked_until = -math.inf                  # after an overload stop [s]

    def refer(self, voltage: float, frequency: float) -> None:
        """Set the droop references [V], [Hz]; NaN keeps one."""
        if not math.isnan(voltage):
            self._droop.reference_voltage[:] = voltage
        if not math.isnan(frequency):
            self._droop.reference_frequency[:] = frequency
        self._droop.refresh()

    def begin(self, live: bool, active_power: float, reactive_power: float) -> None:
        """Take the bus over: at full voltage from a `live` one, softly from a dead one."""
        self._droop.begin(np.array([active_power * live]), np.array([reactive_power * live]))
        self._ramp, self._overloaded = (1.0 if live else 0.0), 0.0

    def frequency(self) -> float:
        """[Hz]"""
        return float(self._droop.frequency[0])

    def voltage(self) -> float:
        """Inner voltage, RMS. [V]"""
        return float(self._droop.voltage[0]) * self._ramp

    def step(self, now: float, duration: float, active_power: float, reactive_power: float, current: float) -> bool:
        """Take in what was delivered over `duration` [s]; return False when it stops on overload.

        current : RMS. [A]
        """
        s = self._settings
        self._droop.step(duration, np.array([active_power]), np.array([reactive_power]), np.array([current]))
        self._ramp = min(1.0, self._ramp + duration / s.soft_start) if s.soft_start else 1.0
        over = active_power > s.overload * s.power_max or self._droop.derating[0] < 0.9
        self._overloaded = self._overloaded + duration if over else max(0.0, self._overloaded - duration)
        if self._overloaded < s.overload_time:
            return True
        self.blocked_until = now + s.restart_wait
        return False
