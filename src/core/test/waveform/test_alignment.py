"""Alignment against closed forms: frequency, zero crossing and waveform, through distortion, noise and offset."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.waveform import WaveformError, Window, align, fundamental_frequency
from hearthgrid_core.waveform import alignment as module

RATES = [1000.0, 3200.0, 6400.0, 7680.0, 12800.0, 30000.0, 50000.0]
DISTORTION = {3: 0.05, 5: 0.05, 7: 0.03, 11: 0.02}      # 8 % THD


def wave(frequency, rate, seconds, phase=0.0, rms=230.0, distortion=None, offset=0.0, noise=0.0, seed=0):
    """A mains voltage whose fundamental is √2·rms·sin(2πft + phase). noise : RMS over rms."""
    time = np.arange(round(seconds * rate)) / rate
    angle = 2 * np.pi * frequency * time + phase
    out = np.sin(angle) + sum(share * np.sin(h * angle + h) for h, share in (distortion or {}).items()
                              if h * frequency < 0.45 * rate)
    return rms * (np.sqrt(2) * out + offset + noise * np.random.default_rng(seed).standard_normal(time.size))


def window_of(voltage, rate, start=0.0):
    return Window(voltage, voltage / 100, rate, start)


@pytest.mark.parametrize('rate', RATES)
@pytest.mark.parametrize('frequency', [45.0, 47.3, 49.98, 50.0, 52.0, 55.0, 60.0, 60.02, 65.0])
def test_frequency_and_crossing_of_a_distorted_wave(frequency, rate):
    nominal = 50.0 if frequency <= 55 else 60.0
    voltage = wave(frequency, rate, 0.24, phase=1.0, distortion=DISTORTION, offset=0.05)
    assert fundamental_frequency(voltage, rate, nominal) == pytest.approx(frequency, abs=2e-3)
    aligned = align(window_of(voltage, rate, start=1000.0), nominal)
    turns = (aligned.start - 1000.0) * frequency + 1.0 / (2 * np.pi)
    assert abs(turns - round(turns)) < 1e-4                              # of a cycle: 2 µs


@pytest.mark.parametrize('rate', RATES)
@pytest.mark.parametrize('nominal', [50.0, 60.0])
@pytest.mark.parametrize('seed', range(4))
def test_noise_of_30_db_moves_the_frequency_by_millihertz(rate, nominal, seed):
    # 10 mHz is what IEC 61000-4-30 allows class A; the bound of the noise itself at 1 kHz is 3 mHz (Rife 1974).
    frequency = nominal * (1 + 0.02 * (seed - 1.5))
    voltage = wave(frequency, rate, 0.24, phase=seed, distortion=DISTORTION, offset=-0.05, noise=10 ** -1.5, seed=seed)
    tolerance = 0.01 * np.sqrt(max(1.0, 6400 / rate))
    assert fundamental_frequency(voltage, rate, nominal) == pytest.approx(frequency, abs=tolerance)


@pytest.mark.parametrize('rate', [*RATES, 40000.0, 44100.0, 48000.0])
@pytest.mark.parametrize('frequency', [45.0, 50.0, 60.0, 65.0])
def test_three_cycles_are_enough_wherever_they_begin(frequency, rate):
    # no more than 2/1000 of its frequency: two overlapping parts of two cycles are all there is
    for phase in np.linspace(0, 2 * np.pi, 7):
        voltage = wave(frequency, rate, np.ceil(3 * rate / frequency) / rate, phase, distortion=DISTORTION)
        assert fundamental_frequency(voltage, rate, 50.0) == pytest.approx(frequency, rel=2e-3)


@pytest.mark.parametrize('wrong', [50.0, 60.0])
@pytest.mark.parametrize('frequency', [45.0, 65.0])
def test_the_nominal_frequency_is_only_a_hint(frequency, wrong):
    assert fundamental_frequency(wave(frequency, 6400.0, 0.2), 6400.0, wrong) == pytest.approx(frequency, abs=1e-4)


@pytest.mark.parametrize('voltage', [
    np.zeros(1280),
    np.full(1280, 325.0),                                   # d.c.
    wave(50.0, 6400.0, 0.2, rms=11.9),                      # below a tenth of the lowest nominal voltage
    wave(40.0, 6400.0, 0.2),
    wave(72.0, 6400.0, 0.2),
    wave(400.0, 6400.0, 0.2),
    wave(50.0, 6400.0, 0.019),                              # less than a cycle
    wave(50.0, 6400.0, 0.056),                              # less than three
    np.linspace(-300, 300, 1280),
    np.random.default_rng(0).normal(0, 230, 1280),          # noise alone
    np.full(1280, np.nan),
    np.empty(0),
], ids=['zero', 'direct', 'faint', '40 Hz', '72 Hz', '400 Hz', 'short', 'under three cycles', 'ramp', 'noise', 'NaN',
        'empty'])
def test_no_mains(voltage):
    assert np.isnan(fundamental_frequency(voltage, 6400.0, 50.0))
    if voltage.size and np.isfinite(voltage).all():
        with pytest.raises(WaveformError, match='no mains'):
            align(window_of(voltage, 6400.0), 50.0)


@pytest.mark.parametrize('nominal, rate', [(0.0, 6400.0), (np.nan, 6400.0), (400.0, 6400.0), (50.0, 100.0),
                                           (50.0, np.nan)])
def test_impossible_mains_are_refused(nominal, rate):
    with pytest.raises(WaveformError, match='mains of'):
        fundamental_frequency(wave(50.0, 6400.0, 0.2), rate, nominal)


@pytest.mark.parametrize('rate, count, tolerance', [
    (1000.0, 7, 1e-2),      # to 70 % of what its Nyquist frequency allows
    (3200.0, 20, 1e-3), (6400.0, 40, 1e-3), (7680.0, 40, 1e-3), (12800.0, 40, 1e-3), (50000.0, 40, 1e-3)])
@pytest.mark.parametrize('frequency', [49.7, 50.0, 50.31])
def test_every_harmonic_arrives_whole(frequency, rate, count, tolerance):
    """The resampled wave is the wave itself at the exact positions, sample by sample and harmonic by harmonic."""
    for order in {1, 2, count // 2, count}:
        angle = 2 * np.pi * frequency * np.arange(round(0.24 * rate)) / rate
        aligned = align(Window(325 * np.sin(angle), np.cos(order * angle), rate), 50.0)
        exact = np.cos(order * 2 * np.pi * np.arange(aligned.current.size) / 128)
        assert np.abs(aligned.current - exact).max() < tolerance
        amplitude = abs(np.fft.rfft(aligned.current)[order * aligned.cycles]) * 2 / aligned.current.size
        assert amplitude == pytest.approx(1.0, abs=tolerance / 5)


def test_what_lies_beyond_does_not_fold_back():
    """A carrier at 20 kHz sampled at 50 kHz would fold onto harmonic 16 of a plain decimation."""
    time = np.arange(12000) / 50000.0
    ripple = np.sin(2 * np.pi * 20000.0 * time)
    aligned = align(Window(325 * np.sin(2 * np.pi * 50.0 * time), ripple, 50000.0), 50.0)
    assert np.abs(aligned.current).max() < 2e-4


@given(st.floats(46.0, 64.0), st.floats(0.0, 6.28), st.integers(1, 20), st.sampled_from(RATES))
@settings(max_examples=60, deadline=None)
def test_a_window_of_two_more_cycles_always_holds_them(frequency, phase, cycles, rate):
    nominal = 50.0 if frequency <= 55 else 60.0
    voltage = wave(frequency, rate, max(cycles + 2, 3.05) / frequency + 1 / rate, phase)
    aligned = align(window_of(voltage, rate), nominal, cycles=cycles)
    assert aligned.cycles == cycles and aligned.voltage.size == aligned.current.size == 128 * cycles
    assert aligned.duration == pytest.approx(cycles / frequency, rel=1e-4)
    assert aligned.voltage[0] == pytest.approx(0.0, abs=0.5)
    assert aligned.voltage[32] == pytest.approx(230 * 2 ** 0.5, rel=2e-3)


def test_the_newest_cycles_are_taken():
    window = window_of(wave(50.0, 6400.0, 0.3, phase=0.3), 6400.0, start=7.0)
    every, last = align(window, 50.0), align(window, 50.0, cycles=4)
    assert last.cycles == 4 < every.cycles
    assert last.start == pytest.approx(every.start + (every.cycles - 4) / 50.0, abs=1e-7)
    assert last.voltage == pytest.approx(every.voltage[-4 * 128:], abs=0.2)
    assert window.end - last.start - last.duration < 1.3 / 50


@pytest.mark.parametrize('cycles, seconds', [(0, 0.2), (-1, 0.2), (10, 0.2), (3, 0.0605)])
def test_cycles_that_are_not_there(cycles, seconds):
    with pytest.raises(WaveformError, match='cycles'):
        align(window_of(wave(50.0, 6400.0, seconds, phase=np.pi), 6400.0), 50.0, cycles=cycles)


def test_a_missing_cycle_does_not_mislead():
    """A cycle-long gap in the mains is one crossing less, not another frequency."""
    voltage = wave(50.0, 6400.0, 0.4)
    voltage[1000:1130] = np.random.default_rng(0).normal(0.0, 1.0, 130)
    assert fundamental_frequency(voltage, 6400.0, 50.0) == pytest.approx(50.0, abs=0.05)


def test_the_kernel_is_a_windowed_sinc():
    """Interpolation against its plain twin, tap by tap."""
    rng = np.random.default_rng(1)
    samples, position = rng.standard_normal((2, 60)), rng.uniform(7, 50, 40)
    fast = module._interpolate(samples, position)
    for k, exact in enumerate(np.rint(position * 2048) / 2048):
        taps = [(m, np.sinc(m - exact) * np.i0(8 * np.sqrt(1 - ((m - exact) / 8) ** 2)))
                for m in range(60) if -8 < m - exact < 8 or m == int(exact) - 7]
        total = sum(weight for _, weight in taps)
        for channel in range(2):
            plain = sum(weight * samples[channel, m] for m, weight in taps) / total
            assert fast[channel, k] == pytest.approx(plain, abs=1e-9)


@pytest.mark.parametrize('step', [1.0, 1.0005, 0.9997, 1.01])
def test_neighbours_that_move_by_one_sample_are_read_as_any_others(step):
    """In order the samples are not copied; shuffled, no two neighbours follow each other and all of them are."""
    rng = np.random.default_rng(2)
    samples, position = rng.standard_normal((2, 1400)), 7.3 + step * np.arange(1280)
    order = rng.permutation(position.size)
    found, shuffled = module._interpolate(samples, position), module._interpolate(samples, position[order])
    assert np.array_equal(found[:, order], shuffled)
