"""What one channel lets through."""
from dataclasses import dataclass
from enum import IntEnum

from hearthgrid_core.settings import check_bounds, setting

DAY = 1440  # [min]


class Severity(IntEnum):
    """How much it matters; the numbers are those of `Anomaly.SEVERITY_…` on the wire."""

    UNKNOWN = 0
    INFO = 1
    WARNING = 2
    CRITICAL = 3


@dataclass(frozen=True)
class ChannelRules:
    """What one channel lets through, and how often. Critical news passes quiet hours and groups.

    severity : the least that is told.     quiet_start, quiet_end : local minutes of the day, the end not included; the
    same = never quiet.     hourly, burst : a token bucket; its last token is kept for critical news.
    """

    name: str
    severity: Severity = Severity.WARNING
    quiet_start: int = setting(0, 'min', 0, DAY - 1, 'From here on only critical news is told.')
    quiet_end: int = setting(0, 'min', 0, DAY - 1, 'Until here.')
    group_time: float = setting(30.0, 's', 0.0, 3600.0, 'News within this time after the first is told in one message.')
    repeat_time: float = setting(900.0, 's', 1.0, 86400.0, 'Critical news is repeated so often until acknowledged.')
    hourly: int = setting(20, '1/h', 1, 3600, 'Messages an hour in the long run.')
    burst: int = setting(5, '', 2, 100, 'Messages at once after a quiet time.')

    def __post_init__(self) -> None:
        check_bounds(self)
        if not self.name:
            raise ValueError('a channel needs a name')
        if self.severity is Severity.UNKNOWN:
            raise ValueError(f'channel {self.name}: the least severity is info')

    def quiet(self, minute: int) -> bool:
        """Return whether it is quiet at a local minute of the day."""
        return (minute - self.quiet_start) % DAY < (self.quiet_end - self.quiet_start) % DAY
