"""The golden low-voltage feeder: ten customers of 2 kW along a cable, and the mix of appliances behind them."""
import math

import numpy as np

from .radial import Demand, RadialFeeder

CUSTOMERS, POWER, SPAN = 10, 2000.0, 0.030          # each at 1 pu [W]; between two [km]
RESISTANCE, REACTANCE = 0.320, 0.082                # [Ω/km]
NOMINAL = 230.0                                     # [V]
# Zp Ip Pp, Zq Iq Pq, power factor: Bokhari et al. 2014, doi:10.1109/TPWRD.2013.2285096; washing: Arif et al.; water
# heater, as a dryer or a range: Lu et al. 2008.
KINDS = {
    'air_conditioner': ((1.60, -2.69, 2.09), (12.53, -21.11, 9.58), 0.96),
    'refrigerator': ((5.03, -8.48, 4.45), (17.44, -28.62, 12.18), 0.80),
    'heater': ((0.92, 0.10, -0.02), (0.15, 0.86, -0.01), 1.00),
    'lighting': ((0.54, 0.50, -0.04), (0.46, 0.51, 0.03), 1.00),
    'washing_machine': ((0.05, 0.31, 0.64), (-0.56, 2.20, -0.64), 0.65),
    'water_heater': ((1.0, 0.0, 0.0), (1.0, 0.0, 0.0), 0.99),
}
SHARES = {'air_conditioner': 0.415, 'refrigerator': 0.047, 'heater': 0.023, 'lighting': 0.105,
          'washing_machine': 0.131, 'water_heater': 0.279}
THERMOSTATIC = ('water_heater',)    # stays on for longer where the voltage is lower: its energy does not change


def feeder() -> RadialFeeder:
    """Return the wires."""
    return RadialFeeder(np.arange(CUSTOMERS) - 1, np.full(CUSTOMERS, SPAN * RESISTANCE),
                        np.full(CUSTOMERS, SPAN * REACTANCE), NOMINAL)


def demand(level: np.ndarray | float = 1.0, thermostats_at: np.ndarray | None = None) -> Demand:
    """Return what the customers draw at a level (..., n) of 2 kW each.

    thermostats_at : (..., n) voltages over nominal whose power the thermostatic loads keep on average, None: they do
    as any load.
    """
    level = np.broadcast_to(np.asarray(level, dtype=float), np.broadcast_shapes(np.shape(level), (CUSTOMERS,)))
    active, reactive = np.zeros(3), np.zeros(3)
    kept = np.zeros(level.shape)
    for kind, share in SHARES.items():
        p, q, factor = KINDS[kind]
        reactive = reactive + share * math.tan(math.acos(factor)) * np.array(q)
        if kind in THERMOSTATIC and thermostats_at is not None:
            kept = kept + share * np.polyval(p, thermostats_at)
        else:
            active = active + share * np.array(p)
    active = active + kept[..., None] * np.array([0.0, 0.0, 1.0])
    total, ratio = active.sum(axis=-1), reactive.sum()
    power = POWER * level * (total + 1j * ratio)
    return Demand(power, active / total[..., None],
                  np.broadcast_to(reactive / ratio, (*level.shape, 3)), np.zeros(level.shape, complex))
