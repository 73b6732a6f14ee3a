"""One member of the zone as one machine: grid watch, election, sequence, the leader's duties when it leads, and an
inverter's own regulation.

`step` it with every event and whenever `deadline` has come, and do its actions in order. Time is the member's own
monotonic clock [s]. The node and the simulator drive the same machine.
"""

import math
from dataclasses import dataclass
from random import Random

from .ballot import BusSeen, Change, Durable, Fence, Message, Persist, Persisted
from .budget import Ahead
from .duties import Ask, Charge, Duties, DutySettings, Metered, Stated
from .election import Election, Role
from .membership import SIZE_MAX
from .regulation import Given, Regulation, Steer
from .role import ElectionSettings
from .secondary import Share
from .sequence import Sequence, SequenceSettings, Sight
from .watch import GridWatch, GridWatchSettings, Mode, Supply, Tie

LOOK = 0.5  # between looks at the watch while nothing comes [s]
WITNESS = 2.0  # for so long another member's word counts as evidence [s]
DECLARED = (Mode.OUTAGE, Mode.REGULATE)  # what `GridWatch` calls a lost grid


@dataclass(frozen=True)
class MemberSettings(GridWatchSettings, ElectionSettings, SequenceSettings, DutySettings):
    """All of a member."""

    def __post_init__(self) -> None:
        for part in (GridWatchSettings, ElectionSettings, SequenceSettings, DutySettings):
            part.__post_init__(self)


@dataclass(frozen=True, slots=True)
class View:
    """Action: tell where this member believes the home stands. The fields are those of `IslandMode`.

    since : when the mode was entered [s].     members : that answer the leader, told by the leader only.
    """

    mode: Mode
    since: float
    epoch: int
    term: int
    leader: str
    provisional: bool
    authority: bool
    committee: tuple[str, ...]
    members: tuple[str, ...]
    shed: tuple[str, ...]
    voltage: float
    frequency: float
    evidence: str

    @property
    def key(self) -> tuple:
        """What makes a view worth telling."""
        return (self.mode, self.since, self.epoch, self.term, self.leader, self.provisional, self.authority,
                self.committee, self.members, self.shed)


Heard = Message | Persisted | BusSeen | Change | Supply | Tie | Stated | Metered | Charge | Ahead | Given | Share
Said = Message | Persist | View | Ask | Steer | Share


class Member:
    """A member called `me`; the other arguments are those of `Election`."""

    def __init__(self, settings: MemberSettings, me: str, rng: Random, now: float, incarnation: int,
                 durable: Durable | None, members: tuple[str, ...], term: int = 0, epoch: int = 0) -> None:
        self.settings, self.me, self._commissioned = settings, me, members
        self.election = Election(settings, me, rng, now, incarnation, durable, members, term, epoch)
        self.duties = Duties(settings)
        inverter = me in settings.inverters
        self.regulation = Regulation(settings, me, settings.renew, settings.validity) if inverter else None
        self._watch, self._sequence = GridWatch(settings), Sequence(settings, now)
        self._standing = self._watch.step(now, None, None)
        self._tie: Tie | None = None
        self._peers: dict[str, tuple[int, float]] = {}  # member → mode it told, when [s]
        self._told: View | None = None
        self._look_at = now
        self._out: list[Said] = []
        self.deadline = now

    @property
    def leads(self) -> bool:
        """Whether it leads, with a majority or provisionally."""
        return self.election.role is Role.LEADER or self.election.provisional

    def authority(self, now: float) -> Fence | None:
        """Return what its commands carry now, None = it may not command."""
        return self.election.authority(now)

    def step(self, now: float, event: Heard | None = None) -> list[Said]:
        """Take one event in, or None for the deadline, and return what to do, in this order."""
        self._out = []
        if isinstance(event, (Supply, Tie)):
            self._see(now, event)
        elif isinstance(event, (Stated, Metered, Charge, Ahead)):
            self.duties.take(now, event)
        elif event is not None and not isinstance(event, (Given, Share)):
            if type(event) is Message and event.sender != self.me:
                self._peers[event.sender] = event.mode, now
            self._out += self.election.step(now, event)
        if now >= self.election.deadline:
            self._out += self.election.step(now, None)
        if now >= self._look_at:
            self._see(now, None)
        self._go_on(now)
        if self.regulation is not None and (isinstance(event, (Given, Share, Tie)) or now >= self.regulation.deadline):
            self._out += self.regulation.step(now, self._tie, self._fresh_tie(now) is not None, event)
        self.deadline = self._next(now)
        return self._out

    # Where the home stands.

    def _see(self, now: float, event: Supply | Tie | None) -> None:
        if type(event) is Tie:
            self._tie = event
        self._standing = self._watch.step(now, event if type(event) is Supply else None, self._tie)
        self._look_at = now + LOOK

    def _fresh_tie(self, now: float) -> Tie | None:
        return self._tie if self._tie and now - self._tie.stamp <= self.settings.tie_age_max else None

    def _witnessed(self, now: float) -> bool:
        """Return whether more than this member's own branch shows an outage: the tie, or another member.

        Alone, and with no word of the tie, its own evidence must do.
        """
        tie = self._fresh_tie(now)
        if tie is not None and (tie.closed is False or tie.grid_alive is False):
            return True
        return self._witnesses(now) > 0 or (tie is None and len(self.election.committee.members) == 1)

    def _witnesses(self, now: float) -> int:
        """Return how many others see an outage."""
        return sum(mode > Mode.GRID and now - at <= WITNESS for mode, at in self._peers.values())

    def _sight(self, now: float) -> Sight:
        election, tie = self.election, self._fresh_tie(now)
        own, mode = self._standing.mode, self._leading_mode(now)
        fence = election.authority(now)
        told = mode >= Mode.JOIN and not self.leads  # a leader confirms before it joins
        blind = own is Mode.UNKNOWN and self._witnesses(now) > 1
        return Sight(
            outage=own in DECLARED or told or blind,
            leads=self.leads,
            authority=fence is not None and self._witnessed(now),
            leader_heard=max(election.leader_heard, election.deputy_heard),
            leader_mode=mode,
            complete=self.duties.joined(),
            shed=self.duties.obeyed(),
            in_step=tie is not None and bool(tie.grid_alive),
            closed=own is Mode.GRID,
        )

    def _leader(self, now: float) -> tuple[str, bool]:
        """Return who leads as far as this member knows ('' = nobody is heard), and whether only provisionally."""
        election, silence = self.election, self.settings.silence
        if election.role is Role.LEADER:
            return self.me, False
        if election.provisional:
            return self.me, True
        if election.leader and now - election.leader_heard < silence:
            return election.leader, False
        if now - election.deputy_heard < silence:
            return election.deputy, True
        return '', False

    def _leading_mode(self, now: float) -> int:
        leader, provisional = self._leader(now)
        if not leader or leader == self.me:
            return 0
        return self.election.deputy_mode if provisional else self.election.leader_mode

    def _go_on(self, now: float) -> None:
        """Go through the sequence as far as it leads, do a leader's duties, and tell."""
        while (mode := self._sequence.step(now, self._sight(now))) is not None:
            self.election.mode = int(mode)
            if mode is Mode.OUTAGE:
                self._open_zone(now)
            self._tell(now)
        fence = self.election.authority(now)
        if fence is not None:
            self._out += self.duties.step(now, self._sequence.mode, fence)
            self._reconcile(now)
        elif not self.leads:
            self.duties.end()
        self._tell(now)

    # The zone.

    def _change(self, now: float, change: Change) -> None:
        """Ask the election for a change of the committee where it may be made now."""
        if self.election.holds_lease(now) and self.election.committed():
            self._out += self.election.step(now, change)

    def _open_zone(self, now: float) -> None:
        """A switch has moved: commands from before it shall not be obeyed behind it."""
        self._change(now, Change(epoch=self.election.committee.epoch + 1))

    def _reconcile(self, now: float) -> None:
        """While the grid is up, lead the committee step by step to the one commissioned."""
        if self._sequence.mode is not Mode.GRID or not self.election.committed():
            return
        current, wanted = self.election.committee.members, self._commissioned
        missing = [m for m in wanted if m not in current and now - self.election.roster.get(m, -math.inf) < LOOK * 20]
        extra = [m for m in current if m not in wanted and m != self.me]
        if missing and len(current) < SIZE_MAX:
            self._change(now, Change(add=missing[0]))
        elif extra and len(current) > 1:
            self._change(now, Change(remove=extra[0]))

    # What is told.

    def _members(self, now: float) -> tuple[str, ...]:
        election = self.election
        if election.provisional:
            return tuple(sorted(election.reachable(now)))
        if not election.holds_lease(now):
            return ()
        since = now - 3 * max(self.settings.join, self.settings.timeout)
        return tuple(sorted({self.me} | {m for m, at in election.roster.items() if at >= since}))

    def _tell(self, now: float) -> None:
        election, standing, mode = self.election, self._standing, self._sequence.mode
        leader, provisional = self._leader(now)
        unknown = mode is Mode.GRID and standing.mode is Mode.UNKNOWN
        since, evidence = self._sequence.since, standing.evidence
        if unknown:
            mode, since = Mode.UNKNOWN, standing.since
        elif mode is Mode.GRID:
            since = max(since, standing.since)
        elif mode is not Mode.GRID and standing.mode not in DECLARED:
            evidence = f'{leader} says so' if leader else f'{evidence}; it was an outage before'
        elif mode is Mode.CONFIRMATION and self.leads and not self._witnessed(now):
            evidence = f'{evidence}; waits for a second witness'
        authority = election.authority(now)
        view = View(mode, since, election.committee.epoch, election.term, leader, provisional,
                    authority is not None and authority.full, election.committee.members, self._members(now),
                    tuple(sorted(self.duties.shed)), standing.voltage, standing.frequency, evidence)
        if self._told is None or view.key != self._told.key:
            self._told = view
            self._out.append(view)

    def _next(self, now: float) -> float:
        election, settings, mode = self.election, self.settings, self._sequence.mode
        times = [self._look_at] + ([self.regulation.deadline] if self.regulation else [])
        if self.leads:
            times += [self.duties.deadline, election.lease_until]
            waits = {Mode.JOIN: settings.join_time, Mode.SHED: settings.shed_time}
            times.append(self._sequence.since + waits.get(mode, math.inf))
        else:
            times += [election.leader_heard + settings.silence, election.deputy_heard + settings.silence]
        return min([election.deadline, *(t for t in times if t > now)])
