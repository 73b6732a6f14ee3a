"""A heater or cooler of a thermal mass: a room, a boiler, a freezer. First-order model, modulated by its duty."""
import math
from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from .device import KILO, Context, Device, Kind, Model, Schedule, vector
from .horizon import Horizon

NOTICED = 0.1   # outside its band, before it is said [K]


@dataclass(frozen=True, eq=False)
class Thermostatic(Device):
    """C·dT/dt = (T_ambient − T)/R + gain·P, solved exactly over each step.

    power : at full duty [W]     gain : heat into the mass of a W drawn, negative when cooling, a heat pump's COP [1]
    resistance : R [K/W]     capacity : C [J/K]     temperature : now [°C]     low, high : comfort band [°C]
    ambient : (n,) [°C]
    """

    name: str
    power: float
    gain: float
    resistance: float
    capacity: float
    temperature: float
    low: float
    high: float
    ambient: np.ndarray

    def __post_init__(self):
        if not (self.power > 0 and self.resistance > 0 and self.capacity > 0 and self.gain != 0):
            raise ValueError(f'{self.name}: power, resistance and capacity must lie above 0 and gain not be 0')
        if not (self.low <= self.high and math.isfinite(self.temperature)):
            raise ValueError(f'{self.name}: at {self.temperature} °C in a band of {self.low} … {self.high} °C')

    def shape(self, horizon: Horizon):
        return 'thermostatic'

    def model(self, context: Context) -> 'ThermostaticModel':
        return ThermostaticModel(context.horizon.count)

    def extent(self, horizon: Horizon):
        return np.zeros(horizon.count), np.full(horizon.count, self.power)

    def keep(self, horizon: Horizon) -> np.ndarray:
        """Return (n,) the share of a temperature difference that is left after each step. [1]"""
        return np.exp(-horizon.hours * 3600.0 / (self.resistance * self.capacity))

    def temperatures(self, power: np.ndarray, horizon: Horizon) -> np.ndarray:
        """Return (n,) the temperature at the end of each step when it draws `power` (n,) [W]. [°C]"""
        out, now, ambient = np.empty(horizon.count), self.temperature, vector(self.ambient, horizon, 'ambient')
        for k, keep in enumerate(self.keep(horizon)):
            out[k] = now = keep * now + (1 - keep) * (ambient[k] + self.resistance * self.gain * power[k])
        return out

    def unmanaged(self, horizon: Horizon) -> np.ndarray:
        """Return (n,) what keeps it at the middle of its band, as a thermostat does. [W]"""
        target, now, out = (self.low + self.high) / 2, self.temperature, np.empty(horizon.count)
        ambient = vector(self.ambient, horizon, 'ambient')
        for k, keep in enumerate(self.keep(horizon)):
            wanted = ((target - keep * now) / (1 - keep) - ambient[k]) / (self.resistance * self.gain)
            out[k] = min(max(wanted, 0.0), self.power)
            now = keep * now + (1 - keep) * (ambient[k] + self.resistance * self.gain * out[k])
        return out


class ThermostaticModel(Model):
    """Linear: the temperature is a variable, and each degree outside the band has a price."""

    def __init__(self, count: int):
        super().__init__()
        self._drawn, self._temperature = cp.Variable(count), cp.Variable(count)
        self._cold, self._hot = cp.Variable(count), cp.Variable(count)
        self._keep, self._gain, self._drift = cp.Parameter(count), cp.Parameter(count), cp.Parameter(count)
        self._low, self._high, self._price = cp.Parameter(), cp.Parameter(), cp.Parameter(count, nonneg=True)
        heat = cp.multiply(self._gain, self._drawn) + self._drift
        self.constraints += [self._temperature[0] == heat[0], self._temperature + self._cold >= self._low,
                             self._temperature - self._hot <= self._high]
        if count > 1:
            kept = cp.multiply(self._keep[1:], self._temperature[:-1])
            self.constraints += [self._temperature[1:] == kept + heat[1:]]
        self.power, self.cost = self._drawn, self._price @ (self._cold + self._hot)

    def load(self, device: Thermostatic, context: Context) -> None:
        horizon = context.horizon
        keep, ambient = device.keep(horizon), vector(device.ambient, horizon, 'ambient')
        self._keep.value = keep
        self._gain.value = (1 - keep) * device.resistance * device.gain * KILO
        drift = (1 - keep) * ambient
        drift[0] += keep[0] * device.temperature
        self._drift.value = drift
        self._low.value, self._high.value = device.low, device.high
        self._price.value = horizon.hours * context.weights.comfort
        self.bound(self._drawn, 0.0, device.power / KILO)
        for slack in (self._cold, self._hot):
            self.bound(slack, 0.0, math.inf)

    def schedule(self, device: Thermostatic, context: Context, price: np.ndarray) -> Schedule:
        horizon = context.horizon
        power = np.maximum(self._drawn.value, 0.0) * KILO
        reached = device.temperatures(power, horizon)
        outside = float(np.maximum(device.low - reached, reached - device.high).max())
        relaxed = (f'{device.name}: up to {outside:.1f} K outside its band',) if outside > NOTICED else ()
        return Schedule(device.name, Kind.LOAD, power, f'keeps {reached.min():.1f} … {reached.max():.1f} °C', relaxed)
