"""What the home draws that nobody plans."""
from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from .device import KILO, Context, Device, Kind, Model, Schedule, vector
from .horizon import Horizon


@dataclass(frozen=True, eq=False)
class BaseLoad(Device):
    """power : (n,) forecast, positive when drawing [W]"""

    power: np.ndarray
    name: str = 'base load'

    def shape(self, horizon: Horizon):
        return 'base'

    def model(self, context: Context) -> 'BaseLoadModel':
        return BaseLoadModel(context.horizon.count)

    def extent(self, horizon: Horizon):
        power = vector(self.power, horizon, 'base load')
        return power, power

    def unmanaged(self, horizon: Horizon) -> np.ndarray:
        return vector(self.power, horizon, 'base load')


class BaseLoadModel(Model):
    """A given power."""

    def __init__(self, count: int):
        super().__init__()
        self.power, self.cost = cp.Parameter(count), cp.Constant(0.0)

    def load(self, device: BaseLoad, context: Context) -> None:
        self.power.value = vector(device.power, context.horizon, 'base load') / KILO

    def schedule(self, device: BaseLoad, context: Context, price: np.ndarray) -> Schedule:
        return Schedule(device.name, Kind.BASE, np.asarray(device.power, dtype=float), 'forecast')
