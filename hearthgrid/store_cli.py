"""`hearthgrid store`: back up, restore, and move a home's history."""

import time
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from hearthgrid.options import StateDir

app = typer.Typer(no_args_is_help=True, help="Back up, restore or move what a home remembers.")
PATIENCE = 30.0  # for a running store to take a backup [s]
SILENCE = 20.0  # of a server that takes nothing more [s]
FOREVER = 1e11  # [s]


@contextmanager
def progress(what: str):
    """Yield a function that shows the share that is done."""
    from rich.progress import Progress

    from hearthgrid.cli import err

    with Progress(console=err, transient=True) as shown:
        task = shown.add_task(what, total=1.0)
        yield lambda share: shown.update(task, completed=share)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help='File to write; must not exist.')],
    state_dir: StateDir = None,
) -> None:
    """Write a home's whole history into one file, while the home runs."""
    from hearthgrid.cli import fail, out, state_folder
    from hub_nodes.store.backend import StoreError
    from hub_nodes.store.copying import copy
    from hub_nodes.store.history import SqliteHistory
    from hub_nodes.store.place import open_history
    from hub_nodes.store.restore import backup as write
    from hub_nodes.store.sqlite import SqliteBackend

    if file.exists():
        raise fail(f'{file} exists already')
    try:
        history = open_history(state_folder(state_dir))
        with progress('backup') as tell:
            if type(history) is SqliteHistory:  # not one of whose readings a part lies on a server
                write(history.path, file, tell)
            else:
                _copy_to_file(copy, history, SqliteBackend, file, tell)
    except StoreError as error:
        raise fail(error) from None
    out.print(f'{file}: {file.stat().st_size / 1e6:.1f} MB', highlight=False, markup=False, soft_wrap=True)


def _copy_to_file(copy, history, backend, file: Path, tell) -> None:
    """Copy another database into a file of the embedded kind; what is left of a failure is deleted."""
    part = file.with_name(f'{file.name}.part')
    target = backend(part)
    try:
        copy(history, target, tell)
        target.close()
        part.replace(file)
    finally:
        target.close()
        for left in part.parent.glob(f'{part.name}*'):
            left.unlink()


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help='A backup.', exists=True, dir_okay=False)],
    state_dir: StateDir = None,
    wait: Annotated[float, typer.Option(help='For a running home to take it \\[s].', min=0.0)] = PATIENCE,
) -> None:
    """Put a backup in the place of a home's history, which is kept beside it. The home may run."""
    from hearthgrid.cli import err, fail, out, state_folder
    from hub_nodes.store.backend import StoreError, Unavailable
    from hub_nodes.store.copying import copy
    from hub_nodes.store.history import FILE, SqliteHistory
    from hub_nodes.store.place import database, make_backend, needs_folder
    from hub_nodes.store.restore import check, offer
    from hub_nodes.store.sqlite import SqliteBackend

    folder = state_folder(state_dir)
    try:
        place = database(folder)
        if not needs_folder(place):
            check(file)
            with progress('restore') as tell:
                target = make_backend(place, folder)
                copied = copy(SqliteHistory(file), target, tell)
                target.close()
            out.print(f'{copied.readings} readings, {copied.minutes} minutes and {copied.records} records were added',
                      highlight=False)  # fmt: skip
            return
        waiting = offer(file, folder / FILE)
        store = SqliteBackend(folder / FILE)
        try:
            store.open()
            store.close()
        except Unavailable:  # a store runs: it takes the backup with its next write
            with err.status('waiting for the running home'):
                until = time.monotonic() + wait
                while waiting.exists() and time.monotonic() < until:
                    time.sleep(0.1)
        if waiting.exists():
            raise fail(f'the store that writes to {folder / FILE} has not taken it yet; it will with its next write')
    except StoreError as error:
        raise fail(error) from None
    out.print(f'restored; what was there is kept as {FILE}.replaced-*', highlight=False, markup=False)


@app.command()
def move(
    to: Annotated[
        str,
        typer.Argument(
            help='postgresql://user@host/name, influxdb://user:password@host:8086/name, '
            'victoriametrics://host:8428/name, or a folder for the embedded database.'
        ),
    ],
    state_dir: StateDir = None,
) -> None:
    """Copy a home's history into another database; then set `store: {database: …}` in the home file."""
    from hearthgrid.cli import fail, out, state_folder
    from hub_nodes.store.address import LINE
    from hub_nodes.store.backend import StoreError
    from hub_nodes.store.copying import Copied, copy
    from hub_nodes.store.history import SqliteHistory
    from hub_nodes.store.place import make_backend, open_history

    folder, elsewhere = state_folder(state_dir), '://' in to
    try:
        history = open_history(folder)
        target = make_backend(to if elsewhere else '', folder if to.startswith(LINE) else to)
        try:
            with progress('move') as tell:
                if to.startswith(LINE) and isinstance(history, SqliteHistory):
                    _forward(history, target, tell)  # the home's own file becomes the one before the server
                    copied = Copied(sum(len(history.readings(one, 0.0, FOREVER)) for one in history.outlets()))
                else:
                    copied = copy(history, target, tell)
                    _drain(target, tell)
        finally:
            target.close()
    except (StoreError, ValueError) as error:
        raise fail(error) from None
    out.print(f'{copied.readings} readings, {copied.minutes} minutes and {copied.records} records', highlight=False)


def _forward(history, target, tell) -> None:
    """Let a server have what lies in this home's own file."""
    from hub_nodes.store.backend import StoreError
    from hub_nodes.store.history import SqliteHistory

    if type(history) is not SqliteHistory:
        raise StoreError('from one line-protocol server to another: move into a folder first, and from there on')
    target.open()
    _drain(target, tell)


def _drain(target, tell) -> None:
    """Wait until a server has taken all; StoreError when it does not."""
    from hub_nodes.store.backend import StoreError

    until = time.monotonic() + SILENCE
    known = -1.0
    while not target.drain(0.5):
        share = target.share()
        tell(share)
        if share > known:
            known, until = share, time.monotonic() + SILENCE
        elif time.monotonic() > until:
            raise StoreError(target.remark() or 'the server does not take more')
    tell(1.0)
