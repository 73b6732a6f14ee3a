"""The course of a device's day, minute after minute, told in a few statistics that each only grow within the day.

A statistic is the worst of the day so far ("the longest run"), so that it may be held against whole ordinary days at
any time of the day. Powers, times and ratios enter as logarithms: what counts is how many times more.
"""
import math
import statistics
from collections import deque

FLOOR_POWER = 2.0       # added before the logarithm: what a meter cannot tell from nothing [W]
FLOOR_TIME = 10.0       # [min]
FLOOR_NOISE = 0.02      # of the level [1]
ACTIVE = 1.0            # a day whose peak is below was no day of use [W]
ON_SHARE, ON_LEAST = 0.2, 3.0       # of the way from rest to peak, at least so much: from there a device is on [1], [W]
TRAILING = 180          # minutes of `burst`
RESTING, ROUGH = 60, 30             # minutes whose median is `standby`, `noise`
EVERY = 10              # minutes between two looks at those medians
LEVEL_LEAST = 10        # minutes that a level is the median of
MINUTE, MINUTE_COVERED, READINGS = 60.0, 20.0, 10        # [s], [s], [1]


class Course:
    """Takes whole minutes; `worst` holds today's statistics, `now` what they are of this moment.

    rest, peak : usual lowest and highest level of the device, from its past [W]
    """

    def __init__(self, rest: float, peak: float) -> None:
        self.on_above = rest + max(ON_LEAST, ON_SHARE * (peak - rest))
        self.always = rest > peak / 2
        self.worst: dict[str, float] = {}
        self.now: dict[str, float] = {}
        self.minutes: list[float] = []      # of the day
        self.starts = 0                     # of the day
        self.run = self.pause = 0           # minutes since it is on, off
        self.begun: tuple[int, int, list[float]] = (0, 0, [])   # both and the last hours, as the day began
        self._energy = 0.0                  # of the day [W min]
        self._recent: deque[float] = deque(maxlen=TRAILING)
        self._sum = 0.0
        self._resting: deque[float] = deque(maxlen=RESTING)
        self._rough: deque[float] = deque(maxlen=ROUGH)

    def minute(self, power: float, spread: float = math.nan) -> None:
        """Take the mean of a minute and the deviation of the readings within it, NaN where there are too few. [W]"""
        last = self.minutes[-1] if self.minutes else power
        self.minutes.append(power)
        self._energy += power
        self.put('peak', _log_power(min(power, last)))
        self.put('energy', _log_power(self._energy / 1440))
        if len(self._recent) == TRAILING:
            self._sum -= self._recent[0]
        self._recent.append(power)
        self._sum += power
        if len(self._recent) == TRAILING:
            self.put('burst', _log_power(max(self._sum, 0.0) / TRAILING))
        on = power > self.on_above
        if on:
            self.starts += self.run == 0
            self.run, self.pause = self.run + 1, 0
            self.put('run', math.log(self.run + FLOOR_TIME))
            self.now['pause'] = math.log(FLOOR_TIME)
        else:
            self.run, self.pause = 0, self.pause + 1
            self.put('pause', math.log(self.pause + FLOOR_TIME))
            self.now['run'] = math.log(FLOOR_TIME)
            self._resting.append(power)
        if spread == spread and (self.run > 1 or self.always and power > ACTIVE):  # not the minute of switching on
            self._rough.append(spread / power)
        if len(self.minutes) % EVERY == 0:
            if len(self._resting) == RESTING:
                self.put('standby', _log_power(statistics.median(self._resting)))
            if len(self._rough) == ROUGH:
                self.put('noise', math.log(statistics.median(self._rough) + FLOOR_NOISE))

    def put(self, name: str, value: float) -> None:
        """Take what a statistic is now."""
        self.now[name] = value
        if value > self.worst.get(name, -math.inf):
            self.worst[name] = value

    def gap(self) -> None:
        """Nothing was seen for long: what lasts begins anew."""
        self.run = self.pause = 0
        self._recent.clear()
        self._sum = 0.0

    def resume(self, run: int, pause: int, recent: list[float]) -> None:
        """Begin the day as `begun` tells it."""
        self.run, self.pause, self.begun = run, pause, (run, pause, recent)
        self._recent.extend(recent)
        self._sum = math.fsum(self._recent)

    def forget(self) -> None:
        """What was taken until now is of a cause that is over."""
        for kept in (self._recent, self._resting, self._rough):
            kept.clear()
        self._sum = self._energy = 0.0

    def level(self) -> float:
        """Return the logarithm of the median power while on, of all use for what is never on; NaN with too little."""
        above = [p for p in self.minutes if p > self.on_above]
        if len(above) < LEVEL_LEAST:
            above = [p for p in self.minutes if p > ACTIVE]
        return _log_power(statistics.median(above)) if len(above) >= LEVEL_LEAST else math.nan

    def rest(self) -> float:
        """Return the level a tenth of the day is below. [W]"""
        return sorted(self.minutes)[len(self.minutes) // 10] if self.minutes else 0.0

    def next_day(self) -> None:
        """Begin a day; what lasts goes on."""
        self.minutes, self.starts, self._energy, self.worst = [], 0, 0.0, {}
        self.begun = (self.run, self.pause, list(self._recent))


def _log_power(power: float) -> float:
    return math.log(power + FLOOR_POWER)


def power_of(value: float) -> float:
    """Return the power [W] that a statistic of power stands for."""
    return math.exp(value) - FLOOR_POWER


def minutes_of(value: float) -> float:
    """Return the time [min] that a statistic of time stands for."""
    return math.exp(value) - FLOOR_TIME


class Minutes:
    """Readings of any rate in, whole minutes out."""

    def __init__(self) -> None:
        self._index: int | None = None
        self._covered = self._sum = self._squares = 0.0
        self._count = 0

    def add(self, now: float, step: float, power: float) -> tuple[float, float, float] | None:
        """Count `power` [W] for the last `step` [s]. Return the end [s], mean and deviation [W] of a minute that ended.

        The deviation is NaN of fewer than `READINGS` readings; a minute hardly seen is left out.
        """
        index, out = int((now - step / 2) // MINUTE), None
        if index != self._index:
            if self._index is not None and self._covered >= MINUTE_COVERED:
                mean = self._sum / self._covered
                spread = math.sqrt(max(0.0, self._squares / self._covered - mean * mean))
                out = ((self._index + 1) * MINUTE, mean, spread if self._count >= READINGS else math.nan)
            self._index, self._covered, self._sum, self._squares, self._count = index, 0.0, 0.0, 0.0, 0
        self._covered += step
        self._sum += power * step
        self._squares += power * power * step
        self._count += 1
        return out
