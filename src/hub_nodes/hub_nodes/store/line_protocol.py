"""Readings and the numbers of records as InfluxDB's line protocol (docs.influxdata.com/influxdb/v1/write_protocols).

One measurement `hearthgrid_reading`, a tag `outlet`, a field a quantity; what was not measured has no field. `supply`
is always there, so that it counts readings. Numbers of records: `hearthgrid_<kind>`, a tag `subject`.
"""
from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from hub_nodes.store.model import MILLISECONDS, QUANTITIES, Record

MEASUREMENT = 'hearthgrid_reading'
NUMBERED = ('state', 'price', 'weather', 'forecast', 'limit', 'island', 'tie')  # kinds whose numbers are series
FIELDS_MAX = 64      # of one record
POINTS_MAX = 2000    # of one record with a series in it
_ESCAPED = str.maketrans({',': '\\,', '=': '\\=', ' ': '\\ ', '\\': '/', '\n': '\\ ', '\r': '\\ ', '\t': '\\ '})
_SHOWN = str.maketrans({'\\': '/', '\n': ' ', '\r': ' ', '\t': ' '})


def tag(name: str) -> str:
    """Return a name as a tag holds it: without what the protocol cannot carry there (backslash, line ends)."""
    return name.translate(_SHOWN).replace('\0', '') or '-'


def _escaped(name: str) -> str:
    return tag(name).translate(_ESCAPED)


def reading_lines(rows: np.ndarray, outlets: Sequence[str]) -> bytes:
    """Return a line for each of (n,) READING; `outlet` indexes the names."""
    heads = [f'{MEASUREMENT},outlet={_escaped(name)} ' for name in outlets]
    names = ('duration', *QUANTITIES)
    energy = 1 + list(QUANTITIES).index('energy_kwh')
    lines = []
    for time, outlet, duration, supply, *values in rows.tolist():
        fields = [f'supply={supply}i']
        for k, value in enumerate((duration, *values)):
            if math.isfinite(value):
                # 9 digits are all that a float32 carries
                fields.append(f'{names[k]}={value!r}' if k == energy else f'{names[k]}={value:.9g}')
        lines.append(f'{heads[outlet]}{",".join(fields)} {time}')
    return '\n'.join(lines).encode()


def record_lines(records: Iterable[Record]) -> bytes:
    """Return lines of the numbers that records hold; text stays where it is.

    A record with `start` [s], `step` [s] and lists of numbers (prices, forecasts) is a point a step.
    """
    lines = []
    for record in records:
        data = record.data
        if record.kind not in NUMBERED or not isinstance(data, dict):
            continue
        head = f'hearthgrid_{record.kind},subject={_escaped(record.subject)} '
        step, start = data.get('step'), data.get('start')
        if _number(step) and _number(start) and step > 0:
            series = {name: values for name, values in data.items() if isinstance(values, list) and name.isidentifier()}
            for k in range(min(POINTS_MAX, max(map(len, series.values()), default=0))):
                fields = _fields((name, values[k]) for name, values in series.items() if k < len(values))
                if fields:
                    lines.append(f'{head}{fields} {round(MILLISECONDS * (start + k * step))}')
        elif fields := _fields(data.items()):
            lines.append(f'{head}{fields} {round(MILLISECONDS * record.time)}')
    return '\n'.join(lines).encode()


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value)


def _fields(items: Iterable[tuple[str, Any]]) -> str:
    """Return all numbers as floats: a field that changed its type would be refused."""
    known = [(name, float(value)) for name, value in items
             if _number(value) and name not in ('stamp', 'time') and name.isidentifier()]
    return ','.join(f'{name}={value!r}' for name, value in known[:FIELDS_MAX])
