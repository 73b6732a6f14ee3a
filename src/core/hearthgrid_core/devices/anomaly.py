"""The watch over one outlet: what a person should know, in words."""
import math
from collections import OrderedDict
from functools import partial

from ..waveform import FEATURES
from .alarm import Alarm, AnomalyEvent, Finding, Kind, Severity
from .drift import Drift
from .examples import DevicesError, checked_vector
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
from .usage import Usage
from .view import appliance_view

DEVICES = 4             # remembered of one outlet
START = 60.0            # until an outlet that was never heard may be called silent [s]
SILENT_CLEAR = 5.0      # heard again for so long [s]
WASTE_CLEAR = 600.0     # switched off for so long [s]
HOURS_A_YEAR = 8766.0
TRIPS = {Trip.OVERCURRENT: Kind.OVERCURRENT, Trip.OVERTEMPERATURE: Kind.OVERTEMPERATURE, Trip.SENSOR: Kind.SENSOR}


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
        self._devices: OrderedDict[str, tuple[Usage, Drift]] = OrderedDict()
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
                ('unusual power', Kind.POWER, 0.0, s.clear_after, lambda o, up: self._usage.peak),
                ('unusual consumption', Kind.POWER, 0.0, s.clear_after, lambda o, up: self._usage.hour),
                ('standby waste', Kind.WASTE, s.waste_after * 3600, WASTE_CLEAR, self._waste),
                ('changed waveform', Kind.WAVEFORM, 0.0, s.clear_after, lambda o, up: self._drift.judge(up))]
        self._rules = [(Alarm(outlet, name, kind, raise_after, clear_after), judge)
                       for name, kind, raise_after, clear_after, judge in rules]

    @property
    def raised(self) -> list[str]:
        """Ids of the alarms that are up."""
        return [alarm.id for alarm in (self._silent, *(alarm for alarm, _ in self._rules)) if alarm.up]

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
        return [event for alarm, finding in found if (event := alarm.step(now, finding)) is not None]

    def _follow(self, now: float, observation: Observation) -> None:
        """Hand power and signature to the device that is plugged in, as far as it is known."""
        self._device = observation.type
        if math.isfinite(observation.active_power) and self._has_its_way(observation):
            # What flows back, and what no outlet can carry, is not consumption.
            limit = 2 * self._settings.nominal_voltage * self._settings.rated_current
            self._usage.step(now, min(max(observation.active_power, 0.0), limit))
        if observation.signature is not None:
            try:
                self._drift.step(checked_vector(observation.signature, self._features))
            except DevicesError:
                self.refused += 1

    def _has_its_way(self, observation: Observation) -> bool:
        """Return whether what the load draws is its own doing: it is neither switched off nor without supply."""
        return not (observation.relay_open or observation.trip or is_dead(observation, self._settings))

    @property
    def _usage(self) -> Usage:
        return self._of_device()[0]

    @property
    def _drift(self) -> Drift:
        return self._of_device()[1]

    def _of_device(self) -> tuple[Usage, Drift]:
        if self._device not in self._devices:
            self._devices[self._device] = (Usage(self._settings), Drift(self._settings, self._view))
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
        return Finding(Severity.WARNING, since, bound, f'was not heard for {since:.0f} s')

    def _waste(self, observation: Observation, up: bool) -> Finding | None:
        """A long plateau far below what the device draws in use. Use in between leaves the alarm as it is."""
        usage, settings = self._usage, self._settings
        power, most = usage.minute, usage.most
        if not math.isfinite(power):
            return None
        if power < settings.waste_low or not self._has_its_way(observation):
            return Finding(Severity.UNKNOWN, power, 0.0)
        if power > min(settings.waste_high, settings.waste_share * most):
            return None
        return Finding(Severity.INFO, power, 0.0,
                       f'stands by at {power:.1f} W for {settings.waste_after:.0f} h: '
                       f'about {power * HOURS_A_YEAR / 1000:.0f} kWh a year')

