"""The installed message definitions as rosbags needs them: to read and write rosbag2 without a ROS installation."""

from collections.abc import Iterable
from pathlib import Path

from ament_index_python import get_package_share_directory
from rosbags.typesys import Stores, get_types_from_msg, get_typestore


def message_name(type_: type) -> str:
    """Return 'package/msg/Name' of a message class."""
    return f'{type_.__module__.split(".")[0]}/msg/{type_.__name__}'


def typestore(names: Iterable[str]):
    """Return rosbags' knowledge of messages ('package/msg/Name') and of all they contain.

    PackageNotFoundError or OSError where one is not installed.
    """
    store, known, todo = get_typestore(Stores.EMPTY), {}, set(names)
    while todo:
        name = todo.pop()
        package, _, short = name.split('/')
        text = (Path(get_package_share_directory(package)) / 'msg' / f'{short}.msg').read_text('utf-8')
        found = get_types_from_msg(text, name)
        known |= found
        for _, members in found.values():
            for _, member in members:
                todo |= set(_mentioned(member)) - set(known)
    store.register(known)
    return store


def _mentioned(member) -> Iterable[str]:
    """Yield the message types a field's description mentions."""
    if isinstance(member, str):
        if '/msg/' in member:
            yield member
    elif isinstance(member, (tuple, list)):
        for part in member:
            yield from _mentioned(part)
