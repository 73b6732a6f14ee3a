"""The turn-on: how large the inrush was and how long the current took to settle."""
from dataclasses import dataclass

import numpy as np

from ..settings import check_bounds, setting
from .window import Window

NOW_CYCLES = 5      # whose mean square is "now"
SETTLED = 0.1       # how far from now a settled cycle may be


@dataclass(frozen=True)
class TurnOn:
    """What was seen of the last switch-on; NaN where none was seen.

    inrush_ratio : largest cycle RMS since switch-on over the cycle RMS now. [1]
    settling_time : from switch-on until the cycle RMS stays within a tenth of now. [s]
    """

    inrush_ratio: float = np.nan
    settling_time: float = np.nan


@dataclass(frozen=True)
class TurnOnSettings:
    """When a load counts as on."""

    current_off: float = setting(0.02, 'A', 0.0, 10.0, 'Below this cycle RMS nothing is on; also the noise allowed.')
    current_on: float = setting(0.03, 'A', 0.0, 10.0, 'A cycle RMS above this, after nothing was on, is a switch-on.')
    horizon: float = setting(30.0, 's', 0.5, 600.0, 'How long a switch-on is followed.')

    def __post_init__(self):
        check_bounds(self)
        if self.current_on <= self.current_off:
            raise ValueError('current_on must lie above current_off')


def cycle_rms(current: np.ndarray, sampling_rate: float, frequency: float) -> np.ndarray:
    """Return the RMS of each cycle. [A]

    current : (n,) [A]     sampling_rate, frequency : [Hz]
    Returns (round(n · frequency / sampling_rate),), at least one: the cycles are stretched to fill the samples.
    """
    count = min(current.size, max(1, round(current.size * frequency / sampling_rate)))
    edges = np.rint(np.arange(count + 1) * (current.size / count)).astype(np.intp)
    return np.sqrt(np.add.reduceat(current ** 2, edges[:-1]) / (edges[1:] - edges[:-1]))


class TurnOnTracker:
    """Follows the cycle RMS of consecutive blocks since the load was switched on."""

    def __init__(self, settings: TurnOnSettings | None = None):
        self._settings = settings or TurnOnSettings()
        self._off_seen = False
        self._length = 0.0                      # of a cycle [s]
        self._since: np.ndarray | None = None   # cycle RMS since switch-on, at most `horizon` of it; None: not seen
        self._now = np.empty(0)                 # the newest cycles

    def step(self, block: Window, frequency: float) -> np.ndarray:
        """Take the next block and return the RMS of its cycles [A], as `cycle_rms` does.

        frequency : of the mains, nominal where it is not known. [Hz]
        """
        rms = found = cycle_rms(block.current, block.sampling_rate, frequency)
        self._length = block.duration / rms.size
        off = np.flatnonzero(rms < self._settings.current_off)
        if off.size:                            # whatever was on is over
            self._off_seen, self._since, self._now = True, None, np.empty(0)
            rms = rms[off[-1] + 1:]
        if self._since is None:
            on = np.flatnonzero(rms > self._settings.current_on)
            if not (self._off_seen and on.size):
                return found
            self._since, rms = np.empty(0), rms[on[0]:]
        room = int(self._settings.horizon / self._length) - self._since.size
        if room > 0:
            self._since = np.concatenate([self._since, rms[:room]])
        self._now = np.concatenate([self._now, rms])[-NOW_CYCLES:]
        return found

    def lost(self) -> None:
        """Forget everything: blocks are missing, and the load may have been switched meanwhile."""
        self._off_seen, self._since, self._now = False, None, np.empty(0)

    @property
    def result(self) -> TurnOn:
        """What the switch-on looks like by now."""
        if self._since is None:
            return TurnOn()
        now = float(np.sqrt(np.mean(self._now ** 2)))
        astray = np.flatnonzero(np.abs(self._since - now) > max(SETTLED * now, self._settings.current_off))
        return TurnOn(inrush_ratio=max(1.0, float(self._since.max()) / now),
                      settling_time=float((astray[-1] + 1) * self._length) if astray.size else 0.0)
