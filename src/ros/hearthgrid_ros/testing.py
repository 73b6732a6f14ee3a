"""For tests: a ROS graph of one's own, and waiting for events instead of seconds."""

import fcntl
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import rclpy
from rclpy.node import Node

from hearthgrid_ros.executor import LeanExecutor
from hearthgrid_ros.node import wait_until

DOMAINS = 100  # Fast DDS ports of ids up to 101 lie below the ephemeral ones
_claimed: list = []  # the lock on this process' domain; held until it ends


def own_domain() -> int:
    """Return a ROS domain id that no other test process of this machine has, and set it for this one and its children.

    RuntimeError when a hundred test processes run already.
    """
    if not _claimed:
        for step in range(DOMAINS):
            domain = 1 + (os.getpid() + step) % DOMAINS
            lock = open(os.path.join(tempfile.gettempdir(), f'hearthgrid-test-domain-{domain}.lock'), 'w')
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                lock.close()
                continue
            _claimed.extend((lock, domain))
            break
        else:
            raise RuntimeError(f'all {DOMAINS} test domains are taken')
    os.environ['ROS_DOMAIN_ID'] = str(_claimed[1])
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    return _claimed[1]


def free_ports(count: int) -> list[int]:
    """Return so many different TCP ports of loopback that nobody uses now."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(('127.0.0.1', 0))
        return [probe.getsockname()[1] for probe in probes]


def free_port() -> int:
    """Return one such port."""
    return free_ports(1)[0]


class Graph:
    """A ROS context with an executor, nodes and what they heard."""

    def __init__(self) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.executor = LeanExecutor(context=self.context)
        self._nodes: list[Node] = []

    def add(self, maker: Callable[..., Node], *args, **options) -> Node:
        """Make a node in this graph, add it to the executor, and start it when it is a managed node."""
        node = maker(*args, context=self.context, **options)
        self.executor.add_node(node)
        self._nodes.append(node)
        if getattr(node, 'autostart', False):
            assert node.start(), f'{node.get_name()} did not become active'
        return node

    def peer(self, namespace: str = '/home', name: str = 'peer') -> Node:
        """Return a bare node to talk with."""
        return self.add(Node, name, namespace=namespace, start_parameter_services=False)

    def hear(self, node: Node, topic, outlet: str = '') -> list:
        """Return a list that fills with the messages of an interface row."""
        heard: list = []
        if outlet:
            topic.subscription_to(node, outlet, heard.append)
        else:
            topic.subscription(node, heard.append)
        return heard

    def until(self, condition: Callable[[], bool], timeout: float = 20.0) -> bool:
        """Spin until `condition()`; return whether it came true in time [s]."""
        return wait_until(self.executor, condition, timeout)

    def matched(self, publisher, readers: int = 1) -> bool:
        """Wait until a publisher has `readers` subscriptions."""
        return self.until(lambda: publisher.get_subscription_count() >= readers)

    def call(self, client, request, timeout: float = 20.0):
        """Call a service and return its response; AssertionError when nobody answers."""
        assert self.until(client.service_is_ready, timeout), f'no server of {client.srv_name}'
        future = client.call_async(request)
        assert self.until(future.done, timeout), f'no answer of {client.srv_name}'
        return future.result()

    def end(self, node: Node) -> None:
        """Make one node safe and destroy it, as `run` does at the end."""
        self._nodes.remove(node)
        self.executor.remove_node(node)
        if hasattr(node, 'make_safe'):
            node.make_safe()
        self.executor.spin_once(0.0)
        node.destroy_node()

    def close(self) -> None:
        """End everything."""
        for node in list(reversed(self._nodes)):
            self.end(node)
        self.executor.shutdown(timeout_sec=1.0)
        rclpy.shutdown(context=self.context)


@contextmanager
def graph() -> Iterator[Graph]:
    """Yield a Graph in a domain of this process' own."""
    own_domain()
    made = Graph()
    try:
        yield made
    finally:
        made.close()


@contextmanager
def process(module: str, *arguments: str, **environment: str) -> Iterator[subprocess.Popen]:
    """Run `python -m module` (a node's module with a `main`), and kill it if it is still there at the end."""
    child = subprocess.Popen(
        [sys.executable, '-m', module, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()
