"""The utility's connection: prices of both directions, and limits that bend rather than break the plan."""
from dataclasses import dataclass

import cvxpy as cp
import numpy as np

from .device import KILO, Choice, Context, Part, vector
from .horizon import Horizon

NOTICED = 1.0  # beyond a limit, before it is called exceeded [W]


@dataclass(frozen=True, eq=False)
class Grid:
    """import_price, export_price : (n,) [currency/kWh]     import_max, export_max : (n,) infinity = no limit [W]"""

    import_price: np.ndarray
    export_price: np.ndarray
    import_max: np.ndarray
    export_max: np.ndarray

    def checked(self, horizon: Horizon) -> 'Grid':
        """Return it with all as (n,) float64. ValueError: a length is wrong, a price not finite, a limit below 0."""
        limits = []
        for name in ('import_max', 'export_max'):
            limit = np.asarray(getattr(self, name), dtype=float)
            if limit.shape != (horizon.count,) or not (limit >= 0).all():
                raise ValueError(f'{name} must hold {horizon.count} values of at least 0')
            limits.append(limit)
        return Grid(vector(self.import_price, horizon, 'import price'),
                    vector(self.export_price, horizon, 'export price'), *limits)

    def bill(self, power: np.ndarray, hours: np.ndarray) -> float:
        """Return what a net import `power` (n,) [W] over steps of `hours` (n,) [h] costs. [currency]"""
        energy = power / KILO * hours
        return float(np.where(energy > 0, energy * self.import_price, energy * self.export_price).sum())


class GridModel(Part):
    """power : (n,) net import. [kW] Import and export each have a part within the limit and one beyond, which is dear.

    Nothing keeps import and export apart but prices; where export pays as much as import costs, `directed` adds the
    binaries that do.
    """

    def __init__(self, count: int, directed: bool):
        super().__init__()
        self._flows = [cp.Variable(count) for _ in range(4)]  # import: within, beyond; export: within, beyond
        self._prices = [cp.Parameter(count) for _ in range(4)]
        bought, over, sold, spilled = self._flows
        self.power = bought + over - sold - spilled
        self.cost = sum(price @ flow for price, flow in zip(self._prices, self._flows, strict=True))
        if directed:
            self._importing = cp.Variable(count)
            self._most = [cp.Parameter(count, nonneg=True) for _ in range(2)]
            self.constraints += [bought + over <= cp.multiply(self._most[0], self._importing),
                                 sold + spilled <= cp.multiply(self._most[1], 1 - self._importing)]
            # Last of all: the net power that is then left is feasible in its own direction.
            self.choices.append(Choice(self._importing, _net_import, tuple(self._flows), rank=2))
        self._directed = directed

    def load(self, grid: Grid, context: Context, low: np.ndarray, high: np.ndarray) -> None:
        """Set parameters and bounds; low, high : (n,) the least and the most the home can draw. [W]"""
        hours, limit = context.horizon.hours, context.weights.limit
        buy, sell = grid.import_price, grid.export_price
        for parameter, price in zip(self._prices, (buy, buy + limit, -sell, limit - sell), strict=True):
            parameter.value = price * hours
        # Beyond a limit there is always room: more than all devices together can use.
        room = np.maximum(np.abs(low), np.abs(high)) / KILO + 1.0
        most_each = (grid.import_max / KILO, np.inf, grid.export_max / KILO, np.inf)
        for flow, most in zip(self._flows, most_each, strict=True):
            self.bound(flow, 0.0, np.minimum(most, room))
        if self._directed:
            self.bound(self._importing, 0.0, 1.0)
            self._most[0].value = np.maximum(high, 0.0) / KILO + 1e-3
            self._most[1].value = np.maximum(-low, 0.0) / KILO + 1e-3

    def circles(self) -> bool:
        """Return whether the solution imports and exports at once."""
        bought, over, sold, spilled = (flow.value for flow in self._flows)
        return bool((np.minimum(bought + over, sold + spilled) > 1e-4).any())


def _net_import(_, bought: np.ndarray, over: np.ndarray, sold: np.ndarray, spilled: np.ndarray) -> np.ndarray:
    return (bought + over > sold + spilled).astype(float)


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
