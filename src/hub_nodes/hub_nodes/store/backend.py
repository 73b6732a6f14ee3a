"""What every database behind the store does: the border that other backends implement and one contract test checks."""
from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from hub_nodes.store.model import KINDS, Batch, Record, Series

BINS_MAX = 1_000_000  # of one series


class StoreError(Exception):
    """The database cannot do what was asked; the message says why."""


class Unavailable(StoreError):
    """Not now: locked, full, unreachable. The same write may succeed later."""


class Vanished(Unavailable):
    """What was written so far is gone (deleted by somebody); the next write begins anew."""


class Corrupt(StoreError):
    """What is stored can no longer be read or extended; `set_aside` keeps it and makes room for a new beginning."""


class Incompatible(StoreError):
    """Made by a newer version, or not ours. It is never touched."""


@dataclass(frozen=True)
class Written:
    """What became of a batch: readings stored, and those refused because history before them is already rolled up."""

    readings: int
    refused: int


@dataclass(frozen=True)
class Retention:
    """How long each class of data is kept [d], and how large the file may become before readings go early [byte]."""

    readings: float = 14.0
    minutes: float = 730.0
    records: dict[str, float] = field(default_factory=lambda: {name: kind.days for name, kind in KINDS.items()})
    size_max: int = 8_000_000_000


class History(ABC):
    """Reads what was committed, from any thread or process, while the store writes."""

    @abstractmethod
    def outlets(self) -> list[str]:
        """Return the outlets (and meters) that ever had a reading, sorted."""

    @abstractmethod
    def span(self, outlet: str) -> tuple[float, float] | None:
        """Return the times of an outlet's first and last reading [s], to the minute; None: never heard of."""

    @abstractmethod
    def aggregate(self, outlet: str, quantity: str, start: float, end: float, step: float) -> Series:
        """Return a quantity of one outlet in bins of `step` that cover start … end (exclusive). [s]

        Bins begin at multiples of the step. A step over a minute is raised to whole minutes; one below a minute is
        raised to a minute where only roll-ups are left. Non-positive steps and ranges, unknown quantities and more than
        BINS_MAX bins raise ValueError; an outlet never heard of gives bins in which nothing is known.
        """

    @abstractmethod
    def readings(self, outlet: str, start: float, end: float) -> np.ndarray:
        """Return the readings of one outlet in start … end (exclusive) [s] as (n,) of READING, in order of time."""

    @abstractmethod
    def raw_since(self) -> float:
        """Return the time from which every reading is kept; of what was before only minutes are left. [s]"""

    @abstractmethod
    def minutes(self, outlet: str, start: float, end: float) -> list[tuple]:
        """Return the roll-ups of one outlet in start … end (exclusive) [s], in order of time.

        A row is the number of the minute, then of each quantity sum, minimum, maximum (None = not measured) and count.
        """

    @abstractmethod
    def records(self, kinds: Sequence[str] = (), subject: str | None = None, start: float | None = None,
                end: float | None = None, limit: int = 1000, newest_first: bool = False) -> list[Record]:
        """Return records of some kinds (all when empty) in start … end (exclusive) [s], in order of time."""


class Backend(ABC):
    """Writes. One owner and one thread; what goes wrong outside is a StoreError, and the batch may be written again."""

    @abstractmethod
    def open(self) -> None:
        """Make ready to write: connect, migrate. When open, make sure that it still is."""

    @abstractmethod
    def write(self, batch: Batch, durable: bool = False) -> Written:
        """Commit a batch, all of it or nothing.

        A reading of the same outlet and time replaces the earlier one; infinite values count as not measured. With
        `durable` the batch, and all before it, survives a power cut.
        """

    @abstractmethod
    def write_minutes(self, outlet: str, rows: Sequence[tuple], raw_since: float) -> None:
        """Commit rows of `History.minutes` from before `raw_since` [s], from which on readings will follow."""

    @abstractmethod
    def maintain(self, now: float) -> bool:
        """Do one short slice of roll-up and retention at time `now` [s]; return whether more is due.

        A clock that is more than a day ahead of the newest reading is not believed: it would prune everything.
        """

    @abstractmethod
    def history(self) -> History:
        """Return a reader."""

    @abstractmethod
    def size(self) -> int:
        """Return what is used on the disk. [byte]"""

    def remark(self) -> str:
        """Return what a person should know although writing works; empty: nothing."""
        return ''

    def drain(self, timeout: float) -> bool:
        """Wait until all that was written lies where it belongs; return whether that came true in time [s]."""
        return True

    def share(self) -> float:
        """Return how much of that is done. [1]"""
        return 1.0

    @abstractmethod
    def set_aside(self) -> str:
        """After Corrupt: move what is there out of the way, and return where it lies now."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything. `open` may follow."""
