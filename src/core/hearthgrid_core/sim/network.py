"""The electrical solution of the home: board, wires, loads and inverters, on phasors."""
from dataclasses import dataclass

import numpy as np

from .feeder import Feeder
from .loads import ORDERS, LoadBank

ITERATIONS = 30
TOLERANCE = 1e-7        # of a voltage over nominal
LIVE = 0.05             # below this voltage no inverter injects [pu]
_HARMONICS = ORDERS[1:]


@dataclass(frozen=True, eq=False)
class Solution:
    """RMS phasors, cosine convention, referred to the phase of the source; s stretches of time.

    bus : (s, orders) at the distribution board [V]     source_current : (s, orders) out of the source [A]
    voltage, current : (s, orders, outlets) [V], [A]     loads : (s, loads) steady fundamental, without starts [A]
    injected : (s,) fundamental from the inverters [A]
    """

    bus: np.ndarray
    source_current: np.ndarray
    voltage: np.ndarray
    current: np.ndarray
    loads: np.ndarray
    injected: np.ndarray


def solve(emf: np.ndarray, impedance: np.ndarray, feeder: Feeder, bank: LoadBank, level: np.ndarray,
          extra: np.ndarray, injection: complex, drawn: np.ndarray, nominal: float) -> Solution:
    """Return the home's voltages and currents.

    emf : (orders,) of the source [V]     impedance : (orders,) between source and board [Ω]
    level : (loads,) how much of each load runs [1]     extra : (s, outlets) admittance of starts [S]
    injection : power of inverters that follow the bus [W + j var]
    drawn : (outlets,) power of loads that are played rather than computed [W + j var]
    The fundamental by fixed-point iteration of the sweep; harmonics afterwards, since their drops hardly move it.
    Where the fixed point is not reached (an overloaded source), the last iterate stands: the voltage is far down
    by then and the caller's protection acts.
    """
    stretches, outlets = extra.shape
    voltage = np.full((stretches, outlets), emf[0])
    bus = np.full(stretches, emf[0])
    for _ in range(ITERATIONS):
        admittance = bank.admittance(np.abs(voltage)[:, bank.outlet] / nominal)
        admittance *= level
        current = (bank.per_outlet(admittance) + extra) * voltage
        current += _constant_power(drawn, voltage, nominal)
        injected = _constant_power(injection, bus, nominal)
        total = current.sum(axis=1) - injected
        bus = emf[0] - impedance[0] * total
        before, voltage = voltage, bus[:, None] - feeder.drop(current[:, None, :], (1,))[:, 0]
        if np.abs(voltage - before).max() < TOLERANCE * nominal:
            break
    magnitude = np.abs(voltage)
    direction = voltage / np.maximum(magnitude, 1e-9)
    loads = admittance * voltage[:, bank.outlet]
    imposed = bank.harmonic_source(loads, direction)
    follow = bank.harmonic_admittance(admittance.real)[:, None, :]
    distorted = np.broadcast_to(emf[1:, None], imposed.shape)
    for _ in range(2):
        harmonic = imposed + follow * distorted
        harmonic_bus = emf[1:] - impedance[1:] * harmonic.sum(axis=-1)
        distorted = harmonic_bus[:, :, None] - feeder.drop(harmonic, _HARMONICS)
    return Solution(bus=np.concatenate([bus[:, None], harmonic_bus], axis=1),
                    source_current=np.concatenate([total[:, None], harmonic.sum(axis=-1)], axis=1),
                    voltage=np.concatenate([voltage[:, None], distorted], axis=1),
                    current=np.concatenate([current[:, None], harmonic], axis=1), loads=loads, injected=injected)


def _constant_power(power, voltage: np.ndarray, nominal: float) -> np.ndarray:
    """Return the current that draws `power` at `voltage`, none where the voltage is gone."""
    live = np.abs(voltage) > LIVE * nominal
    return np.where(live, np.conj(power / np.where(live, voltage, 1.0)), 0.0)
