"""One channel of the watch over habits: its reference, and the evidence gathered on whole days."""
import math
from collections import deque
from collections.abc import Iterable, Mapping

from .alarm import Kind, Severity
from .channels import CHANNELS
from .tail import Tail

ORDINARY = 1.0          # a day of less evidence is ordinary


class Watch:
    """values : learnt of days     sum : evidence of whole days     held : of the days since it is up, not learnt
    waiting : of odd days, not learnt until an ordinary one follows
    kind : what it is told as while it is up     told : so high it was told and is over, no news before the day `until`
    tail, seen, weight : of today: the reference, the worst that `weight` is of, (1 + sum) · evidence so far
    """

    def __init__(self, days: int) -> None:
        self.values: deque[float] = deque(maxlen=days)
        self.sum = 0.0
        self.since = math.nan
        self.held: list[float] = []
        self.waiting: list[float] = []
        self.up = False
        self.kind: Kind | None = None
        self.well_since = math.nan
        self.told, self.until = -math.inf, 0
        self.tail: Tail | None = None
        self.seen = -math.inf
        self.weight = 0.0

    def is_news(self, value: float) -> bool:
        """Return whether a value is more than was told and is over."""
        return value > self.told

    def hold(self, worst: float, until: int) -> None:
        """It is over, and the same is no news before the day `until`. worst : of today"""
        self.told, self.until = max([worst, self.seen, self.told, *self.held]), until

    def learn(self, value: float, first: bool) -> None:
        """Take a day into the reference. first : its first days stay, as what drifts is held against those"""
        if not (first and len(self.values) == self.values.maxlen):
            self.values.append(value)

    def take(self, value: float, found: float, odd: bool, first: bool, longest: int) -> None:
        """Learn a whole day of evidence `found`, an odd one only once an ordinary one follows.

        `longest` odd days without an ordinary one between are a new habit, of which the evidence is no more.
        """
        if odd:
            self.waiting.append(value)
            if len(self.waiting) < longest:
                return
            self.sum = 0.0
        days = [value] * (not odd)
        if odd or found < ORDINARY:
            days, self.waiting = self.waiting + days, []
        for day in days:
            self.learn(day, first)

    def forget(self) -> None:
        """Drop what was gathered against the reference."""
        self.sum, self.held, self.waiting, self.since = 0.0, [], [], math.nan
        self.weight, self.seen = 0.0, -math.inf

    def state(self) -> dict:
        """Return what outlasts a restart as plain values."""
        return {'values': list(self.values), 'held': list(self.held), 'waiting': list(self.waiting),
                'sum': self.sum, 'up': self.up, 'until': self.until,
                'kind': None if self.kind is None else int(self.kind),
                'told': None if self.told == -math.inf else self.told,
                'since': None if self.since != self.since else self.since}

    def restore(self, name: str, kept: Mapping) -> None:
        """Take over what `state` returned, of an earlier version too. KeyError, TypeError or ValueError."""
        self.values.extend(numbers(kept['values']))
        self.held, self.waiting = numbers(kept['held']), numbers(kept.get('waiting', ()))
        self.sum, self.up = numbers([kept['sum']])[0], bool(kept['up'])
        self.since = math.nan if kept['since'] is None else numbers([kept['since']])[0]
        if self.up:
            self.kind = CHANNELS[name].kind if kept.get('kind') is None else Kind(kept['kind'])
        if kept.get('told') is not None:
            self.told, self.until = numbers([kept['told']])[0], int(kept['until'])


def nags(name: str, kind: Kind | None) -> bool:
    """Return whether to hear the same again within days would be a nuisance: it is odd, not something to act on now."""
    return kind is Kind.POWER or CHANNELS[name].severity is Severity.INFO


def numbers(values: Iterable, count: int | None = None) -> list[float]:
    """Return finite numbers. ValueError, TypeError"""
    out = [float(v) for v in values]
    if not all(map(math.isfinite, out)) or (count is not None and len(out) != count):
        raise ValueError(f'{len(out)} values that are not {count or "all finite"}')
    return out
