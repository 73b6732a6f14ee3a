"""rosbag2 in MCAP, written and read without a ROS installation; `ros2 bag` and Foxglove open the same files."""

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import rclpy
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions
from rosbags.rosbag2 import Reader, ReaderError, StoragePlugin, Writer

from hearthgrid.bringup import enclave_arguments
from hearthgrid_ros import interfaces as rows
from hearthgrid_ros.definitions import message_name, typestore
from hearthgrid_ros.executor import LeanExecutor

COMMANDS = frozenset(row.name for row in (rows.REQUEST, rows.RELAYS, rows.INVERTER_SETPOINT, rows.BALLOTS))


class BagError(Exception):
    """A recording that cannot be written or read."""


def record(home: str, path: Path, stop: Callable[[float, Counter], bool], names: set[str] | None = None) -> Counter:
    """Write the home's topics into a new bag until `stop(seconds, counts)`; return messages by topic.

    names : rows of the interface table to record; None for all but the outlets' own.
    BagError when the bag exists already or cannot be written.
    """
    if path.exists():
        raise BagError(f'{path} exists already')
    chosen = [row for row in rows.TOPICS if row.scope is not rows.Scope.OUTLET and (names is None or row.name in names)]
    store, counts = typestore(message_name(row.type) for row in chosen), Counter()
    context = rclpy.Context()
    identity = enclave_arguments(f'/{home}/tools')
    rclpy.init(args=identity, context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node('recorder', namespace=f'/{home}', context=context, enable_rosout=False, start_parameter_services=False)
    executor = LeanExecutor(context=context)
    executor.add_node(node)
    try:
        with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            for row in chosen:
                _record_topic(node, writer, store, row, counts)
            started = time.monotonic()
            while not stop(time.monotonic() - started, counts):
                executor.spin_once(0.2)
    except OSError as error:
        raise BagError(f'{path}: {error.strerror}') from None
    finally:
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        rclpy.shutdown(context=context)
    return counts


def _record_topic(node, writer, store, row, counts) -> None:
    name, kind = row.resolve(node), message_name(row.type)
    connection = writer.add_connection(name, kind, typestore=store)

    def keep(data: bytes) -> None:
        writer.write(connection, time.time_ns(), data)
        counts[name] += 1

    node.create_subscription(row.type, name, keep, row.quality.profile(row.quality.reader_depth), raw=True)


def replay(path: Path, rate: float, commands: bool, stop: Callable[[float, Counter], bool]) -> Counter:
    """Publish a bag's messages at their old pace times `rate`; return messages by topic.

    commands : publish what switches things, too.
    BagError when the bag cannot be read; topics that are no row of the interface table are left out.
    """
    by_type = {message_name(row.type): row.type for row in rows.TOPICS}
    counts, publishers = Counter(), {}
    context = rclpy.Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node('player', context=context, enable_rosout=False, start_parameter_services=False)
    qualities = {row.name: row.quality for row in rows.TOPICS}
    try:
        with Reader(path) as reader:
            for connection in reader.connections:
                short = connection.topic.split('/')[-1]
                if connection.msgtype in by_type and short in qualities and (commands or short not in COMMANDS):
                    quality = qualities[short]
                    publishers[connection.id] = node.create_publisher(
                        by_type[connection.msgtype], connection.topic, quality.profile(quality.writer_depth)
                    )
            started, first = time.monotonic(), None
            for connection, stamp, data in reader.messages():
                first = stamp if first is None else first
                while (ahead := (stamp - first) / 1e9 / rate - (time.monotonic() - started)) > 0:
                    if stop(time.monotonic() - started, counts):
                        return counts
                    time.sleep(min(ahead, 0.2))
                publisher = publishers.get(connection.id)
                if publisher is not None:
                    publisher.publish(deserialize_message(bytes(data), publisher.msg_type))
                    counts[connection.topic] += 1
    except (ReaderError, OSError, ValueError) as error:
        raise BagError(f'{path}: {error}') from None
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)
    return counts
