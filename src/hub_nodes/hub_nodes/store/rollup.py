"""Readings summed up by outlet and minute."""
from __future__ import annotations

import numpy as np

from hub_nodes.store.model import MINUTE, QUANTITIES


def minutes(readings: np.ndarray) -> list[tuple]:
    """Return a row of `schema.MINUTE_COLUMNS` for each outlet and minute of (n,) READING, n ≥ 1.

    Of each quantity: sum, minimum and maximum of what was measured, and how many that were; NaN is not measured.
    """
    minute = readings['time'] // MINUTE
    order = np.lexsort((minute, readings['outlet']))
    ordered, minute = readings[order], minute[order]
    outlet = ordered['outlet']
    first = np.flatnonzero(np.r_[True, (np.diff(outlet) != 0) | (np.diff(minute) != 0)])
    columns = [outlet[first].tolist(), minute[first].tolist()]
    for name in QUANTITIES:
        value = ordered[name].astype(float)
        known = ~np.isnan(value)
        columns.append(np.add.reduceat(np.where(known, value, 0.0), first).tolist())
        columns.append(np.fmin.reduceat(value, first).tolist())
        columns.append(np.fmax.reduceat(value, first).tolist())
        columns.append(np.add.reduceat(known.astype(np.int64), first).tolist())
    return list(zip(*columns, strict=True))
