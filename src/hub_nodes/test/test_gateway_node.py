"""The gateway against a real broker: plugs in, requests out, Home Assistant, and a network that fails."""
import importlib.util
import json
import math
import os
import signal
from pathlib import Path

import pytest

from hearthgrid_msgs import msg
from hearthgrid_ros.health import ERROR, OK, WARN
from hearthgrid_ros.interfaces import AUDIT, READINGS, REQUEST, STATES
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph, process
from hearthgrid_ros.time import to_msg
from hub_nodes.gateway import GatewayNode

_spec = importlib.util.spec_from_file_location('mqtt_broker', Path(__file__).with_name('mqtt_broker.py'))
mqtt_broker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(mqtt_broker)

HOME = """
outlets: [{{id: kettle, title: The kettle, room: Kitchen}}]
gateway:
  host: 127.0.0.1
  port: {port}
  ca: ca.pem
  certificate: {certificate}.pem
  key: {certificate}.key
  plugs:
    - {{id: lamp, family: tasmota, topic: plug1, title: The lamp, room: Den, minimum_on: 0, minimum_off: 0}}
    - {{id: tv, family: shelly, topic: shelly-a1}}
    - {{id: fan, family: zigbee2mqtt, topic: zigbee2mqtt/fan}}
    - {{id: desk, family: esphome, topic: desk}}
    - {{id: pump, family: zwave, topic: zwave/pump}}
"""
FAST = {'poll_period': 1.0, 'command_retry': 0.5, 'share_period': 0.2}
SAID = {  # what plugs of each family say of 60 W and a closed relay
    'lamp': [('tele/plug1/SENSOR', '{"ENERGY": {"Power": 60, "Voltage": 230, "Current": 0.26, "Total": 1.5}}'),
             ('stat/plug1/POWER', 'ON')],
    'tv': [('shelly-a1/status/switch:0', '{"output": true, "apower": 60, "voltage": 230, "aenergy": {"total": 1500}}')],
    'fan': [('zigbee2mqtt/fan', '{"state": "ON", "power": 60, "energy": 1.5}')],
    'desk': [('desk/sensor/power/state', '60'), ('desk/switch/relay/state', 'ON')],
    'pump': [('zwave/pump/50/endpoint_0/value/66049', '{"value": 60}'),
             ('zwave/pump/37/endpoint_0/currentValue', '{"value": true}')]}
OFF = {'lamp': ('cmnd/plug1/POWER', 'OFF'), 'fan': ('zigbee2mqtt/fan/set', '{"state": "OFF"}'),
       'desk': ('desk/switch/relay/command', 'OFF'), 'pump': ('zwave/pump/37/endpoint_0/targetValue/set', 'false'),
       'tv': ('shelly-a1/rpc', '{"id":1,"src":"hearthgrid_gateway/shelly-a1","method":"Switch.Set",'
                               '"params":{"id":0,"on":false}}')}


class House:
    """A graph, a broker, plugs, and a peer that plays the rest of the home."""

    def __init__(self, ros, broker, plugs) -> None:
        self.ros, self.broker, self.plugs, self.folder = ros, broker, plugs, broker.folder
        self.peer = ros.peer()
        self.readings, self.states = ros.hear(self.peer, READINGS), ros.hear(self.peer, STATES)
        self.node, self._counter = None, 0
        assert ros.until(lambda: plugs.subscribed)

    def parameters(self, certificate='hearthgrid', port=None):
        path = self.folder / 'home.yaml'
        path.write_text(HOME.format(port=port or self.broker.port, certificate=certificate))
        return FAST | {'home_file': str(path), 'state_dir': str(self.folder / 'state')}

    def start(self, **changes):
        self.node = self.ros.add(GatewayNode, **options('/home', self.parameters(**changes)))
        return self.node

    def connected(self) -> bool:
        return self.ros.until(lambda: level(self.node, 'broker')[0] == OK and
                              self.plugs.last('hearthgrid/status') == 'online')

    def say(self, id) -> None:
        for topic, payload in SAID[id]:
            self.plugs.say(topic, payload)

    def reading(self, id):
        """Return a reading of 60 W of a plug, once it came."""
        found = []
        assert self.ros.until(lambda: found.extend(r for r in self.readings if r.outlet == id and r.active_power == 60)
                              or bool(found)), f'{id} was not heard'
        return found[-1]

    def state(self, id):
        return next((state for state in reversed(self.states) if state.outlet == id), None)

    def ask(self, id, power_max=0.0, expiry=60.0, voice=msg.Request.VOICE_PERSON) -> None:
        publisher = REQUEST.publisher_to(self.peer, id)
        assert self.ros.matched(publisher)
        now, self._counter = self.peer.get_clock().now().nanoseconds * 1e-9, self._counter + 1
        publisher.publish(msg.Request(stamp=to_msg(now), expiry=to_msg(now + expiry), voice=voice, epoch=1,
                                      counter=self._counter, power_max=power_max, sender='test', reason='a test'))


@pytest.fixture
def house(tmp_path):
    broker = mqtt_broker.Mosquitto(tmp_path)
    plugs = mqtt_broker.Plugs(broker)
    try:
        with graph() as ros:
            yield House(ros, broker, plugs)
    finally:
        plugs.close()
        broker.stop()


def level(node, check):
    found = next(status for status in node.health.statuses() if status.name.endswith(f': {check}'))
    return found.level, found.message


def test_every_family_becomes_an_outlet_that_obeys(house):
    house.start()
    assert house.connected()
    for id in SAID:
        house.say(id)
    for id in SAID:
        reading = house.reading(id)
        assert math.isnan(reading.current_thd) and math.isnan(reading.frequency) and not reading.harmonics
        assert (id in ('lamp', 'tv')) == (reading.voltage == 230.0)
        assert math.isnan(reading.energy_kwh) if id in ('desk', 'pump') else reading.energy_kwh == 1.5
        assert house.ros.until(lambda id=id: house.state(id).relay == msg.OutletState.RELAY_CLOSED)
        house.ask(id)
        assert house.ros.until(lambda id=id: OFF[id] in house.plugs.heard), f'{id} was not switched'
    assert house.state('lamp').title == 'The lamp' and 'measures no' not in house.state('lamp').reason
    assert house.ros.until(lambda: house.state('desk').reason == 'a test; measures no voltage, current, energy')
    can = msg.OutletState
    assert house.state('desk').features == can.FEATURE_SWITCH | can.FEATURE_POWER
    assert house.state('lamp').features & (can.FEATURE_VOLTAGE | can.FEATURE_ENERGY | can.FEATURE_WAVEFORM) == (
        can.FEATURE_VOLTAGE | can.FEATURE_ENERGY)
    house.plugs.say('stat/plug1/POWER', 'OFF')
    assert house.ros.until(lambda: house.state('lamp').relay == msg.OutletState.RELAY_OPEN)
    house.plugs.say('tele/plug1/LWT', 'Offline')
    assert house.ros.until(lambda: house.state('lamp').relay == msg.OutletState.RELAY_UNKNOWN)
    assert level(house.node, 'plug lamp') == (WARN, 'not heard')
    house.ask('lamp', expiry=-1.0)
    assert house.ros.until(lambda: house.state('lamp').requests_refused == 1)


def test_home_assistant_learns_of_all_outlets_and_commands_them(house):
    house.start()
    assert house.connected()
    house.say('lamp')
    house.reading('lamp')
    config = 'homeassistant/sensor/hearthgrid_lamp/energy_kwh/config'
    assert house.ros.until(lambda: house.plugs.last(config) is not None)
    assert json.loads(house.plugs.last(config))['device']['suggested_area'] == 'Den'
    assert house.ros.until(lambda: json.loads(house.plugs.last('hearthgrid/lamp/state') or '{}').get('relay') == 'ON')
    assert json.loads(house.plugs.last('hearthgrid/lamp/state'))['active_power'] == 60
    assert house.plugs.last('homeassistant/sensor/hearthgrid_lamp/frequency/config') is None  # it measures none
    # an outlet of our own, and its command
    asked, told = house.ros.hear(house.peer, REQUEST, 'kettle'), house.ros.hear(house.peer, AUDIT)
    publisher = STATES.publisher(house.peer)
    assert house.ros.matched(publisher)
    publisher.publish(msg.OutletState(outlet='kettle', title='The kettle', relay=2))
    publisher.publish(msg.OutletState(outlet='a/#', title='evil', relay=2))
    switch = 'homeassistant/switch/hearthgrid_kettle/relay/config'
    assert house.ros.until(lambda: house.plugs.last(switch) is not None)

    def command():
        house.plugs.say('hearthgrid/kettle/set', 'OFF')
        return house.ros.until(lambda: bool(asked), 1.0)

    assert any(command() for _ in range(10))  # the first may go before the outlet is found
    assert (asked[0].voice, asked[0].power_max, asked[0].sender) == (msg.Request.VOICE_PERSON, 0.0, 'gateway')
    assert house.ros.until(lambda: told)
    assert (told[0].source, told[0].action, told[0].target, told[0].allowed) == ('mqtt', 'switch', 'kettle', True)
    assert told[0].detail == 'OFF in Home Assistant'
    house.plugs.say('hearthgrid/lamp/set', 'OFF')
    assert house.ros.until(lambda: OFF['lamp'] in house.plugs.heard)
    # Home Assistant starts anew: everything is introduced again
    del house.plugs.heard[:]
    house.plugs.say('homeassistant/status', 'online')
    assert house.ros.until(lambda: house.plugs.last(config) and house.plugs.last(switch))
    assert not any('evil' in payload or '#' in topic for topic, payload in house.plugs.heard)


def test_retained_commands_and_nonsense_are_refused_and_nothing_stops(house):
    house.plugs.say('hearthgrid/lamp/set', 'OFF', retain=True)
    house.start()
    assert house.connected()
    assert house.ros.until(lambda: 'retained' in level(house.node, 'input')[1])
    house.say('lamp')
    house.reading('lamp')
    for topic, payload in (('tele/plug1/SENSOR', b'\xff\x00'), ('tele/plug1/SENSOR', b'{"ENERGY": 7}'),
                           ('tele/plug1/SENSOR', b'[' * 60000), ('tele/plug1/SENSOR', b'x' * 200_000),
                           ('stat/plug1/POWER', b'BOTH'), ('hearthgrid/lamp/set', b'EXPLODE'),
                           ('hearthgrid/nobody/set', b'OFF'), ('shelly-a1/events/rpc', b'{"params": []}')):
        house.plugs.say(topic, payload)
    assert house.ros.until(lambda: house.node._refused >= 7 and house.node._broker.dropped >= 1)
    assert level(house.node, 'input')[0] == WARN and OFF['lamp'] not in house.plugs.heard
    house.say('fan')
    house.reading('fan')


def test_a_broker_that_goes_and_comes_finds_everything_again(house):
    house.start()
    assert house.connected()
    house.say('lamp')
    house.reading('lamp')
    config = 'homeassistant/switch/hearthgrid_lamp/relay/config'
    assert house.ros.until(lambda: house.plugs.last(config) is not None)
    house.broker.stop()
    assert house.ros.until(lambda: level(house.node, 'broker')[0] == ERROR)
    house.ask('lamp')
    del house.plugs.heard[:]
    house.broker.start()
    assert house.ros.until(lambda: house.plugs.last(config) is not None, 60)  # it kept nothing
    house.say('lamp')
    assert house.ros.until(lambda: OFF['lamp'] in house.plugs.heard)


@pytest.mark.parametrize('end', ['clean', 'killed'])
def test_its_will_and_its_last_word_say_that_it_is_gone(house, end):
    if end == 'clean':
        house.start()
        assert house.connected()
        house.ros.end(house.node)
    else:
        arguments = [part for name, value in house.parameters().items() for part in ('-p', f'{name}:={value}')]
        with process('hub_nodes.gateway', '--ros-args', '-r', '__ns:=/home', *arguments) as child:
            assert house.ros.until(lambda: house.plugs.last('hearthgrid/status') == 'online', 60)
            os.kill(child.pid, signal.SIGKILL)
    assert house.ros.until(lambda: house.plugs.last('hearthgrid/status') == 'offline', 60)


def test_without_the_right_certificates_nothing_is_exchanged(house):
    node = house.start(certificate='foreign')
    assert house.ros.until(lambda: 'not connected yet' not in level(node, 'broker')[1])
    assert level(node, 'broker')[0] == ERROR and house.plugs.last('hearthgrid/status') is None
    house.ros.end(node)
    ours = (house.folder / 'ca.pem').read_text()
    (house.folder / 'ca.pem').write_text((house.folder / 'foreign_ca.pem').read_text())  # who is this broker?
    node = house.start()
    assert house.ros.until(lambda: 'cannot be reached' in level(node, 'broker')[1])
    house.ros.end(node)
    (house.folder / 'ca.pem').write_text(ours)
    house.start()
    assert house.connected()


@pytest.mark.parametrize('name', ['ca.pem', 'hearthgrid.pem', 'hearthgrid.key'])
def test_a_file_that_is_no_certificate_is_named(house, name):
    (house.folder / name).write_text('nonsense')
    with pytest.raises(ValueError, match=name):
        house.start()


def test_energy_and_a_persons_word_outlive_a_restart(house):
    house.start()
    assert house.connected()
    house.say('lamp')
    house.reading('lamp')
    house.ask('lamp')
    assert house.ros.until(lambda: OFF['lamp'] in house.plugs.heard)
    house.ros.end(house.node)
    del house.plugs.heard[:], house.readings[:]
    house.start()
    assert house.connected()
    house.plugs.say('tele/plug1/SENSOR', '{"ENERGY": {"Power": 60, "Total": 0.5}}')  # its counter was set back
    house.plugs.say('stat/plug1/POWER', 'ON')
    assert house.reading('lamp').energy_kwh == 2.0
    assert house.ros.until(lambda: OFF['lamp'] in house.plugs.heard)
