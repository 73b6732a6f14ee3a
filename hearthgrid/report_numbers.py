"""What a report says of a home, out of the store alone. NaN and None = not known; docs/reports.md has the formulas."""

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from hearthgrid.report_events import Event, JobLine, anomalies, jobs, outages, told
from hearthgrid.report_scores import Score, forecasts, plans, quarters
from hearthgrid.simulate_store import Orders, Store, joined
from hearthgrid_ros.home import Home, HomeError, load
from hub_nodes.store.backend import History
from hub_nodes.store.costs import DAYS_MAX, HOUR, QUARTER, Cost, costs

MINUTE, DAY, KILO = 60.0, 86400.0, 1e3
TIMERS = {False: 2.0, True: 1.0}  # when a person sets a timer: dishwasher and its like; car and its like, local [h]


class ReportError(Exception):
    """No report can be made; the message says why."""


@dataclass(frozen=True)
class Bill:
    """A home's account over the minutes that are known. cost : bill and wear, less what is stored beyond the first
    charge [currency]     peak : highest mean import of a quarter hour [W]     peak_at : [s]     carbon : [kg]
    daily : (days,) bill of each local day [currency]"""

    cost: float
    bill: float
    imported: float
    exported: float
    peak: float
    peak_at: float
    carbon: float
    daily: np.ndarray


@dataclass(eq=False)
class Numbers:
    """All of a report. times : (n,) starts of its minutes [s]; arrays beside it (n,)     known : share with a meter
    priced : share of these with a price     days : local days' starts and the end (days + 1,) [s]"""

    start: float
    end: float
    zone: ZoneInfo
    currency: str
    home: Home | None
    times: np.ndarray
    grid: np.ndarray
    pv: np.ndarray
    load: np.ndarray
    buy: np.ndarray
    days: np.ndarray
    known: float
    priced: float
    bills: dict[str, Bill] = field(default_factory=dict)
    why_not: dict[str, str] = field(default_factory=dict)
    devices: dict[str, Cost] = field(default_factory=dict)
    planned: np.ndarray = field(default_factory=lambda: np.empty(0))  # (n,) of the plan in force at each hour [W]
    plan_error: float = math.nan
    scores: list[Score] = field(default_factory=list)
    sample: dict[str, np.ndarray] = field(default_factory=dict)  # last load forecast: times, mean, lower, upper
    jobs: list[JobLine] = field(default_factory=list)
    outages: list[Event] = field(default_factory=list)
    anomalies: list[Event] = field(default_factory=list)


def period(month: str, days: int, now: float, zone: ZoneInfo) -> tuple[float, float]:
    """Return start and end [s] of a local month 'YYYY-MM', or of the last days. ReportError: no such month."""
    if not month:
        return now - days * DAY, now
    try:
        first = datetime.strptime(month, '%Y-%m').replace(tzinfo=zone)
    except ValueError:
        raise ReportError(f'{month!r} is no month; write it as 2026-04') from None
    after = (first + timedelta(days=32)).replace(day=1)
    return first.timestamp(), min(after.timestamp(), max(now, first.timestamp() + HOUR))


def described(state: Path, file: Path | None) -> Home | None:
    """Return the home of a file, else the one that last ran in the state folder, else None. ReportError."""
    file = file or (state / 'home.yaml' if (state / 'home.yaml').is_file() else None)
    try:
        return load(file) if file else None
    except HomeError as error:
        raise ReportError(str(error)) from None


def gather(history: History, start: float, end: float, home: Home | None, zone: ZoneInfo) -> Numbers:
    """Return the numbers of start … end [s]. ReportError for a time that cannot be asked for."""
    if not end > start or end - start > DAYS_MAX * DAY:
        raise ReportError(f'a report covers up to {DAYS_MAX} days')
    first = math.floor(start / QUARTER) * QUARTER
    count = math.ceil((end - first) / QUARTER)
    last = first + count * QUARTER
    stores = tuple(home.stores) if home else ('battery',)
    home = joined(home)
    grid, pv, *batteries = (_power(history, name, first, last) for name in ('grid', 'pv', *stores))
    # A meter never heard of is a part the home does not have; one silent for a while is a gap.
    pv, *batteries = (power if np.isfinite(power).any() else np.zeros(len(grid)) for power in (pv, *batteries))
    battery = sum(batteries, np.zeros(len(grid)))
    load_power = grid - pv - battery
    prices, currency = told(history, first, count)
    buy, sell, carbon = (np.repeat(values, round(QUARTER / MINUTE)) for values in prices)
    known, priced = np.isfinite(grid), np.isfinite(buy) & np.isfinite(sell)
    n = Numbers(first, last, zone, currency or (home.tariff.currency if home else ''), home,
                first + MINUTE * np.arange(len(grid)), grid, pv, load_power, buy, _days(first, last, zone),
                float(known.mean()), float(priced[known].mean()) if known.any() else 0.0)  # fmt: skip
    n.jobs = jobs(history, first, last)
    _account(n, battery, sell, carbon, history)
    try:
        spent = costs(history, first, last)[0]
        n.devices = {name: cost for name, cost in spent.items() if name not in ('grid', 'pv', *stores)}
    except ValueError as error:
        raise ReportError(str(error)) from None
    n.planned, n.plan_error = plans(history, n.times, n.grid)
    actual = {'load': (quarters(n.load), 'W'), 'pv': (quarters(-n.pv), 'W'),
              'import_price': (prices[0], f'{n.currency or "currency"}/kWh')}  # fmt: skip
    n.scores, n.sample = forecasts(history, first, last, actual)
    n.outages, n.anomalies = outages(history, first, last), anomalies(history, first, last)
    return n


def _power(history: History, outlet: str, start: float, end: float) -> np.ndarray:
    """Return (n,) the mean power of each minute, NaN where nothing was heard. [W]"""
    return history.aggregate(outlet, 'active_power', start, end, MINUTE).mean


def _days(start: float, end: float, zone: ZoneInfo) -> np.ndarray:
    """Return start, the local midnights between, and end. [s] Days on which clocks change have 23 or 25 hours."""
    midnight = datetime.fromtimestamp(start, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    out = [start]
    while (midnight := (midnight + timedelta(days=1))).timestamp() < end:
        if midnight.timestamp() > start:
            out.append(midnight.timestamp())
    return np.array([*out, end])


# The account, and what it would have been.


def _account(n: Numbers, battery: np.ndarray, sell: np.ndarray, carbon: np.ndarray, history: History) -> None:
    """Fill in the bills: as measured, with nobody planning, and with timers. All over the same minutes."""
    counted = np.isfinite(n.grid) & np.isfinite(n.load) & np.isfinite(n.buy) & np.isfinite(sell)
    if not counted.any():
        n.why_not['measured'] = 'no minute has both a reading of the grid and a price'
        return
    facts = n.home.battery if n.home else None
    worth = float(n.buy[counted].mean()) * (facts.efficiency if facts else 1.0)
    minutes = MINUTE / HOUR / KILO

    def stored(power: np.ndarray) -> tuple[float, float]:
        """Return what a battery power leaves stored [kWh] and gives [kWh]."""
        flow = np.where(counted, power, 0.0) * minutes
        efficiency = facts.efficiency if facts else 1.0
        given = float(np.maximum(-flow, 0.0).sum())
        return float(np.maximum(flow, 0.0).sum()) * efficiency - given / efficiency, given

    def bill(grid: np.ndarray, power: np.ndarray) -> Bill:
        energy = np.where(counted, grid, 0.0) * minutes
        money = np.where(energy > 0, energy * np.nan_to_num(n.buy), energy * np.nan_to_num(sell))
        left, given = stored(power)
        means = np.nan_to_num(quarters(np.where(counted, grid, np.nan)), nan=-np.inf)
        top = int(means.argmax())
        imported = np.maximum(energy, 0.0)
        dirty = np.isfinite(carbon) & counted
        place = np.searchsorted(n.days, n.times, side='right') - 1
        wear = given * (facts.wear_price if facts else 0.0)
        return Bill(
            float(money.sum()) + wear - left * worth, float(money.sum()), float(imported.sum()),
            float(np.maximum(-energy, 0.0).sum()), float(max(means[top], 0.0)) if np.isfinite(means[top]) else math.nan,
            float(n.times[15 * top]) if means[top] > 0 else math.nan,
            float(imported[dirty] @ carbon[dirty]) if dirty[counted].mean() > 0.5 else math.nan,
            np.bincount(place, money, len(n.days) - 1),
        )  # fmt: skip

    n.bills['measured'] = bill(n.grid, battery)
    idle = np.zeros(len(n.grid))
    moved = _moved(n, history, lambda job: job.asked)
    n.bills['doing nothing'] = bill(moved + n.pv, idle)
    if facts is None and np.abs(np.nan_to_num(battery)).max(initial=0.0) > 0:
        n.why_not['timers'] = 'the home file is missing: nothing is known of the battery'
        return
    timed = _moved(n, history, lambda job: _timer(job, n.zone))
    own = idle if facts is None else _own_use(timed + n.pv, n.home, _first_charge(n, history, facts))
    n.bills['timers'] = bill(timed + n.pv + own, own)


def _moved(n: Numbers, history: History, begins) -> np.ndarray:
    """Return (n,) the load with each job's energy taken from where it ran to a block from where it begins. [W]"""
    out = n.load.copy()
    for job in n.jobs:
        if job.delivered <= 0:
            continue
        drawn = np.nan_to_num(_power(history, job.outlet, n.start, n.end))
        ran = (n.times >= job.asked - MINUTE) & (n.times < job.ended) & (drawn > 0.05 * job.power)
        measured = float(drawn[ran].sum()) * MINUTE / HOUR / KILO
        if measured <= 0:
            continue
        power = float(drawn[ran].mean())
        begin = begins(job)
        end = begin + measured * KILO / power * HOUR
        if begin < n.start or end > n.end:
            continue  # it would lie outside of the report: it stays where it was
        inside = np.clip((np.minimum(end, n.times + MINUTE) - np.maximum(begin, n.times)) / MINUTE, 0.0, 1.0)
        out[ran] -= drawn[ran]
        out += power * inside
    return out


def _timer(job: JobLine, zone: ZoneInfo) -> float:
    """Return when a person's timer would have begun a job: at its hour, or at once where that is too late. [s]"""
    local = datetime.fromtimestamp(job.asked, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    hour = timedelta(hours=TIMERS[job.interruptible])
    begin = next(t for k in range(3) if (t := (local + timedelta(days=k) + hour).timestamp()) >= job.asked)
    return begin if begin + job.energy * KILO / job.power * HOUR <= job.deadline else job.asked


def _first_charge(n: Numbers, history: History, facts) -> float:
    """Return the battery's energy at the beginning, of the first plan; half where there is none. [kWh]"""
    for record in history.records(('plan',), start=n.start, end=n.end, limit=1):
        energy = record.data.get('battery_energy_kwh') or ()
        if energy and energy[0] is not None:
            return float(min(max(energy[0], 0.0), facts.capacity_kwh))
    return 0.5 * facts.capacity_kwh


def _own_use(rest: np.ndarray, home: Home, energy: float) -> np.ndarray:
    """Return (n,) what the battery does for own use, where everything else draws `rest`. [W]"""
    out, store = np.zeros(len(rest)), Store(home, energy)
    for k in np.flatnonzero(np.isfinite(rest)).tolist():
        store.follow(float(rest[k]), Orders(), home)
        out[k] = store.power
    return out
