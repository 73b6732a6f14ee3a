"""What a voice may ask of an outlet, and how all voices settle on one band of power."""
import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce


class Voice(IntEnum):
    """Who speaks, by urgency; the numbers are those of `Request.VOICE_…` on the wire."""

    UNKNOWN = 0
    PLAN = 1
    PERSON = 2
    GRID_SERVICE = 3
    ISLAND = 4
    PROTECTION = 5


@dataclass(frozen=True)
class Band:
    """The power an outlet may draw. A floor above 0 means on, a ceiling of 0 means off.

    power_min : [W], finite, ≥ 0.     power_max : [W], ≥ power_min, infinity = no cap.
    Raises ValueError for anything else, NaN included.
    """

    power_min: float = 0.0
    power_max: float = math.inf

    def __post_init__(self) -> None:
        if not (0.0 <= self.power_min <= self.power_max and self.power_min < math.inf):
            raise ValueError(f'{self.power_min} … {self.power_max} W is no band')

    @property
    def off(self) -> bool:
        """Whether nothing may flow."""
        return self.power_max == 0.0

    @property
    def on(self) -> bool:
        """Whether something must flow."""
        return self.power_min > 0.0

    def narrowed(self, other: 'Band') -> 'Band':
        """Return the part of this band that comes nearest to what a less urgent `other` asks; never outside this one.

        Off cannot be met halfway: where this band says on, another's off is not heard, rather than taken for a low cap.
        """
        if self.on and other.off:
            return self
        return Band(min(max(other.power_min, self.power_min), self.power_max),
                    min(max(other.power_max, self.power_min), self.power_max))


FREE = Band()
OFF = Band(0.0, 0.0)
ON = Band(1.0, math.inf)  # one watt: the least that says on


@dataclass(frozen=True)
class Word:
    """What one voice asks, and why."""

    voice: Voice
    band: Band
    reason: str


@dataclass(frozen=True)
class Agreement:
    """What all voices settled on. `voice` and `reason` are of the most urgent one that decided on or off, else of the
    one that set the cap, else Voice.UNKNOWN: nobody asked."""

    band: Band
    voice: Voice
    reason: str


def arbitrate(*bands: Band) -> Band:
    """Settle on one band, given the most urgent first: each may only narrow what those before it left."""
    return reduce(Band.narrowed, bands, FREE)


def settle(words: Iterable[Word]) -> Agreement:
    """Arbitrate `words`, the most urgent first, and say who decided."""
    band, switched, capped = FREE, None, None
    for word in words:
        before, band = band, band.narrowed(word.band)
        if switched is None and (band.off or band.on):
            switched = word
        if band.power_max < before.power_max:
            capped = word
    if switched is None:
        return Agreement(band, *((capped.voice, capped.reason) if capped else (Voice.UNKNOWN, 'nobody asked')))
    if capped in (None, switched) or band.off:
        return Agreement(band, switched.voice, switched.reason)
    return Agreement(band, switched.voice, f'{switched.reason}; at most {band.power_max:.0f} W: {capped.reason}')
