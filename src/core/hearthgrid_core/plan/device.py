"""What every member of the optimisation is: a description in numbers, and its share of the model.

The optimisation is a sum of devices: each owns its variables, limits and cost, and the plan adds them up. A new
appliance is a new file here. Inside the model power is in kW and energy in kWh (in W, solvers lose digits); outside it
is W and kWh.
"""
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from enum import Enum

import cvxpy as cp
import numpy as np

from .horizon import Horizon

KILO = 1e3


class Kind(Enum):
    """What a schedule is of."""

    BASE = 'base'
    PHOTOVOLTAIC = 'photovoltaic'
    BATTERY = 'battery'
    LOAD = 'load'


@dataclass(frozen=True)
class Weights:
    """What is not money, in money.

    late, limit, keep : [currency/kWh]     reserve : [currency/(kWh·h)]     comfort : [currency/(K·h)]
    switch : [currency/kW]     early : [currency/(kWh·h)]     stored : worth of a kWh at the end [currency/kWh]
    """

    late: float
    limit: float
    reserve: float
    comfort: float
    switch: float
    early: float
    keep: float
    stored: float


@dataclass(frozen=True, eq=False)
class Context:
    """What all devices of one plan share.

    import_price, export_price : (n,) [currency/kWh]     margin, margin_share : before deadlines [s], of the time needed
    left : battery → what a kWh is worth that is left in it at the end, where the last plan knew [currency/kWh]
    directed : flows against each other must be excluded by binaries     say_time : a time [s] in a person's words
    """

    horizon: Horizon
    import_price: np.ndarray
    export_price: np.ndarray
    weights: Weights
    margin: float
    margin_share: float
    directed: bool
    currency: str
    say_time: Callable[[float], str]
    left: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Schedule:
    """What the plan means for one device.

    power : (n,) mean of each step, positive when it draws [W]     reason : in words
    relaxed : what could not be kept, in words; empty = all kept     missed : energy after a deadline or never [kWh]
    energy : (n,) stored at the end of each step, of a battery [kWh]     wear : [currency]
    curtailed : (n,) thrown away, of panels that take orders [W]
    worth : (n,) of a further kWh stored in each step, of a battery [currency/kWh]
    """

    name: str
    kind: Kind
    power: np.ndarray
    reason: str
    relaxed: tuple[str, ...] = ()
    missed: float = 0.0
    energy: np.ndarray | None = None
    wear: float = 0.0
    curtailed: np.ndarray | None = None
    worth: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Choice:
    """A vector of binaries, and how its device rounds a fractional one to the nearest that makes sense.

    round : values (k,) between 0 and 1, then those of `beside`, → (k,) of 0 and 1 within the variable's bounds
    beside : variables the rounding looks at     rank : those of a lower rank are rounded first
    one_of : a constraint of the device says that exactly one of them is 1
    cheapest : cost of each binary (k,) → (k,) of 0 and 1, the best there is at that cost; None = not known
    within : variables that are nought where the binary is
    """

    variable: cp.Variable
    round: Callable[..., np.ndarray]
    beside: tuple[cp.Variable, ...] = ()
    rank: int = 0
    one_of: bool = False
    cheapest: Callable[[np.ndarray], np.ndarray] | None = None
    within: tuple[cp.Variable, ...] = ()


class Part:
    """A share of the optimisation, compiled once for a shape and loaded with numbers for every plan.

    power : (n,) [kW]     cost : [currency]     constraints : with parameters that keep the problem DPP
    choices : its binaries, which the solver keeps apart so that the model itself is linear
    gift : a variable that stays nought; `gift_cost` (n,), its reduced cost in the solution, is a price the device needs
    bounds : variable id → (lower, upper), filled by `load`. They go straight to the solver's columns: a bound that is a
    cvxpy parameter would cost a row a step.
    """

    power: cp.Expression
    cost: cp.Expression
    gift: cp.Variable | None = None
    gift_cost: np.ndarray | None = None
    spared: cp.Expression | None = None  # what of its draw the home battery must not serve [kW]

    def __init__(self):
        self.constraints: list[cp.Constraint] = []
        self.choices: list[Choice] = []
        self.bounds: dict[int, tuple[np.ndarray | float, np.ndarray | float]] = {}

    def bound(self, variable: cp.Variable, lower: np.ndarray | float, upper: np.ndarray | float) -> None:
        """Set the bounds of a variable for the coming solve."""
        self.bounds[variable.id] = (lower, upper)

    def circles(self) -> bool:
        """Return whether the solution has flows against each other, which only binaries can exclude."""
        return False


class Model(Part, ABC):
    """A device's share; its power is what it draws."""

    @abstractmethod
    def load(self, device: 'Device', context: Context) -> None:
        """Set all parameters and bounds."""

    @abstractmethod
    def schedule(self, device: 'Device', context: Context, price: np.ndarray) -> Schedule:
        """Return the solved schedule; `price` (n,) is what a further kWh costs in each step. [currency/kWh]"""


class Device(ABC):
    """A device as it stands now, in numbers."""

    name: str

    @abstractmethod
    def shape(self, horizon: Horizon) -> Hashable:
        """Return what makes its compiled model a different one."""

    @abstractmethod
    def model(self, context: Context) -> Model:
        """Return its share of the optimisation."""

    @abstractmethod
    def extent(self, horizon: Horizon) -> tuple[np.ndarray, np.ndarray]:
        """Return (n,) the least and the most it can draw in each step. [W]"""

    @abstractmethod
    def unmanaged(self, horizon: Horizon) -> np.ndarray:
        """Return (n,) what it would draw with nobody planning. [W]"""


def vector(values: np.ndarray, horizon: Horizon, name: str) -> np.ndarray:
    """Return `values` as (n,) float64. ValueError when they are of another length or not finite."""
    out = np.asarray(values, dtype=float)
    if out.shape != (horizon.count,):
        raise ValueError(f'{name} has shape {out.shape} where the plan has {horizon.count} steps')
    if not np.isfinite(out).all():
        raise ValueError(f'{name} is not a number everywhere')
    return out
