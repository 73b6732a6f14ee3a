"""The sum of devices as one linear program with choices, compiled once for a shape of problem."""
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
from scipy import sparse

from .device import Choice, Context, Device, Model, Part
from .grid import Grid, GridModel


@dataclass(frozen=True, eq=False)
class Group:
    """The columns of one choice. columns : (k,) int     beside : columns its rounding looks at"""

    columns: np.ndarray
    beside: tuple[np.ndarray, ...]
    choice: Choice

    def rounded(self, x: np.ndarray) -> np.ndarray:
        """Return (k,) whole values near those in a solution `x` of all columns."""
        return self.choice.round(np.clip(x[self.columns], 0.0, 1.0), *(x[columns] for columns in self.beside))


@dataclass(frozen=True, eq=False)
class LinearProgram:
    """Minimise cost·x with matrix·x in row_lower … row_upper, x in lower … upper, and the groups' columns whole."""

    cost: np.ndarray
    matrix: sparse.csc_array
    row_lower: np.ndarray
    row_upper: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    groups: tuple[Group, ...]


class Program:
    """The home's devices and the grid, balanced. Numbers are loaded anew for every plan."""

    def __init__(self, devices: tuple[Device, ...], context: Context):
        self.models: list[Model] = [device.model(context) for device in devices]
        self.grid = GridModel(context.horizon.count, context.directed)
        parts: list[Part] = [self.grid, *self.models]
        # Nothing is drawn beside the devices; the reduced cost of it is what a further kW would cost.
        self._further = cp.Variable(context.horizon.count)
        balance = self.grid.power == sum(model.power for model in self.models) + self._further
        self._parts = parts
        self._problem = cp.Problem(cp.Minimize(sum(part.cost for part in parts)),
                                   [balance, *(c for part in parts for c in part.constraints)])

    def load(self, devices: tuple[Device, ...], grid: Grid, context: Context) -> LinearProgram:
        """Set all numbers and return what to solve."""
        for model, device in zip(self.models, devices, strict=True):
            model.load(device, context)
        extents = [device.extent(context.horizon) for device in devices]
        self.grid.load(grid, context, sum(low for low, _ in extents), sum(high for _, high in extents))
        data, _, _ = self._problem.get_problem_data(cp.HIGHS)
        equalities = data['dims'].zero
        row_upper = data['b']
        row_lower = np.where(np.arange(len(row_upper)) < equalities, row_upper, -np.inf)
        columns = len(data['c'])
        lower, upper = np.full(columns, -np.inf), np.full(columns, np.inf)
        place = data['param_prob'].var_id_to_col
        self._columns = {variable.id: place[variable.id] + np.arange(variable.size)
                         for variable in self._problem.variables()}
        for part in self._parts:
            for variable, (low, high) in part.bounds.items():
                lower[self._columns[variable]], upper[self._columns[variable]] = low, high
        further = self._columns[self._further.id]
        lower[further] = upper[further] = 0.0
        groups = tuple(Group(self._columns[choice.variable.id],
                             tuple(self._columns[variable.id] for variable in choice.beside), choice)
                       for part in self._parts for choice in part.choices)
        return LinearProgram(data['c'], data['A'].tocsc(), row_lower, row_upper, lower, upper, groups)

    def read(self, x: np.ndarray, reduced_cost: np.ndarray) -> np.ndarray:
        """Put a solution into the models and return what a further kW costs in each step. [currency/kW]

        x, reduced_cost : of all columns
        """
        for variable in self._problem.variables():
            variable.save_value(x[self._columns[variable.id]].reshape(variable.shape))
        return reduced_cost[self._columns[self._further.id]]

    def circles(self) -> bool:
        """Return whether the solution has flows against each other."""
        return any(part.circles() for part in self._parts)
