"""Panels."""
from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from .device import KILO, Context, Device, Kind, Model, Schedule, vector
from .horizon import Horizon

NOTICED = 0.01  # energy that is worth a word [kWh]


@dataclass(frozen=True, eq=False)
class Photovoltaic(Device):
    """power : (n,) forecast, positive when producing [W]     curtailable : the inverter takes orders to produce less"""

    power: np.ndarray
    curtailable: bool = False
    name: str = 'pv'

    def shape(self, horizon: Horizon):
        return 'photovoltaic', self.curtailable

    def model(self, context: Context) -> 'PhotovoltaicModel':
        return PhotovoltaicModel(context.horizon.count, self.curtailable)

    def extent(self, horizon: Horizon):
        power = -self._produced(horizon)
        return power, np.zeros(horizon.count) if self.curtailable else power

    def unmanaged(self, horizon: Horizon) -> np.ndarray:
        return -self._produced(horizon)

    def _produced(self, horizon: Horizon) -> np.ndarray:
        return np.maximum(vector(self.power, horizon, 'photovoltaic power'), 0.0)


class PhotovoltaicModel(Model):
    """−power is what they produce: all there is, or less where they are told so."""

    def __init__(self, count: int, curtailable: bool):
        super().__init__()
        if curtailable:
            self._produced, self._hours = cp.Variable(count), cp.Parameter(count, nonneg=True)
            # Of plans that cost the same, the one that throws least away.
            self.power, self.cost = -self._produced, -(self._hours @ self._produced)
        else:
            self._produced = cp.Parameter(count)
            self.power, self.cost = -self._produced, cp.Constant(0.0)

    def load(self, device: Photovoltaic, context: Context) -> None:
        most = -device.unmanaged(context.horizon) / KILO
        if device.curtailable:
            self.bound(self._produced, 0.0, most)
            self._hours.value = context.horizon.hours * context.weights.early
        else:
            self._produced.value = most

    def schedule(self, device: Photovoltaic, context: Context, price: np.ndarray) -> Schedule:
        horizon = context.horizon
        produced = np.maximum(self._produced.value, 0.0) * KILO
        curtailed = -device.unmanaged(horizon) - produced
        lost = float(curtailed @ horizon.hours) / KILO
        reason = f'{lost:.2f} kWh thrown away: nobody pays for them' if lost > NOTICED else 'all that the sun gives'
        return Schedule(device.name, Kind.PHOTOVOLTAIC, -produced, reason,
                        curtailed=curtailed if device.curtailable else None)
