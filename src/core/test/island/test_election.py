"""The election, member by member: what is said when, membership, the bus as a witness, no majority."""

from random import Random

import pytest

from hearthgrid_core.island.ballot import BusSeen, Change, Durable, Fence, Kind, Message, Persist, Persisted
from hearthgrid_core.island.election import Election, ElectionSettings, Role
from hearthgrid_core.island.membership import Committee
from hearthgrid_core.sim.coordination import Fault, Zone
from hearthgrid_core.sim.radio import RadioSettings

SETTINGS = ElectionSettings()
NAMES = ('a', 'b', 'c')
GOOD = RadioSettings(loss=0.0, duplicates=0.0)


def member(me='a', names=NAMES, durable='new', now=0.0, incarnation=1):
    durable = Durable(0, '', Committee(names)) if durable == 'new' else durable
    return Election(SETTINGS, me, Random(1), now, incarnation, durable, names)


def message(kind, sender, receiver='', term=1, number=1, granted=False, leader='', names=NAMES, **changes):
    committee = changes.pop('committee', Committee(names))
    return Message(
        kind, sender, receiver, changes.pop('incarnation', 1), term, number, granted, leader, committee, **changes
    )


def kinds(actions):
    return [type(a).__name__ if isinstance(a, Persist) else a.kind.name for a in actions]


def run(zone, until):
    zone.run(until)
    return zone.leader()


def test_a_vote_is_told_only_when_it_is_stored():
    voter = member('b')
    (write,) = voter.step(1.0, message(Kind.VOTE, 'a'))
    assert write == Persist(Durable(1, 'a', Committee(NAMES)), 1)
    (told,) = voter.step(1.01, Persisted(1))
    assert (told.kind, told.receiver, told.term, told.granted) == (Kind.VOTE_REPLY, 'a', 1, True)
    assert kinds(voter.step(1.02, message(Kind.VOTE, 'a', number=2))) == ['VOTE_REPLY']  # asked again
    assert voter.step(1.02, message(Kind.VOTE, 'c')) == []


@pytest.mark.parametrize(
    'at, kind, answer',
    [
        (0.149, Kind.VOTE, []),
        (0.151, Kind.VOTE, ['Persist']),  # it may have promised before it stopped
        (0.149, Kind.PRE_VOTE, [False]),
        (0.151, Kind.PRE_VOTE, [True]),
    ],
)
def test_who_has_just_started_votes_for_nobody(at, kind, answer):
    said = member('b').step(at, message(kind, 'a'))
    assert [a.granted for a in said] == answer if kind is Kind.PRE_VOTE else kinds(said) == answer


def test_who_hears_a_leader_votes_for_nobody_for_one_timeout():
    voter = member('b')
    ack = voter.step(1.0, message(Kind.HEARTBEAT, 'a', leader='a'))[0]
    assert (ack.kind, ack.receiver, ack.round, ack.granted) == (Kind.HEARTBEAT_REPLY, 'a', 1, True)
    assert voter.step(1.149, message(Kind.VOTE, 'c', term=2)) == []
    assert kinds(voter.step(1.151, message(Kind.VOTE, 'c', term=2)))[:1] == ['Persist']


def test_a_word_of_a_lost_memory_is_not_heard():
    voter = member('b')
    voter.step(1.0, message(Kind.PRE_VOTE, 'c', incarnation=5))
    assert voter.step(1.0, message(Kind.VOTE, 'c', incarnation=4)) == []


def test_an_old_leader_is_told_the_new_term():
    voter = member('b')
    voter.step(1.0, message(Kind.HEARTBEAT, 'c', term=3, leader='c'))
    (reply,) = voter.step(1.01, message(Kind.HEARTBEAT, 'a', term=2, leader='a'))
    assert (reply.granted, reply.term) == (False, 3)


def test_hearsay_tells_who_leads_and_promises_nothing():
    voter = member('b')
    assert voter.step(0.155, message(Kind.HEARTBEAT, 'c', leader='a')) == []
    assert voter.leader == 'a'
    assert kinds(voter.step(0.155, message(Kind.VOTE, 'c', term=2))) == ['Persist']


def test_lost_memory_waits_asks_and_does_not_vote_in_a_term_it_may_have_voted_in():
    one = member('b', durable=None)
    assert one.step(0.1, message(Kind.VOTE, 'a', term=5)) == []
    (question,) = one.step(0.151)
    assert question.kind is Kind.RECALL
    answer = {'kind': Kind.RECALL_REPLY, 'receiver': 'b', 'number': question.round, 'term': 5}
    assert one.step(0.16, message(sender='a', **answer)) == []  # one of two is not a majority of three
    assert one.step(0.16, message(sender='a', **answer)) == []
    (write,) = one.step(0.17, message(sender='c', **answer))
    assert write.durable.term == 5
    one.step(0.18, Persisted(write.number))
    assert one.step(0.4, message(Kind.VOTE, 'a', term=5)) == []
    assert kinds(one.step(0.4, message(Kind.VOTE, 'a', term=6))) == ['Persist']


def test_a_zone_in_which_nobody_remembers_begins_anew_when_all_are_there():
    zone = Zone(3, 3, radio=GOOD, actuators=0)
    zone.run(0.01)
    for k in range(3):
        zone.fault(Fault(0.0, 'forget', k))
    assert run(zone, 2.0) is not None
    away = Zone(3, 3, radio=GOOD, actuators=0)
    away.run(0.01)
    for k in range(3):
        away.fault(Fault(0.0, 'forget', k))
    away.fault(Fault(0.0, 'crash', 2))
    assert run(away, 2.0) is None


def test_a_leader_without_a_majority_steps_down_and_the_lowest_rank_leads_provisionally():
    zone = Zone(1, 3, radio=GOOD, actuators=0)
    assert run(zone, 1.0) is not None
    zone.fault(Fault(1.0, 'silence'))
    zone.run(2.0)
    machines = [s.machine for s in zone.stations]
    assert not any(m.role is Role.LEADER for m in machines)
    assert all(m.provisional for m in machines)  # each is the lowest rank it reaches
    assert machines[1].authority(zone.clock(1)) == Fence(0, machines[1].term, False)
    zone.fault(Fault(2.0, 'heal'))
    assert run(zone, 3.0) is not None
    assert not any(m.provisional for m in machines)


def test_two_of_five_together_have_one_provisional_leader():
    zone = Zone(2, 5, radio=GOOD, actuators=0)
    zone.run(1.0)
    zone.fault(Fault(1.0, 'cut', [(a, b) for a in range(5) for b in range(5) if (a < 2) != (b < 2)]))
    zone.run(2.5)
    assert [s.machine.provisional for s in zone.stations[:2]] == [True, False]
    assert zone.leader() in (2, 3, 4)
    assert zone.stations[1].machine.deputy == 'm0'


def test_a_lone_member_leads():
    assert run(Zone(1, 1, radio=GOOD, actuators=0), 1.0) == 0


def bus_leader(dead_for):
    one = member('a', ('a', 'b'))
    now = 1.0
    for _ in range(40):
        now += 0.01
        for action in [*one.step(now, BusSeen(True, dead_for)), *one.step(now)]:
            if isinstance(action, Persist):
                one.step(now, Persisted(action.number))
    return one, now


def test_with_two_members_the_bus_is_the_witness():
    one, now = bus_leader(0.5)
    assert one.holds_lease(now) and one.authority(now).full
    one.step(now + 0.01, BusSeen(False, 0.0))  # foreign voltage
    assert not one.holds_lease(now + 0.2)
    assert not bus_leader(0.2)[0].holds_lease(now)  # it was not dead for long enough
    other = member('b', ('a', 'b', 'c'))
    assert other.step(1.0, BusSeen(True, 9.0)) == [] or other.role is not Role.LEADER


def test_the_committee_changes_one_member_at_a_time_and_keeps_a_leader():
    zone = Zone(4, 3, observers=2, radio=GOOD, actuators=0)
    zone.run(1.0)
    for k, change in enumerate((Change(add='m3'), Change(add='m4'), Change(epoch=1))):
        zone.fault(Fault(0.0, 'change', change))
        zone.run(1.3 + 0.3 * k)
    machines = [s.machine for s in zone.stations]
    assert {m.committee.members for m in machines} == {('m0', 'm1', 'm2', 'm3', 'm4')}
    leader = zone.leader()
    assert machines[leader].authority(zone.clock(leader)) == Fence(1, machines[leader].term, True)
    for k in [k for k in range(3) if k != leader]:  # two of five may go
        zone.fault(Fault(0.0, 'crash', k))
    assert run(zone, 2.5) is not None


@pytest.mark.parametrize(
    'change', [Change(add='d', remove='c'), Change(), Change(remove='x'), Change(epoch=0), Change(add='a')]
)
def test_a_change_that_is_no_single_step_is_refused(change):
    with pytest.raises(ValueError):
        Committee(NAMES).changed(change.add, change.remove, change.epoch)


def test_only_a_confirmed_leader_changes_the_committee():
    with pytest.raises(ValueError, match='lease'):
        member().step(1.0, Change(add='d'))


@pytest.mark.parametrize('members', [(), ('a', 'a'), ('a', ''), tuple('abcdefgh')])
def test_a_committee_that_cannot_be(members):
    with pytest.raises(ValueError):
        Committee(members)


@pytest.mark.parametrize('changes', [{'heartbeat': 0.1}, {'canvass': 0.2}, {'drift': 0.5}])
def test_settings_that_cannot_be(changes):
    with pytest.raises(ValueError):
        ElectionSettings(**changes)


def test_what_is_no_event_is_an_error():
    with pytest.raises(TypeError, match='no event'):
        member().step(1.0, 'hello')


def test_a_leaders_word_to_one_member_is_passed_on_once_and_its_answer_too():
    voter, other = member('b'), member('c')
    voter.step(1.0, message(Kind.HEARTBEAT, 'a', leader='a'))
    other.step(1.0, message(Kind.HEARTBEAT, 'a', leader='a'))
    prod = message(Kind.HEARTBEAT, 'a', 'c', number=2, granted=True, leader='a')
    assert voter.step(1.01, prod) == [prod] and voter.step(1.01, prod) == []
    (answer,) = other.step(1.02, prod)
    assert (answer.kind, answer.receiver, answer.leader, answer.granted) == (Kind.HEARTBEAT_REPLY, 'a', 'a', True)
    assert voter.step(1.03, answer) == [answer] and voter.step(1.03, answer) == []
    assert voter.step(1.04, message(Kind.HEARTBEAT, 'a', 'c', term=0, number=3, granted=True, leader='a')) == []
    assert voter.step(1.04, message(Kind.HEARTBEAT, 'a', 'c', number=4, leader='a')) == []  # it does not ask for that
    assert voter.step(1.04, message(Kind.HEARTBEAT_REPLY, 'c', 'a', number=9, granted=True, leader='a')) == []
    watcher = member('x')
    watcher.step(1.0, message(Kind.HEARTBEAT, 'a', leader='a'))
    assert watcher.step(1.01, prod) == []  # an observer does not


def test_two_that_do_not_hear_each_other_keep_the_lease_through_a_third():
    zone = Zone(3, 3, radio=GOOD, actuators=0)
    leader = run(zone, 1.0)
    a, b = (k for k in range(3) if k != leader)
    zone.fault(Fault(1.0, 'cut', [(leader, a), (a, leader)]))
    elected = list(zone.elected)
    assert run(zone, 2.0) == leader and zone.elected == elected
    acks = zone.stations[leader].machine._acks
    assert zone.clock(leader) - acks[f'm{a}'] < 0.145  # the one that is cut off answers, too


def test_a_vote_just_given_keeps_others_from_asking_for_the_next_term():
    voter = member('b')
    voter.step(1.0, message(Kind.VOTE, 'c', term=1))
    refused = voter.step(1.01, message(Kind.PRE_VOTE, 'a', term=2))
    assert [a.granted for a in refused if a.kind is Kind.PRE_VOTE_REPLY] == [False]
    granted = voter.step(1.09, message(Kind.PRE_VOTE, 'a', term=2, number=2))
    assert [a.granted for a in granted if a.kind is Kind.PRE_VOTE_REPLY] == [True]
