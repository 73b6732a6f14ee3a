"""What outlives the process: arrays in one file, replaced as a whole, with a hash of what they hold."""
import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np

from hub_nodes.state_file import KeptFile

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


class Memory(KeptFile):
    """Arrays in one .npz file, replaced as a whole."""

    def __init__(self, folder: str, logger) -> None:
        super().__init__(folder, FILE, FILE_MAX)
        self._log = logger

    def load(self) -> Mapping[str, np.ndarray] | None:
        """Return what the file holds, None where there is none. ValueError, saying why, when it cannot be used."""
        try:
            content = self.read()
            if content is None:
                return None
            with np.load(io.BytesIO(content), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
        except _UNREADABLE as error:
            raise ValueError(f'cannot be read: {error}') from None
        written = arrays.pop(HASH, None)
        if written is not None and str(written) != digest(arrays):     # a file from before there were hashes has none
            raise ValueError('was changed since it was written')
        return arrays

    def start_afresh(self, reason: str, now: float) -> None:
        """Put a file that cannot be used aside, and say so."""
        self._log.error(f'{self._path}: {reason}; {self.put_aside(now)}; learning starts afresh')

    def save(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the file, durably. OSError when it cannot be written; the old file is then untouched."""
        if self.keeps:
            content = io.BytesIO()
            np.savez(content, **arrays, **{HASH: np.array(digest(arrays))})
            self.replace(content.getvalue())
