"""For whom the battery lasts: limits of power by class from charge, sun and demand over the hours of an outage.

The end of an outage is not known, so the hours are always those ahead. A forecast is used where one was heard; without
one sun and demand stay what they are.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from hearthgrid_core.outlet.schedule import Priority
from hearthgrid_core.settings import check_bounds, setting

from .restoration import CLASSES, Store, allowances
from .shedding import CRITICAL, Offer

STEP = 900.0  # of the hours ahead [s]
SHAPE = (0.2, 5.0)  # by which a forecast of the home's load may move the demand of a class [1]
IDLE = 50.0  # a home that draws less tells no shape [W]
_KWH = 3.6e6  # [J]


@dataclass(frozen=True)
class BudgetSettings:
    """The battery behind the inverter, and how long it has to last."""

    battery_kwh: float = setting(0.0, 'kWh', 0.0, 1e4, 'Capacity of all together; 0 = not known, then charge_low and '
                                 'charge_least hold instead of a budget.')
    battery_parts: str = setting('', '', None, None, 'Capacity behind each inverter where there are several, by name: '
                                 '`battery=10,barn=5` [kWh].')
    battery_efficiency: float = setting(0.95, '1', 0.5, 1.0, 'Of the battery, one way.')
    charge_empty: float = setting(0.05, '1', 0.0, 0.5, 'State of charge at which it gives nothing any more.')
    charge_back: float = setting(0.05, '1', 0.0, 0.5, 'So much charge more than a class needs before it comes back.')
    outage_time: float = setting(14400.0, 's', 0.0, 172800.0, 'The battery has to last so long from any moment.')
    forecast_margin: float = setting(0.2, '1', 0.0, 1.0, 'Forecasts are believed to be wrong by so much.')
    demand_time: float = setting(900.0, 's', 1.0, 86400.0, 'Over which the demand of a class is averaged.')

    def __post_init__(self) -> None:
        check_bounds(self)
        if not all(part > 0.0 for part in self.parts.values()):
            raise ValueError(f'battery_parts {self.battery_parts!r}: a capacity must be above 0')

    @property
    def parts(self) -> dict[str, float]:
        """Capacity by inverter, as far as it is told. [kWh] ValueError where it is no list of name=number."""
        try:
            rows = [part.split('=') for part in self.battery_parts.split(',') if part.strip()]
            return {name.strip(): float(value) for name, value in rows}
        except ValueError as error:
            raise ValueError(f'battery_parts {self.battery_parts!r}: {error}') from error


@dataclass(frozen=True, slots=True)
class Ahead:
    """Event: a forecast. quantity : 'pv' or 'load' of the home.     start : [s].     step : [s].     mean : [W]"""

    quantity: str
    start: float
    step: float
    mean: tuple[float, ...]


class Budget:
    """A leader's account of the battery's energy. Time [s] is an argument."""

    def __init__(self, settings: BudgetSettings) -> None:
        self._s = settings
        self.charge = math.nan  # of all batteries together [1]
        self._parts = settings.parts
        self._charges: dict[str, float] = {}  # by inverter, as last told [1]
        self._ahead: dict[str, Ahead] = {}
        self._demand = np.zeros(len(CLASSES))  # mean of each class [W]
        self._noted_at = -math.inf
        self._short = len(CLASSES)  # from this class on there was not enough

    def hear(self, inverter: str, charge: float) -> None:
        """Take in what a battery says of its charge, NaN = it does not know; one not heard of counts as empty. [1]"""
        self._charges[inverter] = charge
        known = {name: share for name, share in self._charges.items() if not math.isnan(share)}
        parts = self._parts if len(self._parts) > 1 else dict.fromkeys(self._charges, 1.0)
        energy = sum(known[name] * part for name, part in parts.items() if name in known)
        self.charge = energy / sum(parts.values()) if known else math.nan

    def take(self, ahead: Ahead) -> None:
        """Take a forecast in; one that holds no number, or no steps, is ignored."""
        if ahead.mean and ahead.step > 0.0 and all(map(math.isfinite, (ahead.start, ahead.step, *ahead.mean))):
            self._ahead[ahead.quantity] = ahead

    def forget(self) -> None:
        """Drop what was heard."""
        self.__init__(self._s)

    def note(self, now: float, wanted: Collection[Offer], unknown: float) -> None:
        """Follow the demand of the loads that are on or would be. unknown : demand of one that does not know it [W]."""
        found = np.zeros(len(CLASSES))
        for offer in wanted:
            found[CLASSES.index(offer.priority)] += offer.watts(unknown)
        weight = 1.0 - math.exp(-max(0.0, now - self._noted_at) / self._s.demand_time)
        self._demand += weight * (found - self._demand)
        self._noted_at = now

    def limits(self, now: float, sun: float, power_max: float, needs: dict[Priority, float]) -> dict | None:
        """Return by class the most that it and all before it may draw now [W]; None while the charge is not known.

        sun : PV power now [W].     power_max : of the inverter [W].     needs : by class, what it would draw now [W].
        """
        s = self._s
        if not (s.battery_kwh and power_max) or math.isnan(self.charge):
            return None
        count = max(0, round(s.outage_time / STEP) - 1)
        times = now + STEP * (1.5 + np.arange(count))
        pv = self._forecast('pv', times, sun)
        demand = np.tile(self._demand[:, None], count)
        demand[[k for k, c in enumerate(CLASSES) if c not in CRITICAL]] *= self._shape(now, times)
        capacity = (1.0 - s.charge_empty) * s.battery_kwh * _KWH
        most, careful = (self._allowed(energy, capacity, power_max, sun, demand, pv) for energy in (0.0, s.charge_back))
        total, out = 0.0, {}
        for k, c in enumerate(CLASSES):
            total += needs.get(c, 0.0)
            if k >= self._short and careful[c] >= total:
                self._short = k + 1
            elif k < self._short and most[c] < total:
                self._short = k
            out[c] = careful[c] if k >= self._short else most[c]
        return out

    def _allowed(self, back: float, capacity: float, power_max: float, sun: float, demand: np.ndarray,
                 pv: np.ndarray) -> dict[Priority, float]:
        s = self._s
        energy = (self.charge - s.charge_empty - back) * s.battery_kwh * _KWH
        store = Store(min(max(0.0, energy), capacity), capacity, power_max, s.battery_efficiency)
        return allowances(store, sun, demand, pv, STEP, s.forecast_margin)

    def _forecast(self, quantity: str, times: np.ndarray, now: float) -> np.ndarray:
        """Return (n,) a forecast at `times`, and what is `now` where it does not reach. [W]"""
        ahead = self._ahead.get(quantity)
        if ahead is None:
            return np.full(len(times), now)
        place = np.floor((times - ahead.start) / ahead.step)
        there = (place >= 0) & (place < len(ahead.mean))
        values = np.maximum(0.0, np.array(ahead.mean))
        return np.where(there, values[np.clip(place, 0, len(values) - 1).astype(int)], now)

    def _shape(self, now: float, times: np.ndarray) -> np.ndarray:
        """Return (n,) the load of the home at `times` over that of now. [1]"""
        base = self._forecast('load', np.array([now]), math.nan)[0]
        if not base >= IDLE:
            return np.ones(len(times))
        return np.clip(self._forecast('load', times, base) / base, *SHAPE)
