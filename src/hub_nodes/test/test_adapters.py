"""Public formats of prices and weather. The samples are written by hand in the documented shapes."""
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub_nodes.adapters import day_ahead, entsoe, open_meteo, series, table
from hub_nodes.adapters.series import FormatError

T = 1_700_002_800       # 2023-11-14T23:00:00Z, midnight in Berlin
OPEN_METEO = {
    'latitude': 52.52, 'longitude': 13.419998, 'generationtime_ms': 0.07, 'utc_offset_seconds': 0, 'timezone': 'GMT',
    'hourly_units': {'time': 'unixtime', 'temperature_2m': '°C', 'shortwave_radiation': 'W/m²', 'cloud_cover': '%',
                     'wind_speed_10m': 'm/s'},
    'hourly': {'time': [T + 3600 * k for k in range(5)], 'temperature_2m': [8.1, 7.9, 7.5, 7.2, None],
               'shortwave_radiation': [0.0, 10.0, 20.0, 30.0, 40.0], 'cloud_cover': [100, 50, 0, 25, None],
               'wind_speed_10m': [3.0, 3.5, 4.0, 4.5, None]}}
POINT = '<Point><position>{}</position><price.amount>{}</price.amount></Point>'


def document(*periods, unit='MWH', currency='EUR'):
    body = ''.join(
        f'<TimeSeries><mRID>1</mRID><businessType>A62</businessType><currency_Unit.name>{currency}</currency_Unit.name>'
        f'<price_Measure_Unit.name>{unit}</price_Measure_Unit.name><curveType>A03</curveType><Period><timeInterval>'
        f'<start>{start}</start><end>{end}</end></timeInterval><resolution>{resolution}</resolution>'
        f'{"".join(POINT.format(*point) for point in points)}</Period></TimeSeries>'
        for start, end, resolution, points in periods)
    return ('<?xml version="1.0" encoding="utf-8"?><Publication_MarketDocument xmlns="urn:iec62325.351:tc57wg16:451-3:'
            f'publicationdocument:7:3"><mRID>x</mRID><type>A44</type>{body}</Publication_MarketDocument>').encode()


DAY = ('2023-11-14T23:00Z', '2023-11-15T03:00Z', 'PT60M', [(1, 50.0), (2, -10.5), (4, 80.0)])
ENTSOE = document(DAY)
NORD_POOL = {
    'deliveryDateCET': '2023-11-15', 'version': 2, 'market': 'DayAhead', 'currency': 'EUR', 'deliveryAreas': ['NO1'],
    'multiAreaEntries': [
        {'deliveryStart': '2023-11-14T23:00:00Z', 'deliveryEnd': '2023-11-15T00:00:00Z', 'entryPerArea': {'NO1': 50.0}},
        {'deliveryStart': '2023-11-15T00:00:00Z', 'deliveryEnd': '2023-11-15T01:00:00Z', 'entryPerArea': {'NO1': -1}}]}
AWATTAR = {'object': 'list', 'url': '/de/v1/marketdata', 'data': [
    {'start_timestamp': T * 1000, 'end_timestamp': (T + 3600) * 1000, 'marketprice': 50.0, 'unit': 'Eur/MWh'},
    {'start_timestamp': (T + 3600) * 1000, 'end_timestamp': (T + 7200) * 1000, 'marketprice': -1.0, 'unit': 'Eur/MWh'}]}
TIBBER = {'data': {'viewer': {'homes': [{'currentSubscription': None}, {'currentSubscription': {'priceInfo': {
    'today': [{'total': 0.31, 'startsAt': '2023-11-15T00:00:00.000+01:00', 'currency': 'EUR'},
              {'total': 0.29, 'startsAt': '2023-11-15T01:00:00.000+01:00', 'currency': 'EUR'}],
    'tomorrow': [{'total': 0.2, 'startsAt': '2023-11-15T02:00:00.000+01:00', 'currency': 'EUR'}]}}}]}}}
PRICES_CSV = b'start,import_price,export_price\n2023-11-15T00:00+01:00,0.30,0.08\n2023-11-15T01:00+01:00,-0.01,0.07\n'
WEATHER_CSV = f'start,irradiance,ignored\n{T},0,x\n{T + 900},12.5,y\n'.encode()


def dumped(value):
    return json.dumps(value).encode()


def changed(value, path, new):
    """Return a deep copy with one place set."""
    copy = json.loads(json.dumps(value))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = new
    return dumped(copy)


def test_open_meteo():
    got = open_meteo.parse(dumped(OPEN_METEO))
    assert (got.start, got.step) == (T, 3600.0)
    assert got.air_temperature.tolist() == [8.1, 7.9, 7.5, 7.2] and got.cloud_cover.tolist() == [1.0, 0.5, 0.0, 0.25]
    assert got.irradiance.tolist() == [10.0, 20.0, 30.0, 40.0], 'stamped at the end of its hour'
    assert got.wind_speed.tolist() == [3.0, 3.5, 4.0, 4.5]
    assert 'latitude=52.5200' in open_meteo.url(52.52, 13.42)


def test_open_meteo_in_other_units_and_with_less():
    got = open_meteo.parse(changed(OPEN_METEO, ['hourly_units', 'wind_speed_10m'], 'km/h'))
    assert got.wind_speed[0] == pytest.approx(3.0 / 3.6)
    less = json.loads(json.dumps(OPEN_METEO))
    del less['hourly']['cloud_cover']
    got = open_meteo.parse(dumped(less))
    assert not len(got.cloud_cover) and len(got.air_temperature) == 4


def test_entsoe_repeats_what_is_left_out():
    got = entsoe.parse(ENTSOE)
    assert (got.start, got.step, got.currency, got.retail) == (T, 3600.0, 'EUR', False)
    assert got.import_price.tolist() == pytest.approx([0.05, -0.0105, -0.0105, 0.08])


def test_entsoe_days_follow_each_other_in_any_order_and_the_finer_resolution_counts():
    later = ('2023-11-15T03:00Z', '2023-11-15T04:00Z', 'PT60M', [(1, 1.0)])
    assert len(entsoe.parse(document(later, DAY)).import_price) == 5
    fine = ('2023-11-14T23:00Z', '2023-11-15T00:00Z', 'PT15M', [(1, 1.0), (3, 2.0)])
    got = entsoe.parse(document(DAY, fine))
    assert got.step == 900.0 and got.import_price.tolist() == pytest.approx([0.001, 0.001, 0.002, 0.002])


@pytest.mark.parametrize('got', [
    lambda: day_ahead.nord_pool(dumped(NORD_POOL), 'NO1'), lambda: day_ahead.awattar(dumped(AWATTAR))])
def test_nord_pool_and_awattar(got):
    got = got()
    assert (got.start, got.step, got.currency, got.retail) == (T, 3600.0, 'EUR', False)
    assert got.import_price.tolist() == pytest.approx([0.05, -0.001])


def test_tibber():
    got = day_ahead.tibber(dumped(TIBBER))
    assert (got.start, got.step, got.currency, got.retail) == (T, 3600.0, 'EUR', True)
    assert got.import_price.tolist() == [0.31, 0.29, 0.2]


def test_tables():
    got = table.prices(PRICES_CSV, 'EUR')
    assert (got.start, got.step, got.retail) == (T, 3600.0, True)
    assert got.import_price.tolist() == [0.30, -0.01] and got.export_price.tolist() == [0.08, 0.07]
    got = table.weather(WEATHER_CSV)
    assert (got.start, got.step) == (T, 900.0) and got.irradiance.tolist() == [0.0, 12.5]
    assert not len(got.air_temperature)


def test_two_days_are_joined():
    one = day_ahead.awattar(dumped(AWATTAR))
    two = series.Prices(one.start + 7200, 3600.0, 'EUR', np.array([0.2]))
    assert day_ahead.joined(one, two).import_price.tolist() == pytest.approx([0.05, -0.001, 0.2])
    with pytest.raises(FormatError, match='a gap'):
        day_ahead.joined(one, series.Prices(one.start + 10_800, 3600.0, 'EUR', np.array([0.2])))


@pytest.mark.parametrize('rows, values', [
    ([(0, 3600, 1.0), (3600, 7200, 2.0)], [1, 2]),
    ([(3600, 7200, 2.0), (0, 3600, 1.0), (0, 3600, 1.0)], [1, 2]),              # in any order, one twice
    ([(0, 3600, 1.0), (3600, 4500, 2.0), (4500, 5400, 3.0)], [1, 1, 1, 1, 2, 3])])
def test_even_steps(rows, values):
    assert series.even(rows)[2].tolist() == values


@pytest.mark.parametrize('rows, words', [
    ([], '0 rows'), ([(0, 0, 1.0)], 'a step of 0'), ([(0, 3600, 1.0), (7200, 10_800, 1.0)], 'a gap'),
    ([(0, 3600, 1.0), (0, 3600, 2.0)], 'two values'), ([(0, 3600, 1.0), (3600, 9000, 2.0)], 'do not fit'),
    ([(0, 3600, float('nan'))], 'a value of nan'), ([(-3600, 0, 1.0)], 'a time'),
    ([(1e12, 1e12 + 3600, 1.0)], 'a time'),
    ([(0, 60, 1.0), (60, 1e9, 1.0)], 'do not fit')])
def test_uneven_steps(rows, words):
    with pytest.raises(FormatError, match=words):
        series.even(rows)


HOSTILE = [b'', b'\xff\xfe\x00', b'NaN', b'[]', b'null', b'{}', b'[' * 100_000, b'{"a":', b'<html>502</html>',
           b'a,b\n1,2\n', b'"', b'start\n1\n2\n']
READERS = {
    'open_meteo': (open_meteo.parse, dumped(OPEN_METEO)), 'entsoe': (entsoe.parse, ENTSOE),
    'nord_pool': (lambda content: day_ahead.nord_pool(content, 'NO1'), dumped(NORD_POOL)),
    'awattar': (day_ahead.awattar, dumped(AWATTAR)), 'tibber': (day_ahead.tibber, dumped(TIBBER)),
    'prices': (lambda content: table.prices(content, 'EUR'), PRICES_CSV), 'weather': (table.weather, WEATHER_CSV)}


@pytest.mark.parametrize('reader', READERS)
@pytest.mark.parametrize('content', HOSTILE)
def test_what_is_something_else_is_refused(reader, content):
    with pytest.raises(FormatError):
        READERS[reader][0](content)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(READERS)), st.data())
def test_spoiled_content_is_read_or_refused_and_what_is_read_is_sound(name, data):
    read, sample = READERS[name]
    raw = bytearray(sample)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place:place + data.draw(st.integers(0, 4))] = data.draw(st.sampled_from(
            [b'', b'0', b'-', b'e9', b'NaN', b'null', b'"', b',', b'\n', b'\xff', b'1e999', b'{', b']', b'<', b'&x;']))
    try:
        got = read(bytes(raw))
    except FormatError:
        return
    assert got.step > 0 and 0 <= got.start < 2 ** 31
    for values in vars(got).values():
        assert not isinstance(values, np.ndarray) or np.isfinite(values).all()


@pytest.mark.parametrize('read, content, words', [
    ('open_meteo', dumped({'error': True, 'reason': 'Latitude must be in range'}), 'Latitude'),
    ('open_meteo', changed(OPEN_METEO, ['hourly_units', 'time'], 'iso8601'), 'not unixtime'),
    ('open_meteo', changed(OPEN_METEO, ['hourly_units', 'temperature_2m'], '°F'), 'temperature in'),
    ('open_meteo', changed(OPEN_METEO, ['hourly', 'time', 2], T), 'not hours'),
    ('open_meteo', changed(OPEN_METEO, ['hourly', 'temperature_2m', 0], 300), 'temperature outside'),
    ('open_meteo', changed(OPEN_METEO, ['hourly', 'cloud_cover'], [1, 2]), 'lengths'),
    ('open_meteo', changed(OPEN_METEO, ['hourly', 'temperature_2m', 0], None), 'lengths'),
    ('entsoe', document(DAY, unit='KWH'), "for a 'KWH'"),
    ('entsoe', document(), 'no prices'), ('entsoe', document(DAY, currency='€'), 'a currency'),
    ('entsoe', document((*DAY[:2], 'P1D', DAY[3])), 'a resolution'),
    ('entsoe', document((*DAY[:3], [(2, 1.0)])), 'first point'),
    ('entsoe', document((*DAY[:3], [(1, 1.0), (1, 2.0)])), 'position 1 of 4'),
    ('entsoe', document((*DAY[:3], [(1, 1.0), (9, 2.0)])), 'position 9 of 4'),
    ('entsoe', document((*DAY[:3], [(1, 'NaN')])), 'a value of nan'),
    ('entsoe', document(('2023-11-14T23:00', *DAY[1:])), 'a time of'),
    ('entsoe', b'<!DOCTYPE a [<!ENTITY b "c">]>' + ENTSOE[38:], 'document type'),
    ('entsoe', b'<Acknowledgement_MarketDocument xmlns="urn:x"><Reason><code>999</code><text>No matching data'
     b'</text></Reason></Acknowledgement_MarketDocument>', 'No matching data'),
    ('nord_pool', changed(NORD_POOL, ['multiAreaEntries', 0, 'entryPerArea'], {'SE1': 1.0}), 'there are SE1'),
    ('nord_pool', changed(NORD_POOL, ['multiAreaEntries', 1, 'deliveryStart'], '2023-11-15T00:30:00Z'), 'a gap|fit'),
    ('awattar', changed(AWATTAR, ['data', 0, 'unit'], 'Eur/kWh'), 'Eur/kWh'),
    ('awattar', changed(AWATTAR, ['data', 0, 'marketprice'], 1e9), 'price outside'),
    ('tibber', dumped({'errors': [{'message': 'No valid access token in request'}]}), 'No valid access token'),
    ('tibber', dumped({'data': {'viewer': {'homes': []}}}), 'no home'),
    ('prices', PRICES_CSV.replace(b'0.30', b'dear'), "line 2: import_price is 'dear'"),
    ('prices', PRICES_CSV.replace(b',0.07', b''), 'line 3: 2 fields'),
    ('prices', PRICES_CSV.replace(b'01:00+', b'00:00+'), 'even steps'),
    ('prices', PRICES_CSV.replace(b'+01:00', b''), 'a time of'),
    ('weather', WEATHER_CSV.replace(b'12.5', b'9999'), 'irradiance outside'),
    ('weather', WEATHER_CSV.replace(b'12.5', b'nan'), 'irradiance outside'),
])
def test_refusals_say_why(read, content, words):
    with pytest.raises(FormatError, match=words):
        READERS[read][0](content)
