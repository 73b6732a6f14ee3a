"""The monthly report, made by the command of that name in a process of its own; one at a time."""
import asyncio
import sys
import tempfile
from pathlib import Path

from hub_nodes.dashboard import child
from hub_nodes.dashboard.backend import Answer

PATIENCE = 180.0  # [s]
NICE = 10


class Reports:
    """Makes reports from the store in `state_dir`. `start` : the command; another one in tests."""

    def __init__(self, state_dir: str, home_file: str, start: tuple[str, ...] = (
            'nice', '-n', str(NICE), sys.executable, '-m', 'hearthgrid.cli', 'report')) -> None:
        self._state_dir, self._home_file, self._start, self._busy = state_dir, home_file, start, False

    async def make(self, month: str, kind: str) -> bytes | Answer:
        """Return the report of a month, 'YYYY-MM', as 'html' or 'pdf', or why there is none."""
        if not self._state_dir:
            return Answer(False, 'Nothing is stored without a state folder (parameter state_dir).', 'absent')
        if self._busy:
            return Answer(False, 'Another report is being made. Try again in a moment.', 'refused')
        self._busy = True
        try:
            with tempfile.TemporaryDirectory(prefix='hearthgrid-report-') as folder:
                return await self._made(month, Path(folder) / f'report.{kind}')
        except OSError as error:
            return Answer(False, f'The report cannot be made: {error.strerror}', 'absent')
        finally:
            self._busy = False

    async def _made(self, month: str, path: Path) -> bytes | Answer:
        home = ('--home', self._home_file) if self._home_file else ()
        command = (*self._start, '--state-dir', self._state_dir, '--month', month, '--out', str(path), *home)
        told = await child.ask(command, b'', PATIENCE)
        if told is None:
            return Answer(False, 'The report took too long.', 'absent')
        code, _, errors = told
        if code or not path.exists():
            lines = errors.decode(errors='replace').strip().splitlines()
            return Answer(False, f'No report: {lines[-1][:200] if lines else "the command failed"}', 'refused')
        return await asyncio.to_thread(path.read_bytes)
