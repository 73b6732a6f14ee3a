"""The battery inverters of a home: each follows the grid by its orders, or they form an island side by side.

Alone one is a voltage behind its output impedance. Several share by droop: each has its own voltage, angle and
frequency, and a virtual reactance by which power moves the angle (`island.droop`). To the rest of the home they are one
source (Thévenin); what each gives is told apart afterwards. Firmware: ranks and slots on a dead bus (`BlackStart`), and
joining a live one in step.
"""
import cmath
import math

import numpy as np

from ..island.black_start import BlackStart, BlackStartSettings, Phase
from .battery import Battery, Former, Mode, Setpoint
from .loads import ORDERS
from .settings import BatterySettings, SupplySettings

VIRTUAL = 0.15      # reactance over V²/rating that each of several emulates [1]
JOIN_WAIT = 1.0     # how long an island must be well before another inverter joins it [s]
JOIN_VOLTAGE = 0.85  # over nominal, for that [1]
FOLLOW_TIME = 0.2   # of an inverter's power after a new setpoint [s]


class Inverter:
    """One of them. on : whether it feeds the island now.     level : of its voltage during a black start [1]
    angle : of its voltage against the home's phase [rad]     power : last given to an island [W]
    follow : what it draws while the grid feeds [W + j var]
    """

    def __init__(self, name: str, settings: BatterySettings, supply: SupplySettings, virtual: float) -> None:
        self.name, self.settings = name, settings
        self.battery = Battery(settings)
        self.former = Former(settings, supply.voltage, supply.frequency)
        # A member may bar it by MODE_IDLE; silence does not.
        self.start = BlackStart(BlackStartSettings(ramp=settings.soft_start), settings.rank)
        self.order = Setpoint(Mode.FORM)
        self.on, self.level, self.angle, self.power, self.follow = False, 1.0, 0.0, 0.0, 0j
        orders = np.array(ORDERS)
        self.impedance = settings.resistance + 1j * orders * settings.reactance
        self.impedance[0] += 1j * virtual * supply.voltage**2 / settings.power_max

    def wanted(self, now: float) -> Setpoint:
        """Return the order that holds."""
        return self.order if now < self.order.expiry else Setpoint(Mode.FORM)

    def able(self, now: float, opened_at: float) -> bool:
        """Return whether it may feed a home whose tie opened at `opened_at` [s]."""
        return (self.settings.grid_forming and not self.battery.empty and now >= self.former.blocked_until
                and now - opened_at >= self.settings.start_delay and self.wanted(now).mode is not Mode.IDLE)

    def follow_on(self, now: float, duration: float, voltage: float, frequency: float) -> None:
        """Move towards what it was told [s], [V], [Hz]."""
        order = self.wanted(now)
        if now >= self.order.expiry:
            self.former.refer(voltage, frequency)
        target = 0j
        if order.mode is Mode.FOLLOW:
            active = self.battery.limit(order.active_power)
            spare = math.sqrt(max(0.0, self.settings.power_max**2 - active**2))
            target = complex(active, min(spare, max(-spare, order.reactive_power)))
        self.follow += (target - self.follow) * (1 - math.exp(-duration / FOLLOW_TIME))
        self.follow = complex(self.battery.limit(self.follow.real), self.follow.imag)


class Inverters:
    """All of a home, the first one is `battery`."""

    def __init__(self, named: tuple[tuple[str, BatterySettings], ...], supply: SupplySettings) -> None:
        self._nominal, self._hertz = supply.voltage, supply.frequency
        virtual = VIRTUAL if len(named) > 1 else 0.0
        self.all = tuple(Inverter(name, settings, supply, virtual) for name, settings in named)
        self.by_name = {unit.name: unit for unit in self.all}
        self._well_since = math.inf  # the island [s]

    @property
    def feeding(self) -> list[Inverter]:
        """Who makes a voltage; where all that began are silent for a moment, these."""
        on = [unit for unit in self.all if unit.on]
        return [unit for unit in on if unit.level > 0.0] or on

    @property
    def starting(self) -> bool:
        """Whether one of them is in a black start, or came out of one."""
        return any(unit.start.phase is not Phase.OFF for unit in self.all)

    @property
    def listening(self) -> bool:
        """Whether one of several speaks its rank, so that they must look at the bus more than once a cycle."""
        return len(self.all) > 1 and any(unit.start.phase is Phase.RANK for unit in self.all)

    @property
    def charge_max(self) -> float:
        """What those of the island can take. [W]"""
        return sum(unit.battery.charge_max for unit in self.all if unit.on)

    def idle(self, now: float) -> None:
        """Let the tie be closed."""
        self._well_since = math.inf
        for unit in self.all:
            unit.on = False
            unit.start.step(now, math.nan, False, False)

    def form(self, now: float, opened_at: float, bus: complex, island: bool, spinning: bool) -> bool:
        """Return whether they feed the home behind the open tie.

        bus : what each sees at the board [V]     island : they fed it until now.
        spinning : the bus is live, or was a moment ago, so that it is taken over without a gap.
        """
        seen = abs(bus) / self._nominal
        well = island and seen > JOIN_VOLTAGE and all(unit.level == 1.0 for unit in self.all if unit.on)
        self._well_since = min(self._well_since, now) if well else math.inf
        takes_over = spinning and not island and not self.starting
        for unit in self.all:
            able = unit.able(now, opened_at)
            if unit.start.phase is Phase.OFF and able and (unit.on or takes_over):
                unit.angle = unit.angle if unit.on else 0.0
                unit.on, unit.level = True, 1.0
                continue
            if unit.start.phase is Phase.OFF and able and now - self._well_since >= JOIN_WAIT:
                unit.on, unit.level, unit.angle = True, 1.0, cmath.phase(bus)
                unit.former.begin(True, 0.0, 0.0)
                continue
            unit.level = unit.start.step(now, seen, True, able)
            on = unit.start.phase is not Phase.OFF
            unit.angle = unit.angle if unit.on and on else 0.0
            unit.on = on
        return any(unit.on for unit in self.all)

    def begin(self, live: complex) -> None:
        """Take over a bus that carries `live` [W + j var], each by its rating."""
        total = sum(unit.settings.power_max for unit in self.all if unit.on)
        for unit in self.all:
            if unit.on:
                part = live * (unit.settings.power_max / total)
                unit.former.begin(True, part.real, part.imag)

    def frequency(self) -> float:
        """Mean of those that feed, by rating. [Hz]"""
        units = self.feeding
        if len(units) == 1:
            return units[0].former.frequency()
        rating = [unit.settings.power_max for unit in units]
        return float(np.average([unit.former.frequency() for unit in units], weights=rating))

    def turn(self, duration: float) -> None:
        """Let the angles move apart as the frequencies are, over `duration` [s]."""
        units = self.feeding
        if len(units) > 1:
            mean = self.frequency()
            for unit in units:
                unit.angle += 2 * math.pi * (unit.former.frequency() - mean) * duration

    def voltage(self, unit: Inverter, boost: float) -> np.ndarray:
        """Return (orders,) what one makes [V]."""
        out = np.zeros(len(ORDERS), dtype=complex)
        out[0] = cmath.rect(unit.former.voltage() * (1 + boost) * unit.level, unit.angle)
        return out

    def impedance(self) -> np.ndarray:
        """Return (orders,) of all that feed. [Ω]"""
        units = self.feeding
        return units[0].impedance if len(units) == 1 else 1 / sum(1 / unit.impedance for unit in units)

    def emf(self, boost: float) -> np.ndarray:
        """Return (orders,) behind that [V]."""
        units = self.feeding
        if len(units) == 1:
            return self.voltage(units[0], boost)
        return self.impedance() * sum(self.voltage(unit, boost) / unit.impedance for unit in units)

    def currents(self, bus: np.ndarray, total: np.ndarray, boost: float) -> dict[str, np.ndarray]:
        """Return what each gives, (s, orders) like the bus [V] and their sum [A]."""
        units = self.feeding
        if len(units) == 1:
            return {units[0].name: total}
        return {unit.name: (self.voltage(unit, boost) - bus) / unit.impedance for unit in units}

    def after(self, now: float, durations: np.ndarray, bus: np.ndarray, currents: dict[str, np.ndarray]) -> None:
        """Take in what they gave to an island over stretches (s,) [s]: (s, orders) [V], [A]."""
        duration = float(durations.sum())
        self.turn(duration)
        for unit in self.all:
            if unit.name not in currents:
                unit.power = 0.0
                unit.battery.step(0.0, duration, unit.wanted(now).mode is not Mode.IDLE)
                continue
            current = currents[unit.name]
            given = durations @ (bus * current.conj()) / duration
            unit.power = float(given.real.sum())
            unit.battery.step(-unit.power, duration)
            unit.former.step(now, duration, float(given[0].real), float(given[0].imag),
                             float(np.linalg.norm(current[-1])))
