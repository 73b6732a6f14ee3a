"""`hearthgrid train` on made-up appliances: the copy is its teacher, the files are safe, and the node runs them."""

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from hearthgrid import features
from hearthgrid import train as training
from hearthgrid.cli import app
from hearthgrid_core.devices.bundle import MANIFEST, MODEL
from hearthgrid_core.devices.examples import DevicesError
from hearthgrid_core.devices.view import NARROW, UPPER_NONE, upper_harmonics
from hearthgrid_core.waveform import signatures
from hearthgrid_msgs import msg, srv
from hearthgrid_ros.interfaces import CORRECT_IDENTITY, IDENTITIES, SIGNATURES
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph
from hearthgrid_ros.time import to_msg
from hub_nodes.identify import FILE, IdentifyNode
from hub_nodes.identify.trained import open_model

LOADS = {  # RMS current of harmonics 1, 3, 5 [A]
    ('heater', 'small'): {1: 3.0}, ('heater', 'large'): {1: 8.0},
    ('laptop', ''): {1: 0.2 + 0.05j, 3: -0.15 + 0.05j, 5: 0.1}, ('fan', ''): {1: 0.3 - 0.3j, 3: 0.02},
    ('welder', 'arc'): {1: 9.0 - 8.0j, 3: 2.0}, ('dimmer', ''): {1: 0.6 - 0.5j, 3: 0.3j}}
KNOWN = [unit for unit in LOADS if unit[0] not in ('welder', 'dimmer')]


def wave(unit, random, cycles=24):
    """Return voltage and current, (cycles × 128,) each, of one switch-on of a unit."""
    angle = 2 * np.pi * np.arange(128 * cycles) / 128
    current = sum(2**0.5 * (amp * (1 + 0.03 * random.standard_normal()) * np.exp(1j * order * angle)).real
                  for order, amp in LOADS[unit].items())
    return 2**0.5 * 230 * np.cos(angle), current + 1e-3 * random.standard_normal(angle.size)


def record(folder, count=6):
    """Write recordings of what is known into a folder."""
    random = np.random.default_rng(5)
    folder.mkdir()
    rows = [(*wave(unit, random), *unit) for unit in KNOWN for _ in range(count)]
    v, i, label, model = zip(*rows, strict=True)
    np.savez(folder / 'made_up.npz', v=np.stack(v), i=np.stack(i), fs=6400.0, label=np.array(label),
             model=np.array(model))
    return folder


def quiet(*_):
    pass


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A model made by the command line."""
    base = tmp_path_factory.mktemp('train')
    found = CliRunner().invoke(app, ['train', str(record(base / 'recordings')), '--out', str(base / 'model'), '--seed',
                                     '3'])
    assert found.exit_code == 0, found.output
    assert 'inner folds: accuracy 1.0000' in found.output and str(base / 'model') in found.output
    return base / 'model'


@pytest.fixture(scope='module')
def made(folder):
    examples = training.load(folder.parent / 'recordings', '', quiet)
    return examples, training.make(examples, 3, 'auto', quiet, '2026-01-01')


def test_every_window_is_learnt_a_second_time_as_a_slow_converter_sees_it(made):
    examples, result = made
    wide, slow = (examples.features[chosen] for chosen in (~examples.narrow, examples.narrow))
    high = np.r_[7:21, 28:42]    # real and imaginary parts of the harmonics beyond the seventh
    assert wide.shape == slow.shape and np.abs(wide[:, high]).max() > 1e-3 > np.abs(slow[:, high]).max()
    np.testing.assert_allclose(slow[:, 42:45], wide[:, 42:45], atol=1e-3)       # as large as it was
    for part in ('labels', 'models', 'recording', 'group'):
        assert (getattr(examples, part)[examples.narrow] == getattr(examples, part)[~examples.narrow]).all()
    assert len(result.truth) == len(wide) == len(result.validation.tested) == len(examples.recorded.labels)
    assert result.trained.provenance['accuracy_1khz'] == 1.0 and result.trained.provenance['windows'] == len(wide)


def test_the_copy_answers_as_its_teacher(made):
    examples, result = made
    from hub_nodes.identify.litert import LiteModel
    lite = LiteModel(result.trained.tflite, result.trained.features, len(result.trained.classes))
    random = np.random.default_rng(0)
    rows = examples.features[::3] + random.standard_normal(examples.features[::3].shape) * result.teacher.near.noise
    rows = np.vstack([rows, examples.features[examples.narrow]]).astype(np.float32).astype(float)
    probability, novelty = lite.judge(rows)
    np.testing.assert_allclose(probability, result.teacher.probability(rows), atol=1e-4)
    assert NARROW == features.NARROW
    upper, shift = upper_harmonics(rows.shape[1]), result.trained.provenance['novelty_shift_1khz']
    slow = np.sqrt((rows[:, upper] ** 2).mean(axis=1)) < UPPER_NONE
    np.testing.assert_allclose(novelty, result.teacher.novelty(rows) + shift * slow, atol=2e-2)
    assert result.student.kind == 'forest' and len(result.trained.tflite) <= 200_000


def test_a_blend_with_a_regression_is_copied_too(made):
    """Ranks, ties, the table of normal scores and a sharpness, as operations."""
    import dataclasses

    from hearthgrid.distil import distil
    from hearthgrid_core.devices.model import _regress, even_weights
    from hub_nodes.identify.litert import LiteModel
    examples, result = made[0].recorded, made[1]
    weights = _regress(result.teacher.ranks(examples.features), result.truth,
                       even_weights(result.truth, examples.group), 3)
    teacher = dataclasses.replace(result.teacher, weights=weights, blend=0.5, sharpness=1.5)
    student = distil(teacher, examples.features, examples.labels, 0, 'forest')
    assert student.agreement == 1.0 and student.difference < 2e-3 and teacher.blend
    rows = examples.features[::5].astype(np.float32).astype(float)
    found = LiteModel(student.tflite, teacher.features, 3).judge(rows)[0]
    np.testing.assert_allclose(found, teacher.probability(rows), atol=2e-3)
    assert np.abs(found - result.teacher.probability(rows)).max() > 1e-6     # the regression counts


def test_the_network_is_taught_where_the_trees_do_not_fit(made, monkeypatch):
    from hearthgrid import distil
    examples, result = made
    monkeypatch.setattr(distil, 'BYTES_MAX', len(result.trained.tflite) // 4)
    monkeypatch.setattr(distil, 'HIDDEN', (8,))
    monkeypatch.setattr(distil, 'STEPS', 4)
    with pytest.raises(DevicesError, match='take more than'):
        distil.distil(result.teacher, examples.features, examples.labels, 0, 'forest')
    monkeypatch.setattr(distil, 'BYTES_MAX', 200_000)
    student = distil.distil(result.teacher, examples.features, examples.labels, 0, 'network', batches=60)
    assert (student.kind, student.trees) == ('network', 0) and student.agreement > 0.5
    assert student.curve[-1, 1] < student.curve[0, 1]


def test_the_same_recordings_and_seed_make_the_same_model(made):
    examples, result = made
    again = training.make(examples, 3, 'auto', quiet, '2026-01-01').trained
    assert again.tflite == result.trained.tflite and again.bound == result.trained.bound
    assert again.units[0].mean == result.trained.units[0].mean


def test_what_a_home_taught_is_surer_the_nearer_it_is_and_the_stranger_to_the_model(made):
    trained = made[1].trained
    assert min(trained.taught[1:]) > 0 and trained.odds(0.2, 1.0) > 2 > 0 > trained.odds(3.0, -2.0)


def test_the_folder_says_where_it_comes_from(folder):
    said = json.loads((folder / MANIFEST).read_text())
    assert said['classes'] == ['fan', 'heater', 'laptop'] and said['provenance']['sources'] == ['made_up.npz']
    assert said['provenance']['seed'] == 3 and said['provenance']['recordings'] == 24
    assert {(unit['type'], unit['model']) for unit in said['units']} == {('heater', 'small'), ('heater', 'large')}
    assert said['provenance']['calibration_error'] < 0.1 and len(said['hash']) == 64
    page = (folder / 'report.html').read_text()
    for name in ('confusion.png', 'calibration.png', 'curves.png'):
        assert name in page and (folder / name).read_bytes()[:4] == b'\x89PNG'
    trained, lite = open_model(str(folder), '')
    assert trained.provenance == said['provenance'] and trained.hash == said['hash']


def test_what_was_there_is_kept_and_a_failed_write_changes_nothing(made, tmp_path, monkeypatch):
    _, result = made
    target = tmp_path / 'model'
    training.write(result, target)
    (target / 'mine').write_text('x')
    training.write(result, target)
    assert (tmp_path / 'model.previous' / 'mine').exists() and not (target / 'mine').exists()
    monkeypatch.setattr(training, 'pack', lambda trained: {'no/such/folder': b''})
    with pytest.raises(OSError):
        training.write(result, target)
    assert open_model(str(target), '') and {p.name for p in tmp_path.iterdir()} == {'model', 'model.previous'}


@pytest.mark.parametrize('arguments, words', [
    (['nowhere'], 'not there'), (['{}', '--student', 'oracle'], 'no student'), (['{}', '--group', 'house'], 'house')])
def test_what_cannot_be_trained_is_one_line(folder, tmp_path, arguments, words):
    arguments = [word.format(folder.parent / 'recordings') for word in arguments]
    found = CliRunner().invoke(app, ['train', *arguments, '--out', str(tmp_path / 'model')])
    assert found.exit_code and words in found.output and 'Traceback' not in found.output
    assert not (tmp_path / 'model').exists()


# The node.

START = time.time() - 3600.0


class Talk:
    """A peer of an identify node that runs the model."""

    def __init__(self, ros, state, **parameters):
        self.ros, self.peer, self.clock = ros, ros.peer(), START
        self.random = np.random.default_rng(9)
        self.heard = ros.hear(self.peer, IDENTITIES)
        self.signatures, self.correct = SIGNATURES.publisher(self.peer), CORRECT_IDENTITY.client(self.peer)
        self.parameters = {'state_dir': str(state), 'refit_period': 0.0, 'save_period': 0.0, **parameters}
        self.node = None
        self.start()

    def start(self):
        self.node = self.ros.add(IdentifyNode, **options('/home', self.parameters))
        assert self.ros.matched(self.signatures)

    def restart(self):
        self.ros.end(self.node)
        self.start()

    def show(self, unit, outlet='desk'):
        """Show a load and return the identity that answers."""
        volts, amps = wave(unit, self.random, 10)
        self.clock += 10.0
        made = signatures(volts[None], amps[None], np.array([50.0]))[0]
        scalars = {name: float(getattr(made, name)) for name in (
            'frequency', 'voltage', 'current', 'active_power', 'reactive_power', 'crest_factor', 'inrush_ratio',
            'settling_time')}
        stamp = to_msg(self.clock)
        self.signatures.publish(msg.Signature(
            stamp=stamp, outlet=outlet, sequence=1, version=made.version, cycles=10, **scalars,
            reason=msg.Signature.REASON_HEARTBEAT, harmonics_real=made.harmonics.real.tolist(),
            harmonics_imag=made.harmonics.imag.tolist(), wavelet_energy=made.wavelet_energy.tolist(),
            trajectory=made.trajectory.tolist()))
        assert self.ros.until(lambda: any(i.stamp == stamp and i.outlet == outlet for i in self.heard))
        return next(i for i in self.heard if i.stamp == stamp and i.outlet == outlet)

    def name(self, outlet, type, model='', undo=False):
        request = srv.CorrectIdentity.Request(outlet=outlet, type=type, model=model, undo=undo)
        return self.ros.call(self.correct, request)

    def end(self):
        self.ros.end(self.node)
        self.ros.end(self.peer)


@pytest.fixture(scope='module')
def ros():
    with graph() as made:
        yield made


@pytest.fixture
def library(tmp_path):
    path = tmp_path / 'models.yaml'
    path.write_text('models:\n'
                    '  - {type: heater, model: large, rated_power: 1840, note: known to waste energy}\n'
                    '  - {type: fan, note: all fans}\n')
    return path


@pytest.fixture
def talk(ros, folder, tmp_path, library):
    made = Talk(ros, tmp_path, model=str(folder))
    yield made
    made.end()


def test_type_then_model_then_what_the_library_says(talk):
    large = talk.show(('heater', 'large'))
    assert (large.state, large.type, large.model) == (msg.Identity.STATE_KNOWN, 'heater', 'large')
    assert (large.rated_power, large.note) == (1840.0, 'known to waste energy')
    assert large.probability > 0.8 and 0.5 < large.model_probability <= 1 and large.novelty < 0.5
    assert large.candidates[0] == 'heater' and large.recipe.startswith('model 1.')
    fan = talk.show(('fan', ''), 'shelf')
    assert (fan.type, fan.model, fan.note) == ('fan', '', 'all fans') and np.isnan(fan.rated_power)


def test_what_is_strange_is_unknown_until_three_looks_are_named(talk):
    for _ in range(3):
        strange = talk.show(('welder', 'arc'))
        assert (strange.state, strange.type) == (msg.Identity.STATE_UNKNOWN, '') and strange.novelty > 0.5
        assert len(strange.candidates) == 3
    assert talk.name('desk', 'welder', 'arc').success
    for _ in range(5):
        seen = talk.show(('welder', 'arc'), 'garage')
        assert (seen.state, seen.type, seen.model) == (msg.Identity.STATE_KNOWN, 'welder', 'arc')
    assert talk.show(('laptop', ''), 'sofa').type == 'laptop'
    talk.restart()
    assert talk.show(('welder', 'arc'), 'garage').type == 'welder'
    assert talk.show(('welder', 'arc')).state == msg.Identity.STATE_NAMED
    assert talk.node._household.identifier.bytes <= 32 * 1024


def test_a_wrong_correction_is_undone_also_after_a_restart(talk):
    for _ in range(3):
        assert talk.show(('heater', 'large')).model == 'large'
    assert talk.name('desk', 'toaster').success
    assert talk.show(('heater', 'large'), 'bath').type == 'toaster'
    talk.restart()
    assert talk.show(('heater', 'large'), 'bath').type == 'toaster'
    undone = talk.name('desk', '', undo=True)
    assert undone.success and 'not named any more' in undone.message
    back = talk.show(('heater', 'large'), 'bath')
    assert (back.state, back.type, back.model) == (msg.Identity.STATE_KNOWN, 'heater', 'large')
    again = talk.name('desk', '', undo=True)
    assert not again.success and 'no correction' in again.message


def test_use_refines_and_that_is_kept(talk):
    identifier = talk.node._household.identifier
    talk.show(('heater', 'small'))
    vector = talk.node._household._outlets['desk'].seen[-1].look.vector
    before = identifier.unlike(vector, 'heater', 'small')
    for _ in range(5):
        identifier.follow(vector)
    assert identifier.moved
    kept = identifier.unlike(vector, 'heater', 'small')
    assert kept < before - 0.1
    talk.restart()
    assert talk.node._household.identifier.unlike(vector, 'heater', 'small') == pytest.approx(kept)


def test_what_was_taught_outlives_another_model_or_none(ros, folder, tmp_path):
    talk = Talk(ros, tmp_path)     # no model: learns from labels alone
    for _ in range(3):
        talk.show(('welder', 'arc'))
    assert talk.name('desk', 'welder', 'arc').success
    ros.end(talk.node)
    (tmp_path / 'model').symlink_to(folder)    # the one in the state folder is found
    talk.start()
    assert talk.show(('welder', 'arc'), 'garage').type == 'welder'
    assert talk.show(('laptop', ''), 'sofa').type == 'laptop'
    talk.end()
    assert 'trained_hash' in np.load(tmp_path / FILE, allow_pickle=False)


def truncated(model):
    (model / MODEL).write_bytes((model / MODEL).read_bytes()[:-100])


def tampered(model):
    content = bytearray((model / MODEL).read_bytes())
    content[len(content) // 2] ^= 1
    (model / MODEL).write_bytes(content)


def reworded(model):
    (model / MANIFEST).write_text((model / MANIFEST).read_text().replace('"fan"', '"fun"'))


def of_a_later_version(model):
    (model / MANIFEST).write_text((model / MANIFEST).read_text().replace('"version": 1', '"version": 2'))


def cut_short(model):
    (model / MANIFEST).write_bytes((model / MANIFEST).read_bytes()[:200])


@pytest.mark.parametrize('harm, words', [
    (truncated, 'is not the one'), (tampered, 'is not the one'), (reworded, 'was changed'),
    (of_a_later_version, 'version 2'), (cut_short, 'cannot be read'), (lambda m: (m / MODEL).unlink(), 'missing'),
    (lambda m: (m / MANIFEST).write_text('{}'), 'not the')])
def test_a_damaged_model_is_refused_and_the_node_learns_from_labels(ros, folder, tmp_path, harm, words):
    model = tmp_path / 'model'
    model.mkdir()
    for name in (MODEL, MANIFEST):
        (model / name).write_bytes((folder / name).read_bytes())
    harm(model)
    with pytest.raises(DevicesError, match=words):
        open_model('', str(tmp_path))
    node = ros.add(IdentifyNode, **options('/home', {'state_dir': str(tmp_path)}))
    status = next(status for status in node.health.statuses() if status.name.endswith(': model'))
    assert words in status.message and not node._household.identifier.ready
    ros.end(node)


def test_the_node_needs_no_tensorflow(folder):
    code = ('import sys\nimport hub_nodes.identify\nfrom hub_nodes.identify.trained import open_model\n'
            f'trained, lite = open_model({str(folder)!r}, "")\nimport numpy as np\n'
            'lite.judge(np.zeros((1, trained.features)))\nassert "tensorflow" not in sys.modules')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
