"""The capture ring: the newest seconds of an outlet's waveform, gapless."""
import numpy as np

from .window import WaveformError, Window


class CaptureRing:
    """Keeps the newest `seconds` of consecutive blocks.

    A block joins when it begins where the last one ended, within `tolerance`; stamps may jitter that much without
    harm, since time is taken from the newest stamp. A gap, an overlap or another sampling rate restarts the ring.
    """

    def __init__(self, seconds: float, tolerance: float = 1e-3):
        """seconds : to keep, > 0. [s]     tolerance : of the stamps, ≥ 0. [s]     Raises ValueError."""
        if not seconds > 0 or not tolerance >= 0:
            raise ValueError(f'a ring of {seconds} s with a tolerance of {tolerance} s')
        self._seconds, self._tolerance = seconds, tolerance
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._rate = self._due = 0.0
        self._keep = self._end = self._begin = 0
        self._store = np.empty((2, 0))

    @property
    def duration(self) -> float:
        """How much is held. [s]"""
        return (self._end - self._begin) / self._rate if self._rate else 0.0

    def append(self, block: Window) -> bool:
        """Add a block; return whether it continued the ones before (False: the ring restarted with it)."""
        joins = bool(self._rate) and (block.sampling_rate == self._rate
                                      and abs(block.start - self._due) <= self._tolerance)
        if not joins:
            self._rate = block.sampling_rate
            self._keep = max(1, round(self._seconds * self._rate))
            self._begin = self._end = 0
        self._make_room(len(block))
        self._store[0, self._end:self._end + len(block)] = block.voltage
        self._store[1, self._end:self._end + len(block)] = block.current
        self._end += len(block)
        self._begin = max(self._begin, self._end - self._keep)
        self._due = block.end
        return joins

    def latest(self, duration: float) -> Window | None:
        """Return the newest `duration` [s] as a window of its own, None while less is held."""
        if not duration > 0:
            raise WaveformError(f'a window of {duration} s')
        count = max(1, round(duration * self._rate))
        if not self._rate or count > self._end - self._begin:
            return None
        newest = self._store[:, self._end - count:self._end].copy()
        return Window(newest[0], newest[1], self._rate, self._due - count / self._rate)

    def _make_room(self, count: int) -> None:
        """Move what is kept to the front when `count` more samples do not fit: once in `_keep` samples."""
        if self._end + count <= self._store.shape[1]:
            return
        held = self._store[:, self._begin:self._end]
        wide = 2 * self._keep + count
        store = self._store if self._store.shape[1] >= wide else np.empty((2, wide))
        store[:, :held.shape[1]] = held.copy()
        self._store, self._begin, self._end = store, 0, held.shape[1]
