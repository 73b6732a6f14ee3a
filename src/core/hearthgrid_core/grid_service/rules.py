"""The user's rules: which events the home takes part in. A person's own word goes before them."""
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo

from hearthgrid_core.grid_service.event import TARIFF, Event, Kind
from hearthgrid_core.settings import check_bounds, setting

DAY = 86_400.0
DAYS_LOOKED_AT = 31     # of an event that does not end


@dataclass(frozen=True)
class RuleSettings:
    """When the home takes part. Prices are always taken: they ask for nothing."""

    participate: bool = setting(True, '', None, None, 'Take part in events that no other rule refuses.')
    emergencies: bool = setting(True, '', None, None, 'Take part in emergencies whatever the other rules say.')
    hours_a_day: float = setting(6.0, 'h', 0.0, 24.0, 'Most hours of events on one local day.')
    notice: float = setting(0.0, 's', 0.0, 86_400.0, 'Least time between hearing of an event and its start.')
    quiet_start: str = setting('', '', None, None, 'Local time HH:MM from which no event is taken; empty: none is.')
    quiet_end: str = setting('', '', None, None, 'Local time HH:MM until which no event is taken.')
    charge_min: float = setting(0.3, '', 0.0, 1.0, 'Charge of the battery below which no event that draws it down is '
                                'taken.')
    near: float = setting(3600.0, 's', 0.0, 86_400.0, 'How long before its start an event without ramp-up is near.')

    def __post_init__(self) -> None:
        check_bounds(self)
        if bool(self.quiet_start) != bool(self.quiet_end):
            raise ValueError('quiet_start and quiet_end go together')
        for name in ('quiet_start', 'quiet_end'):
            if getattr(self, name):
                _clock(getattr(self, name), name)
        if self.quiet_start and self.quiet_start == self.quiet_end:
            raise ValueError('quiet_start and quiet_end are the same; participate: false refuses all')


@dataclass(frozen=True)
class Decision:
    """Whether the home takes part, and why in words."""

    takes_part: bool
    reason: str


def decide(event: Event, accepted: Iterable[Event], heard: float, charge: float, rules: RuleSettings,
           zone: tzinfo | None) -> Decision:
    """Decide whether the home takes part in `event`.

    accepted : the other events it takes part in, past ones of the day included     heard : when it was heard of [s]
    charge : of the battery, 0 … 1, NaN = not known or none     zone : of the user's day, None: the machine's own
    """
    if event.test:
        return Decision(False, 'a test')
    if event.kinds <= TARIFF:
        return Decision(True, 'a price')
    if Kind.EMERGENCY in event.kinds and rules.emergencies:
        return Decision(True, 'an emergency')
    if not rules.participate:
        return Decision(False, 'the home does not take part')
    if rules.notice and event.start - heard < rules.notice:
        return Decision(False, f'told {max(event.start - heard, 0.0) / 60:.0f} min ahead, '
                               f'{rules.notice / 60:.0f} min are asked')
    if rules.quiet_start and _in_quiet(event, rules, zone):
        return Decision(False, f'not between {rules.quiet_start} and {rules.quiet_end}')
    hours = busiest_day([event, *(other for other in accepted if not other.kinds <= TARIFF)], event, zone)
    if hours > rules.hours_a_day + 1e-9:
        return Decision(False, f'{hours:.1f} h of events on one day, {rules.hours_a_day:g} h are allowed')
    if draws(event, charge) and charge < rules.charge_min:
        return Decision(False, f'the battery has {charge:.0%}, {rules.charge_min:.0%} are kept')
    return Decision(True, 'no rule is against it')


def draws(event: Event, charge: float) -> bool:
    """Return whether an event empties a battery of that charge (0 … 1, NaN = not known)."""
    if math.isnan(charge):
        return False
    dispatch, wanted = event.signal(Kind.DISPATCH), event.signal(Kind.CHARGE)
    return bool(dispatch and any(i.value < 0 for i in dispatch.intervals)
                or wanted and any(i.value < charge for i in wanted.intervals))


def busiest_day(events: Iterable[Event], of: Event, zone: tzinfo | None) -> float:
    """Return the hours that `events` together cover on the busiest local day that `of` touches."""
    spans = sorted((event.start, event.end) for event in events)
    worst = 0.0
    for start, end in _days(of, zone):
        covered, until = 0.0, start
        for first, last in spans:
            first, last = max(first, until), min(last, end)
            if last > first:
                covered, until = covered + last - first, last
        worst = max(worst, covered)
    return worst / 3600.0


def _days(event: Event, zone: tzinfo | None) -> list[tuple[float, float]]:
    """Return (start, end) of the local days an event touches [s]; a day has 23 or 25 hours when clocks change."""
    day, out = datetime.fromtimestamp(event.start, zone).date(), []
    while len(out) < DAYS_LOOKED_AT:
        start = _at(day, time(), zone)
        if start >= event.end:
            break
        day += timedelta(days=1)
        out.append((start, _at(day, time(), zone)))
    return out


def _in_quiet(event: Event, rules: RuleSettings, zone: tzinfo | None) -> bool:
    first, last = _clock(rules.quiet_start, 'quiet_start'), _clock(rules.quiet_end, 'quiet_end')
    for begin, _ in [(event.start - DAY, 0.0), *_days(event, zone)]:
        day = datetime.fromtimestamp(begin, zone).date()
        start = _at(day, first, zone)
        end = _at(day if last > first else day + timedelta(days=1), last, zone)
        if event.start < end and start < event.end:
            return True
    return False


def _at(day, clock: time, zone: tzinfo | None) -> float:
    return datetime.combine(day, clock, zone).timestamp()


def _clock(text: str, name: str) -> time:
    try:
        return datetime.strptime(text, '%H:%M').time()
    except ValueError:
        raise ValueError(f'{name} is {text!r}; it must be HH:MM') from None
