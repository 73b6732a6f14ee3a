"""An inverter's member brings frequency, voltage and shares back on readings of a second, and holds when unsure."""
import math

import pytest

from hearthgrid_core.island import Given, Share, Steer, Tie
from hearthgrid_core.island.regulation import Regulation, RegulationSettings

OPEN, ALIVE, CLOSED = (False, False), (False, True), (True, True)


class Island:
    """Inverters that droop side by side and their members, on readings that are a second's mean and come late."""

    def __init__(self, *ratings, load=0.75, late=1):
        names = [f'i{k}' for k in range(len(ratings))]
        self.names, self.ratings, self.late, self.now = names, ratings, late, 1000.0
        power = sum(ratings)
        self.members = {
            name: Regulation(RegulationSettings(
                inverter=', '.join(names), inverter_power=power, inverter_rating=rating), name, 1.0, 5.0)
            for name, rating in zip(names, ratings, strict=True)}
        self.reference = {name: 50.0 for name in names}
        self.voltage = {name: 230.0 for name in names}
        self.load, self.tie, self.fresh, self.deaf, self.quiet = load, OPEN, True, False, False
        self.told, self.readings = [], []

    def frequency(self):
        """All turn at one frequency: reference less droop, weighted by rating."""
        total = sum(self.ratings)
        mean = sum(self.reference[n] * r for n, r in zip(self.names, self.ratings, strict=True)) / total
        return mean - 0.5 * self.load

    def shares(self):
        return {n: (self.reference[n] - self.frequency()) / 0.5 for n in self.names}

    def run(self, seconds):
        for _ in range(seconds):
            self.now += 1.0
            f, shares = self.frequency(), self.shares()
            self.readings.append({n: Given(shares[n] * r, 0.0, self.voltage[n] - 4.0, f)
                                  for n, r in zip(self.names, self.ratings, strict=True)})
            reading = self.readings[-1 - min(self.late, len(self.readings) - 1)]
            for name, member in self.members.items():
                tie = Tie(self.now, *self.tie)
                if not self.quiet:
                    self.do(name, member.step(self.now, tie, self.fresh, reading[name]))
                if self.now >= member.deadline:
                    self.do(name, member.step(self.now, tie, self.fresh))
        return self

    def do(self, name, said):
        for word in said:
            self.told.append(word)
            if isinstance(word, Steer):
                assert (word.inverter, word.expiry) == (name, self.now + 5.0)
                self.reference[name], self.voltage[name] = word.frequency, word.voltage
            elif not self.deaf:
                for other, member in self.members.items():
                    if other != name:
                        member.step(self.now, Tie(self.now, *self.tie), self.fresh, word)


@pytest.mark.parametrize('late', [0, 1, 2])
def test_one_inverter_is_its_own_quorum_and_takes_the_droop_back(late):
    island = Island(4000.0, late=late)
    assert island.frequency() == pytest.approx(49.625)
    island.run(30)
    assert island.frequency() == pytest.approx(50.0, abs=0.01)
    assert island.voltage['i0'] == pytest.approx(234.0, abs=0.1)
    assert not [word for word in island.told if isinstance(word, Share)]      # there is nobody to tell


def test_two_inverters_share_by_rating_and_return_together():
    island = Island(5000.0, 3000.0)
    island.reference['i0'] = 50.2
    before = island.shares()
    assert before['i0'] - before['i1'] == pytest.approx(0.4)
    island.members['i0'].step(1000.0, Tie(1000.0, *OPEN), True, Given(3000.0, 0.0, 230.0, 49.7))
    island.members['i0']._secondary.frequency_offset = 0.2
    island.run(60)
    assert island.frequency() == pytest.approx(50.0, abs=0.01)
    assert island.shares()['i0'] == pytest.approx(island.shares()['i1'], abs=0.02)


def test_two_that_do_not_hear_each_other_freeze():
    island = Island(5000.0, 5000.0)
    island.deaf = True
    island.run(3600)
    assert island.reference == {'i0': 50.0, 'i1': 50.0}
    assert island.told and all(word.frequency == 50.0 for word in island.told if isinstance(word, Steer))


@pytest.mark.parametrize('change', [
    {'fresh': False}, {'tie': (None, None)}, {'tie': ALIVE}, {'quiet': True}])
def test_what_is_not_known_freezes_the_offsets_and_they_are_renewed(change):
    island = Island(4000.0).run(30)
    held, said = dict(island.reference), len(island.told)
    for name, value in change.items():
        setattr(island, name, value)
    island.load = 0.2
    island.run(60)
    assert island.reference == held and 50 <= len(island.told) - said <= 70


def test_back_on_the_grid_it_says_nothing_and_forgets():
    island = Island(4000.0).run(30)
    island.tie, said = CLOSED, len(island.told)
    island.run(10)
    assert len(island.told) == said and math.isinf(island.members['i0'].deadline)
    island.tie, island.reference = OPEN, {'i0': 50.0}
    island.run(1)
    assert island.told[-1].frequency == pytest.approx(50.0, abs=0.15)


@pytest.mark.parametrize('frequency, moves', [(49.9, True), (50.1, True), (50.3, False), (48.9, False)])
def test_a_frequency_that_means_something_else_is_left_alone(frequency, moves):
    member = Regulation(RegulationSettings(inverter='i', inverter_power=4000.0), 'i', 1.0, 5.0)
    for k in range(10):
        said = member.step(float(k), Tie(float(k), *OPEN), True, Given(0.0, 0.0, 230.0, frequency))
    assert (said[-1].frequency != 50.0) is moves


@pytest.mark.parametrize('tie, fresh, frequency', [
    (CLOSED, True, 49.8), ((None, None), True, 49.8), (OPEN, False, 49.8)])
def test_it_begins_only_on_a_live_island_it_is_sure_of(tie, fresh, frequency):
    member = Regulation(RegulationSettings(inverter='i', inverter_power=4000.0), 'i', 1.0, 5.0)
    assert member.step(1.0, Tie(1.0, *tie), fresh, Given(0.0, 0.0, 230.0, frequency)) == []
    assert member.step(1.0, None, False, Given(0.0, 0.0, 230.0, frequency)) == []


@pytest.mark.parametrize('tie, fresh, may', [(OPEN, True, True), (ALIVE, True, True), (OPEN, False, False),
                                             (CLOSED, True, False), ((None, None), True, False)])
def test_a_dead_bus_is_the_inverters_own_to_energise_where_the_tie_is_seen_open(tie, fresh, may):
    member = Regulation(RegulationSettings(inverter='i', inverter_power=4000.0), 'i', 1.0, 5.0)
    said = member.step(1.0, Tie(1.0, *tie), fresh, Given(0.0, 0.0, 0.0, math.nan))
    assert said == ([Steer('i', 50.0, 230.0, 6.0)] if may else [])
