"""Messages into what is stored."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from builtin_interfaces.msg import Time

from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces
from hearthgrid_ros.interfaces import Topic
from hearthgrid_ros.time import to_seconds
from hub_nodes.store.model import QUANTITIES, SUBJECT_MAX, Record

REMEMBERED = 10_000  # subjects whose last record is known
FORECAST_QUANTITIES = {
    msg.Forecast.QUANTITY_LOAD: 'load', msg.Forecast.QUANTITY_PV: 'pv',
    msg.Forecast.QUANTITY_IMPORT_PRICE: 'import_price', msg.Forecast.QUANTITY_AIR_TEMPERATURE: 'air_temperature',
}

reading_values = attrgetter(*QUANTITIES)  # of a Reading, in the order of every table


@dataclass(frozen=True)
class Source:
    """A topic whose messages become records of one kind.

    subject : whom a message is about. wavering : if any, a message that differs from the last one about the same
    subject in these fields alone is not recorded again. heartbeat : heartbeats are recorded at most so often. [s]
    """

    topic: Topic
    kind: str
    subject: Callable[[Any], str]
    wavering: frozenset[str] = frozenset()
    heartbeat: float = 0.0


def _outlet(message) -> str:
    return message.outlet


def _issuer(message) -> str:
    return message.issuer


def _home(_) -> str:
    return 'home'


SOURCES = (
    Source(interfaces.STATES, 'state', _outlet, frozenset({'stamp', 'thermal_load', 'requests_refused'})),
    Source(interfaces.IDENTITIES, 'identity', _outlet, frozenset({
        'stamp', 'signature', 'probability', 'model_probability', 'candidates', 'candidate_probabilities'})),
    Source(interfaces.LABELS, 'label', _outlet),
    Source(interfaces.ANOMALIES, 'anomaly', _outlet),
    Source(interfaces.ISLAND, 'island', lambda m: m.member, frozenset({'voltage', 'frequency'})),
    Source(interfaces.TIE, 'tie', _home, frozenset({'stamp', 'grid_voltage', 'grid_frequency', 'angle'})),
    Source(interfaces.GRID_LIMIT, 'limit', _home, frozenset({'stamp'})),
    Source(interfaces.JOBS, 'job', lambda m: f'{m.outlet}/{m.id}', frozenset({'stamp', 'delivered_kwh'})),
    Source(interfaces.PLAN, 'plan', _home),
    Source(interfaces.FORECASTS, 'forecast',
           lambda m: f'{m.target}/{FORECAST_QUANTITIES.get(m.quantity, "unknown")}'),
    Source(interfaces.PRICES, 'price', _issuer),
    Source(interfaces.WEATHER, 'weather', _issuer),
    Source(interfaces.SIGNATURES, 'signature', _outlet, heartbeat=600.0),
    Source(interfaces.AUDIT, 'command', lambda m: m.target or 'home'),
)


class Recorder:
    """Makes records of messages, and leaves out those that say nothing new."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], Any] = {}

    def record(self, source: Source, message: Any, time: float) -> Record | None:
        """Return the record of a message heard at `time` [s], or None when there is nothing to add."""
        subject = source.subject(message)[:SUBJECT_MAX]
        data = plain(message)
        key = (source.kind, subject)
        if source.wavering:
            steady = {name: value for name, value in data.items() if name not in source.wavering}
            if self._last.get(key) == steady:
                return None
            self._remember(key, steady)
        elif source.heartbeat:
            lately = time - self._last.get(key, -math.inf) < source.heartbeat
            if lately and message.reason == msg.Signature.REASON_HEARTBEAT:
                return None
            self._remember(key, time)
        return Record.of(source.kind, subject, time, data)

    def _remember(self, key: tuple[str, str], what: Any) -> None:
        if len(self._last) >= REMEMBERED:
            self._last.clear()
        self._last[key] = what


def plain(message: Any) -> dict[str, Any]:
    """Return a message as JSON values: times in seconds since the epoch, null for NaN, 'inf' and '-inf' as words.

    Numbers have the digits their type carries: 7 of a float32.
    """
    return {name: _plain(getattr(message, name), 'float' in kind)
            for name, kind in message.get_fields_and_field_types().items()}


def _plain(value: Any, single: bool) -> Any:
    if isinstance(value, float):
        if math.isfinite(value):
            return float(f'{value:.7g}') if single else value
        return None if math.isnan(value) else f'{value:g}'
    if isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, Time):
        return round(to_seconds(value), 6)
    if hasattr(value, 'get_fields_and_field_types'):
        return plain(value)
    return [_plain(element, single) for element in (value.tolist() if hasattr(value, 'tolist') else value)]
