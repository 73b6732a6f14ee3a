"""Settings of the outlet's nodes."""
import json
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hearthgrid_core.devices.settings import OwnSettings
from hearthgrid_core.island import Committee, MemberSettings
from hearthgrid_core.island.local_shedding import LocalSettings
from hearthgrid_core.outlet import (
    JobSettings,
    Priority,
    ProtectionSettings,
    RelaySettings,
    RequestSettings,
    Schedule,
)
from hearthgrid_core.settings import setting
from hearthgrid_ros.params import keys_file

PRIORITIES = tuple(priority.name.lower() for priority in Priority)


@dataclass(frozen=True)
class OutletSettings(ProtectionSettings, RelaySettings, RequestSettings, JobSettings, LocalSettings, OwnSettings):
    """All of an outlet. Schedule and priority are where it begins; what a person sets later is kept and comes first."""

    outlet: str = setting('', '', None, None, 'Id of the outlet; empty = the last part of the namespace.')
    title: str = setting('', '', None, None, 'The person\'s name for it.')
    priority: str = setting('unknown', '', None, None, 'Shedding class at first.', choices=PRIORITIES)
    rank: int = setting(0, '1', 0, 65535, 'Within the class at first: a higher rank is shed sooner.')
    schedule: str = setting('[]', '', None, None, 'Weekly rules at first: JSON [{days, start, end, on, power_max}].')
    deferrable: bool = setting(False, '', None, None, 'Whether a job may be given to it.')
    normally_on: bool = setting(True, '', None, None, 'Where the relay is while nobody asks.')
    timezone: str = setting('', '', None, None, 'IANA name of the schedule\'s time zone; empty = this machine\'s.')
    island_grace: float = setting(5.0, 's', 0.0, 600.0, 'An island nobody leads for so long: comfort goes off.')
    keys_file: str = keys_file()
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
            except (OSError, ZoneInfoNotFoundError, ValueError):
                raise ValueError(f'timezone is {self.timezone!r}; no time zone is called so') from None
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
class ConsensusSettings(MemberSettings):
    """All of a member. Times of the election are those of processes that may stall; firmware can take a tenth."""

    heartbeat: float = setting(0.25, 's', 0.005, 5.0, "Period of the leader's heartbeats to everybody.")
    timeout: float = setting(1.0, 's', 0.015, 60.0, 'T0: silence after which a leader is doubted; the longest lease.')
    spread: float = setting(1.0, 's', 0.0, 60.0, 'R: range of the random part of the timeout.')
    repeat: float = setting(0.1, 's', 0.001, 5.0, 'After so long an unanswered question is asked again.')
    canvass: float = setting(0.5, 's', 0.005, 60.0, 'How long a candidate asks before it draws a new time to wait.')
    courtship: float = setting(0.25, 's', 0.0, 60.0, 'So long a pre-vote keeps others from getting one.')
    join: float = setting(5.0, 's', 0.05, 60.0, "Period of an observer's sign of life to the leader.")
    join_time: float = setting(1.0, 's', 0.0, 60.0, 'How long a leader waits for members to answer.')
    shed_time: float = setting(2.0, 's', 0.0, 60.0, 'How long a leader waits for the shed loads to obey.')
    silence: float = setting(2.5, 's', 0.05, 60.0, 'After so long without a word the leader is lost.')
    outlet: str = setting('', '', None, None, 'Id of the member\'s outlet; empty = the last part of the namespace.')
    committee: str = setting('', '', None, None, 'Who votes, by rank, with commas between; empty = this member alone.')
    meter: bool = setting(False, '', None, None, 'It goes by readings of its id instead of samples: an inverter.')
    ballot_age_max: float = setting(5.0, 's', 0.5, 60.0, 'A signed ballot stamped further away is dropped.')
    keys_file: str = keys_file()
    state_dir: str = setting('', '', None, None, 'Folder of what outlives a restart; empty = nothing does.')

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.committee:
            try:
                self.members('')
            except ValueError as error:
                raise ValueError(f'committee: {error}') from None

    def members(self, me: str) -> tuple[str, ...]:
        """Return the commissioned committee. ValueError when it is none."""
        return Committee(tuple(name.strip() for name in (self.committee or me).split(','))).members
