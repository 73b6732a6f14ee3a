"""Ballots on the wire: all of a word survives, and rubbish is named."""

import pytest
from builtin_interfaces.msg import Time

from hearthgrid_core.island import Committee, Kind, Message
from hearthgrid_core.island.signed import Seal
from hearthgrid_msgs.msg import Ballot
from outlet_node.ballots import to_ballot, to_word

KNOWN = frozenset('abc')
WORD = Message(Kind.HEARTBEAT, 'b', '', 2**60, 2**30, 2**40, True, 'b', Committee(('b', 'a', 'c'), 5, 2, 3), 7, False)


def test_the_numbers_of_the_kinds_are_those_of_the_wire():
    assert {f'KIND_{kind.name}': int(kind) for kind in Kind} == {
        name: getattr(Ballot, name) for name in dir(Ballot) if name.startswith('KIND_')}


@pytest.mark.parametrize('kind', [kind for kind in Kind if kind])
@pytest.mark.parametrize('changes', [{}, {'receiver': 'a', 'granted': False, 'leader': '', 'remembers': True}])
def test_all_of_a_word_survives(kind, changes):
    word = WORD._replace(kind=kind, **changes)
    assert to_word(to_ballot(word, Time(), Seal(b'', 5.0)), 'a', KNOWN) == word


@pytest.mark.parametrize('fields, words', [
    ({'kind': 0}, 'kind is 0'), ({'kind': 10}, 'kind is 10'), ({'sender': ''}, 'no sender'),
    ({'sender': 'a'}, 'same name'), ({'term': 2**31 + 1}, 'term is'), ({'committee_term': 2**32 - 1}, 'term is'),
    ({'mode': 9}, 'mode is 9'), ({'committee': []}, 'committee of 0'), ({'committee': ['b', 'b']}, 'twice'),
    ({'committee': ['b', '']}, 'none'), ({'committee': ['x', 'y', 'z']}, 'of another zone')])
def test_what_cannot_be_a_word_is_refused_and_named(fields, words):
    ballot = to_ballot(WORD, Time(), Seal(b'', 5.0))
    for name, value in fields.items():
        setattr(ballot, name, value)
    with pytest.raises(ValueError, match=words):
        to_word(ballot, 'a', KNOWN)
