"""OpenADR 3.1 events (JSON) as core events. Source: OpenADR 3.1 Definition and User Guide, OpenADR Alliance, 2025."""
import math

from hearthgrid_core.grid_service import Event, EventError, Interval, Kind, Signal
from hub_nodes.grid_service.openadr2_read import Home, moment, seconds

KINDS = {
    'SIMPLE': Kind.LEVEL, 'PRICE': Kind.PRICE, 'EXPORT_PRICE': Kind.EXPORT_PRICE, 'GHG': Kind.CARBON,
    'IMPORT_CAPACITY_LIMIT': Kind.IMPORT_LIMIT, 'EXPORT_CAPACITY_LIMIT': Kind.EXPORT_LIMIT,
    'DISPATCH_SETPOINT': Kind.DISPATCH, 'CHARGE_STATE_SETPOINT': Kind.CHARGE, 'ALERT_GRID_EMERGENCY': Kind.EMERGENCY,
    'ALERT_BLACK_START': Kind.EMERGENCY, 'ALERT_POSSIBLE_OUTAGE': Kind.CHARGE, 'ALERT_FLEX_ALERT': Kind.LEVEL}
# What an alert, whose value is words, comes to: minimal use, a full battery before an outage, level 1.
ALERTS = {'ALERT_GRID_EMERGENCY': 1.0, 'ALERT_BLACK_START': 1.0, 'ALERT_POSSIBLE_OUTAGE': 1.0, 'ALERT_FLEX_ALERT': 1.0}
POWERS = {'KW': 1e3, 'W': 1.0, 'MW': 1e6}
INTERVALS_MAX = 4096
OPT_REPORT = 'OPERATING_STATE'


def read_event(row: dict, home: Home) -> tuple[Event, frozenset[str]]:
    """Return one event and the payload types of the reports it asks for. EventError, ValueError when it cannot be used.
    """
    if not isinstance(row, dict):
        raise EventError('an event that is no object')
    id, created = _text(row, 'id'), moment(_text(row, 'createdDateTime'))
    modified = moment(_text(row, 'modificationDateTime'))
    units = {one.get('payloadType'): one for one in _rows(row, 'payloadDescriptors')}
    default = row.get('intervalPeriod') or {}
    found: dict[Kind, list[Interval]] = {}
    unknown, begin, length, tolerance = set(), *_period(default, created), _random(default)
    for part in _looped(_rows(row, 'intervals'), row, length):
        own = part.get('intervalPeriod')
        if own:
            begin, span = _period(own, created, begin, length)
        else:
            span = length
        end = begin + span if span else math.inf
        for payload in _rows(part, 'payloads'):
            kind = KINDS.get(payload.get('type'))
            if kind is None:
                unknown.add(str(payload.get('type'))[:40])
                continue
            found.setdefault(kind, []).append(Interval(begin, end, _value(payload, units, home)))
        begin = end
    if not found:
        raise EventError(f'no payload that is understood ({", ".join(sorted(unknown)[:8]) or "none"})')
    signals = tuple(Signal(kind, tuple(intervals)) for kind, intervals in found.items())
    priority = row.get('priority')
    if priority is not None and (not isinstance(priority, int) or priority < 0):
        raise EventError(f'a priority of {priority!r}')
    asks = frozenset(str(one.get('payloadType')) for one in _rows(row, 'reportDescriptors'))
    # 3.1 counts no modifications: their time in milliseconds rises as well. Its priority 0 is the most urgent.
    urgency = 0 if priority is None else priority + 1
    return Event(id, signals, _text(row, 'programID')[:64], int(modified * 1e3), urgency, created,
                 tolerance=tolerance, answer=OPT_REPORT in asks), asks


def _looped(parts: list[dict], row: dict, length: float) -> list[dict]:
    """Return the intervals, repeated while the event's own duration is longer than they are (User Guide, loops)."""
    whole, once = row.get('duration'), length * len(parts)
    if not whole or not once or any(part.get('intervalPeriod') for part in parts):
        return parts
    return (parts * max(1, min(INTERVALS_MAX, int(_length(whole) // once))))[:INTERVALS_MAX]


def _period(period: dict, created: float, begin: float = math.nan, length: float = 0.0) -> tuple[float, float]:
    """Return start [s] and duration [s] (0 = without end) of an intervalPeriod."""
    if not isinstance(period, dict):
        raise EventError('an intervalPeriod that is no object')
    start = period.get('start')
    if start is not None:
        # Year 1 (0 in earlier drafts) says `now`, which is when the event was made: it must not move at each poll.
        begin = created if str(start).startswith(('0001-', '0000-')) else moment(str(start))
    duration = period.get('duration')
    return begin, length if duration is None else _length(duration)


def _length(duration) -> float:
    """Return a duration [s]; 0 = without end."""
    return 0.0 if str(duration).startswith('P9999Y') else seconds(str(duration))


def _random(period) -> float:
    text = period.get('randomizeStart') if isinstance(period, dict) else None
    return seconds(str(text)) if text else 0.0


def _value(payload: dict, units: dict, home: Home) -> float:
    """Return a payload's value in the unit of its kind."""
    type = payload['type']
    if type in ALERTS:
        return ALERTS[type]
    values = payload.get('values')
    if not isinstance(values, list) or len(values) != 1 or isinstance(values[0], bool) \
            or not isinstance(values[0], (int, float)):
        raise EventError(f'{type} with values {str(values)[:40]}')
    value, said = float(values[0]), units.get(type) or {}
    unit = said.get('units')
    if type in ('PRICE', 'EXPORT_PRICE'):
        currency = said.get('currency')
        if currency is not None and currency != home.currency:
            raise EventError(f'{type} in {str(currency)[:8]}, the home counts in {home.currency}')
        if unit not in (None, 'KWH'):
            raise EventError(f'{type} for a {str(unit)[:16]}')
        return value
    if type == 'GHG':
        return value / 1e3      # g/kWh
    if type == 'CHARGE_STATE_SETPOINT':
        if unit == 'KWH':
            if not home.capacity:
                raise EventError('CHARGE_STATE_SETPOINT for a home without a battery')
            return value / home.capacity
        if unit not in (None, 'PERCENT'):
            raise EventError(f'{type} in {str(unit)[:16]}')
        return value / 100 if value > 1 else value      # the enumeration writes percentages as shares of one
    if type == 'SIMPLE':
        return value
    if unit is not None and unit not in POWERS:
        raise EventError(f'{type} in {str(unit)[:16]}')
    return value * POWERS[unit or 'KW']


def _rows(row: dict, name: str) -> list[dict]:
    rows = row.get(name) or []
    if not isinstance(rows, list) or len(rows) > INTERVALS_MAX or not all(isinstance(one, dict) for one in rows):
        raise EventError(f'{name} is no list of objects')
    return rows


def _text(row: dict, name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise EventError(f'{name} is {str(value)[:40]!r}')
    return value

