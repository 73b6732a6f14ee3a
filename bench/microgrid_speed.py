"""How much faster than life the micro-grid simulator runs: 1 000 outlets, ten inverters with secondary control.

Every second five relays move; 20 % of the messages are lost. The same grid solved plainly (dense admittance matrix, no
elimination, at the same steps) is the baseline. Times are of the processor, of one thread: the wall's on a free core.
"""

import time
from collections.abc import Callable

import numpy as np

from hearthgrid.benchmark import Result
from hearthgrid_core.sim.microgrid_cases import Street, street
from hearthgrid_core.sim.microgrid_network import admittance
from hearthgrid_core.sim.microgrid_regulated import Regulated

NAME = 'microgrid-speed'
GOAL, SECONDS, OUTLETS, INVERTERS, RELAYS = 5.0, 10, 1000, 10, 5
PLAIN_SOLUTIONS = 5


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; a few seconds."""
    rng = np.random.default_rng(1)
    made = street(rng, INVERTERS, OUTLETS, 0.5)
    grid = made.grid
    grid.settle()
    regulated = Regulated(grid, 1)
    steps: list[float] = []
    grid.on_step = lambda: steps.append(grid.now)
    progress(f'{SECONDS} s of {OUTLETS} outlets')
    began, wall = grid.now, time.process_time()
    for second in range(SECONDS):
        moved = rng.integers(OUTLETS, size=RELAYS)
        grid.loads.closed[moved] = ~grid.loads.closed[moved]
        grid.touch()
        regulated.run(began + second + 1.0)
    wall = time.process_time() - wall
    progress('the same, solved plainly')
    plain = _plain(made) * len(steps)
    speed = SECONDS / wall
    return [
        Result(
            f'{OUTLETS} outlets, faster than life',
            speed,
            'x',
            SECONDS / plain,
            'dense matrix',
            GOAL,
            speed * plain / SECONDS,
            f'≥ {GOAL:g}',
            speed >= GOAL,
        ),
        Result('steps in a second', len(steps) / SECONDS, '1/s', goal='told, no goal'),
        Result('cost of a step', 1e6 * wall / len(steps), 'µs', goal='told, no goal'),
    ]


def _plain(made: Street) -> float:
    """Return the time of one step that solves the whole network densely. [s]"""
    grid = made.grid
    network = grid.network
    matrix = admittance(network.nodes, made.lines).toarray()
    sources = np.array(made.at)
    matrix[sources, sources] += 1.0 / grid.droop.virtual_impedance
    matrix[grid.loads.node, grid.loads.node] += network.loads.admittance(
        grid.outlet_voltage() / network.nominal, grid.loads.running()
    )
    current = np.zeros(network.nodes, dtype=complex)
    current[sources] = grid.droop.voltage / grid.droop.virtual_impedance
    wall = time.process_time()
    for _ in range(PLAIN_SOLUTIONS):
        np.linalg.solve(matrix, current)
    return (time.process_time() - wall) / PLAIN_SOLUTIONS
