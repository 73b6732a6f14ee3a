"""Elections without one safety rule, for the proofs that see whether they are caught."""

import pytest

from hearthgrid_core.island.ballot import Durable, Persist
from hearthgrid_core.island.election import Election


class VoteNotPersisted(Election):
    def _persist(self):
        number = super()._persist()
        kept = self._out[-1].durable
        self._out[-1] = Persist(Durable(kept.term, '', kept.committee), number)
        return number


class ReplyBeforePersisted(Election):
    def _after(self, number, kind, receiver, *rest):
        super()._after(number, kind, receiver, *rest)
        if receiver != self.me:
            self._out.append(self._waiting.pop()[1])


class NoVoteOnce(Election):
    def _free_for(self, candidate):
        return True


@pytest.fixture(scope='session')
def mutants():
    """Return the mutants that more than one proof is shown, by name."""
    return {mutant.__name__: mutant for mutant in (VoteNotPersisted, ReplyBeforePersisted, NoVoteOnce)}
