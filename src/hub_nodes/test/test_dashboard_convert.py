"""Messages to values: every field carried, what cannot be true refused."""
import math
from dataclasses import fields

import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import BatteryState

from hearthgrid_msgs import msg, srv
from hub_nodes.dashboard import convert, values

T = Time(sec=100, nanosec=500_000_000)


def test_a_reading_with_its_words_and_units():
    value = convert.value_of(msg.Reading(stamp=T, outlet='kettle', supply=2, active_power=2000.0, voltage=math.nan,
                                         harmonics=[8.5, 0.25]))
    assert (value.stamp, value.outlet, value.supply, value.active_power, value.harmonics) == (
        100.5, 'kettle', 'island', 2000.0, (8.5, 0.25))
    assert math.isnan(value.voltage)


@pytest.mark.parametrize('message, field, word', [
    (msg.OutletState(outlet='a', relay=2), 'relay', 'closed'),
    (msg.OutletState(outlet='a', trip=1), 'trip', 'overcurrent'),
    (msg.OutletState(outlet='a', voice=3), 'voice', 'grid_service'),
    (msg.OutletState(outlet='a', priority=6), 'priority', 'comfort'),
    (msg.OutletState(outlet='a'), 'trip', 'none'), (msg.Identity(outlet='a', state=3), 'state', 'named'),
    (msg.Anomaly(id='1', kind=9, severity=3), 'kind', 'arc'), (msg.Anomaly(id='1', status=2), 'status', 'cleared'),
    (msg.Breaker(state=1), 'state', 'open'), (msg.IslandMode(member='a', mode=6), 'mode', 'shed'),
    (msg.Forecast(step=1.0, quantity=2), 'quantity', 'pv'), (msg.Plan(step=1.0, status=2), 'status', 'relaxed'),
])
def test_enumerations_become_the_messages_own_words(message, field, word):
    assert getattr(convert.value_of(message), field) == word


def test_a_plan_with_its_devices():
    device = msg.DevicePlan(outlet='a', power=[5.0, 6.0], reason='cheap')
    plan = convert.value_of(msg.Plan(stamp=T, step=900.0, grid_power=[1.0, 2.0], battery_power=[3.0, 4.0],
                                     reasons=['sun'], devices=[device]))
    assert plan.devices == (values.DevicePlan('a', (5.0, 6.0), 'cheap'),)
    assert (plan.grid_power, plan.pv_power, plan.reasons) == ((1.0, 2.0), (), ('sun',))


def test_a_waveform_in_volts_and_amperes():
    value = convert.value_of(msg.Waveform(outlet='a', stamp=T, sampling_rate=6400.0, frequency=50.0, voltage_scale=0.5,
                                          current_scale=0.25, voltage=[2, -2], current=[4, -4], reason=1))
    assert (value.voltage.tolist(), value.current.tolist(), value.reason) == ([1.0, -1.0], [1.0, -1.0], 'change')


def test_a_battery_state():
    message = BatteryState(percentage=0.5, temperature=20.0)
    message.header.stamp = T
    assert convert.value_of(message) == values.Battery(100.5, 'battery', 0.5, 20.0)


GOOD = dict(outlet='a', sampling_rate=6400.0, voltage_scale=0.5, current_scale=0.5, voltage=[1, 2], current=[1, 2])


@pytest.mark.parametrize('message, why', [
    (msg.Reading(), 'no outlet'), (msg.OutletState(), 'no outlet'), (msg.Identity(), 'no outlet'),
    (msg.IslandMode(), 'no member'), (msg.Reading(outlet='a', supply=77), 'supply 77'),
    (msg.OutletState(outlet='a', relay=9), 'relay 9'), (msg.Plan(), 'step is 0'),
    (msg.PriceSeries(step=math.nan), 'step is nan'),
    (msg.PriceSeries(step=1.0, import_price=[1.0, 2.0], export_price=[1.0]), 'export_price has 1 steps and import'),
    (msg.Forecast(step=1.0, mean=[1.0], lower=[1.0], upper=[1.0, 2.0]), '1 lower and 2 upper'),
    (msg.Forecast(step=1.0, mean=[1.0, 2.0], lower=[1.0], upper=[1.0]), 'lower has 1 steps and mean 2'),
    (msg.Identity(outlet='a', candidates=['x', 'y'], candidate_probabilities=[1.0]), 'candidate_probabilities has 1'),
    (msg.Plan(step=1.0, grid_power=[1.0], base_load=[1.0, 2.0]), 'base_load has 2'),
    (msg.Waveform(**GOOD | {'outlet': ''}), 'no outlet'),
    (msg.Waveform(**GOOD | {'current': [1]}), '2 samples of voltage and 1'),
    (msg.Waveform(**GOOD | {'voltage': [], 'current': []}), '0 samples'),
    (msg.Waveform(**GOOD | {'sampling_rate': 0.0}), 'sampling_rate'),
    (msg.Waveform(**GOOD | {'voltage_scale': math.nan}), 'voltage_scale'),
    (msg.Waveform(**GOOD | {'current_scale': -1.0}), 'current_scale'),
])
def test_what_cannot_be_true_is_refused_with_the_reason(message, why):
    with pytest.raises(ValueError, match=why):
        convert.value_of(message)


@pytest.mark.parametrize('message, value', convert._TYPES.items())
def test_every_field_of_a_value_is_one_of_its_message(message, value):
    assert {f.name for f in fields(value)} <= set(message.get_fields_and_field_types())


def test_a_history_and_a_refusal():
    points = [msg.HistoryPoint(start=T, mean=1.0, minimum=0.5, maximum=2.0)]
    history = convert.history_of('a', 'active_power', srv.GetHistory.Response(success=True, unit='W', points=points))
    assert history == values.History('a', 'active_power', 'W', (100.5,), (1.0,), (0.5,), (2.0,))
    with pytest.raises(ValueError, match='disk full'):
        convert.history_of('a', 'active_power', srv.GetHistory.Response(message='disk full'))
