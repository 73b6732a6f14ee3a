"""Recordings from files of every kind, whole and damaged."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

from hearthgrid_core.sim import replay
from hearthgrid_ros.recordings import Hints, Recording, RecordingError, read

RATE, COUNT = 6400.0, 1280


def waves(m: int = 1, count: int = COUNT, rate: float = RATE):
    """Voltage of 230 V and currents of 1 A, 2 A, …: (m, count) each."""
    angle = 2 * np.pi * 50.0 * np.arange(count) / rate + 0.3
    return (230 * 2**0.5 * np.tile(np.sin(angle), (m, 1)),
            2**0.5 * np.arange(1, m + 1)[:, None] * np.sin(angle - 0.5))


def npz(path: Path, m: int = 1, **change) -> Path:
    v, i = waves(m)
    arrays = {'v': v, 'i': i, 'fs': RATE, 'label': np.array(['kettle', 'lamp', 'fan'][:m]), **change}
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    return path


def table(path: Path, header='t,v,i', separator=',', comma='.', comments='', scale=(1.0, 1.0, 1.0)) -> Path:
    v, i = waves()
    columns = {'t': np.arange(COUNT) / RATE, 'v': v[0], 'i': i[0]}
    names = [name.strip().lower()[0].replace('c', 'i') for name in header.split(separator)]
    factors = dict(zip('tvi', scale, strict=True))
    rows = [separator.join(f'{columns[n][k] * factors[n]:.9g}'.replace('.', comma) if n in columns else 'x'
                           for n in names) for k in range(COUNT)]
    path.write_text('\n'.join([*comments.splitlines(), header, *rows]) + '\n', encoding='utf-8')
    return path


def wav(path: Path, kind=np.int16, volts=400.0, amps=50.0, channels=2) -> Path:
    v, i = waves()
    unit = np.stack([v[0] / volts, i[0] / amps, i[0] / amps][:channels], axis=1)
    if kind is np.uint8:
        unit = np.rint(128 * (1 + unit)).clip(0, 255)
    elif np.issubdtype(kind, np.integer):
        unit = np.rint(unit * -float(np.iinfo(kind).min))
    wavfile.write(path, int(RATE), unit.astype(kind))
    return path


def one(path, hints=None) -> Recording:
    made, problems = read(path, hints)
    assert not problems and len(made) == 1
    return made[0]


def is_the_wave(recording, amps=1.0, tolerance=1e-6):
    v, i = waves(count=recording.voltage.size)
    assert recording.sampling_rate == pytest.approx(RATE, rel=1e-6)
    assert recording.voltage == pytest.approx(v[0], abs=325 * tolerance)
    assert recording.current == pytest.approx(amps * i[0], abs=amps * 1.5 * tolerance)
    return True


# .npz

def test_npz_of_one(tmp_path):
    v, i = waves()
    got = one(npz(tmp_path / 'x.npz', v=v[0], i=i[0], label='kettle', model=np.array('Acme 3')))
    assert is_the_wave(got) and (got.label, got.model) == ('kettle', 'Acme 3') and got.source.endswith('x.npz')
    assert isinstance(got, replay.Recording)                # the simulated world plays it as it is


def test_npz_of_many(tmp_path):
    made, problems = read(npz(tmp_path / 'x.npz', m=3))
    assert not problems and [r.label for r in made] == ['kettle', 'lamp', 'fan']
    assert all(is_the_wave(r, k + 1) for k, r in enumerate(made))
    assert made[2].source.endswith('x.npz#2')


def test_npz_by_its_long_names_and_without_a_label(tmp_path):
    v, i = waves()
    np.savez(tmp_path / 'toaster_2.npz', voltage=v[0], current=i[0].astype(np.float32), sampling_rate=np.float32(RATE))
    assert one(tmp_path / 'toaster_2.npz').label == 'toaster'
    np.savez(tmp_path / 'PS4.npz', v=v[0], i=i[0], fs=RATE)
    assert one(tmp_path / 'PS4.npz').label == 'PS4'


def test_a_bad_row_does_not_spoil_the_others(tmp_path):
    v, i = waves(3)
    i[1, 7] = np.nan
    made, problems = read(npz(tmp_path / 'x.npz', m=3, i=i))
    assert [r.label for r in made] == ['kettle', 'fan']
    assert 'recording 1' in str(problems[0]) and 'finite' in problems[0].reason


VOLTS, AMPS = waves(2)


@pytest.mark.parametrize('change, reason', [
    (dict(v=None),                                  "no array 'v' or 'voltage'"),
    (dict(i=None),                                  "no array 'i'"),
    (dict(fs=None),                                 "does not say its sampling rate 'fs'"),
    (dict(i=AMPS[:, :-1]),                             r'voltage is \(2, 1280\), current \(2, 1279\)'),
    (dict(v=VOLTS[0]),                                  r'voltage is \(1, 1280\)'),
    (dict(v=np.zeros((2, 2, 2))),                   r'\(n,\) or \(m, n\)'),
    (dict(v=VOLTS.astype(str)),                         'numbers are needed'),
    (dict(v=VOLTS.astype(complex)),                     'numbers are needed'),
    (dict(v=np.empty((0, 9)), i=np.empty((0, 9))),  'no recording'),
    (dict(v=np.empty((2, 0)), i=np.empty((2, 0))),  'less than 4 cycles'),
    (dict(fs=np.array([1e4, 1e4, 1e4])),            'fs is'),
    (dict(fs=np.array('fast')),                     'fs is'),
    (dict(fs=0.0),                                  '0.0 Hz'),
    (dict(fs=-6400.0),                              '-6400.0 Hz'),
    (dict(fs=np.inf),                               'inf Hz'),
    (dict(fs=500.0),                                '500.0 Hz'),
    (dict(label=np.array(['a', 'b', 'c'])),         'label is'),
    (dict(label=np.array([1, 2])),                  'label is'),
    (dict(label=np.array('x' * 49)),                'longer than 48'),
    (dict(model=np.array('x' * 65)),                'longer than 64'),
    (dict(label=np.array([object()])),              'Python objects'),
    (dict(v=VOLTS[:, :200], i=AMPS[:, :200]),              'less than 4 cycles'),
    (dict(v=VOLTS * np.nan),                            'finite'),
    (dict(v=0 * VOLTS),                                 'no mains'),
    (dict(v=VOLTS / 100),                               'no mains'),
])
def test_npz_that_cannot_be_used(tmp_path, change, reason):
    path = npz(tmp_path / 'x.npz', m=2, **change)
    with pytest.raises(RecordingError, match=reason) as caught:
        read(path)
    assert caught.value.path == path and str(path) in str(caught.value)


def test_a_pickle_is_never_opened(tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / 'sprung',))

    np.savez(tmp_path / 'x.npz', v=np.array([Trap()], dtype=object), i=AMPS[0], fs=RATE)
    (tmp_path / 'y.npz').write_bytes(__import__('pickle').dumps(Trap()))
    for name in ('x.npz', 'y.npz'):
        with pytest.raises(RecordingError, match='Python objects'):
            read(tmp_path / name)
    assert not (tmp_path / 'sprung').exists()


def test_a_bare_array_is_no_npz(tmp_path):
    with (tmp_path / 'x.npz').open('wb') as file:
        np.save(file, VOLTS)
    with pytest.raises(RecordingError, match='bare array'):
        read(tmp_path / 'x.npz')


# .csv

@pytest.mark.parametrize('how', [
    dict(),
    dict(header='time [s],voltage [V],current [A]'),
    dict(header='Time (ms),Voltage (mV),Current (mA)', scale=(1e3, 1e3, 1e3)),
    dict(header='i;v;t', separator=';'),
    dict(header='i;v;t', separator=';', comma=','),
    dict(header='t\tv\ti', separator='\t'),
    dict(header='# t v i', separator=' ', comments='# made by hand'),
    dict(header='v,i', comments='# fs = 6400 Hz'),
    dict(header='v,i', comments='# sampling_rate: 6400, label: lamp'),
    dict(header='note,v,i,t'),
], ids=repr)
def test_csv(tmp_path, how):
    if how.get('header', '').startswith('# '):
        path = table(tmp_path / 'lamp.csv', **{**how, 'header': 't v i'})
        path.write_text(path.read_text().replace('t v i', '# t v i'))
    else:
        path = table(tmp_path / 'lamp.csv', **how)
    got = one(path)
    assert is_the_wave(got, tolerance=1e-5) and got.label == 'lamp'


def test_csv_says_what_it_is(tmp_path):
    got = one(table(tmp_path / 'x.csv', comments='# recorded today\n# label = kettle; model = Acme 3'))
    assert (got.label, got.model) == ('kettle', 'Acme 3')
    assert is_the_wave(one(table(tmp_path / 'x.csv', header='v,i'), Hints(sampling_rate=RATE)))


@pytest.mark.parametrize('edit, reason', [
    (lambda s: '',                                          'is empty'),
    (lambda s: '# nothing\n',                               'is empty'),
    (lambda s: 't,v,i\n',                                   'header and no rows'),
    (lambda s: s.replace('t,v,i', 't,x,i'),                 "no column 'v' or 'u' or 'voltage'"),
    (lambda s: s.replace('t,v,i', 't,v,v'),                 'two columns of voltage'),
    (lambda s: s.replace('t,v,i', 't,v [furlong],i'),       'voltage is in furlong'),
    (lambda s: s.replace('t,v,i', 'x,v,i'),                 'neither a column'),
    (lambda s: s.split('\n', 1)[1],                         'no column'),
    (lambda s: s[:-12].rsplit(',', 1)[0],                   'row'),             # breaks off in a row
    (lambda s: s.replace('\n0.01,', '\nabc,'),              "'abc'"),
    (lambda s: s.replace('\n0.01,', '\n5,'),                'evenly spaced'),
    (lambda s: s.replace('\n0.01,', '\nnan,'),              'forward'),
    (lambda s: 't,v,i\n1,2,3\n',                            'forward'),
    (lambda s: '# fs = quick\n' + s.replace('t,v', 'x,v'),  "'quick' is no number"),
    (lambda s: s.replace('t,v,i', 't,i,v'),                 'no mains'),        # exchanged
])
def test_csv_that_cannot_be_used(tmp_path, edit, reason):
    path = table(tmp_path / 'x.csv')
    path.write_text(edit(path.read_text()))
    with pytest.raises(RecordingError, match=reason):
        read(path)


def test_csv_that_is_no_text(tmp_path):
    (tmp_path / 'x.csv').write_bytes(bytes(range(256)))
    with pytest.raises(RecordingError, match='cannot be read as text'):
        read(tmp_path / 'x.csv')


# .wav

@pytest.mark.parametrize('kind, tolerance', [(np.uint8, 0.5), (np.int16, 1e-3), (np.int32, 1e-6), (np.float32, 1e-5)])
def test_wav(tmp_path, kind, tolerance):
    got = one(wav(tmp_path / 'fan (3).wav', kind))
    assert got.label == 'fan' and is_the_wave(got, tolerance=tolerance)


def test_wav_scales_from_a_sidecar_or_an_argument(tmp_path):
    path = wav(tmp_path / 'x.wav', np.int32, volts=350.0, amps=2.0)
    assert is_the_wave(one(path, Hints(voltage_full_scale=350.0, current_full_scale=2.0)))
    said = {'voltage_full_scale': 350, 'current_full_scale': 2.0, 'label': 'fan', 'model': 'Breeze'}
    path.with_name('x.wav.json').write_text(json.dumps(said))
    got = one(path, Hints(current_full_scale=9.0))
    assert is_the_wave(got) and (got.label, got.model) == ('fan', 'Breeze')


@pytest.mark.parametrize('sidecar, reason', [
    ('{', 'Expecting'), ('[]', 'only sampling_rate'), ('{"volts": 1}', 'only sampling_rate'),
    ('{"label": 7}', 'must be a text'), ('{"current_full_scale": "big"}', 'positive number'),
    ('{"current_full_scale": -1}', 'positive number'), ('{"current_full_scale": true}', 'positive number')])
def test_sidecars_that_cannot_be_used(tmp_path, sidecar, reason):
    wav(tmp_path / 'x.wav').with_name('x.wav.json').write_text(sidecar)
    with pytest.raises(RecordingError, match=reason):
        read(tmp_path / 'x.wav')


@pytest.mark.parametrize('channels', [1, 3])
def test_wav_of_other_channels(tmp_path, channels):
    with pytest.raises(RecordingError, match=f'{channels} channels'):
        read(wav(tmp_path / 'x.wav', channels=channels))


# Damage

@pytest.mark.parametrize('maker, name', [(npz, 'x.npz'), (wav, 'x.wav')])
def test_a_truncated_file_says_so_wherever_it_ends(tmp_path, maker, name):
    whole = maker(tmp_path / name).read_bytes()
    for size in {0, 1, 4, 11, 20, 40, 43, 60, 130, len(whole) // 2, len(whole) - 100, len(whole) - 1}:
        (tmp_path / name).write_bytes(whole[:size])
        with pytest.raises(RecordingError, match=name):
            read(tmp_path / name)


@pytest.mark.parametrize('maker, name', [(npz, 'x.npz'), (wav, 'x.wav'), (table, 'x.csv')])
def test_damage_is_an_error_or_harmless_and_never_a_crash(tmp_path, maker, name):
    whole, rng = maker(tmp_path / name).read_bytes(), np.random.default_rng(7)
    for _ in range(150):
        damaged = bytearray(whole)
        for at in rng.integers(0, min(len(whole), 400 if rng.random() < 0.5 else len(whole)), 3):
            damaged[at] = rng.integers(256)
        (tmp_path / name).write_bytes(damaged)
        try:
            made, _ = read(tmp_path / name)
        except RecordingError:
            continue
        assert all(np.isfinite(r.voltage).all() for r in made)


def test_paths_that_are_nothing(tmp_path):
    with pytest.raises(RecordingError, match='not there'):
        read(tmp_path / 'none.npz')
    (tmp_path / 'x.mp3').write_text('la')
    with pytest.raises(RecordingError, match='no known kind'):
        read(tmp_path / 'x.mp3')
    with pytest.raises(RecordingError, match='nothing to read'):
        read(tmp_path)


# Folders

def test_a_folder_names_what_is_in_it(tmp_path):
    for folder in ('kettle', 'lamp/Acme 3', '.hidden'):
        (tmp_path / folder).mkdir(parents=True)
    table(tmp_path / 'kettle/1.csv')
    table(tmp_path / 'kettle/2.csv', comments='# label = urn')
    wav(tmp_path / 'lamp/Acme 3/monday.WAV')
    npz(tmp_path / 'mixed.npz', m=2)
    wav(tmp_path / 'fan-12.wav')
    wav(tmp_path / '.hidden/x.wav')
    (tmp_path / 'README.txt').write_text('not a recording')
    (tmp_path / 'lamp/broken.npz').write_bytes(b'PK')
    made, problems = read(tmp_path)
    assert [(r.label, r.model) for r in made] == [
        ('fan', ''), ('kettle', ''), ('urn', ''), ('lamp', 'Acme 3'), ('kettle', ''), ('lamp', '')]
    assert [p.path.name for p in problems] == ['broken.npz']


def test_a_folder_of_broken_files_is_all_problems(tmp_path):
    for name in ('a.npz', 'b.wav', 'c.csv', 'd.mcap', 'e.db3'):
        (tmp_path / name).write_bytes(b'no')
    made, problems = read(tmp_path)
    assert not made and [p.path.name for p in problems] == ['a.npz', 'b.wav', 'c.csv', 'd.mcap', 'e.db3']


# Real ones

def test_the_real_recordings():
    root = os.environ.get('HEARTHGRID_DATA') or Path(__file__).parents[4] / 'shared' / 'data'
    path = Path(root, 'vpc_waveforms', 'vpc.npz')
    if not path.is_file():
        pytest.skip('real recordings are not here: vpc_waveforms/vpc.npz below $HEARTHGRID_DATA or ../shared/data')
    made, problems = read(path)
    assert not problems and len(made) == 480 and len({r.label for r in made}) == 16
    assert {(r.sampling_rate, r.voltage.size) for r in made} == {(7680.0, 2944)}
