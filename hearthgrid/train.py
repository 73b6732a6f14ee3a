"""`hearthgrid train`: from recordings to a model that the `identify` node runs, and a report of what it is worth."""

import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hearthgrid.certainty import of_taught, of_units
from hearthgrid.features import NARROW, bandwidth, table
from hearthgrid_core.devices.bundle import UNITS_MAX, Trained, Unit, pack
from hearthgrid_core.devices.examples import DevicesError, checked_label
from hearthgrid_core.devices.forest import grow
from hearthgrid_core.devices.model import TREES, Model, Validation, even_weights, train_validated
from hearthgrid_core.devices.novelty import look_noise
from hearthgrid_core.devices.protocol import Scores, score
from hearthgrid_ros.recordings import WAVEFORM, Hints, collect

RECIPE = 5  # any change of a number here is a new recipe
EXAMPLES = 600  # kept for novelty
STATES = 2  # prototypes of a unit
SLOW_MIN = 50  # windows seen at 1 kHz for a bound of their own
FALSE_UNKNOWN = 0.02  # share of what is known that may be called unknown
SOURCES_MAX = 50  # names of files kept
CURVE = (2, 5, 10, 20, 40, 80, 120, 160, 200)  # trees
FLOOR = 1e-3  # of a probability in the curve's log loss

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Examples:
    """features : (n, d)     labels, models : (n,) text     recording : (n,) int     group : (n,) what stays together

    narrow : (n,) bool, a copy of a window as a converter at 1 kHz sees it; copies come last
    sources : names of the files     problems : what is wrong with recordings left out
    """

    features: np.ndarray
    labels: np.ndarray
    models: np.ndarray
    recording: np.ndarray
    group: np.ndarray
    narrow: np.ndarray
    sources: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def recorded(self) -> 'Examples':
        """The windows as they were recorded."""
        of = ('features', 'labels', 'models', 'recording', 'group', 'narrow')
        return replace(self, **{name: getattr(self, name)[~self.narrow] for name in of})


@dataclass(frozen=True, eq=False)
class Made:
    """student : a `hearthgrid.distil.Student`     scores : of examples judged by models that did not see their group

    validation, truth : of the windows as they were recorded, (n,) the class of each
    curve : (k, 2) number of trees and log loss on a quarter of the groups
    """

    trained: Trained
    teacher: Model
    student: object
    validation: Validation
    scores: Scores
    truth: np.ndarray
    curve: np.ndarray
    seconds: float


def load(path: Path, group: str, progress: Progress, hints: Hints | None = None) -> Examples:
    """Return windows of all waveforms below `path` as features, and copies of them without the upper harmonics.

    A model that never saw a load without them takes their absence, at a low sampling rate, for another load.

    group : the fact that must not be on both sides of a test; '' = the unit where a type has several, else the
    recording     RecordingError, ValueError where nothing can be learnt from
    """
    examples, problems = collect(path, hints, lambda done, total: progress('reading', done, total))
    of = table(examples, WAVEFORM, lambda done, total: progress('features', done, total))
    labels, models = of.fact('label'), np.array([str(example.facts.get('model', '')) for example in of.examples])
    for label, model in zip(labels.tolist(), models.tolist(), strict=True):
        checked_label(label, model)
    groups = of.fact(group) if group else _groups(labels, models)
    sources = tuple(dict.fromkeys(Path(str(example.source).split('#')[0]).name for example in of.examples))
    rows, at, count = of.rows, of.recording, len(of.recording)
    wide = np.flatnonzero([bandwidth([example]) > NARROW for example in of.examples])
    if wide.size:
        copies = table([of.examples[k] for k in wide], WAVEFORM, harmonics=NARROW)
        rows, at = np.vstack([rows, copies.rows]), np.concatenate([at, wide[copies.recording]])
    return Examples(rows, labels[at], models[at], at, groups[at], np.arange(len(at)) >= count, sources,
                    (*map(str, problems), *of.problems))


def _groups(labels: np.ndarray, models: np.ndarray) -> np.ndarray:
    units = np.array([f'{label}\t{model}' for label, model in zip(labels, models, strict=True)])
    several = {label: len(set(units[labels == label])) > 1 for label in set(labels)}
    return np.array([unit if several[label] else f'\n{k}'
                     for k, (unit, label) in enumerate(zip(units, labels, strict=True))])


def make(examples: Examples, seed: int, kind: str, progress: Progress, date: str) -> Made:
    """Train, distil and measure. date : for the provenance     DevicesError where the examples do not allow it."""
    from hearthgrid.distil import distil

    begin = time.monotonic()
    teacher, found = train_validated(examples.features, examples.labels, examples.group, seed, examples=EXAMPLES,
                                     progress=lambda share: progress('training', round(100 * share), 100))
    right = found.tested & (found.probability.argmax(axis=1) == np.searchsorted(teacher.classes, examples.labels))
    if not right.any():
        raise DevicesError('too few groups: nothing could be judged by a model that had not seen it')
    # A window without upper harmonics is nearer to all: it gets a bound of its own, as a shift of its novelty.
    kept, slow = ~examples.narrow, right & examples.narrow
    bound = float(np.quantile(found.novelty[right & kept if (right & kept).any() else right], 1 - FALSE_UNKNOWN))
    shift = 0.0
    if slow.sum() >= SLOW_MIN:
        shift = bound - float(np.quantile(found.novelty[slow], 1 - FALSE_UNKNOWN))
    student = distil(teacher, examples.features, examples.labels, seed, kind,
                     lambda share: progress('TensorFlow Lite', round(100 * share), 100), narrow=shift)
    slow = found.tested & examples.narrow
    at_1khz = float(right[slow].mean()) if slow.any() else float('nan')
    # From here on all is told of, and fitted to, the windows as they were recorded.
    found, right = Validation(found.tested[kept], found.probability[kept], found.novelty[kept]), right[kept]
    examples = examples.recorded
    truth = np.searchsorted(teacher.classes, examples.labels)
    scores = score(examples.labels[found.tested], found.probability[found.tested], teacher.classes)
    names = np.array([f'{label}\t{model}' for label, model in zip(examples.labels, examples.models, strict=True)])
    noise = look_noise(examples.features, np.unique(names, return_inverse=True)[1]).astype(np.float32)
    provenance = {
        'recipe': RECIPE, 'made': date, 'seed': seed, 'sources': list(examples.sources[:SOURCES_MAX]),
        'source_count': len(examples.sources), 'windows': len(truth), 'recordings': len(np.unique(examples.recording)),
        'accuracy': scores.accuracy, 'accuracy_1khz': scores.accuracy if math.isnan(at_1khz) else at_1khz,
        'macro_f1': scores.macro_f1, 'calibration_error': scores.calibration_error,
        'temperature': teacher.temperature, 'sharpness': teacher.sharpness, 'blend': teacher.blend,
        'novelty_shift_1khz': shift, 'student': student.kind, 'trees': student.trees,
        'agreement': student.agreement, 'milliseconds': student.milliseconds, 'bytes': len(student.tflite),
    }
    trained = Trained(student.tflite, teacher.classes, bound, tuple(noise.tolist()), _units(examples, names),
                      of_units(examples, names, noise, seed), provenance,
                      of_taught(examples, seed))
    return Made(trained, teacher, student, found, scores, truth, _curve(examples, truth, seed),
                time.monotonic() - begin)


def _curve(examples: Examples, truth: np.ndarray, seed: int) -> np.ndarray:
    names, group = np.unique(examples.group, return_inverse=True)
    out = (np.random.default_rng(seed).permutation(len(names)) % 4 == 0)[group]
    present = np.unique(truth[~out])
    out &= np.isin(truth, present)
    if not out.any() or len(present) < 2:
        return np.empty((0, 2))
    local = np.searchsorted(present, truth)
    inside = ~np.isin(np.arange(len(truth)), np.flatnonzero(out)) & np.isin(truth, present)
    forest = grow(examples.features[inside], local[inside], even_weights(local[inside], examples.group[inside]),
                  TREES, seed)
    loss = [-np.log(replace(forest, root=forest.root[:k]).probability(examples.features[out])
                    [np.arange(out.sum()), local[out]] + FLOOR).mean() for k in CURVE]
    return np.column_stack([CURVE, loss])


def _units(examples: Examples, names: np.ndarray) -> tuple[Unit, ...]:
    """Return the states of every unit that the recordings name: the means of its first and its last windows."""
    out = []
    for name in np.unique(names[examples.models != '']):
        rows = examples.features[names == name]
        type, _, model = str(name).partition('\t')
        parts = np.array_split(rows, min(STATES, len(rows)))
        out += [Unit(type, model, tuple(np.float32(part.mean(axis=0)).tolist())) for part in parts]
    return tuple(out[:UNITS_MAX])


def write(made: Made, folder: Path) -> None:
    """Write model and report as one folder, whole or not at all; what was there is kept as `<name>.previous`."""
    from hearthgrid.training_report import report

    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f'.{folder.name}.', dir=folder.parent))
    try:
        for name, content in {**pack(made.trained), **report(made)}.items():
            (fresh / name).write_bytes(content)
        fresh.chmod(0o755)
        if folder.exists():
            previous = folder.with_name(f'{folder.name}.previous')
            shutil.rmtree(previous, ignore_errors=True)
            os.replace(folder, previous)
        os.replace(fresh, folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def summary(made: Made) -> str:
    """Return what a person wants to know first."""
    trained, student, scores = made.trained, made.student, made.scores
    copy = f'{student.trees} trees' if student.trees else 'a network'
    return (
        f'{len(trained.classes)} types, {len({(u.type, u.model) for u in trained.units})} units, '
        f'{trained.provenance["windows"]} windows of {trained.provenance["recordings"]} recordings\n'
        f'inner folds: accuracy {scores.accuracy:.4f} ({scores.accuracy_low:.4f} … {scores.accuracy_high:.4f}), '
        f'macro-F1 {scores.macro_f1:.4f}, calibration error {scores.calibration_error:.4f}, '
        f'accuracy at 1 kHz {trained.provenance["accuracy_1khz"]:.4f}\n'
        f'TensorFlow Lite: {copy}, {len(trained.tflite):,} bytes, {student.milliseconds:.3f} ms a window, '
        f'agrees with its teacher on {student.agreement:.4f}\n'
        f'made in {made.seconds:.0f} s, hash {trained.hash[:16]}'
    )
