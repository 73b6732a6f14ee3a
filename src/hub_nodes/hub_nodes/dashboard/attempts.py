"""How often something may be tried: wrong passwords, and questions of one program. Time [s] is an argument."""
import threading
from collections import OrderedDict
from dataclasses import dataclass

FIRST_WAIT = 30.0   # doubles with every one after it [s]
LONGEST_WAIT = 3600.0   # [s]
FORGOTTEN = 86_400.0    # after so long without one [s]
KEYS = 4096         # names and addresses remembered at once


@dataclass
class _Failures:
    count: int = 0
    last: float = 0.0
    until: float = 0.0


class Attempts:
    """Counts failures by key (a name, an address) and says how long to wait.

    free : so many are forgiven before the first wait.
    """

    def __init__(self, free: int = 5) -> None:
        self._free = free
        self._kept: OrderedDict[str, _Failures] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, now: float, *keys: str) -> float:
        """Return how long nothing may be tried for any of `keys`; 0 = now. [s]"""
        with self._lock:
            left = max((self._kept[key].until - now for key in keys if key in self._kept), default=0.0)
            return min(max(0.0, left), LONGEST_WAIT)  # longer ones come of a clock that was set back

    def failed(self, now: float, *keys: str) -> None:
        """Note a failure."""
        with self._lock:
            for key in keys:
                kept = self._kept.pop(key, None)
                if kept is None or now - kept.last > FORGOTTEN:
                    kept = _Failures()
                kept.count, kept.last = kept.count + 1, now
                if kept.count >= self._free:
                    kept.until = now + min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(kept.count - self._free, 20))
                self._kept[key] = kept
            while len(self._kept) > KEYS:
                self._kept.popitem(last=False)

    def succeeded(self, *keys: str) -> None:
        """Forget the failures of `keys`."""
        with self._lock:
            for key in keys:
                self._kept.pop(key, None)


class Buckets:
    """Token buckets: `rate` questions a second of each key in the long run, `burst` at once."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate, self._burst = rate, burst
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, now: float, key: str) -> float:
        """Take one and return 0, or return how long until there is one. [s]"""
        with self._lock:
            left, last = self._left.pop(key, (self._burst, now))
            left = min(self._burst, left + max(0.0, now - last) * self._rate)
            taken = left >= 1.0
            self._left[key] = (left - 1.0 if taken else left, now)
            while len(self._left) > KEYS:
                self._left.popitem(last=False)
            return 0.0 if taken else (1.0 - left) / self._rate
