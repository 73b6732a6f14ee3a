"""Real recordings from files: .npz, .csv, .wav, .parquet, a folder of these, or a rosbag2."""

from hearthgrid_ros.recordings.collection import FRAMES, SERIES, WAVEFORM, Example, collect, of_kind
from hearthgrid_ros.recordings.read import KINDS, read
from hearthgrid_ros.recordings.recording import Hints, Recording, RecordingError

__all__ = [
    'FRAMES', 'KINDS', 'SERIES', 'WAVEFORM', 'Example', 'Hints', 'Recording', 'RecordingError', 'collect', 'of_kind',
    'read',
]
