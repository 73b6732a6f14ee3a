"""The test circuit of unintentional islanding: an inverter, a balanced resonant load, and a switch to the grid."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from hearthgrid_core.island.detector import frequency_shift

SUBSTEPS = 16  # of the circuit in one sample
LINE = 0.05  # impedance of the grid over that of the load at unity power [1], resistive


@dataclass(frozen=True)
class Balance:
    """power : of the inverter over that of the load.     reactive : capacitive over inductive power, 1 = balanced.
    quality : Qf of the load.     nominal_voltage [V], nominal_frequency [Hz], sampling_rate [Hz]"""

    power: float = 1.0
    reactive: float = 1.0
    quality: float = 1.0
    nominal_voltage: float = 230.0
    nominal_frequency: float = 50.0
    sampling_rate: float = 6400.0


def islanded(
    balance: Balance, connected: float, alone: float, shift: Callable[[float, float], float] = frequency_shift
) -> np.ndarray:
    """Return the voltage at the inverter: on the grid for `connected` [s], then on its own for `alone` [s]. [V]

    A parallel RLC load (IEEE 1547.1-2020, 5.10) with R = 1 Ω, a current source whose frequency is measured between
    rising zero crossings and whose current leads by `shift(frequency, nominal)` [rad]; semi-implicit Euler.
    """
    b = balance
    omega = 2 * math.pi * b.nominal_frequency
    inductance, capacitance = 1.0 / (b.quality * omega), b.quality * b.reactive / omega
    dt = 1.0 / (b.sampling_rate * SUBSTEPS)
    count = int((connected + alone) * b.sampling_rate)
    out = np.empty(count)
    voltage = coil = 0.0
    coil = -b.quality
    frequency, crossed, angle = b.nominal_frequency, 0.0, 0.0
    for k in range(count):
        for sub in range(SUBSTEPS):
            now = (k * SUBSTEPS + sub) * dt
            angle += 2 * math.pi * frequency * dt
            current = b.power * math.sin(angle)
            if now < connected:
                current += (math.sin(omega * now) - voltage) / LINE
            before = voltage
            voltage += dt * (current - voltage - coil) / capacitance
            coil += dt * voltage / inductance
            if before < 0.0 <= voltage and now - crossed > 0.5 / b.nominal_frequency:
                cross = now + dt * before / (before - voltage)
                frequency = min(max(1.0 / (cross - crossed), 0.8 * b.nominal_frequency), 1.2 * b.nominal_frequency)
                crossed = cross
                angle = 2 * math.pi * frequency * (now + dt - cross) + shift(frequency, b.nominal_frequency)
        out[k] = voltage
    return math.sqrt(2.0) * b.nominal_voltage * out
