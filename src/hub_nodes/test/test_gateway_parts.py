"""What the gateway is made of: parsers of strangers' payloads, a plug as an outlet, and what Home Assistant is told."""
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.outlet import Priority, Refusal, RelaySettings, Request, RequestSettings, Voice
from hearthgrid_ros.home import HomeError, parse
from hub_nodes.gateway import discovery, esphome, shelly, tasmota, zigbee2mqtt, zwave
from hub_nodes.gateway.outlet import PlugOutlet
from hub_nodes.gateway.plug import BOUNDS, QUANTITIES, Heard

TASMOTA_SENSOR = {'Time': '2024-05-01T12:00:00', 'ENERGY': {
    'TotalStartTime': '2023-01-01T00:00:00', 'Total': 12.345, 'Yesterday': 0.1, 'Today': 0.2, 'Period': 1, 'Power': 60,
    'ApparentPower': 66, 'ReactivePower': 27, 'Factor': 0.91, 'Voltage': 231, 'Current': 0.286}}
TASMOTA_HEARD = {'active_power': 60, 'apparent_power': 66, 'reactive_power': 27, 'power_factor': 0.91, 'voltage': 231,
                 'current': 0.286, 'energy_kwh': 12.345}
SHELLY = {'id': 0, 'source': 'init', 'output': True, 'apower': 8.9, 'voltage': 237.5, 'current': 0.047, 'freq': 50.0,
          'aenergy': {'total': 6532.0, 'by_minute': [1.0, 2.0, 3.0], 'minute_ts': 1700000000},
          'temperature': {'tC': 23.5, 'tF': 74.4}}
SHELLY_HEARD = {'active_power': 8.9, 'voltage': 237.5, 'current': 0.047, 'frequency': 50.0, 'energy_kwh': 6.532,
                'temperature': 23.5, 'relay': True}
DEEP = '[' * 60000

TABLE = [
    (tasmota, 'plug1', '', 'tele/plug1/SENSOR', TASMOTA_SENSOR, TASMOTA_HEARD),
    (tasmota, 'plug1', '', 'stat/plug1/STATUS8', {'StatusSNS': TASMOTA_SENSOR}, TASMOTA_HEARD),
    (tasmota, 'plug1', '', 'tele/plug1/SENSOR', {'ENERGY': {'Power': [5, 7], 'Total': None}}, {'active_power': 5}),
    (tasmota, 'plug1', '', 'tele/plug1/SENSOR', {'AM2301': {'Temperature': 20}}, None),
    (tasmota, 'plug1', '', 'tele/plug1/STATE', {'POWER': 'ON', 'Wifi': {}}, {'relay': True}),
    (tasmota, 'plug1', '2', 'stat/plug1/RESULT', {'POWER1': 'ON', 'POWER2': 'OFF'}, {'relay': False}),
    (tasmota, 'plug1', '', 'stat/plug1/POWER', 'OFF', {'relay': False}),
    (tasmota, 'plug1', '', 'tele/plug1/LWT', 'Offline', {'online': False}),
    (tasmota, 'plug1', '', 'tele/plug10/LWT', 'Offline', None),
    (tasmota, 'plug1', '', 'tele/plug1/SENSOR', {'ENERGY': {'Power': 'much'}}, ValueError),
    (tasmota, 'plug1', '', 'tele/plug1/SENSOR', {'ENERGY': {'Power': 1e7}}, ValueError),
    (tasmota, 'plug1', '', 'tele/plug1/SENSOR', '{"ENERGY": {"Power": NaN}}', ValueError),
    (tasmota, 'plug1', '', 'tele/plug1/SENSOR', DEEP, ValueError),
    (tasmota, 'plug1', '', 'tele/plug1/SENSOR', '"' + 'x' * 70000 + '"', ValueError),
    (tasmota, 'plug1', '', 'stat/plug1/POWER', 'PERHAPS', ValueError),
    (shelly, 'shelly-a1', '', 'shelly-a1/status/switch:0', SHELLY, SHELLY_HEARD),
    (shelly, 'shelly-a1', '', 'shelly-a1/events/rpc', {
        'src': 'shelly-a1', 'method': 'NotifyStatus', 'params': {'ts': 1.0, 'switch:0': {'id': 0, 'apower': 3.0}}},
     {'active_power': 3.0}),
    (shelly, 'shelly-a1', '1', 'shelly-a1/events/rpc', {'method': 'NotifyStatus', 'params': {'switch:0': {}}}, None),
    (shelly, 'shelly-a1', '', 'shelly-a1/events/rpc', {'method': 'NotifyEvent', 'params': {'events': []}}, None),
    (shelly, 'shelly-a1', '', 'hearthgrid_gateway/shelly-a1/rpc', {'id': 1, 'result': SHELLY}, SHELLY_HEARD),
    (shelly, 'shelly-a1', '', 'hearthgrid_gateway/shelly-a1/rpc', {'id': 1, 'result': {'was_on': True}}, None),
    (shelly, 'shelly-a1', '', 'hearthgrid_gateway/shelly-a1/rpc', {'id': 1, 'error': {'code': -103}}, ValueError),
    (shelly, 'shelly-a1', '', 'shelly-a1/online', 'true', {'online': True}),
    (shelly, 'shelly-a1', '', 'shelly-a1/status/switch:0', {'aenergy': {'total': True}}, ValueError),
    (shelly, 'shelly-a1', '', 'shelly-a1/status/switch:0', {'aenergy': {'total': 10**400}}, ValueError),
    (shelly, 'shelly-a1', '', 'shelly-a1/status/switch:0', {'apower': None, 'voltage': 0}, {'voltage': 0.0}),
    (zigbee2mqtt, 'zigbee2mqtt/tv', '', 'zigbee2mqtt/tv', {
        'state': 'ON', 'power': 5, 'voltage': 230, 'current': 0.02, 'energy': 1.25, 'linkquality': 90},
     {'relay': True, 'active_power': 5, 'voltage': 230, 'current': 0.02, 'energy_kwh': 1.25}),
    (zigbee2mqtt, 'zigbee2mqtt/tv', 'l2', 'zigbee2mqtt/tv', {'state_l1': 'ON', 'state_l2': 'OFF', 'power_l2': 0},
     {'relay': False, 'active_power': 0}),
    (zigbee2mqtt, 'zigbee2mqtt/tv', '', 'zigbee2mqtt/tv/availability', {'state': 'offline'}, {'online': False}),
    (zigbee2mqtt, 'zigbee2mqtt/tv', '', 'zigbee2mqtt/tv/availability', 'online', {'online': True}),
    (zigbee2mqtt, 'zigbee2mqtt/tv', '', 'zigbee2mqtt/tv/set', {'state': 'ON'}, None),
    (zigbee2mqtt, 'zigbee2mqtt/tv', '', 'zigbee2mqtt/tv', [1], ValueError),
    (esphome, 'desk', '', 'desk/sensor/desk_power/state', '12.5', {'active_power': 12.5}),
    (esphome, 'desk', '', 'desk/sensor/power_factor/state', '0.5', {'power_factor': 0.5}),
    (esphome, 'desk', '', 'desk/sensor/total_energy_wh/state', '1500', {'energy_kwh': 1.5}),
    (esphome, 'desk', '', 'desk/sensor/energy/state', '1500', None),
    (esphome, 'desk', '', 'desk/sensor/voltage/state', 'nan', None),
    (esphome, 'desk', '', 'desk/sensor/voltage/state', 'inf', ValueError),
    (esphome, 'desk', '', 'desk/switch/relay/state', 'ON', {'relay': True}),
    (esphome, 'desk', 'plug', 'desk/switch/relay/state', 'ON', None),
    (esphome, 'desk', '', 'desk/status', 'offline', {'online': False}),
    (zwave, 'zwave/den/lamp', '', 'zwave/den/lamp/37/endpoint_0/currentValue', {'time': 1, 'value': True},
     {'relay': True}),
    (zwave, 'zwave/den/lamp', '', 'zwave/den/lamp/switch_binary/endpoint_0/currentValue', 'false', {'relay': False}),
    (zwave, 'zwave/den/lamp', '', 'zwave/den/lamp/50/endpoint_0/value/66049', {'value': 7.5}, {'active_power': 7.5}),
    (zwave, 'zwave/den/lamp', '', 'zwave/den/lamp/meter/endpoint_0/value/65537', '2.5', {'energy_kwh': 2.5}),
    (zwave, 'zwave/den/lamp', '', 'zwave/den/lamp/50/endpoint_0/value/66561', '229', {'voltage': 229}),
    (zwave, 'zwave/den/lamp', '', 'zwave/den/lamp/50/endpoint_0/value/66817', '0.1', {'current': 0.1}),
    (zwave, 'zwave/den/lamp', '', 'zwave/den/lamp/50/endpoint_0/value/99', '0.1', None),
    (zwave, 'zwave/den/lamp', '1', 'zwave/den/lamp/37/endpoint_0/currentValue', 'true', None),
    (zwave, 'zwave/den/lamp', '', 'zwave/den/lamp/status', {'value': True, 'status': 'Alive'}, {'online': True}),
    (zwave, 'zwave/den/lamp', '', 'zwave/den/lamp/status', '7', ValueError),
]


@pytest.mark.parametrize('family, topic, endpoint, heard_on, payload, expected', TABLE,
                         ids=[f'{row[0].__name__.rpartition(".")[2]}-{k}' for k, row in enumerate(TABLE)])
def test_what_a_message_says(family, topic, endpoint, heard_on, payload, expected):
    raw = (payload if isinstance(payload, str) else json.dumps(payload)).encode()
    if expected is ValueError:
        with pytest.raises(ValueError):
            family.parse(topic, endpoint, heard_on, raw)
        return
    found = family.parse(topic, endpoint, heard_on, raw)
    assert (found is None) == (expected is None)
    if expected is not None:
        said = {name: getattr(found, name) for name in (*QUANTITIES, 'relay', 'online')}
        assert {name: v for name, v in said.items() if v is not None and v == v} == pytest.approx(expected)


@pytest.mark.parametrize('family, topic, endpoint, on, expected', [
    (tasmota, 'plug1', '', True, ('cmnd/plug1/POWER', 'ON')),
    (tasmota, 'plug1', '2', False, ('cmnd/plug1/POWER2', 'OFF')),
    (shelly, 'shelly-a1', '1', False, ('shelly-a1/rpc', '{"id":1,"src":"hearthgrid_gateway/shelly-a1",'
                                       '"method":"Switch.Set","params":{"id":1,"on":false}}')),
    (zigbee2mqtt, 'zigbee2mqtt/tv', '', True, ('zigbee2mqtt/tv/set', '{"state": "ON"}')),
    (zigbee2mqtt, 'zigbee2mqtt/tv', 'l1', False, ('zigbee2mqtt/tv/set', '{"state_l1": "OFF"}')),
    (esphome, 'desk', '', True, ('desk/switch/relay/command', 'ON')),
    (zwave, 'zwave/den/lamp', '', False, ('zwave/den/lamp/37/endpoint_0/targetValue/set', 'false'))])
def test_the_command_of_each_family(family, topic, endpoint, on, expected):
    assert family.switch(topic, endpoint, on) == expected


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(
    ['ON', 'OFF', 'online', 10**400]), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ['ENERGY', 'StatusSNS', 'POWER', 'Power', 'Total', 'params', 'method', 'switch:0', 'result', 'output', 'apower',
         'aenergy', 'total', 'temperature', 'tC', 'state', 'power', 'energy', 'value', 'NotifyStatus']), inner,
        max_size=4), max_leaves=12)
PLACES = [(row[0], row[1], row[2], row[3]) for row in TABLE]


@given(st.sampled_from(PLACES), st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_payload_brings_a_parser_down_or_gets_through_unchecked(place, payload):
    family, topic, endpoint, heard_on = place
    try:
        found = family.parse(topic, endpoint, heard_on, payload)
    except ValueError:
        return
    if found is not None:
        assert found.relay in (True, False, None) and found.online in (True, False, None)
        for name, (low, high) in BOUNDS.items():
            value = getattr(found, name)
            assert isinstance(value, float) and (math.isnan(value) or low <= value <= high)


@given(st.sampled_from(PLACES), st.text(max_size=40))
def test_no_topic_brings_a_parser_down(place, tail):
    family, topic, endpoint, _ = place
    for heard_on in (tail, f'{topic}/{tail}', f'tele/{topic}/{tail}'):
        try:
            family.parse(topic, endpoint, heard_on, b'{"value": 1}')
        except ValueError:
            pass


# A plug as an outlet.


def plug(**changes):
    settings = {'priority': Priority.COMFORT} | changes
    return PlugOutlet(RequestSettings(), RelaySettings(minimum_on_time=0.0, minimum_off_time=0.0), **settings)


def ask(voice=Voice.PLAN, low=0.0, high=0.0, now=0.0, expiry=100.0, counter=1, epoch=1):
    return Request(voice, 'sender', epoch, counter, now, now + expiry, low, high, 'asked')


def test_requests_bind_as_for_any_outlet_and_end_with_their_expiry():
    lamp = plug()
    lamp.hear(0.0, Heard(relay=True))
    assert lamp.step(0.0, False).command is None  # nobody asks: it stays as it is
    assert lamp.receive(0.0, ask(Voice.PLAN)) is None
    assert lamp.step(0.0, False).command is False
    assert lamp.step(1.0, False).command is None  # it is under way
    assert lamp.step(5.0, False).command is False  # it showed no effect
    assert lamp.receive(5.0, ask(Voice.PERSON, 1.0, math.inf, now=5.0, expiry=10.0)) is None
    step = lamp.step(5.0, False)
    assert (step.command, step.voice) == (None, Voice.PERSON)  # it is on already, and a person goes before the plan
    assert lamp.step(16.0, False).command is False  # the person's word is over, the plan's is not
    lamp.hear(17.0, Heard(relay=False))
    assert lamp.step(101.0, False).voice is Voice.UNKNOWN and lamp.step(101.0, False).command is None


@pytest.mark.parametrize('request_, refusal', [
    (ask(now=-50.0), Refusal.STALE), (ask(expiry=-1.0), Refusal.EXPIRED), (ask(now=60.0), Refusal.FUTURE),
    (ask(5), Refusal.VOICE_PROTECTION), (ask(0), Refusal.VOICE_UNKNOWN), (ask(low=5.0), Refusal.NO_BAND)])
def test_what_an_outlet_refuses_a_plug_refuses(request_, refusal):
    lamp = plug()
    lamp.hear(0.0, Heard(relay=True))
    assert lamp.receive(0.0, request_) is refusal
    assert lamp.step(0.0, False).command is None
    assert plug(key=b'k').receive(0.0, ask()) is Refusal.UNSIGNED


def test_in_an_island_the_plan_is_not_heard_and_without_a_leader_comfort_goes_off():
    lamp, fridge = plug(), plug(priority=Priority.REFRIGERATION)
    for one in (lamp, fridge):
        one.hear(0.0, Heard(relay=True))
        one.receive(0.0, ask(Voice.PLAN))
        assert one.step(0.0, True).command is None
    assert (lamp.step(5.0, True).command, fridge.step(5.0, True).command) == (False, None)


def test_a_cap_that_is_not_kept_opens_it():
    heater = plug()
    heater.hear(0.0, Heard(relay=True, active_power=2000.0))
    heater.receive(0.0, ask(Voice.GRID_SERVICE, 0.0, 1000.0))
    assert heater.step(0.0, False).command is None
    step = heater.step(6.0, False)
    assert step.command is False and '2000 W' in step.reason


def test_a_plug_that_is_away_is_not_commanded_and_is_known_no_more():
    lamp = plug()
    assert lamp.hear(0.0, Heard(relay=True, active_power=5.0))
    assert not lamp.hear(1.0, Heard(online=False))
    lamp.receive(1.0, ask(now=1.0))
    step = lamp.step(1.0, False)
    assert (step.command, step.relay, lamp.values(1.0)) == (None, None, {})
    assert lamp.hear(2.0, Heard(relay=True)) and lamp.step(2.0, False).command is False


def test_values_age_and_energy_never_falls_over_resets_and_restarts():
    lamp = plug()
    seen = []
    for now, counter in enumerate((5.0, 6.0, 0.5, 0.75)):
        lamp.hear(float(now), Heard(energy_kwh=counter))
        seen.append(lamp.values(float(now))['energy_kwh'])
    assert seen == [5.0, 6.0, 6.5, 6.75] and lamp.values(64.0) == {}
    other = plug()
    lamp.receive(3.0, ask(Voice.PERSON, now=3.0))
    other.restore(4.0, json.loads(json.dumps(lamp.state())))
    other.hear(4.0, Heard(energy_kwh=1.0, relay=True))
    assert other.values(4.0)['energy_kwh'] == 7.0 and other.step(4.0, False).voice is Voice.PERSON


@pytest.mark.parametrize('damage', [{'energy_kwh': 'x'}, {'energy_kwh': -1.0}, {'counter': math.inf},
                                    {'requests': [{}]}, {'requests': 3}])
def test_a_damaged_state_is_refused(damage):
    with pytest.raises(ValueError):
        plug().restore(0.0, plug().state() | damage)
    with pytest.raises(ValueError):
        plug().restore(0.0, {})


# Home Assistant, and the home file.


def test_energy_is_announced_as_the_energy_dashboard_wants_it():
    topic, payload = discovery.configuration('homeassistant', 'hearthgrid', 'tv', 'The TV', 'Den', 'energy_kwh')
    data = json.loads(payload)
    assert topic == 'homeassistant/sensor/hearthgrid_tv/energy_kwh/config'
    assert (data['device_class'], data['state_class'], data['unit_of_measurement']) == (
        'energy', 'total_increasing', 'kWh')
    assert data['state_topic'] == 'hearthgrid/tv/state' and data['availability_topic'] == 'hearthgrid/status'
    assert data['device'] == {'identifiers': ['hearthgrid_tv'], 'name': 'The TV', 'manufacturer': 'Hearthgrid',
                              'model': 'outlet', 'suggested_area': 'Den'}
    switch = json.loads(discovery.configuration('homeassistant', 'hearthgrid', 'tv', '', '', discovery.SWITCH)[1])
    assert switch['command_topic'] == 'hearthgrid/tv/set' and switch['device']['name'] == 'tv'
    assert json.loads(discovery.state({'voltage': math.nan, 'active_power': 5.00001}, True, (
        'active_power', 'voltage', discovery.SWITCH))) == {'active_power': 5.0, 'voltage': None, 'relay': 'ON'}


SECTION = 'outlets: [{id: kettle}]\ngateway:\n  {host: h, ca: a, certificate: c, key: k, plugs: [%s]}'


@pytest.mark.parametrize('row, reason', [
    ('{id: kettle, family: shelly, topic: a}', 'two outlets'),
    ('{id: grid, family: shelly, topic: a}', 'name of the system'),
    ('{id: a, family: shelly, topic: "a/#"}', 'topic'), ('{id: a, family: shelly, topic: "+"}', 'topic'),
    ('{id: a, family: acme, topic: b}', 'family'), ('{id: a, family: shelly, topic: b, endpoint: x}', 'number')])
def test_a_home_file_that_cannot_be_is_explained(row, reason):
    assert parse(SECTION % '{id: tv, family: zigbee2mqtt, topic: zigbee2mqtt/tv}').gateway.plugs[0].id == 'tv'
    with pytest.raises(HomeError, match=reason):
        parse(SECTION % row)
