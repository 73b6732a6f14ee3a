"""Z-Wave JS UI: one topic a value (zwave-js.github.io/zwave-js-ui, MQTT; Z-Wave command classes 37 and 50).

topic: the node's, prefix included (`zwave/nodeID_3`). endpoint: its number, empty = 0. Numbered and named topics;
payloads of a bare value, of time and value, or of a whole value object.
"""
from hub_nodes.gateway.plug import Heard, decoded, heard, mapping, on_off

SWITCHES, METERS = ('37', 'switch_binary'), ('50', 'meter')
# property keys of class 50: electric meter (1) << 16 | scale << 8 | consumed (1)
SCALES = {1 << 16 | scale << 8 | 1: name for scale, name in
          ((0, 'energy_kwh'), (2, 'active_power'), (4, 'voltage'), (5, 'current'), (6, 'power_factor'))}


def subscriptions(topic: str, endpoint: str) -> tuple[str, ...]:
    at = f'endpoint_{endpoint or 0}'
    return (*(f'{topic}/{name}/{at}/currentValue' for name in SWITCHES),
            *(f'{topic}/{name}/{at}/value/+' for name in METERS), f'{topic}/status')


def parse(topic: str, endpoint: str, heard_on: str, payload: bytes) -> Heard | None:
    if not heard_on.startswith(f'{topic}/'):
        return None
    parts = heard_on[len(topic) + 1:].split('/')
    if parts == ['status']:
        online = _value(payload)
        if not isinstance(online, bool):
            raise ValueError('neither alive nor dead')
        return Heard(online=online)
    if len(parts) < 3 or parts[1] != f'endpoint_{endpoint or 0}':
        return None
    if parts[0] in SWITCHES and parts[2:] == ['currentValue']:
        return Heard(relay=on_off(_value(payload)))
    if parts[0] in METERS and len(parts) == 4 and parts[2] == 'value':
        name = next((name for key, name in SCALES.items() if str(key) == parts[3]), None)
        return None if name is None else heard({name: _value(payload)})
    return None


def _value(payload: bytes) -> object:
    data = decoded(payload)
    return mapping(data).get('value') if isinstance(data, dict) else data


def switch(topic: str, endpoint: str, on: bool) -> tuple[str, str]:
    # the set topic takes a bare value in every payload mode
    return f'{topic}/37/endpoint_{endpoint or 0}/targetValue/set', 'true' if on else 'false'


def ask(topic: str, endpoint: str) -> tuple[tuple[str, str], ...]:
    return ()  # its values are retained
