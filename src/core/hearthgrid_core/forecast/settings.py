"""Settings of the forecasts."""
from dataclasses import dataclass

from hearthgrid_core.forecast.series import DAY
from hearthgrid_core.settings import check_bounds, setting


@dataclass(frozen=True)
class ForecastSettings:
    """How quantities are forecast from their own past."""

    step: float = setting(900.0, 's', 60.0, 3600.0, 'Step of the forecasts; must divide a day.')
    horizon: float = setting(48 * 3600.0, 's', 3600.0, 7 * DAY, 'How far ahead; at most 576 steps.')
    memory: float = setting(56 * DAY, 's', 2 * DAY, 400 * DAY, 'How much of the past is kept.')
    days: int = setting(7, '1', 1, 60, 'Days in the mean of days.')
    recent: float = setting(900.0, 's', 60.0, 86400.0, 'What counts as the last measurement.')
    blend_time: float = setting(3600.0, 's', 60.0, 86400.0, 'How fast the last measurement is forgotten in the blend.')
    trial: float = setting(7 * DAY, 's', DAY, 60 * DAY, 'Past over which the methods compete.')
    trial_stride: float = setting(7200.0, 's', 300.0, 86400.0, 'Time between two forecasts of that competition.')
    evidence: float = setting(2.0, '1', 0.0, 30.0, 'Days of past that weigh as much as the first guess of the spread.')

    def __post_init__(self):
        check_bounds(self)
        if abs(DAY / self.step - round(DAY / self.step)) > 1e-9:
            raise ValueError('step must divide a day')
        if self.horizon / self.step > 576:
            raise ValueError('horizon holds more than 576 steps')
        if self.memory < self.trial:
            raise ValueError('memory must hold at least the trial')

    @property
    def count(self) -> int:
        """Steps of a forecast."""
        return round(self.horizon / self.step)

    @property
    def steps_a_day(self) -> int:
        """Steps in 24 h."""
        return round(DAY / self.step)
