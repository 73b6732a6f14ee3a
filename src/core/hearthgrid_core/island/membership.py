"""Who votes: a committee of one zone, changed one member at a time.

Rules of logless reconfiguration (Schultz, Dardik, Tripakis: MongoRaftReconfig, OPODIS 2021, doi 10.4230/
LIPIcs.OPODIS.2021.26): a committee is ordered by (term, version); it is in force for a member once stored; it is
*committed* once a majority of its own members have stored it in the leader's own term, and only then may the next,
differing by one member, be made. Two committees that can both be in force then share a voter in any two majorities.
"""

from dataclasses import dataclass, field, replace

SIZE_MAX = 7


@dataclass(frozen=True, slots=True)
class Committee:
    """members : voters by rank, the first is the most wanted leader.     version : changes since commissioning.
    term : of the leader that made or last confirmed it.     epoch : of the zone; rises when its switches move."""

    members: tuple[str, ...]
    term: int = 0
    version: int = 0
    epoch: int = 0
    order: tuple[int, int] = field(init=False, repr=False, compare=False)  # what is newer compares greater
    quorum: int = field(init=False, repr=False, compare=False)  # smallest majority

    def __post_init__(self) -> None:
        object.__setattr__(self, 'order', (self.term, self.version))  # asked for at every word, made once a leader
        object.__setattr__(self, 'quorum', len(self.members) // 2 + 1)
        if not 1 <= len(self.members) <= SIZE_MAX:
            raise ValueError(f'a committee of {len(self.members)}: it has 1 to {SIZE_MAX} members')
        if len(set(self.members)) != len(self.members) or '' in self.members:
            raise ValueError(f'committee {self.members} names a member twice, or none')

    def confirmed(self, term: int) -> 'Committee':
        """Return the same members under a new leader's term."""
        return replace(self, term=term)

    def changed(self, add: str = '', remove: str = '', epoch: int | None = None) -> 'Committee':
        """Return the next committee: one member more, or one less, or another epoch; ValueError for anything else."""
        if (add != '') + (remove != '') + (epoch is not None) != 1:
            raise ValueError('one change at a time: add one, remove one, or raise the epoch')
        if remove and remove not in self.members:
            raise ValueError(f'{remove!r} is not in the committee')
        if epoch is not None and epoch <= self.epoch:
            raise ValueError(f'epoch {epoch} is not above {self.epoch}')
        members = tuple(m for m in self.members if m != remove) + ((add,) if add else ())
        return Committee(members, self.term, self.version + 1, self.epoch if epoch is None else epoch)
