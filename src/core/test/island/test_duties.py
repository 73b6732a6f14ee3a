"""A leader's commands: waves on the way back, the battery's hours, turns among equals."""
import math

import pytest

from hearthgrid_core.island import Ahead, Charge, Fence, MemberSettings, Metered, Mode, Stated
from hearthgrid_core.island.duties import Duties
from hearthgrid_core.island.shedding import Offer

MEDICAL, FRIDGE, SAFETY, ESSENTIAL, DEFERRABLE, COMFORT = range(1, 7)
FULL = Fence(1, 1, True)


class Island:
    """A leader's duties and outlets that do as they are told, on virtual time."""

    def __init__(self, *loads, now=100.0, **settings):
        defaults = {'inverter_power': 4000.0, 'load_max': 1.0, 'surge': 2.0, 'margin': 0.0, 'hold': 5.0,
                    'restore_step': 1.0, 'renew': 1.0}
        self.duties, self.now, self.drawn = Duties(MemberSettings(**defaults | settings)), now, 0.0
        self.loads = {name: [kind, demand, inrush, True] for name, kind, demand, inrush in loads}
        self.dropped, self.mode, self.waves = set(), Mode.REGULATE, []

    def offer(self, name):
        kind, demand, inrush, on = self.loads[name]
        return Offer(name, kind, 0, demand, inrush, on)

    def on(self):
        return {name for name, (*_, on) in self.loads.items() if on}

    def run(self, seconds, step=0.5):
        end = self.now + seconds
        while self.now < end:
            self.now += step
            for name, load in self.loads.items():
                self.duties.take(self.now, Stated(self.offer(name), not load[3]))
            self.duties.take(self.now, Metered('battery', -sum(self.loads[n][1] for n in self.on())))
            before = self.on()
            for ask in self.duties.step(self.now, self.mode, FULL):
                if ask.outlet not in self.dropped:
                    self.loads[ask.outlet][3] = ask.power_max > 0.0
            if self.on() - before:
                self.waves.append((self.now, self.on() - before))
        return self


def restored(*loads, **settings):
    """Return the waves in which loads that were all off come back."""
    island = Island(*loads, **settings)
    for load in island.loads.values():
        load[3] = False
    island.run(20.0)
    return [wave for _, wave in island.waves]


def test_what_fits_comes_back_in_one_wave_and_motors_one_after_the_other():
    assert restored(('oxygen', MEDICAL, 300.0, 1.0), ('desk', ESSENTIAL, 300.0, 1.0)) == [{'oxygen', 'desk'}]
    assert restored(('a', FRIDGE, 800.0, 6.0), ('b', FRIDGE, 800.0, 6.0), ('c', COMFORT, 100.0, 1.0)) == [
        {'a'}, {'b', 'c'}]


def test_an_inrush_nobody_knows_is_doubled():
    for inrush, waves in ((math.nan, [{'a'}, {'b'}]), (1.0, [{'a', 'b'}])):
        assert restored(('a', COMFORT, 1800.0, inrush), ('b', COMFORT, 1900.0, inrush), surge=1.5) == waves


def test_thermostats_are_given_room_for_what_they_missed():
    loads = ('fridge', FRIDGE, 1000.0, 1.0), ('freezer', FRIDGE, 1000.0, 1.0), ('heater', COMFORT, 1000.0, 1.0)
    for off, wave in ((0.0, {'fridge', 'freezer', 'heater'}), (1e5, {'freezer'})):
        island = Island(*loads, hold=0.0)
        for load in island.loads.values():
            load[3] = False
        island.mode = Mode.SHED         # nothing comes back yet
        island.run(1.0)
        island.now += off
        island.mode = Mode.REGULATE
        island.run(1.0)
        assert island.waves[0][1] == wave


def test_who_is_on_its_way_counts_as_drawn():
    island = Island(('a', COMFORT, 2500.0, 1.0), ('b', COMFORT, 1400.0, 1.0), ('c', COMFORT, 2000.0, 1.0))
    island.run(2.0)
    assert island.duties.shed == {'c'}
    island.loads['c'][1] = 100.0
    for load in island.loads.values():
        load[3] = False
    island.dropped = set(island.loads)      # relays that wait out their time
    island.duties.end()
    island.run(2.0)
    assert island.duties.shed == set()      # all of it fits
    island.loads['c'][1] = 1000.0
    island.duties.end()
    island.run(1.5)
    assert island.duties.shed == {'c'}


def test_one_that_went_off_by_itself_comes_back_in_its_turn():
    island = Island(('a', COMFORT, 1000.0, 1.0), ('b', ESSENTIAL, 1000.0, 1.0)).run(5.0)
    assert island.on() == {'a', 'b'} and not island.duties.shed
    island.loads['a'][3] = False
    at = island.now
    island.run(1.0)
    assert island.duties.shed == {'a'}
    island.run(10.0)
    assert island.on() == {'a', 'b'} and island.waves[-1][0] - at >= 5.0


def test_the_charge_of_every_inverter_counts_and_of_no_other():
    loads = ('oxygen', MEDICAL, 300.0, 1.0), ('heater', COMFORT, 1000.0, 1.0)
    known = {'battery_kwh': 10.0, 'battery_parts': 'battery=5,barn=5', 'inverter': 'battery,barn',
             'battery_efficiency': 1.0, 'charge_empty': 0.0, 'forecast_margin': 0.0}
    for barn, on in ((0.08, 1), (0.9, 2)):
        island = Island(*loads, **known)
        for name, charge in (('battery', 0.12), ('barn', barn), ('car', 1.0)):
            island.duties.take(0.0, Charge(charge, name))
        assert len(island.run(3.0).on()) == on


def test_equals_take_turns():
    island = Island(('a', COMFORT, 3000.0, 1.0), ('b', COMFORT, 3000.0, 1.0), swap=60.0, hold=2.0).run(5.0)
    first = island.on()
    assert len(first) == 1
    island.run(100.0)
    assert island.on() == {'a', 'b'} - first
    island.run(160.0)
    assert island.on() == first


def test_a_class_the_battery_cannot_carry_through_the_hours_ahead_is_shed():
    loads = ('oxygen', MEDICAL, 300.0, 1.0), ('desk', ESSENTIAL, 700.0, 1.0), ('heater', COMFORT, 1000.0, 1.0)
    known = {'battery_kwh': 10.0, 'battery_efficiency': 1.0, 'charge_empty': 0.0, 'forecast_margin': 0.0}
    for charge, on in ((0.9, 3), (0.41, 2), (0.12, 1)):
        island = Island(*loads, **known)
        island.duties.take(0.0, Charge(charge))
        assert len(island.run(3.0).on()) == on
    island.duties.take(island.now, Ahead('pv', island.now, 3600.0, (2000.0,) * 4))
    island.run(20.0)
    assert island.on() == {'oxygen', 'desk', 'heater'}


def test_a_budget_replaces_the_limits_of_charge():
    loads = ('desk', ESSENTIAL, 100.0, 1.0), ('heater', COMFORT, 100.0, 1.0)
    for known, on in (({}, {'desk'}), ({'battery_kwh': 100.0}, {'desk', 'heater'})):
        island = Island(*loads, **known)
        island.duties.take(0.0, Charge(0.2))
        assert island.run(3.0).on() == on


@pytest.mark.parametrize('demand', [1000.0, 9000.0])
def test_back_on_the_grid_everybody_comes_back_in_waves_whatever_it_draws(demand):
    island = Island(('a', ESSENTIAL, demand, 6.0), ('b', COMFORT, demand, 6.0), ('c', COMFORT, 20000.0, 6.0),
                    inverter_power=500.0)
    island.run(3.0)
    assert not island.on()
    island.mode = Mode.GRID
    island.run(12.0)
    assert island.on() == {'a', 'b', 'c'} and not island.duties.shed
