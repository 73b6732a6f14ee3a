"""The best a home could have done in a week that is known: a mixed-integer program in HiGHS, no planner of ours.

Jobs first, on the planner's finest steps, with the battery and means of load, sun and price over those steps (proven
to GAP or told how near); then the battery as well as it can at the steps of the recording, with the jobs where they
are. Both are attainable, so a controller may come out a little better than this where its jobs suit the minutes more.
"""
from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np
from scipy import sparse

GAP = 2e-5
LONGEST = 300.0     # [s]


@dataclass(frozen=True)
class Work:
    """power : [kW]     energy : [kWh]     first, end : steps it may use     block : in one piece"""

    power: float
    energy: float
    first: int
    end: int
    block: bool


@dataclass(frozen=True, eq=False)
class House:
    """Steps of `hours` [h]. net : (n,) drawn but for battery and work [kW]     buy : (n,) [currency/kWh]
    sell : [currency/kWh]     import_max, export_max : [kW]     battery : of `hearthgrid_core.plan`, charged at the end
    as at the beginning"""

    hours: float
    net: np.ndarray
    buy: np.ndarray
    sell: float
    import_max: float
    export_max: float
    battery: object


def best(house: House, work: Sequence[Work] = ()) -> tuple[float, float, np.ndarray]:
    """Return the least cost found, below what there is none [currency], and (n,) what the work draws [kW].

    RuntimeError: nothing was found in time.
    """
    n, h, cell = len(house.net), house.hours, house.battery
    step, none = np.arange(n), np.zeros(n)
    into, out = h * cell.charge_efficiency, h / cell.discharge_efficiency
    # Columns: import, export, charging, discharging, stored at the end of the step; then the work's choices.
    one, stored = sparse.eye_array(n), sparse.eye_array(n) - sparse.eye_array(n, k=-1)
    flows = sparse.block_array([[one, -one, -one, one, None], [None, None, -into * one, out * one, stored]])
    cost = np.concatenate((house.buy * h, none - house.sell * h, none, none + cell.wear_price * h, none))
    lower = np.zeros(5 * n)
    lower[-1] = cell.energy
    upper = np.repeat([house.import_max, house.export_max, cell.charge_max / 1e3, cell.discharge_max / 1e3,
                       cell.capacity], n)
    draws, rows = [np.zeros((n, 0))], []
    for one_work in work:
        drawn = _choices(one_work, n, h)
        draws.append(drawn)
        rows.append(drawn.sum(axis=0) * h if not one_work.block else np.ones(drawn.shape[1]))
    draw = sparse.csr_array(np.concatenate(draws, axis=1))
    chosen = sparse.block_diag([row[None, :] for row in rows]) if rows else sparse.csr_array((0, 0))
    matrix = sparse.block_array([[flows, sparse.vstack([-draw, sparse.csr_array((n, draw.shape[1]))])],
                                 [None, chosen]] if rows else [[flows]]).tocsc()
    asked = [(1.0, 1.0) if w.block else (w.energy, np.ceil(w.energy / (w.power * h) - 1e-9) * w.power * h)
             for w in work]
    begin = np.where(step == 0, cell.energy, 0.0)
    low, high = (np.concatenate((house.net, begin, [pair[side] for pair in asked])) for side in (0, 1))
    count = draw.shape[1]
    x, value, bound = _solved(np.concatenate((cost, np.zeros(count))), matrix, low - 1e-9, high + 1e-9,
                              np.concatenate((lower, np.zeros(count))), np.concatenate((upper, np.ones(count))), count)
    return value, bound, draw @ np.round(x[5 * n:]) if count else none


def _choices(work: Work, n: int, hours: float) -> np.ndarray:
    """Return (n, choices) what it draws: of a block one column a start, else one a step. [kW]"""
    steps = work.energy / (work.power * hours)
    if not work.block:
        return work.power * np.eye(n)[:, work.first:work.end]
    whole = int(np.ceil(steps - 1e-6))
    out = np.zeros((n, max(1, work.end - whole - work.first + 1)))
    for k in range(out.shape[1]):
        begin = work.first + k
        out[begin:begin + whole, k] = work.power
        out[begin + whole - 1, k] = work.power * (steps - (whole - 1))
    return out


def _solved(cost: np.ndarray, matrix: sparse.csc_array, low: np.ndarray, high: np.ndarray, lower: np.ndarray,
            upper: np.ndarray, whole: int) -> tuple[np.ndarray, float, float]:
    model, highs = highspy.HighsLp(), highspy.Highs()
    model.num_col_, model.num_row_ = len(cost), len(low)
    model.col_cost_, model.col_lower_, model.col_upper_ = cost, lower, upper
    model.row_lower_, model.row_upper_ = low, high
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = matrix.indptr, matrix.indices, matrix.data
    if whole:
        model.integrality_ = ([highspy.HighsVarType.kContinuous] * (len(cost) - whole)
                              + [highspy.HighsVarType.kInteger] * whole)
    highs.silent()
    for option, value in (('threads', 1), ('mip_rel_gap', GAP), ('time_limit', LONGEST)):
        highs.setOptionValue(option, value)
    highs.passModel(model)
    highs.run()
    info = highs.getInfo()
    if info.primal_solution_status != highspy.SolutionStatus.kSolutionStatusFeasible:
        raise RuntimeError('the best week was not found in time')
    value = info.objective_function_value
    return np.array(highs.getSolution().col_value), value, info.mip_dual_bound if whole else value
