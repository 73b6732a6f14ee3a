"""The watch over one outlet: timelines on virtual time, and whatever garbage may come."""
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.devices import (
    AnomalyDetector,
    AnomalySettings,
    DevicesError,
    Kind,
    Observation,
    Severity,
    Status,
    Trip,
)
from hearthgrid_core.devices.anomaly import DEVICES

T0 = 1_700_000_000.0
FAST = AnomalySettings(waste_after=0.1)


def seen(power=400.0, **change) -> Observation:
    return Observation(**{'voltage': 230.0, 'current': power / 230, 'active_power': power, 'apparent_power': power,
                          'power_factor': 1.0, 'frequency': 50.0, 'temperature': 30.0, **change})


def live(detector, start, seconds, observation, step=1.0):
    """Return the events of a second-by-second life."""
    return [event for k in range(int(seconds / step)) for event in detector.step(start + k * step, observation)]


def marks(events):
    return [(event.kind, event.status) for event in events]


def test_an_ordinary_minute_is_silent():
    assert live(AnomalyDetector('kettle'), T0, 60, seen()) == []


@pytest.mark.parametrize('change, kind', [
    ({'power': 4300.0}, Kind.OVERCURRENT),
    ({'temperature': 72.0}, Kind.OVERTEMPERATURE),
    ({'voltage': 200.0, 'current': 2.0}, Kind.VOLTAGE),
    ({'power_factor': 1.5}, Kind.SENSOR),
])
def test_raised_when_it_lasts_and_cleared_when_it_is_over(change, kind):
    detector = AnomalyDetector('kettle')
    raised = live(detector, T0, 60, seen(**change))
    cleared = live(detector, T0 + 60, 60, seen())
    assert marks(raised) == [(kind, Status.RAISED)] and marks(cleared) == [(kind, Status.CLEARED)]
    assert raised[0].id == cleared[0].id and raised[0].outlet == 'kettle' and raised[0].text.startswith('kettle: ')
    assert detector.raised == []


def test_what_gets_worse_is_said_again():
    detector = AnomalyDetector('kettle')
    events = live(detector, T0, 60, seen(4300.0)) + live(detector, T0 + 60, 60, seen(4800.0))
    assert [event.severity for event in events] == [Severity.WARNING, Severity.CRITICAL]
    assert {event.status for event in events} == {Status.RAISED}


def test_silence_is_noticed_and_its_end():
    detector = AnomalyDetector('kettle')
    live(detector, T0, 30, seen())
    quiet = live(detector, T0 + 30, 30, None)
    back = live(detector, T0 + 60, 30, seen())
    assert marks(quiet) == [(Kind.SILENT, Status.RAISED)] and marks(back) == [(Kind.SILENT, Status.CLEARED)]
    assert quiet[0].value == pytest.approx(11, abs=1.1)


def test_an_outlet_never_heard_is_silent_too():
    detector = AnomalyDetector('kettle')
    assert live(detector, T0, 60, None) == []                      # the others may still be starting
    assert marks(live(detector, T0 + 60, 30, None)) == [(Kind.SILENT, Status.RAISED)]


def test_an_outage_is_no_voltage_anomaly():
    dead = Observation(voltage=0.4, current=0.0, active_power=0.0, apparent_power=0.0)
    assert live(AnomalyDetector('kettle'), T0, 120, dead) == []


@pytest.mark.parametrize('trip, kind', [(Trip.OVERCURRENT, Kind.OVERCURRENT), (Trip.SENSOR, Kind.SENSOR),
                                        (Trip.OVERTEMPERATURE, Kind.OVERTEMPERATURE)])
def test_a_trip_is_said_at_once_and_until_it_is_reset(trip, kind):
    detector = AnomalyDetector('kettle')
    events = detector.step(T0, seen(0.0, trip=trip, relay_open=True))
    assert marks(events) == [(kind, Status.RAISED)] and events[0].severity is Severity.CRITICAL
    assert live(detector, T0 + 1, 600, seen(0.0, trip=trip, relay_open=True)) == []
    assert marks(detector.step(T0 + 601, seen(0.0))) == [(kind, Status.CLEARED)]


@pytest.mark.parametrize('change', [{'relay_open': True}, {'trip': Trip.SENSOR}, {'voltage': 0.5}])
def test_a_fridge_without_supply_did_not_stop_by_itself(change):
    detector = AnomalyDetector('fridge')
    now = lived(detector, 10.2, fridge, type='refrigerator')
    assert not any(event.kind is Kind.POWER for event in
                   live(detector, now, 12 * 3600, seen(0.0, type='refrigerator', **change), 30))
    now += 12 * 3600
    assert any(event.kind is Kind.POWER for event in
               live(detector, now, 12 * 3600, seen(0.0, type='refrigerator'), 30))


def test_a_meter_has_no_rating_and_no_habits():
    detector = AnomalyDetector('grid', meter=True)
    assert live(detector, T0, 3600, seen(15_000.0), 30) == []
    assert live(detector, T0 + 3600, 3600, seen(-9000.0, current=40.0, apparent_power=9200.0), 30) == []
    assert marks(live(detector, T0 + 7200, 60, seen(voltage=200.0, current=2.0))) == [(Kind.VOLTAGE, Status.RAISED)]


def test_standby_of_what_is_used_at_times_is_waste_until_it_is_switched_off():
    detector = AnomalyDetector('tv', FAST)
    assert live(detector, T0, 7200, seen(120.0), 30) == []
    standby = live(detector, T0 + 7200, 3600, seen(4.0), 30)
    assert [(e.kind, e.severity, e.status) for e in standby] == [(Kind.WASTE, Severity.INFO, Status.RAISED)]
    assert 'stands by at 4.0 W' in standby[0].text and '35 kWh a year' in standby[0].text
    assert live(detector, T0 + 10800, 3600, seen(120.0), 30) == []
    assert marks(live(detector, T0 + 14400, 3600, seen(0.0), 30)) == [(Kind.WASTE, Status.CLEARED)]


def test_a_router_does_not_stand_by():
    assert live(AnomalyDetector('router', FAST), T0, 4 * 3600, seen(6.0), 30) == []


def fridge(second: float) -> float:
    """90 W for a quarter of each hour, a little longer on some days."""
    return 90.0 if second % 3600 < 900 + 60 * (second // 86400 % 3) else 2.0


def lived(detector, days, power, **change) -> float:
    for k in range(int(days * 1440)):
        detector.step(T0 + 60 * k, seen(power(60 * k), **change))
    return T0 + 60 * int(days * 1440)


def test_power_unlike_itself():
    detector = AnomalyDetector('fridge')
    now = lived(detector, 10.2, fridge, type='refrigerator')
    events = live(detector, now, 600, seen(160.0, type='refrigerator'), 30)
    assert marks(events) == [(Kind.POWER, Status.RAISED)]
    assert (events[0].value, events[0].expected) == (pytest.approx(160), pytest.approx(90))
    assert 0.1 < events[0].probability < 1 and now - 120 < events[0].since <= now + 600


def test_another_device_is_not_judged_by_the_habits_of_the_last():
    detector = AnomalyDetector('socket')
    now = lived(detector, 10.2, fridge, type='refrigerator')
    assert live(detector, now, 3600, seen(2000.0, type='kettle'), 30) == []
    now += 3600
    assert marks(live(detector, now, 600, seen(160.0, type='refrigerator'), 30)) == [(Kind.POWER, Status.RAISED)]


def test_a_compressor_that_never_stops_is_told_with_what_it_wastes():
    detector = AnomalyDetector('fridge', AnomalySettings(again_after=6.0))
    priced = {'type': 'refrigerator', 'price': 0.4, 'currency': 'EUR'}
    now = lived(detector, 10.2, fridge, **priced)
    events = live(detector, now, 2 * 86400, seen(90.0, **priced), 30)
    assert {event.id for event in events} == {events[0].id} and {event.status for event in events} == {Status.RAISED}
    assert events[0].kind in (Kind.STUCK, Kind.WASTE) and events[0].time - now < 12 * 3600
    gaps = [b.time - a.time for a, b in zip(events, events[1:], strict=False)]
    assert gaps and min(gaps) >= 6 * 3600       # no more often than asked
    usual = detector._devices['refrigerator'].habits.mean
    hours = (events[-1].time - events[-1].since) / 3600
    assert events[-1].wasted_energy == pytest.approx((90.0 - usual) * hours / 1000, rel=0.05)
    assert events[-1].wasted_money == pytest.approx(0.4 * events[-1].wasted_energy) and events[-1].currency == 'EUR'
    over = [event for k in range(360)
            for event in detector.step(now + 2 * 86400 + 60 * k, seen(fridge(60 * k), **priced))]
    assert marks(over)[-1] == (events[0].kind, Status.CLEARED) and over[-1].id == events[0].id


def test_a_changed_waveform_of_the_same_device():
    random, detector = np.random.default_rng(0), AnomalyDetector('fan', features=5, view=lambda vectors: vectors)
    events = []
    for k in range(12 * 288):
        vector = 0.2 * random.standard_normal(5) + (0.0 if k < 10 * 288 else 20.0)
        for part in range(5):
            events += detector.step(T0 + 300 * k + 60 * part, seen(type='fan', signature=vector if part == 0 else None))
    assert marks(events)[0] == (Kind.WAVEFORM, Status.RAISED) and T0 + 10 * 86400 < events[0].time < T0 + 11.5 * 86400


@pytest.mark.parametrize('change, kind', [
    ({'unknown': True, 'looks_like': 'kettle'}, Kind.UNKNOWN_DEVICE),
    ({'type': 'tv', 'named': True, 'looks_like': 'kettle', 'likeness': 0.97}, Kind.TAMPER),
])
def test_what_is_not_what_it_should_be(change, kind):
    detector = AnomalyDetector('socket')
    events = live(detector, T0, 3600, seen(**change), 10)
    assert marks(events) == [(kind, Status.RAISED)] and 'kettle' in events[0].text
    assert marks(live(detector, T0 + 3600, 600, seen(type='tv'), 10)) == [(kind, Status.CLEARED)]


def test_a_named_device_that_looks_like_itself_or_like_nothing_sure_is_no_news():
    for change in ({'looks_like': 'tv', 'likeness': 0.99}, {'looks_like': 'kettle', 'likeness': 0.6}, {}):
        assert live(AnomalyDetector('socket'), T0, 7200, seen(type='tv', named=True, **change), 10) == []


@pytest.mark.parametrize('rate, kinds', [(1.0, []), (0.3, [Kind.TAMPER]), (3.0, [Kind.TAMPER])])
def test_an_energy_counter_that_contradicts_the_power(rate, kinds):
    detector, events = AnomalyDetector('socket'), []
    for k in range(1800):
        events += detector.step(T0 + k, seen(energy=rate * 400.0 * k / 3.6e6))
    assert [event.kind for event in events] == kinds


def test_a_restart_forgets_nothing():
    detector = AnomalyDetector('fridge')
    now = lived(detector, 10.4, fridge, type='refrigerator')
    again = AnomalyDetector('fridge')
    again.restore(json.loads(json.dumps(detector.state())))
    both = [live(d, now, 12 * 3600, seen(90.0, type='refrigerator'), 60) for d in (detector, again)]
    assert marks(both[0]) and marks(both[0]) == marks(both[1])
    assert abs(both[0][0].time - both[1][0].time) <= 120


def test_what_is_up_is_still_up_after_a_restart_and_cleared_under_its_id():
    detector = AnomalyDetector('fridge')
    now = lived(detector, 10.2, fridge, type='refrigerator')
    live(detector, now, 600, seen(160.0, type='refrigerator'), 30)
    again = AnomalyDetector('fridge')
    again.restore(json.loads(json.dumps(detector.state())))
    assert again.raised == detector.raised == [event.id for event in again.standing(now + 600)]
    events = live(again, now + 600, 3 * 3600, seen(2.0, type='refrigerator'), 30)
    assert [(event.id, event.status) for event in events] == [(detector.raised[0], Status.CLEARED)]


def broken(state, *path, value=None):
    out = json.loads(json.dumps(state))
    part = out
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return out


def test_a_damaged_state_is_refused_and_changes_nothing():
    made = AnomalyDetector('fridge')
    lived(made, 4.2, fridge, type='refrigerator')
    state = made.state()
    habits = ('devices', 'refrigerator', 'habits')
    for damaged in ({}, [], broken(state, 'version', value=99), broken(state, *habits, 'channels', 'run'),
                    broken(state, *habits, 'facts', value=[[1.0]]), broken(state, 'ledger', 'at', value=[0.0]),
                    broken(state, *habits, 'minutes', value=['x']), broken(state, 'alarms', value=3),
                    broken(state, 'alarms', 'fridge/endless run', value={'severity': 9})):
        fresh = AnomalyDetector('fridge')
        with pytest.raises(DevicesError):
            fresh.restore(damaged)
        assert not fresh._devices and fresh.raised == []


def test_time_that_does_not_pass_is_refused():
    detector = AnomalyDetector('kettle')
    detector.step(T0, seen())
    for now in (T0, T0 - 10, math.nan, math.inf, -math.inf):
        assert detector.step(now, seen(9000.0)) == []
    assert detector.refused == 5 and detector.raised == []


@pytest.mark.parametrize('signature', [
    np.full(139, np.nan), np.ones(3), np.ones((2, 139)), [], 'abc', [None], object(), np.full(139, 1e300)])
def test_a_signature_that_cannot_be_used_does_no_harm(signature):
    detector = AnomalyDetector('kettle')
    for k in range(40):
        assert detector.step(T0 + k, seen(signature=signature)) == []
    assert detector.refused == 40


def test_a_signature_of_another_length_in_between_does_no_harm():
    detector = AnomalyDetector('kettle', features=5, view=lambda vectors: vectors)
    for k in range(40):
        assert detector.step(T0 + k, seen(signature=np.ones(5))) == []
    assert detector.step(T0 + 50, seen(signature=np.ones(7))) == []
    assert detector.refused == 1


NUMBERS = st.one_of(st.floats(), st.sampled_from([0.0, -1.0, 230.0, 1e308, 21.0, 65.0, 75.0, 200.0]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.builds(
    Observation, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.sampled_from(['', 'a', 'b']),
    st.none(), st.booleans(), st.sampled_from([None, *Trip]))), max_size=120), st.sampled_from([1.0, 7.0, 61.0]),
    st.booleans())
def test_it_never_raises_never_flaps_and_ids_stay(observations, step, meter):
    detector, up = AnomalyDetector('kettle', meter=meter), {}
    for k, observation in enumerate(observations):
        for event in detector.step(T0 + k * step, observation):
            assert event.id.startswith('kettle/') and 0 < len(event.text.encode()) <= 200 and len(event.id) <= 64
            last = up.get(event.id)
            if event.status is Status.RAISED:
                assert last is None or last[0] is Status.CLEARED or event.severity > last[1]
            else:
                assert last[0] is Status.RAISED and event.time > last[2]
            up[event.id] = (event.status, event.severity, event.time)
    assert sorted(detector.raised) == sorted(id for id, (status, _, _) in up.items() if status is Status.RAISED)


def test_ids_are_distinct_and_fit_the_message():
    ids = [alarm.id for alarm, _ in AnomalyDetector('o' * 32)._rules]
    assert len(set(ids)) == len(ids) and max(map(len, ids)) <= 64


def test_devices_remembered_are_few():
    detector = AnomalyDetector('socket')
    for k in range(50):
        detector.step(T0 + k, seen(type=f'device{k}'))
    assert len(detector._devices) == DEVICES


def test_settings_are_checked_against_each_other():
    for change in ({'temperature_warning': 90.0}, {'waste_low': 30.0}, {'warm_days': 10, 'history_days': 5}):
        with pytest.raises(ValueError):
            AnomalySettings(**change)
