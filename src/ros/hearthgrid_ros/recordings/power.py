"""Power series: from arrays in .npz files, and from samples with a time each."""

from pathlib import Path

import numpy as np

from hearthgrid_ros.recordings.arrays import reason
from hearthgrid_ros.recordings.recording import Hints, RecordingError

LENGTH_MIN = 16  # samples of a series
PIECE = 86400.0  # a longer series is several recordings [s]
HOLES = 0.1  # share of samples that may be missing: a straight line goes across
_POWER = ('p', 'power', 'active_power', 'watts', 'x')
_RATE, _STEP = ('fs', 'sampling_rate', 'rate'), ('step', 'step_s', 'dt')
_WAVEFORM = (('v', 'voltage'), ('i', 'current'))

Row = tuple[str, np.ndarray, float, dict[str, str]]  # part, power [W], sampling rate [Hz], facts


def read_power_npz(path: Path, hints: Hints) -> tuple[list[Row], list[RecordingError], bool]:
    """Return series, what is wrong with others, and whether the file holds voltage and current instead.

    Power: `p`, `power`, `active_power`, `watts` or `x`, (n,) or (m, n), NaN behind the end; `length`: samples of each
    that count. Rate: `fs` [Hz] or `step_s` [s]. Every other array of texts or whole numbers, one or m of them, is a
    fact. Of voltage and current, rows hold the facts alone: part '' of a file with one recording, else '0', '1' …
    """
    arrays = _plain(path)
    waveform = all(any(name in arrays for name in names) for names in _WAVEFORM)
    wanted = _WAVEFORM[0] if waveform else _POWER
    key = next((name for name in wanted if name in arrays), None)
    if key is None:
        raise RecordingError(path, f'it has neither voltage and current (v, i) nor power ({", ".join(_POWER)})')
    values = arrays[key]
    if values.dtype.kind not in 'iuf' or values.ndim not in (1, 2) or not values.size:
        raise RecordingError(path, f'{key} is {values.dtype} {values.shape}; (n,) or (m, n) numbers are needed')
    count, single = (1 if values.ndim == 1 else len(values)), values.ndim == 1
    facts = _facts(arrays, count)
    parts = [''] if single else [str(k) for k in range(count)]
    if waveform:
        return [(part, np.empty(0), np.nan, said) for part, said in zip(parts, facts, strict=True)], [], True
    rates, lengths = _rates(path, arrays, count, hints), arrays.get('length', np.full(count, values.shape[-1]))
    if lengths.size != count or lengths.dtype.kind not in 'iu':
        raise RecordingError(path, f'length is {lengths.dtype} {lengths.shape}; {count} whole numbers are needed')
    rows, problems = [], []
    for k, row in enumerate(np.atleast_2d(values)):
        try:
            power = filled(path, parts[k], row[:max(0, int(lengths.ravel()[k]))].astype(float))
        except RecordingError as error:
            problems.append(error)
            continue
        rows += [(part, piece, rates[k], facts[k]) for part, piece in pieces(parts[k], power, rates[k])]
    return rows, problems, False


def _plain(path: Path) -> dict[str, np.ndarray]:
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError('it is a bare array, not an .npz')
        with file:
            return {name: file[name] for name in file.files}
    except Exception as error:  # a damaged file makes the library raise almost anything, down to SyntaxError
        raise RecordingError(path, reason(error)) from None


def _facts(arrays: dict[str, np.ndarray], count: int) -> list[dict[str, str]]:
    said = {name: values.ravel() for name, values in arrays.items()
            if values.dtype.kind in 'USiub' and values.size in (1, count) and name not in (*_RATE, *_STEP, 'length')}
    facts: list[dict[str, str]] = [{} for _ in range(count)]
    for name, values in said.items():
        for k, fact in enumerate(facts):
            value = values[k if values.size == count else 0]
            fact[name] = value.decode('utf-8', 'replace') if isinstance(value, bytes) else str(value)
    return facts


def _rates(path: Path, arrays: dict[str, np.ndarray], count: int, hints: Hints) -> np.ndarray:
    rate = next((arrays[name] for name in _RATE if name in arrays), None)
    step = next((arrays[name] for name in _STEP if name in arrays), None)
    said = np.asarray(hints.sampling_rate) if rate is None and step is None else rate if step is None else step
    if said.dtype.kind not in 'iuf' or said.size not in (1, count):
        raise RecordingError(path, f'its rate is {said.dtype} {said.shape}; one number is needed')
    if np.isnan(said).all():
        raise RecordingError(path, "it says neither its sampling rate 'fs' nor its step 'step_s'")
    if not (np.isfinite(said).all() and (said > 0).all()):
        raise RecordingError(path, 'its sampling rate is not positive')
    return np.broadcast_to((said if step is None else 1 / said).ravel().astype(float), count)


def filled(path: Path, part: str, power: np.ndarray) -> np.ndarray:
    """Return a series without missing ends, straight lines across its holes. RecordingError where too much is missing.

    power : (n,), NaN where it was not measured. [W]
    """
    where = f'series {part}: ' if part else ''
    power = np.where(np.isinf(power), np.nan, power)
    there = np.flatnonzero(~np.isnan(power))
    if not there.size:
        raise RecordingError(path, f'{where}it has no sample that is a number')
    power = power[there[0]:there[-1] + 1]
    hole = np.isnan(power)
    if hole.mean() > HOLES:
        raise RecordingError(path, f'{where}{hole.mean():.0%} of its samples are missing')
    if len(power) < LENGTH_MIN:
        raise RecordingError(path, f'{where}it has {len(power)} samples; {LENGTH_MIN} are needed')
    at = np.arange(len(power))
    return np.interp(at, at[~hole], power[~hole])


def pieces(part: str, power: np.ndarray, rate: float) -> list[tuple[str, np.ndarray]]:
    """Return (part, series) of a day or less each; a rest of less than a quarter of a day is left out."""
    size = max(LENGTH_MIN, round(PIECE * rate))
    if len(power) <= 1.25 * size:
        return [(part, power)]
    cut = [(f'{part}@{begin // size}', power[begin:begin + size]) for begin in range(0, len(power), size)]
    return [one for one in cut if len(one[1]) >= max(LENGTH_MIN, size // 4)]


def on_grid(path: Path, time: np.ndarray, power: np.ndarray) -> list[tuple[float, np.ndarray, float]]:
    """Return (start, series, rate) of samples with a time each: evenly spaced at the median step, cut at long gaps.

    time : (n,) [s]     power : (n,) [W]     A gap is long from a minute and from ten steps on. RecordingError.
    """
    if len(time) < LENGTH_MIN or not np.isfinite(time).all() or (np.diff(time) < 0).any():
        raise RecordingError(path, f'its time does not go forward over {LENGTH_MIN} samples or more')
    between = np.diff(time)
    step = float(np.median(between[between > 0])) if (between > 0).any() else 0.0
    if not step:
        raise RecordingError(path, 'its time does not go forward')
    out = []
    for run in np.split(np.arange(len(time)), np.flatnonzero(between > max(10 * step, 60.0)) + 1):
        if len(run) < LENGTH_MIN:
            continue
        grid = np.arange(time[run[0]], time[run[-1]] + step / 2, step)
        newest = np.clip(np.searchsorted(time[run], grid + step / 2, side='right') - 1, 0, None)
        out.append((float(time[run[0]]), power[run][newest], 1 / step))
    if not out:
        raise RecordingError(path, f'no stretch of {LENGTH_MIN} samples is without a long gap')
    return out
