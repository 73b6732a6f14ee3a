"""The turn-on as a timeline of cycle currents at 50 Hz."""
import numpy as np
import pytest

from hearthgrid_core.waveform import TurnOnSettings, TurnOnTracker, Window
from hearthgrid_core.waveform.turn_on import cycle_rms

RATE, CYCLE = 6400.0, 128


def follow(tracker, *cycles, per_block=10):
    """Feed cycles of the given RMS, ten to a block."""
    current = np.concatenate([rms * 2 ** 0.5 * np.sin(2 * np.pi * np.arange(CYCLE) / CYCLE) for rms in cycles])
    for first in range(0, current.size, per_block * CYCLE):
        part = current[first:first + per_block * CYCLE]
        tracker.step(Window(np.zeros(part.size), part, RATE, first / RATE), 50.0)
    return tracker.result


OFF, ON = [0.0] * 10, [1.0] * 10


@pytest.mark.parametrize('cycles, ratio, settling', [
    (OFF + ON,                                     1.0,  0.0),    # a heater
    (OFF + [8.0, 2.0, 1.05] + ON,                  8.0,  0.04),   # an inrush of two cycles
    (OFF + [8.0, 1.0, 1.2] + ON,                   8.0,  0.06),   # astray again in the third
    (OFF + [0.3, 0.6, 0.95] + ON,                  1.0,  0.04),   # a soft start
    (OFF[:7] + [5.0, 1.0, 1.0] + ON,               5.0,  0.02),   # switched on within a block
    (OFF + [9.0] + ON + OFF + [3.0] + ON,          3.0,  0.02),   # the last switch-on counts
    (OFF + [0.0, 9.0, 0.0, 3.0] + ON,              3.0,  0.02),   # … even within a block
    (OFF + [0.025] * 10 + [4.0] + ON,              4.0,  0.02),   # a whisper is no switch-on
    (OFF + [0.1, 0.055, 0.04] + [0.04] * 10,       2.5,  0.02),   # 15 mA astray is noise
])
def test_inrush_and_settling(cycles, ratio, settling):
    seen = follow(TurnOnTracker(), *cycles)
    assert seen.inrush_ratio == pytest.approx(ratio, rel=1e-6)
    assert seen.settling_time == pytest.approx(settling, abs=1e-9)


@pytest.mark.parametrize('cycles', [
    ON,                     # on from the beginning
    OFF,
    OFF + [9.0] + ON + OFF, # off again
    OFF + [0.025] * 20,
])
def test_a_switch_on_that_was_not_seen(cycles):
    seen = follow(TurnOnTracker(), *cycles)
    assert np.isnan(seen.inrush_ratio) and np.isnan(seen.settling_time)


def test_lost_blocks_may_hide_a_switch_on():
    tracker = TurnOnTracker()
    follow(tracker, *OFF)
    tracker.lost()
    assert np.isnan(follow(tracker, *ON).inrush_ratio)
    follow(tracker, *OFF)
    assert follow(tracker, 5.0, *ON).inrush_ratio == pytest.approx(5.0)
    tracker.lost()
    assert np.isnan(tracker.result.inrush_ratio)


def test_now_goes_on_after_the_horizon():
    tracker = TurnOnTracker(TurnOnSettings(horizon=0.5))
    assert follow(tracker, *OFF, 6.0, *ON * 4).inrush_ratio == pytest.approx(6.0)
    seen = follow(tracker, *[2.0] * 20)
    assert seen.inrush_ratio == pytest.approx(3.0) and seen.settling_time == pytest.approx(0.5)


@pytest.mark.parametrize('samples, count', [(1280, 10), (1290, 10), (1343, 10), (1345, 11), (128, 1), (40, 1), (1, 1)])
def test_the_rms_of_each_cycle(samples, count):
    current = np.random.default_rng(samples).standard_normal(samples)
    rms = cycle_rms(current, RATE, 50.0)
    edges = np.rint(np.linspace(0, samples, count + 1)).astype(int)
    assert rms == pytest.approx([np.sqrt(np.mean(current[a:b] ** 2)) for a, b in zip(edges, edges[1:], strict=False)])


@pytest.mark.parametrize('wrong', [dict(current_off=-1.0), dict(current_on=0.02), dict(horizon=0.0)])
def test_impossible_settings(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TurnOnSettings(**wrong)
