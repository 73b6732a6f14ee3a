"""What planning is worth: whole weeks in closed loop, against doing nothing, own use first, timers, and knowing it all.

Each home runs for a week minute by minute (hour by hour where the recording is hourly): real load, sun and prices, a
battery, a car and machines with deadlines. Every half hour (hour) the planner sees a forecast and what is pending; in
between the inner loop holds the planned grid power with the battery and keeps the import limit. `captured`: of the way
from `own use` (battery serves the home, loads on arrival) to the best week there was (plan_value_best.py), at equal
final charge and with the battery's wear counted. Forecasts: `persistence` is yesterday; `honest` is the mean of the
seven days before, blended with the last measurement; `learned` is the home's own forecaster, trained each midnight on
the days there are (22 or fewer before the week); each with the spread of those days or of the forecaster, `one future`
without; `perfect` is what will be: the jobs are planned in steps of FINE (300 s; hours where the recording has hours),
up to FORESIGHT (168 h) and 288 of them ahead, then the battery minute by minute as far; switching and moving starts are
free to it, as they are to the week. Prices are known day-ahead: until midnight, after 13:00 until the next; yesterday's
beyond. Who plans sheds: jobs first, then, the battery empty, what else is beyond the import limit; what was shed is
paid for all the same, and told.
Over all homes captured is told twice: the mean of their shares, and pooled, the money captured over the money there was
to win. In the environment: WEEKS, how many of each recording; DAYS, run in one go (7; a last day is worse to plan
than others, because what comes after has no worth); HORIZON, how far the other plans look (24 h); HOMES,
parts of their names with | between, default one of minutes and one of hours; WAYS, controllers likewise, default all;
VALUE_DATA, a folder with load, pv and price as CSV or Parquet (columns: time, value [W, W, currency/kWh]) to run
instead.
"""
import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hearthgrid.benchmark import Result, beside
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

week, recorded = beside('plan_value_best'), beside('plan_value_homes')
Home, Task, FOLDER, BEFORE, DAYS = (getattr(recorded, name) for name in ('Home', 'Task', 'FOLDER', 'BEFORE', 'DAYS'))
NAME = 'plan-value'
WAYS = [name.strip() for name in os.environ.get(
    'WAYS', 'nothing|own use|timers|persistence|honest, one future|honest|learned|perfect').split('|')]
WEEKS = int(os.environ.get('WEEKS', '1'))
HOMES = os.environ.get('HOMES', 'refit|Fontana 7').split('|')
DAY, USUAL = recorded.DAY, 7    # [s], days whose mean is usual
GOALS = {'honest': 0.90, 'learned': 0.90, 'perfect': 0.995}
IMPORT_MAX, EXPORT_MAX, EXPORT_PRICE = 11_000.0, 10_000.0, 0.08
CELL = Battery(10.0, 5.0, 4000.0, 4000.0, 0.95, 0.95, wear_price=0.02)
LOOP = InnerLoopSettings(gain=1.0, dead_band=0.0)
AHEAD, SEEN = (3600 * int(os.environ.get(name, hours)) for name, hours in (('HORIZON', '24'), ('FORESIGHT', '168')))
STEPS = 288     # that what knows everything plans
# A week of the bench pays neither for switching nor for a start that moves: who knows all need not, either.
CALM = {'switch_weight': 0.0, 'keep_weight': 0.0}
SAMPLES, ONE = 4, ', one future'    # of the minutes of a step, in turn; a plan that takes its forecast for the truth
FADES = 2.0                         # of what the last measurement says of the next hours [h]


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
class Outcome:
    """cost : bill, wear, and charge made up [currency]     peak : [W]     missed : tasks     over : steps beyond the
    import limit     shed : of what is no job, to keep it [kWh]"""

    cost: float
    peak: float
    missed: int
    over: int
    shed: float


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; one to two minutes for a week of minutes."""
    rows: list[Result] = []
    captured: dict[str, list[tuple[float, float]]] = {}     # won and to be won, by home [currency]
    for home in _homes():
        progress(f'{home.name}: knowing it all')
        least, gap = _known(home)
        found = {}
        for name in WAYS:
            progress(f'{home.name}: {name}')
            found[name] = simulate(home, name)
        own = found['own use'].cost if 'own use' in found else simulate(home, 'own use').cost
        for name, out in found.items():
            share = (own - out.cost) / (own - least)
            progress(f'{home.name}, {name}: {100 * share:.2f} % captured at {out.cost:.4f}, {least:.4f} the best, '
                     f'{own - out.cost:.4f} of {own - least:.4f} gained')
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
                rows.append(Result(f'{home.name}, {name}: shed beyond jobs for that', out.shed, 'kWh', goal='told'))
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
    planner = Planner(PlanSettings(step=home.plan_step, margin=0.0, margin_share=0.0, horizon=_ahead(home, way),
                                   **(CALM if way == 'perfect' else {})))
    finest = Planner(PlanSettings(step=home.step, horizon=3600.0))
    learned = Learned(home) if way.startswith('learned') else None
    energy, power, begin, held = CELL.energy, 0.0, BEFORE * DAY, []
    tasks, pending, cost, peak, missed, over, shed = recorded.tasks(begin), [], 0.0, 0.0, 0, 0, 0.0
    hours = home.step / 3600
    for now in range(begin, begin + DAYS * DAY, home.plan_step):
        pending += [task for task in tasks if now <= task.arrival < now + home.plan_step]
        if not (now - begin) % every:
            if way.removesuffix(ONE) in ('persistence', 'honest', 'learned', 'perfect'):
                known = _foreseen(home, way, pending, tasks, now)
                held = decide(now, energy, known) if decide else _decide(home, planner, finest, way, now, energy,
                                                                         known, learned, every // home.plan_step)
            else:
                held = [((0.0, 0.0, 0.0), (0.0, CELL.capacity), None)]
        for time in range(now, now + home.plan_step, home.step):
            k, drawn = time // home.step, 0.0
            band, within, on = held[len(held) * ((time - begin) % every) // every]
            # Battery first; a load that would break the import limit even so is shed for the step.
            # The inner loop keeps a last charge even then.
            carried = min(CELL.discharge_max, energy * CELL.discharge_efficiency / hours * 1e3)
            carried = carried if energy > min(LOOP.floor * CELL.capacity, within[0]) else 0.0
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
            kept = min(net, IMPORT_MAX) if on is not None else net
            peak, over, shed = max(peak, kept), over + (kept > IMPORT_MAX + 1.0), shed + (net - kept) / 1e3 * hours
    # Charge that is missing is bought at the mean price; what is left over is sold.
    worth = float(home.buy[begin // home.step:(begin + DAYS * DAY) // home.step].mean()) / CELL.charge_efficiency
    left = energy - CELL.energy
    return Outcome(cost - left * (EXPORT_PRICE * CELL.discharge_efficiency if left > 0 else worth), peak, missed, over,
                   shed)


def _ahead(home: Home, way: str) -> int:
    return min(SEEN, STEPS * home.plan_step) if way == 'perfect' else AHEAD


def _foreseen(home: Home, way: str, pending: list[Task], tasks: list[Task], now: int) -> list[Task]:
    """Return the tasks a planner knows: those that have come, and with everything known those that will."""
    seen = now + _ahead(home, way)
    ahead = [task for task in tasks if now < task.arrival and task.deadline <= seen] if way == 'perfect' else []
    return [task for task in pending if task.arrival <= now] + ahead


def _decide(home: Home, planner: Planner, finest: Planner, way: str, now: int, energy: float,
            pending: list[Task], learned: Learned | None, steps: int) -> list[tuple[tuple, tuple, set[str]]]:
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
        return _by_minutes(home, finest, now, battery, plan, drawn, steps)
    return [((held.low[k], held.high[k], held.hold[k]), (held.floor[k], held.ceiling[k]),
             {name for name, on in drawn if on[k]}) for k in range(min(steps, count))]


def _by_minutes(home: Home, planner: Planner, now: int, battery: Battery, plan: PlanResult,
                drawn: list[tuple[str, np.ndarray]], steps: int) -> list[tuple[tuple, tuple, set[str]]]:
    """Return what `_decide` does, minute by minute, from a plan of the battery alone beside the jobs of `plan`.

    As far as that one: a charge it must come to earlier would be one that means thought right.
    """
    each = home.plan_step // home.step
    count, fine = plan.horizon.count * each, replace(home, plan_step=home.step)
    net = fine.mean(home.load - home.pv, now, count) + np.repeat(plan.power(Kind.LOAD), each)
    grid = Grid(fine.mean(home.buy, now, count), *(np.full(count, value) for value in (
        EXPORT_PRICE, IMPORT_MAX, EXPORT_MAX)))
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
    step, begin = home.finest, BEFORE * DAY
    work = [week.Work(task.power / 1e3, task.left, int(task.arrival - begin) // step,
                      int(task.deadline - begin) // step, task.block) for task in recorded.tasks(begin)]

    def house(step: int, drawn: float | np.ndarray = 0.0):
        fine, count = replace(home, plan_step=step), DAYS * DAY // step
        net = fine.mean(home.load - home.pv, begin, count) / 1e3 + drawn
        return week.House(step / 3600, net, fine.mean(home.buy, begin, count), EXPORT_PRICE, IMPORT_MAX / 1e3,
                          EXPORT_MAX / 1e3, CELL)

    cost, bound, drawn = week.best(house(step), work)
    return week.best(house(home.step, np.repeat(drawn, step // home.step)))[0], cost - bound


def _homes() -> list[Home]:
    """Return what is to be run."""
    found = recorded.homes(WEEKS)
    return found if os.environ.get(FOLDER) else [home for home in found if any(part in home.name for part in HOMES)]
