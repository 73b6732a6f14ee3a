"""Faults put into recorded days of devices that the watch over habits never saw: how many are found, how soon.

tracebase, one mean a minute with the deviation of its 4 s samples. Each device learns from the first half of its days
(at most 14); a fault is put into the days after. Every other device, by name, is for choosing thresholds and priors;
the numbers are of the others. Faults after Rashid et al. 2019 (Can non-intrusive load monitoring be used for
identifying an appliance's anomalous behaviour?) and Himeur et al. 2021 (Artificial intelligence based anomaly detection
of energy consumption in buildings). Baselines of the same run: hourly mean power beyond so many deviations of the
device's own hours, and a CUSUM (Page 1954) on it, each as the textbook has it and tuned on the devices for choosing to
the same budget. False alarms alone are also counted on the appliances of three houses by the minute (REFIT, UK-DALE,
IDEAL); two rules were made from those, so they are told and prove nothing. Intervals of rates are exact (Garwood
1936). `HEARTHGRID_CURVES=folder` also draws the curves.
"""

import copy
import math
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.stats import chi2

from hearthgrid.benchmark import Result, recordings
from hearthgrid_core.devices.course import ACTIVE
from hearthgrid_core.devices.habits import MONTH, Habits
from hearthgrid_core.devices.settings import AnomalySettings

NAME = 'detect-faults'
COVERAGE, LEAST, LEARN_MAX, WATCH_MAX = 0.8, 8, 14, 7   # share of a day, days
BUDGET = 1.0            # false alarms a device and month
DAY = 86400.0
HOURS = (8.0,)          # of the first faulty day, at which it begins
SEED = 0


class Device:
    """Whole days of one device: (days, 1440) means and deviations of minutes, learnt and held out."""

    def __init__(self, name: str, power: np.ndarray) -> None:
        self.name, self.power = name, power.astype(float).reshape(len(power), -1)
        self.learn = min(LEARN_MAX, len(power) // 2)
        past = self.minutes(self.power[: self.learn])[0]
        rest, peak = np.quantile(past, 0.1), np.median(past.max(axis=1))
        self.on_above = rest + max(3.0, 0.2 * (peak - rest))
        on = past[past > self.on_above]
        self.level = float(np.median(on)) if len(on) >= 10 else math.nan
        self.always = rest > peak / 2
        self.runs = sum(int((np.diff((day > self.on_above).astype(int)) == 1).sum()) for day in past) / len(past)

    @staticmethod
    def minutes(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = power.reshape(len(power), 1440, -1)
        return parts.mean(axis=2), parts.std(axis=2)

    def held_out(self) -> np.ndarray:
        """Return the samples of the days to watch in a row."""
        return self.power[self.learn : self.learn + WATCH_MAX].ravel()


def stuck(p, at, d, size, rng):
    """Once on it never goes off."""
    out, first = p.copy(), np.flatnonzero(p[at:] > d.on_above)
    if len(first):
        begin = at + first[0]
        out[begin:] = np.maximum(p[begin:], d.level)
    return out


def duty(p, at, d, size, rng):
    """Every run lasts so many times as long."""
    out, on = p.copy(), p > d.on_above
    edges = np.flatnonzero(np.diff(np.r_[False, on, False].astype(int)))
    for a, b in edges.reshape(-1, 2):
        if a >= at:
            end = min(len(p), a + int(size * (b - a)))
            out[b:end] = np.maximum(out[b:end], np.resize(p[a:b], end - b)) if end > b else out[b:end]
    return out


def level(p, at, d, size, rng):
    """It draws so many times as much while on (always, where it is always on)."""
    out, where = p.copy(), (p > d.on_above) | d.always
    where[:at] = False
    out[where] *= size
    return out


def creep(p, at, d, size, rng):
    """The rest level rises by so many watts a day, to ten times that."""
    days = np.maximum(0, np.arange(len(p)) - at) / 21600
    return p + size * np.minimum(days, 10)


def never_off(p, at, d, size, rng):
    """Where it would be off it draws this share of its level."""
    out = p.copy()
    out[at:] = np.maximum(p[at:], size * d.level)
    return out


def drift(p, at, d, size, rng):
    """Its level rises by this share a day."""
    out, where = p.copy(), (p > d.on_above) | d.always
    days = np.maximum(0, np.arange(len(p)) - at) / 21600
    out[where] *= (1 + size * days)[where]
    return out


def noise(p, at, d, size, rng):
    """Its power wavers, sample by sample, by this share."""
    out = p.copy()
    out[at:] *= np.maximum(0, 1 + size * rng.standard_normal(len(p) - at))
    return out


def switched(d: Device) -> bool:
    return d.level == d.level and not d.always


FAULTS = {
    'stuck on': (stuck, 1.0, switched),
    'runs twice as long': (duty, 2.0, switched),
    'level + 20 %': (level, 1.2, lambda d: True),
    'level + 50 %': (level, 1.5, lambda d: True),
    'standby creep, 1 W a day': (creep, 1.0, lambda d: True),
    'never off, 30 % of level': (never_off, 0.3, switched),
    'slow drift, 3 % a day': (drift, 0.03, lambda d: True),
    'noise, 30 %': (noise, 0.3, lambda d: True),
}
SIZES = (1.05, 1.1, 1.2, 1.35, 1.5, 2.0, 3.0)


class Ours:
    """The watch over habits, taught the days to learn from."""

    def __init__(self, device: Device, budget: float = BUDGET) -> None:
        self._taught = Habits(AnomalySettings(false_alarms=budget))
        self._end = 0.0
        self._live(self._taught, device.power[: device.learn])

    def _live(self, habits: Habits, power: np.ndarray) -> list[float]:
        """Return when an alarm was raised, from the beginning of `power`. [h]"""
        raised, up, began = [], False, self._end
        means, spreads = Device.minutes(power.reshape(-1, 21600))
        for mean, spread in zip(means.ravel().tolist(), spreads.ravel().tolist(), strict=True):
            self._end += 60.0
            habits.minute(self._end, mean, spread)
            now = habits.up
            if now and not up:
                raised.append((self._end - began) / 3600)
            up = bool(now)
        return raised

    def alarms(self, power: np.ndarray) -> list[float]:
        end, habits = self._end, copy.deepcopy(self._taught)
        try:
            return self._live(habits, power)
        finally:
            self._end = end


class Hourly:
    """A baseline on hourly means: deviations, or their CUSUM, against a threshold; silent for a day after an alarm."""

    def __init__(self, device: Device, threshold: float, cumulative: bool) -> None:
        hours = device.power[: device.learn].reshape(-1, 900).mean(axis=1)
        self._mean, self._deviation = hours.mean(), max(hours.std(), 0.5)
        self._threshold, self._cumulative = threshold, cumulative

    def alarms(self, power: np.ndarray) -> list[float]:
        z = (power.reshape(-1, 900).mean(axis=1) - self._mean) / self._deviation
        out, s, quiet = [], 0.0, 0
        for hour, value in enumerate(z.tolist(), 1):
            s = max(0.0, s + value - 0.5) if self._cumulative else abs(value)
            if s > self._threshold and hour >= quiet:
                out.append(float(hour))
                s, quiet = 0.0, hour + 24
        return out


def devices() -> list[Device]:
    """Return the devices with enough days, by name."""
    data = np.load(recordings() / 'tracebase_4s' / 'tracebase_half.npz')
    power, label, plug, date = (data[name] for name in ('p', 'label', 'device', 'day'))     # each read unpacks it
    rows: dict[str, list[tuple[str, int]]] = {}
    for k in np.flatnonzero(data['coverage'] > COVERAGE):
        if np.sort(power[k])[-30] >= ACTIVE + 1:
            rows.setdefault(f'{label[k]} {plug[k]}', []).append((str(date[k]), k))
    return [Device(name, power[[k for _, k in sorted(days)]]) for name, days in sorted(rows.items())
            if len(days) >= LEAST]


def appliances() -> list[Device]:
    """Return the appliances of three houses, whole days from the first, a minute as 15 samples."""
    from pandas import read_parquet

    out = []
    for path in sorted((recordings() / 'household_1min').glob('*.parquet')):
        table = read_parquet(path)
        for name in table.columns.drop('Aggregate'):
            minutes = table[name].astype(float)
            days = minutes.groupby(minutes.index.normalize()).filter(lambda day: len(day) == 1440).fillna(0.0)
            out.append(Device(f'{path.stem} {name}', np.repeat(days.to_numpy().reshape(-1, 1440), 15, axis=1)))
    return out


def months(group: list[Device]) -> float:
    """Return the device-months of clean days that were held out."""
    return sum(len(d.power) - d.learn for d in group) / MONTH


def counts(watches: list, group: list[Device]) -> np.ndarray:
    """Return the alarms (devices,) on clean days that were held out."""
    return np.array([len(watch.alarms(device.power[device.learn :].ravel()))
                     for watch, device in zip(watches, group, strict=True)])  # fmt: skip


def false_alarms(watches: list, group: list[Device]) -> float:
    """Return alarms a device and month on clean days that were held out."""
    return counts(watches, group).sum() / months(group)


def interval(count: int) -> tuple[float, float]:
    """Return the exact 95 % interval of a Poisson mean of which `count` were seen (Garwood 1936)."""
    return chi2.ppf(0.025, 2 * count) / 2 if count else 0.0, chi2.ppf(0.975, 2 * count + 2) / 2


def delays(watches: list, group: list[Device], fault, size: float, applies) -> np.ndarray:
    """Return hours from each fault to the first alarm, ∞ where there was none in the days watched."""
    out, rng = [], np.random.default_rng(SEED)
    for watch, device in zip(watches, group, strict=True):
        for hour in HOURS if applies(device) else ():
            at = int(hour * 900)
            faulty = fault(device.held_out(), at, device, size, rng)
            if not (faulty != device.held_out()).any():
                continue
            out.append(min((a - hour for a in watch.alarms(faulty) if a > hour), default=math.inf))
    return np.array(out)


def tuned(group: list[Device], cumulative: bool, thresholds) -> float:
    """Return the lowest threshold within the budget."""
    return next(t for t in thresholds
                if false_alarms([Hourly(d, t, cumulative) for d in group], group) <= BUDGET)


THRESHOLDS = {False: np.arange(2.0, 60.0, 0.5), True: np.arange(2.0, 400.0, 2.0)}


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about a minute, two with curves, of a free core."""
    every = devices()
    chosen, group = every[::2], every[1::2]
    progress('baselines, tuned on the devices for choosing')
    tuning = {c: tuned(chosen, c, THRESHOLDS[c]) for c in (False, True)}
    rivals = {
        '3 deviations': [Hourly(d, 3.0, False) for d in group],
        'CUSUM': [Hourly(d, 5.0, True) for d in group],
        'deviations, tuned': [Hourly(d, tuning[False], False) for d in group],
        'CUSUM, tuned': [Hourly(d, tuning[True], True) for d in group],
    }
    progress(f'{len(group)} devices taught')
    ours = [Ours(d) for d in group]
    progress('clean days')
    count, spent = int(counts(ours, group).sum()), months(group)
    false = count / spent
    progress('appliances of three houses')
    houses = appliances()
    at_home, home_count = months(houses), int(counts([Ours(d) for d in houses], houses).sum())
    home_rival = false_alarms([Hourly(d, tuning[True], True) for d in houses], houses)
    theirs = {name: false_alarms(watches, group) for name, watches in rivals.items()}
    out = [
        Result('clean device-months held out', spent, '', goal='told, no goal'),
        Result('false alarms a device and month', false, '', theirs['CUSUM, tuned'], 'CUSUM, tuned',
               limit=BUDGET, goal=f'≤ {BUDGET:g}', holds=false <= BUDGET),
        *(Result(f'… of ours, 95 % {name}', bound / spent, '', goal='told, no goal')
          for name, bound in zip(('from', 'to'), interval(count), strict=True)),
        *(Result(f'… of {name}', theirs[name], '', goal='told, no goal') for name in rivals),
        Result(f'… on {len(houses)} appliances of three houses, {at_home:.0f} device-months', home_count / at_home, '',
               home_rival, 'CUSUM, tuned', BUDGET, goal='told, no goal'),
    ]  # fmt: skip
    for name, (fault, size, applies) in FAULTS.items():
        progress(name)
        late = delays(ours, group, fault, size, applies)
        best, best_late = max(((n, delays(w, group, fault, size, applies)) for n, w in rivals.items() if 'tuned' in n),
                              key=lambda row: np.isfinite(row[1]).mean())  # fmt: skip
        out.append(Result(f'{name}: found of {len(late)}', np.isfinite(late).mean(), '', np.isfinite(best_late).mean(),
                          best, goal='told, no goal'))  # fmt: skip
        for share in (50, 90):
            words = 'median' if share == 50 else 'p90'
            out.append(Result(f'{name}: delay, {words}', _quantile(late, share), 'h', _quantile(best_late, share), best,
                              goal='told, no goal'))  # fmt: skip
    if os.environ.get('HEARTHGRID_CURVES'):
        _draw(Path(os.environ['HEARTHGRID_CURVES']), group, ours, rivals, progress)
    return out


def _quantile(late: np.ndarray, share: int) -> float:
    """Return a quantile of delays, those not found counted as later than all."""
    return float(np.quantile(late, share / 100, method='higher'))


def _draw(folder: Path, group: list[Device], ours: list, rivals: dict, progress: Callable[[str], None]) -> None:
    import matplotlib

    matplotlib.use('Agg')
    from matplotlib import pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    watched = {'habits': ours, **{n: w for n, w in rivals.items() if 'tuned' in n}}
    for name, watches in watched.items():
        progress(f'curve of size, {name}')
        late = [delays(watches, group, level, size, lambda d: True) for size in SIZES]
        percent = [100 * (size - 1) for size in SIZES]
        left.plot(percent, [np.median(x) for x in late], 'o-', label=name)
        right.plot(percent, [100 * np.isfinite(x).mean() for x in late], 'o-', label=name)
    left.set(xscale='log', yscale='log', xlabel='level + [%]', ylabel='median delay [h], where half are found')
    right.set(xscale='log', xlabel='level + [%]', ylabel=f'found within {WATCH_MAX} days [%]', ylim=(0, 100))
    right.legend()
    figure.tight_layout()
    figure.savefig(folder / 'fault-size.png', dpi=90)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    budgets = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
    kinds = {
        'habits': [[Ours(d, b) for d in group] for b in budgets],
        'deviations': [[Hourly(d, t, False) for d in group] for t in (3, 4, 6, 8, 12, 20)],
        'CUSUM': [[Hourly(d, t, True) for d in group] for t in (5, 10, 20, 40, 80, 160)],
    }
    for name, settings in kinds.items():
        progress(f'curve of false alarms, {name}')
        false = [false_alarms(watches, group) for watches in settings]
        found = [100 * np.isfinite(delays(watches, group, level, 1.5, lambda d: True)).mean() for watches in settings]
        if name == 'habits':
            left.plot(budgets, false, 'o-', label='measured')
        right.plot(false, found, 'o-', label=name)
    left.plot(budgets, budgets, 'k:', label='as budgeted')
    left.set(xscale='log', yscale='symlog', xlabel='budget: false alarms a device and month', ylabel='measured')
    right.set(xscale='symlog', xlabel='false alarms a device and month', ylabel='level + 50 % found [%]', ylim=(0, 100))
    left.legend()
    right.legend()
    figure.tight_layout()
    figure.savefig(folder / 'false-alarms.png', dpi=90)
