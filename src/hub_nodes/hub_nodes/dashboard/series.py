"""Values at a moment, of series in steps; the middle of what several say."""
import math
from collections.abc import Iterable

from hub_nodes.dashboard.values import NAN


def step_at(series, now: float) -> int | None:
    """Return which step of a series with `start` and `step` holds `now`, or None when it lies outside."""
    index = math.floor((now - series.start) / series.step)
    return index if index >= 0 else None


def at(series, row: tuple[float, ...], now: float) -> float:
    """Return the value of a row of such a series at `now`, NaN outside of it."""
    index = step_at(series, now)
    return row[index] if index is not None and index < len(row) else NAN


def middle(numbers: Iterable[float]) -> float:
    """Return the median of the numbers that are known, the upper of two; NaN of none."""
    known = sorted(n for n in numbers if not math.isnan(n))
    return known[len(known) // 2] if known else NAN
