"""OpenADR 2.0b events (oadrDistributeEvent) as core events.

Source: OpenADR 2.0 Profile Specification, B Profile, 2015; EiEvent service and its conformance rules. The tree was
checked against the schema before; what the schema lets through (NaN, absurd numbers, unknown signals) is refused here,
event by event, so that one bad event does not hide the others.
"""
import math
import re
from dataclasses import dataclass
from datetime import datetime, timezone

from hearthgrid_core.grid_service import Event, EventError, Interval, Kind, Signal
from hub_nodes.grid_service.wire import Heard

NS = {
    'oadr': 'http://openadr.org/oadr-2.0b/2012/07', 'ei': 'http://docs.oasis-open.org/ns/energyinterop/201110',
    'pyld': 'http://docs.oasis-open.org/ns/energyinterop/201110/payloads',
    'emix': 'http://docs.oasis-open.org/ns/emix/2011/06', 'xcal': 'urn:ietf:params:xml:ns:icalendar-2.0',
    'strm': 'urn:ietf:params:xml:ns:icalendar-2.0:stream', 'power': 'http://docs.oasis-open.org/ns/emix/2011/06/power',
    'scale': 'http://docs.oasis-open.org/ns/emix/2011/06/siscale'}
EVENTS_MAX = 256
SCALES = {'none': 1.0, 'k': 1e3, 'M': 1e6, 'm': 1e-3, 'c': 1e-2, 'd': 0.1, 'micro': 1e-6, 'n': 1e-9, 'p': 1e-12,
          'G': 1e9, 'T': 1e12}
DURATION = re.compile(r'\+?P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?'
                      r'(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?')
FRACTION = re.compile(r'\.(\d{1,6})\d*')
LENGTHS = (365 * 86_400, 30 * 86_400, 7 * 86_400, 86_400, 3600, 60, 1)


@dataclass(frozen=True)
class Home:
    """What values are measured by. import_max : [W]     capacity : of the battery, 0 = none [kWh]"""

    import_max: float
    capacity: float
    currency: str


@dataclass(frozen=True)
class Refused:
    """An event that cannot be used, as far as it can be told which."""

    id: str
    modification: int
    reason: str
    answer: bool


def read_events(message, home: Home) -> tuple[Heard, tuple[Refused, ...]]:
    """Return what an oadrDistributeEvent element says, and the events that cannot be used."""
    events, listed, refused = [], [], []
    for element in message.findall('oadr:oadrEvent', NS)[:EVENTS_MAX]:
        id = _text(element, './/ei:eventDescriptor/ei:eventID')
        listed.append(id)
        try:
            events.append(_event(element, id, home))
        except (EventError, ValueError, OverflowError) as error:
            number = _text(element, './/ei:eventDescriptor/ei:modificationNumber')
            refused.append(Refused(id, int(number) if number.isdigit() and len(number) < 10 else 0, str(error)[:200],
                                   _text(element, 'oadr:oadrResponseRequired') == 'always'))
    reasons = tuple(f'{one.id[:64]!r}: {one.reason}' for one in refused)
    return Heard(tuple(events), tuple(listed), reasons), tuple(refused)


def _event(element, id: str, home: Home) -> Event:
    descriptor = element.find('ei:eiEvent/ei:eventDescriptor', NS)
    period = element.find('ei:eiEvent/ei:eiActivePeriod/xcal:properties', NS)
    start = moment(_text(period, 'xcal:dtstart/xcal:date-time'))
    signals: dict[Kind, Signal] = {}
    unknown = []
    for part in element.findall('ei:eiEvent/ei:eiEventSignals/ei:eiEventSignal', NS):
        kind, factor = _meaning(part, home)
        if kind is None:
            unknown.append(f'{_text(part, "ei:signalName")} {_text(part, "ei:signalType")}')
        elif kind in signals:
            raise EventError(f'two signals of {kind.value}')
        else:
            signals[kind] = Signal(kind, _intervals(part, start, factor))
    if not signals:
        raise EventError(f'no signal that is understood ({", ".join(unknown) or "none"})')
    ramp_up = _text(period, 'ei:x-eiRampUp/xcal:duration')
    tolerance = _text(period, 'xcal:tolerance/xcal:tolerate/xcal:startafter')
    return Event(
        id, tuple(signals.values()), _text(descriptor, 'ei:eiMarketContext/emix:marketContext')[:64],
        int(_text(descriptor, 'ei:modificationNumber')), int(_text(descriptor, 'ei:priority') or 0),
        moment(_text(descriptor, 'ei:createdDateTime')), seconds(ramp_up) if ramp_up else math.nan,
        seconds(tolerance) if tolerance else 0.0, _text(descriptor, 'ei:eventStatus') == 'cancelled',
        _text(element, 'oadr:oadrResponseRequired') == 'always',
        _text(descriptor, 'ei:testEvent').lower() not in ('', 'false'))     # rule 6: all but `false` is a test


def _intervals(signal, start: float, factor: float) -> tuple[Interval, ...]:
    """Return a signal's intervals: one after the other from the event's start unless they say; 0 = until cancelled."""
    out, begin = [], start
    for part in signal.findall('strm:intervals/ei:interval', NS):
        own = _text(part, 'xcal:dtstart/xcal:date-time')
        begin = moment(own) if own else begin
        length = seconds(_text(part, 'xcal:duration/xcal:duration'))
        value = float(_text(part, 'ei:signalPayload/ei:payloadFloat/ei:value')) * factor
        end = begin + length if length else math.inf
        out.append(Interval(begin, end, value))
        begin = end
    return tuple(out)


def _meaning(signal, home: Home) -> tuple[Kind | None, float]:
    """Return what a signal means and the factor to its unit; None when it means nothing here. EventError: no unit."""
    name, type = _text(signal, 'ei:signalName'), _text(signal, 'ei:signalType')
    if name.upper() == 'SIMPLE' and type == 'level':
        return Kind.LEVEL, 1.0
    if name in ('ELECTRICITY_PRICE', 'ENERGY_PRICE') and type == 'price':
        unit = signal.find('oadr:currencyPerKWh', NS)
        if unit is not None:
            currency = _text(unit, 'oadr:itemUnits')
            if currency != home.currency:
                raise EventError(f'{name} in {currency}, the home counts in {home.currency}')
            return Kind.PRICE, _scale(unit)
        return Kind.PRICE, 1.0
    if name == 'LOAD_DISPATCH' and type == 'setpoint':
        unit = signal.find('power:powerReal', NS)
        if unit is None:
            raise EventError('LOAD_DISPATCH without its unit')
        return Kind.DISPATCH, _scale(unit)
    if name == 'LOAD_CONTROL' and type == 'x-loadControlCapacity':
        return Kind.IMPORT_LIMIT, home.import_max       # a share of the most the home draws
    if name == 'CHARGE_STATE' and type == 'setpoint':
        energy = signal.find('power:energyReal', NS)
        if energy is None:
            raise EventError('CHARGE_STATE without its unit')
        if not home.capacity:
            raise EventError('CHARGE_STATE for a home without a battery')
        return Kind.CHARGE, _scale(energy) / (home.capacity * 1e3)
    return None, 1.0


def _scale(unit) -> float:
    code = _text(unit, 'scale:siScaleCode') or 'none'
    if code not in SCALES:
        raise EventError(f'a scale of {code!r}')
    return SCALES[code]


def _text(element, path: str) -> str:
    return (element.findtext(path, '', NS) or '').strip() if element is not None else ''


def moment(text: str) -> float:
    """Return a moment as [s, UNIX epoch]; one without a zone is UTC. ValueError."""
    text = FRACTION.sub(lambda match: f'.{match[1]:0<6}', text).replace('Z', '+00:00')
    made = datetime.fromisoformat(text)
    return (made if made.tzinfo else made.replace(tzinfo=timezone.utc)).timestamp()


def seconds(text: str) -> float:
    """Return an ISO 8601 duration [s]; a year has 365 days, a month 30. ValueError."""
    match = DURATION.fullmatch(text)
    if not match or not any(match.groups()):
        raise ValueError(f'{text[:40]!r} is no duration')
    return sum(float(count or 0) * length for count, length in zip(match.groups(), LENGTHS, strict=True))
