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
