"""The watch over all outlets: readings, identities, signatures, states and prices in, anomalies out."""
import math
from collections import OrderedDict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from builtin_interfaces.msg import Time

from hearthgrid_core.devices import AnomalyDetector, AnomalyEvent, AnomalySettings, DevicesError, Observation, Trip
from hearthgrid_core.devices.own import supersedes
from hearthgrid_core.settings import setting
from hearthgrid_msgs import msg
from hearthgrid_ros import home
from hearthgrid_ros.health import OK, WARN
from hearthgrid_ros.interfaces import ANOMALIES, IDENTITIES, PRICES, READINGS, SIGNATURES, STATES
from hearthgrid_ros.node import HomeNode, run
from hearthgrid_ros.params import home_file, state_dir
from hearthgrid_ros.time import to_msg, to_seconds
from hub_nodes.identify import signature_vector
from hub_nodes.state_file import StateFile

METERS = ('grid', 'pv', 'battery')  # ids of readings that are no outlet's
OUTLETS = 1024          # watched
OUTLET_LENGTH = 32      # of a name, as the messages bound it [byte]
QUEUE = 16              # readings of one outlet between two looks
STATE_MAX = 64_000_000  # a larger file of what was learnt is not ours [byte]
PERIOD = 1.0            # of the look [s]
AHEAD_MAX, BEHIND_MAX = 5.0, 60.0   # how far a stamp may be from now [s]
REMEMBER = 60.0         # how long a refusal shows in the health [s]
TRIPS = {msg.OutletState.TRIP_OVERCURRENT: Trip.OVERCURRENT, msg.OutletState.TRIP_OVERTEMPERATURE: Trip.OVERTEMPERATURE,
         msg.OutletState.TRIP_SENSOR: Trip.SENSOR}


@dataclass(frozen=True)
class AnomalyNodeSettings(AnomalySettings):
    """What counts as an anomaly; the home file's nominal voltage goes before `nominal_voltage`."""

    home_file: str = home_file()
    state_dir: str = state_dir()
    save_period: float = setting(600.0, 's', 1.0, 86400.0, 'What was learnt is written so often.')


@dataclass(frozen=True)
class Prices:
    """Import prices of coming steps. start [s], step [s], values [currency/kWh]"""

    currency: str
    start: float
    step: float
    values: tuple[float, ...]

    @classmethod
    def of(cls, message: msg.PriceSeries) -> 'Prices':
        """ValueError when it says nothing of use."""
        if not (message.step > 0 and math.isfinite(message.step)):
            raise ValueError(f'prices with a step of {message.step} s')
        return cls(message.currency, to_seconds(message.start), message.step, tuple(message.import_price))

    def at(self, time: float) -> float:
        """Return the price at `time` [s], NaN where none is known."""
        index = math.floor((time - self.start) / self.step)
        return self.values[index] if 0 <= index < len(self.values) and math.isfinite(self.values[index]) else math.nan


@dataclass
class _Outlet:
    detector: AnomalyDetector
    readings: deque = field(default_factory=lambda: deque(maxlen=QUEUE))
    signature: msg.Signature | None = None
    identified: tuple[float, str] = (-math.inf, '')     # stamp and recipe of what is held [s]
    type: str = ''
    unknown: bool = False
    named: bool = False
    looks_like: str = ''
    likeness: float = math.nan
    relay_open: bool = False
    trip: Trip | None = None
    refused: int = 0        # of the detector, as last seen


class AnomalyNode(HomeNode):
    """Callbacks store; one timer shows each outlet's detector what came and publishes what it says."""

    settings_class = AnomalyNodeSettings

    def __init__(self, **options) -> None:
        super().__init__('anomaly', **options)
        self._rules: AnomalySettings = self.settings
        self._meters = set(METERS)
        self._outlets: OrderedDict[str, _Outlet] = OrderedDict()
        self._refused, self._refused_at, self._reason = 0, -float('inf'), ''
        self._prices: Prices | None = None
        self._said: deque[str] = deque(maxlen=ANOMALIES.quality.writer_depth)   # ids a late joiner still hears of
        self._file = StateFile(self.settings.state_dir, 'anomaly', size_max=STATE_MAX, private=False)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix='anomaly-write')
        self._writing: Future | None = None
        self._saved_at = self.now()
        if self.settings.home_file:
            described = home.load(self.settings.home_file)
            self._rules = replace(self.settings, nominal_voltage=described.supply.voltage)
            self._meters.update(described.stores)
            for outlet in described.outlets:    # so that one that never speaks is missed
                self._outlet(outlet.id)
        self._anomalies = ANOMALIES.publisher(self)
        self._remember()
        PRICES.subscription(self, self._on_prices)
        READINGS.subscription(self, self._on_reading)
        SIGNATURES.subscription(self, self._on_signature)
        IDENTITIES.subscription(self, self._on_identity)
        STATES.subscription(self, self._on_state)
        self._timer = self.create_timer(PERIOD, self._step)
        self.health.before_report(self._report)

    def make_safe(self) -> None:
        self._timer.cancel()
        self._settle_write(wait=True)
        self._save()
        self._writer.shutdown(wait=True)
        self._settle_write(wait=True)

    def _remember(self) -> None:
        """Take over what the file holds and tell again what stands."""
        try:
            kept = self._file.load().get('outlets', {})
            if not isinstance(kept, dict):
                raise ValueError('the file that is kept names no outlets')
        except ValueError as error:
            reason = ' '.join(str(error).split())[:200]
            self.get_logger().error(f'{reason}; {self._file.put_aside(self.now())}; learning starts afresh')
            kept = {}
        for name, state in list(kept.items())[-OUTLETS:]:
            if not 0 < len(name.encode(errors='replace')) <= OUTLET_LENGTH:
                self.get_logger().warning(f'{name!r} was kept but can be no outlet')
                continue
            detector = AnomalyDetector(name, self._rules, meter=name in self._meters)
            try:
                detector.restore(state)
            except DevicesError as error:
                self.get_logger().warning(f'{error}; it is learnt afresh')
                continue
            self._outlets[name] = _Outlet(detector)
            self._tell(detector.standing(self.now()))
        self._report_state()

    def _on_prices(self, message: msg.PriceSeries) -> None:
        try:
            self._prices = Prices.of(message)
        except ValueError as error:
            self._refuse(str(error))

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
            outlet, identified = self._outlet(message.outlet), (to_seconds(message.stamp), message.recipe)
            if not supersedes(*identified, *outlet.identified):
                return
            outlet.identified, outlet.type = identified, message.type
            if message.state != message.STATE_OFF:      # which says nothing new of what it is
                outlet.named = message.state == message.STATE_NAMED
                # before anything was taught, everything is unknown
                outlet.unknown = message.state == message.STATE_UNKNOWN and bool(message.candidates)
                outlet.looks_like = message.candidates[0] if message.candidates else ''
                likeness = message.candidate_probabilities
                outlet.likeness = likeness[0] if likeness else math.nan

    def _on_state(self, message: msg.OutletState) -> None:
        if message.outlet:
            outlet = self._outlet(message.outlet)
            outlet.relay_open = message.relay == message.RELAY_OPEN
            outlet.trip = TRIPS.get(message.trip)

    def _outlet(self, name: str) -> _Outlet:
        if name not in self._outlets:
            self._outlets[name] = _Outlet(AnomalyDetector(name, self._rules, meter=name in self._meters))
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
            self._tell(events)
            if outlet.detector.refused != outlet.refused:
                outlet.refused = outlet.detector.refused
                self._refuse(f'a reading of {outlet.detector.outlet} is not younger than the last')

        self._settle_write()
        if self._writing is None and now - self._saved_at >= self.settings.save_period:
            self._save()

    def _tell(self, events: list[AnomalyEvent]) -> None:
        """Publish, and publish again what stands but is no longer among the messages a late joiner gets."""
        for event in events:
            self._publish(event)
        if not events:
            return
        up = [id for outlet in self._outlets.values() for id in outlet.detector.raised]
        if len(up) > self._said.maxlen or all(id in self._said for id in up):
            return      # with more standing than are kept, saying one again would only push out another
        for outlet in list(self._outlets.values()):
            for event in outlet.detector.standing(self.now()):
                if event.id not in self._said:
                    self._publish(event)

    def _publish(self, event: AnomalyEvent) -> None:
        self._anomalies.publish(anomaly_of(event))
        self._said.append(event.id)

    def _save(self) -> None:
        self._saved_at = self.now()
        if self._file.keeps:
            states = {name: outlet.detector.state() for name, outlet in self._outlets.items()}
            self._writing = self._writer.submit(self._file.save, {'outlets': states})

    def _settle_write(self, wait: bool = False) -> None:
        if self._writing is None or not (wait or self._writing.done()):
            return
        writing, self._writing = self._writing, None
        try:
            writing.result()
            self._report_state()
        except OSError as error:
            self.health.check('state', WARN, f'cannot be written: {error}')

    def _report_state(self) -> None:
        if self._file.keeps:
            self.health.check('state', OK, 'kept')
        elif self.settings.state_dir:
            self.health.check('state', WARN, 'nothing is kept: a file that cannot be used is in the way')
        else:
            self.health.check('state', OK, 'no state_dir is set: nothing outlives the process')

    def _observation(self, outlet: _Outlet, reading: msg.Reading) -> Observation:
        vector = None
        if outlet.signature is not None:
            try:
                vector = signature_vector(outlet.signature)
            except DevicesError as error:
                self._refuse(str(error))
            outlet.signature = None
        price, currency = math.nan, ''
        if self._prices is not None:
            price, currency = self._prices.at(to_seconds(reading.stamp)), self._prices.currency
        return Observation(
            voltage=reading.voltage, current=reading.current, active_power=reading.active_power,
            apparent_power=reading.apparent_power, power_factor=reading.power_factor, frequency=reading.frequency,
            temperature=reading.temperature, type=outlet.type, signature=vector, relay_open=outlet.relay_open,
            trip=outlet.trip, price=price, currency=currency, energy=reading.energy_kwh, unknown=outlet.unknown,
            named=outlet.named, looks_like=outlet.looks_like, likeness=outlet.likeness)

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
                       expected=event.expected, text=event.text,
                       since=to_msg(event.since) if event.since > 0 else Time(), probability=event.probability,
                       wasted_energy_kwh=event.wasted_energy, wasted_money=event.wasted_money,
                       currency=event.currency)


def main() -> int:
    """Run the node."""
    return run(AnomalyNode)


if __name__ == '__main__':
    raise SystemExit(main())
