"""Seconds to stamps and back. Time in the core is seconds since the UNIX epoch as a float."""

from builtin_interfaces.msg import Time

NANOSECONDS = 1_000_000_000
LATEST = 2**31 - 1  # what `sec` can hold [s]


def to_msg(seconds: float) -> Time:
    """Return the stamp of `seconds` since the epoch, clipped to what a stamp can say. ValueError when not finite."""
    if seconds != seconds or seconds in (float('inf'), float('-inf')):
        raise ValueError(f'{seconds} is no time')
    whole = round(min(max(seconds, 0.0), LATEST) * NANOSECONDS)
    return Time(sec=whole // NANOSECONDS, nanosec=whole % NANOSECONDS)


def to_seconds(stamp: Time) -> float:
    """Return seconds since the epoch [s], to the microsecond or better."""
    return stamp.sec + stamp.nanosec / NANOSECONDS
