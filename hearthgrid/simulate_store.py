"""The batteries of a simulated home: what is ordered, and what each does of it."""

import math
from dataclasses import dataclass

from hearthgrid.simulate_course import STEP
from hearthgrid_core.plan import BatteryFacts, InnerLoopSettings, Moment, battery_power, split, together
from hearthgrid_ros.home import Home

HOUR, KILO = 3600.0, 1e3
# In a minute of the world the loop has done sixty steps: the error is gone.
LOOP = InnerLoopSettings(gain=1.0, dead_band=0.0)


@dataclass(frozen=True)
class Orders:
    """What a controller wants for the coming minute.

    on : outlets whose job should run     low, high : net import between which the battery is at `hold`, NaN = own use
    first [W]     floor, ceiling : charge the battery keeps within [kWh]     pv_max : [W]
    idle : the battery does nothing
    """

    on: frozenset[str] = frozenset()
    low: float = math.nan
    high: float = math.nan
    hold: float = 0.0
    pv_max: float = math.inf
    idle: bool = False
    floor: float = 0.0
    ceiling: float = math.inf


class Store:
    """The energy of a home's batteries, and what goes through them: decided for all as one, as by the hub."""

    def __init__(self, home: Home, energy: float | None = None):
        """energy : in all at first, each equally full; None = as the home says [kWh]"""
        self._each = [BatteryFacts.of(one) for one in home.stores.values()]
        self.facts, _ = together([(facts, math.nan) for facts in self._each])
        full = [one.initial if energy is None else energy / self.facts.capacity for one in home.stores.values()]
        self._energies = [facts.capacity * share for facts, share in zip(self._each, full, strict=True)]
        self.first = self.energy
        self.power, self.discharged, self.wear = 0.0, 0.0, 0.0

    @property
    def energy(self) -> float:
        """[kWh]"""
        return sum(self._energies)

    @property
    def charge(self) -> float:
        """0 … 1, NaN without a battery."""
        return self.energy / self.facts.capacity if self.facts else math.nan

    @property
    def carried(self) -> float:
        """What they can give for a minute; the inner loop keeps a last charge even then. [W]"""
        if self.facts is None or self.charge <= min(LOOP.floor, self.facts.reserve):
            return 0.0
        return sum(min(one.power_max, energy * one.efficiency * KILO * HOUR / STEP)
                   for one, energy in zip(self._each, self._energies, strict=True))  # fmt: skip

    def follow(self, rest: float, orders: Orders, home: Home) -> None:
        """Set the power for a minute in which everything else draws `rest` [W]."""
        b, supply = self.facts, home.supply
        if b is None or orders.idle:
            return
        hours = STEP / HOUR
        moment = Moment(
            low=orders.low, high=orders.high, hold=orders.hold, planned=math.nan, grid=rest + self.power,
            battery=self.power, charge=self.charge, reserve=max(b.reserve, orders.floor / b.capacity),
            charge_max=b.power_max, discharge_max=b.power_max, import_max=supply.import_max,
            export_max=supply.export_max, ceiling=min(1.0, orders.ceiling / b.capacity))  # fmt: skip
        powers = split(battery_power(moment, LOOP)[0], [
            (one, energy / one.capacity) for one, energy in zip(self._each, self._energies, strict=True)])  # fmt: skip
        self.power = 0.0
        for k, (one, power) in enumerate(zip(self._each, powers, strict=True)):
            room, left = one.capacity - self._energies[k], self._energies[k]
            done = min(max(power, -left * one.efficiency * KILO / hours), room / one.efficiency * KILO / hours)
            flow = done / KILO * hours
            stored = left + (flow * one.efficiency if flow > 0 else flow / one.efficiency)
            self._energies[k] = min(max(stored, 0.0), one.capacity)
            self.power += done
            self.discharged += max(-flow, 0.0)
            self.wear += max(-flow, 0.0) * one.wear_price


def joined(home: Home | None) -> Home | None:
    """Return a home whose batteries are one; one without any more than that, or without a home, as it is."""
    if home is None or not home.batteries:
        return home
    facts, _ = together([(BatteryFacts.of(one), math.nan) for one in home.stores.values()])
    battery = home.battery.model_copy(update={
        'capacity_kwh': facts.capacity, 'power_max': facts.power_max, 'efficiency': facts.efficiency,
        'reserve': facts.reserve, 'wear_price': facts.wear_price})  # fmt: skip
    return home.model_copy(update={'battery': battery, 'batteries': {}})
