"""Where droop inverters settle, found plainly: the slow twin of the simulator, and what it is held against.

Unknown are the frequency and each inverter's angle and inner voltage; the network is solved densely.
"""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import root

from ..island.droop import DroopSettings
from .microgrid_network import Line, ZipLoads, admittance


def steady_state(
    nodes: int,
    lines: Sequence[Line],
    loads: ZipLoads,
    at: Sequence[int],
    units: Sequence[DroopSettings],
) -> tuple[float, np.ndarray, np.ndarray]:
    """Return frequency [Hz], (nodes,) voltages [V] and (inverters,) powers P + jQ at the terminals [VA].

    All inverters need a virtual impedance, and no limit is minded.
    Raises ValueError where the equations have no solution near no load.
    """
    nominal, hertz = units[0].nominal_voltage, units[0].nominal_frequency
    rating = np.array([unit.rating for unit in units])
    behind = np.array([unit.virtual_resistance + 1j * unit.virtual_reactance for unit in units]) * nominal**2 / rating
    slope_f = np.array([unit.droop_frequency for unit in units]) * hertz / rating
    slope_v = np.array([unit.droop_voltage for unit in units]) * nominal / rating
    where, running = np.asarray(at, dtype=int), loads.running()
    y = admittance(nodes, lines).toarray()
    y[where, where] += 1.0 / behind
    plain = np.linalg.inv(y)

    def flow(inner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        feeding = np.zeros(nodes, dtype=complex)
        feeding[where] = inner / behind
        voltage = plain @ feeding
        for _ in range(200):
            drawn = np.zeros(nodes, dtype=complex)
            v = voltage[loads.node]
            np.add.at(drawn, loads.node, loads.admittance(np.abs(v) / nominal, running) * v)
            before, voltage = voltage, plain @ (feeding - drawn)
            if np.abs(voltage - before).max() < 1e-10 * nominal:
                break
        current = (inner - voltage[where]) / behind
        return voltage, voltage[where] * current.conj()

    n = len(units)

    def unpack(x: np.ndarray) -> tuple[float, np.ndarray]:
        """Return frequency deviation [1] and inner voltages [V]; the first inverter's angle is 0."""
        return x[0], nominal * x[n:] * np.exp(1j * np.concatenate([[0.0], x[1:n]]))

    def residual(x: np.ndarray) -> np.ndarray:
        deviation, inner = unpack(x)
        _, power = flow(inner)
        return np.concatenate([deviation + slope_f / hertz * power.real, x[n:] - 1.0 + slope_v / nominal * power.imag])

    found = root(residual, np.concatenate([np.zeros(n), np.ones(n)]), tol=1e-13)
    if np.abs(found.fun).max() > 1e-9:
        raise ValueError(f'no steady state found: {found.message}')
    deviation, inner = unpack(found.x)
    voltage, power = flow(inner)
    return float(hertz * (1.0 + deviation)), voltage, power
