"""Days of low-voltage feeders, many at once and minute by minute: wires, customers, sun, and how a day goes."""
import math
from dataclasses import dataclass

import numpy as np

from .golden import KINDS
from .radial import Demand, RadialFeeder

MINUTE, MINUTES = 60.0, 1440
REFERENCE = 1.03        # at which a thermostat's energy is that of its rated load [1]
ELECTRONICS = ((0.361, -0.086, 0.724), (8.400, -14.168, 6.768), 0.80)     # NREL OCHRE
CHARGER = ((0.0, 0.0, 1.0), (0.0, 0.0, 1.0), 0.99)                        # holds its power
_HOURS = np.arange(24)
MORNING, NOON, EVENING = ((_HOURS >= start) & (_HOURS < end) for start, end in ((6, 9), (9, 17), (17, 23)))


@dataclass(frozen=True)
class Use:
    """One use of electricity in a home. power : range of its units [W]     zips : Zp Ip Pp, Zq Iq Pq, power factor
    rate : of switching on by hour (24,) [1/h]     length : mean time on [h]     share : of homes that have it [1]"""

    power: tuple[float, float]
    zips: tuple
    rate: np.ndarray
    length: float
    share: float = 1.0
    thermostatic: bool = False


USES = (
    Use((80, 300), ELECTRONICS, np.full(24, 20.0), 10.0),
    Use((90, 180), KINDS['refrigerator'], np.full(24, 2.0), 0.3, thermostatic=True),
    Use((80, 400), KINDS['lighting'], 0.1 + 0.4 * MORNING + 1.5 * EVENING, 1.5),
    Use((1800, 3000), KINDS['heater'], 0.02 + 0.6 * MORNING + 0.3 * NOON + 0.7 * EVENING, 0.08),
    Use((1000, 2500), KINDS['heater'], 0.05 * NOON + 0.25 * EVENING, 0.6),
    Use((1500, 3000), KINDS['water_heater'], 0.1 + 0.4 * MORNING + 0.1 * NOON + 0.3 * EVENING, 0.4, 0.5, True),
    Use((600, 1800), KINDS['air_conditioner'], 0.4 + 1.0 * NOON + 1.4 * EVENING, 0.35, 0.6, True),
    Use((400, 2000), KINDS['washing_machine'], 0.06 * NOON + 0.08 * EVENING, 1.0),
    Use((3700, 7400), CHARGER, 0.02 + 0.12 * EVENING, 2.0, 0.2),
)


class FeederDays:
    """`count` feeders of `customers` each, drawn from a generator.

    The supply's head is at `head` [1] and wanders. At 2 kW a customer each feeder would lose 1 … 4 % to its end.
    """

    def __init__(self, count: int, rng: np.random.Generator, customers: int = 12, nominal: float = 230.0,
                 head: float = 1.05):
        self.count, self.customers, self.nominal, self._head, self._rng = count, customers, nominal, head, rng
        shape = (count, customers)
        reach = rng.integers(1, customers + 1, count)[:, None]
        index = np.arange(customers)
        parent = np.maximum(index - 1 - np.floor(rng.random(shape) * np.minimum(reach, np.maximum(index, 1))), -1)
        parent[:, 0] = -1
        length = rng.uniform(0.01, 0.04, shape)
        ratio = rng.uniform(0.15, 0.4, (count, 1))
        trial = RadialFeeder(parent.astype(int), length, length * ratio, nominal)
        through = trial.feeds.sum(axis=-1) * 2000.0 / nominal
        lost = np.einsum('fij,fi->fj', trial.feeds, through * length).max(axis=-1) / nominal
        scale = (rng.uniform(0.01, 0.04, count) / lost)[:, None]
        self.feeder = RadialFeeder(trial.parent, length * scale, length * scale * ratio, nominal)
        self.design_power = 2000.0 * customers
        self.design_drop = lost * scale[:, 0]           # (count,) at that [1]
        kinds = len(USES)
        self._power = np.stack([rng.uniform(*use.power, shape) * (rng.random(shape) < use.share) for use in USES], -1)
        self._rate, self._length = np.array([use.rate for use in USES]), np.array([use.length for use in USES])
        self._zip = np.array([use.zips[0] for use in USES]), np.array([use.zips[1] for use in USES])
        self._tan = np.array([math.tan(math.acos(use.zips[2])) for use in USES])
        held = self._zip[0].copy()
        for k, use in enumerate(USES):
            if use.thermostatic:
                held[k] = 0.0, 0.0, float(np.polyval(held[k], REFERENCE))
        self._held = held
        self._on = rng.random((*shape, kinds)) < 0.2
        self._shift = rng.normal(0.0, 1.0, (*shape, 1))  # how late each home lives [h]
        have = rng.random((count, 1)) * 0.6
        self._sun = rng.uniform(1000, 5000, shape) * (rng.random(shape) < have)
        self._cloud, self._wander = rng.random((count, 1)), rng.standard_normal(count)
        self._minute = 0

    def minute(self) -> tuple[np.ndarray, Demand, Demand]:
        """Go on by a minute: the supply's head (count,) [V], what is drawn, and the same with thermostats.

        Thermostats: over a population and an hour they keep their mean power whatever the voltage.
        """
        rng, hour = self._rng, self._minute / 60.0 % 24
        self._minute += 1
        index = np.floor(hour + self._shift).astype(int) % 24
        rate = self._rate[np.arange(len(USES)), index]
        chance = rng.random(self._on.shape)
        self._on = np.where(self._on, chance > 1 / (60 * self._length), chance < rate / 60)
        drawn = self._power * self._on
        self._cloud = np.clip(self._cloud + 0.05 * rng.standard_normal(self._cloud.shape), 0, 1)
        up = max(0.0, math.sin(math.pi * (hour - 6) / 12)) if 6 < hour < 18 else 0.0
        passing = 1 - 0.75 * self._cloud**3.4 * rng.uniform(0.8, 1.0, self._cloud.shape)
        generation = self._sun * up * passing + 0j
        self._wander += -self._wander / 300 + math.sqrt(2 / 300) * rng.standard_normal(self.count)
        head = self.nominal * self._head * (1 + 0.003 * self._wander)
        reactive = (drawn * self._tan) @ self._zip[1]
        return head, *(self._demand(drawn @ zips, reactive, generation) for zips in (self._zip[0], self._held))

    @staticmethod
    def _demand(active: np.ndarray, reactive: np.ndarray, generation: np.ndarray) -> Demand:
        """Sum of ZIP loads is a ZIP load: (count, customers, 3) of each part [W], [var]."""
        p, q = (np.maximum(part.sum(axis=-1), 1e-3) for part in (active, reactive))
        return Demand(p + 1j * q, active / p[..., None], reactive / q[..., None], generation)
