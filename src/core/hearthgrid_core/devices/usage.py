"""What a device usually draws: robust statistics by hour of the day, and what is unlike them."""
from collections import deque

import numpy as np

from .alarm import WELL, Finding, Severity
from .settings import AnomalySettings

HOUR, MINUTE = 3600.0, 60.0
STEP_MAX = 90.0         # a reading stands for at most so long [s]
COVERED = 0.5           # of an hour that must be seen for it to count
ACTIVE = 5.0            # a day whose peak is below was no day of use [W]
ACCEPT_HOURS, ACCEPT_TIMES = 24, 3      # unusual for so long, or so often: it is the new ordinary
_MAD = 1.4826           # from median absolute deviation to standard deviation of a normal distribution


class Usage:
    """The consumption of one device, streaming, in bounded memory.

    An hour that was found unlike the device is not learnt from, until it has been so for a day in all or three times.
    """

    def __init__(self, settings: AnomalySettings) -> None:
        self._settings = settings
        self._hours = [deque(maxlen=settings.history_days) for _ in range(24)]  # of (mean, peak) [W]
        self._days: deque[list[float]] = deque(maxlen=settings.history_days)    # [day, peak] of days seen [d], [W]
        self._days_of_use = 0                                                   # among them, today not counted
        self._held: list[tuple[int, float, float]] = []                         # hours not learnt: (hour, mean, peak)
        self._times = 0                                                         # spells of unusual hours
        self._last: float | None = None
        self._minute, self._hour = _Mean(MINUTE), _Mean(HOUR)
        self._minutes: deque[float] = deque(maxlen=2)
        self._peak = 0.0                                                        # of the present hour
        self._unusual_peak, self._unusual_hour = False, False
        self.most = 0.0                                                         # highest minute learnt [W]
        self.peak, self.hour = WELL, WELL

    @property
    def minute(self) -> float:
        """Mean power of the last whole minute [W], NaN before one."""
        return self._minutes[-1] if self._minutes else float('nan')

    @property
    def warm(self) -> bool:
        """Whether enough whole days of use were seen to judge."""
        return self._days_of_use >= self._settings.warm_days

    def step(self, now: float, power: float) -> None:
        """Take a reading [W]; `peak` and `hour` then hold what is found."""
        step = 0.0 if self._last is None else min(now - self._last, STEP_MAX)
        self._last = now
        for whole in self._minute.add(now, step, power):
            self._end_minute(whole.mean)
        for whole in self._hour.add(now, step, power):
            self._end_hour(whole.index, whole.mean, whole.covered)

    def _end_minute(self, mean: float) -> None:
        self._minutes.append(mean)
        self._peak = max(self._peak, mean)
        self.peak = self._judge_peak()
        self._unusual_peak |= self.peak.severity > Severity.UNKNOWN

    def _judge_peak(self) -> Finding:
        """Two minutes above everything learnt."""
        most = self.most
        bound = most * self._settings.power_margin + self._settings.power_floor
        lowest = min(self._minutes)
        if not self.warm or len(self._minutes) < 2 or lowest <= bound:
            return Finding(Severity.UNKNOWN, lowest, most)
        return Finding(Severity.WARNING, lowest, most,
                       f'draws {lowest:.0f} W; in {len(self._days)} days it drew at most {most:.0f} W')

    def _end_hour(self, index: int, mean: float, covered: float) -> None:
        of_day = index % 24
        if covered >= COVERED * HOUR:
            self.hour = self._judge_hour(of_day, mean)
            self._learn(index, of_day, mean)
        self._peak, self._unusual_peak = 0.0, False

    def _learn(self, index: int, of_day: int, mean: float) -> None:
        day = index // 24
        if not self._days or self._days[-1][0] != day:
            self._days_of_use = sum(peak >= ACTIVE for _, peak in self._days)
            self._days.append([day, 0.0])
        unusual = self._unusual_peak or self.hour.severity > Severity.UNKNOWN
        self._times += unusual and not self._unusual_hour
        self._unusual_hour = unusual
        if unusual:
            self._held.append((of_day, mean, self._peak))
            if len(self._held) < ACCEPT_HOURS and self._times < ACCEPT_TIMES:
                return
            learnt, self._held, self._times, self._unusual_hour = self._held, [], 0, False
        else:
            learnt = [(of_day, mean, self._peak)]
        for hour, its_mean, its_peak in learnt:
            self._hours[hour].append((its_mean, its_peak))
            self._days[-1][1] = max(self._days[-1][1], its_peak)
        self.most = max(peak for hours in self._hours for _, peak in hours)

    def _judge_hour(self, of_day: int, mean: float) -> Finding:
        """An hour far from the median of its neighbours on other days, and beyond every hour learnt."""
        everything = [its_mean for hours in self._hours for its_mean, _ in hours]
        same = [its_mean for near in (-1, 0, 1) for its_mean, _ in self._hours[(of_day + near) % 24]]
        if not self.warm or len(same) < self._settings.warm_days:
            return Finding(Severity.UNKNOWN, mean)
        settings = self._settings
        median = float(np.median(same))
        spread = max(_MAD * float(np.median(np.abs(np.array(same) - median))), 0.1 * median,
                     settings.power_floor / settings.power_deviations)
        most, least = max(everything), min(everything)
        if (mean > median + settings.power_deviations * spread
                and mean > most * settings.consumption_margin + settings.power_floor):
            return Finding(Severity.WARNING, mean, median,
                           f'took {mean:.0f} Wh in an hour; at this time of day {median:.0f} Wh is usual and '
                           f'{most:.0f} Wh is the most it ever took')
        if least > settings.power_floor and mean < least / 2:
            return Finding(Severity.WARNING, mean, median,
                           f'took {mean:.0f} Wh in an hour; {median:.0f} Wh is usual and never was it below '
                           f'{least:.0f} Wh: does it still work?')
        return Finding(Severity.UNKNOWN, mean, median)


class _Whole:
    __slots__ = ('index', 'mean', 'covered')

    def __init__(self, index: int, mean: float, covered: float) -> None:
        self.index, self.mean, self.covered = index, mean, covered


class _Mean:
    """Time-weighted means over aligned periods. [s]"""

    def __init__(self, period: float) -> None:
        self._period, self._index, self._sum, self._covered = period, None, 0.0, 0.0

    def add(self, now: float, step: float, value: float) -> list[_Whole]:
        """Count `value` for the last `step` seconds; return the period that ended, if one did."""
        index = int((now - step / 2) // self._period)
        out = []
        if self._index is not None and index != self._index and self._covered > 0:
            out.append(_Whole(self._index, self._sum / self._covered, self._covered))
        if index != self._index:
            self._index, self._sum, self._covered = index, 0.0, 0.0
        self._sum += value * step
        self._covered += step
        return out
