"""Devices learnt from three windows each: by the outlet alone and by the hub, on 16 recorded appliances.

Five draws. A model is trained (`hearthgrid train`) on ten recordings of twelve types; four types are new to it. Every
type has three windows, of three recordings, to teach it: the outlet's own devices (`devices.own`), and prototypes as
the hub keeps them, get those of all sixteen; the hub (`devices.recogniser` with the TensorFlow Lite model) of four.
All other recordings are then shown in random order, each window once; the outlet refines with use. For strangers a
second outlet was taught the twelve types only.
"""
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from hearthgrid import train as training
from hearthgrid.benchmark import Result, recordings
from hearthgrid.features import window_signatures
from hearthgrid_core.devices import Recogniser
from hearthgrid_core.devices.own import OwnDevices
from hearthgrid_core.devices.own_events import Said, Seen
from hearthgrid_core.devices.protocol import calibration_error
from hearthgrid_core.devices.prototypes import BYTES_MAX, Prototypes
from hearthgrid_core.devices.view import appliance_view
from hearthgrid_core.waveform import SIGNATURE_VERSION
from hearthgrid_ros.recordings import collect
from hub_nodes.identify.litert import LiteModel

NAME = 'identify-taught'
DRAWS = int(os.environ.get('COUNT', '5'))
TRAIN, NEW, TAUGHT = 10, 4, 3
POWER, PAUSE = 100.0, 60.0      # of every load, so that none is off [W]; between windows [s]


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about two minutes."""
    path = recordings() / 'vpc_waveforms'
    progress('reading')
    examples = training.load(path, '', lambda *_: None)
    vectors = np.concatenate([[one.vector() for one in window_signatures(example)] for example in collect(path)[0]])
    labels, recording = examples.recorded.labels, examples.recorded.recording
    if len(vectors) != len(labels):
        raise RuntimeError(f'{len(vectors)} signatures of {len(labels)} windows')
    found: dict[str, list[float]] = {}
    for draw in range(DRAWS):
        progress(f'draw {draw}')
        for what, values in _draw(examples, vectors, labels, recording, np.random.default_rng(500 + draw)):
            found.setdefault(what, []).extend(values)
    mean = {what: float(np.mean(values)) for what, values in found.items()}
    error = calibration_error(np.array(found['hub sure']), np.array(found['hub named right'], dtype=bool))
    told = 'told, no goal'
    return [
        Result('outlet alone, 16 types of three windows each: right', mean['outlet'], '', mean['prototypes'],
               "the hub's prototypes", goal=told),
        Result('outlet alone, 16 types: called by a wrong name', mean['outlet, wrong'], '', mean['prototypes, wrong'],
               "the hub's prototypes", goal=told),
        Result('outlet alone, four types never taught: unknown', mean['outlet, strange'], '',
               mean['prototypes, strange'], "the hub's prototypes", goal=told),
        Result('outlet, calibration error of what it names', calibration_error(
            np.array(found['outlet sure']), np.array(found['outlet named right'], dtype=bool)), '', goal=told),
        Result('outlet, held in memory, most', max(found['bytes']), 'bytes', limit=BYTES_MAX, goal='≤ 32 KB',
               holds=max(found['bytes']) <= BYTES_MAX),
        Result('outlet, as a file, most', max(found['file']), 'bytes', limit=BYTES_MAX, goal='≤ 32 KB',
               holds=max(found['file']) <= BYTES_MAX),
        Result('hub, before: types of the model right', mean['before, known'], '', goal=told),
        Result('hub, before: new types unknown', mean['before, new'], '', goal=told),
        Result('hub, after three windows: types of the model right', mean['after, known'], '', goal=told),
        Result('hub, after three windows: new types right', mean['after, new'], '', mean['outlet, new'],
               'outlet alone, the same', goal=told),
        Result('hub, after: calibration error', error, '', limit=.03, goal='≤ .03', holds=error <= .03)]


def _draw(examples, vectors, labels, recording, random) -> Iterator[tuple[str, list]]:
    types = np.unique(labels)
    new = set(random.choice(types, NEW, replace=False).tolist())
    known, lessons = np.zeros(len(labels), dtype=bool), {}
    for type in types.tolist():
        chosen = random.choice(np.unique(recording[labels == type]), TRAIN, replace=False)
        known |= np.isin(recording, chosen) & (type not in new)
        lessons[type] = [int(random.choice(np.flatnonzero(recording == one))) for one in chosen[:TAUGHT]]
    spent = np.isin(recording, [recording[k] for rows in lessons.values() for k in rows]) | known
    asked = random.permutation(np.flatnonzero(~spent))
    is_new = np.isin(labels[asked], list(new))

    inside = np.isin(examples.recording, np.unique(recording[known]))
    of = ('features', 'labels', 'models', 'recording', 'group', 'narrow')
    part = replace(examples, **{name: getattr(examples, name)[inside] for name in of})
    trained = training.make(part, 0, 'forest', lambda *_: None, '').trained
    hub = Recogniser(trained, LiteModel(trained.tflite, trained.features, len(trained.classes)).judge)
    before = _ask_hub(hub, vectors[asked])
    yield 'before, known', _right(before, labels[asked])[~is_new].tolist()
    yield 'before, new', [not answer.type for answer, fresh in zip(before, is_new, strict=True) if fresh]
    for type in sorted(new):
        for k in lessons[type]:
            hub.learn(vectors[k], type)
    after = _ask_hub(hub, vectors[asked])
    right = _right(after, labels[asked])
    yield 'after, known', right[~is_new].tolist()
    yield 'after, new', right[is_new].tolist()
    named = np.array([bool(answer.type) for answer in after])
    yield 'hub sure', [answer.probability for answer in after if answer.type]
    yield 'hub named right', right[named].tolist()

    old = {type: rows for type, rows in lessons.items() if type not in new}
    taught = {True: _Outlet(lessons, vectors), False: _Outlet(old, vectors)}
    books = {True: Prototypes(np.array(trained.noise)), False: Prototypes(np.array(trained.noise))}
    for everything, book in books.items():
        for type, rows in (lessons if everything else old).items():
            book.teach(appliance_view(vectors[rows]), type)
    answers = [taught[True].ask(vectors[k]) for k in asked]
    right = _right(answers, labels[asked])
    yield 'outlet', right.tolist()
    yield 'outlet, wrong', [bool(answer.type) and not r for answer, r in zip(answers, right, strict=True)]
    yield 'outlet, new', right[is_new].tolist()
    yield 'outlet sure', [answer.probability for answer in answers if answer.type]
    yield 'outlet named right', [bool(r) for answer, r in zip(answers, right, strict=True) if answer.type]
    yield 'outlet, strange', [not taught[False].ask(vectors[k]).type for k, fresh in zip(asked, is_new, strict=True)
                              if fresh]
    rows = appliance_view(vectors[asked])
    said = np.array([books[True].recognise(row)[0] for row in rows])
    yield 'prototypes', (said == labels[asked]).tolist()
    yield 'prototypes, wrong', ((said != '') & (said != labels[asked])).tolist()
    yield 'prototypes, strange', [not books[False].recognise(row)[0] for row in rows[is_new]]
    yield 'bytes', [one.own.bytes for one in taught.values()]
    yield 'file', [len(json.dumps(one.own.state())) for one in taught.values()]


class _Outlet:
    """An outlet whose hub is silent."""

    def __init__(self, lessons: dict[str, list[int]], vectors: np.ndarray) -> None:
        self.own, self._now, self._count = OwnDevices(), 1e9, 0
        for type, rows in lessons.items():
            begin = self._now
            for k in rows:
                self.ask(vectors[k])
            self.own.step(self._now, Said(type, '', begin, self._now, self._now))

    def ask(self, vector: np.ndarray):
        """Show a window and return the answer, None while nothing was taught."""
        self._now += PAUSE
        self._count += 1
        done = self.own.step(self._now, Seen(self._count, self._now, 0.2, vector, SIGNATURE_VERSION, POWER, POWER))
        self._now += PAUSE
        said = done.answer or self.own.step(self._now).answer
        return said[2] if said else None


def _ask_hub(hub: Recogniser, vectors: np.ndarray) -> list:
    return hub.identify_all(vectors, np.full(len(vectors), POWER))


def _right(answers, labels) -> np.ndarray:
    return np.array([answer.type == label for answer, label in zip(answers, labels, strict=True)])
