"""Between two plans: the battery keeps the planned grid power, second by second, and the import limit always.

Held open for half an hour, a planned battery power is worth less than a timer, because no load comes as forecast;
keeping the *grid* power within what the plan found worth it lets the battery take up what the forecast missed.
"""
import math
from dataclasses import dataclass

from hearthgrid_core.settings import check_bounds, setting

SLACK, SLACK_SHARE = 150.0, 0.1  # a battery this near to what it was told does follow [W], [1]


@dataclass(frozen=True)
class InnerLoopSettings:
    """How the battery follows the planned grid power."""

    gain: float = setting(0.7, '1', 0.05, 1.0, 'Share of the error corrected each second.')
    dead_band: float = setting(15.0, 'W', 0.0, 500.0, 'An error so small is left alone.')
    floor: float = setting(0.05, '1', 0.0, 0.5, 'Charge that even the import limit does not use.')
    fresh: float = setting(5.0, 's', 1.0, 60.0, 'A reading older than this is not relied on.')
    follow: float = setting(5.0, 's', 1.0, 60.0, 'A battery that gives less than told for so long is not relied on.')

    def __post_init__(self):
        check_bounds(self)


@dataclass(frozen=True)
class Moment:
    """What the inner loop sees. NaN = not known.

    low, high : net import between which the battery is left at `hold`; NaN = no plan: none is imported or exported
    if it can be helped. Both the same: a power to track. [W]     hold : its power there, positive charges [W]
    planned : battery power of the plan, for when the meter is silent; NaN = none [W]
    grid, battery : measured, positive import and positive charging [W]     charge : of the battery, 0 … 1
    reserve : share of the battery kept for outages [1]     charge_max, discharge_max : [W]
    import_max, export_max : at the meter now, infinity = none [W]
    ceiling : charge it is not filled beyond, 0 … 1     spared : drawn by what the battery must not serve [W]
    asked : of the battery by the utility, NaN = nothing [W]
    """

    low: float
    high: float
    hold: float
    planned: float
    grid: float
    battery: float
    charge: float
    reserve: float
    charge_max: float
    discharge_max: float
    import_max: float
    export_max: float
    ceiling: float = 1.0
    spared: float = 0.0
    asked: float = math.nan


def battery_power(moment: Moment, settings: InnerLoopSettings) -> tuple[float, str]:
    """Return the power to set, positive when charging [W], and in words what it is for."""
    m = moment
    if not math.isnan(m.asked):
        power, why = _within(m, m.asked, m.reserve), 'as the utility asks'
        return (power, why) if math.isnan(m.grid) else _kept(m, power, why, settings)
    if math.isnan(m.grid):
        if math.isnan(m.planned):
            return 0.0, 'neither plan nor meter'
        return _within(m, m.planned, m.reserve), 'the meter is silent: as planned'
    battery = 0.0 if math.isnan(m.battery) else m.battery
    rest = m.grid - battery  # what the grid would carry without the battery
    low, high, hold, why = m.low, m.high, m.hold, 'keeps the planned grid power'
    if math.isnan(low) or math.isnan(high):
        low, high, hold, why = 0.0, 0.0, 0.0, 'no plan: own use first'
    within = [min(max(bound, -m.export_max), m.import_max) for bound in (low, high)]
    wanted = min(max(rest + hold, within[0]), within[1]) - rest
    if rest + wanted != min(max(rest + hold, low), high):
        why = f'keeps the {"import" if rest + wanted > 0 else "export"} limit'
    elif low < rest + hold < high:
        why = 'as planned' if hold else 'rests: neither using nor storing pays'
    power = battery + settings.gain * (wanted - battery) if abs(wanted - battery) > settings.dead_band else battery
    power = _within(m, power, m.reserve)
    most_given = max(0.0, rest - m.spared)
    if m.spared > 0 and power < -most_given:
        power, why = -most_given, 'gives all but what it must not serve'
    return _kept(m, power, why, settings)


def _kept(m: Moment, power: float, why: str, settings: InnerLoopSettings) -> tuple[float, str]:
    """Return the power that keeps the limits: last and at once, no plan, reserve or gain stands above them."""
    rest = m.grid - (0.0 if math.isnan(m.battery) else m.battery)
    most, least = m.import_max - rest, -m.export_max - rest
    floor = min(settings.floor, m.reserve)  # what own use may take, a limit may
    if power > most:
        return _within(m, most, floor), 'keeps the import limit'
    if power < least:
        return _within(m, least, floor), 'keeps the export limit'
    return power, why


def excess(moment: Moment, power: float) -> float:
    """Return the import beyond its limit while the battery is at `power`; NaN when the meter is silent. [W]"""
    rest = moment.grid - (0.0 if math.isnan(moment.battery) else moment.battery)
    return rest + power - moment.import_max


class Follower:
    """Whether the battery does what it is told. One that does not counts for what it gives. Time is an argument [s]."""

    def __init__(self, settings: InnerLoopSettings):
        self._patience, self._told, self._short_since = settings.follow, math.nan, math.inf
        self.follows = True

    def excess(self, now: float, moment: Moment, power: float) -> float:
        """Return `excess`, for a battery that is told `power` now [W]. To be called whenever it is told. [W]"""
        short = moment.battery - self._told  # what it gives too little, or takes too much
        within = not short > max(SLACK, SLACK_SHARE * abs(self._told))  # NaN = not known: it is relied on
        self._short_since = math.inf if within else min(self._short_since, now)
        self.follows = now - self._short_since < self._patience
        self._told = power
        return excess(moment, power if self.follows else moment.battery)


def _within(moment: Moment, power: float, lowest: float) -> float:
    """Return the power the battery can take or give at its charge, without going below a `lowest` charge [1]."""
    can_give = math.isnan(moment.charge) or moment.charge > lowest
    can_take = math.isnan(moment.charge) or moment.charge < moment.ceiling
    return min(max(power, -moment.discharge_max if can_give else 0.0), moment.charge_max if can_take else 0.0)
