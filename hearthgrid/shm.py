"""Shared-memory files that a killed process left behind."""

import os
import re
from contextlib import suppress
from pathlib import Path

FOLDER = Path('/dev/shm')
OURS = re.compile(r'^(sem\.)?fast(rtps|dds)_|^lttng-ust-wait-')


def in_use() -> set[str]:
    """Return the names of shared-memory files that some process of this machine maps or has open."""
    return {name for process in Path('/proc').iterdir() if process.name.isdigit() for name in used_by(process.name)}


def used_by(pid: int | str) -> set[str]:
    """Return the names of shared-memory files that a process maps or has open."""
    names, process = set(), Path('/proc') / str(pid)
    try:
        # Descriptors first: a file is opened, mapped, closed, in this order.
        for descriptor in (process / 'fd').iterdir():
            with suppress(FileNotFoundError):
                target = os.readlink(descriptor)
                if target.startswith('/dev/shm/'):
                    names.add(target.removeprefix('/dev/shm/').removesuffix(' (deleted)'))
        names.update(re.findall(r'/dev/shm/(\S+)', (process / 'maps').read_text()))
    except OSError:
        pass  # it ended meanwhile, or is another user's
    return names


def deaf(pid: int | str) -> bool:
    """Whether a process listens at a port of shared memory that was taken from it: nobody else can reach it any more.

    Fast DDS takes a port for dead, and makes it anew, when its listener got no processor for
    `healthy_check_timeout_ms`. The listener should notice and open it again, and does not always: seen with a load of
    18 on two cores, where the outlets of a home stayed blind.
    """
    try:
        own = {name.removesuffix('_el') for name in used_by(pid) if re.match(r'fastdds_port\d+_el$', name)}
        maps = (Path('/proc') / str(pid) / 'maps').read_text()
    except OSError:
        return False
    mapped = re.findall(r'/dev/shm/(fastdds_port\d+)( \(deleted\))?$', maps, re.MULTILINE)
    return bool(own & {name for name, gone in mapped if gone} - {name for name, gone in mapped if not gone})


def remove_orphans() -> list[str]:
    """Remove middleware files of this user that nobody uses any more; return their names.

    A file that anyone has mapped stays, and so does its semaphore, so that other ROS systems are not disturbed.
    """
    if not FOLDER.is_dir():
        return []
    files = list(FOLDER.iterdir())  # before asking who uses what: a process that starts just now makes new ones
    used, removed = in_use(), []
    stems = {re.sub(r'^sem\.|_el$|_mutex$', '', name) for name in used}
    for file in files:
        stem = re.sub(r'^sem\.|_el$|_mutex$', '', file.name)
        try:
            if (
                OURS.match(file.name)
                and file.name not in used
                and stem not in stems
                and file.stat().st_uid == os.getuid()
            ):
                file.unlink()
                removed.append(file.name)
        except OSError:
            continue
    return removed
