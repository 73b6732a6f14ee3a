"""The home battery: losses, wear, power limits, and a reserve for outages."""
import math
from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from .device import KILO, Choice, Context, Device, Kind, Model, Schedule
from .horizon import Horizon

NOTICED = 20.0      # power that is worth a word [W]


@dataclass(frozen=True, eq=False)
class Battery(Device):
    """capacity, energy : [kWh]     charge_max, discharge_max : [W]     charge_efficiency, discharge_efficiency : [1]
    reserve : kept for outages [kWh]     wear_price : of a kWh discharged [currency/kWh]
    final : at least so much at the end, as far as it can be charged; what is more is then worth nothing. None = what is
    left has the worth of what it will replace [kWh]
    asked : (n,) power the utility asks for, positive charges, NaN = nothing; followed as far as it can be [W]
    Raises ValueError for what no battery can be.
    """

    capacity: float
    energy: float
    charge_max: float
    discharge_max: float
    charge_efficiency: float = 0.95
    discharge_efficiency: float = 0.95
    reserve: float = 0.0
    wear_price: float = 0.0
    final: float | None = None
    asked: np.ndarray | None = None
    name: str = 'battery'

    def __post_init__(self):
        numbers = (self.capacity, self.energy, self.charge_max, self.discharge_max, self.reserve, self.wear_price)
        if not all(math.isfinite(value) and value >= 0 for value in numbers) or self.capacity == 0:
            raise ValueError(f'a battery of {self.capacity} kWh with {self.energy} kWh in it, '
                             f'reserve {self.reserve} kWh, {self.charge_max}/{self.discharge_max} W, '
                             f'wear {self.wear_price}')
        if not (0 < self.charge_efficiency <= 1 and 0 < self.discharge_efficiency <= 1):
            raise ValueError(f'efficiencies of {self.charge_efficiency} and {self.discharge_efficiency}')
        if self.final is not None and not 0 <= self.final <= self.capacity:
            raise ValueError(f'{self.final} kWh at the end, in a battery of {self.capacity} kWh')
        if self.energy > self.capacity * 1.001 or self.reserve > self.capacity:
            raise ValueError(f'{self.energy} kWh, reserve {self.reserve} kWh, in a battery of {self.capacity} kWh')

    def shape(self, horizon: Horizon):
        return 'battery'

    def model(self, context: Context) -> 'BatteryModel':
        return BatteryModel(context.horizon.count, context.directed)

    def extent(self, horizon: Horizon):
        return np.full(horizon.count, -self.discharge_max), np.full(horizon.count, self.charge_max)

    def unmanaged(self, horizon: Horizon) -> np.ndarray:
        return np.zeros(horizon.count)


class BatteryModel(Model):
    """Stored energy is reserve + above − missing, so that neither bound costs a row.

    What is missing now may be filled at leisure, at a price; no price is a reason to take more out of the reserve.
    """

    def __init__(self, count: int, directed: bool):
        super().__init__()
        self._charge, self._discharge = cp.Variable(count), cp.Variable(count)
        self._above, self._missing = cp.Variable(count), cp.Variable(count)
        self._gain, self._loss = cp.Parameter(count, nonneg=True), cp.Parameter(count, nonneg=True)
        self._initial = cp.Parameter()
        self._use, self._wear = cp.Parameter(count), cp.Parameter(count)
        self._unsafe, self._stored = cp.Parameter(count, nonneg=True), cp.Parameter(nonneg=True)
        level = self._above - self._missing
        self.gift = cp.Variable(count)  # its reduced cost is what a kWh more in the battery would save
        flow = cp.multiply(self._gain, self._charge) - cp.multiply(self._loss, self._discharge) + self.gift
        self.constraints += [level[0] == self._initial + flow[0]]
        if count > 1:
            self.constraints += [level[1:] == level[:-1] + flow[1:]]
        self.power = self._charge - self._discharge
        self.cost = (self._use @ self._charge + self._wear @ self._discharge + self._unsafe @ self._missing
                     - self._stored * level[count - 1])
        self._directed = directed
        if directed:
            self._charging = cp.Variable(count)
            self._most = [cp.Parameter(nonneg=True) for _ in range(2)]
            self.constraints += [self._charge <= self._most[0] * self._charging,
                                 self._discharge <= self._most[1] * (1 - self._charging)]
            # After the loads: whatever they do, a battery can go the way its net power goes.
            self.choices.append(Choice(self._charging, lambda _, charge, discharge: (charge > discharge).astype(float),
                                       (self._charge, self._discharge), rank=1))

    def load(self, battery: Battery, context: Context) -> None:
        hours, weights = context.horizon.hours, context.weights
        self._gain.value = hours * battery.charge_efficiency
        self._loss.value = hours / battery.discharge_efficiency
        self._initial.value = min(battery.energy, battery.capacity) - battery.reserve
        # Both ways early when equally cheap, else a flat price would put discharging off for ever.
        self._use.value = hours * context.horizon.ahead * weights.early
        self._wear.value = self._use.value + hours * battery.wear_price
        self._unsafe.value = hours * weights.reserve
        self.bound(self.gift, 0.0, 0.0)
        self._stored.value = stored_worth(battery, context)
        most_in, most_out = (np.full(len(hours), most / KILO) for most in (battery.charge_max, battery.discharge_max))
        if battery.asked is not None:
            # What is asked is worth more than any price, and nothing else is done meanwhile.
            at, asked = ~np.isnan(battery.asked), np.nan_to_num(battery.asked) / KILO
            most_in[at] = np.minimum(most_in[at], np.maximum(asked[at], 0.0))
            most_out[at] = np.minimum(most_out[at], np.maximum(-asked[at], 0.0))
            self._use.value = self._use.value - at * hours * weights.limit
            self._wear.value = self._wear.value - at * hours * weights.limit
        for variable, most in ((self._charge, most_in),
                               (self._discharge, most_out),
                               (self._above, battery.capacity - battery.reserve),
                               (self._missing, max(0.0, -self._initial.value))):
            self.bound(variable, 0.0, most)
        least = np.zeros(len(hours))
        if battery.final is not None:
            # What the battery can hold by then; the rest of the wish is not the plan's to break over.
            can = self._initial.value + float(self._gain.value.sum()) * battery.charge_max / KILO
            least[-1] = max(0.0, min(battery.final - battery.reserve, battery.capacity - battery.reserve, can) - 1e-9)
        self.bound(self._above, least, battery.capacity - battery.reserve)
        if self._directed:
            self.bound(self._charging, 0.0, 1.0)
            self._most[0].value, self._most[1].value = battery.charge_max / KILO, battery.discharge_max / KILO

    def circles(self) -> bool:
        """Return whether the solution charges and discharges at once."""
        return bool((np.minimum(self._charge.value, self._discharge.value) > 1e-4).any())

    def schedule(self, battery: Battery, context: Context, price: np.ndarray) -> Schedule:
        hours = context.horizon.hours
        power = (self._charge.value - self._discharge.value) * KILO
        energy = np.clip(battery.reserve + self._above.value - self._missing.value, 0.0, battery.capacity)
        wear = float(np.maximum(-power, 0.0) @ hours) / KILO * battery.wear_price
        return Schedule(battery.name, Kind.BATTERY, power, _reason(battery, context, power, energy, price),
                        energy=energy, wear=wear, worth=-self.gift_cost)


def stored_worth(battery: Battery, context: Context) -> float:
    """Return what a kWh left in the battery is worth at the end of the plan. [currency/kWh]"""
    if battery.final is not None:
        return 0.0
    usual = max(0.0, context.weights.stored * battery.discharge_efficiency - battery.wear_price)
    return (usual + context.left.get(battery.name, usual)) / 2  # the mean of both is better than either: see plan-value


def _reason(battery: Battery, context: Context, power: np.ndarray, energy: np.ndarray, price: np.ndarray) -> str:
    def first(sign: int) -> tuple[np.ndarray, float]:
        steps = np.flatnonzero(sign * power > NOTICED)
        if not len(steps):
            return steps, math.nan
        weight = np.abs(power[steps]) * context.horizon.hours[steps]
        return steps, float(price[steps] @ weight / weight.sum())

    (charging, cheap), (giving, dear) = first(1), first(-1)
    edges, say = context.horizon.edges, context.say_time
    words = []
    if battery.energy < battery.reserve - 0.01:
        words.append(f'below its reserve of {battery.reserve:.1f} kWh')
    if len(charging):
        words.append(f'charges from {say(edges[charging[0]])} at {cheap:.3f} {context.currency}/kWh on average')
    if len(giving):
        words.append(f'gives from {say(edges[giving[0]])} at {dear:.3f}')
    if not words:
        words.append('full, and nothing is dear enough to use it for' if energy[0] > 0.98 * battery.capacity
                     else 'no price difference pays for its losses')
    return ', '.join(words)
