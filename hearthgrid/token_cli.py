"""`hearthgrid token`: which programs may use the interface. A running home takes changes up at once."""

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from hearthgrid.options import AsJson, StateDir

app = typer.Typer(no_args_is_help=True, help='Which programs may use the interface.')
Name = Annotated[str, typer.Argument(help='What the token is called, in the audit log too.')]


def _tokens(state_dir: Path | None):
    from hearthgrid.cli import state_folder
    from hub_nodes.dashboard.tokens import Tokens

    return Tokens(str(state_folder(state_dir)))


@app.command()
def add(
    name: Name,
    scope: Annotated[str, typer.Option(help='read, control or admin.')] = 'read',
    state_dir: StateDir = None,
) -> None:
    """Make a token and print it, once: only its hash is kept."""
    from hearthgrid.cli import err, fail

    try:
        secret = _tokens(state_dir).add(name, scope, time.time())
    except ValueError as error:
        raise fail(error) from None
    err.print(f'{name} may {scope}. Keep this; it is not shown again:', highlight=False)
    typer.echo(secret)


@app.command('list')
def list_(
    json_: AsJson = False, state_dir: StateDir = None
) -> None:
    """List the tokens and their scopes."""
    from hearthgrid.cli import fail

    try:
        found = _tokens(state_dir).list()
    except ValueError as error:
        raise fail(error) from None
    if json_:
        typer.echo(json.dumps([{'name': one.name, 'scope': one.scope, 'made': one.made} for one in found]))
    elif not found:
        typer.echo('no tokens', err=True)
    for one in [] if json_ else found:
        typer.echo(f'{one.name:32} {one.scope:8} {time.strftime("%Y-%m-%d %H:%M", time.localtime(one.made))}')


@app.command()
def remove(name: Name, state_dir: StateDir = None) -> None:
    """Make a token worthless."""
    from hearthgrid.cli import fail

    try:
        _tokens(state_dir).remove(name)
    except ValueError as error:
        raise fail(error) from None
    typer.echo(f'{name} is worthless now')
