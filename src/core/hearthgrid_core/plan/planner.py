"""The planner: problem in, checked plan out, and never an exception for what the world does."""
import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timezone

import numpy as np

from .battery import Battery, stored_worth
from .check import check
from .device import KILO, Context, Device, Weights
from .futures import Futures
from .grid import Grid, exceeded
from .guide import guide
from .horizon import Horizon
from .master import Basis
from .outlook import Outlook
from .program import LinearProgram, Program
from .result import PlanResult, Status, nothing
from .settings import PlanSettings
from .solve import Solution, SolveError, fixed, solve
from .stock import Chances
from .words import LIKELY, explain

DAY = 86400.0           # [s]
COMPILED = 6            # programs kept
LEAST_PRICE = 0.01      # against which things are weighed when energy costs nothing [currency/kWh]
NAMES_A_PLAN = 64
SAID = 0.005            # what moving jobs must save on average to be said [currency]


def utc_time(time: float) -> str:
    """Return a time [s] as HH:MM UTC."""
    return datetime.fromtimestamp(time, timezone.utc).strftime('%H:%M')


@dataclass(frozen=True, eq=False)
class Problem:
    """A home as it stands, and what is foreseen. devices : each with a name of its own     currency : ISO 4217
    chances : how what comes may differ from that; None = all comes as foreseen"""

    horizon: Horizon
    grid: Grid
    devices: tuple[Device, ...]
    currency: str = 'EUR'
    chances: Chances | None = None


class Planner:
    """Plans a home again and again; keeps compiled programs and the last plan. One thread at a time."""

    def __init__(self, settings: PlanSettings, say_time: Callable[[float], str] = utc_time):
        self._settings, self._say_time = settings, say_time
        self._programs: OrderedDict[tuple, Program] = OrderedDict()
        self._last: PlanResult | None = None
        self._bases: dict[Program, Basis] = {}  # where the last solution of a program lay

    @property
    def last(self) -> PlanResult | None:
        """The last plan that did not fail."""
        return self._last

    def plan(self, problem: Problem) -> PlanResult:
        """Return the cheapest plan found.

        Raises ValueError for a problem that is not one: arrays of the wrong length, not finite, names used twice. What
        the solver does wrong ends in a result of status FAILED that holds the last plan, moved on to now.
        """
        grid = problem.grid.checked(problem.horizon)
        names = [device.name for device in problem.devices]
        if not names or len(set(names)) != len(names) or len(names) > NAMES_A_PLAN:
            raise ValueError(f'a plan needs 1 … {NAMES_A_PLAN} devices with names of their own')
        unmanaged = sum(device.unmanaged(problem.horizon) for device in problem.devices)
        for device in problem.devices:
            device.extent(problem.horizon)
        cost_unmanaged = grid.bill(unmanaged, problem.horizon.hours)
        try:
            result = self._solved(problem, grid, cost_unmanaged)
        except SolveError as error:
            return self._failed(problem.horizon, f'no plan: {error}')
        wrong = check(result, problem.devices, grid)
        if wrong:
            return self._failed(problem.horizon, f'a plan was thrown away: {"; ".join(wrong)}')
        self._last = result
        return result

    def _context(self, problem: Problem, grid: Grid, directed: bool) -> Context:
        s = self._settings
        price = max(float(np.abs(grid.import_price).mean()), LEAST_PRICE)
        # What is left in a battery replaces what would be bought later.
        stored = s.stored_weight * max(float(grid.import_price.mean()), 0.0)
        weights = Weights(late=s.late_weight * price, limit=s.limit_weight * price, reserve=s.reserve_weight * price,
                          comfort=s.comfort_weight * price, switch=s.switch_weight * price,
                          early=s.early_weight * price, keep=s.keep_weight * price, stored=stored)
        return Context(problem.horizon, grid.steering_price, grid.export_price, weights, s.margin, s.margin_share,
                       directed, problem.currency, self._say_time, self._left(problem))

    def _left(self, problem: Problem) -> dict[str, float]:
        """Return what a kWh left in each battery is worth: what it was at that time of day in the last plan.

        A day is much like the next, and what a stored kWh is worth depends on the hour: little before a cheap night,
        much before a dear evening. No mean price knows that.
        """
        last, out = self._last, {}
        if last is None:
            return out
        days = math.ceil((problem.horizon.end - last.horizon.edges[0]) / DAY) - 1
        place = last.horizon.index(problem.horizon.end - days * DAY)
        if days < 1 or not last.horizon.edges[0] <= problem.horizon.end - days * DAY < last.horizon.end:
            return out
        for schedule in last.schedules:
            if schedule.worth is not None:
                out[schedule.name] = max(0.0, float(schedule.worth[place]))
        return out

    def _program(self, problem: Problem, context: Context) -> Program:
        peaked = problem.grid.tariff.peak_price > 0
        key = (context.directed, peaked, problem.horizon.count,
               *(device.shape(problem.horizon) for device in problem.devices))
        if key not in self._programs:
            self._programs[key] = Program(problem.devices, context, peaked)
            if len(self._programs) > COMPILED:
                self._programs.popitem(last=False)
        self._programs.move_to_end(key)
        return self._programs[key]

    def _guess(self, horizon: Horizon, grid: Grid) -> np.ndarray:
        """Return (n,) what a further kW may cost in each step: as in the last plan, else as bought. [currency/kW]"""
        price, last = grid.steering_price.copy(), self._last
        if last is not None:
            edges = last.horizon.edges
            place = np.searchsorted(edges, horizon.edges[:-1] + 1.0, side='right') - 1
            inside = (place >= 0) & (place < last.horizon.count)
            price[inside] = last.price[place[inside]]
        return price * horizon.hours

    def _solved(self, problem: Problem, grid: Grid, cost_unmanaged: float) -> PlanResult:
        # Binaries that keep flows apart are dear and hardly ever needed: only where prices reward what they forbid, or
        # where a solution without them turns out to go in circles.
        for directed in (True,) if _rewards_circles(grid) else (False, True):
            context = self._context(problem, grid, directed)
            program = self._program(problem, context)
            linear = program.load(problem.devices, grid, context)
            gap = self._settings.gap * max(abs(cost_unmanaged), float(np.abs(grid.import_price).mean()))
            solution = solve(linear, gap, self._settings.solve_time, self._guess(problem.horizon, grid),
                             self._bases.get(program))
            self._bases = {program: solution.basis}
            price = program.read(solution.x, solution.reduced_cost)
            if directed or not program.circles():
                break
        result = self._result(problem, grid, context, program, solution, price, cost_unmanaged)
        battery = next((device for device in problem.devices if isinstance(device, Battery)), None)
        if battery is None:
            return result
        schedule = result.schedule(battery.name)
        outlook = _outlook(problem, grid, context, battery, result.grid_power - schedule.power)
        if outlook is None:
            return replace(result, guide=guide(battery, schedule, grid, result.grid_power))
        course, moved, saved = Futures(linear, outlook, context.weights.keep).settle(solution.x)
        if moved:
            hedged = self._fixed(problem, grid, context, program, linear, solution, moved, cost_unmanaged)
            if hedged is None:
                course = outlook.course(outlook.net)
            else:
                names = ', '.join(sorted(problem.devices[program.owners[k]].name for k in moved))
                word = f'{names}: placed for what forecasts may miss, saves {saved:.2f} {problem.currency} on average'
                result = replace(hedged, reasons=(*hedged.reasons, *((word,) if saved >= SAID else ())))
        return replace(result, guide=outlook.guide(course, result.schedule(battery.name).energy))

    def _fixed(self, problem: Problem, grid: Grid, context: Context, program: Program, linear: LinearProgram,
               solution: Solution, moved: dict[int, np.ndarray], cost_unmanaged: float) -> PlanResult | None:
        """Return the plan with some choices moved; None where that breaks a limit or a deadline, or leaves no plan."""
        try:
            hedged = fixed(linear, moved, solution, self._guess(problem.horizon, grid))
        except SolveError:
            return None     # there is a plan already
        draws = linear.draws()
        energy = sum(float(problem.horizon.hours @ (draws[:, linear.groups[k].columns] @ values))
                     for k, values in moved.items())
        # By the one future a kWh elsewhere is dearer by no more than a kWh costs, unless something is broken.
        dearest = energy * float(np.abs(grid.import_price).max())
        if hedged is not None and hedged.objective <= solution.objective + dearest:
            price = program.read(hedged.x, hedged.reduced_cost)
            if context.directed or not program.circles():
                return self._result(problem, grid, context, program, hedged, price, cost_unmanaged)
        return None

    @staticmethod
    def _result(problem: Problem, grid: Grid, context: Context, program: Program, solution: Solution, price: np.ndarray,
                cost_unmanaged: float) -> PlanResult:
        horizon = problem.horizon
        price = price / horizon.hours
        schedules = tuple(model.schedule(device, context, price)
                          for model, device in zip(program.models, problem.devices, strict=True))
        grid_power = sum(schedule.power for schedule in schedules)
        apart = float(np.abs(program.grid.power.value * KILO - grid_power).max())
        if apart > 1.0:
            raise SolveError(f'schedules and model are {apart:.0f} W apart')
        relaxed = [*exceeded(grid, grid_power, context), *(word for s in schedules for word in s.relaxed)]
        stored = sum((schedule.energy[-1] - device.energy) * stored_worth(device, context)
                     for device, schedule in zip(problem.devices, schedules, strict=True)
                     if isinstance(device, Battery))
        cost = grid.bill(grid_power, horizon.hours) + sum(schedule.wear for schedule in schedules) - stored
        reasons = [*relaxed, *explain(grid, grid_power, price, context)]
        gap = max(0.0, solution.objective - solution.bound)
        if gap > LIKELY * max(abs(cost), abs(cost_unmanaged)):
            reasons.append(f'at most {gap:.2f} {problem.currency} could be saved by planning longer')
        return PlanResult(Status.RELAXED if relaxed else Status.OPTIMAL, horizon, grid_power, price, cost,
                          cost_unmanaged, gap, solution.seconds, schedules, tuple(reasons),
                          grid.emissions(grid_power, horizon.hours))

    def _failed(self, horizon: Horizon, reason: str) -> PlanResult:
        if self._last is None or self._last.horizon.step != horizon.step:
            return nothing(horizon, reason)
        last = self._last
        shift = round((horizon.start - last.horizon.start) / horizon.step)
        if not 0 <= shift < last.horizon.count:
            return nothing(horizon, reason)
        rest = Horizon(horizon.now, horizon.step, last.horizon.count - shift)
        schedules = tuple(replace(s, **{name: None if getattr(s, name) is None else getattr(s, name)[shift:]
                                        for name in ('power', 'energy', 'curtailed', 'worth')}) for s in last.schedules)
        return replace(last, status=Status.FAILED, horizon=rest, grid_power=last.grid_power[shift:], solve_time=0.0,
                       price=last.price[shift:], schedules=schedules,
                       guide=last.guide.after(shift) if last.guide else None, reasons=(reason, 'the last plan goes on'))


def _outlook(problem: Problem, grid: Grid, context: Context, battery: Battery, net: np.ndarray) -> Outlook | None:
    """Return what forecasts leave open, where that is known. net : (n,) planned draw without the battery [W]"""
    if problem.chances is None:
        return None
    curtailable = any(getattr(device, 'curtailable', False) for device in problem.devices)
    return Outlook.of(battery, problem.horizon, grid, net, problem.chances, stored_worth(battery, context), curtailable)


def _rewards_circles(grid: Grid) -> bool:
    """Return whether export pays more than import costs somewhere, or burning energy pays."""
    return bool((grid.export_price > grid.steering_price).any() or (grid.steering_price < 0).any()
                or (grid.export_price < 0).any())
