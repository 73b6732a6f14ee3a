"""Which loads an island keeps on the power it has: by class, then by the person's rank, then as much as fits.

Each (class, rank) is a level, served in order. Within a level the served power is the largest subset sum of its
demands that fits what the levels before it left. Power served is also power used, so what is left after a level does
not depend on which of its best subsets was taken: the result is the lexicographic optimum of all levels, not only of
the first.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from hearthgrid_core.outlet.schedule import Priority
from hearthgrid_core.settings import check_bounds, setting

CRITICAL = frozenset({Priority.MEDICAL, Priority.REFRIGERATION, Priority.SAFETY})
# What a watt of a class is worth where classes are added up: figures of merit, never a decision of `shed`. [1]
WEIGHTS = {Priority.MEDICAL: 1000.0, Priority.REFRIGERATION: 300.0, Priority.SAFETY: 100.0, Priority.ESSENTIAL: 30.0,
           Priority.DEFERRABLE: 10.0, Priority.COMFORT: 3.0, Priority.UNKNOWN: 3.0}
_WATT = 1e-6  # so much of a watt is rounding of floats [W]


@dataclass(frozen=True)
class ShedSettings:
    """What loads count as where they do not say, and how restless shedding may be."""

    demand_unknown: float = setting(1500.0, 'W', 0.0, 20000.0, 'Demand of a load that does not know its own.')
    slack: float = setting(0.005, '1', 0.0, 0.2, 'Share of a level without critical loads given away for a fair turn.')
    swap: float = setting(900.0, 's', 0.0, 86400.0, 'A shed load takes the place of its equal when owed so much more.')
    margin: float = setting(0.05, '1', 0.0, 0.5, 'Share of the power that must be free before a load comes back.')
    hold: float = setting(30.0, 's', 0.0, 3600.0, 'How long nothing comes back after a change, save a critical load.')

    def __post_init__(self) -> None:
        check_bounds(self)


DEFAULTS = ShedSettings()


@dataclass(frozen=True, slots=True)
class Offer:
    """A load as `OutletState` tells it; ValueError where a number cannot be.

    rank : within the class; a higher one is shed sooner.     demand : what it would draw were nothing asked of it,
    NaN = not known [W].     inrush : largest cycle RMS at switch-on over steady, NaN = not known [1].     on : it is
    closed now.
    """

    outlet: str
    priority: Priority
    rank: int = 0
    demand: float = math.nan
    inrush: float = math.nan
    on: bool = True

    def __post_init__(self) -> None:
        if self.demand < 0.0 or math.isinf(self.demand):
            raise ValueError(f'{self.outlet}: a demand of {self.demand} W')
        if self.inrush < 0.0 or math.isinf(self.inrush):
            raise ValueError(f'{self.outlet}: an inrush of {self.inrush}')
        if self.rank < 0:
            raise ValueError(f'{self.outlet}: a rank of {self.rank}')
        object.__setattr__(self, 'priority', Priority(self.priority) or Priority.COMFORT)

    @property
    def level(self) -> tuple[int, int]:
        """Place in the order of service: lowest first."""
        return int(self.priority), self.rank

    def watts(self, unknown: float = DEFAULTS.demand_unknown) -> float:
        """Demand, or `unknown` where it is not known. [W]"""
        return unknown if math.isnan(self.demand) else self.demand


Power = float | Mapping[Priority, float]


def limit(available_power: Power, priority: Priority) -> float:
    """Return the most that loads of this class and of all before it may draw together. [W]"""
    most = available_power[priority] if isinstance(available_power, Mapping) else available_power
    if math.isnan(most):
        raise ValueError('the power available is not a number')
    return most


def shed(offers: Collection[Offer], available_power: Power, owed: Mapping[str, float] | None = None,
         settings: ShedSettings = DEFAULTS) -> frozenset[str]:
    """Return the outlets that are kept; all others are shed. The same for any order of `offers`.

    available_power : for all loads together [W]; or by class, the most that it and all classes before it may draw.
    owed : by outlet, how much it is preferred among its equals. [s]
    ValueError where an outlet offers twice or a power is not a number.
    """
    ranked = sorted(offers, key=lambda o: (o.level, -(owed or {}).get(o.outlet, 0.0), o.outlet))
    if len({o.outlet for o in ranked}) != len(ranked):
        raise ValueError('an outlet offers twice')
    kept, used = [], 0
    for (priority, _), group in groupby(ranked, key=lambda o: o.level):
        level = list(group)
        watts = [math.ceil(o.watts(settings.demand_unknown) - _WATT) for o in level]  # never less than it draws
        room = min(limit(available_power, Priority(priority)) + _WATT - used, sum(watts))
        taken = _pack(watts, max(0, math.floor(room)), 0.0 if priority in CRITICAL else settings.slack)
        used += sum(w for w, take in zip(watts, taken, strict=True) if take)
        kept += [o.outlet for o, take in zip(level, taken, strict=True) if take]
    return frozenset(kept)


def _pack(watts: Sequence[int], room: int, slack: float) -> list[bool]:
    """Return which of `watts`, most wanted first, to take so that they fill `room` [W] to its best, less `slack` [1].

    Subset sums are the bits of an integer: with load w they become s | s << w. Of all subsets good enough the one is
    taken that has the most wanted load, of those the one with the next, and so on.
    """
    if sum(watts) <= room:
        return [True] * len(watts)
    mask, sums = (1 << (room + 1)) - 1, [1]  # sums[-k]: what the last loads can add up to
    for w in reversed(watts):
        sums.append((sums[-1] | sums[-1] << w) & mask if w <= room else sums[-1])
    high = sums[-1].bit_length() - 1
    low = high - math.floor(high * slack)
    taken = []
    for k, w in enumerate(watts):
        rest, floor = sums[len(watts) - 1 - k], max(0, low - w)
        take = w <= high and bool(rest >> floor & (1 << (high - w - floor + 1)) - 1)
        if take:
            low, high = floor, high - w
        taken.append(take)
    return taken


@dataclass(frozen=True, slots=True)
class Shedding:
    """What an island keeps and sheds; `overload`: more was on than there was power for."""

    kept: frozenset[str]
    shed: frozenset[str]
    overload: bool
    changed: bool


class Shedder:
    """Sheds at once, gives back with a margin and after a pause, and lets equals take turns by their time off."""

    def __init__(self, settings: ShedSettings = DEFAULTS) -> None:
        self._settings = settings
        self._kept: set[str] = set()
        self._known: set[str] = set()
        self._changed = self._last = -math.inf
        self.off: dict[str, float] = {}  # how long each outlet has been shed in this outage [s]

    def reset(self) -> None:
        """Forget the outage."""
        self.__init__(self._settings)

    def step(self, now: float, offers: Collection[Offer], available_power: Power) -> Shedding:
        """Decide for the loads that offer now; one not known before counts as kept where it is on.

        An overload is answered by shedding alone; what fits better comes back later.
        """
        since, self._last = max(0.0, now - self._last) if math.isfinite(self._last) else 0.0, now
        present = {o.outlet: o for o in offers}
        self._kept |= {id for id, o in present.items() if id not in self._known and o.on}
        self._known |= present.keys()
        for id in present.keys() - self._kept:
            self.off[id] = self.off.get(id, 0.0) + since
        kept = {id: present[id] for id in self._kept & present.keys()}
        overload = not self._fits(kept.values(), available_power)
        if overload:
            new = shed(kept.values(), available_power, self._owed(), self._settings)
        else:
            new = self._better(now, offers, kept, available_power)
        changed = new != kept.keys()
        if changed:
            self._changed = now
        self._kept = set(new) | self._kept - present.keys()  # one not heard of now may still be on
        return Shedding(new, frozenset(present.keys() - new), overload, changed)

    def _owed(self) -> dict[str, float]:
        """A kept load is preferred until its equal has been off for `swap` longer."""
        return {id: self.off.get(id, 0.0) + (self._settings.swap if id in self._kept else 0.0) for id in self._known}

    def _fits(self, kept: Collection[Offer], available_power: Power) -> bool:
        used = 0.0
        for o in sorted(kept, key=lambda o: o.level):
            used += o.watts(self._settings.demand_unknown)
            if used > limit(available_power, o.priority) + _WATT:
                return False
        return True

    def _better(self, now: float, offers: Collection[Offer], kept: Mapping[str, Offer],
                available_power: Power) -> frozenset[str]:
        """Return a better set that leaves the margin free, or one in which equals have taken turns; else what is."""
        s, same = self._settings, frozenset(kept)
        free = ({c: p * (1 - s.margin) for c, p in available_power.items()} if isinstance(available_power, Mapping)
                else available_power * (1 - s.margin))
        new = shed(offers, free, self._owed(), s)
        waited = now - self._changed >= s.hold
        served: dict[tuple[int, int], list[float]] = {}
        for o in offers:
            level, watts = served.setdefault(o.level, [0.0, 0.0]), o.watts(s.demand_unknown)
            level[0] += watts * (o.outlet in new)
            level[1] += watts * (o.outlet in kept)
        for level, (then, today) in sorted(served.items()):
            slack = 0.0 if level[0] in CRITICAL else s.slack
            if then > today * (1 + slack) + _WATT:
                return new if waited or level[0] in CRITICAL else same
            if then < today * (1 - slack) - _WATT:
                return same
        return new if waited else same
