"""The voltage regulator at the head of the home's feeder: taps of an auto-transformer, moved by a slow mechanism."""
import math
from dataclasses import dataclass

from ..settings import check_bounds, setting

NAME = 'regulator'


@dataclass(frozen=True)
class RegulatorSettings:
    """A step-voltage regulator (IEEE C57.15: 32 steps of 0.625 %)."""

    step: float = setting(0.00625, '1', 0.0005, 0.05, 'Of one tap, over nominal.')
    tap_min: int = setting(-16, '1', -64, 0, 'Lowest tap.')
    tap_max: int = setting(16, '1', 0, 64, 'Highest tap.')
    tap_time: float = setting(2.0, 's', 0.0, 60.0, 'Of the mechanism, one tap.')

    def __post_init__(self):
        check_bounds(self)


@dataclass(frozen=True)
class SetRegulator:
    """To the regulator: the tap to go to. Not obeyed after `expiry` [s]; the tap then stays."""

    regulator: str
    tap: int
    expiry: float


@dataclass(frozen=True)
class RegulatorState:
    """Tap, its step [1], RMS behind it [V], and taps moved since it was made."""

    tap: int
    step: float
    voltage: float
    operations: int


class Regulator:
    """Neutral until told otherwise. Time [s] is an argument."""

    def __init__(self, settings: RegulatorSettings):
        self.settings = settings
        self.tap, self.operations = 0, 0
        self._wanted, self._expiry, self._next = 0, -math.inf, -math.inf

    def check(self, order: SetRegulator) -> None:
        """Raise ValueError where an order is for another one, or for a tap there is not."""
        if order.regulator != NAME:
            raise ValueError(f'no regulator is called {order.regulator!r}')
        s = self.settings
        if not s.tap_min <= order.tap <= s.tap_max:
            raise ValueError(f'tap {order.tap}; there are {s.tap_min} … {s.tap_max}')

    def command(self, order: SetRegulator) -> None:
        """Obey from now on."""
        self._wanted, self._expiry = order.tap, order.expiry

    def advance(self, now: float) -> bool:
        """Let the mechanism move by one tap where it is due; return whether it did."""
        if now >= self._expiry or self._wanted == self.tap or now < self._next:
            return False
        self.tap += 1 if self._wanted > self.tap else -1
        self.operations += 1
        self._next = now + self.settings.tap_time
        return True

    def state(self, voltage: float) -> RegulatorState:
        """Return how it stands with so much voltage behind it [V]."""
        return RegulatorState(self.tap, self.settings.step, voltage, self.operations)

    @property
    def ratio(self) -> float:
        """Voltage behind it over that before it. [1]"""
        return 1 + self.tap * self.settings.step
