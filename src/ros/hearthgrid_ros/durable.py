"""Replacing a file so that after any crash there is the old one or the new one, whole."""
import os
from pathlib import Path


def replace(path: Path, content: bytes, mode: int) -> None:
    """Replace a file durably, with exactly these permissions. OSError; the old file is untouched then."""
    fresh = path.with_name(f'.{path.name}.{os.getpid()}.new')
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    try:
        with open(handle, 'wb') as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
