"""Every order of a short election: three voters, two of them candidates in the same term, crashes, clocks that agree on
nothing. Messages are delivered in any order or never; a write is finished at any time or lost by a crash. Refusals are
left out: within one term they only change who is asked again."""

import copy
from random import Random

import pytest

from hearthgrid_core.island.ballot import Durable, Kind, Persist, Persisted
from hearthgrid_core.island.election import Election, ElectionSettings, Role
from hearthgrid_core.island.membership import Committee
from hearthgrid_core.island.voter import Voter

NAMES = ('a', 'b', 'c')
LATE = 10.0  # later than any promise of the start [s]
SETTINGS = ElectionSettings()


class Fixed(Random):
    """A die that always shows the same, so that states can be compared."""

    def random(self):
        return 0.5


RNG = Fixed(1)


class World:
    """Three machines, their flash, and the messages under way."""

    def __init__(self, machine, crashers):
        self.machine, self.crashers = machine, frozenset(crashers)
        self.disks = [Durable(0, '', Committee(NAMES))] * 3
        self.clocks, self.lives = [LATE] * 3, [1] * 3
        self.wire, self.led = (), frozenset()
        self.writes = [(), (), ()]
        self.nodes = [
            machine(SETTINGS, name, RNG, 0.0, 1, disk, NAMES) for name, disk in zip(NAMES, self.disks, strict=True)
        ]

    def copy(self):
        other = copy.copy(self)
        for name in ('disks', 'clocks', 'lives', 'writes', 'nodes'):
            setattr(other, name, list(getattr(self, name)))
        return other

    def own(self, k):
        """Return node k, to be changed in this world only."""
        node = copy.copy(self.nodes[k])
        for name in Voter.__slots__:
            value = getattr(node, name)
            if isinstance(value, (list, dict, set)):
                setattr(node, name, value.copy())
        self.nodes[k] = node
        return node

    def do(self, k, actions):
        for action in actions:
            if isinstance(action, Persist):
                self.writes[k] += (action,)
            elif action.kind is Kind.VOTE or action.kind is Kind.VOTE_REPLY and action.granted:
                to = (action.receiver,) if action.receiver else (n for n in NAMES if n != action.sender)
                self.wire += tuple(action._replace(receiver=name) for name in to)
        if self.nodes[k].role is Role.LEADER:
            self.led |= {(self.nodes[k].term, k)}

    def moves(self):
        for index in range(len(self.wire)):
            yield 'deliver', index
        for k in range(3):
            if self.writes[k]:
                yield 'store', k
        for k in self.crashers:
            for kept in range(len(self.writes[k]) + 1):
                yield 'crash', (k, kept)

    def after(self, move, what):
        new = self.copy()
        if move == 'deliver':
            message = self.wire[what]
            new.wire = self.wire[:what] + self.wire[what + 1 :]
            k = NAMES.index(message.receiver)
            new.do(k, new.own(k).step(new.clocks[k], message))
        elif move == 'store':
            write, *rest = self.writes[what]
            new.writes[what], new.disks[what] = tuple(rest), write.durable
            new.do(what, new.own(what).step(new.clocks[what], Persisted(write.number)))
        else:
            k, kept = what
            new.crashers = self.crashers - {k}
            if kept:
                new.disks[k] = self.writes[k][kept - 1].durable
            new.writes[k], new.lives[k] = (), self.lives[k] + 1
            new.clocks[k] += LATE
            new.nodes[k] = self.machine(SETTINGS, NAMES[k], RNG, self.clocks[k], new.lives[k], new.disks[k], NAMES)
        return new

    def stand(self, k):
        """Let k be a candidate, as if a majority had granted it a pre-vote."""
        node = self.own(k)
        node._out = []
        node._stand(self.clocks[k])
        self.do(k, node._out)

    def key(self):
        nodes = tuple(
            (
                n.role,
                n.term,
                n.voted,
                n._canvass_round,
                frozenset(n._votes),
                n._written,
                n._asked_to_write,
                tuple(n._waiting),
            )
            for n in self.nodes
        )
        return (nodes, tuple(self.disks), tuple(self.writes), frozenset(self.wire), self.led, self.crashers)


def search(machine, crashers, limit=20_000):
    """Return (two leaders in a term were reached, somebody led, states, all were seen).

    crashers : numbers of the voters that may crash and restart once each, at any moment.
    """
    start = World(machine, crashers)
    for k in (0, 2):
        start.stand(k)
    seen, stack, led = {start.key()}, [start], False
    while stack:
        world = stack.pop()
        for move in world.moves():
            new = world.after(*move)
            led |= bool(new.led)
            if len({term for term, _ in new.led}) < len(new.led):
                return True, led, len(seen), False
            key = new.key()
            if key not in seen:
                seen.add(key)
                stack.append(new)
        if len(seen) > limit:
            return False, led, len(seen), False
    return False, led, len(seen), True


class CandidateAsksBeforePersisted(Election):
    def _stand(self, now):
        super()._stand(now)
        waiting, self._waiting = self._waiting, []
        for _, message in waiting:
            self._votes.add(self.me)
            self._send(Kind.VOTE, '', message.term, message.round)


@pytest.mark.parametrize('crashers', [(), (0,), (1,), (0, 1, 2)])
def test_no_order_of_events_makes_two_leaders_of_a_term(crashers):
    two, led, states, complete = search(Election, crashers)
    assert (two, led, complete) == (False, True, True)
    assert states > 50


@pytest.mark.parametrize(
    'mutant, crashers',
    [
        ('VoteNotPersisted', (1,)),
        ('ReplyBeforePersisted', (1,)),
        ('NoVoteOnce', ()),
        (CandidateAsksBeforePersisted, (0,)),
    ],
)
def test_some_order_does_when_a_rule_is_taken_out(mutant, crashers, mutants):
    assert search(mutants.get(mutant, mutant), crashers)[0]
