"""What outlives the node: the programme, the log of the meter and the days of events, in one JSON file."""
import json
import os
from pathlib import Path

from hearthgrid_core.grid_service import PowerLog, Programme

FILE, FORMAT = 'grid_service.json', 'hearthgrid grid_service 1'
FILE_MAX = 64_000_000       # a larger file is not ours [byte]
DAYS_MAX = 400


class Memory:
    """`load` once, `save` at times. OSError where the disk does not take it; the old file is then untouched."""

    def __init__(self, folder: str) -> None:
        self._path = Path(folder) / FILE if folder else None

    def load(self, programme: Programme, log: PowerLog) -> set[str]:
        """Fill the programme and the log; return the days of events. ValueError when the file cannot be used: it is
        put aside then."""
        if self._path is None or not self._path.exists():
            return set()
        try:
            if self._path.stat().st_size > FILE_MAX:
                raise ValueError(f'larger than {FILE_MAX} bytes')
            kept = json.loads(self._path.read_text(encoding='utf-8'))
            if kept['format'] != FORMAT:
                raise ValueError(f'no {FORMAT}')
            means = {int(quarter): float(mean) for quarter, mean in kept['power'].items()}
            days = {str(day) for day in kept['days']}
            programme.load(kept['programme'])
            log.means = means
            return days
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            aside = self._path.with_suffix('.bad')
            try:
                os.replace(self._path, aside)
            except OSError:
                self._path = None
            raise ValueError(f'{FILE} cannot be used ({error!r}); it is kept as {aside.name}') from None

    def save(self, programme: Programme, log: PowerLog, days: set[str]) -> None:
        """Replace the file, durably."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix('.new')
        with open(fresh, 'w', encoding='utf-8') as file:
            json.dump({'format': FORMAT, 'programme': programme.dump(), 'days': sorted(days)[-DAYS_MAX:],
                       'power': {str(quarter): round(mean, 2) for quarter, mean in log.means.items()}}, file,
                      allow_nan=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self._path)
