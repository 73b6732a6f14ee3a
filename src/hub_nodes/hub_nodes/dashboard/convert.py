"""Messages to the values of the page. What cannot be true is refused with ValueError, before it reaches a person."""
import math
from dataclasses import fields

import numpy as np
from sensor_msgs.msg import BatteryState

from hearthgrid_msgs import msg
from hearthgrid_ros.time import to_seconds
from hub_nodes.dashboard import values


def words(message_type: type, prefix: str) -> dict[int, str]:
    """Return the words of one enumeration of a message by number: {1: 'open', …} for OutletState and 'RELAY_'."""
    return {getattr(message_type, name): name[len(prefix):].lower()
            for name in dir(message_type) if name.startswith(prefix)}


# field of the message → its words; the fields' names are the values' own
_ENUMERATIONS: dict[type, dict[str, dict[int, str]]] = {
    msg.Reading: {'supply': words(msg.Reading, 'SUPPLY_')},
    msg.OutletState: {'relay': words(msg.OutletState, 'RELAY_'), 'trip': words(msg.OutletState, 'TRIP_'),
                      'voice': words(msg.Request, 'VOICE_'), 'priority': words(msg.OutletState, 'CLASS_')},
    msg.Identity: {'state': words(msg.Identity, 'STATE_')},
    msg.Anomaly: {'kind': words(msg.Anomaly, 'KIND_'), 'severity': words(msg.Anomaly, 'SEVERITY_'),
                  'status': words(msg.Anomaly, 'STATUS_')},
    msg.Forecast: {'quantity': words(msg.Forecast, 'QUANTITY_')},
    msg.Plan: {'status': words(msg.Plan, 'STATUS_')},
    msg.Breaker: {'state': words(msg.Breaker, 'STATE_')},
    msg.Job: {'status': words(msg.Job, 'STATUS_')},
    msg.IslandMode: {'mode': words(msg.IslandMode, 'MODE_')},
}
_TYPES: dict[type, type] = {
    msg.Reading: values.Reading, msg.OutletState: values.State, msg.Identity: values.Identity,
    msg.Anomaly: values.Anomaly, msg.PriceSeries: values.Prices, msg.WeatherSeries: values.Weather,
    msg.Forecast: values.Forecast, msg.DevicePlan: values.DevicePlan, msg.Plan: values.Plan,
    msg.Breaker: values.Tie, msg.IslandMode: values.Island, msg.Job: values.Job,
    msg.ScheduleEntry: values.ScheduleEntry,
}


def value_of(message) -> object:
    """Return the value of `message`. ValueError, with the reason, when it cannot be true."""
    kind = type(message)
    if kind is msg.Waveform:
        return _waveform(message)
    if kind is BatteryState:
        stamp = to_seconds(message.header.stamp)
        return values.Battery(stamp, message.location or values.BATTERY, float(message.percentage),
                              float(message.temperature))
    enumerations = _ENUMERATIONS.get(kind, {})
    taken = {}
    for f in fields(_TYPES[kind]):
        given = getattr(message, f.name)
        if f.name in enumerations:
            if given not in enumerations[f.name]:
                raise ValueError(f'{f.name} {given} is not in the message definition')
            taken[f.name] = enumerations[f.name][given]
        else:
            taken[f.name] = _plain(given)
    value = _TYPES[kind](**taken)
    _check(value)
    return value


def _plain(given):
    if hasattr(given, 'nanosec'):
        return to_seconds(given)
    if isinstance(given, (str, bool, int, float)):
        return given
    return tuple(value_of(part) if type(part) in _TYPES else part for part in given)


def _check(value) -> None:
    for name in ('outlet', 'member', 'id'):
        if getattr(value, name, None) == '' and not isinstance(value, values.Anomaly):
            raise ValueError(f'no {name} is given')
    if hasattr(value, 'step') and not (math.isfinite(value.step) and value.step > 0):
        raise ValueError(f'step is {value.step} s; it must be above 0')
    if isinstance(value, values.Forecast) and len(value.lower) != len(value.upper):
        raise ValueError(f'the spread has {len(value.lower)} lower and {len(value.upper)} upper steps')
    for first, others in _SAME_LENGTH.get(type(value), ()):
        count = len(getattr(value, first))
        for name in others:
            if len(getattr(value, name)) not in (count, 0):
                raise ValueError(f'{name} has {len(getattr(value, name))} steps and {first} {count}')


# an empty row is "not known"
_SAME_LENGTH = {
    values.Prices: (('import_price', ('export_price', 'carbon_intensity')),),
    values.Forecast: (('mean', ('lower', 'upper')),),
    values.Identity: (('candidates', ('candidate_probabilities',)),),
    values.Plan: (('grid_power', ('battery_power', 'battery_energy_kwh', 'pv_power', 'base_load')),),
}


def _waveform(message) -> values.Waveform:
    if not message.outlet:
        raise ValueError('no outlet is given')
    if len(message.voltage) != len(message.current) or not len(message.voltage):
        raise ValueError(f'{len(message.voltage)} samples of voltage and {len(message.current)} of current')
    for name in ('sampling_rate', 'voltage_scale', 'current_scale'):
        if not (math.isfinite(getattr(message, name)) and getattr(message, name) > 0):
            raise ValueError(f'{name} is {getattr(message, name)}; it must be above 0')
    return values.Waveform(
        message.outlet, to_seconds(message.stamp), message.sampling_rate, message.frequency,
        np.asarray(message.voltage, dtype=np.float64) * message.voltage_scale,
        np.asarray(message.current, dtype=np.float64) * message.current_scale,
        words(msg.Waveform, 'REASON_').get(message.reason, 'unknown'))


def history_of(outlet: str, quantity: str, response) -> values.History:
    """Return the history in a GetHistory response. ValueError with the store's own words when it refused."""
    if not response.success:
        raise ValueError(response.message or 'the store gave no reason')
    start = tuple(to_seconds(point.start) for point in response.points)
    columns = [tuple(getattr(point, name) for point in response.points) for name in ('mean', 'minimum', 'maximum')]
    return values.History(outlet, quantity, response.unit, start, *columns)


def schedule_of(outlet: str, response) -> values.Schedule:
    """Return the schedule in a GetSchedule response."""
    return values.Schedule(outlet, tuple(value_of(entry) for entry in response.entries))
