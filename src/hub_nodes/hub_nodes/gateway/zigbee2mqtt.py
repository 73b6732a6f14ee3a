"""Zigbee2MQTT: one JSON object a device (zigbee2mqtt.io/guide/usage/mqtt_topics_and_messages.html).

topic: the device's, base included (`zigbee2mqtt/lamp`). endpoint: the suffix of its keys where it has several (`l1`).
"""
import json

from hub_nodes.gateway.plug import Heard, available, decoded, heard, mapping, on_off, text

QUANTITIES = {'power': 'active_power', 'voltage': 'voltage', 'current': 'current', 'energy': 'energy_kwh',
              'power_apparent': 'apparent_power', 'power_reactive': 'reactive_power', 'power_factor': 'power_factor',
              'ac_frequency': 'frequency', 'device_temperature': 'temperature'}


def subscriptions(topic: str, endpoint: str) -> tuple[str, ...]:
    return topic, f'{topic}/availability'


def parse(topic: str, endpoint: str, heard_on: str, payload: bytes) -> Heard | None:
    if heard_on == f'{topic}/availability':
        word = text(payload)
        return available(str(mapping(decoded(payload)).get('state')) if word.lstrip().startswith('{') else word)
    if heard_on != topic:
        return None
    data, tail = mapping(decoded(payload)), f'_{endpoint}' if endpoint else ''
    found = {name: data[key + tail] for key, name in QUANTITIES.items() if key + tail in data}
    return heard(found, on_off(data.get(f'state{tail}')))


def switch(topic: str, endpoint: str, on: bool) -> tuple[str, str]:
    return f'{topic}/set', json.dumps({f'state_{endpoint}' if endpoint else 'state': 'ON' if on else 'OFF'})


def ask(topic: str, endpoint: str) -> tuple[tuple[str, str], ...]:
    keys = (f'{key}_{endpoint}' if endpoint else key for key in ('state', 'power'))
    return ((f'{topic}/get', json.dumps(dict.fromkeys(keys, ''))),)
