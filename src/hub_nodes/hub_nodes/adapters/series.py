"""What every parser returns: values in even steps, checked. A parser raises FormatError for whatever it cannot use."""
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone

import numpy as np

ROWS_MAX = 20_000
STEPS = 60.0, 86_400.0      # shortest and longest step [s]
PRICE_MAX = 1e3             # beyond it a price is a mistake of units [currency/kWh]
TIMES = 0.0, 2.0 ** 31 - 1  # [s]
FRACTION = re.compile(r'\.(\d{1,6})\d*')


class FormatError(ValueError):
    """Content that is not what its format says; the message says where."""


@dataclass(frozen=True, eq=False)
class Prices:
    """Prices in steps. import_price, export_price : (n,) [currency/kWh]; export None = not said. retail : taxes and
    fees are in it"""

    start: float
    step: float
    currency: str
    import_price: np.ndarray
    export_price: np.ndarray | None = None
    carbon: np.ndarray = field(default_factory=lambda: np.empty(0))     # [kg/kWh]
    retail: bool = False


@dataclass(frozen=True, eq=False)
class Weather:
    """Weather in steps, arrays of (n,) or (0,) = not known: [°C], [W/m²] global horizontal, 0 … 1, [m/s]."""

    start: float
    step: float
    air_temperature: np.ndarray
    irradiance: np.ndarray
    cloud_cover: np.ndarray
    wind_speed: np.ndarray


def even(rows: Sequence[tuple[float, float, float]]) -> tuple[float, float, np.ndarray]:
    """Return (start, step, values) of rows (start [s], end [s], value) that follow each other without a gap.

    The step is the shortest row's; a longer row must be a multiple of it and is repeated. A row that comes twice counts
    once; two values for one time are refused, and so is a gap.
    """
    if not 0 < len(rows) <= ROWS_MAX:
        raise FormatError(f'{len(rows)} rows')
    rows = sorted(set(rows))
    step = min(end - start for start, end, _ in rows)
    if not STEPS[0] <= step <= STEPS[1]:
        raise FormatError(f'a step of {step:g} s')
    out: list[float] = []
    begin = rows[0][0]
    if not (TIMES[0] <= begin and rows[-1][1] <= TIMES[1]):
        raise FormatError(f'a time of {begin:g} s')
    for start, end, value in rows:
        if not math.isfinite(value):
            raise FormatError(f'a value of {value}')
        count = round((end - start) / step)
        if abs(start - begin - len(out) * step) > 1e-3:
            raise FormatError('two values for one time' if start < begin + len(out) * step else 'a gap')
        if abs(end - start - count * step) > 1e-3 or len(out) + count > ROWS_MAX:
            raise FormatError('steps of lengths that do not fit')
        out += [value] * count
    return begin, step, np.array(out)


def prices(rows: Sequence[tuple[float, float, float]], currency: str, unit: float, retail: bool = False) -> Prices:
    """Return rows of (start, end, price) as prices; `unit` is what a price is multiplied by to be per kWh."""
    if not re.fullmatch('[A-Z]{3}', currency):
        raise FormatError(f'a currency of {currency[:16]!r}')
    start, step, values = even(rows)
    return Prices(start, step, currency, checked(values * unit, PRICE_MAX, 'price'), retail=retail)


def checked(values: np.ndarray, most: float, name: str, least: float | None = None) -> np.ndarray:
    """Return values that are finite and within bounds (`least`: -`most`), else FormatError."""
    least = -most if least is None else least
    if not np.isfinite(values).all() or values.size and not (least <= values.min() and values.max() <= most):
        raise FormatError(f'a {name} outside {least:g} … {most:g}')
    return values


def moment(text: object) -> float:
    """Return an ISO 8601 time with its zone [s, UNIX epoch]. FormatError without a zone: it would be a guess."""
    if not isinstance(text, str):
        raise FormatError(f'a time of {str(text)[:40]!r}')
    try:
        made = datetime.fromisoformat(FRACTION.sub(lambda m: f'.{m[1]:0<6}', text).replace('Z', '+00:00'))
        if made.tzinfo is None:
            raise ValueError
        return made.astimezone(timezone.utc).timestamp()
    except (ValueError, OverflowError):
        raise FormatError(f'a time of {text[:40]!r}') from None


def number(value: object) -> float:
    """Return a JSON number. FormatError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
        raise FormatError(f'a value of {str(value)[:40]!r}')
    return float(value)


def read_json(content: bytes) -> dict:
    """Return a JSON object. FormatError; NaN and Infinity are no JSON."""
    def refuse(name):
        raise ValueError(f'{name} is no number')
    try:
        made = json.loads(content, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise FormatError(f'no JSON: {str(error)[:120]}') from None
    return obj(made, 'the answer')


def obj(value: object, name: str) -> dict:
    """Return a value that must be an object."""
    if not isinstance(value, dict):
        raise FormatError(f'{name} is no object')
    return value


def rows_of(value: object, name: str) -> list[dict]:
    """Return a value that must be a list of objects."""
    if not isinstance(value, list) or len(value) > ROWS_MAX or not all(isinstance(row, dict) for row in value):
        raise FormatError(f'{name} is no list of objects')
    return value
