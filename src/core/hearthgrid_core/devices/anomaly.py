"""The watch over one outlet: what a person should know, in words."""
import math
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial

from ..waveform import FEATURES
from .alarm import Alarm, AnomalyEvent, Finding, Kind, Severity
from .channels import CHANNELS
from .course import Minutes
from .drift import Drift
from .electrical import Looks, Warmth
from .examples import DevicesError, checked_vector
from .habits import Habits
from .ledger import Ledger
from .limits import (
    Observation,
    SensorRule,
    Trip,
    is_dead,
    overcurrent,
    overtemperature,
    supply_voltage,
    tripped,
)
from .settings import AnomalySettings
from .tamper import Counter, impostor, unknown_device
from .view import appliance_view

DETECTOR_VERSION = 1
DEVICES = 4             # remembered of one outlet
START = 60.0            # until an outlet that was never heard may be called silent [s]
SILENT_CLEAR = 5.0      # heard again for so long [s]
WASTE_CLEAR = 600.0     # switched off for so long [s]
STEP_MAX = 90.0         # a reading stands for at most so long [s]
HOURS_A_YEAR = 8766.0
TRIPS = {Trip.OVERCURRENT: Kind.OVERCURRENT, Trip.OVERTEMPERATURE: Kind.OVERTEMPERATURE, Trip.SENSOR: Kind.SENSOR}
NAMES = {'peak': 'unusual power', 'burst': 'unusual hours', 'energy': 'unusual day', 'run': 'endless run',
         'pause': 'endless pause', 'standby': 'higher standby', 'noise': 'unsteady power', 'level': 'slow rise',
         'loss': 'slow fall', 'heat': 'hot contact', 'start': 'hard start', 'winding': 'winding', 'rest': 'series arc',
         'waveform': 'changed waveform'}


class _Device:
    """What is kept of one device on this outlet."""

    def __init__(self, habits: Habits, drift: Drift) -> None:
        self.habits, self.drift, self.looks = habits, drift, Looks()


class AnomalyDetector:
    """Takes the observations of one outlet and says what was raised and cleared. Never raises on what was measured.

    meter : it is no outlet but a meter of several loads or a source: only its voltage, its measurements and its silence
        are watched
    features, view : length of a signature vector, and from such vectors (m, features) to what is compared
    """

    def __init__(self, outlet: str, settings: AnomalySettings | None = None, meter: bool = False,
                 features: int = FEATURES, view=appliance_view) -> None:
        self.outlet = outlet
        self.refused = 0        # observations whose time did not pass, and signatures that cannot be used
        s = settings or AnomalySettings()
        self._settings, self._features, self._view = s, features, view
        self._heard: float | None = None
        self._began: float | None = None
        self._device = ''
        self._devices: OrderedDict[str, _Device] = OrderedDict()
        self._minutes, self._minute, self._counted = Minutes(), math.nan, None
        self._ledger, self._warmth, self._counter = Ledger(), Warmth(), Counter()
        self._sensor = SensorRule()
        self._silent = Alarm(outlet, 'silence', Kind.SILENT, 0.0, SILENT_CLEAR)
        rules = [
            ('supply voltage', Kind.VOLTAGE, s.voltage_after, s.clear_after, lambda o, up: supply_voltage(o, up, s)),
            ('implausible measurement', Kind.SENSOR, s.sensor_after, s.clear_after,
             lambda o, up: self._sensor.judge(o, s))]
        if not meter:
            rules += [
                *((f'trip, {trip.name.lower()}', kind, 0.0, 0.0, partial(tripped, trip))
                  for trip, kind in TRIPS.items()),
                ('over-current', Kind.OVERCURRENT, s.overcurrent_after, s.clear_after,
                 lambda o, up: overcurrent(o, up, s)),
                ('over-temperature', Kind.OVERTEMPERATURE, s.temperature_after, s.clear_after,
                 lambda o, up: overtemperature(o, up, s)),
                ('standby waste', Kind.WASTE, s.waste_after * 3600, WASTE_CLEAR, self._waste),
                ('unknown device', Kind.UNKNOWN_DEVICE, s.unknown_after, s.clear_after,
                 lambda o, up: unknown_device(o, up, s)),
                ('another device', Kind.TAMPER, s.tamper_after, s.clear_after, lambda o, up: impostor(o, up, s)),
                ('energy counter', Kind.TAMPER, 0.0, s.clear_after, self._counter.judge),
                *((title, CHANNELS[name].kind, 0.0, 0.0, partial(self._habit, name)) for name, title in NAMES.items())]
        self._rules = [(Alarm(outlet, name, kind, raise_after, clear_after, s.again_after * 3600), judge)
                       for name, kind, raise_after, clear_after, judge in rules]

    @property
    def raised(self) -> list[str]:
        """Ids of the alarms that are up."""
        return [alarm.id for alarm in self._alarms if alarm.up]

    @property
    def _alarms(self) -> list[Alarm]:
        return [self._silent, *(alarm for alarm, _ in self._rules)]

    def standing(self, now: float) -> list[AnomalyEvent]:
        """Return events that tell again what is up, for those who did not hear it."""
        return [event for alarm in self._alarms if (event := alarm.standing(now, self._ledger)) is not None]

    def step(self, now: float, observation: Observation | None = None) -> list[AnomalyEvent]:
        """Take what was seen at `now` [s]; None: only time passed. Return what was raised or cleared.

        Call it once a second or so with None as well, or silence goes unnoticed. An observation not younger than the
        last is refused and counted.
        """
        if not math.isfinite(now):
            self.refused += 1
            return []
        if self._began is None:
            self._began = now
        if observation is None:
            return self._events(now, [(self._silent, self._silence(now))])
        if self._heard is not None and now <= self._heard:
            self.refused += 1
            return []
        self._heard = now
        self._follow(now, observation)
        found = [(alarm, judge(observation, alarm.up)) for alarm, judge in self._rules]
        return self._events(now, [(self._silent, self._silence(now)), *found])

    def _events(self, now: float, found: list[tuple[Alarm, Finding | None]]) -> list[AnomalyEvent]:
        return [event for alarm, finding in found if (event := alarm.step(now, finding, self._ledger)) is not None]

    def _follow(self, now: float, observation: Observation) -> None:
        """Hand power, temperature and signature to the device that is plugged in, as far as it is known."""
        self._device = observation.type
        settings, device = self._settings, self._of_device()
        if math.isfinite(observation.active_power) and self._has_its_way(observation):
            # What flows back, and what no outlet can carry, is not consumption.
            limit = 2 * settings.nominal_voltage * settings.rated_current
            power = min(max(observation.active_power, 0.0), limit)
            step = 0.0 if self._counted is None else min(now - self._counted, STEP_MAX)
            self._counted = now
            price = observation.price if math.isfinite(observation.price) else math.nan
            self._ledger.add(now, step, power, price, observation.currency)
            whole = self._minutes.add(now, step, power)
            if whole is not None:
                self._minute = whole[1]
                device.habits.minute(*whole)
        self._counter.take(now, observation)
        device.habits.put('heat', self._warmth.take(now, observation.current, observation.temperature))
        if observation.signature is not None:
            try:
                vector = checked_vector(observation.signature, self._features)
            except DevicesError:
                self.refused += 1
                return
            device.drift.step(vector)
            if device.drift.ratio == device.drift.ratio:
                device.habits.put('waveform', math.log(max(device.drift.ratio, 0.1)))
            if self._features == FEATURES:
                for name, value in device.looks.take(vector).items():
                    device.habits.put(name, value)

    def _has_its_way(self, observation: Observation) -> bool:
        """Return whether what the load draws is its own doing: it is neither switched off nor without supply."""
        return not (observation.relay_open or observation.trip or is_dead(observation, self._settings))

    def _habit(self, name: str, observation: Observation, up: bool) -> Finding:
        return self._of_device().habits.finding(name)

    def _of_device(self) -> _Device:
        if self._device not in self._devices:
            self._devices[self._device] = _Device(Habits(self._settings), Drift(self._settings, self._view))
            while len(self._devices) > DEVICES:
                self._devices.popitem(last=False)
        self._devices.move_to_end(self._device)
        return self._devices[self._device]

    def _silence(self, now: float) -> Finding:
        bound = self._settings.silent_after
        if self._heard is None:
            since, bound = now - self._began, max(bound, START)
        else:
            since = now - self._heard
        if since <= bound:
            return Finding(Severity.UNKNOWN, since, bound)
        return Finding(Severity.WARNING, since, bound, f'was not heard for {since:.0f} s', since=now - since)

    def _waste(self, observation: Observation, up: bool) -> Finding | None:
        """A long plateau far below what the device draws in use. Use in between leaves the alarm as it is."""
        habits, settings, power = self._of_device().habits, self._settings, self._minute
        if not math.isfinite(power):
            return None
        if power < settings.waste_low or not self._has_its_way(observation):
            return Finding(Severity.UNKNOWN, power, 0.0)
        if power > min(settings.waste_high, settings.waste_share * habits.most):
            return None
        return Finding(Severity.INFO, power, 0.0,
                       f'stands by at {power:.1f} W for {settings.waste_after:.0f} h: '
                       f'about {power * HOURS_A_YEAR / 1000:.0f} kWh a year', excess=power)

    def state(self) -> dict:
        """Return what was learnt and what is up as plain values, for `restore`."""
        return {'version': DETECTOR_VERSION, 'ledger': self._ledger.state(), 'device': self._device,
                'alarms': {alarm.id: state for alarm in self._alarms if (state := alarm.state())},
                'devices': {name: {'habits': device.habits.state(), 'drift': device.drift.state()}
                            for name, device in self._devices.items()}}

    def restore(self, state: Mapping) -> None:
        """Take over what `state` returned, before the first step. DevicesError when it is foreign or damaged."""
        try:
            if state['version'] != DETECTOR_VERSION:
                raise DevicesError(f'saved with version {state["version"]!r}; this is {DETECTOR_VERSION}')
            devices = [(str(name), _Device(Habits.from_state(kept['habits'], self._settings),
                                           Drift.from_state(kept['drift'], self._settings, self._view)))
                       for name, kept in state['devices'].items()]
            ledger, up = Ledger.from_state(state['ledger']), dict(state['alarms'])
            device = str(state['device'])
            for alarm in self._alarms:
                if alarm.id in up:
                    alarm.restore(up[alarm.id])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DevicesError(f'what was saved of {self.outlet} cannot be used: {error}') from None
        self._devices = OrderedDict(devices[-DEVICES:])
        self._ledger, self._device = ledger, device
