"""What the taken events together ask of the home at a moment: one row of limits and setpoints."""
import math
from dataclasses import dataclass

from hearthgrid_core.grid_service.event import OPEN, Kind
from hearthgrid_core.grid_service.programme import Programme
from hearthgrid_core.settings import check_bounds, setting

ASKING = (Kind.EMERGENCY, Kind.DISPATCH, Kind.CHARGE, Kind.IMPORT_LIMIT, Kind.EXPORT_LIMIT, Kind.LEVEL)


@dataclass(frozen=True)
class LevelSettings:
    """What levels and emergencies mean in this home, in watts at the meter."""

    moderate_import: float = setting(5000.0, 'W', 0.0, 1e6, 'Most import at level 1, moderate.')
    high_import: float = setting(2500.0, 'W', 0.0, 1e6, 'Most import at level 2, high.')
    special_import: float = setting(1000.0, 'W', 0.0, 1e6, 'Most import at level 3, special.')
    emergency_import: float = setting(500.0, 'W', 0.0, 1e6, 'Most import in an emergency of the grid.')

    def __post_init__(self) -> None:
        check_bounds(self)
        if not self.moderate_import >= self.high_import >= self.special_import:
            raise ValueError('a higher level must not allow more import')

    def level_import(self, level: int) -> float:
        """Return the most import at a level 0 … 3. [W]"""
        return (math.inf, self.moderate_import, self.high_import, self.special_import)[level]


@dataclass(frozen=True)
class Facts:
    """What asks are measured by. battery_capacity : [kWh], 0 = none     battery_power : either way [W]"""

    levels: LevelSettings
    battery_capacity: float = 0.0
    battery_power: float = 0.0


@dataclass(frozen=True)
class Ask:
    """What is asked from `start` until before `end` [s]. event : whose ask it is, '' = nothing is asked.

    level : 0 … 3     import_max, export_max : infinity = none [W]     dispatch : at the meter, NaN = none [W]
    charge : power of the battery, positive charges, NaN = none [W]
    """

    event: str
    start: float
    end: float
    level: int = 0
    import_max: float = math.inf
    export_max: float = math.inf
    dispatch: float = math.nan
    charge: float = math.nan


def ask_at(programme: Programme, now: float, facts: Facts, charge: float = math.nan) -> Ask:
    """Return what is asked now, or, when nothing is, what is asked next; ends where something changes.

    charge : of the battery, 0 … 1, NaN = not known
    """
    edges = [now, *programme.boundaries(now, math.inf, ASKING)]
    for position, edge in enumerate(edges):
        if not math.isfinite(edge):
            break
        end = edges[position + 1] if position + 1 < len(edges) else OPEN
        found = _held(programme, edge, end, now, facts, charge)
        if found:
            return found
    return Ask('', now, OPEN)


def _held(programme: Programme, time: float, end: float, now: float, facts: Facts, charge: float) -> Ask | None:
    held = {kind: found for kind in ASKING if (found := programme.taken(kind, time))}
    if not held:
        return None
    value = {kind: found[1] for kind, found in held.items()}
    level = int(value.get(Kind.LEVEL, 0))
    imports = [facts.levels.level_import(level), value.get(Kind.IMPORT_LIMIT, math.inf)]
    if Kind.EMERGENCY in held:
        level, imports = 3, [*imports, facts.levels.emergency_import]
    wanted = math.nan
    if Kind.CHARGE in held:
        entry = held[Kind.CHARGE][0]
        interval = entry.event.signal(Kind.CHARGE).at(time)
        wanted = charge_power(interval.value, charge, interval.end - max(now, time), facts)
    # Named after the most urgent, in the order of ASKING.
    name = next(iter(sorted(held.items(), key=lambda item: (item[1][0].event.priority or math.inf,
                                                            ASKING.index(item[0])))))[1][0].event.id
    return Ask(name, time, end, level, min(imports), value.get(Kind.EXPORT_LIMIT, math.inf),
               value.get(Kind.DISPATCH, math.nan), wanted)


def charge_power(target: float, charge: float, left: float, facts: Facts) -> float:
    """Return the steady power that brings a battery from `charge` to `target` (0 … 1) in `left` [s]. [W]

    At its limit when that is too little, and for a target without an end; NaN without a battery or its charge. Losses
    are left to the next call: the answer is asked for again while the charge moves.
    """
    if not facts.battery_capacity or math.isnan(charge):
        return math.nan
    energy = (target - charge) * facts.battery_capacity * 3.6e6
    power = energy / left if 0 < left < math.inf else math.copysign(math.inf, energy) if energy else 0.0
    return max(-facts.battery_power, min(facts.battery_power, power))
