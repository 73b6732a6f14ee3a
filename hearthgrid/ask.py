"""Call one service of a running home."""

import time
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from hearthgrid.bringup import enclave_arguments
from hearthgrid_core.outlet.permit import NO_PERMIT
from hearthgrid_ros import key_file
from hearthgrid_ros.calls import Permits
from hearthgrid_ros.executor import LeanExecutor
from hearthgrid_ros.keys import Keys
from hearthgrid_ros.node import wait_until

TRIES, PAUSE = 20, 0.1  # of a call whose permit came after it [s]


class AskError(Exception):
    """Nobody answered."""


def ask(home: str, row, request, outlet: str = '', timeout: float = 8.0, state: Path | None = None):
    """Return the answer of a service row of the interface table. AskError when nobody answers within `timeout` [s].

    state : folder of the home's keys, where it has some: the call is permitted with them.
    """
    context = rclpy.Context()
    identity = enclave_arguments(f'/{home}/tools')
    rclpy.init(args=identity, context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node('asker', namespace=f'/{home}', context=context, start_parameter_services=False, enable_rosout=False)
    executor = LeanExecutor(context=context)
    executor.add_node(node)
    try:
        client = row.client(node, outlet)
        if not wait_until(executor, client.service_is_ready, timeout):
            raise AskError(f'nobody serves {client.srv_name}')
        file = state / key_file.NAME if state else None
        keys = Keys(str(file) if file and file.exists() else '')
        permits = Permits(node, keys, 'hearthgrid', time.time_ns, time.time)
        if not wait_until(executor, lambda: permits.heard(row, outlet), timeout):
            raise AskError(f'nobody hears what would permit a call of {client.srv_name}')
        for _ in range(TRIES):
            permits.permit(row, request, outlet)
            future = client.call_async(request)
            if not wait_until(executor, future.done, timeout):
                raise AskError(f'{client.srv_name} did not answer')
            if getattr(future.result(), 'message', '') != NO_PERMIT or not permits.needed:
                break
            executor.spin_once(PAUSE)
        return future.result()
    finally:
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.shutdown(context=context)
