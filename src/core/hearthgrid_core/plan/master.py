"""The linear program in HiGHS, with only those columns of the one-of-many choices that have been worth a look.

A job has a column a start, each dense over its block, and nearly all of them stay at nought. Columns are priced by the
duals of the rows and taken in when they would improve something (column generation), so that the program the simplex
method sees stays as small as that of a home without jobs, and each re-solve starts warm.
"""
from dataclasses import dataclass

import highspy
import numpy as np

from .merit import valleys
from .program import Group, LinearProgram

SCALE = 100.0       # of the costs inside the solver: an instant earlier must weigh more than its tolerances
WHOLE = 1e-6        # a binary so near to 0 or 1 is one
TAKEN = 4           # columns of a choice taken in at once
PRIMAL = 4          # HiGHS's primal simplex: what column generation leaves feasible
DUAL = 1            # its dual simplex: what a moved bound leaves dual feasible
IMPOSSIBLE = (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible)
ENDS = (*IMPOSSIBLE, highspy.HighsModelStatus.kOptimal)


class SolveError(RuntimeError):
    """The solver gave no plan; the message says why."""


@dataclass(frozen=True, eq=False)
class Basis:
    """Where a solution lay: the status of the columns that are always there, and of the rows."""

    columns: list[highspy.HighsBasisStatus]
    rows: list[highspy.HighsBasisStatus]

    def fits(self, columns: int, program: LinearProgram) -> bool:
        """Return whether it is of a program of the same shape."""
        return len(self.columns) == columns and len(self.rows) == program.matrix.shape[0]

    def extended(self, columns: int) -> highspy.HighsBasis:
        """Return it for so many columns, the new ones at nought; HiGHS mends what that leaves singular."""
        out = highspy.HighsBasis()
        out.col_status = self.columns + [highspy.HighsBasisStatus.kLower] * (columns - len(self.columns))
        out.row_status = self.rows
        out.valid, out.alien = True, True
        return out


class Master:
    """One HiGHS instance over the columns taken in so far; costs are those of the program. seconds : there are [s]

    guess : (n,) what a further kW may cost in each step, which chooses the first columns [currency/kW]
    before : of a program of the same shape, whose end is this one's beginning
    """

    def __init__(self, program: LinearProgram, seconds: float, guess: np.ndarray, before: 'Basis | None' = None):
        self._program = program
        self._lazy = [group for group in program.groups if group.one_of]
        lazy = np.concatenate([group.columns for group in self._lazy] or [np.empty(0, dtype=int)])
        self.lower, self.upper = program.lower.copy(), program.upper.copy()
        self._lazy_columns, self._lazy_matrix = lazy, program.matrix[:, lazy].T.tocsr()
        count = program.matrix.shape[1]
        self._active = np.setdiff1d(np.arange(count), lazy)
        self._place = np.full(count, -1)
        self._place[self._active] = np.arange(len(self._active))
        self._highs = instance(seconds)
        self._highs.setOptionValue('presolve', 'off')
        self._highs.setOptionValue('simplex_strategy', PRIMAL)
        if self._highs.passModel(lp(program, self._active)) == highspy.HighsStatus.kError:
            raise SolveError('the solver refuses the model')
        self._core = len(self._active)
        price = np.zeros(program.matrix.shape[0])
        price[program.balance] = -guess / program.balance_sign
        worth = program.cost[lazy] - self._lazy_matrix @ price
        worth[program.upper[lazy] <= 0] = np.inf
        first, begin = [np.empty(0, dtype=int)], 0
        for group in self._lazy:
            end = begin + len(group.columns)
            first.append(group.columns[valleys(worth[begin:end], TAKEN)])
            begin = end
        self._take(np.concatenate(first))
        if before is not None and before.fits(self._core, program):
            self._highs.setBasis(before.extended(self._highs.getNumCol()))

    def basis(self) -> 'Basis':
        """Return where the last solution lies, for the next program of this shape."""
        found = self._highs.getBasis()
        return Basis(list(found.col_status)[:self._core], list(found.row_status))

    @property
    def used(self) -> float:
        """Solver time so far. [s]"""
        return self._highs.getRunTime()

    def relax(self, near: float) -> tuple[float, np.ndarray, np.ndarray]:
        """Solve the relaxation to within `near` of its optimum.

        Returns a bound below it, the solution of all columns, and by how much each one-of-many column would at least
        raise the objective (infinity where it must not be used).
        """
        while True:
            objective, x = self.solve()
            if not np.isfinite(objective):
                raise SolveError('the solver finds the problem infeasible')
            reduced = self.reduced()
            least = np.array([reduced[group.columns].min() for group in self._lazy])
            bound = objective + float(np.minimum(least, 0.0).sum())
            if objective - bound <= near:
                break
            taken = [np.empty(0, dtype=int)]
            for group, low in zip(self._lazy, least, strict=True):
                if low < -1e-9:
                    found = valleys(reduced[group.columns], TAKEN)
                    taken.append(group.columns[found[reduced[group.columns[found]] < 0]])
            before = len(self._active)
            self._take(np.concatenate(taken))
            if len(self._active) == before:
                break
        for group, low in zip(self._lazy, least, strict=True):
            reduced[group.columns] -= min(low, 0.0)
        self._highs.setOptionValue('simplex_strategy', DUAL)
        return bound, x, reduced

    def solve(self) -> tuple[float, np.ndarray]:
        """Return objective and solution of all columns with the present bounds; infinity when they leave none."""
        found = self._run()
        if found not in ENDS:  # numbers that trouble a warm start seldom trouble a fresh one
            self._highs.clearSolver()
            self._highs.setOptionValue('presolve', 'on')
            found = self._run()
            self._highs.setOptionValue('presolve', 'off')
        if found in IMPOSSIBLE:
            return np.inf, np.empty(0)
        if found not in ENDS:
            raise SolveError(f'the solver says: {self._highs.modelStatusToString(found).lower()}')
        x = np.zeros(len(self._place))
        x[self._active] = self._highs.getSolution().col_value
        return self._highs.getInfo().objective_function_value / SCALE, x

    def _run(self) -> highspy.HighsModelStatus:
        failed = self._highs.run() == highspy.HighsStatus.kError
        return highspy.HighsModelStatus.kSolveError if failed else self._highs.getModelStatus()

    def reduced(self) -> np.ndarray:
        """Return the reduced costs of all columns that may be used, by the last solution's duals; else infinity."""
        solution, out = self._highs.getSolution(), np.full(len(self._place), np.inf)
        out[self._active] = np.array(solution.col_dual) / SCALE
        price = np.array(solution.row_dual) / SCALE
        lazy = self._lazy_columns
        out[lazy] = self._program.cost[lazy] - self._lazy_matrix @ price
        out[lazy[self._program.upper[lazy] <= 0]] = np.inf
        return out

    def fix(self, group: Group, values: np.ndarray | None) -> None:
        """Fix a choice, or free it with None."""
        columns, program = group.columns, self._program
        if values is not None and group.one_of:
            self._take(columns[values > WHOLE])
        here = self._place[columns] >= 0
        if values is None:
            low = program.lower[columns]
            high = np.full(len(columns), np.inf) if group.one_of else program.upper[columns]
        else:
            low = high = values
        self.lower[columns], self.upper[columns] = low, high
        places = self._place[columns[here]].astype(np.int32)
        self._highs.changeColsBounds(len(places), places, low[here].astype(float), high[here].astype(float))

    @property
    def price(self) -> np.ndarray:
        """(rows,) duals of the last solution."""
        return np.array(self._highs.getSolution().row_dual) / SCALE

    @property
    def lazy(self) -> np.ndarray:
        """The one-of-many columns."""
        return self._lazy_columns

    def _take(self, columns: np.ndarray) -> None:
        """Take columns in. The row they share bounds them above; a bound of their own would hide their worth."""
        new = columns[self._place[columns] < 0]
        if not len(new):
            return
        part = self._program.matrix[:, new]
        self._highs.addCols(len(new), SCALE * self._program.cost[new], np.zeros(len(new)), np.full(len(new), np.inf),
                            part.nnz, part.indptr[:-1].astype(np.int32), part.indices.astype(np.int32), part.data)
        self._place[new] = len(self._active) + np.arange(len(new))
        self._active = np.concatenate((self._active, new))


def instance(seconds: float) -> highspy.Highs:
    """Return a quiet HiGHS with so much time [s]."""
    highs = highspy.Highs()
    highs.silent()
    highs.setOptionValue('threads', 1)  # a home's hub has other work
    highs.setOptionValue('time_limit', float(seconds))
    return highs


def lp(program: LinearProgram, columns: np.ndarray) -> highspy.HighsLp:
    """Return the linear program of some columns as HiGHS reads it, costs scaled."""
    matrix, out = program.matrix[:, columns], highspy.HighsLp()
    out.num_col_, out.num_row_ = len(columns), matrix.shape[0]
    out.col_cost_ = SCALE * program.cost[columns]
    out.col_lower_, out.col_upper_ = program.lower[columns], program.upper[columns]
    out.row_lower_, out.row_upper_ = program.row_lower, program.row_upper
    out.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    out.a_matrix_.start_, out.a_matrix_.index_, out.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    return out
