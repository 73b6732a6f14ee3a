"""Micro-grids drawn at random: houses along a street cable, inverters in some, outlets in all."""

from dataclasses import dataclass

import numpy as np

from ..island.droop import Droop, DroopSettings
from .appliances import LIBRARY
from .microgrid import Microgrid, MicrogridSettings
from .microgrid_network import Line, ZipLoads

STREET = 0.320 + 0.082j  # NAYY 4 × 95, per kilometre [Ω]
HOUSE = 2 * (7.41 + 0.08j)  # 2.5 mm² copper, there and back, per kilometre [Ω]
CLOCK = 1e-4  # largest error of an inverter's clock: 5 mHz at 50 Hz [1]
KINDS = tuple(load for kind in sorted(LIBRARY) for load in LIBRARY[kind].loads if load.power > 0.0)


@dataclass(frozen=True, eq=False)
class Street:
    """A micro-grid and what it is made of."""

    grid: Microgrid
    units: tuple[DroopSettings, ...]
    lines: tuple[Line, ...]
    at: tuple[int, ...]  # node of each inverter


def street(
    rng: np.random.Generator,
    inverters: int,
    outlets: int,
    loading: float,
    clock: float = CLOCK,
    settings: MicrogridSettings | None = None,
    **droop: float,
) -> Street:
    """Return a street: rating 2 … 10 kVA an inverter, 20 … 60 m between houses, 5 … 40 m to an outlet.

    loading : of all outlets at nominal voltage over all ratings [1].     clock : largest error of a clock [1]
    droop : settings of all inverters.     The loads' voltage dependence is that of the appliance library.
    """
    houses = max(inverters, outlets // 12, 1)
    units = tuple(DroopSettings(rating=float(rng.uniform(2e3, 1e4)), **droop) for _ in range(inverters))
    lines = [Line(k, k + 1, STREET * rng.uniform(0.02, 0.06)) for k in range(houses - 1)]
    home = np.concatenate([np.arange(houses), rng.integers(houses, size=max(0, outlets - houses))])[:outlets]
    lines += [Line(int(k), houses + n, HOUSE * rng.uniform(0.005, 0.04)) for n, k in enumerate(home)]
    drawn = [KINDS[k] for k in rng.integers(len(KINDS), size=outlets)]
    share = rng.dirichlet(np.full(outlets, 2.0)) * loading * sum(unit.rating for unit in units)
    power = [size * (1.0 + 1j * min(load.reactive_power / load.power, 0.6)) for size, load in zip(share, drawn,
                                                                                               strict=True)]
    loads = ZipLoads(
        houses + np.arange(outlets),
        power,
        np.array([load.zip_p for load in drawn]),
        np.array([load.zip_q for load in drawn]),
        units[0].nominal_voltage,
    )
    at = rng.choice(houses, inverters, replace=False)
    error = rng.uniform(-clock, clock, inverters)
    grid = Microgrid(houses + outlets, lines, loads, at, Droop(units), clock_error=error, settings=settings)
    return Street(grid, units, tuple(lines), tuple(at.tolist()))
