"""What the watch over outlets learnt, in one JSON file that is replaced as a whole."""
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

FILE = 'anomaly.json'
FORMAT = 'hearthgrid anomaly 1'
FILE_MAX = 64_000_000   # a larger file is not ours [byte]


class StateFile:
    """`load` once, `save` at times. A file that cannot be used is put aside, not overwritten."""

    def __init__(self, folder: str, logger) -> None:
        self._path = Path(folder) / FILE if folder else None
        self._log = logger

    @property
    def keeps(self) -> bool:
        """Whether there is a file to write to."""
        return self._path is not None

    def load(self) -> dict[str, Mapping]:
        """Return what was kept by outlet, nothing where there is no file. ValueError when it cannot be used."""
        if self._path is None or not self._path.exists():
            return {}
        try:
            if self._path.stat().st_size > FILE_MAX:
                raise ValueError(f'larger than {FILE_MAX} bytes')
            kept = json.loads(self._path.read_text(encoding='utf-8'))
        except (OSError, ValueError, RecursionError) as error:
            raise ValueError(f'cannot be read: {error}') from None
        if not isinstance(kept, dict) or kept.get('format') != FORMAT or not isinstance(kept.get('outlets'), dict):
            raise ValueError(f'is no file of this format ({FORMAT})')
        return kept['outlets']

    def put_aside(self, reason: str, now: float) -> None:
        """Keep a file that cannot be used under another name, so that a new one does not replace it."""
        aside = self._path.with_name(f'{self._path.name}.bad-{int(now)}')
        reason = re.sub(r'\s+', ' ', reason)[:200]
        try:
            os.replace(self._path, aside)
            self._log.error(f'{self._path}: {reason}; it is kept as {aside.name}, and learning starts afresh')
        except OSError as error:
            self._log.error(f'{self._path}: {reason}; it cannot be put aside ({error.strerror}), so nothing is saved')
            self._path = None

    def save(self, outlets: Mapping[str, Mapping]) -> None:
        """Replace the file, durably. OSError when it cannot be written; the old file is then untouched."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_name(f'{self._path.name}.new')
        with open(fresh, 'w', encoding='utf-8') as file:
            json.dump({'format': FORMAT, 'outlets': outlets}, file, allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
