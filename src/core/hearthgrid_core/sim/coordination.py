"""A zone of members that elect, on virtual time, over a bad network, with faults; every invariant on every event."""

import hashlib
import heapq
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from hearthgrid_core.island.ballot import (
    HEARTBEAT,
    PRE_VOTE,
    PROVISIONAL,
    RECALL,
    VOTE,
    VOTE_REPLY,
    Change,
    Durable,
    Message,
    Persist,
    Persisted,
)
from hearthgrid_core.island.election import Election, ElectionSettings
from hearthgrid_core.island.fence import Command, Gate
from hearthgrid_core.island.membership import Committee
from hearthgrid_core.island.role import LEADER
from hearthgrid_core.island.voter import QUESTIONS

from .radio import Radio, RadioSettings

_ARRIVE, _TICK, _STORED, _FAULT, _COMMAND = range(5)
_PACK = struct.Struct('<dBhhq').pack
FOR_VOTERS = frozenset((PRE_VOTE, VOTE, RECALL))  # what only voters answer
INFINITE = float('inf')
COMMAND_AGE = 0.3  # how long a command holds [s]


class Violation(AssertionError):  # noqa: N818
    """An invariant is broken. name : of the invariant.     at : [s]"""

    def __init__(self, name: str, at: float, text: str) -> None:
        super().__init__(f'{name} at {at:.6f} s: {text}')
        self.name, self.at = name, at


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that happens to the zone. kind : crash, restart, forget (restart without memory), cut, heal, silence,
    change.     who : member's number, or pairs (from, to) of a cut, or the `Change`."""

    at: float
    kind: str
    who: object = None


@dataclass(slots=True)
class _Station:
    """A member with its clock and its flash."""

    name: str
    rate: float  # of its clock against true time
    offset: float  # [s]
    machine: Election | None = None
    disk: Durable | None = None
    writing: list[Persist] = field(default_factory=list)
    life: int = 0  # starts
    memory: int = 0  # times it lost its memory
    tick_at: float = INFINITE  # true time of the next tick in the queue [s]
    deadline: float = INFINITE  # of the machine, when that was put there; its clock [s]
    led: int = -1  # term it was last seen leading
    lease_until: float = -1.0  # true time [s]
    lease_local: float = -1.0


class Zone:
    """Members 0 … voters-1 are the committee, the rest observe. `run` raises Violation on the first broken invariant.

    machine : the class of the members; the proof puts mutants here.     gate : the class of the actuators' gates.
    boot : members start within so long of each other [s].
    """

    def __init__(
        self,
        seed: int,
        voters: int,
        observers: int = 0,
        radio: RadioSettings | None = None,
        settings: ElectionSettings | None = None,
        drift: float = 0.01,
        boot: float = 0.0,
        faults: tuple[Fault, ...] = (),
        actuators: int = 2,
        machine: type[Election] = Election,
        gate: type[Gate] = Gate,
        write_time: tuple[float, float] = (0.001, 0.005),
    ) -> None:
        self.rng = Random(seed)
        self.settings = settings or ElectionSettings()
        self.radio = Radio(radio or RadioSettings(), self.rng)
        self._machine, self._write_time = machine, write_time
        self.now, self._sequence, self._queue = 0.0, 0, []
        self._trace = bytearray()
        self.leaders: dict[tuple[int, int], str] = {}
        self._votes: dict[tuple, str] = {}
        self.elected: list[tuple[float, str, int]] = []  # (time, leader, term)
        self.on_step: Callable[[int], None] | None = None  # what a measurement wants to see
        names = [f'm{k}' for k in range(voters + observers)]
        self.index = {name: k for k, name in enumerate(names)}
        self.members = tuple(names[:voters])
        self._everybody = range(len(names))
        self._numbers: dict[tuple[str, ...], tuple[int, ...]] = {}
        uniform = self.rng.uniform
        self.stations = [
            _Station(
                name, 1.0 + uniform(-drift, drift), uniform(0.0, 100.0), disk=Durable(0, '', Committee(self.members))
            )
            for name in names
        ]
        self.gates = [gate(1000.0, 10.0) for _ in range(actuators)]
        self._obeyed = [(0, 0)] * actuators
        for k in range(len(names)):
            self._put(uniform(0.0, boot) if boot else 0.0, _FAULT, k, Fault(0.0, 'restart', k))
        for fault in faults:
            self._put(fault.at, _FAULT, -1, fault)

    # The loop.

    def _put(self, at: float, code: int, target: int, what: object) -> None:
        self._sequence += 1
        heapq.heappush(self._queue, (at, self._sequence, code, target, what))

    def run(self, until: float, stop: Callable[[], bool] | None = None) -> str:
        """Go on to `until` [s], or to where `stop` says so; return the hash of all that happened."""
        queue, pop, stations, index, trace = self._queue, heapq.heappop, self.stations, self.index, self._trace
        settle, pack, watched = self._settle, _PACK, self.on_step is not None
        while queue and queue[0][0] <= until:
            now, _, code, target, what = pop(queue)
            self.now = now
            if code == _ARRIVE:
                station = stations[target]
                machine = station.machine
                if machine is not None:
                    trace += pack(now, _ARRIVE, target, index[what.sender], what.term * 16 + what.kind)
                    actions = machine.step(station.offset + station.rate * now, what)
                    if (
                        actions
                        or machine.deadline != station.deadline
                        or machine.role is LEADER
                        or station.lease_local != -1.0
                        or watched
                    ):  # else nothing has changed
                        settle(target, station, machine, actions)
            elif code == _TICK:
                station = stations[target]
                if what == station.life and station.machine is not None and station.tick_at <= now:
                    trace += pack(now, _TICK, target, 0, 0)
                    station.tick_at = station.deadline = INFINITE
                    self._step(target, None)
            elif code == _STORED:
                self._stored(target, *what)
            elif code == _COMMAND:
                self._obey(target, what)
            else:
                self.fault(what)
            if stop is not None and stop():
                return self.trace()
        self.now = max(self.now, until)
        return self.trace()

    def trace(self) -> str:
        """Return the hash of all events so far."""
        return hashlib.blake2b(self._trace, digest_size=16).hexdigest()

    def _note(self, code: int, target: int, other: int, value: int) -> None:
        self._trace += _PACK(self.now, code, target, other, value)

    def leader(self) -> int | None:
        """Return the number of the member that holds a lease now."""
        for k, station in enumerate(self.stations):
            if station.machine is not None and station.machine.holds_lease(self.clock(k)):
                return k
        return None

    def clock(self, k: int) -> float:
        """Return what member k's clock shows now. [s]"""
        return self.stations[k].offset + self.stations[k].rate * self.now

    def _step(self, k: int, event: object) -> None:
        station = self.stations[k]
        machine = station.machine
        self._settle(k, station, machine, machine.step(station.offset + station.rate * self.now, event))

    def _settle(self, k: int, station: _Station, machine: Election, actions: list) -> None:
        """Do what a member said, check what it is now, and wake it when it wants to be."""
        for action in actions:
            if type(action) is Message:
                self._sent(k, action)
            else:
                self._write(k, action)
        if machine.role is LEADER:
            self._check(station, machine)
        else:
            station.lease_until = station.lease_local = -1.0
        deadline = machine.deadline
        if deadline != station.deadline:  # else a tick for it is in the queue
            station.deadline = deadline
            due = (deadline - station.offset) / station.rate + 1e-9
            if due < station.tick_at:
                station.tick_at = due if due > self.now else self.now
                self._put(station.tick_at, _TICK, k, station.life)
        if self.on_step is not None:
            self.on_step(k)

    def _sent(self, k: int, m: Message) -> None:
        kind, receiver = m.kind, m.receiver
        if kind is VOTE or kind is VOTE_REPLY and m.granted:
            if m.sender == self.stations[k].name:  # else it is passed on for another
                self._check_vote(k, m.sender if kind is VOTE else receiver, m.term)
        if receiver:
            passed_on = m.granted if kind in QUESTIONS else m.leader == receiver
            if passed_on:
                targets = self._numbers.get(m.committee.members) or self._number(m.committee.members)
            else:
                targets = (self.index[receiver],)
        elif kind in FOR_VOTERS:
            targets = self._numbers.get(m.committee.members) or self._number(m.committee.members)
        else:
            targets = self._everybody
        queue, push, number = self._queue, heapq.heappush, self._sequence
        for at, target in self.radio.broadcast(self.now, k, targets):
            number += 1
            push(queue, (at, number, _ARRIVE, target, m))
        self._sequence = number
        if kind is HEARTBEAT and not receiver or kind is PROVISIONAL:
            self._commands(k)

    def _number(self, members: tuple[str, ...]) -> tuple[int, ...]:
        numbers = self._numbers[members] = tuple(self.index[name] for name in members)
        return numbers

    def _commands(self, k: int) -> None:
        """A leader says something to every actuator whenever it says something to everybody."""
        fence = self.stations[k].machine.authority(self.clock(k))
        if fence is None:
            return
        for number in range(len(self.gates)):
            watts = self.rng.choice((0.0, 500.0, 2000.0))
            arrivals = self.radio.broadcast(self.now, k, (-1 - number,))
            if arrivals:
                command = Command(self.stations[k].name, fence, self.now + COMMAND_AGE, watts)
            for at, _ in arrivals:
                self._put(at, _COMMAND, number, command)

    # Flash, faults.

    def _write(self, k: int, action: Persist) -> None:
        station = self.stations[k]
        station.writing.append(action)
        self._put(self.now + self.rng.uniform(*self._write_time), _STORED, k, (station.life, action))

    def _stored(self, k: int, life: int, action: Persist) -> None:
        station = self.stations[k]
        if life != station.life or station.machine is None or action not in station.writing:
            return
        self._note(_STORED, k, 0, action.number)
        done = station.writing.index(action)  # a later write contains the earlier ones
        del station.writing[: done + 1]
        station.disk = action.durable
        self._step(k, Persisted(action.number))

    def fault(self, fault: Fault) -> None:
        """Let it happen now."""
        self._note(_FAULT, fault.who if isinstance(fault.who, int) else -1, 0, len(fault.kind))
        kind = fault.kind
        if kind == 'cut':
            self.radio.cut = set(fault.who)
        elif kind == 'heal':
            self.radio.cut, self.radio.silent = set(), False
        elif kind == 'silence':
            self.radio.silent = True
        elif kind == 'change':
            self._change(fault.who)
        elif kind == 'crash':
            self._crash(fault.who)
        else:
            self._restart(fault.who, kind == 'forget')

    def _crash(self, k: int) -> None:
        station = self.stations[k]
        if station.machine is None:
            return
        for action in station.writing[: self.rng.randrange(len(station.writing) + 1)]:
            station.disk = action.durable  # what it was writing may be there, or not
        station.machine, station.writing = None, []
        station.lease_until = station.lease_local = -1.0
        station.tick_at = station.deadline = INFINITE

    def _restart(self, k: int, forget: bool) -> None:
        self._crash(k)
        station = self.stations[k]
        station.life += 1
        if forget:
            station.disk, station.memory = None, station.memory + 1
        local = self.clock(k)
        station.machine = self._machine(
            self.settings, station.name, self.rng, local, station.life, station.disk, self.members
        )
        self._step(k, None)

    def _change(self, change: Change) -> None:
        """Ask whoever leads; it may refuse."""
        for k, station in enumerate(self.stations):
            if station.machine is not None and station.machine.holds_lease(self.clock(k)):
                if change.epoch is not None:
                    change = Change(epoch=station.machine.committee.epoch + 1)
                try:
                    self._step(k, change)
                except ValueError:
                    continue

    # The invariants.

    def _check(self, station: _Station, machine: Election) -> None:
        if machine.term != station.led or (machine.committee.epoch, machine.term) not in self.leaders:
            self._check_leader(station, machine)
        if machine.lease_until != station.lease_local:
            station.lease_local = machine.lease_until
            station.lease_until = (machine.lease_until - station.offset) / station.rate
            if station.lease_until > self.now:
                for other in self.stations:
                    if other is not station and other.lease_until > self.now:
                        raise Violation(
                            'one valid lease at an instant',
                            self.now,
                            f'{station.name} (term {machine.term}) and {other.name} (term {other.led})',
                        )

    def _check_leader(self, station: _Station, machine: Election) -> None:
        if machine.term != station.led:
            self.elected.append((self.now, station.name, machine.term))
        station.led = machine.term
        for epoch in {machine.committee.epoch, *(e for e, t in self.leaders if t == machine.term)}:
            first = self.leaders.setdefault((epoch, machine.term), station.name)
            if first != station.name:
                raise Violation('one leader a term', self.now, f'{first} and {station.name} lead term {machine.term}')

    def _check_vote(self, k: int, candidate: str, term: int) -> None:
        station = self.stations[k]
        disk = station.disk
        if disk is None or disk.term < term or (disk.term == term and disk.voted != candidate):
            raise Violation('a vote is stored before it is told', self.now, f'{station.name} for {candidate}, {term}')
        first = self._votes.setdefault((k, station.memory, term), candidate)
        if first != candidate:
            raise Violation('one vote a term', self.now, f'{station.name} for {first} and {candidate} in term {term}')

    def _obey(self, number: int, command: Command) -> None:
        self._note(_COMMAND, number, 0, command.fence.term)
        before = self.gates[number].cap(self.now)
        if not self.gates[number].obey(self.now, command):
            return
        order = command.fence.epoch, command.fence.term
        if command.fence.full:
            if order < self._obeyed[number]:
                raise Violation('no stale fence obeyed', self.now, f'{order} after {self._obeyed[number]}')
            self._obeyed[number] = order
        elif self.gates[number].cap(self.now) > before:
            raise Violation('a provisional leader only reduces', self.now, f'{before} W to {command.power_max} W')
