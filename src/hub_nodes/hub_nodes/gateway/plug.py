"""What every family of plugs has in common: values out of strangers' payloads, with nothing believed."""
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Protocol

PAYLOAD_MAX = 65_536  # [byte]
NAN = math.nan


@dataclass(frozen=True)
class Heard:
    """What one message says of a plug; NaN and None = nothing."""

    active_power: float = NAN  # [W]
    voltage: float = NAN  # RMS [V]
    current: float = NAN  # RMS [A]
    energy_kwh: float = NAN  # of the plug's own counter [kWh]
    apparent_power: float = NAN  # [VA]
    reactive_power: float = NAN  # [var]
    power_factor: float = NAN  # [1]
    frequency: float = NAN  # [Hz]
    temperature: float = NAN  # [°C]
    relay: bool | None = None  # closed
    online: bool | None = None


QUANTITIES = tuple(field.name for field in fields(Heard) if field.name not in ('relay', 'online'))
BOUNDS = {'active_power': (-1e5, 1e5), 'voltage': (0.0, 1e3), 'current': (0.0, 1e3), 'energy_kwh': (0.0, 1e9),
          'apparent_power': (0.0, 1e5), 'reactive_power': (-1e5, 1e5), 'power_factor': (-1.0, 1.0),
          'frequency': (0.0, 1e3), 'temperature': (-100.0, 300.0)}


class Family(Protocol):
    """A make of plugs: pure functions of the topic it lives under and of one endpoint of it."""

    def subscriptions(self, topic: str, endpoint: str) -> tuple[str, ...]:
        """Return the topics to listen to."""

    def parse(self, topic: str, endpoint: str, heard_on: str, payload: bytes) -> Heard | None:
        """Return what a message says, None when it is none of ours. ValueError when it is malformed."""

    def switch(self, topic: str, endpoint: str, on: bool) -> tuple[str, str]:
        """Return topic and payload of the command."""

    def ask(self, topic: str, endpoint: str) -> tuple[tuple[str, str], ...]:
        """Return what to send to be told the state now."""


def text(payload: bytes) -> str:
    """Return a payload as text. ValueError when it is too long or none."""
    if len(payload) > PAYLOAD_MAX:
        raise ValueError(f'{len(payload)} bytes')
    return payload.decode('utf-8')  # UnicodeDecodeError is a ValueError


def decoded(payload: bytes) -> object:
    """Return a payload's JSON value. ValueError when it is none."""
    try:
        return json.loads(text(payload), parse_constant=_no_constant)
    except RecursionError:
        raise ValueError('nested too deeply') from None


def mapping(value: object) -> Mapping:
    """Return a JSON object. ValueError when it is another thing."""
    if not isinstance(value, dict):
        raise ValueError('no JSON object')
    return value


def heard(found: Mapping[str, object], relay: bool | None = None) -> Heard:
    """Return what was measured, by quantity; None and a list's first value are taken. ValueError out of bounds."""
    return Heard(**{name: number(name, value) for name, value in found.items()}, relay=relay)


def number(name: str, value: object) -> float:
    """Return a quantity, NaN for None. ValueError when it is no number or beyond what can be."""
    if isinstance(value, list):  # several relays in one device
        value = value[0] if value else None
    if value is None:
        return NAN
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f'{name} is no number')
    low, high = BOUNDS[name]
    if not low <= value <= high:
        raise ValueError(f'{name} lies beyond {low:g} … {high:g}')
    return float(value)


def written(name: str, value: str) -> float:
    """Return a quantity written as text, NaN where the plug says that it has none."""
    return NAN if value.strip().lower() in ('', 'nan', 'unknown', 'unavailable') else number(name, float(value))


def on_off(value: object) -> bool | None:
    """Return a switch's state, None for null. ValueError when it is neither."""
    if value is None or isinstance(value, bool):
        return value
    found = {'ON': True, 'OFF': False, 'TRUE': True, 'FALSE': False}.get(str(value).upper())
    if found is None:
        raise ValueError('neither on nor off')
    return found


def available(value: str) -> Heard:
    """Return what a word on the connection says. ValueError when it is no such word."""
    found = {'online': True, 'offline': False, 'true': True, 'false': False}.get(value.strip().lower())
    if found is None:
        raise ValueError('neither online nor offline')
    return Heard(online=found)


def _no_constant(name: str) -> None:
    raise ValueError(f'{name} is no number')
