"""What a page may ask of the home. The node implements it; tests may too."""
import math
from dataclasses import dataclass
from typing import Protocol

from hub_nodes.dashboard import values
from hub_nodes.dashboard.model import HomeModel


@dataclass(frozen=True)
class Answer:
    """Whether something asked was done, and what to tell the person.

    why : of what was not done: 'refused' by whoever was asked, 'absent' who would do it, 'unknown' what it is about,
    'forbidden' to who asked.     id : of what was made.
    """

    ok: bool
    text: str
    why: str = ''
    id: str = ''


class Backend(Protocol):
    """The home as the pages see it. Called in the web server's thread; what the world does wrong is an `Answer`."""

    model: HomeModel
    page_rate: float                    # how often a page may change [Hz]
    facts: tuple[tuple[str, str], ...]  # what the home is, in words: name, value

    def now(self) -> float:
        """The home's time. [s]"""

    def may(self, scope: str) -> bool:
        """Whether who looks at this may 'read', 'control' or 'admin' it."""

    def simulated(self) -> bool:
        """Whether the electricity is simulated, so that an outage may be scripted."""

    async def ask(self, outlet: str, wish: str, power_max: float = math.inf, lifetime: float = 0.0) -> Answer:
        """Ask an outlet, in the person's voice, to be 'on' or 'off', to keep a 'limit', or ('auto') withdraw that.

        power_max : most it may draw while 'on' or at its 'limit' [W].     lifetime : 0 = as the settings say [s].
        """

    async def correct(self, outlet: str, type: str, model: str, undo: bool = False) -> Answer:
        """Name the device on an outlet; an empty type forgets the name. `undo` takes the last correction back."""

    async def reset_trip(self, outlet: str) -> Answer:
        """Unlatch a tripped outlet."""

    async def set_priority(self, outlet: str, priority: str, rank: int | None = None) -> Answer:
        """Set the shedding class of an outlet, and its rank within it; None keeps the rank it has."""

    async def schedule(self, outlet: str) -> values.Schedule | Answer:
        """Return the weekly schedule an outlet keeps, or why not."""

    async def set_schedule(self, outlet: str, entries: tuple[values.ScheduleEntry, ...]) -> Answer:
        """Replace the weekly schedule of an outlet."""

    async def run_job(self, outlet: str, job: values.JobWish) -> Answer:
        """Give an outlet a deferrable job."""

    async def cancel_job(self, outlet: str, id: str) -> Answer:
        """Take a job back that was given from here."""

    async def move_job(self, outlet: str, id: str, deadline: float) -> Answer:
        """Give a job that is not finished another deadline [s]."""

    async def what_if(self, change: values.Change) -> values.Comparison | Answer:
        """Return what the plan comes to, as things are and changed, or why that is not known."""

    async def start_again(self) -> Answer:
        """Have the whole home end and start with its file read anew."""

    async def report(self, month: str, kind: str) -> bytes | Answer:
        """Return the report of a month, 'YYYY-MM', as 'html' or 'pdf', or why there is none."""

    async def acknowledge(self, id: str, sender: str = '') -> Answer:
        """Say that a person has seen an anomaly."""

    async def test_notification(self, channel: str = '') -> Answer:
        """Send a test message to one of the user's channels, or to all."""

    async def capture(self, outlet: str) -> Answer:
        """Fetch an outlet's newest raw window into the model."""

    async def outage(self, duration: float) -> Answer:
        """In the simulation, fail the utility for so long [s]; 0 restores it."""

    async def costs(self, start: float, end: float = 0.0) -> values.Costs | Answer:
        """Return what every outlet used and cost from `start` to `end` (0 = now) [s], or why not."""

    async def history(self, outlet: str, quantity: str, span: float) -> values.History | Answer:
        """Return a stored quantity over the last `span` [s], or why not."""

    async def history_between(self, outlet: str, quantity: str, start: float, end: float,
                              step: float) -> values.History | Answer:
        """Return a stored quantity from `start` to `end` every `step`, all in [s], at most 2000 steps, or why not."""
