"""What a node keeps over a restart, in one JSON file that is replaced as a whole."""
import json
import os
from pathlib import Path

FILE_MAX = 16_000_000  # a larger file is not ours [byte]


class StateFile:
    """`load` once, `save` at times. Only its owner can read it; one that cannot be used is put aside."""

    def __init__(self, folder: str, name: str, version: int = 1) -> None:
        self._path = Path(folder) / f'{name}.json' if folder else None
        self._format = f'hearthgrid {name} {version}'

    @property
    def keeps(self) -> bool:
        """Whether there is a file to write to."""
        return self._path is not None

    def load(self) -> dict:
        """Return what was kept, nothing where there is no file. ValueError when it cannot be used."""
        if self._path is None or not self._path.exists():
            return {}
        try:
            if self._path.stat().st_size > FILE_MAX:
                raise ValueError(f'larger than {FILE_MAX} bytes')
            kept = json.loads(self._path.read_text(encoding='utf-8'))
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f'{self._path} cannot be read: {error}') from None
        if not isinstance(kept, dict) or kept.get('format') != self._format:
            raise ValueError(f'{self._path} is no file of this format ({self._format})')
        return kept

    def put_aside(self, now: float) -> str:
        """Keep a file that cannot be used under another name and return words; nothing is saved where that fails."""
        aside = self._path.with_name(f'{self._path.name}.bad-{int(now)}')
        try:
            os.replace(self._path, aside)
        except OSError as error:
            self._path = None
            return f'it cannot be put aside ({error.strerror}), so nothing is saved'
        return f'it is kept as {aside.name}'

    def save(self, state: dict) -> None:
        """Replace the file, durably. OSError when it cannot be written; the old file is then untouched."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f'{self._path.name}.new')
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w', encoding='utf-8') as file:
            json.dump({'format': self._format, **state}, file, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
