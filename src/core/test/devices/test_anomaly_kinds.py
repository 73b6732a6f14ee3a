"""Each kind of anomaly once with its fault and once with its healthy twin, through the whole watch over one outlet."""
import copy
import functools
import json

import numpy as np
import pytest

from hearthgrid_core.devices import AnomalyDetector, Kind, Observation, Severity, Status
from hearthgrid_core.waveform import FEATURE_NAMES, FEATURES

T0, DAY, STEP, LEARNT = 1_700_006_400.0, 86400, 60, 10
PHASE = 2 * np.pi * np.arange(64) / 64
BROKEN = np.where(np.abs(np.sin(PHASE)) > 100 / 325, np.sin(PHASE), 0.0)     # a gap strikes late


def look(settling, reactive, wave) -> np.ndarray:
    out = np.zeros(FEATURES)
    for name, value in {'log_current': np.log10(2.0), 'log_reactive_power': np.log10(1 + reactive),
                        'displacement_sin': -0.6, 'log_settling': np.log10(1 + settling / 0.1)}.items():
        out[FEATURE_NAMES.index(name)] = value
    first = FEATURE_NAMES.index('trajectory_0')
    out[first:first + 64] = wave
    return out


def hours(second) -> float:
    return second % DAY / 3600


def seen(power, **change) -> Observation:
    return Observation(**{'voltage': 230.0, 'current': power / 230, 'active_power': power, 'apparent_power': power,
                          'power_factor': 1.0, 'frequency': 50.0, 'temperature': 30.0, 'price': 0.3, 'currency': 'EUR',
                          **change})


def fridge(second, stuck=False, welded=False, every=60) -> Observation:
    """Runs by itself, 15 to 17 minutes an hour, on days more or less warm; an open door makes it start more often."""
    on = welded or second // 60 % every < 15 + second // 3600 % 3
    return seen(32.0 if stuck else 90.0 + 15 * (second // DAY % 4) if on else 2.0, type='refrigerator')


def heater(second, forgotten=False, loose=1.0) -> Observation:
    """1.5 kW on evenings, for one to two hours; contacts of 0.1 K/A²."""
    day, on = second // DAY, forgotten or 18 <= hours(second) < 19 + second // DAY % 3 / 2
    load = (1500 + 5 * (day % 4)) / 230 if on else 0.0
    share = 1 - np.exp(-max(0.0, hours(second) - 18) * 6)
    return seen(230 * load, temperature=25 + (0.1 + 0.004 * (day % 3)) * loose * load ** 2 * share, type='heater')


def pump(second, settling=0.4, reactive=80.0, wave=None) -> Observation:
    """Used each noon; its signatures hardly differ from one another."""
    on, jitter = 11 <= hours(second) < 13, 1 + 0.01 * (second // 600 % 7)
    vector = look(settling * jitter, reactive * jitter, np.sin(PHASE) if wave is None else wave)
    return seen(400.0 + second // DAY % 4 if on else 0.0, type='pump',
                signature=vector if on and second % 600 == 0 else None)


def lamp(second, wear=0.0) -> Observation:
    """Two to five hours an evening, with surges at the start that differ by half from day to day."""
    day, minute = second // DAY, second // 60 % 1440 - 1080
    on = 0 <= minute < 120 + 60 * (day * 7 % 4)
    level = 40.0 * (1 + wear * max(0, day - LEARNT)) + (20.0 * (day * 5 % 7) if minute < 3 else 0.0)
    return seen(level if on else 0.2, type='lamp')


def television(second, rest=0.2) -> Observation:
    return seen(120.0 + second // DAY % 5 if 19 <= hours(second) < 22 else rest, type='tv')


def plugged(second, **change) -> Observation:
    return seen(400.0 if 7 <= hours(second) < 8 else 0.0, **{'type': 'kettle', **change})


def counted(second, rate=1.0) -> Observation:
    return seen(100.0, type='lamp', energy=0.1 + rate * 100.0 * second / 3.6e6)


# what is wrong: kind, the device as it is, what its fault changes, days in which it must be told
FAULTS = {
    'stuck compressor, weak': (Kind.STUCK, fridge, {'stuck': True}, 2),
    'stuck compressor, full power': (Kind.STUCK, fridge, {'welded': True}, 1),
    'door open': (Kind.WASTE, fridge, {'every': 30}, 3),
    'forgotten heater': (Kind.FORGOTTEN, heater, {'forgotten': True}, 3),
    'always-on standby': (Kind.WASTE, television, {'rest': 6.0}, 2),
    'hot contact': (Kind.CONTACT, heater, {'loose': 6.0}, 3),
    'failing start capacitor': (Kind.START, pump, {'settling': 2.0}, 3),
    'shorted turns': (Kind.WINDING, pump, {'reactive': 180.0}, 3),
    'series arc': (Kind.ARC, pump, {'wave': BROKEN}, 3),
    'drift': (Kind.DRIFT, lamp, {'wear': 0.02}, 12),
    'unknown device': (Kind.UNKNOWN_DEVICE, plugged, {'unknown': True, 'looks_like': 'toaster'}, 1),
    'another device': (Kind.TAMPER, functools.partial(plugged, named=True, looks_like='kettle', likeness=0.98),
                       {'looks_like': 'toaster'}, 1),
    'tampered counter': (Kind.TAMPER, counted, {'rate': 0.4}, 1),
}


def live(detector, begin, days, device) -> list:
    step = 10 if device.func is counted else STEP
    return [event for k in range(0, int(days * DAY), step)
            for event in detector.step(T0 + begin * DAY + k, device(int(begin * DAY) + k))]


@functools.cache
def settled(name) -> AnomalyDetector:
    _, device, _, _ = FAULTS[name]
    detector = AnomalyDetector('socket')
    assert live(detector, 0, 0.5 if device is counted else LEARNT, functools.partial(device)) == []
    return detector


@pytest.mark.parametrize('name', FAULTS)
def test_a_fault_is_told_with_its_evidence_and_its_healthy_twin_is_not(name):
    kind, device, change, days = FAULTS[name]
    begin = 0.5 if device is counted else LEARNT
    healthy, faulty = copy.deepcopy(settled(name)), copy.deepcopy(settled(name))
    assert live(healthy, begin, days, functools.partial(device)) == []
    events = live(faulty, begin, days, functools.partial(device, **change))
    raised = [event for event in events if event.kind is kind and event.status is Status.RAISED]
    assert raised
    first = raised[0]
    assert first.severity > Severity.UNKNOWN and first.text.startswith('socket: ') and first.value == first.value
    assert T0 + (begin - 1) * DAY <= first.since <= first.time      # what began before is no news
    if kind in (Kind.WASTE, Kind.STUCK, Kind.FORGOTTEN):
        cost = faulty.standing(T0 + (begin + days) * DAY)
        told = next(event for event in cost if event.id == first.id)
        assert told.wasted_energy > 0 and told.wasted_money == pytest.approx(0.3 * told.wasted_energy)
        assert told.currency == 'EUR'


@pytest.mark.parametrize('change, kind, words', [
    ({'welded': True}, Kind.STUCK, 'has run for'), ({'every': 30}, Kind.WASTE, 'over three hours')])
def test_more_power_is_a_stuck_compressor_only_where_it_no_longer_stops(change, kind, words):
    detector = copy.deepcopy(settled('stuck compressor, full power'))
    first, *more = live(detector, LEARNT, 3, functools.partial(fridge, **change))
    assert first.kind is kind and words in first.text
    assert all(event.kind is kind and event.id == first.id for event in more)    # the same, told again each day


def test_waste_that_becomes_an_endless_run_is_told_again_as_stuck_over_a_restart():
    detector = copy.deepcopy(settled('stuck compressor, full power'))
    told = live(detector, LEARNT, 2, functools.partial(fridge, every=30))     # told after one
    assert [event.kind for event in told] == [Kind.WASTE]
    again = AnomalyDetector('socket')
    again.restore(json.loads(json.dumps(detector.state())))
    for one in (detector, again):
        *more, event = live(one, LEARNT + 2, 0.3, functools.partial(fridge, welded=True))
        assert all(before.kind is Kind.WASTE for before in more)    # what it cost in a day
        assert event.kind is Kind.STUCK and event.status is Status.RAISED and event.id == told[0].id
        assert event.since == told[0].since and event.wasted_energy > 0 and 'has run for' in event.text
    over, = live(again, LEARNT + 2.3, 0.7, functools.partial(fridge))
    assert over.kind is Kind.STUCK and over.status is Status.CLEARED
