"""Is the grid there? Timelines of voltage and tie against what a member must believe."""
import math

import numpy as np
import pytest

from hearthgrid_core.island import GridWatch, GridWatchSettings, Mode, Supply, Tie, half_cycle_rms

NAN, BLOCK, HALF = math.nan, 0.2, 0.01
CLOSED, OPEN, DEAD_GRID, SILENT = (True, True), (False, True), (True, False), None
SETTINGS = GridWatchSettings(return_time=1.0)


def block(start: float, volts: float | list[float], frequency: float = 50.0) -> Supply:
    """One block of 20 half cycles; a list is stretched over it."""
    rms = np.repeat(np.atleast_1d(np.asarray(volts, dtype=float)), 20 // len(np.atleast_1d(volts)))
    return Supply(start, rms, frequency, 50.0)


def follow(timeline, watch: GridWatch | None = None):
    """Step through (blocks, volts, frequency, tie) and return what was believed at the end of each row."""
    watch, now, believed = watch or GridWatch(SETTINGS), 0.0, []
    for blocks, volts, frequency, tie in timeline:
        for _ in range(blocks):
            supply = None if volts is None else block(now, volts, frequency)
            now += BLOCK
            standing = watch.step(now, supply, None if tie is None else Tie(now, *tie))
        believed.append(standing)
    return believed


@pytest.mark.parametrize('timeline, modes', [
    ([(1, 230, 50, SILENT)], [Mode.GRID]),
    ([(1, 230, 50, CLOSED)], [Mode.GRID]),
    ([(1, 0, NAN, CLOSED)], [Mode.OUTAGE]),                                # local evidence is enough
    ([(1, 230, 50, OPEN)], [Mode.REGULATE]),                               # started in an island
    ([(3, 230, 50, CLOSED), (1, 0, NAN, DEAD_GRID), (1, 0, NAN, OPEN), (5, 229, 49.9, OPEN), (4, 230, 50, CLOSED),
      (3, 230, 50, CLOSED)],
     [Mode.GRID, Mode.OUTAGE, Mode.OUTAGE, Mode.REGULATE, Mode.REGULATE, Mode.GRID]),
    # the tie opens before the voltage is seen to fall: an island without a gap
    ([(3, 230, 50, CLOSED), (1, 230, 50, OPEN), (1, 230, 50, OPEN)], [Mode.GRID, Mode.GRID, Mode.REGULATE]),
    # it opens for one dip only
    ([(3, 230, 50, CLOSED), (1, [230, 90, 230, 230], 50, OPEN), (3, 230, 50, CLOSED)], [Mode.GRID] * 3),
    # the grid comes back and goes again within the waiting time, and again is waited for
    ([(1, 230, 50, CLOSED), (1, 0, NAN, CLOSED), (4, 230, 50, CLOSED), (1, 0, NAN, CLOSED), (5, 230, 50, CLOSED),
      (1, 230, 50, CLOSED)],
     [Mode.GRID, Mode.OUTAGE, Mode.OUTAGE, Mode.OUTAGE, Mode.OUTAGE, Mode.GRID]),
    # it comes back with a dip, and the waiting begins anew
    ([(1, 0, NAN, CLOSED), (4, 230, 50, CLOSED), (1, 205, 50, CLOSED), (5, 230, 50, CLOSED), (1, 230, 50, CLOSED)],
     [Mode.OUTAGE] * 4 + [Mode.GRID]),
    # it comes back too low, too high, too fast
    ([(1, 0, NAN, CLOSED), (9, 205, 50, CLOSED), (9, 254, 50, CLOSED), (9, 230, 50.6, CLOSED), (6, 230, 50.4, CLOSED)],
     [Mode.OUTAGE] * 4 + [Mode.GRID]),
    # no samples: the last word of the tie, else nothing is known
    ([(1, None, NAN, SILENT)], [Mode.UNKNOWN]),
    ([(1, None, NAN, CLOSED)], [Mode.GRID]),
    ([(1, None, NAN, OPEN)], [Mode.OUTAGE]),
    ([(1, None, NAN, DEAD_GRID)], [Mode.OUTAGE]),
    ([(1, None, NAN, (None, None))], [Mode.UNKNOWN]),
    ([(1, 230, 50, SILENT), (10, None, NAN, SILENT), (1, None, NAN, SILENT)], [Mode.GRID, Mode.GRID, Mode.UNKNOWN]),
])
def test_where_the_home_stands(timeline, modes):
    assert [standing.mode for standing in follow(timeline)] == modes


@pytest.mark.parametrize('half_cycles, volts, outage', [
    (2, 0.0, False),          # 20 ms without voltage: equipment rides through (ITI curve)
    (3, 0.0, True),
    (3, 24.0, False),         # a dip, not an interruption
    (105, 114.0, False),      # 1.05 s under 50 %: ridden through (IEEE 1547-2018, category III)
    (106, 114.0, True),
    (1050, 160.0, False),     # 10.5 s under 70 %
    (1051, 160.0, True),
    (200, 185.0, False),      # 80.4 %: a brownout
    (2101, 185.0, True),      # of more than 21 s
])
def test_how_long_a_sag_may_last(half_cycles, volts, outage):
    rms = np.full(20 * math.ceil((half_cycles + 17) / 20), 230.0)
    rms[-half_cycles:] = volts
    watch = GridWatch(SETTINGS)
    watch.step(0.0, block(-BLOCK, 230.0), Tie(0.0, *CLOSED))
    for number in range(0, len(rms), 20):
        standing = watch.step((number + 20) * HALF, Supply(number * HALF, rms[number:number + 20], 50.0, 50.0), None)
    assert (standing.mode is Mode.OUTAGE) == outage


def test_a_dip_that_is_over_within_the_block_is_no_outage():
    standing, = follow([(1, [230, 0, 0, 230], 50, CLOSED)])
    assert standing.mode is Mode.GRID


@pytest.mark.parametrize('frequency, mode', [
    (47.2, Mode.GRID), (46.9, Mode.OUTAGE), (51.6, Mode.GRID), (51.8, Mode.OUTAGE)])
def test_a_frequency_no_grid_keeps_is_an_outage(frequency, mode):
    assert follow([(1, 230, frequency, CLOSED)])[-1].mode is mode


def test_evidence_epoch_and_stamp_are_those_of_the_moment():
    grid, out, still, island, again, second = follow([
        (1, 231, 50, CLOSED), (1, 3, NAN, DEAD_GRID), (5, 0, NAN, OPEN), (1, 229, 49.9, OPEN), (7, 230, 50, CLOSED),
        (1, 0, NAN, CLOSED)])
    assert (grid.epoch, grid.evidence) == (0, '231 V, 50.00 Hz')
    assert (out.epoch, out.since) == (1, pytest.approx(0.4))
    assert out.evidence == '3 V, under 23 V for 200 ms; the tie sees no grid'
    assert (still.mode, still.since, still.epoch, still.evidence) == (Mode.OUTAGE, out.since, 1, out.evidence)
    assert still.voltage == 0.0 and math.isnan(still.frequency)
    assert (island.epoch, island.evidence) == (1, 'the tie is open and 229 V are here: the home feeds itself')
    assert (again.epoch, again.mode, again.voltage, again.frequency) == (1, Mode.GRID, 230.0, 50.0)
    assert (second.epoch, second.evidence) == (
        2, '0 V, under 23 V for 200 ms; the tie sees the grid: perhaps only this branch')


def test_a_blind_member_does_not_believe_an_old_word_of_the_tie():
    watch = GridWatch(SETTINGS)
    assert watch.step(0.0, None, Tie(0.0, *CLOSED)).mode is Mode.GRID
    assert watch.step(11.0, None, Tie(0.0, *CLOSED)).mode is Mode.UNKNOWN


@pytest.mark.parametrize('rate, nominal', [(6400.0, 50.0), (7680.0, 60.0), (7680.0, 50.0), (10_000.0, 60.0)])
def test_half_cycle_rms_against_its_definition(rate, nominal):
    time = np.arange(int(rate * 0.2)) / rate
    voltage = 325.0 * np.sin(2 * np.pi * nominal * time + 0.3) * np.where(time < 0.1, 1.0, 0.5)
    rms, length = half_cycle_rms(voltage, rate, nominal), rate / nominal / 2
    edges = [round(k * length) for k in range(len(rms) + 1)]
    assert rms == pytest.approx([math.sqrt(np.mean(voltage[a:b] ** 2)) for a, b in zip(edges, edges[1:], strict=False)])
    assert len(rms) == round(0.2 * 2 * nominal)
    assert rms[0] == pytest.approx(325.0 / math.sqrt(2), rel=0.02)
    assert rms[-1] == pytest.approx(162.5 / math.sqrt(2), rel=0.02)


def test_less_than_a_half_cycle_is_an_error():
    with pytest.raises(ValueError, match='10 samples hold no half cycle'):
        half_cycle_rms(np.zeros(10), 6400.0, 50.0)
