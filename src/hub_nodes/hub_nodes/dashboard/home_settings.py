"""Settings of the nodes, as a list of all of them says: for proposing and checking what the home file gives them."""
import json
import math
import subprocess
import sys
import threading

from hub_nodes.dashboard.rows import Refused

COMMAND = (sys.executable, '-m', 'hearthgrid.cli', 'parameters', '--json')
PATIENCE = 90.0  # [s]
OUTLET_NODES = ('outlet', 'consensus')  # there is one of each an outlet: kettle/outlet


class Catalogue:
    """All settings of all nodes, asked once of the command that lists them. `command` : another one in tests.

    Who asks does so in a thread, and the end of the page waits for its threads: `close` ends the command.
    """

    def __init__(self, command: tuple[str, ...] = COMMAND) -> None:
        self._command, self._lock = command, threading.Lock()
        self._nodes: dict[str, dict[str, dict]] = {}
        self._starting, self._child, self._closed = threading.Lock(), None, False

    def close(self) -> None:
        """End the command, should it run, and refuse from now on what it was asked for."""
        with self._starting:
            self._closed = True
            if self._child is not None:
                self._child.kill()

    def _listed(self) -> bytes:
        """Return what the command says. OSError, subprocess.SubprocessError."""
        with self._starting:
            if self._closed:
                raise subprocess.SubprocessError
            self._child = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                           stderr=subprocess.DEVNULL)
        with self._child as child:
            try:
                said, _ = child.communicate(timeout=PATIENCE)
            finally:
                child.kill()
        if child.returncode:
            raise subprocess.CalledProcessError(child.returncode, self._command)
        return said

    def nodes(self) -> dict[str, dict[str, dict]]:
        """Return default, unit, low, high, choices and description of each setting by node. Refused if not known."""
        with self._lock:
            if not self._nodes:
                try:
                    self._nodes = {node: {one['name']: one for one in settings}
                                   for node, settings in json.loads(self._listed()).items()}
                except (OSError, subprocess.SubprocessError, ValueError) as error:
                    raise Refused(f'the settings of nodes are not known ({type(error).__name__})') from None
            return self._nodes

    def proposed(self) -> list[tuple[str, str]]:
        """Return every setting as it is typed, and what it means."""
        return [(f'{node}.{name}', f'{text(one["default"])} {one["unit"]}'.strip() + f': {one["description"]}')
                for node, settings in self.nodes().items() for name, one in settings.items()]

    def check(self, settings: list[tuple[str, str, object]]) -> dict[str, str]:
        """Return what is wrong with settings, by field. settings : row's place, 'node.setting', value"""
        errors, nodes = {}, self.nodes()
        for place, name, value in settings:
            node, _, setting = name.rpartition('.')
            outlet, _, kind = node.rpartition('/')
            if kind not in nodes or (outlet and kind not in OUTLET_NODES):
                errors[f'{place}.name'] = f'no program is called {node!r}; there are {", ".join(nodes)}'
            elif setting not in nodes[kind]:
                errors[f'{place}.name'] = f'{kind} has no setting {setting!r}; it has {", ".join(nodes[kind])}'
            elif words := refused(value, nodes[kind][setting]):
                errors[f'{place}.value'] = words
        return errors


def text(value: object) -> str:
    """Return a default in words."""
    return {True: 'yes', False: 'no', '': 'empty'}.get(value, str(value)) if isinstance(value, (bool, str)) else \
        str(value)


def refused(value: object, one: dict) -> str:
    """Return why a setting does not take a value, '' = it does."""
    default, low, high, unit = one['default'], one['low'], one['high'], one['unit']
    if isinstance(default, bool):
        return '' if isinstance(value, bool) else 'yes or no'
    if isinstance(default, str):
        if not isinstance(value, str):
            return 'a text; put it in quotes'
        return '' if not one['choices'] or value in one['choices'] else f'one of {", ".join(one["choices"])}'
    if isinstance(value, bool) or not isinstance(value, (int, float)) or math.isnan(value):
        return 'a number is needed'
    if isinstance(default, int) and not isinstance(value, int):
        return 'a whole number is needed'
    if (low is not None and value < low) or (high is not None and value > high):
        return f'from {low:g} to {high:g} {unit}'.strip()
    return ''
