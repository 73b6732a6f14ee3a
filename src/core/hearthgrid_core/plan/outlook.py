"""A plan's steps as stages of the dynamic program, and what it finds as steps of the plan again."""
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .battery import Battery
from .device import KILO
from .grid import Grid
from .guide import Guide
from .horizon import HOUR, Horizon
from .stock import Chances, Course, Stage, ahead, course, repeated

STAGE = 900.0       # shorter steps are taken together [s]
SOON = 6.0          # beyond it two stages are one, where steps are no longer than a stage [h]


@dataclass(frozen=True, eq=False)
class Outlook:
    """What the coming days may bring. battery, horizon, chances : of the plan     worth : of a kWh left at the end
    buy, sell, import_max, export_max : (stages,) [currency/kWh, kW]     number : (n,) stage of each step
    hours : (stages,) [h]     net : (n,) planned draw without the battery [W]"""

    battery: Battery
    horizon: Horizon
    chances: Chances
    worth: float
    net: np.ndarray
    number: np.ndarray
    hours: np.ndarray
    buy: np.ndarray
    sell: np.ndarray
    import_max: np.ndarray
    export_max: np.ndarray

    @classmethod
    def of(cls, battery: Battery, horizon: Horizon, grid: Grid, net: np.ndarray, chances: Chances, worth: float,
           curtailable: bool = False) -> 'Outlook | None':
        """Return what lies ahead; None where the plan's own guide knows more.

        net : (n,) [W]     worth : of a kWh left at the end [currency/kWh]     A peak price, what the utility asks of
        the battery, a reserve to be filled and export above import are the plan's business alone.
        """
        buy, sell = grid.steering_price, np.maximum(grid.export_price, 0.0) if curtailable else grid.export_price
        if grid.tariff.peak_price > 0 or battery.asked is not None or battery.energy < battery.reserve - 1e-6 \
                or (sell > buy).any() or battery.capacity - battery.reserve < 1e-6 or len(chances.apart) != len(net) \
                or not chances.apart.any():
            return None
        each = max(1, round(STAGE / horizon.step))
        number = np.arange(horizon.count) // each
        if each * horizon.step <= STAGE:
            soon = round(SOON * HOUR / (each * horizon.step))
            number = np.where(number < soon, number, soon + (number - soon) // 2)
        hours = np.bincount(number, horizon.hours)
        means = (np.bincount(number, values * horizon.hours) / hours for values in (
            buy, sell, np.minimum(grid.import_max, 1e9) / KILO, np.minimum(grid.export_max, 1e9) / KILO))
        return cls(battery, horizon, chances, worth, net, number, hours, *means)

    def course(self, net: np.ndarray) -> Course:
        """Return the best way through a home that draws `net` (n,) [W]; what follows the plan's end stays as it was."""
        return course(self.battery, self._stages(net), self._ahead, self.chances.weight)

    @cached_property
    def _ahead(self) -> np.ndarray:
        last = self.horizon.count - round(24 * HOUR / self.horizon.step)
        day = len(self.hours) - int(self.number[last]) if last >= 0 else 0
        stages = self._stages(self.net)
        return ahead(self.battery, stages, repeated(stages, day), self.chances.weight, self.worth)

    def share(self) -> np.ndarray:
        """Return (n,) which part of its stage each step is. [1]"""
        return self.horizon.hours / self.hours[self.number]

    def guide(self, found: Course, energy: np.ndarray) -> Guide:
        """Return what the inner loop holds in each step. energy : (n,) planned, at the end of each step [kWh]"""
        battery, number = self.battery, self.number
        before = np.concatenate(([min(battery.energy, battery.capacity)], energy[:-1]))
        stocks = found.stocks()
        up_to, cover, take, down_to = (np.array([getattr(stock, name).item() for stock in stocks])[number]
                                       for name in ('buy', 'cover', 'take', 'sell'))
        left = np.maximum(self.hours[number], 1e-3)
        buying = np.clip((up_to - before) / battery.charge_efficiency / left * KILO, 0.0, battery.charge_max)
        selling = np.clip((before - down_to) * battery.discharge_efficiency / left * KILO, 0.0, battery.discharge_max)
        none = np.full(self.horizon.count, np.inf)
        return Guide(np.where(selling > 0, -none, 0.0), np.where(buying > 0, none, 0.0), buying - selling,
                     np.where(selling > 0, np.minimum(cover, down_to), cover), take)

    def _stages(self, net: np.ndarray) -> list[Stage]:
        samples = np.zeros((len(self.hours), *self.chances.apart.shape[1:]))
        np.add.at(samples, self.number, self.share()[:, None, None] * (net[:, None, None] + self.chances.apart) / KILO)
        return [Stage(*row) for row in zip(self.hours, self.buy, self.sell, samples, self.import_max, self.export_max,
                                           strict=True)]
