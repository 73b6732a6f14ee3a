"""How far a device's waveform is from its own."""
import math
from collections import deque
from collections.abc import Mapping

import numpy as np

from .classifier import PRIOR_NOISE
from .examples import DevicesError, squared_distances
from .settings import AnomalySettings

REFERENCE = 48          # signatures kept of how the device looked at first
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

    @property
    def ratio(self) -> float:
        """Median distance of the newest signatures over what is usual, NaN before enough were seen."""
        return float(np.median(self._recent)) if len(self._recent) == self._recent.maxlen else math.nan

    def state(self) -> dict:
        """Return the reference as plain values."""
        return {'reference': [row.tolist() for row in self._reference]}

    @classmethod
    def from_state(cls, state: Mapping, settings: AnomalySettings, view) -> 'Drift':
        """Take over what `state` returned. DevicesError when it is damaged."""
        made = cls(settings, view)
        try:
            rows = np.array(state['reference'], dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise DevicesError(f'the saved waveforms are damaged: {error}') from None
        if rows.size and (rows.ndim != 2 or len(rows) > REFERENCE or not np.isfinite(rows).all()):
            raise DevicesError(f'the saved waveforms are {rows.shape}, not finite rows of at most {REFERENCE}')
        made._reference = list(rows) if rows.size else []
        if len(made._reference) >= settings.waveform_warm:
            made._measure()
        return made

    def _measure(self) -> None:
        points = np.array(self._reference)
        centre = np.median(points, axis=0)
        self._scale = np.maximum(1.4826 * np.median(np.abs(points - centre), axis=0), PRIOR_NOISE)
        apart = squared_distances(points / self._scale, points / self._scale)
        np.fill_diagonal(apart, np.inf)
        self._usual = max(float(np.quantile(np.sqrt(apart.min(axis=1)), USUAL_QUANTILE)), 1.0)
