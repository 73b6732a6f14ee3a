"""Recordings from a rosbag2, whole and damaged."""

from pathlib import Path

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer

from hearthgrid_ros.recordings import RecordingError, read
from hearthgrid_ros.recordings import bag as bag_module

RATE, COUNT = 6400.0, 1280


def waves(rate: float = RATE, count: int = COUNT):
    """Voltage of 230 V and current of 1 A: (count,) each."""
    angle = 2 * np.pi * 50.0 * np.arange(count) / rate + 0.3
    return 230 * 2**0.5 * np.sin(angle), 2**0.5 * np.sin(angle - 0.5)


def is_the_wave(recording, amps=1.0):
    v, i = waves()  # blocks are whole cycles: one after the other they are one wave
    times = recording.voltage.size // COUNT
    assert recording.sampling_rate == RATE
    assert recording.voltage == pytest.approx(np.tile(v, times), abs=0.011)  # half a count
    assert recording.current == pytest.approx(np.tile(amps * i, times), abs=0.00051)
    return True


class Bag:
    """Writes what outlets and people say."""

    def __init__(self, path: Path, plugin=StoragePlugin.MCAP):
        self.path, self.store = path, bag_module._typestore(path)
        self._writer = Writer(path, version=9, storage_plugin=plugin)
        self._writer.open()
        self._topics = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._writer.close()

    def write(self, topic: str, kind: str, seconds: float, **fields):
        if topic not in self._topics:
            self._topics[topic] = self._writer.add_connection(topic, kind, typestore=self.store)
        self._writer.write(
            self._topics[topic], int(seconds * 1e9), self.store.serialize_cdr(self.store.types[kind](**fields), kind)
        )

    def time(self, seconds: float):
        nanoseconds = round(seconds * 1e9)
        return self.store.types['builtin_interfaces/msg/Time'](nanoseconds // 10**9, nanoseconds % 10**9)

    def samples(self, outlet, block, at=None, sequence=None, rate=RATE, amps=1.0, **change):
        """Block number `block` of ten cycles, from 1000 s."""
        v, i = waves(rate or RATE)
        at = 1000.0 + 0.2 * block if at is None else at
        fields = dict(
            outlet=outlet,
            sequence=block if sequence is None else sequence,
            sampling_rate=rate,
            nominal_frequency=50.0,
            voltage_scale=0.02,
            current_scale=0.001,
            temperature=20.0,
            voltage=np.rint(v / 0.02).astype(np.int16),
            current=np.rint(amps * i / 0.001).astype(np.int16),
        )
        self.write(f'/home/{outlet}/adc', bag_module.SAMPLES, at, stamp=self.time(at), **{**fields, **change})

    def waveform(self, outlet, at):
        v, i = waves()
        self.write(
            '/home/waveforms',
            bag_module.WAVEFORM,
            at,
            stamp=self.time(at),
            outlet=outlet,
            sequence=0,
            reason=1,
            cycles=10,
            sampling_rate=RATE,
            frequency=50.0,
            voltage_scale=0.02,
            current_scale=0.001,
            voltage=np.rint(v / 0.02).astype(np.int16),
            current=np.rint(i / 0.001).astype(np.int16),
        )

    def label(self, outlet, kind, begin, end=0.0, model=''):
        self.write(
            '/home/labels',
            bag_module.LABEL,
            1000.0,
            stamp=self.time(1000.0),
            outlet=outlet,
            source=1,
            valid_from=self.time(begin),
            valid_until=self.time(end),
            type=kind,
            model=model,
        )


@pytest.mark.parametrize('plugin', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_blocks_join_to_one_recording_an_outlet(tmp_path, plugin):
    with Bag(tmp_path / 'bag', plugin) as bag:
        for block in range(5):
            bag.samples('kitchen', block)
            bag.samples('desk', block, amps=2.0)
    made, problems = read(tmp_path / 'bag')
    assert not problems and [r.label for r in made] == ['kitchen', 'desk']
    assert all(is_the_wave(r, amps) and r.voltage.size == 5 * COUNT for r, amps in zip(made, (1, 2), strict=True))
    assert 'kitchen@1000.000' in made[0].source
    storage = next(path for path in (tmp_path / 'bag').iterdir() if path.suffix in ('.mcap', '.db3'))
    assert [r.voltage.size for r in read(storage)[0]] == [5 * COUNT] * 2  # without its metadata


@pytest.mark.parametrize(
    'change',
    [
        dict(sequence=7),  # a block is missing
        dict(at=1000.45),  # a gap in time
        dict(rate=12800.0),
        dict(voltage_scale=0.03),
        dict(current_scale=0.002),
    ],
)
def test_what_does_not_join_is_another_recording(tmp_path, change):
    with Bag(tmp_path / 'bag') as bag:
        for block in range(2):
            bag.samples('desk', block)
        bag.samples('desk', 2, **change)
    made, problems = read(tmp_path / 'bag')
    assert not problems and [r.voltage.size // COUNT for r in made] == [2, 1]


def test_labels_name_and_cut(tmp_path):
    with Bag(tmp_path / 'bag') as bag:
        bag.label('desk', 'lamp', 1000.4, 1001.0, 'Acme 3')
        bag.label('desk', 'fan', 1001.4)  # until the next one
        bag.label('desk', 'fan', 1002.0, 1002.4, 'Breeze')
        for block in range(12):
            bag.samples('desk', block)
        bag.samples('hall', 0)
    made, problems = read(tmp_path / 'bag')
    assert not problems
    assert [(r.label, r.model, r.voltage.size // COUNT) for r in made] == [
        ('hall', '', 1),
        ('lamp', 'Acme 3', 3),
        ('fan', '', 3),
        ('fan', 'Breeze', 2),
    ]


def test_waveforms_stand_in_for_samples(tmp_path):
    with Bag(tmp_path / 'bag') as bag:
        bag.label('desk', 'lamp', 1000.0, 1001.0)
        for at in (999.0, 1000.5, 1002.0):
            bag.waveform('desk', at)
        bag.waveform('hall', 1000.0)
        bag.samples('hall', 0)
    made, problems = read(tmp_path / 'bag')
    assert not problems and sorted((r.label, r.source.split('#')[1]) for r in made) == [
        ('hall', 'hall@1000.000'),
        ('lamp', 'desk@1000.500'),
    ]
    assert all(is_the_wave(r) for r in made)


def test_a_day_of_samples_is_cut_and_told(tmp_path, monkeypatch):
    monkeypatch.setattr(bag_module, 'LONGEST', 1.0)
    with Bag(tmp_path / 'bag') as bag:
        for block in range(8):
            bag.samples('desk', block)
    made, problems = read(tmp_path / 'bag')
    assert [r.voltage.size for r in made] == [5 * COUNT]
    assert len(problems) == 1 and '1 s after its first 1 s' in str(problems[0])


@pytest.mark.parametrize(
    'change, reason',
    [
        (dict(current=np.zeros(7, np.int16)), 'current 7'),
        (dict(voltage=np.zeros(0, np.int16)), 'voltage has shape'),
        (dict(voltage_scale=0.0), 'voltage_scale'),
        (dict(current_scale=float('nan')), 'current_scale'),
        (dict(rate=0.0), '0.0 Hz'),
        (dict(voltage=np.zeros(COUNT, np.int16)), 'no mains'),
    ],
)
def test_bad_blocks_are_problems(tmp_path, change, reason):
    with Bag(tmp_path / 'bag') as bag:
        bag.samples('desk', 0, **change)
        bag.samples('hall', 0)
    made, problems = read(tmp_path / 'bag')
    assert [r.label for r in made] == ['hall']
    assert len(problems) == 1 and reason in str(problems[0]) and 'desk@' in str(problems[0])


def test_a_bag_without_waveforms(tmp_path):
    with Bag(tmp_path / 'bag') as bag:
        bag.label('desk', 'lamp', 1000.0)
    with pytest.raises(RecordingError, match='no Samples or Waveform'):
        read(tmp_path / 'bag')


def test_a_bag_of_other_definitions(tmp_path):
    with Bag(tmp_path / 'bag') as bag:
        bag.samples('desk', 0)
    text = (tmp_path / 'bag/metadata.yaml').read_text()
    digest = bag.store.hash_rihs01(bag_module.SAMPLES)
    (tmp_path / 'bag/metadata.yaml').write_text(text.replace(digest, digest[:-4] + '0000'))
    with pytest.raises(RecordingError, match='another definition'):
        read(tmp_path / 'bag')


@pytest.mark.parametrize('plugin', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
def test_a_bag_that_breaks_off(tmp_path, plugin):
    with Bag(tmp_path / 'bag', plugin) as bag:
        for block in range(40):
            bag.samples('desk', block)
    storage = next(path for path in (tmp_path / 'bag').iterdir() if path.suffix in ('.mcap', '.db3'))
    whole = storage.read_bytes()
    for share in (0.0, 0.01, 0.3, 0.6, 0.9, 0.99):
        storage.write_bytes(whole[: int(share * len(whole))])
        for path in (tmp_path / 'bag', storage):
            try:
                made, problems = read(path)
            except RecordingError:
                continue
            assert all(is_the_wave(r) for r in made)
            assert problems or sum(r.voltage.size for r in made) == 40 * COUNT
    storage.unlink()
    with pytest.raises(RecordingError, match='missing'):
        read(tmp_path / 'bag')
    (tmp_path / 'bag/metadata.yaml').write_text('{')
    with pytest.raises(RecordingError, match='no rosbag2'):
        read(tmp_path / 'bag')


def test_a_bag_among_other_files(tmp_path):
    with Bag(tmp_path / 'monday') as bag:
        bag.samples('desk', 0)
    np.savez(tmp_path / 'fan.npz', v=waves()[0], i=waves()[1], fs=RATE)
    made, problems = read(tmp_path)
    assert not problems and [r.label for r in made] == ['fan', 'desk']
