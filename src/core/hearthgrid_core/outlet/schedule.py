"""An outlet's own weekly schedule and its shedding class: what a person set once and no hub is needed for."""
import math
from dataclasses import dataclass
from enum import IntEnum

from hearthgrid_core.outlet.band import OFF, ON, Band

DAY = 1440  # minutes
ENTRIES = 32
_NAMES = ('Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun')


class Priority(IntEnum):
    """Shedding class; the numbers are those of `OutletState.CLASS_…`. Unknown is shed as comfort."""

    UNKNOWN = 0
    MEDICAL = 1
    REFRIGERATION = 2
    SAFETY = 3
    ESSENTIAL = 4
    DEFERRABLE = 5
    COMFORT = 6


@dataclass(frozen=True)
class Entry:
    """A weekly rule. ValueError when it is none.

    days : sum of 1 (Monday), 2, 4 … 64 (Sunday), the days it begins on.     start, end : [minute of the day], end
    exclusive; at or before start = on the next day.     power_max : while on, infinity = no cap. [W]
    """

    days: int
    start: int
    end: int
    on: bool
    power_max: float = math.inf

    def __post_init__(self) -> None:
        if not 0 < self.days < 128:
            raise ValueError(f'days is {self.days}; it must be a sum of 1 (Monday), 2, 4 … 64 (Sunday)')
        if not (0 <= self.start < DAY and 0 <= self.end < DAY):
            raise ValueError(f'minutes are {self.start} and {self.end}; they must lie in 0 … {DAY - 1}')
        if not self.power_max >= 0.0:
            raise ValueError(f'power_max is {self.power_max} W; it must be ≥ 0')
        if self.on and self.power_max == 0.0:
            raise ValueError('on with power_max 0 W is off')

    def holds(self, weekday: int, minute: int) -> bool:
        """Return whether it holds at a local time. weekday : 0 = Monday."""
        today, yesterday = self.days >> weekday & 1, self.days >> (weekday - 1) % 7 & 1
        if self.end > self.start:
            return bool(today) and self.start <= minute < self.end
        return (bool(today) and minute >= self.start) or (bool(yesterday) and minute < self.end)

    @property
    def band(self) -> Band:
        """What it asks."""
        return Band(min(ON.power_min, self.power_max), self.power_max) if self.on else OFF

    def __str__(self) -> str:
        days = ' '.join(name for bit, name in enumerate(_NAMES) if self.days >> bit & 1)
        return (f'{days} {self.start // 60:02}:{self.start % 60:02}–{self.end // 60:02}:{self.end % 60:02} '
                f'{"on" if self.on else "off"}')


@dataclass(frozen=True)
class Schedule:
    """Weekly rules, up to 32. Where several hold, the last one counts; where none holds, nothing is asked."""

    entries: tuple[Entry, ...] = ()

    def __post_init__(self) -> None:
        if len(self.entries) > ENTRIES:
            raise ValueError(f'{len(self.entries)} entries; a schedule holds {ENTRIES}')

    def at(self, weekday: int, minute: int) -> Entry | None:
        """Return the rule that counts at a local time. weekday : 0 = Monday."""
        return next((entry for entry in reversed(self.entries) if entry.holds(weekday, minute)), None)

    def to_list(self) -> list[dict]:
        """Return it as plain data; no cap is None."""
        return [{'days': e.days, 'start': e.start, 'end': e.end, 'on': e.on,
                 'power_max': None if e.power_max == math.inf else e.power_max} for e in self.entries]

    @classmethod
    def from_list(cls, rows: list[dict]) -> 'Schedule':
        """Return the schedule of `to_list`. ValueError when it is damaged."""
        try:
            return cls(tuple(Entry(int(row['days']), int(row['start']), int(row['end']), bool(row['on']),
                                   math.inf if row['power_max'] is None else float(row['power_max'])) for row in rows))
        except (KeyError, TypeError) as error:
            raise ValueError(f'a kept schedule is damaged: {error!r}') from None
