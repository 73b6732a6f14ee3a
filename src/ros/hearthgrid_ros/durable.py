"""Replacing a file so that after any crash there is the old one or the new one, whole."""
import os
from pathlib import Path


def replace(path: Path, content: bytes, mode: int | None = None, sync: bool = True) -> None:
    """Replace a file, with exactly these permissions. OSError; the old file is untouched then.

    mode : None = what the process gives new files (umask).     sync : also through a power cut, at the price of
    waiting for the disk; a crash of the process loses neither.
    """
    fresh = path.with_name(f'.{path.name}.{os.getpid()}.new')
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o666 if mode is None else 0o600)
    try:
        with open(handle, 'wb') as file:
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    if sync:
        sync_names(path.parent)


def swap(fresh: Path, path: Path) -> None:
    """Put a file that is written already in the place of another, durably. OSError; the old one is untouched then."""
    handle = os.open(fresh, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    os.replace(fresh, path)
    sync_names(path.parent)


def sync_names(folder: Path) -> None:
    """Have the names in a folder on the disk, too. OSError."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
