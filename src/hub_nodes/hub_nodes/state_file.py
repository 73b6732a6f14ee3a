"""What a node keeps over a restart: one file that is replaced as a whole, and put aside when it cannot be used."""
import json
import os
from pathlib import Path

from hearthgrid_ros import durable

FILE_MAX = 16_000_000  # a larger file is not ours [byte]


class KeptFile:
    """`read` once, `replace` at times. An empty folder keeps nothing.

    size_max : a larger file is not ours. [byte]     private : only its owner can read it.
    """

    def __init__(self, folder: str, name: str, size_max: int = FILE_MAX, private: bool = False) -> None:
        self._path = Path(folder) / name if folder else None
        self._size_max, self._mode = size_max, 0o600 if private else None

    @property
    def keeps(self) -> bool:
        """Whether there is a file to write to."""
        return self._path is not None

    def read(self) -> bytes | None:
        """Return what the file holds, None where there is none. OSError; ValueError when it is too large."""
        if self._path is None or not self._path.exists():
            return None
        if self._path.stat().st_size > self._size_max:
            raise ValueError(f'larger than {self._size_max} bytes')
        return self._path.read_bytes()

    def put_aside(self, now: float) -> str:
        """Keep a file that cannot be used under another name and return words; nothing is saved where that fails."""
        aside = self._path.with_name(f'{self._path.name}.bad-{int(now)}')
        try:
            os.replace(self._path, aside)
        except OSError as error:
            self._path = None
            return f'it cannot be put aside ({error.strerror}), so nothing is saved'
        return f'it is kept as {aside.name}'

    def replace(self, content: bytes) -> None:
        """Replace the file, durably. OSError when it cannot be written; the old file is then untouched."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        durable.replace(self._path, content, self._mode)


class StateFile(KeptFile):
    """A JSON file `<name>.json` of one format and version: `load` once, `save` at times."""

    def __init__(self, folder: str, name: str, version: int = 1, size_max: int = FILE_MAX,
                 private: bool = True) -> None:
        super().__init__(folder, f'{name}.json', size_max, private)
        self._format = f'hearthgrid {name} {version}'

    def load(self) -> dict:
        """Return what was kept, nothing where there is no file. ValueError when it cannot be used."""
        try:
            content = self.read()
            if content is None:
                return {}
            kept = json.loads(content.decode())
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f'{self._path} cannot be read: {error}') from None
        if not isinstance(kept, dict) or kept.get('format') != self._format:
            raise ValueError(f'{self._path} is no file of this format ({self._format})')
        return kept

    def save(self, state: dict) -> None:
        """Replace the file, durably. OSError when it cannot be written; the old file is then untouched."""
        if self.keeps:
            self.replace(json.dumps({'format': self._format, **state}, allow_nan=False).encode())
