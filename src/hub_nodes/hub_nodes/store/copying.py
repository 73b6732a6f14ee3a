"""From one database into another: a backup, a restore, or a move."""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from hub_nodes.store.backend import Backend, History
from hub_nodes.store.model import MILLISECONDS, MINUTE, Batch

DAY = 86_400.0
PAGE = 2000  # records of one transaction


@dataclass
class Copied:
    """How much was copied."""

    readings: int = 0
    minutes: int = 0
    records: int = 0


def copy(source: History, target: Backend, tell: Callable[[float], None] = lambda share: None) -> Copied:
    """Copy all that `source` holds into `target`, which may hold something already: what is there twice is one.

    tell : called with the share that is done. [1]     StoreError from either side; begun again, it goes on.
    """
    done, since = Copied(), source.raw_since()
    target.open()
    _records(source, target, done)
    spans = {outlet: span for outlet in source.outlets() if (span := source.span(outlet)) is not None}
    days = [(outlet, DAY * day) for outlet, (first, last) in spans.items()
            for day in range(math.floor(first / DAY), math.floor(last / DAY) + 1)]
    newest = max((last for _, last in spans.values()), default=0.0)
    for number, (outlet, day) in enumerate(days):
        tell(number / len(days))
        if day < since:
            rows = source.minutes(outlet, day, min(since, day + DAY))
            target.write_minutes(outlet, rows, since)
            done.minutes += len(rows)
        if day + DAY > since:
            found = source.readings(outlet, max(day, since), day + DAY)
            if len(found):
                done.readings += target.write(Batch(found, (outlet,)), durable=True).readings
    while target.maintain(newest + 2 * MINUTE / MILLISECONDS):
        pass
    tell(1.0)
    return done


def _records(source: History, target: Backend, done: Copied) -> None:
    """Copy records page by page; the next page begins at the moment the last one ended in, or it would miss some."""
    start, limit, known = -math.inf, PAGE, 0  # of the moment `start`, so many were counted
    while True:
        found = source.records(start=start if known else None, limit=limit)
        if found:
            target.write(Batch(records=found), durable=True)
        again = sum(one.time == start for one in found)
        done.records += len(found) - min(again, known)
        if len(found) < limit:
            return
        if again == len(found):
            limit, known = 2 * limit, max(again, known)  # a whole page of one moment
        else:
            start, limit = found[-1].time, PAGE
            known = sum(one.time == start for one in found)
