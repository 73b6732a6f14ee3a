"""What a member promises, keeps and answers: the part of the election that safety rests on."""

import math
from random import Random

from .ballot import (
    HEARTBEAT,
    HEARTBEAT_REPLY,
    PRE_VOTE,
    PRE_VOTE_REPLY,
    PROVISIONAL,
    RECALL,
    RECALL_REPLY,
    VOTE,
    VOTE_REPLY,
    Action,
    BusSeen,
    Change,
    Durable,
    Event,
    Fence,
    Kind,
    Message,
    Persist,
    Persisted,
)
from .membership import Committee
from .role import BUS, CANDIDATE, FOLLOWER, LEADER, OBSERVER, PRE_CANDIDATE, ElectionSettings

MAKE = tuple.__new__
PASSED = 64  # words passed on that are remembered
QUESTIONS = frozenset((PRE_VOTE, VOTE, HEARTBEAT))


def _passed_back(question: Message) -> str:
    """Return what an answer's `leader` is: who asked, if the others are to pass the answer on as they did with it."""
    return question.sender if question.receiver and question.granted else ''


class Voter:
    """What every member of the zone does; `Election` adds candidates and leaders.

    me : its name.     rng : for the random part of the timeouts.     now : [s]
    incarnation : greater than at any earlier start, with or without memory (for example the time of the start [ns]).
    durable : what was stored; None = lost.     members : the commissioned committee, used only while nobody remembers.
    term, epoch : known to have been reached although the memory is lost, so that what follows is not older.
    """

    __slots__ = (  # more attributes than a class shares keys for; a proof makes millions of steps
        'settings', 'me', 'incarnation', '_rng', 'remembers', 'term', 'voted', 'committee', 'stored', '_written',
        '_asked_to_write', '_waiting', 'mode', 'heard', '_incarnations', 'leader', 'leader_term', 'leader_heard',
        'leader_mode', 'provisional', 'deputy', 'deputy_mode', 'deputy_heard', '_round', '_promised_until',
        '_courted', '_courted_until', '_passed', '_pledged_until', '_timeout_at', '_recall_at', '_recalled',
        '_began', '_canvass_round', '_canvass_end', '_repeat_at', '_votes', '_refused', '_sent', '_acks', '_holds',
        'roster', 'lease_until', '_beat_at', '_quorum_at', '_beats', '_provisional_at', '_joined', '_join_at',
        '_out', 'role', 'deadline',
    )

    def __init__(
        self,
        settings: ElectionSettings,
        me: str,
        rng: Random,
        now: float,
        incarnation: int,
        durable: Durable | None,
        members: tuple[str, ...],
        term: int = 0,
        epoch: int = 0,
    ) -> None:
        self.settings, self.me, self.incarnation = settings, me, incarnation
        self._rng = rng
        self.remembers = durable is not None
        kept = durable or Durable(term, '', Committee(members, epoch=epoch))
        self.term, self.voted, self.committee = kept.term, kept.voted, kept.committee
        self.stored = kept.committee if self.remembers else None  # in force and safe on the medium
        self._written = self._asked_to_write = 0
        self._waiting: list[tuple[int, Message]] = []  # replies that wait for the medium
        self.mode = 0  # told with heartbeats, set by the sequence
        self.heard: dict[str, float] = {}  # member → last word [s]
        self._incarnations: dict[str, int] = {}
        self.leader, self.leader_term, self.leader_heard = '', 0, -math.inf
        self.leader_mode = 0
        self.provisional = False
        self.deputy, self.deputy_mode, self.deputy_heard = '', 0, -math.inf  # who leads provisionally
        self._round = 0
        self._promised_until = now + settings.timeout  # it may have promised just before it stopped
        self._courted, self._courted_until = '', -math.inf
        self._passed: dict[tuple[str, str, int], bool] = {}  # (who asked, whom, round): has the answer been, too?
        self._pledged_until = -math.inf  # its vote is given: others need not ask for the next term yet
        self._timeout_at = now + self._patience()
        self._recall_at = math.inf if self.remembers else now + settings.timeout
        self._recalled: dict[str, Message] = {}
        self._began = -1  # term in which a zone without memory began anew
        self._canvass_round, self._canvass_end, self._repeat_at = 0, math.inf, math.inf
        self._votes: set[str] = set()
        self._refused: set[str] = set()
        self._sent: dict[int, float] = {}  # round → when its heartbeat was sent [s]
        self._acks: dict[str, float] = {}  # voter → sending time of the newest answered one
        self._holds: dict[str, tuple[int, int]] = {}  # voter → order of the committee it has stored
        self.roster: dict[str, float] = {}  # who answers the leader, voters and observers
        self.lease_until = -math.inf
        self._beat_at = self._quorum_at = math.inf
        self._beats = 0
        self._provisional_at = now + 2 * settings.timeout
        self._joined, self._join_at = ('', 0), -math.inf
        self._out: list[Action] = []
        self.role = FOLLOWER if me in self.committee.members else OBSERVER
        self.deadline = now

    # What others ask.

    def holds_lease(self, now: float) -> bool:
        """Return whether a majority stands behind this leader at this moment."""
        return self.role is LEADER and now < self.lease_until

    def committed(self) -> bool:
        """Return whether a majority has stored this leader's committee, so that the next change may be made."""
        order, held = self.committee.order, self._holds
        return (
            self.role is LEADER
            and self.committee.term == self.term
            and len([m for m in self.committee.members if held.get(m) == order]) >= self.committee.quorum
        )

    def authority(self, now: float) -> Fence | None:
        """Return what this member's commands carry now; None = it may not command.

        An epoch counts only once it is committed, since a later leader might not know it otherwise.
        """
        if self.holds_lease(now):
            agreed = self.committed() or BUS in self._votes
            return Fence(self.committee.epoch, self.term, True) if agreed else None
        return Fence(self.committee.epoch, self.term, False) if self.provisional else None

    def reachable(self, now: float) -> tuple[str, ...]:
        """Return the committee members heard within two timeouts, and this one, by rank."""
        since = now - 2 * self.settings.timeout
        return tuple(m for m in self.committee.members if m == self.me or self.heard.get(m, -math.inf) >= since)

    # The machine.

    def step(self, now: float, event: Event | None = None) -> list[Action]:
        """Take one event in, or None for the deadline, and return what to do, in this order."""
        out = self._out = []
        if event is not None:
            kind = type(event)
            if kind is Message:
                to = event.receiver
                if to and to != self.me:
                    if self._overhear(event):
                        out.append(event)
                    if now < self.deadline:
                        return out  # it moves no deadline
                else:
                    self._receive(now, event)
            elif kind is Persisted:
                self._persisted(now, event.number)
            elif kind is Change:
                self._change(now, event)
            elif kind is BusSeen:
                self._bus(now, event)
            else:
                raise TypeError(f'{event!r} is no event of an election')
        if now >= self.deadline:
            self._tick(now)
        self.deadline = self._next()
        return out

    def _receive(self, now: float, m: Message) -> None:
        if m.sender == self.me:
            return
        if m.incarnation < self._incarnations.get(m.sender, 0):
            return  # of a memory that is gone
        self._incarnations[m.sender] = m.incarnation
        self.heard[m.sender] = now
        handler = self._HANDLERS.get(m.kind)
        if handler is not None:
            handler(self, now, m)

    def _overhear(self, m: Message) -> bool:
        """Return whether to repeat a question to one member, once and word for word, if it asks for that, or an answer.

        Two that do not hear each other may hear this member. To the election it is a network that doubles and delays,
        which it bears anyway.
        """
        passed = self._passed
        if m.kind in QUESTIONS:
            if not m.granted:
                return False
            about = m.sender, m.receiver, m.round
            if about in passed or not self._may_pass(m):
                return False
            passed[about] = False
            while len(passed) > PASSED:
                del passed[next(iter(passed))]
            return True
        about = m.receiver, m.sender, m.round
        if m.leader != m.receiver or passed.get(about) is not False or not self._may_pass(m):
            return False
        passed[about] = True
        return True

    def _may_pass(self, m: Message) -> bool:
        return m.term >= self.term and m.sender != self.me and self._voter()

    def _send(self, kind: Kind, receiver: str, term: int, number: int, granted: bool = False, leader: str = '') -> None:
        word = (kind, self.me, receiver, self.incarnation, term, number, granted, leader, self.committee, self.mode,
                self.remembers)
        self._out.append(MAKE(Message, word))  # half the time of Message(…)

    def _persist(self) -> int:
        self._asked_to_write += 1
        self._out.append(Persist(Durable(self.term, self.voted, self.committee), self._asked_to_write))
        return self._asked_to_write

    def _answer(self, kind: Kind, to: Message, term: int, granted: bool = False) -> None:
        self._send(kind, to.sender, term, to.round, granted, _passed_back(to))

    def _after(
        self, number: int, kind: Kind, receiver: str, term: int, rnd: int, granted: bool, leader: str = ''
    ) -> None:
        """Say it once write `number` is safe."""
        self._waiting.append(
            (
                number,
                Message(
                    kind,
                    self.me,
                    receiver,
                    self.incarnation,
                    term,
                    rnd,
                    granted,
                    leader,
                    self.committee,
                    self.mode,
                    True,
                ),
            )
        )

    def _persisted(self, now: float, number: int) -> None:
        self._written = max(self._written, number)
        ready = [m for n, m in self._waiting if n <= number and m.term == self.term]
        self._waiting = [(n, m) for n, m in self._waiting if n > number]
        if self._written >= self._asked_to_write:
            self.stored = self.committee
            if self.role is LEADER:
                self._holds[self.me] = self.stored.order
        for m in ready:
            if m.receiver != self.me:
                self._out.append(m)
            elif self.role is CANDIDATE:  # its own vote: now it may ask
                self._count(now, self.me)
                if self.role is CANDIDATE:
                    self._send(VOTE, '', self.term, self._canvass_round)
                    self._repeat_at = now + self.settings.repeat

    # Followers and voters.

    def _patience(self) -> float:
        return self.settings.timeout + self._rng.random() * self.settings.spread

    def _voter(self) -> bool:
        return self.remembers and self.me in self.committee.members

    def _adopt(self, now: float, term: int) -> None:
        """A later term exists: follow it, with its vote still to give, and leave its candidate the time to win."""
        self.term, self.voted = term, ''
        self._timeout_at = max(self._timeout_at, now + self.settings.canvass)
        if self.role >= PRE_CANDIDATE:
            self._stand_down()

    def _stand_down(self) -> None:
        self.role = FOLLOWER if self.me in self.committee.members else OBSERVER
        self.lease_until = -math.inf
        if self.leader == self.me:
            self.leader = ''

    def _sticky(self, now: float) -> bool:
        """Return whether this member has promised not to vote yet."""
        return now < self._promised_until

    def _on_heartbeat(self, now: float, m: Message) -> None:
        if m.sender != m.leader:
            self._on_hearsay(now, m)
            return
        if m.term < self.term:
            self._answer(HEARTBEAT_REPLY, m, self.term)
            return
        if m.term == self.term and self.role is LEADER:
            return  # cannot be; not obeyed
        if m.term > self.term:
            self._adopt(now, m.term)
        elif self.role >= PRE_CANDIDATE:
            self._stand_down()
        news = (m.leader, m.term) != (self.leader, self.leader_term)
        self._follow(now, m.leader, m.term, m.mode)
        self._promised_until = now + self.settings.timeout
        self._timeout_at = now + self._patience()
        self._install(m.committee)
        if self._voter():
            self._acknowledge(m)
            if news:
                self._send(HEARTBEAT, '', m.term, m.round, leader=m.leader)
        elif news:
            self._join_at = now + self._rng.random() * self.settings.spread  # not all at once
        elif now >= self._join_at:
            self._join_at = now + self.settings.join
            self._answer(HEARTBEAT_REPLY, m, m.term, True)

    def _acknowledge(self, m: Message) -> None:
        stored = self.stored or self.committee
        self._out.append(
            Message(
                HEARTBEAT_REPLY,
                self.me,
                m.sender,
                self.incarnation,
                m.term,
                m.round,
                True,
                _passed_back(m),
                stored,
                self.mode,
                True,
            )
        )

    def _on_hearsay(self, now: float, m: Message) -> None:
        """A heartbeat told on: who leads, but no promise and no answer."""
        if m.term > self.leader_term and m.term >= self.term and self.role <= FOLLOWER and m.leader != self.me:
            self._follow(now, m.leader, m.term, m.mode)

    def _follow(self, now: float, leader: str, term: int, mode: int) -> None:
        self.leader, self.leader_term, self.leader_mode, self.leader_heard = leader, term, mode, now
        self._provisional_at = now + 2 * self.settings.timeout
        self.provisional = False

    def _install(self, committee: Committee) -> None:
        if committee is not self.committee and committee.order > self.committee.order:
            concerned = self.me in self.committee.members or self.me in committee.members
            self.committee = committee
            self.role = max(self.role, FOLLOWER) if self.me in committee.members else OBSERVER
            if self.remembers and concerned:  # an observer's memory decides nothing
                self._persist()

    def _on_pre_vote(self, now: float, m: Message) -> None:
        if not self._voter():
            return
        granted = (
            m.term > self.term
            and not self._sticky(now)
            and m.committee.order >= self.committee.order
            and not self.holds_lease(now)
            and (now >= self._pledged_until or m.sender == self.voted)
            and (now >= self._courted_until or self._rank(m.sender) <= self._rank(self._courted))
        )
        if granted:
            self._courted, self._courted_until = m.sender, now + self.settings.courtship
            self._timeout_at = max(self._timeout_at, self._courted_until)
            if self.role is PRE_CANDIDATE:  # two ask at once: the lower rank goes on
                self._stand_down()
        self._answer(PRE_VOTE_REPLY, m, m.term if granted else self.term, granted)

    def _rank(self, member: str) -> int:
        members = self.committee.members
        return members.index(member) if member in members else len(members)

    def _on_vote(self, now: float, m: Message) -> None:
        if not self._voter() or self._sticky(now):
            return
        if m.term < self.term or m.committee.order < self.committee.order:
            self._answer(VOTE_REPLY, m, self.term)
            return
        if m.term > self.term:
            self._adopt(now, m.term)
        if self.voted == m.sender and self._written >= self._asked_to_write:
            self._answer(VOTE_REPLY, m, m.term, True)
        elif self._free_for(m.sender):
            self.voted = m.sender
            self._pledged_until = now + self.settings.canvass
            self._timeout_at = now + self._patience()
            self._after(self._persist(), VOTE_REPLY, m.sender, m.term, m.round, True, _passed_back(m))

    def _free_for(self, candidate: str) -> bool:
        return self.voted in ('', candidate)

    # Lost memory.

    def _recall(self, now: float) -> None:
        self._round += 1
        self._recalled = {}
        self._send(RECALL, '', self.term, self._round)
        self._recall_at = now + self.settings.heartbeat
        self._judge_recall(now)  # alone, there is nobody to ask

    def _on_recall(self, now: float, m: Message) -> None:
        if self.me in self.committee.members or self.me in m.committee.members:
            knows = self.remembers and self.term != self._began
            self._out.append(
                Message(
                    RECALL_REPLY,
                    self.me,
                    m.sender,
                    self.incarnation,
                    self.term,
                    m.round,
                    True,
                    '',
                    self.committee,
                    self.mode,
                    knows,
                )
            )

    def _on_recall_reply(self, now: float, m: Message) -> None:
        if self.remembers or m.round != self._round:
            return
        self._recalled[m.sender] = m
        self._judge_recall(now)

    def _judge_recall(self, now: float) -> None:
        """Remember again once a majority of the others has told; or begin anew where all answer and none remembers."""
        knowing = {s: r for s, r in self._recalled.items() if r.remembers}
        committee = max((r.committee for r in knowing.values()), key=lambda c: c.order, default=self.committee)
        others = [s for s in committee.members if s != self.me]
        if sum(s in knowing for s in others) >= committee.quorum:
            self.term = max([self.term, *(r.term for r in knowing.values())])
        elif not knowing and all(s in self._recalled for s in others):
            self._began = self.term = max([self.term, *(r.term for r in self._recalled.values())])
        else:
            return
        # Not to be voted in again: the lost vote may have been in this term.
        self.voted, self.remembers, self._recall_at = '-', True, math.inf
        self.committee = max(committee, self.committee, key=lambda c: c.order)
        self.role = FOLLOWER if self.me in self.committee.members else OBSERVER
        self._timeout_at = now + self._patience()
        self._persist()

    # Without a majority.

    def _judge_provisional(self, now: float) -> None:
        """Lead provisionally while no majority answers and nobody of lower rank is heard."""
        self.provisional = (
            self.role is not OBSERVER and not self.holds_lease(now) and self.reachable(now)[:1] == (self.me,)
        )
        if self.provisional:
            self._send(PROVISIONAL, '', self.term, 0, leader=self.me)
        self._provisional_at = now + self.settings.heartbeat

    def _on_provisional(self, now: float, m: Message) -> None:
        if self._rank(m.sender) < self._rank(self.me):
            self.provisional = False
        if now > self.deputy_heard + self.settings.timeout or self._rank(m.sender) <= self._rank(self.deputy):
            self.deputy, self.deputy_mode, self.deputy_heard = m.sender, m.mode, now
