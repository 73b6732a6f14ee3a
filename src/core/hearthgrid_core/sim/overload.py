"""An overloaded island with every message lost: one grid-forming inverter, and loads that hear only its waveform."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hearthgrid_core.island.droop import Droop, DroopSettings
from hearthgrid_core.island.load_droop import STEP, STIFF, LoadDroop, LoadDroopSettings
from hearthgrid_core.island.shedding import Offer

TICK = 0.001                # [s]
CYCLE = 0.02                # over which a load measures the frequency [s]
RELAY = (0.004, 0.018)      # from decision to the arc's end: drive, and the next zero crossing [s]
ACCURACY = 0.002            # of power_max: nothing sees, or minds, less
LAST = 0.05                 # overloaded so shortly before the end is overloaded still [s]
REACTIVE = 0.2              # var a watt


@dataclass(frozen=True)
class Outcome:
    """shed : outlets.     cleared : when what is on came under power_max for good, from the event [s].

    Counted at the voltage the inverter would give without its current limit, to the accuracy of a meter.
    """

    shed: frozenset[str]
    cleared: float


def inverter(loads: LoadDroopSettings) -> DroopSettings:
    """Return the inverter that `loads` were commissioned for."""
    return DroopSettings(rating=loads.power_max, nominal_voltage=loads.nominal_voltage, filter_time=loads.filter_time,
                         nominal_frequency=loads.nominal_frequency, droop_frequency=loads.droop_frequency,
                         limit_rate=loads.limit_rate, limit_gain=0.5 if loads.limit_rate else 0.0, surge=loads.surge)


def overload(settings: LoadDroopSettings, offers: Sequence[Offer], places: Mapping[str, float], before: float,
             rng: np.random.Generator, transfer: bool = False, offset: float = 0.0, noise: float = 0.001,
             until: float = 0.4) -> Outcome:
    """Have all `offers` draw from t = 0 on an inverter that carried `before` [W], and watch; `transfer`: the grid did.

    places : what each load believes to be shed before it [W].     offset : what secondary control added before [Hz].
    noise : of each reading of the frequency, standard deviation [Hz].
    """
    droop = Droop([inverter(settings)])
    droop.frequency_offset[:] = offset
    droop.begin(np.array([before]), np.array([REACTIVE * before]))
    demand = np.array([o.watts() for o in offers])
    exponent = rng.uniform(0.4, 2.0, len(offers))
    phase = rng.integers(0, round(STEP / TICK)) + rng.integers(0, 2, len(offers))  # the zero crossings are the same
    relay = rng.uniform(*RELAY, len(offers))
    rules = [LoadDroop(settings) for _ in offers]
    opens = np.full(len(offers), math.inf)
    start = settings.nominal_frequency if transfer else float(droop.frequency[0])
    frequencies = [start] * round((CYCLE + STEP * 6) / TICK)
    lead = len(frequencies)
    cleared = 0.0
    for tick in range(-round(STEP * 6 / TICK), round(until / TICK)):
        now = tick * TICK
        level = float(droop.voltage[0]) / settings.nominal_voltage
        if tick >= 0:
            on = now < opens
            power = float((demand * max(level, STIFF)**exponent)[on].sum()) * min(1.0, level / STIFF)**2
            current = np.array([abs(complex(1.0, REACTIVE)) * power / max(level * settings.nominal_voltage, 1.0)])
            droop.step(TICK, np.array([power]), np.array([REACTIVE * power]), current)
            free = level / float(droop.derating[0])  # the voltage were there no current limit
            if float((demand * free**exponent)[on].sum()) > (1 + ACCURACY) * settings.power_max:
                cleared = now + TICK
            frequencies.append(float(droop.frequency[0]))
        end = lead + max(0, tick + 1)
        cycle = sum(frequencies[end - round(CYCLE / TICK):end]) * TICK / CYCLE
        volts = float(droop.voltage[0])
        for k in np.flatnonzero((tick - phase) % round(STEP / TICK) == 0):
            off = rules[k].step(now, cycle + rng.normal(0.0, noise), volts, places[offers[k].outlet])
            if off and math.isinf(opens[k]):
                opens[k] = now + relay[k]
    still = cleared > until - LAST
    return Outcome(frozenset(o.outlet for o, at in zip(offers, opens, strict=True) if math.isfinite(at)),
                   math.inf if still else cleared)
