"""Between two plans: the battery keeps the planned grid power, second by second, and the import limit always.

Held open for half an hour, a planned battery power is worth less than a timer, because no load comes as forecast;
tracking the planned *grid* power lets the battery take up what the forecast missed.
"""
import math
from dataclasses import dataclass

from hearthgrid_core.settings import check_bounds, setting


@dataclass(frozen=True)
class InnerLoopSettings:
    """How the battery follows the planned grid power."""

    gain: float = setting(0.7, '1', 0.05, 1.0, 'Share of the error corrected each second.')
    dead_band: float = setting(15.0, 'W', 0.0, 500.0, 'An error so small is left alone.')
    floor: float = setting(0.05, '1', 0.0, 0.5, 'Charge that even the import limit does not use.')
    fresh: float = setting(5.0, 's', 1.0, 60.0, 'A reading older than this is not relied on.')

    def __post_init__(self):
        check_bounds(self)


@dataclass(frozen=True)
class Moment:
    """What the inner loop sees. NaN = not known.

    target : grid power to keep, positive import; NaN = no plan: none is imported or exported if it can be helped [W]
    planned : battery power of the plan, for when the meter is silent; NaN = none [W]
    grid, battery : measured, positive import and positive charging [W]     charge : of the battery, 0 … 1
    reserve : share of the battery kept for outages [1]     charge_max, discharge_max : [W]
    import_max, export_max : at the meter now, infinity = none [W]
    """

    target: float
    planned: float
    grid: float
    battery: float
    charge: float
    reserve: float
    charge_max: float
    discharge_max: float
    import_max: float
    export_max: float


def battery_power(moment: Moment, settings: InnerLoopSettings) -> tuple[float, str]:
    """Return the power to set, positive when charging [W], and in words what it is for."""
    m = moment
    if math.isnan(m.grid):
        if math.isnan(m.planned):
            return 0.0, 'neither plan nor meter'
        return _within(m, m.planned, m.reserve), 'the meter is silent: as planned'
    battery = 0.0 if math.isnan(m.battery) else m.battery
    rest = m.grid - battery  # what the grid would carry without the battery
    wanted, why = m.target, 'keeps the planned grid power'
    if math.isnan(wanted):
        wanted, why = 0.0, 'no plan: own use first'
    target = min(max(wanted, -m.export_max), m.import_max)
    if target != wanted:
        why = f'keeps the {"import" if target < wanted else "export"} limit'
    error = m.grid - target
    power = battery - settings.gain * error if abs(error) > settings.dead_band else battery
    power = _within(m, power, m.reserve)
    # The limits come last and at once: no plan, reserve or gain stands above them.
    most, least = m.import_max - rest, -m.export_max - rest
    if power > most:
        return _within(m, most, settings.floor), 'keeps the import limit'
    if power < least:
        return _within(m, least, settings.floor), 'keeps the export limit'
    return power, why


def _within(moment: Moment, power: float, lowest: float) -> float:
    """Return the power the battery can take or give at its charge, without going below a `lowest` charge [1]."""
    can_give = math.isnan(moment.charge) or moment.charge > lowest
    can_take = math.isnan(moment.charge) or moment.charge < 1.0
    return min(max(power, -moment.discharge_max if can_give else 0.0), moment.charge_max if can_take else 0.0)
