"""The tests of the Python outlet, unchanged, told of an outlet in C: jobs, requests, trips, restarts, keys, permits.

The C node is the program of this machine without its loop, as a library in this process, on the tests' virtual clock.
What is left out by name looks at a file or a lifecycle that an outlet in C does not have.
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
from hearthgrid_ros import interfaces
from hearthgrid_ros.testing import graph

FIRMWARE = Path(__file__).resolve().parents[1]
SUITES = FIRMWARE.parent / 'src' / 'outlet_node' / 'test'
HEADERS = ('core/permit.h', 'ports/posix/posix.h')
BEGAN = 1000.0  # of its monotonic clock [s]


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
        self._keys = Keys(self)

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


@pytest.fixture(scope='module')
def c_node(tool, tmp_path_factory):
    """Return the node's library."""
    for name in ('make', 'cc'):
        tool(name, 'build-essential')
    build = tmp_path_factory.mktemp('node')
    done = subprocess.run(['make', '-s', '-C', FIRMWARE, f'BUILD={build}', 'posix-library'], text=True,
                          capture_output=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return library_of(build / 'outlet.so', tool('cc', 'build-essential'), build)


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


# Why a test of the Python outlet is not one of an outlet in C.
LEFT_OUT = {
    'test_outlet': {
        'test_a_damaged_file_means_defaults_and_is_kept_aside': 'its memory is flash: test_journal',
        'test_deactivated_it_opens_and_is_silent_and_it_can_begin_again': 'it has no lifecycle',
        'test_a_setting_that_cannot_be_is_refused_at_start': 'it has no parameters: test_firmware_home',
        'test_an_id_that_does_not_fit_the_wire_is_refused': 'the same',
        'test_a_trip_outlives_a_restart': 'the same; test_app has it',
    },
    'test_jobs': {},
    'test_keyed': {
        'test_an_outlet_and_members_with_keys_form_their_island_and_no_stranger_has_a_say':
            'its own member is one more than the test counts: test_firmware_home',
        'test_an_outlet_with_keys_is_not_put_to_sleep': 'it has no lifecycle',
    },
}
for suite, left_out in LEFT_OUT.items():
    module = loaded(suite)
    assert left_out.keys() <= vars(module).keys(), 'a test has another name now'
    globals().update({name: value for name, value in vars(module).items()
                      if (name.startswith('test_') or name in ('home', 'path')) and name not in left_out})


NOT_THERE = {interfaces.IDENTITIES, interfaces.LABELS}  # it learns nothing: docs/firmware.md


def test_the_node_in_c_speaks_its_rows_and_no_others(bench):
    """An outlet and its member are one node in C. How deep its queues are is not in the graph: test_app."""
    home, contract = bench(), loaded('test_contract')
    peer, place = home.peer, ('outlet', f'{home.home}/kettle')

    def ends(names, infos) -> dict:
        return {topic: (kinds[0].rpartition('/')[2], end.qos_profile.reliability, end.qos_profile.durability)
                for topic, kinds in names(*place) if kinds[0].startswith('hearthgrid_msgs') and '/_action/' not in topic
                for end in infos(topic) if (end.node_name, end.node_namespace) == place}

    def rows(wanted) -> dict:
        return {contract.full(home, row): (row.type.__name__, row.quality.reliability, row.quality.durability)
                for row in wanted}

    says = rows(contract.OUTLET_SAYS | contract.MEMBER_SAYS)
    hears = rows((contract.OUTLET_HEARS | {interfaces.BALLOTS}) - NOT_THERE)
    home.until(lambda: ends(peer.get_publisher_names_and_types_by_node, peer.get_publishers_info_by_topic) == says)
    home.until(lambda: ends(peer.get_subscriber_names_and_types_by_node, peer.get_subscriptions_info_by_topic) == hears)
    answers = {contract.full(home, row): row.type.__name__ for row in contract.OUTLET_ANSWERS}
    home.until(lambda: {name: kinds[0].rpartition('/')[2] for name, kinds in
                        peer.get_service_names_and_types_by_node(*place) if '/_action/' not in name} == answers)
    client = contract.ActionClient(peer, interfaces.RUN_JOB.type, contract.full(home, interfaces.RUN_JOB))
    home.until(client.server_is_ready)
    client.destroy()
