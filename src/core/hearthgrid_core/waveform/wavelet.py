"""Wavelet energies: how a waveform's energy shares out over octaves of harmonics."""
import numpy as np
import pywt

WAVELET, LEVELS = 'db4', 5
BANDS = LEVELS + 1


def wavelet_shares(samples: np.ndarray) -> np.ndarray:
    """Return the share of energy in each band, coarsest first: (..., BANDS), sum 1; zero where there is no energy.

    samples : (..., n), whole cycles of 128 samples. The bands then reach up to harmonic 2, 4, 8, 16, 32, 64.
    Periodised Daubechies-4, orthonormal: energies add up to the signal's (Mallat 1989, doi:10.1109/34.192463).
    """
    energies, rest = [], samples
    for _ in range(LEVELS):
        rest, detail = pywt.dwt(rest, WAVELET, mode='periodization', axis=-1)
        energies.append(_energy(detail))
    energy = np.stack([_energy(rest), *reversed(energies)], axis=-1)
    total = energy.sum(axis=-1, keepdims=True)
    return np.divide(energy, total, out=np.zeros_like(energy), where=total > 0)


def _energy(part: np.ndarray) -> np.ndarray:
    return np.einsum('...k,...k->...', part, part)
