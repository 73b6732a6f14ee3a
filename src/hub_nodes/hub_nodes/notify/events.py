"""Messages of the home to news for people."""
import math
from collections import OrderedDict
from collections.abc import Iterable, Mapping

from hearthgrid_core.notify import News, Severity
from hearthgrid_msgs import msg
from hearthgrid_ros.time import to_seconds

MEMBERS = 1024  # whose word on the grid is remembered
SEVERITIES = {msg.Anomaly.SEVERITY_INFO: Severity.INFO, msg.Anomaly.SEVERITY_WARNING: Severity.WARNING,
              msg.Anomaly.SEVERITY_CRITICAL: Severity.CRITICAL}
MODES = {msg.IslandMode.MODE_OUTAGE: 'outage', msg.IslandMode.MODE_ELECTION: 'a leader is being elected',
         msg.IslandMode.MODE_CONFIRMATION: 'a leader is being confirmed', msg.IslandMode.MODE_JOIN: 'outlets join',
         msg.IslandMode.MODE_SHED: 'loads are shed', msg.IslandMode.MODE_REGULATE: 'the micro-grid runs',
         msg.IslandMode.MODE_SYNCHRONISE: 'the micro-grid returns to the grid'}
OUTAGE, LIMIT = 'outage', 'limit:'  # ids
STALE = 3600.0  # a job that ended longer ago is no news [s]


def anomaly(message: msg.Anomaly, now: float, titles: Mapping[str, str]) -> News:
    """Return the news of an anomaly. ValueError when it says too little."""
    known = (message.STATUS_RAISED, message.STATUS_CLEARED)
    if not message.id or message.status not in known:
        raise ValueError(f'an anomaly of {message.outlet!r} without id or status')
    over = message.status == message.STATUS_CLEARED
    time = 0.0 if over else to_seconds(message.since)
    # a severity that is not known must not be lost among what is only good to know
    return News(message.id, SEVERITIES.get(message.severity, Severity.WARNING),
                titles.get(message.outlet) or message.outlet or 'home', message.text or 'something is unusual',
                time or to_seconds(message.stamp) or now, over=over)


class GridWatch:
    """The home is without the grid when most of its members that spoke say so."""

    def __init__(self, severity: Severity) -> None:
        self._severity = severity
        self._away: OrderedDict[str, bool] = OrderedDict()
        self._out = False

    def step(self, message: msg.IslandMode, now: float) -> News | None:
        """Return news when the home lost the grid, is further on without it, or has it back."""
        if message.mode == message.MODE_UNKNOWN or not message.member:
            return None
        away = message.mode != message.MODE_GRID
        self._away[message.member] = away
        while len(self._away) > MEMBERS:
            self._away.popitem(last=False)
        out = 2 * sum(self._away.values()) > len(self._away)
        before, self._out = self._out, out
        if out and (away or not before):
            text = MODES.get(message.mode, 'outage')
            return News(OUTAGE, self._severity, 'Grid', f'the grid is gone: {text}',
                        to_seconds(message.stamp) or now)
        if not out and (before or len(self._away) == 1):  # also after a restart that slept through the return
            return News(OUTAGE, self._severity, 'Grid', 'the grid is back', to_seconds(message.stamp) or now, over=True)
        return None


class LimitWatch:
    """The utility's limit begins when it says so and ends when it, or its time, is over."""

    def __init__(self) -> None:
        self._asked: msg.GridLimit | None = None
        self._told = ''

    def resume(self, standing: Iterable[str]) -> None:
        """Take over what was told before a restart, from the ids of all that stands."""
        self._told = next((id for id in standing if id.startswith(LIMIT)), '')

    def receive(self, message: msg.GridLimit) -> None:
        """Take the utility's newest word."""
        self._asked = message

    def step(self, now: float) -> list[News]:
        """Return what began and what ended."""
        asked, out = self._asked, []
        if asked is None:
            return out
        holds = limits(asked) and to_seconds(asked.start) <= now and not _ended(asked, now)
        id = f'{LIMIT}{asked.event}' if holds else ''
        if self._told and self._told != id:
            out.append(News(self._told, Severity.INFO, 'Grid', 'the limit of the utility is over', now, over=True))
        if id and self._told != id:
            out.append(News(id, Severity.INFO, 'Grid', limit_words(asked), to_seconds(asked.start) or now))
        self._told = id
        return out


def limits(message: msg.GridLimit) -> bool:
    """Return whether a limit asks for anything."""
    return (message.level > message.LEVEL_NORMAL or math.isfinite(message.import_max)
            or math.isfinite(message.export_max) or math.isfinite(message.dispatch) or math.isfinite(message.charge))


def _ended(message: msg.GridLimit, now: float) -> bool:
    end = to_seconds(message.end)
    return 0.0 < end <= now


def limit_words(message: msg.GridLimit) -> str:
    """Return what the utility asks, in words."""
    parts = [f'{name} at most {value:.0f} W' for name, value in
             (('import', message.import_max), ('export', message.export_max)) if math.isfinite(value)]
    parts += [f'{name} {value:.0f} W' for name, value in
              (('power at the meter', message.dispatch), ('battery', message.charge)) if math.isfinite(value)]
    return f'the utility asks: {", ".join(parts) or "less power"}'


def job(message: msg.Job, now: float, titles: Mapping[str, str]) -> News | None:
    """Return the news of a job that was done or missed, not of one that ended long ago."""
    stamp = to_seconds(message.stamp)
    if not message.id or message.status not in (message.STATUS_DONE, message.STATUS_MISSED) or now - stamp > STALE:
        return None
    subject = titles.get(message.outlet) or message.outlet
    if message.status == message.STATUS_DONE:
        severity, text = Severity.INFO, f'finished, {message.delivered_kwh:.2f} kWh'
    else:
        severity = Severity.WARNING
        text = f'not finished in time: {message.delivered_kwh:.2f} of {message.energy_kwh:.2f} kWh'
    return News(f'job:{message.outlet}:{message.id}:{message.status}', severity, subject, text, stamp or now,
                passing=True)
