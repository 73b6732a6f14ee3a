"""Shelly Gen 2 and later: status and RPC over MQTT (shelly-api-docs.shelly.cloud/gen2, Mqtt and Switch).

topic: the MQTT prefix. endpoint: the switch's number, empty = 0.
"""
import json

from hub_nodes.gateway.plug import Heard, available, decoded, heard, mapping, on_off, text

SOURCE = 'hearthgrid_gateway'  # answers to our calls come on <SOURCE>/<topic>/rpc
QUANTITIES = {'apower': 'active_power', 'voltage': 'voltage', 'current': 'current', 'pf': 'power_factor',
              'freq': 'frequency'}


def subscriptions(topic: str, endpoint: str) -> tuple[str, ...]:
    return (f'{topic}/status/switch:{endpoint or 0}', f'{topic}/events/rpc', f'{topic}/online',
            f'{SOURCE}/{topic}/rpc')


def parse(topic: str, endpoint: str, heard_on: str, payload: bytes) -> Heard | None:
    status, events, online, answers = subscriptions(topic, endpoint)
    if heard_on == online:
        return available(text(payload))
    if heard_on == status:
        return _status(mapping(decoded(payload)))
    if heard_on == events:
        data = mapping(decoded(payload))
        params = mapping(data.get('params', {}))
        found = params.get(f'switch:{endpoint or 0}')
        return None if found is None or data.get('method') != 'NotifyStatus' else _status(mapping(found))
    if heard_on == answers:
        data = mapping(decoded(payload))
        if 'error' in data:
            raise ValueError('the plug refuses a call')
        result = mapping(data.get('result', {}))
        return _status(result) if 'output' in result else None
    return None


def _status(data) -> Heard:
    found = {name: data[key] for key, name in QUANTITIES.items() if key in data}
    energy, temperature = (mapping(data.get(key) or {}) for key in ('aenergy', 'temperature'))
    total = energy.get('total')
    plain = isinstance(total, (int, float)) and not isinstance(total, bool) and abs(total) < 1e15
    found['energy_kwh'] = total / 1000.0 if plain else total  # Wh on the wire
    found['temperature'] = temperature.get('tC')
    return heard(found, on_off(data.get('output')))


def _call(topic: str, method: str, **params) -> tuple[str, str]:
    call = {'id': 1, 'src': f'{SOURCE}/{topic}', 'method': method, 'params': params}
    return f'{topic}/rpc', json.dumps(call, separators=(',', ':'))


def switch(topic: str, endpoint: str, on: bool) -> tuple[str, str]:
    return _call(topic, 'Switch.Set', id=int(endpoint or 0), on=on)


def ask(topic: str, endpoint: str) -> tuple[tuple[str, str], ...]:
    return (_call(topic, 'Switch.GetStatus', id=int(endpoint or 0)),)
