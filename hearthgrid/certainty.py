"""How sure to be of prototypes, fitted in training: of units that came with the model, and of what a home taught."""
from collections.abc import Iterator

import numpy as np

from hearthgrid_core.devices.bundle import NOVELTY_SPAN
from hearthgrid_core.devices.forest import grow
from hearthgrid_core.devices.model import even_weights
from hearthgrid_core.devices.novelty import Novelty, look_noise
from hearthgrid_core.devices.prototypes import NEAR, Prototypes
from hearthgrid_core.devices.recogniser import claims

LESSONS = 3             # windows that teach a unit
FALSE_UNKNOWN = 0.02    # share of what is known that may be called unknown
HOMES, TREES = 12, 60   # that are played, of each of their models
NEW, LEARNT = 4, 2 / 3  # one type in so many is new to a home; share of the other types' recordings its model learns


def of_units(examples, names: np.ndarray, noise: np.ndarray, seed: int) -> tuple[float, float]:
    """Return (bias, slope) of the log odds that the nearest of prototypes taught three windows each is the right one.

    examples : a `hearthgrid.train.Examples` of windows as recorded     names : (n,) of units     noise : (d,)
    One recording of each unit teaches, all others ask; a class held out as unknown makes wrong answers.
    """
    from sklearn.linear_model import LogisticRegression

    random, distances, right = np.random.default_rng(seed), [], []
    for _ in range(4):
        units = random.permutation(np.unique(names))
        book, taught = Prototypes(noise), np.zeros(len(names), dtype=bool)
        for name in units[: max(1, 3 * len(units) // 4)]:
            first = random.choice(np.unique(examples.recording[names == name]))
            own = np.flatnonzero((names == name) & (examples.recording == first))
            taught[own] = True
            book.teach(examples.features[own[:LESSONS]], str(name))
        for k in random.permutation(np.flatnonzero(~taught))[:500]:
            name, distance = book.recognise(examples.features[k])
            if name:
                distances.append(distance)
                right.append(name == names[k])
    # two looks nobody took, a right one at hand and a wrong one at the edge, keep the odds finite
    distances, right = np.array([*distances, 0.0, NEAR]), np.array([*right, True, False])
    fitted = LogisticRegression(C=1e3).fit(distances[:, None], right)
    if fitted.coef_[0, 0] < 0:
        return float(fitted.intercept_[0]), -float(fitted.coef_[0, 0])
    return float(np.log(right.sum() / (~right).sum())), 0.0     # distance says nothing here


def of_taught(examples, seed: int) -> tuple[float, float, float]:
    """Return (bias, distance, novelty): the log odds that a name this home taught is right are

    bias − distance × distance of its prototype + novelty × novelty for the model, over the bound. Homes are played: a
    small model learns most types, the others are taught by three windows of three recordings, and the recordings left
    are shown. Without a home that can be played: of distance alone, even at `NEAR`.

    examples : a `hearthgrid.train.Examples` of windows as recorded
    """
    from sklearn.linear_model import LogisticRegression

    random = np.random.default_rng(seed)
    found = [answer for _ in range(HOMES) for answer in _home(examples, random, seed)]
    # two looks nobody took keep the odds finite
    found += [(0.0, NOVELTY_SPAN, True), (NEAR, -NOVELTY_SPAN, False)]
    asked = np.array([(distance, np.clip(novelty, -NOVELTY_SPAN, NOVELTY_SPAN)) for distance, novelty, _ in found])
    fitted = LogisticRegression(C=1.0).fit(asked, [right for *_, right in found])
    near, strange = fitted.coef_[0].tolist()
    return float(fitted.intercept_[0]), max(-near, 0.0), max(strange, 0.0)


def _home(examples, random: np.random.Generator, seed: int) -> Iterator[tuple[float, float, bool]]:
    """Play a home; yield of each window that what it taught would name: distance, novelty over the bound, right."""
    labels, recording, features = examples.labels, examples.recording, examples.features
    types = random.permutation(np.unique(labels))
    new, old = types[: max(1, len(types) // NEW)], types[max(1, len(types) // NEW):]
    spent, lessons = np.zeros(len(labels), dtype=bool), {}
    for type in types.tolist():
        own = random.permutation(np.unique(recording[labels == type]))
        own = own[: LESSONS if type in new else max(1, int(LEARNT * len(own)))]
        spent |= np.isin(recording, own)
        if type in new:
            lessons[type] = [int(random.choice(np.flatnonzero(recording == one))) for one in own]
    learnt, asked = np.flatnonzero(spent & np.isin(labels, old)), np.flatnonzero(~spent)
    if len(old) < 2 or not np.isin(labels[asked], old).any():
        return
    classes, of = np.unique(labels[learnt], return_inverse=True)
    group = recording[learnt]
    forest = grow(features[learnt], of, even_weights(of, group), TREES, seed)
    share = forest.probability(features[asked])
    novelty = Novelty.of(features[learnt], of, group, np.arange(len(of))).score(features[asked], share)
    right = classes[share.argmax(axis=1)] == labels[asked]
    if not right.any():
        return
    bound = float(np.quantile(novelty[right], 1 - FALSE_UNKNOWN))
    book = Prototypes(look_noise(features[learnt], of).astype(np.float32))
    for type, rows in lessons.items():
        book.teach(features[rows], type)
    for row, strange, label in zip(features[asked], (novelty - bound).tolist(), labels[asked], strict=True):
        name, distance = book.recognise(row)
        if name and claims(distance, strange, bound):
            yield distance, strange, bool(name == label)
