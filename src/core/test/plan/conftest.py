"""A small home to plan: hourly steps from a whole hour; weights of what is not money are off where they would blur."""
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.plan import BaseLoad, Grid, Horizon, Planner, PlanSettings, Problem

NOW = 1_750_032_000.0  # 2025-06-16 00:00 UTC


class House:
    """Makes problems of one horizon, plans them, and never accepts a plan the plain checker complains of."""

    now = NOW
    exact = PlanSettings(step=3600.0, horizon=12 * 3600.0, gap=0.0, solve_time=60.0, early_weight=0.0, keep_weight=0.0,
                         switch_weight=0.0, margin=0.0, margin_share=0.0)
    usual = replace(exact, gap=1e-6, early_weight=2e-4, keep_weight=5e-3, switch_weight=0.02)

    quick = replace(usual, solve_time=0.5)
    planners: dict[PlanSettings, Planner] = {}  # their compiled programs serve all tests

    def horizon(self, count: int = 12, step: float = 3600.0, now: float = NOW) -> Horizon:
        return Horizon(now, step, count)

    def grid(self, buy, sell=0.0, import_max=np.inf, export_max=np.inf) -> Grid:
        count = len(buy)
        return Grid(np.asarray(buy, dtype=float), np.broadcast_to(np.asarray(sell, dtype=float), count),
                    np.broadcast_to(np.asarray(import_max, dtype=float), count),
                    np.broadcast_to(np.asarray(export_max, dtype=float), count))

    def problem(self, buy, *devices, base=500.0, sell=0.0, import_max=np.inf, export_max=np.inf, **horizon) -> Problem:
        load = BaseLoad(np.broadcast_to(np.asarray(base, dtype=float), len(buy)).copy())
        grid = self.grid(buy, sell, import_max, export_max)
        return Problem(self.horizon(len(buy), **horizon), grid, (load, *devices))

    def plan(self, problem: Problem, settings: PlanSettings | None = None):
        settings = settings or self.exact
        return self.planners.setdefault(settings, Planner(settings)).plan(problem)

    def at(self, hour: float) -> float:
        return NOW + 3600.0 * hour


@pytest.fixture
def house() -> House:
    return House()
