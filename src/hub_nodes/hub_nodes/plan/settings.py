"""Settings of the plan node."""
from dataclasses import dataclass

from hearthgrid_core.plan import InnerLoopSettings, PlanSettings
from hearthgrid_core.settings import check_bounds, setting
from hearthgrid_ros.params import home_file


@dataclass(frozen=True)
class PlanNodeSettings(PlanSettings, InnerLoopSettings):
    """How the home is planned, and how plans reach it."""

    home_file: str = home_file()
    period: float = setting(60.0, 's', 1.0, 3600.0, 'Time between two plans when nothing happens.')
    settle: float = setting(1.0, 's', 0.0, 60.0, 'Time that news may pile up before they are planned.')
    validity: float = setting(1800.0, 's', 10.0, 86400.0, 'How long a plan binds.')
    refresh: float = setting(10.0, 's', 1.0, 300.0, 'Time between two requests to one outlet.')
    request_life: float = setting(300.0, 's', 2.0, 3600.0, 'How long an outlet keeps to a request if the hub is gone.')
    pv_curtailable: bool = setting(True, '', None, None, 'The PV inverter takes setpoints.')

    def __post_init__(self):
        check_bounds(self)
        PlanSettings.__post_init__(self)
        if self.request_life < 2 * self.refresh:
            raise ValueError('request_life must be at least twice refresh')
