"""Schedules of faults against the election: broken invariants, time a schedule, and the naive rule beside it.

`HEARTHGRID_SCHEDULES` of them (100 000; 1 000 000 for a night) from seed `HEARTHGRID_SEED` (0). A broken one is told
with its seed: `hearthgrid_core.sim.schedules.schedule(seed)` makes it again, with the same trace. The baseline is the
idea's first rule (each outlet leads with probability 1/N and tells the others): the share of outages with two leaders.
"""

import os
import time
from collections.abc import Callable
from random import Random

from hearthgrid.benchmark import Result
from hearthgrid_core.sim.coordination import Violation
from hearthgrid_core.sim.naive import leaders
from hearthgrid_core.sim.schedules import schedule

NAME = 'election-proof'
MILLISECONDS = 3.0
NAIVE = 2000


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about two minutes for 100 000."""
    count, first = int(os.environ.get('HEARTHGRID_SCHEDULES', '100000')), int(os.environ.get('HEARTHGRID_SEED', '0'))
    broken, led, begin = [], 0, time.process_time()
    for seed in range(first, first + count):
        if seed % 10_000 == 0:
            progress(f'schedule {seed}, {len(broken)} broken')
        zone, until = schedule(seed)
        try:
            zone.run(until)
        except Violation as violation:
            broken.append((seed, violation.name))
            progress(f'seed {seed}: {violation}')
        led += bool(zone.elected)
    each = 1e3 * (time.process_time() - begin) / count
    results = [
        Result(
            f'broken invariants in {count} schedules from {first}', len(broken), '', limit=0, goal='0', holds=not broken
        ),
        Result('a schedule', each, 'ms', limit=MILLISECONDS, goal=f'≤ {MILLISECONDS:g} ms', holds=each <= MILLISECONDS),
        Result('schedules in which somebody led', 100 * led / count, '%', goal='told: the others prove little'),
    ]
    for outlets, loss in ((10, 0.0), (100, 0.0), (10, 0.2), (100, 0.2)):
        rng = Random(1)
        double = sum(leaders(rng, outlets, loss) > 1 for _ in range(NAIVE)) / NAIVE
        results.append(
            Result(
                f'naive rule, {outlets} outlets, {100 * loss:g} % loss: two leaders',
                100 * double,
                '%',
                goal='the baseline',
            )
        )
    return results
