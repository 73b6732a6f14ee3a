"""What panels produce from the irradiance that is foreseen: a coefficient learnt from what they produced."""
import math
from dataclasses import dataclass

import numpy as np

from .forecaster import HIGH, LOW, Forecast
from .series import DAY, Series

DARK = 20.0             # below this irradiance nothing is learnt [W/m²]
STANDARD = 1000.0       # at which panels are rated [W/m²]
YIELD = 0.85            # of a usual system, until its own is known: IEC 61724-1 performance ratio [1]


@dataclass(frozen=True, eq=False)
class Coefficient:
    """Power over irradiance [W/(W/m²)] by the hour of the (UTC) day, and the relative spread around it.

    hourly : (24,)     low, high : relative error, 10 % and 90 % quantiles [1]     history : of daylight behind it [s]
    """

    hourly: np.ndarray
    low: float
    high: float
    history: float

    @classmethod
    def rated(cls, power_max: float) -> 'Coefficient':
        """Return the first guess for panels of `power_max` [W] at 1 000 W/m²."""
        return cls(np.full(24, YIELD * power_max / STANDARD), -0.6, 0.4, 0.0)


def learn(power: Series, irradiance: Series, power_max: float, days: float = 2.0) -> Coefficient:
    """Return the coefficient that fits the past, ridge regression towards the rated one.

    power : produced, positive [W]     irradiance : global horizontal, on the same grid [W/m²]
    power_max : rated [W]     days : of past that weigh as much as the first guess
    Panels that face east or west produce more in their own half of the day: hence one coefficient an hour, each drawn
    towards the one of all hours.     Raises ValueError for series on different grids.
    """
    guess = Coefficient.rated(power_max)
    if power.step != irradiance.step:
        raise ValueError('power and irradiance have different steps')
    start = max(power.start, irradiance.start)
    count = round((min(power.end, irradiance.end) - start) / power.step)
    if count <= 0:
        return guess
    produced = power.resampled(start, power.step, count).values
    sun = irradiance.resampled(start, power.step, count).values
    lit = np.isfinite(produced) & np.isfinite(sun) & (sun > DARK)
    if not lit.any():
        return guess
    hours = ((start + power.step * (np.arange(count) + 0.5)) % DAY // 3600).astype(int)[lit]
    produced, sun = np.maximum(produced[lit], 0.0), sun[lit]
    share = power.step / 3600
    prior = days * 8 * (0.3 * STANDARD) ** 2 / share  # as if that many days of usual light had shown the first guess
    overall = (produced @ sun + prior * guess.hourly[0]) / (sun @ sun + prior)
    hourly = np.empty(24)
    for hour in range(24):
        here = hours == hour
        weight = days * (0.3 * STANDARD) ** 2 / share
        hourly[hour] = (produced[here] @ sun[here] + weight * overall) / (sun[here] @ sun[here] + weight)
    expected = hourly[hours] * sun
    relative = (produced - expected) / np.maximum(expected, 0.05 * power_max)
    lit_days = lit.sum() * share / 8
    seen = lit_days / (lit_days + days)
    low = seen * min(0.0, float(np.quantile(relative, LOW))) + (1 - seen) * guess.low
    high = seen * max(0.0, float(np.quantile(relative, HIGH))) + (1 - seen) * guess.high
    return Coefficient(hourly, low, high, float(lit.sum() * power.step))


def forecast(irradiance: Series, coefficient: Coefficient, power_max: float) -> Forecast:
    """Return what `irradiance` [W/m²] will produce, capped at the rated `power_max` [W]. Where it is not known: NaN."""
    hours = ((irradiance.times + 0.5 * irradiance.step) % DAY // 3600).astype(int)
    mean = np.clip(coefficient.hourly[hours] * np.maximum(irradiance.values, 0.0), 0.0, power_max)
    method = 'irradiance × learnt coefficient' if coefficient.history else 'irradiance × rated power'
    width = np.maximum(mean, 0.05 * power_max * (mean > 0))
    return Forecast(irradiance.start, irradiance.step, mean, np.maximum(0.0, mean + coefficient.low * width),
                    np.clip(mean + coefficient.high * width, mean, math.inf), method, coefficient.history)
