"""Real recordings from files: .npz, .csv, .wav, a folder of these, or a rosbag2."""

from hearthgrid_ros.recordings.read import KINDS, read
from hearthgrid_ros.recordings.recording import Hints, Recording, RecordingError

__all__ = ['KINDS', 'Hints', 'Recording', 'RecordingError', 'read']
