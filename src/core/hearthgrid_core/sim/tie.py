"""The tie breaker: opens by itself when the utility is not fit, and closes only where that is safe."""
import math
from dataclasses import dataclass

from .settings import TieSettings

# Shall-trip limits of IEEE 1547-2018, category III: quantity, above or below, limit over nominal, time [s], name.
TRIPS = (
    ('voltage', +1, 1.20, 0.16, 'over-voltage'), ('voltage', +1, 1.10, 13.0, 'over-voltage'),
    ('voltage', -1, 0.88, 21.0, 'under-voltage'), ('voltage', -1, 0.50, 2.0, 'under-voltage'),
    ('frequency', +1, 62.0 / 60, 0.16, 'over-frequency'), ('frequency', +1, 61.2 / 60, 300.0, 'over-frequency'),
    ('frequency', -1, 58.5 / 60, 300.0, 'under-frequency'), ('frequency', -1, 56.5 / 60, 0.16, 'under-frequency'),
)
ENTER_VOLTAGE = (0.917, 1.05)                   # within which the utility may be entered again, over nominal
ENTER_FREQUENCY = (59.5 / 60, 60.1 / 60)
DEAD = 0.1                                      # a bus below this is dead [pu]


@dataclass(frozen=True)
class Bus:
    """One side of the breaker: voltage and frequency over nominal [1], phase [rad]."""

    voltage: float
    frequency: float
    phase: float = 0.0

    @property
    def live(self) -> bool:
        """Whether there is voltage."""
        return self.voltage > DEAD

    @property
    def known(self) -> bool:
        """Whether its voltage is a number, and frequency and phase are where there is voltage."""
        return math.isfinite(self.voltage) and (
            not self.live or (math.isfinite(self.frequency) and math.isfinite(self.phase)))


class Tie:
    """The breaker's interlock, which no message overrides.

    island : whether the home can go on alone. Then the breaker opens as soon as the utility is lost, reversibly, and
    waits for a steady utility before it closes; otherwise opening early would only make a dip worse.
    nominal : frequency [Hz]
    """

    def __init__(self, settings: TieSettings, island: bool, nominal: float):
        self._settings, self._nominal = settings, nominal
        loss = ('voltage', -1, settings.loss_voltage if island else DEAD, settings.open_delay, 'loss of mains')
        self._rows = (loss, *TRIPS)
        self._since: list[float] = [math.inf] * len(self._rows)
        self._island = island
        self._lost_at, self._well_since, self._wait = -math.inf, math.inf, 0.0
        self._closed, self.reason = True, 'closed at the start'

    @property
    def closed(self) -> bool:
        """Whether it carries the utility. Only its own rule moves it."""
        return self._closed

    def watch(self, now: float, utility: Bus) -> None:
        """Look at the utility; opens when a limit has been crossed for its time. A voltage not known is none."""
        if math.isnan(utility.voltage):
            utility = Bus(0.0, utility.frequency, utility.phase)
        for row, (quantity, side, limit, _, _) in enumerate(self._rows):
            outside = side * (getattr(utility, quantity) - limit) > 0 and (utility.live or quantity == 'voltage')
            self._since[row] = min(self._since[row], now) if outside else math.inf
        well = (ENTER_VOLTAGE[0] <= utility.voltage <= ENTER_VOLTAGE[1]
                and ENTER_FREQUENCY[0] <= utility.frequency <= ENTER_FREQUENCY[1])
        if well and math.isinf(self._well_since):
            self._well_since = now
            dip = not self._island or now - self._lost_at <= self._settings.dip
            self._wait = self._settings.dip_wait if dip else self._settings.reconnect_wait
        elif not well:
            if self.closed and not math.isinf(self._well_since):
                self._lost_at = now  # once open, a flicker of the utility does not make an outage a dip
            self._well_since = math.inf
        due, name = min(zip((since + row[3] for since, row in zip(self._since, self._rows, strict=True)),
                            (row[4] for row in self._rows), strict=True))
        if self.closed and due <= now + 1e-9:
            self._closed, self.reason = False, name

    @property
    def deadline(self) -> float:
        """When it will open if nothing changes [s]; infinity when it will not."""
        if not self.closed:
            return math.inf
        return min(since + row[3] for since, row in zip(self._since, self._rows, strict=True))

    def ready(self, now: float) -> bool:
        """Return whether the utility has been well for long enough."""
        return not self.closed and now - self._well_since >= self._wait

    def may_close(self, utility: Bus, home: Bus) -> bool:
        """Return whether closing is safe: the home is dead, or both sides are in step (IEEE 1547-2018, table 5)."""
        if not (utility.live and utility.known and home.known):
            return False
        if not home.live:
            return True
        s = self._settings
        angle = math.remainder(utility.phase - home.phase, 2 * math.pi)
        return (abs(utility.frequency - home.frequency) * self._nominal <= s.sync_frequency
                and abs(utility.voltage - home.voltage) <= s.sync_voltage and abs(angle) <= s.sync_angle)

    def close(self, now: float, utility: Bus, home: Bus) -> bool:
        """Close if the utility is ready and closing is safe; return whether it did."""
        if not self.ready(now) or not self.may_close(utility, home):
            return False
        self._closed = True
        self.reason = 'synchronised' if home.live else 'the home was dead'
        return True
