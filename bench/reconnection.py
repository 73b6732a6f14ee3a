"""Islands that go back to a restless utility: closings outside the window, and how long it takes.

`HEARTHGRID_RECONNECTIONS` (30 000; 100 000 in 40 s) cases from seed `HEARTHGRID_SEED`: any angle, ± 0.3 Hz, 0.93 …
1.04 pu, drift and wander of both sides, leaps of phase up to 60° and of frequency and voltage, moments without
utility, noise of 5 mHz, 0.2 % and 0.5° on looks that are a cycle old, 20 ms from order to contact. Enter-service time
1 s, so that its breaks happen. A violation: contacts meet with more than 0.1 Hz, 3 % or 10° between them, or before
the time. The baseline is the order alone, without the breaker's interlock.
"""

import os
from collections.abc import Callable

import numpy as np

from hearthgrid.benchmark import Result
from hearthgrid_core.island.reconnection import ReconnectionSettings
from hearthgrid_core.sim.resynchronise import Machines, Rules
from hearthgrid_core.sim.resynchronise import run as returns

NAME = 'reconnection'
CHUNK, PLAYED = 10_000, 100
LOWEST = 88.0  # of nominal: shall-trip UV1 of IEEE 1547-2018 [%]


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about 20 s."""
    settings = ReconnectionSettings(enter_time=1.0)
    count, seed = (int(os.environ.get(name, default)) for name, default in
                   (('HEARTHGRID_RECONNECTIONS', '30000'), ('HEARTHGRID_SEED', '0')))
    closed, bad, wished, lowest = [], 0, 0, 1.0
    for at in range(0, count, CHUNK):
        progress(f'case {at}, {bad} violations')
        ends = returns(settings, min(CHUNK, count - at), np.random.default_rng([seed, at]))
        closed.append(ends.closed)
        bad, wished = bad + int(ends.bad.sum()), wished + int(ends.wished.sum())
        lowest = min(lowest, float(ends.lowest.min()))
    progress('the machines themselves')
    fast, plain = (returns(settings, PLAYED, np.random.default_rng([seed, 1]), rules=kind).closed
                   for kind in (Rules, Machines))
    times = np.concatenate(closed)
    return [
        Result(f'closings outside the window in {count} returns', bad, '', wished, 'order without interlock', 0,
               goal='0', holds=not bad),
        Result('closed within 8 s', 100 * float(np.isfinite(times).mean()), '%', goal='told'),
        Result('from the end of the enter-service time, p50', 1e3 * (float(np.median(times)) - settings.enter_time),
               'ms', goal='told'),
        Result('lowest voltage of the island on the way', 100 * lowest, '%', limit=LOWEST,
               goal=f'≥ {LOWEST:g} %: no load interrupted', holds=100 * lowest >= LOWEST),
        Result(f'{PLAYED} returns by the machines themselves: different', int((fast != plain).sum()), '', limit=0,
               goal='0', holds=bool((fast == plain).all())),
    ]
