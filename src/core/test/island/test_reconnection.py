"""The way back to the utility: when it may begin, what it asks of the island, and when it orders the tie to close."""
import math
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.island.reconnection import Reconnection, ReconnectionSettings, Side, Stage, apart
from hearthgrid_core.sim.resynchronise import Machines, run

S = ReconnectionSettings()
QUICK = replace(S, enter_time=1.0)
GRID = Side(1.0, 50.0, 0.0)


def walk(settings, looks, utility=lambda now: GRID, island=lambda now: GRID, open_=lambda now: True):
    way = Reconnection(settings)
    return [way.step(k * 0.02, utility(k * 0.02), island(k * 0.02), open_(k * 0.02)) for k in range(looks)]


@pytest.mark.parametrize('utility, may', [
    (Side(0.918, 50.0, 0.0), True), (Side(0.916, 50.0, 0.0), False), (Side(1.05, 50.0, 0.0), True),
    (Side(1.051, 50.0, 0.0), False), (Side(1.0, 50.0 * 59.5 / 60, 0.0), True), (Side(1.0, 49.57, 0.0), False),
    (Side(1.0, 50.08, 0.0), True), (Side(1.0, 50.09, 0.0), False), (Side(0.0, math.nan, math.nan), False),
    (Side(1.0, math.nan, 0.0), False), (Side(math.nan, 50.0, 0.0), False), (Side(1.0, 50.0, math.nan), False)])
def test_which_utility_may_be_entered(utility, may):
    assert (Reconnection(S).step(0.0, utility, GRID).stage is Stage.WAITING) is may


def test_it_waits_the_whole_time_without_a_break():
    # well | 299 | break | 300 well | go
    way = Reconnection(S)
    for now in range(300):
        assert way.step(float(now), GRID, GRID).stage is Stage.WAITING
    assert way.step(299.5, Side(0.9, 50.0, 0.0), GRID).stage is Stage.AWAY
    for now in range(300, 600):
        assert way.step(float(now), GRID, GRID).stage is Stage.WAITING
    assert way.step(600.0, GRID, GRID).stage is Stage.SYNCHRONISING


def test_it_closes_after_looks_inside_and_not_before():
    aims = walk(QUICK, 60)
    first = next(k for k, aim in enumerate(aims) if aim.close)
    assert first == 50 + S.looks - 1
    assert not any(aim.close for aim in walk(QUICK, 60, island=lambda now: Side(1.0, 50.0, math.pi)))


@pytest.mark.parametrize('island, closes', [
    (Side(1.0, 50.0, 0.0), True),
    (Side(1.0, 50.0, 2 * math.pi - 0.05), True),
    (Side(1.0, 50.0, math.radians(7)), False),      # inside 10°, outside the guarded share
    (Side(1.0, 50.0, math.radians(-5)), True),
    (Side(1.019, 50.0, 0.0), False), (Side(0.99, 50.0, 0.0), True),
    (Side(1.0, 50.07, 0.0), False), (Side(1.0, 50.05, 0.0), True),
    (Side(1.0, 50.05, math.radians(5.9)), False),   # it would have left the window by the time the contacts meet
    (Side(0.0, 50.0, 0.0), False), (Side(math.nan, 50.0, 0.0), False), (Side(1.0, 50.0, math.nan), False),
])
def test_the_window(island, closes):
    assert any(aim.close for aim in walk(QUICK, 70, island=lambda now: island)) is closes


def test_no_order_while_the_tie_is_not_seen_open():
    assert not any(aim.close for aim in walk(QUICK, 70, open_=lambda now: False))


@pytest.mark.parametrize('angle, turn', [(0.0, 0.0), (0.2, -0.1), (-0.2, 0.1), (3.0, -0.2), (-3.0, 0.2)])
def test_the_island_turns_towards_the_utility(angle, turn):
    aims = walk(QUICK, 52, utility=lambda now: Side(0.97, 49.9, 0.0), island=lambda now: Side(1.0, 50.0, angle))
    assert aims[10].stage is Stage.WAITING and math.isnan(aims[10].frequency) and math.isnan(aims[10].voltage)
    assert aims[-1].frequency == pytest.approx(49.9 + turn) and aims[-1].voltage == 0.97


def test_angles_are_taken_the_short_way():
    assert apart(Side(1.0, 50.0, 3.1), Side(1.0, 50.1, -3.1)) == pytest.approx((0.1, 0.0, 2 * math.pi - 6.2))


def test_the_arrays_do_what_the_machines_do():
    fast, plain = (run(QUICK, 40, np.random.default_rng(3), 5.0, **kind) for kind in ({}, {'rules': Machines}))
    assert np.isfinite(fast.closed).mean() > 0.6
    for field in ('closed', 'bad', 'wished', 'lowest'):
        np.testing.assert_array_equal(getattr(fast, field), getattr(plain, field))


def test_restless_utilities_are_entered_inside_the_window_only():
    ends = run(QUICK, 3000, np.random.default_rng(4), 6.0)
    assert not ends.bad.any() and np.isfinite(ends.closed).mean() > 0.8
    assert ends.lowest.min() > 0.88, 'no load is interrupted on the way'
    assert ends.wished.any(), 'leaps within the contactor delay are what the interlock is for'


def test_a_careless_window_is_found_out():
    careless = replace(QUICK, guard=1.0, looks=1, delay=0.0)
    strict, loose = (run(s, 3000, np.random.default_rng(5), 6.0).wished.sum() for s in (QUICK, careless))
    assert loose > 2 * strict
