"""The anomalies a page shows: what is raised, what was cleared, and who has seen it. Not safe between threads."""
from collections import deque

from hub_nodes.dashboard import values

ORDER = ('critical', 'warning', 'info')


class Noticed:
    """Keeps at most `most` of either."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._raised: dict[str, values.Anomaly] = {}
        self._cleared: deque[values.Anomaly] = deque(maxlen=most)
        self._seen: dict[str, str] = {}

    def put(self, value: values.Anomaly, now: float) -> None:
        """Take in what was raised, told again, or cleared; the oldest goes."""
        self._raised.pop(value.id, None)
        if value.status == 'cleared':
            self._seen.pop(value.id, None)
            self._cleared.append(value)
            return
        self._raised[value.id] = value
        if len(self._raised) > self._most:
            self._seen.pop(gone := next(iter(self._raised)), None)
            self._raised.pop(gone)

    def listed(self) -> tuple[list[values.Anomaly], list[values.Anomaly]]:
        """Return what is raised now, the most severe first, and what was cleared, the newest first."""
        raised = sorted(self._raised.values(), key=lambda a: (
            ORDER.index(a.severity) if a.severity in ORDER else len(ORDER), -a.stamp))
        return raised, list(reversed(self._cleared))

    def see(self, id: str, by: str) -> bool:
        """Note who has seen an anomaly; return whether it is raised."""
        if id not in self._raised:
            return False
        self._seen[id] = by
        return True

    def seen(self, id: str) -> str:
        """Return who has seen an anomaly; empty = nobody."""
        return self._seen.get(id, '')
