"""Is the supply gone? Sample by sample on the voltage's waveform: a fast flag, and a slow declaration.

The flag says *open the tie*: it comes within milliseconds, may be wrong, and goes back by itself unless an outage is
declared. A declaration says *this is an outage* (elect, shed, tell people): it waits until what is seen is none of the
disturbances equipment and sources have to ride through.

Two measures, both blind to the phase: the RMS of the last half cycle, which odd harmonics do not move, and the
amplitude of a sine fitted to the last fifth of a cycle, which is faster but disturbed by harmonics. A flag needs the
first below `low`, or both fallen against the RMS of a cycle ago. Frequency is the turn, over one cycle, of a phasor of
two cycles.

Declared are: a dead supply (below 10 %, an interruption by IEEE 1159-2019) for longer than the 20 ms of the ITI (CBEMA)
curve and the one cycle of IEC 61000-4-11; a sag for longer than IEEE 1547-2018 category III rides through; a frequency
at which category III must trip. An island that still fits all of this is pushed out of it by `frequency_shift`.
"""

import math
from dataclasses import dataclass

import numpy as np

from hearthgrid_core.settings import check_bounds, setting

# Below this share of nominal for longer than this [s]: IEEE 1159 interruption; 1547-2018 category III ride-through.
SAGS = ((0.10, 0.020), (0.50, 1.05), (0.70, 10.5), (0.88, 21.0))
FREQUENCY_MIN, FREQUENCY_MAX, FREQUENCY_TIME = 56.5 / 60.0, 62.0 / 60.0, 0.16
LIVE = 0.2  # below this share of nominal a frequency means nothing


@dataclass(frozen=True)
class DetectorSettings:
    """What is low, and when it is well again."""

    nominal_voltage: float = setting(230.0, 'V', 90.0, 260.0, 'Mains voltage, RMS.')
    nominal_frequency: float = setting(50.0, 'Hz', 45.0, 65.0, 'Mains frequency.')
    sampling_rate: float = setting(6400.0, 'Hz', 1e3, 1e5, 'Of the voltage.')
    low: float = setting(0.75, '1', 0.5, 0.9, 'Half-cycle RMS over nominal that is flagged.')
    sagging: float = setting(0.96, '1', 0.5, 1.0, 'The same over that of a cycle ago, if the amplitude collapses.')
    collapsing: float = setting(0.62, '1', 0.3, 0.9, 'Fitted amplitude over the RMS value of a cycle ago, both [pu].')
    well: float = setting(0.88, '1', 0.5, 1.0, 'Half-cycle RMS over nominal from which the supply is well.')
    clear_time: float = setting(0.1, 's', 0.0, 10.0, 'A flag goes back after the supply has been well so long.')

    def __post_init__(self) -> None:
        check_bounds(self)
        if not self.low < self.well:
            raise ValueError('low must lie below well')


@dataclass(frozen=True, eq=False)
class Finding:
    """What one block of n samples shows.

    flag : (n,) bool, open the tie.     declared : time of the sample at which the outage was declared, None = it is
    not [s]     evidence : in words, '' = none.     rms : (n,) of the last half cycle over nominal [1]
    frequency : at the end, NaN = dead [Hz]
    """

    flag: np.ndarray
    declared: float | None
    evidence: str
    rms: np.ndarray
    frequency: float


def fit_weights(count: int, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return weights (count,) of the cosine and sine parts of a sine fitted by least squares to `count` samples.

    angle : between samples. [rad]
    """
    phase = angle * (np.arange(count) - (count - 1) / 2)
    return np.cos(phase) / np.sum(np.cos(phase) ** 2), np.sin(phase) / np.sum(np.sin(phase) ** 2)


def frequency_shift(frequency: float, nominal: float, gain: float = 0.12, bias: float = 0.02) -> float:
    """Return by how much of its angle a grid-following inverter leads its own measurement. [rad]

    Sandia frequency shift (Stevens, Bonn, Ginn, Gonzalez: SAND2000-1939): the chopping fraction grows with the
    frequency's error, so that a grid holds it and an island runs away.

    gain : of the error [1/Hz]     bias : at nominal frequency [1]
    """
    fraction = min(max(bias + gain * (frequency - nominal), -0.5), 0.5)
    return math.pi / 2 * fraction


class OutageDetector:
    """Takes blocks of any length, gapless; what it finds does not depend on how the samples are cut into blocks."""

    def __init__(self, settings: DetectorSettings) -> None:
        s = self.settings = settings
        self._cycle = round(s.sampling_rate / s.nominal_frequency)
        self._half, self._fit = self._cycle // 2, max(self._cycle // 5, 6)
        angle = 2 * math.pi * s.nominal_frequency / s.sampling_rate
        self._cos, self._sin = (w[::-1] for w in fit_weights(self._fit, angle))
        self._clear = max(1, round(s.clear_time * s.sampling_rate))
        self._times = [round(duration * s.sampling_rate) for _, duration in SAGS]
        self.reset()

    def reset(self) -> None:
        """Start anew: unflagged, and blind for the first cycle."""
        self._past = np.zeros(3 * self._cycle)
        self._count = 0  # samples taken
        self._runs = np.zeros(len(SAGS), int)  # samples for which each sag has lasted
        self._astray, self._good, self._flagged = 0, self._clear, False
        self._declared: float | None = None
        self._evidence = ''

    def step(self, start: float, voltage: np.ndarray) -> Finding:
        """Take the next samples (n,) in [V], the first of them at `start` [s]. ValueError when not finite or empty."""
        voltage = np.asarray(voltage, dtype=float)
        if voltage.ndim != 1 or not len(voltage) or not np.isfinite(voltage).all():
            raise ValueError(f'samples of shape {voltage.shape} must be a row of finite numbers')
        s, n = self.settings, len(voltage)
        wave = np.concatenate([self._past, voltage])
        rms = self._half_cycle(wave, n) / s.nominal_voltage
        amplitude = self._fitted(wave, n) / (math.sqrt(2.0) * s.nominal_voltage)
        frequency = self._frequency(wave, n)
        ago = self._half_cycle(wave[: -self._cycle], n) / s.nominal_voltage
        low = (rms < s.low) | ((rms < s.sagging * ago) & (amplitude < s.collapsing * ago))
        low[: max(0, self._cycle - self._count)] = False  # the first cycle is compared with no real past
        declared = self._declare(start, rms, frequency)
        good, self._good = _run(rms >= s.well, self._good)
        flag = _latch(low, good >= self._clear, self._flagged)
        if declared is not None:
            flag[max(0, declared) :] = True
        self._flagged = bool(flag[-1])
        self._past, self._count = wave[-3 * self._cycle :], self._count + n
        return Finding(flag, self._declared, self._evidence, rms, float(frequency[-1]) if rms[-1] >= LIVE else math.nan)

    def _half_cycle(self, wave: np.ndarray, n: int) -> np.ndarray:
        total = np.concatenate([[0.0], np.cumsum(wave[-n - self._half :] ** 2)])
        return np.sqrt(np.maximum(total[self._half + 1 :] - total[1 : -self._half], 0.0) / self._half)

    def _fitted(self, wave: np.ndarray, n: int) -> np.ndarray:
        recent = wave[-n - self._fit + 1 :]
        return np.hypot(np.convolve(recent, self._cos, 'valid'), np.convolve(recent, self._sin, 'valid'))

    def _frequency(self, wave: np.ndarray, n: int) -> np.ndarray:
        """Return the frequency (n,) by the turn of a phasor, averaged twice over a cycle, during one cycle. [Hz]"""
        cycle = self._cycle
        phasor = wave * np.exp(-2j * math.pi / cycle * ((self._count + np.arange(len(wave))) % cycle))
        for _ in range(2):  # once would leave the image at the double frequency
            total = np.concatenate([[0.0], np.cumsum(phasor)])
            phasor = total[cycle:] - total[:-cycle]
        turned = np.angle(phasor[-n:] * np.conj(phasor[-n - cycle : -cycle]))
        return self.settings.sampling_rate / cycle * (1.0 + turned / (2 * math.pi))

    def _declare(self, start: float, rms: np.ndarray, frequency: np.ndarray) -> int | None:
        """Return the sample from which the outage is declared, 0 if it was before; None = it is not."""
        s, found = self.settings, []
        for k, ((level, duration), limit) in enumerate(zip(SAGS, self._times, strict=True)):
            run, self._runs[k] = _run(rms < level, self._runs[k])
            late = np.flatnonzero(run > limit)
            if len(late):
                found.append((int(late[0]), f'under {level * s.nominal_voltage:.0f} V for {duration * 1e3:.0f} ms'))
        ratio = frequency / s.nominal_frequency
        astray = (rms >= LIVE) & ((ratio < FREQUENCY_MIN) | (ratio > FREQUENCY_MAX))
        run, self._astray = _run(astray, self._astray)
        late = np.flatnonzero(run > round(FREQUENCY_TIME * s.sampling_rate))
        if len(late):
            found.append((int(late[0]), f'{frequency[late[0]]:.2f} Hz for {FREQUENCY_TIME * 1e3:.0f} ms'))
        if self._declared is not None:
            return 0
        if not found:
            return None
        first, self._evidence = min(found)
        self._declared = start + first / s.sampling_rate
        return first


def _run(true: np.ndarray, before: int) -> tuple[np.ndarray, int]:
    """Return for how many samples (n,) each has been true, with `before` true ones ahead; and the last of them."""
    index = np.arange(len(true))
    last_false = np.maximum.accumulate(np.where(true, -1 - before, index))
    run = index - last_false
    return run, int(run[-1])


def _latch(on: np.ndarray, off: np.ndarray, before: bool) -> np.ndarray:
    """Return a switch (n,) that `on` sets and `off` resets; `on` wins."""
    index = np.arange(1, len(on) + 1)
    last_on = np.maximum.accumulate(np.where(on, index, 0))
    last_off = np.maximum.accumulate(np.where(off & ~on, index, 0))
    return (last_on > last_off) | ((last_on == 0) & (last_off == 0) & before)
