"""Sun, clouds and air: functions of the seed and the time, so that what is forecast is what will come."""
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .settings import SiteSettings

SLOW, FAST = 3600.0, 20.0   # spacing of the cloud noise: fields and single clouds [s]
DAY, YEAR = 86400.0, 365.2422 * 86400.0


@dataclass(frozen=True, eq=False)
class WeatherAhead:
    """Mean over each step: air temperature [°C], global horizontal irradiance [W/m²], cloud cover [1], wind [m/s]."""

    start: float
    step: float
    air_temperature: np.ndarray
    irradiance: np.ndarray
    cloud_cover: np.ndarray
    wind_speed: np.ndarray


class Weather:
    """The weather of one seed at one site."""

    def __init__(self, settings: SiteSettings, seed: int):
        self._settings = settings
        self._lattice = lru_cache(maxsize=4096)(
            lambda stream, index: float(np.random.default_rng([seed, stream, index]).uniform()))

    def irradiance(self, now: float) -> float:
        """Return the global horizontal irradiance with every passing cloud. [W/m²]"""
        cover = self._cover(now)
        # Single clouds: none in a clear or a closed sky, most under a half covered one; zero on average.
        flicker = (2 * self._noise(2, now / FAST) - 1) * 0.9 * cover * (1 - cover) * 2
        return self._clear_sky(now) * min(1.1, max(0.05, self._transmission(cover) * (1 + flicker)))

    def ahead(self, now: float, hours: float, step: float) -> WeatherAhead:
        """Return the weather of the coming `hours` in steps of `step` [s], from the step that holds `now`.

        The mean of what `irradiance` will do; single clouds cannot be foreseen.
        """
        start = math.floor(now / step) * step
        within = (np.arange(4) + 0.5) / 4 * step
        times = start + step * np.arange(max(1, round(hours * 3600 / step)))[:, None] + within
        rows = np.array([[self._moment(t) for t in row] for row in times]).mean(axis=1)
        return WeatherAhead(start, step, *rows.T)

    def _moment(self, now: float) -> tuple[float, float, float, float]:
        cover = self._cover(now)
        return (self.air_temperature(now), self._clear_sky(now) * self._transmission(cover), cover,
                1.0 + 7.0 * self._noise(3, now / (2 * SLOW)))

    def air_temperature(self, now: float) -> float:
        """[°C]"""
        s = self._settings
        shifted = now + s.sun_shift
        season = math.cos(2 * math.pi * (shifted / YEAR - 200 / 365)) * min(1.0, max(-1.0, s.latitude / 45))
        day = math.cos(2 * math.pi * ((shifted + s.longitude / 360 * DAY) / DAY - 15 / 24))
        swing = 5.0 - 3.0 * self._cover(now)
        return s.temperature + 9.0 * season + swing * day + 2.0 * (self._noise(4, now / DAY) - 0.5)

    def _cover(self, now: float) -> float:
        mean = self._settings.cloudiness
        noise = 0.6 * self._noise(0, now / (6 * SLOW)) + 0.4 * self._noise(1, now / SLOW)
        return min(1.0, max(0.0, mean + 1.6 * (noise - 0.5) * min(1.0, 4 * mean * (1 - mean) + 0.1)))

    def _clear_sky(self, now: float) -> float:
        """Haurwitz 1945: 1098·cos z·exp(−0.057/cos z); sun by Cooper's declination and mean solar time."""
        shifted = now + self._settings.sun_shift
        latitude = math.radians(self._settings.latitude)
        declination = math.radians(23.45) * math.sin(2 * math.pi * (shifted / YEAR % 1 * 365 + 284) / 365)
        hour = 2 * math.pi * ((shifted / DAY + self._settings.longitude / 360) % 1 - 0.5)
        cosine = (math.sin(latitude) * math.sin(declination)
                  + math.cos(latitude) * math.cos(declination) * math.cos(hour))
        return 1098.0 * cosine * math.exp(-0.057 / cosine) if cosine > 0.01 else 0.0

    @staticmethod
    def _transmission(cover: float) -> float:
        """Kasten & Czeplak 1980, doi:10.1016/0038-092X(80)90391-6."""
        return 1 - 0.75 * cover**3.4

    def _noise(self, stream: int, position: float) -> float:
        """Value noise in 0 … 1: smooth between random values at whole positions."""
        index = math.floor(position)
        x = position - index
        low, high = self._lattice(stream, index), self._lattice(stream, index + 1)
        return low + (high - low) * x * x * (3 - 2 * x)
