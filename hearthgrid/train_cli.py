"""`hearthgrid train`."""

import time
from pathlib import Path
from typing import Annotated

import typer

from hearthgrid.options import StateDir

PROBLEMS_SHOWN = 5


def train(
    recordings: Annotated[Path, typer.Argument(help='A file or a folder of .npz, .csv, .wav, .parquet, rosbag2.')],
    out_folder: Annotated[
        Path | None, typer.Option('--out', help='Folder to write.', show_default='model in the state folder')
    ] = None,
    seed: Annotated[int, typer.Option(help='The same recordings and seed make the same model.', min=0)] = 0,
    group: Annotated[str, typer.Option(help='A fact kept on one side of a test: house, device …')] = '',
    student: Annotated[str, typer.Option(help='forest, network, or auto: the trees where they fit.')] = 'auto',
    rate: Annotated[float, typer.Option(help='Sampling rate of files that do not say theirs [Hz].', min=0)] = 0.0,
    state_dir: StateDir = None,
) -> None:
    """Train the model that tells devices apart; `identify` runs it from its next start."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from hearthgrid import train as training
    from hearthgrid.cli import err, fail, out, state_folder
    from hearthgrid_ros.recordings import Hints

    if student not in ('auto', 'forest', 'network'):
        raise fail(f'no student is called {student!r}; there are auto, forest, network', 2)
    folder = (out_folder or state_folder(state_dir) / 'model').expanduser().absolute()
    hints = Hints(sampling_rate=rate) if rate else None
    columns = TextColumn('{task.description}'), BarColumn(), TimeElapsedColumn()
    try:
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bars:
            tasks: dict[str, int] = {}

            def tell(task: str, done: int, total: int) -> None:
                if task not in tasks:
                    tasks[task] = bars.add_task(task)
                bars.update(tasks[task], completed=done, total=total)

            examples = training.load(recordings.expanduser(), group, tell, hints)
            made = training.make(examples, seed, student, tell, time.strftime('%Y-%m-%d'))
        training.write(made, folder)
    except ValueError as error:
        raise fail(error) from None
    except OSError as error:
        raise fail(f'{error.filename or folder}: {error.strerror}') from None
    for problem in examples.problems[:PROBLEMS_SHOWN]:
        err.print(f'left out: {problem}', markup=False, highlight=False, soft_wrap=True)
    if len(examples.problems) > PROBLEMS_SHOWN:
        err.print(f'… and {len(examples.problems) - PROBLEMS_SHOWN} more left out', highlight=False)
    out.print(training.summary(made), highlight=False, markup=False)
    out.print(f'written to {folder}; report.html is for people', highlight=False, markup=False, soft_wrap=True)
