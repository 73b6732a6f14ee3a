"""A micro-grid whose inverters run secondary control, each on its own clock, over a network that loses messages."""

import heapq
from collections.abc import Callable
from random import Random

from ..island.secondary import LetGo, Measured, Offsets, Secondary, SecondarySettings, Share
from .microgrid import Microgrid
from .radio import Radio, RadioSettings

STILL = 1e-5  # an offset that moves less needs no short steps [Hz]


class Regulated:
    """`run` moves grid and machines on together. The same seed gives the same run.

    drift : largest error of a machine's clock, in the pace of its timers [1].
    machine : makes one inverter's machine from (settings, name, members, now); measurements put baselines here.
    """

    def __init__(
        self,
        grid: Microgrid,
        seed: int,
        radio: RadioSettings | None = None,
        settings: SecondarySettings | None = None,
        drift: float = 0.01,
        machine: Callable[..., Secondary] = Secondary,
    ) -> None:
        rng = Random(seed)
        self.grid, self.radio = grid, Radio(radio or RadioSettings(), rng)
        count = grid.droop.rating.size
        self.names = tuple(f'i{k}' for k in range(count))
        self._rate = [1.0 + rng.uniform(-drift, drift) for _ in self.names]
        self._offset = [rng.uniform(0.0, 100.0) for _ in self.names]
        settings = settings or SecondarySettings()
        begin = [grid.now + rng.uniform(0.0, settings.period) for _ in self.names]
        self.machines = [
            machine(settings, name, self.names, self._local(k, begin[k])) for k, name in enumerate(self.names)
        ]
        self._air: list[tuple[float, int, int, Share]] = []  # (arrives [s], order, receiver, word)
        self._sent = 0

    def _local(self, k: int, now: float) -> float:
        return self._offset[k] + self._rate[k] * now

    def let_go(self, on: bool) -> None:
        """Tell every machine to let its offsets leak, or to stop it."""
        for k in range(len(self.machines)):
            self._do(k, self.grid.now, LetGo(on))

    def run(self, until: float) -> None:
        """Go on to `until` [s]."""
        while True:
            ticks = [(m.deadline - self._offset[k]) / self._rate[k] for k, m in enumerate(self.machines)]
            tick = min(ticks)
            arrival = self._air[0][0] if self._air else float('inf')
            now = min(tick, arrival)
            if now > until:
                break
            if arrival <= tick:  # hearing moves nothing, so the grid need not stop for it
                now, _, k, word = heapq.heappop(self._air)
                self._do(k, now, word)
            else:
                self.grid.step(now)
                k = ticks.index(tick)
                self._do(k, now + 1e-9, self._measure(k))
        self.grid.step(until)

    def _measure(self, k: int) -> Measured:
        grid, droop = self.grid, self.grid.droop
        return Measured(
            frequency=float(droop.frequency[k]),  # by its own clock
            active=float(droop.active_power[k] / droop.rating[k]),
            reactive=float(droop.reactive_power[k] / droop.rating[k]),
            voltage=float(grid.terminal_voltage[k] / droop.nominal_voltage[k]),
            limited=bool(droop.limited[k]),
        )

    def _do(self, k: int, now: float, event: object) -> None:
        droop = self.grid.droop
        for action in self.machines[k].step(self._local(k, now), event):
            if isinstance(action, Offsets):
                moved = abs(action.frequency - droop.frequency_offset[k])
                moved = max(moved, abs(action.voltage - droop.voltage_offset[k]))
                droop.frequency_offset[k], droop.voltage_offset[k] = action.frequency, action.voltage
                if moved > STILL:
                    self.grid.wake()
                continue
            for receiver in range(len(self.machines)):
                if receiver != k:
                    for arrival in self.radio.arrivals(now, k, receiver):
                        self._sent += 1
                        heapq.heappush(self._air, (arrival, self._sent, receiver, action))
