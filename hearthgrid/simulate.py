"""A home in closed loop on virtual time: forecasts, plan, inner loop and job books are those of the running home."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from hearthgrid.simulate_course import STEP, Course, Task
from hearthgrid.simulate_store import Orders, Store
from hearthgrid_core.forecast import (
    DAY,
    LOAD,
    PHOTOVOLTAIC,
    PRICE,
    Forecaster,
    ForecastSettings,
    Series,
    mean_absolute_error,
    photovoltaic,
)
from hearthgrid_core.outlet import Job, JobBook, JobSettings
from hearthgrid_core.plan import (
    BatteryFacts,
    HomeFacts,
    JobState,
    Kind,
    Planner,
    PlanSettings,
    Situation,
    Status,
    problem,
    together,
)
from hearthgrid_ros.home import Home

HOUR, KILO = 3600.0, 1e3
QUARTER = 15  # minutes in which peaks are metered
ANNOUNCED = 13  # local hour at which tomorrow's prices become known
TRAIN = 7 * DAY  # between two fittings of the learned models; the running home fits them daily, over night
PERIOD = 30  # minutes between two plans
PLAN = PlanSettings(step=900.0)
FORECAST = ForecastSettings(step=900.0, horizon=DAY + HOUR)


@dataclass(frozen=True)
class View:
    """What a controller sees. step : number of the minute     charge : of the battery, 0 … 1, NaN = there is none
    jobs : that are not ended, by outlet     news : a job came or ended in the minute before"""

    step: int
    now: float
    charge: float
    jobs: dict[str, tuple[Task, Job]]
    news: bool


Controller = Callable[[View], Orders]


@dataclass(frozen=True)
class Outcome:
    """What a simulation came to. NaN = not known or not there.

    cost : bill and wear, less what is stored beyond the first charge [currency]     peak : of a quarter hour [W]
    imported, exported : [kWh]     cycles : energy discharged over capacity [1]     carbon : of the import [kg]
    missed : jobs not done by their deadline     over : time beyond the import limit [min]     thrown : PV [kWh]
    plans, failed : made, and of these without a result     error : mean of the load forecasts' hour ahead [W]
    """

    cost: float
    bill: float
    wear: float
    stored: float
    peak: float
    imported: float
    exported: float
    cycles: float
    carbon: float
    jobs: int
    missed: int
    over: int
    thrown: float
    plans: int = 0
    failed: int = 0
    error: float = math.nan


def nothing(view: View) -> Orders:
    """Do nothing: jobs run on arrival, the battery is idle."""
    return Orders(frozenset(view.jobs), idle=True)


def own_use(view: View) -> Orders:
    """Jobs run on arrival; the battery takes what the sun gives too much, and gives it back."""
    return Orders(frozenset(view.jobs))


def timers(view: View) -> Orders:
    """Own use, and jobs run from when a person would have set their timers."""
    return Orders(frozenset(outlet for outlet, (task, _) in view.jobs.items() if view.now >= task.timer))


class Planned:
    """The hub: forecasts from what was, a plan every half hour and on news, its targets in between.

    perfect : what will come is known.
    """

    def __init__(self, home: Home, course: Course, perfect: bool = False):
        self._course, self._perfect, self._zone = course, perfect, ZoneInfo(home.timezone)
        battery, _ = together([(BatteryFacts.of(one), math.nan) for one in home.stores.values()])
        self._facts = HomeFacts(home.supply.import_max, home.supply.export_max, home.tariff.currency, battery, True)
        self._rated = home.pv.power_max if home.pv else 0.0
        self._planner = Planner(PLAN, lambda t: datetime.fromtimestamp(t, self._zone).strftime('%H:%M'))
        step = FORECAST.step
        count = math.ceil(len(course) * STEP / step)
        start = math.floor(course.start / step) * step
        known = {'load': course.load, 'pv': course.pv, 'price': course.buy, 'sell': course.sell}
        self._series = {name: course.series(values).resampled(start, step, count + 1, 0.01)
                        for name, values in known.items()}  # fmt: skip
        self._sun = None if course.sun_ahead is None else \
            course.series(course.sun_ahead).resampled(start, step, count + 1, 0.01)  # fmt: skip
        self._forecasters = {name: Forecaster(FORECAST, prior)
                             for name, prior in (('load', LOAD), ('pv', PHOTOVOLTAIC), ('price', PRICE))}  # fmt: skip
        self._coefficient, self._learnt, self._due, self._made = None, -math.inf, -math.inf, None
        self._trained = -math.inf
        self.plans, self.failed, self.errors = 0, 0, []

    def __call__(self, view: View) -> Orders:
        if view.now >= self._due or view.news:
            self._plan(view)
        made = self._made
        if made is None or view.now >= made.horizon.end:
            return Orders()  # own use; each outlet keeps its job's deadline by itself
        k = made.at(view.now)
        on = frozenset(s.name for s in made.of(Kind.LOAD)
                       if s.name in view.jobs and s.power[k] > 0.01 * view.jobs[s.name][1].power)  # fmt: skip
        panels = next((s for s in made.of(Kind.PHOTOVOLTAIC) if s.curtailed is not None and s.curtailed[k] > 1.0), None)
        pv_max = -float(panels.power[k]) if panels is not None else math.inf
        if made.guide is None:
            return Orders(on, pv_max=pv_max)
        held = made.guide
        low, high, hold, floor, ceiling = (float(row[k]) for row in (
            held.low, held.high, held.hold, held.floor, held.ceiling))  # fmt: skip
        return Orders(on, low, high, hold, pv_max, floor=floor, ceiling=ceiling)

    def _plan(self, view: View) -> None:
        now = view.now
        self._due = now + PERIOD * STEP
        jobs = tuple(JobState(outlet, job.id, job.energy_kwh, job.delivered_kwh, job.power, job.deadline,
                              job.interruptible, job.status.name == 'RUNNING')
                     for outlet, (_, job) in sorted(view.jobs.items()))  # fmt: skip
        load, pv, buy, sell, ahead, *within = self._known() if self._perfect else self._foreseen(now)
        made, _ = problem(Situation(now, load, pv, buy, sell, ahead, view.charge, jobs, None, *within),
                          self._facts, PLAN, self._made)  # fmt: skip
        result = self._planner.plan(made)
        self.plans += 1
        if result.status is Status.FAILED:
            self.failed += 1
        else:
            self._made = result

    def _known(self) -> tuple[Series | None, ...]:
        series = self._series
        return series['load'], series['pv'] if self._rated else None, series['price'], series['sell'], None

    def _foreseen(self, now: float) -> tuple:
        """Return load, PV, announced prices of both directions, the price forecast, and spreads of load and PV, from
        what is known at `now`."""
        past = {name: series.until(now) for name, series in self._series.items()}
        until = self._announced_until(now)
        announced = self._series['price'].until(until)
        if now - self._learnt >= DAY:
            self._learnt = now
            self._forecasters['load'].learn(past['load'])
            self._forecasters['price'].learn(past['price'])
            if self._rated and self._sun is None:
                self._forecasters['pv'].learn(past['pv'])
            elif self._rated:
                self._coefficient = photovoltaic.learn(past['pv'], self._sun.until(now), self._rated)
        if now - self._trained >= TRAIN:
            self._trained = now
            self._forecasters['load'].train(past['load'])
            self._forecasters['price'].train(announced)
            if self._rated and self._sun is None:
                self._forecasters['pv'].train(past['pv'])
        load = self._forecasters['load'].forecast(past['load'])
        self._note(load)
        pv = None
        if self._rated and self._sun is None:
            pv = self._forecasters['pv'].forecast(past['pv'])
        elif self._rated:
            sun = self._sun.resampled(past['pv'].end, FORECAST.step, FORECAST.count, 0.01)
            pv = photovoltaic.forecast(Series(sun.start, sun.step, np.nan_to_num(sun.values)), self._coefficient,
                                       self._rated)  # fmt: skip
        price = self._forecasters['price'].forecast(announced)
        sell = self._series['sell'].until(until)
        return (_mean(load), None if pv is None else _mean(pv), announced, sell, _mean(price), _within(load),
                None if pv is None else _within(pv))  # fmt: skip

    def _announced_until(self, now: float) -> float:
        """Return the end of the day whose prices are known: tomorrow's come in the afternoon. [s]"""
        local = datetime.fromtimestamp(now, self._zone)
        midnight = now - (local.hour * HOUR + local.minute * 60.0 + local.second)
        return midnight + (2 if local.hour >= ANNOUNCED else 1) * DAY

    def _note(self, load) -> None:
        actual = self._series['load'].resampled(load.start, load.step, 4, 0.01).values
        self.errors.append(mean_absolute_error(actual, load.mean[:4]))


def _mean(forecast) -> Series:
    return Series(forecast.start, forecast.step, forecast.mean)


def _within(forecast) -> tuple[Series, Series]:
    return tuple(Series(forecast.start, forecast.step, bound) for bound in (forecast.lower, forecast.upper))


def run(home: Home, course: Course, controller: Controller, tell: Callable[[float], None] = lambda share: None,
        sheds: bool = False) -> Outcome:  # fmt: skip
    """Return what a controller makes of a course.

    tell : is told now and then which share is done     sheds : interruptible jobs give way to the import limit
    """
    store, supply = Store(home), home.supply
    books: dict[str, JobBook] = {task.outlet: JobBook(JobSettings()) for task in course.tasks}
    held: dict[str, Task] = {}
    waiting = [task for task in course.tasks if task.asked >= course.begin]
    count = len(course) - course.first
    grid, thrown, done, missed, news = np.zeros(count), 0.0, 0, 0, True
    for k in range(count):
        step, now = course.first + k, course.begin + k * STEP
        while waiting and waiting[0].asked <= now:
            task = waiting.pop(0)
            books[task.outlet].add(now, Job(f'{task.outlet}-{task.asked:.0f}', task.energy, task.deadline, task.power,
                                            task.interruptible))  # fmt: skip
            held[task.outlet], news = task, True
        jobs = {outlet: (task, books[outlet].job) for outlet, task in held.items()}
        orders = controller(View(step, now, store.charge, jobs, news))
        drawn = {}
        for outlet, (_, job) in jobs.items():
            word = books[outlet].must_run(now)
            if outlet in orders.on or word is not None:
                left = max(job.energy_kwh - job.delivered_kwh, 0.0) * KILO * HOUR / STEP
                drawn[outlet] = min(job.power, left * (1 + 1e-9))
        sun = min(float(course.pv[step]), orders.pv_max)
        thrown += (float(course.pv[step]) - sun) / KILO * STEP / HOUR
        base = float(course.load[step]) - sun
        most = supply.import_max + (0.0 if orders.idle else store.carried)
        for outlet in sorted(drawn, key=lambda o: jobs[o][1].deadline, reverse=True) if sheds else ():
            if base + sum(drawn.values()) > most and jobs[outlet][1].interruptible:
                del drawn[outlet]
        rest = base + sum(drawn.values())
        store.follow(rest, orders, home)
        grid[k] = rest + store.power
        news = False
        for outlet in list(held):
            job = books[outlet].step(now + STEP, outlet in drawn, drawn.get(outlet, 0.0))
            if job.status.ended:
                done, missed, news = done + 1, missed + (job.status.name != 'DONE'), True
                del held[outlet]
        if k % 720 == 0:
            tell(k / count)
    tell(1.0)
    return _counted(home, course, grid, store, thrown, done, missed)


def _counted(home: Home, course: Course, grid: np.ndarray, store: Store, thrown: float, done: int,
             missed: int) -> Outcome:  # fmt: skip
    rest = slice(course.first, None)
    energy = grid / KILO * STEP / HOUR
    bill = float(np.where(energy > 0, energy * course.buy[rest], energy * course.sell[rest]).sum())
    stored = 0.0
    if store.facts:
        stored = (store.energy - store.first) * store.facts.efficiency * float(course.buy[rest].mean())
    whole = len(grid) // QUARTER * QUARTER
    peak = grid[:whole].reshape(-1, QUARTER).mean(axis=1).max(initial=0.0)
    carbon = math.nan if course.carbon is None else float(np.maximum(energy, 0.0) @ course.carbon[rest])
    return Outcome(
        bill + store.wear - stored, bill, store.wear, stored, max(float(peak), 0.0),
        float(np.maximum(energy, 0.0).sum()), float(np.maximum(-energy, 0.0).sum()),
        store.discharged / store.facts.capacity if store.facts else math.nan, carbon, done, missed,
        int((grid > home.supply.import_max + 1.0).sum()), thrown,
    )  # fmt: skip


CONTROLLERS: dict[str, Controller] = {'doing nothing': nothing, 'own use': own_use, 'timers': timers}


def planned(home: Home, course: Course, tell: Callable[[float], None] = lambda share: None,
            perfect: bool = False) -> Outcome:  # fmt: skip
    """Return what the plan makes of a course."""
    hub = Planned(home, course, perfect)
    outcome = run(home, course, hub, tell, sheds=True)
    error = float(np.nanmean(hub.errors)) if np.isfinite(hub.errors).any() else math.nan
    return replace(outcome, plans=hub.plans, failed=hub.failed, error=error)


def captured(own: float, plan: float, best: float) -> float:
    """Return the share of the way from own use to perfect foresight that a plan goes; NaN where there is no way. [1]"""
    return (own - plan) / (own - best) if own - best > 1e-6 else math.nan
