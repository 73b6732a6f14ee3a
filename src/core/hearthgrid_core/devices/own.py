"""What an outlet knows by itself of the devices on it: taught by the hub's answers and by people, refined by use.

While the hub answers, the outlet listens and learns. When the hub is silent it answers for itself, "unknown" among the
answers. Corrections can be taken back, the last first. All of it takes at most 32 KB, in memory and as a file.
"""
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from ..waveform import FEATURES, SIGNATURE_VERSION
from .examples import DevicesError, checked_label, checked_vector
from .household import POWER_MAX, UNTIL_CHANGE
from .identifier import CANDIDATES, Identification, IdentityState
from .own_events import Actions, Said, Seen, Told, Undone
from .own_file import Lesson, pack, unpack
from .prototypes import CLAIM, NEAR, SURE, Prototypes
from .settings import OwnSettings
from .view import appliance_view

OWN_VERSION = 1
SPEAKER = 'outlet'          # how the recipe of an outlet's answer begins
RECIPE = f'{SPEAKER} {OWN_VERSION}, signature {SIGNATURE_VERSION}'
BOOK_MAX = UNDO_MAX = 10_500    # of the prototypes, and of what it takes to take corrections back [byte]
LESSONS = 8                 # corrections that can be taken back
LOOKS = 8                   # remembered, and the most a correction teaches
SAME_TIME = 1e-3            # what a stamp may lose on its way [s]
AGAIN = 1.0                 # what a hub that was silent has to answer in before the outlet does [s]
BIAS, SLOPE = 7.0, 4.0      # log odds that a prototype at distance x is right: BIAS − SLOPE x
UNLIKE = BIAS / SLOPE       # distance from which the nearest device is more likely a wrong one
# Deviation between two looks at one device, in the classifier's view: harmonics 1 … 21 (real, imaginary), the
# logarithms of current, P, Q and crest factor (a tenth), and three angles. Round numbers; see docs/identification.md.
NOISE = np.repeat([0.2, 0.1, 0.03], [42, 4, 3])


@dataclass(eq=False)
class _Look:
    sequence: int
    time: float
    end: float
    row: np.ndarray
    off: bool
    told: tuple[IdentityState, str] | None = None   # the hub's last word on it


@dataclass
class _Open:
    said: Said
    lesson: Lesson | None = None
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = key(self.said.type, self.said.model)


class OwnDevices:
    """Call `step` with everything that comes, and with None now and then."""

    def __init__(self, settings: OwnSettings | None = None, noise: np.ndarray = NOISE) -> None:
        self.settings = settings or OwnSettings()
        self._book = Prototypes(noise, BOOK_MAX)
        self._lessons: list[Lesson] = []
        self._looks: deque[_Look] = deque(maxlen=LOOKS)
        self._open: _Open | None = None
        self._named = ''            # what the hub says a person called it
        self._last = ''             # what it was last
        self._was_off = True        # since it was last known by that name, as far as is known
        self._unanswered: _Look | None = None
        self._owed: float | None = None     # since when the hub owes an answer
        self._silent = False
        self._taught = self._moved = False

    @property
    def names(self) -> tuple[str, ...]:
        """Return the devices known, as `type\\tmodel`."""
        return self._book.names

    @property
    def bytes(self) -> int:
        """Of all arrays and names held, at most 32 KB."""
        return (self._book.bytes + sum(lesson.bytes for lesson in self._lessons)
                + sum(look.row.nbytes for look in self._looks))

    def step(self, now: float, event: Seen | Told | Said | Undone | None = None) -> Actions:
        """Take what came at `now` [s], and say what to do. DevicesError, nothing changed, on what cannot be used."""
        self._taught = self._moved = quiet = False
        match event:
            case Seen():
                self._see(now, event)
            case Told():
                quiet = self._hear(now, event)
            case Said():
                self._listen(event)
            case Undone():
                self._undo()
        return Actions(self._speak(now), quiet, self._taught, self._moved)

    def state(self) -> dict:
        """Return everything learnt as JSON values, for `from_state`; at most 32 KB as text."""
        return pack(RECIPE, self._named, self._last, self._book.book, self._lessons)

    @classmethod
    def from_state(cls, state: dict, settings: OwnSettings | None = None, noise: np.ndarray = NOISE) -> 'OwnDevices':
        """Take over what `state` returned. DevicesError when it is foreign, damaged or of another recipe."""
        made = cls(settings, noise)
        made._named, made._last, made._book, made._lessons = unpack(RECIPE, state, noise, BOOK_MAX)
        if sum(lesson.bytes for lesson in made._lessons) > UNDO_MAX:
            raise DevicesError(f'the saved corrections take more than {UNDO_MAX} bytes')
        return made

    # What comes.

    def _see(self, now: float, seen: Seen) -> None:
        if seen.version != SIGNATURE_VERSION:
            raise DevicesError(f'a signature of version {seen.version}; this is {SIGNATURE_VERSION}')
        vector = checked_vector(seen.vector, FEATURES)
        if not np.isfinite([seen.time, seen.duration]).all():
            raise DevicesError('the time of a signature is not finite')
        if not (np.abs([seen.active_power, seen.apparent_power]) <= POWER_MAX).all():
            raise DevicesError(f'no outlet has a load of {seen.active_power} W and {seen.apparent_power} VA')
        if self._looks and seen.sequence <= self._looks[-1].sequence:
            raise DevicesError(f'signature {seen.sequence} came after {self._looks[-1].sequence}')
        if self._looks and seen.time <= self._looks[-1].time:   # the clock was set back
            self._looks.clear()
            self._open = None
        off = (abs(seen.active_power) < self.settings.own_power_off
               and max(abs(seen.active_power), seen.apparent_power) < self.settings.own_apparent_off)
        look = _Look(seen.sequence, seen.time, seen.time + seen.duration,
                     appliance_view(vector[None])[0].astype(np.float32), off)
        self._looks.append(look)
        self._was_off |= off
        self._unanswered, self._owed = look, now if self._owed is None else self._owed
        if self._open is not None:
            until = self._open.said.end
            if until == UNTIL_CHANGE and seen.changed and seen.time > self._open.said.said:
                until = seen.time
            self._learn_open([look], until)
            if until <= seen.time:
                self._open = None

    def _hear(self, now: float, told: Told) -> bool:
        """Return whether the hub is back."""
        if told.recipe.startswith(SPEAKER):
            return False
        look = next((look for look in self._looks if look.sequence == told.sequence
                     and abs(look.time - told.time) < SAME_TIME), None)
        if look is None:        # of before a restart, or of somebody else's signature
            return False
        name = key(told.type, told.model) if told.type else ''
        if name or told.state is IdentityState.NAMED:
            checked_label(told.type, told.model)
        back, self._silent = self._silent, False
        if self._unanswered is not None and self._unanswered.time <= look.time:
            self._unanswered = None
        self._owed = None if self._unanswered is None else now
        before, look.told = look.told, (told.state, name)
        if look.told != before:
            self._learn_told(look, before, told, name)
        return back

    def _learn_told(self, look: _Look, before: tuple[IdentityState, str] | None, told: Told, name: str) -> None:
        if (before is not None and before[1] and before[1] == self._named != name
                and before[0] in (IdentityState.NAMED, IdentityState.OFF)):     # a second word: it was taken back
            if self._lessons and self._lessons[-1].name == before[1]:
                self._undo()
            else:
                self._named = ''
        if look.off:
            return
        self._last = name or self._last
        if told.state is IdentityState.NAMED and name != self._named:
            self._correct(name)
        elif told.state is IdentityState.NAMED and before is None:
            if not self._was_off or self._book.recognise(look.row)[0] == name:
                self._learn([look], name, self._lessons[-1] if self._lessons else None)
        elif told.state is IdentityState.KNOWN and before is None:
            self._named = ''
            if told.probability >= self.settings.hub_trust:
                self._believe(look, name)
        elif told.state is not IdentityState.NAMED:
            self._named = ''
        self._was_off = False

    def _listen(self, said: Said) -> None:
        checked_label(said.type, said.model)
        if not np.isfinite([said.begin, said.said]).all() or not said.end > said.begin:
            raise DevicesError('a label ends before it begins')
        self._open = _Open(said)
        self._learn_open(list(self._looks), said.end)
        if self._looks and said.end <= self._looks[-1].time:
            self._open = None

    # Learning.

    def _learn_open(self, looks: list[_Look], until: float) -> None:
        """Teach what a label says of looks in its time; all of one label are one correction."""
        held = self._open
        looks = [look for look in looks if not look.off and look.time >= held.said.begin and look.end <= until]
        if not looks:
            return
        if held.lesson is None or held.lesson not in self._lessons:
            held.lesson = self._begin(held.name)
        self._learn(looks, held.name, held.lesson)
        self._last = held.name

    def _correct(self, name: str) -> None:
        """A person named what is on: teach the looks since it was last off, as the hub does."""
        recent: list[_Look] = []
        for look in reversed(self._looks):
            if look.off:
                break
            recent.insert(0, look)
        if not recent:      # it was said of a load that is off again
            return
        lesson = self._lessons[-1] if self._lessons and self._open and self._open.lesson is self._lessons[-1] else None
        if lesson is None or lesson.name != name:       # the outlet may have heard the person itself
            lesson = self._begin(name)
        self._learn(recent, name, lesson)
        self._named = name

    def _believe(self, look: _Look, name: str) -> None:
        """Learn from the hub's model, never against what was taught: it knows types, the prototypes know devices."""
        found = self._book.distances(look.row)
        other = min((distance for known, distance in found.items() if known != name), default=np.inf)
        own = found.get(name, np.inf)
        if own <= min(SURE, other):
            self._moved |= bool(self._book.follow(look.row))
        elif other > CLAIM:
            self._book.teach([look.row], name)
            self._moved = True

    def _refine(self, look: _Look) -> None:
        """Follow a device that nobody confirms, only where no other is near: small steps astray add up."""
        nearest, *others = self._book.distances(look.row).values()
        if nearest <= CLAIM and (not others or others[0] > NEAR):
            self._moved |= bool(self._book.follow(look.row))

    def _begin(self, name: str) -> Lesson:
        own = [(k, p) for k, p in enumerate(self._book.book) if p.name == name]
        self._lessons = [*self._lessons, Lesson(name, self._named, own)][-LESSONS:]
        return self._lessons[-1]

    def _learn(self, looks: list[_Look], name: str, lesson: Lesson | None) -> None:
        """Teach, and note in the lesson what of others that dropped."""
        before = [p for p in self._book.book if p.name != name]
        self._book.teach([look.row for look in looks], name)
        if lesson is not None and lesson.name == name:
            kept = {id(p) for p in self._book.book}
            lesson.drop([(k, p) for k, p in enumerate(before) if id(p) not in kept])
        while sum(one.bytes for one in self._lessons) > UNDO_MAX:
            del self._lessons[0]
        self._taught = True

    def _undo(self) -> None:
        if not self._lessons:
            raise DevicesError('no correction is remembered that could be taken back')
        last = self._lessons.pop()
        self._book.put_back(last.name, last.own, last.gone)
        self._named = last.before
        if self._last == last.name:
            self._last = last.before
        if self._open is not None and self._open.lesson is last:
            self._open = None
        self._taught = True

    # Answering.

    def _speak(self, now: float) -> tuple[int, float, Identification] | None:
        look = self._unanswered
        if look is None or not self._book.book:
            return None
        self._owed = min(self._owed, now)       # the clock may be set back
        if now - self._owed < (AGAIN if self._silent else self.settings.hub_silence):
            return None
        self._silent, self._unanswered, self._owed = True, None, None
        answer = self._judge(look)
        if answer.state is IdentityState.KNOWN:
            self._last = key(answer.type, answer.model)
            self._refine(look)
        return look.sequence, look.time, answer

    def _judge(self, look: _Look) -> Identification:
        if look.off:
            type, _, model = self._last.partition('\t')
            return Identification(IdentityState.OFF, type, model)
        return judge(self._book, look.row)


def judge(book: Prototypes, row: np.ndarray) -> Identification:
    """Return what a row of features (d,) is by prototypes alone: the odds of each name fall with its distance.

    An unknown one gets no candidates: what an outlet was never taught may be well known to the hub.
    """
    found = book.distances(row)
    name, distance = next(iter(found.items()), ('', np.inf))
    novelty = float(np.log(max(distance, 1e-3) / UNLIKE))
    if not distance <= UNLIKE:
        return Identification(IdentityState.UNKNOWN, novelty=novelty)
    odds = {known: float(np.exp(BIAS - SLOPE * apart)) for known, apart in found.items()}
    whole, types = 1 + sum(odds.values()), {}
    for known, chance in odds.items():
        type = known.partition('\t')[0]
        types[type] = types.get(type, 0.0) + chance / whole
    type, _, model = name.partition('\t')
    candidates = sorted(types.items(), key=lambda pair: -pair[1])[:CANDIDATES]
    return Identification(
        IdentityState.KNOWN, type, model, types[type], odds[name] / whole / types[type] if model else float('nan'),
        tuple(candidates), novelty)


def supersedes(time: float, recipe: str, held_time: float, held_recipe: str) -> bool:
    """Return whether an answer replaces the one held of the same outlet. Times of the signatures [s]

    One speaker's words come in order. Of hub and outlet the later signature counts, and for one signature the hub.
    """
    own, held_own = recipe.startswith(SPEAKER), held_recipe.startswith(SPEAKER)
    if own == held_own:
        return True
    return time > held_time if own else time >= held_time


def key(type: str, model: str) -> str:
    """Return the name of a device's prototypes."""
    return f'{type}\t{model}'
