"""What the home would have drawn without the event, and so what it delivered.

Baseline by day matching as the California ISO settles demand response ("ten-in-ten"): per step, the mean of the same
step of the most recent similar days without events (10 weekdays, or 4 weekend days and holidays), scaled by how the
day of the event itself ran in the hours before: three hours that end one hour before the event, within ±20 %.
CAISO Tariff, section 4.13.4.1; for its bias: Coughlin et al., "Statistical analysis of baseline load models for
non-residential buildings", Energy and Buildings 41 (2009) 374-381, doi:10.1016/j.enbuild.2008.11.002.
"""
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from hearthgrid_core.settings import check_bounds, setting

STEP = 900.0            # of the log [s]
DAY = 86_400.0
KEPT = 46 * DAY         # of the log [s]


@dataclass(frozen=True)
class BaselineSettings:
    """Day matching with adjustment."""

    weekdays: int = setting(10, '', 1, 45, 'Weekdays the baseline of a weekday rests on.')
    weekdays_min: int = setting(5, '', 1, 45, 'With fewer there is no baseline for a weekday.')
    weekend_days: int = setting(4, '', 1, 20, 'Days the baseline of a Saturday or Sunday rests on.')
    weekend_days_min: int = setting(4, '', 1, 20, 'With fewer there is no baseline for a Saturday or Sunday.')
    look_back: int = setting(45, 'd', 1, 45, 'How far back similar days are looked for.')
    adjustment_max: float = setting(0.2, '', 0.0, 1.0, 'Most the day of the event may scale its baseline, either way.')
    adjustment_hours: float = setting(3.0, 'h', 0.0, 12.0, 'Length of the time before the event that scales.')
    adjustment_gap: float = setting(1.0, 'h', 0.0, 12.0, 'Between that time and the event.')

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.weekdays_min > self.weekdays or self.weekend_days_min > self.weekend_days:
            raise ValueError('the fewest days of a baseline exceed its days')


class PowerLog:
    """Mean power at the meter in quarter hours, of the last 46 days. A quarter counts when half of it was heard."""

    def __init__(self) -> None:
        self.means: dict[int, float] = {}   # quarter hours since the epoch -> [W]
        self._open: int | None = None
        self._energy = self._heard = 0.0
        self._last: tuple[float, float] | None = None

    def add(self, now: float, power: float, longest: float = 60.0) -> None:
        """Take in the power [W] at `now` [s]; it held since the last one unless that is longer than `longest` [s]."""
        if not (math.isfinite(now) and math.isfinite(power)):
            return
        last, self._last = self._last, (now, power)
        if last is None or not 0 < now - last[0] <= longest:
            self._turn(int(now // STEP))
            return
        begin = last[0]
        while begin < now:
            quarter = int(begin // STEP)
            end = min(now, (quarter + 1) * STEP)
            self._turn(quarter)
            self._energy, self._heard = self._energy + power * (end - begin), self._heard + end - begin
            begin = end
        self._turn(int(now // STEP))

    def mean(self, start: float, end: float) -> float:
        """Return the mean over whole quarter hours that lie in [start, end) [s]; NaN when one is missing. [W]"""
        quarters = range(math.ceil(start / STEP - 1e-9), math.floor(end / STEP + 1e-9))
        values = [self.means.get(quarter, math.nan) for quarter in quarters]
        return sum(values) / len(values) if values else math.nan

    def _turn(self, quarter: int) -> None:
        if quarter == self._open:
            return
        if self._open is not None and self._heard >= STEP / 2:
            self.means[self._open] = self._energy / self._heard
            for old in [q for q in self.means if q < self._open - KEPT / STEP or q > quarter]:
                del self.means[old]
        self._open, self._energy, self._heard = quarter, 0.0, 0.0


@dataclass(frozen=True)
class Baseline:
    """Power the home would have drawn, a value a quarter hour from `start` [s]; NaN where it cannot be said. [W]

    days : it rests on     factor : of the adjustment     reason : why there is none, '' = there is
    """

    start: float
    power: tuple[float, ...]
    days: int
    factor: float = 1.0
    reason: str = ''


def baseline(log: PowerLog, start: float, end: float, event_days: Iterable[date], settings: BaselineSettings,
             zone: tzinfo | None) -> Baseline:
    """Return the baseline of the quarter hours in [start, end) [s] of one event.

    event_days : local days with events, which are no example of an ordinary day     zone : None: the machine's own
    """
    first = math.floor(start / STEP) * STEP
    count = max(1, math.ceil((min(end, start + DAY) - first) / STEP - 1e-9))
    times = [first + k * STEP for k in range(count)]
    day = datetime.fromtimestamp(start, zone).date()
    weekend = day.weekday() >= 5
    most = settings.weekend_days if weekend else settings.weekdays
    least = settings.weekend_days_min if weekend else settings.weekdays_min
    before = first - settings.adjustment_gap * 3600.0
    window = [before - k * STEP for k in range(1, int(settings.adjustment_hours * 3600.0 / STEP) + 1)]
    skipped, found = frozenset(event_days), []
    for back in range(1, settings.look_back + 1):
        other = day - timedelta(days=back)
        if other in skipped or (other.weekday() >= 5) != weekend:
            continue
        values = _shifted(log, times, back, zone)
        if not any(math.isnan(value) for value in values):
            found.append((values, _shifted(log, window, back, zone)))
            if len(found) == most:
                break
    if len(found) < least:
        return Baseline(first, (math.nan,) * count, len(found), reason=f'{len(found)} similar days, {least} are needed')
    power = [sum(values[k] for values, _ in found) / len(found) for k in range(count)]
    factor = _factor([log.means.get(int(t // STEP), math.nan) for t in window], [early for _, early in found], settings)
    return Baseline(first, tuple(value * factor for value in power), len(found), factor)


def delivered(log: PowerLog, base: Baseline) -> tuple[float, ...]:
    """Return baseline minus measured, a quarter hour each, positive = drawn less; NaN where one is missing. [W]"""
    return tuple(value - log.means.get(int(base.start // STEP) + k, math.nan) for k, value in enumerate(base.power))


def _shifted(log: PowerLog, times: Sequence[float], back: int, zone: tzinfo | None) -> list[float]:
    """Return the log at the same wall-clock times some days earlier."""
    out = []
    for moment in times:
        local = datetime.fromtimestamp(moment, zone)
        same = datetime.combine(local.date() - timedelta(days=back), time(local.hour, local.minute), zone).timestamp()
        out.append(log.means.get(int(same // STEP), math.nan))
    return out


def _factor(today: list[float], others: list[list[float]], settings: BaselineSettings) -> float:
    """Return how the day of the event ran against the similar days; 1 where it cannot be said or they net to export."""
    known = [row for row in others if row and not any(math.isnan(value) for value in row)]
    if not today or not known or any(math.isnan(value) for value in today):
        return 1.0
    usual = sum(sum(row) for row in known) / len(known)
    if usual <= 0 or sum(today) <= 0:
        return 1.0
    return min(1 + settings.adjustment_max, max(1 - settings.adjustment_max, sum(today) / usual))
