"""Targets that come over a wire: plugs, the utility, markets, people and ROS messages."""

import json
import math
from contextlib import ExitStack
from pathlib import Path

from hearthgrid import fuzz_samples as samples
from hearthgrid.fuzz import Target
from hearthgrid.fuzz_forms import NOW, from_file, simple


def targets() -> list[Target]:
    """Return those of this file."""
    return [*_plugs(), *_utility(), *_market(), *_people(), *_pages(), *_wire()]


def _plugs() -> list[Target]:
    from hearthgrid_core.outlet import Priority, RelaySettings, RequestSettings
    from hub_nodes.gateway import esphome, shelly, tasmota, zigbee2mqtt, zwave
    from hub_nodes.gateway.outlet import PlugOutlet

    def plug(name, family, valid):
        outlet = PlugOutlet(RequestSettings(), RelaySettings(), Priority.COMFORT)

        def eat(content: bytes) -> None:
            topic, _, payload = content.partition(b'\n')
            heard = family.parse('plug', '', topic.decode('utf-8', 'replace'), payload)
            if heard is not None:
                outlet.hear(NOW, heard)
                outlet.step(NOW, False)

        # What the node takes for "cannot be read".
        return simple(f'plug-{name}', f'an MQTT message of a {name} plug', (ValueError, OverflowError), valid, eat)

    return [
        plug('tasmota', tasmota, samples.TASMOTA),
        plug('shelly', shelly, samples.SHELLY),
        plug('zigbee2mqtt', zigbee2mqtt, samples.ZIGBEE2MQTT),
        plug('esphome', esphome, samples.ESPHOME),
        plug('zwave', zwave, samples.ZWAVE),
    ]


def _utility() -> list[Target]:
    from hearthgrid_core.grid_service import EventError
    from hub_nodes.grid_service.openadr2 import parse
    from hub_nodes.grid_service.openadr2_read import NS, Home, read_events
    from hub_nodes.grid_service.openadr3 import _json
    from hub_nodes.grid_service.openadr3_read import read_event
    from hub_nodes.grid_service.wire import LinkError

    home = Home(import_max=10_000.0, capacity=10.0, currency='EUR')
    spaces = ' '.join(f'xmlns:{name}="{uri}"' for name, uri in NS.items() if name not in ('power', 'scale'))

    def two(content: bytes) -> None:
        signed = parse(content).find('oadr:oadrSignedObject', NS)
        read_events(signed[0], home)

    def three(content: bytes) -> None:
        rows = _json(content)
        for row in rows if isinstance(rows, list) else [rows]:
            read_event(row, home)

    return [
        simple('openadr2', 'an OpenADR 2.0b message (XML)', (LinkError,),
               [samples.OPENADR2.format(spaces=spaces).encode()], two),
        simple('openadr3', 'events of an OpenADR 3 server (JSON)',
               (LinkError, EventError, ValueError, OverflowError, KeyError, TypeError), [samples.OPENADR3], three),
    ]  # fmt: skip


def _market() -> list[Target]:
    from hub_nodes.adapters import day_ahead, entsoe, open_meteo, table
    from hub_nodes.adapters.series import FormatError

    rows = (
        ('prices-nord-pool', 'prices of Nord Pool (JSON)', samples.NORD_POOL, lambda c: day_ahead.nord_pool(c, 'NO1')),
        ('prices-awattar', 'prices of aWATTar (JSON)', samples.AWATTAR, day_ahead.awattar),
        ('prices-tibber', 'prices of Tibber (JSON)', samples.TIBBER, day_ahead.tibber),
        ('prices-entsoe', 'prices of ENTSO-E (XML)', samples.ENTSOE, entsoe.parse),
        ('prices-csv', 'prices in a table', samples.PRICES_CSV, lambda content: table.prices(content, 'EUR')),
        ('weather-csv', 'weather in a table', samples.WEATHER_CSV, table.weather),
        ('weather-open-meteo', 'weather of Open-Meteo (JSON)', samples.OPEN_METEO, open_meteo.parse),
    )
    return [simple(name, about, (FormatError,), [valid], eat) for name, about, valid, eat in rows]


def _people() -> list[Target]:
    from pydantic import ValidationError

    from hub_nodes.dashboard.api import schemas
    from hub_nodes.dashboard.rows import Rows
    from hub_nodes.dashboard.sessions import Sessions
    from hub_nodes.dashboard.tokens import Tokens
    from hub_nodes.dashboard.users import Users

    def cookie(folder: Path, stack: ExitStack):
        sessions = Sessions(str(folder), 3600.0)
        valid, session = sessions.begin('anna', 'mark', NOW)

        def eat(content: bytes) -> None:
            text = content.decode('latin-1')
            found = sessions.read(text, NOW)
            # Unused bits of the last letter may differ; what it says may not.
            if found is not None and found != session:
                raise AssertionError('a cookie that was never made is believed')

        return [valid.encode()], eat

    def token(folder: Path, stack: ExitStack):
        tokens = Tokens(str(folder))
        secret = tokens.add('grafana', 'read', NOW)

        def eat(content: bytes) -> None:
            text = content.decode('utf-8', 'surrogateescape' if content[:1] == b'\xff' else 'replace')
            if tokens.check(text) is not None and text != secret:
                raise AssertionError('a token that was never made is believed')

        return [secret.encode()], eat

    bodies = {
        'Wish': {'wish': 'on', 'power_max': 500.0, 'lifetime': 600}, 'PriorityWish': {'priority': 'comfort', 'rank': 3},
        'Label': {'type': 'kettle', 'model': 'A'}, 'RoleWish': {'role': 'viewer'},
        'ScheduleWish': {'entries': [{'days': 31, 'start_minute': 360, 'end_minute': 480, 'on': True, 'power_max': 5}]},
        'OutageWish': {'duration': 20}, 'TokenWish': {'name': 'x', 'scope': 'read'},
        'UserWish': {'name': 'bob', 'password': 'correct horse battery', 'role': 'viewer'},
    }  # fmt: skip

    def body(content: bytes) -> None:
        name, _, rest = content.partition(b'\n')
        schema = getattr(schemas, name.decode('latin-1'), None) if name.decode('latin-1') in bodies else schemas.Wish
        schema.model_validate_json(rest)

    users = b'{"format": "hearthgrid users 1", "rows": {"anna": {"role": "admin", "hash": "$argon2id$v=19$x"}}}'
    return [
        Target('cookie', 'the cookie of a login', (), cookie),
        Target('token', 'a token of the interface', (), token),
        simple('api-body', 'bodies of the interface (JSON)', (ValidationError,),
               [samples.message(name, row) for name, row in bodies.items()], body),
        from_file('users', 'the file of users (JSON)', (ValueError,), [users], 'users.json',
                  lambda path: (Rows(str(path.parent), 'users').all(), Users(str(path.parent)).any())),
    ]  # fmt: skip


def _pages() -> list[Target]:
    """What a browser sends with a form of the page: names and texts."""
    from hub_nodes.dashboard import job_card, schedule_card, what_if_card
    from hub_nodes.dashboard.home_edit import HomeEditor
    from hub_nodes.dashboard.home_inputs import TEXT_MAX
    from hub_nodes.dashboard.rows import Refused
    from hub_nodes.dashboard.widgets import texts

    reads = {'job': lambda said: job_card.understood(said, NOW), 'what-if': what_if_card.understood,
             'rule': lambda said: schedule_card.understood(said, 'r0')}  # fmt: skip
    filled = {
        'job': {'energy': '2.5', 'power': '1800', 'by': '06:30', 'interruptible': 'yes'},
        'what-if': {'battery_kwh': '20', 'outlet': 'car', 'what': 'later', 'later': '-2'},
        'rule': {'r0.monday': 'yes', 'r0.start': '22:00', 'r0.end': '06:00', 'r0.on': 'off', 'r0.power_max': '500'},
    }  # fmt: skip

    def form(content: bytes) -> None:
        name, _, rest = content.partition(b'\n')
        reads.get(name.decode('latin-1'), reads['job'])(texts(json.loads(rest)))

    def home(folder: Path, stack: ExitStack):
        (folder / 'home.yaml').write_text('outlets: [{id: kettle}]\ntariff: {sell: 0.08}\n')
        editor = HomeEditor(str(folder / 'home.yaml'))
        typed = {'tariff.sell': '0.09', 'outlets.0.title': 'Tea', 'outlets.0.schedule': 'mon-fri 22:00-06:00 off',
                 'outlets.1.id': 'lamp', 'batteries.0.name': 'garage', 'batteries.0.capacity_kwh': '5',
                 'tariff.buy': '00:00 0.25, 06:00 0.32', 'timezone': 'Europe/Berlin'}  # fmt: skip
        return [json.dumps(typed).encode()], lambda content: editor.save(
            texts(json.loads(content), TEXT_MAX), editor.text())

    return [
        simple('page-form', 'forms of the page (JSON)', (ValueError, RecursionError),
               [samples.message(name, row) for name, row in filled.items()], form),
        Target('home-form', 'the form of the home file (JSON)', (ValueError, RecursionError, Refused), home),
    ]  # fmt: skip


def _wire() -> list[Target]:
    from rclpy.serialization import deserialize_message, serialize_message

    from hearthgrid_core.island import Committee, Kind, Message, Share
    from hearthgrid_core.island.signed import Seal, pack_ballot, pack_share
    from hearthgrid_core.outlet import RequestBook, RequestSettings
    from hearthgrid_core.outlet.authentic import Key, Keyring
    from hearthgrid_core.outlet.permit import CALL, PermitBook, words
    from hearthgrid_msgs import msg
    from hearthgrid_ros.cdr import sound
    from hearthgrid_ros.keys import setpoint
    from hearthgrid_ros.request import request
    from hearthgrid_ros.time import to_msg
    from outlet_node.ballots import from_share, refuse, to_ballot, to_share, to_word

    book, seal = RequestBook(RequestSettings(), b'k' * 32), Seal(b'k' * 32, 5.0)
    ring = Keyring((Key(1, b'k' * 32),))
    permits = PermitBook(NOW - 60.0, ring)

    def unpacked(content: bytes, kind: type):
        if not sound(content, kind):
            raise ValueError('its lengths do not fit')
        return deserialize_message(content, kind)

    def permitted(content: bytes) -> None:
        if permits.hear(NOW, request(unpacked(content, msg.Request))) is None:
            raise AssertionError('a call that nobody permitted is obeyed')

    def switched(content: bytes) -> None:
        message = unpacked(content, msg.RelayCommand)
        if ring.authentic(NOW, setpoint(message)[0], bytes(message.mac)):
            raise AssertionError('a relay obeys a command that nobody signed')

    def tapped(content: bytes) -> None:
        message = unpacked(content, msg.RegulatorSetpoint)
        if ring.authentic(NOW, setpoint(message)[0], bytes(message.mac)):
            raise AssertionError('a regulator obeys a command that nobody signed')

    def commanded(content: bytes) -> None:
        asked = request(unpacked(content, msg.Request))
        if book.receive(NOW, asked) is None:
            raise AssertionError('a request that nobody signed is obeyed')

    def said(content: bytes) -> None:
        ballot = unpacked(content, msg.Ballot)
        word = to_word(ballot, 'a', frozenset('abc'))
        if not refuse(seal, NOW, ballot.stamp, pack_ballot, word, ballot.mac):
            raise AssertionError('a ballot that nobody signed is heard')

    def shared(content: bytes) -> None:
        message = unpacked(content, msg.Share)
        if not refuse(seal, NOW, message.stamp, pack_share, from_share(message), message.mac):
            raise AssertionError('a share that nobody signed is heard')

    def told(content: bytes) -> None:
        message = unpacked(content, msg.InverterSetpoint)
        if ring.authentic(NOW, setpoint(message)[0], bytes(message.mac)):
            raise AssertionError('a setpoint that nobody signed is obeyed')

    stamp, other = to_msg(NOW), Seal(b'o' * 32, 5.0)
    word = Message(Kind.HEARTBEAT, 'b', '', 7, 9, 3, True, 'b', Committee(('b', 'a', 'c'), 5, 2, 3), 7, False)
    asked = msg.Request(stamp=stamp, expiry=to_msg(NOW + 60), voice=1, epoch=1, counter=1, power_max=math.inf,
                        reason='because', sender='plan', mac=[1] * 16)  # fmt: skip
    order = msg.InverterSetpoint(stamp=stamp, expiry=to_msg(NOW + 5), inverter='battery', mode=2, mac=[1] * 16)
    relay = msg.RelayCommand(stamp=stamp, outlet='kettle', closed=True, counter=7, mac=[1] * 16)
    tap = msg.RegulatorSetpoint(stamp=stamp, expiry=to_msg(NOW + 5), regulator='regulator', tap=2, mac=[1] * 16)
    permit = msg.Request(stamp=stamp, expiry=to_msg(NOW + 9), voice=CALL, counter=1, sender='page', mac=[1] * 16,
                         reason=words('/home/kettle/reset_trip', b''))  # fmt: skip
    rows = (
        ('request', 'a request on the wire', asked, commanded),
        ('ballot', 'a ballot on the wire', to_ballot(word, stamp, other), said),
        ('share', 'a share on the wire', to_share(Share('battery', 7, 50.0, 0.5, -0.25, 1.0), stamp, other), shared),
        ('setpoint', 'a setpoint on the wire', order, told),
        ('tap', 'a setpoint of the regulator on the wire', tap, tapped),
        ('relay', 'a command of a relay on the wire', relay, switched),
        ('permit', 'a permit of a call on the wire', permit, permitted),
    )
    # What the middleware cannot read it drops with an error of its own before the node sees it.
    return [
        simple(name, about, (*_middleware(), ValueError), [serialize_message(message)], eat)
        for name, about, message, eat in rows
    ]


def _middleware() -> tuple[type[BaseException], ...]:
    from rclpy.impl.implementation_singleton import rclpy_implementation as implementation

    return (implementation.RMWError, implementation.RCLError)
