"""Examples to learn from and to be judged by: waveforms, power series and feature frames, from any file or folder.

What a file says about its recordings (label, house, device, trial …) stays with them as facts: any fact may name the
class, and any fact may be the group that is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hearthgrid_ros.recordings.bag import is_bag, read_bag
from hearthgrid_ros.recordings.power import read_power_npz
from hearthgrid_ros.recordings.read import SUFFIXES, below, read_file, stem
from hearthgrid_ros.recordings.recording import Hints, RecordingError
from hearthgrid_ros.recordings.table import read_table

WAVEFORM, SERIES, FRAMES = 'waveform', 'series', 'frames'
TABLES = ('.csv', '.parquet')


@dataclass(frozen=True, eq=False)
class Example:
    """One recording of any kind.

    kind : WAVEFORM, values (2, n) voltage [V] and current [A]; SERIES, values (n,) mean power [W]; FRAMES, values
        (n, d) features in a row, NaN where one is missing
    sampling_rate : [Hz], NaN of frames     columns : names of the d features of frames
    facts : what the file or its folder says, by name     source : the file, and which part of it
    """

    kind: str
    values: np.ndarray
    sampling_rate: float
    facts: Mapping[str, str]
    source: str
    columns: tuple[str, ...] = ()


def collect(path: Path | str, hints: Hints | None = None, progress=None) -> tuple[list[Example], list[RecordingError]]:
    """Return the examples of a file or of all files below a folder, and what is wrong with the rest.

    progress(done, total) : called after each file.
    As `read`, whose kinds are all read, and besides: .npz with power (`p`, `power`, `x` …) and its rate; .csv and
    .parquet tables with a column of power, or with any columns of features. RecordingError where nothing can be used.
    """
    path, hints = Path(path), hints or Hints()
    if not path.exists():
        raise RecordingError(path, 'it is not there')
    whole = path.is_dir() and not is_bag(path)
    files = below(path, (*SUFFIXES, '.parquet')) if whole else [path]
    if not files:
        raise RecordingError(path, f'there is nothing to read in it: {", ".join(SUFFIXES)}, .parquet or a rosbag2')
    made: list[Example] = []
    problems: list[RecordingError] = []
    for number, file in enumerate(files, start=1):
        folders = file.parent.relative_to(path).parts if whole else ()
        facts = {'label': folders[0] if folders else stem(file), 'model': folders[1] if folders[1:] else '',
                 'file': str(file.relative_to(path)) if whole else file.name}
        try:
            found, wrong = _of_file(file, hints.of(file), facts)
        except RecordingError as error:
            found, wrong = [], [error]
        except OSError as error:
            found, wrong = [], [RecordingError(file, error.strerror or error)]
        made += found
        problems += wrong
        if progress:
            progress(number, len(files))
    if not made:
        raise problems[0] if problems else RecordingError(path, 'it holds no recording')
    return made, problems


def _of_file(path: Path, hints: Hints, facts: dict[str, str]) -> tuple[list[Example], list[RecordingError]]:
    suffix = path.suffix.lower()
    if suffix == '.npz':
        rows, problems, waveform = read_power_npz(path, hints)
        if not waveform:
            return [_series(path, facts, hints, *row) for row in rows], problems
        said = {row[0]: row[3] for row in rows}
        found, problems = read_file(path, hints, facts['label'], facts['model'])
        return [_waveform(one, {**facts, **said.get(one.source.rpartition('#')[2], said.get('', {}))})
                for one in found], problems
    if suffix in TABLES:
        kind, rows = read_table(path, hints)
        if kind == WAVEFORM:
            facts = {**facts, **rows[0]}
        else:
            return [_series(path, facts, hints, *row) if kind == SERIES else
                    Example(FRAMES, row[1], np.nan, _named({**facts, **row[3]}, hints), f'{path}#{row[0]}', row[2])
                    for row in rows], []
    if is_bag(path):
        found, problems = read_bag(path, hints)
    else:
        found, problems = read_file(path, hints, facts['label'], facts['model'])
    return [_waveform(one, facts) for one in found], problems


def _series(path: Path, facts, hints: Hints, part: str, power: np.ndarray, rate: float, said: dict) -> Example:
    return Example(SERIES, power, rate, _named({**facts, **said}, hints), f'{path}#{part}' if part else str(path))


def _waveform(one, facts: Mapping[str, str]) -> Example:
    return Example(WAVEFORM, np.stack([one.voltage, one.current]), one.sampling_rate,
                   {**facts, 'label': one.label, 'model': one.model}, one.source)


def _named(facts: dict[str, str], hints: Hints) -> dict[str, str]:
    return {**facts, **{name: text for name in ('label', 'model') if (text := getattr(hints, name))}}


def of_kind(examples: list[Example], kind: str = '') -> list[Example]:
    """Return the examples of one kind, frames of the same columns. ValueError where they are mixed, or there are none.

    kind : '' where there is only one.
    """
    kinds = {example.kind for example in examples}
    if not kind and len(kinds) > 1:
        raise ValueError(f'there are recordings of different kinds, {" and ".join(sorted(kinds))}: choose one')
    chosen = [example for example in examples if example.kind == (kind or example.kind)]
    if not chosen:
        raise ValueError(f'there is no {kind or "recording"} among {", ".join(sorted(kinds)) or "nothing"}')
    shared = [name for name in chosen[0].columns if all(name in example.columns for example in chosen)]
    if chosen[0].kind == FRAMES and not shared:
        raise ValueError('the tables have no column of features in common')
    return [replace(example, columns=tuple(shared),
                    values=example.values[:, [example.columns.index(name) for name in shared]])
            if example.kind == FRAMES and list(example.columns) != shared else example for example in chosen]
