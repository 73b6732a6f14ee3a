"""From blocks to measurement, readings, changes and raw windows: closed forms, and every block that must be dropped."""
import dataclasses
import math

import numpy as np
import pytest

from hearthgrid_core.outlet import Block, Capture, Drop
from hearthgrid_core.outlet.capture import DROPS, mean

NOW, NAN, INF = 1_800_000_000.0, math.nan, math.inf
RATE, SAMPLES, VOLTS, AMPS = 6400.0, 1280, 0.02, 0.0025  # [Hz], a block, [V/count], [A/count]


def block(number: int, current: float = 5.0, voltage: float = 230.0, frequency: float = 50.0,
          lag: float = 0.0) -> Block:
    """Block `number` of a sine of RMS voltage and current, the current lagging by `lag` radians."""
    angle = 2 * np.pi * frequency * (number * SAMPLES + np.arange(SAMPLES)) / RATE
    counts = [np.rint(math.sqrt(2) * rms * np.sin(angle - shift) / scale).astype(np.int16)
              for rms, shift, scale in ((voltage, 0.4, VOLTS), (current, 0.4 + lag, AMPS))]
    return Block(NOW + number * 0.2, number, RATE, 50.0, VOLTS, AMPS, 31.0, *counts)


def run(capture: Capture, numbers, **load) -> list:
    return [capture.take(NOW + number * 0.2 + 0.25, block(number, **load)) for number in numbers]


@pytest.mark.parametrize('frequency', [50.0, 49.2, 50.9])
def test_a_reading_a_second_with_the_values_of_the_sine(frequency):
    capture = Capture(energy_kwh=1.5)
    captured = run(capture, range(10), current=5.0, lag=math.pi / 3, frequency=frequency)
    readings = [c.reading for c in captured if c.reading]
    assert [bool(c.reading) for c in captured] == [False, False, False, False, True] * 2
    first, second = readings
    assert (first.end, first.duration, first.temperature) == (NOW + 1.0, pytest.approx(1.0), 31.0)
    values = second.metering
    assert values.voltage == pytest.approx(230.0, rel=1e-3)
    assert values.current == pytest.approx(5.0, rel=1e-3)
    assert values.active_power == pytest.approx(575.0, rel=2e-3)
    assert values.reactive_power == pytest.approx(995.9, rel=2e-3)
    assert values.apparent_power == pytest.approx(1150.0, rel=2e-3)
    assert values.power_factor == pytest.approx(0.5, rel=2e-3)
    assert values.frequency == pytest.approx(frequency, abs=2e-3)
    assert values.harmonics[0] == pytest.approx(5.0, rel=1e-3)
    assert second.energy_kwh == pytest.approx(1.5 + 575.0 * 2.0 / 3.6e6, rel=1e-4)
    assert capture.energy.energy_kwh == second.energy_kwh


def test_rms_values_aggregate_by_their_squares_and_powers_by_their_mean():
    first, second = (run(Capture(), range(3), current=amps)[-1].metering for amps in (2.0, 6.0))
    both = mean([first, second])
    assert both.current == pytest.approx(math.sqrt(20.0), rel=1e-3)
    assert both.harmonics[0] == pytest.approx(math.sqrt(20.0), rel=1e-3)
    assert both.active_power == pytest.approx(920.0, rel=1e-3)
    assert both.power_factor == pytest.approx(920.0 / (230.0 * math.sqrt(20.0)), rel=1e-3)
    dead = mean([first, run(Capture(), range(1), voltage=0.0, current=0.0)[-1].metering])
    assert dead.frequency == pytest.approx(50.0, abs=2e-3)      # of the part that had one
    assert dead.voltage == pytest.approx(230.0 / math.sqrt(2.0), rel=1e-3)


def test_the_measurement_of_a_block_is_its_own():
    capture = Capture()
    run(capture, range(3), current=1.0)
    load = block(3, current=10.0)
    load.current[:SAMPLES // 2] = 0
    captured = capture.take(NOW + 0.9, load)
    assert captured.measurement.current == pytest.approx(10.0 / math.sqrt(2), rel=1e-3)
    assert captured.measurement.current_cycle == pytest.approx(10.0, rel=1e-2)
    assert captured.measurement.active_power == pytest.approx(1150.0, rel=1e-3)
    assert captured.measurement.stamp == pytest.approx(NOW + 0.8)
    assert captured.measurement.fault == ''


@pytest.mark.parametrize('fields, drop', [
    ({}, None),
    ({'sampling_rate': NAN}, Drop.RATE), ({'sampling_rate': 1000.0}, Drop.RATE), ({'sampling_rate': INF}, Drop.RATE),
    ({'nominal_frequency': NAN}, Drop.NOMINAL), ({'nominal_frequency': 0.0}, Drop.NOMINAL),
    ({'nominal_frequency': 400.0}, Drop.NOMINAL),
    ({'voltage_scale': NAN}, Drop.SCALE), ({'voltage_scale': -0.1}, Drop.SCALE), ({'current_scale': 0.0}, Drop.SCALE),
    ({'current_scale': INF}, Drop.SCALE),
    ({'voltage': np.zeros(1279, np.int16)}, Drop.LENGTH),
    ({'voltage': np.zeros(0, np.int16), 'current': np.zeros(0, np.int16)}, Drop.LENGTH),
    ({'voltage': np.zeros(127, np.int16), 'current': np.zeros(127, np.int16)}, Drop.LENGTH),
    ({'stamp': NOW + 600.0}, Drop.STAMP), ({'stamp': NOW - 600.0}, Drop.STAMP), ({'stamp': NAN}, Drop.STAMP),
    ({'stamp': NOW}, Drop.ORDER), ({'stamp': NOW - 0.2}, Drop.ORDER),
    ({'temperature': NAN}, None),
])
def test_what_is_dropped_and_why(fields, drop):
    capture = Capture()
    run(capture, [0])
    answer = capture.take(NOW + 0.45, dataclasses.replace(block(1), **fields))
    assert answer is drop if drop else not isinstance(answer, Drop)
    assert capture.dropped == ({drop: 1} if drop else {})
    after = capture.take(NOW + 0.65, block(2))
    assert after.lost == (1 if drop else 0)             # what was dropped is a gap, and life goes on


def test_a_converter_whose_clock_was_set_back_is_believed_again():
    capture = Capture()
    run(capture, range(5))
    again = [capture.take(NOW + 1.0, dataclasses.replace(block(number), stamp=NOW - 5.0 + number * 0.2))
             for number in range(12)]
    assert again[:10] == [Drop.ORDER] * 10
    assert not isinstance(again[10], Drop) and not isinstance(again[11], Drop)


def test_lost_blocks_are_counted_and_the_second_begins_anew():
    capture = Capture()
    captured = run(capture, [0, 1, 2, 5, 6, 7, 8, 9])
    assert [c.lost for c in captured] == [0, 0, 0, 2, 0, 0, 0, 0]
    assert [bool(c.reading) for c in captured] == [False] * 7 + [True]
    assert capture.lost == 2


def test_a_load_that_changes_is_told_once_with_its_signature_and_inrush():
    capture = Capture()
    quiet = run(capture, range(6), current=0.0)
    capture.take(NOW + 1.45, block(6, current=15.0))
    loud = run(capture, range(7, 20), current=3.0)
    assert sum(c.changed for c in quiet) == 0
    assert sum(c.changed for c in loud) == 1
    found, aligned = capture.signature()
    assert found.current == pytest.approx(3.0, rel=1e-3)
    assert found.inrush_ratio == pytest.approx(5.0, rel=1e-2)
    assert aligned.cycles == 10


def test_a_dead_line_is_measured_and_has_no_signature():
    capture = Capture()
    captured = run(capture, range(5), voltage=0.0, current=0.0)
    assert captured[-1].reading.metering.voltage == 0.0
    assert math.isnan(captured[-1].reading.metering.frequency)
    assert captured[-1].measurement.fault == ''
    assert capture.signature() is None
    _, aligned, voltage, _, start = capture.raw()
    assert aligned is None and len(voltage) == SAMPLES and start == NOW + 0.8


def test_a_raw_window_is_whole_cycles_of_counts_from_a_rising_zero_crossing():
    capture = Capture()
    assert capture.raw() is None
    run(capture, range(4), current=4.0, frequency=49.7)
    given, aligned, voltage, current, start = capture.raw()
    assert voltage.dtype == current.dtype == np.int16
    assert len(voltage) == len(current) == round(10 / 49.7 * RATE)
    assert abs(voltage[0]) < 0.05 * voltage.max() and voltage[5] > voltage[0]
    expected = np.concatenate([block(number, current=4.0, frequency=49.7).voltage for number in range(4)])
    first = round((start - NOW) * RATE)
    assert np.array_equal(voltage, expected[first:first + len(voltage)])
    assert given.sequence == 3 and aligned.frequency == pytest.approx(49.7, abs=5e-3)


def test_every_drop_has_a_rule():
    assert {drop for drop, _ in DROPS} == set(Drop)


@pytest.mark.parametrize('frequency', [48.5, 49.9, 50.0, 52.0])
def test_the_window_of_the_largest_block_fits_its_message(frequency):
    capture, samples = Capture(), 4096
    for number in range(4):
        angle = 2 * np.pi * frequency * (number * samples + np.arange(samples)) / RATE
        counts = [np.rint(math.sqrt(2) * rms * np.sin(angle) / scale).astype(np.int16)
                  for rms, scale in ((230.0, VOLTS), (5.0, AMPS))]
        start = NOW + number * samples / RATE
        capture.take(start + 0.7, Block(start, number, RATE, 50.0, VOLTS, AMPS, 31.0, *counts))
    _, aligned, voltage, current, _ = capture.raw()
    assert aligned.cycles >= 28 and len(voltage) == len(current) <= 4096
    assert len(voltage) == pytest.approx(aligned.cycles * RATE / frequency, abs=1.0)
