"""What the inner loop holds in each step: the plan turned into a rule that bears what no forecast saw.

A stored kWh has a worth in each step (a dual of the plan). While drawing from the grid costs more than taking that kWh
out, the battery covers whatever the home turns out to need; while selling brings less than storing, it takes whatever
the sun turns out to give; else it rests, because following every kettle would only cost losses and wear. Where both are
worth the same there is not enough for all such steps: it covers, or takes, until the charge is what the plan has at the
end of the step. What is bought to be stored, or sold from the store, is held as planned.
"""
from dataclasses import dataclass

import numpy as np

from .battery import NOTICED, Battery
from .device import Schedule
from .grid import Grid

NEAR = 2e-3     # prices so near to each other, as a share of the mean import price, are the same


@dataclass(frozen=True, eq=False)
class Guide:
    """low, high : (n,) net import between which the battery is left at `hold`, infinity = no bound [W]
    hold : (n,) its power there, positive charges [W]     floor, ceiling : (n,) charge it keeps within [kWh]"""

    low: np.ndarray
    high: np.ndarray
    hold: np.ndarray
    floor: np.ndarray
    ceiling: np.ndarray

    def after(self, shift: int) -> 'Guide':
        """Return it without its first `shift` steps."""
        return Guide(*(getattr(self, name)[shift:] for name in ('low', 'high', 'hold', 'floor', 'ceiling')))


def guide(battery: Battery, schedule: Schedule, grid: Grid, grid_power: np.ndarray) -> Guide:
    """Return what the inner loop holds. grid_power : (n,) planned net import [W]"""
    near = NEAR * max(float(np.abs(grid.steering_price).mean()), 1e-6)
    out = schedule.worth / battery.discharge_efficiency + battery.wear_price    # what a kWh out of it is worth
    stored = schedule.worth * battery.charge_efficiency                         # what a kWh into it is worth
    buy, sell, power = grid.steering_price, grid.export_price, schedule.power
    buying = (power > NOTICED) & (grid_power > NOTICED)
    selling = (power < -NOTICED) & (grid_power < -NOTICED)
    high = np.where((buy > out + near) & ~buying, 0.0, np.inf)
    low = np.where((sell < stored - near) & ~selling, 0.0, -np.inf)
    covers = (power < -NOTICED) & ~selling & np.isinf(high)
    takes = (power > NOTICED) & ~buying & np.isinf(low)
    high, low = np.where(covers, 0.0, high), np.where(takes, 0.0, low)
    floor = np.where(covers, schedule.energy, 0.0)
    ceiling = np.where(takes, schedule.energy, battery.capacity)
    if grid.tariff.peak_price > 0:
        high = np.minimum(high, max(float(grid_power.max()), grid.tariff.peak_before))
    return Guide(low, high, np.where(buying | selling, power, 0.0), floor, ceiling)
