"""What comes over the wire is read, or refused with the reason; nothing hostile gets further."""
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openleadr import messaging

from hearthgrid_core.grid_service import EventError, Kind
from hub_nodes.grid_service.openadr2 import parse
from hub_nodes.grid_service.openadr2_read import NS, Home, moment, read_events, seconds
from hub_nodes.grid_service.openadr3 import _json
from hub_nodes.grid_service.openadr3_read import read_event
from hub_nodes.grid_service.wire import LinkError

HOME = Home(import_max=10_000.0, capacity=10.0, currency='EUR')
T = 1_700_000_000.0
POWER = '<power:powerReal xmlns:power="{power}"><power:itemDescription>RealPower</power:itemDescription>' \
    '<power:itemUnits>W</power:itemUnits><scale:siScaleCode xmlns:scale="{scale}">{code}</scale:siScaleCode>' \
    '<power:powerAttributes><power:hertz>50</power:hertz><power:voltage>230</power:voltage><power:ac>true</power:ac>' \
    '</power:powerAttributes></power:powerReal>'
PRICE = '<oadr:currencyPerKWh><oadr:itemDescription>currencyPerKWh</oadr:itemDescription><oadr:itemUnits>{unit}' \
    '</oadr:itemUnits><scale:siScaleCode xmlns:scale="{scale}">none</scale:siScaleCode></oadr:currencyPerKWh>'


def interval(value='1.0', duration='PT1H', start=''):
    start = f'<xcal:dtstart><xcal:date-time>{start}</xcal:date-time></xcal:dtstart>' if start else ''
    return f'<ei:interval>{start}<xcal:duration><xcal:duration>{duration}</xcal:duration></xcal:duration>' \
        f'<xcal:uid><xcal:text>0</xcal:text></xcal:uid><ei:signalPayload><ei:payloadFloat><ei:value>{value}' \
        '</ei:value></ei:payloadFloat></ei:signalPayload></ei:interval>'


def signal(name='SIMPLE', type='level', intervals=None, unit=''):
    return f'<ei:eiEventSignal><strm:intervals>{intervals or interval()}</strm:intervals><ei:signalName>{name}' \
        f'</ei:signalName><ei:signalType>{type}</ei:signalType><ei:signalID>s</ei:signalID>{unit}</ei:eiEventSignal>'


def event(signals=None, id='007', status='far', test='false', extra='', duration='PT1H', number='0'):
    return f'<oadr:oadrEvent><ei:eiEvent><ei:eventDescriptor><ei:eventID>{id}</ei:eventID><ei:modificationNumber>' \
        f'{number}</ei:modificationNumber><ei:priority>2</ei:priority><ei:eiMarketContext><emix:marketContext>' \
        'http://u.example</emix:marketContext></ei:eiMarketContext><ei:createdDateTime>2023-11-14T22:00:00Z' \
        f'</ei:createdDateTime><ei:eventStatus>{status}</ei:eventStatus><ei:testEvent>{test}</ei:testEvent>' \
        '</ei:eventDescriptor><ei:eiActivePeriod><xcal:properties><xcal:dtstart><xcal:date-time>2023-11-14T22:13:20Z' \
        f'</xcal:date-time></xcal:dtstart><xcal:duration><xcal:duration>{duration}</xcal:duration></xcal:duration>' \
        f'{extra}</xcal:properties><xcal:components/></ei:eiActivePeriod><ei:eiEventSignals>{signals or signal()}' \
        '</ei:eiEventSignals><ei:eiTarget/></ei:eiEvent><oadr:oadrResponseRequired>always</oadr:oadrResponseRequired>' \
        '</oadr:oadrEvent>'


def message(*events):
    spaces = ' '.join(f'xmlns:{name}="{uri}"' for name, uri in NS.items() if name not in ('power', 'scale'))
    return f'<?xml version="1.0" encoding="UTF-8"?><oadr:oadrPayload {spaces}><oadr:oadrSignedObject>' \
        '<oadr:oadrDistributeEvent ei:schemaVersion="2.0b"><pyld:requestID>r</pyld:requestID><ei:vtnID>v</ei:vtnID>' \
        f'{"".join(events)}</oadr:oadrDistributeEvent></oadr:oadrSignedObject></oadr:oadrPayload>'.replace('\n', '')


def read(*events):
    return read_events(parse(message(*events).encode()).find('oadr:oadrSignedObject', NS)[0], HOME)


def one(*arguments, **change):
    heard, refused = read(event(*arguments, **change))
    assert not refused, refused
    return heard.events[0]


def unit(text, **change):
    return text.format(**{'power': NS['power'], 'scale': NS['scale'], 'code': 'k', 'unit': 'EUR', **change})


def test_an_event():
    made = one()
    assert (made.id, made.programme, made.priority, made.modification) == ('007', 'http://u.example', 2, 0)
    assert (made.start, made.end, made.answer, made.test, made.cancelled) == (T, T + 3600, True, False, False)
    assert made.signal(Kind.LEVEL).intervals[0].value == 1.0


def test_intervals_follow_each_other_and_the_last_may_be_open():
    made = one(signal(intervals=interval('1') + interval('2', 'PT30M') + interval('0', 'PT0S')))
    assert [(i.start - T, i.end - T, i.value) for i in made.signals[0].intervals] == [
        (0, 3600, 1), (3600, 5400, 2), (5400, math.inf, 0)]


@pytest.mark.parametrize('signals, kind, value', [
    (signal('simple'), Kind.LEVEL, 1.0),
    (signal('ELECTRICITY_PRICE', 'price', unit=unit(PRICE)), Kind.PRICE, 1.0),
    (signal('ELECTRICITY_PRICE', 'price'), Kind.PRICE, 1.0),
    (signal('LOAD_DISPATCH', 'setpoint', unit=unit(POWER)), Kind.DISPATCH, 1000.0),
    (signal('LOAD_DISPATCH', 'setpoint', unit=unit(POWER, code='none')), Kind.DISPATCH, 1.0),
    (signal('LOAD_CONTROL', 'x-loadControlCapacity', interval('0.25')), Kind.IMPORT_LIMIT, 2500.0),
])
def test_signals_and_units(signals, kind, value):
    assert one(signals).signal(kind).intervals[0].value == value


def test_tolerance_ramp_up_test_and_cancelled():
    made = one(extra='<xcal:tolerance><xcal:tolerate><xcal:startafter>PT5M</xcal:startafter></xcal:tolerate>'
               '</xcal:tolerance><ei:x-eiRampUp><xcal:duration>PT10M</xcal:duration></ei:x-eiRampUp>',
               test='yes', status='cancelled')
    assert (made.tolerance, made.ramp_up, made.test, made.cancelled) == (300.0, 600.0, True, True)


@pytest.mark.parametrize('bad, words', [
    (event(signal(intervals=interval('NaN'))), 'value of nan'),
    (event(signal(intervals=interval('INF'))), 'value of inf'),
    (event(signal(intervals=interval('7'))), 'level of 7'),
    (event(signal(intervals=interval('1', '-PT1H'))), 'no duration'),
    (event(signal('BID_LOAD', 'setpoint')), 'BID_LOAD setpoint'),
    (event(signal('LOAD_DISPATCH', 'setpoint')), 'without its unit'),
    (event(signal('ELECTRICITY_PRICE', 'price', unit=unit(PRICE, unit='USD'))), 'USD'),
    (event(signal() + signal()), 'two signals'),
    (event(id='x' * 65), 'is called'),
    (event(signal(intervals=interval('1', 'PT99999999999999H'))), 'interval from'),
])
def test_one_that_cannot_be_used_is_refused_and_hides_no_other(bad, words):
    heard, refused = read(bad, event(id='good'))
    assert [made.id for made in heard.events] == ['good'] and len(heard.listed) == 2
    assert words in refused[0].reason and refused[0].answer and words in heard.refused[0]


BOMB = '<!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize('content, words', [
    (message(event(id='&b;')).replace('<oadr:oadrPayload', BOMB + '<oadr:oadrPayload', 1).encode(), 'document type'),
    (message(event(id='&a;')).replace('<oadr:oadrPayload', FILE + '<oadr:oadrPayload', 1).encode(), 'document type'),
    (message(event()).replace('UTF-8', 'UTF-16').encode('utf-16'), 'UTF-8'),
    (message(event()).replace('http://openadr.org/oadr-2.0b/2012/07', 'http://evil.example').encode(), 'no OpenADR'),
    (message(event()).replace(NS['ei'], 'http://evil.example').encode(), 'no OpenADR'),
    (message(event(number='-1')).encode(), 'no OpenADR'),
    (message(event(duration='for ever')).encode(), 'no OpenADR'),
    (b'<a>' * 100_000, 'no OpenADR'),
    (message(event())[:-40].encode(), 'no OpenADR'),
    (b'', 'no OpenADR'), (b'\0', 'document type'), (b'{}', 'no OpenADR'), (b'\xff\xfe', 'UTF-8'),
])
def test_hostile_xml(content, words):
    with pytest.raises(LinkError, match=words):
        parse(content)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_spoiled_messages_are_read_or_refused(data):
    raw = bytearray(message(event(), event(signal('LOAD_DISPATCH', 'setpoint', unit=unit(POWER)))).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place:place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        body = parse(bytes(raw)).find('oadr:oadrSignedObject', NS)[0]
    except LinkError:
        return
    read_events(body, HOME)


@pytest.mark.parametrize('text, length', [
    ('PT0S', 0), ('PT90S', 90), ('P1DT2H', 93_600), ('PT1H30M', 5400), ('P2W', 1_209_600), ('PT0.5S', 0.5)])
def test_durations(text, length):
    assert seconds(text) == length


@pytest.mark.parametrize('text', ['', 'P', '1h', 'PT-5M', 'P1H', '-PT5M'])
def test_no_durations(text):
    with pytest.raises(ValueError):
        seconds(text)


@pytest.mark.parametrize('text, time', [
    ('2023-11-14T22:13:20Z', T), ('2023-11-14T23:13:20+01:00', T), ('2023-11-14T22:13:20.5Z', T + 0.5),
    ('2023-11-14T22:13:20.1234567Z', T + 0.123456)])
def test_moments(text, time):
    assert moment(text) == pytest.approx(time, abs=1e-6)


# OpenADR 3.1.

def row(payloads=None, **change):
    made = {'id': 'event-1', 'objectType': 'EVENT', 'programID': 'prog', 'createdDateTime': '2023-11-14T22:00:00Z',
            'modificationDateTime': '2023-11-14T22:00:00Z',
            'intervalPeriod': {'start': '2023-11-14T22:13:20Z', 'duration': 'PT1H'},
            'intervals': [{'id': 0, 'payloads': payloads or [{'type': 'SIMPLE', 'values': [1]}]}]}
    return {**made, **change}


def descriptor(type, **said):
    return [{'objectType': 'EVENT_PAYLOAD_DESCRIPTOR', 'payloadType': type, **said}]


def test_a_row():
    made, asks = read_event(row(priority=0, reportDescriptors=[{'payloadType': 'DEMAND'}]), HOME)
    assert (made.id, made.programme, made.priority, made.start, made.end) == ('event-1', 'prog', 1, T, T + 3600)
    assert made.modification == 1_699_999_200_000 and asks == {'DEMAND'} and not made.answer
    assert read_event(row(), HOME)[0].priority == 0


@pytest.mark.parametrize('type, values, said, kind, value', [
    ('PRICE', [-0.02], {'units': 'KWH', 'currency': 'EUR'}, Kind.PRICE, -0.02),
    ('EXPORT_PRICE', [0.1], {}, Kind.EXPORT_PRICE, 0.1),
    ('GHG', [300], {}, Kind.CARBON, 0.3),
    ('SIMPLE', [3], {}, Kind.LEVEL, 3.0),
    ('IMPORT_CAPACITY_LIMIT', [4.2], {'units': 'KW'}, Kind.IMPORT_LIMIT, 4200.0),
    ('EXPORT_CAPACITY_LIMIT', [0], {}, Kind.EXPORT_LIMIT, 0.0),
    ('DISPATCH_SETPOINT', [-3], {}, Kind.DISPATCH, -3000.0),
    ('CHARGE_STATE_SETPOINT', [80], {'units': 'PERCENT'}, Kind.CHARGE, 0.8),
    ('CHARGE_STATE_SETPOINT', [0.8], {'units': 'PERCENT'}, Kind.CHARGE, 0.8),
    ('CHARGE_STATE_SETPOINT', [8], {'units': 'KWH'}, Kind.CHARGE, 0.8),
    ('ALERT_GRID_EMERGENCY', ['help'], {}, Kind.EMERGENCY, 1.0),
    ('ALERT_BLACK_START', ['wait'], {}, Kind.EMERGENCY, 1.0),
    ('ALERT_POSSIBLE_OUTAGE', ['storm'], {}, Kind.CHARGE, 1.0),
    ('ALERT_FLEX_ALERT', ['save'], {}, Kind.LEVEL, 1.0),
])
def test_payloads_and_units(type, values, said, kind, value):
    payloads = [{'type': type, 'values': values}]
    made, _ = read_event(row(payloads, payloadDescriptors=descriptor(type, **said)), HOME)
    assert made.signal(kind).intervals[0].value == pytest.approx(value)


def test_own_periods_open_ends_now_loops_and_random_starts():
    simple, later = [{'type': 'SIMPLE', 'values': [1]}], {'start': '2023-11-15T22:13:20Z', 'duration': 'P9999Y'}
    made, _ = read_event(row(intervals=[
        {'id': 0, 'payloads': simple}, {'id': 1, 'payloads': simple, 'intervalPeriod': later}]), HOME)
    assert [(i.start - T, i.end - T) for i in made.signals[0].intervals] == [(0, 3600), (86_400, math.inf)]
    made, _ = read_event(row(intervalPeriod={'start': '0001-01-01T00:00:00Z', 'duration': 'PT1H',
                                             'randomizeStart': 'PT5M'}, duration='PT3H'), HOME)
    assert made.start == moment('2023-11-14T22:00:00Z') and made.tolerance == 300.0
    assert len(made.signals[0].intervals) == 3 and made.end == made.start + 3 * 3600


@pytest.mark.parametrize('bad, words', [
    (row([{'type': 'PRICE', 'values': [1]}], payloadDescriptors=descriptor('PRICE', currency='USD')), 'in USD'),
    (row([{'type': 'PRICE', 'values': [1]}], payloadDescriptors=descriptor('PRICE', units='THERMS')), 'THERMS'),
    (row([{'type': 'PRICE', 'values': []}]), r'values \[\]'),
    (row([{'type': 'PRICE', 'values': ['1']}]), 'values'),
    (row([{'type': 'PRICE', 'values': [True]}]), 'values'),
    (row([{'type': 'PRICE', 'values': [1e300]}]), 'price of 1e'),
    (row([{'type': 'IMPORT_CAPACITY_LIMIT', 'values': [1]}],
         payloadDescriptors=descriptor('IMPORT_CAPACITY_LIMIT', units='AMPS')), 'AMPS'),
    (row([{'type': 'CURVE', 'values': [[{'x': 1, 'y': 2}]]}]), 'CURVE'),
    (row([{'type': 'SIMPLE', 'values': [4]}]), 'level of 4'),
    (row(intervals=None), 'no payload'), (row(intervals=[7]), 'no list of objects'), (row(intervals={}), 'no payload'),
    (row(intervals=[{'id': 0, 'payloads': []}] * 5000), 'no list'), (row(intervalPeriod=[1]), 'no object'),
    (row(intervalPeriod={}), 'starts at nan'), (row(id=None), 'id is'), (row(id='x' * 65), 'is called'),
    (row(priority=-1), 'priority'), (row(createdDateTime=5), 'createdDateTime'), ([], 'no object'), (None, 'no object'),
])
def test_rows_that_cannot_be_used(bad, words):
    with pytest.raises((EventError, ValueError), match=words):
        read_event(bad, HOME)


VALUES = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner,
                                                                                  max_size=3), max_leaves=6)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(row())), VALUES, st.sampled_from(['id', 'payloads', 'intervalPeriod']), VALUES)
def test_spoiled_rows_are_read_or_refused(field, value, inner, other):
    for bad in (row(**{field: value}), row(intervals=[{**row()['intervals'][0], inner: other}]),
                row(payloadDescriptors=[{'payloadType': 'SIMPLE', 'units': other}], duration=value)):
        try:
            read_event(bad, HOME)
        except (EventError, ValueError, OverflowError, KeyError, TypeError):
            pass    # the client takes each of these for a refusal


@pytest.mark.parametrize('content', [b'', b'NaN', b'[Infinity]', b'{', b'[' * 100_000, b'\xff'])
def test_what_is_no_json(content):
    with pytest.raises(LinkError, match='no JSON'):
        _json(content)


def test_ours_agrees_with_openleadr_on_a_message_it_reads():
    kind, payload = messaging.parse_message(message(event(id='e-1')))
    assert kind == 'oadrDistributeEvent' and payload['events'][0]['event_descriptor']['event_id'] == 'e-1'
    assert one(id='e-1').start == payload['events'][0]['active_period']['dtstart'].timestamp()
