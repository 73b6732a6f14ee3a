"""Harmonics of whole cycles by FFT."""
import numpy as np
from scipy import fft


def harmonic_phasors(samples: np.ndarray, cycles: int, count: int) -> np.ndarray:
    """Return the complex RMS of harmonics 1 … count.

    samples : (..., n) over `cycles` whole cycles.     Returns (..., count), in the samples' unit, cosine convention:
    a phasor V·exp(jφ) is the wave √2·V·cos(2πft + φ), t from the first sample.
    As IEC 61000-4-7 takes them from whole cycles; its grouping with the neighbouring bins is left out, since aligned
    cycles leak nothing into them. Harmonics beyond the Nyquist limit are zero.
    """
    spectrum = fft.rfft(samples, axis=-1)[..., cycles::cycles]
    spectrum *= np.sqrt(2) / samples.shape[-1]
    found = (samples.shape[-1] // 2 - 1) // cycles
    if found >= count:
        return spectrum[..., :count]
    short = np.zeros(samples.shape[:-1] + (count,), dtype=complex)
    short[..., :found] = spectrum[..., :found]
    return short


def narrowed(samples: np.ndarray, cycles: int, count: int) -> np.ndarray:
    """Return the samples without what lies beyond harmonic `count`, as a slower converter behind its filter sees them.

    samples : (..., n) over `cycles` whole cycles
    """
    spectrum = fft.rfft(samples, axis=-1)
    spectrum[..., cycles * count + cycles // 2 + 1:] = 0
    return fft.irfft(spectrum, samples.shape[-1], axis=-1)
