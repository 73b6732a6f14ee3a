"""What every Hearthgrid node is: settings from one class, health on /diagnostics, a clean end on SIGINT and SIGTERM.

A node that needs the home has the setting `home_file: str = params.home_file()`, one that keeps something
`state_dir: str = params.state_dir()`; the launch fills both. An outlet's own facts (title, priority, deferrable,
minimum_on, minimum_off, nominal_voltage, nominal_frequency, …) are settings of the outlet's node, so that it needs no
file; its id is the last part of its namespace. A module with a node has `def main() -> int: return run(TheNode)` for
its console script, and `if __name__ == '__main__': raise SystemExit(main())`.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import cached_property

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions

from hearthgrid_ros.calls import Calls
from hearthgrid_ros.executor import LeanExecutor
from hearthgrid_ros.health import Health, HealthReport
from hearthgrid_ros.interfaces import DIAGNOSTICS
from hearthgrid_ros.keys import Keys
from hearthgrid_ros.params import declare

WAIT = 0.25  # longest sleep before a signal is looked at [s]


class _Common:
    """Settings, health and keys, for plain and managed nodes alike.

    A subclass names its settings class: `settings_class = StoreSettings`, and finds the values in `self.settings`.
    """

    settings_class: type | None = None

    def _prepare(self) -> None:
        self._unwatch()
        self.health = Health(self)
        self.settings = declare(self, self.settings_class) if self.settings_class else None

    def _unwatch(self) -> None:
        """Take away rclpy's watchers of its own ends (parameter events, clock): entities to wait on at each wake-up."""
        for end in (*self.publishers, *self.subscriptions):
            while end.event_handlers:
                watcher = end.event_handlers.pop()
                self.remove_waitable(watcher)
                watcher.destroy()

    def now(self) -> float:
        """Return the node's time, seconds since the epoch. [s]"""
        clock = self.get_clock().handle  # rclpy's Time around it costs twice as much as the question
        with clock:
            return clock.get_now().nanoseconds * 1e-9

    @cached_property
    def keys(self) -> Keys:
        """The keys of the home, where the settings have `keys_file`; else those of a home without."""
        return Keys(getattr(self.settings, 'keys_file', ''), self.get_logger().error)

    @cached_property
    def calls(self) -> Calls:
        """Whose calls this node obeys."""
        return Calls(self, self.keys)

    def make_safe(self) -> None:
        """Give back what must not outlive the node (threads, files). Called once before it is destroyed."""


class HomeNode(_Common, Node):
    """A plain node. Subclasses take `**options` and pass them on."""

    def __init__(self, name: str, **options) -> None:
        super().__init__(name, **options)
        self._prepare()


class ManagedNode(_Common, LifecycleNode):
    """A lifecycle node that brings itself to active when parameter `autostart` is true (the default).

    Then, in a home with keys, its lifecycle services refuse changes, because nobody signs for them; with `autostart`
    false somebody means to manage it, and they obey. Subclasses implement on_configure, on_activate, on_deactivate,
    on_cleanup and on_shutdown as rclpy has them, and call the parent. `make_safe` deactivates.
    """

    def __init__(self, name: str, **options) -> None:
        super().__init__(name, **options)
        self._prepare()
        self.autostart = self.declare_parameter('autostart', True).value
        if self.autostart and getattr(self.settings, 'keys_file', ''):
            self._service_change_state.callback = self._refuse_change

    def _refuse_change(self, asked, response):
        # Nobody signs for it, and whoever may end this process may end the node.
        self.get_logger().warning(f'a change of state ({asked.transition.label or asked.transition.id}) is refused: '
                                  'the home has keys', throttle_duration_sec=60.0)
        response.success = False
        return response

    def start(self) -> bool:
        """Configure and activate; return whether both worked."""
        done = TransitionCallbackReturn.SUCCESS
        return self.trigger_configure() == done and self.trigger_activate() == done

    @property
    def state(self) -> str:
        """The lifecycle state's label: unconfigured, inactive, active, finalized."""
        return self._state_machine.current_state[1]

    def make_safe(self) -> None:
        if self.state == 'active':
            self.trigger_deactivate()
        if self.state == 'inactive':
            self.trigger_cleanup()
        if self.state != 'finalized':
            self.trigger_shutdown()

    def destroy_node(self) -> None:
        """Free everything; rclpy leaves the state machine, and with it a DDS participant, to the garbage collector."""
        super().destroy_node()
        self._state_machine.destroy_when_not_in_use()


def options(namespace: str = '', parameters: dict | None = None, lean: bool = False) -> dict:
    """Return keyword arguments for a node's constructor.

    parameters : name to value, as in a parameter file.
    lean : without parameter services and rosout, for a process of many nodes (each entity costs discovery and memory).
    """
    overrides = [Parameter(name, value=value) for name, value in (parameters or {}).items()]
    out = {'parameter_overrides': overrides}
    if namespace:
        out['namespace'] = namespace
    if lean:
        out |= {'start_parameter_services': False, 'enable_rosout': False}
        out['parameter_overrides'] = [*overrides, Parameter('start_type_description_service', value=False)]
    return out


def run(*makers: Callable[[], Node] | type, args: Sequence[str] | None = None) -> int:
    """Spin the nodes that `makers` return in one process until SIGINT or SIGTERM; return the exit code.

    Each maker is a node class or a function of no argument. Signals are handled here rather than by rclpy, so that
    nodes can still speak while they make themselves safe.
    """
    stop = threading.Event()
    executor = None
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    nodes: list[Node] = []
    try:
        for maker in makers:
            try:
                nodes.append(maker())
            except ValueError as error:  # a setting that was refused
                print(f'hearthgrid: {error}', file=sys.stderr, flush=True)
                return 2
        executor = LeanExecutor()
        HealthReport(nodes, DIAGNOSTICS)
        for node in nodes:
            executor.add_node(node)
            if getattr(node, 'autostart', False) and not node.start():
                node.get_logger().error('did not become active; start it again with its lifecycle services')
        while not stop.is_set():
            executor.spin_once(WAIT)
        return 0
    except ExternalShutdownException:
        return 0
    finally:
        for node in reversed(nodes):
            _end(node)
        if executor is not None:
            executor.shutdown(timeout_sec=1.0)
        for node in reversed(nodes):
            node.destroy_node()
        rclpy.try_shutdown()


def _end(node) -> None:
    try:
        node.make_safe()
    except Exception as error:  # the others must still be made safe
        node.get_logger().error(f'while ending: {error!r}')


def wait_until(executor, condition: Callable[[], bool], timeout: float = 20.0) -> bool:
    """Spin `executor` until `condition()` or the timeout [s]; return whether it came true."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        executor.spin_once(0.05)
    return True
