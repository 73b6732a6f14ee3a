"""How long an outage's election takes, cold, and how often no election is needed.

Cold: nobody knows a leader, seven voters, all others observe, 20 % loss, 1 … 15 ms, 10 % duplicates, reordering, ±1 %
clocks; loss independent, and in bursts of 30 and of 100 ms mean a link. `leader`: a majority has answered it (lease).
Standing: seven voters with a leader; at random instants, a second of a member's life in between at most.
`HEARTHGRID_ELECTIONS` runs of 100 outlets (1000), a tenth of it of 1 000.
"""

import math
import os
from collections.abc import Callable

import numpy as np

from hearthgrid.benchmark import Result
from hearthgrid_core.sim.coordination import Zone
from hearthgrid_core.sim.radio import RadioSettings

NAME = 'election-time'
GOALS = {100: (400.0, 600.0), 1000: (500.0, 700.0)}  # outlets → leader, informed, both p99 [ms]
BURSTS = {'independent': 0.0, 'bursts 30 ms': 0.03, 'bursts 100 ms': 0.1}
STANDING, OUTAGES = 0.999, 10_000
VOTERS = 7


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about five minutes."""
    count = int(os.environ.get('HEARTHGRID_ELECTIONS', '1000'))
    results = []
    for outlets, goals in GOALS.items():
        runs = max(10, count * 100 // outlets)
        for name, burst in BURSTS.items():
            progress(f'{runs} cold elections of {outlets} outlets, {name}')
            times = 1e3 * np.array([cold(seed, outlets, burst) for seed in range(runs)])
            for what, column, goal in zip(('leader', '99 % informed'), times.T, goals, strict=True):
                p99 = float(np.percentile(column, 99))
                results.append(
                    Result(
                        f'{what}, {outlets} outlets, {name}, p99',
                        p99,
                        'ms',
                        float(np.median(column)),
                        'median',
                        goal,
                        p99 / goal,
                        f'≤ {goal:g} ms',
                        p99 <= goal,
                    )
                )
    for name, burst in BURSTS.items():
        progress(f'{OUTAGES} outages under a standing leader, {name}')
        share = standing(burst, OUTAGES)
        results.append(
            Result(
                f'standing leader valid, {name}',
                100 * share,
                '%',
                limit=100 * STANDING,
                goal=f'≥ {100 * STANDING:g} %',
                holds=share >= STANDING,
            )
        )
    return results


def cold(seed: int, outlets: int, burst: float) -> tuple[float, float]:
    """Return when a leader holds a lease, and when 99 % of the outlets know a leader. [s]"""
    zone = Zone(seed, VOTERS, outlets - VOTERS, RadioSettings(burst=burst), actuators=0)
    seen, times, needed = set(), {}, math.ceil(0.99 * outlets)

    def look(k: int) -> None:
        machine = zone.stations[k].machine
        if 'leader' not in times and machine.holds_lease(zone.clock(k)):
            times['leader'] = zone.now
        if machine.leader:
            seen.add(k)
            if len(seen) >= needed:
                times.setdefault('informed', zone.now)

    zone.on_step = look
    zone.run(5.0, stop=lambda: len(times) == 2)
    return times.get('leader', math.inf), times.get('informed', math.inf)


def standing(burst: float, outages: int) -> float:
    """Return in which share of outages a leader may command at that instant."""
    valid, runs = 0, 10
    for seed in range(runs):
        zone = Zone(seed, VOTERS, radio=RadioSettings(burst=burst), actuators=0)
        at = 3.0
        for _ in range(outages // runs):
            at += zone.rng.uniform(0.05, 0.35)
            zone.run(at)
            fences = (s.machine.authority(zone.clock(k)) for k, s in enumerate(zone.stations))
            valid += any(f is not None and f.full for f in fences)
    return valid / outages
