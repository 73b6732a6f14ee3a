"""What a utility asks, whichever protocol it came by: events of signals of intervals, checked when they are made."""
import math
from dataclasses import dataclass, replace
from enum import Enum

INTERVALS_MAX, SIGNALS_MAX, ID_MAX = 4096, 16, 64
OPEN = math.inf                 # the end of an event that lasts until it is cancelled [s]
TIME_MAX = 2.0 ** 31 - 1        # latest time a ROS stamp holds [s]
POWER_MAX, PRICE_MAX = 1e7, 1e4  # beyond these a value is a mistake of units [W], [currency/kWh]


class EventError(ValueError):
    """An event that cannot be used; the message says why."""


class Kind(Enum):
    """What a signal asks, and its unit."""

    LEVEL = 'level'                 # 0 normal, 1 moderate, 2 high, 3 special (OpenADR SIMPLE)
    PRICE = 'price'                 # of imported energy [currency/kWh]
    EXPORT_PRICE = 'export_price'   # paid for exported energy [currency/kWh]
    CARBON = 'carbon'               # of imported energy [kg/kWh]
    IMPORT_LIMIT = 'import_limit'   # [W]
    EXPORT_LIMIT = 'export_limit'   # [W]
    DISPATCH = 'dispatch'           # power at the meter, positive imports [W]
    CHARGE = 'charge'               # state of charge to reach by the end of its interval, 0 … 1
    EMERGENCY = 'emergency'         # value not used


BOUNDS = {
    Kind.LEVEL: (0.0, 3.0), Kind.PRICE: (-PRICE_MAX, PRICE_MAX), Kind.EXPORT_PRICE: (-PRICE_MAX, PRICE_MAX),
    Kind.CARBON: (0.0, 10.0), Kind.IMPORT_LIMIT: (0.0, POWER_MAX), Kind.EXPORT_LIMIT: (0.0, POWER_MAX),
    Kind.DISPATCH: (-POWER_MAX, POWER_MAX), Kind.CHARGE: (0.0, 1.0), Kind.EMERGENCY: (-math.inf, math.inf),
}
TARIFF = frozenset({Kind.PRICE, Kind.EXPORT_PRICE, Kind.CARBON})    # tell the home something rather than ask of it


class Status(Enum):
    """Where an event stands by the home's own clock. Near: within its ramp-up time before the start."""

    FAR = 'far'
    NEAR = 'near'
    ACTIVE = 'active'
    COMPLETED = 'completed'
    CANCELLED = 'cancelled'


class Opt(Enum):
    """Whether the home takes part."""

    UNKNOWN = 'unknown'
    IN = 'in'
    OUT = 'out'


@dataclass(frozen=True)
class Interval:
    """A value from `start` until before `end` [s, UNIX epoch]; `end` = OPEN: until cancelled."""

    start: float
    end: float
    value: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.start <= TIME_MAX:
            raise EventError(f'an interval starts at {self.start}')
        if not (self.end > self.start and (self.end <= TIME_MAX or self.end == OPEN)):
            raise EventError(f'an interval from {self.start:.0f} to {self.end:.0f}')
        if not math.isfinite(self.value):
            raise EventError(f'a value of {self.value}')

    def holds(self, time: float) -> bool:
        """Return whether `time` [s] lies in it."""
        return self.start <= time < self.end


@dataclass(frozen=True)
class Signal:
    """Intervals of one kind, in order, apart from each other. EventError when they are not or a value is absurd."""

    kind: Kind
    intervals: tuple[Interval, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.intervals) <= INTERVALS_MAX:
            raise EventError(f'{self.kind.value}: {len(self.intervals)} intervals')
        for before, after in zip(self.intervals, self.intervals[1:], strict=False):
            if after.start < before.end:
                raise EventError(f'{self.kind.value}: its intervals overlap')
        low, high = BOUNDS[self.kind]
        for interval in self.intervals:
            if not low <= interval.value <= high:
                raise EventError(f'{self.kind.value} of {interval.value:g}; it must lie in {low:g} … {high:g}')
        if self.kind is Kind.LEVEL and any(interval.value % 1 for interval in self.intervals):
            raise EventError('a level is a whole number')

    def at(self, time: float) -> Interval | None:
        """Return the interval that holds at `time` [s]."""
        return next((interval for interval in self.intervals if interval.holds(time)), None)


@dataclass(frozen=True)
class Event:
    """One event.

    modification : rises when the utility changes it     priority : 1 is the most urgent, 0 = none, the least
    created : [s]     ramp_up : before the start, how long it counts as near [s], NaN = not said
    tolerance : its start may be put off by up to this, drawn by lot, against a rebound of all homes at once [s]
    answer : the utility wants to know whether the home takes part     test : nothing may happen
    """

    id: str
    signals: tuple[Signal, ...]
    programme: str = ''
    modification: int = 0
    priority: int = 0
    created: float = 0.0
    ramp_up: float = math.nan
    tolerance: float = 0.0
    cancelled: bool = False
    answer: bool = True
    test: bool = False

    def __post_init__(self) -> None:
        if not 1 <= len(self.id) <= ID_MAX or not self.id.isprintable():
            raise EventError(f'an event is called {self.id[:80]!r}')
        if not 1 <= len(self.signals) <= SIGNALS_MAX:
            raise EventError(f'{self.id}: {len(self.signals)} signals')
        if len({signal.kind for signal in self.signals}) < len(self.signals):
            raise EventError(f'{self.id}: two signals of one kind')
        if self.modification < 0 or self.priority < 0:
            raise EventError(f'{self.id}: modification {self.modification}, priority {self.priority}')
        if self.ramp_up < 0 or not 0 <= self.tolerance <= 86_400:
            raise EventError(f'{self.id}: ramp-up {self.ramp_up}, tolerance {self.tolerance}')

    @property
    def start(self) -> float:
        """When its first interval starts. [s]"""
        return min(signal.intervals[0].start for signal in self.signals)

    @property
    def end(self) -> float:
        """When its last interval ends. [s]"""
        return max(signal.intervals[-1].end for signal in self.signals)

    @property
    def kinds(self) -> frozenset[Kind]:
        """What it asks."""
        return frozenset(signal.kind for signal in self.signals)

    def signal(self, kind: Kind) -> Signal | None:
        """Return its signal of a kind."""
        return next((signal for signal in self.signals if signal.kind is kind), None)

    def status(self, now: float, near: float) -> Status:
        """Return where it stands at `now` [s]; `near` [s] is the ramp-up of an event that names none."""
        if self.cancelled:
            return Status.CANCELLED
        if now >= self.end:
            return Status.COMPLETED
        if now >= self.start:
            return Status.ACTIVE
        return Status.NEAR if now >= self.start - (near if math.isnan(self.ramp_up) else self.ramp_up) else Status.FAR

    def put_off(self, delay: float) -> 'Event':
        """Return it with every interval `delay` [s] later."""
        if not delay:
            return self
        return replace(self, signals=tuple(Signal(signal.kind, tuple(
            Interval(i.start + delay, i.end + delay, i.value) for i in signal.intervals)) for signal in self.signals))
