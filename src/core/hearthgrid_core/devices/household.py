"""The devices of a home: signatures and labels meet, people name things, and each outlet has an identity."""
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from .classifier import Classifier
from .corrections import Correction, Corrections
from .examples import MODEL_LENGTH, TYPE_LENGTH, DevicesError, checked_label, checked_vector, fits
from .identifier import Identification, Identifier, IdentityState

POWER_MAX = 1e5     # of a load, beyond any outlet's [W], [VA]
LOOKS = 32          # remembered of an outlet
CLAIMS = 16         # open claims of an outlet
OUTLETS = 1024      # remembered
NAMED_AT_ONCE = 8   # newest looks that a name teaches
NAMED_LOOKS = 100   # whose numbers a name keeps, to be forgotten with it
DOUBTS = 2          # looks unlike the named device, after the load was off, that end a name
UNTIL_CHANGE = float('inf')


@dataclass(frozen=True, eq=False)
class Look:
    """One signature of one outlet.

    sequence : of the signature     time : start of its window [s]     duration : of it [s]
    vector : (features,)     active_power, apparent_power : [W], [VA]
    changed : it was taken because the load changed
    """

    outlet: str
    sequence: int
    time: float
    duration: float
    vector: np.ndarray
    active_power: float
    apparent_power: float
    changed: bool


@dataclass(frozen=True)
class Claim:
    """Somebody says what is on an outlet for the looks that lie in `begin` … `end`. [s]

    end : `UNTIL_CHANGE` = until the load next changes after `said`
    by_person : it names the device, too
    """

    outlet: str
    type: str
    model: str
    begin: float
    end: float
    said: float
    by_person: bool = False


@dataclass
class _Seen:
    look: Look
    off: bool
    number: int | None = None   # of the example it became


@dataclass
class _Open:
    claim: Claim
    group: int | None = None


@dataclass
class _Name:
    type: str
    model: str
    numbers: deque = field(default_factory=lambda: deque(maxlen=NAMED_LOOKS))
    doubts: int = 0
    doubted: float = -float('inf')      # time of the last look that was doubted: it is judged again after every fit
    sure: bool = False          # the load was not off since it was like the named one, so it is the same


@dataclass
class _Outlet:
    seen: deque = field(default_factory=lambda: deque(maxlen=LOOKS))
    claims: list = field(default_factory=list)
    last: tuple[str, str] = ('', '')    # type and model it was last known as


class Household:
    """Carries looks and claims to an `Identifier` and answers for each outlet.

    A claim may come before or after the looks it speaks of. A name that a person gave holds until the load, after it
    was off, twice looks unlike the named device: nobody changes a plug without the current falling to zero.
    """

    def __init__(self, identifier: Identifier) -> None:
        self.identifier = identifier
        self._outlets: OrderedDict[str, _Outlet] = OrderedDict()
        self._names: dict[str, _Name] = {}
        self._pending: dict[str, Look] = {}
        self._corrections = Corrections()

    @property
    def names(self) -> dict[str, tuple[str, str]]:
        """Type and model by outlet, as people named them."""
        return {outlet: (name.type, name.model) for outlet, name in self._names.items()}

    def see(self, look: Look) -> None:
        """Take a signature. DevicesError when it cannot be used or is not younger than the outlet's last."""
        checked_vector(look.vector, self.identifier.features)
        if not np.isfinite([look.time, look.duration]).all():
            raise DevicesError('the time of a signature is not finite')
        if not (np.abs([look.active_power, look.apparent_power]) <= POWER_MAX).all():
            raise DevicesError(f'no outlet has a load of {look.active_power} W and {look.apparent_power} VA')
        outlet = self._outlet(look.outlet)
        if outlet.seen and look.time <= outlet.seen[-1].look.time:
            raise DevicesError(f'a signature of {look.outlet} is not younger than the last')
        seen = _Seen(look, self.identifier.is_off(look.active_power, look.apparent_power))
        outlet.seen.append(seen)
        for held in list(outlet.claims):
            if held.claim.end == UNTIL_CHANGE and look.changed and look.time > held.claim.said:
                held.claim = replace(held.claim, end=look.time)
            if self._teach(seen, held) and held.claim.by_person:
                self._name(look.outlet, held.claim.type, held.claim.model, [seen.number])
            if held.claim.end <= look.time:
                outlet.claims.remove(held)
        name = self._names.get(look.outlet)
        if name is not None and seen.off:
            name.sure = False
        elif name is not None and name.sure and look.changed and seen.number is None:
            self._learn(seen, name.type, name.model, None)
            name.numbers.append(seen.number)
        if not seen.off and seen.number is None:
            self.identifier.follow(look.vector)
        self._pending[look.outlet] = look

    def hear(self, claim: Claim) -> int:
        """Take a claim; return how many looks it taught at once. DevicesError when it makes no sense."""
        if not claim.outlet:
            raise DevicesError('a label needs an outlet')
        checked_label(claim.type, claim.model)
        if not np.isfinite([claim.begin, claim.said]).all() or not claim.end > claim.begin:
            raise DevicesError(f'a label of {claim.outlet} ends before it begins')
        outlet = self._outlet(claim.outlet)
        if claim.end == UNTIL_CHANGE:
            changes = (s.look.time for s in outlet.seen if s.look.changed and s.look.time > claim.said)
            claim = replace(claim, end=next(changes, UNTIL_CHANGE))
        held = _Open(claim)
        taught = [seen for seen in outlet.seen if self._teach(seen, held)]
        if not outlet.seen or claim.end > outlet.seen[-1].look.time:
            outlet.claims = [*outlet.claims, held][-CLAIMS:]
        if claim.by_person and taught and taught[-1] is outlet.seen[-1]:
            self._name(claim.outlet, claim.type, claim.model, [seen.number for seen in taught])
        return len(taught)

    def correct(self, outlet: str, type: str, model: str = '') -> str:
        """A person names what is on an outlet, or with an empty type takes the name back. Return what was done.

        DevicesError, in words for that person, when it cannot be.
        """
        if not type:
            name = self._names.pop(outlet, None)
            if name is None:
                raise DevicesError(f'{outlet} has no name to forget')
            self._remember(outlet, name, [], self.identifier.lessons(name.numbers))
            count = self.identifier.forget(name.numbers)
            self._forget_last(outlet)
            self._ask_again(outlet)
            return f'{outlet} is no longer called {name.type}; {count} examples are forgotten'
        recent: list[_Seen] = []
        for seen in reversed(self._outlets[outlet].seen if outlet in self._outlets else ()):
            if seen.off or len(recent) == NAMED_AT_ONCE:
                break
            recent.append(seen)
        if not recent:
            raise DevicesError(f'{outlet} draws nothing to learn from: switch it on, then name it')
        checked_label(type, model)
        before, group = self._names.get(outlet), None
        replaced = self.identifier.lessons([seen.number for seen in recent if seen.number is not None])
        kept = None if before is None else _Name(before.type, before.model, before.numbers.copy())
        for seen in reversed(recent):
            group = self._learn(seen, type, model, group)
        learnt = [seen.number for seen in reversed(recent)]
        self._remember(outlet, kept, learnt, replaced)
        self._name(outlet, type, model, learnt)
        return f'{outlet} is a {type}: {len(recent)} examples more'

    def undo(self, outlet: str) -> str:
        """Take the last correction of an outlet back, and what its name taught since. Return what was done.

        DevicesError, in words for a person, where there is none that is remembered.
        """
        last = self._corrections.pop(outlet)
        if last is None:
            raise DevicesError(f'no correction of {outlet} is remembered that could be taken back')
        name = self._names.pop(outlet, None)
        since = set(last.learnt)
        if name is not None and last.learnt:
            since |= set(name.numbers) - set(last.numbers)
        self.identifier.forget(since)
        again = {number: self.identifier.learn(vector, type, model, group)
                 for number, vector, type, model, group in last.replaced}
        for seen in self._outlets[outlet].seen if outlet in self._outlets else ():
            if seen.number in since:
                seen.number = None
        if last.type:
            name = self._names[outlet] = _Name(last.type, last.model)
            name.numbers.extend(again.get(number, number) for number in last.numbers)
        self._forget_last(outlet, last.type, last.model)
        self._ask_again(outlet)
        return f'{outlet} is {f"a {last.type} again" if last.type else "not named any more"}'

    def adopt(self, classifier: Classifier | None) -> None:
        """Answer with a new classifier, for the newest look of every outlet again."""
        self.identifier.adopt(classifier)
        for outlet in self._outlets:
            self._ask_again(outlet)

    def answers(self) -> list[tuple[Look, Identification]]:
        """Judge what was seen since the last call, the newest look of each outlet."""
        looks, self._pending = list(self._pending.values()), {}
        found = self.identifier.identify_all([look.vector for look in looks], [look.active_power for look in looks],
                                             [look.apparent_power for look in looks])
        return [(look, self._answer(look, answer)) for look, answer in zip(looks, found, strict=True)]

    def state(self) -> dict[str, np.ndarray]:
        """Return examples and names as plain arrays, for `from_state`."""
        names = list(self._names.items())
        return {**self.identifier.state(), **self._corrections.state(self.identifier.features),
                'named_outlets': np.array([outlet for outlet, _ in names], dtype='<U64'),
                'named_types': np.array([name.type for _, name in names], dtype='<U48'),
                'named_models': np.array([name.model for _, name in names], dtype='<U64'),
                'named_numbers': np.array([n for _, name in names for n in name.numbers], dtype=np.int64),
                'named_counts': np.array([len(name.numbers) for _, name in names], dtype=np.int64)}

    @classmethod
    def from_state(cls, state: Mapping[str, np.ndarray], kind: type[Identifier] = Identifier, **given) -> 'Household':
        """Return the household that `state` describes; `given` goes to `kind.from_state`. DevicesError."""
        made = cls(kind.from_state(state, **given))
        made._corrections = Corrections.from_state(state, made.identifier.features)
        try:
            columns = [np.asarray(state[f'named_{name}']) for name in ('outlets', 'types', 'models', 'counts')]
            numbers = np.asarray(state['named_numbers'])
        except KeyError as error:
            raise DevicesError(f'the saved names lack {error.args[0]!r}') from None
        shape = columns[0].shape
        if (any(column.shape != shape or column.dtype.kind != kind for column, kind
                in zip(columns, 'UUUi', strict=True)) or len(shape) != 1 or numbers.dtype.kind != 'i'
                or numbers.shape != (columns[3].sum(),) or (columns[3] < 0).any()):
            raise DevicesError('the saved names do not fit together')
        for column, empty, longest in zip(columns, (False, False, True), (32, TYPE_LENGTH, MODEL_LENGTH), strict=False):
            if not all(fits(word, longest) and (word or empty) for word in column.tolist()):
                raise DevicesError('a saved name is empty or too long')
        rest = numbers.tolist()
        for outlet, type, model, count in zip(*(column.tolist() for column in columns), strict=True):
            name = _Name(type, model)
            name.numbers.extend(rest[:count])
            rest = rest[count:]
            made._names[outlet] = name
        return made

    def _outlet(self, name: str) -> _Outlet:
        if name not in self._outlets:
            self._outlets[name] = _Outlet()
            while len(self._outlets) > OUTLETS:
                self._pending.pop(self._outlets.popitem(last=False)[0], None)
        self._outlets.move_to_end(name)
        return self._outlets[name]

    def _ask_again(self, outlet: str) -> None:
        seen = self._outlets[outlet].seen if outlet in self._outlets else ()
        if seen:
            self._pending.setdefault(outlet, seen[-1].look)

    def _forget_last(self, outlet: str, type: str = '', model: str = '') -> None:
        """A load that is off is not said to be what it was called by mistake."""
        if outlet in self._outlets:
            self._outlets[outlet].last = type, model

    def _teach(self, seen: _Seen, held: _Open) -> bool:
        """Teach a look what a claim says of it; return whether it speaks of it."""
        claim, look = held.claim, seen.look
        if seen.off or look.time < claim.begin or look.time + look.duration > claim.end:
            return False
        held.group = self._learn(seen, claim.type, claim.model, held.group)
        return True

    def _learn(self, seen: _Seen, type: str, model: str, group: int | None) -> int:
        """Make an example of a look, in place of what it was one of; return its group."""
        number = self.identifier.learn(seen.look.vector, type, model, group)
        if seen.number is not None:
            self.identifier.forget([seen.number])
        seen.number = number
        return -number if group is None else group

    def _remember(self, outlet: str, before: _Name | None, learnt: list[int], replaced: list) -> None:
        name = ('', '', ()) if before is None else (before.type, before.model, tuple(before.numbers))
        self._corrections.push(Correction(outlet, *name, tuple(learnt), tuple(replaced)))

    def _name(self, outlet: str, type: str, model: str, numbers: list[int]) -> None:
        name = self._names.get(outlet)
        if name is None or (name.type, name.model) != (type, model):
            name = self._names[outlet] = _Name(type, model)
        name.numbers.extend(number for number in numbers if number not in name.numbers)
        name.sure, name.doubts = True, 0
        self._ask_again(outlet)

    def _answer(self, look: Look, found: Identification) -> Identification:
        outlet, name = self._outlet(look.outlet), self._names.get(look.outlet)
        if found.state is IdentityState.OFF:
            type, model = (name.type, name.model) if name is not None else outlet.last
            return replace(found, type=type, model=model)
        if name is not None and not name.sure:
            unlike = self.identifier.unlike(look.vector, name.type, name.model)
            if unlike <= 0 or (found.state is IdentityState.KNOWN and found.type == name.type):
                name.sure, name.doubts = True, 0
            elif unlike > 0 and look.time > name.doubted:
                name.doubts, name.doubted = name.doubts + 1, look.time
                if name.doubts >= DOUBTS:
                    del self._names[look.outlet]
                    name = None
        if name is not None:
            found = replace(found, state=IdentityState.NAMED, type=name.type, model=name.model,
                            probability=float('nan'), model_probability=float('nan'))
        outlet.last = (found.type, found.model)
        return found
