"""What a leader does for the island: whom to serve, whom to shed or restore, and the inverter's reference.

Its commands expire and are renewed; an actuator that hears nobody falls back by itself. A leader with a majority may do
all of it. A provisional one keeps what runs and sheds more, and never restores: so two of them on one bus agree.
"""

import math
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from hearthgrid_core.outlet.schedule import Priority
from hearthgrid_core.settings import setting

from .ballot import Fence
from .shedding import CRITICAL, Offer, Shedder, ShedSettings
from .watch import Mode

ACTIVE = (Mode.SHED, Mode.REGULATE, Mode.SYNCHRONISE, Mode.GRID)
# So many readings in a row must show it: states lag behind what they speak of, and readings are means of a second.
LIKELY, SURE = 2, 4
SETTLED = 2.5  # after a change of who is served, readings of a second and states speak of the same loads [s]


@dataclass(frozen=True)
class DutySettings(ShedSettings):
    """What carries the island, how full the leader fills it, and in which steps it restores."""

    outlets: int = setting(0, '1', 0, 1000, 'Of the home; 0 = not known, then joining takes its whole time.')
    inverter: str = setting('battery', '', None, None, 'The grid-forming inverter that carries the island.')
    inverter_power: float = setting(0.0, 'W', 0.0, 1e6, 'Its rated power; 0 = not known, then nothing is shed.')
    nominal_frequency: float = setting(50.0, 'Hz', 45.0, 65.0, 'Mains frequency.')
    load_max: float = setting(0.9, '1', 0.1, 1.0, 'Share of the rated power that is filled with loads.')
    surge: float = setting(1.5, '1', 1.0, 5.0, 'Of the rated power a start may ask for.')
    sun_share: float = setting(0.5, '1', 0.0, 1.0, 'Share of the PV power that is counted on.')
    charge_low: float = setting(0.3, '1', 0.0, 1.0, 'State of charge below which nothing under essential is served.')
    charge_least: float = setting(0.1, '1', 0.0, 1.0, '… below which nothing under safety is.')
    renew: float = setting(1.0, 's', 0.05, 60.0, 'Between two commands of the same content.')
    validity: float = setting(5.0, 's', 0.2, 600.0, 'Of a command.')
    restore_step: float = setting(2.0, 's', 0.0, 600.0, 'Between two outlets restored: cold loads draw more at first.')
    secondary_gain: float = setting(0.3, '1', 0.0, 1.0, 'Of the frequency error, taken back with every renewal.')
    secondary_span: float = setting(0.02, '1', 0.0, 0.05, 'Largest shift of the reference over nominal.')

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.validity < 2 * self.renew:
            raise ValueError(f'validity {self.validity:g} s: two renewals of {self.renew:g} s must fit in')
        if self.charge_least > self.charge_low:
            raise ValueError('charge_least must not lie above charge_low')


@dataclass(frozen=True, slots=True)
class Stated:
    """What an outlet says of itself. shed : it is off because a leader wants it so, or because it hears none."""

    offer: Offer
    shed: bool = False


@dataclass(frozen=True, slots=True)
class Metered:
    """What an inverter or the meter has measured: power positive when it draws from the home [W], NaN = dead [Hz]."""

    name: str
    active_power: float
    frequency: float


@dataclass(frozen=True, slots=True)
class Charge:
    """State of charge of the battery behind the inverter, NaN = not known. [1]"""

    share: float


@dataclass(frozen=True, slots=True)
class Ask:
    """Action: ask an outlet to keep at most `power_max` (infinity = no cap, 0 = off) until `expiry` [s]."""

    outlet: str
    power_max: float
    fence: Fence
    expiry: float
    reason: str


@dataclass(frozen=True, slots=True)
class Steer:
    """Action: give the forming inverter the droop reference `frequency` [Hz] until `expiry` [s]."""

    inverter: str
    frequency: float
    fence: Fence
    expiry: float


class Duties:
    """A leader's memory of the island. Every member keeps what it hears; only a leader's `step` says anything."""

    def __init__(self, settings: DutySettings) -> None:
        self._s, self._shedder = settings, Shedder(settings)
        self.offers: dict[str, Offer] = {}
        self._held_off: set[str] = set()  # who says that it is shed
        self.shed: frozenset[str] = frozenset()
        self._power: dict[str, float] = {}
        self._changed_at = -math.inf  # who is served [s]
        self._frequency, self._charge = math.nan, math.nan
        self._seen: deque[float] = deque(maxlen=SURE)  # drawn beyond what the offers say, reading by reading [W]
        self._excess, self._sure = 0.0, 0.0  # of it believed for those who can wait, and for critical loads [W]
        self._offset = 0.0  # of the reference [Hz]
        self._begun = False
        self.deadline = math.inf
        self._renew_at = self._restore_at = -math.inf

    def take(self, now: float, event: Stated | Metered | Charge) -> None:
        """Take in what an outlet, a meter or the battery says."""
        if type(event) is Stated:
            outlet = event.offer.outlet
            self.offers[outlet] = event.offer
            (self._held_off.add if event.shed else self._held_off.discard)(outlet)
        elif type(event) is Charge:
            self._charge = event.share
        else:
            self._power[event.name] = event.active_power if event.active_power == event.active_power else 0.0
            if event.name == self._s.inverter:
                self._frequency = event.frequency
                self._weigh(now)

    def joined(self) -> bool:
        """Return whether every outlet of the home has said what it needs."""
        return 0 < self._s.outlets <= len(self.offers)

    def obeyed(self) -> bool:
        """Return whether all shed outlets are off."""
        return not any(self.offers[o].on for o in self.shed if o in self.offers)

    def forget(self) -> None:
        """Drop what was heard: nothing newer will come."""
        self.offers.clear()
        self._held_off.clear()
        self._power.clear()
        self._frequency = self._charge = math.nan

    def end(self) -> None:
        """Lead no more: what was commanded expires by itself."""
        self.shed, self.deadline = frozenset(), math.inf
        self._begun, self._excess, self._sure, self._offset = False, 0.0, 0.0, 0.0
        self._seen.clear()
        self._shedder.reset()

    def step(self, now: float, mode: Mode, fence: Fence) -> list[Ask | Steer]:
        """Return what is to be said now by a leader of this authority in this mode. Grid: what is left is released."""
        if mode is Mode.GRID and not self.shed or mode not in ACTIVE:
            if mode is Mode.GRID:
                self.end()
            self.deadline = math.inf
            return []
        before = self.shed
        if not self._begun:
            # What a forerunner has shed stays so until it is restored in its turn; nobody is switched on at once.
            self._begun, self._restore_at = True, now + self._s.restore_step
            self._renew_at = -math.inf
            self.shed = frozenset(
                o for o, offer in self.offers.items() if o in self._held_off or not (fence.full or offer.on))
        if mode is Mode.GRID:
            self._release(now)
        else:
            self._regulate(now, mode, fence)
        changed = self.shed != before
        if changed:
            self._changed_at = now
            self._seen.clear()
        elif now < self._renew_at:
            return []
        due = now >= self._renew_at
        if due:
            self._renew_at = now + self._s.renew
        self.deadline = self._renew_at
        out: list[Ask | Steer] = self._asks(now, mode, fence, None if due else self.shed ^ before)
        if due and fence.full and mode in (Mode.REGULATE, Mode.SYNCHRONISE):
            out += self._steer(now, mode, fence)
        return out

    # Who is served.

    def _regulate(self, now: float, mode: Mode, fence: Fence) -> None:
        kept = self._choose(now)
        more = frozenset(self.offers) - kept - self.shed
        if more:
            self.shed |= more
            self._restore_at = now + self._s.hold
        elif fence.full and mode is Mode.REGULATE and now >= self._restore_at:
            self._restore(now, kept)
        self.shed &= frozenset(self.offers)

    def _choose(self, now: float) -> frozenset[str]:
        """Return whom there is power and charge for."""
        s = self._s
        if not s.inverter_power:
            return frozenset(self.offers)
        lowest = Priority.COMFORT
        if self._charge < s.charge_low:
            lowest = Priority.SAFETY if self._charge < s.charge_least else Priority.ESSENTIAL
        bearable: Collection[Offer] = [o for o in self.offers.values() if o.priority <= lowest]
        return self._shedder.step(now, bearable, self._available()).kept

    def _available(self) -> dict[Priority, float]:
        """Return the power for each class and all before it. [W]"""
        sun = max(0.0, -self._power.get('pv', 0.0))
        power = self._s.load_max * self._s.inverter_power + self._s.sun_share * sun
        return {c: max(0.0, power - (self._sure if c in CRITICAL else self._excess)) for c in Priority}

    def _load(self) -> float:
        """Return what the offers say flows now. [W]"""
        return sum(self._watts(o) for o in self.offers.values() if o.on)

    def _watts(self, offer: Offer) -> float:
        return offer.watts(self._s.demand_unknown)

    def _order(self, offer: Offer) -> tuple:
        """What comes back first compares smaller."""
        return offer.level, self._watts(offer), offer.outlet

    def _weigh(self, now: float) -> None:
        """Compare what the inverter and PV deliver with what the offers say, once that is of the same moment."""
        if now - self._changed_at >= SETTLED:
            delivered = -sum(self._power.get(name, 0.0) for name in (self._s.inverter, 'pv'))
            self._seen.append(max(0.0, delivered - self._load()))
            if len(self._seen) >= LIKELY:
                self._excess = min(list(self._seen)[-LIKELY:])
            if len(self._seen) >= SURE:
                self._sure = min(self._seen)

    def _restore(self, now: float, kept: frozenset[str]) -> None:
        """Give one back, the most important first, if its start is bearable."""
        room = self._s.surge * self._s.inverter_power - self._load() - self._excess
        for offer in sorted((self.offers[o] for o in self.shed & kept), key=self._order):
            start = self._watts(offer) * max(1.0, offer.inrush if offer.inrush == offer.inrush else 1.0)
            if start <= room or not self._s.inverter_power:
                self.shed -= {offer.outlet}
                self._restore_at = now + self._s.restore_step
                return

    def _release(self, now: float) -> None:
        """Back on the grid: the shed ones come back one after the other."""
        if now >= self._restore_at or not self.shed & frozenset(self.offers):
            first = min((self.offers[o] for o in self.shed if o in self.offers), key=self._order, default=None)
            self.shed = self.shed - {first.outlet} if first else frozenset()
            self._restore_at = now + self._s.restore_step

    # What is said.

    def _asks(self, now: float, mode: Mode, fence: Fence, only: frozenset[str] | None) -> list[Ask | Steer]:
        out: list[Ask | Steer] = []
        for outlet in sorted(self.offers if only is None else only & frozenset(self.offers)):
            off = outlet in self.shed
            if mode is Mode.GRID and not off and only is None:
                continue  # what it was told expires, and the grid asks nothing of it
            words = 'back on the grid: its turn comes' if mode is Mode.GRID else 'the island serves others first'
            cap, reason = (0.0, words) if off else (math.inf, 'the island serves it')
            out.append(Ask(outlet, cap, fence, now + self._s.validity, reason))
        return out

    def _steer(self, now: float, mode: Mode, fence: Fence) -> list[Ask | Steer]:
        """Take the droop's deviation back slowly; not while PV lifts the frequency on purpose, nor while in step."""
        s = self._s
        error = s.nominal_frequency - self._frequency
        if mode is Mode.REGULATE and -0.004 * s.nominal_frequency <= error <= 0.02 * s.nominal_frequency:
            span = s.secondary_span * s.nominal_frequency
            self._offset = min(span, max(-span, self._offset + s.secondary_gain * error))
        if not s.inverter or math.isnan(self._frequency):
            return []
        return [Steer(s.inverter, s.nominal_frequency + self._offset, fence, now + s.validity)]
