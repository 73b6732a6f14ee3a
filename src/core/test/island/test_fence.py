"""Which command an actuator obeys."""

import math

import pytest

from hearthgrid_core.island.ballot import Fence
from hearthgrid_core.island.fence import Command, Gate

SAFE = 1000.0


def command(sender, term, full, watts, expiry=1.0, epoch=0):
    return Command(sender, Fence(epoch, term, full), expiry, watts)


@pytest.mark.parametrize(
    'commands, obeyed, cap',
    [
        ([], [], SAFE),
        ([command('a', 1, True, 2000)], [True], 2000),  # a majority may restore
        ([command('a', 2, True, 0), command('b', 1, True, 2000)], [True, False], 0),  # an old leader may not
        ([command('a', 9, True, 0), command('b', 1, True, 500, epoch=1)], [True, True], 500),
        ([command('a', 1, False, 2000)], [False], SAFE),  # provisional: never more
        ([command('a', 1, False, 500), command('b', 7, False, 300)], [True, True], 300),  # two compose
        ([command('b', 7, False, 300), command('a', 1, False, 500)], [True, False], 300),
        ([command('a', 5, True, 2000), command('b', 1, False, 300)], [True, True], 300),  # of any term, if it reduces
        ([command('b', 9, False, 300), command('a', 1, True, 2000)], [True, True], 2000),
        ([command('a', 1, True, 0, expiry=0.0)], [False], SAFE),
        ([command('a', 1, True, 0, expiry=99.0)], [False], SAFE),
        ([command('a', 1, True, math.nan)], [False], SAFE),
        ([command('a', 1, True, -1.0)], [False], SAFE),
    ],
)
def test_what_holds_after_commands(commands, obeyed, cap):
    gate = Gate(SAFE, 10.0)
    assert [gate.obey(0.5, c) for c in commands] == obeyed
    assert gate.cap(0.5) == cap
    assert gate.cap(1.0) == SAFE  # all expire


def test_a_safe_cap_that_cannot_be():
    with pytest.raises(ValueError):
        Gate(math.nan, 1.0)
