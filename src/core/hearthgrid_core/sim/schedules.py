"""Bad days by number: a seed makes a schedule of faults, and the same seed makes it again."""

from random import Random

from hearthgrid_core.island.ballot import Change
from hearthgrid_core.island.election import Election
from hearthgrid_core.island.fence import Gate

from .coordination import Fault, Zone
from .radio import RadioSettings

VOTERS = (3, 3, 3, 5, 5, 7)


def schedule(seed: int, machine: type[Election] = Election, gate: type[Gate] = Gate) -> tuple[Zone, float]:
    """Return the zone of schedule `seed` and how long to run it [s].

    Loss of 0 … 40 %, independent or in bursts; one in four with delays longer than a lease; boots spread over up to
    0.2 s; crashes and restarts with and without memory (never so that nobody remembers), cuts in one and both
    directions, a dead access point, committee changes.
    """
    rng = Random(seed * 2654435761 % 2**61)
    voters = rng.choice(VOTERS)
    spare = rng.random() < 0.4
    until = rng.uniform(0.6, 1.8)
    radio = RadioSettings(
        loss=rng.choice((0.0, 0.1, 0.2, 0.4)),
        burst=rng.choice((0.0, 0.03, 0.1)),
        delay_max=rng.choice((0.015, 0.015, 0.015, 0.2)),
    )
    faults, forgot = [], 0
    for _ in range(rng.randrange(8)):
        at = rng.uniform(0.0, until)
        what = rng.random()
        who = rng.randrange(voters)
        if what < 0.30:
            faults.append(Fault(at, 'restart', who))
        elif what < 0.45 and forgot < voters - 1:
            forgot += 1
            faults.append(Fault(at, 'forget', who))
        elif what < 0.60:
            faults += [Fault(at, 'crash', who), Fault(at + rng.uniform(0.0, 0.4), 'restart', who)]
        elif what < 0.80:
            faults += [Fault(at, 'cut', _cut(rng, voters)), Fault(at + rng.uniform(0.05, 0.5), 'heal')]
        elif what < 0.85:
            faults += [Fault(at, 'silence'), Fault(at + rng.uniform(0.1, 0.6), 'heal')]
        elif spare:
            change = rng.choice((Change(add=f'm{voters}'), Change(remove=f'm{who}'), Change(epoch=1)))
            faults.append(Fault(at, 'change', change))
    zone = Zone(
        rng.getrandbits(60),
        voters,
        observers=int(spare),
        radio=radio,
        boot=rng.choice((0.0, 0.2)),
        faults=tuple(faults),
        machine=machine,
        gate=gate,
    )
    return zone, until


def _cut(rng: Random, voters: int) -> tuple[tuple[int, int], ...]:
    """Return the links that are cut: between two groups, both ways or one, or any single ones."""
    if rng.random() < 0.3:
        return tuple((a, b) for a in range(voters) for b in range(voters) if a != b and rng.random() < 0.4)
    group = {k for k in range(voters) if rng.random() < 0.5}
    pairs = [(a, b) for a in group for b in range(voters) if b not in group]
    return tuple(pairs if rng.random() < 0.4 else pairs + [(b, a) for a, b in pairs])
