"""Recordings in a rosbag2: blocks of `Samples` joined again, or `Waveform` windows; named by `Label` messages."""

import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ament_index_python.packages import PackageNotFoundError
from rosbags.rosbag2 import Reader

from hearthgrid_core.waveform import Window
from hearthgrid_ros.definitions import typestore
from hearthgrid_ros.recordings.recording import Hints, Recording, RecordingError, make

SAMPLES, WAVEFORM, LABEL = (f'hearthgrid_msgs/msg/{name}' for name in ('Samples', 'Waveform', 'Label'))
LONGEST = 60.0  # of one piece that is kept: a day of samples does not fit into memory [s]
_JITTER = 1e-3  # of stamps of consecutive blocks [s]


def is_bag(path: Path) -> bool:
    """Return whether `path` is a rosbag2 folder or a storage file of one."""
    return path.suffix in ('.mcap', '.db3') if path.is_file() else (path / 'metadata.yaml').is_file()


def read_bag(path: Path, hints: Hints) -> tuple[list[Recording], list[RecordingError]]:
    """Read an outlet's samples as one recording for each piece without a gap and under one label.

    Where an outlet has no samples in the bag, each of its waveforms is a recording. The label in force is the one of a
    `Label` message; an outlet that has none at all is called by its id, and what lies between labels is left out.
    """
    labels = _Labels()
    problems: list[RecordingError] = []
    for _, message in _messages(path, {LABEL}, problems):
        labels.add(message)
    pieces, waveforms = _Pieces(), []
    problems.clear()  # a damaged bag is damaged in every pass
    for kind, message in _messages(path, {SAMPLES, WAVEFORM}, problems):
        if kind == SAMPLES:
            pieces.add(message, labels)
        else:
            waveforms.append(message)
    made = []
    cut = [_Piece(m, labels.at(m)) for m in waveforms if m.outlet not in pieces.outlets]
    for piece in (*pieces.all, *(piece for piece in cut if piece.name)):
        try:
            made.append(piece.recording(path, hints))
        except RecordingError as error:
            problems.append(error)
        if piece.left_out:
            problems.append(
                RecordingError(path, f'{piece.part}: {piece.left_out:.0f} s after its first {LONGEST:g} s are left out')
            )
    if not made and not problems:
        raise RecordingError(path, 'it holds no Samples or Waveform messages of hearthgrid_msgs')
    return made, problems


class _Labels:
    """What the bag says was plugged in."""

    def __init__(self):
        self._said = defaultdict(list)

    def add(self, message) -> None:
        self._said[message.outlet].append(
            (_seconds(message.valid_from), _seconds(message.valid_until) or math.inf, message.type, message.model)
        )

    def at(self, block) -> tuple[str, str]:
        """Return (type, model) in the middle of a block; its outlet's id where nothing is ever said, '' between labels.

        A label without an end holds until the next begins.
        """
        said = self._said.get(block.outlet)
        if not said:
            return block.outlet, ''
        middle = (
            _seconds(block.stamp) + len(block.voltage) / block.sampling_rate / 2 if block.sampling_rate > 0 else 0.0
        )
        holding = [label for label in said if label[0] <= middle <= label[1]]
        return max(holding, key=lambda label: label[0])[2:] if holding else ('', '')


class _Piece:
    """Blocks that join."""

    def __init__(self, block, name: tuple[str, str]):
        self.name, self.model = name
        self.part = f'{block.outlet}@{_seconds(block.stamp):.3f}'
        self.left_out = 0.0
        self._first, self._voltage, self._current = block, [block.voltage], [block.current]
        self._count = len(block.voltage)
        self.follow(block)

    def follow(self, block) -> None:
        """Remember where the next block must begin."""
        self._sequence = block.sequence
        self._due = (
            _seconds(block.stamp) + len(block.voltage) / block.sampling_rate if block.sampling_rate > 0 else math.nan
        )

    def joins(self, block, name: tuple[str, str]) -> bool:
        """Return whether a block continues this piece."""

        def same(key):
            return getattr(block, key) == getattr(self._first, key)

        return (
            name == (self.name, self.model)
            and block.sequence == self._sequence + 1
            and abs(_seconds(block.stamp) - self._due) <= _JITTER
            and same('sampling_rate')
            and same('voltage_scale')
            and same('current_scale')
        )

    def add(self, block) -> None:
        """Take a block that joins."""
        if (self._count + len(block.voltage)) / block.sampling_rate > LONGEST:
            self.left_out += len(block.voltage) / block.sampling_rate
        else:
            self._voltage.append(block.voltage)
            self._current.append(block.current)
            self._count += len(block.voltage)
        self.follow(block)

    def recording(self, path: Path, hints: Hints) -> Recording:
        """Return the whole piece in volts and amperes. RecordingError."""
        first = self._first
        try:
            window = Window.from_counts(
                np.concatenate(self._voltage),
                np.concatenate(self._current),
                first.voltage_scale,
                first.current_scale,
                first.sampling_rate,
                0.0,
            )
        except ValueError as error:
            raise RecordingError(path, f'{self.part}: {error}') from None
        return make(
            path,
            self.part,
            window.voltage,
            window.current,
            window.sampling_rate,
            hints.label or self.name,
            hints.model or self.model,
        )


class _Pieces:
    """The pieces of all outlets, in the order they began."""

    def __init__(self):
        self.all: list[_Piece] = []
        self.outlets: set[str] = set()
        self._open: dict[str, _Piece] = {}

    def add(self, block, labels: _Labels) -> None:
        name = labels.at(block)
        self.outlets.add(block.outlet)
        piece = self._open.get(block.outlet)
        if piece and piece.joins(block, name):
            piece.add(block)
        elif name[0]:
            self._open[block.outlet] = piece = _Piece(block, name)
            self.all.append(piece)
        else:
            self._open.pop(block.outlet, None)


def _messages(path: Path, kinds: set[str], problems: list[RecordingError]) -> Iterator[tuple[str, object]]:
    """Yield (type, message). A bag that breaks off yields what is before, and a problem.

    RecordingError when it cannot be opened, or was recorded with other definitions of the messages than are installed.
    """
    store = _typestore(path)
    try:
        # A damaged file makes the reader raise almost anything, down to AssertionError.
        reader = Reader(path)
        reader.open()
    except Exception as error:
        raise RecordingError(path, f'it is no rosbag2 that can be read: {error or type(error).__name__}') from None
    try:
        chosen = [connection for connection in reader.connections if connection.msgtype in kinds]
        for connection in chosen:
            if connection.digest and connection.digest != store.hash_rihs01(connection.msgtype):
                raise RecordingError(
                    path, f'{connection.topic} was recorded with another definition of {connection.msgtype}'
                )
        messages = reader.messages(chosen) if chosen else iter(())
        while True:
            try:
                connection, _, data = next(messages)
                message = store.deserialize_cdr(data, connection.msgtype)
            except StopIteration:
                return
            except Exception as error:
                problems.append(RecordingError(path, f'it breaks off: {error or type(error).__name__}'))
                return
            yield connection.msgtype, message
    finally:
        reader.close()


def _typestore(path: Path):
    """Return the installed definitions of the messages read here."""
    try:
        return typestore((SAMPLES, WAVEFORM, LABEL))
    except (PackageNotFoundError, OSError) as error:
        raise RecordingError(path, f'hearthgrid_msgs is not installed: {error}') from None


def _seconds(stamp) -> float:
    return stamp.sec + stamp.nanosec * 1e-9
