"""`hearthgrid evaluate` and `hearthgrid identify` on small recordings made here, whole and damaged."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from hearthgrid import evaluate as judge
from hearthgrid.cli import app
from hearthgrid.features import table
from hearthgrid_core.devices.bundle import Trained, Unit
from hearthgrid_ros.recordings import FRAMES, SERIES, WAVEFORM, RecordingError, collect

RATE = 6400.0
LOADS = {
    'heater': lambda angle: 6.0 * np.sin(angle),
    'motor': lambda angle: 2.0 * np.sin(angle - 0.9) + 0.1 * np.sin(3 * angle),
    'charger': lambda angle: 0.9 * np.sin(angle) ** 15,
}
HOUSES, DAY = 3, 600


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def said(result) -> str:
    return ' '.join((result.output + (result.stderr if result.stderr_bytes is not None else '')).split())


def waves(load: str, seed: int, cycles: int = 25, rate: float = RATE):
    rng = np.random.default_rng(seed)
    angle = 2 * np.pi * 50.0 * np.arange(round(cycles / 50.0 * rate)) / rate + rng.uniform(0, 6)
    current = LOADS[load](angle) * rng.uniform(0.95, 1.05) + rng.normal(0, 0.004, angle.size)
    return 325.0 * np.sin(angle) + rng.normal(0, 0.5, angle.size), current


@pytest.fixture(scope='module')
def waveforms(tmp_path_factory):
    root = tmp_path_factory.mktemp('waveforms')
    labels = [load for load in LOADS for _ in range(8)]
    v, i = (np.stack(x) for x in zip(*(waves(load, k) for k, load in enumerate(labels)), strict=True))
    np.savez(root / 'all.npz', v=v, i=i, fs=RATE, label=np.array(labels), house=np.arange(len(labels)) % HOUSES)
    return root


def power(kind: str, house: int, seed: int) -> np.ndarray:
    """A kettle twice for a while, a fridge in turns, a router always."""
    rng = np.random.default_rng((house, seed))
    at = np.arange(DAY)
    shape = {'kettle': (np.abs(at - 150) < 20) | (np.abs(at - 450) < 15), 'fridge': at % 120 < 45,
             'router': np.ones(DAY)}[kind]
    size = {'kettle': 2000.0, 'fridge': 90.0, 'router': 9.0}[kind] * (1 + 0.1 * house)
    return size * shape + rng.normal(0, 0.3, DAY)


@pytest.fixture(scope='module')
def series(tmp_path_factory):
    root = tmp_path_factory.mktemp('series')
    rows = [(kind, house, k) for kind in ('kettle', 'fridge', 'router') for house in range(HOUSES) for k in range(3)]
    np.savez(root / 'days.npz', p=np.stack([power(*row) for row in rows]), step_s=4,
             label=np.array([row[0] for row in rows]), house=np.array([row[1] for row in rows]))
    return root


# -- what is read -----------------------------------------------------------------------------------------------------

def test_waveforms_keep_what_their_file_says(waveforms):
    examples, problems = collect(waveforms)
    assert not problems and len(examples) == 24
    assert examples[9].kind == WAVEFORM and examples[9].values.shape == (2, 3200)
    assert examples[9].facts == {'label': 'motor', 'model': '', 'house': '0', 'file': 'all.npz'}


@pytest.mark.parametrize('name, content, rate, watts', [
    ('t.csv', 'time,power\n' + '\n'.join(f'{4 * k},{k}' for k in range(40)), 0.25, range(40)),
    ('unit.csv', 'time [ms];power [kW]\n' + '\n'.join(f'{500 * k};0,{k:03}' for k in range(40)), 2.0, range(40)),
    ('said.csv', '# fs = 10\n# house = 7\nwatts\n' + '\n'.join(map(str, range(40))), 10.0, range(40)),
    ('bare.csv', '\n'.join(f'{1300000000 + 6 * k} {k}' for k in range(40)), 1 / 6, range(40)),
    ('stamps.csv', 'timestamp,active_power_w\n' + '\n'.join(
        f'2024-05-01T00:{k // 2:02}:{k % 2 * 30:02},{k}' for k in range(40)), 1 / 30, range(40)),
    ('hole.csv', 'time,power\n' + '\n'.join(f'{k},{"" if k == 7 else k}' for k in range(40)), 1.0, range(40)),
])
def test_tables_of_power(tmp_path, name, content, rate, watts):
    (tmp_path / name).write_text(content)
    (one,), problems = collect(tmp_path / name)
    assert not problems and one.kind == SERIES and one.sampling_rate == pytest.approx(rate)
    assert one.values == pytest.approx(list(watts))
    assert one.facts['label'] == name[:-4] and one.facts.get('house') == ('7' if name == 'said.csv' else None)


def test_a_table_is_cut_where_its_texts_change_and_where_time_jumps(tmp_path):
    time = np.r_[np.arange(100), 5000 + np.arange(50), 5050 + np.arange(30)]
    pd.DataFrame({'time': time.astype(float), 'power': np.arange(180.0),
                  'label': ['fan'] * 150 + ['lamp'] * 30}).to_parquet(tmp_path / 'x.parquet')
    examples, _ = collect(tmp_path)
    assert [(one.facts['label'], one.values[0], one.values.size) for one in examples] == [
        ('fan', 0.0, 100), ('fan', 100.0, 50), ('lamp', 150.0, 30)]


def test_a_long_series_is_several_days():
    from hearthgrid_ros.recordings.power import pieces
    assert [(part, x.size) for part, x in pieces('a', np.zeros(5000), 1 / 60)] == [
        ('a@0', 1440), ('a@1', 1440), ('a@2', 1440), ('a@3', 680)]
    assert [x.size for _, x in pieces('a', np.zeros(1500), 1 / 60)] == [1500]


def test_frames_are_the_broken_numbers_of_a_table(tmp_path):
    frame = pd.DataFrame({'device': ['fan'] * 40 + ['saw'] * 50, 'trial': [1] * 90, 'flag': np.arange(90) % 2,
                          'rms': np.linspace(0, 1, 90), 'crest': np.full(90, np.nan)})
    frame.to_csv(tmp_path / 'x.csv', index=False)
    fan, saw = collect(tmp_path)[0]
    assert fan.kind == FRAMES and fan.columns == ('rms', 'crest') and fan.values.shape == (40, 2)
    assert (saw.facts['device'], saw.facts['trial']) == ('saw', '1') and 'flag' not in saw.facts
    made = table([fan, saw])
    assert np.isfinite(made.rows).all() and made.columns[:2] == ('rms_0.1', 'crest_0.1')


@pytest.mark.parametrize('name, content, reason', [
    ('a.csv', b'', 'empty'),
    ('a.csv', b'time,power\n', 'no rows'),
    ('a.csv', b'time,power\n' + b'\n'.join(b'%d,x' % k for k in range(40)), 'no sample that is a number'),
    ('a.csv', b'time,power\n' + b'\n'.join(b'%d,1' % (-k) for k in range(40)), 'does not go forward'),
    ('a.csv', b'power\n' + b'1\n' * 40, "'time'"),
    ('a.csv', b'power,watts\n' + b'1,2\n' * 40, '2 columns of power'),
    ('a.csv', b'time,power\n1,2\n2,3\n', '16'),
    ('a.csv', b'1 2 3\n4 5 6\n', 'no header'),
    ('a.csv', bytes(range(128, 256)), 'decode'),
    ('a.parquet', b'PAR1 and nothing more', 'a.parquet'),
    ('a.npz', b'PK\x03\x04 broken', 'a.npz'),
    ('a.txt', b'hello', 'no known kind'),
])
def test_files_that_cannot_be_used(tmp_path, name, content, reason):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=reason):
        collect(path)
    result = run('evaluate', path)
    assert result.exit_code == 1 and 'hearthgrid: ' in said(result) and 'Traceback' not in said(result)


@pytest.mark.parametrize('change, reason', [
    ({'p': None}, 'neither voltage and current'),
    ({'p': np.array(['a', 'b'])}, 'numbers are needed'),
    ({'fs': None}, 'sampling rate'),
    ({'fs': -1.0}, 'not positive'),
    ({'fs': np.ones(7)}, 'one number'),
    ({'p': np.full((2, 40), np.nan)}, 'no sample'),
    ({'p': np.where(np.arange(40) % 3, 1.0, np.nan)[None]}, '% of its samples are missing'),
    ({'p': np.ones((2, 5))}, '16'),
    ({'length': np.array([1.5, 2.5])}, 'whole numbers'),
])
def test_power_arrays_that_cannot_be_used(tmp_path, change, reason):
    arrays = {'p': np.ones((2, 40)), 'fs': 1.0, **change}
    np.savez(tmp_path / 'a.npz', **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(RecordingError, match=reason):
        collect(tmp_path / 'a.npz')


def test_a_bad_row_and_a_bad_file_do_not_spoil_the_others(tmp_path, series):
    rows = np.ones((3, 40))
    rows[1] = np.nan
    np.savez(tmp_path / 'a.npz', p=rows, fs=1.0)
    (tmp_path / 'b.csv').write_text('')
    examples, problems = collect(tmp_path)
    assert [one.source.rpartition('#')[2] for one in examples] == ['0', '2']
    assert len(problems) == 2 and 'series 1' in str(problems[0]) and 'b.csv' in str(problems[1])


# -- the features the data allow --------------------------------------------------------------------------------------

def test_windows_without_the_load_are_passed_over():
    v, i = waves('motor', 0, cycles=200)
    i[:i.size // 2] = 0.0
    from hearthgrid.features import window_signatures
    from hearthgrid_ros.recordings import Example
    found = window_signatures(Example(WAVEFORM, np.stack([v, i]), RATE, {}, 'x'))
    assert 2 <= len(found) <= 8 and min(one.current for one in found) > 0.5


@pytest.mark.parametrize('cycles, windows', [(4.5, 1), (12, 1), (25, 2), (200, 8)])
def test_as_many_windows_as_there_are(cycles, windows):
    from hearthgrid.features import waveform_rows
    from hearthgrid_ros.recordings import Example
    assert len(waveform_rows(Example(WAVEFORM, np.stack(waves('motor', 0, cycles)), RATE, {}, 'x'))) == windows


def test_the_sampling_rate_hardly_matters():
    from hearthgrid.features import waveform_rows
    from hearthgrid_ros.recordings import Example
    one, other = (waveform_rows(Example(WAVEFORM, np.stack(waves('motor', 0, rate=rate)), rate, {}, 'x')).mean(axis=0)
                  for rate in (6400.0, 30000.0))
    assert np.median(np.abs(one - other)) < 0.1


def test_kinds_are_not_mixed(waveforms, series, tmp_path):
    for folder in (waveforms, series):
        for path in folder.iterdir():
            (tmp_path / path.name).write_bytes(path.read_bytes())
    assert 'series and waveform' in said(run('evaluate', tmp_path))
    assert run('evaluate', tmp_path, '--kind', 'series', '--json').exit_code == 0
    assert 'no frames' in said(run('evaluate', tmp_path, '--kind', 'frames'))


# -- what is measured -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('protocol', [('--protocol', 'kfold', '--folds', '3'), ('--protocol', 'split', '--train', '4'),
                                      ('--protocol', 'leave-group-out', '--group', 'house')])
def test_what_differs_is_told_apart(waveforms, protocol):
    result = run('evaluate', waveforms, *protocol, '--json')
    assert result.exit_code == 0, said(result)
    found = json.loads(result.stdout)
    assert found['accuracy'] == 1.0 and found['kind'] == 'waveform'
    assert found['recordings'] == (12 if 'split' in protocol else 24)
    assert {row['name']: row['count'] for row in found['classes']} == dict.fromkeys(
        sorted(LOADS), found['recordings'] // 3)


def test_a_name_by_chance_is_not_learnt(series):
    """The labels dealt at random over the groups: whoever looked at what is tested would score."""
    made = judge.load(series)
    rng = np.random.default_rng(0)
    for example in made.examples:
        example.facts['label'] = rng.choice(['a', 'b', 'c'])
    assert judge.evaluate(made, judge.Protocol('kfold', folds=4)).scores.accuracy < 0.6


def test_a_group_is_left_out_whole_and_a_class_of_one_group_is_not_scored(series):
    made = judge.load(series)
    for example in made.examples:
        if example.facts['label'] == 'router' and example.facts['house'] != '0':
            example.facts['label'] = 'fridge'
    outcome = judge.evaluate(made, judge.Protocol('leave-group-out', 'house'))
    assert outcome.left_out == ('router',) and len(outcome.truth) == 24
    every = judge.evaluate(made, judge.Protocol('leave-group-out', 'house', every=True))
    router = every.scores.classes.index('router')
    assert not every.left_out and len(every.truth) == 27
    assert not every.probability[every.truth == 'router', router].any()      # never seen, so never answered


def test_calibration_is_told_with_and_without_chance(series):
    arguments = 'evaluate', series, '--protocol', 'leave-group-out', '--group', 'house'
    found = json.loads(run(*arguments, '--json').stdout)['calibration']
    assert found['error_low'] <= found['error'] <= found['error_high'] and found['debiased'] <= found['debiased_high']
    assert f'{found["debiased"]:.4f}' in said(run(*arguments)) and 'without chance' in said(run(*arguments))
    made = judge.load(series)
    outcome = judge.evaluate(made, judge.Protocol('leave-group-out', 'house'))
    assert sorted(set(outcome.group)) == ['0', '1', '2'] and len(outcome.group) == len(outcome.truth)
    assert judge.evaluate(made, judge.Protocol('kfold', folds=3)).group is None


def test_the_page(series, tmp_path):
    result = run('evaluate', series, '--protocol', 'leave-group-out', '--group', 'house', '--report', tmp_path / 'r')
    assert result.exit_code == 0, said(result)
    assert 'macro-F1' in said(result) and 'kettle' in said(result) and 'index.html' in said(result)
    page = (tmp_path / 'r' / 'index.html').read_text()
    assert all(word in page for word in ('kettle', 'macro-F1', 'confusion.png', 'calibration.png'))
    for name in ('confusion.png', 'calibration.png'):
        assert (tmp_path / 'r' / name).read_bytes().startswith(b'\x89PNG')
    answers = pd.read_csv(tmp_path / 'r' / 'answers.csv')
    assert len(answers) == 27 and (answers['is'] == answers['taken for']).mean() > 0.9


@pytest.mark.parametrize('arguments, reason', [
    (('--protocol', 'guess'), 'no protocol'),
    (('--protocol', 'leave-group-out'), 'needs --group'),
    (('--protocol', 'leave-group-out', '--group', 'street'), "do not say 'street'; all of them say"),
    (('--protocol', 'split', '--train', '99'), 'cannot be for training'),
    (('--folds', '999'), '999 folds'),
    (('--label', 'file'), 'another fact can name the class'),
])
def test_what_cannot_be_measured_is_said(series, arguments, reason):
    result = run('evaluate', series, *arguments)
    assert result.exit_code in (1, 2) and reason in said(result) and 'Traceback' not in said(result)


def test_a_report_that_cannot_be_written(series, tmp_path):
    (tmp_path / 'taken').write_text('')
    result = run('evaluate', series, '--folds', '2', '--report', tmp_path / 'taken')
    assert result.exit_code == 1 and 'taken' in said(result)


# -- what a recording is ----------------------------------------------------------------------------------------------

def test_a_recording_is_named_and_a_stranger_is_unknown(waveforms, tmp_path):
    v, i = waves('charger', 99)
    np.savez(tmp_path / 'a.npz', v=v, i=i, fs=RATE)
    np.savez(tmp_path / 'b.npz', v=v, i=40 * np.abs(v) / 325, fs=RATE)
    result = run('identify', tmp_path, '--from', waveforms, '--json')
    assert result.exit_code == 0, said(result)
    known, strange = json.loads(result.stdout)
    assert known['candidates'][0][0] == 'charger' and not known['unknown'] and strange['unknown']
    shown = said(run('identify', tmp_path, '--from', waveforms))
    assert 'charger' in shown and 'unknown' in shown


def test_a_trained_model_answers_alike(waveforms):
    """A stand-in for a model that `hearthgrid train` made: the same arithmetic behind the same door."""
    made = judge.load(waveforms)
    labels = made.fact('label')
    model = judge.fit(made, np.arange(24), labels, None, 0)
    units = tuple(Unit(c, 'X1', tuple(made.rows[labels[made.recording] == c].mean(axis=0))) for c in model.classes)
    trained = Trained(b'', model.classes, 1.5, (0.3,) * made.rows.shape[1], units, (3.0, 1.0), {},
                      (3.0, 1.0, 1.0))
    found = judge.identify_with(made, trained, judge.asked(model))
    assert [one.candidates[0][0] for one in found] == labels.tolist()
    assert not any(one.unknown for one in found) and {one.model for one in found} == {'X1'}
    strict = judge.identify_with(made, replace(trained, bound=-99.0), judge.asked(model))
    assert all(one.unknown and not one.model for one in strict)


def test_a_model_knows_waveforms_only(series):
    with pytest.raises(ValueError, match='knows waveforms; these recordings are series'):
        judge.identify_with(judge.load(series), None, None)


def test_a_slow_recording_is_compared_as_far_as_it_reaches(waveforms, tmp_path):
    v, i = waves('motor', 99, rate=1200.0)
    np.savez(tmp_path / 'a.npz', v=v, i=i, fs=1200.0)
    asked, known = judge.load_both(tmp_path, waveforms)
    assert judge.identify(asked, known)[0].candidates[0][0] == 'motor'
    full, beside = judge.load(waveforms), judge.load_both(waveforms, waveforms)[1]
    assert not np.allclose(full.rows, known.rows) and np.allclose(full.rows, beside.rows)


@pytest.mark.parametrize('arguments, reason', [
    (('--model', 'nowhere'), 'it is no folder of a model'),
    (('--model', 'a', '--from', 'b'), 'one of them judges'),
    ((), 'there is no trained model'),
])
def test_what_cannot_be_identified_is_said(waveforms, tmp_path, arguments, reason):
    result = run('identify', waveforms, '--state-dir', tmp_path, *arguments)
    assert result.exit_code in (1, 2) and reason in said(result) and 'Traceback' not in said(result)


def test_a_recording_of_another_kind(waveforms, series):
    assert 'no waveform among series' in said(run('identify', waveforms, '--from', series))
