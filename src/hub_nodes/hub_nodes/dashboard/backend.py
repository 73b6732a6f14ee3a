"""What a page may ask of the home. The node implements it; tests may too."""
from dataclasses import dataclass
from typing import Protocol

from hub_nodes.dashboard import values
from hub_nodes.dashboard.model import HomeModel


@dataclass(frozen=True)
class Answer:
    """Whether something asked was done, and what to tell the person."""

    ok: bool
    text: str


class Backend(Protocol):
    """The home as the pages see it. Called in the web server's thread; what the world does wrong is an `Answer`."""

    model: HomeModel
    page_rate: float                    # how often a page may change [Hz]

    def now(self) -> float:
        """The home's time. [s]"""

    def simulated(self) -> bool:
        """Whether the electricity is simulated, so that an outage may be scripted."""

    async def ask(self, outlet: str, wish: str) -> Answer:
        """Ask an outlet, in the person's voice, to be 'on' or 'off', or ('auto') withdraw what was asked."""

    async def correct(self, outlet: str, type: str, model: str, undo: bool = False) -> Answer:
        """Name the device on an outlet; an empty type forgets the name. `undo` takes the last correction back."""

    async def reset_trip(self, outlet: str) -> Answer:
        """Unlatch a tripped outlet."""

    async def set_priority(self, outlet: str, priority: str, rank: int | None = None) -> Answer:
        """Set the shedding class of an outlet, and its rank within it; None keeps the rank it has."""

    async def capture(self, outlet: str) -> Answer:
        """Fetch an outlet's newest raw window into the model."""

    async def outage(self, duration: float) -> Answer:
        """In the simulation, fail the utility for so long [s]; 0 restores it."""

    async def costs(self, start: float) -> values.Costs | Answer:
        """Return what every outlet used and cost since `start` [s], or why not."""

    async def history(self, outlet: str, quantity: str, span: float) -> values.History | Answer:
        """Return a stored quantity over the last `span` [s], or why not."""
