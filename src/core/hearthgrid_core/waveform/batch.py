"""Alignment of many windows at once: the arithmetic of `align`, laid out for whole arrays.

`align` is the plain twin. Three things differ, and none by more than a few parts in ten thousand of the largest sample:
phasors at a frequency are products of two short tables instead of one exponential a sample; the interpolation kernel is
a polynomial in the fraction of a sample (Farrow 1988, doi:10.1109/ISCAS.1988.15483), in single precision, instead of
the nearest of 2048 tabulated ones; windows are taken in groups that fit the cache.
"""
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .alignment import (
    CYCLES_MIN,
    FREQUENCY_MAX,
    FREQUENCY_MIN,
    MAINS_MIN,
    REACH,
    SAMPLES_PER_CYCLE,
    TAPS,
    decimate,
    kernel_at,
)
from .window import WaveformError

_GROUP = 16             # windows whose arrays fit the cache together
_DEGREE = 5             # of the polynomial: the kernel to 3e-5
_BLOCK = 16             # places whose polynomials are one matrix product
_FINE = 32              # phasors of a table


@dataclass(frozen=True, eq=False)
class AlignedBatch:
    """Windows of one rate, aligned. voltage, current : (m, cycles × samples_per_cycle) [V], [A]

    frequency : (m,) NaN where there was no mains or were too few cycles; such a row is zero. [Hz]
    lag : (m,) time of the first aligned sample after the window's first. [s]
    """

    voltage: np.ndarray
    current: np.ndarray
    frequency: np.ndarray
    lag: np.ndarray
    cycles: int


def align_batch(voltage: np.ndarray, current: np.ndarray, sampling_rate: float, nominal: float, cycles: int,
                samples_per_cycle: int = SAMPLES_PER_CYCLE) -> AlignedBatch:
    """Return the newest `cycles` whole cycles of each of m windows.

    voltage, current : (m, n) [V], [A]     sampling_rate, nominal : [Hz]
    Raises WaveformError on shapes that do not fit, samples that are not finite, an impossible nominal frequency.
    """
    if voltage.ndim != 2 or voltage.shape != current.shape or not voltage.size or cycles < 1:
        raise WaveformError(f'{cycles} cycles of voltage {voltage.shape} and current {current.shape}')
    if not (FREQUENCY_MIN <= nominal <= FREQUENCY_MAX and sampling_rate >= 4 * nominal):
        raise WaveformError(f'mains of {nominal} Hz sampled at {sampling_rate} Hz')
    if not (np.isfinite(voltage).all() and np.isfinite(current).all()):
        raise WaveformError('a sample is not finite')
    made = [np.zeros((len(voltage), cycles * samples_per_cycle)) for _ in range(2)]
    frequency, lag = np.full(len(voltage), np.nan), np.full(len(voltage), np.nan)
    for begin in range(0, len(voltage), _GROUP):
        part = slice(begin, begin + _GROUP)
        volts, amps = (np.ascontiguousarray(x[part], dtype=np.float64) for x in (voltage, current))
        found, crossing = fundamentals(volts, sampling_rate, nominal)
        rows = np.flatnonzero(~np.isnan(found))
        if not rows.size:
            continue
        spare = np.maximum(1, (sampling_rate / (samples_per_cycle * found[rows]) + 1e-6).astype(int))
        for factor in np.unique(spare):         # of one group nearly always the same
            same = rows[spare == factor]
            done, first = _resample(np.stack([volts[same], amps[same]]), found[same], crossing[same], sampling_rate,
                                    cycles, samples_per_cycle)
            fits = ~np.isnan(first)
            kept = same[fits] + begin
            frequency[kept], lag[kept] = found[same][fits], first[fits] / sampling_rate
            for out, channel in zip(made, done, strict=True):
                out[kept] = channel
    return AlignedBatch(made[0], made[1], frequency, lag, cycles)


def fundamentals(voltage: np.ndarray, rate: float, nominal: float) -> tuple[np.ndarray, np.ndarray]:
    """Return frequency [Hz] and the time of one rising zero crossing after the first sample [s]; NaN without mains.

    voltage : (m, n) [V]. As `alignment` measures them, one window a row.
    """
    count = voltage.shape[1]
    ripple = voltage - voltage.mean(axis=1, keepdims=True)
    rms = np.sqrt(np.einsum('mk,mk->m', ripple, ripple) / count)
    coarse = _crossing_frequencies(ripple, rms, rate, nominal)
    good = (rms >= MAINS_MIN) & (coarse >= FREQUENCY_MIN) & (coarse <= FREQUENCY_MAX)
    cycles = np.where(good, count * np.where(good, coarse, nominal) / rate, 0)
    good &= cycles >= CYCLES_MIN
    frequency, crossing = np.full((2, len(voltage)), np.nan)
    at = np.flatnonzero(good)
    if not at.size:
        return frequency, crossing
    coarse, ripple, cycles = coarse[at], ripple[at], cycles[at].astype(int)
    length = np.maximum(2, cycles // 2) * rate / coarse
    size = length.astype(int) + 1
    turn = -2 * np.pi * coarse / rate
    kernel = _phasors(turn, size.max())
    kernel *= 1 - _phasors(2 * np.pi / length, size.max()).real
    kernel[np.arange(size.max()) >= size[:, None]] = 0
    apart = count - size
    behind = np.minimum(apart[:, None] + np.arange(size.max()), count - 1)
    parts = kernel.view(float).reshape(*kernel.shape, 2)        # real and imaginary, faster than complex sums
    early, late = (np.einsum('mkc,mk->mc', parts, part) @ (1, 1j)
                   for part in (ripple[:, :size.max()], np.take_along_axis(ripple, behind, axis=1)))
    turned = np.angle(late * early.conjugate() * np.exp(1j * turn * apart))
    found = coarse + turned * rate / (2 * np.pi * apart)
    phase = np.angle(early) + turned / 2 - 2 * np.pi * (found - coarse) * (length + apart) / (2 * rate)
    inside = (found >= FREQUENCY_MIN) & (found <= FREQUENCY_MAX)
    frequency[at[inside]] = found[inside]
    crossing[at[inside]] = ((-np.pi / 2 - phase) / (2 * np.pi * found) % (1 / found))[inside]
    return frequency, crossing


def _phasors(turn: np.ndarray, count: int) -> np.ndarray:
    """Return exp(j·turn·k), k = 0 … count − 1: (m, count)."""
    fine = np.exp(1j * turn[:, None] * np.arange(_FINE))
    coarse = np.exp(1j * turn[:, None] * np.arange(0, count, _FINE))
    return (coarse[:, :, None] * fine[:, None, :]).reshape(len(turn), -1)[:, :count]


def _crossing_frequencies(ripple: np.ndarray, rms: np.ndarray, rate: float, nominal: float) -> np.ndarray:
    """Return (m,) the frequency of the rising zero crossings [Hz], NaN with fewer than two."""
    width = max(1, round(rate / nominal / 8))
    hop = max(1, width // 4)
    total = np.cumsum(ripple, axis=1)
    smooth = (total[:, width::hop] - total[:, :-width:hop]) / width
    out = np.full(len(ripple), np.nan)
    if not smooth.shape[1]:
        return out
    bound = 0.4 * rms[:, None]
    side = (smooth > bound).astype(np.int8) - (smooth < -bound)
    at = np.arange(smooth.shape[1])
    last = np.maximum.accumulate(np.where(side != 0, at, -1), axis=1)[:, :-1]      # the newest that was sure, before
    before = np.take_along_axis(side, np.maximum(last, 0), axis=1)
    row, above = np.nonzero((side[:, 1:] == 1) & (before == -1) & (last >= 0))
    below = last[row, above]
    above = above + 1
    crossing = below + (above - below) * smooth[row, below] / (smooth[row, below] - smooth[row, above])
    number = np.bincount(row, minlength=len(ripple))
    most = int(number.max(initial=0))
    if most < 2:
        return out
    place = np.arange(row.size) - np.repeat(np.cumsum(number) - number, number)
    table = np.full((len(ripple), most), np.nan)
    table[row, place] = crossing
    distance = np.diff(table, axis=1)
    ordered, pairs = np.sort(distance, axis=1), np.maximum(number - 1, 1)           # NaN last
    whose = np.arange(len(ripple))
    median = (ordered[whose, (pairs - 1) // 2] + ordered[whose, pairs // 2]) / 2
    index = np.zeros_like(table)
    np.cumsum(np.rint(distance / median[:, None]), axis=1, out=index[:, 1:])        # one may be missing
    there = ~np.isnan(table)
    index = np.where(there, index, 0.0)
    index -= index.sum(axis=1, keepdims=True) / np.maximum(number, 1)[:, None]
    index *= there
    enough = number >= 2
    squares, products = np.einsum('mk,mk->m', index, index), np.einsum('mk,mk->m', index, np.where(there, table, 0.0))
    out[enough] = rate / hop * squares[enough] / products[enough]
    return out


def _resample(samples, frequency, crossing, rate, cycles, samples_per_cycle):
    """Return the rows (2, k, cycles × samples_per_cycle) of windows that hold so many cycles, and where each of the m
    begins, in original samples; NaN where it does not hold them.

    samples : (2, m, n), voltages and currents, of frequencies that are decimated alike
    """
    flat, factor, first = decimate(samples.reshape(-1, samples.shape[2]), rate / (samples_per_cycle * frequency.max()))
    kept = flat.reshape(2, len(frequency), -1)
    period = rate / frequency / factor
    origin = (crossing * rate - first) / factor
    origin += period * np.ceil((REACH - origin) / period)
    fits = ((kept.shape[2] - REACH - 2 - origin) / period).astype(int)
    enough = fits >= cycles
    origin += (fits - cycles) * period
    begin = np.where(enough, first + origin * factor, np.nan)
    if not enough.all():
        kept, origin, period = kept[:, enough], origin[enough], period[enough]
    position = origin[:, None] + np.arange(cycles * samples_per_cycle) * (period[:, None] / samples_per_cycle)
    return _interpolate(kept, position), begin


def _interpolate(samples: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Return `samples` (2, m, n) at fractional positions (m, k): (2, m, k)."""
    whole = position.astype(np.int32)
    fraction = (position - whole).astype(np.float32)
    channels, windows, count = samples.shape
    places = -(-(count - TAPS + 1) // _BLOCK) * _BLOCK
    single = np.zeros((channels, windows, places + TAPS - 1), dtype=np.float32)
    single[..., :count] = samples
    at = whole - REACH + (np.arange(windows) * places)[:, None]
    out = np.empty((channels, *position.shape), dtype=np.float32)
    for one, into in zip(single, out, strict=True):
        blocks = np.lib.stride_tricks.sliding_window_view(one, _BLOCK + TAPS - 1, axis=1)[:, ::_BLOCK]
        parts = (np.ascontiguousarray(blocks) @ _banded()).reshape(-1, _DEGREE + 1).take(at, axis=0)
        into[:] = parts[..., _DEGREE]
        for power in range(_DEGREE - 1, -1, -1):                            # (m, k, DEGREE + 1)
            into *= fraction
            into += parts[..., power]
    return out


@lru_cache(maxsize=1)
def _banded() -> np.ndarray:
    """Return (BLOCK + TAPS − 1, BLOCK · (DEGREE + 1)): from samples to the polynomials of BLOCK places in a row.

    Each tap's weight is a polynomial in the fraction of a sample, ascending, through Chebyshev's points.
    """
    fraction = (1 - np.cos(np.pi * (np.arange(64) + 0.5) / 64)) / 2
    weights = np.polynomial.polynomial.polyfit(fraction, kernel_at(fraction), _DEGREE).T
    out = np.zeros((_BLOCK + TAPS - 1, _BLOCK, _DEGREE + 1), dtype=np.float32)
    for place in range(_BLOCK):
        out[place:place + TAPS, place] = weights
    return out.reshape(len(out), -1)
