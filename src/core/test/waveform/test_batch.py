"""Alignment of many windows at once against its plain twin, window by window."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.waveform import (
    LOAD_MIN,
    WaveformError,
    Window,
    align,
    align_batch,
    fundamental_frequency,
    signature,
    signatures,
)
from hearthgrid_core.waveform import batch as module
from hearthgrid_core.waveform.alignment import TAPS, kernel_at

RATES = [1000.0, 3200.0, 6400.0, 7680.0, 12800.0, 30000.0, 50000.0]
SHAPES = [1, 3, 15]


def windows(rate, nominal, seed, count=5, cycles=10, noise=0.003):
    """Distorted mains a little off nominal, loads of several shapes: voltage and current (count, n)."""
    rng = np.random.default_rng(seed)
    time = np.arange(int((cycles + 2.3) / nominal * rate)) / rate
    volts, amps = [], []
    for k in range(count):
        angle = 2 * np.pi * nominal * (1 + rng.uniform(-0.04, 0.04)) * time + rng.uniform(0, 6.28)
        volts.append(325 * np.sin(angle) + 12 * np.sin(5 * angle + 1) * (5.5 * nominal < 0.4 * rate))
        amps.append(rng.uniform(0.1, 10) * np.sin(angle - rng.uniform(0, 1)) ** (SHAPES[k % 3] if rate > 3000 else 1))
    volts, amps = np.array(volts), np.array(amps)
    return (volts + 325 * noise * rng.standard_normal(volts.shape),
            amps + noise * rng.standard_normal(amps.shape))


@pytest.mark.parametrize('rate', RATES)
@given(nominal=st.sampled_from([47.0, 50.0, 60.0, 63.0]), seed=st.integers(0, 2 ** 32 - 1), cycles=st.integers(4, 11))
@settings(max_examples=12, deadline=None)
def test_the_batch_is_its_plain_twin(rate, nominal, seed, cycles):
    volts, amps = windows(rate, nominal, seed, cycles=cycles)
    batch = align_batch(volts, amps, rate, nominal, cycles)
    for k, (v, i) in enumerate(zip(volts, amps, strict=True)):
        try:
            one = align(Window(v, i, rate), nominal, cycles=cycles)
        except WaveformError:
            assert np.isnan(batch.frequency[k])
            continue
        assert batch.frequency[k] == pytest.approx(one.frequency, rel=1e-9)
        assert batch.lag[k] == pytest.approx(one.start, abs=1e-9)
        assert np.abs(batch.voltage[k] - one.voltage).max() < 1e-3 * np.abs(v).max()
        assert np.abs(batch.current[k] - one.current).max() < 1e-3 * np.abs(i).max()
        vector = signatures(batch.voltage[k:k + 1], batch.current[k:k + 1], batch.frequency[k:k + 1]).vector()[0]
        assert vector == pytest.approx(signature(one).vector(), abs=0.02)


def test_the_polynomials_are_the_kernel():
    first = module._banded().reshape(-1, module._BLOCK, module._DEGREE + 1)[:TAPS, 0].astype(float)     # (TAPS, powers)
    fraction = np.random.default_rng(0).random(500)
    weights = fraction[:, None] ** np.arange(module._DEGREE + 1) @ first.T
    assert np.abs(weights - kernel_at(fraction)).max() < 5e-5


def test_more_windows_than_a_group_stay_in_order():
    volts, amps = windows(6400.0, 50.0, 1, count=50)
    batch = align_batch(volts, amps, 6400.0, 50.0, 10)
    assert batch.current.shape == (50, 1280)
    for k in (0, 15, 16, 17, 49):
        one = align(Window(volts[k], amps[k], 6400.0), 50.0, cycles=10)
        assert batch.current[k] == pytest.approx(one.current, abs=0.02)


def test_windows_either_side_of_a_decimation_limit():
    """At 12.8 kHz a mains of just under 50 Hz is decimated by two, of just over not at all: both in one group."""
    time = np.arange(3200) / 12800.0
    volts = np.stack([325 * np.sin(2 * np.pi * f * time) for f in (49.5, 50.5, 49.8, 50.2)])
    batch = align_batch(volts, volts / 100, 12800.0, 50.0, 8)
    for k in range(4):
        one = align(Window(volts[k], volts[k] / 100, 12800.0), 50.0, cycles=8)
        assert np.abs(batch.voltage[k] - one.voltage).max() < 0.1


def test_a_window_without_mains_is_told_and_spoils_no_other():
    volts, amps = windows(6400.0, 50.0, 2)
    volts[1], volts[3] = 0.0, 300.0
    batch = align_batch(volts, amps, 6400.0, 50.0, 10)
    assert np.isnan(batch.frequency).tolist() == [False, True, False, True, False]
    assert not batch.current[[1, 3]].any() and np.isnan(batch.lag[[1, 3]]).all()
    assert batch.voltage[2] == pytest.approx(align(Window(volts[2], amps[2], 6400.0), 50.0, cycles=10).voltage, abs=0.4)
    assert np.isnan(align_batch(0 * volts, amps, 6400.0, 50.0, 10).frequency).all()


def test_a_missing_cycle_does_not_mislead():
    time = np.arange(2560) / 6400.0
    volts = 325 * np.sin(2 * np.pi * 50.0 * time)
    volts[520:650] = 0.0
    assert align_batch(volts[None], volts[None], 6400.0, 50.0, 3).frequency[0] == pytest.approx(
        fundamental_frequency(volts, 6400.0, 50.0), rel=1e-9)


def test_windows_too_short_for_the_cycles():
    volts, amps = windows(6400.0, 50.0, 3, cycles=8)
    assert np.isnan(align_batch(volts, amps, 6400.0, 50.0, 10).frequency).all()
    assert np.isnan(align_batch(volts[:, :100], amps[:, :100], 6400.0, 50.0, 1).frequency).all()


@pytest.mark.parametrize('volts, amps, rate, nominal, cycles', [
    (np.ones((2, 9)), np.ones((2, 8)), 6400.0, 50.0, 3),
    (np.ones(9), np.ones(9), 6400.0, 50.0, 3),
    (np.ones((0, 9)), np.ones((0, 9)), 6400.0, 50.0, 3),
    (np.ones((2, 9)), np.ones((2, 9)), 100.0, 50.0, 3),
    (np.ones((2, 9)), np.ones((2, 9)), 6400.0, 400.0, 3),
    (np.ones((2, 9)), np.ones((2, 9)), 6400.0, 50.0, 0),
    (np.full((2, 9), np.nan), np.ones((2, 9)), 6400.0, 50.0, 3),
])
def test_batches_that_do_not_fit(volts, amps, rate, nominal, cycles):
    with pytest.raises(WaveformError):
        align_batch(volts, amps, rate, nominal, cycles)


@given(frequency=st.floats(45.0, 65.0), rate=st.floats(1000.0, 50000.0), phase=st.floats(0.0, 6.28),
       lag=st.floats(-1.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_from_45_to_65_hz_and_1_to_50_khz_the_load_stays_itself(frequency, rate, phase, lag):
    """A closed form: fundamental and third harmonic of a known current, referred to the voltage."""
    time = np.arange(int(12.5 / frequency * rate)) / rate
    angle = 2 * np.pi * frequency * time + phase
    volts = 325 * np.sin(angle) + 15 * np.sin(5 * angle)
    amps = 2 ** 0.5 * (3.0 * np.sin(angle - lag) + 0.5 * np.sin(3 * angle + 0.4))
    one = align(Window(volts, amps, rate), 50.0, cycles=10)
    batch = align_batch(volts[None], amps[None], rate, 50.0, 10)
    wanted = np.zeros(4, dtype=complex)
    # a sine of order h, referred to a sine of the fundamental: −j·exp(jφ) turned by exp(jhπ/2)
    wanted[0], wanted[2] = 3.0 * np.exp(-1j * lag), 0.5 * np.exp(0.4j) * -1j * np.exp(1.5j * np.pi)
    for got in (signature(one), signatures(batch.voltage, batch.current, batch.frequency)[0]):
        assert abs(got.harmonics[0]) > LOAD_MIN
        assert got.harmonics[:4] == pytest.approx(wanted, abs=5e-3)
        assert got.frequency == pytest.approx(frequency, abs=2e-3)
