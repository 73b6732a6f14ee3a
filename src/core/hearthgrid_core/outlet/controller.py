"""The outlet's one decision a cycle: protection, requests, jobs and schedule settle on the relay."""
import math
from dataclasses import dataclass

from hearthgrid_core.outlet.band import OFF, Band, Voice, Word, arbitrate, settle
from hearthgrid_core.outlet.job import Job, JobBook, JobSettings
from hearthgrid_core.outlet.protection import Measurement, Protection, ProtectionSettings, Trip
from hearthgrid_core.outlet.relay import CapGuard, RelayLimits, RelaySettings
from hearthgrid_core.outlet.requests import Refusal, Request, RequestBook, RequestSettings
from hearthgrid_core.outlet.schedule import Priority, Schedule

WAITS = (Priority.COMFORT, Priority.DEFERRABLE, Priority.UNKNOWN)  # off in an island that nobody leads
LEFT_ON = (Priority.MEDICAL, Priority.REFRIGERATION, Priority.SAFETY)  # when the outlet stops
RANK_MAX = 65535
DEMAND_TIME = 2.0  # of the fall of the demand [s]
DEAD = 40.0  # below it there is no supply [V]
WELDED_CURRENT, WELDED_TIME = 0.5, 1.0  # through a relay open for so long [A], [s]


def _rank(number: int) -> int:
    """Return a rank. ValueError when it is none."""
    if number != int(number) or not 0 <= number <= RANK_MAX:
        raise ValueError(f'a rank of {number}: it is a whole number in 0 … {RANK_MAX}')
    return int(number)


@dataclass(frozen=True)
class Snapshot:
    """All that one decision rests on.

    measurement : the newest, None = none came for too long.     weekday : local, 0 = Monday.     minute : local, of the
    day.     islanded : the home is cut from the utility, so plan and grid service do not bind.     arrived : requests
    that came since the last cycle.     droop : why the outlet's own eyes want it off in an island, '' = they do not.
    """

    measurement: Measurement | None
    weekday: int
    minute: int
    islanded: bool = False
    arrived: tuple[Request, ...] = ()
    droop: str = ''


@dataclass(frozen=True)
class Refused:
    """A request that is not obeyed, and why."""

    request: Request
    refusal: Refusal


@dataclass(frozen=True)
class Decision:
    """What the outlet does until the next cycle.

    closed : the relay.     waiting : how long the relay stays against what is wanted. [s]     band : agreed. [W]
    voice, reason : who decided, and why.     thermal_load : 1 trips.     welded : current flows through an open relay.
    """

    closed: bool
    waiting: float
    band: Band
    voice: Voice
    reason: str
    trip: Trip
    thermal_load: float
    priority: Priority
    job: Job | None
    welded: bool
    refused: tuple[Refused, ...]


class OutletController:
    """Holds an outlet's memory and decides from one frozen snapshot a cycle. Time [s] is an argument."""

    def __init__(self, protection: ProtectionSettings, relay: RelaySettings, requests: RequestSettings,
                 jobs: JobSettings, normally_on: bool = True, key: bytes = b'',
                 island_grace: float = 5.0) -> None:
        """`normally_on`: the relay's place while nobody asks.     `key` authenticates requests, empty = none does.
        `island_grace`: so long an island may be without a leader before comfort goes off. [s]

        Set `schedule` and `priority` to what the installer says; `choose` is for what a person says later.
        """
        self.protection, self.relay = Protection(protection), RelayLimits(relay)
        self.requests, self.jobs = RequestBook(requests, key), JobBook(jobs)
        self.schedule, self.priority, self.rank = Schedule(), Priority.UNKNOWN, 0
        self._grace, self._alone_since = island_grace, math.inf
        self._weighed_at = -math.inf
        self.demand = math.nan  # what it would draw were nothing asked of it [W]
        self._chosen: set[str] = set()
        self._cap = CapGuard(relay)
        self._normally_on = normally_on
        self._open_since: float | None = None
        self._last: tuple[float, Snapshot, Decision] | None = None

    def step(self, now: float, snapshot: Snapshot) -> Decision:
        """Return what to do now. The same snapshot at the same time gives the same decision and changes nothing."""
        if self._last is not None and self._last[:2] == (now, snapshot):
            return self._last[2]
        before = self._last[2] if self._last else None
        was_closed = bool(self.relay.closed)
        refused = tuple(Refused(request, refusal) for request in snapshot.arrived
                        if (refusal := self.requests.receive(now, request)) is not None)
        self._fall_back(now, snapshot.islanded)
        measured = snapshot.measurement
        power = measured.active_power if measured else math.nan
        trip = self.protection.step(now, measured, was_closed)
        ran = before.closed and before.band.on if before else was_closed and self.jobs.running
        # An appliance without supply does not idle, and has not finished.
        job = self.jobs.step(now, ran, power if measured and measured.voltage > DEAD else math.nan)

        words = self._words(now, snapshot, trip, power)
        agreed = settle(words)
        wanted = agreed.band.on or (not agreed.band.off and self._normally_on)
        reason = agreed.reason
        if wanted and not was_closed and measured is None:
            wanted, reason = False, f'no samples, so no protection: stays open ({reason})'
        if measured is not None or self.relay.closed is not None:
            self.relay.step(now, wanted, forced=trip is not Trip.NONE or bool(snapshot.droop))
        closed = bool(self.relay.closed)
        weighs = closed or snapshot.droop  # what the droop opens for was drawn: the leader has to know it
        if was_closed and weighs and measured is not None and measured.stamp != self._weighed_at:
            self._weigh(measured)
        decision = Decision(
            closed=closed, waiting=self.relay.waiting(now, wanted), band=agreed.band, voice=agreed.voice, reason=reason,
            trip=trip, thermal_load=self.protection.thermal_load, priority=self.priority, job=job,
            welded=self._welded(now, closed, measured), refused=refused)
        self._last = now, snapshot, decision
        return decision

    def _fall_back(self, now: float, islanded: bool) -> None:
        """Choose what holds in an island without a word of its leader: whoever can wait is off, after a while."""
        alone = islanded and not self.requests.governed(now)
        self._alone_since = min(self._alone_since, now) if alone else math.inf
        waits = self.priority in WAITS and now - self._alone_since >= self._grace
        self.requests.gate.safe = 0.0 if waits else math.inf

    def _weigh(self, measured: Measurement) -> None:
        """Follow the draw: up at once, since power must be there for it, down slowly."""
        draw, before = max(0.0, measured.active_power), self.demand
        since = min(1.0, abs(measured.stamp - self._weighed_at) / DEMAND_TIME)
        self._weighed_at = measured.stamp
        self.demand = draw if math.isnan(before) or draw > before else before + since * (draw - before)

    def _welded(self, now: float, closed: bool, measured: Measurement | None) -> bool:
        if closed:
            self._open_since = None
        elif self._open_since is None:
            self._open_since = now
        return bool(not closed and measured and measured.current > WELDED_CURRENT
                    and now - self._open_since >= WELDED_TIME)

    def _words(self, now: float, snapshot: Snapshot, trip: Trip, power: float) -> list[Word]:
        """Return all that is said, the most urgent first."""
        words = [Word(Voice.PROTECTION, OFF, f'tripped, {self.protection.cause}')] if trip is not Trip.NONE else []
        deaf = (Voice.PLAN, Voice.GRID_SERVICE) if snapshot.islanded else ()
        asked = self.requests.words(now, deaf)
        if snapshot.islanded and self.requests.gate.safe == 0.0 and not self.requests.governed(now):
            words.append(Word(Voice.ISLAND, OFF, 'nobody leads the island: what can wait is off'))
        if snapshot.droop:
            words.append(Word(Voice.ISLAND, OFF, snapshot.droop))
        # A plan's cap is for a power stage; a plain relay opens only for a cap of somebody more urgent.
        urgent = [word for word in asked if word.voice > Voice.PLAN]
        self._cap.step(now, arbitrate(*(word.band for word in urgent)).power_max, power)
        for word in urgent:
            draw = self._cap.excess(word.band.power_max)
            words.append(Word(word.voice, OFF, f'{word.reason}: at most {word.band.power_max:.0f} W, the load drew '
                                               f'{draw:.0f} W') if draw else word)
        words += filter(None, (self.jobs.must_run(now),))
        if now < self.jobs.latest_start():  # pressed for time, a job does not keep to the plan's power either
            words += [word for word in asked if word.voice == Voice.PLAN]
        words += filter(None, (self.jobs.waits(),))
        entry = self.schedule.at(snapshot.weekday, snapshot.minute)
        words += [Word(Voice.PERSON, entry.band, f'schedule {entry}')] if entry else []
        return words

    def release(self, now: float) -> bool:
        """Move the relay to where nobody needs to watch over it, and return whether it stays closed there.

        Without its controller an outlet is without protection, so it opens, unless being off is the greater harm.
        """
        stays = bool(self.relay.closed) and self.priority in LEFT_ON
        return self.relay.step(now, stays, forced=True)

    def choose(self, schedule: Schedule | None = None, priority: Priority | None = None,
               rank: int | None = None) -> None:
        """Take a person's schedule, shedding class or rank in place of the installer's. ValueError for no rank."""
        rank = None if rank is None else _rank(rank)
        for name, value in (('schedule', schedule), ('priority', priority), ('rank', rank)):
            if value is not None:
                self._chosen.add(name)
                setattr(self, name, value)

    def preferences(self) -> dict:
        """Return what a person set, as plain data: schedule, class and rank if any, and requests in force."""
        data = {'schedule': self.schedule.to_list(), 'priority': int(self.priority), 'rank': self.rank}
        return {name: data[name] for name in data if name in self._chosen} | {
            'requests': self.requests.to_list(Voice.PERSON)}

    def restore_preferences(self, now: float, kept: dict) -> None:
        """Take back `preferences()`. ValueError when damaged; nothing is taken then."""
        try:
            schedule = Schedule.from_list(kept['schedule']) if 'schedule' in kept else None
            priority = Priority(kept['priority']) if 'priority' in kept else None
            rank = _rank(kept['rank']) if 'rank' in kept else None
            self.requests.restore(now, kept['requests'])
        except (KeyError, OverflowError, TypeError) as error:
            raise ValueError(f'kept preferences are damaged: {error!r}') from None
        self.choose(schedule, priority, rank)

    def memory(self) -> dict:
        """Return what the outlet knows of itself, as plain data: trip and heat, relay, job, highest fence, demand."""
        return {'protection': self.protection.to_dict(), 'relay': self.relay.to_dict(), 'job': self.jobs.to_dict(),
                'fence': list(self.requests.gate.highest), 'demand': None if math.isnan(self.demand) else self.demand}

    def restore_memory(self, now: float, kept: dict) -> None:
        """Take back `memory()`. ValueError when damaged."""
        try:
            self.protection.restore(now, kept['protection'])
            self.relay.restore(kept['relay'])
            self.jobs.restore(kept['job'])
            epoch, term = kept.get('fence', (0, 0))
            self.requests.gate.highest = int(epoch), int(term)
            demand = kept.get('demand')
            self.demand = math.nan if demand is None else float(demand)
        except (KeyError, OverflowError, TypeError) as error:
            raise ValueError(f'the kept memory is damaged: {error!r}') from None


