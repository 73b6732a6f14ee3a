"""Series arcs in a row of feature frames: an arc is a current that breaks off and comes back, so a frame is judged
among its neighbours, the later ones included: the verdict comes `AFTER` frames late."""
import numpy as np

from .examples import DevicesError

BEFORE, AFTER = 3, 3
MEMORY = 100            # frames the usual current is taken from
SMALL = 0.02            # [A]
GAP, TOLERANCE = 12, 3  # frames without an arc that end an event; frames an event may be off


def frame_context(frames: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Return (n, features) what a frame is judged by: itself, its neighbours, the current over its usual level.

    frames : (n, d) consecutive in time     current : (n,) RMS [A]
    The usual level looks only back: the 0.8 quantile of up to the last 100 frames. DevicesError on shapes or NaN.
    """
    frames, current = np.asarray(frames, dtype=np.float64), np.asarray(current, dtype=np.float64)
    if frames.ndim != 2 or current.shape != (len(frames),) or not len(frames):
        raise DevicesError(f'frames {frames.shape} and current {current.shape} do not belong together')
    if not (np.isfinite(frames).all() and np.isfinite(current).all()):
        raise DevicesError('a frame is not finite')
    past = np.lib.stride_tricks.sliding_window_view(np.r_[np.full(MEMORY, np.nan), current], MEMORY + 1)
    level = np.nanquantile(past, 0.8, axis=1) + SMALL
    each = np.column_stack([frames, current / level])
    padded = np.pad(each, ((BEFORE, AFTER), (0, 0)), mode='edge')
    around = [padded[k:k + len(each)] for k in range(BEFORE + AFTER + 1)]
    return np.column_stack([*around, np.log(level)])


def events(arc: np.ndarray) -> list[tuple[int, int]]:
    """Return first and last frame of each event in flags (n,): arcs less than `GAP` quiet frames apart are one."""
    at = np.flatnonzero(arc)
    if not len(at):
        return []
    return [(int(part[0]), int(part[-1])) for part in np.split(at, np.flatnonzero(np.diff(at) > GAP) + 1)]


def met(some: list[tuple[int, int]], others: list[tuple[int, int]]) -> int:
    """Return how many of `some` events overlap one of the others, `TOLERANCE` frames early or late allowed."""
    return sum(any(a <= d + TOLERANCE and b >= c - TOLERANCE for c, d in others) for a, b in some)
