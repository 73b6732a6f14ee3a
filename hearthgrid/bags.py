"""rosbag2 in MCAP, written and read without a ROS installation; `ros2 bag` and Foxglove open the same files."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import rclpy
from rclpy.exceptions import InvalidTopicNameException
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.signals import SignalHandlerOptions
from rosbags.rosbag2 import Reader, StoragePlugin, Writer

from hearthgrid.bringup import enclave_arguments
from hearthgrid_ros import cdr
from hearthgrid_ros import interfaces as rows
from hearthgrid_ros.definitions import message_name, typestore
from hearthgrid_ros.executor import LeanExecutor

RCLError, RMWError = rclpy_implementation.RCLError, rclpy_implementation.RMWError
COMMANDS = frozenset(row.name for row in (rows.REQUEST, rows.PERMITS, rows.RELAYS, rows.INVERTER_SETPOINT,
                                          rows.REGULATOR_SETPOINT, rows.BALLOTS, rows.SHARES))


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


@contextmanager
def opened(path: Path) -> Iterator[tuple[dict[str, rows.Topic], Iterator[tuple[str, int, object]]]]:
    """Yield the rows of the interface table in a bag by topic, and an iterator over (topic, time [ns], message).

    BagError, of the iterator too, when it is none, breaks off, or holds what is none of our messages as they are now.
    """
    by_name = {row.name: row for row in rows.TOPICS}
    try:  # a damaged file makes the reader raise almost anything, down to AssertionError
        reader = Reader(path)
        reader.open()
    except Exception as error:
        raise BagError(f'{path}: {str(error) or type(error).__name__}') from None
    try:
        chosen = {}
        for connection in reader.connections:
            row = by_name.get(connection.topic.split('/')[-1])
            if row is not None and connection.msgtype == message_name(row.type):
                chosen[connection.id] = row
        topics = {one.topic: chosen[one.id] for one in reader.connections if one.id in chosen}
        yield topics, _messages(path, reader, chosen)
    finally:
        reader.close()


def _messages(path: Path, reader: Reader, chosen: dict[int, rows.Topic]) -> Iterator[tuple[str, int, object]]:
    connections = [one for one in reader.connections if one.id in chosen]
    found = reader.messages(connections) if connections else iter(())
    while True:
        try:
            connection, stamp, data = next(found)
        except StopIteration:
            return
        except Exception as error:
            raise BagError(f'{path} breaks off: {str(error) or type(error).__name__}') from None
        row, content = chosen[connection.id], bytes(data)
        if not cdr.sound(content, row.type):
            raise BagError(f'{path}: {connection.topic} holds bytes that are no {row.type.__name__} as it is now')
        yield connection.topic, stamp, _message(path, content, row)


def _message(path: Path, content: bytes, row: rows.Topic):
    try:
        return deserialize_message(content, row.type)
    except (RCLError, RMWError, ValueError) as error:
        raise BagError(f'{path}: a {row.type.__name__} cannot be read: {str(error)[:120]}') from None


def replay(path: Path, rate: float, commands: bool, stop: Callable[[float, Counter], bool]) -> Counter:
    """Publish a bag's messages at their old pace times `rate`; return messages by topic.

    commands : publish what switches things, too.
    BagError when the bag cannot be read; topics that are no row of the interface table are left out.
    """
    counts, publishers = Counter(), {}
    context = rclpy.Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    node = Node('player', context=context, enable_rosout=False, start_parameter_services=False)
    try:
        with opened(path) as (topics, found):
            for topic, row in topics.items():
                if commands or row.name not in COMMANDS:
                    publishers[topic] = node.create_publisher(
                        row.type, topic, row.quality.profile(row.quality.writer_depth)
                    )
            started, first = time.monotonic(), None
            for topic, stamp, message in found:
                first = stamp if first is None else first
                while (ahead := (stamp - first) / 1e9 / rate - (time.monotonic() - started)) > 0:
                    if stop(time.monotonic() - started, counts):
                        return counts
                    time.sleep(min(ahead, 0.2))
                if topic in publishers:
                    publishers[topic].publish(message)
                    counts[topic] += 1
    except (InvalidTopicNameException, ValueError) as error:
        raise BagError(f'{path}: {error}') from None
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)
    return counts
