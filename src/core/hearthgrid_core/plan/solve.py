"""From a linear program with choices to a good whole plan: relax, dive, improve, and only then branch.

The relaxation of this formulation is often whole already, or nearly; then a few warm re-solves beat branch and bound
by far. Whatever happens, the relaxation's optimum stays as a bound of how much cheaper any plan could be.
"""
from dataclasses import dataclass

import highspy
import numpy as np

from .program import Group, LinearProgram

WHOLE = 1e-6        # a binary so near to 0 or 1 is one
IMPOSSIBLE = (highspy.HighsModelStatus.kInfeasible, highspy.HighsModelStatus.kUnboundedOrInfeasible)
HARD = 3.0          # times the time after which the best is taken, until there is no plan at all
CANDIDATES = 2      # other places tried for a choice besides its rounding


@dataclass(frozen=True, eq=False)
class Solution:
    """objective : of the plan     bound : no plan is cheaper     seconds : the solver's [s]
    x, reduced_cost : of all columns, with the choices fixed     proven : within the gap"""

    objective: float
    bound: float
    seconds: float
    x: np.ndarray
    reduced_cost: np.ndarray
    proven: bool


class SolveError(RuntimeError):
    """The solver gave no plan; the message says why."""


class _Search:
    """One HiGHS instance whose choices are fixed and freed by bounds, so that each re-solve starts warm."""

    def __init__(self, program: LinearProgram, seconds: float):
        self._program = program
        self._highs = _instance(HARD * seconds)
        if self._highs.passModel(_lp(program)) == highspy.HighsStatus.kError:
            raise SolveError('the solver refuses the model')
        self.objective, self.x = self.solve()
        if not np.isfinite(self.objective):
            raise SolveError('the solver finds the problem infeasible')
        self._highs.setOptionValue('presolve', 'off')  # from here on each basis is the next one's start

    def solve(self) -> tuple[float, np.ndarray]:
        """Return objective and solution with the present bounds; infinity when they leave none."""
        status = self._highs.run()
        found = self._highs.getModelStatus()
        if found in IMPOSSIBLE:
            return np.inf, np.empty(0)
        if status == highspy.HighsStatus.kError or found != highspy.HighsModelStatus.kOptimal:
            raise SolveError(f'the solver says: {self._highs.modelStatusToString(found).lower()}')
        return self._highs.getInfo().objective_function_value, np.array(self._highs.getSolution().col_value)

    def fix(self, group: Group, values: np.ndarray | None) -> None:
        """Fix a choice, or free it with None."""
        columns = group.columns.astype(np.int32)
        low, high = (self._program.lower[columns], self._program.upper[columns]) if values is None else (values, values)
        self._highs.changeColsBounds(len(columns), columns, low, high)

    @property
    def used(self) -> float:
        """[s]"""
        return self._highs.getRunTime()

    @property
    def solution(self) -> highspy.HighsSolution:
        return self._highs.getSolution()


def solve(program: LinearProgram, gap: float, seconds: float) -> Solution:
    """Return the best whole solution found.

    gap : so near to the best possible is good enough. [currency]     seconds : of solver time, after which the best so
    far is taken. [s]     Raises SolveError when the solver fails or has no solution by then.
    """
    search = _Search(program, seconds)
    bound = search.objective
    if not program.groups:
        return Solution(bound, bound, search.used, search.x, np.array(search.solution.col_dual), True)
    chosen, best = _dive(search, program)
    improved = np.isfinite(best)
    while improved and best - bound > gap and search.used < 0.5 * seconds:
        chosen, best, improved = _improve(search, program, chosen, best, 0.5 * seconds)
    used = search.used
    if best - bound > gap and used < seconds:
        known = search.solution if np.isfinite(best) else None
        whole, tighter, spent = _branch(program, known, gap, seconds - used)
        used, bound = used + spent, max(bound, tighter)
        if whole is not None:
            chosen = [np.round(whole[group.columns]) for group in program.groups]
    for group, values in zip(program.groups, chosen, strict=True):
        search.fix(group, values)
    best, x = search.solve()
    if not np.isfinite(best):
        raise SolveError('the solver found no whole plan in time')
    return Solution(best, min(bound, best), used, x, np.array(search.solution.col_dual), best - bound <= gap + WHOLE)


def _dive(search: _Search, program: LinearProgram) -> tuple[list[np.ndarray], float]:
    """Fix the choices that are whole, or else the one nearest to it, and solve again, until all are.

    Returns what was chosen and its objective, infinity when that left no solution.
    """
    groups = program.groups
    chosen: list[np.ndarray] = [np.empty(0)] * len(groups)
    left, objective, x = set(range(len(groups))), search.objective, search.x
    while left:
        rank = min(groups[k].choice.rank for k in left)
        rounded = {k: groups[k].rounded(x) for k in left if groups[k].choice.rank == rank}
        distance = {k: float(np.abs(x[groups[k].columns] - values).max()) for k, values in rounded.items()}
        for k in [k for k, far in distance.items() if far < WHOLE] or [min(distance, key=distance.get)]:
            chosen[k] = rounded[k]
            search.fix(groups[k], rounded[k])
            left.discard(k)
        objective, solved = search.solve()
        x = solved if np.isfinite(objective) else x
    return chosen, objective


def _improve(search: _Search, program: LinearProgram, chosen: list[np.ndarray], best: float,
             until: float) -> tuple[list[np.ndarray], float, bool]:
    """Free one choice after another and keep what is better, `until` so much solver time is used [s]."""
    chosen, improved = list(chosen), False
    for k, group in enumerate(program.groups):
        if search.used > until:
            break
        search.fix(group, None)
        least, x = search.solve()
        if least < best - 1e-6:
            for values in _candidates(group, x, chosen[k]):
                search.fix(group, values)
                objective, _ = search.solve()
                if objective < best - 1e-7:
                    best, chosen[k], improved = objective, values, True
        search.fix(group, chosen[k])
    search.solve()
    return chosen, best, improved


def _candidates(group: Group, x: np.ndarray, now: np.ndarray) -> list[np.ndarray]:
    """Return other values worth a try for one choice, given a solution `x` in which it is free."""
    fraction, found = x[group.columns], [group.rounded(x)]
    if now.sum() == 1.0 and abs(fraction.sum() - 1.0) < WHOLE:  # one of many: also where most of it lies
        for index in np.argsort(-fraction, kind='stable')[:CANDIDATES]:
            if fraction[index] > WHOLE:
                found.append((np.arange(len(fraction)) == index).astype(float))
    kept: list[np.ndarray] = []
    for values in found:
        if not any(np.array_equal(values, other) for other in (now, *kept)):
            kept.append(values)
    return kept


def _branch(program: LinearProgram, known: highspy.HighsSolution | None, gap: float,
            seconds: float) -> tuple[np.ndarray | None, float, float]:
    """Branch and bound. Return the solution, None when none was found, the bound, and the time it took [s]."""
    highs = _instance(seconds)
    highs.setOptionValue('mip_abs_gap', gap)
    highs.setOptionValue('mip_rel_gap', 0.0)
    lp = _lp(program)
    kinds = [highspy.HighsVarType.kContinuous] * lp.num_col_
    for group in program.groups:
        for column in group.columns:
            kinds[column] = highspy.HighsVarType.kInteger
    lp.integrality_ = kinds
    if highs.passModel(lp) == highspy.HighsStatus.kError:
        raise SolveError('the solver refuses the model')
    if known is not None:
        highs.setSolution(known)
    highs.run()
    info = highs.getInfo()
    found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    return (np.array(highs.getSolution().col_value) if found else None, float(info.mip_dual_bound), highs.getRunTime())


def _instance(seconds: float) -> highspy.Highs:
    highs = highspy.Highs()
    highs.silent()
    highs.setOptionValue('threads', 1)  # a home's hub has other work
    highs.setOptionValue('time_limit', float(seconds))
    return highs


def _lp(program: LinearProgram) -> highspy.HighsLp:
    lp = highspy.HighsLp()
    lp.num_col_, lp.num_row_ = program.matrix.shape[1], program.matrix.shape[0]
    lp.col_cost_, lp.col_lower_, lp.col_upper_ = program.cost, program.lower, program.upper
    lp.row_lower_, lp.row_upper_ = program.row_lower, program.row_upper
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_ = program.matrix.indptr, program.matrix.indices
    lp.a_matrix_.value_ = program.matrix.data
    return lp
