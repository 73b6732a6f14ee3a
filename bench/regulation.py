"""How well an island holds its frequency: by droop alone, by secondary control over a lossy network, and in silence.

Random streets of 2 … 8 inverters and 40 outlets, clocks wrong by up to 5 mHz and 1 % in pace, 20 % of the messages
lost, 1 … 15 ms, 10 % duplicates; `HEARTHGRID_MICROGRIDS` of them (24). The load steps from 25 to 75 % of all ratings.
Baselines in the same run: droop alone, a rotating generator of the same rating, and secondary control without averaging
(every inverter's own integral). `HEARTHGRID_PICTURES` = a folder: writes `nadir.png` there.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from hearthgrid.benchmark import Result
from hearthgrid_core.island.secondary import Measured, Secondary, SecondarySettings
from hearthgrid_core.sim.microgrid import Microgrid
from hearthgrid_core.sim.microgrid_cases import CLOCK, Street, street
from hearthgrid_core.sim.microgrid_generators import Generators, GeneratorSettings
from hearthgrid_core.sim.microgrid_regulated import Regulated
from hearthgrid_core.sim.microgrid_steady import steady_state
from hearthgrid_core.sim.radio import RadioSettings

NAME = 'regulation'
NOMINAL, BAND = 50.0, 0.010  # [Hz]
BEFORE, AFTER = 0.25, 0.75  # load over all ratings
LOSSES = {'independent': 0.0, 'bursts 100 ms': 0.1}
HOUR, DRIFTING = 3600.0, 120.0  # [s]
OUTLETS = 40


class OwnIntegral(Secondary):
    """The baseline: each inverter brings its own frequency back and listens to nobody."""

    def _move(self, duration: float, own: Measured, others: list, quorum: bool) -> None:
        super()._move(duration, own, [], True)


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about two minutes."""
    count = int(os.environ.get('HEARTHGRID_MICROGRIDS', '24'))
    progress(f'{count} load steps under droop alone')
    fall, exact, settled = (np.array(part) for part in zip(*(primary(seed) for seed in range(count)), strict=True))
    progress('the same street fed by rotating generators')
    heavy = [rotating(seed) for seed in range(min(count, 6))]
    results = [
        holds('largest fall of frequency, 50 % step', fall.max(), 'Hz', 0.5, max(heavy), 'generators of H = 1 s'),
        holds('steady state against the solved equations', 1e3 * exact.max(), 'mHz', 1.0),
        holds('settled to 10 mHz, longest', 1e3 * settled.max(), 'ms', 100.0),
    ]
    for name, burst in LOSSES.items():
        progress(f'{count} load steps with secondary control, {name} loss')
        late, uneven, left = (np.array(part) for part in zip(*(secondary(k, burst) for k in range(count)), strict=True))
        results += [
            holds(f'back within 10 mHz, {name}, p99', float(np.percentile(late, 99)), 's', 1.0),
            holds(f'uneven shares after 5 s, {name}, p99', 100 * float(np.percentile(uneven, 99)), '%', 2.0),
            holds(f'frequency left after 5 s, {name}, max', 1e3 * left.max(), 'mHz', 10.0, 1e3 * fall.max(), 'droop'),
        ]
    if 'HEARTHGRID_PICTURES' in os.environ:
        picture(Path(os.environ['HEARTHGRID_PICTURES']) / 'nadir.png')
    progress('an hour without messages')
    moved, drift = silence(0)
    progress('two minutes of integrals that listen to nobody')
    averaged, alone = (uneven_after(0, machine) for machine in (Secondary, OwnIntegral))
    return [
        *results,
        holds('offsets moved in an hour without messages', 1e3 * moved, 'mHz', 0.0),
        holds('frequency drifted in it', 1e3 * drift, 'mHz', 1.0),
        holds('uneven shares after two minutes', 100 * averaged, '%', 2.0, 100 * alone, 'integral alone'),
    ]


def holds(
    name: str, value: float, unit: str, limit: float, baseline: float = float('nan'), baseline_name: str = ''
) -> Result:
    return Result(
        name,
        float(value),
        unit,
        baseline,
        baseline_name,
        limit,
        value / baseline if np.isfinite(baseline) else float('nan'),
        f'≤ {limit:g} {unit}',
        bool(value <= limit),
    )


def draw(seed: int, clock: float = CLOCK, **more: object) -> Street:
    """Return a street at rest under the first load."""
    rng = np.random.default_rng(seed)
    made = street(rng, int(rng.integers(2, 9)), OUTLETS, BEFORE, clock, **more)
    if not made.grid.settle():
        raise RuntimeError(f'the street of seed {seed} does not come to rest')
    return made


def load(grid: Microgrid, level: float) -> None:
    """Set all outlets to `level` over all ratings."""
    grid.loads.level[:] = level / BEFORE
    grid.touch()


def primary(seed: int) -> tuple[float, float, float]:
    """Return the largest fall [Hz], the error against the equations, solved [Hz], the time until within 10 mHz [s]."""
    made = draw(seed, clock=0.0)
    grid = made.grid
    trace = step_load(grid, lambda: grid.frequency, 1.0, grid.step)
    grid.settle()
    final = grid.mean_frequency
    expected, _, _ = steady_state(grid.network.nodes, made.lines, grid.loads, made.at, made.units)
    return NOMINAL - float(trace[:, 1:].min()), abs(final - expected), lateness(trace, final)


def step_load(
    grid: Microgrid, look: Callable[[], object], seconds: float, run_to: Callable[[float], None]
) -> np.ndarray:
    """Step the load; return (steps, 1 + …) rows of the time since [s] and what `look` sees at it."""
    begin, seen = grid.now, [np.hstack([0.0, look()])]
    grid.on_step = lambda: seen.append(np.hstack([grid.now - begin, look()]))
    load(grid, AFTER)
    run_to(begin + seconds)
    grid.on_step = None
    return np.array(seen)


def lateness(trace: np.ndarray, target: float) -> float:
    """Return when the frequencies of a trace are within 10 mHz of `target` for good. [s]"""
    outside = np.abs(trace[:, 1:] - target).max(axis=1) > BAND
    return float(trace[outside, 0].max()) if outside.any() else 0.0


def rotating(seed: int) -> float:
    """Return the largest fall of frequency where generators feed the street. [Hz]"""
    return NOMINAL - float(turned(seed, 3.0)[:, 1].min())


def turned(seed: int, seconds: float) -> np.ndarray:
    """Return the trace of the mean frequency where generators feed the street."""
    made = draw(seed, clock=0.0)
    generators = Generators([GeneratorSettings(rating=unit.rating, damping=2.0) for unit in made.units])
    generators.begin(generators.rating * BEFORE)
    grid = Microgrid(made.grid.network.nodes, made.lines, made.grid.loads, made.at, generators=generators)
    grid.step(10.0)
    return step_load(grid, lambda: grid.mean_frequency, seconds, grid.step)


def regulated_trace(seed: int, burst: float, seconds: float) -> tuple[np.ndarray, Microgrid]:
    """Return the trace of the mean frequency under secondary control, and the grid at its end."""
    grid = draw(seed).grid
    regulated = Regulated(grid, seed, RadioSettings(burst=burst))
    regulated.run(grid.now + 5.0)
    return step_load(grid, lambda: grid.mean_frequency, seconds, regulated.run), grid


def secondary(seed: int, burst: float) -> tuple[float, float, float]:
    """Return the time until within 10 mHz [s]; after 5 s the unevenness of shares [1] and the frequency error [Hz]."""
    trace, grid = regulated_trace(seed, burst, 5.0)
    return lateness(trace, NOMINAL), unevenness(grid), abs(grid.mean_frequency - NOMINAL)


def unevenness(grid: Microgrid) -> float:
    """Return how far the worst inverter's share lies from the mean share, over it. [1]"""
    shares = grid.power.real / grid.rating
    return float(np.abs(shares / shares.mean() - 1.0).max())


def silence(seed: int) -> tuple[float, float]:
    """Return by how much offsets, and frequency at equal load, moved in an hour without messages. [Hz]"""
    grid = draw(seed).grid
    regulated = Regulated(grid, seed)
    regulated.run(grid.now + 5.0)
    load(grid, AFTER)
    regulated.run(grid.now + 5.0)
    regulated.radio.silent = True
    regulated.run(grid.now + 2.0)  # what was heard last grows stale
    offsets, frequency = grid.droop.frequency_offset.copy(), grid.mean_frequency
    end, rng = grid.now + HOUR, np.random.default_rng(seed)
    while grid.now < end - 300.0:
        load(grid, rng.uniform(0.1, 0.9))
        regulated.run(grid.now + rng.uniform(60.0, 300.0))
    load(grid, AFTER)
    regulated.run(end)
    return float(np.abs(grid.droop.frequency_offset - offsets).max()), abs(grid.mean_frequency - frequency)


def uneven_after(seed: int, machine: type[Secondary]) -> float:
    """Return the unevenness of the shares after two minutes. [1]"""
    grid = draw(seed, power_max=3.0, power_min=-3.0).grid  # no limit hides what the control does
    wide = replace(SecondarySettings(), frequency_offset_max=5.0)
    Regulated(grid, seed, settings=wide, machine=machine).run(grid.now + DRIFTING)
    return unevenness(grid)


def picture(path: Path) -> None:
    """Draw the frequency after the load step: generators, droop, droop with secondary control."""
    from matplotlib.figure import Figure  # slow to import, and seldom wanted

    seed, seconds = 3, 1.5
    grid = draw(seed, clock=0.0).grid
    traces = {
        'generators, H = 1 s, 4 % droop': turned(seed, seconds),
        'inverters, 1 % droop': step_load(grid, lambda: grid.mean_frequency, seconds, grid.step),
        'with secondary control, 20 % of messages lost': regulated_trace(seed, 0.0, seconds)[0],
    }
    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    for name, trace in traces.items():
        axes.plot(np.hstack([-0.1, trace[:, 0]]), np.hstack([trace[0, 1], trace[:, 1]]), label=name)
    axes.axhspan(NOMINAL - 0.5, NOMINAL + 0.5, color='tab:green', alpha=0.08, label='goal: ± 0.5 Hz')
    axes.set(xlabel='time after the load steps from 25 to 75 % [s]', xlim=(-0.1, seconds))
    axes.set(ylabel='frequency [Hz]', ylim=(48.4, 50.6))
    axes.grid(alpha=0.3)
    axes.legend(loc='lower right')
    figure.savefig(path, dpi=120, bbox_inches='tight')
