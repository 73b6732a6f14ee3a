"""All channels of a home: what stands, what is new in it, and who has seen it."""
import math
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace

from hearthgrid_core.notify.channel import Channel, Entry, Message
from hearthgrid_core.notify.rules import ChannelRules, Severity

STANDING = 1024  # remembered at once, and as many one-time news


@dataclass(frozen=True)
class News:
    """Something that happened.

    id : the same when it begins, is said again, and ends.     time : when it happened. [s]
    over : it has ended.     passing : it has no end (a finished job): told once.
    """

    id: str
    severity: Severity
    subject: str
    text: str
    time: float
    over: bool = False
    passing: bool = False

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError('news needs an id')
        if not math.isfinite(self.time):
            raise ValueError(f'{self.id}: {self.time} is no time')


@dataclass
class _Standing:
    entry: Entry  # as last said
    worst: Severity
    acknowledged: bool = False


class Notifier:
    """Decides what each channel is told.

    Said again with the same id, something is an update, not news, unless it became worse than ever. Its end is told
    where its beginning was. Critical news is repeated until somebody acknowledges it or it ends.
    """

    def __init__(self, channels: Sequence[ChannelRules]) -> None:
        """ValueError when two channels have one name."""
        self._channels = [Channel(rules) for rules in channels]
        if len({rules.name for rules in channels}) < len(channels):
            raise ValueError('two channels have one name')
        self._standing: OrderedDict[str, _Standing] = OrderedDict()
        self._passed: OrderedDict[str, None] = OrderedDict()

    @property
    def standing(self) -> dict[str, bool]:
        """What has begun and not ended, and whether somebody acknowledged it."""
        return {id: held.acknowledged for id, held in self._standing.items()}

    @property
    def given_up(self) -> int:
        """Entries dropped since start because too many waited."""
        return sum(channel.given_up for channel in self._channels)

    def step(self, now: float, minute: int, news: Iterable[News] = ()) -> list[Message]:
        """Take in what happened and return what to send now. minute: local, of the day."""
        for one in news:
            self._take(now, one)
        unseen = {id: held.entry for id, held in self._standing.items() if not held.acknowledged and held.entry.urgent}
        due = (channel.due(now, minute, unseen, self._standing.__contains__) for channel in self._channels)
        return [message for message in due if message is not None]

    def acknowledge(self, id: str) -> bool:
        """Tell nobody of it again, but of its end. Return whether anything of that id stands."""
        held = self._standing.get(id)
        if held is None:
            return False
        held.acknowledged = True
        for channel in self._channels:
            channel.withdraw(id)
        return True

    def _take(self, now: float, news: News) -> None:
        entry = Entry(news.id, news.severity, news.subject, news.text, news.time)
        held = self._standing.get(news.id)
        if news.over:
            if held is not None:
                del self._standing[news.id]
                for channel in self._channels:
                    channel.over(now, replace(entry, severity=held.worst, over=True))
        elif news.passing:
            if news.id not in self._passed:
                self._passed[news.id] = None
                while len(self._passed) > STANDING:
                    self._passed.popitem(last=False)
                self._tell(now, entry)
        elif held is None or entry.severity > held.worst:
            self._standing[news.id] = _Standing(entry, entry.severity)
            self._bound()
            self._tell(now, entry)
        else:
            held.entry = entry
            for channel in self._channels:
                channel.update(entry)

    def _tell(self, now: float, entry: Entry) -> None:
        for channel in self._channels:
            channel.news(now, entry)

    def _bound(self) -> None:
        while len(self._standing) > STANDING:
            # the oldest, but a flood must not wash away what somebody has to see
            id = min(self._standing, key=lambda id: self._standing[id].entry.urgent)
            del self._standing[id]
            for channel in self._channels:
                channel.forget(id)

    def state(self) -> dict:
        """Return what outlives a restart, as plain data."""
        return {'standing': [asdict(held.entry) | {'worst': int(held.worst), 'acknowledged': held.acknowledged}
                             for held in self._standing.values()],
                'passed': list(self._passed),
                'channels': {channel.rules.name: channel.state() for channel in self._channels}}

    def restore(self, kept: dict) -> None:
        """Take back `state()`, without channels that are no more. ValueError when damaged; nothing is taken then."""
        fresh = Notifier([channel.rules for channel in self._channels])
        try:
            for row in kept['standing'][-STANDING:]:
                held = _Standing(Entry.of(row), Severity(row['worst']), bool(row['acknowledged']))
                fresh._standing[held.entry.id] = held
            fresh._passed = OrderedDict.fromkeys(str(id) for id in kept['passed'][-STANDING:])
            for channel in fresh._channels:
                if (row := kept['channels'].get(channel.rules.name)) is not None:
                    channel.restore(row)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f'what was kept is damaged: {error!r}') from None
        self._standing, self._passed, self._channels = fresh._standing, fresh._passed, fresh._channels
