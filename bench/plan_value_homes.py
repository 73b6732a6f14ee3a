"""Weeks of real homes to plan: load, sun and prices, with the days before them, and the work people ask for."""
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hearthgrid.benchmark import recordings

FOLDER = 'VALUE_DATA'
DAY, BEFORE = 86400, 22     # [s], days of history
DAYS = int(os.environ.get('DAYS', '7'))     # that are run
EARLIER = pd.Timedelta(days=14)     # of those before: only the learned forecast sees them, where they were recorded
FINE = int(os.environ.get('FINE', '300'))   # steps of what knows everything [s]
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


def tasks(begin: int) -> list[Task]:
    """Return what is asked for in the days from `begin` [s]."""
    return [Task(name, power, energy, begin + day * DAY + 3600 * arrival, begin + day * DAY + 3600 * deadline,
                 begin + day * DAY + 3600 * timer, block)
            for day in range(DAYS) for name, power, energy, arrival, deadline, days, timer, block in TASKS
            if day % 7 in days and day * 24 + deadline <= DAYS * 24]


def homes(weeks: int) -> list[Home]:
    """Return what can be run: so many weeks of each recording, or of the user's own."""
    chosen = os.environ.get(FOLDER)
    if chosen:
        return [_given(Path(chosen), week) for week in range(weeks)]
    root = recordings()
    prices, sun = (pd.read_parquet(root / 'prices' / name) for name in (
        'nl_2019.parquet', 'nl_irradiation_2018_2020_15min.parquet'))
    price = _on_clock(prices.time_local, prices.price_eur_per_mwh / 1000 + 0.15).ffill()
    light = _on_clock(sun.time_local, sun.irradiation_w_per_m2)
    found = []
    for file, first in (('refit_house2', '2014-03-03'), ('ukdale_house2', '2013-06-03'),
                        ('ideal_house65', '2017-06-05')):
        load = pd.read_parquet(root / 'household_1min' / f'{file}.parquet').Aggregate
        for week in range(weeks):
            start = pd.Timestamp(first) + pd.Timedelta(weeks=week) - EARLIER
            times = pd.date_range(start, periods=(BEFORE + DAYS + 1) * 1440, freq='60s')
            clock = times.map(lambda time: time.replace(year=2019))
            found.append(Home(f'{file} {(start + EARLIER).date()}', 60, 1800,
                              load.reindex(times).ffill().to_numpy(dtype=float),
                              4.0 * light.reindex(clock, method='ffill').to_numpy(),
                              price.reindex(clock, method='ffill').to_numpy()))
    buildings = pd.read_parquet(root / 'homes_fontana' / 'buildings_1-12.parquet')
    tariff = pd.read_parquet(root / 'homes_fontana' / 'pricing.parquet').electricity_pricing.to_numpy()
    for building in (1, 7):
        one = buildings[buildings.building == building].sort_values('hour_index')
        for week in range(weeks):
            first = 24 * 7 * 20 * week + 1
            hours = slice(first, first + 24 * (BEFORE + DAYS + 1))
            found.append(Home(f'Fontana {building}, week {20 * week + 2}', 3600, 3600,
                              1e3 * one.non_shiftable_load.to_numpy()[hours],
                              4.0 * one.solar_generation.to_numpy()[hours], tariff[hours]))
    return found


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
