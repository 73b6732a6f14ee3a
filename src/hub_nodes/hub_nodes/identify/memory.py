"""What outlives the process: arrays in one file, replaced as a whole, with a hash of what they hold."""
import hashlib
import io
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

FILE = 'identify.npz'
FILE_MAX = 64_000_000   # a larger file is not ours [byte]
HASH = 'state_hash'
_UNREADABLE = (OSError, ValueError, EOFError, KeyError, MemoryError, NotImplementedError, AttributeError, TypeError,
               zipfile.BadZipFile, zlib.error)


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """Return a hash of names, types, shapes and values."""
    out = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        out.update(f'{name} {array.dtype.str} {array.shape}\n'.encode())
        out.update(array.tobytes())
    return out.hexdigest()


class Memory:
    """Arrays in one .npz file, replaced as a whole."""

    def __init__(self, folder: str, logger) -> None:
        self._path = Path(folder) / FILE if folder else None
        self._log = logger

    @property
    def keeps(self) -> bool:
        """Whether there is a file to write to."""
        return self._path is not None

    def load(self) -> Mapping[str, np.ndarray] | None:
        """Return what the file holds, None where there is none. ValueError, saying why, when it cannot be used."""
        if self._path is None or not self._path.exists():
            return None
        try:
            if self._path.stat().st_size > FILE_MAX:
                raise ValueError(f'larger than {FILE_MAX} bytes')
            with np.load(io.BytesIO(self._path.read_bytes()), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except _UNREADABLE as error:
            raise ValueError(f'cannot be read: {error}') from None
        written = arrays.pop(HASH, None)
        if written is not None and str(written) != digest(arrays):     # a file from before there were hashes has none
            raise ValueError('was changed since it was written')
        return arrays

    def put_aside(self, reason: str, now: float) -> None:
        """Keep a file that cannot be used under another name, so that a new one does not replace it."""
        aside = self._path.with_name(f'{self._path.name}.bad-{int(now)}')
        try:
            os.replace(self._path, aside)
            self._log.error(f'{self._path}: {reason}; it is kept as {aside.name}, and learning starts afresh')
        except OSError as error:
            self._log.error(f'{self._path}: {reason}; it cannot be put aside ({error.strerror}), so nothing is saved')
            self._path = None

    def save(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the file, durably. OSError when it cannot be written; the old file is then untouched."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f'{self._path.name}.new')
        with open(fresh, 'wb') as file:
            np.savez(file, **arrays, **{HASH: np.array(digest(arrays))})
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
