"""Named rows in one private file that the page and the command line both write: users, tokens."""
import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from hub_nodes.state_file import StateFile

SIZE_MAX = 1_000_000  # of the file [byte]


class Refused(ValueError):
    """What was asked of the rows cannot be; the message is for people."""


class Rows:
    """`all()` what the file holds now, by name; `change` it. Safe between threads and processes.

    A file that cannot be used raises ValueError: a damaged file must not open what it closed.
    """

    def __init__(self, folder: str, name: str, size_max: int = SIZE_MAX) -> None:
        self._file = StateFile(folder, name, size_max=size_max)
        self._path = Path(folder) / f'{name}.json' if folder else None
        self._seen: tuple | None = None
        self._rows: dict[str, dict] = {}
        self._thread = threading.RLock()

    @property
    def keeps(self) -> bool:
        """Whether there is a folder to keep rows in."""
        return self._path is not None

    def all(self) -> dict[str, dict]:
        """Return all rows by name, read again when the file is another. ValueError when it cannot be used."""
        with self._thread:
            mark = self._mark()
            if mark != self._seen:
                rows = self._file.load().get('rows', {})
                if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
                    raise ValueError(f'{self._path} holds no rows')
                self._rows, self._seen = rows, mark
            return self._rows

    def _mark(self) -> tuple | None:
        if self._path is None:
            return None
        try:
            found = os.stat(self._path)
        except FileNotFoundError:
            return ()
        return found.st_mtime_ns, found.st_size, found.st_ino

    def change(self, edit: Callable[[dict[str, dict]], None]) -> None:
        """Have `edit` change a copy of the rows, and keep it. Refused without a folder, or with `edit`'s own words."""
        if self._path is None:
            raise Refused('nothing can be kept without a state folder (parameter state_dir)')
        with self._thread, self._alone():
            rows = {name: dict(row) for name, row in self.all().items()}
            edit(rows)
            try:
                self._file.save({'rows': rows})
            except OSError as error:
                raise Refused(f'{self._path} cannot be written: {error.strerror}') from None
            self._rows, self._seen = rows, self._mark()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from changing the file meanwhile."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(self._path.with_suffix('.lock'), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise Refused(f'{self._path.parent} cannot be written: {error.strerror}') from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)
