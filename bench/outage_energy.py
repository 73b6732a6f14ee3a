"""A day without the grid on a battery and the sun: what each class gets, against perfect foresight.

`HEARTHGRID_OUTAGES` (120) outages of 24 h at random hours of real homes (load and sun of 12 homes, from
`homes_fontana`), 10 kWh and 4 kW of battery, a tenth full or more, 3 kW of panels. Forecasts are wrong by 20 % RMS:
half of the variance for the whole outage, half for each hour, of each class and of the sun. Foresight: an LP of HiGHS
that knows all and may serve parts of a load, so it is never below the optimum. `greedy` sheds by class and keeps
nothing back; `naive` keeps all on while it can. Then `HEARTHGRID_ROLLING` (150) real outages of two areas
(`outages_za`) on 2.4 kWh, as long as announced, recharged in between with 1 kW. The load is split into six classes of
two outlets each by fixed shares with a random part. `HEARTHGRID_PICTURE`: a file to draw one outage into.
"""

import os
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.optimize import linprog
from scipy.sparse import diags, eye, hstack, vstack

from hearthgrid.benchmark import Result, recordings
from hearthgrid_core.island.restoration import CLASSES, Restorer, RestoreSettings, Store, allowances, cold_load
from hearthgrid_core.island.shedding import WEIGHTS, Offer, ShedSettings, shed

NAME = 'outage-energy'
FIRST, TOTAL = 0.99, 0.95
HOUR, KWH = 3600.0, 3.6e6
ALWAYS = (60.0, 90.0, 40.0)             # medical, refrigeration, safety [W]
SHARES = (0.25, 0.35, 0.40)             # essential, deferrable, comfort of the rest
LOADS = (0.6, 0.4)                      # of a class
ERROR = 0.2
WORTH = np.array([WEIGHTS[c] for c in CLASSES])
MILD = np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])  # weights that hardly tell the classes apart, as a check
EXACT = ShedSettings(slack=0.0)
SECONDS = 2400                          # of the picture of a restoration


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about 30 s."""
    data = recordings() / 'homes_fontana'
    homes = pd.read_parquet(data / 'buildings_1-12.parquet',
                            columns=['building', 'non_shiftable_load', 'solar_generation'])
    if 'HEARTHGRID_PICTURE' in os.environ:
        draw(homes, os.environ['HEARTHGRID_PICTURE'])
    count = int(os.environ.get('HEARTHGRID_OUTAGES', '120'))
    progress(f'{count} outages of 24 h')
    rows = np.array([day(homes, seed) for seed in range(count)])
    results = []
    for name, of, limit in (('first class', 0, FIRST), ('weighted', 1, TOTAL)):
        ours, greedy, naive, best = rows[:, of].sum(axis=0)
        results += [
            Result(f'24 h, {name} energy over foresight', 100 * ours / best, '%', 100 * greedy / best, 'greedy',
                   100 * limit, goal=f'≥ {100 * limit:g} %', holds=ours >= limit * best),
            Result(f'24 h, {name}, the worst outage', 100 * float((rows[:, of, 0] / rows[:, of, 3]).min()), '%',
                   100 * naive / best, 'naive, all outages', goal='told'),
        ]
    ours, greedy, _, best = rows[:, 2].sum(axis=0)
    results.append(Result('24 h, weighted 6 … 1 instead', 100 * ours / best, '%', 100 * greedy / best, 'greedy',
                          goal='told'))
    number = int(os.environ.get('HEARTHGRID_ROLLING', '150'))
    progress(f'{number} rolling outages')
    ours, greedy, naive, best = rolling(homes, number).sum(axis=0)
    for name, of in (('first class', 0), ('weighted', 1)):
        results.append(Result(f'rolling, {name} energy over foresight', 100 * ours[of] / best[of], '%',
                              100 * naive[of] / best[of], 'naive', goal='told'))
    return results


def split(load: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return (6, steps) demand of the classes [W] of a home's `load` (steps,) [W]."""
    rest = np.maximum(load - sum(ALWAYS), 0.0)
    share = np.array(SHARES)[:, None] * rng.uniform(0.5, 1.5, (3, len(load)))
    return np.vstack([np.tile(np.array(ALWAYS)[:, None], len(load)), share / share.sum(axis=0) * rest])


def part(homes: pd.DataFrame, rng: np.random.Generator, steps: int, hour: int | None = None) -> tuple:
    """Return demand (6, steps) and sun (steps,) of a random home from a random hour, or from one of the year [W]."""
    home = homes[homes.building == rng.integers(1, 13)]
    at = int(rng.integers(0, 8760 - steps - 1)) if hour is None else hour
    load = 1e3 * home.non_shiftable_load.to_numpy()[at:at + steps]
    return split(load, rng), 3.0 * home.solar_generation.to_numpy()[at:at + steps]


def day(homes: pd.DataFrame, seed: int) -> np.ndarray:
    """Return (3, 4) energy of the first class, weighted, weighted mildly: ours, greedy, naive, foresight."""
    rng = np.random.default_rng([seed, 6])
    demand, sun = part(homes, rng, 24)
    store = Store(rng.uniform(0.1, 1.0) * 10 * KWH, 10 * KWH, 4000.0, 0.95)
    return play(demand, sun, store, HOUR, seed).T


def rolling(homes: pd.DataFrame, count: int) -> np.ndarray:
    """Return (outages, 4, 3), as `day` turned over, of real patterns."""
    table = pd.read_parquet(recordings() / 'outages_za' / 'stage_30min.parquet')
    rng, out = np.random.default_rng(7), []
    for column in (c for c in table.columns if c.startswith('outage_')):
        cut = table[column].to_numpy(dtype=bool)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], cut, [0]])))
        begins, ends = edges[::2], edges[1::2]
        energy, last = 2.4 * KWH, 0
        for k in range(min(count // 2, len(begins))):
            begin, end = int(begins[k]), int(ends[k])
            energy = min(2.4 * KWH, energy + 0.95 * 1000.0 * 1800.0 * (begin - last))
            hours = (end - begin + 1) // 2 + 1
            moment = pd.Timestamp(table.time_local.iloc[begin])
            demand, sun = part(homes, rng, hours, min(8700, (moment.dayofyear - 1) * 24 + moment.hour))
            demand, sun = np.repeat(demand, 2, axis=1)[:, :end - begin], np.repeat(sun, 2)[:end - begin]
            store = Store(energy, 2.4 * KWH, 4000.0, 0.95)
            out.append(play(demand, sun, store, 1800.0, k))
            energy, last = 0.0, end  # at worst it is empty now
    return np.array(out)


def play(demand: np.ndarray, sun: np.ndarray, store: Store, step: float, seed: int) -> np.ndarray:
    """Return (4, 3) served energy: ours, greedy, naive, foresight; of the first class, weighted, weighted mildly."""
    out = [served(demand, sun, store, step, rule, seed) for rule in ('ours', 'greedy', 'naive')]
    goals = np.array([1.0, 0, 0, 0, 0, 0]), WORTH, MILD
    scores = [[goal @ s.sum(axis=1) for goal in goals] for s in out]
    return np.array([*scores, [foresight(demand, sun, store, step, goal) for goal in goals]])


def forecast(truth: np.ndarray, bias: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return `truth` (k, steps) with errors: `bias` (k, 1) of the whole outage, and of each step."""
    half = ERROR / 2**0.5
    return np.maximum(0.0, truth * (1 + half * bias) * (1 + half * rng.standard_normal(truth.shape)))


def served(demand: np.ndarray, sun: np.ndarray, store: Store, step: float, rule: str, seed: int) -> np.ndarray:
    """Return (6, steps) power served [W] by a rule that sees this step and forecasts of the others."""
    rng = np.random.default_rng([seed, 8])
    bias, bias_sun = rng.standard_normal((len(demand), 1)), rng.standard_normal((1, 1))
    out, energy = np.zeros_like(demand), store.energy
    for t in range(len(sun)):
        now = Store(energy, store.capacity, store.power_max, store.efficiency)
        offers = [Offer(f'{c}{k}', c, 0, share * demand[row, t]) for row, c in enumerate(CLASSES)
                  for k, share in enumerate(LOADS)]
        if rule == 'ours':
            limits = allowances(now, float(sun[t]), forecast(demand[:, t + 1:], bias, rng),
                                forecast(sun[None, t + 1:], bias_sun, rng)[0], step)
        else:
            limits = min(sun[t] + store.power_max, sun[t] + energy * store.efficiency / step)
        kept = shed(offers, limits, settings=EXACT)
        if rule == 'naive' and len(kept) < len(offers):
            kept = frozenset()
        for o in offers:
            out[CLASSES.index(o.priority), t] += o.demand * (o.outlet in kept)
        energy = max(0.0, store.after(energy, float(out[:, t].sum()), float(sun[t]), step))
    return out


def foresight(demand: np.ndarray, sun: np.ndarray, store: Store, step: float, worth: np.ndarray) -> float:
    """Return the most that could be served, weighted.

    Variables of each step: served of each class, sun used, charge, discharge [W], energy after it over `step` [W].
    """
    rows, steps = demand.shape
    cost = np.concatenate([-np.repeat(worth, steps), np.zeros(4 * steps)])
    one, none = eye(steps), eye(steps) * 0
    balance = hstack([*([one] * rows), -one, one, -one, none])              # served + charge = sun + discharge
    before = diags([1.0] * (steps - 1), -1, shape=(steps, steps))
    state = hstack([*([none] * rows), none, -store.efficiency * one, one / store.efficiency, one - before])
    begin = np.zeros(steps)
    begin[0] = store.energy / step
    bounds = [(0, d) for d in demand.ravel()] + [(0, s) for s in sun] + [(0, store.power_max)] * (2 * steps) + [
        (0, store.capacity / step)] * steps
    found = linprog(cost, A_eq=vstack([balance, state]), b_eq=np.concatenate([np.zeros(steps), begin]), bounds=bounds)
    return -found.fun


def draw(homes: pd.DataFrame, path: str, seed: int = 7) -> None:
    """Draw one outage: the waves in which a cold home comes back, and a day of what is served."""
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    rng = np.random.default_rng([seed, 6])
    demand, sun = part(homes, rng, 24)
    store = Store(6 * KWH, 10 * KWH, 4000.0, 0.95)
    figure, (first, second) = plt.subplots(2, 1, figsize=(9, 7.5))
    names = [c.name.lower() for c in CLASSES]
    colours = plt.get_cmap('viridis')(np.linspace(0.0, 0.95, len(CLASSES)))
    first.stackplot(np.arange(SECONDS) / 60, waves(rng), labels=names, colors=colours)
    first.axhline(4.0, color='k', ls='--', lw=0.8)
    first.set(xlabel='minutes after the black start', ylabel='kW', ylim=(0, 5.2),
              title='A cold home comes back in waves')
    out = served(demand, sun, store, HOUR, 'ours', seed)
    hours, energy = np.arange(25), [store.energy]
    for t in range(24):
        energy.append(max(0.0, store.after(energy[-1], float(out[:, t].sum()), float(sun[t]), HOUR)))
    second.stackplot(hours, np.hstack([out, out[:, -1:]]) / 1e3, colors=colours, step='post')
    second.step(hours, np.append(demand.sum(axis=0), demand[:, -1].sum()) / 1e3, 'k--', lw=0.8, where='post',
                label='demand')
    second.step(hours, np.append(sun, sun[-1]) / 1e3, color='darkorange', where='post', label='sun')
    second.set(xlabel='hours of outage', ylabel='kW', title='Served and shed; the battery lasts for the first classes')
    right = second.twinx()
    right.plot(hours, np.array(energy) / KWH, color='crimson', label='battery')
    right.set(ylabel='kWh', ylim=(0, 10))
    first.legend(loc='upper left', fontsize=8, ncols=3)
    second.legend(loc='upper center', fontsize=8)
    right.legend(loc='center right', fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def waves(rng: np.random.Generator) -> np.ndarray:
    """Return (6, SECONDS) kW by class and second of a cold home with 24 outlets, on 4 kW."""
    settings = RestoreSettings(power_max=4000.0)
    offers = [Offer(str(k), CLASSES[k % 6], 0, float(rng.uniform(30, 270)), float(rng.uniform(1, 6)), on=False)
              for k in range(24)]
    kept = shed(offers, 0.95 * 4000.0)
    off = {o.outlet: 7200.0 for o in offers if int(o.outlet) % 3 == 1}
    restorer, begun, out = Restorer(settings), {}, np.zeros((6, SECONDS))
    for now in range(SECONDS):
        for o in offers:
            if o.outlet in begun:
                cold = cold_load(settings, off.get(o.outlet, 0.0), now - begun[o.outlet])
                out[CLASSES.index(o.priority), now] += o.demand * cold / 1e3
        left = [o for o in offers if o.outlet in kept and o.outlet not in begun]
        begun |= dict.fromkeys(restorer.step(float(now), left, 1e3 * out[:, now].sum(), off), now)
    return out
