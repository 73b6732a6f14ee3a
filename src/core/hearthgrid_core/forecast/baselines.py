"""Forecasts that need no training. Each is honest about what it does not know: NaN.

All take `past` (n,) up to the moment of the forecast, NaN = not known, and return `count` values from there on. Times
are UTC: on the day after clocks change, what people do lies an hour off.
"""
from collections.abc import Callable

import numpy as np

from .settings import ForecastSettings

HOUR = 3600.0
YESTERDAY = 0.4     # weight of yesterday beside the mean of days in a usual day [1]
SKY = 8 * 3600.0    # after which 1/e is left of what the sky was [s]
FAINT = 0.05        # of the highest of a day, added on both sides before a share is taken [1]
SHARES = 0.1, 3.0   # least and most of a usual day that is believed [1]
CLEAR, SEEN = 14, 7     # days whose highest power is that of a clear sky, and how many of them must be known

Method = Callable[[np.ndarray, int, ForecastSettings], np.ndarray]


def persistence(past: np.ndarray, count: int, settings: ForecastSettings) -> np.ndarray:
    """Return the mean of the last minutes for ever."""
    return np.full(count, _recent(past, settings))


def mean_so_far(past: np.ndarray, count: int, settings: ForecastSettings) -> np.ndarray:
    """Return the mean of the last day, reached from the last minutes as their weight fades."""
    last = past[-settings.steps_a_day:]
    last = last[np.isfinite(last)]
    if not len(last):
        return np.full(count, np.nan)
    recent = _recent(past, settings)
    offset = 0.0 if np.isnan(recent) else recent - last.mean()
    return last.mean() + offset * _fading(count, settings)


def same_time_yesterday(past: np.ndarray, count: int, settings: ForecastSettings) -> np.ndarray:
    """Return what was one day earlier; of the last known day where that lies ahead too."""
    return _lagged(past, count, settings.steps_a_day)


def same_time_last_week(past: np.ndarray, count: int, settings: ForecastSettings) -> np.ndarray:
    """Return what was one week earlier."""
    return _lagged(past, count, 7 * settings.steps_a_day)


def mean_of_days(past: np.ndarray, count: int, settings: ForecastSettings) -> np.ndarray:
    """Return the mean of the same time on the last days."""
    day = settings.steps_a_day
    lags = np.stack([_lagged(past, count, day, skip=k) for k in range(settings.days)])
    known = np.isfinite(lags)
    number = known.sum(axis=0)
    return np.where(number > 0, np.where(known, lags, 0.0).sum(axis=0) / np.maximum(number, 1), np.nan)


def blend(past: np.ndarray, count: int, settings: ForecastSettings) -> np.ndarray:
    """Return the mean of days, corrected by how far the last minutes lie from it; the correction fades."""
    span = min(len(past), _steps(settings.recent, settings))
    profile = mean_of_days(past, count, settings)
    before = mean_of_days(past[:len(past) - span], span, settings)
    last = past[len(past) - span:]
    both = np.isfinite(before) & np.isfinite(last)
    if not both.any():
        return profile
    offset = float((last - before)[both].mean())
    return profile + offset * _fading(count, settings)


def fading_share(last: np.ndarray, usual: np.ndarray, highest: float, count: int,
                 settings: ForecastSettings) -> np.ndarray:
    """Return (count,) the share of `usual` that `last` was, both of the last hour, as it goes back to 1.

    highest : of the last day; a twentieth of it on both sides keeps a dim morning from saying much
    """
    least = FAINT * max(highest, float(usual.max()))
    if not least > 0:
        return np.ones(count)
    share = np.clip((last.mean() + least) / (max(usual.mean(), 0.0) + least), *SHARES)
    return 1.0 + (share - 1.0) * np.exp(-(np.arange(count) + 0.5) * settings.step / SKY)


def scaled(method: Method) -> Method:
    """Return a method that multiplies what `method` says by the share of it that the last hour brought, which fades.

    For what departs from its usual day by a share, as the sun does behind clouds; never above what clear days had.
    """
    def made(past: np.ndarray, count: int, settings: ForecastSettings) -> np.ndarray:
        span, today = min(len(past), _steps(HOUR, settings)), past[-settings.steps_a_day:]
        usual = method(past, count, settings)
        last, before = past[len(past) - span:], method(past[:len(past) - span], span, settings)
        both = np.isfinite(last) & np.isfinite(before)
        if not both.any():
            return usual
        highest = float(np.max(today, initial=0.0, where=np.isfinite(today)))
        share = fading_share(last[both], before[both], highest, count, settings)
        lags = np.stack([_lagged(past, count, settings.steps_a_day, skip=k) for k in range(CLEAR)])
        known = np.isfinite(lags)
        clear = np.where(known.sum(axis=0) >= SEEN, np.where(known, lags, -np.inf).max(axis=0), np.inf)
        return np.minimum(usual * share, np.maximum(clear, usual))

    return made


def usual_day(past: np.ndarray, count: int, settings: ForecastSettings) -> np.ndarray:
    """Return the mean of days with some more of yesterday; where one of them is not known, the other."""
    mean, yesterday = mean_of_days(past, count, settings), same_time_yesterday(past, count, settings)
    both = (1.0 - YESTERDAY) * mean + YESTERDAY * yesterday
    return np.where(np.isfinite(both), both, np.where(np.isfinite(mean), mean, yesterday))


# Simple before refined: of equally good methods the first wins.
METHODS: dict[str, Method] = {
    'persistence': persistence,
    'mean of the last day': mean_so_far,
    'same time yesterday': same_time_yesterday,
    'same time last week': same_time_last_week,
    'mean of days': mean_of_days,
    'blend with last measurement': blend,
}
scaled_day = scaled(usual_day)
SCALED: dict[str, Method] = {'usual day, scaled to the last hour': scaled_day}
# What fills the gaps a method leaves, in this order.
FALLBACKS: tuple[Method, ...] = (mean_of_days, mean_so_far)


def complete(method: Method, past: np.ndarray, count: int, settings: ForecastSettings) -> np.ndarray:
    """Return a method's forecast with its gaps filled by simpler ones; NaN only where nothing at all is known."""
    out = method(past, count, settings)
    for fallback in FALLBACKS:
        missing = np.isnan(out)
        if not missing.any():
            return out
        out = np.where(missing, fallback(past, count, settings), out)
    known = past[np.isfinite(past)]
    return np.where(np.isnan(out), known.mean(), out) if len(known) else out


def _fading(count: int, settings: ForecastSettings) -> np.ndarray:
    """Return (count,) the weight of the last measurement. [1]"""
    return np.exp(-np.arange(count) * settings.step / settings.blend_time)


def _steps(duration: float, settings: ForecastSettings) -> int:
    return max(1, round(duration / settings.step))


def _recent(past: np.ndarray, settings: ForecastSettings) -> float:
    """Return the mean of the last minutes, or of the last hours when those are not known."""
    for reach in (1, 12):
        last = past[-reach * _steps(settings.recent, settings):]
        last = last[np.isfinite(last)]
        if len(last):
            return float(last.mean())
    return float('nan')


def _lagged(past: np.ndarray, count: int, lag: int, skip: int = 0) -> np.ndarray:
    """Return `past` some whole lags before each coming step: the last lag that is past, or `skip` more."""
    ahead = np.arange(count)
    index = len(past) + ahead - lag * (ahead // lag + 1 + skip)
    out = np.full(count, np.nan)
    inside = index >= 0
    out[inside] = past[index[inside]]
    return out
