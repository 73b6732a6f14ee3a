"""How well devices are recognised in a folder of recordings, and what a new recording is.

The same for every data set: `features.table` chooses the features by the kind of recording, `devices.model.train`
learns, and nothing is fitted to what it is then asked. A recording's answer is the geometric mean of its windows'.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from hearthgrid.features import Table, bandwidth, table
from hearthgrid_core.devices.bundle import Trained
from hearthgrid_core.devices.model import Model, train, train_validated
from hearthgrid_core.devices.protocol import Scores, kfold, leave_group_out, score, split
from hearthgrid_core.devices.prototypes import Prototypes
from hearthgrid_ros.recordings import WAVEFORM, Hints, collect, of_kind

PROTOCOLS = ('kfold', 'split', 'leave-group-out')
KNOWN_SHARE = 0.98  # of recordings of what was learnt that must not be called unknown
JUDGED_MIN = 10     # recordings it takes to say what is usual
CANDIDATES = 5
Progress = Callable[[str, int, int], None]
Judge = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]   # features (m, d) to probability (m, classes), novelty


@dataclass(frozen=True)
class Protocol:
    """Who is left out. group : a fact; named by leave-group-out, and kept together inside training by all."""

    name: str = 'kfold'
    group: str = ''
    label: str = 'label'
    folds: int = 5
    train: int = 10
    seed: int = 0
    every: bool = False     # also score classes that one group alone has


@dataclass(frozen=True, eq=False)
class Outcome:
    """What was measured.

    truth : (m,)     probability : (m, classes)     source : (m,) names of the recordings tested
    left_out : classes only one group has, not scored     columns : features     rows : windows
    group : (m,) what was left out together, None where nothing was named
    """

    kind: str
    scores: Scores
    truth: np.ndarray
    probability: np.ndarray
    source: tuple[str, ...]
    left_out: tuple[str, ...]
    problems: tuple[str, ...]
    columns: int
    rows: int
    group: np.ndarray | None

    @property
    def groups(self) -> int:
        return 0 if self.group is None else len(np.unique(self.group))


def load(path: Path, kind: str = '', progress: Progress | None = None, hints: Hints | None = None) -> Table:
    """Return the features of all recordings below `path`. RecordingError or ValueError say what is wrong."""
    tell = progress or (lambda *_: None)
    examples, problems = collect(path, hints, lambda done, total: tell('reading', done, total))
    chosen = of_kind(examples, kind)
    made = table(chosen, '', lambda done, total: tell('features', done, total), bandwidth(chosen))
    return replace(made, problems=(*map(str, problems), *made.problems))


def load_both(file: Path, learn: Path, kind: str = '', progress: Progress | None = None, hints: Hints | None = None
              ) -> tuple[Table, Table]:
    """Return the features of recordings asked about, and of those to learn from, as far as both rates reach."""
    tell = progress or (lambda *_: None)
    asked, wrong = collect(file, hints, lambda done, total: tell('reading', done, total))
    asked = of_kind(asked, kind)
    known, problems = collect(learn, None, lambda done, total: tell('reading', done, total))
    known = of_kind(known, asked[0].kind)
    reach = bandwidth([*asked, *known])
    made = [table(these, '', lambda done, total: tell('features', done, total), reach) for these in (asked, known)]
    return tuple(replace(of, problems=(*map(str, those), *of.problems))
                 for of, those in zip(made, (wrong, problems), strict=True))


def evaluate(of: Table, how: Protocol, progress: Progress | None = None) -> Outcome:
    """Return what the protocol measures. ValueError (DevicesError) where the recordings do not allow it."""
    labels, groups = of.fact(how.label), of.fact(how.group) if how.group else None
    names = np.unique(labels)
    if len(names) < 2:
        said = sorted(set.intersection(*(set(e.facts) for e in of.examples)) - {how.label})
        raise ValueError(f'all {len(labels)} recordings have {how.label} {names[0]!r}; another fact can name the class '
                         f'(--label): {", ".join(said)}')
    left_out: tuple[str, ...] = ()
    chosen = np.ones(len(labels), dtype=bool)
    if how.name == 'leave-group-out':
        if groups is None:
            raise ValueError('leave-group-out needs --group, a fact of every recording')
        if not how.every:
            left_out = tuple(str(n) for n in names if len(np.unique(groups[labels == n])) < 2)
            chosen = ~np.isin(labels, left_out)
            if len(np.unique(labels[chosen])) < 2:
                raise ValueError(f'fewer than two classes occur in two groups of {how.group!r}')
    at = np.flatnonzero(chosen)
    labels, groups = labels[at], None if groups is None else groups[at]
    tests = list({'kfold': lambda: kfold(labels, how.folds, how.seed),
                  'split': lambda: [split(labels, how.train, how.seed)],
                  'leave-group-out': lambda: leave_group_out(groups)}[how.name]())
    classes = np.unique(labels)
    probability, tested = np.zeros((len(labels), len(classes))), np.zeros(len(labels), dtype=bool)
    for number, test in enumerate(tests, start=1):
        learn = ~test
        if len(np.unique(labels[learn])) < 2:
            raise ValueError(f'with group {groups[test][0]!r} left out, one class remains')
        model = fit(of, at[learn], labels[learn], None if groups is None else groups[learn], how.seed)
        known = np.searchsorted(classes, model.classes)
        probability[np.ix_(test, known)] = answers(asked(model), of, at[test])[0]
        tested |= test
        if progress:
            progress('tested', number, len(tests))
    return Outcome(of.kind, score(labels[tested], probability[tested], classes), labels[tested], probability[tested],
                   tuple(of.examples[k].source for k in at[tested]), left_out, of.problems, len(of.columns),
                   int(np.isin(of.recording, at).sum()), None if groups is None else groups[tested])


def fit(of: Table, at: np.ndarray, labels: np.ndarray, groups: np.ndarray | None, seed: int) -> Model:
    """Return a model of the recordings `at`. labels, groups : of those; windows of a recording always stay together."""
    place = np.full(len(of.examples), -1)
    place[at] = np.arange(len(at))
    rows = np.flatnonzero(place[of.recording] >= 0)
    whose = place[of.recording[rows]]
    return train(of.rows[rows], labels[whose], (np.arange(len(at)) if groups is None else groups)[whose], seed)


def answers(judge: Judge, of: Table, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (k, classes) probabilities and (k,) novelty of the recordings `at`, from all their windows."""
    probability, novelty = [], []
    for recording in at:
        by_window, strange = judge(of.rows[of.recording == recording])
        logarithm = np.log(by_window + 1e-9).mean(axis=0)
        likely = np.exp(logarithm - logarithm.max())
        probability.append(likely / likely.sum())
        novelty.append(np.median(strange))
    return np.array(probability), np.array(novelty)


def asked(model: Model) -> Judge:
    """Return how `answers` asks a model."""
    return lambda rows: (model.probability(rows), model.novelty(rows))


@dataclass(frozen=True)
class Identified:
    """One recording's answer.

    candidates : (name, probability), likeliest first     unknown : nothing learnt is like it
    model : of the known units the one it is like, '' = none     novelty : above 0 = unknown
    """

    source: str
    unknown: bool
    novelty: float
    candidates: tuple[tuple[str, float], ...]
    model: str = ''


def identify(of: Table, learnt: Table, label: str = 'label', group: str = '', seed: int = 0,
             progress: Progress | None = None) -> list[Identified]:
    """Return what the recordings are, by what was learnt.

    Unknown is what lies further off than all but 2 % of the learnt recordings do from what a model without them knows.
    ValueError where the two are not of one kind.
    """
    if (of.kind, of.columns) != (learnt.kind, learnt.columns):
        raise ValueError(f'the recording is {of.kind} with {len(of.columns)} features; '
                         f'what was learnt is {learnt.kind} with {len(learnt.columns)}')
    labels, whose = learnt.fact(label), learnt.recording
    groups = learnt.fact(group) if group else np.arange(len(labels))
    if len(np.unique(labels)) < 2:
        raise ValueError(f'all {len(labels)} recordings learnt from have {label} {labels[0]!r}')
    tell = (lambda share: progress('learning', round(100 * share), 100)) if progress else (lambda share: None)
    model, found = train_validated(learnt.rows, labels[whose], groups[whose], seed, progress=tell)
    said = np.array(model.classes)[found.probability.argmax(axis=1)]
    usual = [np.median(found.novelty[rows]) for k in range(len(labels))
             if (rows := (whose == k) & found.tested & (said == labels[k])).any()]
    limit = float(np.quantile(usual, KNOWN_SHARE)) if len(usual) >= JUDGED_MIN else np.inf
    return _identified(asked(model), of, model.classes, limit)


def identify_with(of: Table, trained: Trained, judge: Judge) -> list[Identified]:
    """Return what the recordings are, by a model that `hearthgrid train` made. ValueError where it is of another kind.

    judge : runs the model
    """
    if of.kind != WAVEFORM:
        raise ValueError(f'the model knows waveforms; these recordings are {of.kind}: use --from with labelled ones')
    units = Prototypes(np.array(trained.noise))
    units.relearn((), [(np.array(unit.mean), f'{unit.type}\t{unit.model}') for unit in trained.units])
    out = _identified(judge, of, trained.classes, trained.bound)
    for k, one in enumerate(out):
        likeliest, _, model = units.recognise(np.median(of.rows[of.recording == k], axis=0))[0].partition('\t')
        if likeliest == one.candidates[0][0] and not one.unknown:
            out[k] = replace(one, model=model)
    return out


def _identified(judge: Judge, of: Table, classes, limit: float) -> list[Identified]:
    out = []
    for example, row, novelty in zip(of.examples, *answers(judge, of, np.arange(len(of.examples))), strict=True):
        likeliest = tuple((classes[c], float(row[c])) for c in np.argsort(-row, kind='stable')[:CANDIDATES])
        beyond = float(novelty - limit)
        out.append(Identified(example.source, beyond > 0, beyond if np.isfinite(beyond) else float('nan'), likeliest))
    return out
