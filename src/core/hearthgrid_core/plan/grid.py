"""The utility's connection: prices of both directions, and limits that bend rather than break the plan."""
import math
from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from .device import KILO, Choice, Context, Part, vector
from .horizon import Horizon

NOTICED = 1.0  # beyond a limit, before it is called exceeded [W]


@dataclass(frozen=True)
class Tariff:
    """What a connection costs beside energy.

    peak_price : of the highest mean import of a step, in the billing period [currency/kW]
    peak_before : the highest of this period so far, which costs nothing more [W]
    capacity : import beyond it costs capacity_price more [W]     capacity_price : [currency/kWh]
    carbon_price : what a person would pay to avoid a kilogram of carbon; it steers, but is not billed [currency/kg]
    Raises ValueError for what no tariff can be.
    """

    peak_price: float = 0.0
    peak_before: float = 0.0
    capacity: float = math.inf
    capacity_price: float = 0.0
    carbon_price: float = 0.0

    def __post_init__(self):
        numbers = (self.peak_price, self.peak_before, self.capacity_price, self.carbon_price)
        if not all(math.isfinite(value) and value >= 0 for value in numbers) or not self.capacity >= 0:
            raise ValueError(f'{self} is no tariff')


@dataclass(frozen=True, eq=False)
class Grid:
    """import_price, export_price : (n,) [currency/kWh]     import_max, export_max : (n,) infinity = no limit [W]
    tariff : what else the connection costs     carbon : (n,) of an imported kWh, None = not known [kg/kWh]"""

    import_price: np.ndarray
    export_price: np.ndarray
    import_max: np.ndarray
    export_max: np.ndarray
    tariff: Tariff = Tariff()
    carbon: np.ndarray | None = None

    def checked(self, horizon: Horizon) -> 'Grid':
        """Return it with all as (n,) float64. ValueError: a length is wrong, a price not finite, a limit below 0."""
        limits = []
        for name in ('import_max', 'export_max'):
            limit = np.asarray(getattr(self, name), dtype=float)
            if limit.shape != (horizon.count,) or not (limit >= 0).all():
                raise ValueError(f'{name} must hold {horizon.count} values of at least 0')
            limits.append(limit)
        carbon = None if self.carbon is None else vector(self.carbon, horizon, 'carbon')
        return Grid(vector(self.import_price, horizon, 'import price'),
                    vector(self.export_price, horizon, 'export price'), *limits, self.tariff, carbon)

    @property
    def steering_price(self) -> np.ndarray:
        """(n,) of an imported kWh, carbon weighed in. [currency/kWh]"""
        return self.import_price if self.carbon is None else self.import_price + self.tariff.carbon_price * self.carbon

    def bill(self, power: np.ndarray, hours: np.ndarray) -> float:
        """Return what a net import `power` (n,) [W] over steps of `hours` (n,) [h] costs. [currency]"""
        energy, tariff = power / KILO * hours, self.tariff
        peak = max(0.0, float(power.max(initial=0.0)) - tariff.peak_before) / KILO
        beyond = np.maximum(power - tariff.capacity, 0.0) / KILO * hours
        return (float(np.where(energy > 0, energy * self.import_price, energy * self.export_price).sum())
                + tariff.peak_price * peak + tariff.capacity_price * float(beyond.sum()))

    def emissions(self, power: np.ndarray, hours: np.ndarray) -> float:
        """Return the carbon of what is imported [kg]; NaN when it is not known."""
        return math.nan if self.carbon is None else float(np.maximum(power, 0.0) / KILO * hours @ self.carbon)


class GridModel(Part):
    """power : (n,) net import. [kW] Import and export each have a part within the limit and one beyond, which is dear;
    import also has one above the tariff's capacity.

    Nothing keeps import and export apart but prices; where export pays as much as import costs, `directed` adds the
    binaries that do.
    """

    def __init__(self, count: int, directed: bool, peaked: bool = False):
        super().__init__()
        self._flows = [cp.Variable(count) for _ in range(5)]  # import: within, above capacity, beyond; export: ditto
        self._prices = [cp.Parameter(count) for _ in range(5)]
        bought, above, over, sold, spilled = self._flows
        self.imported, exported = bought + above + over, sold + spilled
        self.power = self.imported - exported
        self.cost = sum(price @ flow for price, flow in zip(self._prices, self._flows, strict=True))
        self.imports, self.rise = self._flows[:3], None
        if peaked:
            self.rise, self._rise_price, self._before = cp.Variable(), cp.Parameter(nonneg=True), cp.Parameter()
            self.cost = self.cost + self._rise_price * self.rise
            self.constraints += [self.imported <= self._before + self.rise]
        if directed:
            self._importing = cp.Variable(count)
            self._most = [cp.Parameter(count, nonneg=True) for _ in range(2)]
            self.constraints += [self.imported <= cp.multiply(self._most[0], self._importing),
                                 exported <= cp.multiply(self._most[1], 1 - self._importing)]
            # Last of all: the net power that is then left is feasible in its own direction.
            self.choices.append(Choice(self._importing, _net_import, tuple(self._flows), rank=2))
        self._directed = directed

    def load(self, grid: Grid, context: Context, low: np.ndarray, high: np.ndarray) -> None:
        """Set parameters and bounds; low, high : (n,) the least and the most the home can draw. [W]"""
        hours, limit, tariff = context.horizon.hours, context.weights.limit, grid.tariff
        buy, sell = grid.steering_price, grid.export_price
        above = buy + tariff.capacity_price
        for parameter, price in zip(self._prices, (buy, above, above + limit, -sell, limit - sell), strict=True):
            parameter.value = price * hours
        # Beyond a limit there is always room: more than all devices together can use.
        room = np.maximum(np.abs(low), np.abs(high)) / KILO + 1.0
        within = np.minimum(grid.import_max, tariff.capacity) / KILO
        between = grid.import_max / KILO - within if tariff.capacity < math.inf else np.zeros(len(hours))
        most_each = (within, between, np.inf, grid.export_max / KILO, np.inf)
        for flow, most in zip(self._flows, most_each, strict=True):
            self.bound(flow, 0.0, np.minimum(most, room))
        if self.rise is not None:
            self._rise_price.value, self._before.value = tariff.peak_price, tariff.peak_before / KILO
            self.bound(self.rise, 0.0, np.inf)
        if self._directed:
            self.bound(self._importing, 0.0, 1.0)
            self._most[0].value = np.maximum(high, 0.0) / KILO + 1e-3
            self._most[1].value = np.maximum(-low, 0.0) / KILO + 1e-3

    def circles(self) -> bool:
        """Return whether the solution imports and exports at once."""
        bought, above, over, sold, spilled = (flow.value for flow in self._flows)
        return bool((np.minimum(bought + above + over, sold + spilled) > 1e-4).any())


def _net_import(_, bought: np.ndarray, above: np.ndarray, over: np.ndarray, sold: np.ndarray,
                spilled: np.ndarray) -> np.ndarray:
    return (bought + above + over > sold + spilled).astype(float)


def exceeded(grid: Grid, power: np.ndarray, context: Context) -> tuple[str, ...]:
    """Return in words which limits the net import `power` (n,) [W] does not keep."""
    words = []
    for name, over in (('import', power - grid.import_max), ('export', -power - grid.export_max)):
        beyond = np.flatnonzero(over > NOTICED)
        if len(beyond):
            edges, hours = context.horizon.edges, context.horizon.hours
            energy = float(over[beyond] @ hours[beyond]) / KILO
            words.append(f'{name} limit exceeded by up to {over.max() / KILO:.2f} kW between '
                         f'{context.say_time(edges[beyond[0]])} and {context.say_time(edges[beyond[-1] + 1])}, '
                         f'{energy:.2f} kWh in all')
    return tuple(words)
