"""What a load draws: static voltage dependence (ZIP), harmonics, and what happens when it is switched on."""
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

ORDERS = (1, 3, 5, 7, 9, 11, 13)    # harmonics the world computes
JOIN_LOW, JOIN_HIGH = 0.7, 0.9      # constant impedance below, ZIP above, blended between [pu]
KNEE = 0.8                          # whose impedance is kept below the join [pu]
START_END = 1e-3                    # of a start's envelope: below this it is over


@dataclass(frozen=True)
class Start:
    """Extra current of switching on: √2·I·(ratio − 1)·exp(−(t/time)^sharpness), lagging, with its d.c. offset.

    ratio : RMS of the first instant over the steady one, ≥ 1. [1]
    time : of the envelope. [s]     sharpness : 1 a plain decay; 4 stays high, then collapses as a rotor reaches speed.
    angle : by which the extra current lags the voltage. [rad]
    offset_time : decay of the d.c. offset that makes an inductive current begin at zero, 0 = none. [s]
    pulse : peak of the pulse that charges a capacitor when switched on at the voltage's peak, 0 = none. [A]
    pulse_time : decay of that pulse. [s]
    """

    ratio: float = 1.0
    time: float = 0.0
    sharpness: float = 1.0
    angle: float = 0.0
    offset_time: float = 0.0
    pulse: float = 0.0
    pulse_time: float = 4e-4

    @property
    def duration(self) -> float:
        """How long the start can be seen. [s]"""
        if self.ratio <= 1.0:
            return 10 * self.pulse_time if self.pulse else 0.0
        return max(self.time * (-math.log(START_END)) ** (1 / self.sharpness), -math.log(START_END) * self.offset_time)

    def envelope(self, since: np.ndarray) -> np.ndarray:
        """Return the extra current over the steady one, `since` seconds after switching on. [1]"""
        return (self.ratio - 1.0) * np.exp(-(np.maximum(since, 0.0) / max(self.time, 1e-9)) ** self.sharpness)


NO_START = Start()


@dataclass(frozen=True)
class Load:
    """One electrical part of an appliance.

    power : at nominal voltage and frequency. [W]
    power_factor : of the fundamental (displacement) at nominal voltage; negative when leading. [1]
    zip_p, zip_q : shares of constant impedance, current and power: P = P0·(Z·v² + I·v + P). [1]
    harmonics : currents of order 3, 5, … 13 over the fundamental. [1]
    phases : of those harmonics against as many times the voltage's phase; 0 = peaks together. [rad]
    conductance : how far its current follows the voltage's distortion, 1 for a resistor. [1]
    damping : ΔP/P over Δf/f. [1]
    wander : standard deviation of its slow own movement. [1]
    throttle_min : the least share of its power it can be throttled to; NaN where it cannot. [1]
    """

    power: float
    power_factor: float = 1.0
    zip_p: tuple[float, float, float] = (1.0, 0.0, 0.0)
    zip_q: tuple[float, float, float] = (1.0, 0.0, 0.0)
    harmonics: tuple[float, ...] = ()
    phases: tuple[float, ...] = ()
    conductance: float = 0.0
    damping: float = 0.0
    wander: float = 0.0
    throttle_min: float = math.nan
    start: Start = NO_START

    def __post_init__(self):
        if not (math.isfinite(self.power) and self.power >= 0):
            raise ValueError(f'a load of {self.power} W')
        if not 0 < abs(self.power_factor) <= 1:
            raise ValueError(f'a power factor of {self.power_factor}')
        if len(self.harmonics) >= len(ORDERS) or len(self.phases) > len(self.harmonics):
            raise ValueError('more harmonics than orders, or phases than harmonics')

    @property
    def reactive_power(self) -> float:
        """At nominal voltage, positive when inductive. [var]"""
        return math.copysign(self.power * math.tan(math.acos(abs(self.power_factor))), self.power_factor)

    def spectrum(self) -> np.ndarray:
        """Return (len(ORDERS) − 1,) complex harmonic currents over the fundamental's magnitude."""
        out = np.zeros(len(ORDERS) - 1, dtype=complex)
        phases = np.zeros(len(self.harmonics))
        phases[:len(self.phases)] = self.phases
        out[:len(self.harmonics)] = np.asarray(self.harmonics) * np.exp(1j * phases)
        return out

    def unit(self, generator: np.random.Generator) -> 'Load':
        """Return one specimen of this load: power, harmonics and start differ a little from unit to unit."""
        power, ratio = 1 + 0.03 * generator.uniform(-1, 1, 2)
        harmonics = np.asarray(self.harmonics) * (1 + 0.05 * generator.uniform(-1, 1, len(self.harmonics)))
        start = replace(self.start, ratio=1 + (self.start.ratio - 1) * ratio, pulse=self.start.pulse * ratio)
        return replace(self, power=self.power * power, harmonics=tuple(harmonics.tolist()), start=start)


EMPTY = Load(0.0)


def zip_admittance(shares: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return ZIP power over v², i.e. the load's admittance over the nominal one.

    shares : (..., 3) of constant impedance, current, power.     v : (...,) voltage over nominal.
    Constant impedance, that of v = 0.8, below 0.7; the polynomial above 0.9; a smooth step between, because the
    coefficients were fitted to 0.9 … 1.1 (Bokhari et al. 2014, doi:10.1109/TPWRD.2013.2285096) and a constant power is
    no model of a collapsing supply.
    """
    z, i, p = shares[..., 0], shares[..., 1], shares[..., 2]
    inverse = 1.0 / np.maximum(v, JOIN_LOW)
    upper = z + (i + p * inverse) * inverse
    x = np.clip((v - JOIN_LOW) / (JOIN_HIGH - JOIN_LOW), 0.0, 1.0)
    if x.min(initial=1.0) >= 1.0:
        return upper
    lower = z + (i + p / KNEE) / KNEE
    weight = x * x * (3.0 - 2.0 * x)
    return lower + weight * (upper - lower)


class LoadBank:
    """All loads of all outlets as flat arrays, so that one numpy expression serves the whole home.

    loads : one sequence of loads an outlet; an outlet without any gets an empty one.
    voltage : nominal. [V]
    """

    def __init__(self, loads: Sequence[Sequence[Load]], voltage: float):
        self.loads = [tuple(of) or (EMPTY,) for of in loads]
        flat = [load for of in self.loads for load in of]
        self.count = len(flat)
        self.first = np.cumsum([0] + [len(of) for of in self.loads[:-1]])
        self.outlet = np.repeat(np.arange(len(self.loads)), [len(of) for of in self.loads])
        self.starts = [load.start for load in flat]
        self.power = np.array([load.power for load in flat])
        self.throttle_min = np.array([load.throttle_min for load in flat])
        self.start_duration = np.array([load.start.duration for load in flat])
        self.wander = np.array([load.wander for load in flat])
        self.damping = np.array([load.damping for load in flat])
        self.rated_current = np.array([abs(complex(load.power, load.reactive_power)) for load in flat]) / voltage
        self._nominal = voltage
        self._p, self._q = (np.array([getattr(load, name) for load in flat]) for name in ('zip_p', 'zip_q'))
        self._conductance_p = self.power / voltage**2
        self._susceptance_q = np.array([load.reactive_power for load in flat]) / voltage**2
        self._spectrum = np.array([load.spectrum() for load in flat])
        self._follow = np.array([load.conductance for load in flat])

    def admittance(self, v: np.ndarray) -> np.ndarray:
        """Return (..., loads) complex admittances [S] at full level; v : (..., loads) over nominal."""
        return (self._conductance_p * zip_admittance(self._p, v)
                - 1j * self._susceptance_q * zip_admittance(self._q, v))

    def per_outlet(self, values: np.ndarray) -> np.ndarray:
        """Sum (..., loads) over each outlet: (..., outlets)."""
        return np.add.reduceat(values, self.first, axis=-1)

    def harmonic_source(self, current: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Return the harmonic currents the outlets impose. [A]

        current : (s, loads) fundamental RMS.     direction : (s, outlets) unit phasor of each outlet's voltage.
        Returns (s, len(ORDERS) − 1, outlets).
        """
        imposed = self.per_outlet(np.abs(current)[:, None, :] * self._spectrum.T)
        square = direction * direction
        turned = direction
        for k in range(len(ORDERS) - 1):
            turned = turned * square
            imposed[:, k] *= turned
        return imposed

    def harmonic_admittance(self, conductance: np.ndarray) -> np.ndarray:
        """Return (s, outlets) what of the loads follows the voltage's distortion [S]; conductance : (s, loads)."""
        return self.per_outlet(conductance * self._follow)
