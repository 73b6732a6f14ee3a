from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.plan import Follower, InnerLoopSettings, Moment, battery_power, excess

NAN, INF = np.nan, np.inf
SETTINGS = InnerLoopSettings(gain=1.0)
CALM = Moment(low=500.0, high=500.0, hold=0.0, planned=0.0, grid=500.0, battery=0.0, charge=0.5, reserve=0.2,
              charge_max=3000.0, discharge_max=2500.0, import_max=6000.0, export_max=INF)


@pytest.mark.parametrize('change, power, why', [
    ({}, 0.0, 'keeps the planned'),                                                 # as planned
    ({'grid': 510.0}, 0.0, 'keeps the planned'),                                    # within the dead band
    ({'grid': 1500.0}, -1000.0, 'keeps the planned'),                               # a kettle: the battery gives
    ({'grid': -300.0, 'battery': 200.0}, 1000.0, 'keeps the planned'),              # sun: it takes
    ({'grid': 9000.0}, -2500.0, 'import limit'),                                    # more than it can give
    ({'grid': -9000.0}, 3000.0, 'keeps the planned'),
    ({'grid': 1500.0, 'charge': 0.2}, 0.0, 'keeps the planned'),                    # the reserve stays
    ({'grid': 7000.0, 'charge': 0.2}, -1000.0, 'import limit'),                     # but not from the limit
    ({'grid': 7000.0, 'charge': 0.04}, 0.0, 'import limit'),                        # an empty battery cannot help
    ({'low': 9000.0, 'high': 9000.0, 'grid': 6500.0}, -500.0, 'import limit'),  # no plan stands above the limit
    ({'grid': -2000.0, 'export_max': 1000.0, 'low': -2000.0, 'high': -2000.0}, 1000.0, 'export limit'),
    ({'grid': -300.0, 'charge': 1.0}, 0.0, 'keeps the planned'),                    # full
    ({'low': NAN, 'high': NAN, 'grid': 800.0}, -800.0, 'no plan'),                            # own use first
    ({'low': NAN, 'high': NAN, 'grid': -800.0}, 800.0, 'no plan'),
    ({'grid': NAN, 'planned': -700.0}, -700.0, 'silent'),
    ({'grid': NAN, 'planned': -700.0, 'charge': 0.1}, 0.0, 'silent'),
    ({'grid': NAN, 'planned': NAN}, 0.0, 'neither'),
    ({'grid': 1500.0, 'battery': NAN}, -1000.0, 'keeps the planned'),
    ({'grid': 1500.0, 'charge': NAN}, -1000.0, 'keeps the planned'),
    ({'grid': 4000.0, 'spared': 3000.0}, -1000.0, 'must not serve'),                # a car charges: not from here
    ({'grid': 4000.0, 'spared': 3000.0, 'import_max': 2000.0}, -2000.0, 'import limit'),  # but the limit stands above
    ({'low': 0.0, 'high': INF, 'grid': 1500.0}, 0.0, 'rests'),                      # a kettle that is cheap to feed
    ({'low': 0.0, 'high': INF, 'grid': -700.0}, 700.0, 'keeps the planned'),        # sun is worth storing
    ({'low': -INF, 'high': 0.0, 'grid': -700.0}, 0.0, 'rests'),                     # or worth selling
    ({'low': -INF, 'high': 0.0, 'grid': 900.0}, -900.0, 'keeps the planned'),       # dear: the battery covers it
    ({'low': 0.0, 'high': INF, 'hold': 2000.0, 'grid': 1500.0}, 2000.0, 'as planned'),  # bought to be stored
    ({'low': 0.0, 'high': INF, 'hold': 2000.0, 'grid': 5000.0}, 1000.0, 'import limit'),
    ({'low': 0.0, 'high': INF, 'grid': -700.0, 'ceiling': 0.5}, 0.0, 'keeps the planned'),  # no more than planned
    ({'low': 9000.0, 'high': 9000.0, 'grid': 6010.0, 'charge': 0.04, 'reserve': 0.0}, -10.0, 'import limit'),
    ({'asked': -2000.0}, -2000.0, 'utility asks'),
    ({'asked': 2000.0, 'grid': 5000.0}, 1000.0, 'import limit'),
    ({'asked': -9000.0, 'grid': NAN}, -2500.0, 'utility asks'),
])
def test_the_inner_loop(change, power, why):
    set_to, words = battery_power(replace(CALM, **change), SETTINGS)
    assert set_to == pytest.approx(power)
    assert why in words


@pytest.mark.parametrize('grid, battery, power, beyond', [
    (7000.0, 0.0, -1000.0, 0.0), (9500.0, 0.0, -2500.0, 1000.0), (7500.0, -2500.0, -2500.0, 1500.0),
    (3000.0, 0.0, 0.0, -3000.0), (NAN, 0.0, 0.0, NAN)])
def test_what_the_battery_cannot_keep_is_left_to_shedding(grid, battery, power, beyond):
    moment = replace(CALM, grid=grid, battery=battery)
    assert excess(moment, power) == pytest.approx(beyond, nan_ok=True)


def told(gives, seconds=20):
    """Return what is beyond the limit each second, of a home of 8 kW under one of 6, and whether the battery follows.

    gives : (second, power told before) → what the battery gives then
    """
    follower, power, found = Follower(SETTINGS), 0.0, []
    for now in range(seconds):
        battery = gives(now, power)
        moment = replace(CALM, low=INF, high=INF, grid=8000.0 + battery, battery=battery)
        power, _ = battery_power(moment, SETTINGS)
        found.append((follower.excess(float(now), moment, power), follower.follows))
    return found


@pytest.mark.parametrize('gives', [
    lambda now, power: power,                               # at once
    lambda now, power: power + 100.0,                       # but for its meter's error
    lambda now, power: 0.0 if now < 4 else power,           # after a moment
    lambda now, power: NAN,                                 # nobody knows
])
def test_a_battery_that_follows_is_relied_on(gives):
    assert all(follows and not beyond > 1.0 for beyond, follows in told(gives))


def test_a_battery_that_does_not_follow_counts_for_what_it_gives_until_it_does():
    found = told(lambda now, power: -500.0 if now < 12 else power)
    assert [beyond > 1.0 for beyond, _ in found] == [not 6 > now and now < 12 for now in range(20)]
    assert found[8] == (1500.0, False) and found[12][1]


def test_a_smaller_gain_corrects_less_but_never_less_of_a_limit():
    slow = InnerLoopSettings(gain=0.5)
    assert battery_power(replace(CALM, grid=1500.0), slow)[0] == pytest.approx(-500.0)
    assert battery_power(replace(CALM, grid=6400.0, low=6400.0, high=6400.0), slow)[0] == pytest.approx(-400.0)


@given(loads=st.lists(st.integers(-4000, 9000), min_size=3, max_size=30), target=st.integers(-3000, 3000),
       gain=st.floats(0.1, 1.0), charge=st.floats(0.3, 0.9))
def test_it_settles_on_the_target_and_keeps_the_limit_wherever_the_battery_can(loads, target, gain, charge):
    """Each load stays for 30 s; readings are of the second before."""
    settings = InnerLoopSettings(gain=gain)
    battery = 0.0
    for load in loads:
        for second in range(30):
            moment = replace(CALM, low=float(target), high=float(target), grid=load + battery, battery=battery,
                             charge=charge)
            battery, _ = battery_power(moment, settings)
            if second:
                assert load + battery <= max(6000.0, load - 2500.0) + 1e-6
        wanted = min(max(target - load, -2500.0), 3000.0)
        assert abs(battery - wanted) <= settings.dead_band + 0.05 * abs(wanted) + 600 * (1 - gain) ** 10


def test_settings_out_of_bounds_are_refused():
    with pytest.raises(ValueError):
        InnerLoopSettings(gain=0.0)
