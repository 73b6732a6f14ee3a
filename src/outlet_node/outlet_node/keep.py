"""What outlives a restart: one JSON file a part, replaced whole or not at all."""
import json
from pathlib import Path

from hearthgrid_ros import durable as files


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
        path, content = self._path(part), json.dumps(data, allow_nan=False).encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            files.replace(path, content, sync=durable)
        except OSError as error:
            return f'{path} cannot be written: {error.strerror}'
        return ''

    def drop(self, part: str) -> bool:
        """Remove a part; return whether nothing of it is left."""
        if self._base is not None:
            try:
                self._path(part).unlink(missing_ok=True)
                files.sync_names(self._base.parent)
            except OSError:
                return not self._path(part).exists()
        return True

    def _path(self, part: str) -> Path:
        return self._base.with_name(f'{self._base.name}.{part}.json')
