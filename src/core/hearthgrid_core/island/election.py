"""Leader election of a zone: one deterministic machine, the same in the node, the simulator and the proof.

Terms, votes and majorities as in Raft (Ongaro, Ousterhout: USENIX ATC 2014; pre-vote, stickiness and check-quorum in
Ongaro's thesis, 2014, §4.2.3, §6.2, §9.6), leases after Gray and Cheriton (SOSP 1989). Time is the member's own clock,
monotonic [s]; it may run wrong by `drift`. Every promise a lease rests on:

* A vote is stored before it is told, is given once a term, and counts once a voter, in its own term and canvass.
* Who hears a leader votes for nobody for `timeout`; so does who has just started, since it may have promised before.
* A lease runs from the *sending* of the heartbeat that a majority answered, and is shorter by what clocks may differ.
* Lost memory: no vote for one longest lease, then not before a majority of the others has told its terms; any term the
  lost vote could have decided is among them, and is not voted in again.
"""

import math

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
    BusSeen,
    Change,
    Message,
)
from .role import BUS, CANDIDATE, FOLLOWER, LEADER, OBSERVER, PRE_CANDIDATE, ElectionSettings, Role
from .voter import Voter

__all__ = ['Election', 'ElectionSettings', 'Role']


class Election(Voter):
    """One member. `step` it with every event and whenever `deadline` has come; do its actions in order."""

    __slots__ = ()

    # Candidates.

    def _canvass(self, now: float) -> None:
        self.role = PRE_CANDIDATE
        self._round += 1
        self._canvass_round, self._canvass_end = self._round, now + self.settings.canvass
        self._votes, self._refused = set(), set()
        if now >= self._courted_until:
            self._courted, self._courted_until = self.me, now + self.settings.courtship
        self._ask(now)
        self._count(now, self.me)

    def _ask(self, now: float) -> None:
        """Ask everybody, or again those who have not answered."""
        kind, term = (PRE_VOTE, self.term + 1) if self.role is PRE_CANDIDATE else (VOTE, self.term)
        silent = [
            m
            for m in self.committee.members
            if m != self.me and m not in self._votes and (kind is PRE_VOTE or m not in self._refused)
        ]
        in_vain = now >= self._canvass_end - self.settings.canvass + 1.5 * self.settings.repeat
        for receiver in silent if self._votes else ('',):
            self._send(kind, receiver, term, self._canvass_round, in_vain and receiver != '')
        self._repeat_at = now + self.settings.repeat

    def _on_vote_reply(self, now: float, m: Message) -> None:
        pre = m.kind is PRE_VOTE_REPLY
        if not m.granted:
            if m.term > self.term:
                self._adopt(now, m.term)
            elif m.round == self._canvass_round:
                self._refused.add(m.sender)
            return
        wanted = PRE_CANDIDATE if pre else CANDIDATE
        if self.role is wanted and self._matches(m, pre):
            self._count(now, m.sender)

    def _matches(self, m: Message, pre: bool) -> bool:
        return m.round == self._canvass_round and m.term == self.term + pre

    def _count(self, now: float, voter: str) -> None:
        self._votes.add(voter)
        if len(self._votes.intersection(self.committee.members)) < self.committee.quorum:
            return
        if self.role is PRE_CANDIDATE:
            self._stand(now)
        else:
            self._lead(now)

    def _stand(self, now: float) -> None:
        if self._sticky(now):
            return
        self.role, self.term, self.voted = CANDIDATE, self.term + 1, self.me
        self._round += 1
        self._canvass_round, self._canvass_end = self._round, now + self.settings.canvass
        self._repeat_at, self._pledged_until = math.inf, self._canvass_end
        self._votes, self._refused = set(), set()
        self._after(self._persist(), VOTE_REPLY, self.me, self.term, self._round, True)

    # Leaders.

    def _lead(self, now: float) -> None:
        self.role = LEADER
        self._follow(now, self.me, self.term, self.mode)
        self.lease_until, self._quorum_at, self._beats = -math.inf, now, 0
        self._sent, self._acks, self._holds, self.roster = {}, {}, {}, {}
        self.committee = self.committee.confirmed(self.term)
        self._persist()
        self._beat(now)

    def _beat(self, now: float) -> None:
        self._new_round(now)
        self._send(HEARTBEAT, '', self.term, self._round, leader=self.me)
        self._beats += 1
        brisk = self._beats <= 3  # a new leader is not yet known
        self._beat_at = now + (self.settings.repeat if brisk else self.settings.heartbeat)
        self._repeat_at = self._beat_at if brisk else now + self.settings.heartbeat / 2

    def _new_round(self, now: float) -> None:
        self._round += 1
        self._sent[self._round] = now
        while len(self._sent) > 32:
            del self._sent[next(iter(self._sent))]
        self._acks[self.me] = now
        self._promised_until = max(self._promised_until, now + self.settings.timeout)
        self._extend(now)

    def _prod(self, now: float) -> None:
        """Ask those again who have not answered the last heartbeat, or not yet stored the committee."""
        last, order = self._sent[self._round], self.committee.order
        silent = [
            m
            for m in self.committee.members
            if m != self.me and (self._acks.get(m, -math.inf) < last or self._holds.get(m) != order)
        ]
        if silent:
            self._new_round(now)
            late = now - 1.5 * self.settings.heartbeat
            for m in silent:
                unheard = self._acks.get(m, -math.inf) < late
                self._send(HEARTBEAT, m, self.term, self._round, unheard, leader=self.me)
        self._repeat_at = math.inf if self.authority(now) else now + self.settings.repeat

    def _on_heartbeat_reply(self, now: float, m: Message) -> None:
        if m.term > self.term and not m.granted:
            self._adopt(now, m.term)
            return
        if self.role is not LEADER or m.term != self.term or not m.granted:
            return
        self.roster[m.sender] = now
        if m.sender not in self.committee.members or not m.remembers:
            return
        self._holds[m.sender] = max(m.committee.order, self._holds.get(m.sender, (0, 0)))
        sent = self._lease_start(now, m)
        if sent is not None and sent > self._acks.get(m.sender, -math.inf):
            self._acks[m.sender] = sent
            self._extend(now)

    def _lease_start(self, now: float, m: Message) -> float | None:
        """Return from when the answered heartbeat counts; None = it is not one of the last."""
        return self._sent.get(m.round)

    def _extend(self, now: float) -> None:
        get = self._acks.get
        acks = sorted([get(m, -math.inf) for m in self.committee.members], reverse=True)
        start = acks[self.committee.quorum - 1]
        until = start + self.settings.lease
        if until > self.lease_until:
            self.lease_until = until
            self._quorum_at = max(self._quorum_at, start)

    def _change(self, now: float, change: Change) -> None:
        """Begin a change of the committee. ValueError when it may not be made now."""
        if not (self.holds_lease(now) and self.committed()):
            raise ValueError('only a leader with a lease, whose committee is committed, may change it')
        if change.remove == self.me:
            raise ValueError('a leader does not remove itself: let another be elected first')
        self.committee = self.committee.changed(change.add, change.remove, change.epoch)
        self._persist()
        self._beat(now)

    # Two members: the bus is the third voter.

    def _bus(self, now: float, seen: BusSeen) -> None:
        """Count the bus as a voter of a committee of two.

        Whose inverter alone has formed a bus that was dead for two timeouts holds it; nobody else can. The other's
        lease has run out by then, since it needs this member's answers.
        """
        if len(self.committee.members) != 2 or not self._voter():
            return
        if not seen.own:
            self._votes.discard(BUS)
        elif self.role is LEADER:
            if BUS in self._votes:
                self.lease_until = max(self.lease_until, now + self.settings.lease)
                self._promised_until = now + self.settings.timeout
                self._quorum_at = now
        elif seen.dead_for >= 2 * self.settings.timeout * (1 + self.settings.drift):
            if self.role is not CANDIDATE:
                self._stand(now)
            elif self.me in self._votes:
                self._lead(now)
                self._votes.add(BUS)

    # Time.

    def _tick(self, now: float) -> None:
        role = self.role
        if role is LEADER:
            if now >= self._quorum_at + 2 * self.settings.timeout:  # check-quorum
                self._stand_down()
                self._timeout_at = now + self._patience()
            elif now >= self._beat_at:
                self._beat(now)
            elif now >= self._repeat_at:
                self._prod(now)
        elif role is FOLLOWER:
            if now >= self._timeout_at and self._voter():
                self._canvass(now)
        elif role >= PRE_CANDIDATE:
            if now >= self._canvass_end:
                self._stand_down()
                self._timeout_at = now + self._rng.random() * self.settings.spread / 2
            elif now >= self._repeat_at:
                self._ask(now)
        if now >= self._recall_at:
            self._recall(now)
        if now >= self._provisional_at and self.role is not LEADER:
            self._judge_provisional(now)

    def _next(self) -> float:
        role = self.role
        if role is LEADER:
            return min(self._beat_at, self._repeat_at, self._quorum_at + 2 * self.settings.timeout)
        if role is FOLLOWER:
            due, recall = self._provisional_at, self._recall_at
            if recall < due:
                due = recall
            return self._timeout_at if self.remembers and self._timeout_at < due else due
        if role is OBSERVER:
            return min(self._recall_at, self._provisional_at) if not self.remembers else math.inf
        return min(self._canvass_end, self._repeat_at, self._provisional_at)

    _HANDLERS = {
        PRE_VOTE: Voter._on_pre_vote,
        PRE_VOTE_REPLY: _on_vote_reply,
        VOTE: Voter._on_vote,
        VOTE_REPLY: _on_vote_reply,
        HEARTBEAT: Voter._on_heartbeat,
        HEARTBEAT_REPLY: _on_heartbeat_reply,
        RECALL: Voter._on_recall,
        RECALL_REPLY: Voter._on_recall_reply,
        PROVISIONAL: Voter._on_provisional,
    }
