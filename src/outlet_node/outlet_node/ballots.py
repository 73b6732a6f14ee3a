"""Ballots and shares to words and back. What cannot be one is refused with the reason."""

from hearthgrid_core.island import Committee, Kind, Message, Mode, Share
from hearthgrid_core.island.signed import Seal, pack_ballot, pack_share
from hearthgrid_msgs import msg
from hearthgrid_ros.time import NANOSECONDS

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


def refuse(seal: Seal, now: float, stamp, packed, word, mac) -> str:
    """Return why a word is not heard at `now` [s], '' = it is. packed : `pack_ballot` or `pack_share`."""
    if not seal.ring.required:
        return ''
    at = _nanoseconds(stamp)
    return seal.refuse(now, at / NANOSECONDS, packed(at, word), bytes(mac))


def to_ballot(word: Message, stamp, seal: Seal) -> msg.Ballot:
    """Return a word on the wire, signed where there is a key."""
    committee = word.committee
    return msg.Ballot(
        stamp=stamp, kind=word.kind, sender=word.sender, receiver=word.receiver, incarnation=word.incarnation,
        epoch=committee.epoch, term=word.term, round=word.round, granted=word.granted, leader=word.leader,
        committee=list(committee.members), committee_term=committee.term, committee_version=committee.version,
        mode=word.mode, remembers=word.remembers, mac=_code(seal, stamp, pack_ballot, word))


def to_share(word: Share, stamp, seal: Seal) -> msg.Share:
    """Return a word of secondary control on the wire, signed where there is a key."""
    return msg.Share(
        stamp=stamp, inverter=word.sender, number=word.number, frequency=word.frequency, active=word.active,
        reactive=word.reactive, voltage=word.voltage, limited=word.limited,
        mac=_code(seal, stamp, pack_share, word))


def from_share(share: msg.Share) -> Share:
    """Return the word a share carries, with nothing checked."""
    return Share(share.inverter, share.number, share.frequency, share.active, share.reactive, share.voltage,
                 share.limited)


def _code(seal: Seal, stamp, pack, word) -> list[int]:
    if not seal.ring.keys:
        return []
    at = _nanoseconds(stamp)
    return list(seal.sign(pack(at, word), at / NANOSECONDS))


def _nanoseconds(stamp) -> int:
    return stamp.sec * NANOSECONDS + stamp.nanosec
