"""Dwell times and the switchings of an hour as timelines, and never broken but by protection."""
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.outlet import CapGuard, RelayLimits, RelaySettings

COMPRESSOR = RelaySettings(minimum_on_time=60.0, minimum_off_time=300.0)


YES, NO, FORCED = True, False, True


@pytest.mark.parametrize('timeline', [
    # time [s], wanted, forced, closed, still waiting [s]
    [(0, YES, NO, YES, 0)],                                                        # the first word is followed at once
    [(0, YES, NO, YES, 0), (10, NO, NO, YES, 50), (59, NO, NO, YES, 1), (60, NO, NO, NO, 0)],
    [(0, YES, NO, YES, 0), (10, NO, FORCED, NO, 0), (20, YES, NO, NO, 290), (310, YES, NO, YES, 0)],
    [(0, NO, NO, NO, 0), (1, YES, NO, NO, 299), (2, NO, NO, NO, 0), (300, YES, NO, YES, 0)],
    [(0, NO, NO, NO, 0), (1, YES, FORCED, NO, 299)],                               # protection opens, it never closes
    [(0, YES, NO, YES, 0), (-50, NO, NO, YES, 60), (10, NO, NO, NO, 0)],           # the clock was set back
])
def test_the_relay_follows_when_it_may(timeline):
    relay = RelayLimits(COMPRESSOR)
    for now, wanted, forced, closed, waiting in timeline:
        assert relay.step(float(now), wanted, forced) is closed
        assert relay.waiting(float(now), wanted) == waiting


def test_the_switchings_of_an_hour_are_counted_and_protection_opens_anyway():
    relay = RelayLimits(RelaySettings(minimum_on_time=0.0, minimum_off_time=0.0, switchings_max=4))
    moves = [relay.step(10.0 * n, n % 2 == 0) for n in range(7)]
    assert moves == [True, False, True, False, True, True, True]   # the first is a beginning, then four movements
    assert relay.waiting(60.0, False) == 3550.0
    assert relay.step(70.0, False, forced=True) is False
    assert relay.step(80.0, True) is False
    assert relay.step(3609.0, True) is False
    assert relay.step(3620.0, True) is True


@given(st.lists(st.tuples(st.floats(0.01, 400.0), st.booleans(), st.booleans()), max_size=80), st.integers(2, 8))
def test_limits_are_broken_only_by_protection(events, most):
    relay = RelayLimits(RelaySettings(minimum_on_time=60.0, minimum_off_time=300.0, switchings_max=most))
    now, since, before, moves = 0.0, -math.inf, None, []
    for wait, wanted, forced in events:
        now += wait
        closed = relay.step(now, wanted, forced)
        if forced and not wanted:
            assert not closed
        if closed != before:
            assert closed == wanted
            if before is not None:
                recent = sum(now - t < 3600.0 for t in moves)
                protective = forced and not closed
                assert protective or (now - since >= (60.0 if before else 300.0) - 1e-6 and recent < most)
                moves.append(now)
            before, since = closed, now


def test_a_restart_does_not_shorten_a_dwell_time():
    relay = RelayLimits(COMPRESSOR)
    relay.step(0.0, True)
    relay.step(100.0, False)
    again = RelayLimits(COMPRESSOR)
    again.restore(relay.to_dict())
    assert again.step(200.0, True) is False
    assert again.step(400.0, True) is True


@pytest.mark.parametrize('kept', [{}, {'closed': 'yes', 'since': 0.0, 'moves': []}, {'closed': True, 'since': None,
                                  'moves': []}, {'closed': True, 'since': 0.0, 'moves': ['x']}, [], None])
def test_a_damaged_state_is_an_error(kept):
    with pytest.raises(ValueError, match='damaged'):
        RelayLimits(COMPRESSOR).restore(kept)


def test_a_cap_opens_a_plain_relay_after_a_time_and_until_the_cap_allows_what_was_drawn():
    guard = CapGuard(RelaySettings(cap_time=5.0))
    timeline = [  # time [s], cap [W], drawn [W], excess [W]
        (0, 500, 2000, 0), (4, 500, 2000, 0), (5, 500, 2000, 2000),   # a start may exceed it, a load may not
        (6, 500, 0, 2000), (99, 500, 0, 2000),                        # open: it does not come back by itself
        (100, 1800, 0, 2000), (101, 1950, 0, 0),                      # the cap suffices (5 % are forgiven)
        (102, 500, 520, 0), (110, 500, 520, 0),
        (111, 500, 600, 0), (115, 500, 500, 0), (120, 500, 600, 0),   # the time starts anew
        (126, 500, 600, 600), (127, math.inf, 0, 0), (128, 500, 0, 0),
        (129, 500, math.nan, 0),
    ]
    for now, cap, power, excess in timeline:
        guard.step(float(now), float(cap), float(power))
        assert guard.excess(float(cap)) == excess, now


def test_a_load_that_follows_its_cap_is_never_cut():
    guard = CapGuard(RelaySettings(cap_time=0.0, throttleable=True))
    guard.step(0.0, 500.0, 2000.0)
    assert guard.excess(500.0) == 0.0
