"""`hearthgrid keys`: who can command the home. A running home takes a change within a second, without a restart."""

import time
from pathlib import Path
from typing import Annotated

import typer

from hearthgrid.options import AsJson, StateDir

app = typer.Typer(no_args_is_help=True, help='The keys that sign commands to outlets.')
HomeFile = Annotated[
    Path | None, typer.Option('--home', help='YAML file of the home.', show_default='config/home.yaml')
]
Outlet = Annotated[str, typer.Argument(help='Outlet, plug, battery, pv or regulator; "home": ballots and shares.')]
Grace = Annotated[float, typer.Option(help='The old key still fits for so long \\[s].')]


def _path(state_dir: Path | None) -> Path:
    from hearthgrid.cli import state_folder
    from hearthgrid_ros import key_file

    return state_folder(state_dir) / key_file.NAME


def _name(name: str) -> str:
    return '' if name == 'home' else name


def _load(path: Path):
    """Return the keys there are. A clear end where there are none."""
    from hearthgrid.cli import fail
    from hearthgrid_ros import key_file

    try:
        return key_file.load(path)
    except FileNotFoundError:
        raise fail(f'{path.parent} has no keys yet; `hearthgrid keys init` makes them') from None
    except OSError as error:
        raise fail(f'{path}: {error.strerror}') from None
    except key_file.KeyFileError as error:
        raise fail(error) from None


def _change(path: Path, names: list[str] | None, change) -> dict[str, int]:
    """Have `change(stored)` for each name (None: all there are) in one new file; return the epochs."""
    from hearthgrid.cli import fail
    from hearthgrid_ros import key_file

    try:
        with key_file.changing(path):
            keys, done = _load(path), {}
            for name in ['', *keys.outlets] if names is None else names:
                try:
                    before = keys.of(name)
                except KeyError:
                    raise fail(f'nobody called {name!r} has a key; there are {", ".join(keys.outlets)}') from None
                after = change(before)
                keys, done[name or 'home'] = keys.put(name, after), after.epoch
            key_file.save(path, keys)
    except OSError as error:
        raise fail(f'{error.filename or path}: {error.strerror}') from None
    except ValueError as error:
        raise fail(error) from None
    return done


@app.command()
def init(home: HomeFile = None, state_dir: StateDir = None) -> None:
    """Give the home and each of its outlets a key where it never had one. `hearthgrid up` does so by itself."""
    from hearthgrid.bringup import key_names
    from hearthgrid.cli import config_folder, fail
    from hearthgrid_ros import key_file
    from hearthgrid_ros.home import HomeError, load

    path = _path(state_dir)
    try:
        new = key_file.provision(path, key_names(load(home or config_folder() / 'home.yaml')), time.time())
    except (HomeError, key_file.KeyFileError) as error:
        raise fail(error, 2) from None
    except OSError as error:
        raise fail(f'{error.filename or path}: {error.strerror}') from None
    typer.echo(f'{path}: {len(new)} new keys' if new else f'{path}: everybody has a key')


@app.command()
def add(outlet: Outlet, state_dir: StateDir = None) -> None:
    """Give an outlet a key that has none: a new one, or one whose key was revoked."""
    from hearthgrid.cli import fail
    from hearthgrid_ros import key_file

    path, name = _path(state_dir), _name(outlet)
    try:
        with key_file.changing(path):
            keys = _load(path) if path.exists() else key_file.Keys()
            before = keys.home if name == key_file.HOME else keys.outlets.get(name, key_file.Stored())
            if not before.revoked:
                raise fail(f'{outlet} has a key; `hearthgrid keys rotate {outlet}` makes another')
            if len(name) > 32:
                raise fail(f'{outlet!r} is longer than an id may be (32)')
            keys = keys.put(name, before.rotated(time.time()))
            key_file.save(path, keys)
    except OSError as error:
        raise fail(f'{error.filename or path}: {error.strerror}') from None
    typer.echo(f'{outlet}: epoch {keys.of(name).epoch}')


@app.command()
def rotate(
    outlet: Annotated[str, typer.Argument(help='Whose key; "home": ballots and shares.')] = '',
    all_: Annotated[bool, typer.Option('--all', help='Everybody\'s.')] = False,
    grace: Grace = 30.0,
    state_dir: StateDir = None,
) -> None:
    """Make a new key. It signs in five seconds; until then everybody has read it, and nothing stands still."""
    from hearthgrid.cli import fail

    if bool(outlet) is all_:
        raise fail('name an outlet, or give --all', 2)
    now = time.time()
    done = _change(
        _path(state_dir), None if all_ else [_name(outlet)],
        lambda stored: stored.rotated(now, grace) if not (all_ and stored.revoked) else stored,
    )  # fmt: skip
    for name, epoch in done.items():
        typer.echo(f'{name}: epoch {epoch}')


@app.command()
def revoke(outlet: Outlet, state_dir: StateDir = None) -> None:
    """Take an outlet's key away at once. It obeys nobody until `add` gives it another; its own schedule goes on."""
    from hearthgrid_ros.key_file import Stored

    _change(_path(state_dir), [_name(outlet)], lambda stored: Stored(stored.epoch))
    typer.echo(f'{outlet} has no key any more')


@app.command()
def export(
    outlet: Outlet,
    file: Annotated[Path, typer.Argument(help='File to make, for the machine the outlet runs on.')],
    state_dir: StateDir = None,
) -> None:
    """Write a file with one outlet's key and the home's alone: what an outlet on another machine needs."""
    from hearthgrid.cli import fail
    from hearthgrid_ros import key_file

    keys = _load(_path(state_dir))
    if outlet not in keys.outlets or keys.outlets[outlet].revoked:
        raise fail(f'{outlet!r} has no key')
    if file.exists():
        raise fail(f'{file} is there already')
    try:
        key_file.save(file.absolute(), key_file.Keys(keys.home, {outlet: keys.outlets[outlet]}))
    except OSError as error:
        raise fail(f'{error.filename or file}: {error.strerror}') from None
    typer.echo(f'{file}: give it to that machine alone, as `keys_file` of its nodes')


@app.command()
def board(
    outlet: Outlet,
    file: Annotated[Path, typer.Argument(help='File to make; .hex: Intel HEX, else the bytes as they are.')],
    port: Annotated[str, typer.Option(help='Of the firmware: stm32f767, stm32h743 or mps2_an500.')] = 'stm32f767',
    state_dir: StateDir = None,
) -> None:
    """Write the keys of an outlet on a board, to flash beside its firmware, which stays as it is."""
    import os

    from hearthgrid.board_keys import SECTORS, image, intel_hex
    from hearthgrid.cli import fail
    from hearthgrid_ros import durable

    keys, now = _load(_path(state_dir)), time.time()
    if port not in SECTORS:
        raise fail(f'no port is called {port!r}; there are {", ".join(SECTORS)}', 2)
    if outlet not in keys.outlets or keys.outlets[outlet].revoked:
        raise fail(f'{outlet!r} has no key')
    if os.path.lexists(file):
        raise fail(f'{file} is there already')
    rings = [[key for key in stored.keys if now < key.ends] for stored in (keys.outlets[outlet], keys.home)]
    content = image(outlet, *rings)
    if file.suffix == '.hex':
        content = intel_hex(SECTORS[port], content).encode()
    try:
        durable.replace(file.absolute(), content, 0o600)
    except OSError as error:
        raise fail(f'{error.filename or file}: {error.strerror}') from None
    typer.echo(f'{file}: {outlet}, epoch {keys.outlets[outlet].epoch}, home, epoch {keys.home.epoch}; '
               f'at 0x{SECTORS[port]:08x} of {port}, then reset the board; whoever has this file has the keys')


@app.command()
def show(
    json_: AsJson = False, state_dir: StateDir = None
) -> None:
    """Say who has which key, without the keys."""
    import json

    from hearthgrid_ros.key_file import others_read

    path = _path(state_dir)
    keys, now = _load(path), time.time()
    rows = []
    for name, stored in (('home', keys.home), *keys.outlets.items()):
        fits = [key for key in stored.keys if now < key.ends]
        old = max((key.ends - now for key in fits if key.ends < float('inf')), default=0.0)
        state = 'revoked' if stored.revoked else f'the old one fits {old:.0f} s more' if old else 'in force'
        rows.append({'name': name, 'epoch': stored.epoch, 'keys': len(fits), 'state': state})
    if json_:
        typer.echo(json.dumps(rows))
    for row in [] if json_ else rows:
        typer.echo(f'{row["name"]:32} epoch {row["epoch"]:3}  {row["state"]}')
    if others_read(path):
        typer.echo(f'others may read {path}: chmod 600 it, then `hearthgrid keys rotate --all`', err=True)
