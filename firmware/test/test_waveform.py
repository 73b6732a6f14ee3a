"""From converter counts to metering and signature: the C core beside `hearthgrid_core`, on synthetic and real waves."""
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hearthgrid_core.waveform import WaveformError, Window, align, fundamental_frequency, meter, meter_dead, signature

OK, ARGUMENT, RATE, NO_MAINS, SHORT, OVERRUN = range(6)
SCALES = (0.02, 0.003)  # [V/count], [A/count]


@pytest.fixture(scope='module')
def analysis(core):
    """Return a function from hg_window_t to (status, aligned, metering, signature), and keep its memory."""
    ffi, lib = core.ffi, core.lib
    fft, work = ffi.new('hg_fft_t *'), ffi.new('hg_wavelet_work_t *')
    assert lib.hg_fft_init(fft) == OK

    def run(window, nominal: float, cycles: int = 0):
        aligned = ffi.new('hg_aligned_t *')
        metering, made = ffi.new('hg_metering_t *'), ffi.new('hg_signature_t *')
        status = lib.hg_align(window.c, nominal, cycles, aligned)
        if status == OK:
            assert lib.hg_meter(fft, aligned, metering) == OK
            assert lib.hg_signature(fft, work, aligned, made) == OK
        return status, aligned, metering, made
    run.fft = fft
    return run


def floats(part) -> np.ndarray:
    return np.array(list(part))


def wave(rng, frequency: float, rate: float, n: int, amps: float, noise: float = 0.0):
    """Return mains of some distortion, and a load of random harmonics, as counts (n,) each."""
    turn = 2 * np.pi * frequency / rate * np.arange(n) + rng.uniform(0, 2 * np.pi)
    voltage = 325 * np.sin(turn) + 6 * np.sin(3 * turn + rng.uniform(0, 6)) + 9 * np.sin(5 * turn)
    current = sum(amps * np.exp(-0.4 * h) * rng.normal() * np.sin(h * turn + rng.uniform(0, 6)) for h in range(1, 22))
    rows = voltage + noise * rng.normal(size=n), current + 0.01 * noise * rng.normal(size=n)
    return Window(*rows, rate).to_counts(*SCALES)


def apart(found, expected) -> float:
    """Return the largest difference over the size of what is expected."""
    found, expected = np.asarray(found, dtype=complex), np.asarray(expected, dtype=complex)
    return float(np.max(np.abs(found - expected)) / max(np.max(np.abs(expected)), 1e-12))


def compare(analysis, window, counts, scales, rate, nominal, cycles) -> None:
    expected = align(Window.from_counts(*counts, *scales, rate, 0.0), nominal, cycles=cycles)
    status, aligned, metering, made = analysis(window(*counts, scales, rate), nominal, cycles)
    assert status == OK and aligned.cycles == expected.cycles
    n = expected.cycles * 128
    assert aligned.frequency == pytest.approx(expected.frequency, rel=1e-9)
    assert aligned.offset == pytest.approx(expected.start, abs=1e-9)
    assert apart(floats(aligned.voltage)[:n], expected.voltage) < 1e-4
    assert apart(floats(aligned.current)[:n], expected.current) < 1e-4

    m, size = meter(expected), float(np.max(np.abs(expected.current)) * np.max(np.abs(expected.voltage)))
    for name in ('voltage', 'current', 'apparent_power', 'frequency'):
        assert getattr(metering, name) == pytest.approx(getattr(m, name), rel=1e-5), name
    for name in ('active_power', 'reactive_power'):
        assert getattr(metering, name) == pytest.approx(getattr(m, name), abs=1e-5 * size), name
    for name in ('power_factor', 'voltage_thd', 'current_thd'):
        assert getattr(metering, name) == pytest.approx(getattr(m, name), rel=1e-4, abs=1e-4, nan_ok=True), name
    assert apart(floats(metering.harmonics), m.harmonics) < 1e-4

    s = signature(expected)
    for name in ('voltage', 'current', 'crest_factor', 'frequency'):
        assert getattr(made, name) == pytest.approx(float(getattr(s, name)), rel=1e-4, nan_ok=True), name
    assert apart(floats(made.real) + 1j * floats(made.imaginary), s.harmonics) < 1e-4
    assert apart(floats(made.wavelet_energy), s.wavelet_energy) < 1e-4
    assert apart(floats(made.trajectory), s.trajectory) < 1e-4
    return made, s


@given(seed=st.integers(0, 2**32 - 1), frequency=st.floats(47.0, 53.0), amps=st.floats(0.05, 20.0),
       noise=st.sampled_from([0.0, 1.0]))
@examples(max_examples=60, deadline=None)
def test_signature_and_metering_are_those_of_the_twin(analysis, window, seed, frequency, amps, noise):
    counts = wave(np.random.default_rng(seed), frequency, 6400.0, 13 * 128, amps, noise)
    compare(analysis, window, counts, SCALES, 6400.0, 50.0, 10)


@pytest.mark.parametrize('nominal, rate, cycles', [(50.0, 6400.0, 10), (60.0, 7680.0, 12), (60.0, 6400.0, 12),
                                                   (50.0, 12000.0, 4), (50.0, 2000.0, 10)])
def test_other_rates_and_countries(analysis, window, nominal, rate, cycles):
    n = min(round((cycles + 3) * rate / nominal), 2048)
    counts = wave(np.random.default_rng(3), nominal, rate, n, 5.0)
    compare(analysis, window, counts, SCALES, rate, nominal, cycles)


def test_real_appliances_have_the_twins_signature(analysis, core, window, recordings):
    """Every recording, settled: all fields within 1e-4 of their size; the feature vector as close as its logarithms."""
    worst = 0.0
    for voltage, current in zip(recordings['v'], recordings['i'], strict=True):
        cut = Window(voltage[-15 * 128:], current[-15 * 128:], float(recordings['fs']))
        scales = tuple(float(np.max(np.abs(x))) / 32000 for x in (cut.voltage, cut.current))
        made, expected = compare(analysis, window, cut.to_counts(*scales), scales, float(recordings['fs']), 60.0, 12)
        vector = core.ffi.new('double[]', 139)
        assert core.lib.hg_signature_vector(made, vector) == OK
        worst = max(worst, float(np.max(np.abs(floats(vector) - expected.vector()))))
    assert worst < 2e-3  # logarithms of shares as small as 1e-3 are a thousand times as sensitive


@given(seed=st.integers(0, 2**32 - 1), amps=st.sampled_from([0.0, 1e-4, 0.004, 0.2, 20.0]))
@examples(max_examples=30, deadline=None)
def test_the_vector_of_a_load_and_of_none(analysis, core, window, seed, amps):
    counts = wave(np.random.default_rng(seed), 50.0, 6400.0, 13 * 128, amps)
    expected = signature(align(Window.from_counts(*counts, *SCALES, 6400.0, 0.0), 50.0, cycles=10)).vector()
    *_, made = analysis(window(*counts, SCALES, 6400.0), 50.0, 10)
    vector = core.ffi.new('double[]', 139)
    assert core.lib.hg_signature_vector(made, vector) == OK
    assert np.max(np.abs(floats(vector) - expected)) < 2e-3


def test_a_switch_on_enters_the_vector(analysis, core, window):
    counts = wave(np.random.default_rng(1), 50.0, 6400.0, 13 * 128, 3.0)
    *_, made = analysis(window(*counts, SCALES, 6400.0), 50.0, 10)
    made.inrush_ratio, made.settling_time = 10.0, 0.9
    vector = core.ffi.new('double[]', 139)
    assert core.lib.hg_signature_vector(made, vector) == OK
    assert vector[7] == pytest.approx(1.0) and vector[8] == pytest.approx(1.0)
    made.current = math.inf
    assert core.lib.hg_signature_vector(made, vector) == ARGUMENT


@given(seed=st.integers(0, 2**32 - 1), frequency=st.floats(40.0, 72.0), n=st.integers(100, 2000),
       volts=st.sampled_from([0.0, 5.0, 16.0, 18.0, 325.0]))
@examples(max_examples=150, deadline=None)
def test_where_there_is_mains_and_where_not(core, window, seed, frequency, volts, n):
    rng = np.random.default_rng(seed)
    turn = 2 * np.pi * frequency / 6400.0 * np.arange(n) + rng.uniform(0, 6)
    counts = Window(volts * np.sin(turn) + 3.0, np.zeros(n), 6400.0).to_counts(*SCALES)
    expected = fundamental_frequency(counts[0] * SCALES[0], 6400.0, 50.0)
    found = core.ffi.new('double[2]')
    status = core.lib.hg_fundamental(window(*counts, SCALES, 6400.0).c, 50.0, found, found + 1)
    assert (status == NO_MAINS) == math.isnan(expected)
    if status == OK:
        assert found[0] == pytest.approx(expected, rel=1e-9)


def test_what_cannot_be_aligned(analysis, window):
    counts = wave(np.random.default_rng(1), 50.0, 6400.0, 13 * 128, 3.0)
    for cut, nominal, cycles, rate, status in [
            (1408, 50.0, 11, 6400.0, SHORT), (1664, 50.0, 13, 6400.0, ARGUMENT), (1664, 30.0, 10, 6400.0, ARGUMENT),
            (1664, 50.0, 10, 190.0, RATE), (0, 50.0, 10, 6400.0, ARGUMENT), (1664, 50.0, 10, math.nan, RATE)]:
        assert analysis(window(counts[0][:cut], counts[1][:cut], SCALES, rate), nominal, cycles)[0] == status
    with pytest.raises(WaveformError):
        align(Window.from_counts(*(row[:1408] for row in counts), *SCALES, 6400.0, 0.0), 50.0, cycles=11)
    fast = wave(np.random.default_rng(1), 50.0, 12800.0, 2048, 3.0)   # 256 samples a cycle want the twin's low-pass
    assert analysis(window(*fast, SCALES, 12800.0), 50.0, 4)[0] == RATE


@given(st.lists(st.floats(-100.0, 100.0, width=32), min_size=128, max_size=128))
@examples(max_examples=40, deadline=None)
def test_the_transform_is_its_definition(analysis, core, samples):
    given_, out = core.ffi.new('float[]', samples), core.ffi.new('float[128]')
    core.lib.hg_fft_real(analysis.fft, given_, out)
    turns = np.outer(np.arange(65), np.arange(128)) / 128
    expected = np.exp(-2j * np.pi * turns) @ np.array(samples)
    found = floats(out)
    assert list(found[:2]) == pytest.approx([expected[0].real, expected[64].real], abs=2e-3)
    assert np.max(np.abs(found[2::2] + 1j * found[3::2] - expected[1:64])) < 2e-3


@given(st.integers(1, 9000), st.integers(1, 4096))
@examples(max_examples=25, deadline=None)
def test_the_ring_gives_the_newest_samples(core, taken, asked):
    ring = core.ffi.new('hg_ring_t *')
    core.lib.hg_ring_clear(ring)
    for k in range(taken):
        core.lib.hg_ring_put(ring, k % 30000, -(k % 30000))
    voltage, current = core.ffi.new('int16_t[]', asked), core.ffi.new('int16_t[]', asked)
    status = core.lib.hg_ring_latest(ring, asked, voltage, current)
    assert status == (OK if asked <= min(taken, 4096) else SHORT)
    if status == OK:
        assert list(voltage) == [k % 30000 for k in range(taken - asked, taken)] == [-c for c in current]


def test_a_dead_supply_is_metered_without_a_fundamental(core):
    rng = np.random.default_rng(2)
    rows = [rng.integers(-300, 300, 1280).astype(np.int16) for _ in range(2)]
    expected = meter_dead(Window.from_counts(*rows, *SCALES, 6400.0, 0.0))
    measured, found = core.ffi.new('hg_measurement_t *'), core.ffi.new('hg_metering_t *')
    buffers = [core.ffi.from_buffer('int16_t[]', row) for row in rows]
    assert core.lib.hg_measure(*buffers, 1280, SCALES, 6400.0, 50.0, measured) == OK
    core.lib.hg_meter_dead(measured, found)
    for name in ('voltage', 'current', 'active_power', 'apparent_power', 'reactive_power', 'power_factor', 'frequency',
                 'voltage_thd', 'current_thd'):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-12, nan_ok=True), name
    assert np.isnan(floats(found.harmonics)).all()


@pytest.mark.parametrize('power, duration, status, energy', [
    (3.6e6, 1.0, OK, 1.0), (-5.0, 1.0, OK, 0.0), (math.nan, 1.0, OK, 0.0), (5.0, -1.0, ARGUMENT, 0.0),
    (5.0, math.nan, ARGUMENT, 0.0)])
def test_energy_never_falls(core, power, duration, status, energy):
    counter = core.ffi.new('hg_energy_t *')
    assert core.lib.hg_energy_add(counter, power, duration) == status
    assert counter.energy_kwh == pytest.approx(energy)
