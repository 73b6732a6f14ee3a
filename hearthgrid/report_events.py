"""What happened, out of the store's records: prices, jobs, outages, anomalies. NaN = not known."""

import math
from dataclasses import dataclass

import numpy as np

from hub_nodes.store.backend import History
from hub_nodes.store.costs import ISSUED_BEFORE, QUARTER, RECORDS_MAX
from hub_nodes.store.model import Record

DAY = 86400.0
DONE = 3  # Job.STATUS_DONE; higher ones have ended, too
CLEARED = 2  # Anomaly.STATUS_CLEARED


@dataclass(frozen=True)
class JobLine:
    """A job's life. asked : first heard of [s]     ended : last heard of [s]"""

    outlet: str
    id: str
    asked: float
    ended: float
    deadline: float
    energy: float
    delivered: float
    power: float
    interruptible: bool
    status: int


@dataclass(frozen=True)
class Event:
    """Something that lasted. end : NaN = not over [s]"""

    start: float
    end: float
    subject: str
    words: str
    severity: int = 0


def told(history: History, start: float, quarters: int) -> tuple[np.ndarray, str]:
    """Return (3, quarters) import price, export price [currency/kWh] and carbon intensity [kg/kWh] of each quarter hour
    from `start` [s], NaN = not told, and the currency. A later word replaces an earlier one."""
    out, currency = np.full((3, quarters), np.nan), ''
    records = history.records(('price',), start=start - ISSUED_BEFORE, end=start + quarters * QUARTER,
                              limit=RECORDS_MAX, newest_first=True)  # fmt: skip
    at = start + QUARTER * (np.arange(quarters) + 0.5)
    for record in reversed(records):
        data = record.data
        step, begin = data.get('step') or 0.0, data.get('start')
        if not step > 0 or begin is None:
            continue
        index = np.floor((at - begin) / step).astype(int)
        for row, name in zip(out, ('import_price', 'export_price', 'carbon_intensity'), strict=True):
            values = np.array([number(v) for v in data.get(name) or ()], float)
            inside = (index >= 0) & (index < len(values))
            if inside.any():
                new = values[index[inside]]
                row[inside] = np.where(np.isfinite(new), new, row[inside])
        currency = data.get('currency') or currency
    return out, currency


def jobs(history: History, start: float, end: float) -> list[JobLine]:
    """Return the jobs heard of in start … end [s], in order of when they were asked for."""
    found: dict[str, list[Record]] = {}
    for record in history.records(('job',), start=start, end=end, limit=RECORDS_MAX):
        # The same id may be used again and again: a new life begins where the last one had ended.
        life = found.setdefault(record.subject, [])
        if life and life[-1].data.get('status', 0) >= DONE and record.data.get('status', 0) < DONE:
            found[f'{record.subject} {len(found)}'] = found.pop(record.subject)
            life = found.setdefault(record.subject, [])
        life.append(record)
    out = []
    for life in found.values():
        data = life[-1].data
        try:
            out.append(JobLine(data['outlet'], data['id'], life[0].time, life[-1].time, float(data['deadline']),
                               float(data['energy_kwh']), float(data['delivered_kwh']), float(data['power']),
                               bool(data.get('interruptible')), int(data.get('status', 0))))  # fmt: skip
        except (KeyError, TypeError, ValueError):
            continue  # a record of another version says nothing here
    return sorted(out, key=lambda job: (job.asked, job.outlet))


def outages(history: History, start: float, end: float) -> list[Event]:
    """Return when the utility was away, as the tie saw it."""
    out, begin, words = [], math.nan, ''
    for record in history.records(('tie',), start=start - DAY, end=end, limit=RECORDS_MAX):
        data = record.data
        alive = data.get('grid_alive')
        if alive is False and math.isnan(begin):
            begin, words = record.time, data.get('reason') or ''
        elif alive and not math.isnan(begin):
            if record.time > start:
                out.append(Event(begin, record.time, 'grid', words))
            begin = math.nan
    return out if math.isnan(begin) else [*out, Event(begin, math.nan, 'grid', words)]


def anomalies(history: History, start: float, end: float) -> list[Event]:
    """Return what was raised, each once, and when it was cleared."""
    out: dict[str, Event] = {}
    for record in history.records(('anomaly',), start=start, end=end, limit=RECORDS_MAX):
        data = record.data
        key, cleared = data.get('id') or f'{record.time}', data.get('status') == CLEARED
        before = out.get(key)
        if cleared and before is not None and math.isnan(before.end):
            out[key] = Event(before.start, record.time, before.subject, before.words, before.severity)
        elif not cleared:
            begin = before.start if before is not None and math.isnan(before.end) else record.time
            if before is not None and not math.isnan(before.end):
                out[f'{key} {before.start}'] = out.pop(key)
            out[key] = Event(begin, math.nan, data.get('outlet') or record.subject, data.get('text') or '',
                             data.get('severity') or 0)  # fmt: skip
    return sorted(out.values(), key=lambda event: event.start)


def number(value: float | None) -> float:
    """Return a stored number; null was not known."""
    return float('nan') if value is None else float(value)
