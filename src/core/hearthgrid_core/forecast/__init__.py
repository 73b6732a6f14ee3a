"""Load, photovoltaic power, price and temperature ahead, with spread: baselines, and what a home learns beside them."""
from .baselines import METHODS, blend, mean_of_days, persistence, same_time_last_week, same_time_yesterday
from .forecaster import LEARNED, LOAD, PHOTOVOLTAIC, PRICE, TEMPERATURE, Forecast, Forecaster, Prior
from .home_power import HomePower
from .learned import Verdict
from .recorder import Recorder
from .scores import coverage, mean_absolute_error, pinball_loss, skill
from .series import DAY, Series
from .settings import ForecastSettings

__all__ = ['DAY', 'LEARNED', 'LOAD', 'METHODS', 'PHOTOVOLTAIC', 'PRICE', 'TEMPERATURE', 'Forecast',
           'ForecastSettings', 'Forecaster', 'HomePower', 'Prior', 'Recorder', 'Series', 'Verdict', 'blend', 'coverage',
           'mean_absolute_error', 'mean_of_days', 'persistence', 'pinball_loss', 'same_time_last_week',
           'same_time_yesterday', 'skill']
