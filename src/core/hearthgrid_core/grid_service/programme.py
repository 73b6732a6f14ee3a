"""The programme of events by the home's own clock: what is coming, what holds, what was answered.

Values in, values out: the shell hands in what it heard and asks `step` once a second. The utility's own word about an
event's status is not used: a home whose utility is out of reach still starts and ends its events.
"""
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import tzinfo

from hearthgrid_core.grid_service.event import TARIFF, Event, Interval, Kind, Opt, Signal, Status
from hearthgrid_core.grid_service.rules import RuleSettings, decide, draws

EVENTS_MAX = 256
KEPT = 26 * 3600.0      # how long an event is remembered after its end, so that a day's hours can be counted [s]
OVER = (Status.COMPLETED, Status.CANCELLED)


@dataclass(frozen=True)
class Entry:
    """An event in the programme.

    event : as it holds here, put off by the delay that was drawn     asked : as the utility sent it
    heard : when it was first heard of [s]     word : what a person said, UNKNOWN = nothing
    """

    event: Event
    asked: Event
    heard: float
    delay: float = 0.0
    status: Status = Status.FAR
    opt: Opt = Opt.UNKNOWN
    word: Opt = Opt.UNKNOWN
    reason: str = ''
    over_at: float = math.inf


@dataclass(frozen=True)
class Answer:
    """The home tells the utility whether it takes part. required : the utility asked to be told."""

    event: str
    modification: int
    opt: Opt
    required: bool = True


@dataclass(frozen=True)
class Moved:
    """An event is new, or changed status, opt or content: people and other nodes are told."""

    entry: Entry


class Programme:
    """All events that are known. `draw` returns a share 0 … 1 of an event's tolerance to put it off by."""

    def __init__(self, rules: RuleSettings, zone: tzinfo | None = None, draw: Callable[[], float] = lambda: 0.0):
        self._rules, self._zone, self._draw = rules, zone, draw
        self._entries: dict[str, Entry] = {}
        self._unsaid: set[str] = set()      # answers that are due
        self._last: dict[str, Entry] = {}   # as it was told last

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All events, soonest first."""
        return tuple(sorted(self._entries.values(), key=lambda entry: (entry.event.start, entry.event.id)))

    def get(self, id: str) -> Entry | None:
        """Return the event of that id."""
        return self._entries.get(id)

    def hear(self, now: float, events: Iterable[Event], listed: Iterable[str] | None = None) -> list[str]:
        """Take in events; return what was refused, in words.

        A modification number below the known one is old news; the same number changes nothing, and is answered again:
        the utility asks twice when an answer was lost.

        listed : ids of all events there are, those that could not be read included: others were cancelled; None where
        that was not told
        """
        refused = []
        for event in events:
            known = self._entries.get(event.id)
            if known and event.modification < known.asked.modification:
                refused.append(f'{event.id}: modification {event.modification} after {known.asked.modification}')
            elif known and event.modification == known.asked.modification and event.cancelled == known.asked.cancelled:
                if known.status not in OVER or event.cancelled:
                    self._unsaid.add(event.id)
            elif known is None and (event.cancelled or event.end <= now):
                continue
            elif known is None and len(self._entries) >= EVENTS_MAX:
                refused.append(f'{event.id}: more than {EVENTS_MAX} events')
            else:
                self._take(now, event, known)
        if listed is not None:
            seen = frozenset(listed)
            for id, entry in list(self._entries.items()):
                if id not in seen and entry.status not in OVER:
                    self._take(now, replace(entry.asked, cancelled=True), entry)
        return refused

    def say(self, now: float, id: str, takes_part: bool) -> str:
        """Take a person's word on an event; return why it cannot be taken, '' = it was."""
        entry = self._entries.get(id)
        if entry is None:
            return f'no event is called {id!r}'
        if entry.status in OVER or entry.event.status(now, self._rules.near) in OVER:
            return f'{id} is over'
        if entry.event.test and takes_part:
            return f'{id} is a test'
        word = Opt.IN if takes_part else Opt.OUT
        self._entries[id] = replace(entry, word=word, opt=word, reason='a person said so')
        self._unsaid.add(id)
        return ''

    def step(self, now: float, charge: float = math.nan) -> list[Answer | Moved]:
        """Return what is to be told now. charge : of the battery, 0 … 1, NaN = not known."""
        out: list[Answer | Moved] = []
        for entry in self.entries:
            id = entry.event.id
            stepped = self._decided(replace(entry, status=entry.event.status(now, self._rules.near)), charge)
            if stepped.status in OVER and math.isinf(stepped.over_at):
                stepped = replace(stepped, over_at=now)
            self._entries[id] = stepped
            if stepped.opt is not entry.opt:
                self._unsaid.add(id)
            if id in self._unsaid:
                out.append(Answer(id, stepped.asked.modification, stepped.opt, stepped.asked.answer))
            if stepped != self._last.get(id):
                self._last[id] = stepped
                out.append(Moved(stepped))
            if now - stepped.over_at > KEPT:
                del self._entries[id], self._last[id]
        self._unsaid.clear()
        return out

    def taken(self, kind: Kind, time: float) -> tuple[Entry, float] | None:
        """Return the event and value of a kind that hold at `time` [s] among those the home takes part in.

        Of several, the one of the higher priority; of the same, the tighter limit or level, else the newer.
        """
        best = None
        for entry in self._entries.values():
            signal = entry.event.signal(kind)
            interval = signal.at(time) if signal and entry.opt is Opt.IN and not entry.event.cancelled else None
            if interval:
                rank = (entry.event.priority or math.inf, _looseness(kind, interval.value), -entry.event.created,
                        -entry.heard, entry.event.id)
                if best is None or rank < best[0]:
                    best = rank, entry, interval.value
        return best[1:] if best else None

    def boundaries(self, start: float, end: float, kinds: Iterable[Kind]) -> list[float]:
        """Return the times within (start, end) at which a taken event of these kinds may change what holds. [s]"""
        wanted = frozenset(kinds)
        return sorted({moment for entry in self._entries.values()
                       if entry.opt is Opt.IN and not entry.event.cancelled
                       for signal in entry.event.signals if signal.kind in wanted
                       for interval in signal.intervals for moment in (interval.start, interval.end)
                       if start < moment < end})

    def dump(self) -> list[dict]:
        """Return the programme as plain values that `load` takes."""
        return [_dump(entry) for entry in self.entries]

    def load(self, rows: Iterable[dict]) -> None:
        """Take back what `dump` returned. ValueError, KeyError or TypeError when it is something else."""
        entries = [_load(row) for row in rows]
        self._entries = {entry.event.id: entry for entry in entries[:EVENTS_MAX]}

    def _take(self, now: float, event: Event, known: Entry | None) -> None:
        same = known is not None and known.asked.tolerance == event.tolerance
        delay = known.delay if same else event.tolerance * min(max(self._draw(), 0.0), 1.0)
        word = known.word if known and (event.cancelled or known.word is Opt.OUT) else Opt.UNKNOWN
        opt = known.opt if known and event.cancelled else word
        reason = known.reason if known and (event.cancelled or word is not Opt.UNKNOWN) else ''
        self._entries[event.id] = Entry(event.put_off(delay), event, known.heard if known else now, delay,
                                        opt=opt, word=word, reason=reason)
        self._unsaid.add(event.id)

    def _decided(self, entry: Entry, charge: float) -> Entry:
        """Return an entry with its opt: decided once, and left again when the battery gets too low."""
        if entry.word is not Opt.UNKNOWN or entry.status in OVER:
            return entry
        if entry.opt is Opt.UNKNOWN:
            others = [other.event for other in self._entries.values()
                      if other.opt is Opt.IN and not other.event.cancelled and other.event.id != entry.event.id]
            decision = decide(entry.event, others, entry.heard, charge, self._rules, self._zone)
            return replace(entry, opt=Opt.IN if decision.takes_part else Opt.OUT, reason=decision.reason)
        emergency = Kind.EMERGENCY in entry.event.kinds and self._rules.emergencies
        if entry.opt is Opt.IN and entry.status is Status.ACTIVE and not entry.event.kinds <= TARIFF and not emergency \
                and draws(entry.event, charge) and charge < self._rules.charge_min:
            return replace(entry, opt=Opt.OUT,
                           reason=f'the battery fell to {charge:.0%}, {self._rules.charge_min:.0%} are kept')
        return entry


def _looseness(kind: Kind, value: float) -> float:
    if kind in (Kind.IMPORT_LIMIT, Kind.EXPORT_LIMIT):
        return value
    return -value if kind is Kind.LEVEL else 0.0


def _dump(entry: Entry) -> dict:
    asked = entry.asked
    return {
        'id': asked.id, 'programme': asked.programme, 'modification': asked.modification, 'priority': asked.priority,
        'created': asked.created, 'ramp_up': None if math.isnan(asked.ramp_up) else asked.ramp_up,
        'tolerance': asked.tolerance, 'cancelled': asked.cancelled, 'answer': asked.answer, 'test': asked.test,
        'signals': {signal.kind.value: [[i.start, None if math.isinf(i.end) else i.end, i.value]
                                        for i in signal.intervals] for signal in asked.signals},
        'heard': entry.heard, 'delay': entry.delay, 'opt': entry.opt.value, 'word': entry.word.value,
        'reason': entry.reason, 'over_at': None if math.isinf(entry.over_at) else entry.over_at}


def _load(row: dict) -> Entry:
    signals = tuple(Signal(Kind(kind), tuple(
        Interval(float(start), math.inf if end is None else float(end), float(value)) for start, end, value in rows))
        for kind, rows in row['signals'].items())
    asked = Event(
        str(row['id']), signals, str(row['programme']), int(row['modification']), int(row['priority']),
        float(row['created']), math.nan if row['ramp_up'] is None else float(row['ramp_up']), float(row['tolerance']),
        bool(row['cancelled']), bool(row['answer']), bool(row['test']))
    over_at = math.inf if row['over_at'] is None else float(row['over_at'])
    return Entry(asked.put_off(float(row['delay'])), asked, float(row['heard']), float(row['delay']),
                 Status.FAR, Opt(row['opt']), Opt(row['word']), str(row['reason']), over_at)
