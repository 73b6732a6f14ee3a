"""Outage detector and load-side droop: the C core beside `hearthgrid_core.island`."""
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hearthgrid_core.island.detector import DetectorSettings, OutageDetector
from hearthgrid_core.island.load_droop import LoadDroop, LoadDroopSettings

OK, ARGUMENT, RATE = 0, 1, 2
SCALE = 0.02  # [V/count]

stretch = st.tuples(st.floats(0.01, 0.6), st.sampled_from([1.0, 1.0, 0.97, 0.9, 0.8, 0.6, 0.4, 0.05, 0.0]),
                    st.sampled_from([50.0, 50.0, 49.3, 47.4, 46.5, 51.0, 52.3]), st.sampled_from([0.0, 0.0, 1.5]))


def supply(stretches, harmonic: float, noise: float, seed: int) -> np.ndarray:
    """Return voltage counts: stretches of (duration [s], level, frequency [Hz], phase jump [rad])."""
    rng, phase, rows = np.random.default_rng(seed), 0.3, []
    for duration, level, frequency, jump in stretches:
        turn = phase + jump + 2 * np.pi * frequency / 6400.0 * np.arange(round(duration * 6400))
        rows.append(level * 325.27 * (np.sin(turn) + harmonic * np.sin(5 * turn)))
        phase = turn[-1]
    wave = np.concatenate(rows)
    return np.clip(np.rint((wave + noise * rng.normal(size=len(wave))) / SCALE), -32767, 32767).astype(np.int16)


@given(st.lists(stretch, min_size=1, max_size=6), st.sampled_from([0.0, 0.05]), st.sampled_from([0.0, 2.0]),
       st.integers(0, 1000))
@examples(max_examples=80, deadline=None)
def test_flag_and_declaration_come_at_the_same_sample(core, settings, stretches, harmonic, noise, seed):
    counts = supply(stretches, harmonic, noise, seed)
    twin, state = OutageDetector(DetectorSettings()), core.ffi.new('hg_detector_t *')
    assert core.lib.hg_detector_init(state, settings('detector', DetectorSettings()), SCALE) == OK
    declared, start = None, 0
    for block in np.array_split(counts, max(1, len(counts) // 640)):
        found = twin.step(start / 6400.0, block * SCALE)
        flags = []
        for k, count in enumerate(block.tolist()):
            flags.append(core.lib.hg_detector_step(state, count))
            if declared is None and state.evidence:
                declared = (start + k) / 6400.0
        # A value that meets its threshold to the last bit may fall either way for a sample.
        assert np.count_nonzero(np.array(flags) != found.flag) <= 1
        assert (declared is None) == (found.declared is None)
        assert declared is None or abs(declared - found.declared) <= 1.01 / 6400.0
        assert core.lib.hg_detector_rms(state) == pytest.approx(found.rms[-1], abs=1e-6)
        frequency = core.lib.hg_detector_frequency(state)
        assert math.isnan(frequency) == math.isnan(found.frequency)
        if found.rms[-1] > 0.5:  # just back from nothing, a small phasor turns as it likes
            assert frequency == pytest.approx(found.frequency, abs=5e-3)
        start += len(block)
    if declared is not None:
        assert state.evidence == (2 if 'Hz' in found.evidence else 1)


def test_the_detector_does_not_drift(core, settings):
    """After an hour's worth of full-scale samples all sums are what the last cycle makes them."""
    first, later = (core.ffi.new('hg_detector_t *') for _ in range(2))
    for state in (first, later):
        assert core.lib.hg_detector_init(state, settings('detector', DetectorSettings()), SCALE) == OK
    rng = np.random.default_rng(5)
    tail = supply([(0.2, 1.0, 50.0, 0.0)], 0.05, 2.0, 1)[:1280]
    for count in [*rng.integers(-32768, 32767, 128 * 2000).tolist(), *tail.tolist()]:
        core.lib.hg_detector_step(later, count)
    for count in tail.tolist():
        core.lib.hg_detector_step(first, count)
    assert later.square == first.square and list(later.mean) == list(first.mean)


@pytest.mark.parametrize('changes, scale, status', [
    ({}, SCALE, OK), ({'low': 0.9, 'well': 0.89}, SCALE, ARGUMENT), ({'sampling_rate': 6600.0}, SCALE, RATE),
    ({'nominal_voltage': math.nan}, SCALE, ARGUMENT), ({}, 0.0, ARGUMENT), ({}, math.nan, ARGUMENT)])
def test_a_detector_is_made_or_refused(core, settings, changes, scale, status):
    made = settings('detector', DetectorSettings())
    for name, value in changes.items():
        setattr(made, name, value)
    assert core.lib.hg_detector_init(core.ffi.new('hg_detector_t *'), made, scale) == status


looks = st.lists(st.tuples(st.sampled_from([0.0, 0.0, -0.02, -0.1, -0.1, -0.1, 0.05, -0.5]),
                           st.sampled_from([0.0, 0.0, 0.0, -0.5, -5.0, 3.0, -60.0]), st.integers(1, 12)), max_size=20)


@given(looks, st.floats(0.0, 5000.0), st.sampled_from([
    LoadDroopSettings(), LoadDroopSettings(limit_rate=0.0), LoadDroopSettings(filter_time=0.0, trigger=0.02)]))
@examples(max_examples=300, deadline=None)
def test_a_load_sheds_as_its_twin(core, settings, story, place, values):
    twin, state = LoadDroop(values), core.ffi.new('hg_load_droop_t *')
    assert core.lib.hg_load_droop_init(state, settings('load_droop', values)) == OK
    now, frequency, voltage = 100.0, 50.0, 230.0
    for fall, sag, repeat in story:
        for _ in range(repeat):
            now += 0.01
            frequency, voltage = frequency + fall, min(max(voltage + sag, 0.0), 240.0)
            seen = math.nan if voltage < 40.0 else frequency
            armed = repeat != 11
            assert core.lib.hg_load_droop_step(state, now, seen, voltage, place, armed) == twin.step(
                now, seen, voltage, place, armed)
            assert state.seen == pytest.approx(twin.seen, rel=1e-12)


def test_load_droop_settings_out_of_bounds_are_refused(core, settings):
    made = settings('load_droop', LoadDroopSettings())
    made.trigger = 0.6
    assert core.lib.hg_load_droop_init(core.ffi.new('hg_load_droop_t *'), made) == ARGUMENT
