"""An outlet's own shedding: half cycles out of blocks, when it looks at all, and how it comes back."""
import math
import re

import numpy as np
import pytest

from hearthgrid_core.island.local_shedding import LocalSettings, LocalShedding, Looks
from hearthgrid_core.outlet.schedule import Priority

BLOCK = 0.2  # [s]
COMFORT, ESSENTIAL, MEDICAL = Priority.COMFORT, Priority.ESSENTIAL, Priority.MEDICAL


class Wave:
    """A voltage whose frequency and RMS value follow functions of time, block after block, to ± one count of noise."""

    def __init__(self, nominal=50.0, seed=1):
        self.nominal, self.rate = nominal, 128 * nominal
        self.now, self.phase, self.rng = 100.0, 0.3, np.random.default_rng(seed)

    def block(self, frequency=None, volts=230.0, length=BLOCK):
        """Return the start and the next samples; a function takes times from the begin of the block."""
        t = np.arange(round(length * self.rate)) / self.rate
        hertz = np.broadcast_to(frequency(t) if callable(frequency) else frequency or self.nominal, t.shape)
        rms = np.broadcast_to(volts(t) if callable(volts) else volts, t.shape)
        phase = self.phase + np.cumsum(2 * np.pi * hertz / self.rate)
        start, self.now, self.phase = self.now, self.now + length, float(phase[-1])
        return start, math.sqrt(2) * rms * np.sin(phase) + self.rng.normal(0.0, 0.02, len(t))


@pytest.mark.parametrize('nominal', [50.0, 60.0])
@pytest.mark.parametrize('length', [BLOCK, 0.04, 0.013])
def test_a_falling_frequency_is_seen_half_cycle_by_half_cycle_however_it_is_cut(nominal, length):
    wave, looks = Wave(nominal), []
    cut = Looks(wave.rate, nominal, math.sqrt(2) * 230.0)
    for k in range(round(0.8 / length)):
        fallen = nominal - 2.0 * k * length
        looks += cut.step(*wave.block(lambda t, f=fallen: f - 2.0 * t, length=length))
    looks = [look for look in looks if not math.isnan(look.frequency)]
    assert len(looks) >= 0.8 * 2 * nominal - 5
    assert np.diff([look.time for look in looks]) == pytest.approx(0.5 / nominal, rel=0.04)
    for look in looks:
        assert look.frequency == pytest.approx(nominal - 2.0 * (look.time - 100.0 - 0.5 / nominal), abs=0.002)
        assert look.voltage == pytest.approx(230.0, rel=0.005)


def test_harmonics_of_a_soft_island_do_not_disturb():
    wave, looks = Wave(), []
    cut = Looks(wave.rate, 50.0, math.sqrt(2) * 230.0)
    for _ in range(3):
        start, v = wave.block()
        t = start + np.arange(len(v)) / wave.rate
        looks += cut.step(start, v + 20.0 * np.sin(2 * np.pi * 150.0 * t) + 10.0 * np.sin(2 * np.pi * 350.0 * t))
    assert [x.frequency for x in looks[3:]] == pytest.approx([50.0] * (len(looks) - 3), abs=0.003)


def test_a_dead_supply_has_no_frequency_and_is_counted_by_time():
    wave, cut = Wave(), None
    cut = Looks(wave.rate, 50.0, math.sqrt(2) * 230.0)
    cut.step(*wave.block())
    dead = [*cut.step(*wave.block(volts=0.0)), *cut.step(*wave.block(volts=0.0))]
    assert 37 <= len(dead) <= 41
    assert all(math.isnan(x.frequency) and x.voltage < 1.0 for x in dead[2:])
    again = cut.step(*wave.block())
    assert math.isnan(again[0].frequency) and not math.isnan(again[-1].frequency)


class Outlet:
    """The rule on one outlet's wave. 4 kW of inverters that fall by 10 Hz/s per overload."""

    def __init__(self, priority=COMFORT, outlet='kettle', tie=False, **settings):
        self.rule = LocalShedding(LocalSettings(**{'island_power': 4000.0, 'island_filter': 0.0} | settings), outlet)
        self.priority, self.wave, self.tie, self.led, self.demand = priority, Wave(), tie, None, 1000.0
        self.alive = tie

    def run(self, blocks=1, frequency=None, volts=230.0):
        for _ in range(blocks):
            start, samples = self.wave.block(frequency, volts)
            now = self.wave.now
            if self.tie is not None:
                self.rule.tie(now, self.tie, self.alive)
            self.rule.step(now, start, samples, self.wave.rate, 50.0, self.priority, 0)
            why = self.rule.held(now, self.led, self.demand, self.priority, 0)
        return why

    def waits(self, limit=200.0):
        """Return how long it stays off from now on [s]."""
        begun = self.wave.now
        while self.run():
            assert self.wave.now - begun < limit
        return self.wave.now - begun


def falling(overload):
    return lambda t: 50.0 - 10.0 * overload * t


@pytest.mark.parametrize('priority, overload, off', [
    (COMFORT, 0.0, False), (COMFORT, 0.05, False), (COMFORT, 0.3, True), (Priority.UNKNOWN, 0.3, True),
    (Priority.DEFERRABLE, 0.1, False), (Priority.DEFERRABLE, 0.3, True),
    (ESSENTIAL, 2.0, False), (MEDICAL, 2.0, False)])
def test_who_can_wait_goes_at_once(priority, overload, off):
    outlet = Outlet(priority)
    assert not outlet.run(3)
    assert bool(outlet.run(1, falling(overload))) is off


def test_the_others_go_class_by_class_where_the_overload_stays():
    gone = []
    for priority in Priority:
        outlet = Outlet(priority)
        outlet.run(3)
        gone.append(next(k for k in range(20) if outlet.run(1, falling(0.5))))
    assert gone[6] == gone[5] == gone[0] == 0 and np.all(np.diff(gone[1:6]) < 0) and gone[1] <= 15     # 3 s


def test_while_it_turns_towards_the_utility_the_frequency_means_something_else():
    outlet = Outlet()
    outlet.run(3)
    outlet.alive = True
    assert not outlet.run(1, falling(0.5)) and not outlet.run(5)
    outlet.alive = False
    assert outlet.run(1, falling(0.5))


def test_it_tells_why():
    outlet = Outlet()
    outlet.run(3)
    assert re.fullmatch('overload of the island: (59|60|61)% of 4000 W had to go', outlet.run(1, falling(0.5)))


def test_an_overload_is_answered_once_until_its_answer_can_be_seen():
    """The relay opens when the block has ended, so the rest of it and the begin of the next still show the old fall."""
    outlet = Outlet(ESSENTIAL)
    outlet.run(3)
    assert not outlet.run(2, falling(0.3))
    assert outlet.run(3, falling(0.3))    # but one that stays is answered again


def test_on_the_grid_nothing_is_shed_whatever_its_frequency_and_voltage_do():
    outlet = Outlet(tie=True)
    outlet.run(3)
    assert not outlet.run(2, falling(1.0)) and not outlet.run(3, 49.0) and not outlet.run(3, 50.0, 180.0)


@pytest.mark.parametrize('silent', [False, True])
def test_with_all_messages_lost_a_gap_of_the_supply_is_word_enough(silent):
    outlet = Outlet(tie=True)
    outlet.run(3)
    outlet.tie = None if silent else True
    outlet.run(1, volts=lambda t: np.where((t > 0.05) & (t < 0.062), 0.0, 230.0))
    assert bool(outlet.run(1, falling(0.5))) is silent


def test_a_word_of_the_tie_grows_old():
    outlet = Outlet(tie=True)
    outlet.run(3)
    outlet.tie = None
    outlet.run(5)
    assert not outlet.run(1, falling(0.5))
    outlet.run(15)
    assert outlet.run(1, falling(0.5))


def test_a_sag_of_the_grid_after_its_own_gap_is_no_overload():
    outlet = Outlet(tie=None)
    assert not outlet.run(1, volts=lambda t: np.where(t < 0.1, 0.0, 160.0))
    assert not outlet.run(5, volts=160.0)


def test_without_inverters_it_does_nothing():
    outlet = Outlet(island_power=0.0)
    assert not outlet.run(3) and not outlet.run(3, falling(1.0))


def test_missing_blocks_are_no_fall():
    outlet = Outlet()
    outlet.run(3)
    for _ in range(5):
        outlet.wave.now += 1.0
        outlet.wave.phase += 2.0
        assert not outlet.run()


def shed(blocks=1, **given):
    outlet = Outlet(**given)
    outlet.run(3)
    assert outlet.run(blocks, falling(1.2))
    return outlet


def test_it_comes_back_when_a_leader_wants_it_but_not_at_once():
    outlet = shed()
    outlet.led = True
    assert outlet.waits() == pytest.approx(3.0, abs=0.3)
    outlet = shed()
    outlet.led = False
    outlet.run(100)
    outlet.led = True
    assert outlet.waits() <= 0.21


def test_it_comes_back_on_the_grid():
    outlet = shed()
    outlet.tie = True
    assert 3.0 <= outlet.waits() <= 8.3
    assert len({round(shed_on_grid(name), 1) for name in 'abcdef'}) > 3     # not all at once


def shed_on_grid(name):
    outlet = shed(outlet=name)
    outlet.tie = True
    return outlet.waits()


def test_alone_it_comes_back_by_class_and_where_there_is_room():
    waits = [shed(12, priority=p).waits() for p in (MEDICAL, ESSENTIAL, COMFORT)]
    assert waits == sorted(waits) and waits[0] < 0.6 * waits[-1] < 30.0
    outlet = shed()
    begun = outlet.wave.now
    while outlet.wave.now - begun < 100.0:
        assert outlet.run(5, 49.55)      # 90 % of the power is drawn, it wants 25 %
    assert not outlet.run(5, 49.8)


def test_a_return_that_failed_doubles_the_wait():
    outlet = shed()
    first = outlet.waits()
    assert outlet.run(1, falling(1.2))
    assert outlet.waits() == pytest.approx(2 * first, rel=0.1)
    outlet.run(400)
    assert outlet.run(1, falling(1.2))
    assert outlet.waits() == pytest.approx(first, rel=0.1)


@pytest.mark.parametrize('turn', [2e-4, 9e-4, 1e-3, 1.1e-3, 1.2e-3, 2e-3, 1e-2, 0.1])
def test_a_load_that_starts_turns_the_phase_and_is_no_overload(turn):
    outlet = Outlet(island_filter=0.01)
    outlet.run(2)
    for _ in range(6):
        outlet.wave.phase -= turn
        assert not outlet.run() and not outlet.rule._rule.seen
