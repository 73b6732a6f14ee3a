"""The part of a signature vector that tells appliances apart, on scales where measurement noise is about even."""
import numpy as np

from ..waveform import FEATURE_NAMES

NARROW = 7  # harmonics that a converter at 1 kHz holds
UPPER_NONE = 0.05   # RMS of the view's upper harmonics, below which there are none: at 1 kHz mostly below, else above
CURRENT_SCALE = 0.02  # harmonics are compared in proportion above this and in absolute terms below [A]

_AT = {name: index for index, name in enumerate(FEATURE_NAMES)}
_ORDERS = range(2, 1 + max(int(name.split('_')[1]) for name in FEATURE_NAMES if name.startswith('real_')))
_REAL = [_AT['displacement_cos'], *(_AT[f'real_{order}'] for order in _ORDERS)]
_IMAG = [_AT['displacement_sin'], *(_AT[f'imag_{order}'] for order in _ORDERS)]
_LOGS = [_AT[f'log_{name}'] for name in ('current', 'active_power', 'reactive_power')]
_ANGLES = [_AT[name] for name in ('power_factor', 'displacement_cos', 'displacement_sin')]


def upper_harmonics(width: int) -> np.ndarray:
    """Return (width,) which columns of the view are harmonics above `NARROW`; none where it is not this view's."""
    parts = [np.arange(1, 1 + len(_REAL)) > NARROW, np.arange(1, 1 + len(_IMAG)) > NARROW]
    chosen = np.concatenate([*parts, np.zeros(len(_LOGS) + 1 + len(_ANGLES), dtype=bool)])
    return chosen if width == len(chosen) else np.zeros(width, dtype=bool)


def appliance_view(vectors: np.ndarray) -> np.ndarray:
    """Return (m, 49) of signature vectors (m, FEATURES).

    The complex harmonics in ampere through asinh(h / CURRENT_SCALE), the logarithms of current, P and Q, of the crest
    factor, and the power factor and displacement. Left out, because on recorded appliances each made identification
    worse: harmonics as ratios (a small fundamental blows them up), wavelet shares and the trajectory. Left out too:
    inrush and settling time, since a switch-on that was not seen looks like one without inrush.
    """
    relative = vectors[:, _REAL] + 1j * vectors[:, _IMAG]
    current = 10 ** np.clip(vectors[:, _LOGS[:1]], -3.0, 4.0) - 1e-3
    size = np.sqrt((np.abs(relative) ** 2).sum(axis=1, keepdims=True))
    harmonics = relative * np.divide(current, size, out=np.zeros_like(current), where=size > 0) / CURRENT_SCALE
    crest = np.log(np.maximum(vectors[:, [_AT['crest_factor']]], 1.0))
    return np.hstack([np.arcsinh(harmonics.real), np.arcsinh(harmonics.imag), np.log(10) * vectors[:, _LOGS], crest,
                      vectors[:, _ANGLES]])
