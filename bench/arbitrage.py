"""A battery that buys low and sells high for a year of real day-ahead prices, planned by our planner day by day.

10 kWh and 4 kW, 95 % each way, wear of 5 EUR per MWh discharged (`WEAR`), prices alike in both directions, no home
behind the meter. The bound is a linear program of the whole time, everything known; each way is run in closed loop at
real prices, and what is left in the battery at the end is worth nothing to any of them. `known`: at 13:00 tomorrow's
prices are published, and the plan reaches to the end of tomorrow, as in a running home; `ours beyond` appends our
forecast of the first day that is not published, which is what the product's planner does, `published LEAR beyond` the
published one (made a day later, with load and wind it knew then). `published LEAR`, `published
DNN`, `ours`: forecast alone. `held`: the day is scheduled on its forecast and the schedule held whatever comes, as a
bid without a price would be. `hourly`: each hour's price is known when the hour begins, and the rest of the day is
planned anew, its forecast moved by the error just seen, which fades by a fifth an hour. `one of 24`: so many schedules
are told before, made for the errors of the last twelve weeks, and the auction takes the one that earns most
(`arbitrage_orders.py`). EPF files: second year; ours is
recalibrated daily. Nordic zones and NL have no published forecasts: `known` alone. DAYS: how many of the year (56; 364
is all of it).
"""
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timezone

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import csr_matrix, diags, eye, hstack

from hearthgrid.benchmark import Result, beside, recordings
from hearthgrid_core.forecast.lear import lear
from hearthgrid_core.plan import BaseLoad, Battery, Grid, Horizon, Planner, PlanSettings, Problem

NAME = 'arbitrage'
DAYS = int(os.environ.get('DAYS', '56'))
WEAR = float(os.environ.get('WEAR', '5')) / 1000     # [EUR/kWh]
HOURS, HOUR, DAY = 24, 3600.0, 86400.0
ANNOUNCED = 13
FIRST = 364                                         # day of the EPF files on which the year begins
LIMIT = 10_000.0                                    # of the connection [W]
CELL = Battery(10.0, 0.0, 4000.0, 4000.0, 0.95, 0.95, wear_price=WEAR)
FADING = 0.8                                        # of a forecast's error, an hour [1]
GOAL = 0.95
HOURLY = 'published LEAR'
OFFERED, ERRORS = (24, 100), 84                   # schedules told before; days whose errors may come again
SETTINGS = PlanSettings(step=HOUR, margin=0.0, margin_share=0.0, keep_weight=0.0, early_weight=0.0, gap=1e-4)
ORDERS = beside('arbitrage_orders')
PART = ORDERS.Cell(CELL.capacity, CELL.charge_max / 1000, CELL.charge_efficiency, WEAR)
ZONES = ('DK_1', 'FI', 'NO_2', 'SE_3', 'SE_4')


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; some minutes."""
    rows = []
    root = recordings() / 'prices'
    for market in ('np', 'de'):
        table = pd.read_parquet(root / f'epf_{market}.parquet').astype(float) / 1000
        prices = table.price.to_numpy().reshape(-1, HOURS)
        name = market.upper()
        progress(f'{name}: our forecasts')
        start = _start(table)
        ours = np.array([lear(prices[:day].ravel(), HOURS, HOURS, None, start + DAY * day)
                         for day in range(FIRST, FIRST + DAYS)])
        year, before = prices[FIRST:FIRST + DAYS], prices[FIRST - 7:FIRST + DAYS]
        ways = {'published LEAR': table['LEAR Ensemble'], 'published DNN': table['DNN Ensemble']}
        first = {way: column.to_numpy().reshape(-1, HOURS)[FIRST:FIRST + DAYS] for way, column in ways.items()}
        first |= {'ours': ours, 'same day last week': before[:-7], 'perfect day': year}
        rows += _market(name, year, first, progress, {'ours': ours, HOURLY: first[HOURLY]})
        made = table['LEAR Ensemble'].to_numpy().reshape(-1, HOURS)
        rows += _auction(name, prices[:FIRST + DAYS], made, _bound(year.ravel())[0], progress)
    for name, year, start in _without_forecasts(root):
        progress(f'{name}: our forecasts')
        rows += _market(name, year, {}, progress, {'ours': _forecasts(year, start)})
    return rows


def _start(table: pd.DataFrame) -> float:
    """Return when the table begins, its market's time taken as UTC [s]."""
    return table.index[0].replace(tzinfo=timezone.utc).timestamp()


def _without_forecasts(root) -> list[tuple[str, np.ndarray, float]]:
    nordic = pd.read_parquet(root / 'entsoe_nordic_2023.parquet').astype(float) / 1000
    out = [(f'{zone} 2023', nordic[[zone]].dropna()) for zone in ZONES]
    dutch = pd.read_parquet(root / 'nl_2019.parquet').set_index('time_local')[['price_eur_per_mwh']]
    dutch = dutch.astype(float).ffill() / 1000
    return [(name, table.to_numpy()[:len(table) // HOURS * HOURS].reshape(-1, HOURS)[:DAYS], _start(table))
            for name, table in (*out, ('NL 2019', dutch))]


def _forecasts(prices: np.ndarray, start: float) -> np.ndarray:
    """Return our forecast of each day from those before it; of the first weeks, the day before."""
    made = np.vstack([prices[:1], prices[:-1]])
    for day in range(1, len(prices)):
        ours = lear(prices[:day].ravel(), HOURS, HOURS, None, start + DAY * day)
        made[day] = np.where(np.isfinite(ours), ours, made[day])
    return made


def _market(name: str, prices: np.ndarray, first: dict[str, np.ndarray], progress: Callable[[str], None],
            beyond: dict[str, np.ndarray]) -> list[Result]:
    """prices : (days, 24) [EUR/kWh]     first : forecasts of each day, by who made them     beyond : (days, 24) of each
    day from all before it, by who made them"""
    progress(f'{name}: everything known')
    flat = prices.ravel()
    best, cycles = _bound(flat)
    rows = [Result(f'{name}: everything known', best, 'EUR/yr', cycles, 'full cycles', goal='told')]
    progress(f'{name}: prices known a day ahead')
    made, cycles = _profit(flat, _rolling(flat))
    rows.append(_row(f'{name}, known day-ahead prices', made, best, cycles, GOAL))
    for who, forecast in beyond.items():
        made, cycles = _profit(flat, _rolling(flat, forecast))
        rows.append(_row(f'{name}, known day-ahead prices, {who} beyond', made, best, cycles, GOAL))
    for way, forecast in first.items():
        progress(f'{name}: {way}')
        made, cycles = _profit(flat, _daily(forecast))
        rows.append(_row(f'{name}, {way}, held', made, best, cycles, np.nan))
        if way == HOURLY:
            made, cycles = _profit(flat, _hourly(prices, forecast))
            rows.append(_row(f'{name}, {way}, hourly', made, best, cycles, GOAL))
    return rows


def _auction(name: str, prices: np.ndarray, forecast: np.ndarray, best: float,
             progress: Callable[[str], None]) -> list[Result]:
    """Tell some schedules before, have that which earns most. prices : (FIRST + days, 24)     forecast : (≥, 24)"""
    rows = []
    for number in OFFERED:
        progress(f'{name}: one of {number} schedules')
        charge, out = 0.0, []
        for day in range(FIRST, len(prices)):
            errors = prices[day - ERRORS:day] - forecast[day - ERRORS:day]
            told = ORDERS.offered(PART, forecast[day], errors, charge, number)
            done = told[np.argmax(ORDERS.earned(PART, told, prices[day:day + 1])[:, 0])]
            out.append(PART.flows(done))
            charge = done[-1]
        made, cycles = _profit(prices[FIRST:].ravel(), np.concatenate(out))
        rows.append(_row(f'{name}, {HOURLY}, one of {number}', made, best, cycles, GOAL))
    return rows


def _row(name: str, made: float, best: float, cycles: float, goal: float) -> Result:
    return Result(f'{name}: {made:.0f} EUR/yr, {cycles:.0f} cycles', 100 * made / best, '% of the bound',
                  limit=100 * goal, goal='told' if np.isnan(goal) else f'≥ {100 * goal:g} %',
                  holds=not made < goal * best)


def _planned(planner: Planner, prices: np.ndarray, energy: float) -> np.ndarray:
    """Return (n,) the battery's power that is best at `prices` (n,), nothing being worth anything at the end. [kW]"""
    count = len(prices)
    grid = Grid(prices, prices, np.full(count, LIMIT), np.full(count, LIMIT))
    cell = replace(CELL, energy=min(max(energy, 0.0), CELL.capacity), final=0.0)
    plan = planner.plan(Problem(Horizon(0.0, HOUR, count), grid, (BaseLoad(np.zeros(count)), cell)))
    assert plan.status.value == 'optimal', plan.reasons
    return plan.schedule('battery').power / 1000


def _bound(prices: np.ndarray) -> tuple[float, float]:
    """Return the most that can be earned [EUR/yr], and its full cycles a year; both directions may overlap in it."""
    count = len(prices)
    rise = diags([1.0, -1.0], [0, -1], shape=(count, count))
    balance = hstack([-CELL.charge_efficiency * eye(count), eye(count) / CELL.discharge_efficiency, rise])
    made = linprog(np.concatenate([prices, WEAR - prices, np.zeros(count)]), A_eq=balance, b_eq=np.zeros(count),
                   A_ub=hstack([eye(count), eye(count), csr_matrix((count, count))]), b_ub=np.full(count, 4.0),
                   bounds=[(0, 4)] * (2 * count) + [(0, CELL.capacity)] * count, method='highs')
    assert made.success, made.message
    share = 365 / (count / HOURS)
    return -float(made.fun) * share, float(made.x[count:2 * count].sum()) / CELL.capacity * share


def _rolling(prices: np.ndarray, beyond: np.ndarray | None = None) -> np.ndarray:
    """Plan at midnight and at 13:00, each time to the end of what is published, or a day `beyond` by a forecast."""
    planner, energy, out = Planner(SETTINGS), 0.0, []
    for day in range(len(prices) // HOURS):
        for begin, end, known in ((0, ANNOUNCED, HOURS), (ANNOUNCED, HOURS, 2 * HOURS)):
            ahead = prices[day * HOURS + begin:day * HOURS + known]
            after = day + known // HOURS    # its forecast rests on what is published now
            if beyond is not None and after < len(beyond):
                ahead = np.concatenate([ahead, beyond[after]])
            done = _planned(planner, ahead, energy)[:end - begin]
            energy = _stored(energy, done)
            out.append(done)
    return np.concatenate(out)


def _daily(forecast: np.ndarray) -> np.ndarray:
    """Hold for each day what was planned on its forecast. forecast : (days, 24)"""
    planner, energy, out = Planner(SETTINGS), 0.0, []
    for foreseen in forecast:
        done = _planned(planner, foreseen, energy)
        energy = _stored(energy, done)
        out.append(done)
    return np.concatenate(out)


def _hourly(prices: np.ndarray, forecast: np.ndarray) -> np.ndarray:
    """Plan each hour to the end of the day, its own price known. prices, forecast : (days, 24)"""
    planners = {left: Planner(SETTINGS) for left in range(1, HOURS + 1)}    # one compiles no more than a few lengths
    energy, out = 0.0, []
    for actual, foreseen in zip(prices, forecast, strict=True):
        for hour in range(HOURS):
            error = actual[hour] - foreseen[hour]
            ahead = foreseen[hour:] + error * FADING**np.arange(HOURS - hour)
            done = _planned(planners[HOURS - hour], ahead, energy)[:1]
            energy = _stored(energy, done)
            out.append(done)
    return np.concatenate(out)


def _stored(energy: float, power: np.ndarray) -> float:
    return energy + float(np.where(power > 0, power * CELL.charge_efficiency, power / CELL.discharge_efficiency).sum())


def _profit(prices: np.ndarray, power: np.ndarray) -> tuple[float, float]:
    """Return what a possible `power` (n,) [kW] earns, wear paid [EUR/yr], and its full cycles a year."""
    flows = np.where(power > 0, power * CELL.charge_efficiency, power / CELL.discharge_efficiency)
    energy = np.cumsum(flows)
    assert energy.min() > -1e-3 and energy.max() < CELL.capacity + 1e-3 and np.abs(power).max() < 4.0 + 1e-6
    given = np.maximum(-power, 0.0).sum()
    share = 365 / (len(prices) / HOURS)
    return float(-(prices @ power) - WEAR * given) * share, float(given / CELL.capacity) * share
