"""The gateway node: MQTT's thread and ROS callbacks store; one timer decides, commands and tells."""
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType

from hearthgrid_core.outlet import Priority, RelaySettings, Request, RequestSettings, Voice
from hearthgrid_core.settings import check_bounds, setting
from hearthgrid_msgs import msg
from hearthgrid_ros import home
from hearthgrid_ros.counter import Counter
from hearthgrid_ros.health import ERROR, OK, WARN
from hearthgrid_ros.interfaces import AUDIT, READINGS, REQUEST, STATES, TIE
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.params import home_file, keys_file, state_dir
from hearthgrid_ros.request import request
from hearthgrid_ros.time import to_msg
from hub_nodes.gateway import discovery, esphome, messages, shelly, tasmota, zigbee2mqtt, zwave
from hub_nodes.gateway.broker import Broker, context
from hub_nodes.gateway.outlet import PlugOutlet, Step
from hub_nodes.gateway.plug import QUANTITIES
from hub_nodes.state_file import StateFile

FAMILIES: dict[str, ModuleType] = {'tasmota': tasmota, 'shelly': shelly, 'zigbee2mqtt': zigbee2mqtt,
                                   'esphome': esphome, 'zwave': zwave}
PERIOD, TELL_PERIOD, SAVE_PERIOD = 0.2, 1.0, 60.0  # of the look, of readings, of the file [s]
HEARTBEAT = 10.0  # of states [s]
SHOWN = 1024  # outlets told to Home Assistant
NAME = re.compile(r'[a-z][a-z0-9_]{0,31}')  # an outlet's id that may stand in a topic
REMEMBER = 60.0  # how long a refusal shows in the health [s]
REQUESTS = 256  # of a plug between two looks
SENDER = 'gateway'


@dataclass(frozen=True)
class GatewaySettings(RequestSettings):
    """How plugs are watched and commanded; broker and plugs are in the home file."""

    home_file: str = home_file()
    state_dir: str = state_dir()
    keys_file: str = keys_file()
    poll_period: float = setting(10.0, 's', 1.0, 3600.0, 'Plugs that answer are asked so often.')
    value_age_max: float = setting(60.0, 's', 1.0, 3600.0, 'A value that was not heard again is not known any more.')
    command_retry: float = setting(5.0, 's', 0.5, 600.0, 'Between commands that show no effect.')
    island_grace: float = setting(5.0, 's', 0.0, 600.0, 'So long an island may be without a leader.')
    person_validity: float = setting(43200.0, 's', 1.0, 2678400.0, 'How long a switch in Home Assistant holds.')
    share_period: float = setting(5.0, 's', 0.2, 3600.0, 'States go to Home Assistant so often at most.')

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass
class _Plug:
    facts: home.GatewayPlug
    family: ModuleType
    outlet: PlugOutlet
    publish_request: object
    arrived: list[Request] = field(default_factory=list)
    refused: int = 0
    sequence: int = 0
    told: tuple = ()
    told_at: float = -float('inf')


@dataclass
class _Shown:
    """What Home Assistant is told of one outlet."""

    title: str = ''
    room: str = ''
    values: dict[str, float] = field(default_factory=dict)
    relay: bool | None = None
    switch: bool = False
    changed: bool = False
    introduced: dict[str, str] = field(default_factory=dict)  # part: payload said in this session


class GatewayNode(HomeNode):
    """Plugs behind an MQTT broker in as outlets, all outlets of the home out to Home Assistant."""

    settings_class = GatewaySettings

    def __init__(self, **options) -> None:
        super().__init__('gateway', **options)
        settings = self.settings
        described = home.load(settings.home_file) if settings.home_file else None
        if described is None or described.gateway is None:
            raise ValueError('the gateway needs a home file with a section `gateway`')
        self._section = section = described.gateway
        self._rooms = {outlet.id: outlet.room for outlet in (*described.outlets, *section.plugs)}
        self._refused, self._refused_at, self._reason = 0, -float('inf'), ''
        self._islanded = False
        self._supply = msg.Reading.SUPPLY_UNKNOWN
        self._counter = Counter(settings.state_dir, 'gateway', self.now)
        self._keys = self.keys
        self._shown: OrderedDict[str, _Shown] = OrderedDict()
        self._asked: dict[str, object] = {}
        self._polled_at = self._shared_at = self._read_at = -float('inf')
        self._saved_at = self.now()
        self._states, self._readings = STATES.publisher(self), READINGS.publisher(self)
        self._audit = AUDIT.publisher(self)
        self._plugs = {plug.id: self._plug(plug) for plug in section.plugs}
        self._file = StateFile(settings.state_dir, 'gateway')
        self._remember()
        STATES.subscription(self, self._on_state)
        READINGS.subscription(self, self._on_reading)
        TIE.subscription(self, self._on_tie)
        folder = Path(settings.home_file).parent
        tls = context(*(str(folder / name) for name in (section.ca, section.certificate, section.key)))
        topics = [topic for plug in self._plugs.values()
                  for topic in plug.family.subscriptions(plug.facts.topic, plug.facts.endpoint)]
        if section.discovery:
            topics += [discovery.command_topic(section.base, '+'), f'{section.discovery}/status']
        self._broker = Broker(f'{section.base}_{described.name}', section.host, section.port, tls,
                              (discovery.status_topic(section.base), discovery.ONLINE, discovery.OFFLINE), topics)
        self._timer = self.create_timer(PERIOD, self._step)
        self.health.before_report(self._report)

    def _plug(self, facts: home.GatewayPlug) -> _Plug:
        settings = self.settings
        relay = RelaySettings(minimum_on_time=facts.minimum_on, minimum_off_time=facts.minimum_off)
        outlet = PlugOutlet(settings, relay, Priority[facts.priority.upper()],
                            age_max=settings.value_age_max, retry=settings.command_retry, grace=settings.island_grace)
        REQUEST.subscription_to(self, facts.id, partial(self._on_request, facts.id))
        return _Plug(facts, FAMILIES[facts.family], outlet, REQUEST.publisher_to(self, facts.id))

    def make_safe(self) -> None:
        self._timer.cancel()
        self._broker.close()
        self._save()

    def _remember(self) -> None:
        try:
            kept = self._file.load()
            for id, plug in self._plugs.items():
                if id in kept.get('plugs', {}):
                    plug.outlet.restore(self.now(), kept['plugs'][id])
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            self.get_logger().error(f'{str(error)[:200]!r}; {self._file.put_aside(self.now())}')
        self.health.check('state', OK, 'kept' if self._file.keeps else 'nothing outlives the process')

    def _save(self) -> None:
        self._saved_at = self.now()
        try:
            self._file.save({'plugs': {id: plug.outlet.state() for id, plug in self._plugs.items()}})
        except OSError as error:
            self.health.check('state', WARN, f'cannot be written: {error.strerror}')
        else:
            self.health.check('state', OK, 'kept' if self._file.keeps else 'nothing outlives the process')

    # What comes in over ROS.

    def _on_request(self, id: str, message: msg.Request) -> None:
        arrived = self._plugs[id].arrived
        if len(arrived) < REQUESTS:
            arrived.append(request(message))

    def _on_tie(self, message: msg.Breaker) -> None:
        self._islanded = message.state == message.STATE_OPEN
        self._supply = {message.STATE_OPEN: msg.Reading.SUPPLY_ISLAND, message.STATE_CLOSED: msg.Reading.SUPPLY_GRID
                        }.get(message.state, msg.Reading.SUPPLY_UNKNOWN)

    def _on_state(self, message: msg.OutletState) -> None:
        if (shown := self._show(message.outlet)) is not None:
            shown.title, shown.switch, shown.changed = message.title, True, True
            shown.relay = {message.RELAY_CLOSED: True, message.RELAY_OPEN: False}.get(message.relay)

    def _on_reading(self, message: msg.Reading) -> None:
        if (shown := self._show(message.outlet)) is not None:
            shown.values, shown.changed = {name: getattr(message, name) for name in QUANTITIES}, True

    def _show(self, outlet: str) -> _Shown | None:
        if not self._section.discovery or not NAME.fullmatch(outlet):
            return None
        if outlet not in self._shown and len(self._shown) < SHOWN:
            self._shown[outlet] = _Shown(room=self._rooms.get(outlet, ''))
        return self._shown.get(outlet)

    # One look.

    def _step(self) -> None:
        now = self.now()
        self._hear(now)
        if self._broker.new_session():
            self._polled_at = self._shared_at = -float('inf')
            for shown in self._shown.values():
                shown.introduced, shown.changed = {}, True
        if not 0.0 <= now - self._polled_at < self.settings.poll_period:
            self._polled_at = now
            for plug in self._plugs.values():
                self._ask(plug)
        telling = not 0.0 <= now - self._read_at < TELL_PERIOD
        for plug in self._plugs.values():
            step = self._decide(now, plug)
            self._tell(now, plug, step, now - self._read_at if telling else 0.0)
        if telling:
            self._read_at = now
        if not 0.0 <= now - self._shared_at < self.settings.share_period:
            self._shared_at = now
            self._share()
        if not 0.0 <= now - self._saved_at < SAVE_PERIOD:
            self._save()

    def _hear(self, now: float) -> None:
        section = self._section
        for topic, payload, retained in self._broker.take():
            if section.discovery and topic == f'{section.discovery}/status':
                for shown in self._shown.values():  # Home Assistant came: introduce all again
                    shown.introduced, shown.changed = {}, True
                continue
            if section.discovery and topic.startswith(f'{section.base}/') and topic.endswith('/set'):
                self._obey(now, topic[len(section.base) + 1:-len('/set')], payload, retained)
                continue
            for plug in self._plugs.values():
                try:
                    heard = plug.family.parse(plug.facts.topic, plug.facts.endpoint, topic, payload)
                except (ValueError, OverflowError) as error:
                    self._refuse(now, f'a message of {plug.facts.id} cannot be read: {error}')
                    continue
                if heard is not None and plug.outlet.hear(now, heard):
                    self._ask(plug)

    def _ask(self, plug: _Plug) -> None:
        for topic, payload in plug.family.ask(plug.facts.topic, plug.facts.endpoint):
            self._broker.publish(topic, payload)

    def _decide(self, now: float, plug: _Plug) -> Step:
        arrived, plug.arrived = plug.arrived, []
        if arrived:
            plug.outlet.book.ring = self._keys.ring(plug.facts.id)
        for asked in arrived:
            refusal = plug.outlet.receive(now, asked)
            if refusal is not None:
                plug.refused += 1
                self._refuse(now, f'a request of {asked.sender!r} to {plug.facts.id}: {refusal.value}')
            elif asked.voice == Voice.PERSON:
                self._saved_at = -float('inf')
        step = plug.outlet.step(now, self._islanded)
        if step.command is not None:
            self._broker.publish(*plug.family.switch(plug.facts.topic, plug.facts.endpoint, step.command))
        return step

    def _tell(self, now: float, plug: _Plug, step: Step, since: float) -> None:
        """Publish the state when it is another or a heartbeat is due, and a reading of the time `since` the last."""
        values = plug.outlet.values(now)
        if since and values and self._broker.connected:
            plug.sequence += 1
            duration = TELL_PERIOD if since == float('inf') else since
            self._readings.publish(messages.reading(now, plug.facts.id, plug.sequence, duration, self._supply, values))
        told = (step.relay, step.waiting, step.band, step.voice, step.reason, plug.outlet.online, plug.refused,
                len(plug.outlet.measures))
        if told != plug.told or not 0.0 <= now - plug.told_at < HEARTBEAT:
            plug.told, plug.told_at = told, now
            self._states.publish(messages.state(now, plug.facts.id, plug.facts.title or plug.facts.id, plug.outlet,
                                                step, plug.refused))

    def _share(self) -> None:
        """Introduce to Home Assistant what is new, and say what changed."""
        section = self._section
        for outlet, shown in self._shown.items():
            if not shown.changed or not self._broker.connected:
                continue
            shown.changed = False
            parts = {*shown.introduced, *(name for name, value in shown.values.items() if value == value)}
            parts |= {discovery.SWITCH} if shown.switch else set()
            for part in sorted(parts):
                topic, payload = discovery.configuration(section.discovery, section.base, outlet, shown.title,
                                                         shown.room, part)
                if shown.introduced.get(part) != payload and self._broker.publish(topic, payload, retain=True):
                    shown.introduced[part] = payload
            state = discovery.state(shown.values, shown.relay, sorted(shown.introduced))
            self._broker.publish(discovery.state_topic(section.base, outlet), state, retain=True)

    def _obey(self, now: float, outlet: str, payload: bytes, retained: bool) -> None:
        """Carry a switch in Home Assistant to the outlet, in the voice of a person."""
        bands = {b'ON': (1.0, float('inf')), b'OFF': (0.0, 0.0), b'AUTO': (0.0, float('nan'))}
        shown = self._shown.get(outlet)
        if retained:  # said to whoever connects, at whatever time: no command
            self._refuse(now, f'a retained command to {outlet[:32]!r}')
        elif shown is None or not shown.switch or payload not in bands:
            self._refuse(now, f'a command to {outlet[:32]!r} that is none')
        else:
            if outlet not in self._asked:
                plug = self._plugs.get(outlet)
                self._asked[outlet] = plug.publish_request if plug else REQUEST.publisher_to(self, outlet)
            number = self._counter.next()
            power_min, power_max = bands[payload]
            self._asked[outlet].publish(self._keys.sign(outlet, msg.Request(
                stamp=to_msg(now), expiry=to_msg(now + self.settings.person_validity), voice=msg.Request.VOICE_PERSON,
                epoch=number // 1000, counter=number, power_min=power_min, power_max=power_max,
                reason='switched in Home Assistant', sender=SENDER), now))
            self._audit.publish(msg.Audit(stamp=to_msg(now), source='mqtt', action='switch', target=outlet,
                                          allowed=True, detail=f'{payload.decode()} in Home Assistant'))

    def _refuse(self, now: float, reason: str) -> None:
        self._refused, self._refused_at = self._refused + 1, now
        self._reason = ''.join(c if c.isprintable() else ' ' for c in reason)[:200]

    def _report(self) -> None:
        now = self.now()
        self._keys.report(self.health, *self._plugs)
        if self._broker.connected and not self._broker.trouble:
            self.health.check('broker', OK, 'connected', dropped=self._broker.dropped)
        else:
            self.health.check('broker', ERROR, self._broker.trouble or 'not connected', dropped=self._broker.dropped)
        late = 0.0 <= now - self._refused_at < REMEMBER
        self.health.check('input', *((WARN, self._reason) if late else (OK, 'all can be used')), refused=self._refused)
        for id, plug in self._plugs.items():
            measures = ', '.join(sorted(plug.outlet.measures)) or 'nothing yet'
            lacks = ', '.join(name for name in QUANTITIES if name not in plug.outlet.measures) or 'nothing'
            self.health.check(f'plug {id}', OK if plug.outlet.online else WARN,
                              'heard' if plug.outlet.online else 'not heard', measures=measures, lacks=lacks,
                              refused=plug.refused)


def main() -> int:
    """Run the node."""
    return run(GatewayNode)


if __name__ == '__main__':
    raise SystemExit(main())
