"""Open-Meteo's forecast (https://open-meteo.com/en/docs): JSON with hourly arrays."""
import math

import numpy as np

from hub_nodes.adapters.series import ROWS_MAX, FormatError, Weather, checked, number, obj, read_json

FIELDS = 'temperature_2m,shortwave_radiation,cloud_cover,wind_speed_10m'
SPEEDS = {'m/s': 1.0, 'km/h': 1 / 3.6, 'mp/h': 0.44704, 'kn': 0.514444}
HOUR = 3600.0


def url(latitude: float, longitude: float) -> str:
    """Return where the forecast of a place [°] is had."""
    return (f'https://api.open-meteo.com/v1/forecast?latitude={latitude:.4f}&longitude={longitude:.4f}'
            f'&hourly={FIELDS}&wind_speed_unit=ms&timeformat=unixtime&forecast_days=3')


def parse(content: bytes) -> Weather:
    """Return a forecast asked with `timeformat=unixtime`. FormatError.

    Temperature, clouds and wind are of the moment they are stamped with; the radiation stamped 13:00 is the mean since
    12:00, so it belongs to the step that starts at 12:00. What is null at the end is cut off.
    """
    answer = read_json(content)
    if answer.get('error'):
        raise FormatError(f'the service says: {str(answer.get("reason"))[:120]}')
    hourly, units = obj(answer.get('hourly'), 'hourly'), obj(answer.get('hourly_units'), 'hourly_units')
    if units.get('time') != 'unixtime':
        raise FormatError(f'times as {units.get("time")!r}, not unixtime')
    times = _array(hourly, 'time', required=True)
    if len(times) < 2 or not np.array_equal(np.diff(times), np.full(len(times) - 1, HOUR)):
        raise FormatError('times that are not hours in order')
    if units.get('temperature_2m', '°C') != '°C':
        raise FormatError(f'a temperature in {units["temperature_2m"]!r}')
    speed = SPEEDS.get(str(units.get('wind_speed_10m', 'm/s')))
    if speed is None:
        raise FormatError(f'a wind speed in {str(units["wind_speed_10m"])[:16]!r}')
    found = {name: _array(hourly, name) for name in FIELDS.split(',')}
    found['shortwave_radiation'] = found['shortwave_radiation'][1:]
    count = min(len(_leading(values)) if len(values) else len(times) - 1 for values in found.values())
    count = min(count, len(times) - 1)
    if count < 1 or any(len(values) not in (0, len(times), len(times) - 1) for values in found.values()):
        raise FormatError('arrays of lengths that do not fit')
    temperature, radiation, cloud, wind = (values[:count] for values in found.values())
    return Weather(float(times[0]), HOUR, checked(temperature, 70.0, 'temperature', -90.0),
                   checked(radiation, 1600.0, 'radiation', 0.0), checked(cloud, 100.0, 'cloud cover', 0.0) / 100,
                   checked(wind * speed, 150.0, 'wind speed', 0.0))


def _array(hourly: dict, name: str, required: bool = False) -> np.ndarray:
    """Return an array; null becomes NaN, an absent one is empty."""
    values = hourly.get(name, None if required else [])
    if not isinstance(values, list) or len(values) > ROWS_MAX:
        raise FormatError(f'{name} is no list')
    return np.array([math.nan if value is None else number(value) for value in values], dtype=float)


def _leading(values: np.ndarray) -> np.ndarray:
    """Return the values before the first that is not known."""
    missing = np.flatnonzero(np.isnan(values))
    return values[:missing[0]] if len(missing) else values
