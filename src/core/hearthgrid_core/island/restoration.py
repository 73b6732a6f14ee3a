"""Giving loads back: in waves the inverter can start, and only so many that the battery lasts for what matters more.

`Restorer` looks at seconds: cold-load pick-up and inrush. `allowances` looks at the whole outage: class by class the
energy that must stay in the battery for the classes before it, by recursion from the end of the outage.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from hearthgrid_core.outlet.schedule import Priority
from hearthgrid_core.settings import check_bounds, setting

from .shedding import Offer

CLASSES = tuple(Priority)[1:]  # most important first


@dataclass(frozen=True)
class RestoreSettings:
    """What the sources of the island bear, and what loads do when they come back."""

    power_max: float = setting(4000.0, 'W', 1.0, 1e7, 'For long, of all grid-forming inverters together.')
    surge: float = setting(2.0, '1', 1.0, 5.0, 'For a moment, over power_max.')
    margin: float = setting(0.05, '1', 0.0, 0.5, 'Share of power_max that stays free.')
    wave: float = setting(1.0, 's', 0.1, 60.0, 'From one wave to the next: its motors have started and are measured.')
    pickup: float = setting(3.0, '1', 1.0, 6.0, 'Cold-load pick-up: demand after a long outage over demand.')
    pickup_time: float = setting(600.0, 's', 1.0, 7200.0, 'In which the pick-up fades.')
    cold_time: float = setting(1800.0, 's', 1.0, 86400.0, 'Without supply until a load is cold.')
    inrush_unknown: float = setting(6.0, '1', 1.0, 20.0, 'Of a load that does not know its own.')
    demand_unknown: float = setting(1500.0, 'W', 0.0, 20000.0, 'Of a load that does not know its own.')

    def __post_init__(self) -> None:
        check_bounds(self)


def cold_load(settings: RestoreSettings, off: float, since: float) -> float:
    """Return demand over steady demand, `since` [s] after a load came back that was `off` for so long [s]. [1]

    1 + (k − 1) · (1 − exp(−off/T)) · exp(−since/τ): the delayed exponential of Lang, Anderson, Fink 1982,
    doi:10.1109/TPAS.1982.317230, without its delay.
    """
    cold = 1 - math.exp(-off / settings.cold_time)
    return 1 + (settings.pickup - 1) * cold * math.exp(-since / settings.pickup_time)


class Restorer:
    """Says which of the loads that are to be on are switched on now."""

    def __init__(self, settings: RestoreSettings) -> None:
        self._s = settings
        self._last = -math.inf

    def step(self, now: float, wanted: Collection[Offer], power: float, off: Mapping[str, float]) -> list[str]:
        """Return the outlets of the next wave, empty while it has to wait.

        wanted : all that are to be on; those not `on` wait.     power : drawn now, of all [W].     off : by outlet, how
        long it has been without supply, for loads that make up for it (thermostats) [s]. Nobody overtakes a load that
        waits for room, save one that could never start.
        ValueError where the power is not a number.
        """
        s = self._s
        if math.isnan(power):
            raise ValueError('the power drawn is not a number')
        if now - self._last < s.wave:
            return []
        wave, steady, peak, room = [], power, power, (1 - s.margin) * s.power_max
        for o in sorted((o for o in wanted if not o.on), key=lambda o: (o.level, o.outlet)):
            demand = o.watts(s.demand_unknown)
            start = demand * (s.inrush_unknown if math.isnan(o.inrush) else max(1.0, o.inrush))
            cold = demand * cold_load(s, off.get(o.outlet, 0.0), 0.0)
            if max(start, cold) > s.surge * s.power_max or cold > room:
                continue
            if steady + cold > room or peak + max(start, cold) > s.surge * s.power_max:
                break
            wave.append(o.outlet)
            steady, peak = steady + cold, peak + max(start, cold)
        if wave:
            self._last = now
        return wave


@dataclass(frozen=True)
class Store:
    """The battery behind the island; ValueError where it cannot be.

    energy, capacity : usable [J].     power_max : either way [W].     efficiency : one way [1].
    """

    energy: float
    capacity: float
    power_max: float
    efficiency: float

    def __post_init__(self) -> None:
        if not (0.0 <= self.energy <= self.capacity < math.inf and self.power_max > 0.0 and 0 < self.efficiency <= 1):
            raise ValueError(f'a store of {self.energy:.0f} of {self.capacity:.0f} J')

    def after(self, energy: float, load: float, pv: float, step: float) -> float:
        """Return the energy after `step` [s] with `load` and `pv` [W]. [J]"""
        flow = min(self.power_max, max(-self.power_max, pv - load))
        energy += (flow * self.efficiency if flow > 0 else flow / self.efficiency) * step
        return min(self.capacity, energy)


def reserves(demand: np.ndarray, pv: np.ndarray, step: float, store: Store) -> np.ndarray:
    """Return (classes + 1, steps + 1) the energy that must be there at the begin of each step to serve the first k
    classes from then to the end [J]; what more than fills the store is left out.

    demand : (classes, steps), most important first [W].     pv : (steps,) [W].     step : [s]
    """
    net = np.vstack([np.zeros(len(pv)), np.cumsum(demand, axis=0)]) - pv
    net = np.clip(net, -store.power_max, store.power_max)
    need = np.where(net > 0, net / store.efficiency, net * store.efficiency) * step
    out = np.zeros((len(demand) + 1, len(pv) + 1))
    for t in range(len(pv) - 1, -1, -1):
        out[:, t] = np.clip(out[:, t + 1] + need[:, t], 0.0, store.capacity)
    return out


def allowances(store: Store, pv_now: float, demand: np.ndarray, pv: np.ndarray, step: float,
               margin: float = 0.2) -> dict[Priority, float]:
    """Return by class the most that it and all classes before it may draw in this step [W], for `shedding.shed`.

    pv_now : [W].     demand, pv : forecasts of the steps after this one to the end of the outage, (6, steps), (steps,)
    [W].     step : [s].     margin : the forecast is believed to be wrong by so much, to the worse side [1].
    ValueError where shapes do not fit or a number is none.
    """
    demand, pv = np.asarray(demand, dtype=float), np.asarray(pv, dtype=float)
    if demand.shape != (len(CLASSES), len(pv)):
        raise ValueError(f'demand is {demand.shape}, pv {pv.shape}')
    if not (np.isfinite(demand).all() and np.isfinite(pv).all() and math.isfinite(pv_now)):
        raise ValueError('a forecast that is not a number')
    kept = reserves(demand * (1 + margin), pv * max(0.0, 1 - margin), step, store)[:, 0]
    out = {}
    for priority, reserve in zip(CLASSES, kept, strict=False):  # what the classes before it need later
        spare = store.energy - reserve
        free = pv_now + (spare * store.efficiency if spare > 0 else spare / store.efficiency) / step
        out[priority] = min(max(0.0, free), pv_now + store.power_max)
    out[Priority.UNKNOWN] = out[Priority.COMFORT]
    return out

