"""A radial low-voltage feeder: voltages at all customers by backward and forward sweeps, many moments at once."""
from dataclasses import dataclass

import numpy as np

from .loads import zip_admittance

SWEEPS = 200
TOLERANCE = 1e-10       # of a voltage over nominal
COLLAPSED = 0.05        # a source of constant power is not solved for below this voltage [pu]
HEAD = -1


class RadialError(ValueError):
    """A feeder that is no tree, or a load it cannot carry."""


@dataclass(frozen=True, eq=False)
class Demand:
    """What n buses draw in moments of any shape (...,).

    power : (..., n) complex power at nominal voltage [W + j var]; reactive positive when inductive.
    zip_p, zip_q : (..., n, 3) shares of constant impedance, current and power. [1]
    generation : (..., n) complex power fed in whatever the voltage [W + j var].
    """

    power: np.ndarray
    zip_p: np.ndarray
    zip_q: np.ndarray
    generation: np.ndarray

    def current(self, voltage: np.ndarray, nominal: float) -> np.ndarray:
        """Return (..., n) phasors drawn at voltage (..., n) [V]. [A]"""
        v = np.abs(voltage) / nominal
        admittance = (self.power.real * zip_admittance(self.zip_p, v)
                      - 1j * self.power.imag * zip_admittance(self.zip_q, v)) / nominal**2
        return admittance * voltage - np.conj(self.generation / voltage)


@dataclass(frozen=True, eq=False)
class Flow:
    """The solution. voltage : (..., n) phasors [V]     current : (..., n) drawn at each bus [A]
    head_power : (...,) complex, into the feeder [W + j var]     loss : (...,) in the wires [W]"""

    voltage: np.ndarray
    current: np.ndarray
    head_power: np.ndarray
    loss: np.ndarray


class RadialFeeder:
    """A tree of wires, or several of equally many buses.

    parent : (..., n) the bus each bus hangs on, −1 for the head.
    resistance, reactance : (..., n) of the wire to it. [Ω]
    nominal : voltage [V].
    """

    def __init__(self, parent, resistance, reactance, nominal: float):
        self.parent = np.asarray(parent, dtype=int)
        self.impedance = np.asarray(resistance, dtype=float) + 1j * np.asarray(reactance, dtype=float)
        self.nominal = nominal
        n = self.parent.shape[-1] if self.parent.ndim else 0
        if not n or self.impedance.shape != self.parent.shape:
            raise RadialError('a feeder needs a parent, a resistance and a reactance for each of its buses')
        if not (np.isfinite(self.impedance).all() and (self.impedance.real >= 0).all() and nominal > 0):
            raise RadialError('an impedance is negative or not finite, or the nominal voltage is not above 0')
        if ((self.parent < HEAD) | (self.parent >= n)).any():
            raise RadialError('a bus hangs on one there is not')
        self.feeds = _feeds(self.parent)    # (..., n, n): 1 where the wire to bus i carries what bus j draws
        # What both sweeps do to the currents at once: the impedance of the path each pair of buses shares.
        self._shared = np.swapaxes(self.feeds, -1, -2) @ (self.impedance[..., None] * self.feeds)

    @property
    def size(self) -> int:
        """Number of buses."""
        return self.parent.shape[-1]

    def solve(self, head: np.ndarray | float, demand: Demand, guess: np.ndarray | None = None,
              tolerance: float = TOLERANCE) -> Flow:
        """Return the flow at head voltage (...,) [V].

        guess : (..., n) voltages to begin with [V].     tolerance : of the last sweep, over nominal. [1]
        Raises RadialError where the sweeps do not settle: more than the feeder can carry.
        """
        start = np.asarray(head, dtype=complex)[..., None]
        shape = np.broadcast_shapes(start.shape, demand.power.shape, demand.generation.shape, self.parent.shape)
        voltage = np.array(np.broadcast_to(start, shape)) if guess is None else guess
        for _ in range(SWEEPS):
            current = demand.current(voltage, self.nominal)
            before, voltage = voltage, start - (self._shared @ current[..., None])[..., 0]
            if not np.abs(voltage).min() > COLLAPSED * self.nominal:
                raise RadialError('the voltage collapses: more than the feeder can carry')
            if np.abs(voltage - before).max() < tolerance * self.nominal:
                break
        else:
            raise RadialError(f'no solution within {SWEEPS} sweeps')
        through = (self.feeds @ current[..., None])[..., 0]
        head_power = (start * np.conj(current)).sum(axis=-1)
        return Flow(voltage, current, head_power, (np.abs(through) ** 2 * self.impedance.real).sum(axis=-1))


def _feeds(parent: np.ndarray) -> np.ndarray:
    """Follow all buses to the head at once. RadialError where one does not arrive."""
    n = parent.shape[-1]
    hangs = (parent[..., None, :] == np.arange(n)[:, None]).astype(float)   # [i, j]: bus j hangs on bus i
    feeds, further = np.broadcast_to(np.eye(n), hangs.shape).copy(), hangs
    for _ in range(n):
        if not further.any():
            return feeds
        feeds += further
        further = further @ hangs
    raise RadialError('a bus hangs on itself')
