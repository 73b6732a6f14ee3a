"""Voltage waveforms of what is an outage and of what only looks like one.

Every kind is drawn from a generator: the point on wave, depth and length within its standard's limits, on a background
of distortion and noise.
"""

import math
from dataclasses import dataclass

import numpy as np

# Dips to ride through: (lowest and highest residual over nominal [1], longest duration [s]). IEEE 1547-2018 cat. III
# below 0.1 is an interruption by IEEE 1159-2019, and an outage after 20 ms.
ITIC = (
    (0.0, 0.0, 0.020),
    (0.70, 0.70, 0.5),
    (0.80, 0.80, 10.0),
    (0.90, 0.90, 12.0),
    (1.20, 1.20, 0.5),
    (1.40, 1.40, 0.003),
)
RIDE_THROUGH = ((0.12, 0.50, 1.0), (0.50, 0.70, 10.0), (0.70, 0.88, 20.0), (1.10, 1.20, 12.0))
IEC_CYCLES = ((0.0, 0.5), (0.0, 1.0), (0.40, 10.0), (0.70, 25.0), (0.80, 250.0))  # at 50 Hz; 12, 30, 300 at 60 Hz
KINDS = ('itic', 'iec', 'ride-through', 'distortion', 'jump 20', 'jump 60', 'rocof', 'frequency', 'motor', 'capacitor')
LONG = 4.0  # most dips last no longer, to keep the test short; `long` draws the whole length [s]


@dataclass(frozen=True, eq=False)
class Disturbance:
    """kind : of `KINDS` or 'outage'.     begin : when it starts [s].     voltage : (n,) [V]"""

    kind: str
    begin: float
    voltage: np.ndarray


def disturbance(
    kind: str,
    rng: np.random.Generator,
    nominal_voltage: float = 230.0,
    nominal_frequency: float = 50.0,
    sampling_rate: float = 6400.0,
    long: bool = False,
) -> Disturbance:
    """Return a waveform that is no outage. ValueError for an unknown kind."""
    begin = rng.uniform(0.1, 0.1 + 1.0 / nominal_frequency)
    length, scale, frequency, jump = 0.3, None, 0.0, 0.0
    distortion = rng.uniform(0.0, 0.03)
    extra = None
    if kind in ('itic', 'iec', 'ride-through'):
        residual, duration = _dip(kind, rng, nominal_frequency)
        duration = duration if long else min(duration, LONG)
        length, scale = duration + 0.2, (residual, duration)
    elif kind == 'distortion':
        distortion = 0.08
    elif kind in ('jump 20', 'jump 60'):
        jump = math.radians(float(kind.split()[1])) * rng.choice((-1.0, 1.0))
    elif kind == 'rocof':
        frequency, length = rng.choice((-3.0, 3.0)), 0.9
    elif kind == 'frequency':
        frequency = nominal_frequency / 60.0 * rng.uniform(57.0, 61.8) - nominal_frequency
        length = 1.0
    elif kind == 'motor':
        length = 0.8
    elif kind != 'capacitor':
        raise ValueError(f'{kind!r} is no kind of disturbance')
    time = np.arange(int((begin + length) * sampling_rate)) / sampling_rate
    since = time - begin
    after = since >= 0.0
    turn = 2 * math.pi * nominal_frequency * time + rng.uniform(0.0, 2 * math.pi)
    if kind == 'rocof':  # down or up at 3 Hz/s to 3 % off, and there
        ramp = 0.6 * nominal_frequency / 60.0
        moved = np.clip(since, 0.0, ramp)
        turn = turn + 2 * math.pi * frequency * (moved**2 / 2 + ramp * np.clip(since - ramp, 0.0, None))
    elif kind == 'frequency':
        turn = turn + 2 * math.pi * frequency * time
    turn = turn + jump * after
    size = np.full(len(time), rng.uniform(0.95, 1.05))
    if kind == 'distortion':
        size[:] = 1.0
    if scale is not None:
        residual, duration = scale
        size = np.where(after & (since < duration), residual, 1.0)
    elif kind == 'motor':  # 5 … 7 times its current for 0.1 … 0.3 s, then running
        sag, hold = rng.uniform(0.05, 0.25), rng.uniform(0.1, 0.3)
        size = size * np.where(after, 1.0 - sag * np.where(since < hold, 1.0, 0.15), 1.0)
    wave = size * _shape(turn, distortion, rng)
    if kind == 'capacitor':  # back-to-back step and ringing, 300 … 900 Hz
        ringing = rng.uniform(300.0, 900.0)
        extra = -wave[min(int(begin * sampling_rate) + 1, len(wave) - 1)] * np.exp(-since / rng.uniform(1e-3, 5e-3))
        wave = wave + np.where(after, extra * np.cos(2 * math.pi * ringing * since), 0.0)
    return Disturbance(kind, begin, _volts(wave, nominal_voltage, rng))


def outage(
    rng: np.random.Generator,
    residual: float,
    point_on_wave: float,
    nominal_voltage: float = 230.0,
    nominal_frequency: float = 50.0,
    sampling_rate: float = 6400.0,
    before: float = 1.0,
    distortion: float = 0.02,
    length: float = 0.15,
) -> Disturbance:
    """Return a supply that falls to `residual` [1] and stays there.

    point_on_wave : phase at which it falls, 0 … 2π [rad]     before : voltage until then over nominal [1]
    """
    begin = 0.1 + rng.uniform(0.0, 1.0) / sampling_rate
    time = np.arange(int((begin + length) * sampling_rate)) / sampling_rate
    turn = 2 * math.pi * nominal_frequency * (time - begin) + point_on_wave
    wave = np.where(time >= begin, residual, before) * _shape(turn, distortion, rng)
    return Disturbance('outage', begin, _volts(wave, nominal_voltage, rng))


def _dip(kind: str, rng: np.random.Generator, nominal_frequency: float) -> tuple[float, float]:
    if kind == 'iec':
        residual, cycles = IEC_CYCLES[rng.integers(len(IEC_CYCLES))]
        return residual, cycles / 50.0 if cycles > 1.0 else cycles / nominal_frequency
    low, high, duration = (ITIC if kind == 'itic' else RIDE_THROUGH)[
        rng.integers(len(ITIC if kind == 'itic' else RIDE_THROUGH))
    ]
    return rng.uniform(low, high), duration


def _shape(turn: np.ndarray, distortion: float, rng: np.random.Generator) -> np.ndarray:
    """Return sin(turn) with harmonics 3, 5, 7, 11 of random phase, `distortion` in all."""
    share = rng.uniform(0.2, 1.0, 4)
    share *= distortion / np.linalg.norm(share)
    return np.sin(turn) + sum(
        a * np.sin(h * turn + rng.uniform(0.0, 2 * math.pi)) for h, a in zip((3, 5, 7, 11), share, strict=True)
    )


def _volts(wave: np.ndarray, nominal: float, rng: np.random.Generator) -> np.ndarray:
    return math.sqrt(2.0) * nominal * (wave + rng.normal(0.0, 0.002, len(wave)))
