"""`hearthgrid evaluate` and `hearthgrid identify`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from hearthgrid.options import AsJson, StateDir

Kind = Annotated[str, typer.Option(help='waveform, series or frames, where a folder holds several kinds.')]
Label = Annotated[str, typer.Option(help='The fact that names the class: a field of the file.')]
Rate = Annotated[float, typer.Option(help='Sampling rate of files that do not say theirs [Hz].', min=0)]
PROBLEMS_SHOWN = 5


def evaluate(
    recordings: Annotated[Path, typer.Argument(help='A file or a folder of .npz, .csv, .wav, .parquet, rosbag2.')],
    protocol: Annotated[str, typer.Option(help='kfold, split or leave-group-out.')] = 'kfold',
    group: Annotated[str, typer.Option(help='A fact that is left out whole: house, device, trial …')] = '',
    label: Label = 'label',
    folds: Annotated[int, typer.Option(help='Of kfold.', min=2)] = 5,
    train: Annotated[int, typer.Option(help='Of split: recordings of each class to learn from.', min=1)] = 10,
    seed: Annotated[int, typer.Option(help='Of the split and of learning.')] = 0,
    kind: Kind = '',
    every: Annotated[bool, typer.Option('--every', help='Also score classes that only one group has.')] = False,
    report: Annotated[Path | None, typer.Option(help='Folder for a page with pictures.')] = None,
    rate: Rate = 0.0,
    json_: AsJson = False,
) -> None:
    """Measure how well devices are recognised in recordings: nothing tested was learnt from."""
    from hearthgrid import evaluate as judge
    from hearthgrid import report_evaluation as paper
    from hearthgrid.cli import err, fail, out

    if protocol not in judge.PROTOCOLS:
        raise fail(f'no protocol is called {protocol!r}; there are {", ".join(judge.PROTOCOLS)}', 2)
    how = judge.Protocol(protocol, group, label, folds, train, seed, every)
    try:
        with _progress(err) as tell:
            outcome = judge.evaluate(judge.load(recordings, kind, tell, _hints(rate)), how, tell)
    except ValueError as error:
        raise fail(error) from None
    about = f'{recordings}, {protocol}' + (f' by {group}' if group else '') + f', seed {seed}'
    page = None
    if report is not None:
        try:
            page = paper.write(outcome, report, f'Evaluation of {recordings.name}', about)
        except OSError as error:
            raise fail(f'{error.filename or report}: {error.strerror}') from None
    _tell_problems(outcome.problems, err)
    if json_:
        print(json.dumps(paper.as_json(outcome)))
        return
    out.print(about, highlight=False, markup=False, soft_wrap=True)
    out.print(paper.class_table(outcome))
    if outcome.left_out:
        out.print(f'not scored, since only one {group} has them (--every scores them): {", ".join(outcome.left_out)}',
                  highlight=False, markup=False)
    for name, text in paper.overall(outcome):
        out.print(f'{name:24} {text}', highlight=False, markup=False)
    if page:
        out.print(f'report                   {page}', highlight=False, markup=False, soft_wrap=True)


def identify(
    file: Annotated[Path, typer.Argument(help='A recording, or a folder of them.')],
    model: Annotated[
        Path | None, typer.Option(help='Folder of a trained model.', show_default='model in the state folder')
    ] = None,
    learn: Annotated[
        Path | None, typer.Option('--from', help='Instead of a model: labelled recordings to learn from, now.')
    ] = None,
    label: Label = 'label',
    group: Annotated[str, typer.Option(help='A fact that is kept together inside training.')] = '',
    seed: Annotated[int, typer.Option(help='Of learning.')] = 0,
    kind: Kind = '',
    rate: Rate = 0.0,
    state_dir: StateDir = None,
    json_: AsJson = False,
) -> None:
    """Name the devices in a recording, or say that they are unknown."""
    from rich.markup import escape
    from rich.table import Table

    from hearthgrid import evaluate as judge
    from hearthgrid.cli import err, fail, out, state_folder
    from hub_nodes.identify.trained import open_model

    if learn is not None and model is not None:
        raise fail('--model and --from: one of them judges', 2)
    try:
        with _progress(err) as tell:
            if learn is not None:
                asked, known = judge.load_both(file, learn, kind, tell, _hints(rate))
                found = judge.identify(asked, known, label, group, seed, tell)
            else:
                opened = open_model(str(model or ''), str(state_folder(state_dir)))
                if opened is None:
                    raise fail('there is no trained model: make one with `hearthgrid train RECORDINGS`, '
                               'or give labelled recordings with --from', 2)
                asked = judge.load(file, kind, tell, _hints(rate))
                trained, runner = opened
                found = judge.identify_with(asked, trained, runner.judge)
    except ValueError as error:
        raise fail(error) from None
    _tell_problems(asked.problems, err)
    if json_:
        print(json.dumps([{**one.__dict__, 'candidates': [list(c) for c in one.candidates],
                           'novelty': None if one.novelty != one.novelty else one.novelty} for one in found]))
        return
    table = Table(box=None)
    for column in ('recording', 'is', 'probability', 'else'):
        table.add_column(column)
    for one in found:
        name, probability = one.candidates[0]
        rest = ', '.join(f'{n} {p:.0%}' for n, p in one.candidates[1:3] if p >= 0.01)
        known = f'{name}, {one.model}' if one.model else name
        row = (Path(one.source).name, 'unknown' if one.unknown else known, '' if one.unknown else
               f'{probability:.0%}', f'most like {name}' if one.unknown else rest)
        table.add_row(*map(escape, row))
    out.print(table)


def _hints(rate: float):
    from hearthgrid_ros.recordings import Hints

    return Hints(sampling_rate=rate) if rate > 0 else Hints()


def _tell_problems(problems, err) -> None:
    for problem in problems[:PROBLEMS_SHOWN]:
        err.print(f'left out: {problem}', highlight=False, markup=False, soft_wrap=True)
    if len(problems) > PROBLEMS_SHOWN:
        err.print(f'left out: {len(problems) - PROBLEMS_SHOWN} more', highlight=False, markup=False)


class _progress:
    """Show bars on a terminal, one a task: `tell(task, done, total)`."""

    def __init__(self, console):
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bars = Progress(TextColumn('{task.description}'), BarColumn(), MofNCompleteColumn(),
                              TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal)
        self._tasks: dict[str, int] = {}

    def __enter__(self):
        self._bars.start()
        return self._tell

    def __exit__(self, *_):
        self._bars.stop()

    def _tell(self, task: str, done: int, total: int) -> None:
        if task not in self._tasks or done < self._bars.tasks[self._tasks[task]].completed:
            self._tasks[task] = self._bars.add_task(task, total=total)
        self._bars.update(self._tasks[task], completed=done, total=total)
