"""The proof of the election, and the proof of the proof: each safety rule, taken out, is caught by name.

A mutant is the machine without one rule. Where random schedules find it, the seed stands here; where they do not, or
seldom, a directed schedule does. The unchanged machine passes every one of them.
"""

import math
from random import Random

import pytest

from hearthgrid_core.island.ballot import Change, Durable, Kind, Message, Persist, Persisted
from hearthgrid_core.island.election import Election, ElectionSettings, Role
from hearthgrid_core.island.fence import Gate
from hearthgrid_core.island.membership import Committee
from hearthgrid_core.sim.coordination import Fault, Violation, Zone
from hearthgrid_core.sim.naive import leaders
from hearthgrid_core.sim.radio import Radio, RadioSettings
from hearthgrid_core.sim.schedules import schedule

ONE_LEADER, ONE_LEASE, ONE_VOTE = 'one leader a term', 'one valid lease at an instant', 'one vote a term'
STORED, FENCE, CALM = 'a vote is stored before it is told', 'no stale fence obeyed', 'a returning member deposes nobody'
GOOD = RadioSettings(loss=0.0, duplicates=0.0)


class VotesNotDeduplicated(Election):
    def _count(self, now, voter):
        while voter in self._votes and voter != self.me:
            voter += '+'
        self._votes.add(voter)
        if len(self._votes) >= self.committee.quorum:
            (self._stand if self.role is Role.PRE_CANDIDATE else self._lead)(now)


class VotesOfOtherTerms(Election):
    def _matches(self, m, pre):
        return not pre or super()._matches(m, pre)


class NoStickiness(Election):
    def _sticky(self, now):
        return False


class NoPreVote(Election):
    def _canvass(self, now):
        self._stand(now)
        if self.role is not Role.CANDIDATE:
            self._timeout_at = self._promised_until


class LeaseFromReceipt(Election):
    def _lease_start(self, now, m):
        return now if m.round in self._sent else None


class NoPromiseAtStart(Election):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._promised_until = -math.inf


class LostMemoryIgnored(Election):
    def __init__(self, settings, me, rng, now, incarnation, durable, members):
        super().__init__(settings, me, rng, now, incarnation, durable or Durable(0, '', Committee(members)), members)


class LostMemoryOnlyWaits(Election):
    """No vote for one longest lease, and nothing more."""

    def _recall(self, now):
        self.remembers, self._recall_at = True, math.inf
        self._persist()


class ChangesAtOnce(Election):
    """A leader changes the committee again before the last change is committed."""

    def _change(self, now, change):
        self.committee = self.committee.changed(change.add, change.remove, change.epoch)
        self._persist()
        self._beat(now)


class NoFencing(Gate):
    def _stale(self, order):
        return False


class UnseenVotes(Zone):
    """Does not look at single votes, so that only what they lead to is caught."""

    def _check_vote(self, *_):
        pass


class Deaf(Zone):
    """Loses all that members pass on for others, so that a cut between two is a cut."""

    def _sent(self, k, m):
        if m.sender == self.stations[k].name:
            super()._sent(k, m)


def broken(zone, until):
    """Return the name of the invariant that breaks, None when all hold."""
    try:
        zone.run(until)
    except Violation as violation:
        return violation.name
    return None


def scheduled(*seeds):
    return lambda machine: next(filter(None, (broken(*schedule(seed, machine)) for seed in seeds)), None)


def cut_one_follower(machine):
    """The leader loses one follower; the other must not vote while the lease holds."""
    for seed in range(20):
        zone = Deaf(seed, 3, radio=GOOD, actuators=0, machine=machine)
        zone.run(1.0)
        leader = zone.leader()
        other = (leader + 1) % 3
        zone.fault(Fault(1.0, 'cut', ((leader, other), (other, leader))))
        if name := broken(zone, 1.6):
            return name
    return None


def restart_both_voters(machine):
    """Two of five campaign in vain; the two whose answers carry the lease restart, and the leader falls silent."""
    for seed in range(30):
        zone = Deaf(seed, 5, radio=GOOD, actuators=0, machine=machine)
        zone.run(1.0)
        leader = zone.leader()
        a, b, *rest = (k for k in range(5) if k != leader)
        zone.fault(Fault(1.0, 'cut', [(x, y) for x in rest for y in (leader,)] + [(leader, x) for x in rest]))
        zone.run(1.3 + seed * 0.007)
        zone.fault(Fault(0.0, 'cut', [(leader, k) for k in range(5)] + [(k, leader) for k in range(5)]))
        zone.fault(Fault(0.0, 'restart', a))
        zone.fault(Fault(0.0, 'restart', b))
        if name := broken(zone, 1.9):
            return name
    return None


class SlowAnswers(Radio):
    """What station `slow` is sent takes a tenth of a second more."""

    slow = None

    def broadcast(self, now, sender, receivers):
        return [(at + 0.1 * (to == self.slow), to) for at, to in super().broadcast(now, sender, receivers)]


def slow_answers(machine):
    """Answers reach the leader late, its heartbeats no longer reach anybody."""
    for seed in range(20):
        zone = Zone(seed, 3, radio=GOOD, actuators=0, machine=machine)
        zone.run(0.6)
        leader = zone.leader()
        zone.radio = SlowAnswers(GOOD, zone.rng)
        zone.radio.slow = leader
        zone.run(1.0)
        zone.fault(Fault(1.0, 'cut', [(leader, k) for k in range(3)]))
        if name := broken(zone, 1.6):
            return name
    return None


def one_returns(machine):
    """One is away for two seconds; when it is back, nobody's leader changes."""
    for seed in range(5):
        zone = Zone(seed, 3, radio=GOOD, actuators=0, machine=machine)
        zone.run(1.0)
        away = (zone.leader() + 1) % 3
        pairs = [(away, k) for k in range(3)] + [(k, away) for k in range(3)]
        zone.fault(Fault(1.0, 'cut', pairs))
        zone.run(3.0)
        before = list(zone.elected)
        zone.fault(Fault(3.0, 'heal'))
        zone.run(4.0)
        if zone.elected != before:
            return CALM
    return None


class SlowCommands(Radio):
    """Commands to actuators take up to 0.28 s."""

    def broadcast(self, now, sender, receivers):
        sent = super().broadcast(now, sender, receivers)
        return [(at + (self._random() * 0.28 if to < 0 else 0.0), to) for at, to in sent]


def old_commands(gate):
    """The leader is cut off from the members, not from the actuators; its last commands are still on the way."""
    for seed in range(20):
        zone = Zone(seed, 3, radio=GOOD, gate=gate)
        zone.radio = SlowCommands(GOOD, zone.rng)
        zone.run(1.0)
        leader = zone.leader()
        zone.fault(Fault(1.0, 'cut', [(leader, k) for k in range(3)] + [(k, leader) for k in range(3)]))
        if name := broken(zone, 2.0):
            return name
    return None


def late_votes(machine):
    """Two of five vote for term 1, and are heard when term 2 is asked for, in which nobody has voted yet."""
    names = tuple('abcde')
    one = machine(ElectionSettings(), 'a', Random(1), 0.0, 1, Durable(0, '', Committee(names)), names)
    now, late, terms = 0.0, [], []
    while len(terms) < 2:
        now = max(now, one.deadline)
        actions = one.step(now)
        while actions:
            action = actions.pop(0)
            if isinstance(action, Persist):
                actions += one.step(now, Persisted(action.number))
            elif action.kind is Kind.PRE_VOTE and action.receiver == '' and now > 0.15:
                for name in 'bcde':
                    actions += one.step(now, reply(Kind.PRE_VOTE_REPLY, name, action))
            elif action.kind is Kind.VOTE and action.receiver == '':
                terms.append(action.term)
                late.append(action)
    for name in 'bc':
        one.step(now, reply(Kind.VOTE_REPLY, name, late[0]))
    return ONE_LEADER if one.role is Role.LEADER else None


def voter_forgets(machine):
    """One of three voted for the leader and forgets it; the third, away until now, asks it for the same term."""
    for seed in range(5):
        zone = Zone(seed, 3, radio=GOOD, actuators=0, machine=machine)
        zone.fault(Fault(0.0, 'cut', [(2, 0), (2, 1), (0, 2), (1, 2)]))
        zone.run(1.0)
        leader = zone.leader()
        zone.fault(Fault(1.0, 'cut', [(leader, k) for k in range(3)] + [(k, leader) for k in range(3)]))
        zone.fault(Fault(1.0, 'forget', 1 - leader))
        if name := broken(zone, 3.0):
            return name
    return None


def two_changes(machine):
    """A leader that reaches only observers adds two of them: its five and the old three share no majority.

    The observers have never heard of the old voters' new term; the old voters elect by themselves.
    """
    for seed in range(10):
        zone = Zone(seed, 3, observers=2, radio=GOOD, actuators=0, machine=machine)
        zone.run(1.0)
        leader = zone.leader()
        old = [k for k in range(3) if k != leader]
        zone.fault(
            Fault(
                0.0,
                'cut',
                [(a, b) for a in old for b in (leader, 3, 4)] + [(b, a) for a in old for b in (leader, 3, 4)],
            )
        )
        for name in ('m3', 'm4'):
            zone.fault(Fault(0.0, 'change', Change(add=name)))
        if name := broken(zone, 2.5):
            return name
    return None


def reply(kind, sender, request):
    return Message(kind, sender, request.sender, 1, request.term, request.round, True, '', request.committee)


def unseen(seed):
    def run(machine):
        zone, until = schedule(seed, machine)
        zone.__class__ = UnseenVotes
        return broken(zone, until)

    return run


# Schedules and their traces: what made the proof faster left them as they were.
TRACES = [
    (5, '351bb8de931eca25dd856454f865a9f0'),
    (29, 'baaf0e92c6244a9c7782cf954a450f9d'),
    (4000003, 'b9b4c6a01c8d7adc7b6f3093187ae42a'),
]

# mutant (by name: of the conftest), schedule, what is broken
MUTANTS = [
    ('VoteNotPersisted', scheduled(*range(20)), STORED),
    ('ReplyBeforePersisted', scheduled(*range(20)), STORED),
    (NoFencing, old_commands, FENCE),
    (VotesOfOtherTerms, late_votes, ONE_LEADER),
    (NoStickiness, cut_one_follower, ONE_LEASE),
    (NoPromiseAtStart, restart_both_voters, ONE_LEASE),
    (LeaseFromReceipt, slow_answers, ONE_LEASE),
    (NoPreVote, one_returns, CALM),
    (LostMemoryIgnored, voter_forgets, ONE_LEADER),
    (LostMemoryOnlyWaits, voter_forgets, ONE_LEADER),
    ('NoVoteOnce', scheduled(297), ONE_VOTE),
    ('NoVoteOnce', unseen(659), ONE_LEADER),
    (VotesNotDeduplicated, scheduled(1167), ONE_LEADER),
    (ChangesAtOnce, two_changes, ONE_LEASE),
]


@pytest.mark.parametrize('mutant, plan, name', MUTANTS, ids=[getattr(m, '__name__', m) for m, *_ in MUTANTS])
def test_a_deleted_rule_is_caught_by_name(mutant, plan, name, mutants):
    mutant = mutants.get(mutant, mutant)
    assert plan(mutant) == name
    assert plan(Gate if issubclass(mutant, Gate) else Election) is None


@pytest.mark.parametrize('seeds', [range(0, 400), range(10**6, 10**6 + 400)])
def test_no_invariant_breaks_in_any_schedule(seeds):
    led = 0
    for seed in seeds:
        zone, until = schedule(seed)
        zone.run(until)
        led += bool(zone.elected)
    assert led > 0.65 * len(seeds)  # else little was proved; a quarter is too slow to elect


@pytest.mark.parametrize('seed, trace', TRACES)
def test_a_schedule_is_the_one_it_always_was(seed, trace):
    """A change that makes the proof faster must not change what it proves."""
    zone, until = schedule(seed)
    assert zone.run(until) == trace


def test_a_seed_replays_to_the_same_trace_and_another_does_not():
    def trace(seed):
        zone, until = schedule(seed)
        return zone.run(until)

    assert trace(86) == trace(86) != trace(87)


def test_a_broken_schedule_breaks_again_at_the_same_event():
    def fail():
        zone, until = schedule(1167, VotesNotDeduplicated)
        with pytest.raises(Violation) as caught:
            zone.run(until)
        return str(caught.value), zone.trace()

    assert fail() == fail()


@pytest.mark.parametrize(
    'outlets, loss, low, high', [(10, 0.0, 0.25, 0.5), (100, 0.0, 0.25, 0.5), (100, 0.2, 0.97, 1.0)]
)
def test_the_naive_rule_ends_with_two_leaders(outlets, loss, low, high):
    rng = Random(1)
    assert low <= sum(leaders(rng, outlets, loss) > 1 for _ in range(400)) / 400 <= high


@pytest.mark.parametrize('burst', [0.0, 0.05])
def test_to_all_is_to_each_in_turn(burst):
    """The same chance is drawn in the same order; nobody hears itself, and nothing passes a cut."""
    settings = RadioSettings(loss=0.3, burst=burst, duplicates=0.3)
    at_once, in_turn, now = Radio(settings, Random(5)), Radio(settings, Random(5)), 0.0
    for radio in (at_once, in_turn):
        radio.cut = {(0, 3)}
    for _ in range(300):
        now += 0.01
        heard = at_once.broadcast(now, 0, range(5))
        assert heard == [(at, k) for k in range(1, 5) for at in in_turn.arrivals(now, 0, k)]
        assert all(k != 3 for _, k in heard)
    at_once.silent = True
    assert at_once.broadcast(now, 0, range(5)) == []


@pytest.mark.parametrize('burst', [0.0, 0.05])
def test_the_radio_loses_as_many_as_it_says(burst):
    radio, rng = Radio(RadioSettings(loss=0.2, burst=burst, duplicates=0.1), Random(3)), Random(4)
    now, sent, lost, twice = 0.0, 40_000, 0, 0
    for _ in range(sent):
        now += rng.expovariate(50.0)
        arrivals = radio.arrivals(now, 0, 1)
        lost, twice = lost + (not arrivals), twice + (len(arrivals) == 2)
        assert all(0.001 <= at - now <= 0.015 for at in arrivals)
    assert lost / sent == pytest.approx(0.2, abs=0.02)
    assert twice / (sent - lost) == pytest.approx(0.1, abs=0.01)
