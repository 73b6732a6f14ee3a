"""The command line. Heavy things are imported where they are used, so that `--help` is quick."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from hearthgrid import (
    __version__,
    bags_cli,
    bench_cli,
    evaluate_cli,
    fuzz_cli,
    history_cli,
    keys_cli,
    reference_cli,
    report_cli,
    security_cli,
    simulate_cli,
    store_cli,
    token_cli,
    train_cli,
    user_cli,
)
from hearthgrid.options import AsJson, HomeName, StateDir

app = typer.Typer(
    name='hearthgrid',
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode='rich',
    help='Smart outlets that become a power system.',
    context_settings={'help_option_names': ['-h', '--help']},
)
out = Console(width=None if sys.stdout.isatty() else 132)  # a file or a pipe has room
err = Console(stderr=True)


def fail(message: object, code: int = 1) -> typer.Exit:
    """Print one clear line and return what to raise."""
    err.print(f'hearthgrid: {message}', markup=False, highlight=False, soft_wrap=True)
    return typer.Exit(code)


def state_folder(chosen: Path | None) -> Path:
    """Return the state folder a command uses."""
    from hearthgrid.bringup import default_state_dir

    return (chosen or default_state_dir()).expanduser().absolute()


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option('--version', help='Print the version.')] = False) -> None:
    """Smart outlets that become a power system."""
    if version:
        out.print(__version__)
        raise typer.Exit
    from hearthgrid.meeting import join

    join()


OWN_HOME = 'own_home.yaml'  # in the state folder: the home set up on the page of a home started without --home


@app.command()
def up(
    home: Annotated[
        Path | None,
        typer.Option('--home', help='YAML file of the home.', show_default='set up on the page, else config/home.yaml'),
    ] = None,
    duration: Annotated[
        float, typer.Option('--for', help='End by itself after so many seconds; 0: at Ctrl-C.', min=0)
    ] = 0.0,
    replay: Annotated[
        Path | None, typer.Option(help='Recordings (.npz, .csv, .wav, rosbag2, or a folder) behind the outlets.')
    ] = None,
    port: Annotated[int, typer.Option(help='Port of the page.', min=0, max=65535)] = 8420,
    seed: Annotated[int, typer.Option(help='Of the simulation.')] = 1,
    each: Annotated[bool, typer.Option('--each', help='One process a node.')] = False,
    simulation: Annotated[bool, typer.Option(help='A simulated world behind the outlets.')] = True,
    outlets: Annotated[bool, typer.Option(help='Python outlets; off where real ones speak.')] = True,
    firmware: Annotated[
        str, typer.Option('--firmware', help='Outlets that run in C: how many, a,b, or all.', show_default='none')
    ] = '',
    hub: Annotated[bool, typer.Option(help='The nodes of the hub.')] = True,
    page: Annotated[bool, typer.Option(help='The page.')] = True,
    keys: Annotated[bool, typer.Option(help='Sign commands, and obey signed ones only.')] = True,
    state_dir: StateDir = None,
    verbose: Annotated[bool, typer.Option('--verbose', '-v', help='Show every log line.')] = False,
) -> None:
    """Start a home and watch over it, until Ctrl-C."""
    from hearthgrid import bringup
    from hearthgrid import up as upping
    from hearthgrid.firmware import FirmwareError
    from hearthgrid.replay import Replay, ReplayError
    from hearthgrid_ros.home import HomeError, load
    from hearthgrid_ros.key_file import KeyFileError

    if firmware and replay is not None:
        raise fail('--firmware takes 128 samples a cycle, recordings have their own: leave out one of the two', 2)
    folder = state_folder(state_dir)
    try:
        with upping.alone(folder):
            if replay is not None:
                folder = upping.fresh(folder / 'replay')
                played = Replay.open(replay.expanduser().absolute(), out)
                described = played.home()
                if home is not None:  # its outlets are the recordings', its settings hold
                    described = described.model_copy(update={'nodes': load(home).nodes})
            else:
                # Without --home: what was set up on the page, else the example.
                source = (home or folder / OWN_HOME).expanduser().absolute()
                played, described = None, load(source if home or source.exists() else config_folder() / 'home.yaml')
            options = bringup.Options(
                '',
                str(folder),
                simulation=simulation,
                outlets=outlets,
                hub=hub,
                dashboard=page,
                port=port,
                each=each,
                replay=str(replay.expanduser().absolute()) if replay else '',
                seed=seed,
                keys_file='' if keys else upping.OFF,
                firmware=firmware,
                home_source='' if played else str(source),
            )
            while (code := upping.run(described, options, duration, verbose, out, played)) == upping.AGAIN:
                described = load(source)
            raise typer.Exit(code)
    except (FirmwareError, HomeError, KeyFileError, ReplayError) as error:
        raise fail(error, 2) from None
    except upping.HomeRuns as error:
        raise fail(error) from None
    except OSError as error:
        raise fail(f'{error.filename or folder}: {error.strerror}') from None


@app.command()
def status(
    name: HomeName = 'home',
    json_: AsJson = False,
    wait: Annotated[float, typer.Option(help='Listen at most so long before the first answer \\[s].')] = 10.0,
    once: Annotated[bool, typer.Option('--once', help='Print one table and end.')] = False,
) -> None:
    """Show a running home, live."""
    from rich.live import Live

    from hearthgrid import summary
    from hearthgrid.witness import Witness

    with Witness(name) as witness:
        witness.settle(wait)
        if not witness.seen.counts['readings']:
            raise fail(f'no home called {name!r} is heard; start one with `hearthgrid up`')
        if json_:
            print(json.dumps(summary.as_json(witness.seen)))
        elif once or not out.is_terminal:
            out.print(summary.outlet_table(witness.seen))
        else:
            try:
                with Live(summary.outlet_table(witness.seen), console=out, auto_refresh=False) as live:
                    while True:
                        witness.spin(1.0)
                        live.update(summary.outlet_table(witness.seen), refresh=True)
            except KeyboardInterrupt:
                pass


@app.command()
def outage(
    name: HomeName = 'home',
    duration: Annotated[float, typer.Option('--for', help='How long \\[s]; 0: until --restore.', min=0)] = 20.0,
    delay: Annotated[float, typer.Option('--in', help='From now \\[s].', min=0)] = 0.0,
    kind: Annotated[str, typer.Option(help='blackout, sag, swell or frequency.')] = 'blackout',
    residual: Annotated[float, typer.Option(help='Voltage left (sag, swell) or frequency, over nominal.')] = 0.0,
    restore: Annotated[bool, typer.Option('--restore', help='End what is scripted.')] = False,
    state_dir: StateDir = None,
) -> None:
    """Fail the utility of the simulation."""
    from hearthgrid.ask import AskError, ask
    from hearthgrid_msgs.srv import ScriptOutage
    from hearthgrid_ros.interfaces import SCRIPT_OUTAGE

    kinds = {
        n.removeprefix('KIND_').lower(): getattr(ScriptOutage.Request, n)
        for n in dir(ScriptOutage.Request)
        if n.startswith('KIND_')
    }
    if kind not in kinds or kind == 'unknown':
        raise fail(f'no outage is called {kind!r}; there are {", ".join(k for k in kinds if k != "unknown")}', 2)
    try:
        answer = ask(
            name,
            SCRIPT_OUTAGE,
            ScriptOutage.Request(kind=kinds[kind], delay=delay, duration=duration, residual=residual, restore=restore),
            state=state_folder(state_dir),
        )
    except AskError as error:
        raise fail(f'{error} (is a simulated home running?)') from None
    if not answer.success:
        raise fail(answer.message)
    out.print(answer.message or 'done', highlight=False)


app.command()(history_cli.history)
app.command()(bags_cli.record)
app.command()(bags_cli.replay)


@app.command()
def doctor(
    json_: AsJson = False,
    state_dir: StateDir = None,
    port: Annotated[int, typer.Option(help='Port of the page.')] = 8420,
) -> None:
    """Say what is wrong with this machine, and with the home that runs on it. Exit code 1 when something is."""
    from hearthgrid.doctor import examine

    findings = []
    for finding in examine(state_folder(state_dir), port):
        findings.append(finding)
        if not json_:
            mark = {'ok': '[green]✓[/]', 'warning': '[yellow]![/]', 'error': '[red]✗[/]'}[finding.level]
            out.print(f'{mark} {finding.name:14}', end=' ')
            out.print(finding.text, markup=False, highlight=False, soft_wrap=True)
    if json_:
        print(json.dumps([finding.__dict__ for finding in findings]))
    raise typer.Exit(int(any(finding.level == 'error' for finding in findings)))


app.command()(bench_cli.bench)
app.command()(train_cli.train)
app.command()(evaluate_cli.evaluate)
app.command()(evaluate_cli.identify)
app.command()(simulate_cli.simulate)
app.command()(report_cli.report)
app.command()(fuzz_cli.fuzz)
app.add_typer(store_cli.app, name='store')
app.add_typer(keys_cli.app, name='keys')
app.add_typer(security_cli.app, name='security')
app.add_typer(user_cli.app, name='user')
app.add_typer(token_cli.app, name='token')
app.command()(reference_cli.interfaces)
app.command()(reference_cli.parameters)


def config_folder() -> Path:
    """Return where the default home lies: beside the sources, or where the package was installed."""
    beside = Path(__file__).resolve().parent.parent / 'config'
    if beside.is_dir():
        return beside
    from ament_index_python import get_package_share_directory

    return Path(get_package_share_directory('hearthgrid')) / 'config'


def main() -> None:
    """Entry point."""
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == '__main__':
    main()
