"""From a trained model to TensorFlow Lite: its own trees where they fit, else a small network that it taught.

Knowledge distillation: Hinton et al. 2015, arXiv:1503.02531. Soft steps in front of a network: Gorishniy et al. 2022,
arXiv:2203.05556.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hearthgrid import graph
from hearthgrid_core.devices.examples import DevicesError
from hearthgrid_core.devices.model import Model

BYTES_MAX = 200_000
TREES_MIN = 60  # with fewer a network is the better copy
HIDDEN, STEPS = (96, 64), 10
BATCHES, BATCH, RATE = 3000, 128, 2e-3
JITTER = 0.3  # deviation added to mixtures, of the noise within a class
SHOWN = 25  # points of the curve


@dataclass(frozen=True, eq=False)
class Student:
    """The model for the node, and how close it is.

    tflite : takes (1, d) float32 features, gives probability (1, classes) and novelty (1,)
    kind : 'forest' or 'network'     trees : of the forest, 0 of a network
    agreement : share of mixtures of the examples on which it names what its teacher does
    difference : largest difference of a probability there     milliseconds : a window, one thread, here and now
    curve : (k, 2) of the network's training, examples seen and divergence from the teacher
    """

    tflite: bytes
    kind: str
    trees: int
    agreement: float
    difference: float
    milliseconds: float
    curve: np.ndarray


def distil(teacher: Model, features: np.ndarray, labels: np.ndarray, seed: int, kind: str = 'auto',
           progress: Callable[[float], None] = lambda share: None, batches: int = BATCHES,
           narrow: float = 0.0) -> Student:
    """Return the student of a teacher. features : (n, d) it was trained on     labels : (n,) names, among its classes

    kind : 'forest', 'network', or 'auto': the trees where at least `TREES_MIN` fit into `BYTES_MAX`
    narrow : as `graph.novelty` takes it
    DevicesError where neither fits.
    """
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')  # what it tells about processors is nothing for people
    import tensorflow as tf

    features = np.asarray(features, dtype=np.float64)
    of = np.array([teacher.classes.index(label) for label in np.asarray(labels).tolist()])
    trees, tflite, curve = len(teacher.forest.root), b'', np.empty((0, 2))
    while kind != 'network' and trees >= min(TREES_MIN, len(teacher.forest.root)):
        made = _converted(tf, teacher, graph.teacher_probability(tf, teacher, trees), False, narrow)
        if len(made) <= BYTES_MAX:
            tflite = made
            break
        trees = min(trees - 1, int(0.98 * trees * BYTES_MAX / len(made)))
    if not tflite and kind == 'forest':
        raise DevicesError(f'{TREES_MIN} trees of this model take more than {BYTES_MAX} bytes')
    if not tflite:
        trees = 0
        network, curve = _taught(tf, teacher, features, of, seed, progress, batches)
        tflite = _converted(tf, teacher, lambda x: tf.math.log(network(x) + 1e-7), True, narrow)
        if len(tflite) > BYTES_MAX:
            raise DevicesError(f'the network takes {len(tflite)} bytes, more than {BYTES_MAX}')
    agreement, difference, milliseconds = _compared(teacher, tflite, features, of, seed)
    progress(1.0)
    return Student(tflite, 'forest' if trees else 'network', trees, agreement, difference, milliseconds, curve)


def _converted(tf, teacher: Model, log_probability, small: bool, narrow: float) -> bytes:
    """small : weights of matrices in 8 bits"""
    how_unlike = graph.novelty(tf, teacher.near, narrow)

    @tf.function(input_signature=[tf.TensorSpec((1, teacher.features), tf.float32, name='features')])
    def judge(features):
        share = tf.nn.softmax(log_probability(features))
        return {'probability': graph.calibrated(tf, teacher, share), 'novelty': how_unlike(features, share)}

    root = tf.Module()
    root.judge = judge
    converter = tf.lite.TFLiteConverter.from_concrete_functions([judge.get_concrete_function()], root)
    if small:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    return bytes(converter.convert())


def _taught(tf, teacher: Model, features, of, seed: int, progress, batches: int):
    """Return a network that learnt the teacher's shares, and its curve."""
    tf.keras.utils.set_random_seed(seed)
    network = _network(tf, features, len(teacher.classes))
    random = np.random.default_rng(seed)
    rate = tf.keras.optimizers.schedules.CosineDecay(RATE, batches)
    network.compile(tf.keras.optimizers.AdamW(rate, weight_decay=1e-4), tf.keras.losses.KLDivergence())
    curve, done = [], 0
    while done < batches:
        step = min(-(-batches // SHOWN), batches - done)
        mixed = mixtures(features, of, teacher.near.noise, step * BATCH, random)
        told = network.fit(mixed, teacher.shares(mixed), batch_size=BATCH, epochs=1, verbose=0, shuffle=False)
        done += step
        curve.append((done * BATCH, told.history['loss'][0]))
        progress(done / batches)
    return network, np.array(curve)


def _network(tf, features, classes: int):
    """Each feature is spread over soft steps at its quantiles, so that the network sees steps as trees do."""
    layers, ops = tf.keras.layers, tf.keras.ops
    knots = np.quantile(features, np.linspace(0, 1, STEPS + 1), axis=0).T
    width = np.maximum(np.diff(knots), 0.02 * features.std(axis=0)[:, None] + 1e-6)
    begin, width = knots[:, :-1].astype(np.float32), width.astype(np.float32)
    given = layers.Input((features.shape[1],), dtype='float32')
    x = ops.clip((ops.expand_dims(given, -1) - begin) / width, 0.0, 1.0)
    x = layers.Flatten()(x)
    for size in HIDDEN:
        x = layers.Dense(size, activation='relu')(x)
    return tf.keras.Model(given, layers.Dense(classes, activation='softmax')(x))


def mixtures(features: np.ndarray, of: np.ndarray, noise: np.ndarray, count: int, random) -> np.ndarray:
    """Return (count, d) points between two examples, mostly of one class, classes evenly, jittered.

    features : (n, d)     of : (n,) class     noise : (d,)     random : a numpy generator
    """
    rows = [np.flatnonzero(of == c) for c in range(of.max() + 1)]
    first = random.integers(len(rows), size=count)
    other = np.where(random.random(count) < 0.85, first, random.integers(len(rows), size=count))
    at = [np.array([rows[c][int(r * len(rows[c]))] for c, r in zip(chosen, random.random(count), strict=True)])
          for chosen in (first, other)]
    share = random.beta(0.5, 0.5, size=(count, 1))
    mixed = share * features[at[0]] + (1 - share) * features[at[1]]
    return mixed + JITTER * noise * random.uniform(size=(count, 1)) * random.standard_normal(mixed.shape)


def _compared(teacher: Model, tflite: bytes, features, of, seed: int) -> tuple[float, float, float]:
    from hub_nodes.identify.litert import LiteModel

    rows = np.vstack([features[:500], mixtures(features, of, teacher.near.noise, 500, np.random.default_rng(seed + 1))])
    rows = rows.astype(np.float32).astype(np.float64)
    student = LiteModel(tflite, teacher.features, len(teacher.classes))
    begin = time.perf_counter()
    found = student.judge(rows)[0]
    milliseconds = 1e3 * (time.perf_counter() - begin) / len(rows)
    wanted = teacher.probability(rows)
    same = found.argmax(axis=1) == wanted.argmax(axis=1)
    return float(same.mean()), float(np.abs(found - wanted).max()), milliseconds
