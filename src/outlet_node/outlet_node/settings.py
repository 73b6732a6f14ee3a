"""Settings of the outlet's nodes."""
import json
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hearthgrid_core.island import GridWatchSettings
from hearthgrid_core.outlet import (
    JobSettings,
    Priority,
    ProtectionSettings,
    RelaySettings,
    RequestSettings,
    Schedule,
)
from hearthgrid_core.settings import setting

PRIORITIES = tuple(priority.name.lower() for priority in Priority)


@dataclass(frozen=True)
class OutletSettings(ProtectionSettings, RelaySettings, RequestSettings, JobSettings):
    """All of an outlet. Schedule and priority are where it begins; what a person sets later is kept and comes first."""

    outlet: str = setting('', '', None, None, 'Id of the outlet; empty = the last part of the namespace.')
    title: str = setting('', '', None, None, 'The person\'s name for it.')
    priority: str = setting('unknown', '', None, None, 'Shedding class at first.', choices=PRIORITIES)
    schedule: str = setting('[]', '', None, None, 'Weekly rules at first: JSON [{days, start, end, on, power_max}].')
    deferrable: bool = setting(False, '', None, None, 'Whether a job may be given to it.')
    normally_on: bool = setting(True, '', None, None, 'Where the relay is while nobody asks.')
    timezone: str = setting('', '', None, None, 'IANA name of the schedule\'s time zone; empty = this machine\'s.')
    request_key: str = setting('', '', None, None, 'Key of request authentication in hex; empty = none is asked for.')
    echo: bool = setting(False, '', None, None, 'Whether readings also go out under the outlet\'s own name.')
    silence_max: float = setting(2.0, 's', 0.5, 60.0, 'After so long without samples the outlet is blind.')
    heartbeat: float = setting(10.0, 's', 1.0, 600.0, 'Between states, and relay commands, when nothing changes.')
    signature_heartbeat: float = setting(300.0, 's', 1.0, 86400.0, 'Between signatures when nothing changes.')
    state_dir: str = setting('', '', None, None, 'Folder of what outlives a restart; empty = nothing does.')
    save_period: float = setting(10.0, 's', 1.0, 600.0, 'Between savings of the energy counter.')

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.timezone:
            try:
                ZoneInfo(self.timezone)
            except (ZoneInfoNotFoundError, ValueError):
                raise ValueError(f'timezone is {self.timezone!r}; no time zone is called so') from None
        try:
            bytes.fromhex(self.request_key)
        except ValueError:
            raise ValueError('request_key is not hexadecimal') from None
        self.first_schedule()

    def first_schedule(self) -> Schedule:
        """Return the schedule the outlet begins with. ValueError when it is none."""
        try:
            return Schedule.from_list(json.loads(self.schedule))
        except ValueError as error:
            raise ValueError(f'schedule: {error}') from None

    @property
    def zone(self) -> ZoneInfo | None:
        """Time zone of the schedule, None = the machine's."""
        return ZoneInfo(self.timezone) if self.timezone else None

    @property
    def first_priority(self) -> Priority:
        """Shedding class the outlet begins with."""
        return Priority[self.priority.upper()]


@dataclass(frozen=True)
class ConsensusSettings(GridWatchSettings):
    """All of a member."""

    outlet: str = setting('', '', None, None, 'Id of the member\'s outlet; empty = the last part of the namespace.')
