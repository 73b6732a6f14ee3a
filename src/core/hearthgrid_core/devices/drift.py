"""Whether a device's waveform is still its own."""
from collections import deque

import numpy as np

from .alarm import WELL, Finding, Severity
from .classifier import PRIOR_NOISE
from .examples import squared_distances
from .settings import AnomalySettings

REFERENCE = 48          # signatures kept of how the device looked at first
HYSTERESIS = 0.75       # of the ratio, while the alarm is up
USUAL_QUANTILE = 0.9


class Drift:
    """Distance of a device's newest signatures from what it looked like at first, over what is usual between those.

    The reference stops growing when it is full and takes nothing that is far from it, so slow wear is not learnt away.
    """

    def __init__(self, settings: AnomalySettings, view) -> None:
        self._settings, self._view = settings, view
        self._reference: list[np.ndarray] = []
        self._scale, self._usual = np.ones(1), float('inf')
        self._recent: deque[float] = deque(maxlen=settings.waveform_count)

    def step(self, vector: np.ndarray) -> None:
        """Take a signature vector (features,)."""
        seen = self._view(vector[None])[0]
        warm = len(self._reference) >= self._settings.waveform_warm
        ratio = 0.0
        if warm:
            known = np.array(self._reference) / self._scale
            ratio = float(np.sqrt(squared_distances(seen[None] / self._scale, known).min())) / self._usual
            self._recent.append(ratio)
        if len(self._reference) < REFERENCE and ratio <= self._settings.waveform_ratio:
            self._reference.append(seen)
            if len(self._reference) >= self._settings.waveform_warm:
                self._measure()

    def judge(self, up: bool) -> Finding:
        """Return what the newest signatures show."""
        if len(self._recent) < self._settings.waveform_count:
            return WELL
        ratio, bound = float(np.median(self._recent)), self._settings.waveform_ratio
        if ratio <= bound * (HYSTERESIS if up else 1.0):
            return Finding(Severity.UNKNOWN, ratio, 1.0)
        return Finding(Severity.WARNING, ratio, 1.0,
                       f'its waveform changed: {ratio:.1f} times as far from how it was as is usual; wear or a fault?')

    def _measure(self) -> None:
        points = np.array(self._reference)
        centre = np.median(points, axis=0)
        self._scale = np.maximum(1.4826 * np.median(np.abs(points - centre), axis=0), PRIOR_NOISE)
        apart = squared_distances(points / self._scale, points / self._scale)
        np.fill_diagonal(apart, np.inf)
        self._usual = max(float(np.quantile(np.sqrt(apart.min(axis=1)), USUAL_QUANTILE)), 1.0)
