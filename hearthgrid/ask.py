"""Call one service of a running home."""

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from hearthgrid.bringup import enclave_arguments
from hearthgrid_ros.executor import LeanExecutor
from hearthgrid_ros.node import wait_until


class AskError(Exception):
    """Nobody answered."""


def ask(home: str, row, request, outlet: str = '', timeout: float = 8.0):
    """Return the answer of a service row of the interface table. AskError when nobody answers within `timeout` [s]."""
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
        future = client.call_async(request)
        if not wait_until(executor, future.done, timeout):
            raise AskError(f'{client.srv_name} did not answer')
        return future.result()
    finally:
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.shutdown(context=context)
