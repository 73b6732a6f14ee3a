"""What spares a relay and the compressor behind it: dwell times, switchings an hour, and a cap a relay can only keep by
opening."""
from collections import deque
from dataclasses import dataclass

from hearthgrid_core.settings import check_bounds, setting

HOUR = 3600.0


@dataclass(frozen=True)
class RelaySettings:
    """How often a relay may move. Give compressors 60 s on and 300 s off."""

    minimum_on_time: float = setting(2.0, 's', 0.0, 3600.0, 'How long the relay stays closed; protection opens it.')
    minimum_off_time: float = setting(2.0, 's', 0.0, 3600.0, 'How long the relay stays open.')
    switchings_max: int = setting(120, '1/h', 2, 3600, 'Most movements in an hour; protection opens it anyway.')
    throttleable: bool = setting(False, '', None, None, 'The load follows a cap: the relay need not open for it.')
    cap_time: float = setting(5.0, 's', 0.0, 600.0, 'How long a load may exceed a cap before the relay opens.')

    def __post_init__(self) -> None:
        check_bounds(self)


class RelayLimits:
    """Follows what is wanted as soon as dwell times allow. Time [s] is an argument and does not run backwards."""

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self.closed: bool | None = None  # None = never moved: the first word is followed at once
        self._since = 0.0
        self._moves: deque[float] = deque()

    def step(self, now: float, wanted: bool, forced: bool = False) -> bool:
        """Return whether the relay is to be closed. `forced`: protection wants it open, whatever the limits."""
        if wanted == self.closed or (self._free_at(now) > now and not (forced and not wanted)):
            return bool(self.closed)
        if self.closed is not None:
            self._moves.append(now)
        self.closed, self._since = wanted, now
        return wanted

    def waiting(self, now: float, wanted: bool) -> float:
        """Return how long the relay still stays where it is although something else is wanted. [s]"""
        return 0.0 if wanted == self.closed else max(self._free_at(now) - now, 0.0)

    def _free_at(self, now: float) -> float:
        if self.closed is None:
            return now
        if self._since > now:  # the clock was set back
            self._since = now
        while self._moves and not 0.0 <= now - self._moves[0] < HOUR:
            self._moves.popleft()
        dwell = self._settings.minimum_on_time if self.closed else self._settings.minimum_off_time
        spent = len(self._moves) >= self._settings.switchings_max
        return max(self._since + dwell, self._moves[-self._settings.switchings_max] + HOUR if spent else now)

    def to_dict(self) -> dict:
        """Return what must outlive a restart."""
        return {'closed': self.closed, 'since': self._since, 'moves': list(self._moves)}

    def restore(self, kept: dict) -> None:
        """Take back what `to_dict` gave. ValueError when it is damaged."""
        try:
            closed, since, moves = kept['closed'], float(kept['since']), [float(t) for t in kept['moves']]
            if closed not in (None, True, False):
                raise ValueError(f'closed = {closed!r}')
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise ValueError(f'the kept relay state is damaged: {error!r}') from None
        self.closed, self._since, self._moves = closed, since, deque(moves)


class CapGuard:
    """Opens a plain relay when its load keeps drawing more than its cap, and remembers that draw, so that the relay is
    not closed again under the same cap."""

    TOLERANCE = 1.05

    def __init__(self, settings: RelaySettings) -> None:
        self._settings = settings
        self._draw: float | None = None
        self._since: float | None = None

    def step(self, now: float, cap: float, active_power: float) -> None:
        """Watch the draw. cap : [W], infinity = none.     active_power : drawn now, NaN = not known. [W]"""
        if self._draw is not None and self._draw <= cap * self.TOLERANCE:
            self._draw = None
        if not active_power > cap * self.TOLERANCE:
            self._since = None
            return
        self._since = now if self._since is None else self._since
        if now - self._since >= self._settings.cap_time and not self._settings.throttleable:
            self._draw = max(self._draw or 0.0, active_power)

    def excess(self, cap: float) -> float:
        """Return the draw for which a cap can only be kept by opening, 0 when it can be kept. [W]"""
        return self._draw if self._draw is not None and self._draw > cap * self.TOLERANCE else 0.0
