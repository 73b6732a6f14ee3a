"""The simulated person: says once of each kind of device what it is, when it has been running for a while."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

RUNNING_CURRENT = 0.04  # RMS, above a standby [A]


@dataclass
class Resident:
    """Watches what runs, as a person in the room would.

    patience : how long a device runs before it is named [s]
    A kind is named once in the whole home: the next of it, or the same one behind another outlet, is for the hub to
    recognise.
    """

    patience: float
    _since: dict[str, float] = field(default_factory=dict)
    _named: set[str] = field(default_factory=set)

    def look(self, now: float, kinds: dict[str, str], current: Sequence[float]) -> list[tuple[str, str, float]]:
        """Return what to say now: outlet, kind, and since when it runs [s].

        kinds : what is plugged in, by outlet.     current : RMS of each, in the same order [A]
        """
        said = []
        for (outlet, kind), amperes in zip(kinds.items(), current, strict=True):
            if not kind or not np.isfinite(amperes) or amperes < RUNNING_CURRENT:
                self._since.pop(outlet, None)
                continue
            since = self._since.setdefault(outlet, now)
            if kind not in self._named and now - since >= self.patience:
                self._named.add(kind)
                said.append((outlet, kind, since))
        return said
