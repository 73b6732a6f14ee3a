"""What outlives a restart: one JSON file a part, replaced whole or not at all."""
import json
import os
from pathlib import Path


class Keeper:
    """Files `<folder>/<name>.<part>.json`. An empty folder name keeps nothing."""

    def __init__(self, folder: str, name: str) -> None:
        self._base = Path(folder) / name if folder else None

    def load(self, part: str) -> tuple[dict | None, str]:
        """Return what was kept, None when nothing was, and what is wrong with it ('' = nothing)."""
        if self._base is None:
            return None, ''
        path = self._path(part)
        try:
            found = json.loads(path.read_text(encoding='utf-8'))
        except FileNotFoundError:
            return None, ''
        except OSError as error:
            return None, f'{path} cannot be read: {error.strerror}'
        except (RecursionError, ValueError) as error:
            return None, self.set_aside(part, str(error))
        return (found, '') if isinstance(found, dict) else (None, self.set_aside(part, 'it holds no mapping'))

    def set_aside(self, part: str, reason: str) -> str:
        """Rename a damaged file so that nothing of it is lost, and return words for the log."""
        path = self._path(part)
        try:
            path.replace(path.with_suffix('.damaged'))
        except OSError:
            return f'{path} is damaged ({reason})'
        return f'{path} is damaged ({reason}); it is kept as {path.stem}.damaged and defaults are used'

    def save(self, part: str, data: dict, durable: bool) -> str:
        """Replace a part, and return what went wrong ('' = nothing).

        durable : also through a power cut, at the price of waiting for the disk; a crash of the process loses neither.
        """
        if self._base is None:
            return ''
        path, new = self._path(part), self._path(part).with_suffix('.new')
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(new, 'w', encoding='utf-8') as file:
                json.dump(data, file, allow_nan=False)
                file.flush()
                if durable:
                    os.fsync(file.fileno())
            new.replace(path)
            if durable:
                self._sync(path.parent)
        except OSError as error:
            return f'{path} cannot be written: {error.strerror}'
        return ''

    def drop(self, part: str) -> bool:
        """Remove a part; return whether nothing of it is left."""
        if self._base is not None:
            try:
                self._path(part).unlink(missing_ok=True)
                self._sync(self._base.parent)
            except OSError:
                return not self._path(part).exists()
        return True

    @staticmethod
    def _sync(folder: Path) -> None:
        """Have the names in a folder on the disk, too."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _path(self, part: str) -> Path:
        return self._base.with_name(f'{self._base.name}.{part}.json')
