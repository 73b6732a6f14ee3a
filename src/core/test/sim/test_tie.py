"""The interlock against hostile commands: whatever is asked, the tie closes only where that is safe.

Each rule is taken out once (a mutant), and the same check has to notice.
"""
import math
import random
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.sim.battery import Mode, Setpoint
from hearthgrid_core.sim.meters import Source
from hearthgrid_core.sim.records import Plug, ScriptOutage, SetInverter, SwitchRelay
from hearthgrid_core.sim.settings import (
    BatterySettings,
    OutletSettings,
    PvSettings,
    SiteSettings,
    TieSettings,
    WorldConfig,
)
from hearthgrid_core.sim.supply import Supply
from hearthgrid_core.sim.tie import DEAD, ENTER_FREQUENCY, ENTER_VOLTAGE, Bus, Tie
from hearthgrid_core.sim.utility import Outage, OutageKind
from hearthgrid_core.sim.world import World

HERTZ = 50.0
S = TieSettings(reconnect_wait=1.0)
TICK = 0.004


@dataclass
class Truth:
    """What the test itself knows of the utility, apart from the tie."""

    lost_since: float = math.inf
    well_since: float = math.inf
    lost_at: float = -math.inf

    def see(self, now: float, utility: Bus, closed: bool) -> None:
        dead = not utility.voltage > DEAD
        self.lost_since = min(self.lost_since, now) if dead else math.inf
        well = (ENTER_VOLTAGE[0] <= utility.voltage <= ENTER_VOLTAGE[1]
                and ENTER_FREQUENCY[0] <= utility.frequency <= ENTER_FREQUENCY[1])
        if not well and closed and math.isfinite(self.well_since):
            self.lost_at = now
        self.well_since = min(self.well_since, now) if well else math.inf


def check(tie: Tie, truth: Truth, now: float, utility: Bus, home: Bus, closed_before: bool) -> None:
    """What must hold after every look and every attempt to close."""
    if tie.closed and now - truth.lost_since > S.open_delay + TICK:
        raise AssertionError('back-feed: closed on a dead utility')
    if not tie.closed or closed_before:
        return
    assert utility.voltage > DEAD, 'closed on a dead utility'
    least = S.dip_wait if truth.well_since - truth.lost_at <= S.dip else S.reconnect_wait
    assert now - truth.well_since >= least - 1e-9, 'closed before the utility was well for long enough'
    assert math.isfinite(home.voltage), 'closed on a home nobody sees'
    if home.voltage > DEAD:
        assert abs(home.frequency - utility.frequency) * HERTZ <= 0.1 + 1e-9, 'closed out of frequency'
        assert abs(home.voltage - utility.voltage) <= 0.03 + 1e-9, 'closed out of voltage'
        turned = abs(home.phase - utility.phase) % (2 * math.pi)
        assert min(turned, 2 * math.pi - turned) <= math.radians(10.0) + 1e-9, 'closed out of phase'


VOLTAGES = (0.0, 0.05, 0.3, 0.6, 0.9, 0.92, 0.96, 1.0, 1.0, 1.0, 1.02, 1.06, 1.3, math.nan)
FREQUENCIES = (0.9, 0.985, 0.998, 1.0, 1.0, 1.0, 1.0015, 1.003, 1.05, math.nan)
PHASES = (0.0, 0.1, 0.16, 0.2, 1.5, math.pi, 6.2, 2 * math.pi, 12.5, math.nan)
BUS = st.builds(Bus, st.sampled_from(VOLTAGES), st.sampled_from(FREQUENCIES), st.sampled_from(PHASES))
STEP = st.tuples(st.sampled_from(('utility', 'home', 'close', 'wait', 'long')), BUS)


def drive(tie: Tie, steps) -> int:
    """Do what is asked, look in between, check always; return how often it closed."""
    truth, now, closings = Truth(), 0.0, 0
    utility, home = Bus(1.0, 1.0), Bus(1.0, 1.0)
    for what, bus in steps:
        if what == 'utility':
            utility = bus
        elif what == 'home':
            home = bus
        for _ in range({'wait': 8, 'long': 300}.get(what, 1)):
            now += TICK
            tie.watch(now, utility)
            truth.see(now, utility, tie.closed)
            check(tie, truth, now, utility, home, True)
        before = tie.closed
        if what != 'utility':
            tie.close(now, utility, home)
            check(tie, truth, now, utility, home, before)
            closings += tie.closed and not before
    return closings


def tie(kind=Tie) -> Tie:
    return kind(S, True, HERTZ)


@settings(max_examples=300, deadline=None)
@given(st.lists(STEP, max_size=40))
def test_no_sequence_of_attempts_closes_it_where_that_is_not_safe(steps):
    drive(tie(), steps)


def hostile(seed: int):
    """A sequence that often comes near a closing: out, back, and every kind of home."""
    rng = random.Random(seed)

    def near(values):
        return rng.choice(values) if rng.random() < 0.3 else 1.0

    for _ in range(30):
        yield 'utility', Bus(rng.choice((0.0, 0.0, math.nan, 0.3)), 1.0, 0.0)
        yield rng.choice(('wait', 'long')), Bus(1.0, 1.0)
        yield 'utility', Bus(near((0.9, 0.92, 1.04, 1.06)), near(FREQUENCIES[:-1]), rng.choice((0.0, 6.2)))
        for _ in range(rng.randrange(6)):
            home = Bus(near(VOLTAGES), near(FREQUENCIES), rng.choice(PHASES) if rng.random() < 0.5 else 0.0)
            yield 'home', home
            yield rng.choice(('close', 'wait', 'wait', 'long')), home
            if rng.random() < 0.2:
                yield 'utility', Bus(0.0, 1.0)
                yield 'utility', Bus(1.0, 1.0)


def test_the_hostile_sequences_do_close_it():
    assert sum(drive(tie(), hostile(seed)) for seed in range(10)) > 20


class NoWait(Tie):
    """Does not wait for a steady utility."""

    def ready(self, now):
        return not self.closed


class NoBreak(Tie):
    """Does not begin its wait anew when the utility goes again."""

    def watch(self, now, utility):
        since = self._well_since
        super().watch(now, utility)
        if math.isfinite(since) and math.isfinite(self._well_since):
            self._kept = getattr(self, '_kept', since)
        if math.isfinite(self._well_since) and not self.closed:
            self._well_since = min(self._well_since, getattr(self, '_kept', self._well_since))


class DeadGrid(Tie):
    """Closes a live home on a dead utility."""

    def ready(self, now):
        return not self.closed

    def may_close(self, utility, home):
        return not utility.live or super().may_close(utility, home)


class NeverOpens(Tie):
    """Stays closed on a dead utility."""

    def watch(self, now, utility):
        closed = self._closed
        super().watch(now, utility)
        self._closed = closed


class NoFrequency(Tie):
    """Does not compare frequencies."""

    def may_close(self, utility, home):
        return super().may_close(utility, Bus(home.voltage, utility.frequency, home.phase))


class NoVoltage(Tie):
    """Does not compare voltages."""

    def may_close(self, utility, home):
        return super().may_close(utility, Bus(utility.voltage if home.live else home.voltage, home.frequency,
                                              home.phase))


class NoAngle(Tie):
    """Does not compare phases."""

    def may_close(self, utility, home):
        return super().may_close(utility, Bus(home.voltage, home.frequency, utility.phase))


class BlindIsDead(Tie):
    """Takes a home it does not see for a dead one."""

    def may_close(self, utility, home):
        return super().may_close(utility, Bus(0.0, 1.0) if math.isnan(home.voltage) else home)


class Obeys(Tie):
    """Closes when told."""

    def close(self, now, utility, home):
        self._closed = True
        return True


@pytest.mark.parametrize('mutant', [NoWait, NoBreak, DeadGrid, NeverOpens, NoFrequency, NoVoltage, NoAngle, BlindIsDead,
                                    Obeys], ids=lambda kind: kind.__name__)
def test_a_tie_without_one_of_its_rules_is_caught(mutant):
    with pytest.raises(AssertionError):
        for seed in range(60):
            drive(tie(mutant), hostile(seed))


def test_nobody_sets_it_from_outside():
    with pytest.raises(AttributeError):
        tie().closed = True


# The whole supply under hostile commands.

CONFIG = WorldConfig(
    outlets=(OutletSettings('lamp', 'incandescent_lamp'), OutletSettings('heater', 'heater')), tie=S,
    battery=BatterySettings(initial=0.2, restart_wait=0.5), pv=PvSettings(enter_wait=0.2), pace=200.0,
    site=SiteSettings(sun_shift=43200.0))
SETPOINT = st.builds(Setpoint, st.sampled_from(list(Mode)), st.sampled_from((-9000.0, 0.0, 9000.0)),
                     frequency=st.sampled_from((math.nan, 47.0, 50.0, 52.0)),
                     voltage=st.sampled_from((math.nan, 200.0, 230.0, 260.0)))
COMMAND = st.one_of(
    st.builds(SetInverter, st.sampled_from(('battery', 'pv')), SETPOINT),
    st.builds(SwitchRelay, st.sampled_from(('lamp', 'heater')), st.booleans()),
    st.builds(Plug, st.just('heater'), st.sampled_from(('heater', 'vacuum_cleaner', ''))),
    st.sampled_from([ScriptOutage(None), ScriptOutage(Outage(OutageKind.BLACKOUT, 0.0)),
                     ScriptOutage(Outage(OutageKind.SAG, 0.0, 1e9, 0.4))]))


class Watched(Supply):
    """A supply that checks itself at every event."""

    def update(self, now):
        before = self.tie.closed
        super().update(now)
        bus = self._utility_bus()
        assert not (self.tie.closed and self.source is Source.ISLAND), 'two sources on one bus'
        assert not (self.source is Source.GRID and not bus.live), 'the home feeds a dead utility'
        if self.source is Source.NONE:
            assert self.injection() == 0, 'something feeds a dead bus'
        if self.tie.closed and not before:
            assert bus.live, 'closed on a dead utility'

    def after(self, now, durations, solution):
        super().after(now, durations, solution)
        dead = not self._utility_bus().live
        if solution is not None and dead and self.tie.closed:
            assert self.source is Source.NONE


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.lists(st.tuples(COMMAND, st.floats(0.0, 1.5)), min_size=1, max_size=12))
def test_no_command_makes_the_home_feed_a_dead_utility(seed, commands):
    world = World(CONFIG, seed)
    world.supply = Watched(CONFIG, np.random.default_rng(seed), world.weather)
    for command, wait in commands:
        world.apply(command)
        world.step(world.now + wait)
