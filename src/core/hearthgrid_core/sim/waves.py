"""From phasors to samples, and from samples to a converter's counts."""
import cmath
import math

import numpy as np

from .loads import ORDERS, Start
from .network import Solution
from .settings import AdcSettings

COUNT_MAX = 32767


def basis(phase: float, turn: float, length: int) -> np.ndarray:
    """Return (2·orders, length) float32: √2·cos(hθ) and −√2·sin(hθ) for θ = phase + turn·k.

    A phasor X of order h is the wave √2·Re(X·exp(jhθ)), so real and imaginary parts times these rows are its samples.
    """
    first = np.exp(1j * (phase + turn * np.arange(length)))
    square = first * first
    rows = np.empty((2 * len(ORDERS), length), dtype=np.float32)
    power = first * math.sqrt(2)
    for k in range(len(ORDERS)):
        rows[k], rows[len(ORDERS) + k] = power.real, -power.imag
        if k + 1 < len(ORDERS):
            power = power * square
    return rows


def coefficients(phasors: np.ndarray) -> np.ndarray:
    """Return (..., n, 2·orders) float32 for `basis`, of phasors (..., orders, n)."""
    turned = np.swapaxes(phasors, -1, -2)
    return np.concatenate([turned.real, turned.imag], axis=-1).astype(np.float32)


def write(out_voltage: np.ndarray, out_current: np.ndarray, solution: Solution, extra: np.ndarray, edges: list[int],
          rows: np.ndarray) -> None:
    """Write the samples of a solved stretch, but for what `start_current` adds.

    out_voltage, out_current : (outlets, length) float32.     extra : (s, outlets) admittance of starts [S].
    edges : s + 1 offsets of the solution's stretches of time.     rows : of `basis`.
    """
    steady = solution.current.copy()
    steady[:, 0] -= extra * solution.voltage[:, 0]
    voltage, current = coefficients(solution.voltage), coefficients(steady)
    for s, (begin, end) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        np.matmul(voltage[s], rows[:, begin:end], out=out_voltage[:, begin:end])
        np.matmul(current[s], rows[:, begin:end], out=out_current[:, begin:end])


def start_current(start: Start, rated: float, nominal: float, level: float, steady: complex, voltage: np.ndarray,
                  angle: np.ndarray, since: np.ndarray, first_angle: float) -> np.ndarray:
    """Return the samples (n,) of a start's extra current. [A]

    rated : RMS current at nominal voltage and full level [A]     steady : phasor of the load's steady current now [A]
    voltage : (n,) fundamental phasor at the outlet [V]
    angle : (n,) of the source's phase, not wrapped [rad]     since : (n,) time after switching on [s]
    first_angle : the phase at switching on [rad]
    """
    if start.ratio <= 1.0:
        share = math.cos(first_angle + cmath.phase(voltage[0])) * abs(voltage[0]) / nominal
        return level * start.pulse * share * np.exp(-since / start.pulse_time)
    phasor = level * rated / nominal * voltage * cmath.exp(-1j * start.angle) * math.sqrt(2)
    wave = (phasor * np.exp(1j * angle)).real * start.envelope(since)
    if start.offset_time:
        first = (phasor[0] * (start.ratio - 1) + math.sqrt(2) * steady) * cmath.exp(1j * first_angle)
        wave -= first.real * np.exp(-since / start.offset_time)
    return wave


class Converter:
    """A 16-bit converter: scale, noise, rounding, clipping."""

    def __init__(self, settings: AdcSettings, generator: np.random.Generator):
        self._noise, self._generator = settings.noise, generator
        self.voltage_scale = settings.voltage_range / COUNT_MAX     # [V/count]
        self.current_scale = settings.current_range / COUNT_MAX     # [A/count]

    def counts(self, voltage: np.ndarray, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return int16 counts of voltage [V] and current [A], float32 arrays of one shape, which are overwritten."""
        noise = self._generator.standard_normal((2, *voltage.shape), dtype=np.float32)
        noise *= np.float32(self._noise)
        voltage *= np.float32(1 / self.voltage_scale)
        current *= np.float32(1 / self.current_scale)
        voltage += noise[0]
        current += noise[1]
        return self._round(voltage), self._round(current)

    def plain(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return int16 counts of a recording's (n, 2) voltage and current, which bring their own noise."""
        return self._round(samples[:, 0] / self.voltage_scale), self._round(samples[:, 1] / self.current_scale)

    @staticmethod
    def _round(values: np.ndarray) -> np.ndarray:
        np.rint(values, out=values)
        np.clip(values, -COUNT_MAX, COUNT_MAX, out=values)
        return values.astype(np.int16)
