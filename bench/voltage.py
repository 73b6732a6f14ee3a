"""What lowering the voltage saves, and whether every outlet keeps its limit: the law on days of random feeders.

`HEARTHGRID_FEEDER_DAYS` (60) days of feeders by the minute: 12 customers, PV on up to 60 % of them, cars, cables that
lose 1 … 4 % at 2 kW each; supply 1.05 pu and wandering, 32 taps of 0.625 %, telemetry lost now and then. A violation is
an outlet out of ANSI C84.1 range A for one minute, from the second minute on (the first is before any setpoint). While
telemetry is lost, and until a minute after, nobody can promise anything: those minutes are counted apart.
The golden feeder has its goal without thermostats; with them the saving is told.
Baselines of the same minutes: a fixed 1.05 pu, and fixed-drop line compensation (the head follows the feeder's own
power as if all customers drew alike). `HEARTHGRID_SEED` (1000).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from math import nan

import numpy as np

from hearthgrid.benchmark import Result
from hearthgrid_core.sim import golden
from hearthgrid_core.sim.feeder_days import MINUTE, MINUTES, FeederDays
from hearthgrid_core.voltage import Law, LawSettings

NAME = 'voltage'
SETTINGS = LawSettings()
NEED = 0.04  # of the energy
DAYS = 10  # of one feeder, at most
LOSSES = 1.0  # of telemetry, a day
COMPENSATED = 0.96  # what line compensation aims at, far end [1]


@dataclass
class Policy:
    """One way to set the tap, with or without thermostats. tap : (feeders,)"""

    count: int
    tap: np.ndarray = None
    energy: float = 0.0  # [W·min]
    low: int = 0  # feeder-minutes below, and above
    high: int = 0
    blind: int = 0  # of these, while telemetry was lost
    hopeless: int = 0  # of the others, where no tap serves both that minute and the one before
    operations: int = 0
    guess: np.ndarray = None
    worst: float = 2.0
    before: tuple = None  # lowest and highest of the last minute, as at the neutral tap

    def __post_init__(self):
        self.tap = np.zeros(self.count, dtype=int)

    def flow(self, feeder, head, demand, at: int, blind=False):
        """Solve a minute and count; return (lowest, highest) over nominal and the power into the feeder [W]."""
        solved = feeder.solve(head * (1 + self.tap * SETTINGS.step), demand, self.guess, 1e-7)
        self.guess = solved.voltage
        v = np.abs(solved.voltage) / feeder.nominal
        low, high = v.min(axis=-1), v.max(axis=-1)
        self.energy += float(solved.head_power.real.sum())
        bare = low - self.tap * SETTINGS.step, high - self.tap * SETTINGS.step
        if at:
            under, over = low < SETTINGS.voltage_min, high > SETTINGS.voltage_max
            least = np.ceil((SETTINGS.voltage_min - np.minimum(bare[0], self.before[0])) / SETTINGS.step - 1e-9)
            most = np.floor((SETTINGS.voltage_max - np.maximum(bare[1], self.before[1])) / SETTINGS.step + 1e-9)
            self.hopeless += int(((under | over) & ~np.asarray(blind) & (least > most)).sum())
            self.low, self.high = self.low + int(under.sum()), self.high + int(over.sum())
            self.blind += int(((under | over) & blind).sum())
            self.worst = min(self.worst, float(np.where(blind, 2.0, low).min()))
        self.before = bare
        return low, high, solved.head_power.real

    def move(self, tap: np.ndarray) -> None:
        """Have the tap there from the next minute on."""
        tap = np.clip(tap, SETTINGS.tap_min, SETTINGS.tap_max).astype(int)
        self.operations += int(np.abs(tap - self.tap).sum())
        self.tap = tap


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; half a minute, ten thousand feeder-days seven of a core."""
    wanted = int(os.environ.get('HEARTHGRID_FEEDER_DAYS', '60'))
    days = min(DAYS, max(3, wanted // 20))
    count = -(-wanted // days)
    seed = int(os.environ.get('HEARTHGRID_SEED', '1000'))
    results = []
    for name, thermostats in (('without thermostats', False), ('with thermostats', True)):
        progress(f'{count * days} feeder-days {name}')
        fixed, compensated, ours = campaign(count, days, seed, thermostats)
        saved, by_line = (1 - policy.energy / fixed.energy for policy in (ours, compensated))
        bad = ours.low + ours.high - ours.blind
        results += [
            Result(
                f'violations in {count * days} feeder-days, {name} [feeder-minutes]',
                bad,
                '',
                compensated.low + compensated.high,
                'line compensation',
                0,
                goal='0',
                holds=not bad,
            ),
            Result(f'of these, no one tap serves that minute and the last, {name}', ours.hopeless, '', goal='told'),
            Result(f'the same while telemetry is lost, {name}', ours.blind, '', goal='told'),
            Result(f'lowest outlet, {name}', ours.worst, 'pu', compensated.worst, 'line compensation', goal='told'),
            Result(f'energy saved, {name}', 100 * saved, '%', 100 * by_line, 'line compensation', goal='told'),
            Result(
                f'tap steps a feeder and day, {name}',
                ours.operations / count / days,
                '',
                compensated.operations / count / days,
                'line compensation',
                SETTINGS.operations_max,
                goal=f'≤ {SETTINGS.operations_max:g}',
                holds=ours.operations / count / days <= SETTINGS.operations_max,
            ),
        ]
    progress('the golden feeder')
    return results + golden_feeder(seed)


def campaign(count: int, days: int, seed: int, thermostats: bool) -> tuple[Policy, Policy, Policy]:
    """Return fixed, line compensation and the law, after the same days."""
    place = FeederDays(count, np.random.default_rng([seed, 1]))
    chance = np.random.default_rng([seed, 2])
    fixed, compensated, ours = (Policy(count) for _ in range(3))
    law = Law(SETTINGS, count)
    lost_until = np.zeros(count)
    for at in range(days * MINUTES):
        head, *demands = place.minute()
        demand = demands[thermostats]
        fixed.flow(place.feeder, head, demand, at)
        power = compensated.flow(place.feeder, head, demand, at)[2]
        drop = place.design_drop * np.clip(power / place.design_power, 0.0, 1.5)
        needed = (COMPENSATED + drop) * place.nominal / head - 1
        compensated.move(np.ceil(needed / SETTINGS.step))
        blind = at - 1 < lost_until  # the tap of this minute was set without telemetry
        low, high, _ = ours.flow(place.feeder, head, demand, at, blind)
        fails = chance.random(count) < LOSSES / MINUTES
        lost_until = np.where(fails, at + chance.exponential(30.0, count), lost_until)
        ours.move(law.step(at * MINUTE, low, high, ours.tap, at >= lost_until)[0])
    return fixed, compensated, ours


def golden_feeder(seed: int, days: int = 5) -> list[Result]:
    """Ten customers whose load is 2 kW each at the peak of the day, on 1.05 pu; and all day."""
    results = []
    for name, shape in (('daily load', daily), ('full load', lambda _: 1.0)):
        for kind, thermostats in (('without thermostats', False), ('with thermostats', True)):
            rng, tree = np.random.default_rng([seed, 3]), golden.feeder()
            fixed, ours, law = Policy(1), Policy(1), Law(SETTINGS)
            noise = np.zeros(golden.CUSTOMERS)
            head = np.array([1.05 * tree.nominal])
            for at in range(days * MINUTES):
                noise = 0.95 * noise + 0.03 * rng.standard_normal(golden.CUSTOMERS)
                level = shape(at / 60 % 24) * (1 + noise)[None]
                demand = golden.demand(level, np.full(level.shape, 1.04) if thermostats else None)
                fixed.flow(tree, head, demand, at)
                low, high, _ = ours.flow(tree, head, demand, at)
                ours.move(law.step(at * MINUTE, low, high, ours.tap, np.array([True]))[0])
            saved, bad = 1 - ours.energy / fixed.energy, ours.low + ours.high
            limit, goal = (100 * NEED, f'≥ {100 * NEED:g} %') if not thermostats else (nan, 'told')
            results.append(
                Result(
                    f'golden feeder, {name}, energy saved {kind}',
                    100 * saved,
                    '%',
                    limit=limit,
                    goal=goal,
                    holds=not bad and (thermostats or saved >= NEED),
                )
            )
    return results


def daily(hour: float) -> float:
    """A household's load over its peak: morning and evening. [1]"""
    return 0.3 + 0.25 * np.exp(-(((hour - 7.5) / 1.5) ** 2)) + 0.7 * np.exp(-(((hour - 19.0) / 2.5) ** 2))
