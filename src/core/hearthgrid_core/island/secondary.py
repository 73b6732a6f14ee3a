"""Secondary control by distributed averaging: every inverter moves its own droop so that frequency and mean voltage
return to nominal and all carry the same share of their rating.

After Simpson-Porco, Dörfler, Bullo 2013, doi:10.1016/j.automatica.2013.05.018, with shares and frequencies averaged
instead of the offsets: what the units exchange is then what is to be equal, and the errors of their clocks, by which
they disagree about the frequency, do not unbalance the shares.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hearthgrid_core.settings import check_bounds, setting


@dataclass(frozen=True)
class SecondarySettings:
    """Gains are rates [1/s]. The integral of the frequency needs a quorum; see `Secondary`."""

    nominal_frequency: float = setting(50.0, 'Hz', 45.0, 65.0, 'To return to.')
    nominal_voltage: float = setting(230.0, 'V', 90.0, 1000.0, 'To return the mean voltage to.')
    droop_frequency: float = setting(0.01, '1', 0.001, 0.05, "Of the inverter's droop: a share of 1 in frequency.")
    droop_voltage: float = setting(0.025, '1', 0.0, 0.1, "Of the inverter's droop: a reactive share of 1 in voltage.")
    period: float = setting(0.05, 's', 0.01, 1.0, 'Between two words to the others, and two moves.')
    stale: float = setting(0.5, 's', 0.05, 10.0, 'A word older than this is forgotten.')
    frequency_rate: float = setting(5.0, '1/s', 0.0, 20.0, 'Of the frequency towards nominal.')
    active_rate: float = setting(7.0, '1/s', 0.0, 20.0, 'Of the active shares towards each other.')
    voltage_rate: float = setting(2.0, '1/s', 0.0, 20.0, 'Of the mean voltage towards nominal.')
    reactive_rate: float = setting(2.0, '1/s', 0.0, 20.0, 'Of the reactive shares towards each other.')
    frequency_offset_max: float = setting(1.0, 'Hz', 0.0, 5.0, 'Largest offset of the droop reference either way.')
    voltage_offset_max: float = setting(0.05, '1', 0.0, 0.2, 'The same of voltage over nominal.')
    leak_time: float = setting(10.0, 's', 0.1, 3600.0, 'Of the offsets towards 0 while told to let go.')

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.stale < 2 * self.period:
            raise ValueError('stale must be at least two periods')


@dataclass(frozen=True, slots=True)
class Share:
    """What an inverter tells the others. number : rises with every word of a sender, over restarts too.

    frequency : by its own clock [Hz].     active, reactive : power given over rating [1]
    voltage : at its terminal, over nominal [1]
    limited : it is held at a limit of its power, so nobody should follow it.
    """

    sender: str
    number: int
    frequency: float
    active: float
    reactive: float
    voltage: float
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Measured:
    """What an inverter finds at itself: frequency [Hz], shares and voltage as in `Share`."""

    frequency: float
    active: float
    reactive: float
    voltage: float
    limited: bool = False


@dataclass(frozen=True, slots=True)
class Members:
    """The inverters that form the island now, this one among them."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LetGo:
    """Have the offsets leak away, or stop it. Without it they stay, however long nobody is heard."""

    on: bool


@dataclass(frozen=True, slots=True)
class Offsets:
    """Action: what to add to the droop references now [Hz], [V]."""

    frequency: float
    voltage: float


class Secondary:
    """One inverter's part. `step(now, event)` takes one event and returns what to do; None is the deadline.

    The integral of the frequency error runs only while more than half of the members, this one counted, are heard:
    clocks differ, so two groups that cannot hear each other would pull against each other without end. Without quorum
    the unit still follows the shares of whoever it hears; hearing nobody, it moves nothing. An island's only member is
    its own quorum.
    """

    def __init__(self, settings: SecondarySettings, me: str, members: tuple[str, ...], now: float) -> None:
        self.settings, self.me = settings, me
        self.frequency_offset = self.voltage_offset = 0.0  # [Hz], [V]
        self._members: frozenset[str] = frozenset()
        self._adopt(members)
        self._heard: dict[str, tuple[float, Share]] = {}
        self._measured: Measured | None = None
        self._leaking = False
        self._number, self._moved = int(now * 1e6), now
        self.deadline = now

    def step(self, now: float, event: object = None) -> list[Share | Offsets]:
        """Return what to send and set. Words and measurements that are not numbers are ignored."""
        kind = type(event)
        if kind is Share:
            self._hear(now, event)
        elif kind is Measured:
            if _finite(event.frequency, event.active, event.reactive, event.voltage):
                self._measured = event
        elif kind is Members:
            self._adopt(event.names)
        elif kind is LetGo:
            self._leaking = event.on
        elif event is not None:
            raise TypeError(f'{event!r} is no event of secondary control')
        return self._tick(now) if now >= self.deadline else []

    def quorum(self, now: float) -> bool:
        """Return whether more than half of the members can be heard."""
        return 2 * (1 + len(self._recent(now))) > len(self._members)

    def _adopt(self, names: tuple[str, ...]) -> None:
        if self.me not in names:
            raise ValueError(f'{self.me} is not among the members {names}')
        self._members = frozenset(names)

    def _hear(self, now: float, word: Share) -> None:
        if word.sender == self.me or word.sender not in self._members:
            return
        if not _finite(word.frequency, word.active, word.reactive, word.voltage):
            return
        last = self._heard.get(word.sender)
        if last is None or word.number > last[1].number:
            self._heard[word.sender] = now, word

    def _recent(self, now: float) -> list[Share]:
        since = now - self.settings.stale
        return [word for name, (at, word) in self._heard.items() if at >= since and name in self._members]

    def _tick(self, now: float) -> list[Share | Offsets]:
        s = self.settings
        duration = min(now - self._moved, 2 * s.period)  # a node that slept must not leap
        self._moved = now
        self.deadline = max(self.deadline + s.period, now)
        own = self._measured
        if self._leaking:
            keep = math.exp(-duration / s.leak_time)
            self.frequency_offset *= keep
            self.voltage_offset *= keep
        if own is None:
            return []
        others = self._recent(now)
        if not own.limited and not self._leaking:
            self._move(duration, own, [word for word in others if not word.limited], self.quorum(now))
        self._number = max(self._number + 1, int(now * 1e6))
        word = Share(
            self.me, self._number, own.frequency, own.active, own.reactive, own.voltage, own.limited
        )
        return [Offsets(self.frequency_offset, self.voltage_offset), word]

    def _move(self, duration: float, own: Measured, others: list[Share], quorum: bool) -> None:
        s = self.settings
        frequency = voltage = 0.0  # rates over nominal [1/s]
        known = [own, *others]
        if quorum:
            frequency -= s.frequency_rate * (_mean('frequency', known) / s.nominal_frequency - 1.0)
            voltage -= s.voltage_rate * (_mean('voltage', known) - 1.0)
        frequency -= s.active_rate * s.droop_frequency * (own.active - _mean('active', known))
        voltage -= s.reactive_rate * s.droop_voltage * (own.reactive - _mean('reactive', known))
        limit = s.frequency_offset_max
        moved = self.frequency_offset + duration * frequency * s.nominal_frequency
        self.frequency_offset = min(limit, max(-limit, moved))
        limit = s.voltage_offset_max * s.nominal_voltage
        moved = self.voltage_offset + duration * voltage * s.nominal_voltage
        self.voltage_offset = min(limit, max(-limit, moved))


def _mean(name: str, words: Sequence[Measured | Share]) -> float:
    return sum(getattr(word, name) for word in words) / len(words)


def _finite(*values: float) -> bool:
    return all(map(math.isfinite, values))
