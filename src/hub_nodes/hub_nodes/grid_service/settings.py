"""Settings of the grid service node."""
from dataclasses import dataclass

from hearthgrid_core.grid_service import BaselineSettings, LevelSettings, RuleSettings
from hearthgrid_core.settings import check_bounds, setting
from hearthgrid_ros.params import home_file, keys_file, state_dir


@dataclass(frozen=True)
class GridServiceSettings(RuleSettings, LevelSettings, BaselineSettings):
    """The user's rules, what levels mean, and how the baseline is made; the server is in the home file."""

    home_file: str = home_file()
    state_dir: str = state_dir()
    keys_file: str = keys_file()
    retry: float = setting(5.0, 's', 0.1, 300.0, 'Wait before a server out of reach is tried again; it doubles to '
                           '300 s.')
    report_least: float = setting(10.0, 's', 0.2, 3600.0, 'Least time between two reports of one kind.')

    def __post_init__(self) -> None:
        check_bounds(self)
        for part in (RuleSettings, LevelSettings, BaselineSettings):
            part.__post_init__(self)
