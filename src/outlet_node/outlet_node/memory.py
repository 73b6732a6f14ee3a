"""What a member of the election must not forget: term, vote and committee, on the disk before it speaks."""

from hearthgrid_core.island import Committee, Durable
from outlet_node.keep import Keeper

PART = 'ballot'


class Memory:
    """The member's memory in `<state_dir>/<member>.ballot.json`.

    durable : what was kept, None = nothing that may be trusted.     term, epoch : reached at least, also when the rest
    is lost.     incarnation : of this start, greater than at any start that is remembered.     trouble : what went
    wrong at the start, '' = nothing.
    """

    def __init__(self, folder: str, member: str, members: tuple[str, ...], clock: int) -> None:
        """members : as commissioned.     clock : [ns since the epoch]"""
        self._keeper, self._members = Keeper(folder, member), members
        self.durable: Durable | None = None
        self.term = self.epoch = 0
        self.incarnation = clock
        kept, self.trouble = self._keeper.load(PART)
        if kept is not None:
            try:
                self._restore(kept)
            except (KeyError, TypeError, ValueError) as error:
                self.durable = None
                self.trouble = self._keeper.set_aside(PART, repr(error))

    def _restore(self, kept: dict) -> None:
        committee = Committee(tuple(str(m) for m in kept['members']), int(kept['committee_term']),
                              int(kept['version']), int(kept['epoch']))
        self.term, self.epoch = int(kept['term']), committee.epoch
        self.incarnation = max(self.incarnation, int(kept['incarnation']) + 1)
        if len(set(committee.members) & set(self._members)) < committee.quorum:
            self.trouble = 'the committee is commissioned anew'  # too few are left to be changed one at a time
            return
        self.durable = Durable(self.term, str(kept['voted']), committee)

    def save(self, durable: Durable) -> tuple[bool, str]:
        """Write it down for good; return whether the member may go on, and what went wrong ('' = nothing).

        It may when it is kept, and when surely nothing is: a restart then knows that it forgot, which is as safe.
        """
        committee = durable.committee
        trouble = self._keeper.save(PART, {
            'term': durable.term, 'voted': durable.voted, 'members': list(committee.members),
            'committee_term': committee.term, 'version': committee.version, 'epoch': committee.epoch,
            'incarnation': self.incarnation}, durable=True)
        return not trouble or self._keeper.drop(PART), trouble
