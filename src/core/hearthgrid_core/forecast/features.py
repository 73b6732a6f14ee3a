"""What a learned forecast looks at: calendar, the same time on days before, the last hours, and weather foreseen."""
import numpy as np

from .baselines import CLEAR, HOUR, scaled_day
from .series import DAY
from .settings import ForecastSettings

DAYS = 28           # looked back on, where there are so many
SOME = 20.0         # of a quantity foreseen: below it a ratio to the days before says nothing


def filled(values: np.ndarray, steps_a_day: int) -> np.ndarray:
    """Return `values` (n,) with gaps taken from the day before, or the mean of all; looks only back but for that mean.

    Raises ValueError when nothing is known.
    """
    known = np.isfinite(values)
    if not known.any():
        raise ValueError('nothing is known')
    out = values.copy()
    for first in range(0, len(out), steps_a_day):
        part = out[first:first + steps_a_day]
        before = out[first - steps_a_day:first][:len(part)] if first else np.full(len(part), values[known].mean())
        part[:] = np.where(np.isnan(part), before, part)
    return out


def rows(past: np.ndarray, origin: int, leads: np.ndarray, start: float, settings: ForecastSettings,
         outside: np.ndarray | None = None, scaled: bool = False) -> np.ndarray:
    """Return (leads, features) of what is known at step `origin` of the steps `leads` after it.

    past : (n,) without gaps; nothing from `origin` on is looked at     origin : at least a day     start : of past [s]
    outside : (k, m) what is foreseen for each step of past and beyond, m > origin + leads; finite
    scaled : it departs from its usual day by a share
    """
    s, day = settings, settings.steps_a_day
    target = origin + leads
    hour = (start + s.step * (target + 0.5)) % DAY / HOUR
    weekday = (start + s.step * target) // DAY % 7     # the epoch began on a Thursday; trees do not mind
    days = np.arange(min(DAYS, max(1, origin // day)))[:, None]
    places = target - day * (leads // day + 1 + days)
    places = np.where(places < 0, places % day, places)
    same = past[places]                                # (days, leads)
    week = target - 7 * day * (leads // (7 * day) + 1)
    fortnight = same[:14]
    usual = same[:7].mean(axis=0)
    near = max(1, round(HOUR / s.step))
    last, recent = past[max(0, origin - day):origin], past[max(0, origin - near):origin]
    before = np.arange(origin - len(recent), origin) - day * np.arange(1, 8)[:, None]
    offset = recent.mean() - past[np.where(before < 0, before % day, before)].mean()
    constant = (recent[-1], recent.mean(), past[max(0, origin - 3 * near):origin].mean(), last.mean(), np.median(last),
                last.min(), last.max(), past[max(0, origin - 7 * day):origin].mean())
    columns = [leads * s.step / HOUR, hour, np.sin(hour * np.pi / 12), np.cos(hour * np.pi / 12), weekday, same[0],
               same[min(1, len(same) - 1)], same[min(2, len(same) - 1)], past[np.where(week < 0, week % day, week)],
               usual, same.mean(axis=0), np.median(same, axis=0), *np.quantile(fortnight, (0.25, 0.5, 0.75), axis=0),
               usual + offset * np.exp(-leads * s.step / s.blend_time), *(np.full(len(leads), c) for c in constant)]
    if scaled:
        columns.append(scaled_day(past[max(0, origin - (CLEAR + 1) * day):origin], leads.max() + 1, s)[leads])
    for series in () if outside is None else outside:
        ahead, then = series[target], series[places[:7]].mean(axis=0)
        block = origin + day * (leads // day)
        columns += [ahead, series[places[0]],
                    np.array([series[b:b + day].mean() for b in np.unique(block)])[np.unique(
                        block, return_inverse=True)[1]],
                    usual * np.where(then > SOME, np.clip(ahead / np.maximum(then, SOME), 0.0, 3.0), 1.0)]
    return np.column_stack(columns)
