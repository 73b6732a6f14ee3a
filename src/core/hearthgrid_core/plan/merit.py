"""Where jobs fit best while a stored kWh keeps its worth: quick moves between two solves of the whole.

The duals of everything but the balance say what a kWh in the battery is worth in each step. At these prices each step
has a merit order of its own (sun, battery, import, …), and what all jobs together cost is a sum over steps of convex
functions of what they draw: one pass over all starts of a job takes a tenth of a millisecond. As a Lagrangian
relaxation it never overstates a plan's cost, so a move it does not like is no improvement.
"""
from itertools import combinations

import numpy as np
from scipy import sparse

from .program import Group, LinearProgram

ALL = slice(None)
SWEEPS = 4
FEW = 3             # jobs
PLACES = 4          # of a job that are tried beside its best
SPREAD = 0.15       # of the peak's price, in each step beyond the peak: a job is as long as this many make one
FAR = 1e5           # no home draws so much [kW]
NO_SUPPLY = 1e3     # of a kWh that nothing can supply, in the largest slope there is


class MeritOrder:
    """What supplying each step costs, by the duals of all rows but the balance.

    price : (rows,) duals     lower, upper : (columns,) of all columns, the one-of-many ones left out
    rise : how far the highest import may go above what it was, at no cost; beyond it costs a share of its price in
    each step. A peak is no sum over steps, so then this is no bound any more, only a guide. [kW]
    """

    def __init__(self, program: LinearProgram, price: np.ndarray, lower: np.ndarray, upper: np.ndarray,
                 layout: 'Layout', rise: float = 0.0):
        outside = price.copy()
        outside[layout.rows] = 0.0
        if program.peak is not None:
            outside[program.peak.rows] = 0.0
        # What a job costs beside its draw: also what else it needs, but for being one of many.
        self.own = program.cost - layout.lazy_rest @ outside
        columns, sign, slots = layout.columns, layout.sign, layout.slots
        cost = program.cost[columns] - (layout.matrix @ outside)
        width = np.abs(sign) * np.minimum(upper[columns] - lower[columns], 1e6)
        shape = slots.shape
        slope, wide = np.full(shape, np.inf), np.zeros(shape)
        slope[slots >= 0] = (cost / sign)[slots[slots >= 0]]
        wide[slots >= 0] = width[slots[slots >= 0]]
        if program.peak is not None:
            slope, wide = _peaked(program, layout, slope, wide, rise)
        slope[wide <= 0] = np.inf
        order = np.argsort(slope, axis=1)[:, :max(1, int((wide > 0).sum(axis=1).max()))]
        slope, wide = np.take_along_axis(slope, order, axis=1), np.take_along_axis(wide, order, axis=1)
        least = np.where(sign > 0, lower[columns], upper[columns]) * sign
        self._least = np.bincount(layout.step, least, minlength=shape[0])
        top = self._least[:, None] + np.cumsum(wide, axis=1)
        begin = top - wide
        slope[~np.isfinite(slope) | (begin > FAR)] = 0.0
        self._begin, self._end, self._slope = (np.ascontiguousarray(each.T) for each in (begin, top, slope))
        self._most = top[:, -1]
        self._dear = NO_SUPPLY * float(np.abs(slope).max() + 1e-6)

    def cost(self, demand: np.ndarray, steps: slice = ALL) -> np.ndarray:
        """Return (…, m) what supplying `demand` (…, m) [kW] costs in each of `steps`, but for a constant."""
        part = np.minimum(demand[..., None, :], self._end[:, steps])
        np.maximum(part, self._begin[:, steps], out=part)
        out = np.einsum('...ij,ij->...j', part, self._slope[:, steps])
        beyond = np.minimum(demand, self._most[steps])
        np.maximum(beyond, self._least[steps], out=beyond)
        beyond -= demand
        np.abs(beyond, out=beyond)
        beyond *= self._dear
        out += beyond
        return out


def _peaked(program: LinearProgram, layout: 'Layout', slope: np.ndarray, wide: np.ndarray,
            rise: float) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, k) slopes and widths in which import beyond the peak is dearer."""
    peak, room = program.peak, np.full(len(slope), program.peak.before + rise)
    more_slope, more_wide = [], []
    for place in layout.imports:
        here = slope[np.arange(len(slope)), place], wide[np.arange(len(slope)), place]
        within = np.minimum(here[1], room)
        room = room - within
        more_slope.append(here[0] + SPREAD * peak.price)
        more_wide.append(here[1] - within)
        wide[np.arange(len(slope)), place] = within
    return (np.concatenate((slope, np.array(more_slope).T), axis=1),
            np.concatenate((wide, np.array(more_wide).T), axis=1))


class Layout:
    """Which columns supply which step, and how; the same for all solves of one program."""

    def __init__(self, program: LinearProgram, lazy: np.ndarray):
        self.rows = program.balance
        self.draws = program.draws()
        part = -self.draws
        single = np.diff(part.indptr) == 1
        single[lazy] = False
        single[program.further] = False
        self.columns = np.flatnonzero(single)
        chosen = part[:, self.columns]
        self.step, self.sign = chosen.indices.astype(int), chosen.data
        counts = np.bincount(self.step, minlength=len(self.rows))
        self.slots = np.full((len(self.rows), counts.max()), -1)
        order = np.argsort(self.step, kind='stable')
        within = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        self.slots[self.step[order], within] = order
        self.matrix = program.matrix[:, self.columns].T.tocsr()
        if program.peak is not None:
            slot_of = np.zeros(program.matrix.shape[1], dtype=int)
            rows, places = np.nonzero(self.slots >= 0)
            slot_of[self.columns[self.slots[rows, places]]] = places
            self.imports = slot_of[program.peak.imports]
        self.given = -program.row_upper[self.rows] / program.balance_sign
        rest = program.matrix[:, lazy].tocoo()
        once = np.isin(rest.row, [group.row for group in program.groups]) | np.isin(rest.row, self.rows)
        self.lazy_rest = sparse.csr_array((rest.data[~once], (lazy[rest.col[~once]], rest.row[~once])),
                                          shape=program.matrix.shape[::-1])


class Placing:
    """The starts of one job, and what it draws in each."""

    def __init__(self, program: LinearProgram, group: Group, layout: Layout):
        draws = layout.draws[:, group.columns].tocsc()
        draws.sort_indices()
        self._columns, self._barred = group.columns, program.upper[group.columns] <= 0
        self._steps = np.arange(draws.shape[0])
        power, counts = np.round(draws.data, 9), np.diff(draws.indptr)
        owner = np.repeat(np.arange(draws.shape[1]), counts)
        # Of each power (a block, its tail, what is left of now) a start has one run of steps.
        powers = np.unique(power[power != 0])
        self._powers = np.concatenate(([0.0], powers))[:, None, None]
        begin, end = np.zeros((2, len(powers), draws.shape[1]), dtype=int)
        for k, value in enumerate(powers):
            here = power == value
            begin[k, owner[here][::-1]] = draws.indices[here][::-1]
            end[k, owner[here]] = draws.indices[here] + 1
        self._runs = list(zip(powers, begin, end, strict=True))
        may = (end > begin) & ~self._barred
        first, last = (int(begin[may].min()), int(end[may].max())) if may.any() else (0, 0)
        self._reach = slice(first, last)    # the steps it may ever draw in
        self._bounds = [(np.clip(b - first, 0, last - first), np.clip(e - first, 0, last - first))
                        for _, b, e in self._runs]

    def own(self, merit: MeritOrder) -> np.ndarray:
        """Return (starts,) what each costs but for its draw, infinity where it may not be."""
        out = merit.own[self._columns]
        out[self._barred] = np.inf
        return out

    def put(self, demand: np.ndarray, start: np.ndarray, sign: float = 1.0) -> np.ndarray:
        """Return `demand` (k, n) [kW] with the job at its `start` (k,) added; sign −1 takes it away; −1 = nowhere."""
        out, placed = demand.copy(), (start >= 0)[:, None]
        for value, begin, end in self._runs:
            inside = (self._steps >= begin[start][:, None]) & (self._steps < end[start][:, None]) & placed
            out += sign * value * inside
        return out

    def worth(self, merit: MeritOrder, demand: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Return (k, starts) what it costs beside a `demand` (k, n) [kW]. own : as `own`"""
        cost = merit.cost(demand[:, self._reach] + self._powers, self._reach)
        sums = np.zeros((len(cost) - 1, len(demand), cost.shape[-1] + 1))
        np.cumsum(cost[1:] - cost[0], axis=-1, out=sums[..., 1:])
        out = np.tile(own, (len(demand), 1))
        for run, (begin, end) in zip(sums, self._bounds, strict=True):
            out += run.take(end, axis=1)
            out -= run.take(begin, axis=1)
        return out


def total(merit: MeritOrder, placings: list[Placing], starts: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return (k,) what jobs at their starts (k, jobs) cost, but for a constant. given : (n,) demand of all else [kW]"""
    demand, own = np.tile(given, (len(starts), 1)), np.zeros(len(starts))
    for placing, start in zip(placings, starts.T, strict=True):
        demand, own = placing.put(demand, start), own + placing.own(merit)[start]
    return merit.cost(demand).sum(axis=1) + own


def paired(merit: MeritOrder, first: Placing, second: Placing, given: np.ndarray) -> np.ndarray:
    """Return (starts, starts) what two jobs cost at all their starts, as `total`."""
    own = first.own(merit)
    demand = first.put(np.tile(given, (len(own), 1)), np.arange(len(own)))
    return (own + merit.cost(demand).sum(axis=1))[:, None] + second.worth(merit, demand, second.own(merit))


def descend(merit: MeritOrder, placings: list[Placing], starts: np.ndarray, given: np.ndarray, slight: float,
            held: np.ndarray | None = None) -> np.ndarray:
    """Return (k, jobs) starts after one job after another moved to where it fits best, until none moves.

    starts : (k, jobs), −1 = not placed yet     given : (n,) demand of all else [kW]
    held : (k,) the job that does not move in the first sweep
    """
    starts, demand = starts.copy(), np.tile(given, (len(starts), 1))
    for placing, start in zip(placings, starts.T, strict=True):
        demand = placing.put(demand, start)
    own = [placing.own(merit) for placing in placings]
    busy = np.arange(len(starts))   # rows in which something may still move
    stays = np.zeros(len(busy), dtype=int)  # jobs that are where they fit best, since something last moved
    for sweep in range(SWEEPS):
        for k, placing in enumerate(placings):
            now, rows = starts[busy, k], np.arange(len(busy))
            without = placing.put(demand, now, -1.0)
            worth = placing.worth(merit, without, own[k])
            best = worth.argmin(axis=1)
            better = (now < 0) | (worth[rows, best] < worth[rows, now] - slight)
            stays += 1
            if sweep == 0 and held is not None:
                waits = held[busy] == k
                better &= ~waits
                stays[waits] = 0
            if better.any():
                stays[better] = 1
                starts[busy[better], k] = best[better]
                demand[better] = placing.put(without[better], best[better])
            moving = stays < len(placings)
            if not moving.all():
                busy, demand, stays = busy[moving], demand[moving], stays[moving]
            if not len(busy):
                return starts
    return starts


def kicked(merit: MeritOrder, placings: list[Placing], starts: np.ndarray, given: np.ndarray,
           most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (k, jobs) starts in which one job is at another good place, and (k,) which job.

    starts : (jobs,) all placed     given : (n,) demand of all else [kW]     most : of them
    """
    demand, found = given[None, :], []
    for k, placing in enumerate(placings):
        demand = placing.put(demand, starts[k:k + 1])
    for k, placing in enumerate(placings):
        worth = placing.worth(merit, placing.put(demand, starts[k:k + 1], -1.0), placing.own(merit))[0]
        # With few jobs every place is looked at.
        places = valleys(worth, PLACES) if len(placings) > FEW else np.argsort(worth, kind='stable')[:most // FEW + 1]
        found += [(float(worth[place] - worth[starts[k]]), k, int(place)) for place in places
                  if place != starts[k] and np.isfinite(worth[place])]
    found = sorted(found)[:most]
    rows = [((k, place),) for _, k, place in found]
    rows += [(one, other) for (one,), (other,) in combinations(rows, 2) if one[0] != other[0]]
    out = np.tile(starts, (min(most, len(rows)), 1))
    for row, changes in zip(out, rows, strict=False):
        for k, place in changes:
            row[k] = place
    return out, np.array([changes[0][0] for changes in rows[:most]], dtype=int)


def valleys(value: np.ndarray, most: int) -> np.ndarray:
    """Return where `value` is least among its neighbours and finite, the lowest `most` first."""
    padded = np.concatenate(([np.inf], value, [np.inf]))
    places = np.flatnonzero(np.isfinite(value) & (value <= padded[:-2]) & (value <= padded[2:]))
    return places[np.argsort(value[places], kind='stable')[:most]]
