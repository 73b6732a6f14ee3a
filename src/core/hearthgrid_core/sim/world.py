"""The simulated home: deterministic, seeded, block after block of converter samples for every outlet."""
import heapq
import math
from collections.abc import Mapping, Sequence

import numpy as np

from .appliances import appliance
from .feeder import Feeder
from .house import House
from .market import Market
from .meters import Source
from .network import Solution, solve
from .records import (
    BatteryState,
    Block,
    Command,
    Plug,
    ScriptOutage,
    SetInverter,
    StartReplay,
    SwitchRelay,
    TieState,
    WorldOutput,
)
from .regulator import Regulator, SetRegulator
from .replay import Played, Player, Recording, ReplaySettings
from .settings import WorldConfig
from .supply import FADE_TIME, Supply
from .tie import DEAD
from .utility import Outage
from .waves import Converter, basis, start_current, write
from .weather import Weather

READ_EVERY = 1.0            # between readings of the board's meters [s]
RIDE_THROUGH = 0.02         # loads go through a dead bus this short (ITIC curve) [s]
CONTACT_RISE = 0.10         # of a closed contact's temperature per squared current [K/A²]
CONTACT_TIME = 120.0        # [s]
REFERENCE_BAND = 0.15       # droop references farther from nominal are refused [1]
SELF_HEATING = 3.0          # of the outlet's own electronics [K]


class World:
    """The home of one configuration and seed.

    start : time of the first sample, UNIX epoch. [s]
    recordings : by outlet id, what is played there instead of an appliance, in order, each with whether it is to teach.
    The same seed, and the same commands at the same times, give the same samples, however `step` is called.
    """

    def __init__(self, config: WorldConfig, seed: int, start: float = 0.0,
                 recordings: Mapping[str, Sequence[tuple[Recording, bool]]] | None = None,
                 replay: ReplaySettings | None = None):
        self.config = config
        self.rate, self.block = config.sampling_rate, config.block_samples
        self._epoch, self._sample, self._sequence = start, 0, 0
        self.weather = Weather(config.site, seed)
        self.market = Market(config.tariff, config.site, self.weather, seed)
        self.supply = Supply(config, np.random.default_rng([seed, 200]), self.weather)
        self.house = House(config, seed, start)
        self._regulator = Regulator(config.regulator) if config.regulator else None
        self.converter = Converter(config.adc, np.random.default_rng([seed, 201]))
        self._chance = np.random.default_rng([seed, 202])
        self._index = {outlet.id: k for k, outlet in enumerate(config.outlets)}
        self._feeder = Feeder([outlet.circuit or outlet.id for outlet in config.outlets],
                              [outlet.distance for outlet in config.outlets])
        self._players: dict[int, Player] = {}
        replay = replay or ReplaySettings()
        for outlet, order in (recordings or {}).items():
            if config.outlets[self._outlet(outlet)].appliance:
                raise ValueError(f'{outlet} has an appliance and recordings')
            self._players[self._index[outlet]] = Player(outlet, order, replay, self.rate, config.supply.frequency)
        self._drawn = np.zeros(len(config.outlets), dtype=complex)
        self._queue: list[tuple[int, int, str, Command]] = []
        self._commands = 0
        self._wanted = np.ones(len(config.outlets), dtype=bool)
        self._temperature = np.full(len(config.outlets), config.ambient + SELF_HEATING)
        self._heat = np.zeros(len(config.outlets))   # squared current of the block so far [A²·s]
        self._dead_since = math.inf
        self._last_read = 0

    @property
    def now(self) -> float:
        """When the next block begins. [s]"""
        return self.time_of(self._sample)

    @property
    def block_duration(self) -> float:
        """[s]"""
        return self.block / self.rate

    def time_of(self, sample: int) -> float:
        """Return the time of a sample [s]."""
        return self._epoch + sample / self.rate

    def check(self, command: Command) -> None:
        """Raise ValueError where a command names an outlet, inverter or appliance there is not, or a wild number."""
        if isinstance(command, SwitchRelay):
            self._outlet(command.outlet)
            if math.isnan(command.power_max) or command.power_max < 0:
                raise ValueError(f'{command.outlet}: a cap of {command.power_max} W')
        elif isinstance(command, Plug):
            if self._outlet(command.outlet) in self._players and command.appliance:
                raise ValueError(f'{command.outlet} plays recordings')
            appliance(command.appliance or '')
        elif isinstance(command, SetRegulator):
            if self._regulator is None:
                raise ValueError('there is no regulator')
            self._regulator.check(command)
        elif isinstance(command, SetInverter):
            if command.inverter == 'grid' or command.inverter not in self.supply.meters:
                raise ValueError(f'no inverter is called {command.inverter!r}')
            supply, setpoint = self.config.supply, command.setpoint
            if abs(setpoint.frequency / supply.frequency - 1) > REFERENCE_BAND:
                raise ValueError(f'a droop reference of {setpoint.frequency:g} Hz')
            if abs(setpoint.voltage / supply.voltage - 1) > REFERENCE_BAND:
                raise ValueError(f'a droop reference of {setpoint.voltage:g} V')

    def apply(self, command: Command, at: float | None = None) -> None:
        """Have a command take effect at time `at` [s], or with the next block where that has gone by.

        Raises ValueError as `check` does, changing nothing.
        """
        self.check(command)
        at = self.now if at is None else max(at, self.now)
        if isinstance(command, SwitchRelay):
            at += self.config.relay_delay
        self._push(self._sample_at(at), 'do', command)

    def step(self, until: float) -> WorldOutput:
        """Produce the blocks that end by `until` [s]."""
        blocks, readings, played = [], [], []
        while self.time_of(self._sample + self.block) <= until + 1e-9:
            blocks.append(self._next_block(played))
            if self._sample - self._last_read >= READ_EVERY * self.rate:
                readings += self.supply.read(self.now)
                self._last_read = self._sample
        supply, battery = self.supply, self.supply.battery
        alive = supply.utility.voltage > DEAD
        return WorldOutput(
            time=self.now, blocks=tuple(blocks), readings=tuple(readings), played=tuple(played),
            tie=TieState(supply.tie.closed, alive, supply.utility.voltage * self.config.supply.voltage,
                         supply.utility.frequency if alive else math.nan, supply.angle(), supply.tie.reason),
            battery=BatteryState(battery.soc, battery.settings.capacity_kwh, supply.battery_power) if battery else None,
            regulator=self._regulator and self._regulator.state(supply.utility.voltage * self.config.supply.voltage),
            source=supply.source, frequency=supply.frequency if supply.source is not Source.NONE else math.nan,
            further=tuple(BatteryState(unit.battery.soc, unit.settings.capacity_kwh, supply.drawn(unit), unit.name)
                          for unit in supply.inverters.all[1:]))

    def skip(self, until: float) -> int:
        """Give up the blocks that end by `until` [s], as if the world had stood still; return how many.

        Negative where the clock was set back; what waits for a time then waits for as much longer. `sequence` jumps
        either way.
        """
        lost = math.floor((until - self.now) / self.block_duration + 1e-9)
        if lost:
            self._epoch += lost * self.block_duration
            self._sequence += max(1, lost)
        return lost

    @property
    def replay_left(self) -> int:
        """How many recordings are still to be played to their end."""
        return sum(player.left for player in self._players.values())

    def _outlet(self, id: str) -> int:
        if id not in self._index:
            raise ValueError(f'no outlet is called {id!r}')
        return self._index[id]

    def _sample_at(self, time: float) -> int:
        return max(self._sample, math.ceil((time - self._epoch) * self.rate - 1e-3))

    def _push(self, sample: int, what: str, command: Command) -> None:
        heapq.heappush(self._queue, (sample, self._commands, what, command))
        self._commands += 1

    def _next_block(self, played: list[Played]) -> Block:
        first, end = self._sample, self._sample + self.block
        start, duration = self.time_of(first), self.block_duration
        if self._regulator and self._regulator.advance(start):
            self.supply.utility.ratio = self._regulator.ratio
        self.supply.begin_block(start, duration)
        self.house.wander(duration)
        self.house.forget_starts(first, self.rate)
        changes = end  # all programmes that move on in this block do so at one random sample of it
        if (self.house.next_change < self.time_of(end)).any():
            changes = first + int(self._chance.integers(self.block))
        shape = (len(self.config.outlets), self.block)
        voltage, current = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.float32)
        overlays: list[tuple[int, int, np.ndarray]] = []
        self._heat = np.zeros(shape[0])
        at, stale = first, True
        while at < end:
            self._sample = at
            now = self.time_of(at)
            stale |= self._obey(at)
            stale |= self._update_supply(now)
            if at >= changes:
                self.house.advance(now, self.time_of(end))
                changes, stale = end, True
            stop = self._next_event(at, now, min(end, changes))
            self.supply.begin_stretch(now, (stop - at) / self.rate)
            if stale or not self.supply.steady:
                self.house.refresh(at, self.supply.phase, self.supply.frequency / self.config.supply.frequency)
                stale = False
            self._stretch(at, stop, first, voltage, current, overlays, played)
            at = stop
        self._sample = end
        self.house.pause(self.supply.source is not Source.NONE, duration)
        return self._finish(start, voltage, current, overlays)

    def _next_event(self, at: int, now: float, latest: int) -> int:
        """Return the sample, after `at` and not after `latest`, up to which nothing is due to change."""
        stop = latest
        if not self.supply.steady:
            stop = min(stop, at + self.config.adc.samples_per_cycle // (2 if self.supply.inverters.listening else 1))
        if self._queue:
            stop = min(stop, self._queue[0][0])
        change = self.supply.next_change(now)
        if math.isfinite(change):
            stop = min(stop, self._sample_at(change))
        return max(stop, at + 1)

    def _finish(self, start: float, voltage: np.ndarray, current: np.ndarray,
                overlays: list[tuple[int, int, np.ndarray]]) -> Block:
        current[list(self._players)] = 0.0  # a recording's power is in the solution for the meter only
        counts = self.converter.counts(voltage, current)
        for outlet, offset, samples in overlays:
            for channel, values in zip(counts, self.converter.plain(samples), strict=True):
                channel[outlet, offset:offset + len(values)] = values
        for outlet in self._players:
            v, i = counts[0][outlet] * self.converter.voltage_scale, counts[1][outlet] * self.converter.current_scale
            quarter = np.roll(v, self.config.adc.samples_per_cycle // 4)
            self._drawn[outlet] = complex(np.mean(v * i), np.mean(quarter * i))
        target = self.config.ambient + SELF_HEATING + CONTACT_RISE * self._heat / self.block_duration
        self._temperature += (target - self._temperature) * (1 - math.exp(-self.block_duration / CONTACT_TIME))
        sequence, self._sequence = self._sequence, self._sequence + 1
        return Block(start, sequence, *counts, self._temperature.copy())

    def _update_supply(self, now: float) -> bool:
        """Return whether loads saw the supply come or go."""
        before = self.supply.source
        self.supply.update(now)
        source = self.supply.source
        if source is before:
            return False
        if source is Source.NONE:
            self._dead_since = now
        elif before is Source.NONE and now - self._dead_since > RIDE_THROUGH:
            self.house.power_cycle()
        return True

    def _obey(self, sample: int) -> bool:
        """Do what the queue holds for now; return whether loads are concerned."""
        touched = False
        while self._queue and self._queue[0][0] <= sample:
            _, _, what, command = heapq.heappop(self._queue)
            if isinstance(command, ScriptOutage):
                self._fail(command.outage)
            elif isinstance(command, StartReplay):
                for place, player in enumerate(self._players.values()):  # one after the other, as in life
                    player.begin(sample, player.period * place / len(self._players))
            elif isinstance(command, SetRegulator):
                self._regulator.command(command)
            elif isinstance(command, SetInverter):
                self.supply.command(command.inverter, command.setpoint)
            elif isinstance(command, Plug):
                outlet = self._index[command.outlet]
                if command.appliance is not None:
                    self.house.plug(outlet, command.appliance, self.time_of(sample))
                self.house.switch[outlet] = command.on
                touched = True
            else:
                touched |= self._move_relay(sample, what, command)
        return touched

    def _fail(self, outage: Outage | None) -> None:
        if outage is None:
            self.supply.utility.restore()
        else:
            self.supply.utility.script(outage)

    def _move_relay(self, sample: int, what: str, command: SwitchRelay) -> bool:
        """Close at once; open when the arc dies at the next zero crossing, unless told otherwise by then."""
        outlet = self._index[command.outlet]
        if what == 'do':
            self._wanted[outlet] = command.closed
            self.house.cap[outlet] = command.power_max
            if not command.closed and self.house.relay[outlet] and self.supply.source is not Source.NONE:
                turn = 2 * math.pi * self.supply.frequency / self.rate
                wait = math.ceil((math.pi / 2 - self.supply.phase) % math.pi / turn)
                self._push(sample + wait, 'part', command)
                return True
        self.house.relay[outlet] = self._wanted[outlet]
        return True

    def _stretch(self, at: int, stop: int, first: int, voltage: np.ndarray, current: np.ndarray,
                 overlays: list[tuple[int, int, np.ndarray]], played: list[Played]) -> None:
        """Compute samples at … stop into the block that began at sample `first`."""
        supply, house, begin = self.supply, self.house, at - first
        length, turn = stop - at, 2 * math.pi * supply.frequency / self.rate
        phase, alive = supply.phase, supply.source is not Source.NONE
        on = house.relay & house.switch
        for outlet, player in self._players.items():
            pieces, began = player.render(at, length, phase, turn, self.time_of)
            played += began
            if on[outlet] and alive:
                overlays += [(outlet, begin + offset, samples) for offset, samples in pieces]
        left = 1.0 if alive else supply.fading(self.time_of(at))
        end = self.time_of(stop)
        if not left:
            supply.after(end, np.array([length / self.rate]), None)
            return
        cycle = self.config.adc.samples_per_cycle
        edges = [*range(0, length, cycle), length] if house.starting else [0, length]
        durations = np.diff(edges) / self.rate
        extra = self._start_admittance(at, edges)
        solution = solve(supply.emf(), supply.impedance(), self._feeder, house.bank, house.level, extra,
                         supply.injection(), np.where(on, self._drawn, 0), self.config.supply.voltage)
        window = slice(begin, begin + length)
        write(voltage[:, window], current[:, window], solution, extra, edges, basis(phase, turn, length))
        self._add_starts(current[:, window], at, edges, phase, turn, solution)
        square = (np.abs(solution.current) ** 2).sum(axis=1)
        self._heat += durations @ square * left**2
        if not alive:
            fade = left * np.exp(-np.arange(length) / self.rate / FADE_TIME)
            voltage[:, window] *= fade
            current[:, window] *= fade
        supply.after(end, durations, solution if alive else None)

    def _start_admittance(self, at: int, edges: list[int]) -> np.ndarray:
        """Return (s, outlets) mean admittance of the starts under way. [S]"""
        extra = np.zeros((len(edges) - 1, len(self.config.outlets)), dtype=complex)
        bank = self.house.bank
        middles = at + (np.array(edges[:-1]) + np.array(edges[1:])) / 2
        for s in self.house.starting:
            if s.start.ratio > 1:
                share = s.start.envelope((middles - s.sample) / self.rate) * np.exp(-1j * s.start.angle)
                extra[:, bank.outlet[s.load]] += (share * self.house.level[s.load] * bank.rated_current[s.load]
                                                  / self.config.supply.voltage)
        return extra

    def _add_starts(self, current: np.ndarray, at: int, edges: list[int], phase: float, turn: float,
                    solution: Solution) -> None:
        if not self.house.starting:
            return
        bank = self.house.bank
        offset = np.arange(edges[-1])
        angle = phase + turn * offset
        for s in self.house.starting:
            outlet = bank.outlet[s.load]
            seen = np.repeat(solution.voltage[:, 0, outlet], np.diff(edges))
            since = (at + offset - s.sample) / self.rate
            current[outlet] += start_current(s.start, bank.rated_current[s.load], self.config.supply.voltage,
                                             self.house.level[s.load], complex(solution.loads[0, s.load]), seen, angle,
                                             since, s.phase)
