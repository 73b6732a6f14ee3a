"""The watch over all outlets: readings, identities, signatures and states in, anomalies out."""
from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace

from hearthgrid_core.devices import AnomalyDetector, AnomalyEvent, AnomalySettings, DevicesError, Observation, Trip
from hearthgrid_msgs import msg
from hearthgrid_ros import home
from hearthgrid_ros.health import OK, WARN
from hearthgrid_ros.interfaces import ANOMALIES, IDENTITIES, READINGS, SIGNATURES, STATES
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.params import home_file
from hearthgrid_ros.time import to_msg, to_seconds
from hub_nodes.identify import signature_vector

METERS = ('grid', 'pv', 'battery')  # ids of readings that are no outlet's
OUTLETS = 1024          # watched
QUEUE = 16              # readings of one outlet between two looks
PERIOD = 1.0            # of the look [s]
AHEAD_MAX, BEHIND_MAX = 5.0, 60.0   # how far a stamp may be from now [s]
REMEMBER = 60.0         # how long a refusal shows in the health [s]
TRIPS = {msg.OutletState.TRIP_OVERCURRENT: Trip.OVERCURRENT, msg.OutletState.TRIP_OVERTEMPERATURE: Trip.OVERTEMPERATURE,
         msg.OutletState.TRIP_SENSOR: Trip.SENSOR}


@dataclass(frozen=True)
class AnomalyNodeSettings(AnomalySettings):
    """What counts as an anomaly; the home file's nominal voltage goes before `nominal_voltage`."""

    home_file: str = home_file()


@dataclass
class _Outlet:
    detector: AnomalyDetector
    readings: deque = field(default_factory=lambda: deque(maxlen=QUEUE))
    signature: msg.Signature | None = None
    type: str = ''
    relay_open: bool = False
    trip: Trip | None = None
    refused: int = 0        # of the detector, as last seen


class AnomalyNode(HomeNode):
    """Callbacks store; one timer shows each outlet's detector what came and publishes what it says."""

    settings_class = AnomalyNodeSettings

    def __init__(self, **options) -> None:
        super().__init__('anomaly', **options)
        self._rules: AnomalySettings = self.settings
        self._outlets: OrderedDict[str, _Outlet] = OrderedDict()
        self._refused, self._refused_at, self._reason = 0, -float('inf'), ''
        if self.settings.home_file:
            described = home.load(self.settings.home_file)
            self._rules = replace(self.settings, nominal_voltage=described.supply.voltage)
            for outlet in described.outlets:    # so that one that never speaks is missed
                self._outlet(outlet.id)
        self._anomalies = ANOMALIES.publisher(self)
        READINGS.subscription(self, self._on_reading)
        SIGNATURES.subscription(self, self._on_signature)
        IDENTITIES.subscription(self, self._on_identity)
        STATES.subscription(self, self._on_state)
        self._timer = self.create_timer(PERIOD, self._step)
        self.health.before_report(self._report)

    def make_safe(self) -> None:
        self._timer.cancel()

    def _on_reading(self, message: msg.Reading) -> None:
        age = self.now() - to_seconds(message.stamp)
        if not message.outlet:
            self._refuse('a reading does not say of which outlet it is')
        elif not -AHEAD_MAX <= age <= BEHIND_MAX:
            self._refuse(f'a reading of {message.outlet} is stamped {-age:+.0f} s from now')
        else:
            self._outlet(message.outlet).readings.append(message)

    def _on_signature(self, message: msg.Signature) -> None:
        if message.outlet:
            self._outlet(message.outlet).signature = message

    def _on_identity(self, message: msg.Identity) -> None:
        if message.outlet:
            self._outlet(message.outlet).type = message.type

    def _on_state(self, message: msg.OutletState) -> None:
        if message.outlet:
            outlet = self._outlet(message.outlet)
            outlet.relay_open = message.relay == message.RELAY_OPEN
            outlet.trip = TRIPS.get(message.trip)

    def _outlet(self, name: str) -> _Outlet:
        if name not in self._outlets:
            self._outlets[name] = _Outlet(AnomalyDetector(name, self._rules, meter=name in METERS))
            while len(self._outlets) > OUTLETS:
                self._outlets.popitem(last=False)
        self._outlets.move_to_end(name)
        return self._outlets[name]

    def _step(self) -> None:
        now = self.now()
        for outlet in self._outlets.values():
            events: list[AnomalyEvent] = []
            while outlet.readings:
                reading = outlet.readings.popleft()
                events += outlet.detector.step(to_seconds(reading.stamp), self._observation(outlet, reading))
            events += outlet.detector.step(now)
            for event in events:
                self._anomalies.publish(anomaly_of(event))
            if outlet.detector.refused != outlet.refused:
                outlet.refused = outlet.detector.refused
                self._refuse(f'a reading of {outlet.detector.outlet} is not younger than the last')

    def _observation(self, outlet: _Outlet, reading: msg.Reading) -> Observation:
        vector = None
        if outlet.signature is not None:
            try:
                vector = signature_vector(outlet.signature)
            except DevicesError as error:
                self._refuse(str(error))
            outlet.signature = None
        return Observation(
            voltage=reading.voltage, current=reading.current, active_power=reading.active_power,
            apparent_power=reading.apparent_power, power_factor=reading.power_factor, frequency=reading.frequency,
            temperature=reading.temperature, type=outlet.type, signature=vector, relay_open=outlet.relay_open,
            trip=outlet.trip)

    def _refuse(self, reason: str) -> None:
        self._refused, self._refused_at, self._reason = self._refused + 1, self.now(), reason

    def _report(self) -> None:
        self.health.check('input', *((WARN, self._reason) if self.now() - self._refused_at < REMEMBER
                                     else (OK, 'all readings and signatures can be used')), refused=self._refused)
        up = [id for outlet in self._outlets.values() for id in outlet.detector.raised]
        self.health.check('watch', OK, f'{len(self._outlets)} outlets watched, {len(up)} anomalies up',
                          outlets=len(self._outlets), anomalies=len(up))


def anomaly_of(event: AnomalyEvent) -> msg.Anomaly:
    """Return the message of an event."""
    return msg.Anomaly(stamp=to_msg(event.time), id=event.id, outlet=event.outlet, kind=int(event.kind),
                       severity=int(event.severity), status=int(event.status), value=event.value,
                       expected=event.expected, text=event.text)


def main() -> int:
    """Run the node."""
    return run(AnomalyNode)


if __name__ == '__main__':
    raise SystemExit(main())
