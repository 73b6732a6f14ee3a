"""`hearthgrid user`: who may log in at the page. A running home takes changes up at once."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from hearthgrid.options import AsJson, StateDir

app = typer.Typer(no_args_is_help=True, help='Who may log in at the page.')
Name = Annotated[str, typer.Argument(help='Name to log in with.')]
Stdin = Annotated[bool, typer.Option('--stdin', help='Read the password from the first line of the input.')]
Role = Annotated[str, typer.Option(help='viewer looks, operator switches, admin does all.')]


def _users(state_dir: Path | None):
    from hearthgrid.cli import state_folder
    from hub_nodes.dashboard.users import Users

    return Users(str(state_folder(state_dir)))


def _password(stdin: bool) -> str:
    """Return a password, typed twice or from the input; never from the arguments, where others see it."""
    if stdin:
        return sys.stdin.readline().rstrip('\r\n')
    return typer.prompt('Password', hide_input=True, confirmation_prompt='The same again', err=True)


def _do(change) -> None:
    from hearthgrid.cli import fail

    try:
        change()
    except ValueError as error:
        raise fail(error) from None


@app.command()
def add(name: Name, role: Role = 'viewer', stdin: Stdin = False, state_dir: StateDir = None) -> None:
    """Add a user. The first has to be an admin."""
    users = _users(state_dir)
    _do(lambda: users.add(name, _password(stdin), role))
    typer.echo(f'{name} may log in as {role}')


@app.command('list')
def list_(
    json_: AsJson = False, state_dir: StateDir = None
) -> None:
    """List the users and their roles."""
    import json

    found: list = []
    _do(lambda: found.extend(_users(state_dir).list()))
    if json_:
        typer.echo(json.dumps([{'name': user.name, 'role': user.role} for user in found]))
    elif not found:
        typer.echo('no users: the page asks for no login; `hearthgrid user add NAME --role admin` makes the first',
                   err=True)
    for user in [] if json_ else found:
        typer.echo(f'{user.name:32} {user.role}')


@app.command()
def remove(name: Name, state_dir: StateDir = None) -> None:
    """Remove a user; their logins are over."""
    _do(lambda: _users(state_dir).remove(name))
    typer.echo(f'{name} is removed')


@app.command()
def password(name: Name, stdin: Stdin = False, state_dir: StateDir = None) -> None:
    """Give a user another password; their logins are over."""
    users = _users(state_dir)
    _do(lambda: users.set_password(name, _password(stdin)))
    typer.echo(f'{name} has a new password')


@app.command()
def role(
    name: Name, role: Annotated[str, typer.Argument(help='viewer, operator or admin.')], state_dir: StateDir = None
) -> None:
    """Change a user's role; their logins are over."""
    _do(lambda: _users(state_dir).set_role(name, role))
    typer.echo(f'{name} is {role}')
