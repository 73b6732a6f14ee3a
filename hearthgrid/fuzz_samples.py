"""Valid bytes that hostile ones are made from, written by hand in the documented shapes."""

import io
import json
import struct

import numpy as np

T = 1_700_002_800  # 2023-11-14T23:00:00Z [s]


def dumped(value) -> bytes:
    """Return JSON."""
    return json.dumps(value).encode()


def message(topic: str, payload) -> bytes:
    """Return a message of a broker as a fuzz target takes it: topic, new line, payload."""
    return topic.encode() + b'\n' + (payload if isinstance(payload, bytes) else dumped(payload))


TASMOTA = [
    message('tele/plug/SENSOR', {'Time': '2023-11-14T22:13:20', 'ENERGY': {
        'Total': 12.3, 'Power': 100, 'ApparentPower': 110, 'ReactivePower': 20, 'Factor': 0.9, 'Voltage': 230,
        'Current': 0.478}}),
    message('tele/plug/STATE', {'POWER': 'ON', 'Uptime': '0T00:10:00'}), message('tele/plug/LWT', b'Online'),
    message('stat/plug/STATUS10', {'StatusSNS': {'ENERGY': {'Power': [1, 2], 'Voltage': 230}}}),
    message('stat/plug/POWER', b'OFF'),
]  # fmt: skip
SHELLY = [
    message('plug/status/switch:0', {'id': 0, 'output': True, 'apower': 100.1, 'voltage': 230.2, 'current': 0.5,
                                     'pf': 0.9, 'freq': 50.0, 'aenergy': {'total': 1234.5, 'by_minute': [1, 2, 3]},
                                     'temperature': {'tC': 40.1, 'tF': 104.2}}),
    message('plug/events/rpc', {'src': 'plug', 'method': 'NotifyStatus', 'params': {
        'ts': 1.0, 'switch:0': {'id': 0, 'output': False, 'apower': 0.0}}}),
    message('hearthgrid_gateway/plug/rpc', {'id': 1, 'result': {'output': True, 'apower': 3.0}}),
    message('plug/online', b'true'),
]  # fmt: skip
ZIGBEE2MQTT = [
    message('plug', {'state': 'ON', 'power': 100, 'voltage': 230, 'current': 0.5, 'energy': 12.3, 'linkquality': 80}),
    message('plug/availability', {'state': 'online'}), message('plug/availability', b'offline'),
]  # fmt: skip
ESPHOME = [
    message('plug/sensor/kettle_power/state', b'100.5'), message('plug/sensor/x_energy_wh/state', b'1234'),
    message('plug/switch/relay/state', b'ON'), message('plug/status', b'online'),
]  # fmt: skip
ZWAVE = [
    message('plug/37/endpoint_0/currentValue', {'time': 1700000000000, 'value': True}),
    message('plug/50/endpoint_0/value/66049', {'time': 1, 'value': 100.5}),
    message('plug/meter/endpoint_0/value/65537', b'12.5'),
    message('plug/status', {'time': 1, 'value': True, 'status': 'Alive'}),
]  # fmt: skip

NORD_POOL = dumped({'currency': 'EUR', 'deliveryAreas': ['NO1'], 'multiAreaEntries': [
    {'deliveryStart': '2023-11-14T23:00:00Z', 'deliveryEnd': '2023-11-15T00:00:00Z', 'entryPerArea': {'NO1': 50.0}},
    {'deliveryStart': '2023-11-15T00:00:00Z', 'deliveryEnd': '2023-11-15T01:00:00Z', 'entryPerArea': {'NO1': -1}},
]})  # fmt: skip
AWATTAR = dumped({'object': 'list', 'data': [
    {'start_timestamp': (T + 3600 * k) * 1000, 'end_timestamp': (T + 3600 * (k + 1)) * 1000, 'marketprice': 50.0 - k,
     'unit': 'Eur/MWh'} for k in range(3)]})  # fmt: skip
TIBBER = dumped({'data': {'viewer': {'homes': [{'currentSubscription': None}, {'currentSubscription': {'priceInfo': {
    'today': [{'total': 0.31, 'startsAt': '2023-11-15T00:00:00.000+01:00', 'currency': 'EUR'},
              {'total': 0.29, 'startsAt': '2023-11-15T01:00:00.000+01:00', 'currency': 'EUR'}],
    'tomorrow': [{'total': 0.2, 'startsAt': '2023-11-15T02:00:00.000+01:00', 'currency': 'EUR'}]}}}]}}})  # fmt: skip
OPEN_METEO = dumped({
    'latitude': 52.52, 'longitude': 13.4, 'utc_offset_seconds': 0, 'timezone': 'GMT',
    'hourly_units': {'time': 'unixtime', 'temperature_2m': '°C', 'shortwave_radiation': 'W/m²', 'cloud_cover': '%',
                     'wind_speed_10m': 'm/s'},
    'hourly': {'time': [T + 3600 * k for k in range(5)], 'temperature_2m': [8.1, 7.9, 7.5, 7.2, None],
               'shortwave_radiation': [0.0, 10.0, 20.0, 30.0, 40.0], 'cloud_cover': [100, 50, 0, 25, None],
               'wind_speed_10m': [3.0, 3.5, 4.0, 4.5, None]}})  # fmt: skip
PRICES_CSV = b'start,import_price,export_price\n2023-11-15T00:00+01:00,0.30,0.08\n2023-11-15T01:00+01:00,-0.01,0.07\n'
WEATHER_CSV = f'start,irradiance,ignored\n{T},0,x\n{T + 900},12.5,y\n'.encode()
ENTSOE = (
    b'<?xml version="1.0" encoding="utf-8"?><Publication_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-3:'
    b'publicationdocument:7:3"><mRID>x</mRID><type>A44</type><TimeSeries><mRID>1</mRID><businessType>A62</businessType>'
    b'<currency_Unit.name>EUR</currency_Unit.name><price_Measure_Unit.name>MWH</price_Measure_Unit.name><curveType>A03'
    b'</curveType><Period><timeInterval><start>2023-11-14T23:00Z</start><end>2023-11-15T03:00Z</end></timeInterval>'
    b'<resolution>PT60M</resolution><Point><position>1</position><price.amount>50.0</price.amount></Point><Point>'
    b'<position>3</position><price.amount>-10.5</price.amount></Point></Period></TimeSeries></Publication_MarketDocument>'
)

OPENADR2 = (
    '<?xml version="1.0" encoding="UTF-8"?><oadr:oadrPayload {spaces}><oadr:oadrSignedObject><oadr:oadrDistributeEvent '
    'ei:schemaVersion="2.0b"><pyld:requestID>r</pyld:requestID><ei:vtnID>v</ei:vtnID><oadr:oadrEvent><ei:eiEvent>'
    '<ei:eventDescriptor><ei:eventID>007</ei:eventID><ei:modificationNumber>0</ei:modificationNumber><ei:priority>2'
    '</ei:priority><ei:eiMarketContext><emix:marketContext>http://u.example</emix:marketContext></ei:eiMarketContext>'
    '<ei:createdDateTime>2023-11-14T22:00:00Z</ei:createdDateTime><ei:eventStatus>far</ei:eventStatus><ei:testEvent>'
    'false</ei:testEvent></ei:eventDescriptor><ei:eiActivePeriod><xcal:properties><xcal:dtstart><xcal:date-time>'
    '2023-11-14T22:13:20Z</xcal:date-time></xcal:dtstart><xcal:duration><xcal:duration>PT1H</xcal:duration>'
    '</xcal:duration></xcal:properties><xcal:components/></ei:eiActivePeriod><ei:eiEventSignals><ei:eiEventSignal>'
    '<strm:intervals><ei:interval><xcal:duration><xcal:duration>PT1H</xcal:duration></xcal:duration><xcal:uid>'
    '<xcal:text>0</xcal:text></xcal:uid><ei:signalPayload><ei:payloadFloat><ei:value>1.0</ei:value></ei:payloadFloat>'
    '</ei:signalPayload></ei:interval></strm:intervals><ei:signalName>SIMPLE</ei:signalName><ei:signalType>level'
    '</ei:signalType><ei:signalID>s</ei:signalID></ei:eiEventSignal></ei:eiEventSignals><ei:eiTarget/></ei:eiEvent>'
    '<oadr:oadrResponseRequired>always</oadr:oadrResponseRequired></oadr:oadrEvent></oadr:oadrDistributeEvent>'
    '</oadr:oadrSignedObject></oadr:oadrPayload>'
)
OPENADR3 = dumped([{
    'id': 'e1', 'createdDateTime': '2023-11-14T22:00:00Z', 'modificationDateTime': '2023-11-14T22:00:00Z',
    'objectType': 'EVENT', 'programID': 'p', 'eventName': 'x', 'priority': 1,
    'intervalPeriod': {'start': '2023-11-14T23:00:00Z', 'duration': 'PT1H', 'randomizeStart': 'PT5M'},
    'payloadDescriptors': [{'objectType': 'EVENT_PAYLOAD_DESCRIPTOR', 'payloadType': 'IMPORT_CAPACITY_LIMIT',
                            'units': 'KW'}],
    'reportDescriptors': [{'payloadType': 'OPERATING_STATE'}],
    'intervals': [{'id': 0, 'payloads': [{'type': 'IMPORT_CAPACITY_LIMIT', 'values': [2.5]}]},
                  {'id': 1, 'intervalPeriod': {'start': '2023-11-15T00:00:00Z', 'duration': 'PT30M'},
                   'payloads': [{'type': 'SIMPLE', 'values': [1]}]}]}])  # fmt: skip

HOME_YAML = b"""name: home
timezone: Europe/Berlin
supply: {voltage: 230, frequency: 50, import_max: 8000}
outlets:
  - {id: kettle, title: Kettle, appliance: heater, schedule: [{start: "1:00", end: "2:00", switch: off}]}
  - {id: fridge, appliance: refrigerator, priority: refrigeration, rank: 3}
battery: {capacity_kwh: 10, power_max: 4000}
pv: {power_max: 3000}
nodes:
  world: {reconnect_wait: 1.0}
"""
LIBRARY_YAML = b"""models:
  - {type: kettle, model: A, rated_power: 2000, standby: 0.5, note: boils}
  - {type: refrigerator}
"""
ADDRESSES_YAML = b'phone: "ntfy://host/topic"\nmail: "mailto://user:secret@example.org"\n'


def wav(channels: int = 2, rate: int = 6400, samples: int = 1600) -> bytes:
    """Return a recording of voltage and current as 16-bit PCM."""
    angle = 2 * np.pi * 50 * np.arange(samples) / rate
    data = np.stack([np.sin(angle) * 20000, np.sin(angle) * 9000][:channels], 1).astype('<i2').tobytes()
    return (b'RIFF' + struct.pack('<I', 36 + len(data)) + b'WAVEfmt ' + struct.pack(
        '<IHHIIHH', 16, 1, channels, rate, 2 * channels * rate, 2 * channels, 16) + b'data'
        + struct.pack('<I', len(data)) + data)  # fmt: skip


def npz(**arrays) -> bytes:
    """Return arrays in a file of numpy."""
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def waveform_csv() -> bytes:
    """Return a short table of voltage and current."""
    angle = 2 * np.pi * 50 * np.arange(700) / 6400
    rows = '\n'.join(f'{k / 6400:.6f},{325 * np.sin(a):.2f},{2 * np.sin(a):.3f}' for k, a in enumerate(angle))
    return f'time,voltage,current\n{rows}\n'.encode()


def course_csv() -> bytes:
    """Return two days of load and prices, an hour a row."""
    rows = '\n'.join(f'{T + 3600 * k},{500 + k},{0.3}' for k in range(49))
    return f'time,load,price\n{rows}\n'.encode()
