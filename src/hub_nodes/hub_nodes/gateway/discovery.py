"""Home Assistant's MQTT discovery: configuration that makes each outlet appear there by itself.

Source: home-assistant.io/integrations/mqtt (discovery, sensor, switch); device and state classes as the energy
dashboard asks for.
"""
import json
import math
from collections.abc import Iterable, Mapping

SENSORS = {  # quantity: name, unit, device class, state class
    'active_power': ('Power', 'W', 'power', 'measurement'),
    'voltage': ('Voltage', 'V', 'voltage', 'measurement'),
    'current': ('Current', 'A', 'current', 'measurement'),
    'energy_kwh': ('Energy', 'kWh', 'energy', 'total_increasing'),
    'apparent_power': ('Apparent power', 'VA', 'apparent_power', 'measurement'),
    'reactive_power': ('Reactive power', 'var', 'reactive_power', 'measurement'),
    'power_factor': ('Power factor', None, 'power_factor', 'measurement'),
    'frequency': ('Frequency', 'Hz', 'frequency', 'measurement'),
    'temperature': ('Temperature', '°C', 'temperature', 'measurement'),
}
SWITCH = 'relay'
ONLINE, OFFLINE = 'online', 'offline'


def status_topic(base: str) -> str:
    """Return where the gateway says whether it is there."""
    return f'{base}/status'


def state_topic(base: str, outlet: str) -> str:
    """Return where an outlet's state is."""
    return f'{base}/{outlet}/state'


def command_topic(base: str, outlet: str) -> str:
    """Return where an outlet is commanded; `+` for all."""
    return f'{base}/{outlet}/set'


def configuration(prefix: str, base: str, outlet: str, title: str, room: str, part: str) -> tuple[str, str]:
    """Return topic and payload that introduce one sensor (a quantity) or the switch (`SWITCH`) of an outlet."""
    device = {'identifiers': [f'{base}_{outlet}'], 'name': title or outlet, 'manufacturer': 'Hearthgrid',
              'model': 'outlet'} | ({'suggested_area': room} if room else {})
    common = {'unique_id': f'{base}_{outlet}_{part}', 'object_id': f'{base}_{outlet}_{part}', 'device': device,
              'state_topic': state_topic(base, outlet), 'availability_topic': status_topic(base)}
    if part == SWITCH:
        kind = 'switch'
        common |= {'name': None, 'command_topic': command_topic(base, outlet), 'device_class': 'outlet',
                   'value_template': '{{ value_json.relay }}', 'payload_on': 'ON', 'payload_off': 'OFF'}
    else:
        kind, (name, unit, device_class, state_class) = 'sensor', SENSORS[part]
        common |= {'name': name, 'device_class': device_class, 'state_class': state_class,
                   'value_template': f'{{{{ value_json.{part} }}}}'} | ({'unit_of_measurement': unit} if unit else {})
    return f'{prefix}/{kind}/{base}_{outlet}/{part}/config', json.dumps(common, ensure_ascii=False)


def state(values: Mapping[str, float], relay: bool | None, parts: Iterable[str]) -> str:
    """Return an outlet's state: each part introduced, null where it is not known."""
    found: dict[str, object] = {}
    for part in parts:
        value = values.get(part, math.nan)
        found[part] = round(value, 4) if math.isfinite(value) else None
    if SWITCH in found:
        found[SWITCH] = None if relay is None else 'ON' if relay else 'OFF'
    return json.dumps(found)
