"""The sum of devices as one linear program with choices, compiled once for a shape of problem."""
from dataclasses import dataclass

import cvxpy as cp
import numpy as np
from scipy import sparse

from .device import KILO, Choice, Context, Device, Model, Part
from .grid import Grid, GridModel
from .photovoltaic import PhotovoltaicModel


@dataclass(frozen=True, eq=False)
class Group:
    """The columns of one choice. columns : (k,) int     beside : columns its rounding looks at
    row : that makes exactly one of them 1, −1 = they are free     within : columns that are nought where they are"""

    columns: np.ndarray
    beside: tuple[np.ndarray, ...]
    choice: Choice
    row: int = -1
    within: np.ndarray | None = None

    @property
    def one_of(self) -> bool:
        """Exactly one of the columns is 1."""
        return self.row >= 0

    def rounded(self, x: np.ndarray) -> np.ndarray:
        """Return (k,) whole values near those in a solution `x` of all columns."""
        return self.choice.round(np.clip(x[self.columns], 0.0, 1.0), *(x[columns] for columns in self.beside))


@dataclass(frozen=True, eq=False)
class Peak:
    """A price on the highest import. imports : (flows, n) its columns     rise : the column of what is above `before`
    rows : (n,) that hold import below both     price : [currency/kW]     before : [kW]"""

    imports: np.ndarray
    rise: int
    rows: np.ndarray
    price: float
    before: float


@dataclass(frozen=True, eq=False)
class LinearProgram:
    """Minimise cost·x with matrix·x in row_lower … row_upper, x in lower … upper, and the groups' columns whole.

    balance : (n,) the row in which each step's demand is met     further : (n,) columns of a further demand there
    balance_sign : (n,) of that column in its row
    """

    cost: np.ndarray
    matrix: sparse.csc_array
    row_lower: np.ndarray
    row_upper: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    groups: tuple[Group, ...]
    balance: np.ndarray
    balance_sign: np.ndarray
    further: np.ndarray
    peak: Peak | None = None

    def draws(self) -> sparse.csc_array:
        """Return (n, columns) what each column draws in each step. [kW]"""
        return (sparse.diags_array(1.0 / self.balance_sign) @ self.matrix[self.balance]).tocsc()


class Program:
    """The home's devices and the grid, balanced. Numbers are loaded anew for every plan."""

    def __init__(self, devices: tuple[Device, ...], context: Context, peaked: bool = False):
        self.models: list[Model] = [device.model(context) for device in devices]
        self.grid = GridModel(context.horizon.count, context.directed, peaked)
        parts: list[Part] = [self.grid, *self.models]
        # Nothing is drawn beside the devices; the reduced cost of it is what a further kW would cost.
        self._further = cp.Variable(context.horizon.count)
        balance = self.grid.power == sum(model.power for model in self.models) + self._further
        constraints = [balance, *(c for part in parts for c in part.constraints)]
        spared = [model.spared for model in self.models if model.spared is not None]
        if spared:
            sun = [-model.power for model in self.models if isinstance(model, PhotovoltaicModel)]
            constraints.append(sum(spared) <= self.grid.imported + sum(sun))
        self._parts, self._rows = parts, {}
        # Which device each group of the program is of; −1 = the grid.
        self.owners = [k for k, part in enumerate(parts, -1) for _ in part.choices]
        self._problem = cp.Problem(cp.Minimize(sum(part.cost for part in parts)), constraints)

    def load(self, devices: tuple[Device, ...], grid: Grid, context: Context) -> LinearProgram:
        """Set all numbers and return what to solve."""
        for model, device in zip(self.models, devices, strict=True):
            model.load(device, context)
        extents = [device.extent(context.horizon) for device in devices]
        self.grid.load(grid, context, sum(low for low, _ in extents), sum(high for _, high in extents))
        data, _, _ = self._problem.get_problem_data(cp.HIGHS)
        equalities = data['dims'].zero
        row_upper, matrix = data['b'], data['A'].tocsc()
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
                             tuple(self._columns[variable.id] for variable in choice.beside), choice,
                             self._row(choice, matrix[:equalities], row_upper),
                             np.concatenate([self._columns[variable.id] for variable in choice.within])
                             if choice.within else None)
                       for part in self._parts for choice in part.choices)
        return LinearProgram(data['c'], matrix, row_lower, row_upper, lower, upper, groups,
                             matrix[:, further].indices, matrix[:, further].data, further,
                             self._peak(grid, matrix))

    def _peak(self, grid: Grid, matrix: sparse.csc_array) -> Peak | None:
        """Return what the program knows of the tariff's peak."""
        if self.grid.rise is None:
            return None
        rise = int(self._columns[self.grid.rise.id][0])
        imports = np.array([self._columns[flow.id] for flow in self.grid.imports])
        return Peak(imports, rise, matrix[:, [rise]].indices, grid.tariff.peak_price, grid.tariff.peak_before / KILO)

    def _row(self, choice: Choice, equalities: sparse.csc_array, right: np.ndarray) -> int:
        """Return the row that makes exactly one column of a choice 1; −1 when it is not such a choice."""
        if not choice.one_of:
            return -1
        if choice.variable.id not in self._rows:
            part = equalities[:, self._columns[choice.variable.id]].tocsr()
            every = (np.diff(part.indptr) == part.shape[1]) & (right[:equalities.shape[0]] == 1.0)
            self._rows[choice.variable.id] = next(
                int(row) for row in np.flatnonzero(every) if (part[[row]].data == 1.0).all())
        return self._rows[choice.variable.id]

    def read(self, x: np.ndarray, reduced_cost: np.ndarray) -> np.ndarray:
        """Put a solution into the models and return what a further kW costs in each step. [currency/kW]

        x, reduced_cost : of all columns
        """
        for variable in self._problem.variables():
            variable.save_value(x[self._columns[variable.id]].reshape(variable.shape))
        for part in self._parts:
            if part.gift is not None:
                part.gift_cost = reduced_cost[self._columns[part.gift.id]]
        return reduced_cost[self._columns[self._further.id]]

    def circles(self) -> bool:
        """Return whether the solution has flows against each other."""
        return any(part.circles() for part in self._parts)
