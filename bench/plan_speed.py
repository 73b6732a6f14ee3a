"""Re-planning a home, beside EMHASS on the same problems and a warm re-solve of the linear program in HiGHS.

Real load (REFIT house 2, spring 2014), irradiation and day-ahead prices (NL 2019, plus 0.15 a kWh), a battery of
10 kWh and 4 kW that ends as charged as it began, and one-block jobs of half an hour to three hours with an earliest
start and a deadline. `re-plan`: problem in, checked plan out, median over days that differ in everything but their
jobs' lengths and powers; `with a spread`: as the home's node asks it, forecasts in quantiles and a battery that may end
as it likes; `first plan`: of a fresh process, with what it compiles. EMHASS runs in the Python of
$HEARTHGRID_EMHASS, made by `python -m venv emhass && emhass/bin/pip install emhass`; without it, its rows are left out.
Costs are of one bill for both. DAYS in the environment: how many days (EMHASS takes its share of them); EMHASS_GAP: its
relative gap.
"""
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from hearthgrid.benchmark import Result, recordings
from hearthgrid_core.plan import (
    BaseLoad,
    Battery,
    BlockJob,
    Chances,
    Grid,
    Horizon,
    Photovoltaic,
    Planner,
    PlanSettings,
    Problem,
    Tariff,
)
from hearthgrid_core.plan.master import Master

NAME = 'plan-speed'
DAYS = int(os.environ.get('DAYS', '8'))
GAP = float(os.environ.get('EMHASS_GAP', '5e-4'))
PEER = 'HEARTHGRID_EMHASS'
CAPACITY, POWER, EFFICIENCY, CHARGE = 10.0, 4000.0, 0.95, 0.5
EXPORT_PRICE, EXPORT_MAX, NO_LIMIT = 0.08, 10_000.0, 20_000.0
ROUNDS = 3
SAME = 5e-4     # costs so near to each other are one
# name, step [s], steps, jobs, import limit [W], peak price [currency/kW], goal [ms], share of DAYS for EMHASS
CASES = (('30 min, 2 jobs', 1800, 48, 2, NO_LIMIT, 0.0, 10.0, 1.0),
         ('30 min, 10 jobs', 1800, 48, 10, NO_LIMIT, 0.0, np.nan, 0.5),
         ('5 min, 10 jobs', 300, 288, 10, NO_LIMIT, 0.0, 100.0, 0.25),
         ('5 min, 10 jobs, limit and peak price', 300, 288, 10, 5000.0, 0.1, 150.0, 0.25),
         ('48 h, 5 min, 50 devices', 300, 576, 50, NO_LIMIT, 0.0, 1000.0, 0.0))
UNSURE = '5 min, 10 jobs'
SETTINGS = PlanSettings(margin=0.0, margin_share=0.0, keep_weight=0.0)


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about a minute, most of it EMHASS's."""
    series = Series(recordings())
    results = [_first(progress)]
    for name, step, count, jobs, limit, peak, goal, share in CASES:
        days = [series.problem(day, step, count, jobs, limit, peak) for day in range(DAYS if count < 500 else 3)]
        progress(name)
        plans, took, warm = _ours(days)
        value = float(np.median(took))
        results.append(Result(f'{name}: re-plan', value, 'ms', warm, 'warm LP in HiGHS', goal, value / warm,
                              '' if np.isnan(goal) else f'≤ {goal:g} ms', not value > goal))
        if name == UNSURE:
            unsure = float(np.median(_ours([_unsure(problem) for problem in days])[1]))
            results.append(Result(f'{name}, with a spread: re-plan', unsure, 'ms', warm, 'warm LP in HiGHS', goal,
                                  unsure / warm, f'≤ {goal:g} ms', unsure <= goal))
        peers = days[:max(1, round(share * len(days)))] if share else []
        if peers and os.environ.get(PEER):
            progress(f'{name}: EMHASS')
            results += _beside(name, peers, plans, value, step, limit, peak)
    results.append(Result('memory of this process', _memory(), 'MB', goal='told, no goal'))
    if not os.environ.get(PEER):
        progress(f'EMHASS left out: set {PEER} to a Python that has it')
    return results


class Series:
    """Recordings on one clock: step 0 is midnight of the first day."""

    def __init__(self, root: Path):
        prices = pd.read_parquet(root / 'prices' / 'nl_2019.parquet')
        sun = pd.read_parquet(root / 'prices' / 'nl_irradiation_2018_2020_15min.parquet')
        self._price = _indexed(prices.time_local, prices.price_eur_per_mwh / 1000 + 0.15)
        self._sun = _indexed(sun.time_local, sun.irradiation_w_per_m2)
        self._load = pd.read_parquet(root / 'household_1min' / 'refit_house2.parquet').Aggregate['2014-03-01':]

    def problem(self, day: int, step: int, count: int, jobs: int, limit: float, peak: float) -> Problem:
        """Return the home on one day (each nine days after the last)."""
        start = pd.Timestamp('2019-03-01') + pd.Timedelta(days=9 * day)
        times = pd.date_range(start, periods=count, freq=f'{step}s')
        each = step // 60
        begin = 9 * day * 1440
        minutes = self._load.iloc[begin:begin + count * each].ffill().fillna(200.0).to_numpy()
        load = minutes.reshape(count, each).mean(axis=1)
        horizon = Horizon(start.timestamp(), float(step), count)
        devices = [BaseLoad(load), Photovoltaic(4.0 * self._sun.reindex(times, method='ffill').to_numpy()),
                   Battery(CAPACITY, CHARGE * CAPACITY, POWER, POWER, EFFICIENCY, EFFICIENCY, final=CHARGE * CAPACITY)]
        lengths, chance = np.random.default_rng(jobs), np.random.default_rng(1000 * jobs + day)
        for k in range(jobs):
            steps = max(1, round(int(lengths.integers(6, 37)) * 300 / step))
            power = 100.0 * int(lengths.integers(5, 26))
            first = int(chance.integers(0, count // 2))
            end = int(chance.integers(min(count, first + steps + count // 12), count + 1))
            devices.append(BlockJob(f'job {k}', power * steps * step / 3.6e6, power, horizon.start + end * step,
                                    earliest=horizon.start + first * step))
        grid = Grid(self._price.reindex(times, method='ffill').to_numpy(), np.full(count, EXPORT_PRICE),
                    np.full(count, limit), np.full(count, EXPORT_MAX), Tariff(peak_price=peak))
        return Problem(horizon, grid, tuple(devices))


def _unsure(problem: Problem) -> Problem:
    """Return a problem whose load and sun may be half as much or half as much again."""
    load, sun, battery, *jobs = problem.devices
    spread = Chances.spread(*((0.5 * each.power, each.power, 1.5 * each.power) for each in (load, sun)))
    return replace(problem, devices=(load, sun, replace(battery, final=None), *jobs), chances=spread)


def _indexed(times, values) -> pd.Series:
    out = pd.Series(values.to_numpy(), index=pd.to_datetime(times))
    return out[~out.index.duplicated()]


def _ours(days: list[Problem]) -> tuple[list, np.ndarray, float]:
    """Return the plans, what each took, and what a warm re-solve of the last day's linear program takes. [ms]"""
    planner, plans, took = Planner(SETTINGS), [], np.full(len(days), np.inf)
    planner.plan(days[-1])
    for _ in range(ROUNDS):  # each day always comes after another one; the least is what others' work disturbed least
        plans = []
        for k, problem in enumerate(days):
            begin = time.perf_counter()
            plans.append(planner.plan(problem))
            took[k] = min(took[k], 1e3 * (time.perf_counter() - begin))
            assert plans[-1].status.value in ('optimal', 'relaxed'), plans[-1].reasons
    return plans, took, _warm(planner, days[-1])


def _warm(planner: Planner, problem: Problem) -> float:
    """Return the median of re-solving the relaxation from its last basis, prices moved by a thousandth. [ms]"""
    grid = problem.grid.checked(problem.horizon)
    context = planner._context(problem, grid, False)
    linear = planner._program(problem, context).load(problem.devices, grid, context)
    master = Master(linear, 60.0, grid.import_price * problem.horizon.hours)
    master.relax(0.0)
    highs, chance, took = master._highs, np.random.default_rng(0), []
    cost = np.array(highs.getLp().col_cost_)
    for _ in range(15):
        highs.changeColsCost(len(cost), np.arange(len(cost), dtype=np.int32),
                             cost * (1 + 1e-3 * chance.normal(size=len(cost))))
        begin = time.perf_counter()
        highs.run()
        took.append(1e3 * (time.perf_counter() - begin))
    return float(np.median(took))


def _first(progress) -> Result:
    """Return what the first plan of a fresh process takes, without what importing takes."""
    progress('the first plan of a fresh process')
    code = ('import time, sys\n'
            'sys.path.insert(0, sys.argv[1])\n'
            'import plan_speed as bench\n'
            'problem = bench.Series(bench.recordings()).problem(0, 300, 288, 10, bench.NO_LIMIT, 0.0)\n'
            'begin = time.perf_counter()\n'
            'bench.Planner(bench.SETTINGS).plan(problem)\n'
            'print(1e3 * (time.perf_counter() - begin))\n')
    done = subprocess.run([sys.executable, '-c', code, str(Path(__file__).parent)], capture_output=True, text=True,
                          check=True)
    value = float(done.stdout)
    return Result('5 min, 10 jobs: first plan', value, 'ms', limit=1000.0, goal='≤ 1000 ms', holds=value <= 1000)


def _beside(name: str, days: list[Problem], plans: list, ours: float, step: int, limit: float,
            peak: float) -> list[Result]:
    """Return the rows that compare with EMHASS on the same days."""
    ask = {'step': step, 'count': days[0].horizon.count, 'gap': GAP, 'import_max': limit, 'export_max': EXPORT_MAX,
           'peak_price': peak, 'problems': [_plain(problem) for problem in days],
           'battery': {'capacity': CAPACITY, 'power': POWER, 'efficiency': EFFICIENCY, 'charge': CHARGE}}
    done = subprocess.run([os.environ[PEER], str(Path(__file__).parent / 'plan_emhass.py')], input=json.dumps(ask),
                          capture_output=True, text=True)
    line = next((line for line in done.stdout.splitlines() if line.startswith('ANSWER')), None)
    if line is None:
        raise RuntimeError(f'EMHASS in {PEER} did not answer: {done.stderr[-800:]}')
    told = json.loads(line[len('ANSWER'):])
    answers = told['answers']
    ratios = []
    for problem, plan, answer in zip(days, plans, answers, strict=False):
        grid, hours = problem.grid, problem.horizon.hours
        power, battery = _grid_power(problem, answer), np.array(answer['battery'])
        if power is not None:
            stored = float(np.where(battery > 0, battery * EFFICIENCY, battery / EFFICIENCY) @ hours) / 1000
            theirs = grid.bill(power, hours) + float(grid.import_price.mean()) * max(0.0, -stored)
            ratios.append((grid.bill(plan.grid_power, hours) - theirs) / abs(theirs))
    again = [1e3 * answer['seconds'] for answer in answers[1:]] or [np.nan]
    cold = 1e3 * answers[0]['seconds']
    return [Result(f'{name}: beside EMHASS, again', ours, 'ms', float(np.median(again)), 'EMHASS',
                   ratio=ours / float(np.median(again)), goal='faster'),
            Result(f'{name}: beside EMHASS, first', ours, 'ms', cold, 'EMHASS', ratio=ours / cold, goal='told'),
            *_bills(name, ratios, len(days)),
            Result(f'{name}: memory', _memory(), 'MB', told['memory'], 'EMHASS', goal='told')]


def _bills(name: str, ratios: list[float], asked: int) -> list[Result]:
    if not ratios:
        return [Result(f'{name}: whole plans of EMHASS', 0, f'of {asked}', goal='told: it ran out of time')]
    middle, worst = 100 * float(np.median(ratios)), 100 * float(np.max(ratios))
    return [Result(f'{name}: bill above EMHASS\'s', middle, '%', worst, f'at worst of {len(ratios)}', 100 * SAME,
                   goal='median ≤ 0.05 %', holds=middle <= 100 * SAME)]


def _plain(problem: Problem) -> dict:
    """Return a problem as EMHASS is told it."""
    base, pv, _, *jobs = problem.devices
    horizon, step = problem.horizon, problem.horizon.step
    return {'load': base.power.tolist(), 'pv': pv.power.tolist(), 'buy': problem.grid.import_price.tolist(),
            'sell': problem.grid.export_price.tolist(),
            'jobs': [{'power': job.power, 'steps': round(job.duration / step),
                      'first': round((job.earliest - horizon.start) / step),
                      'end': round((job.deadline - horizon.start) / step)} for job in jobs]}


def _grid_power(problem: Problem, answer: dict) -> np.ndarray | None:
    """Return (n,) the net import of EMHASS's plan [W]; None when its jobs are not whole, as when it ran out of time."""
    base, pv, _, *jobs = problem.devices
    power = base.power - pv.power + np.array(answer['battery'])
    edges = problem.horizon.edges
    for job, drawn in zip(jobs, answer['jobs'], strict=True):
        on = np.flatnonzero(np.array(drawn) > 1.0)
        steps = round(job.duration / problem.horizon.step)
        whole = len(on) == steps == on[-1] - on[0] + 1 and np.abs(np.array(drawn)[on] - job.power).max() < 1.0
        if not whole or edges[on[0]] < job.earliest - 1 or edges[on[-1] + 1] > job.deadline + 1:
            return None
        power = power + np.array(drawn)
    return power


def _memory() -> float:
    """Return the most this process has held since it started. [MB]"""
    status = Path('/proc/self/status').read_text()
    return int(status.split('VmHWM:')[1].split()[0]) / 1024
