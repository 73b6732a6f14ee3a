"""Recordings in .npz and .wav files."""

import warnings
from pathlib import Path

import numpy as np
from scipy.io import wavfile

from hearthgrid_ros.recordings.recording import Hints, Recording, RecordingError, make

_NAMES = {
    'voltage': ('v', 'voltage'),
    'current': ('i', 'current'),
    'rate': ('fs', 'sampling_rate'),
    'label': ('label',),
    'model': ('model',),
}


def read_npz(path: Path, hints: Hints, label: str, model: str) -> tuple[list[Recording], list[RecordingError]]:
    """Read `v` [V], `i` [A] ((n,) or (m, n)), `fs` [Hz], and `label`, `model` (one, or m) where they are.

    label, model : where the file has none. Returns the recordings and what is wrong with the others.
    """
    found = _arrays(path)
    for name in ('voltage', 'current'):
        if name not in found:
            raise RecordingError(path, f'it has no array {" or ".join(map(repr, _NAMES[name]))}')
        if found[name].dtype.kind not in 'iuf' or found[name].ndim not in (1, 2):
            raise RecordingError(
                path, f'{name} is {found[name].dtype} {found[name].shape}; (n,) or (m, n) numbers are needed'
            )
    voltage, current = (np.atleast_2d(found[name]) for name in ('voltage', 'current'))
    if voltage.shape != current.shape:
        raise RecordingError(path, f'voltage is {voltage.shape}, current {current.shape}')
    count = len(voltage)
    if not count:
        raise RecordingError(path, 'it holds no recording')
    rate = np.asarray(found.get('rate', hints.sampling_rate))
    if rate.size not in (1, count) or rate.dtype.kind not in 'iuf':
        raise RecordingError(path, f'fs is {rate.dtype} {rate.shape}; one number is needed')
    if np.isnan(rate).any():
        raise RecordingError(path, "it does not say its sampling rate 'fs'")
    rates = np.broadcast_to(rate.ravel(), count)
    labels = [hints.label or text or label for text in _texts(path, 'label', found, count)]
    models = [hints.model or text or model for text in _texts(path, 'model', found, count)]
    made, problems = [], []
    for k in range(count):
        try:
            part = str(k) if found['voltage'].ndim == 2 else ''
            made.append(make(path, part, voltage[k], current[k], rates[k], labels[k], models[k]))
        except RecordingError as error:
            problems.append(error)
    return made, problems


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Return the known arrays by the keys of `_NAMES`."""
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise ValueError('it is a bare array, not an .npz')
        with file:
            return {name: file[key] for name, keys in _NAMES.items() for key in keys if key in file.files}
    except Exception as error:  # a damaged file makes the library raise almost anything, down to SyntaxError
        raise RecordingError(path, reason(error)) from None


def _texts(path: Path, name: str, found: dict, count: int) -> list[str]:
    values = np.asarray(found.get(name, ''))
    if values.size not in (1, count) or values.dtype.kind not in 'US':
        raise RecordingError(
            path, f'{name} is {values.dtype} {values.shape}; one text, or one for each recording is needed'
        )
    texts = [x.decode('utf-8', 'replace') if isinstance(x, bytes) else str(x) for x in values.ravel().tolist()]
    return texts if len(texts) == count else texts * count


def read_wav(path: Path, hints: Hints, label: str, model: str) -> tuple[list[Recording], list[RecordingError]]:
    """Read a WAV file of two channels, voltage and current; full scale is what the hints say."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', category=wavfile.WavFileWarning)
            warnings.filterwarnings('error', message='.*EOF prematurely.*', category=wavfile.WavFileWarning)
            rate, samples = wavfile.read(path)
    except wavfile.WavFileWarning:
        raise RecordingError(path, 'it is truncated') from None
    except Exception as error:  # as above, down to UnboundLocalError
        raise RecordingError(path, reason(error)) from None
    if samples.ndim != 2 or samples.shape[1] != 2:
        channels = 1 if samples.ndim == 1 else samples.shape[1]
        raise RecordingError(path, f'it has {channels} channels; two are needed, voltage and current')
    unit = samples / _full_scale(samples.dtype) - (samples.dtype == np.uint8)
    voltage, current = unit[:, 0] * hints.voltage_full_scale, unit[:, 1] * hints.current_full_scale
    return [make(path, '', voltage, current, rate, hints.label or label, hints.model or model)], []


def _full_scale(kind: np.dtype) -> float:
    if kind.kind == 'f':
        return 1.0
    return 2.0 ** (8 * kind.itemsize - 1)


def reason(error: Exception) -> str:
    """Return what a library says, or its kind where it says nothing."""
    text = str(error).split('\n')[0]
    if 'pickle' in text:
        return 'it holds Python objects or is no .npz; only plain arrays are read'
    return text or type(error).__name__
