"""A bench for the outlet in C: the outlet's own bench (src/outlet_node/test/conftest.py) with the node in C in it.

The C node is the program of this machine without its loop, as a library in this process, on the tests' virtual clock.
"""
import importlib.util
import math
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from cffi import FFI
from diagnostic_msgs.msg import DiagnosticArray

from hearthgrid.bringup import NodeSpec
from hearthgrid.firmware import settings
from hearthgrid_core.outlet.job import Status
from hearthgrid_ros.testing import graph

FIRMWARE = Path(__file__).resolve().parents[1]
SUITES = FIRMWARE.parent / 'src' / 'outlet_node' / 'test'
HEADERS = ('core/permit.h', 'ports/posix/posix.h')
BEGAN = 1000.0  # of its monotonic clock [s]
VIEW = 49       # features of a prototype


def loaded(name: str):
    """Return a module of the outlet's tests."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(f'outlet_suite_{name}', SUITES / f'{name}.py')
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


Bench = loaded('conftest').Bench


class Node:
    """The node in C as the tests look at the one in Python."""

    def __init__(self, bench, path: Path) -> None:
        self.bench, self.lib, self.ffi = bench, bench.c.lib, bench.c.ffi
        self._clocks = [self.ffi.callback('double(void)', clock) for clock in (
            lambda: BEGAN + bench.time - bench.began, lambda: bench.time)]
        clocks = self.ffi.new('hg_posix_clocks_t *', self._clocks)
        self._keep = clocks
        if not self.lib.hg_node_begin(str(path).encode(), clocks):
            raise ValueError('a setting is out of bounds')
        self.app = self.lib.hg_node_app()
        self.health = SimpleNamespace(statuses=self._statuses)
        self.controller = SimpleNamespace(protection=self.app.protection, jobs=Jobs(self))
        self._keys, self._devices = Keys(self), Devices(self)

    @property
    def blocks(self) -> int:
        return self.lib.hg_comms_blocks()

    @property
    def _refused(self) -> int:
        return self.app.control.refused

    @property
    def _arrived(self) -> range:
        return range(getattr(self.app, 'in').requests.written)

    @property
    def _islanded(self) -> bool | None:
        box = getattr(self.app, 'in').ties
        newest = box.items[(box.written - 1) % len(box.items)]
        return not newest.closed if box.written and newest.known else None

    def _set_inrush(self, value: float) -> None:
        self.app.inrush = value

    _inrush = property(fset=_set_inrush)

    def _statuses(self) -> list:
        heard, told = self.bench.diagnostics, -math.inf

        def said() -> list:
            return [s for m in heard for s in m.status if s.hardware_id.startswith(self.bench.home[1:])]

        def again() -> list:  # a word may be lost while both ends find each other
            nonlocal told
            if not said() and time.monotonic() - told > 0.5:
                told = time.monotonic()
                self.lib.hg_comms_health(self.app, BEGAN + self.bench.time - self.bench.began)
            return said()

        heard.clear()
        self.bench.until(again)
        return said()


    def _watch(self) -> None:
        self.bench.turn()


class Devices:
    """What it knows of its devices."""

    def __init__(self, node: Node) -> None:
        self.node, self._own, self.heard = node, self, node.lib.hg_comms_identities()
        self._heard_on = [SimpleNamespace(callback=lambda raw: None)]

    @property
    def names(self) -> tuple[str, ...]:
        book = self.node.app.own.kept.book
        content, found = bytes(book.bytes[0:book.used]), {}
        while content:
            end = 4 + content[1]
            found[content[4:end].decode()] = None
            content = content[end + 4 * VIEW:]
        return tuple(found)

    @property
    def _open(self) -> bool:
        return self.node.app.own.open.known

    def tell(self) -> None:
        """Say that answers have been heard since the last time."""
        while self.heard < self.node.lib.hg_comms_identities():
            self.heard += 1
            self._heard_on[0].callback(b'')


class Jobs:
    """Its job."""

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def job(self) -> SimpleNamespace | None:
        book = self.node.app.jobs
        name = self.node.ffi.string(book.job.id).decode()
        return SimpleNamespace(id=name, status=Status(book.job.status)) if book.known else None


class Keys:
    """Its keys: what makes the Python one look at the file again does so here."""

    def __init__(self, node: Node) -> None:
        object.__setattr__(self, 'node', node)

    def __setattr__(self, name: str, value: float) -> None:
        assert name == '_looked'
        self.node.lib.hg_node_keys(self.node.ffi.cast('double', 1e12))

    def report(self, health, *names: str) -> None:
        """Nothing: its health says it anyway."""


class CBench(Bench):
    """The bench of the outlet's tests, with the node in C."""

    feeding = False

    def __init__(self, made, c, folder: Path, **parameters) -> None:
        self.c, self.folder = c, folder
        super().__init__(made, None, **parameters)

    def begin(self) -> Node:
        """Make the node, as a process would that starts now."""
        kept = {name: value for name, value in self.parameters.items() if name != 'echo'}
        nodes = tuple(NodeSpec('', '', '', name, f'{self.home}/kettle', given) for name, given in (
            ('outlet', {**kept}), ('consensus', {'committee': 'kettle,lamp,fridge'})))
        path = self.folder / 'kettle.settings'
        path.write_text(settings(nodes), encoding='utf-8')
        self.began = self.time
        self.diagnostics = []
        self.peer.create_subscription(DiagnosticArray, '/diagnostics', self.diagnostics.append, 10)
        self.node = Node(self, path)
        self.turns = self.peer.create_timer(0.002, self.turn)
        assert all(self.graph.matched(publisher) for publisher in (self.tie, self.samples, self.request))
        own = [f'{self.home}/{row.name}' for row in OUTLET_SAYS]
        assert self.graph.until(lambda: all(self.peer.count_publishers(topic) for topic in own))
        for _ in range(5):  # it looks who listens once a second, before there is anything to show
            if self.graph.until(self.c.lib.hg_comms_listeners, 0.2):
                break
            self.time += 1.5
            self.converter.start += 1.5
        return self.node

    def turn(self) -> None:
        """Let the node have a turn, and its control a step, although the tests' clock stands still."""
        if self.feeding:  # the time is that of a block on its way: it decides
            self.c.lib.hg_comms_spin(self.node.app, 0.0)
            return
        self.c.lib.hg_node_step(0.0)
        now = BEGAN + self.time - self.began
        self.c.lib.hg_app_control(self.node.app, now)
        self.c.lib.hg_app_analyse(self.node.app, now)
        self.node._devices.tell()

    def restart(self) -> Node:
        """End the node in good order, forget what was heard of it, and make it anew."""
        self.end()
        self.until(lambda: not self.samples.get_subscription_count() + self.request.get_subscription_count())
        for heard in self.heard.values():
            heard.clear()
        return self.begin()

    def end(self) -> None:
        if self.node is not None:
            self.peer.destroy_timer(self.turns)
            self.c.lib.hg_node_end()
            self.node = None

    def give(self, message) -> None:
        """Give the node one block and wait until it has taken it, or dropped it."""
        self.time += 0.2
        before, self.feeding = self.node.blocks, True
        self.samples.publish(message)
        assert self.graph.until(lambda: self.node.blocks > before), 'the node took no block'
        self.feeding = False


OUTLET_SAYS = loaded('test_contract').OUTLET_SAYS


BUILT: list[SimpleNamespace] = []  # once for all test files


@pytest.fixture(scope='module')
def c_node(tool, tmp_path_factory):
    """Return the node's library."""
    for name in ('make', 'cc'):
        tool(name, 'build-essential')
    if BUILT:
        return BUILT[0]
    build = tmp_path_factory.mktemp('node')
    done = subprocess.run(['make', '-s', '-C', FIRMWARE, f'BUILD={build}', 'posix-library'], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr[-3000:]
    BUILT.append(library_of(build / 'outlet.so', tool('cc', 'build-essential'), build))
    return BUILT[0]


def library_of(path: Path, compiler: str, folder: Path) -> SimpleNamespace:
    """Return the library with its structs as the compiler sees them; of `comms_ros.h` only what tests look at."""
    for name in ('stdbool.h', 'stddef.h', 'stdint.h'):
        (folder / name).touch()
    text = ''.join(f'#include "{FIRMWARE / header}"\n' for header in HEADERS)
    folders = [f'-I{p}' for p in (folder, *(FIRMWARE / name for name in ('core', 'app', 'ports/posix')))]
    seen = subprocess.run([compiler, '-E', '-P', '-nostdinc', *folders, '-'], input=text, text=True,
                          capture_output=True, check=True).stdout
    ffi = FFI()
    ffi.cdef(seen)
    ffi.cdef('void hg_comms_health(struct hg_app *app, double now);')
    return SimpleNamespace(lib=ffi.dlopen(str(path), ffi.RTLD_GLOBAL | ffi.RTLD_NOW), ffi=ffi)


@pytest.fixture
def bench(c_node, tmp_path):
    """Return a function that makes a bench of an outlet in C with parameters."""
    made = []
    with graph() as ros:
        def make(**parameters) -> CBench:
            for one in made:
                one.end()
            made.append(CBench(ros, c_node, tmp_path, **parameters))
            return made[-1]
        try:
            yield make
        finally:
            for one in made:
                one.end()



def suite(name: str, left_out: dict[str, str], *fixtures: str) -> dict:
    """Return the tests of one of the outlet's files, but those left out, each with its reason, and its fixtures."""
    module = loaded(name)
    assert left_out.keys() <= vars(module).keys(), 'a test has another name now'
    return {name: value for name, value in vars(module).items()
            if (name.startswith('test_') or name in fixtures) and name not in left_out}
