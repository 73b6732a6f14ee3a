"""The battery: its charge, its inverter following the grid, and its inverter being the grid."""
import math
from dataclasses import dataclass
from enum import Enum

from .settings import BatterySettings

FULL_TAPER = 0.05       # share of capacity below full over which the charging limit falls to nothing
_JOULE = 3.6e6          # in a kWh


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
    """A grid-forming inverter: f = f0 − m·P, V = V0 − n·Q on filtered power, soft start, current limit, overload stop.

    Power here is what it delivers, positive into the home.
    """

    def __init__(self, settings: BatterySettings, voltage: float, frequency: float):
        self._settings, self._nominal_voltage, self._nominal_frequency = settings, voltage, frequency
        self.reference_voltage, self.reference_frequency = voltage, frequency
        self.active_power = self.reactive_power = 0.0   # filtered [W], [var]
        self._ramp, self._limit, self._overloaded = 0.0, 1.0, 0.0
        self.blocked_until = -math.inf                  # after an overload stop [s]

    def begin(self, live: bool, active_power: float, reactive_power: float) -> None:
        """Take the bus over: at full voltage from a `live` one, softly from a dead one."""
        self.active_power, self.reactive_power = (active_power, reactive_power) if live else (0.0, 0.0)
        self._ramp, self._limit, self._overloaded = (1.0 if live else 0.0), 1.0, 0.0

    def frequency(self) -> float:
        """[Hz]"""
        slope = self._settings.droop_frequency * self._nominal_frequency / self._settings.power_max
        return self.reference_frequency - slope * self.active_power

    def voltage(self) -> float:
        """Inner voltage, RMS. [V]"""
        slope = self._settings.droop_voltage * self._nominal_voltage / self._settings.power_max
        return (self.reference_voltage - slope * self.reactive_power) * self._ramp * self._limit

    def step(self, now: float, duration: float, active_power: float, reactive_power: float, current: float) -> bool:
        """Take in what was delivered over `duration` [s]; return False when it stops on overload.

        current : RMS. [A]
        """
        s = self._settings
        keep = math.exp(-duration / s.filter_time)
        self.active_power += (1 - keep) * (active_power - self.active_power)
        self.reactive_power += (1 - keep) * (reactive_power - self.reactive_power)
        self._ramp = min(1.0, self._ramp + duration / s.soft_start) if s.soft_start else 1.0
        most = s.surge * s.power_max / self._nominal_voltage
        if current > most:
            self._limit *= most / current
        else:  # recovers as far as the current allows
            self._limit = min(1.0, self._limit * min(1.02, most / max(current, 1e-9)))
        over = active_power > s.overload * s.power_max or self._limit < 0.9
        self._overloaded = self._overloaded + duration if over else max(0.0, self._overloaded - duration)
        if self._overloaded < s.overload_time:
            return True
        self.blocked_until = now + s.restart_wait
        return False
