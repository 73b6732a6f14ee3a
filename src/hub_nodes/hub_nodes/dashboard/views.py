"""What the model answers: one outlet, the home's power, and where the home stands; and the model's bounds."""
from dataclasses import dataclass

from hub_nodes.dashboard import values
from hub_nodes.dashboard.values import NAN, Reading
from hub_nodes.dashboard.words import standing


@dataclass(frozen=True)
class Place:
    """An outlet of the home file: what people call it and where it is."""

    outlet: str
    title: str = ''
    room: str = ''


@dataclass(frozen=True)
class Limits:
    """Bounds of the model: nothing it is sent makes it grow beyond them."""

    outlets: int = 1024
    samples: int = 900          # of the home's power, one a call of `sample`
    outlet_samples: int = 300   # of each outlet's power, one a reading
    anomalies: int = 100        # raised at once, and as many cleared
    forecasts: int = 1100
    jobs: int = 1000
    steps: int = 200            # of the micro-grid's sequence
    quiet_after: float = 5.0    # without a reading an outlet counts as not heard [s]
    clock_tolerance: float = 30.0  # a reading's stamp may be off by this [s]


@dataclass(frozen=True)
class Store:
    """One battery now. NaN = not known."""

    name: str
    title: str
    power: float                # positive is charging [W]
    charge: float               # state of charge, 0 … 1


@dataclass(frozen=True)
class Totals:
    """The home's power now. NaN = not known; a source the home has not is None."""

    load: float                 # what the home uses [W]
    outlets: float              # of it through outlets that are heard [W]
    grid: float | None          # positive is import [W]
    solar: float | None         # positive is producing [W]
    battery: float | None       # all batteries together, positive is charging [W]
    charge: float | None        # state of charge of those that told it together, 0 … 1
    cost_rate: float            # negative is earning [currency/h]
    import_price: float         # [currency/kWh]
    export_price: float         # [currency/kWh]
    currency: str
    voltage: float              # [V]
    frequency: float            # [Hz]
    batteries: tuple[Store, ...] = ()  # each


@dataclass(frozen=True)
class HomeState:
    """Where the home stands: waiting, quiet, grid, outage, island, unknown."""

    kind: str
    since: float = NAN          # [s]
    leader: str = ''
    step: str = ''              # of the micro-grid: election, join, shed, …
    tie: values.Tie | None = None
    evidence: str = ''


@dataclass(frozen=True)
class Step:
    """When the home came to stand where it did: a mode of the micro-grid's sequence."""

    since: float                # [s]
    mode: str
    leader: str = ''
    evidence: str = ''


@dataclass(frozen=True)
class OutletView:
    """One outlet as shown."""

    outlet: str
    title: str
    room: str
    heard: float                # when its last reading came, NaN = never [s]
    fresh: bool                 # the reading is recent enough to be called now
    reading: Reading | None = None
    state: values.State | None = None
    identity: values.Identity | None = None
    request: values.Request | None = None
    planned: str = ''           # the plan's reason for it

    @property
    def power(self) -> float:
        """What it draws now, NaN when not heard. [W]"""
        return self.reading.active_power if self.reading is not None and self.fresh else NAN

    @property
    def wish(self) -> str:
        """What a person asked last and still holds: on, off or auto."""
        if self.request is not None:
            return self.request.wish
        if self.state is not None and self.state.voice == 'person' and not standing(self.state):
            return 'on' if self.state.relay == 'closed' else 'off'
        return 'auto'
