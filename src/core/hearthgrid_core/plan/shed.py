"""When the battery alone cannot keep the import limit: loads go, the least important first, and come back with room."""
import math
from dataclasses import dataclass

from hearthgrid_core.settings import check_bounds, setting

COMFORT = 6         # shed first; 1 (medical) is shed last, 0 (unknown) as comfort
DRAWING = 5.0       # a load that draws less is not worth shedding [W]
CLASSES = ('comfort', 'medical', 'refrigeration', 'safety', 'essential', 'deferrable', 'comfort')


@dataclass(frozen=True)
class ShedSettings:
    """How patient the import limit is."""

    shed_after: float = setting(2.0, 's', 0.0, 60.0, 'Import beyond its limit for so long sheds loads.')
    shed_effect: float = setting(4.0, 's', 1.0, 60.0, 'Time in which a load that was shed stops drawing.')
    restore_after: float = setting(60.0, 's', 1.0, 3600.0, 'Room for a load for so long brings it back.')
    restore_margin: float = setting(200.0, 'W', 0.0, 5000.0, 'Room that must be left then.')

    def __post_init__(self):
        check_bounds(self)


@dataclass(frozen=True)
class Load:
    """A load that may be shed. priority : class, 1 … 6     rank : within it, higher goes sooner
    power : drawn now, NaN = not known [W]"""

    outlet: str
    priority: int
    rank: int
    power: float

    @property
    def turn(self) -> tuple[int, int, float]:
        """Who goes first: the largest."""
        return (self.priority or COMFORT), self.rank, 0.0 if math.isnan(self.power) else self.power


@dataclass(frozen=True)
class _Shed:
    power: float    # it drew [W]
    since: float    # [s]
    turn: tuple[int, int, float]
    reason: str


class Shedder:
    """Decides once a second which loads must be off. Time is an argument [s]."""

    def __init__(self, settings: ShedSettings):
        self._settings, self._shed = settings, {}
        self._over_since, self._room_since = math.inf, math.inf

    def step(self, now: float, excess: float, limit: float, loads: list[Load]) -> dict[str, str]:
        """Return which outlets must be off, and why.

        excess : import beyond its limit with the battery doing all it can, negative = room, NaN = not known: nothing
        changes [W]     limit : [W]
        """
        if math.isnan(excess):
            return self._said
        present = {load.outlet for load in loads}
        self._shed = {outlet: shed for outlet, shed in self._shed.items() if outlet in present}
        # What was shed a moment ago may not show in the reading yet.
        coming = sum(s.power for s in self._shed.values() if now - s.since < self._settings.shed_effect)
        excess -= coming
        self._over_since = min(self._over_since, now) if excess > 0 else math.inf
        if now - self._over_since >= self._settings.shed_after:
            self._drop(now, excess, limit, loads)
        self._restore(now, -excess)
        return self._said

    @property
    def _said(self) -> dict[str, str]:
        return {outlet: shed.reason for outlet, shed in self._shed.items()}

    def _drop(self, now: float, excess: float, limit: float, loads: list[Load]) -> None:
        drawing = [load for load in loads if load.outlet not in self._shed and load.power > DRAWING]
        for load in sorted(drawing, key=lambda load: load.turn, reverse=True):
            if excess <= 0:
                break
            self._shed[load.outlet] = _Shed(
                load.power, now, load.turn, f'off: import would exceed its limit of {limit / 1e3:.1f} kW, and '
                f'{CLASSES[load.priority if 0 <= load.priority < len(CLASSES) else 0]} loads go first')
            excess -= load.power

    def _restore(self, now: float, room: float) -> None:
        """Bring the most important load back when there has been room for it."""
        if not self._shed:
            self._room_since = math.inf
            return
        outlet, shed = min(self._shed.items(), key=lambda item: item[1].turn)
        if room < shed.power + self._settings.restore_margin:
            self._room_since = math.inf
            return
        self._room_since = min(self._room_since, now)
        if now - self._room_since >= self._settings.restore_after:
            del self._shed[outlet]
            self._room_since = math.inf
