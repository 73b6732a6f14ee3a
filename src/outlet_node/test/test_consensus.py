"""The member's view: told when it changes, with evidence, whatever rubbish comes in between."""
import math

import pytest

from hearthgrid_msgs import msg
from hearthgrid_ros.health import OK, STALE

Mode, Breaker = msg.IslandMode, msg.Breaker


def tie(home, state: int, alive: bool) -> None:
    home.tie.publish(Breaker(stamp=home.node.get_clock().now().to_msg(), state=state, grid_alive=alive))
    home.until(lambda: home.node._tie is not None and home.node._tie.closed is (state == Breaker.STATE_CLOSED)
               and home.node._tie.grid_alive is alive)


def heard(home, mode: int) -> Mode:
    home.until(lambda: home.last('island') is not None and home.last('island').mode == mode)
    return home.last('island')


def test_grid_outage_island_and_grid_again(member):
    home = member(return_time=1.0)
    home.feed(1)
    grid = heard(home, Mode.MODE_GRID)
    assert (grid.member, grid.epoch, grid.term, grid.leader, len(grid.members)) == ('kettle', 0, 0, '', 0)
    assert grid.voltage == pytest.approx(230.0, rel=1e-3) and grid.frequency == pytest.approx(50.0, abs=1e-2)
    tie(home, Breaker.STATE_CLOSED, True)
    home.feed(3)
    home.feed(1, voltage=0.0)
    outage = heard(home, Mode.MODE_OUTAGE)
    assert (outage.epoch, outage.voltage) == (1, 0.0) and math.isnan(outage.frequency)
    assert outage.evidence == '0 V, under 161 V for 200 ms; the tie sees the grid: perhaps only this branch'
    tie(home, Breaker.STATE_OPEN, False)
    home.feed(2, frequency=49.8)
    assert heard(home, Mode.MODE_REGULATE).evidence == 'the tie is open and 230 V are here: the home feeds itself'
    tie(home, Breaker.STATE_CLOSED, True)
    home.feed(5)
    assert home.last('island').mode == Mode.MODE_REGULATE   # a second must pass
    home.feed(2)
    assert heard(home, Mode.MODE_GRID).epoch == 1
    assert [m.mode for m in home.heard['island'] if m.mode] == [Mode.MODE_GRID, Mode.MODE_OUTAGE, Mode.MODE_REGULATE,
                                                                Mode.MODE_GRID]


def test_silence_is_not_knowing(member):
    home = member()
    home.feed(1)
    heard(home, Mode.MODE_GRID)
    assert home.node.health.level() == OK
    home.time += 3.0
    assert heard(home, Mode.MODE_UNKNOWN).evidence == 'no samples for 3 s, and no word of the tie'
    assert home.node.health.level() == STALE


@pytest.mark.parametrize('fields', [
    {'outlet': 'lamp'}, {'voltage_scale': math.nan}, {'sampling_rate': 0.0}, {'nominal_frequency': math.nan},
    {'voltage': []}, {'voltage': [1, 2, 3]}])
def test_garbage_is_dropped(member, fields):
    home = member()
    message = home.converter.block(voltage=0.0)    # taken for true, it would be an outage
    for name, value in fields.items():
        setattr(message, name, value)
    home.give(message)
    home.feed(1)
    heard(home, Mode.MODE_GRID)
    assert [m.mode for m in home.heard['island'] if m.mode] == [Mode.MODE_GRID]
