"""What is said to the world, and what it says."""
import math
from dataclasses import dataclass

import numpy as np

from .battery import Setpoint
from .meters import MeterReading, Source
from .regulator import RegulatorState, SetRegulator
from .replay import Played
from .utility import Outage


@dataclass(frozen=True)
class SwitchRelay:
    """To an outlet's relay and power stage; power_max [W] binds appliances that can be throttled."""

    outlet: str
    closed: bool
    power_max: float = math.inf


@dataclass(frozen=True)
class SetInverter:
    """To the `battery` or the `pv` inverter."""

    inverter: str
    setpoint: Setpoint


@dataclass(frozen=True)
class ScriptOutage:
    """The utility fails; None: whatever was scripted ends."""

    outage: Outage | None


@dataclass(frozen=True)
class Plug:
    """Put another appliance behind an outlet ('' none, None keep), and turn its own knob."""

    outlet: str
    appliance: str | None = None
    on: bool = True


@dataclass(frozen=True)
class StartReplay:
    """Begin to play the recordings; until then their outlets are off."""


Command = StartReplay | SwitchRelay | SetInverter | SetRegulator | ScriptOutage | Plug


@dataclass(frozen=True, eq=False)
class Block:
    """One block of every outlet.

    start : time of the first sample [s]     sequence : counts blocks from 0, and those lost in a stall
    voltage, current : (outlets, samples) int16 counts     temperature : (outlets,) of the contacts [°C]
    """

    start: float
    sequence: int
    voltage: np.ndarray
    current: np.ndarray
    temperature: np.ndarray


@dataclass(frozen=True)
class TieState:
    """The breaker. Voltage RMS [V], frequency NaN when dead [Hz], angle home against utility or NaN [rad]."""

    closed: bool
    grid_alive: bool
    grid_voltage: float
    grid_frequency: float
    angle: float
    reason: str


@dataclass(frozen=True)
class BatteryState:
    """Charge over capacity [1], capacity (kWh), power drawn [W]."""

    soc: float
    capacity_kwh: float
    power: float
    name: str = 'battery'


@dataclass(frozen=True, eq=False)
class WorldOutput:
    """What a step produced, and how things stand at its end. further : batteries beside `battery`"""

    time: float
    blocks: tuple[Block, ...]
    readings: tuple[MeterReading, ...]
    played: tuple[Played, ...]
    tie: TieState
    battery: BatteryState | None
    regulator: RegulatorState | None
    source: Source
    frequency: float
    further: tuple[BatteryState, ...] = ()
