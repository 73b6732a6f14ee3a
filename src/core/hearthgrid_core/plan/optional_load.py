"""A load that runs whenever energy is cheap enough for it: a pool pump, a second boiler."""
from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from .device import KILO, Choice, Context, Device, Kind, Model, Schedule, vector
from .horizon import Horizon


@dataclass(frozen=True, eq=False)
class OptionalLoad(Device):
    """power : [W]     price_max : what a kWh may cost it [currency/kWh]     wanted : (n,) 0 or 1, where it is of use
    running : it is on"""

    name: str
    power: float
    price_max: float
    wanted: np.ndarray
    running: bool = False

    def shape(self, horizon: Horizon):
        return 'optional'

    def model(self, context: Context) -> 'OptionalLoadModel':
        return OptionalLoadModel(context.horizon.count)

    def extent(self, horizon: Horizon):
        return np.zeros(horizon.count), self.unmanaged(horizon)

    def unmanaged(self, horizon: Horizon) -> np.ndarray:
        return self.power * (vector(self.wanted, horizon, 'wanted') > 0)


class OptionalLoadModel(Model):
    """One binary a step, each worth its highest price."""

    def __init__(self, count: int):
        super().__init__()
        self._on, self._switched = cp.Variable(count), cp.Variable(count)
        self._power, self._was_on = cp.Parameter(nonneg=True), cp.Parameter(nonneg=True)
        self._worth, self._switch = cp.Parameter(count), cp.Parameter(nonneg=True)
        self.power = self._power * self._on
        self.cost = self._switch * cp.sum(self._switched) - self._worth @ self._on
        self.constraints += [self._switched[0] >= self._on[0] - self._was_on]
        if count > 1:
            self.constraints += [self._switched[1:] >= self._on[1:] - self._on[:-1]]
        self.choices.append(Choice(self._on, np.round))

    def load(self, device: OptionalLoad, context: Context) -> None:
        horizon, weights = context.horizon, context.weights
        power = device.power / KILO
        self._power.value, self._was_on.value = power, float(device.running)
        self._worth.value = power * horizon.hours * (device.price_max - weights.early * horizon.ahead)
        self._switch.value = weights.switch * power
        self.bound(self._on, 0.0, (device.unmanaged(horizon) > 0).astype(float))
        self.bound(self._switched, 0.0, 1.0)

    def schedule(self, device: OptionalLoad, context: Context, price: np.ndarray) -> Schedule:
        power = device.power * np.round(self._on.value)
        hours = float((power > 0) @ context.horizon.hours)
        return Schedule(device.name, Kind.LOAD, power,
                        f'{hours:.1f} h below its {device.price_max:.3f} {context.currency}/kWh' if hours
                        else f'never below its {device.price_max:.3f} {context.currency}/kWh')
