"""From a linear program with choices to a good whole plan: relax, place, dive, improve, and only then branch.

The relaxation of this formulation is often whole already, or nearly; then a few warm re-solves beat branch and bound
by far. Whatever happens, the relaxation's optimum stays as a bound of how much cheaper any plan could be.
"""
from dataclasses import dataclass

import highspy
import numpy as np

from .master import SCALE, WHOLE, Basis, Master, SolveError, instance, lp
from .merit import Layout
from .pieces import Pieces
from .place import Places
from .program import LinearProgram

HARD = 10.0         # time after which even the quick search ends, without a plan [s]
ROUNDS = 4          # in which one kind of choice is placed anew beside the other
SLIGHT = 0.02       # of the gap: an improvement that is not worth a look

__all__ = ['Solution', 'SolveError', 'fixed', 'solve']


@dataclass(frozen=True, eq=False)
class Solution:
    """objective : of the plan     bound : no plan is cheaper     seconds : the solver's [s]
    x, reduced_cost : of all columns, with the choices fixed     proven : within the gap
    basis : where it lies, to begin the next solve there"""

    objective: float
    bound: float
    seconds: float
    x: np.ndarray
    reduced_cost: np.ndarray
    proven: bool
    basis: Basis


def solve(program: LinearProgram, gap: float, seconds: float, guess: np.ndarray,
          before: Basis | None = None) -> Solution:
    """Return the best whole solution found.

    gap : so near to the best possible is good enough. [currency]     seconds : of solver time beyond the quick search,
    to branch and bound when that leaves more than the gap. [s]     guess : (n,) what a further kW may cost in each
    step. [currency/kW]     before : of the last program of this shape     Raises SolveError when the solver fails.
    """
    master = Master(program, HARD + seconds, guess, before)
    bound, x, raises = master.relax(0.2 * gap)
    if not program.groups:
        return Solution(bound, bound, master.used, x, master.reduced(), True, master.basis())
    chosen: list[np.ndarray | None] = [None] * len(program.groups)
    layout, slight = Layout(program, master.lazy), max(SLIGHT * gap, 1e-7)
    places, pieces = Places(master, program, layout, slight), Pieces(master, program, layout, slight)
    best = np.inf
    for _ in range(ROUNDS if places.groups or pieces.groups else 0):
        if places.groups:
            for k, start in zip(places.groups, places.settle(x, bound + gap), strict=True):
                chosen[k] = places.values(k, start)
            if pieces.groups:
                _, x = master.solve()
        if pieces.groups:
            for k, values in zip(pieces.groups, pieces.settle(x, bound + gap), strict=True):
                chosen[k] = values
        before, (best, x) = best, master.solve()
        # Each kind was placed beside the other as it was.
        if not (places.groups and pieces.groups) or best < bound + gap or not best < before - slight:
            break
    if any(values is None for values in chosen):
        chosen, best = _dive(master, program, chosen, x)
        if np.isfinite(best) and best - bound > gap:
            chosen = _improve(master, program, chosen, best)
        best, x = master.solve()
    used = master.used
    if best - bound > gap and seconds > 0:
        whole, tighter, spent = _branch(program, raises, bound, chosen, best, gap, seconds)
        used, bound = used + spent, max(bound, tighter)
        if whole is not None:
            for group in program.groups:
                master.fix(group, np.round(whole[group.columns]))
            best, x = master.solve()
    if not np.isfinite(best):
        raise SolveError('the solver found no whole plan in time')
    return Solution(best, min(bound, best), used, x, master.reduced(), best - bound <= gap + WHOLE, master.basis())


def fixed(program: LinearProgram, chosen: dict[int, np.ndarray], found: Solution, guess: np.ndarray) -> Solution | None:
    """Return the plan with some choices as they are told and the others as `found`; None where there is none."""
    master = Master(program, HARD, guess, found.basis)
    for k, group in enumerate(program.groups):
        master.fix(group, chosen.get(k, np.round(found.x[group.columns])))
    objective, x = master.solve()
    if not np.isfinite(objective):
        return None
    return Solution(objective, objective - (found.objective - found.bound), found.seconds + master.used, x,
                    master.reduced(), False, master.basis())


def _dive(master: Master, program: LinearProgram, chosen: list[np.ndarray | None],
          x: np.ndarray) -> tuple[list[np.ndarray], float]:
    """Fix the choices that are whole and those nearest to it, and solve again, until all are.

    Returns what was chosen and its objective, infinity when that left no solution.
    """
    groups, chosen, objective = program.groups, list(chosen), np.inf
    left = {k for k, values in enumerate(chosen) if values is None}
    while left:
        rank = min(groups[k].choice.rank for k in left)
        rounded = {k: groups[k].rounded(x) for k in left if groups[k].choice.rank == rank}
        distance = {k: float(np.abs(x[groups[k].columns] - values).max()) for k, values in rounded.items()}
        whole = [k for k, far in distance.items() if far < WHOLE]
        rest = sorted((k for k in rounded if k not in whole), key=distance.get)
        for k in [*whole, *rest[:max(1, len(rest) // 3)]]:
            chosen[k] = rounded[k]
            master.fix(groups[k], rounded[k])
            left.discard(k)
        objective, solved = master.solve()
        x = solved if np.isfinite(objective) else x
    return chosen, objective


def _improve(master: Master, program: LinearProgram, chosen: list[np.ndarray], best: float) -> list[np.ndarray]:
    """Free one choice after another, round it anew among the others, and keep what is better."""
    chosen, improved = list(chosen), True
    while improved:
        improved = False
        for k, group in enumerate(program.groups):
            if group.one_of or group.choice.cheapest is not None:
                continue
            master.fix(group, None)
            least, x = master.solve()
            if least < best - 1e-6:
                values = group.rounded(x)
                master.fix(group, values)
                objective, _ = master.solve()
                if objective < best - 1e-6:
                    best, chosen[k], improved = objective, values, True
            master.fix(group, chosen[k])
    return chosen


def _branch(program: LinearProgram, raises: np.ndarray, bound: float, chosen: list[np.ndarray], best: float,
            gap: float, seconds: float) -> tuple[np.ndarray | None, float, float]:
    """Branch and bound over the columns that a better plan could use.

    raises : by how much each one-of-many column would at least raise the `bound`     Returns the solution of all
    columns, None when none better was found, the bound, and the time it took [s].
    """
    keep, whole = np.ones(len(raises), dtype=bool), np.zeros(len(raises), dtype=bool)
    for group, values in zip(program.groups, chosen, strict=True):
        whole[group.columns] = True
        if group.one_of:
            keep[group.columns] = (raises[group.columns] <= best - bound) | (values > 0.5)
    columns = np.flatnonzero(keep)
    highs = instance(seconds)
    highs.setOptionValue('mip_abs_gap', SCALE * gap)
    highs.setOptionValue('mip_rel_gap', 0.0)
    model = lp(program, columns)
    model.integrality_ = [highspy.HighsVarType.kInteger if integer else highspy.HighsVarType.kContinuous
                          for integer in whole[columns]]
    if highs.passModel(model) == highspy.HighsStatus.kError:
        raise SolveError('the solver refuses the model')
    highs.run()
    info = highs.getInfo()
    found = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
    x = None
    if found and info.objective_function_value / SCALE < best:
        x = np.zeros(len(keep))
        x[columns] = highs.getSolution().col_value
    return x, min(float(info.mip_dual_bound) / SCALE, best), highs.getRunTime()
