"""Day-ahead load and PV of twelve homes, learned inside each home, against the best of the baselines.

Twelve Fontana homes, hourly. Each midnight of the test weeks the coming day is forecast from what the home knew then:
its last `MEMORY` days (56), and the weather service's forecast of temperature, for PV of irradiance too. Those of this
data set are the weather that came, but unrelated to its PV: of home 1, day by day and the season removed, the
correlation is 0.0. So PV is also told without. The models are trained anew at each week's start (a running home does so
daily). Test: `WEEKS` (2) weeks spread over days 182 … 363; nothing was tuned on them. Skill is over the best baseline
*of the test*, known only afterwards. `in use`: what the home would have published, with a baseline wherever that did
better in its own trial.
"""
import os
from collections.abc import Callable

import numpy as np
import pandas as pd

from hearthgrid.benchmark import Result, recordings
from hearthgrid_core.forecast import (
    DAY,
    LOAD,
    METHODS,
    PHOTOVOLTAIC,
    Forecaster,
    ForecastSettings,
    Prior,
    Series,
    coverage,
    mean_absolute_error,
    pinball_loss,
)
from hearthgrid_core.forecast.baselines import complete

NAME = 'forecast-home'
WEEKS = int(os.environ.get('WEEKS', '2'))
MEMORY = int(os.environ.get('MEMORY', '56'))            # [days]
FIRST, LAST = (int(day) for day in os.environ.get('TEST_DAYS', '182,357').split(','))
HOURS = 24
GOAL = 0.15
SETTINGS = ForecastSettings(step=3600.0, horizon=DAY, memory=max(MEMORY, 28) * DAY)
POWER = 4.0     # of the panels [kW]
MONDAY = 4 * DAY    # of the epoch: the files begin on one (day_type 1) [s]


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; a minute of computing."""
    root = recordings() / 'homes_fontana'
    table = pd.read_parquet(root / 'buildings_1-12.parquet')
    sky = pd.read_parquet(root / 'weather.parquet')
    # Hour 0 of the files ends at midnight; a forecast 24 h ahead was there when the day before began.
    weather = np.stack([np.concatenate([sky[name][:24], sky[f'{name}_predicted_3'][:-24]]) for name in (
        'outdoor_dry_bulb_temperature', 'direct_solar_irradiance', 'diffuse_solar_irradiance')])[:, 1:].astype(float)
    rows = []
    cases = (('load', 'non_shiftable_load', 1e3, LOAD, weather[:1]),
             ('PV', 'solar_generation', POWER, PHOTOVOLTAIC, weather),
             ('PV without weather', 'solar_generation', POWER, PHOTOVOLTAIC, None))
    for name, column, scale, prior, outside in cases:
        found = []
        for home, one in table.groupby('building'):
            progress(f'{name} of home {home}')
            values = scale * one.sort_values('hour_index')[column].to_numpy(float)[1:]
            found.append(_home(values, prior, outside))
        rows += _rows(name, found)
    return rows


def _home(values: np.ndarray, prior: Prior, outside: np.ndarray | None) -> dict[str, float]:
    """Return errors and scores of one home. [W]"""
    methods = METHODS | prior.methods
    actual, made, baselines, used = [], {}, {name: [] for name in methods}, []
    for week in np.unique(np.linspace(FIRST, LAST, WEEKS).astype(int)):
        forecaster = Forecaster(SETTINGS, prior)
        for day in range(week, week + 7):
            begin, now = max(0, day - MEMORY) * HOURS, day * HOURS
            past = Series(MONDAY + begin * 3600.0, 3600.0, values[begin:now])
            seen = None if outside is None else outside[:, begin:now + HOURS]
            if day == week:
                forecaster.learn(past)
                forecaster.train(past, seen)
            actual.append(values[now:now + HOURS])
            base, published = forecaster.baseline(past), forecaster.forecast(past, seen)
            used.append(published.method == 'learned')
            tried = forecaster.tried(past, seen)
            for key, forecast in (('learned', tried), ('in use', published), ('chosen baseline', base)):
                point = forecast.mean if forecast.median is None else forecast.median
                for part, array in (('', point), ('mean', forecast.mean), ('lower', forecast.lower),
                                    ('upper', forecast.upper)):
                    made.setdefault((key, part), []).append(array)
            for name, method in methods.items():
                baselines[name].append(complete(method, past.values, HOURS, SETTINGS))
    truth = np.concatenate(actual)
    joined = {key: np.concatenate(arrays) for key, arrays in made.items()}
    out = {'best baseline': min(mean_absolute_error(truth, np.concatenate(b)) for b in baselines.values()),
           'squared baseline': min(_root(truth, np.concatenate(b)) for b in baselines.values()),
           'used': float(np.mean(used)), 'squared': _root(truth, joined['learned', 'mean'])}
    for key in ('learned', 'in use', 'chosen baseline'):
        low, middle, high = (joined[key, part] for part in ('lower', '', 'upper'))
        out[key] = mean_absolute_error(truth, middle)
        out[f'{key}, mean'] = mean_absolute_error(truth, joined[key, 'mean'])
        lit = (truth > 0) | (high > 1.0)    # nights are no test of a spread of PV
        out[f'{key}, coverage'] = coverage(truth[lit], low[lit], high[lit])
        out[f'{key}, pinball'] = float(np.mean([pinball_loss(truth, q, level) for q, level in (
            (low, 0.1), (middle, 0.5), (high, 0.9))]))
    return out


def _root(actual: np.ndarray, made: np.ndarray) -> float:
    return float(np.sqrt(np.mean((actual - made)**2)))


def _rows(name: str, found: list[dict[str, float]]) -> list[Result]:
    def mean(key: str) -> float:
        return float(np.mean([home[key] for home in found]))

    skills = [1 - home['learned'] / home['best baseline'] for home in found]
    use = [1 - home['in use'] / home['best baseline'] for home in found]
    square = [1 - home['squared'] / home['squared baseline'] for home in found]
    goal = f'≥ {100 * GOAL:g} %'
    return [
        Result(f'{name}: mean absolute error', mean('learned'), 'W', mean('best baseline'), 'best baseline afterwards',
               ratio=mean('learned') / mean('best baseline'), goal='told'),
        Result(f'{name}: skill, mean of 12 homes', 100 * float(np.mean(skills)), '%', limit=100 * GOAL, goal=goal,
               holds=float(np.mean(skills)) >= GOAL),
        Result(f'{name}: skill, worst and best home', 100 * min(skills), '%', 100 * max(skills), 'best', goal='told'),
        Result(f'{name}: skill in use', 100 * float(np.mean(use)), '%', 100 * mean('used'), '% of days learned',
               goal='told'),
        Result(f'{name}: skill of its mean in root mean square', 100 * float(np.mean(square)), '%', goal='told'),
        Result(f'{name}: pinball loss in use', mean('in use, pinball'), 'W', mean('chosen baseline, pinball'),
               'chosen baseline', ratio=mean('in use, pinball') / mean('chosen baseline, pinball'), goal='told'),
        Result(f'{name}: coverage of 10 … 90 %', 100 * mean('learned, coverage'), '%',
               100 * mean('chosen baseline, coverage'), 'chosen baseline', goal='80 %')]
