"""Wavelet shares against a plain transform, and against what an octave is."""
import numpy as np
import pytest
import pywt
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.waveform import wavelet_shares


def plain_shares(samples):
    """Mallat's pyramid as circular sums over the filter's own coefficients."""
    low, high = np.array(pywt.Wavelet('db4').rec_lo), np.array(pywt.Wavelet('db4').rec_hi)
    energies, rest = [], np.asarray(samples)
    for _ in range(5):
        at = (2 * np.arange(len(rest) // 2)[:, None] + np.arange(8)) % len(rest)
        energies.append(np.sum((rest[at] @ high) ** 2))
        rest = rest[at] @ low
    energies = np.array([np.sum(rest ** 2), *energies[::-1]])
    return energies / energies.sum()


@pytest.mark.parametrize('cycles', [1, 4, 10])
def test_the_transform_is_mallats_pyramid(cycles):
    """The library starts each octave at another sample, so the twin is given every start and one of them agrees."""
    samples = np.random.default_rng(cycles).standard_normal(cycles * 128)
    shares = wavelet_shares(samples)
    assert min(np.abs(plain_shares(np.roll(samples, shift)) - shares).max() for shift in range(256)) < 1e-12


@given(st.integers(1, 12), st.integers(0, 2 ** 32 - 1), st.floats(1e-6, 1e6))
def test_shares_sum_to_one_whatever_the_scale(cycles, seed, scale):
    samples = np.random.default_rng(seed).standard_normal((4, cycles * 128))
    shares = wavelet_shares(samples)
    assert shares.shape == (4, 6) and (shares >= 0).all()
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert wavelet_shares(scale * samples) == pytest.approx(shares)


@pytest.mark.parametrize('harmonic, band', [(1, 0), (3, 1), (6, 2), (12, 3), (24, 4), (48, 5)])
def test_a_harmonic_falls_into_its_octave(harmonic, band):
    samples = np.sin(2 * np.pi * harmonic * np.arange(1280) / 128)
    shares = wavelet_shares(samples)
    assert np.argmax(shares) == band and shares[band] > 0.8


def test_nothing_has_no_shares():
    assert not wavelet_shares(np.zeros((2, 128))).any()
