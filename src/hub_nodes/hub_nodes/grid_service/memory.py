"""What outlives the node: the programme, the log of the meter and the days of events, in one JSON file."""
from hearthgrid_core.grid_service import PowerLog, Programme
from hub_nodes.state_file import StateFile

SIZE_MAX = 64_000_000       # a larger file is not ours [byte]
DAYS_MAX = 400


class Memory:
    """`load` once, `save` at times. OSError where the disk does not take it; the old file is then untouched."""

    def __init__(self, folder: str) -> None:
        self._file = StateFile(folder, 'grid_service', size_max=SIZE_MAX)

    def load(self, now: float, programme: Programme, log: PowerLog) -> set[str]:
        """Fill the programme and the log; return the days of events. ValueError when the file cannot be used: it is
        put aside then."""
        try:
            kept = self._file.load()
            if not kept:
                return set()
            means = {int(quarter): float(mean) for quarter, mean in kept['power'].items()}
            days = {str(day) for day in kept['days']}
            programme.load(kept['programme'])
        except (ArithmeticError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ValueError(f'what was kept cannot be used ({error!r}); {self._file.put_aside(now)}') from None
        log.means = means
        return days

    def save(self, programme: Programme, log: PowerLog, days: set[str]) -> None:
        """Replace the file, durably."""
        self._file.save({'programme': programme.dump(), 'days': sorted(days)[-DAYS_MAX:],
                         'power': {str(quarter): round(mean, 2) for quarter, mean in log.means.items()}})
