"""What planning is worth: whole weeks in closed loop, against doing nothing, own use first, timers, and knowing it all.

Each home runs for a week minute by minute (hour by hour where the recording is hourly): real load, sun and prices, a
battery, a car and machines with deadlines. Every half hour (hour) the planner sees a forecast and what is pending; in
between the inner loop holds the planned grid power with the battery and keeps the import limit. `captured`: of the way
from `own use` (battery serves the home, loads on arrival) to the best week there was (plan_value_best.py), at equal
final charge and with the battery's wear counted. Forecasts: `persistence` is yesterday; `honest` is the mean of the
seven days before, blended with the last measurement; `learned` is the home's own forecaster, trained each midnight on
the days there are (22 or fewer before the week); each with the spread of those days or of the forecaster, `one future`
without; `perfect` is what will be: the jobs are planned in steps of FINE (300 s; hours where the recording has hours),
up to FORESIGHT (168 h) and 288 of them ahead, the battery of the next six hours minute by minute. Prices are known
day-ahead: until midnight, after 13:00 until the next; yesterday's beyond.
Over all homes captured is told twice: the mean of their shares, and pooled, the money captured over the money there was
to win. In the environment: WEEKS, how many of each recording; HORIZON, how far the other plans look (24 h); HOMES,
parts of their names with | between, default one of minutes and one of hours; WAYS, controllers likewise, default all;
VALUE_DATA, a folder with load, pv and price as CSV or Parquet (columns: time, value [W, W, currency/kWh]) to run
instead.
"""
import importlib.util
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hearthgrid.benchmark import Result, recordings
from hearthgrid_core.forecast import LOAD, PHOTOVOLTAIC, Forecast, Forecaster, ForecastSettings, Series
from hearthgrid_core.plan import (
    BaseLoad,
    Battery,
    BlockJob,
    Chances,
    Grid,
    Horizon,
    InnerLoopSettings,
    InterruptibleJob,
    Kind,
    Moment,
    Photovoltaic,
    Planner,
    PlanResult,
    PlanSettings,
    Problem,
    battery_power,
)

NAME = 'plan-value'
WAYS = [name.strip() for name in os.environ.get(
    'WAYS', 'nothing|own use|timers|persistence|honest, one future|honest|learned|perfect').split('|')]
WEEKS = int(os.environ.get('WEEKS', '1'))
FOLDER = 'VALUE_DATA'
HOMES = os.environ.get('HOMES', 'refit|Fontana 7').split('|')
DAY, BEFORE, DAYS, USUAL = 86400, 22, 7, 7   # [s], days of history, days run, days whose mean is usual
GOALS = {'honest': 0.90, 'learned': 0.90, 'perfect': 0.995}
IMPORT_MAX, EXPORT_MAX, EXPORT_PRICE = 11_000.0, 10_000.0, 0.08
CELL = Battery(10.0, 5.0, 4000.0, 4000.0, 0.95, 0.95, wear_price=0.02)
LOOP = InnerLoopSettings(gain=1.0, dead_band=0.0)
AHEAD, SEEN = (3600 * int(os.environ.get(name, hours)) for name, hours in (('HORIZON', '24'), ('FORESIGHT', '168')))
EARLIER = pd.Timedelta(days=14)     # of those before: only the learned forecast sees them, where they were recorded
FINE, STEPS = int(os.environ.get('FINE', '300')), 288     # steps of what knows everything [s], and how many it plans
SOON, MINUTES = 6 * 3600, {}    # for how long it plans the battery at the recording's steps [s]; those planners
SAMPLES, ONE = 4, ', one future'    # of the minutes of a step, in turn; a plan that takes its forecast for the truth
FADES = 2.0                         # of what the last measurement says of the next hours [h]
# outlet, power [W], energy [kWh], arrival and deadline [h of day], days of the week, timer [h], in one block
TASKS = (('car', 3700.0, 7.4, 18.0, 31.0, range(7), 25.0, False),
         ('dishes', 1200.0, 1.8, 20.0, 31.0, range(7), 26.0, True),
         ('washer', 900.0, 1.35, 8.0, 18.0, (1, 3, 5), 12.0, True),
         ('dryer', 2000.0, 2.0, 10.0, 21.0, (1, 5), 14.0, True))


@dataclass(frozen=True, eq=False)
class Home:
    """A recording from midnight, history first. step : of the arrays [s]     plan_step : [s]
    load, pv : [W]     buy : [currency/kWh]"""

    name: str
    step: int
    plan_step: int
    load: np.ndarray
    pv: np.ndarray
    buy: np.ndarray

    @property
    def finest(self) -> int:
        """The shortest step anything is planned in. [s]"""
        return max(self.step, min(self.plan_step, FINE))

    def mean(self, values: np.ndarray, begin: int, count: int) -> np.ndarray:
        """Return the means of `count` plan steps from time `begin` [s]."""
        each, first = self.plan_step // self.step, begin // self.step
        return values[first:first + count * each].reshape(count, each).mean(axis=1)


class Learned:
    """The home's own forecasters."""

    def __init__(self, home: Home):
        self._home, step = home, float(home.plan_step)
        self._settings = ForecastSettings(step=step, horizon=float(AHEAD))
        self._last: dict[str, Forecast] = {}
        self._made = {name: Forecaster(self._settings, prior) for name, prior in (('load', LOAD), ('pv', PHOTOVOLTAIC))}

    def forecast(self, name: str, now: int, count: int) -> np.ndarray:
        """Return (count,) what `name` will be from `now` on. [W]"""
        past = self._home.mean(getattr(self._home, name), 0, now // self._home.plan_step)
        series = Series(0.0, self._settings.step, past)
        if now % DAY == 0:
            self._made[name].learn(series)
            self._made[name].train(series)
        made = self._made[name].forecast(series)
        self._last[name] = made
        return made.mean[:count]

    def chances(self, count: int) -> Chances:
        """Return how load and sun may differ from their last forecasts."""
        spreads = [(made.lower[:count], made.mean[:count], made.upper[:count]) for made in self._last.values()]
        return Chances.spread(spreads[0], spreads[1])


@dataclass
class Task:
    """A piece of work as it stands."""

    name: str
    power: float
    left: float         # [kWh]
    arrival: float      # [s]
    deadline: float     # [s]
    timer: float        # [s]
    block: bool
    running: bool = False

    @property
    def name_of(self) -> str:
        """A name of its own: the car of one evening is not that of the next."""
        return f'{self.name} {self.deadline:.0f}'


@dataclass
class Outcome:
    """cost : bill, wear, and charge made up [currency]     peak : [W]     missed : tasks     over : minutes"""

    cost: float
    peak: float
    missed: int
    over: int


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; one to two minutes for a week of minutes."""
    rows: list[Result] = []
    captured: dict[str, list[tuple[float, float]]] = {}     # won and to be won, by home [currency]
    homes = _homes()
    if not os.environ.get(FOLDER):
        homes = [home for home in homes if any(part in home.name for part in HOMES)]
    for home in homes:
        progress(f'{home.name}: knowing it all')
        least, gap = _known(home)
        found = {}
        for name in WAYS:
            progress(f'{home.name}: {name}')
            found[name] = simulate(home, name)
        own = found['own use'].cost if 'own use' in found else simulate(home, 'own use').cost
        for name, out in found.items():
            share = (own - out.cost) / (own - least)
            progress(f'{home.name}, {name}: {100 * share:.2f} % captured at {out.cost:.4f}, {least:.4f} the best')
            captured.setdefault(name, []).append((own - out.cost, own - least))
            goal = GOALS.get(name, math.nan)
            rows.append(Result(f'{home.name}, {name}: captured', 100 * share, '%', limit=100 * goal, goal=(
                f'≥ {100 * goal:g} %' if goal == goal else f'cost {out.cost:.2f}') + f'; peak {out.peak / 1e3:.1f} kW',
                holds=not share < goal))
            if goal == goal:
                rows.append(Result(f'{home.name}, {name}: deadlines missed', out.missed, '', goal='none',
                                   holds=not out.missed))
                rows.append(Result(f'{home.name}, {name}: time beyond the import limit', out.over, 'steps', goal='none',
                                   holds=not out.over))
        rows.append(Result(f'{home.name}: cost with everything known', least, '', own, 'own use', goal=(
            f'gap {gap:.3f}')))
    for name, found in captured.items():
        won, there = np.array(found).T
        goal = GOALS.get(name, math.nan)
        shares = {'mean of shares': float(np.mean(won / there)), 'pooled': float(won.sum() / there.sum())}
        for kind, share in shares.items():
            rows.append(Result(f'all homes, {name}: captured, {kind}', 100 * share, '%', limit=100 * goal,
                               goal=f'≥ {100 * goal:g} %' if goal == goal else 'told', holds=not share < goal))
    return rows


def simulate(home: Home, way: str, decide: Callable | None = None) -> Outcome:
    """Run one week under one controller. decide : what to hold, within what, and what runs, as `_decide`; else ours."""
    every = home.plan_step
    if way == 'perfect' and not decide:
        home = replace(home, plan_step=home.finest)
    planner = Planner(PlanSettings(step=home.plan_step, margin=0.0, margin_share=0.0, horizon=_ahead(home, way)))
    learned = Learned(home) if way.startswith('learned') else None
    energy, power, begin, held = CELL.energy, 0.0, BEFORE * DAY, []
    tasks, pending, cost, peak, missed, over = _tasks(begin), [], 0.0, 0.0, 0, 0
    hours = home.step / 3600
    for now in range(begin, begin + DAYS * DAY, home.plan_step):
        pending += [task for task in tasks if now <= task.arrival < now + home.plan_step]
        if not (now - begin) % every:
            if way.removesuffix(ONE) in ('persistence', 'honest', 'learned', 'perfect'):
                known = _foreseen(home, way, pending, tasks, now)
                held = decide(now, energy, known) if decide else _decide(home, planner, way, now, energy, known,
                                                                         learned, every // home.plan_step)
            else:
                held = [((0.0, 0.0, 0.0), (0.0, CELL.capacity), None)]
        for time in range(now, now + home.plan_step, home.step):
            k, drawn = time // home.step, 0.0
            band, within, on = held[len(held) * ((time - begin) % every) // every]
            # Battery first; a load that would break the import limit even so is shed for the step.
            # The inner loop keeps a last charge even then.
            carried = min(CELL.discharge_max, energy * CELL.discharge_efficiency / hours * 1e3)
            carried = carried if energy > LOOP.floor * CELL.capacity else 0.0
            room = IMPORT_MAX + carried - (home.load[k] - home.pv[k])
            for task in pending:
                begins = {'timers': task.timer}.get(way, task.arrival)
                wanted = time >= begins if on is None else task.name_of in on or (task.running and task.block)
                used = min(task.power * hours / 1e3, task.left)
                fits = on is None or drawn + used / hours * 1e3 <= room
                if wanted and fits and task.left > 1e-9 and time >= task.arrival:
                    task.left, task.running, drawn = task.left - used, True, drawn + used / hours * 1e3
                else:
                    task.running = False
            missed += sum(task.left > 0.01 and time + home.step >= task.deadline for task in pending)
            pending = [task for task in pending if task.left > 1e-9 and time + home.step < task.deadline]
            rest = home.load[k] + drawn - home.pv[k]
            if way == 'nothing':
                power = 0.0
            else:
                moment = Moment(*band, math.nan, rest + power, power, energy / CELL.capacity, within[0] / CELL.capacity,
                                CELL.charge_max, CELL.discharge_max, IMPORT_MAX, EXPORT_MAX,
                                within[1] / CELL.capacity)
                power = battery_power(moment, LOOP)[0]
                # What is left in it, or room, for this one step.
                floor = within[0] if rest + power < IMPORT_MAX - 1.0 else 0.0
                power = min(max(power, -max(energy - floor, 0.0) * CELL.discharge_efficiency / hours * 1e3),
                            max(within[1] - energy, 0.0) / CELL.charge_efficiency / hours * 1e3)
            flow = power / 1e3 * hours
            energy += flow * CELL.charge_efficiency if flow > 0 else flow / CELL.discharge_efficiency
            net = rest + power
            bought = net / 1e3 * hours
            cost += bought * (home.buy[k] if bought > 0 else EXPORT_PRICE) + max(-flow, 0.0) * CELL.wear_price
            peak, over = max(peak, net), over + (net > IMPORT_MAX + 1.0)
    # Charge that is missing is bought at the mean price; what is left over is sold.
    worth = float(home.buy[begin // home.step:(begin + DAYS * DAY) // home.step].mean()) / CELL.charge_efficiency
    left = energy - CELL.energy
    return Outcome(cost - left * (EXPORT_PRICE * CELL.discharge_efficiency if left > 0 else worth), peak, missed, over)


def _ahead(home: Home, way: str) -> int:
    return min(SEEN, STEPS * home.plan_step) if way == 'perfect' else AHEAD


def _foreseen(home: Home, way: str, pending: list[Task], tasks: list[Task], now: int) -> list[Task]:
    """Return the tasks a planner knows: those that have come, and with everything known those that will."""
    seen = now + _ahead(home, way)
    ahead = [task for task in tasks if now < task.arrival and task.deadline <= seen] if way == 'perfect' else []
    return [task for task in pending if task.arrival <= now] + ahead


def _decide(home: Home, planner: Planner, way: str, now: int, energy: float,
            pending: list[Task], learned: Learned | None, steps: int = 1) -> list[tuple[tuple, tuple, set[str]]]:
    """Return what the inner loop holds [W], within which charge [kWh], and which tasks run, in each coming step."""
    end = (BEFORE + DAYS) * DAY
    ahead = _ahead(home, way)
    count = min(ahead, end - now) // home.plan_step
    load, pv, buy = (_forecast(home, values, way, now, count, name, learned) for values, name in (
        (home.load, 'load'), (home.pv, 'pv'), (home.buy, 'buy')))
    horizon = Horizon(float(now), float(home.plan_step), count)
    last = planner.last
    jobs = []
    for task in pending:
        kept = last.schedule(task.name_of) if last else None
        on = np.flatnonzero(kept.power > 0) if kept else ()
        begins = float(last.horizon.edges[on[0]]) if len(on) else math.nan
        kind = BlockJob if task.block else InterruptibleJob
        jobs.append(kind(task.name_of, task.left, task.power, task.deadline, max(task.arrival, now),
                         running=task.running, kept=begins))
    # On the last day it knows that the week ends, and as charged as it began.
    final = CELL.energy if now + ahead >= end else None
    battery = replace(CELL, energy=min(max(energy, 0.0), CELL.capacity), final=final)
    grid = Grid(buy, np.full(count, EXPORT_PRICE), np.full(count, IMPORT_MAX), np.full(count, EXPORT_MAX))
    chances = _chances(home, way, now, load - pv, learned)
    plan = planner.plan(Problem(horizon, grid, (BaseLoad(load), Photovoltaic(pv), battery, *jobs), chances=chances))
    assert plan.status.value in ('optimal', 'relaxed'), plan.reasons
    held = plan.guide
    drawn = [(job.name, plan.schedule(job.name).power > 0.01 * job.power) for job in jobs]
    if way == 'perfect' and home.step < home.plan_step:
        return _by_minutes(home, now, battery, plan, drawn, steps)
    return [((held.low[k], held.high[k], held.hold[k]), (held.floor[k], held.ceiling[k]),
             {name for name, on in drawn if on[k]}) for k in range(min(steps, count))]


def _by_minutes(home: Home, now: int, battery: Battery, plan: PlanResult, drawn: list[tuple[str, np.ndarray]],
                steps: int) -> list[tuple[tuple, tuple, set[str]]]:
    """Return what `_decide` does, minute by minute, from a plan of the battery alone until SOON."""
    each = home.plan_step // home.step
    coming = min(SOON // home.plan_step, plan.horizon.count)
    count, fine = coming * each, replace(home, plan_step=home.step)
    net = fine.mean(home.load - home.pv, now, count) + np.repeat(plan.power(Kind.LOAD)[:coming], each)
    battery = replace(battery, final=float(plan.schedule('battery').energy[coming - 1]))
    grid = Grid(fine.mean(home.buy, now, count), *(np.full(count, value) for value in (
        EXPORT_PRICE, IMPORT_MAX, EXPORT_MAX)))
    planner = MINUTES.setdefault(count, Planner(PlanSettings(step=home.step, horizon=float(count * home.step))))
    held = planner.plan(Problem(Horizon(float(now), float(home.step), count), grid, (BaseLoad(net), battery))).guide
    return [((held.low[k], held.high[k], held.hold[k]), (held.floor[k], held.ceiling[k]),
             {name for name, on in drawn if on[k // each]}) for k in range(steps * each)]


def _chances(home: Home, way: str, now: int, net: np.ndarray, learned: Learned | None) -> Chances | None:
    """Return how the home may differ from the forecast `net` (n,) [W]; None for one future."""
    if way.endswith(ONE) or way == 'perfect':
        return None
    if learned is not None:
        return learned.chances(len(net))
    each, day = home.plan_step // home.step, DAY // home.step
    first = now // home.step
    ago = 1 if way.startswith('persistence') else USUAL
    past = np.stack([np.resize((home.load - home.pv)[first - back * day:first - (back - 1) * day],
                               len(net) * each).reshape(-1, each) for back in range(1, ago + 1)], axis=1)
    parts = np.array_split(np.sort(past, axis=2), min(SAMPLES, each), axis=2)
    return Chances.of(np.stack([part.mean(axis=2) for part in parts], axis=2))


def _forecast(home: Home, values: np.ndarray, way: str, now: int, count: int, name: str,
              learned: Learned | None) -> np.ndarray:
    """Return (count,) what the planner is told of the coming day."""
    actual = home.mean(values, now, count)
    yesterday = np.resize(home.mean(values, now - DAY, DAY // home.plan_step), count)
    if way == 'perfect':
        return actual
    if name == 'buy':
        known_until = (now // DAY + (2 if now % DAY >= 13 * 3600 else 1)) * DAY
        known = now + home.plan_step * np.arange(count) < known_until
        return np.where(known, actual, yesterday)
    if way.startswith('persistence'):
        return yesterday
    if learned is not None:
        return learned.forecast(name, now, count)
    days = [home.mean(values, now - day * DAY, DAY // home.plan_step) for day in range(1, USUAL + 1)]
    usual = np.resize(np.mean(days, axis=0), count)
    before = home.mean(values, now - home.plan_step, 1)[0]
    usual_before = np.mean([home.mean(values, now - day * DAY - home.plan_step, 1)[0] for day in range(1, USUAL + 1)])
    fade = np.exp(-home.plan_step / 3600 * (1 + np.arange(count)) / FADES)
    if name == 'pv':  # a cloud takes a share of the sun
        share = np.clip(before / usual_before, 0.2, 2.0) if usual_before > 50.0 else 1.0
        return usual * (1 + fade * (share - 1))
    return np.maximum(usual + fade * (before - usual_before), 0.0)


def _known(home: Home) -> tuple[float, float]:
    """Return the least cost of the week, everything known, and by how much its jobs may be dearer than need be."""
    week = _best_week()
    step, begin = home.finest, BEFORE * DAY
    work = [week.Work(task.power / 1e3, task.left, int(task.arrival - begin) // step,
                      int(task.deadline - begin) // step, task.block) for task in _tasks(begin)]

    def house(step: int, drawn: float | np.ndarray = 0.0):
        fine, count = replace(home, plan_step=step), DAYS * DAY // step
        net = fine.mean(home.load - home.pv, begin, count) / 1e3 + drawn
        return week.House(step / 3600, net, fine.mean(home.buy, begin, count), EXPORT_PRICE, IMPORT_MAX / 1e3,
                          EXPORT_MAX / 1e3, CELL)

    cost, bound, drawn = week.best(house(step), work)
    return week.best(house(home.step, np.repeat(drawn, step // home.step)))[0], cost - bound


def _best_week():
    spec = importlib.util.spec_from_file_location('hearthgrid_best_week', Path(__file__).parent / 'plan_value_best.py')
    module = sys.modules.setdefault(spec.name, importlib.util.module_from_spec(spec))
    if not hasattr(module, 'best'):
        spec.loader.exec_module(module)
    return module


def _tasks(begin: int) -> list[Task]:
    return [Task(name, power, energy, begin + day * DAY + 3600 * arrival, begin + day * DAY + 3600 * deadline,
                 begin + day * DAY + 3600 * timer, block)
            for day in range(DAYS) for name, power, energy, arrival, deadline, days, timer, block in TASKS
            if day in days and day * 24 + deadline <= DAYS * 24]


def _homes() -> list[Home]:
    """Return what is to be run."""
    chosen = os.environ.get(FOLDER)
    if chosen:
        return [_given(Path(chosen), week) for week in range(WEEKS)]
    root = recordings()
    prices, sun = (pd.read_parquet(root / 'prices' / name) for name in (
        'nl_2019.parquet', 'nl_irradiation_2018_2020_15min.parquet'))
    price = _on_clock(prices.time_local, prices.price_eur_per_mwh / 1000 + 0.15).ffill()
    light = _on_clock(sun.time_local, sun.irradiation_w_per_m2)
    homes = []
    for file, first in (('refit_house2', '2014-03-03'), ('ukdale_house2', '2013-06-03'),
                        ('ideal_house65', '2017-06-05')):
        load = pd.read_parquet(root / 'household_1min' / f'{file}.parquet').Aggregate
        for week in range(WEEKS):
            start = pd.Timestamp(first) + pd.Timedelta(weeks=week) - EARLIER
            times = pd.date_range(start, periods=(BEFORE + DAYS + 1) * 1440, freq='60s')
            clock = times.map(lambda time: time.replace(year=2019))
            homes.append(Home(f'{file} {(start + EARLIER).date()}', 60, 1800,
                              load.reindex(times).ffill().to_numpy(dtype=float),
                              4.0 * light.reindex(clock, method='ffill').to_numpy(),
                              price.reindex(clock, method='ffill').to_numpy()))
    buildings = pd.read_parquet(root / 'homes_fontana' / 'buildings_1-12.parquet')
    tariff = pd.read_parquet(root / 'homes_fontana' / 'pricing.parquet').electricity_pricing.to_numpy()
    for building in (1, 7):
        one = buildings[buildings.building == building].sort_values('hour_index')
        for week in range(WEEKS):
            first = 24 * 7 * 20 * week + 1
            hours = slice(first, first + 24 * (BEFORE + DAYS + 1))
            homes.append(Home(f'Fontana {building}, week {20 * week + 2}', 3600, 3600,
                              1e3 * one.non_shiftable_load.to_numpy()[hours],
                              4.0 * one.solar_generation.to_numpy()[hours], tariff[hours]))
    return homes


def _on_clock(times, values) -> pd.Series:
    out = pd.Series(np.asarray(values), index=pd.to_datetime(times))
    return out[~out.index.duplicated()]


def _given(folder: Path, week: int) -> Home:
    """Return a week of the user's own recordings. FileNotFoundError, ValueError with what is missing."""
    def read(name: str) -> pd.Series:
        for suffix, reader in (('.parquet', pd.read_parquet), ('.csv', pd.read_csv)):
            path = folder / f'{name}{suffix}'
            if path.is_file():
                table = reader(path)
                return _on_clock(table.iloc[:, 0], table.iloc[:, 1])
        raise FileNotFoundError(f'{folder} has no {name}.csv or {name}.parquet')

    series = {name: read(name) for name in ('load', 'pv', 'price')}
    first = max(s.index[0] for s in series.values()).ceil('D') + pd.Timedelta(weeks=week)
    last = min(s.index[-1] for s in series.values())
    if last - first < pd.Timedelta(days=BEFORE + DAYS) - EARLIER:
        raise ValueError(f'{folder}: {BEFORE + DAYS - EARLIER.days} whole days are needed, '
                         f'from {first} there are {last - first}')
    minutes = pd.date_range(first - EARLIER, periods=(BEFORE + DAYS + 1) * 1440, freq='60s')
    load, pv, price = (s.reindex(minutes, method='ffill').ffill().to_numpy(dtype=float) for s in series.values())
    return Home(f'{folder.name}, week {week}', 60, 1800, load, pv, price)
