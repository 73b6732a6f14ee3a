"""Outlets in C in a home: build the program once, and give each process its settings file."""

import json
import math
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from hearthgrid.bringup import NodeSpec, Process
from hearthgrid_ros.home import Home, HomeError

PRIORITIES = ('unknown', 'medical', 'refrigeration', 'safety', 'essential', 'deferrable', 'comfort')  # CLASS_…
# A member's parameter → its name in the settings file.
FROM_MEMBER = {'heartbeat': 'election_heartbeat', 'timeout': 'election_timeout', 'committee': 'committee',
               'nominal_voltage': 'nominal_voltage', 'nominal_frequency': 'nominal_frequency',
               'join_time': 'join_time', 'shed_time': 'shed_time', 'silence': 'silence',
               'return_time': 'return_time', 'ballot_age_max': 'ballot_age_max'}


class FirmwareError(ValueError):
    """The program cannot be built here."""


@dataclass(frozen=True)
class FirmwareProcess(Process):
    """One outlet in C: an outlet's node and its member in one process of its own."""

    program: str = ''

    def write(self, folder: Path) -> Path:
        """Write the program's settings and return their path."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f'{self.name}.settings'
        path.write_text(settings(self.nodes), encoding='utf-8')
        return path

    def command(self, spec: Path) -> list[str]:
        """Return what to run."""
        return [self.program, str(spec)]


def settings(nodes: tuple[NodeSpec, ...]) -> str:
    """Return the settings file of an outlet from the parameters of the two Python nodes it stands for."""
    outlet, member = nodes
    home, _, id = outlet.namespace.rpartition('/')
    given = {FROM_MEMBER[name]: value for name, value in member.parameters.items() if name in FROM_MEMBER}
    given |= outlet.parameters
    rules = json.loads(given.pop('schedule', '[]'))
    given['priority'] = PRIORITIES.index(given.get('priority', 'unknown'))
    lines = [f'id {id}', f'home {home}', *(f'{name} {_word(value)}' for name, value in given.items())]
    lines += [f'rule {rule["days"]} {rule["start"]} {rule["end"]} {int(rule["on"])} '
              f'{_word(rule["power_max"] if rule.get("power_max") is not None else math.inf)}' for rule in rules]
    return '\n'.join([*lines, ''])


def _word(value) -> str:
    return str(value).lower() if isinstance(value, bool) else ' '.join(str(value).split('\n'))


def chosen(home: Home, wanted: str) -> tuple[str, ...]:
    """Return the outlets that `wanted` names: a number of them, 'all', or ids with commas between. HomeError."""
    ids = [outlet.id for outlet in home.outlets]
    if wanted == 'all':
        return tuple(ids)
    if wanted.isdigit():
        return tuple(ids[:int(wanted)])
    names = tuple(dict.fromkeys(name.strip() for name in wanted.split(',') if name.strip()))
    unknown = [name for name in names if name not in ids]
    if unknown or not names:
        raise HomeError(f'--firmware: no outlet is called {", ".join(unknown) or "so"}; there are {", ".join(ids)}')
    return names


def processes(home: Home, plan: tuple[Process, ...], ids: tuple[str, ...], program: Path) -> tuple[Process, ...]:
    """Return a plan with these outlets taken out of their Python processes and run in C."""
    places = {f'/{home.name}/{id}' for id in ids}
    taken: dict[str, list[NodeSpec]] = {}
    left = []
    for process in plan:
        for node in process.nodes:
            if node.namespace in places:
                taken.setdefault(node.namespace, []).append(node)
        nodes = tuple(node for node in process.nodes if node.namespace not in places)
        if nodes:
            left.append(process if nodes == process.nodes else Process(process.name, nodes))
    return (*left, *(FirmwareProcess(f'firmware_{space.rpartition("/")[2]}',
                                     tuple(sorted(nodes, key=lambda node: node.name != 'outlet')), str(program))
                     for space, nodes in taken.items() if len(nodes) == 2))


def sources() -> Path:
    """Return where the firmware's sources lie. FirmwareError where the package was installed without them."""
    folder = Path(os.environ.get('HEARTHGRID_FIRMWARE') or Path(__file__).resolve().parent.parent / 'firmware')
    if not (folder / 'posix.mk').exists():
        raise FirmwareError(f'no firmware sources in {folder}; HEARTHGRID_FIRMWARE says where they are')
    return folder


def build() -> Path:
    """Build the outlet in C where it is not current, and return its path. FirmwareError with the compiler's last words.
    """
    folder = sources()
    target = Path(os.environ.get('HEARTHGRID_FIRMWARE_BUILD') or folder / 'build')
    try:
        done = subprocess.run(['make', '--no-print-directory', '-s', '-C', str(folder), f'BUILD={target}', 'posix'],
                              capture_output=True, text=True)
    except OSError as error:
        raise FirmwareError(f'make cannot be run: {error.strerror} (Debian: make gcc binutils)') from None
    if done.returncode:
        words = [line for line in done.stderr.splitlines() if line and not line.startswith('make')]
        raise FirmwareError(f'the outlet in C cannot be built: {words[-1] if words else "make failed"}')
    return target / 'outlet'
