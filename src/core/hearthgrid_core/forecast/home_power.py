"""What the home draws, out of what its meters say."""
from collections.abc import Sequence

import numpy as np

from .recorder import Recorder
from .series import Series
from .settings import ForecastSettings

MINUTE = 60.0
FAINT = 1e-3    # of a step must be known: the first seconds count, too


class HomePower:
    """Minutes of grid, PV, batteries and of the outlets whose loads are planned, in memory of fixed size.

    At the meters positive power is drawn from the home's bus, so the home draws grid − pv − each battery.
    batteries : ids of their readings
    """

    def __init__(self, settings: ForecastSettings, outlets_max: int = 16, batteries: Sequence[str] = ('battery',)):
        self._settings, self._outlets_max = settings, outlets_max
        self.meters = ('grid', 'pv', *batteries)
        self._length = round(settings.memory / MINUTE)
        self._recorders = {name: Recorder(MINUTE, self._length) for name in self.meters}

    def watch(self, outlet: str) -> bool:
        """Record an outlet whose load is planned, so that `base` leaves it out. False when there are too many."""
        if outlet not in self._recorders:
            if len(self._recorders) >= self._outlets_max + len(self.meters):
                return False
            self._recorders[outlet] = Recorder(MINUTE, self._length)
        return True

    def add(self, source: str, end: float, duration: float, power: float) -> bool:
        """Note the mean power [W] of a meter or a watched outlet over `duration` up to `end` [s]; False if unused."""
        recorder = self._recorders.get(source)
        return recorder is not None and recorder.add(end, duration, power)

    def learn(self, source: str, past: Series) -> None:
        """Take in the stored past of a meter or a watched outlet. [W]"""
        if source in self._recorders:
            self._recorders[source].learn(past)

    def measured(self, source: str) -> bool:
        """Return whether a meter or a watched outlet was ever heard."""
        return self._recorders[source].heard

    def home(self, now: float) -> Series:
        """Return all that the home drew up to `now` [s], in the settings' steps. [W]"""
        return self._stepped(self._minutes(()), now)

    def base(self, now: float) -> Series:
        """Return what the home drew without the watched outlets. [W]"""
        return self._stepped(self._minutes([o for o in self._recorders if o not in self.meters]), now)

    def pv(self, now: float) -> Series:
        """Return what the panels produced, positive. [W]"""
        minutes = self._recorders['pv'].series()
        return self._stepped(Series(minutes.start, MINUTE, np.maximum(-minutes.values, 0.0)), now)

    def _minutes(self, without: list[str] | tuple[str, ...]) -> Series:
        grid = self._recorders['grid'].series()
        power = grid.values.copy()
        for name in self.meters[1:]:
            if self.measured(name):
                # A source that is there but did not speak leaves the home unknown.
                power -= self._recorders[name].series().resampled(grid.start, MINUTE, len(grid)).values
        for outlet in without:
            power -= np.nan_to_num(self._recorders[outlet].series().resampled(grid.start, MINUTE, len(grid)).values)
        return Series(grid.start, MINUTE, power)

    def _stepped(self, minutes: Series, now: float) -> Series:
        """Return steps that end now, so that a forecast from their end begins now."""
        step = self._settings.step
        if not minutes.known.any():
            return Series(now, step, np.empty(0))
        count = min(int(np.ceil((now - minutes.start) / step)), round(self._settings.memory / step))
        if count <= 0:
            return Series(now, step, np.empty(0))
        return minutes.resampled(now - count * step, step, count, FAINT)
