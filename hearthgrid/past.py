"""The store's file, read from outside: `hearthgrid history`."""

from pathlib import Path

import numpy as np

from hub_nodes.store.backend import StoreError
from hub_nodes.store.history import view
from hub_nodes.store.place import open_history

BARS = '▁▂▃▄▅▆▇█'


class PastError(Exception):
    """There is no history to read; the message says why."""


def outlets(state_dir: Path) -> list[str]:
    """Return the outlets and meters the store knows. PastError when it cannot be read."""
    try:
        return open_history(state_dir).outlets()
    except StoreError as error:
        raise PastError(str(error)) from None


def points(state_dir: Path, outlet: str, quantity: str, start: float, end: float, step: float):
    """Return rows (start [s], mean, minimum, maximum, count) and the unit. PastError says what is missing."""
    try:
        series = view(open_history(state_dir), outlet, quantity, start, end, step)
    except (StoreError, ValueError) as error:
        raise PastError(str(error)) from None
    columns = (series.start, series.mean, series.minimum, series.maximum, series.count)
    return [tuple(map(float, row)) for row in zip(*columns, strict=True)], series.unit


def sparkline(values: list[float], width: int = 48) -> str:
    """Return a line of bars; gaps stay blank."""
    finite = [v for v in values if v == v]
    if not finite:
        return ''
    low, high = min(finite), max(finite)
    chunks = [[v for v in chunk if v == v] for chunk in np.array_split(np.array(values), min(width, len(values)))]
    scale = (len(BARS) - 1) / ((high - low) or 1.0)
    return ''.join(BARS[round((sum(c) / len(c) - low) * scale)] if c else ' ' for c in chunks)
