"""Sources that start on a dead bus with every message lost: blind energisations, and how long the bus stays dead.

`HEARTHGRID_BLACK_STARTS` (200 000; 1 000 000 in half a minute) cases of 7 sources from seed `HEARTHGRID_SEED`: random
unique ranks, three in ten not able, four in ten boot at a random moment of 1.2 s, clocks ± 1 %, eyes and fading at the
limits of the settings. A blind energisation: two go on to full voltage at once. The baseline is slots without the
spoken rank. 60 collisions are played once more by the machines themselves, a millisecond at a time.
"""

import os
from collections.abc import Callable

import numpy as np

from hearthgrid.benchmark import Result
from hearthgrid_core.island.black_start import BlackStartSettings
from hearthgrid_core.sim.dead_bus import Cases, draw, play
from hearthgrid_core.sim.dead_bus import run as bus

NAME = 'black-start'
DEAD, CHUNK, PLAYED = 1000.0, 50_000, 60


def campaign(settings: BlackStartSettings, count: int, seed: int, progress: Callable[[str], None]) -> tuple:
    """Return blind energisations, collisions of starts, cases without a start, and a few cases that collided."""
    rng, blind, together, idle, kept = np.random.default_rng([seed, 4]), 0, 0, 0, []
    for at in range(0, count, CHUNK):
        progress(f'case {at}, {blind} blind')
        cases = draw(settings, min(CHUNK, count - at), rng)
        ends = bus(settings, cases)
        blind, together = blind + int((ends.left > 1).sum()), together + int((ends.began > 1).sum())
        idle += int((ends.left == 0).sum())
        if len(kept) < PLAYED:
            rows = np.flatnonzero(ends.began > 1)[:PLAYED - len(kept)]
            kept += [Cases(*(field[row:row + 1] for field in vars(cases).values())) for row in rows]
    return blind, together, idle, kept


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about 15 s."""
    settings, seed = BlackStartSettings(), int(os.environ.get('HEARTHGRID_SEED', '0'))
    count = int(os.environ.get('HEARTHGRID_BLACK_STARTS', '200000'))
    blind, together, idle, kept = campaign(settings, count, seed, progress)
    progress('the machines themselves')
    plain = [play(settings, case, 0) for case in kept]
    differ = sum(bool((p.left != bus(settings, c).left).any()) for p, c in zip(plain, kept, strict=True))
    dead = 1e3 * bus(settings, draw(settings, 20_000, np.random.default_rng([seed, 5]), late=0.0)).live
    return [
        Result(f'blind energisations in {count} black starts', blind, '', together, 'slots alone', 0, goal='0',
               holds=not blind),
        Result('nobody started', idle, '', limit=0, goal='0', holds=not idle),
        Result(f'{len(kept)} collisions played by the machines: different or blind',
               differ + sum(int(p.left[0] > 1) for p in plain), '', limit=0, goal='0',
               holds=not differ and all(p.left[0] == 1 for p in plain)),
        Result('dead bus to full voltage, p50', float(np.median(dead)), 'ms', goal='told'),
        Result('dead bus to full voltage, max', float(dead.max()), 'ms', limit=DEAD, goal=f'≤ {DEAD:g} ms',
               holds=dead.max() <= DEAD),
        Result('the same, by the settings', 1e3 * settings.longest, 'ms', limit=DEAD, goal=f'≤ {DEAD:g} ms',
               holds=1e3 * settings.longest <= DEAD),
    ]
