"""What the days of use of one device were like: its levels, and whether it runs by itself."""
import math
from collections import deque
from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from .channels import quantity
from .course import ACTIVE, Course
from .watch import numbers

COVERED = 720           # minutes of a day that must be seen for it to count
CYCLIC_STARTS, CYCLIC_PAUSE = 6, 360.0      # at least so many a day, at most so long: it runs by itself [1], [min]


class Day(NamedTuple):
    """One day of use."""

    rest: float         # power of the device at rest [W]
    peak: float         # highest level of two minutes [W]
    mean: float         # [W]
    starts: float
    pause: float        # the longest [min]


class Past:
    """The last days of use, at most `most`."""

    def __init__(self, most: int) -> None:
        self._days: deque[Day] = deque(maxlen=most)

    def __len__(self) -> int:
        return len(self._days)

    @property
    def mean(self) -> float:
        """Usual mean power over a day [W], NaN before one."""
        return self._usual('mean') if self._days else math.nan

    @property
    def most(self) -> float:
        """Highest level of a day [W], 0 before one."""
        return max((day.peak for day in self._days), default=0.0)

    @property
    def cyclic(self) -> bool:
        """Whether it runs by itself, as a refrigerator does. There has to be a day."""
        return self._usual('starts') >= CYCLIC_STARTS and self._usual('pause') <= CYCLIC_PAUSE

    def add(self, course: Course) -> None:
        """Take a whole day of use."""
        powers, worst = course.minutes, course.worst
        self._days.append(Day(course.rest(), peak(powers), sum(powers) / len(powers), float(course.starts),
                              quantity('pause', worst['pause']) if 'pause' in worst else 0.0))

    def course(self) -> Course:
        """Return a day to come of the usual levels. There has to be a day."""
        return Course(self._usual('rest'), self._usual('peak'))

    def state(self) -> list[list[float]]:
        """Return the days as plain values, for `restore`."""
        return [list(day) for day in self._days]

    def restore(self, days: Iterable) -> None:
        """Take over what `state` returned. TypeError, ValueError"""
        self._days.extend(Day(*numbers(day, len(Day._fields))) for day in days)

    def _usual(self, name: str) -> float:
        return median(getattr(day, name) for day in self._days)


def peak(minutes: Sequence[float]) -> float:
    """Return the highest level that two minutes in a row kept. [W]"""
    return max((min(a, b) for a, b in zip(minutes, minutes[1:], strict=False)), default=0.0)


def used(minutes: Sequence[float]) -> bool:
    """Return whether a day was seen and the device used on it."""
    return len(minutes) >= COVERED and peak(minutes) >= ACTIVE


def first_course(day: Sequence[tuple[float, float]]) -> Course | None:
    """Return the first day of use, whose levels are known only at its end; None = it was none.

    day : power and deviation of each minute [W]
    """
    powers = [power for power, _ in day]
    if not used(powers):
        return None
    course = Course(sorted(powers)[len(powers) // 10], peak(powers))
    for power, spread in day:
        course.minute(power, spread)
    return course
