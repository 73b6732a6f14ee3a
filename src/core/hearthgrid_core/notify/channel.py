"""One channel: what waits for it, what was told on it, and when the next message goes."""
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from hearthgrid_core.notify.rules import ChannelRules, Severity

WAITING = 256  # entries of one channel; of more the oldest that matters least is given up


@dataclass(frozen=True)
class Entry:
    """One line of a message. time [s]; over: it has ended; repeated: it was told before and nobody has acknowledged."""

    id: str
    severity: Severity
    subject: str
    text: str
    time: float
    over: bool = False
    repeated: bool = False

    @property
    def urgent(self) -> bool:
        """Whether it may wake somebody."""
        return self.severity is Severity.CRITICAL and not self.over

    @staticmethod
    def of(row: dict) -> 'Entry':
        """Return the entry that `asdict` took apart. Errors as `Channel.restore` when damaged."""
        entry = Entry(str(row['id']), Severity(row['severity']), str(row['subject']), str(row['text']),
                      float(row['time']), bool(row['over']), bool(row['repeated']))
        if not math.isfinite(entry.time):
            raise ValueError('a time that is no number')
        return entry


@dataclass(frozen=True)
class Message:
    """What goes out on a channel at once: the critical first, the repeated last of them, else as it happened."""

    channel: str
    entries: tuple[Entry, ...]


class Channel:
    """The memory of one channel. Time [s] is an argument; a clock that is set back holds nothing up."""

    def __init__(self, rules: ChannelRules) -> None:
        self.rules = rules
        self.waiting: OrderedDict[str, Entry] = OrderedDict()
        self.told: dict[str, float] = {}  # what stands and was told here, and when last [s]
        self.given_up = 0
        self._since = -math.inf  # when the first of those waiting came [s]
        self._tokens, self._refilled = float(rules.burst), -math.inf

    def news(self, now: float, entry: Entry) -> None:
        """Have something told."""
        if entry.severity >= self.rules.severity:
            self._wait(now, entry)

    def update(self, entry: Entry) -> None:
        """Change the words of what still waits."""
        waits = self.waiting.get(entry.id)
        if waits is not None and not waits.over:
            self.waiting[entry.id] = replace(waits, text=entry.text, subject=entry.subject)

    def over(self, now: float, entry: Entry) -> None:
        """Have the end of something told where its beginning was; what nobody heard of is no news."""
        self.waiting.pop(entry.id, None)
        if self.told.pop(entry.id, None) is not None:
            self._wait(now, entry)

    def withdraw(self, id: str) -> None:
        """Tell nobody any more; the end is still told."""
        if id in self.waiting and not self.waiting[id].over:
            del self.waiting[id]

    def forget(self, id: str) -> None:
        """Know nothing of it any more."""
        self.waiting.pop(id, None)
        self.told.pop(id, None)

    def _wait(self, now: float, entry: Entry) -> None:
        if not self.waiting:
            self._since = now
        self.waiting.pop(entry.id, None)
        self.waiting[entry.id] = entry
        while len(self.waiting) > WAITING:
            least = min(self.waiting.values(), key=lambda held: (held.urgent, held.severity))
            del self.waiting[least.id]
            self.given_up += 1

    def due(self, now: float, minute: int, unseen: dict[str, Entry], stands: Callable[[str], bool]) -> Message | None:
        """Return the message to send now, or None.

        unseen : critical entries that nobody acknowledged, by id.     stands : whether an id has begun and not ended.
        """
        since, self._refilled = now - self._refilled, now
        self._tokens = min(self.rules.burst, self._tokens + max(0.0, since) * self.rules.hourly / 3600.0)
        again = [replace(unseen[id], repeated=True) for id, at in self.told.items()
                 if id in unseen and id not in self.waiting and not 0.0 <= now - at < self.rules.repeat_time]
        urgent = bool(again) or any(entry.urgent for entry in self.waiting.values())
        grouped = bool(self.waiting) and not 0.0 <= now - self._since < self.rules.group_time
        quiet = self.rules.quiet(minute)
        if not (urgent or (grouped and not quiet)) or self._tokens < (1.0 if urgent else 2.0):
            return None
        self._tokens -= 1.0
        leaving = [entry for entry in self.waiting.values() if entry.urgent or not quiet]
        for entry in leaving:
            del self.waiting[entry.id]
        for entry in (*leaving, *again):
            if not entry.over and stands(entry.id):
                self.told[entry.id] = now
        entries = sorted((*leaving, *again), key=lambda entry: (not entry.urgent, entry.repeated, entry.time))
        return Message(self.rules.name, tuple(entries))

    def state(self) -> dict:
        """Return what outlives a restart, as plain data."""
        return {'waiting': [asdict(entry) for entry in self.waiting.values()], 'told': dict(self.told),
                'since': self._since if self.waiting else None, 'tokens': self._tokens,
                'refilled': self._refilled if math.isfinite(self._refilled) else None}

    def restore(self, kept: dict) -> None:
        """Take back `state()`. ArithmeticError, AttributeError, LookupError, TypeError or ValueError: damaged."""
        waiting = [Entry.of(row) for row in kept['waiting']][-WAITING:]
        told = {str(id): float(at) for id, at in kept['told'].items()}
        since, tokens, refilled = (-math.inf if kept[name] is None else float(kept[name])
                                   for name in ('since', 'tokens', 'refilled'))
        if any(math.isnan(value) for value in (since, tokens, refilled, *told.values())):
            raise ValueError('a number that is none')
        self.waiting = OrderedDict((entry.id, entry) for entry in waiting)
        self.told, self._since, self._refilled = told, since, refilled
        self._tokens = min(max(tokens, 0.0), float(self.rules.burst))
