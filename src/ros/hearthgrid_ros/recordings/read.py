"""From a path to recordings."""

import os
import re
from pathlib import Path

from hearthgrid_ros.recordings.arrays import read_npz, read_wav
from hearthgrid_ros.recordings.bag import is_bag, read_bag
from hearthgrid_ros.recordings.recording import Hints, Recording, RecordingError
from hearthgrid_ros.recordings.tables import read_csv

_READERS = {'.npz': read_npz, '.csv': read_csv, '.wav': read_wav}
SUFFIXES = tuple(_READERS)
KINDS = '.npz, .csv, .wav, .mcap or a rosbag2 folder'


def read(path: Path | str, hints: Hints | None = None) -> tuple[list[Recording], list[RecordingError]]:
    """Return the recordings of a file or of all files below a folder, and what is wrong with the rest.

    In a folder, `kettle/x.csv` and `kettle_2.csv` are both labelled kettle, and `kettle/model/x.csv` has a model too,
    unless the file or its sidecar says something else. Files of other kinds are passed over.
    RecordingError when the path is not there, is of no known kind, or is one file with nothing in it that can be used.
    """
    path, hints = Path(path), hints or Hints()
    if not path.exists():
        raise RecordingError(path, 'it is not there')
    if path.is_dir() and not is_bag(path):
        return _folder(path, hints)
    made, problems = read_file(path, hints, stem(path), '')
    if not made:
        raise problems[0]
    return made, problems


def _folder(root: Path, hints: Hints) -> tuple[list[Recording], list[RecordingError]]:
    made, problems, seen = [], [], 0
    for path in below(root, SUFFIXES):
        seen += 1
        folders = path.parent.relative_to(root).parts
        try:
            found, wrong = read_file(
                path, hints, folders[0] if folders else stem(path), folders[1] if folders[1:] else ''
            )
        except RecordingError as error:
            found, wrong = [], [error]
        made += found
        problems += wrong
    if not seen:
        raise RecordingError(root, f'there is nothing to read in it: {KINDS}')
    return made, problems


def below(root: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Return bags and files with one of the suffixes, in the order of their names."""
    found = []
    for folder, folders, files in os.walk(root):
        inner = [Path(folder, name) for name in folders if not name.startswith('.')]
        bags = [path for path in inner if is_bag(path)]
        folders[:] = [path.name for path in inner if path not in bags]
        paths = (Path(folder, name) for name in files if not name.startswith('.'))
        found += bags + [path for path in paths if path.suffix.lower() in suffixes or is_bag(path)]
    return sorted(found)


def read_file(path: Path, hints: Hints, label: str, model: str) -> tuple[list[Recording], list[RecordingError]]:
    """Return the recordings of one file or bag. label, model : where it says none. RecordingError as `read`."""
    hints = hints.of(path)
    if is_bag(path):
        return read_bag(path, hints)
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise RecordingError(path, f'it is of no known kind: {KINDS}')
    return reader(path, hints, label, model)


def stem(path: Path) -> str:
    """Return a file's name without its suffix and a number set off from it: `kettle_2`, `kettle (2)`."""
    return re.sub(r'[\s_.-]+\(?\d+\)?$', '', path.stem) or path.stem
