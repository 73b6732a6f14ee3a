"""outage → election → confirmation → join → shed → regulate, as timelines."""

import pytest

from hearthgrid_core.island.sequence import Sequence, SequenceSettings, Sight
from hearthgrid_core.island.watch import Mode

NEVER = -1e9


def sight(outage=True, leads=False, authority=False, heard=NEVER, mode=0, **more):
    return Sight(outage, leads, authority, heard, mode, **more)


def follow(*rows):
    """Step 10 ms at a time through (times, sight); return the modes entered."""
    one, now, entered = Sequence(SequenceSettings(), 0.0), 0.0, []
    for times, what in rows:
        for _ in range(times):
            now += 0.01
            mode = one.step(now, what)
            if mode is not None:
                entered.append(mode.name)
    return entered


@pytest.mark.parametrize(
    'rows, modes',
    [
        ([(9, sight(outage=False))], []),
        ([(9, sight())], ['OUTAGE', 'ELECTION']),
        ([(9, sight(leads=True))], ['OUTAGE', 'ELECTION', 'CONFIRMATION']),
        ([(99, sight(leads=True, authority=True))], ['OUTAGE', 'ELECTION', 'CONFIRMATION', 'JOIN', 'SHED', 'REGULATE']),
        (
            [(9, sight(leads=True, authority=True, complete=True, shed=True))],
            ['OUTAGE', 'ELECTION', 'CONFIRMATION', 'JOIN', 'SHED', 'REGULATE'],
        ),
        (
            [(4, sight(leads=True, authority=True)), (2, sight())],  # the leader is lost
            ['OUTAGE', 'ELECTION', 'CONFIRMATION', 'JOIN', 'ELECTION'],
        ),
        ([(9, sight(heard=0.0, mode=Mode.SHED))], ['OUTAGE', 'ELECTION', 'CONFIRMATION', 'JOIN', 'SHED']),
        (
            [(9, sight(heard=0.0, mode=Mode.REGULATE)), (9, sight(heard=0.0, mode=Mode.JOIN))],
            ['OUTAGE', 'ELECTION', 'CONFIRMATION', 'JOIN', 'SHED', 'REGULATE', 'JOIN'],
        ),
        ([(9, sight(heard=0.0, mode=Mode.GRID))], ['OUTAGE', 'ELECTION', 'CONFIRMATION']),
        (
            [
                (9, sight(leads=True, authority=True, complete=True, shed=True)),
                (2, sight(leads=True, authority=True, in_step=True)),
                (2, sight(leads=True, authority=True)),
                (1, sight(outage=False, closed=True)),
            ],
            ['OUTAGE', 'ELECTION', 'CONFIRMATION', 'JOIN', 'SHED', 'REGULATE', 'SYNCHRONISE', 'REGULATE', 'GRID'],
        ),
    ],
)
def test_the_modes_entered(rows, modes):
    assert follow(*rows) == modes


def test_steps_wait_no_longer_than_they_may():
    one = Sequence(SequenceSettings(join_time=0.2, shed_time=0.5), 0.0)
    at = {}
    for k in range(1, 200):
        mode = one.step(k * 0.01, sight(leads=True, authority=True))
        if mode is not None:
            at[mode] = k * 0.01
    assert at[Mode.SHED] - at[Mode.JOIN] == pytest.approx(0.2, abs=0.011)
    assert at[Mode.REGULATE] - at[Mode.SHED] == pytest.approx(0.5, abs=0.011)
