"""Plans and forecasts that were made, against what came. NaN = not known."""

import math
from dataclasses import dataclass

import numpy as np

from hearthgrid.report_events import number
from hearthgrid_core.forecast import (
    ForecastSettings,
    coverage,
    mean_absolute_error,
    pinball_loss,
    same_time_yesterday,
    skill,
)
from hub_nodes.store.backend import History
from hub_nodes.store.costs import HOUR, QUARTER
from hub_nodes.store.model import Record

MINUTE = 60.0
STEP = 15  # minutes in which forecasts and plans are judged
A_DAY = 96  # of these
ORIGINS = 3 * HOUR  # between two forecasts that are judged [s]
LEVELS = (0.1, 0.5, 0.9)


@dataclass(frozen=True)
class Score:
    """How good a forecast was. errors in its unit     covered : share within 10 % … 90 % [1]
    skill : against the same time yesterday [1]     count : forecasts judged"""

    quantity: str
    unit: str
    ahead: str
    error: float
    pinball: float
    covered: float
    skill: float
    count: int


# Plan and forecasts against what came.


def _sampled(history: History, kind: str, subject: str | None, start: float, end: float, step: float) -> list[Record]:
    """Return the first record of every `step` [s]: the store holds one a minute."""
    out = []
    for k in range(math.ceil((end - start) / step)):
        out += history.records((kind,), subject, start + k * step, min(start + (k + 1) * step, end), limit=1)
    return out


def _held(record: Record, name: str, times: np.ndarray, width: float) -> np.ndarray:
    """Return the values of a record's array that hold at `times` + width/2, NaN where it has none."""
    data = record.data
    values = np.array([number(v) for v in data.get(name) or ()], float)
    step, begin = data.get('step') or 0.0, data.get('start')
    out = np.full(len(times), np.nan)
    if step > 0 and begin is not None and len(values):
        index = np.floor((times + width / 2 - begin) / step).astype(int)
        inside = (index >= 0) & (index < len(values))
        out[inside] = values[index[inside]]
    return out


def plans(history: History, times: np.ndarray, grid: np.ndarray) -> tuple[np.ndarray, float]:
    """Hold the first plan of each hour against the hour that followed.

    times, grid : (n,) minutes [s], [W]     Returns (n,) the grid power planned [W], and its error by quarter hours [W].
    """
    planned = np.full(len(times), np.nan)
    for record in _sampled(history, 'plan', None, times[0], times[-1] + MINUTE, HOUR):
        ahead = (times >= record.time) & (times < record.time + HOUR)
        planned[ahead] = _held(record, 'grid_power', times[ahead], MINUTE)
    return planned, mean_absolute_error(quarters(grid), quarters(planned))


def quarters(values: np.ndarray) -> np.ndarray:
    """Return the means of quarter hours of minutes (n,), NaN where less than half of one is known."""
    rows = values[: len(values) // STEP * STEP].reshape(-1, STEP)
    some = np.isfinite(rows).sum(axis=1)
    return np.where(some >= STEP / 2, np.nansum(rows, axis=1) / np.maximum(some, 1), np.nan)


def forecasts(history: History, start: float, end: float,
              actual: dict[str, tuple[np.ndarray, str]]) -> tuple[list[Score], dict[str, np.ndarray]]:  # fmt: skip
    """Hold forecasts, one every three hours, against what was measured or told.

    actual : what came in each quarter hour from `start` [s], and its unit, by quantity
    Returns the scores, and around the last load forecast: times [s], actual, mean, lower, upper.
    """
    scores, sample = [], {}
    for name, (truth, unit) in actual.items():
        records = _sampled(history, 'forecast', f'home/{name}', start, end, ORIGINS)
        times = start + QUARTER * np.arange(len(truth))
        parts: dict[str, list[np.ndarray]] = {'the hour': [], 'the day': []}
        for record in records:
            begin = int(np.searchsorted(times, record.time))
            ahead = slice(begin, begin + A_DAY)
            made = np.stack([_held(record, key, times[ahead], QUARTER) for key in ('lower', 'mean', 'upper')])
            naive = same_time_yesterday(truth[:begin], len(truth[ahead]), ForecastSettings(step=QUARTER))
            rows = np.vstack([truth[ahead], made, naive])
            parts['the hour'].append(rows[:, :4])
            parts['the day'].append(rows)
        if records:
            scores += [_score(name, unit, words, np.hstack(rows), len(records)) for words, rows in parts.items()]
        if records and name == 'load':
            begin = max(0, int(np.searchsorted(times, records[-1].time)) - A_DAY)
            around = slice(begin, begin + 2 * A_DAY)
            sample = {key: _held(records[-1], key, times[around], QUARTER) for key in ('mean', 'lower', 'upper')}
            sample |= {'times': times[around], 'actual': truth[around]}
    return scores, sample


def _score(name: str, unit: str, words: str, rows: np.ndarray, count: int) -> Score:
    actual, lower, mean, upper, naive = rows
    error = mean_absolute_error(actual, mean)
    both = np.isfinite(naive) & np.isfinite(actual) & np.isfinite(mean)
    fair = skill(mean_absolute_error(actual[both], mean[both]), mean_absolute_error(actual[both], naive[both]))
    pinball = np.mean([pinball_loss(actual, made, level)
                       for made, level in zip((lower, mean, upper), LEVELS, strict=True)])  # fmt: skip
    return Score(name, unit, words, error, float(pinball), coverage(actual, lower, upper), fair, count)
