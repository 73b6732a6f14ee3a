"""Settings declared once, with unit, bounds and description: the source of checks, ROS parameters and documentation."""
import math
from dataclasses import field, fields
from typing import Any


def setting(default: Any, unit: str, low: float | None, high: float | None, description: str,
            choices: tuple[str, ...] = ()) -> Any:
    """Return a dataclass field that knows its unit, its inclusive bounds and what it means.

    `low`/`high` are None where there is no bound (text, switches); `choices` lists the words a text may be.
    """
    return field(default=default, metadata={'unit': unit, 'low': low, 'high': high, 'description': description,
                                            'choices': choices})


def check_bounds(settings: Any) -> None:
    """Raise ValueError, naming field, value and bound, if a field of `settings` is outside what it declared."""
    for f in fields(settings):
        value, meta = getattr(settings, f.name), f.metadata
        if not meta:
            continue
        if meta['choices'] and value not in meta['choices']:
            raise ValueError(f'{f.name} is {value!r}; it must be one of {", ".join(meta["choices"])}')
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        if math.isnan(value):
            raise ValueError(f'{f.name} is not a number')
        low, high, unit = meta['low'], meta['high'], meta['unit']
        if (low is not None and value < low) or (high is not None and value > high):
            raise ValueError(f'{f.name} is {value:g} {unit}; it must lie in {low} … {high} {unit}')
