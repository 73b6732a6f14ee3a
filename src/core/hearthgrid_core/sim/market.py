"""The simulated energy market: prices of the day ahead, or the tariff's daily steps."""
import math
from dataclasses import dataclass

import numpy as np

from .settings import SiteSettings, TariffSettings
from .weather import DAY, Weather

# Price of each local hour over the day's mean: cheap nights, a morning and an evening peak.
SHAPE = np.array([.82, .76, .72, .70, .72, .82, 1.02, 1.25, 1.28, 1.12, .98, .90, .84, .80, .82, .92, 1.08, 1.30, 1.48,
                  1.46, 1.28, 1.10, .98, .88])
CARBON = 0.38           # of a kWh without sun [kg/kWh]


@dataclass(frozen=True, eq=False)
class PricesAhead:
    """Import price and what is paid for export [currency/kWh], carbon intensity [kg/kWh], one a step."""

    start: float
    step: float
    import_price: np.ndarray
    export_price: np.ndarray
    carbon_intensity: np.ndarray


class Market:
    """Prices of one seed: the same for everybody who asks, whenever they ask."""

    def __init__(self, tariff: TariffSettings, site: SiteSettings, weather: Weather, seed: int):
        self._tariff, self._site, self._weather, self._seed = tariff, site, weather, seed

    def ahead(self, now: float, hours: float, step: float) -> PricesAhead:
        """Return the prices of the coming `hours` in steps of `step` [s], from the step that holds `now`."""
        start = math.floor(now / step) * step
        times = start + step * np.arange(max(1, round(hours * 3600 / step)))
        sun = np.minimum(1.0, self._weather.ahead(start, hours, step).irradiance / 800.0)
        carbon = CARBON * (1 - 0.5 * sun)
        if self._tariff.buy:
            buy = np.array([self._daily(t) for t in times.tolist()])
            return PricesAhead(start, step, buy, np.full(len(times), self._tariff.sell), carbon)
        market = np.array([self._market(t) for t in times.tolist()]) - 0.45 * self._tariff.level * sun
        relative = market / max(self._tariff.level, 1e-9) if self._tariff.level else np.ones(len(times))
        return PricesAhead(start, step, market + self._tariff.fees, self._tariff.sell * relative, carbon)

    def _daily(self, now: float) -> float:
        second = (now + self._site.utc_offset) % DAY
        return max((s for s in self._tariff.buy if s[0] <= second), default=self._tariff.buy[-1])[1]

    def _market(self, now: float) -> float:
        """Shape of the local hour times the day's own level and the hour's own deviation."""
        local = now + self._site.utc_offset
        day, hour = int(local // DAY), int(local % DAY // 3600)
        generator = np.random.default_rng([self._seed, 10, day])
        level = math.exp(0.2 * generator.standard_normal())
        hourly = 1 + 0.08 * generator.standard_normal(24)[hour]
        weekend = 0.85 if (day + 3) % 7 >= 5 else 1.0  # day 0, 1970-01-01, was a Thursday
        return self._tariff.level * level * weekend * SHAPE[hour] * hourly
