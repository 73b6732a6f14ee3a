"""Recordings in .csv files."""

import re
from pathlib import Path

import numpy as np

from hearthgrid_ros.recordings.recording import Hints, Recording, RecordingError, make

_COLUMNS = {'voltage': ('v', 'u', 'voltage'), 'current': ('i', 'current'), 'time': ('t', 'time')}
_UNITS = {
    'voltage': {'v': 1.0, 'mv': 1e-3, 'kv': 1e3},
    'current': {'a': 1.0, 'ma': 1e-3},
    'time': {'s': 1.0, 'ms': 1e-3, 'us': 1e-6, 'µs': 1e-6, 'μs': 1e-6},
}
_SAID = {'rate': ('fs', 'sampling_rate', 'rate'), 'label': ('label',), 'model': ('model',)}


def read_csv(path: Path, hints: Hints, label: str, model: str) -> tuple[list[Recording], list[RecordingError]]:
    """Read a table with columns `v` or `voltage`, `i` or `current`, and, for the sampling rate, `t` or `time`.

    A unit may follow a name in brackets: V, mV, kV, A, mA, s, ms, us. Separator (, ; tab blank) and decimal comma are
    sniffed. Lines before the header that begin with # may say `fs = 6400`, `label = kettle`, `model = …`.
    label, model : where the file says none.
    """
    try:
        lines = path.read_text(encoding='utf-8-sig').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecordingError(path, f'it cannot be read as text: {error}') from None
    comments, lines = split_comments(lines)
    if not lines:
        raise RecordingError(path, 'it is empty')
    said = _said(comments)
    if not re.search('[a-zA-Z]', lines[0].lower().replace('e', '')) and comments:
        lines.insert(0, comments[-1])  # the header is commented out, as numpy.savetxt writes it
    separator = max(',;\t', key=lines[0].count)
    if separator not in lines[0]:
        separator = None
    columns = _columns(path, lines[0].split(separator))
    rows = [line for line in lines[1:] if line.strip()]
    if separator != ',' and rows and ',' in rows[0]:
        rows = [line.replace(',', '.') for line in rows]
    try:
        table = (
            np.loadtxt(rows, delimiter=separator, usecols=[at for at, _ in columns.values()], ndmin=2) if rows else []
        )
    except ValueError as error:
        raise RecordingError(path, f'{error} (rows count from 1 below the header)') from None
    if not len(table):
        raise RecordingError(path, 'it has a header and no rows')
    values = {name: table[:, k] * scale for k, (name, (_, scale)) in enumerate(columns.items())}
    rate = _rate(path, values.get('time'), said.get('rate'), hints.sampling_rate)
    return [
        make(
            path,
            '',
            values['voltage'],
            values['current'],
            rate,
            hints.label or said.get('label') or label,
            hints.model or said.get('model') or model,
        )
    ], []


def split_comments(lines: list[str]) -> tuple[list[str], list[str]]:
    """Return the comments before the first line of the table, and the table."""
    comments = []
    for k, line in enumerate(lines):
        if line.lstrip().startswith('#'):
            comments.append(line.lstrip().lstrip('#').strip())
        elif line.strip():
            return comments, lines[k:]
    return comments, []


def _said(comments: list[str]) -> dict[str, str]:
    said = {}
    for line in comments:
        for key, value in re.findall(r'(\w+)\s*[=:]\s*([^,;]+)', line):
            said.update({name: value.strip() for name, keys in _SAID.items() if key.lower() in keys})
    return said


def _columns(path: Path, header: list[str]) -> dict[str, tuple[int, float]]:
    """Return place and scale of each column that is known."""
    found = {}
    for at, cell in enumerate(header):
        match = re.fullmatch(r'"?\s*(\w+)\s*(?:[\[(]\s*(\w+)\s*[\])])?\s*"?', cell.strip())
        name = next((name for name, words in _COLUMNS.items() if match and match[1].lower() in words), None)
        if name is None:
            continue
        if name in found:
            raise RecordingError(path, f'it has two columns of {name}')
        unit = (match[2] or next(iter(_UNITS[name]))).lower()
        if unit not in _UNITS[name]:
            raise RecordingError(path, f'{name} is in {match[2]}; {", ".join(_UNITS[name])} are known')
        found[name] = (at, _UNITS[name][unit])
    for name in ('voltage', 'current'):
        if name not in found:
            raise RecordingError(path, f'it has no column {" or ".join(map(repr, _COLUMNS[name]))}')
    return found


def _rate(path: Path, time: np.ndarray | None, said: str | None, hint: float) -> float:
    """Return the sampling rate from the time column, else the comment, else the hint. [Hz]"""
    if time is not None:
        if len(time) < 2 or not np.isfinite(time).all() or not time[-1] > time[0]:
            raise RecordingError(path, 'its time does not go forward')
        step = (time[-1] - time[0]) / (len(time) - 1)
        if np.abs(time - time[0] - step * np.arange(len(time))).max() > step:
            raise RecordingError(path, 'its samples are not evenly spaced in time')
        return 1 / step
    try:
        rate = float(said.split()[0]) if said else hint
    except ValueError:
        raise RecordingError(path, f'the sampling rate {said!r} is no number') from None
    if np.isnan(rate):
        raise RecordingError(path, "it has neither a column 'time' nor a comment '# fs = …' with the sampling rate")
    return rate
