"""Which messages become records, and how they look."""
import json
import math

import pytest
from builtin_interfaces.msg import Time

from hearthgrid_msgs import msg
from hub_nodes.store.convert import SOURCES, Recorder, plain, reading_values
from hub_nodes.store.model import KINDS, QUANTITIES, Record

NOW = 1_750_032_000.0
BY_KIND = {source.kind: source for source in SOURCES}


def test_every_kind_has_one_source():
    assert sorted(source.kind for source in SOURCES) == sorted(KINDS)


@pytest.mark.parametrize('source', SOURCES, ids=lambda source: source.kind)
def test_every_message_becomes_a_record_even_an_empty_one(source):
    record = Recorder().record(source, source.topic.type(), NOW)
    assert (record.kind, record.time) == (source.kind, NOW) and set(record.data) == set(
        source.topic.type.get_fields_and_field_types())


def test_values_are_taken_by_name():
    reading = msg.Reading(**{name: float(k) for k, name in enumerate(QUANTITIES)})
    assert reading_values(reading) == tuple(range(len(QUANTITIES)))


def test_a_message_becomes_json():
    state = msg.OutletState(stamp=Time(sec=3, nanosec=250_000_000), outlet='kettle', power_max=math.inf, power_min=0.1,
                            thermal_load=math.nan, waiting=True)
    data = plain(state)
    assert data['stamp'] == 3.25 and data['power_max'] == 'inf' and data['power_min'] == 0.1
    assert data['thermal_load'] is None and data['waiting'] is True and data['outlet'] == 'kettle'
    job = plain(msg.Job(energy_kwh=1 / 3))
    assert job['energy_kwh'] == 1 / 3, 'a double keeps its digits'


def test_arrays_and_what_is_in_them_become_json():
    devices = [msg.DevicePlan(outlet='heater', power=[2.5])]
    plan = plain(msg.Plan(grid_power=[0.1, math.nan, -math.inf], devices=devices))
    assert plan['grid_power'] == [0.1, None, '-inf']
    assert plan['devices'] == [{'outlet': 'heater', 'power': [2.5], 'reason': ''}]
    json.dumps(plan, allow_nan=False)


@pytest.mark.parametrize('kind, same, other', [
    ('state', {'thermal_load': 0.4, 'stamp': Time(sec=9)}, {'relay': 2}),
    ('state', {'requests_refused': 3}, {'reason': 'tripped'}),
    ('identity', {'probability': 0.9, 'signature': 4}, {'model': 'Severin'}),
    ('tie', {'grid_voltage': 231.0, 'angle': 0.1}, {'grid_alive': True}),
    ('island', {'frequency': 49.9, 'voltage': 228.0}, {'leader': 'fridge'}),
    ('job', {'delivered_kwh': 0.4}, {'status': 3}),
])
def test_only_what_changes_is_recorded_again(kind, same, other):
    source, recorder = BY_KIND[kind], Recorder()
    make = source.topic.type
    assert recorder.record(source, make(), NOW)
    assert recorder.record(source, make(**same), NOW + 1) is None
    assert recorder.record(source, make(**other), NOW + 2)
    assert recorder.record(source, make(**other), NOW + 3) is None
    assert recorder.record(source, make(), NOW + 4), 'back to the first is a change too'


def test_outlets_are_told_apart():
    recorder, source = Recorder(), BY_KIND['state']
    assert recorder.record(source, msg.OutletState(outlet='a'), NOW)
    assert recorder.record(source, msg.OutletState(outlet='b'), NOW)


@pytest.mark.parametrize('kind', ['command', 'anomaly', 'label', 'plan', 'forecast', 'price', 'weather'])
def test_each_word_of_the_others_is_recorded(kind):
    recorder, source = Recorder(), BY_KIND[kind]
    assert all(recorder.record(source, source.topic.type(), NOW + k) for k in range(3))


def test_heartbeats_of_signatures_are_thinned_out():
    recorder, source = Recorder(), BY_KIND['signature']

    def heard(reason, at):
        return recorder.record(source, msg.Signature(outlet='kettle', reason=reason), NOW + at) is not None

    heartbeat, change = msg.Signature.REASON_HEARTBEAT, msg.Signature.REASON_CHANGE
    assert [heard(heartbeat, 0), heard(heartbeat, 60), heard(change, 61), heard(change, 62), heard(heartbeat, 120),
            heard(heartbeat, 661), heard(heartbeat, 662)] == [True, False, True, True, False, False, True]


def test_a_forecast_is_about_a_quantity_of_a_target():
    forecast = msg.Forecast(target='home', quantity=msg.Forecast.QUANTITY_PV)
    assert Recorder().record(BY_KIND['forecast'], forecast, NOW).subject == 'home/pv'


@pytest.mark.parametrize('wrong', [
    {'kind': 'gossip'}, {'subject': 'x' * 129}, {'time': math.nan}])
def test_a_record_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError):
        Record(**{'kind': 'state', 'subject': 'kettle', 'time': NOW, 'text': '{}', **wrong})


def test_a_record_cannot_hold_what_json_cannot():
    with pytest.raises(ValueError):
        Record.of('state', 'kettle', NOW, {'power': math.nan})
