"""Sources on one dead bus, every message lost: step by step with the core's machines, or in arrays by the million."""

from dataclasses import dataclass

import numpy as np

from hearthgrid_core.island.black_start import BlackStart, BlackStartSettings, Phase

TICK = 0.001    # [s]
FADE = 0.010    # of an abandoned bus [s]
UNITS = 7       # a committee


@dataclass(frozen=True)
class Cases:
    """Arrays (k, u).

    rank : unique in each row.     able : from when on [s], infinity = never.     rate : of the clock [1].
    lag : from the bus' death to seeing it [s].     eye : from a voltage to seeing it [s].
    """

    rank: np.ndarray
    able: np.ndarray
    rate: np.ndarray
    lag: np.ndarray
    eye: np.ndarray


def draw(settings: BlackStartSettings, count: int, rng: np.random.Generator, late: float = 0.4) -> Cases:
    """Return `count` cases of 7 sources at the limits of what `settings` allow; a share `late` boots within 1.2 s."""
    shape = (count, UNITS)
    rank = rng.permuted(np.tile(np.arange(2**settings.bits), (count, 1)), axis=1)[:, :UNITS]
    able = np.where(rng.random(shape) < late, rng.uniform(0.0, 1.2, shape), 0.0)
    able[rng.random(shape) < 0.3] = np.inf
    able[np.isinf(able).all(axis=1), 0] = 0.0
    drift = settings.drift
    return Cases(rank, able, rng.uniform(1 - drift, 1 + drift, shape), rng.uniform(0.0, settings.spread, shape),
                 rng.uniform(0.1, 1.0, shape) * settings.detection)


@dataclass(frozen=True)
class Ends:
    """(k,) arrays. began : sources that spoke before they could hear the first.     left : that went on to full voltage
    at the same time; more than one is a blind energisation.     live : when the bus was at full voltage [s]."""

    began: np.ndarray
    left: np.ndarray
    live: np.ndarray


def run(settings: BlackStartSettings, cases: Cases) -> Ends:
    """Play the rule in arrays, from one start to the next silence."""
    s = settings
    begin = np.maximum(cases.able, cases.lag) + (s.dead_time + cases.rank * s.slot) / cases.rate
    alive = begin < begin.min(axis=1, keepdims=True) + cases.eye
    began = alive.sum(axis=1)
    rows = np.flatnonzero(began > 1)  # the others have nobody to yield to
    alive[rows] = _yield(s, begin[rows], cases.rank[rows], cases.rate[rows], cases.eye[rows], alive[rows])
    length = (1 + 2 * s.bits) * s.half + s.ramp
    return Ends(began, alive.sum(axis=1), np.where(alive, begin + length / cases.rate, np.inf).min(axis=1))


def _yield(s: BlackStartSettings, begin: np.ndarray, rank: np.ndarray, rate: np.ndarray, eye: np.ndarray,
           alive: np.ndarray) -> np.ndarray:
    """Return who of (k, u) sources that began at `begin` [s] is left after the last half."""
    begin = np.where(alive, begin, 0.0)
    patterns = np.array([s.pattern(number) for number in range(2**s.bits)])
    for h in range(patterns.shape[1]):
        speaks = patterns[:, h][rank]
        start, stop = begin + h * s.half / rate, begin + (h + 1) * s.half / rate
        # A hears B when B's voltage, seen an eye's latency late, falls into what A listens to.
        hears = np.maximum((start + s.fade / rate)[:, :, None], start[:, None, :] + eye[:, :, None])
        heard = np.minimum(stop[:, :, None], stop[:, None, :]) > hears
        heard &= (speaks & alive)[:, None, :] & (alive & ~speaks)[:, :, None]
        alive = alive & ~heard.any(axis=2)
    return alive


def play(settings: BlackStartSettings, cases: Cases, row: int, until: float = 3.0) -> Ends:
    """Play one case with the machines themselves, a tick at a time; the plain twin of `run`."""
    units = [BlackStart(settings, int(rank)) for rank in cases.rank[row]]
    ticks = round(until / TICK)
    made = np.zeros((ticks, len(units)))
    began, left, live = set(), 0, np.inf
    residue = 0.0
    seen = np.zeros(ticks)
    for tick in range(ticks):
        now = tick * TICK
        for k, unit in enumerate(units):
            back = max(0, tick - max(1, round(cases.eye[row, k] / TICK)))
            bus = seen[back] if now >= cases.lag[row, k] else 1.0
            made[tick, k] = unit.step(now * cases.rate[row, k], bus, True, now >= cases.able[row, k])
            if unit.phase is Phase.RANK:
                began.add(k)
        residue = max(float(made[tick].max()), residue * np.exp(-TICK / FADE))
        seen[tick] = residue
        left = max(left, sum(unit.phase in (Phase.RAMP, Phase.ON) for unit in units))
        if residue >= 1.0:
            live = now
            break
    return Ends(np.array([len(began)]), np.array([left]), np.array([live]))
