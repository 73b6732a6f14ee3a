"""One recording, what a file may leave open, and what is wrong with a file."""

import json
import math
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from hearthgrid_core.sim import replay
from hearthgrid_core.waveform import WaveformError, fundamental_frequency

LABEL_MAX, MODEL_MAX = 48, 64  # what hearthgrid_msgs/Label can carry


class RecordingError(ValueError):
    """A recording that cannot be used: names the file and the reason."""

    def __init__(self, path: Path, reason: object):
        super().__init__(f'{path}: {reason}')
        self.path, self.reason = Path(path), str(reason)


@dataclass(frozen=True, eq=False)
class Recording(replay.Recording):
    """What was measured on one appliance, and where it was read.

    voltage, current : (n,) [V], [A]     sampling_rate : [Hz]     label : what it is     model : which unit, '' unknown
    source : the file, and which part of it.
    """

    source: str = ''


@dataclass(frozen=True)
class Hints:
    """What a file may leave open. Its sidecar `<file>.json` may say the same by the same names, and goes before these.

    sampling_rate : of tables without time. NaN = the file must say it. [Hz]
    voltage_full_scale, current_full_scale : what ±1 in a WAV file stands for (full scale of integers). [V], [A]
    label, model : put in place of what the file or its folder says, where not empty.
    """

    sampling_rate: float = math.nan
    voltage_full_scale: float = 400.0
    current_full_scale: float = 50.0
    label: str = ''
    model: str = ''

    def of(self, path: Path) -> 'Hints':
        """Return these hints with what the sidecar of `path` says. RecordingError when it says something else."""
        sidecar = path.with_name(path.name + '.json')
        if not sidecar.is_file():
            return self
        try:
            said = json.loads(sidecar.read_text(encoding='utf-8'))
        except (OSError, RecursionError, ValueError) as error:
            raise RecordingError(sidecar, error) from None
        kinds = {field.name: field.type for field in fields(self)}
        if not isinstance(said, dict) or not set(said) <= set(kinds):
            raise RecordingError(sidecar, f'only {", ".join(kinds)} can be said here')
        for name, value in said.items():
            if kinds[name] is str and not isinstance(value, str):
                raise RecordingError(sidecar, f'{name} is {value!r}; it must be a text')
            if kinds[name] is float and (
                isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0
            ):
                raise RecordingError(sidecar, f'{name} is {value!r}; it must be a positive number')
        return replace(self, **said)


def make(
    path: Path, part: str, voltage: np.ndarray, current: np.ndarray, sampling_rate: float, label: str, model: str = ''
) -> Recording:
    """Return a checked recording. RecordingError names file, part and reason.

    path, part : the file, and which part of it ('' = all).     voltage, current : (n,) [V], [A]
    """
    source = f'{path}#{part}' if part else str(path)
    where = f'recording {part}: ' if part else ''
    for name, text, longest in (('label', label, LABEL_MAX), ('model', model, MODEL_MAX)):
        if len(text.encode()) > longest:
            raise RecordingError(path, f'{where}the {name} {text[:20]!r}… is longer than {longest} bytes')
    try:
        made = Recording(voltage, current, float(sampling_rate), label, model, source)
        if math.isnan(fundamental_frequency(made.voltage, made.sampling_rate, 55.0)):
            raise ValueError('there is no mains in its voltage (45 … 65 Hz, at least 12 V RMS)')
    except (WaveformError, ValueError, TypeError) as error:
        raise RecordingError(path, f'{where}{error}') from None
    return made
