"""Everything worth keeping, in a database: the node, its writer, and the reader of history.

`history`, `backend` and `model` need no ROS: the command line and notebooks read a home's database through them.
"""
from typing import Any


def __getattr__(name: str) -> Any:
    if name == 'StoreNode':  # late, so that a reader of history does not import rclpy
        from hub_nodes.store.node import StoreNode
        return StoreNode
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
