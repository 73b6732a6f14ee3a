"""Names, committees and ballots on the wire: the C core beside `hearthgrid_core.island` and the outlet's node."""
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hearthgrid_core.island.membership import Committee

OK, ARGUMENT, FULL = 0, 1, 7


class Directory:
    """Names and numbers on the C side."""

    def __init__(self, core) -> None:
        self.core, self.state = core, core.ffi.new('hg_directory_t *')
        core.lib.hg_directory_clear(self.state)

    def number(self, name: str) -> int:
        found = self.core.ffi.new('hg_member_t *')
        assert self.core.lib.hg_directory_number(self.state, name.encode() + b'\0', found) == OK
        return found[0]

    def name(self, number: int) -> str:
        return self.core.ffi.string(self.core.lib.hg_directory_name(self.state, number)).decode()

    def committee(self, c: Committee):
        made = self.core.ffi.new('hg_committee_t *')
        members = [self.number(m) for m in c.members]
        assert self.core.lib.hg_committee_init(made, members, len(members)) == OK
        made.term, made.version, made.epoch = c.term, c.version, c.epoch
        return made

    def read(self, c) -> Committee:
        return Committee(tuple(self.name(m) for m in c.members[0:c.count]), c.term, c.version, c.epoch)


def test_a_name_keeps_its_number(core):
    names, number = Directory(core), core.ffi.new('hg_member_t *')
    assert names.number('') == 0 and names.name(0) == names.name(1) == names.name(255) == ''
    told = [f'member {k}'.ljust(32, '.') for k in range(128)]
    assert [names.number(n) for n in told] == list(range(1, 129)) == [names.number(n) for n in told]
    assert [names.name(k) for k in range(1, 129)] == told
    assert core.lib.hg_directory_number(names.state, b'one more', number) == FULL
    assert core.lib.hg_directory_number(names.state, b'x' * 33, number) == ARGUMENT


@given(st.lists(st.sampled_from(['', *'abcdefgh']), max_size=9))
def test_a_committee_is_one_or_refused(core, members):
    names, made = Directory(core), core.ffi.new('hg_committee_t *')
    numbers = [names.number(m) for m in members]
    try:
        Committee(tuple(members))
        expected = OK
    except ValueError:
        expected = ARGUMENT
    assert core.lib.hg_committee_init(made, numbers, len(numbers)) == expected
    assert expected != OK or core.lib.hg_committee_valid(made)


@given(st.lists(st.sampled_from('abcdefgh'), min_size=1, max_size=7, unique=True), st.sampled_from(['', *'abch']),
       st.sampled_from(['', *'abch']), st.sampled_from([None, 0, 2, 3, 4]))
@examples(max_examples=400)
def test_a_committee_changes_by_one_step(core, members, add, remove, epoch):
    names, twin = Directory(core), Committee(tuple(members), 4, 2, 2)
    change = core.ffi.new('hg_change_t *', {'add': names.number(add), 'remove': names.number(remove),
                                            'raises': epoch is not None, 'epoch': epoch or 0})
    made = names.committee(twin)
    try:
        after, expected = twin.changed(add, remove, epoch), OK
    except ValueError:
        after, expected = twin, ARGUMENT
    assert core.lib.hg_committee_changed(made, change, made) == expected
    assert names.read(made) == after and core.lib.hg_committee_valid(made)
    assert core.lib.hg_committee_quorum(made) == after.quorum
    assert [core.lib.hg_committee_rank(made, names.number(m)) for m in after.members] == list(range(len(after.members)))
    for other in (twin, Committee(('x',), 5), Committee(('x',), 4, 1)):
        order = core.lib.hg_committee_compare(made, names.committee(other))
        assert order == (after.order > other.order) - (after.order < other.order)


BALLOT = {'kind': 5, 'mode': 8, 'granted': True, 'remembers': False, 'incarnation': 2**60, 'round': 2**40, 'epoch': 3,
          'term': 2**30, 'committee_term': 5, 'committee_version': 2, 'sender': 'b', 'receiver': '', 'leader': 'b',
          'committee': ['b', 'a', 'c']}
NUMBERS = ('kind', 'mode', 'granted', 'remembers', 'incarnation', 'round', 'epoch', 'term', 'committee_term',
           'committee_version')


def wired(core, ballot: dict):
    made = core.ffi.new('hg_wire_ballot_t *', {name: ballot[name] for name in NUMBERS})
    for name in ('sender', 'receiver', 'leader'):
        setattr(made, name, ballot[name].encode())
    made.count = len(ballot['committee'])
    for k, name in enumerate(ballot['committee'][:7]):
        made.committee[k] = name.encode()
    return made


def unwired(core, made) -> dict:
    def text(x) -> str:
        return core.ffi.string(x).decode()
    return {**{name: getattr(made, name) for name in NUMBERS},
            **{name: text(getattr(made, name)) for name in ('sender', 'receiver', 'leader')},
            'committee': [text(made.committee[k]) for k in range(made.count)]}


@pytest.mark.parametrize('changes, status', [
    ({}, OK), ({'kind': 1, 'receiver': 'a', 'granted': False, 'leader': '', 'remembers': True}, OK),
    ({'sender': 'x' * 32, 'leader': 'y' * 32}, OK), ({'committee': ['x', 'c']}, OK), ({'term': 2**31}, OK),
    ({'kind': 0}, ARGUMENT), ({'kind': 10}, ARGUMENT), ({'sender': ''}, ARGUMENT), ({'sender': 'a'}, ARGUMENT),
    ({'term': 2**31 + 1}, ARGUMENT), ({'committee_term': 2**32 - 1}, ARGUMENT), ({'mode': 9}, ARGUMENT),
    ({'committee': []}, ARGUMENT), ({'committee': ['b', 'b']}, ARGUMENT), ({'committee': ['b', '']}, ARGUMENT),
    ({'committee': list('bacdefgh')}, ARGUMENT), ({'committee': ['x', 'y', 'z']}, ARGUMENT)])
def test_a_ballot_is_read_and_written_or_refused(core, changes, status):
    names, ballot = Directory(core), {**BALLOT, **changes}
    known, commissioned = names.committee(Committee(('a', 'b'))), names.committee(Committee(('a', 'c')))
    before, message, again = names.state.count, core.ffi.new('hg_message_t *'), core.ffi.new('hg_wire_ballot_t *')
    wire = wired(core, ballot)
    assert core.lib.hg_ballot_read(names.state, wire, names.number('a'), known, commissioned, message) == status
    if status == OK:
        core.lib.hg_ballot_write(names.state, message, again)
        assert unwired(core, again) == ballot == unwired(core, wire)
    else:
        assert names.state.count == before      # nobody fills the directory with rubbish


@pytest.mark.parametrize('field', ['sender', 'receiver', 'leader', 'committee'])
def test_a_ballot_with_a_text_without_end_is_refused(core, field):
    names, wire, message = Directory(core), wired(core, BALLOT), core.ffi.new('hg_message_t *')
    known = names.committee(Committee(('a', 'b', 'c')))
    core.ffi.memmove(wire.committee[2] if field == 'committee' else getattr(wire, field), b'x' * 33, 33)
    assert core.lib.hg_ballot_read(names.state, wire, names.number('a'), known, known, message) == ARGUMENT


def test_the_directory_may_be_full(core):
    names, message = Directory(core), core.ffi.new('hg_message_t *')
    known = names.committee(Committee(('a', 'b', 'c')))
    for k in range(125):
        names.number(f'm{k}')
    assert core.lib.hg_ballot_read(names.state, wired(core, BALLOT), 1, known, known, message) == OK
    for name in ('sender', 'receiver', 'leader'):
        wire = wired(core, {**BALLOT, name: 'new'})
        assert core.lib.hg_ballot_read(names.state, wire, 1, known, known, message) == FULL


@pytest.mark.parametrize('changes', [{}, {'kind': 0}, {'kind': 10}, {'sender': 'a'}, {'sender': ''}, {'mode': 9},
                                     {'term': 2**31}, {'term': 2**31 + 1}, {'committee_term': 2**31 + 1},
                                     {'committee': ['x', 'y']}])
def test_the_node_reads_and_refuses_the_same(core, changes):
    ballots = pytest.importorskip('outlet_node.ballots', reason='the messages are not built')
    names, ballot = Directory(core), {**BALLOT, **changes}
    known, message = names.committee(Committee(('a', 'b', 'c'))), core.ffi.new('hg_message_t *')
    status = core.lib.hg_ballot_read(names.state, wired(core, ballot), names.number('a'), known, known, message)
    try:
        word = ballots.to_word(SimpleNamespace(**ballot), 'a', frozenset('abc'))
    except ValueError:
        assert status == ARGUMENT
        return
    assert status == OK
    assert (message.kind, message.term, message.round, message.incarnation, message.mode) == (
        word.kind, word.term, word.round, word.incarnation, word.mode)
    assert [names.name(m) for m in (message.sender, message.receiver, message.leader)] == [
        word.sender, word.receiver, word.leader]
    assert (message.granted, message.remembers) == (word.granted, word.remembers)
    assert names.read(message.committee) == word.committee
