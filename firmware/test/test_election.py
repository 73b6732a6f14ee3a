"""The election: the C machine hears what each member of a zone hears, and must do the same in the same order.

HEARTHGRID_FIRMWARE_SCHEDULES: how many seeded schedules of faults, from HEARTHGRID_SEED on.
"""
import math
import os
import struct
from random import Random

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hearthgrid_core.island.ballot import BusSeen, Change, Durable, Kind, Message, Persist, Persisted
from hearthgrid_core.island.election import Election, ElectionSettings, Role
from hearthgrid_core.island.membership import Committee
from hearthgrid_core.sim.coordination import Fault, Zone
from hearthgrid_core.sim.schedules import schedule

OK, ARGUMENT, FULL = 0, 1, 7
COMMITTEE = 'B7B3I'
WORD = struct.Struct(f'=QQI{COMMITTEE}7Bx')
DURABLE = struct.Struct(f'=I{COMMITTEE}B3x')
ACTION = struct.Struct('=' + WORD.format[1:] + DURABLE.format[1:] + 'IB7x')
SEND, PERSIST = 0, 1
NO_WORD, NO_DURABLE = (0,) * len(WORD.unpack(bytes(WORD.size))), (0,) * len(DURABLE.unpack(bytes(DURABLE.size)))


class Names:
    """Numbers of members, as the directory gives them: 'm0' is 1."""

    def __init__(self) -> None:
        self.numbers = {'': 0, '-': 255}
        self._committees: dict[Committee, tuple] = {}

    def __call__(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers) - 1)

    def committee(self, committee: Committee) -> tuple:
        found = self._committees.get(committee)
        if found is None:
            members = [self(m) for m in committee.members]
            found = self._committees[committee] = (len(members), *members, *(0,) * (7 - len(members)), committee.term,
                                                   committee.version, committee.epoch)
        return found

    def word(self, m: Message) -> tuple:
        return (m.incarnation, m.round, m.term, *self.committee(m.committee), int(m.kind), self(m.sender),
                self(m.receiver), self(m.leader), m.mode, m.granted, m.remembers)

    def durable(self, d: Durable) -> tuple:
        return d.term, *self.committee(d.committee), self(d.voted)

    def action(self, action: Message | Persist) -> tuple:
        if type(action) is Message:
            return *self.word(action), *NO_DURABLE, 0, SEND
        return *NO_WORD, *self.durable(action.durable), action.number, PERSIST


class Recorder:
    """Hands on chance, and keeps it for the twin."""

    def __init__(self, rng) -> None:
        self._rng, self.drawn = rng, []

    def random(self) -> float:
        self.drawn.append(self._rng.random())
        return self.drawn[-1]


@pytest.fixture(scope='module')
def twins(core, settings):
    """Return a class of members that step both machines and compare all they do."""
    lib, ffi = core.lib, core.ffi
    assert ffi.sizeof('hg_message_t') == WORD.size and ffi.sizeof('hg_action_t') == ACTION.size
    states = {}
    draw = ffi.callback('double(void *)')(lambda _: states['drawn'].pop(0))
    event, out = ffi.new('hg_event_t *'), ffi.new('hg_actions_t *')
    into, done = ffi.buffer(ffi.addressof(event, 'message')), ffi.buffer(ffi.addressof(out, 'items'))

    class Both(Election):
        names = Names()
        steps = 0

        def __init__(self, values, me, rng, now, incarnation, durable, members, term=0, epoch=0):
            recorder = Recorder(rng)
            super().__init__(values, me, recorder, now, incarnation, durable, members, term, epoch)
            self._recorder, self.twin = recorder, ffi.new('hg_election_t *')
            names, kept = self.names, ffi.NULL
            if durable is not None:
                kept = ffi.new('hg_durable_t *')
                ffi.buffer(kept)[:] = DURABLE.pack(*names.durable(durable))
            commissioned = ffi.new('uint8_t[]', [names(m) for m in members])
            birth = ffi.new('hg_birth_t *', {'me': names(me), 'incarnation': incarnation, 'durable': kept, 'members':
                                             commissioned, 'count': len(members), 'term': term, 'epoch': epoch})
            states['drawn'] = recorder.drawn
            assert lib.hg_election_init(self.twin, settings('election', values), birth, now, draw, ffi.NULL) == OK
            self.compare(now)

        def compare(self, now: float) -> None:
            twin, names = self.twin, self.names
            assert not self._recorder.drawn
            found = twin.deadline, twin.role, twin.term, twin.voted, twin.leader, twin.lease_until, twin.provisional
            assert found == (self.deadline, self.role, self.term, names(self.voted), names(self.leader),
                             self.lease_until, self.provisional)

        def look(self, now: float) -> None:
            twin, names = self.twin, self.names
            fence, found = self.authority(now), lib.hg_election_authority(twin, now)
            assert found.known == (fence is not None)
            assert fence is None or (found.epoch, found.term, found.full) == (fence.epoch, fence.term, fence.full)
            assert lib.hg_election_committed(twin) == self.committed()
            heard = ffi.new('uint8_t[7]')
            assert list(heard[0:lib.hg_election_reachable(twin, now, heard)]) == [names(m) for m in self.reachable(now)]
            assert (twin.deputy, twin.leader_mode, twin.leader_heard, twin.deputy_heard, twin.leader_term) == (
                names(self.deputy), self.leader_mode, self.leader_heard, self.deputy_heard, self.leader_term)
            assert {m: twin.roster[m] for m in range(129) if twin.roster[m] > -math.inf} == {
                names(m): at for m, at in self.roster.items()}

        def step(self, now, happened=None):
            refused, states['drawn'] = None, self._recorder.drawn
            try:
                actions = super().step(now, happened)
            except ValueError as error:
                refused, actions = error, []
            self.twin.mode = self.mode
            status = lib.hg_election_step(self.twin, now, self.told(happened), out)
            assert status == (ARGUMENT if refused else OK)
            count, size, names = out.count, ACTION.size, self.names
            assert count == len(actions)
            for k, action in enumerate(actions):
                assert ACTION.unpack_from(done, k * size) == names.action(action)
            self.compare(now)
            Both.steps += 1
            if Both.steps % 16 == 0:
                self.look(now)
            if refused:
                raise refused
            return actions

        def told(self, happened):
            kind = type(happened)
            if happened is None:
                return ffi.NULL
            if kind is Message:
                event.kind = lib.HG_EVENT_MESSAGE
                into[:] = WORD.pack(*self.names.word(happened))
            elif kind is Persisted:
                event.kind, event.number = lib.HG_EVENT_PERSISTED, happened.number
            elif kind is Change:
                event.kind = lib.HG_EVENT_CHANGE
                event.change = {'add': self.names(happened.add), 'remove': self.names(happened.remove),
                                'raises': happened.epoch is not None, 'epoch': happened.epoch or 0}
            else:
                event.kind, event.bus = lib.HG_EVENT_BUS, {'own': happened.own, 'dead_for': happened.dead_for}
            return event

    Both.keep = draw
    return Both


def test_every_member_does_the_same_in_every_schedule(twins):
    count, first = (int(os.environ.get(name, default)) for name, default in (
        ('HEARTHGRID_FIRMWARE_SCHEDULES', '250'), ('HEARTHGRID_SEED', '0')))
    led, before = 0, twins.steps
    for seed in range(first, first + count):
        zone, until = schedule(seed, twins)
        zone.run(until)
        led += bool(zone.elected)
    assert led > 0.6 * count and twins.steps - before > 100 * count


@pytest.mark.parametrize('forgetful', [(0, 1, 2), (0, 1), (2,)])
def test_lost_memories_and_a_provisional_leader(twins, forgetful):
    """All lose their memory; two, and then the third is cut off; one, with the access point dead."""
    faults = [Fault(1.0 + 0.01 * k, 'forget', k) for k in forgetful]
    faults += [Fault(2.0, 'silence'), Fault(3.0, 'heal'), Fault(3.0, 'restart', 0), Fault(3.5, 'crash', 1),
               Fault(3.5, 'crash', 2), Fault(5.0, 'restart', 1)]
    zone = Zone(7, 3, 2, faults=tuple(faults), machine=twins)
    provisional = []
    zone.on_step = lambda k: provisional.append(zone.stations[k].machine.provisional)
    zone.run(6.0)
    assert any(provisional) and zone.elected


def test_the_bus_is_the_third_voter(twins):
    zone = Zone(3, 2, machine=twins, faults=(Fault(1.0, 'crash', 1), Fault(2.5, 'restart', 1)))
    zone.run(1.2)
    for k in range(200):
        zone.run(1.2 + 0.005 * k)
        zone._step(0, BusSeen(k < 190, 0.4))
    assert zone.stations[0].machine.holds_lease(zone.clock(0)) or zone.elected
    zone.run(4.0)


words = st.builds(
    Message, kind=st.sampled_from(Kind), sender=st.sampled_from(['m0', 'm1', 'm2', 'm3', 'm9']),
    receiver=st.sampled_from(['', '', 'm0', 'm1', 'm2']), incarnation=st.integers(0, 2), term=st.integers(0, 4),
    round=st.integers(0, 4), granted=st.booleans(), leader=st.sampled_from(['', 'm0', 'm1', 'm2', 'm3']),
    committee=st.builds(Committee, st.sampled_from([('m0', 'm1', 'm2'), ('m0', 'm1', 'm2', 'm3'), ('m1', 'm2')]),
                        st.integers(0, 3), st.integers(0, 2), st.integers(0, 1)), mode=st.integers(0, 8),
    remembers=st.booleans())
events = st.one_of(words, words, words, st.none(), st.builds(Persisted, st.integers(0, 12)),
                   st.builds(Change, st.sampled_from(['', 'm3']), st.sampled_from(['', 'm0', 'm1']),
                             st.sampled_from([None, 1, 2])), st.builds(BusSeen, st.booleans(), st.just(1.0)))


@given(st.lists(st.tuples(st.sampled_from([0.0, 0.001, 0.02, 0.06, 0.16, 1.0]), events), max_size=60),
       st.sampled_from([None, Durable(0, '', Committee(('m0', 'm1', 'm2'))), Durable(2, 'm1', Committee(('m0', 'm1'))),
                        Durable(1, '-', Committee(('m0',)))]), st.randoms(use_true_random=False))
@examples(max_examples=300, deadline=None)
def test_no_story_parts_the_twins(twins, story, durable, rng):
    """What no zone would say: any word at any time."""
    member, now = twins(ElectionSettings(), 'm0', rng, 100.0, 3, durable, ('m0', 'm1', 'm2')), 100.0
    writes = 0
    for wait, event in story:
        now += wait
        try:
            if type(event) is Persisted:
                event = Persisted(min(event.number, writes))
            done = member.step(now, event)
            writes = max([writes, *(a.number for a in done if type(a) is Persist)])
        except ValueError:
            continue
        member.look(now)


def test_a_given_vote_holds_others_back_for_a_canvass(twins):
    committee = Committee(('m0', 'm1', 'm2'))
    member = twins(ElectionSettings(), 'm0', Random(4), 100.0, 1, Durable(0, '', committee), committee.members)

    def asks(now: float, kind: Kind, sender: str, term: int) -> list[bool]:
        said = member.step(now, Message(kind, sender, '', 1, term, 9, False, '', committee))
        return [m.granted for m in said if type(m) is Message and m.kind is Kind(kind + 1)]
    assert asks(100.16, Kind.VOTE, 'm1', 1) == []           # not before it is stored
    assert asks(100.165, Kind.VOTE, 'm1', 1) == []
    assert [m.granted for m in member.step(100.17, Persisted(2))] == [True, True]
    assert asks(100.18, Kind.VOTE, 'm2', 1) == []           # given away
    assert asks(100.19, Kind.PRE_VOTE, 'm2', 2) == [False]
    assert asks(100.20, Kind.PRE_VOTE, 'm1', 2) == [True]
    assert asks(100.30, Kind.PRE_VOTE, 'm2', 2) == [True]


def test_what_is_no_event_is_refused(core, twins):
    member = twins(ElectionSettings(), 'm0', Random(1), 0.0, 1, None, ('m0', 'm1', 'm2'))
    out = core.ffi.new('hg_actions_t *')
    good = {'kind': int(Kind.RECALL), 'sender': 2, 'committee': {'count': 3, 'members': [1, 2, 3]}}
    for changes in ({'sender': 0}, {'sender': 129}, {'receiver': 129}, {'leader': 200}, {'term': 2**31 + 1},
                    {'committee': {'count': 0}}, {'committee': {'count': 8}},
                    {'committee': {'count': 2, 'members': [1, 1]}}, {'committee': {'count': 2, 'members': [1, 0]}}):
        event = core.ffi.new('hg_event_t *', {'message': {**good, **changes}})
        assert core.lib.hg_election_step(member.twin, 0.0, event, out) == ARGUMENT, changes
    event = core.ffi.new('hg_event_t *', {'message': good})
    assert core.lib.hg_election_step(member.twin, math.nan, event, out) == ARGUMENT
    assert core.lib.hg_election_step(member.twin, 0.0, event, out) == OK and out.count == 1
    assert member.role is Role.FOLLOWER


@pytest.mark.parametrize('changes', [{'heartbeat': 0.08}, {'canvass': 0.149}, {'drift': 0.11}, {'timeout': math.nan}])
def test_settings_that_cannot_be_are_refused(core, settings, changes):
    made = settings('election', ElectionSettings())
    for name, value in changes.items():
        setattr(made, name, value)
    members = core.ffi.new('uint8_t[]', [1, 2, 3])
    birth = core.ffi.new('hg_birth_t *', {'me': 1, 'members': members, 'count': 3})
    draw = core.ffi.callback('double(void *)')(lambda _: 0.5)
    state = core.ffi.new('hg_election_t *')
    assert core.lib.hg_election_init(state, made, birth, 0.0, draw, core.ffi.NULL) == ARGUMENT
    with pytest.raises(ValueError):
        ElectionSettings(**changes)
