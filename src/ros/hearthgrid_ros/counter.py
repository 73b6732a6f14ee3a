"""A number that rises with every message of a sender, over restarts and over a clock that was set back."""
import json
import time
from collections.abc import Callable
from pathlib import Path

from hearthgrid_ros import durable

RESERVE = 3_600_000  # numbers promised to the file at once: at the clock's pace an hour's


class Counter:
    """Counts by the wall clock in milliseconds, and from `<folder>/<name>.counter.json` where the clock is behind that.

    An empty folder name keeps nothing; a file that cannot be read or written costs only the second half.
    """

    def __init__(self, folder: str, name: str, clock: Callable[[], float] = time.time) -> None:
        """clock : [s since the epoch]"""
        self._path = Path(folder) / f'{name}.counter.json' if folder else None
        self._clock = clock
        self._last = self._reserved = self._kept()

    def next(self) -> int:
        """Return the next number."""
        self._last = max(self._last + 1, int(1000.0 * self._clock()))
        if self._last >= self._reserved:
            self._reserved = self._last + RESERVE
            self._keep()
        return self._last

    def _kept(self) -> int:
        try:
            found = json.loads(self._path.read_text(encoding='utf-8'))['reserved'] if self._path else 0
        except (KeyError, OSError, RecursionError, TypeError, ValueError):
            return 0
        return found if type(found) is int and 0 <= found < 2**62 else 0

    def _keep(self) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            durable.replace(self._path, json.dumps({'reserved': self._reserved}).encode())
        except OSError:
            return
