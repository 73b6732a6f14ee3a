"""Tasmota: `tele/<topic>/SENSOR`, `stat/<topic>/…`, `cmnd/<topic>/…` (tasmota.github.io/docs/MQTT, default FullTopic).

topic: the plug's Topic. endpoint: the relay's number where there are several.
"""
from hub_nodes.gateway.plug import Heard, available, decoded, heard, mapping, on_off, text

ENERGY = {'Power': 'active_power', 'Voltage': 'voltage', 'Current': 'current', 'Total': 'energy_kwh',
          'ApparentPower': 'apparent_power', 'ReactivePower': 'reactive_power', 'Factor': 'power_factor',
          'Frequency': 'frequency'}


def subscriptions(topic: str, endpoint: str) -> tuple[str, ...]:
    return tuple(f'{place}/{topic}/{leaf}' for place, leaf in (
        ('tele', 'SENSOR'), ('tele', 'STATE'), ('tele', 'LWT'), ('stat', 'RESULT'), ('stat', f'POWER{endpoint}'),
        ('stat', 'STATUS8'), ('stat', 'STATUS10')))


def parse(topic: str, endpoint: str, heard_on: str, payload: bytes) -> Heard | None:
    place, _, rest = heard_on.partition('/')
    leaf = rest.removeprefix(f'{topic}/')
    if heard_on not in subscriptions(topic, endpoint):
        return None
    if leaf == 'LWT':
        return available(text(payload))
    if place == 'stat' and leaf.startswith('POWER'):
        return Heard(relay=on_off(text(payload)))
    data = mapping(decoded(payload))
    if leaf in ('STATE', 'RESULT'):
        return Heard(relay=on_off(data.get(f'POWER{endpoint}')))
    energy = mapping(data.get('StatusSNS', data)).get('ENERGY')
    if energy is None:
        return None
    energy = mapping(energy)
    return heard({name: energy[key] for key, name in ENERGY.items() if key in energy})


def switch(topic: str, endpoint: str, on: bool) -> tuple[str, str]:
    return f'cmnd/{topic}/POWER{endpoint}', 'ON' if on else 'OFF'


def ask(topic: str, endpoint: str) -> tuple[tuple[str, str], ...]:
    return (f'cmnd/{topic}/STATUS', '8'), (f'cmnd/{topic}/POWER{endpoint}', '')
