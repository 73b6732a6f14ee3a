"""Who feeds the home, moment by moment: utility through the tie, battery alone, or nobody; and PV beside them."""
import cmath
import math

import numpy as np

from ..island.ride_through import RideThrough, RideThroughSettings
from .battery import Mode, Setpoint
from .inverters import Inverter, Inverters
from .loads import ORDERS
from .meters import Meter, MeterReading, Source
from .network import LIVE, Solution
from .settings import WorldConfig
from .tie import Bus, Tie
from .utility import Utility, wrap
from .weather import Weather

FADE_TIME = 0.010           # how fast the voltage of an abandoned bus falls [s]
FADED = 1e-3                # of it: dead [1]
SPINNING = 0.1              # a bus dead for less is taken over at full voltage, else by a black start [s]
PV_CEASE = 0.5              # voltage over nominal below which a PV inverter pauses (IEEE 1547-2018, category III) [1]
PV_EFFICIENCY = 0.96
SYNC_GAIN, SYNC_SLIP = 0.5, 0.2     # slip per angle [Hz/rad], and at most [Hz]
SYNC_TIME = 0.1                     # of frequency and voltage towards the utility's [s]
SYNC_RATE = 0.15                    # of the frequency at most: loads take a faster fall for an overload [Hz/s]
SYNC_BOOST = 0.08                   # largest change of voltage for it [1]


class Supply:
    """Sources of the home and the state between them.

    source : who feeds the bus now.     frequency : of the home [Hz]     phase : of the home's source [rad]
    """

    def __init__(self, config: WorldConfig, generator: np.random.Generator, weather: Weather):
        self._config, self._weather = config, weather
        self._nominal, self._hertz = config.supply.voltage, config.supply.frequency
        self.utility = Utility(config.supply, generator)
        named = (('battery', config.battery), *config.further) if config.battery else ()
        self.inverters = Inverters(named, config.supply)
        first = self.inverters.all[0] if named else None
        self.battery = first and first.battery
        self._opened_at = math.inf                  # the tie [s]
        self.tie = Tie(config.tie, any(unit.settings.grid_forming for unit in self.inverters.all), self._hertz)
        self.source, self.phase, self.frequency = Source.GRID, self.utility.phase, self.utility.frequency
        self._board = self.utility.emf(self.phase)  # (orders,) last seen at the board [V]
        self._load = 0j                             # last seen power of all outlets [W + j var]
        self._pv_order = Setpoint(Mode.FORM)
        self._fade_since = -math.inf
        self._boost = 0.0
        self._pv_available = self._pv = 0.0
        self._ran = 0.0                             # since the start; unlike the clock it is never set back [s]
        self._service = RideThrough(RideThroughSettings(
            nominal_voltage=self._nominal, nominal_frequency=self._hertz, enter_ramp=0.0,
            enter_delay=config.pv.enter_wait if config.pv else 0.0), running=True)
        self.meters = {name: Meter(name) for name in
                       ('grid', *(('pv',) if config.pv else ()), *(name for name, _ in named))}

    def command(self, inverter: str, setpoint: Setpoint) -> None:
        """Obey a setpoint of a battery's inverter or of `pv`."""
        unit = self.inverters.by_name.get(inverter)
        if unit is None:
            self._pv_order = setpoint
            return
        unit.former.refer(setpoint.voltage, setpoint.frequency)
        unit.order = setpoint

    # What is so now.

    @property
    def steady(self) -> bool:
        """Whether nothing moves from cycle to cycle: the utility feeds, and is well."""
        return self.source is Source.GRID

    @property
    def irradiance(self) -> float:
        """[W/m²]"""
        if not self._config.pv:
            return math.nan
        return self._pv_available / (self._config.pv.power_max * PV_EFFICIENCY) * 1000.0

    def fading(self, now: float) -> float:
        """Return what is left of an abandoned bus' voltage [1]; 0 when dead."""
        left = math.exp(-(now - self._fade_since) / FADE_TIME)
        return left if left > FADED else 0.0

    def next_change(self, now: float) -> float:
        """Return when the supply next changes by itself [s]."""
        return min(self.utility.next_change(now), self.tie.deadline)

    def emf(self) -> np.ndarray:
        """Return (orders,) inner voltages against `phase` [V]; of an abandoned bus what it fades from."""
        if self.source is Source.GRID:
            return self.utility.emf(self.phase)
        if self.source is Source.ISLAND:
            return self.inverters.emf(self._boost)
        return self._board

    def impedance(self) -> np.ndarray:
        """Return (orders,) between source and board. [Ω]"""
        orders = np.array(ORDERS)
        if self.source is Source.GRID:
            return self._config.supply.resistance + 1j * orders * self._config.supply.reactance
        if self.source is Source.ISLAND:
            return self.inverters.impedance()
        return np.zeros(len(ORDERS), dtype=complex)

    def injection(self) -> complex:
        """Return the power inverters feed into the bus beside its source. [W + j var]"""
        if self.source is Source.NONE:
            return 0j
        return self._pv - (sum(unit.follow for unit in self.inverters.all) if self.source is Source.GRID else 0j)

    # What happens.

    def update(self, now: float) -> None:
        """Let script, breaker and inverters act on what they see at `now`."""
        self.utility.update(now)
        utility = self._utility_bus()
        self.tie.watch(now, utility)
        if not self.tie.closed:
            home = Bus(abs(self._board[0]) / self._nominal if self.source is Source.ISLAND else 0.0,
                       self.frequency / self._hertz, self.phase + cmath.phase(self._board[0]))
            self.tie.close(now, utility, home)
        if self.tie.closed:
            source = Source.GRID if utility.live else Source.NONE
            self._opened_at = math.inf
            self.inverters.idle(now)
        else:
            self._opened_at = min(self._opened_at, now)
            source = Source.ISLAND if self._forms(now) else Source.NONE
        if source is not self.source:
            self._change(source, now)

    def begin_block(self, now: float, duration: float) -> None:
        """Move what moves slowly: utility, sun, power of following inverters."""
        self.utility.move(now, duration)
        if self._config.pv:
            sun = min(1.2, self._weather.irradiance(now) / 1000.0)
            self._pv_available = self._config.pv.power_max * PV_EFFICIENCY * sun
        for unit in self.inverters.all:
            unit.follow_on(now, duration, self._nominal, self._hertz)
        self._set_pv(now)

    def begin_stretch(self, now: float, duration: float) -> None:
        """Set the home's frequency for a stretch."""
        if self.source is Source.GRID:
            self.phase, self.frequency = self.utility.phase, self.utility.frequency
        elif self.source is Source.ISLAND:
            self._set_pv(now)
            self._regulate(now, duration)

    def after(self, now: float, durations: np.ndarray, solution: Solution | None) -> None:
        """Take in what flowed over stretches of `durations` (s,) [s] that ended at `now`; None: nothing did."""
        duration = float(durations.sum())
        self.utility.run(duration)
        self.phase = wrap(self.phase + 2 * math.pi * self.frequency * duration)
        live = self.source is not Source.NONE and solution is not None
        still = np.zeros((len(durations), len(ORDERS)), dtype=complex)
        bus = solution.bus if live else still
        delivered = durations @ (bus * solution.source_current.conj()) / duration if live else still[0]
        if live:
            self._board = bus[-1]
            self._load = complex(delivered[0]) + self.injection()
        self._watch_pv(duration, live)
        island = live and self.source is Source.ISLAND
        given = self.inverters.currents(bus, solution.source_current, self._boost) if island else {}
        self._meter(durations, bus, solution if live else None, given)
        if island:
            self.inverters.after(now, durations, bus, given)
            return
        for unit in self.inverters.all:
            awake = self.source is Source.GRID and unit.wanted(now).mode is not Mode.IDLE
            unit.battery.step(unit.follow.real if live else 0.0, duration, awake)

    def read(self, now: float) -> list[MeterReading]:
        """Return a reading of each meter, and begin anew."""
        return [meter.read(now) for meter in self.meters.values()]

    @property
    def battery_power(self) -> float:
        """What the first battery's inverter draws, negative when it gives. [W]"""
        return self.drawn(self.inverters.all[0])

    def drawn(self, unit: Inverter) -> float:
        """Return what a battery's inverter draws, negative when it gives. [W]"""
        if self.source is Source.ISLAND:
            return -unit.power
        return unit.follow.real if self.source is Source.GRID else 0.0

    def angle(self) -> float:
        """Return the home's angle against the utility, NaN when either is dead. [rad]"""
        if self.source is Source.NONE or not self._utility_bus().live:
            return math.nan
        return 0.0 if self.tie.closed else wrap(self.phase + cmath.phase(self._board[0]) - self.utility.phase)

    def _utility_bus(self) -> Bus:
        return Bus(self.utility.voltage, self.utility.frequency / self._hertz, self.utility.phase)

    def _forms(self, now: float) -> bool:
        """Return whether inverters feed the home behind the open tie: without a gap, or by a black start."""
        if not self.inverters.all:
            return False
        spinning = self.source is not Source.NONE or now - self._fade_since < SPINNING
        live = 1.0 if self.source is not Source.NONE else self.fading(now)
        return self.inverters.form(now, self._opened_at, live * complex(self._board[0]),
                                   self.source is Source.ISLAND, spinning)

    def _change(self, source: Source, now: float) -> None:
        if source is Source.NONE:
            self._fade_since = now
        elif source is Source.ISLAND:
            started = self.inverters.starting
            rest = 0j if started else self._load - self._pv
            if started:
                self._board = np.zeros(len(ORDERS), dtype=complex)  # what it was is long gone
            self.inverters.begin(rest)
            self._boost = 0.0
        self.source = source

    def _regulate(self, now: float, duration: float) -> None:
        target, boost = self.inverters.frequency(), 0.0
        if self._pv < self._pv_available:  # the surplus has nowhere to go: the frequency tells the PV so
            pv = self._config.pv
            share = 1 - self._pv / self._pv_available
            target = max(target, self._hertz * (pv.curtail_start + share * (pv.curtail_stop - pv.curtail_start)))
        if self.tie.ready(now):
            apart = wrap(self.utility.phase - self.phase - cmath.phase(self._board[0]))
            target = self.utility.frequency + min(SYNC_SLIP, max(-SYNC_SLIP, SYNC_GAIN * apart))
            boost = self._boost + self.utility.voltage - abs(self._board[0]) / self._nominal
            move = (target - self.frequency) * (1 - math.exp(-duration / SYNC_TIME))
            target = self.frequency + min(SYNC_RATE * duration, max(-SYNC_RATE * duration, move))
        boost = min(SYNC_BOOST, max(-SYNC_BOOST, boost))
        self._boost += (boost - self._boost) * (1 - math.exp(-duration / SYNC_TIME))
        self.frequency = target

    def _set_pv(self, now: float) -> None:
        """What the PV feeds in: the sun's, less what it was told, less what an island cannot take."""
        if not self._config.pv:
            return
        order = self._pv_order if now < self._pv_order.expiry else Setpoint(Mode.FORM)
        most = {Mode.IDLE: 0.0, Mode.FOLLOW: max(0.0, -order.active_power), Mode.FORM: math.inf}[order.mode]
        paused = self.source is not Source.NONE and abs(self._board[0]) < PV_CEASE * self._nominal
        self._pv = 0.0 if paused else min(self._pv_available * self._service.service.power_max, most)
        if self.source is Source.ISLAND:
            self._pv = min(self._pv, max(0.0, self._load.real + self.inverters.charge_max))

    def _watch_pv(self, duration: float, live: bool) -> None:
        """Let the PV inverter see what the bus was: what it must trip on, and when it may return."""
        self._ran += duration
        seen = (float(abs(self._board[0])), self.frequency) if live else (0.0, math.nan)
        if not self._service.step(self._ran, *seen).power_max:
            self._pv = 0.0

    def _meter(self, durations: np.ndarray, bus: np.ndarray, solution: Solution | None,
               given: dict[str, np.ndarray]) -> None:
        """Sign: drawn from the bus; at `grid` imported. given : by inverter, (s, orders) [A]"""
        still = np.zeros_like(bus)
        injected = still.copy()
        source_current = still if solution is None else solution.source_current
        alive = np.abs(bus[:, 0]) > LIVE * self._nominal
        injected[alive, 0] = 1.0 / bus[alive, 0].conj()  # the current of one watt fed in
        grid = self.source is Source.GRID
        frequency = self.frequency if solution is not None else math.nan
        for name, meter in self.meters.items():
            voltage, current, hertz = bus, still, frequency
            if name == 'grid':
                if self.tie.closed:
                    current = source_current if grid else still
                else:
                    voltage = np.broadcast_to(self.utility.emf(self.utility.phase), bus.shape)
                    hertz = self.utility.frequency if self._utility_bus().live else math.nan
            elif name == 'pv':
                current = -self._pv * injected
            elif grid:
                current = self.inverters.by_name[name].follow.conjugate() * injected
            else:
                current = -given.get(name, still)
            meter.add(durations, voltage, current, hertz, self.source)
