"""Where the home has stood, kept over a restart of the dashboard: outages are history, not news."""
import json
import time
from collections.abc import Callable
from dataclasses import asdict

from hub_nodes.dashboard.views import Step
from hub_nodes.state_file import KeptFile

NAME, SIZE_MAX = 'dashboard_past.json', 1_000_000  # [byte]


class KeptSteps:
    """A file of steps. complain : called with words when it cannot be used, once until it works again."""

    def __init__(self, folder: str, complain: Callable[[str], None]) -> None:
        self._file, self._complain, self._failed = KeptFile(folder, NAME, SIZE_MAX), complain, False
        self._kept: list[Step] = []

    def read(self) -> list[Step]:
        """Return the steps that were kept, the oldest first."""
        try:
            content = self._file.read()
            self._kept = [Step(**row) for row in json.loads(content)] if content else []
            if not all(isinstance(step.since, float) and isinstance(step.mode, str) and isinstance(step.leader, str)
                       and isinstance(step.evidence, str) for step in self._kept):
                raise ValueError('no list of steps')
        except (OSError, ValueError, TypeError, RecursionError) as error:
            self._kept = []
            aside = self._file.put_aside(time.time()) if not isinstance(error, OSError) else ''
            self._complain(f'{NAME} cannot be used: {error}. {aside}'.strip())
        return self._kept

    def keep(self, steps: list[Step]) -> None:
        """Keep steps, the oldest first, where they are others than before."""
        if not self._file.keeps or steps == self._kept:
            return
        try:
            self._file.replace(json.dumps([asdict(step) for step in steps]).encode())
            self._kept, self._failed = steps, False
        except OSError as error:
            if not self._failed:
                self._complain(f'{NAME} cannot be written: {error.strerror}')
            self._failed = True
