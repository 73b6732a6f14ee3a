"""What enters and leaves an election: messages, other events, actions, and what is kept in flash."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from .membership import Committee


class Kind(IntEnum):
    """Of a message; 1 … 6 are the numbers of `Ballot.KIND_…`."""

    UNKNOWN = 0
    PRE_VOTE = 1
    PRE_VOTE_REPLY = 2
    VOTE = 3
    VOTE_REPLY = 4
    HEARTBEAT = 5
    HEARTBEAT_REPLY = 6
    RECALL = 7  # I have lost my memory: which term is it?
    RECALL_REPLY = 8
    PROVISIONAL = 9  # no majority answers; I may only reduce


# Looked up as `Kind.VOTE` each costs seven times as much (Python 3.11), millions of times in a proof.
(UNKNOWN, PRE_VOTE, PRE_VOTE_REPLY, VOTE, VOTE_REPLY, HEARTBEAT, HEARTBEAT_REPLY, RECALL, RECALL_REPLY,
 PROVISIONAL) = Kind


class Message(NamedTuple):
    """A word of the election. A tuple, because a simulated schedule makes thousands of them.

    receiver : '' = all.     incarnation : of the sender's memory, rises at every start.
    term : the sender's; in PRE_VOTE and its reply the one asked for.     round : of the request, echoed in its reply.
    granted : in replies; in a question to one member: the others are to pass it on.
    leader : in HEARTBEAT; another than the sender's = told on, which promises nothing. In a reply: who asked, if it
    is to be passed on.
    committee : in force at the sender.     mode : of the leader's sequence (`Mode`), in HEARTBEAT and PROVISIONAL.
    remembers : whether the sender has its memory, in RECALL_REPLY.
    """

    kind: Kind
    sender: str
    receiver: str
    incarnation: int
    term: int
    round: int
    granted: bool
    leader: str
    committee: Committee
    mode: int = 0
    remembers: bool = True


@dataclass(frozen=True, slots=True)
class Durable:
    """What must survive a loss of power. term : highest seen.     voted : for whom in it, '' = nobody."""

    term: int
    voted: str
    committee: Committee


@dataclass(frozen=True, slots=True)
class Persist:
    """Action: write `durable`, make sure it is on the medium, then say `Persisted(number)`. In order of numbers."""

    durable: Durable
    number: int


@dataclass(frozen=True, slots=True)
class Persisted:
    """Event: everything up to this number is safe."""

    number: int


@dataclass(frozen=True, slots=True)
class Change:
    """Event, to a leader: change the committee by one step (`Committee.changed`)."""

    add: str = ''
    remove: str = ''
    epoch: int | None = None


@dataclass(frozen=True, slots=True)
class BusSeen:
    """Event, every few milliseconds in a committee of two without words from the other: the bus is the witness.

    own : this member's inverter, alone, has formed the bus.     dead_for : how long it was dead before that [s].
    """

    own: bool
    dead_for: float


@dataclass(frozen=True, slots=True)
class Fence:
    """What an actuator compares: a later zone or a later leader is greater. `full` = a majority stands behind it."""

    epoch: int
    term: int
    full: bool


Event = Message | Persisted | Change | BusSeen
Action = Message | Persist
