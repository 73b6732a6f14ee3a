"""When did the load change?"""
from collections import deque
from dataclasses import dataclass

import numpy as np

from ..settings import check_bounds, setting
from .metering import Metering


@dataclass(frozen=True)
class ChangeSettings:
    """How far and for how long power must move to be another state of the load."""

    step: float = setting(4.0, 'W', 0.1, 1000.0, 'Smallest change of active or reactive power that counts.')
    relative: float = setting(0.08, '1', 0.0, 1.0, 'Smallest change that counts, as a share of the apparent power.')
    steady: int = setting(3, '1', 1, 100, 'So many meterings in a row must agree before the new state is steady.')
    patience: float = setting(10.0, 's', 0.1, 600.0, 'A load that moved and never gets steady counts as changed then.')

    def __post_init__(self):
        check_bounds(self)


class ChangeDetector:
    """Says once for each new steady state; the first one counts unless nothing is drawn."""

    def __init__(self, settings: ChangeSettings | None = None):
        self._settings = settings or ChangeSettings()
        self._state = np.zeros(2)               # P and Q1 of the last steady state
        self._recent: deque[np.ndarray] = deque(maxlen=self._settings.steady)
        self._moved_at = np.nan

    def step(self, now: float, metering: Metering) -> bool:
        """Return whether the load has just become steady in another state than before.

        now : of the metering. [s]     A window without mains says nothing about the load and is passed over.
        """
        power = np.array([metering.active_power, metering.reactive_power])
        if not np.isfinite(power).all():
            self._recent.clear()
            self._moved_at = np.nan
            return False
        self._recent.append(power)
        band = max(self._settings.step, self._settings.relative * metering.apparent_power)
        if np.abs(power - self._state).max() <= band:
            self._moved_at = np.nan
            return False
        if np.isnan(self._moved_at):
            self._moved_at = now
        steady = len(self._recent) == self._settings.steady and np.ptp(self._recent, axis=0).max() <= band
        if not steady and now - self._moved_at < self._settings.patience:
            return False
        self._state = np.mean(self._recent, axis=0)
        self._moved_at = np.nan
        return True
