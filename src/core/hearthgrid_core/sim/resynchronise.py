"""An island on its way back to a restless utility: drift, noise, leaps of phase, a contactor's delay, an interlock."""

import math
from dataclasses import dataclass

import numpy as np

from hearthgrid_core.island.reconnection import Reconnection, ReconnectionSettings, Side

LOOK = 0.02             # between looks [s]
FOLLOW = 0.1            # of the island's frequency and voltage towards what they are to be [s]
NOISE = (0.005, 0.002, math.radians(0.5))   # of a look: frequency [Hz], voltage [1], angle [rad]
INTERLOCK = 0.9         # share of the window the interlock uses; its own noise is within the rest
LEAPS = 0.004           # a look
FLICKERS = 0.0005       # a look: the utility is gone for a moment


@dataclass(frozen=True)
class Ends:
    """(k,) arrays. closed : when [s], infinity = not yet.     bad : outside the window, or before its time.
    wished : the order alone would have closed outside the window.     lowest : voltage of the island [1]."""

    closed: np.ndarray
    bad: np.ndarray
    wished: np.ndarray
    lowest: np.ndarray


class Rules:
    """The rule of `Reconnection` in arrays (k,)."""

    def __init__(self, settings: ReconnectionSettings, count: int) -> None:
        self._s = settings
        self._since = np.full(count, np.inf)
        self._inside = np.zeros(count, dtype=int)

    def step(self, now: float, utility: np.ndarray, island: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Take (3, k) voltage, frequency, phase; return frequency and voltage to make, NaN = own, and who closes."""
        s = self._s
        share = utility[1] / s.nominal_frequency
        well = ((utility[0] >= s.enter_voltage_min) & (utility[0] <= s.enter_voltage_max)
                & (share >= s.enter_frequency_min) & (share <= s.enter_frequency_max))
        self._since = np.where(well, np.minimum(self._since, now), np.inf)
        due = well & (now - self._since >= s.enter_time)
        slip, over = island[1] - utility[1], island[0] - utility[0]
        angle = turned(island[2] - utility[2])
        ahead = turned(angle + 2 * np.pi * slip * s.delay)
        inside = (due & (abs(slip) <= s.guard * s.frequency) & (abs(over) <= s.guard * s.voltage)
                  & (np.maximum(abs(angle), abs(ahead)) <= s.guard * s.angle))
        self._inside = np.where(inside, self._inside + 1, 0)
        frequency = utility[1] + np.clip(-s.gain * angle, -s.slip, s.slip)
        return np.where(due, frequency, np.nan), np.where(due, utility[0], np.nan), self._inside >= s.looks


class Machines:
    """The machines themselves behind the same face."""

    def __init__(self, settings: ReconnectionSettings, count: int) -> None:
        self._machines = [Reconnection(settings) for _ in range(count)]

    def step(self, now: float, utility: np.ndarray, island: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `Rules.step`."""
        aims = [m.step(now, Side(*u), Side(*i)) for m, u, i in
                zip(self._machines, utility.T.tolist(), island.T.tolist(), strict=True)]
        return tuple(np.array([getattr(aim, name) for aim in aims]) for name in ('frequency', 'voltage', 'close'))


def turned(angle: np.ndarray) -> np.ndarray:
    """Return angles within ± π. [rad]"""
    return angle - 2 * np.pi * np.rint(angle / (2 * np.pi))


def run(settings: ReconnectionSettings, count: int, rng: np.random.Generator, until: float = 8.0,
        rules: type = Rules) -> Ends:
    """Play `count` returns for `until` [s]."""
    rule, nominal = rules(settings, count), settings.nominal_frequency
    utility = np.array([rng.uniform(0.93, 1.04, count), rng.uniform(0.994, 1.001, count) * nominal,
                        rng.uniform(-np.pi, np.pi, count)])
    own = np.array([rng.uniform(0.96, 1.02, count), rng.uniform(0.99, 1.004, count) * nominal])
    island = np.array([*own, np.zeros(count)])
    seen = [utility.copy(), island.copy()]
    gone, ordered = np.zeros(count, dtype=int), np.zeros(count, dtype=bool)
    closed, bad, wished = np.full(count, np.inf), np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    well_since, lowest = np.full(count, np.inf), island[0].copy()
    window = settings.frequency, settings.voltage, settings.angle
    keep = math.exp(-LOOK / FOLLOW)
    for look in range(round(until / LOOK)):
        now = look * LOOK
        gone = np.where(rng.random(count) < FLICKERS, rng.integers(1, 20, count), np.maximum(0, gone - 1))
        present = utility.copy()
        present[0] = np.where(gone > 0, rng.uniform(0.0, 0.9, count), utility[0])
        share = present[1] / nominal
        well = ((present[0] >= settings.enter_voltage_min) & (present[0] <= settings.enter_voltage_max)
                & (share >= settings.enter_frequency_min) & (share <= settings.enter_frequency_max))
        well_since = np.where(well, np.minimum(well_since, now), np.inf)
        # The order of the last look meets the breaker: its interlock sees what is now.
        off = np.array([island[1] - present[1], island[0] - present[0], turned(island[2] - present[2])])
        errors = [np.clip(rng.normal(0.0, n, count), -(1 - INTERLOCK) * w, (1 - INTERLOCK) * w)
                  for n, w in zip(NOISE, window, strict=True)]
        passes = np.all([abs(o + e) <= INTERLOCK * w for o, e, w in zip(off, errors, window, strict=True)], axis=0)
        outside = np.any([abs(o) > w for o, w in zip(off, window, strict=True)], axis=0) | ~well
        outside |= now - well_since < settings.enter_time - LOOK
        fresh = ordered & np.isinf(closed)
        wished |= fresh & outside
        closing = fresh & passes & (now - well_since >= settings.enter_time)
        bad |= closing & outside
        closed = np.where(closing, now, closed)
        # Looks are a cycle old when they are judged.
        noisy = [side + np.array([rng.normal(0.0, n, count) for n in (NOISE[1], NOISE[0], NOISE[2])]) for side in seen]
        frequency, voltage, ordered = rule.step(now, *noisy)
        seen = [present, island.copy()]
        # Both sides move on.
        target = np.array([np.where(np.isnan(voltage), own[0], voltage), np.where(np.isnan(frequency), own[1],
                           frequency)])
        bump = (rng.random((2, count)) < 0.01) * rng.normal(0.0, [[0.01], [0.05]], (2, count))  # loads come and go
        island[:2] = target + (island[:2] - target) * keep + bump
        lowest = np.minimum(lowest, np.where(np.isinf(closed), island[0], 1.0))
        utility[1] += rng.normal(0.0, 0.003, count)
        utility[0] += rng.normal(0.0, 0.0005, count)
        leap = rng.random(count) < LEAPS
        utility += leap * np.array([rng.uniform(-0.03, 0.03, count), rng.uniform(-0.05, 0.05, count),
                                    rng.uniform(-np.pi / 3, np.pi / 3, count)])
        for side in (utility, island):
            side[2] += 2 * np.pi * (side[1] - nominal) * LOOK
    return Ends(closed, bad, wished, lowest)
