"""Settings of the plan node."""
from dataclasses import dataclass

from hearthgrid_core.plan import InnerLoopSettings, PlanSettings, ShedSettings, Tariff
from hearthgrid_core.settings import check_bounds, setting
from hearthgrid_ros.params import home_file, keys_file


@dataclass(frozen=True)
class PlanNodeSettings(PlanSettings, InnerLoopSettings, ShedSettings):
    """How the home is planned, and how plans reach it."""

    home_file: str = home_file()
    keys_file: str = keys_file()
    period: float = setting(60.0, 's', 1.0, 3600.0, 'Time between two plans when nothing happens.')
    settle: float = setting(1.0, 's', 0.0, 60.0, 'Time that news may pile up before they are planned.')
    validity: float = setting(1800.0, 's', 10.0, 86400.0, 'How long a plan binds.')
    refresh: float = setting(10.0, 's', 1.0, 300.0, 'Time between two requests to one outlet.')
    request_life: float = setting(300.0, 's', 2.0, 3600.0, 'How long an outlet keeps to a request if the hub is gone.')
    peak_price: float = setting(0.0, '1/kW', 0.0, 1e4, 'Price of the highest import of a step in a month; 0 = none.')
    peak_before: float = setting(0.0, 'W', 0.0, 1e6, 'Highest import of this month when the node starts.')
    capacity: float = setting(1e6, 'W', 0.0, 1e6, 'Import beyond it costs capacity_price more.')
    capacity_price: float = setting(0.0, '1/kWh', 0.0, 1e3, 'See capacity; 0 = none.')
    battery_to_car: bool = setting(False, '', None, None, 'The battery may serve jobs whose power can be set.')
    pv_curtailable: bool = setting(True, '', None, None, 'The PV inverter takes setpoints.')

    def __post_init__(self):
        check_bounds(self)
        PlanSettings.__post_init__(self)
        Tariff(self.peak_price, self.peak_before, self.capacity, self.capacity_price)
        if self.request_life < 2 * self.refresh:
            raise ValueError('request_life must be at least twice refresh')
