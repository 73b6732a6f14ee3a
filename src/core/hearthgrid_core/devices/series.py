"""The recipe of a power series: what a load looks like where only an envelope of its power exists.

One recipe from 100 Hz to a sample in four seconds, from a second to a day, in watt or uncalibrated: levels relative to
the series' own size, the runs between switching on and off, the shape of switching on in steps that grow, the spectrum
of the steady part, how much the power varies from scale to scale, and what it does at each level in watt (`levels`).
What a series is too short for has a neutral value. Any change of a number here is a new version.
"""
import numpy as np

from .examples import DevicesError
from .levels import above, level_features

SERIES_VERSION = 3
LENGTH_MIN = 16

_STEPS = np.r_[0, np.unique(np.round(np.geomspace(1, 400, 16)).astype(int))]    # after switching on [samples]
_SHAPES = 20            # longest runs whose switching on is looked at
_RUNS = 300             # runs whose level is looked at
_SPECTRUM, _BANDS = 512, 20
_STEADY_MAX = 8192      # samples of the steady part the spectrum is taken of
_SCALES = 13            # octaves of the variation
_LAGS = (1, 2, 3, 4, 5, 10, 20, 50, 100, 200, 400, 900)
_WATTS = np.r_[-1.01, np.linspace(0, 3.6, 19)]              # decades
_SHARES = np.r_[0, .005, .02, .05, .1, .2, .3, .4, .5, .6, .7, .8, .9, np.inf]
_QUANTILES = (.02, .1, .25, .5, .75, .9, .98)


def series_features(power: np.ndarray, sampling_rate: float) -> np.ndarray:
    """Return the features of one series, named by `SERIES_FEATURE_NAMES`, finite.

    power : (n,), n ≥ 16; below zero counts as zero. [W], or any unit that all series of a model share
    sampling_rate : [Hz]
    DevicesError where the series is too short, not one row, not finite, or the rate is not positive.
    """
    return np.fromiter(_features(_checked(power, sampling_rate), float(sampling_rate)).values(), dtype=np.float64)


def _checked(power, sampling_rate) -> np.ndarray:
    x = np.array(power, dtype=np.float64)
    if x.ndim != 1 or len(x) < LENGTH_MIN:
        raise DevicesError(f'a power series is a row of {LENGTH_MIN} samples or more, not {x.shape}')
    if not np.isfinite(x).all():
        raise DevicesError(f'sample {np.flatnonzero(~np.isfinite(x))[0]} of the power series is not finite')
    if not (np.isfinite(sampling_rate) and sampling_rate > 0):
        raise DevicesError(f'a sampling rate of {sampling_rate} Hz')
    return np.maximum(x, 0.0)


def _features(x: np.ndarray, rate: float) -> dict[str, float]:
    count = max(1, len(x) // 1000)      # a spike of one sample in a thousand is no level
    top = max(np.partition(x, len(x) - count)[len(x) - count], 1e-9)
    low = np.quantile(x, 0.02)
    if len(x) < 2000:                   # a short recording that begins before the switch-on says so at its beginning
        low = min(low, x[:5].mean())
    begin, end = switched_on(x, low, top)
    on = np.zeros(len(x) + 1, dtype=int)
    np.add.at(on, begin, 1)
    np.add.at(on, end, -1)
    active = x[np.cumsum(on[:-1]) > 0]
    longest = int(np.argmax(end - begin))
    run = x[begin[longest]:end[longest]]
    steady = run[len(run) // 2:]
    scale, level = max(active.mean(), 1e-9), max(steady.mean(), 1e-9)
    out: dict[str, float] = {}
    _levels(out, x, active, steady, top, low, scale, level)
    _runs(out, x, begin, end, rate, scale)
    _switching_on(out, x, begin, end)
    _spectrum(out, steady[:_STEADY_MAX] / level)
    _edges(out, x, active, run, scale, level)
    for name, part in (('all', x / scale), ('run', run / level)):
        _variation(out, name, part)
    for name, part in (('all', x / scale), ('steady', steady / level)):
        _autocorrelation(out, name, part)
    out.update((f'level_{name}', value) for name, value in level_features(x, rate).items())
    return out


def switched_on(x: np.ndarray, low: float, top: float) -> tuple[np.ndarray, np.ndarray]:
    """Return first and one past the last sample of every run switched on; the whole series where it never switches.

    On above a tenth of the way from `low` to `top`, off again below a twentieth.
    """
    whole = np.array([0]), np.array([len(x)])
    if low > 0.3 * top:
        return whole
    begin, end = _stretches(x > low + 0.05 * (top - low))
    above = np.r_[0, np.cumsum(x > low + 0.1 * (top - low))]
    real = above[end] > above[begin]
    return (begin[real], end[real]) if real.any() else whole


def _stretches(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    edge = np.diff(np.r_[0, mask.astype(np.int8), 0])
    return np.flatnonzero(edge > 0), np.flatnonzero(edge < 0)


def _log(value, floor: float = 1e-4):
    return np.log(np.maximum(value, floor))


def _levels(out, x, active, steady, top, low, scale, level) -> None:
    for name, value in (('top', top), ('active', scale), ('low', low), ('mean', x.mean()), ('steady', level),
                        ('median', np.median(x))):
        out[f'log_{name}'] = _log(value)
        out[f'{name}_share'] = _log(value / top)
    for name, part, size in (('steady', steady, level), ('active', active, scale)):
        for q, value in zip(_QUANTILES, np.quantile(part, _QUANTILES) / size, strict=True):
            out[f'{name}_quantile_{q}'] = value
        out[f'{name}_deviation'] = _log(part.std() / size)
    for q, value in zip(_QUANTILES, _log(np.quantile(x, _QUANTILES) / top), strict=True):
        out[f'quantile_{q}'] = value
    watts = np.histogram(np.log10(np.clip(x, 0.1, 10 ** 3.6)), bins=_WATTS)[0] / len(x)
    shares = np.histogram(x / top, bins=_SHARES)[0] / len(x)
    for name, held in (('watts', watts), ('share', shares)):
        out.update((f'{name}_{k}', value) for k, value in enumerate(held))
        out.update((f'{name}_above_{k}', value) for k, value in enumerate(np.sqrt(above(held))))


def _runs(out, x, begin, end, rate, scale) -> None:
    lasted, pause = (end - begin) / rate, (begin[1:] - end[:-1]) / rate
    out['duty'] = (end - begin).sum() / len(x)
    out['runs'], out['runs_a_sample'] = np.log(len(begin)), np.log(len(begin) / len(x))
    out['off_at_first'] = float(begin[0] > 0)
    for q in (0.1, 0.5, 0.9, 1.0):
        out[f'lasted_{q}'] = np.log(np.quantile(lasted, q))
        out[f'pause_{q}'] = np.log(np.quantile(pause, q) if len(pause) else len(x) / rate)
    out['lasted_deviation'] = np.log(lasted).std()
    out['pause_deviation'] = np.log(pause).std() if len(pause) > 1 else 0.0
    means, peaks = (np.array([of(x[a:b]) for a, b in zip(begin[:_RUNS], end[:_RUNS], strict=True)]) / scale
                    for of in (np.mean, np.max))
    out['run_deviation'] = means.std()
    out['peak'], out['peak_deviation'] = _log(np.median(peaks)), peaks.std()


def _switching_on(out, x, begin, end) -> None:
    """Of the longest run, and the median of the longest few: how the power gets to its later level."""
    shapes = []
    for k in np.argsort(begin - end, kind='stable')[:_SHAPES]:
        run = x[begin[k]:end[k]]
        size = max(run[len(run) // 2:].mean(), 1e-9)
        row = [(run[a:b] if a < len(run) else run[-10:]).mean() / size
               for a, b in zip(_STEPS[:-1], _STEPS[1:], strict=True)]
        at = int(run.argmax())
        shapes.append(np.r_[_log([*row, run[:10].max() / size, run[at] / size], 1e-3), np.log1p(at), at / len(run)])
    out.update((f'on_{k}', value) for k, value in enumerate(shapes[0]))
    out.update((f'on_median_{k}', value) for k, value in enumerate(np.median(shapes, axis=0)))


def _spectrum(out, part: np.ndarray) -> None:
    """Power in equal bands up to half the sampling rate; a mains ripple folds into them as its form and angle say."""
    size = min(len(part), _SPECTRUM)
    power = np.zeros(_SPECTRUM // 2 + 1)
    begins = range(0, len(part) - size + 1, max(1, size // 2)) if size >= 8 else ()
    for begin in begins:
        piece = part[begin:begin + size]
        power += np.abs(np.fft.rfft((piece - piece.mean()) * np.hanning(size), _SPECTRUM)) ** 2 / size / len(begins)
    bounds = np.linspace(0, len(power) - 1, _BANDS + 1).round().astype(int)
    for k in range(_BANDS):
        out[f'band_{k}'] = _log(power[bounds[k]:bounds[k + 1] + 1].mean(), 1e-7)


def _edges(out, x, active, run, scale, level) -> None:
    step, least = np.diff(x) / scale, 0.3 / len(x)
    smooth = _moving_mean(x) / scale
    rise = smooth[5:] - smooth[:-5]
    for name, change, bounds in (('step', step, (.02, .05, .1, .2, .5, .9)), ('rise', rise, (.1, .3))):
        for bound in bounds:
            out[f'{name}_up_{bound}'] = _log((change > bound).mean() if len(change) else 0.0, least)
            out[f'{name}_down_{bound}'] = _log((change < -bound).mean() if len(change) else 0.0, least)
    out['step_most'], out['step_least'], out['step_mean'] = step.max(), step.min(), _log(np.abs(step).mean(), 1e-6)
    out['active_step_mean'] = _log(np.abs(np.diff(active)).mean() / scale, 1e-6) if len(active) > 1 else _log(0, 1e-6)
    smooth = _moving_mean(run) / level if len(run) > 10 else np.ones(6)
    rise = smooth[5:] - smooth[:-5]
    out['run_rises'], out['run_falls'] = float((rise > 0.1).sum()), float((rise < -0.1).sum())
    out['run_rise_late'] = np.abs(rise[len(rise) // 3:]).max()
    out['run_least'], out['run_deviation_smooth'] = smooth.min(), smooth.std()


def _moving_mean(x: np.ndarray, width: int = 5) -> np.ndarray:
    total = np.r_[0, np.cumsum(x)]
    return (total[width:] - total[:-width]) / width


def _variation(out, name: str, part: np.ndarray) -> None:
    """Mean change from block to block, blocks of 1, 2, 4 … samples (as an Allan deviation, but of moduli)."""
    last = _log(0.0, 1e-5)
    for octave in range(_SCALES):
        blocks = len(part) >> octave
        if blocks >= 3:
            means = part[:blocks << octave].reshape(blocks, -1).mean(axis=1)
            last = _log(np.abs(np.diff(means)).mean(), 1e-5)
        out[f'variation_{name}_{octave}'] = last


def _autocorrelation(out, name: str, part: np.ndarray) -> None:
    part = part - part.mean()
    variance = part @ part / len(part) + 1e-9
    for lag in _LAGS:
        short = lag >= len(part) // 2
        out[f'like_{name}_{lag}'] = 0.0 if short else part[lag:] @ part[:-lag] / (len(part) - lag) / variance


SERIES_FEATURE_NAMES = tuple(_features(np.ones(LENGTH_MIN), 1.0))
SERIES_FEATURES = len(SERIES_FEATURE_NAMES)
