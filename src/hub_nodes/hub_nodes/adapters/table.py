"""Prices and weather as CSV: a header, then rows in order; `start` as ISO 8601 with zone or seconds since the epoch.

Prices: `start,import_price[,export_price][,carbon_intensity]` in currency/kWh and kg/kWh.
Weather: `start[,air_temperature][,irradiance][,cloud_cover][,wind_speed]` in °C, W/m², 0 … 1, m/s.
"""
import csv
import io

import numpy as np

from hub_nodes.adapters.series import PRICE_MAX, ROWS_MAX, STEPS, TIMES, FormatError, Prices, Weather, checked, moment

PRICE_COLUMNS = ('import_price', 'export_price', 'carbon_intensity')
WEATHER_COLUMNS = ('air_temperature', 'irradiance', 'cloud_cover', 'wind_speed')
FIELD_MAX = 64
NONE = np.empty(0)


def prices(content: bytes, currency: str) -> Prices:
    """Return prices; the table does not say its currency. FormatError."""
    start, step, columns = _read(content, PRICE_COLUMNS)
    if 'import_price' not in columns:
        raise FormatError('no column import_price')
    return Prices(start, step, currency, *(
        checked(columns[name], PRICE_MAX, name) if name in columns else None for name in PRICE_COLUMNS[:2]),
        checked(columns.get('carbon_intensity', NONE), 10.0, 'carbon intensity', 0.0), retail=True)


def weather(content: bytes) -> Weather:
    """Return weather. FormatError."""
    start, step, columns = _read(content, WEATHER_COLUMNS)
    if not columns:
        raise FormatError(f'none of the columns {", ".join(WEATHER_COLUMNS)}')
    bounds = {'air_temperature': (70.0, -90.0), 'irradiance': (1600.0, 0.0), 'cloud_cover': (1.0, 0.0),
              'wind_speed': (150.0, 0.0)}
    return Weather(start, step, *(checked(columns.get(name, NONE), most, name, least)
                                  for name, (most, least) in bounds.items()))


def _read(content: bytes, known: tuple[str, ...]) -> tuple[float, float, dict[str, np.ndarray]]:
    try:
        text = content.decode('utf-8-sig')
        rows = list(csv.reader(io.StringIO(text, newline=''), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f'no CSV: {error}') from None
    rows = [row for row in rows if row]
    if not 3 <= len(rows) <= ROWS_MAX + 1:
        raise FormatError(f'{len(rows)} rows; a header and two steps are the least')
    header = [name.strip() for name in rows[0]]
    if 'start' not in header or len(set(header)) < len(header):
        raise FormatError(f'a header of {", ".join(header)[:120]!r}')
    columns: dict[str, list[float]] = {name: [] for name in ('start', *known) if name in header}
    for line, row in enumerate(rows[1:], 2):
        if len(row) != len(header):
            raise FormatError(f'line {line}: {len(row)} fields, the header has {len(header)}')
        for name, text in zip(header, row, strict=True):
            if name in columns:
                columns[name].append(_number(name, text.strip(), line))
    times = np.array(columns.pop('start'))
    steps = np.diff(times)
    if not STEPS[0] <= steps[0] <= STEPS[1] or not np.allclose(steps, steps[0], rtol=0, atol=1e-3):
        raise FormatError('its times are not even steps in order')
    if not TIMES[0] <= times[0] <= times[-1] <= TIMES[1]:
        raise FormatError(f'a time of {times[0]:g} s')
    return float(times[0]), float(steps[0]), {name: np.array(values) for name, values in columns.items()}


def _number(name: str, text: str, line: int) -> float:
    if len(text) > FIELD_MAX:
        raise FormatError(f'line {line}: a field of {len(text)} letters')
    try:
        return float(text)
    except ValueError:
        if name == 'start':
            return moment(text)
        raise FormatError(f'line {line}: {name} is {text!r}') from None
