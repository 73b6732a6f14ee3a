"""The FFT against the definition of a Fourier coefficient."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.waveform import harmonic_phasors, narrowed


def definition(samples, cycles, order):
    """Harmonic `order` as the mean against its own rotation."""
    turns = np.arange(len(samples)) * cycles / len(samples)
    return 2 ** 0.5 * np.mean(samples * np.exp(-2j * np.pi * order * turns))


@given(st.integers(1, 12), st.sampled_from([64, 128, 200]), st.integers(0, 1), st.integers(0, 2 ** 32 - 1))
@settings(deadline=None)
def test_the_fft_is_its_definition(cycles, per_cycle, more, seed):
    """Also of cycles that are no whole number of samples."""
    samples = np.random.default_rng(seed).standard_normal((3, cycles * per_cycle + more))
    fast = harmonic_phasors(samples, cycles, 21)
    for row, phasors in zip(samples, fast, strict=True):
        assert phasors == pytest.approx([definition(row, cycles, h) for h in range(1, 22)], abs=1e-12)


def test_amplitude_and_phase_of_known_harmonics():
    angle = 2 * np.pi * np.arange(1280) / 128
    samples = 7.0 + 3.0 * np.sqrt(2) * np.cos(angle + 0.5) + 0.2 * np.sqrt(2) * np.cos(9 * angle - 2.0)
    expected = np.zeros(40, dtype=complex)
    expected[0], expected[8] = 3.0 * np.exp(0.5j), 0.2 * np.exp(-2.0j)
    assert harmonic_phasors(samples, 10, 40) == pytest.approx(expected, abs=1e-12)


def test_parseval():
    """Direct current and all harmonics together carry the mean square of a periodic wave."""
    cycle = np.random.default_rng(3).standard_normal(128)
    cycle -= np.mean(cycle * np.cos(np.pi * np.arange(128))) * np.cos(np.pi * np.arange(128))    # nothing at Nyquist
    phasors = harmonic_phasors(np.tile(cycle, 5), 5, 63)
    assert cycle.mean() ** 2 + np.sum(np.abs(phasors) ** 2) == pytest.approx(np.mean(cycle ** 2), rel=1e-12)


def test_beyond_the_nyquist_limit_there_is_nothing():
    phasors = harmonic_phasors(np.random.default_rng(4).standard_normal(5 * 20), 5, 40)
    assert np.abs(phasors[:9]).min() > 0 and not phasors[9:].any()


def test_a_slower_converter_sees_the_lower_harmonics_alone():
    angle = 2 * np.pi * np.arange(768) / 128
    low = 1.0 + np.sin(angle) + 0.3 * np.cos(7 * angle)
    both = np.stack([low + 0.4 * np.sin(8 * angle) + 0.1 * np.sin(21 * angle), low])
    assert narrowed(both, 6, 7) == pytest.approx(np.stack([low, low]), abs=1e-12)
    assert narrowed(both, 6, 64) == pytest.approx(both, abs=1e-12)
