"""From what a hub knows of its home to a problem to plan, and what it still waits for."""
import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hearthgrid_core.forecast.series import DAY, Series

from .base_load import BaseLoad
from .battery import Battery
from .block_job import BlockJob
from .device import Device
from .grid import Grid, Tariff
from .horizon import Horizon
from .interruptible_job import InterruptibleJob
from .modulating_job import ModulatingJob
from .photovoltaic import Photovoltaic
from .planner import Problem
from .result import PlanResult
from .settings import PlanSettings
from .stock import Chances, Spread

LIKELY = 0.2        # of its nominal power: a running load that draws less is in a pause, not weaker


class Described(Protocol):
    """A battery in a home's file; units as in BatteryFacts."""

    capacity_kwh: float
    power_max: float
    efficiency: float
    reserve: float
    wear_price: float


@dataclass(frozen=True)
class BatteryFacts:
    """capacity [kWh]     power_max [W]     efficiency : one way [1]     reserve : share of capacity [1]
    wear_price : of a kWh through it [currency/kWh]"""

    capacity: float
    power_max: float
    efficiency: float
    reserve: float
    wear_price: float

    @classmethod
    def of(cls, described: Described) -> 'BatteryFacts':
        """Return those of a battery as a home's file describes it."""
        return cls(described.capacity_kwh, described.power_max, described.efficiency, described.reserve,
                   described.wear_price)


@dataclass(frozen=True)
class HomeFacts:
    """What does not change: limits of the connection [W], battery and currency; curtailable : the PV takes orders.
    tariff : what the connection costs beside energy"""

    import_max: float
    export_max: float
    currency: str
    battery: BatteryFacts | None
    curtailable: bool
    tariff: Tariff = Tariff()


@dataclass(frozen=True)
class JobState:
    """A job as its outlet last told. energy, delivered : [kWh]     power : [W]     deadline : [s]
    measured : drawn now, NaN = not known [W]     throttleable : its power can be set
    from_battery : the home battery may serve it, where its power can be set

    Raises ValueError for numbers that are none.
    """

    outlet: str
    id: str
    energy: float
    delivered: float
    power: float
    deadline: float
    interruptible: bool
    running: bool
    measured: float = math.nan
    throttleable: bool = False
    from_battery: bool = True

    def __post_init__(self):
        if not (0 < self.energy < math.inf and 0 <= self.delivered < math.inf and 0 < self.power < math.inf):
            raise ValueError(f'{self.delivered} of {self.energy} kWh at {self.power} W')
        if not math.isfinite(self.deadline):
            raise ValueError('its deadline is no time')


@dataclass(frozen=True)
class Limit:
    """What the utility asks from `start` to `end` [s]: import_max, export_max [W], infinity = none.
    dispatch : power at the meter, positive imports     charge : of the battery, positive charges [W]; NaN = not asked
    """

    start: float
    end: float
    import_max: float
    export_max: float
    dispatch: float = math.nan
    charge: float = math.nan


@dataclass(frozen=True, eq=False)
class Situation:
    """What is known now. None = nothing.

    load : of what is not planned [W]     pv : positive when producing [W]     buy, sell : known prices [currency/kWh]
    buy_ahead : forecast import price     charge : of the battery, 0 … 1, NaN = not known
    load_within, pv_within : 10 % and 90 % quantiles of the forecasts [W]
    """

    now: float
    load: Series | None
    pv: Series | None
    buy: Series | None
    sell: Series | None
    buy_ahead: Series | None
    charge: float
    jobs: tuple[JobState, ...]
    limit: Limit | None
    load_within: tuple[Series, Series] | None = None
    pv_within: tuple[Series, Series] | None = None


def waits_for(situation: Situation) -> tuple[str, ...]:
    """Return what must come before there can be a plan, in words; empty when nothing."""
    now, words = situation.now, []
    if situation.buy is None or situation.sell is None:
        words.append('prices')
    elif math.isnan(situation.buy.at(now)):
        words.append('prices of this hour')
    if situation.load is None:
        words.append('a load forecast')
    elif not situation.load.start - situation.load.step <= now < situation.load.end:
        words.append('a newer load forecast')
    return tuple(words)


def problem(situation: Situation, facts: HomeFacts, settings: PlanSettings,
            last: PlanResult | None = None) -> tuple[Problem, tuple[str, ...]]:
    """Return the problem to plan, and in words what it had to do without.

    last : starts of the last plan are kept unless moving pays.     Raises ValueError when `waits_for` says something.
    """
    waiting = waits_for(situation)
    if waiting:
        raise ValueError(f'waits for {", ".join(waiting)}')
    horizon = Horizon(situation.now, settings.step, settings.count)
    buy, sell, without = _prices(situation, horizon)
    most_in, most_out = np.full(horizon.count, facts.import_max), np.full(horizon.count, facts.export_max)
    limit, charging = situation.limit, None
    if limit is not None:
        asked = horizon.overlap(limit.start, limit.end) > 0
        most_in[asked] = min(limit.import_max, facts.import_max)
        most_out[asked] = min(limit.export_max, facts.export_max)
        if not math.isnan(limit.dispatch):
            most_in[asked] = np.minimum(most_in[asked], max(limit.dispatch, 0.0))
            most_out[asked] = np.minimum(most_out[asked], max(-limit.dispatch, 0.0))
        if not math.isnan(limit.charge):
            charging = np.where(asked, limit.charge, math.nan)
    grid = Grid(buy, sell, most_in, most_out, facts.tariff)
    devices: list[Device] = [BaseLoad(_filled(situation.load.means(horizon.edges, 0.01)))]
    if situation.pv is not None:
        sun = situation.pv.means(horizon.edges, 0.01)
        devices.append(Photovoltaic(np.nan_to_num(sun, nan=0.0), facts.curtailable))
    if facts.battery and math.isnan(situation.charge):
        without.append('the battery does not tell its charge: planned without it')
    elif facts.battery:
        b = facts.battery
        devices.append(Battery(b.capacity, b.capacity * min(max(situation.charge, 0.0), 1.0), b.power_max, b.power_max,
                               b.efficiency, b.efficiency, b.capacity * b.reserve, b.wear_price, asked=charging))
    devices += [job for state in situation.jobs if (job := _job(state, horizon, last)) is not None]
    return Problem(horizon, grid, tuple(devices), facts.currency, _chances(situation, horizon)), tuple(without)


def _chances(situation: Situation, horizon: Horizon) -> Chances | None:
    """Return what the forecasts leave open; None where they tell no spread."""
    def spread(mean: Series | None, within: tuple[Series, Series] | None) -> Spread | None:
        if mean is None or within is None:
            return None
        middle = np.nan_to_num(mean.means(horizon.edges, 0.01))
        low, high = (series.means(horizon.edges, 0.01) for series in within)
        return (np.where(np.isnan(low), middle, np.minimum(low, middle)), middle,
                np.where(np.isnan(high), middle, np.maximum(high, middle)))

    load = spread(situation.load, situation.load_within)
    return None if load is None else Chances.spread(load, spread(situation.pv, situation.pv_within))


def _prices(situation: Situation, horizon: Horizon) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return (n,) import and export prices: known, then forecast, then those of the day before."""
    edges, without = horizon.edges, []
    buy, sell = situation.buy.means(edges, 0.01), situation.sell.means(edges, 0.01)
    known = ~np.isnan(buy)
    if not known.all():
        without.append(f'prices are known for {horizon.hours[known].sum():.0f} h only, the rest is forecast')
    if situation.buy_ahead is not None:
        buy = np.where(known, buy, situation.buy_ahead.means(edges, 0.01))
    for back in (1, 2):
        buy = np.where(np.isnan(buy), situation.buy.means(edges - back * DAY, 0.01), buy)
        sell = np.where(np.isnan(sell), situation.sell.means(edges - back * DAY, 0.01), sell)
    return _filled(buy), _filled(sell), without


def _filled(values: np.ndarray) -> np.ndarray:
    """Return `values` with gaps taken over from before, or from after at the beginning."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        raise ValueError('nothing is known of the coming hours')
    source = known[np.clip(np.searchsorted(known, np.arange(len(values)), side='right') - 1, 0, None)]
    return values[source]


def _job(state: JobState, horizon: Horizon, last: PlanResult | None) -> BlockJob | InterruptibleJob | None:
    left = state.energy - state.delivered
    if left < 1e-3:
        return None
    kept = math.nan
    schedule = last.schedule(state.outlet) if last else None
    if schedule is not None and (schedule.power > 0).any():
        kept = float(last.horizon.edges[int(np.argmax(schedule.power > 0))])
    power = state.measured if state.running and state.measured > LIKELY * state.power else state.power
    if state.interruptible and state.throttleable:
        return ModulatingJob(state.outlet, left, state.power, state.deadline, running=state.running, kept=kept,
                             from_battery=state.from_battery)
    kind = InterruptibleJob if state.interruptible else BlockJob
    return kind(state.outlet, left, power, state.deadline, running=state.running, kept=kept)
