"""Alignment: from converter samples to whole mains cycles with a fixed number of samples each.

Rising zero crossings of the voltage give the frequency to about a thousandth, whatever the distortion. The phase of the
fundamental, taken at that frequency from an early and a late part of the window, gives the rest: frequency and zero
crossing close to what the noise allows. A windowed sinc then resamples voltage and current alike.
"""
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.signal import firwin, upfirdn

from .window import WaveformError, Window

SAMPLES_PER_CYCLE = 128
FREQUENCY_MIN, FREQUENCY_MAX = 42.5, 69.0   # what IEC 61000-4-30 asks class A to measure around 50 and 60 Hz [Hz]
MAINS_MIN = 12.0                            # below this RMS there is no mains: a tenth of the lowest nominal [V]
CYCLES_MIN = 2.9                            # that a frequency is measured from: three, of which crossings may tell less
TAPS, _PHASES = 16, 2048                    # of the interpolation kernel
REACH = TAPS // 2 - 1                       # samples it needs before a position; one more after
_SHARPNESS = 8.0                            # Kaiser's β: 80 dB
_STEPS = np.arange(64)


@dataclass(frozen=True, eq=False)
class Aligned:
    """Whole mains cycles from a rising zero crossing of the voltage's fundamental.

    voltage, current : (cycles × samples_per_cycle,) [V], [A]
    frequency : of the fundamental. [Hz]
    start : time of the first sample, UNIX epoch. [s]
    """

    voltage: np.ndarray
    current: np.ndarray
    frequency: float
    cycles: int
    samples_per_cycle: int = SAMPLES_PER_CYCLE
    start: float = 0.0

    @property
    def duration(self) -> float:
        """Of the whole cycles. [s]"""
        return self.cycles / self.frequency


def fundamental_frequency(voltage: np.ndarray, sampling_rate: float, nominal: float) -> float:
    """Return the frequency of the mains in `voltage` [Hz], NaN where there is none.

    voltage : (n,), three cycles or more. [V]     sampling_rate, nominal : [Hz]
    There is no mains when the RMS is below a tenth of the lowest nominal voltage (12 V), when there are no rising zero
    crossings, or when their distance is not that of 42.5 … 69 Hz. Raises WaveformError where `nominal` is not either.
    """
    return _fundamental(np.asarray(voltage, dtype=np.float64), sampling_rate, nominal)[0]


def align(window: Window, nominal: float, samples_per_cycle: int = SAMPLES_PER_CYCLE,
          cycles: int | None = None) -> Aligned:
    """Return the newest `cycles` whole cycles of the window, or all whole cycles it holds.

    nominal : frequency. [Hz]     A window of n + 2 cycles, and of a little over three, always holds n: up to one is
    lost before the first zero crossing, and the kernel reaches less than half a cycle beyond either end (from 1 kHz).
    Harmonics up to two thirds of the Nyquist frequency arrive within 1/5000 of their size; what lies beyond harmonic
    `samples_per_cycle` / 2 is filtered out. Raises WaveformError without mains or where the window is too short.
    """
    if cycles is not None and cycles < 1:
        raise WaveformError(f'{cycles} cycles')
    frequency, crossing = _fundamental(window.voltage, window.sampling_rate, nominal)
    if np.isnan(frequency):
        raise WaveformError(f'no mains in {window.duration:.3f} s of {np.std(window.voltage):.1f} V RMS')
    samples, factor, first = decimate(np.stack([window.voltage, window.current]),
                                      window.sampling_rate / (samples_per_cycle * frequency))
    period = window.sampling_rate / frequency / factor                      # in samples, as everything below
    origin = (crossing * window.sampling_rate - first) / factor
    origin += period * np.ceil((REACH - origin) / period)
    fits = int((samples.shape[1] - REACH - 2 - origin) / period)
    if fits < (cycles or 1):
        raise WaveformError(f'{max(fits, 0)} whole cycles in {window.duration:.3f} s; {cycles or 1} are needed')
    if cycles is not None:
        origin += (fits - cycles) * period
        fits = cycles
    position = origin + np.arange(fits * samples_per_cycle) * (period / samples_per_cycle)
    voltage, current = _interpolate(samples, position)
    start = window.start + (first + origin * factor) / window.sampling_rate
    return Aligned(voltage, current, frequency, fits, samples_per_cycle, start)


def _fundamental(voltage: np.ndarray, rate: float, nominal: float) -> tuple[float, float]:
    """Return frequency [Hz] and the time of one rising zero crossing after the first sample [s]; NaN without mains."""
    nothing = (np.nan, np.nan)
    if not (FREQUENCY_MIN <= nominal <= FREQUENCY_MAX and rate >= 4 * nominal):
        raise WaveformError(f'mains of {nominal} Hz sampled at {rate} Hz')
    if not voltage.size:
        return nothing
    ripple = voltage - voltage.mean()
    rms = np.sqrt(np.dot(ripple, ripple) / ripple.size)
    if not rms >= MAINS_MIN:
        return nothing
    coarse = _crossing_frequency(ripple, rms, rate, nominal)
    cycles = ripple.size * coarse / rate if FREQUENCY_MIN <= coarse <= FREQUENCY_MAX else 0.0
    if cycles < CYCLES_MIN:
        return nothing
    # Under a Hann window of two whole cycles or more, offset and harmonics vanish from the fundamental's phase.
    length = max(2, int(cycles) // 2) * rate / coarse
    count = int(length) + 1
    kernel = _turning(-2 * np.pi * coarse / rate, count)
    kernel *= 1 - _turning(2 * np.pi / length, count).real
    parts = kernel.view(np.float64).reshape(count, 2)
    apart = ripple.size - count
    early, late = (complex(*(part @ parts)) for part in (ripple[:count], ripple[apart:]))
    turned = np.angle(late * early.conjugate() * np.exp(-2j * np.pi * coarse / rate * apart))
    frequency = coarse + turned * rate / (2 * np.pi * apart)
    if not FREQUENCY_MIN <= frequency <= FREQUENCY_MAX:
        return nothing
    # The two phases belong to the middles of the two parts; half way between, their common error cancels.
    phase = np.angle(early) + turned / 2 - 2 * np.pi * (frequency - coarse) * (length + apart) / (2 * rate)
    return float(frequency), float((-np.pi / 2 - phase) / (2 * np.pi * frequency) % (1 / frequency))


def _turning(turn: float, count: int) -> np.ndarray:
    """Return exp(j·turn·k), k = 0 … count − 1, of one exponential a row and a column."""
    fine = np.exp(1j * turn * _STEPS)
    coarse = np.exp(1j * turn * np.arange(0, count, _STEPS.size))
    return (coarse[:, None] * fine).ravel()[:count]


def _crossing_frequency(ripple: np.ndarray, rms: float, rate: float, nominal: float) -> float:
    """Return the frequency of the rising zero crossings [Hz], NaN when there are fewer than two.

    An eighth of a cycle is averaged, and a crossing counts only from well below to well above zero: distortion and
    noise then cannot make a second one.
    """
    width = max(1, round(rate / nominal / 8))
    hop = max(1, width // 4)
    total = np.cumsum(ripple)
    smooth = (total[width::hop] - total[:-width:hop]) / width
    high = smooth > 0.4 * rms
    sure = (high | (smooth < -0.4 * rms)).nonzero()[0]
    side = high[sure]
    rising = (side[1:] > side[:-1]).nonzero()[0]
    if rising.size < 2:
        return np.nan
    below, above = sure[rising], sure[rising + 1]
    low, gap = smooth[below], above - below
    crossing = below + gap * low / (low - smooth[above])
    distance = crossing[1:] - crossing[:-1]
    ordered = np.sort(distance)
    median = (ordered[(ordered.size - 1) // 2] + ordered[ordered.size // 2]) / 2
    number = np.zeros(crossing.size)
    np.cumsum(np.rint(distance / median), out=number[1:])                   # one may be missing
    number -= number.sum() / number.size
    return rate / hop * np.dot(number, number) / np.dot(number, crossing)


def decimate(samples: np.ndarray, ratio: float) -> tuple[np.ndarray, int, float]:
    """Keep every k-th sample behind a low-pass, k the whole part of `ratio`: what the sampling rate has to spare.

    samples : (c, n). Returns (c, j), k, and where the first of them lies, in original samples.
    """
    factor = int(ratio + 1e-6)
    if factor < 2:
        return samples, 1, 0.0
    kernel = _low_pass(factor)
    skip = -(-(kernel.size - 1) // factor)                                  # outputs that begin before the window
    valid = upfirdn(kernel, samples, down=factor)[:, skip:(samples.shape[1] - 1) // factor + 1]
    return valid, factor, skip * factor - (kernel.size - 1) / 2


@lru_cache(maxsize=64)
def _low_pass(factor: int) -> np.ndarray:
    return firwin(TAPS * factor + 1, 1 / factor, window=('kaiser', _SHARPNESS))


@lru_cache(maxsize=1)
def _kernel() -> np.ndarray:
    """Return the weights of `TAPS` neighbours at `_PHASES` fractions of a sample, each row summing to one."""
    return kernel_at(np.arange(_PHASES) / _PHASES)


def kernel_at(fraction: np.ndarray) -> np.ndarray:
    """Return (k, TAPS) weights of the neighbours at fractions (k,) of a sample: a sinc under a Kaiser window."""
    distance = np.arange(TAPS) - REACH - fraction[:, None]
    weights = np.sinc(distance) * np.i0(_SHARPNESS * np.sqrt(np.clip(1 - (distance * 2 / TAPS) ** 2, 0, 1)))
    return weights / weights.sum(axis=1, keepdims=True)


def _interpolate(samples: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Return `samples` (2, n) at fractional positions (k,), to the nearest 1/2048 of a sample: (2, k)."""
    fine = np.rint(position * _PHASES).astype(np.intp)
    weights = _kernel().take(fine % _PHASES, axis=0)
    first = fine // _PHASES - REACH
    neighbours = np.lib.stride_tricks.as_strided(samples, (2, samples.shape[1] - TAPS + 1, TAPS),
                                                 (*samples.strides, samples.strides[1]), writeable=False)
    ends = [*((first[1:] - first[:-1] != 1).nonzero()[0] + 1).tolist(), first.size]
    if len(ends) > first.size // SAMPLES_PER_CYCLE:
        return np.stack([np.einsum('kt,kt->k', channel[first], weights) for channel in neighbours])
    # Converters that sample as often as wanted: the neighbours of one position are mostly those of the last, moved by
    # one sample, and need not be copied.
    out, begin = np.empty((2, first.size)), 0
    for end in ends:
        run = neighbours[:, first[begin]:first[begin] + end - begin]
        np.einsum('ckt,kt->ck', run, weights[begin:end], out=out[:, begin:end])
        begin = end
    return out
