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
        self._balance = self.grid.power == sum(model.power for model in self.models)
        self._parts = parts
        self._problem = cp.Problem(cp.Minimize(sum(part.cost for part in parts)),
                                   [self._balance, *(c for part in parts for c in part.constraints)])

    def load(self, devices: tuple[Device, ...], grid: Grid, context: Context) -> LinearProgram:
        """Set all numbers and return what to solve."""
        for model, device in zip(self.models, devices, strict=True):
            model.load(device, context)
        extents = [device.extent(context.horizon) for device in devices]
        self.grid.load(grid, context, sum(low for low, _ in extents), sum(high for _, high in extents))
        data, self._chain, self._inverse = self._problem.get_problem_data(cp.HIGHS)
        equalities = data['dims'].zero
        row_upper = data['b']
        row_lower = np.where(np.arange(len(row_upper)) < equalities, row_upper, -np.inf)
        columns = len(data['c'])
        lower, upper = np.full(columns, -np.inf), np.full(columns, np.inf)
        place = data['param_prob'].var_id_to_col

        def at(variable: cp.Variable) -> np.ndarray:
            return place[variable.id] + np.arange(variable.size)

        for part in self._parts:
            for variable, (low, high) in part.bounds.items():
                size = data['param_prob'].id_to_var[variable].size
                lower[place[variable]:place[variable] + size] = low
                upper[place[variable]:place[variable] + size] = high
        groups = tuple(Group(at(choice.variable), tuple(at(variable) for variable in choice.beside), choice)
                       for part in self._parts for choice in part.choices)
        return LinearProgram(data['c'], data['A'].tocsc(), row_lower, row_upper, lower, upper, groups)

    def read(self, raw: dict) -> np.ndarray:
        """Put a solution into the models and return what a further kW costs in each step. [currency/kW]

        raw : what cvxpy's HiGHS interface returns: solution, info, model_status, run_time.
        """
        self._problem.unpack_results(raw, self._chain, self._inverse)
        return -np.asarray(self._balance.dual_value)

    def circles(self) -> bool:
        """Return whether the solution has flows against each other."""
        return any(part.circles() for part in self._parts)
