"""ESPHome: one topic an entity, its state as text (esphome.io/components/mqtt).

topic: the prefix. endpoint: the object id of the switch, empty = `relay`. Sensors are known by how their object id
ends. The wire does not say the unit of energy, so only ids that do (`…energy_kwh`, `…energy_wh`)
are taken.
"""
from hub_nodes.gateway.plug import Heard, available, heard, on_off, text, written

SCALES = {'energy_kwh': ('energy_kwh', 1.0), 'energy_wh': ('energy_kwh', 0.001)}
ENDINGS = {'apparent_power': 'apparent_power', 'reactive_power': 'reactive_power', 'power_factor': 'power_factor',
           'power': 'active_power', 'voltage': 'voltage', 'current': 'current', 'frequency': 'frequency',
           'temperature': 'temperature'}  # the longer before those they end with


def subscriptions(topic: str, endpoint: str) -> tuple[str, ...]:
    return f'{topic}/sensor/+/state', f'{topic}/switch/{endpoint or "relay"}/state', f'{topic}/status'


def parse(topic: str, endpoint: str, heard_on: str, payload: bytes) -> Heard | None:
    if heard_on == f'{topic}/status':
        return available(text(payload))
    if heard_on == f'{topic}/switch/{endpoint or "relay"}/state':
        return Heard(relay=on_off(text(payload)))
    if not (heard_on.startswith(f'{topic}/sensor/') and heard_on.endswith('/state')):
        return None
    id = heard_on[len(f'{topic}/sensor/'):-len('/state')]
    for ending, (name, scale) in SCALES.items():
        if id.endswith(ending):
            return heard({name: scale * written(name, text(payload))}) if _says(payload) else None
    name = next((name for ending, name in ENDINGS.items() if id.endswith(ending)), None)
    return None if name is None or not _says(payload) else heard({name: written(name, text(payload))})


def _says(payload: bytes) -> bool:
    return text(payload).strip().lower() not in ('', 'nan', 'unknown', 'unavailable')


def switch(topic: str, endpoint: str, on: bool) -> tuple[str, str]:
    return f'{topic}/switch/{endpoint or "relay"}/command', 'ON' if on else 'OFF'


def ask(topic: str, endpoint: str) -> tuple[tuple[str, str], ...]:
    return ()  # it speaks by itself, and its states are retained
