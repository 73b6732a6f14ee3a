"""What the standard says, row by row, and what a broken measurement may do. Random profiles: test/oracle."""
import math

import pytest

from hearthgrid_core.island.ride_through import CATEGORIES, RideThrough, RideThroughSettings, State, trips

V, F = 230.0, 50.0
TABLE = {  # MICROGRID: IEEE 1547-2018, tables 11 to 13 and 18; frequencies of 60 Hz
    'I': {'OV2': (1.20, 0.16), 'OV1': (1.10, 2.0), 'UV1': (0.70, 2.0), 'UV2': (0.45, 0.16)},
    'II': {'OV2': (1.20, 0.16), 'OV1': (1.10, 2.0), 'UV1': (0.70, 10.0), 'UV2': (0.45, 0.16)},
    'III': {'OV2': (1.20, 0.16), 'OV1': (1.10, 13.0), 'UV1': (0.88, 21.0), 'UV2': (0.50, 2.0)},
}
HERTZ = {'OF2': (62.0, 0.16), 'OF1': (61.2, 300.0), 'UF1': (58.5, 300.0), 'UF2': (56.5, 0.16)}


def test_the_table_is_the_standard_s():
    for category in CATEGORIES:
        rows = {name: (limit, time) for name, _, _, limit, time in trips(category)}
        assert {name: rows[name] for name in TABLE[category]} == TABLE[category]
        for name, (hertz, time) in HERTZ.items():
            assert rows[name] == (pytest.approx(hertz / 60), time)


@pytest.mark.parametrize('category', CATEGORIES)
def test_each_row_trips_at_its_time_and_not_before(category):
    for name, quantity, side, limit, time in trips(category):
        beyond, within = limit + 0.002 * side, limit - 0.002 * side
        for share, tripped in ((beyond, True), (within, False)):
            machine = RideThrough(RideThroughSettings(category), running=True)
            seen = (share * V, F) if quantity == 'voltage' else (V, share * F)
            machine.step(0.0, *seen)
            assert machine.step(time - 0.01, *seen).state is State.RUNNING, name
            service = machine.step(time, *seen)
            assert (service.state is State.TRIPPED) == tripped, name
            assert not tripped or (name in service.reason and service.power_max == 0.0)


def test_an_interrupted_crossing_begins_anew():
    machine = RideThrough(RideThroughSettings(), running=True)
    for now in (0.0, 1.9):
        assert machine.step(now, 0.4 * V, F).state is State.RUNNING
    machine.step(1.95, 0.6 * V, F)
    machine.step(2.0, 0.4 * V, F)
    assert machine.step(3.9, 0.4 * V, F).state is State.RUNNING
    assert machine.step(4.0, 0.4 * V, F).state is State.TRIPPED


def test_enter_service_waits_without_a_break_then_ramps():
    machine = RideThrough(RideThroughSettings())
    machine.step(0.0, V, F)
    machine.step(299.0, 1.06 * V, F)
    machine.step(300.0, V, F)
    assert machine.step(599.9, V, F).state is State.TRIPPED, 'the break at 299 s starts the wait anew'
    assert machine.step(600.0, V, F).state is State.ENTERING
    assert machine.step(675.0, V, F).power_max == pytest.approx(0.25)
    assert machine.step(700.0, 0.9 * V, F).state is State.ENTERING, 'a low voltage does not end it; a trip does'
    service = machine.step(900.0, V, F)
    assert (service.state, service.power_max) == (State.RUNNING, 1.0)


@pytest.mark.parametrize('voltage, frequency', [
    (0.916, 1.0), (1.051, 1.0), (1.0, 59.4 / 60), (1.0, 60.2 / 60), (1.0, math.nan), (0.0, math.nan),
])
def test_outside_the_criteria_nothing_enters(voltage, frequency):
    machine = RideThrough(RideThroughSettings(enter_delay=1.0))
    for now in range(10):
        assert machine.step(float(now), voltage * V, frequency * F).state is State.TRIPPED


def test_a_trip_while_it_enters():
    machine = RideThrough(RideThroughSettings(enter_delay=0.0, enter_ramp=100.0))
    assert machine.step(0.0, V, F).state is State.ENTERING
    machine.step(10.0, 1.25 * V, F)
    assert machine.step(10.2, 1.25 * V, F).state is State.TRIPPED
    assert machine.step(11.0, V, F).power_max == 0.0


@pytest.mark.parametrize('now, voltage', [(-1.0, V), (math.nan, V), (1.0, math.nan), (1.0, -1.0)])
def test_what_cannot_be_is_refused_and_changes_nothing(now, voltage):
    machine = RideThrough(RideThroughSettings(), running=True)
    before = machine.step(0.0, V, F)
    with pytest.raises(ValueError):
        machine.step(now, voltage, F)
    assert machine.service == before and machine.step(0.5, V, F).state is State.RUNNING


@pytest.mark.parametrize('wrong', [{'category': 'IV'}, {'enter_delay': 601.0}, {'enter_voltage_max': 1.2}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError):
        RideThroughSettings(**wrong)
