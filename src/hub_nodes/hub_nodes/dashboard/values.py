"""What the page knows, as plain values. Units and signs are those of the messages of the same name.

Times are seconds since the epoch [s]; a quantity that was not measured is NaN; enumerations are the message's own words
in lower case ('unknown' for 0).
"""
import math
from dataclasses import dataclass, field

import numpy as np

NAN = float('nan')
GRID, SOLAR, BATTERY = 'grid', 'pv', 'battery'  # ids of readings that are no outlet's; further batteries have names


@dataclass(frozen=True)
class Reading:
    """What one outlet or meter measured over one interval."""

    outlet: str
    stamp: float                        # end of the interval [s]
    active_power: float = NAN           # positive into the appliance, at `grid` positive is import [W]
    supply: str = 'unknown'             # grid, island, none
    sequence: int = 0
    voltage: float = NAN                # [V]
    current: float = NAN                # [A]
    reactive_power: float = NAN         # [var]
    apparent_power: float = NAN         # [VA]
    power_factor: float = NAN           # [1]
    frequency: float = NAN              # [Hz]
    energy_kwh: float = NAN             # [kWh]
    voltage_thd: float = NAN            # [1]
    current_thd: float = NAN            # [1]
    temperature: float = NAN            # [°C]
    harmonics: tuple[float, ...] = ()   # RMS current of harmonic 1, 2, … [A]


@dataclass(frozen=True)
class State:
    """What an outlet does, and why."""

    outlet: str
    stamp: float
    relay: str = 'unknown'              # open, closed
    trip: str = 'none'                  # overcurrent, overtemperature, sensor
    waiting: bool = False
    voice: str = 'unknown'              # plan, person, grid_service, island, protection
    power_min: float = NAN              # [W]
    power_max: float = NAN              # infinity = no cap [W]
    reason: str = ''
    rank: int = 0                       # within its priority: a higher one is shed sooner
    demand: float = NAN                 # what it would draw were nothing asked [W]
    priority: str = 'unknown'           # medical, refrigeration, safety, essential, deferrable, comfort
    thermal_load: float = NAN           # 1 trips [1]
    deferrable: bool = False
    title: str = ''
    requests_refused: int = 0


@dataclass(frozen=True)
class Identity:
    """Which device hangs on an outlet."""

    outlet: str
    stamp: float
    state: str = 'unknown'              # off, known, named
    type: str = ''
    model: str = ''
    probability: float = NAN            # 0 … 1
    model_probability: float = NAN      # 0 … 1
    novelty: float = NAN                # how unlike all that was learnt, 0 … 1
    rated_power: float = NAN            # by the library of models [W]
    note: str = ''                      # what the library says of this model
    candidates: tuple[str, ...] = ()
    candidate_probabilities: tuple[float, ...] = ()
    recipe: str = ''


@dataclass(frozen=True)
class Anomaly:
    """Something a person should know about."""

    id: str
    stamp: float
    outlet: str = ''
    kind: str = 'unknown'
    severity: str = 'unknown'           # info, warning, critical
    status: str = 'unknown'             # raised, cleared
    value: float = NAN
    expected: float = NAN
    since: float = 0.0                  # when it began, 0 = not known [s]
    probability: float = NAN            # that it is so
    wasted_energy_kwh: float = NAN      # since it began; NaN = not a matter of waste [kWh]
    wasted_money: float = NAN           # [currency]
    currency: str = ''
    text: str = ''


@dataclass(frozen=True)
class Waveform:
    """A raw window that begins at a rising zero crossing of the voltage."""

    outlet: str
    stamp: float                        # of the first sample [s]
    sampling_rate: float                # [Hz]
    frequency: float                    # [Hz]
    voltage: np.ndarray = field(repr=False, compare=False)  # (n,) [V]
    current: np.ndarray = field(repr=False, compare=False)  # (n,) [A]
    reason: str = 'unknown'             # change, request, heartbeat


@dataclass(frozen=True)
class Prices:
    """Energy prices of coming steps."""

    stamp: float
    start: float                        # of the first step [s]
    step: float                         # [s]
    currency: str = ''
    import_price: tuple[float, ...] = ()      # [currency/kWh]
    export_price: tuple[float, ...] = ()      # [currency/kWh]
    carbon_intensity: tuple[float, ...] = ()  # [kg/kWh], empty = not known


@dataclass(frozen=True)
class Weather:
    """Weather of coming steps; an empty row is not known."""

    stamp: float
    start: float
    step: float
    air_temperature: tuple[float, ...] = ()   # [°C]
    irradiance: tuple[float, ...] = ()        # [W/m²]
    cloud_cover: tuple[float, ...] = ()       # 0 … 1
    wind_speed: tuple[float, ...] = ()        # [m/s]


@dataclass(frozen=True)
class Forecast:
    """One quantity over coming steps, with its 10 % and 90 % quantiles."""

    quantity: str                       # load, pv, import_price, air_temperature
    target: str                         # an outlet's id, or 'home'
    stamp: float
    start: float
    step: float
    method: str = ''
    mean: tuple[float, ...] = ()
    lower: tuple[float, ...] = ()
    upper: tuple[float, ...] = ()


@dataclass(frozen=True)
class DevicePlan:
    """What the plan means for one device."""

    outlet: str
    power: tuple[float, ...] = ()       # mean of each step [W]
    reason: str = ''


@dataclass(frozen=True)
class Plan:
    """The home's schedule."""

    stamp: float
    start: float
    step: float
    valid_until: float
    status: str = 'unknown'             # optimal, relaxed, failed
    cost: float = NAN                   # over the horizon [currency]
    cost_unmanaged: float = NAN         # [currency]
    currency: str = ''
    grid_power: tuple[float, ...] = ()          # positive is import [W]
    battery_power: tuple[float, ...] = ()       # positive is charging [W]
    battery_energy_kwh: tuple[float, ...] = ()  # at the end of each step [kWh]
    pv_power: tuple[float, ...] = ()            # positive is producing [W]
    base_load: tuple[float, ...] = ()           # [W]
    devices: tuple[DevicePlan, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tie:
    """The breaker between the home and the utility."""

    stamp: float
    state: str = 'unknown'              # open, closed
    grid_alive: bool = False
    grid_voltage: float = NAN           # [V]
    grid_frequency: float = NAN         # [Hz]
    reason: str = ''


@dataclass(frozen=True)
class Island:
    """Where one member believes the home stands."""

    member: str
    stamp: float                        # when the mode was entered [s]
    mode: str = 'unknown'               # grid, outage, election, confirmation, join, shed, regulate, synchronise
    epoch: int = 0
    term: int = 0
    leader: str = ''
    provisional: bool = False           # no majority stands behind it: it may only reduce
    authority: bool = False             # this member holds the lease and may command
    committee: tuple[str, ...] = ()     # who votes, by rank
    members: tuple[str, ...] = ()       # that answer the leader
    shed: tuple[str, ...] = ()          # outlets it has shed
    voltage: float = NAN                # [V]
    frequency: float = NAN              # NaN when dead [Hz]
    evidence: str = ''


@dataclass(frozen=True)
class Battery:
    """State of one battery."""

    stamp: float
    name: str = BATTERY
    charge: float = NAN                 # state of charge, 0 … 1
    temperature: float = NAN            # [°C]


@dataclass(frozen=True)
class Cost:
    """What one outlet used over a time, and what that cost."""

    outlet: str
    energy_kwh: float                   # [kWh]
    cost: float = NAN                   # [currency]
    priced: float = NAN                 # share of the energy whose price is known


@dataclass(frozen=True)
class Costs:
    """What all outlets used and cost since `start` [s]."""

    start: float
    currency: str
    outlets: tuple[Cost, ...] = ()


@dataclass(frozen=True)
class Request:
    """What a person asked of an outlet through this page."""

    outlet: str
    wish: str                           # on, off, auto
    stamp: float
    expiry: float


@dataclass(frozen=True)
class History:
    """A quantity of one outlet over time, out of the store."""

    outlet: str
    quantity: str
    unit: str
    start: tuple[float, ...] = ()       # of each step [s]
    mean: tuple[float, ...] = ()        # NaN = nothing known
    minimum: tuple[float, ...] = ()
    maximum: tuple[float, ...] = ()


@dataclass(frozen=True)
class ScheduleEntry:
    """A weekly rule of an outlet, in the home's local time."""

    days: int                           # sum of 1 (Monday) … 64 (Sunday)
    start_minute: int                   # of the day, 0 … 1439
    end_minute: int                     # exclusive; at or below start = next day
    on: bool
    power_max: float = math.inf         # infinity = no cap [W]


@dataclass(frozen=True)
class Schedule:
    """What an outlet does by itself."""

    outlet: str
    entries: tuple[ScheduleEntry, ...] = ()


@dataclass(frozen=True)
class JobWish:
    """A deferrable job as asked."""

    id: str
    energy_kwh: float                   # [kWh]
    deadline: float                     # [s]
    power: float                        # expected while it runs [W]
    interruptible: bool = False


PENDING = ('waiting', 'running')  # a job that is not finished


@dataclass(frozen=True)
class Job:
    """A deferrable job an outlet holds."""

    stamp: float
    outlet: str
    id: str
    status: str = 'unknown'             # waiting, running, done, missed, cancelled
    energy_kwh: float = NAN             # asked [kWh]
    delivered_kwh: float = NAN          # so far [kWh]
    power: float = NAN                  # while it runs [W]
    deadline: float = NAN               # [s]
    interruptible: bool = False


@dataclass(frozen=True)
class Change:
    """A what-if. None = as it is.     outlet : whose job is left out (`without`) or due `later` by so much [s]"""

    battery_kwh: float | None = None    # 0 = none [kWh]
    battery_power: float | None = None  # either way [W]
    buy: float | None = None            # all day [currency/kWh]
    sell: float | None = None           # all day [currency/kWh]
    import_max: float | None = None     # [W]
    outlet: str = ''
    without: bool = False
    later: float | None = None          # [s]


@dataclass(frozen=True)
class Outcome:
    """What a plan comes to over its horizon."""

    cost: float                         # less what is left in the battery [currency]
    bought_kwh: float                   # [kWh]
    sold_kwh: float                     # [kWh]
    peak: float                         # highest import of a step [W]
    hours: float                        # how far it looks [h]
    status: str                         # optimal, relaxed
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """Two plans of the same hours: as things are, and changed."""

    currency: str
    present: Outcome
    changed: Outcome
