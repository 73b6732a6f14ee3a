"""Ballots to words of the election and back. What cannot be one is refused with the reason."""

from hearthgrid_core.island import Committee, Kind, Message, Mode
from hearthgrid_msgs import msg

TERM_MAX = 2**31  # far beyond any election; keeps a forged term from using them up


def to_word(ballot: msg.Ballot, me: str, known: frozenset[str]) -> Message:
    """Return the word of the election a ballot carries.

    known : the committee in force and the commissioned one; a ballot of a zone that shares nobody with them is foreign.
    ValueError with the reason for all that is none.
    """
    if not msg.Ballot.KIND_UNKNOWN < ballot.kind <= msg.Ballot.KIND_PROVISIONAL:
        raise ValueError(f'its kind is {ballot.kind}')
    if ballot.sender in ('', me):
        raise ValueError('another member has the same name' if ballot.sender else 'it names no sender')
    if ballot.term > TERM_MAX or ballot.committee_term > TERM_MAX:
        raise ValueError(f'its term is {max(ballot.term, ballot.committee_term)}')
    if ballot.mode > max(Mode):
        raise ValueError(f'its mode is {ballot.mode}')
    committee = Committee(tuple(ballot.committee), ballot.committee_term, ballot.committee_version, ballot.epoch)
    if not known.intersection(committee.members):
        raise ValueError(f'its committee {", ".join(committee.members)} is of another zone')
    return Message(Kind(ballot.kind), ballot.sender, ballot.receiver, ballot.incarnation, ballot.term, ballot.round,
                   ballot.granted, ballot.leader, committee, ballot.mode, ballot.remembers)


def to_ballot(word: Message, stamp) -> msg.Ballot:
    """Return a word on the wire, unsigned."""
    committee = word.committee
    return msg.Ballot(
        stamp=stamp, kind=word.kind, sender=word.sender, receiver=word.receiver, incarnation=word.incarnation,
        epoch=committee.epoch, term=word.term, round=word.round, granted=word.granted, leader=word.leader,
        committee=list(committee.members), committee_term=committee.term, committee_version=committee.version,
        mode=word.mode, remembers=word.remembers)
