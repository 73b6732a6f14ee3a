"""Who feeds the home, moment by moment: utility through the tie, battery alone, or nobody; and PV beside them."""
import cmath
import math

import numpy as np

from ..island.black_start import BlackStart, BlackStartSettings, Phase
from ..island.ride_through import RideThrough, RideThroughSettings
from .battery import Battery, Former, Mode, Setpoint
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
FOLLOW_TIME = 0.2           # of an inverter's power after a new setpoint [s]
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
        self.battery = Battery(config.battery) if config.battery else None
        self._former = Former(config.battery, self._nominal, self._hertz) if config.battery else None
        # What follows is the battery inverter's firmware. A member may bar it by MODE_IDLE; silence does not.
        self._start = config.battery and BlackStart(BlackStartSettings(ramp=config.battery.soft_start),
                                                    config.battery.rank)
        self._level = 1.0                           # of its voltage, during a black start [1]
        self._opened_at = math.inf                  # the tie [s]
        self.tie = Tie(config.tie, bool(config.battery and config.battery.grid_forming), self._hertz)
        self.source, self.phase, self.frequency = Source.GRID, self.utility.phase, self.utility.frequency
        self._board = self.utility.emf(self.phase)  # (orders,) last seen at the board [V]
        self._load = 0j                             # last seen power of all outlets [W + j var]
        self._orders = {'battery': Setpoint(Mode.FORM), 'pv': Setpoint(Mode.FORM)}
        self._follow = 0j                           # what the following battery draws [W + j var]
        self._fade_since = -math.inf
        self._boost = 0.0
        self._pv_available = self._pv = 0.0
        self._ran = 0.0                             # since the start; unlike the clock it is never set back [s]
        self._service = RideThrough(RideThroughSettings(
            nominal_voltage=self._nominal, nominal_frequency=self._hertz, enter_ramp=0.0,
            enter_delay=config.pv.enter_wait if config.pv else 0.0), running=True)
        self.meters = {name: Meter(name) for name, there in
                       (('grid', True), ('pv', config.pv), ('battery', config.battery)) if there}

    def command(self, inverter: str, setpoint: Setpoint) -> None:
        """Obey a setpoint of `battery` or `pv`."""
        if inverter == 'battery':
            self._former.refer(setpoint.voltage, setpoint.frequency)
        self._orders[inverter] = setpoint

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
            out = np.zeros(len(ORDERS), dtype=complex)
            out[0] = self._former.voltage() * (1 + self._boost) * self._level
            return out
        return self._board

    def impedance(self) -> np.ndarray:
        """Return (orders,) between source and board. [Ω]"""
        orders = np.array(ORDERS)
        if self.source is Source.GRID:
            return self._config.supply.resistance + 1j * orders * self._config.supply.reactance
        if self.source is Source.ISLAND:
            return self._config.battery.resistance + 1j * orders * self._config.battery.reactance
        return np.zeros(len(ORDERS), dtype=complex)

    def injection(self) -> complex:
        """Return the power inverters feed into the bus beside its source. [W + j var]"""
        if self.source is Source.NONE:
            return 0j
        return self._pv - (self._follow if self.source is Source.GRID else 0j)

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
            if self._start:
                self._start.step(now, math.nan, False, False)
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
        if self.battery:
            order = self._order('battery', now)
            if now >= self._orders['battery'].expiry:
                self._former.refer(self._nominal, self._hertz)
            target = 0j
            if order.mode is Mode.FOLLOW:
                active = self.battery.limit(order.active_power)
                spare = math.sqrt(max(0.0, self._config.battery.power_max**2 - active**2))
                target = complex(active, min(spare, max(-spare, order.reactive_power)))
            self._follow += (target - self._follow) * (1 - math.exp(-duration / FOLLOW_TIME))
            self._follow = complex(self.battery.limit(self._follow.real), self._follow.imag)
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
        self._meter(durations, bus, solution if live else None)
        if self.battery is None:
            return
        if self.source is Source.ISLAND:
            self.battery.step(-float(delivered.real.sum()), duration)
            current = float(np.linalg.norm(solution.source_current[-1]))
            self._former.step(now, duration, float(delivered[0].real), float(delivered[0].imag), current)
        else:
            awake = self.source is Source.GRID and self._order('battery', now).mode is not Mode.IDLE
            self.battery.step(self._follow.real if live else 0.0, duration, awake)

    def read(self, now: float) -> list[MeterReading]:
        """Return a reading of each meter, and begin anew."""
        return [meter.read(now) for meter in self.meters.values()]

    @property
    def battery_power(self) -> float:
        """What the battery inverter draws, negative when it gives. [W]"""
        if self.source is Source.ISLAND:
            return -(self._load.real - self._pv)
        return self._follow.real if self.source is Source.GRID else 0.0

    def angle(self) -> float:
        """Return the home's angle against the utility, NaN when either is dead. [rad]"""
        if self.source is Source.NONE or not self._utility_bus().live:
            return math.nan
        return 0.0 if self.tie.closed else wrap(self.phase + cmath.phase(self._board[0]) - self.utility.phase)

    def _utility_bus(self) -> Bus:
        return Bus(self.utility.voltage, self.utility.frequency / self._hertz, self.utility.phase)

    def _order(self, inverter: str, now: float) -> Setpoint:
        order = self._orders[inverter]
        return order if now < order.expiry else Setpoint(Mode.FORM)

    def _forms(self, now: float) -> bool:
        """Return whether the battery feeds the home behind the open tie: without a gap, or by its black start."""
        able = self._can_form(now)
        if not self._start:
            return False
        spinning = self.source is not Source.NONE or now - self._fade_since < SPINNING
        if able and spinning and self._start.phase is Phase.OFF:
            self._level = 1.0
            return True
        live = 1.0 if self.source is not Source.NONE else self.fading(now)
        self._level = self._start.step(now, live * abs(self._board[0]) / self._nominal, True, able)
        return self._start.phase is not Phase.OFF

    def _can_form(self, now: float) -> bool:
        return (self.battery is not None and self._config.battery.grid_forming and not self.battery.empty
                and now - self._opened_at >= self._config.battery.start_delay
                and self._order('battery', now).mode is not Mode.IDLE and now >= self._former.blocked_until)

    def _change(self, source: Source, now: float) -> None:
        if source is Source.NONE:
            self._fade_since = now
        elif source is Source.ISLAND:
            started = self._start.phase is not Phase.OFF
            rest = 0j if started else self._load - self._pv
            if started:
                self._board = np.zeros(len(ORDERS), dtype=complex)  # what it was is long gone
            self._former.begin(True, rest.real, rest.imag)
            self._boost = 0.0
        self.source = source

    def _regulate(self, now: float, duration: float) -> None:
        target, boost = self._former.frequency(), 0.0
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
        order = self._order('pv', now)
        most = {Mode.IDLE: 0.0, Mode.FOLLOW: max(0.0, -order.active_power), Mode.FORM: math.inf}[order.mode]
        paused = self.source is not Source.NONE and abs(self._board[0]) < PV_CEASE * self._nominal
        self._pv = 0.0 if paused else min(self._pv_available * self._service.service.power_max, most)
        if self.source is Source.ISLAND:
            self._pv = min(self._pv, max(0.0, self._load.real + self.battery.charge_max))

    def _watch_pv(self, duration: float, live: bool) -> None:
        """Let the PV inverter see what the bus was: what it must trip on, and when it may return."""
        self._ran += duration
        seen = (float(abs(self._board[0])), self.frequency) if live else (0.0, math.nan)
        if not self._service.step(self._ran, *seen).power_max:
            self._pv = 0.0

    def _meter(self, durations: np.ndarray, bus: np.ndarray, solution: Solution | None) -> None:
        """Sign: drawn from the bus; at `grid` imported."""
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
            elif not grid:
                current = -source_current
            else:
                current = self._follow.conjugate() * injected
            meter.add(durations, voltage, current, hertz, self.source)
