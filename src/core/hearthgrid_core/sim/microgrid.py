"""A micro-grid in motion: several inverters and generators, wires, and many outlets behind relays, on dynamic phasors.

Currents and voltages follow the sources' inner voltages at once; what moves is what the sources control. The inverters'
controller is `island.droop.Droop` itself, run at its own period as firmware would.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..island.droop import Droop
from ..settings import check_bounds, setting
from .microgrid_generators import Generators
from .microgrid_network import Line, Network, ZipLoads


@dataclass(frozen=True)
class MicrogridSettings:
    """Time steps. `step_max` = `step` keeps them fixed."""

    nominal_frequency: float = setting(50.0, 'Hz', 45.0, 65.0, 'Of the frame the phasors turn in at first.')
    nominal_voltage: float = setting(230.0, 'V', 90.0, 1000.0, 'RMS.')
    step: float = setting(0.002, 's', 1e-5, 0.01, "Of the simulation, and period of the inverters' control.")
    step_max: float = setting(0.05, 's', 1e-5, 1.0, 'While nothing moves.')
    rest: float = setting(1e-7, '1', 0.0, 1e-3, 'Change a step, over nominal, below which nothing moves.')

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.step_max < self.step:
            raise ValueError('step_max must not be below step')


class Microgrid:
    """Inverters first, then generators: (sources,) arrays in this order.

    nodes, lines, loads : the network, see `Network`.     at : the node of each inverter, then of each generator.
    clock_error : (inverters,) by how much each inverter's clock is fast [1]; it makes, and believes, so much more.

    now : [s]     angle : (sources,) of the inner voltages in a frame at the mean frequency [rad]
    power : (sources,) P + jQ given at the terminal over the last step [VA]     current : (sources,) phasors [A]
    """

    def __init__(
        self,
        nodes: int,
        lines: Sequence[Line],
        loads: ZipLoads,
        at: Sequence[int],
        droop: Droop | None = None,
        generators: Generators | None = None,
        clock_error: np.ndarray | None = None,
        settings: MicrogridSettings | None = None,
    ) -> None:
        self.settings = s = settings or MicrogridSettings()
        self.droop, self.generators = droop, generators
        parts = [part for part in (droop, generators) if part is not None]
        if not parts:
            raise ValueError('a micro-grid without a source')
        self.rating = np.concatenate([part.rating for part in parts])
        self._inverters = droop.rating.size if droop else 0
        self._fast = 1.0 + (np.zeros(self._inverters) if clock_error is None else np.asarray(clock_error, dtype=float))
        if self._fast.shape != (self._inverters,):
            raise ValueError('clock_error needs one number an inverter')
        impedance = ([droop.virtual_impedance] if droop else []) + ([generators.impedance] if generators else [])
        self.loads = loads
        self.network = Network(nodes, lines, at, np.concatenate(impedance), loads, s.nominal_voltage)
        self.now, self._step = 0.0, s.step
        self.angle = np.zeros(self.rating.size)
        self.power = np.zeros(self.rating.size, dtype=complex)
        self.current = np.zeros(self.rating.size, dtype=complex)
        self.on_step: Callable[[], None] | None = None  # what a measurement wants to see

    @property
    def frequency(self) -> np.ndarray:
        """What each source makes now. (sources,) [Hz]"""
        if self.generators is None:
            return self.droop.frequency * self._fast
        if self.droop is None:
            return self.generators.frequency
        return np.concatenate([self.droop.frequency * self._fast, self.generators.frequency])

    @property
    def mean_frequency(self) -> float:
        """Weighted by rating; what the network as a whole runs at. [Hz]"""
        return float(self.rating @ self.frequency / self.rating.sum())

    @property
    def terminal_voltage(self) -> np.ndarray:
        """(sources,) RMS. [V]"""
        return np.abs(self.network.voltage[self.network.source])

    def outlet_voltage(self) -> np.ndarray:
        """(loads,) RMS. [V]"""
        return np.abs(self.network.voltage[self.loads.node])

    def _made(self) -> np.ndarray:
        return np.concatenate([part.voltage for part in (self.droop, self.generators) if part is not None])

    def _inner(self) -> np.ndarray:
        return self._made() * np.exp(1j * self.angle)

    def touch(self) -> None:
        """Loads, references or offsets changed: look at them, in short steps again."""
        self.network.touch()
        self.wake()

    def wake(self) -> None:
        """References or offsets of the inverters changed."""
        self._step = self.settings.step
        if self.droop is not None:
            self.droop.refresh()

    def step(self, until: float) -> None:
        """Go on to `until` [s]."""
        while until - self.now > 1e-9:
            left = until - self.now
            self._advance(left if left < 1.5 * self._step else self._step)
            if self.on_step is not None:
                self.on_step()

    def settle(self, limit: float = 60.0) -> bool:
        """Go on until nothing moves, or for `limit` [s]; return whether it came to rest."""
        end = self.now + limit
        while self.now < end and self._step < self.settings.step_max:
            self.step(self.now + self._step)
        return self._step >= self.settings.step_max

    def _advance(self, duration: float) -> None:
        s, before = self.settings, self.frequency
        inner, made = self._inner(), self._made()
        flow = self.network.solve(inner)
        self.current = flow.current
        self.power = flow.voltage[self.network.source] * flow.current.conj()
        n = self._inverters
        if self.droop is not None:
            part = self.power[:n]
            self.droop.step(duration, part.real, part.imag, np.abs(flow.current[:n]))
        if self.generators is not None:
            self.generators.step(duration, self.power[n:].real)
        after = self.frequency
        turning = 0.5 * (before + after) if self.generators is not None else after
        mean = float(self.rating @ turning / self.rating.sum())
        self.angle += 2.0 * math.pi * duration * (turning - mean)
        self.now += duration
        moved = max(np.abs(after - before).max(), np.abs(after - mean).max() * duration) / s.nominal_frequency
        moved = max(moved, np.abs(self._made() - made).max() / s.nominal_voltage)
        self._step = min(2.0 * self._step, s.step_max) if moved < s.rest else s.step
