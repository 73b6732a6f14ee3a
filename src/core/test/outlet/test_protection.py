"""Protection: the heating model against its closed form and a small-step twin, and every way to trip and to reset."""
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.outlet import Measurement, Protection, ProtectionSettings, Trip, block_fault, trip_time

SETTINGS = ProtectionSettings()
CALM = Measurement(stamp=0.0, voltage=230.0, current=5.0, current_cycle=5.0, active_power=1150.0, temperature=30.0)
NAN = math.nan


def drawing(current: float, **fields) -> Measurement:
    return replace(CALM, current=current, current_cycle=current, **fields)


def run(protection: Protection, measurement, start: float, end: float, period: float = 0.2,
        closed: bool = True) -> float:
    """Step until a trip; return when it came, infinity if it did not. [s]"""
    for now in np.arange(start, end, period):
        if protection.step(float(now), measurement, closed) is not Trip.NONE:
            return float(now)
    return math.inf


@pytest.mark.parametrize('multiple, seconds', [
    (0.50, math.inf),
    (1.00, math.inf),      # the rating may flow for ever
    (1.05, math.inf),      # k · rating is only approached
    (1.10, 290.5),
    (1.13, 238.9),         # IEC 60898 lets a breaker carry this for an hour: we are stricter
    (1.45, 89.2),
    (1.50, 80.8),
    (2.00, 38.7),
    (2.55, 22.3),          # IEC 60898: 1 … 60 s
    (2.95, 16.3),          # above, it trips at once
])
def test_trip_times_from_cold_follow_the_closed_form(multiple, seconds):
    assert trip_time(multiple, SETTINGS) == pytest.approx(seconds, abs=0.06)
    tripped = run(Protection(SETTINGS), drawing(20.0 * multiple), 0.0, 400.0)
    if seconds == math.inf:
        assert tripped == math.inf
    else:
        assert seconds - 0.06 <= tripped <= seconds + 0.26  # found at the next block


@pytest.mark.parametrize('current', [15.0, 25.0, 40.0])
def test_a_load_that_was_warm_trips_sooner(current):
    protection = Protection(SETTINGS)
    run(protection, drawing(18.0), 0.0, 100.0)
    warm = protection.thermal_load
    assert run(protection, drawing(current), 100.0, 400.0) - 99.8 == pytest.approx(
        trip_time(current / 20.0, SETTINGS, warm), abs=0.21)


@given(st.lists(st.tuples(st.floats(0.0, 60.0), st.floats(0.05, 20.0)), min_size=1, max_size=8))
def test_heating_agrees_with_euler_in_small_steps(pieces):
    protection, now, plain = Protection(SETTINGS), 0.0, 0.0
    protection.step(now, drawing(0.0), True)
    for current, duration in pieces:
        now += duration
        protection.step(now, drawing(current), True)
        step = duration / 2000
        for _ in range(2000):
            plain += step / SETTINGS.thermal_time * ((current / (1.05 * 20.0)) ** 2 - plain)
    assert protection.thermal_load == pytest.approx(plain, rel=2e-3, abs=2e-4)


def test_the_inrush_of_a_compressor_is_no_overload():
    protection = Protection(SETTINGS)
    run(protection, drawing(8.0), 0.0, 600.0)
    assert run(protection, drawing(56.0), 600.0, 600.5) == math.inf  # 7 × for 0.5 s
    assert run(protection, drawing(8.0), 600.5, 700.0) == math.inf


@pytest.mark.parametrize('measurement, after, trip, cause', [
    (replace(CALM, current_cycle=59.9), math.inf, Trip.NONE, ''),
    (replace(CALM, current_cycle=60.0), 0.0, Trip.OVERCURRENT, 'short circuit: 60 A in one cycle'),
    (replace(CALM, temperature=79.9), math.inf, Trip.NONE, ''),
    (replace(CALM, temperature=80.0), 1.0, Trip.OVERTEMPERATURE, 'contacts at 80 °C'),
    (replace(CALM, temperature=NAN), math.inf, Trip.NONE, ''),                # not measured
    (replace(CALM, temperature=250.0), 2.0, Trip.SENSOR, 'sensor: temperature of 250 °C'),
    (replace(CALM, temperature=math.inf), 2.0, Trip.SENSOR, 'sensor: temperature of inf °C'),
    (replace(CALM, temperature=-50.0), 2.0, Trip.SENSOR, 'sensor: temperature of -50 °C'),
    (replace(CALM, current=NAN), 2.0, Trip.SENSOR, 'sensor: voltage or current is not a number'),
    (replace(CALM, voltage=NAN), 2.0, Trip.SENSOR, 'sensor: voltage or current is not a number'),
    (replace(CALM, fault='current stuck'), 2.0, Trip.SENSOR, 'sensor: current stuck'),
    (None, math.inf, Trip.NONE, ''),                                          # no samples is another matter
])
def test_what_trips_and_when(measurement, after, trip, cause):
    protection = Protection(SETTINGS)
    assert run(protection, measurement, 0.0, 10.0, period=0.25) == after
    assert (protection.trip, protection.cause) == (trip, cause)


@pytest.mark.parametrize('bad', [replace(CALM, temperature=90.0), replace(CALM, current=NAN)])
def test_what_does_not_last_does_not_trip(bad):
    protection = Protection(SETTINGS)
    for cycle in range(20):
        assert run(protection, bad, cycle * 2.0, cycle * 2.0 + 0.9) == math.inf
        assert run(protection, CALM, cycle * 2.0 + 0.9, cycle * 2.0 + 2.0) == math.inf


def test_a_trip_is_latched_and_resets_only_when_cold():
    protection = Protection(SETTINGS)
    tripped = run(protection, drawing(50.0), 0.0, 60.0)
    assert protection.reset().startswith('still warm: thermal load 1.0')
    cool = tripped + SETTINGS.thermal_time * math.log(1.0 / SETTINGS.thermal_reset)
    run(protection, drawing(0.0), tripped + 0.2, cool - 1.0, closed=False)
    assert protection.trip is Trip.OVERCURRENT
    assert 'still warm' in protection.reset()
    protection.step(cool + 3.0, drawing(0.0), False)
    assert protection.trip is Trip.OVERCURRENT  # cold, but nobody has reset it
    assert protection.reset() == ''
    assert protection.trip is Trip.NONE


def test_hot_contacts_reset_with_hysteresis():
    protection = Protection(SETTINGS)
    run(protection, replace(CALM, temperature=85.0), 0.0, 2.0)
    for temperature, answer in ((79.0, 'contacts still at 79 °C'), (60.0, 'contacts still at 60 °C'), (59.9, '')):
        protection.step(3.0, replace(CALM, temperature=temperature), False)
        assert protection.reset().startswith(answer) and bool(protection.reset()) == bool(answer)


def test_a_lying_sensor_resets_when_it_tells_the_truth_again():
    protection = Protection(SETTINGS)
    run(protection, replace(CALM, current=NAN), 0.0, 3.0)
    assert 'not a number' in protection.reset()
    protection.step(4.0, CALM, False)
    assert protection.reset() == ''


def test_the_first_cause_stays():
    protection = Protection(SETTINGS)
    run(protection, replace(CALM, temperature=85.0), 0.0, 2.0)
    protection.step(2.0, drawing(200.0), True)
    assert protection.trip is Trip.OVERTEMPERATURE


def test_without_samples_the_last_current_is_believed_while_closed():
    blind, open_ = Protection(SETTINGS), Protection(SETTINGS)
    for protection in (blind, open_):
        run(protection, drawing(30.0), 0.0, 10.0)
    assert run(blind, None, 10.0, 200.0) == pytest.approx(trip_time(1.5, SETTINGS), abs=0.3)
    assert run(open_, None, 10.0, 200.0, closed=False) == math.inf
    assert open_.thermal_load < 0.1


def test_an_infinite_current_leaves_the_thermal_model_alive():
    protection = Protection(ProtectionSettings())
    protection.step(0.0, drawing(10.0), True)
    protection.step(1.0, drawing(math.inf), True)
    assert math.isfinite(protection.thermal_load)
    for second in range(2, 3600):
        protection.step(float(second), drawing(30.0), True)
    assert protection.trip is not Trip.NONE and protection.thermal_load > 1.0 and protection.reset()


def test_a_clipped_current_counts_at_least_as_it_shows():
    protection = Protection(SETTINGS)
    protection.step(0.0, drawing(1.0), True)
    protection.step(1.0, drawing(50.0, fault='current clipped'), True)
    assert protection.thermal_load == pytest.approx((50 / 21) ** 2 * -math.expm1(-1 / 120))


def test_the_same_time_twice_changes_nothing():
    protection = Protection(SETTINGS)
    run(protection, drawing(30.0), 0.0, 5.0)
    before = protection.to_dict()
    protection.step(before['time'], drawing(30.0), True)
    protection.step(before['time'] - 100.0, drawing(30.0), True)  # nor does a clock that was set back
    assert protection.thermal_load == before['thermal_load']


def test_trip_and_heat_outlive_a_restart_and_cool_meanwhile():
    protection = Protection(SETTINGS)
    tripped = run(protection, drawing(50.0), 0.0, 60.0)
    again = Protection(SETTINGS)
    again.restore(tripped + 120.0, protection.to_dict())
    assert (again.trip, again.cause) == (protection.trip, protection.cause)
    assert again.thermal_load == pytest.approx(protection.thermal_load * math.exp(-1))


@pytest.mark.parametrize('kept', [{}, {'trip': 9, 'cause': '', 'thermal_load': 0, 'time': 0},
                                  {'trip': 0, 'cause': '', 'thermal_load': NAN, 'time': 0},
                                  {'trip': 0, 'cause': '', 'thermal_load': 'x', 'time': 0}, None])
def test_a_damaged_state_is_an_error(kept):
    with pytest.raises(ValueError, match='damaged'):
        Protection(SETTINGS).restore(0.0, kept)


SINE = np.rint(10_000 * np.sin(np.arange(1280) * 2 * np.pi / 128)).astype(np.int16)
CLIPPED = np.clip(np.rint(40_000 * np.sin(np.arange(1280) * 2 * np.pi / 128)), -32767, 32767).astype(np.int16)
NOISE = np.random.default_rng(1).integers(-2, 3, 1280).astype(np.int16)
ONE_PEAK = SINE.copy()
ONE_PEAK[5] = 32767


@pytest.mark.parametrize('voltage, current, fault', [
    (SINE, SINE, ''),
    (SINE, 0 * SINE, ''),                                    # nothing plugged in
    (0 * SINE, 0 * SINE, ''),                                # an outage
    (SINE, 0 * SINE - 64, ''),                               # a converter's offset
    (SINE, 0 * SINE + 65, 'current stuck at 65 counts'),
    (0 * SINE - 20_000, SINE, 'voltage stuck at -20000 counts'),
    (np.full_like(SINE, -32_768), SINE, 'voltage stuck at -32768 counts'),
    (SINE, ONE_PEAK, ''),                                    # a spike
    (SINE, CLIPPED, 'current clipped in 39% of samples'),
    (CLIPPED, SINE, 'voltage clipped in 39% of samples'),
    (NOISE, NOISE, ''),
])
def test_which_blocks_cannot_be_true(voltage, current, fault):
    assert block_fault(voltage, current) == fault


@pytest.mark.parametrize('fields, words', [
    ({'temperature_reset': 80.0}, 'temperature_reset must lie below temperature_max'),
    ({'instant_current': 20.0}, 'instant_current must lie above current_rating'),
    ({'current_rating': 0.0}, 'current_rating is 0 A; it must lie in'),
])
def test_settings_that_contradict_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        ProtectionSettings(**fields)
