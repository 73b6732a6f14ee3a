"""The launch files' one body: the plan of `bringup`, process by process, as launch actions."""

import atexit
from pathlib import Path

from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from rich.console import Console

from hearthgrid.bringup import Options, Process, default_state_dir, plan
from hearthgrid.cli import config_folder
from hearthgrid.meeting import SERVER, Meeting
from hearthgrid.replay import Replay
from hearthgrid_ros.home import load
from hearthgrid_ros.key_file import NAME as KEYS
from launch import LaunchDescription

ARGUMENTS = (
    ('home', '', 'YAML file of the home; empty: the example home'),
    ('state_dir', '', "where the home keeps its state; empty: $HEARTHGRID_STATE or the user's state folder"),
    ('simulation', 'true', 'a simulated world behind the outlets'),
    ('outlets', 'true', 'Python outlets'),
    ('outlet', '', "only this outlet of the home, or its inverter's member"),
    ('hub', 'true', 'the nodes of the hub'),
    ('dashboard', 'true', 'the page'),
    ('port', '8420', 'of the page'),
    ('each', 'false', 'one process a node'),
    ('replay', '', "recordings behind the outlets' converters"),
    ('seed', '1', 'of the simulation'),
)

ENDING = '20'  # for a process among forty that all end at once [s]


def description(**defaults: str) -> LaunchDescription:
    """Return a launch description whose arguments have these defaults."""
    declared = [
        DeclareLaunchArgument(name, default_value=defaults.get(name, default), description=text)
        for name, default, text in ARGUMENTS
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=_actions)])


def _actions(context):
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    state = Path(given['state_dir'] or default_state_dir()).expanduser().absolute()
    if given['replay']:
        home = Replay.open(Path(given['replay']).expanduser().absolute(), Console(stderr=True)).home()
        path = state / 'home.yaml'
        state.mkdir(parents=True, exist_ok=True)
        path.write_text(home.dump(), encoding='utf-8')
    else:
        path = Path(given['home'] or config_folder() / 'home.yaml').absolute()
        home = load(path)
    if given['outlet'] and given['outlet'] not in (*home.inverters, *(outlet.id for outlet in home.outlets)):
        raise ValueError(f'{path}: no outlet is called {given["outlet"]!r}')
    options = Options(
        str(path),
        str(state),
        only=given['outlet'],
        port=int(given['port']),
        seed=int(given['seed']),
        replay=given['replay'],
        keys_file=str(state / KEYS) if (state / KEYS).exists() else '',
        **{
            name: given[name].lower() in ('true', '1', 'yes')
            for name in ('simulation', 'outlets', 'hub', 'dashboard', 'each')
        },
    )
    processes = plan(home, options)
    meeting = Meeting(len(processes)).__enter__()
    atexit.register(meeting.__exit__)
    told = [SetEnvironmentVariable(SERVER, meeting.address)] if meeting.address else []
    return [*told, *(_action(process, state) for process in processes)]


def _action(process: Process, state: Path) -> Node:
    """Return one process; a process of several nodes is run by `host`."""
    common = {'output': 'screen', 'respawn': True, 'respawn_delay': 1.0, 'sigterm_timeout': ENDING}
    if len(process.nodes) > 1:
        return Node(package='hearthgrid', executable='host', arguments=[str(process.write(state / 'run'))], **common)
    node = process.nodes[0]
    parameters = [node.parameters] if node.parameters else []
    return Node(
        package=node.package,
        executable=node.executable,
        name=node.name,
        namespace=node.namespace,
        parameters=parameters,
        **common,
    )
