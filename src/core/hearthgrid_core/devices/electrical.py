"""What a signature and the contacts tell of a device's health, as values of `channels`."""
import math
from collections import deque
from statistics import median

import numpy as np

from ..waveform import FEATURE_NAMES
from .channels import HEAT_FLOOR, REST_FLOOR

TAU = 600.0             # thermal time constant of a plug's contacts [s]
IDLE, LOADED = 0.25, 4.0            # squares of the current that warm next to nothing, enough to measure [A²]
LAGGING = -0.3          # of the fundamental in quadrature, from where a load is a winding [1]
REST = 0.05             # of the peak, below which the current rests [1]
CURRENT_LEAST = 0.2     # for the resting of a current to mean anything [A]
LOOKS = 3               # newest values whose median counts

_AT = {name: k for k, name in enumerate(FEATURE_NAMES)}
_TRAJECTORY = [_AT[name] for name in FEATURE_NAMES if name.startswith('trajectory_')]


class Looks:
    """Median of the newest signatures' values: one odd window is no news."""

    def __init__(self) -> None:
        self._newest: dict[str, deque[float]] = {}

    def take(self, vector: np.ndarray) -> dict[str, float]:
        """Return what a signature's vector (FEATURES,) settles, by channel."""
        out = {}
        for name, value in _values(vector).items():
            newest = self._newest.setdefault(name, deque(maxlen=LOOKS))
            newest.append(value)
            if len(newest) == LOOKS:
                out[name] = median(newest)
        return out


def _values(vector: np.ndarray) -> dict[str, float]:
    out, settling = {}, 0.1 * (10 ** vector[_AT['log_settling']] - 1)
    if settling > 0:
        out['start'] = math.log(settling)
    reactive = 10 ** vector[_AT['log_reactive_power']] - 1
    if vector[_AT['displacement_sin']] < LAGGING and reactive > 1:
        out['winding'] = math.log(reactive)
    if 10 ** vector[_AT['log_current']] > CURRENT_LEAST:
        out['rest'] = math.log(float(np.mean(np.abs(vector[_TRAJECTORY]) < REST)) + REST_FLOOR)
    return out


class Warmth:
    """Warming of the contacts per square of the current: their resistance, up to a constant of the plug. [K/A²]"""

    def __init__(self) -> None:
        self._last: float | None = None
        self._square = 0.0
        self._idle = math.nan

    def take(self, now: float, current: float, temperature: float) -> float:
        """Return the channel's value, NaN where it cannot be told: idle was never seen, or the load is too small."""
        if not (math.isfinite(current) and math.isfinite(temperature)):
            return math.nan
        share = 1.0 if self._last is None else -math.expm1(-max(0.0, now - self._last) / TAU)
        self._last = now
        self._square += share * (current * current - self._square)
        if self._square < IDLE:
            self._idle = temperature
        if self._square < LOADED or self._idle != self._idle:
            return math.nan
        return math.log(max(0.0, temperature - self._idle) / self._square + HEAT_FLOOR)
