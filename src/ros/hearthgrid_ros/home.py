"""One YAML file describes a home: read, checked, and explained by line when something in it is wrong."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from hearthgrid_ros.home_forms import FORM, upgrade

PRIORITIES = ('unknown', 'medical', 'refrigeration', 'safety', 'essential', 'deferrable', 'comfort')
DAYS = ('monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday')
VOTERS_MAX = 7
INVERTERS_MAX = 4  # that form a micro-grid together
RESERVED = ('home', 'base', 'grid', 'pv', 'battery', 'hub', 'world')
Identifier = Annotated[str, Field(pattern=r'^[a-z][a-z0-9_]{0,31}$')]
ClockTime = Annotated[str, Field(pattern=r'^([01]?\d|2[0-3]):[0-5]\d$')]


class HomeError(ValueError):
    """A home file that cannot be used; the message says where and why."""


class _Part(BaseModel):
    model_config = ConfigDict(extra='forbid', frozen=True)


class Supply(_Part):
    """The utility's connection."""

    voltage: Annotated[float, Field(ge=90, le=260)] = 230.0  # nominal [V]
    frequency: Literal[50, 60] = 50  # nominal [Hz]
    import_max: Annotated[float, Field(gt=0)] = 17_250.0  # main fuse [W]
    export_max: Annotated[float, Field(ge=0)] = 10_000.0  # [W]
    resistance: Annotated[float, Field(ge=0, le=2)] = 0.10  # of the service line [Ω]
    reactance: Annotated[float, Field(ge=0, le=2)] = 0.05  # [Ω]


class Pv(_Part):
    """Solar panels."""

    power_max: Annotated[float, Field(gt=0, le=1e5)] = 4000.0  # at 1 000 W/m² [W]


class Battery(_Part):
    """The home battery and its inverter."""

    capacity_kwh: Annotated[float, Field(gt=0, le=1000)] = 10.0
    power_max: Annotated[float, Field(gt=0, le=1e5)] = 4000.0  # either way [W]
    efficiency: Annotated[float, Field(gt=0.5, le=1)] = 0.95  # one way [1]
    initial: Annotated[float, Field(ge=0, le=1)] = 0.5  # state of charge as a simulation starts
    reserve: Annotated[float, Field(ge=0, le=0.9)] = 0.2  # kept for outages, share of capacity
    wear_price: Annotated[float, Field(ge=0)] = 0.03  # of a kWh through it [currency/kWh]
    grid_forming: bool = True


class TariffStep(_Part):
    """A price that holds in a part of the day."""

    start: ClockTime
    price: float  # [currency/kWh]


class Tariff(_Part):
    """What energy costs. `dynamic`: day-ahead prices come on a topic; otherwise the daily steps hold."""

    kind: Literal['dynamic', 'daily'] = 'dynamic'
    currency: Annotated[str, Field(pattern=r'^[A-Z]{3}$')] = 'EUR'
    buy: Annotated[list[TariffStep], Field(max_length=48)] = []
    sell: float = 0.08  # for exported energy [currency/kWh]
    fees: float = 0.12  # added to a dynamic price [currency/kWh]

    @model_validator(mode='after')
    def _steps(self):
        if self.kind == 'daily' and not self.buy:
            raise ValueError('a daily tariff needs at least one step in `buy`')
        starts = [minutes(step.start) for step in self.buy]
        if starts != sorted(set(starts)):
            raise ValueError('the steps of `buy` must rise in time')
        return self


class GridService(_Part):
    """The utility's OpenADR server (VTN) and how the home shows who it is. Files are PEM; a secret has its own file."""

    protocol: Literal['openadr2b', 'openadr3'] = 'openadr2b'
    url: Annotated[str, Field(pattern=r'^https?://[^\s/?#]+[^\s?#]*$', max_length=512)]
    ven_name: Annotated[str, Field(min_length=1, max_length=128)]
    ven_id: Annotated[str, Field(max_length=128)] = ''  # 2.0b: empty = the server gives one
    certificate: str = ''  # of the home; 2.0b signs with it too
    key: str = ''
    authority: str = ''  # who signed the server's certificate; empty = the system's authorities
    fingerprint: str = ''  # 2.0b: of the certificate that signs the server's messages; empty = they are not checked
    client_id: str = ''  # 3.1: OAuth 2 client credentials
    secret_file: str = ''
    programmes: Annotated[list[str], Field(max_length=16)] = []  # 3.1: programme ids; empty = all that are shown
    poll: Annotated[float, Field(ge=1, le=86_400)] = 30.0  # 2.0b: the server may ask for another [s]

    @model_validator(mode='after')
    def _secure(self):
        if bool(self.certificate) != bool(self.key):
            raise ValueError('`certificate` and `key` go together')
        if bool(self.client_id) != bool(self.secret_file):
            raise ValueError('`client_id` and `secret_file` go together')
        host = urlsplit(self.url).hostname
        if self.url.startswith('http://') and host not in ('127.0.0.1', '::1', 'localhost'):
            raise ValueError('a server that is not on this machine is spoken to over https only')
        return self


class Market(_Part):
    """Where prices and weather come from; empty = from nowhere. Urls are for `csv`, and instead of a service's own."""

    prices: Literal['', 'entsoe', 'nord_pool', 'awattar', 'tibber', 'csv'] = ''
    prices_url: Annotated[str, Field(pattern=r'^(https?://\S+)?$', max_length=512)] = ''
    area: Annotated[str, Field(pattern=r'^[A-Za-z0-9-]{0,24}$')] = ''  # of entsoe (an EIC code) and nord_pool
    token_file: str = ''  # of entsoe and tibber
    weather: Literal['', 'open_meteo', 'csv'] = ''
    weather_url: Annotated[str, Field(pattern=r'^(https?://\S+)?$', max_length=512)] = ''

    @model_validator(mode='after')
    def _whole(self):
        if self.prices in ('entsoe', 'nord_pool') and not self.area and not self.prices_url:
            raise ValueError(f'{self.prices} needs an `area`')
        if self.prices in ('entsoe', 'tibber') and not self.token_file:
            raise ValueError(f'{self.prices} needs a `token_file`')
        if (self.prices == 'csv' and not self.prices_url) or (self.weather == 'csv' and not self.weather_url):
            raise ValueError('csv needs its url')
        return self


class ScheduleRule(_Part):
    """A weekly rule of an outlet, local time."""

    days: list[Literal['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday']] = list(DAYS)
    start: ClockTime
    end: ClockTime
    switch: bool  # on or off in this time
    power_max: Annotated[float, Field(ge=0)] = math.inf  # [W]

    def row(self) -> dict:
        """Return the rule as an outlet's `schedule` parameter has it: days as a sum of powers of two, minutes."""
        return {
            'days': sum(1 << DAYS.index(day) for day in set(self.days)),
            'start': minutes(self.start),
            'end': minutes(self.end),
            'on': self.switch,
            'power_max': None if math.isinf(self.power_max) else self.power_max,
        }



class QuietHours(_Part):
    """When only critical news is told, local time; they may pass midnight."""

    start: ClockTime
    end: ClockTime


class NotifyChannel(_Part):
    """A way to reach a person. Its address is a secret and stands in a file of its own, not here."""

    name: Identifier
    severity: Literal['info', 'warning', 'critical'] = 'warning'  # the least that is told
    quiet: QuietHours | None = None
    group_time: Annotated[float, Field(ge=0, le=3600)] = 30.0  # news within it goes in one message [s]
    repeat_time: Annotated[float, Field(ge=1, le=86400)] = 900.0  # of the critical, until acknowledged [s]
    hourly: Annotated[int, Field(ge=1, le=3600)] = 20  # messages in the long run [1/h]
    burst: Annotated[int, Field(ge=2, le=100)] = 5  # messages at once after a quiet time


class Notify(_Part):
    """Who is told of anomalies, outages, limits and finished jobs, and how."""

    channels: Annotated[list[NotifyChannel], Field(min_length=1, max_length=32)]
    addresses: str = ''  # file of the channels' addresses; empty = notify_addresses.yaml in the state folder

    @model_validator(mode='after')
    def _distinct(self):
        names = [channel.name for channel in self.channels]
        if len(names) > len(set(names)):
            raise ValueError('two channels have one name')
        return self


class GatewayPlug(_Part):
    """A plug of another make, behind the MQTT broker; it becomes an outlet of this id."""

    id: Identifier
    family: Literal['tasmota', 'shelly', 'zigbee2mqtt', 'esphome', 'zwave']
    topic: Annotated[str, Field(pattern=r'^[^#+/\x00-\x1f][^#+\x00-\x1f]*$', max_length=128)]  # it lives under
    endpoint: Annotated[str, Field(pattern=r'^[A-Za-z0-9_]*$', max_length=32)] = ''  # which switch of it
    title: Annotated[str, Field(max_length=64)] = ''
    room: Annotated[str, Field(max_length=64)] = ''
    priority: Literal['medical', 'refrigeration', 'safety', 'essential', 'deferrable', 'comfort'] = 'comfort'
    minimum_on: Annotated[float, Field(ge=0, le=3600)] = 2.0  # of the relay [s]
    minimum_off: Annotated[float, Field(ge=0, le=3600)] = 2.0  # [s]

    @model_validator(mode='after')
    def _possible(self):
        if self.id in RESERVED:
            raise ValueError(f'{self.id!r} is a name of the system; choose another')
        if self.family in ('shelly', 'zwave') and not (self.endpoint or '0').isdecimal():
            raise ValueError(f'an endpoint of {self.family} is a number')
        return self


class Gateway(_Part):
    """The MQTT broker, always over TLS with a certificate of ours. Files are relative to the home file."""

    host: Annotated[str, Field(min_length=1, max_length=253)]
    port: Annotated[int, Field(ge=1, le=65535)] = 8883
    ca: str  # who signed the broker's certificate
    certificate: str  # ours
    key: str  # to it
    base: Identifier = 'hearthgrid'  # our topics begin so
    discovery: Annotated[str, Field(pattern=r'^[a-z0-9_]*$')] = 'homeassistant'  # prefix; empty = not announced
    plugs: Annotated[list[GatewayPlug], Field(max_length=128)] = []


class Outlet(_Part):
    """One smart outlet."""

    id: Identifier
    title: Annotated[str, Field(max_length=64)] = ''
    room: Annotated[str, Field(max_length=64)] = ''
    priority: Literal['medical', 'refrigeration', 'safety', 'essential', 'deferrable', 'comfort'] = 'comfort'
    rank: Annotated[int, Field(ge=0, le=65535)] = 0  # within the class: a higher rank is shed sooner
    voter: bool = False  # of the committee that elects the micro-grid's leader
    deferrable: bool = False  # the plan may move its jobs
    throttleable: bool = False  # its power can be capped without switching it
    always_on: bool = False  # the plan may not switch it off
    position: tuple[float, float, float] = (0.0, 0.0, 0.3)  # in the house, for rviz [m]
    schedule: Annotated[list[ScheduleRule], Field(max_length=32)] = []
    minimum_on: Annotated[float, Field(ge=0, le=3600)] = 2.0  # of the relay [s]
    minimum_off: Annotated[float, Field(ge=0, le=3600)] = 2.0  # [s]
    appliance: Annotated[str, Field(max_length=48)] = ''  # in the simulation, what is plugged in
    line_length: Annotated[float, Field(ge=0, le=200)] = 10.0  # of wire to the distribution board [m]

    @field_validator('id')
    @classmethod
    def _not_reserved(cls, value):
        if value in RESERVED:
            raise ValueError(f'{value!r} is a name of the system; choose another')
        return value


class Home(_Part):
    """A home. Everything has a default but the outlets."""

    version: int = FORM  # of this file's form, see `home_forms`
    name: Identifier = 'home'
    timezone: str = 'Europe/Berlin'
    latitude: Annotated[float, Field(ge=-90, le=90)] = 52.5  # [°]
    longitude: Annotated[float, Field(ge=-180, le=180)] = 13.4  # [°]
    supply: Supply = Supply()
    tariff: Tariff = Tariff()
    pv: Pv | None = Pv()
    battery: Battery | None = Battery()
    batteries: dict[Identifier, Battery] = {}  # further ones with inverters of their own, by name
    grid_service: GridService | None = None
    market: Market | None = None
    outlets: Annotated[list[Outlet], Field(min_length=1, max_length=1000)]
    notify: Notify | None = None
    gateway: Gateway | None = None
    nodes: dict[str, dict[str, Any]] = {}  # parameters by node name, or outlet/node

    @field_validator('timezone')
    @classmethod
    def _known_zone(cls, value):
        try:
            ZoneInfo(value)
        except (OSError, ZoneInfoNotFoundError, ValueError):
            raise ValueError(f'no time zone is called {value!r}') from None
        return value

    @model_validator(mode='after')
    def _distinct(self):
        seen: set[str] = set()
        for outlet in (*self.outlets, *(self.gateway.plugs if self.gateway else ())):
            if outlet.id in seen:
                raise ValueError(f'two outlets are called {outlet.id!r}')
            seen.add(outlet.id)
        if self.batteries and not self.battery:
            raise ValueError('`batteries` are further ones beside `battery`, which is missing')
        for name in self.batteries:
            if name in seen or name in RESERVED:
                raise ValueError(f'a battery cannot be called {name!r}: something else is')
        if len(self.inverters) > INVERTERS_MAX:
            raise ValueError(f'{len(self.inverters)} grid-forming inverters; a home has at most {INVERTERS_MAX}')
        voters = len(self.committee())
        if voters > VOTERS_MAX:
            raise ValueError(f'{voters} voters; a committee has at most {VOTERS_MAX}, its inverter included')
        return self

    @property
    def stores(self) -> dict[str, Battery]:
        """All batteries by name, the first is `battery`."""
        return ({'battery': self.battery} if self.battery else {}) | self.batteries

    @property
    def inverters(self) -> tuple[str, ...]:
        """Who form the micro-grid, by rank."""
        return tuple(name for name, battery in self.stores.items() if battery.grid_forming)

    @property
    def forming_power(self) -> float:
        """What they can give together. [W]"""
        return sum(self.stores[name].power_max for name in self.inverters)

    def committee(self) -> tuple[str, ...]:
        """Return who elects the micro-grid's leader, by rank: its inverters, then the outlets that are voters.

        Where none is named: the first ones, of those that are always on before the others, to the largest odd number
        that a committee may have: an even one bears the loss of no more members.
        """
        inverter = self.inverters
        named = [outlet.id for outlet in self.outlets if outlet.voter]
        if named:
            return (*inverter, *named)
        first = sorted(self.outlets, key=lambda outlet: not outlet.always_on)
        ranked = (*inverter, *(outlet.id for outlet in first))[:VOTERS_MAX]
        return ranked[: len(ranked) - (len(ranked) + 1) % 2]

    def outlet(self, id: str) -> Outlet | None:
        """Return the outlet of that id, or None."""
        return next((outlet for outlet in self.outlets if outlet.id == id), None)

    def dump(self) -> str:
        """Return the home as YAML that `parse` reads back."""
        dumped = self.model_dump(mode='json', exclude_defaults=True)
        return yaml.safe_dump({'version': self.version, **dumped}, sort_keys=False)


def minutes(clock: str) -> int:
    """Return the minute of the day of 'HH:MM'."""
    hour, minute = clock.split(':')
    return 60 * int(hour) + int(minute)


def parse(text: str, source: str = 'home') -> Home:
    """Return the home a YAML text describes. HomeError with file, line and reason for each mistake."""
    try:
        data, tree = yaml.safe_load(text), yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, 'problem_mark', None)
        raise HomeError(f'{source}:{mark.line + 1 if mark else 1}: {getattr(error, "problem", error)}') from None
    except RecursionError:
        raise HomeError(f'{source}:1: nested too deeply') from None
    if not isinstance(data, dict):
        raise HomeError(f'{source}:1: a home is a mapping with at least `outlets:`')
    try:
        data = upgrade({str(key): value for key, value in data.items()})
    except ValueError as error:
        raise HomeError(f'{source}:{_line(tree, ("version",))}: {error}') from None
    try:
        return Home(**data)
    except ValidationError as error:
        raise HomeError(
            '\n'.join(f'{source}:{_line(tree, e["loc"])}: {_where(e["loc"])}{_reason(e)}' for e in error.errors())
        ) from None


def load(path: str | os.PathLike) -> Home:
    """Return the home described by a file. HomeError names file, line and reason."""
    try:
        text = Path(path).read_text(encoding='utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise HomeError(f'{path}: {getattr(error, "strerror", None) or error}') from None
    return parse(text, str(path))


def from_labels(labels: Sequence[str], voltage: float = 230.0, frequency: int = 50) -> Home:
    """Return a home with one outlet a label, for replaying recordings: no PV, no battery."""
    outlets = []
    for number, label in enumerate(labels):
        words = ''.join(c if c.isascii() and c.isalnum() else '_' for c in label.lower()).strip('_')
        id = f'{words[:24] or "outlet"}'
        id = id if id[0].isalpha() else f'o_{id}'
        if id in RESERVED or any(o['id'] == id for o in outlets):
            id = f'{id}_{number + 1}'
        outlets.append(
            {
                'id': id,
                'title': label[:64],
                'room': 'Recordings',
                'always_on': True,
                'position': (2.0 * (number % 4), 2.0 * (number // 4), 0.3),
            }
        )
    return Home(supply={'voltage': voltage, 'frequency': frequency}, pv=None, battery=None, outlets=outlets)


def _line(tree, location) -> int:
    """Return the 1-based line of a place in the YAML tree, or of the nearest thing above it."""
    node = tree
    for step in location:
        inside = None
        if isinstance(node, yaml.MappingNode):
            inside = next((value for key, value in node.value if key.value == str(step)), None)
            if inside is not None and not isinstance(inside, yaml.CollectionNode):
                key = next(key for key, value in node.value if value is inside)
                return key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            inside = node.value[step]
        if inside is None:
            break
        node = inside
    return node.start_mark.line + 1


def _where(location) -> str:
    return ''.join(f'[{s}]' if isinstance(s, int) else f'.{s}' for s in location).lstrip('.') + ': ' if location else ''


def _reason(error) -> str:
    if error['type'] == 'extra_forbidden':
        return 'nothing is called so'
    if error['type'] == 'missing':
        return 'is missing'
    given = error.get('input')
    shown = f' (given: {given!r})' if isinstance(given, (str, int, float, bool)) else ''
    return error['msg'].removeprefix('Value error, ') + shown
