"""What a leader does for the island: whom to serve, whom to shed, and in which waves they come back.

Its commands expire and are renewed; an actuator that hears nobody falls back by itself. A leader with a majority may do
all of it. A provisional one keeps what runs and sheds more, and never restores: so two of them on one bus agree.
"""

import math
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, replace

from hearthgrid_core.outlet.schedule import Priority
from hearthgrid_core.settings import setting

from .ballot import Fence
from .budget import Ahead, Budget, BudgetSettings
from .regulation import RegulationSettings
from .restoration import Restorer, RestoreSettings
from .shedding import CRITICAL, Offer, Shedder, ShedSettings
from .watch import Mode

ACTIVE = (Mode.SHED, Mode.REGULATE, Mode.SYNCHRONISE, Mode.GRID)
# So many readings in a row must show it: states lag behind what they speak of, and readings are means of a second.
LIKELY, SURE = 2, 4
SETTLED = 2.5  # after a change of who is served, readings of a second and states speak of the same loads [s]


@dataclass(frozen=True)
class DutySettings(ShedSettings, BudgetSettings, RegulationSettings):
    """What carries the island, how full the leader fills it, and in which waves it restores."""

    outlets: int = setting(0, '1', 0, 1000, 'Of the home; 0 = not known, then joining takes its whole time.')
    load_max: float = setting(0.9, '1', 0.1, 1.0, 'Share of the rated power that is filled with loads.')
    surge: float = setting(1.5, '1', 1.0, 5.0, 'Of the rated power the starts of a wave may ask for.')
    grid_power: float = setting(10000.0, 'W', 1.0, 1e7, 'Of the connection to the grid: what it restores with.')
    sun_share: float = setting(0.5, '1', 0.0, 1.0, 'Share of the PV power that is counted on.')
    charge_low: float = setting(0.3, '1', 0.0, 1.0, 'State of charge below which nothing under essential is served.')
    charge_least: float = setting(0.1, '1', 0.0, 1.0, '… below which nothing under safety is.')
    renew: float = setting(1.0, 's', 0.05, 60.0, 'Between two commands of the same content.')
    validity: float = setting(5.0, 's', 0.2, 600.0, 'Of a command.')
    restore_step: float = setting(2.0, 's', 0.1, 60.0, 'From one wave of restored loads to the next.')
    pickup: float = setting(3.0, '1', 1.0, 6.0, 'Demand of a thermostat after a long outage over its demand.')
    pickup_time: float = setting(600.0, 's', 1.0, 7200.0, 'In which that fades.')
    cold_time: float = setting(1800.0, 's', 1.0, 86400.0, 'Without supply until a thermostat is cold.')
    inrush_unknown: float = setting(2.0, '1', 1.0, 20.0, 'Inrush of a load that does not know its own.')

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.validity < 2 * self.renew:
            raise ValueError(f'validity {self.validity:g} s: two renewals of {self.renew:g} s must fit in')
        if self.charge_least > self.charge_low:
            raise ValueError('charge_least must not lie above charge_low')

    def restoring(self, power: float) -> RestoreSettings:
        """Return how loads come back on sources of this power [W]."""
        return RestoreSettings(
            power_max=max(1.0, self.load_max * power), surge=min(5.0, self.surge / self.load_max), margin=0.0,
            wave=self.restore_step, pickup=self.pickup, pickup_time=self.pickup_time, cold_time=self.cold_time,
            inrush_unknown=self.inrush_unknown, demand_unknown=self.demand_unknown)


@dataclass(frozen=True, slots=True)
class Stated:
    """What an outlet says of itself. shed : it is off because a leader wants it so, or because it hears none."""

    offer: Offer
    shed: bool = False


@dataclass(frozen=True, slots=True)
class Metered:
    """What an inverter or the meter has measured: power, positive when it draws from the home [W]."""

    name: str
    active_power: float


@dataclass(frozen=True, slots=True)
class Charge:
    """State of charge of the battery behind an inverter, NaN = not known. [1]     inverter : '' = the first"""

    share: float
    inverter: str = ''


@dataclass(frozen=True, slots=True)
class Ask:
    """Action: ask an outlet to keep at most `power_max` (infinity = no cap, 0 = off) until `expiry` [s]."""

    outlet: str
    power_max: float
    fence: Fence
    expiry: float
    reason: str


class Duties:
    """A leader's memory of the island. Every member keeps what it hears; only a leader's `step` says anything."""

    def __init__(self, settings: DutySettings) -> None:
        self._s, self._shedder, self._budget = settings, Shedder(settings), Budget(settings)
        self._restorers = {  # by whether the grid is back
            back: Restorer(settings.restoring(settings.grid_power if back else settings.inverter_power
                                              or settings.grid_power)) for back in (False, True)}
        self.offers: dict[str, Offer] = {}
        self._held_off: set[str] = set()  # who says that it is shed
        self.shed: frozenset[str] = frozenset()
        self._power: dict[str, float] = {}
        self._changed_at = -math.inf  # who is served [s]
        self._given: dict[str, float] = {}  # outlet → when it was given back last [s]
        self._off_since: dict[str, float] = {}  # shed outlet → since when [s]
        self._seen: deque[float] = deque(maxlen=SURE)  # drawn beyond what the offers say, reading by reading [W]
        self._excess, self._sure = 0.0, 0.0  # of it believed for those who can wait, and for critical loads [W]
        self._begun = False
        self.deadline = math.inf
        self._renew_at = self._restore_at = -math.inf

    def take(self, now: float, event: Stated | Metered | Charge | Ahead) -> None:
        """Take in what an outlet, a meter, the battery or a forecast says."""
        if type(event) is Stated:
            outlet = event.offer.outlet
            self.offers[outlet] = event.offer
            (self._held_off.add if event.shed else self._held_off.discard)(outlet)
        elif type(event) is Charge:
            name = event.inverter or self._s.inverters[0]
            if name in self._s.inverters:
                self._budget.hear(name, event.share)
        elif type(event) is Ahead:
            self._budget.take(event)
        else:
            self._power[event.name] = event.active_power if event.active_power == event.active_power else 0.0
            if event.name in self._s.inverters:
                self._weigh(now)
                self._budget.note(now, self._wanted(), self._s.demand_unknown)

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
        self._budget.forget()

    def end(self) -> None:
        """Lead no more: what was commanded expires by itself."""
        self.shed, self.deadline = frozenset(), math.inf
        self._begun, self._excess, self._sure = False, 0.0, 0.0
        self._seen.clear()
        self._given.clear()
        self._off_since.clear()
        self._shedder.reset()

    def step(self, now: float, mode: Mode, fence: Fence) -> list[Ask]:
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
        self._off_since = {o: self._off_since.get(o, now) for o in self.shed}
        if changed:
            self._changed_at = now
            self._seen.clear()
        elif now < self._renew_at:
            return []
        due = now >= self._renew_at
        if due:
            self._renew_at = now + self._s.renew
        self.deadline = self._renew_at
        return self._asks(now, mode, fence, due, self.shed ^ before)

    # Who is served.

    def _regulate(self, now: float, mode: Mode, fence: Fence) -> None:
        kept = self._choose(now)
        more = (frozenset(self.offers) - kept | self._dropped(now)) - self.shed
        if more:
            self.shed |= more
            self._restore_at = now + self._s.hold
        elif fence.full and mode is Mode.REGULATE and now >= self._restore_at:
            self._restore(now, self.shed & kept)
        self.shed &= frozenset(self.offers)

    def _dropped(self, now: float) -> frozenset[str]:
        """Return who went off for the island by its own eyes: it comes back in its turn, as all do."""
        return frozenset(o for o in self._held_off if now - self._given.get(o, -math.inf) >= SETTLED)

    def _choose(self, now: float) -> frozenset[str]:
        """Return whom there is power and charge for."""
        s = self._s
        if not s.inverter_power:
            return frozenset(self.offers)
        bearable: Collection[Offer] = self.offers.values()
        charge = self._budget.charge
        if not s.battery_kwh and charge < s.charge_low:
            lowest = Priority.SAFETY if charge < s.charge_least else Priority.ESSENTIAL
            bearable = [o for o in bearable if o.priority <= lowest]
        return self._shedder.step(now, bearable, self._available(now)).kept

    def _available(self, now: float) -> dict[Priority, float]:
        """Return the power for each class and all before it. [W]"""
        power = self._s.load_max * self._s.inverter_power + self._sun()
        needs: dict[Priority, float] = {}
        for offer in self._wanted():
            needs[offer.priority] = needs.get(offer.priority, 0.0) + self._watts(offer)
        sun = max(0.0, -self._power.get('pv', 0.0))
        lasting = self._budget.limits(now, sun, self._s.inverter_power, needs) or {}
        return {c: min(max(0.0, power - (self._sure if c in CRITICAL else self._excess)), lasting.get(c, math.inf))
                for c in Priority}

    def _sun(self) -> float:
        """Return the PV power that is counted on. [W]"""
        return self._s.sun_share * max(0.0, -self._power.get('pv', 0.0))

    def _wanted(self) -> list[Offer]:
        """Return the loads that are on, or would be were they not shed."""
        return [o for o in self.offers.values() if o.on or o.outlet in self.shed]

    def _load(self) -> float:
        """Return what the offers say flows now. [W]"""
        return sum(self._watts(o) for o in self.offers.values() if o.on)

    def _watts(self, offer: Offer) -> float:
        return offer.watts(self._s.demand_unknown)

    def _weigh(self, now: float) -> None:
        """Compare what the inverter and PV deliver with what the offers say, once that is of the same moment."""
        if now - self._changed_at >= SETTLED:
            delivered = -sum(self._power.get(name, 0.0) for name in (*self._s.inverters, 'pv'))
            self._seen.append(max(0.0, delivered - self._load()))
            if len(self._seen) >= LIKELY:
                self._excess = min(list(self._seen)[-LIKELY:])
            if len(self._seen) >= SURE:
                self._sure = min(self._seen)

    def _restore(self, now: float, wanted: Collection[str]) -> None:
        """Give back a wave of `wanted` on the island."""
        off = {o: now - self._off_since.get(o, now) for o in wanted
               if self.offers[o].priority is Priority.REFRIGERATION}  # others make up for nothing
        waiting = [replace(self.offers[o], on=False) for o in wanted]
        self._give(now, self._restorers[False].step(now, waiting, self._drawn(now) - self._sun(), off))

    def _release(self, now: float) -> None:
        """Back on the grid: the shed ones come back in waves. It starts any load, and half of it is always free."""
        self.shed &= frozenset(self.offers)
        half = 0.5 * self._s.load_max * self._s.grid_power
        if now >= self._restore_at:
            waiting = [replace(self.offers[o], demand=min(half, self._watts(self.offers[o])), inrush=1.0, on=False)
                       for o in self.shed]
            self._give(now, self._restorers[True].step(now, waiting, min(half, self._drawn(now)), {}))

    def _give(self, now: float, wave: Collection[str]) -> None:
        self.shed -= frozenset(wave)
        self._given |= dict.fromkeys(wave, now)

    def _drawn(self, now: float) -> float:
        """Return what flows, with what is on its way. [W]"""
        coming = [self.offers[o] for o, at in self._given.items() if now - at < SETTLED and o in self.offers]
        return self._load() + self._excess + sum(
            self._watts(o) for o in coming if not o.on and o.outlet not in self.shed)

    # What is said.

    def _asks(self, now: float, mode: Mode, fence: Fence, due: bool, moved: frozenset[str]) -> list[Ask]:
        out: list[Ask] = []
        for outlet in sorted(self.offers):
            off = outlet in self.shed
            if outlet not in moved and not (due and (off or mode is not Mode.GRID)):
                continue  # back on the grid, what a served one was told expires
            words = 'back on the grid: its turn comes' if mode is Mode.GRID else 'the island serves others first'
            cap, reason = (0.0, words) if off else (math.inf, 'the island serves it')
            out.append(Ask(outlet, cap, fence, now + self._s.validity, reason))
        return out
