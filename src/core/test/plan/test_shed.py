"""Shedding for the import limit, second by second."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.plan import Load, Shedder, ShedSettings

QUICK = ShedSettings(shed_after=0.0, shed_effect=2.0, restore_after=3.0, restore_margin=100.0)
HOME = [Load('lamp', 3, 0, 60.0), Load('heater', 6, 0, 1500.0), Load('tv', 6, 1, 120.0),
        Load('ventilator', 1, 0, 300.0),
        Load('boiler', 5, 0, 2000.0), Load('fan', 0, 0, 40.0), Load('charger', 6, 0, 0.0)]


@pytest.mark.parametrize('excess, off', [
    (-500.0, []),                                        # room: nothing happens
    (np.nan, []),                                        # nothing is known
    (100.0, ['tv']),                                     # the highest rank of the least important class
    (500.0, ['tv', 'heater']),                           # then the largest of the class
    (1650.0, ['tv', 'heater', 'fan']),                   # an unknown class goes as comfort
    (1700.0, ['tv', 'heater', 'fan', 'boiler']),         # then what can be deferred
    (9999.0, ['tv', 'heater', 'fan', 'boiler', 'lamp', 'ventilator']),  # medical last
])
def test_the_least_important_go_first(excess, off):
    shed = Shedder(QUICK).step(0.0, excess, 5000.0, HOME)
    assert list(shed) == off
    assert all('limit of 5.0 kW' in reason for reason in shed.values())


def test_a_short_excess_is_waited_for():
    shedder = Shedder(ShedSettings(shed_after=2.0))
    timeline = ((0, 90), (1, 90), (1.5, -5), (2, 90), (3, 90), (4, 90))
    assert [bool(shedder.step(t, e, 5e3, HOME)) for t, e in timeline] == [False] * 5 + [True]


def test_what_was_shed_is_not_shed_twice_while_the_reading_lags():
    shedder = Shedder(QUICK)
    assert list(shedder.step(0.0, 100.0, 5e3, HOME)) == ['tv']
    assert list(shedder.step(1.0, 100.0, 5e3, HOME)) == ['tv'], 'the meter still shows it'
    assert list(shedder.step(2.0, 100.0, 5e3, HOME)) == ['tv', 'heater'], 'now it is a real excess'


def test_it_comes_back_when_there_was_room_the_most_important_first():
    shedder = Shedder(QUICK)
    shedder.step(0.0, 1600.0, 5e3, HOME)
    seen = [list(shedder.step(float(t), -250.0 if t < 20 else -1700.0, 5e3, HOME)) for t in range(3, 40)]
    assert seen[0] == ['tv', 'heater']
    assert seen[-1] == []
    assert ['tv'] in seen and seen.index(['tv']) + 3 >= 20, 'the heater waits for room of its own'


def test_an_outlet_that_left_is_forgotten():
    shedder = Shedder(QUICK)
    shedder.step(0.0, 100.0, 5e3, HOME)
    assert shedder.step(1.0, -10.0, 5e3, [load for load in HOME if load.outlet != 'tv']) == {}


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(10, 4000)), min_size=1, max_size=12),
       st.integers(0, 9000), st.integers(500, 9000))
def test_the_limit_is_kept_within_two_steps_wherever_shedding_can(rows, base, limit):
    """A home of loads at 1 Hz whose outlets obey at once: import returns below the limit if shedding can do it."""
    loads = [(f'o{k}', *row) for k, row in enumerate(rows)]
    shedder, off = Shedder(QUICK), {}
    for second in range(6):
        drawn = [Load(name, cls, rank, 0.0 if name in off else float(power)) for name, cls, rank, power in loads]
        total = base + sum(load.power for load in drawn)
        if second >= 2:
            assert total <= max(limit, base)
        off = shedder.step(float(second), total - limit, float(limit), drawn)


def test_settings_out_of_bounds_are_refused():
    with pytest.raises(ValueError):
        ShedSettings(restore_after=0.0)
