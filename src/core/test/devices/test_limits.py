"""What one reading shows: each rule as a table."""
import math

import pytest

from hearthgrid_core.devices import AnomalySettings, Observation, Severity
from hearthgrid_core.devices.limits import SensorRule, overcurrent, overtemperature, supply_voltage

NAN = float('nan')
SETTINGS = AnomalySettings()
WELL, WARNING, CRITICAL = Severity.UNKNOWN, Severity.WARNING, Severity.CRITICAL


def severity(finding):
    return None if finding is None else finding.severity


@pytest.mark.parametrize('current, up, found', [
    (0.0, False, WELL), (17.9, False, WELL), (18.1, False, WARNING), (20.1, False, CRITICAL),
    (17.5, True, WARNING), (16.9, True, WELL), (NAN, True, None), (math.inf, False, None),
    (-1.0, True, None), (3e38, False, None)])
def test_overcurrent(current, up, found):
    assert severity(overcurrent(Observation(current=current), up, SETTINGS)) is found


@pytest.mark.parametrize('temperature, up, found', [
    (25.0, False, WELL), (70.0, False, WELL), (70.5, False, WARNING), (86.0, False, CRITICAL),
    (66.0, True, WARNING), (65.0, True, WELL), (NAN, False, None), (3e38, False, None)])
def test_overtemperature(temperature, up, found):
    assert severity(overtemperature(Observation(temperature=temperature), up, SETTINGS)) is found


@pytest.mark.parametrize('voltage, up, found', [
    (230.0, False, WELL), (207.1, False, WELL), (206.9, False, WARNING), (253.1, False, WARNING),
    (195.0, False, CRITICAL), (265.0, False, CRITICAL),
    (208.0, True, WARNING), (209.4, True, WELL), (251.0, True, WARNING),
    (0.0, False, None), (22.0, True, None), (NAN, False, None), (500.0, False, None)])   # a dead supply is an outage
def test_supply_voltage_en_50160(voltage, up, found):
    assert severity(supply_voltage(Observation(voltage=voltage), up, SETTINGS)) is found


@pytest.mark.parametrize('voltage, found', [(120.0, WELL), (114.1, WELL), (113.9, WARNING), (126.1, WARNING)])
def test_supply_voltage_ansi_c84_range_a(voltage, found):
    ansi = AnomalySettings(nominal_voltage=120.0, voltage_low=0.95, voltage_high=1.05)
    assert severity(supply_voltage(Observation(voltage=voltage), False, ansi)) is found


GOOD = {'voltage': 230.0, 'current': 2.0, 'active_power': 400.0, 'apparent_power': 460.0, 'power_factor': 0.87,
        'frequency': 50.0, 'temperature': 30.0}


@pytest.mark.parametrize('change, words', [
    ({}, None),
    ({'active_power': -400.0, 'power_factor': -0.87}, None),      # a producing inverter
    ({'power_factor': NAN, 'frequency': NAN, 'temperature': NAN}, None),
    ({'power_factor': 1.004}, None),
    ({'voltage': NAN}, 'voltage is nan'),
    ({'current': NAN}, 'current is nan'),
    ({'active_power': NAN}, 'active power is nan'),
    ({'voltage': -230.0}, 'voltage is -230'),
    ({'voltage': 500.0}, 'voltage is 500'),
    ({'voltage': math.inf}, 'voltage is inf'),
    ({'current': -2.0}, 'current is -2'),
    ({'current': 1500.0}, 'current is 1500'),
    ({'power_factor': 1.2}, 'power factor is 1.2'),
    ({'power_factor': -1.2}, 'power factor is -1.2'),
    ({'apparent_power': -10.0}, 'apparent power is -10'),
    ({'apparent_power': 900.0}, 'apparent power is 900'),
    ({'active_power': 600.0}, 'active power is 600'),
    ({'active_power': -600.0}, 'active power is -600'),
    ({'frequency': 0.0}, 'frequency is 0'),
    ({'frequency': 400.0}, 'frequency is 400'),
    ({'temperature': 300.0}, 'temperature is 300'),
    ({'temperature': -60.0}, 'temperature is -60'),
])
def test_what_cannot_be_true(change, words):
    rule = SensorRule()
    assert severity(rule.judge(Observation(**GOOD), SETTINGS)) is WELL
    found = rule.judge(Observation(**{**GOOD, **change}), SETTINGS)
    assert severity(found) is (WELL if words is None else WARNING)
    assert words is None or words in found.text


def test_what_was_never_measured_is_not_missing():
    meter = Observation(active_power=-1200.0)                     # a meter that has only power
    assert severity(SensorRule().judge(meter, SETTINGS)) is WELL
