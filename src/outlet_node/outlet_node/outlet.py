"""The outlet: samples in; readings, signatures, waveforms and one decision a cycle out."""
import math
from datetime import datetime

from rclpy.duration import Duration
from rclpy.lifecycle import TransitionCallbackReturn

from hearthgrid_core.outlet import (
    Capture,
    Captured,
    Decision,
    Drop,
    Job,
    Measurement,
    OutletController,
    Request,
    Snapshot,
    Trip,
    Voice,
)
from hearthgrid_core.outlet.permit import CALL
from hearthgrid_core.waveform import EnergyCounter, WaveformError
from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces
from hearthgrid_ros.calls import Calls
from hearthgrid_ros.counter import Counter
from hearthgrid_ros.health import ERROR, OK, STALE, WARN
from hearthgrid_ros.node import ManagedNode, run
from hearthgrid_ros.request import request
from hearthgrid_ros.time import to_msg
from outlet_node import convert
from outlet_node.devices import Devices
from outlet_node.droop import Droop
from outlet_node.jobs import JobServer
from outlet_node.keep import Keeper
from outlet_node.services import Services
from outlet_node.settings import OutletSettings

ID_LENGTH = 32        # on the wire
WATCH_PERIOD = 1.0    # of the timer that decides when no samples come [s]
FIRST_WAIT = 15.0     # for the first samples while a home starts [s]
JOB_PERIOD = 10.0     # between words on a job that is not finished [s]
REPEAT_AFTER = 60.0   # a complaint of one kind is logged again at the earliest after [s]
LAST_WORD = Duration(seconds=0.05)  # for the relay's last command to arrive before the node is gone
DEMAND_STEP, DEMAND_SHARE = 30.0, 0.2  # change of demand worth a word [W], [1]
WARM = 0.05           # change of thermal load worth a word [1]


class OutletNode(ManagedNode):
    """An outlet. Configured it holds its interfaces, active it acts, deactivated the relay is where it can be left.

    Each block of samples is one control cycle; a slow timer takes over while none come.
    """

    settings_class = OutletSettings

    def __init__(self, **options) -> None:
        super().__init__('outlet', **options)
        self.id = self.settings.outlet or self.get_namespace().rstrip('/').rpartition('/')[2] or self.get_name()
        if len(self.id) > ID_LENGTH:
            raise ValueError(f'{self.id!r} is longer than an outlet\'s id may be ({ID_LENGTH})')
        self.active = False
        self.health.check('samples', OK, 'not active')

    # Lifecycle.

    def on_configure(self, state) -> TransitionCallbackReturn:
        settings = self.settings
        self._keeper = Keeper(settings.state_dir, self.id)
        self.controller = OutletController(settings, settings, settings, settings, settings.normally_on,
                                           island_grace=settings.island_grace)
        self._keys, self._counter = self.keys, Counter(settings.state_dir, f'{self.id}.relay')
        self.calls = Calls(self, self.keys, self.id)
        self.controller.schedule, self.controller.priority = settings.first_schedule(), settings.first_priority
        self.controller.rank = settings.rank
        self._droop = Droop(settings, self.id, self.controller)
        self._kept: dict = {}
        self.capture = Capture(self._restore())
        self._zone = settings.zone
        self._arrived: list[Request] = []
        self._refused = 0
        self._foreign = 0
        self._said: dict[object, float] = {}
        self._islanded: bool | None = None
        self._measurement: Measurement | None = None
        self._readings = self._signatures = 0
        self._signature_at = -math.inf
        self._told: tuple = ()
        self._told_at = self._commanded_at = self._cycled_at = self._saved_at = -math.inf
        self._told_heat = 0.0
        self._told_demand = self._inrush = math.nan
        self._command: tuple[bool, float] | None = None
        self._fence = self.controller.requests.gate.highest
        self._features = convert.features(settings.throttleable, self._keys.required)
        self._trip, self._job, self._job_at = self.controller.protection.trip, None, -math.inf

        rows = [interfaces.READINGS, interfaces.SIGNATURES, interfaces.WAVEFORMS, interfaces.STATES, interfaces.RELAYS,
                interfaces.JOBS] + [interfaces.ECHO] * settings.echo
        self._to = {row.name: row.publisher(self) for row in rows}
        self._heard_on = [row.subscription(self, callback) for row, callback in (
            (interfaces.ADC, self._on_samples), (interfaces.REQUEST, self._on_request), (interfaces.TIE, self._on_tie))]
        self._devices = Devices(self, self._keeper, self._say_once)
        self._answers = Services(self)
        self._jobs = JobServer(self, self.controller.jobs, self.id, self._accepts_jobs, self.save_memory)
        return super().on_configure(state)

    def on_activate(self, state) -> TransitionCallbackReturn:
        self.active = True
        self._heard, self._heard_any = self.now(), False
        self._listeners = 0
        self._timer = self.create_timer(WATCH_PERIOD, self._watch)
        self.health.check('samples', STALE, 'waiting for the first')
        return super().on_activate(state)

    def on_deactivate(self, state) -> TransitionCallbackReturn:
        self.active = False
        self.destroy_timer(self._timer)
        self._command_relay(self.now(), self.controller.release(self.now()), math.inf)
        self._to['relays'].wait_for_all_acked(LAST_WORD)
        self.save_memory()
        self._devices.save()
        self._measurement = None
        self.health.check('samples', OK, 'not active')
        return super().on_deactivate(state)

    def on_cleanup(self, state) -> TransitionCallbackReturn:
        self._jobs.destroy()
        self._answers.destroy()
        self._devices.destroy()
        for subscription in self._heard_on:
            self.destroy_subscription(subscription)
        for publisher in self._to.values():
            self.destroy_publisher(publisher)
        return super().on_cleanup(state)

    # What comes in.

    def _on_samples(self, message: msg.Samples) -> None:
        if not self.active:
            return
        now = self.now()
        if message.outlet != self.id:
            self._foreign += 1
            self._say_once(now, 'foreign', f'samples of {message.outlet!r} on the topic of {self.id!r} are dropped')
            return
        block = convert.block(message)
        captured = self.capture.take(now, block)
        if isinstance(captured, Drop):
            self._say_once(now, captured, f'a block of samples is dropped: {captured.value}')
            return
        if captured.lost:
            self._say_once(now, 'lost', f'{captured.lost} blocks are missing before number {message.sequence}')
        self._heard, self._heard_any, self._measurement = now, True, captured.measurement
        self._droop.look(now, block)
        self._cycle(now)
        self._publish_reading(captured)
        if captured.changed:
            self._show(now, msg.Signature.REASON_CHANGE)
        elif not 0.0 <= now - self._signature_at < self.settings.signature_heartbeat:
            self._show(now, msg.Signature.REASON_HEARTBEAT)

    def _on_request(self, message: msg.Request) -> None:
        if message.voice == CALL:
            if refusal := self.calls.hear(message):
                self._refuse(self.now(), message, refusal)
        elif self.active:
            self._arrived.append(request(message))

    def _on_tie(self, message: msg.Breaker) -> None:
        known = {msg.Breaker.STATE_OPEN: True, msg.Breaker.STATE_CLOSED: False}
        self._islanded = known.get(message.state)
        self._droop.tie(self.now(), {True: False, False: True}.get(self._islanded), message.grid_alive)

    def _accepts_jobs(self) -> str:
        return '' if self.active else 'the outlet is not active'

    # One cycle.

    def _watch(self) -> None:
        now = self.now()
        silent = now - self._heard
        if not 0.0 <= silent <= self.settings.silence_max:
            self._measurement = None
        if now - self._cycled_at > WATCH_PERIOD / 2:
            self._cycle(now)
        self._devices.step(now)
        self._keys.report(self.health, self.id)
        listeners = self._to['signatures'].get_subscription_count()
        if listeners > self._listeners and self._measurement is not None:
            self._signature_at = -math.inf  # an identifier that starts late must not wait for the heartbeat
        self._listeners = listeners
        dropped = {drop.name.lower(): count for drop, count in self.capture.dropped.items()}
        values = {'lost': self.capture.lost, 'foreign': self._foreign, **dropped}
        if self._measurement is not None:
            self.health.check('samples', OK, 'coming', **values)
        elif not 0.0 <= silent <= (self.settings.silence_max if self._heard_any else FIRST_WAIT):
            self.health.check('samples', ERROR, f'none for {silent:.0f} s: blind', **values)

    def _cycle(self, now: float) -> None:
        """Decide once from a frozen snapshot, and do it."""
        arrived, self._arrived = tuple(self._arrived), []
        local = datetime.fromtimestamp(now, self._zone)
        if arrived:
            self.controller.requests.ring = self._keys.ring(self.id)
        snapshot = Snapshot(self._measurement, local.weekday(), local.hour * 60 + local.minute, bool(self._islanded),
                            arrived, self._droop.word(now))
        decision = self.controller.step(now, snapshot)
        self._cycled_at = now
        for refused in decision.refused:
            self._refuse(now, refused.request, refused.refusal.value)
        if any(request.voice == Voice.PERSON for request in arrived):
            self.save_preferences()
        moved = False
        if self.controller.relay.closed is not None:
            moved = self._command_relay(now, decision.closed, decision.band.power_max)
        self._tell(now, decision)
        self._follow_job(now, decision.job, decision.reason)
        fence = self.controller.requests.gate.highest
        durable = decision.trip is not self._trip or fence != self._fence
        if moved or durable:
            self.save_memory(durable)
            self._trip, self._fence = decision.trip, fence
        elif not 0.0 <= now - self._saved_at < self.settings.save_period:
            self.save_memory(durable=False)

    def _command_relay(self, now: float, closed: bool, power_max: float) -> bool:
        """Send the relay its command when it is another or a heartbeat is due; return whether the relay moves."""
        before, self._command = self._command, (closed, power_max)
        if before == self._command and 0.0 <= now - self._commanded_at < self.settings.heartbeat:
            return False
        self._commanded_at = now
        self._to['relays'].publish(self._keys.sign_setpoint(msg.RelayCommand(
            stamp=to_msg(now), outlet=self.id, closed=closed, power_max=power_max, counter=self._counter.next()), now))
        return before is None or before[0] != closed

    def _tell(self, now: float, decision: Decision) -> None:
        """Publish the state when it is another or a heartbeat is due, and judge the outlet's health."""
        blind = self._measurement is None
        demand = self.controller.demand
        told = (decision.closed, decision.waiting > 0.0, decision.band, decision.voice, decision.reason, decision.trip,
                decision.priority, self.controller.rank, decision.welded, blind, self._refused)
        same = (told == self._told and abs(decision.thermal_load - self._told_heat) < WARM
                and not _another(demand, self._told_demand))
        if same and 0.0 <= now - self._told_at < self.settings.heartbeat:
            return
        self._told, self._told_at, self._told_heat = told, now, decision.thermal_load
        self._told_demand = demand
        reason = decision.reason
        if blind and not reason.startswith('no samples'):
            reason = f'no samples; {reason}'
        if self.controller.relay.closed is None:
            relay = msg.OutletState.RELAY_UNKNOWN
        else:
            relay = msg.OutletState.RELAY_CLOSED if decision.closed else msg.OutletState.RELAY_OPEN
        self._to['states'].publish(msg.OutletState(
            stamp=to_msg(now), outlet=self.id, relay=relay, trip=decision.trip, waiting=decision.waiting > 0.0,
            voice=decision.voice, power_min=decision.band.power_min, power_max=decision.band.power_max,
            reason=convert.short(reason), priority=decision.priority, rank=self.controller.rank, demand=demand,
            inrush=self._inrush, thermal_load=decision.thermal_load,
            deferrable=self.settings.deferrable, title=convert.short(self.settings.title, 64),
            requests_refused=self._refused, features=self._features))
        values = {'thermal_load': decision.thermal_load, 'requests_refused': self._refused}
        if decision.trip is not Trip.NONE:
            self.health.check('protection', ERROR, decision.reason, **values)
        elif decision.welded:
            self.health.check('protection', ERROR, 'current flows through the open relay', **values)
        else:
            self.health.check('protection', OK, 'no trip', **values)

    def _refuse(self, now: float, asked: Request | msg.Request, refusal: str) -> None:
        self._refused += 1
        self._say_once(now, (refusal, asked.sender),
                       f'a request of {asked.sender!r} (voice {asked.voice}, epoch {asked.epoch}, counter '
                       f'{asked.counter}) is refused: {refusal}')

    def _follow_job(self, now: float, job: Job | None, reason: str) -> None:
        if job is not None and (self._job is None or job.status is not self._job.status or job.id != self._job.id
                                or job.deadline != self._job.deadline
                                or (job != self._job and not 0.0 <= now - self._job_at < JOB_PERIOD)):
            ended = job.status.ended
            self._job, self._job_at = job, now
            self._to['jobs'].publish(convert.job(self.id, now, job))
            self.save_memory(durable=ended)
        self._jobs.follow(now, job, convert.short(reason))

    # What goes out beside the decision.

    def _publish_reading(self, captured: Captured) -> None:
        if captured.reading is None:
            return
        self._readings += 1
        if math.isnan(captured.reading.metering.frequency):
            supply = msg.Reading.SUPPLY_NONE
        else:
            supply = {None: msg.Reading.SUPPLY_UNKNOWN, True: msg.Reading.SUPPLY_ISLAND,
                      False: msg.Reading.SUPPLY_GRID}[self._islanded]
        message = convert.reading(self.id, self._readings, captured.reading, supply)
        self._to['readings'].publish(message)
        if 'reading' in self._to:
            self._to['reading'].publish(message)

    def _show(self, now: float, reason: int) -> None:
        """Publish signature and raw window of the newest cycles; nothing without mains."""
        self._signature_at = now
        try:
            found = self.capture.signature()
        except WaveformError as error:
            self._say_once(now, 'signature', f'no signature: {error}')
            return
        if found is None:
            return
        inrush = float(found[0].inrush_ratio)
        if not math.isnan(inrush):
            self._inrush = inrush if math.isnan(self._inrush) else max(self._inrush, inrush)
        self._signatures += 1
        self._to['signatures'].publish(convert.signature(self.id, self._signatures, reason, *found))
        self._to['waveforms'].publish(convert.waveform(self.id, self._signatures, reason, self.capture.raw()))
        self._devices.see(now, self._signatures, reason, *found)

    def show_now(self) -> msg.Waveform | None:
        """Publish the newest window because somebody asked, and return it; None when there is none."""
        if self._measurement is None:
            return None
        self._show(self.now(), msg.Signature.REASON_REQUEST)
        return convert.waveform(self.id, self._signatures, msg.Waveform.REASON_REQUEST, self.capture.raw())

    # What outlives a restart.

    def _restore(self) -> float:
        """Take back what was kept, and return the energy counter [kWh]."""
        now, energy = self.now(), 0.0
        preferences, trouble = self._keeper.load('preferences')
        if preferences is not None:
            try:
                self.controller.restore_preferences(now, preferences)
            except ValueError as error:
                trouble = self._keeper.set_aside('preferences', str(error))
        self._complain(trouble)
        memory, trouble = self._keeper.load('memory')
        if memory is not None:
            try:
                energy = EnergyCounter(memory['energy_kwh']).energy_kwh
                self.controller.restore_memory(now, memory['controller'])
            except (KeyError, OverflowError, TypeError, ValueError) as error:
                trouble = self._keeper.set_aside('memory', repr(error))
        self._complain(trouble)
        return energy

    def save_preferences(self) -> None:
        """Keep what a person set, when it is another than what is kept."""
        preferences = self.controller.preferences()
        if preferences != self._kept:
            self._kept = preferences
            self._stored(self._keeper.save('preferences', preferences, durable=True))

    def save_memory(self, durable: bool = True) -> None:
        """Keep energy counter, trip, heat, relay and job."""
        self._saved_at = self.now()
        data = {'energy_kwh': self.capture.energy.energy_kwh, 'controller': self.controller.memory()}
        self._stored(self._keeper.save('memory', data, durable))

    def _stored(self, trouble: str) -> None:
        kept = 'kept' if self.settings.state_dir else 'nothing is kept: state_dir is empty'
        self.health.check('storage', WARN if trouble else OK, trouble or kept)

    def _complain(self, trouble: str) -> None:
        if trouble:
            self.get_logger().error(trouble)

    def _say_once(self, now: float, kind: object, words: str) -> None:
        """Log a complaint unless one of its kind was logged lately."""
        if 0.0 <= now - self._said.get(kind, -math.inf) < REPEAT_AFTER:
            return
        if len(self._said) > 64:
            self._said.clear()
        self._said[kind] = now
        self.get_logger().warning(words)


def _another(demand: float, told: float) -> bool:
    """Return whether a demand [W] is worth a word after the one told."""
    if math.isnan(demand) or math.isnan(told):
        return math.isnan(demand) != math.isnan(told)
    return abs(demand - told) > max(DEMAND_STEP, DEMAND_SHARE * told)


def main() -> int:
    """Run an outlet until it is told to end."""
    return run(OutletNode)


if __name__ == '__main__':
    raise SystemExit(main())
