"""A trained model as TensorFlow operations, exactly: the trees are walked side by side, every table a constant.

Trees are stored without leaves: a child is the step to an inner node further on, or, below zero, a row of the table of
shares. Thresholds are rounded down to float32, which decides every float32 feature as the original does.
"""

from dataclasses import dataclass

import numpy as np

from hearthgrid_core.devices.forest import LEAF, Forest
from hearthgrid_core.devices.model import DOUBT_MIN, FLOOR, KNOTS, LEAST, RANK_MAX, Model
from hearthgrid_core.devices.novelty import TORN, Novelty
from hearthgrid_core.devices.view import UPPER_NONE, upper_harmonics

NDTRI_STEPS = 2048  # of the table of normal scores


@dataclass(frozen=True, eq=False)
class Walk:
    """root : (trees,)     feature, threshold, left, right : (inner nodes,)     shares : (rows, classes)
    depth : most steps to a leaf
    """

    root: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    shares: np.ndarray
    depth: int


def walk_of(forest: Forest, trees: int) -> Walk:
    """Return the first `trees` trees of a forest in the form above."""
    end = forest.root[trees] if trees < len(forest.root) else len(forest.feature)
    feature, left, right = forest.feature[:end], forest.left[:end], forest.right[:end]
    inner = feature != LEAF
    at = np.flatnonzero(inner)
    shares, row = np.unique(np.round(forest.share[:end][~inner], 4), axis=0, return_inverse=True)
    code = np.empty(end, dtype=np.int64)
    code[inner], code[~inner] = np.arange(len(at)), -1 - row.ravel()
    steps = [np.where(code[child[at]] >= 0, code[child[at]] - code[at], code[child[at]]) for child in (left, right)]
    threshold = forest.threshold[:end][at].astype(np.float32)
    above = threshold.astype(np.float64) > forest.threshold[:end][at]
    threshold[above] = np.nextafter(threshold[above], np.float32(-np.inf))
    depth = np.zeros(end, dtype=int)
    for k in at:
        depth[left[k]] = depth[right[k]] = depth[k] + 1
    return Walk(code[forest.root[:trees]].astype(np.int32), _small(feature[at]), threshold, _small(steps[0]),
                _small(steps[1]), shares.astype(np.float32), int(depth.max(initial=0)))


def _small(values: np.ndarray) -> np.ndarray:
    """Return whole numbers in the smallest type that holds them."""
    low, high = (values.min(initial=0), values.max(initial=0))
    for kind in (np.int8, np.int16):
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values.astype(np.int32)


def teacher_probability(tf, model: Model, trees: int):
    """Return a function from features (1, d) to logarithms before calibration (1, classes)."""
    walk = walk_of(model.forest, trees)

    def log_probability(x):
        log = (1 - model.blend) * tf.math.log(_forest(tf, walk, x) + FLOOR)
        if model.blend:
            scores = _ranks(tf, model.ranks.knots, x)
            line = tf.matmul(scores, tf.constant(model.weights[:-1], tf.float32)) + model.weights[-1].astype(np.float32)
            log += model.blend * tf.math.log(tf.nn.softmax(line) + FLOOR)
        return log

    return log_probability


def calibrated(tf, model: Model, share):
    """Return probabilities of shares (1, classes), as `Model.probability` has them."""
    log = tf.math.log(share + LEAST) / model.temperature
    if model.sharpness:
        log -= model.sharpness * tf.math.log(1 - share + DOUBT_MIN)
    return tf.nn.softmax(log)


def _forest(tf, walk: Walk, x):
    shares = tf.constant(walk.shares)
    at = tf.constant(walk.root)
    if walk.depth:
        feature, threshold, left, right = map(tf.constant, (walk.feature, walk.threshold, walk.left, walk.right))
    for _ in range(walk.depth):
        node = tf.maximum(at, 0)
        below = tf.gather(x[0], tf.cast(tf.gather(feature, node), tf.int32)) <= tf.gather(threshold, node)
        step = tf.where(below, tf.cast(tf.gather(left, node), tf.int32), tf.cast(tf.gather(right, node), tf.int32))
        at = tf.where(at < 0, at, tf.where(step < 0, step, node + step))
    return tf.reduce_mean(tf.gather(shares, -1 - at), axis=0, keepdims=True)


def _ranks(tf, knots: np.ndarray, x):
    """As `Ranks`: the share of examples below, ties in the middle, through a table of normal scores."""
    from scipy.special import ndtri

    knots = knots.astype(np.float32)
    width = np.diff(knots, axis=0)
    rising = np.divide(1, width, out=np.zeros_like(width), where=width > 0)
    begin = tf.constant(knots[:-1])
    ramp = tf.clip_by_value((x - begin) * tf.constant(rising), 0.0, 1.0)
    jump = 0.5 * (tf.cast(x > begin, tf.float32) + tf.cast(x >= begin, tf.float32))
    share = tf.reduce_sum(tf.where(tf.constant(width > 0), ramp, jump), axis=0) / (KNOTS - 1)
    table = np.clip(ndtri(np.clip(np.linspace(0, 1, NDTRI_STEPS + 1), 1e-4, 1 - 1e-4)), -RANK_MAX, RANK_MAX)
    place = share * NDTRI_STEPS
    low = tf.minimum(tf.cast(place, tf.int32), NDTRI_STEPS - 1)
    table = tf.constant(table.astype(np.float32))
    first = tf.gather(table, low)
    return (first + (tf.gather(table, low + 1) - first) * (place - tf.cast(low, tf.float32)))[None]


def novelty(tf, near: Novelty, narrow: float = 0.0):
    """Return a function from features (1, d) and probability before calibration (1, classes) to how unlike (1,).

    The examples lie class after class in 16 bits; only those of the likeliest class are looked at.
    narrow : is added for a window without upper harmonics, so that one bound serves both
    """
    upper = np.flatnonzero(upper_harmonics(len(near.noise))) if narrow else ()
    order = np.argsort(near.example_class, kind='stable')
    counts = np.bincount(near.example_class, minlength=len(near.usual))
    end = np.cumsum(counts)
    examples = near.examples[order]
    low, high = examples.min(axis=0), examples.max(axis=0)
    scale = np.maximum(high - low, 1e-6) / 65534
    packed = np.round((examples - (low + high) / 2) / scale).astype(np.int16)
    middle = ((low + high) / 2).astype(np.float32)

    def how_unlike(x, probability):
        best = tf.argmax(probability, axis=1, output_type=tf.int32)
        rows = tf.minimum(tf.gather(tf.constant((end - counts).astype(np.int32)), best) + np.arange(counts.max()),
                          tf.gather(tf.constant((end - 1).astype(np.int32)), best))
        known = tf.cast(tf.gather(tf.constant(packed), rows), tf.float32) * scale.astype(np.float32) + middle
        apart = tf.reduce_mean(tf.square(known - x / near.noise.astype(np.float32)), axis=1)
        distance = tf.maximum(tf.sqrt(tf.reduce_min(apart)), 1e-3)
        likely = tf.gather(probability[0], best)
        usual = tf.gather(tf.constant(near.usual.astype(np.float32)), best)
        unlike = tf.math.log(distance / usual) - TORN * tf.math.log(likely)
        if narrow:
            size = tf.sqrt(tf.reduce_mean(tf.square(tf.gather(x, upper, axis=1)), axis=1))
            unlike += tf.where(size < UPPER_NONE, np.float32(narrow), np.float32(0.0))
        return unlike

    return how_unlike
