"""Metering against closed forms: whatever the harmonics, the phases and the frequency, within 1/10 000 of full size."""
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.waveform import EnergyCounter, WaveformError, Window, align, meter, meter_dead

TOLERANCE = 1e-4        # of V, of I, of V·I and of 1


@dataclass(frozen=True)
class Wave:
    """√2·Σ rms·sin(2πhft + phase), and a direct part."""

    parts: dict            # harmonic: (RMS, phase)
    direct: float = 0.0

    def at(self, angle):
        return self.direct + sum(2 ** 0.5 * rms * np.sin(h * angle + phase) for h, (rms, phase) in self.parts.items())

    def rms(self):
        return np.sqrt(self.direct ** 2 + sum(rms ** 2 for rms, _ in self.parts.values()))

    def thd(self):
        return np.sqrt(self.rms() ** 2 - self.parts[1][0] ** 2) / self.parts[1][0]


def expected(v, i):
    """IEEE 1459-2010, 3.1.2, as written."""
    both = v.parts.keys() & i.parts.keys()
    active = v.direct * i.direct + sum(v.parts[h][0] * i.parts[h][0] * np.cos(v.parts[h][1] - i.parts[h][1])
                                       for h in both)
    return dict(voltage=v.rms(), current=i.rms(), active_power=active,
                reactive_power=v.parts[1][0] * i.parts[1][0] * np.sin(v.parts[1][1] - i.parts[1][1]),
                apparent_power=v.rms() * i.rms(), power_factor=active / (v.rms() * i.rms()),
                voltage_thd=v.thd(), current_thd=i.thd(),
                harmonics=np.array([i.parts.get(h, (0.0, 0.0))[0] for h in range(1, 41)]))


def measured(v, i, frequency, nominal=50.0, rate=6400.0, turn=0.7):
    angle = 2 * np.pi * frequency * np.arange(round(12.1 / frequency * rate)) / rate + turn
    return meter(align(Window(v.at(angle), i.at(angle), rate), nominal, cycles=10))


def check(v, i, got, frequency, tolerance=TOLERANCE):
    size = dict(voltage=v.rms(), current=i.rms(), active_power=v.rms() * i.rms(), reactive_power=v.rms() * i.rms(),
                apparent_power=v.rms() * i.rms(), harmonics=i.rms())
    for name, value in expected(v, i).items():
        assert getattr(got, name) == pytest.approx(value, abs=tolerance * size.get(name, 1.0)), name
    assert got.frequency == pytest.approx(frequency, abs=1e-3)


MAINS = Wave({1: (230.0, 0.0)})
FLAT = Wave({1: (230.0, 0.0), 3: (6.9, 0.3), 5: (11.5, 2.0), 7: (4.6, -1.0)})


@pytest.mark.parametrize('frequency, nominal', [(50.0, 50.0), (49.2, 50.0), (51.7, 50.0), (60.0, 60.0), (60.7, 60.0)])
@pytest.mark.parametrize('v, i', [
    (MAINS, Wave({1: (10.0, 0.0)})),                                               # a heater
    (MAINS, Wave({1: (2.0, -np.pi / 2)})),                                         # a coil: Q1 = +460
    (MAINS, Wave({1: (2.0, np.pi / 2)})),                                          # a capacitor: Q1 = −460
    (MAINS, Wave({1: (4.0, np.pi)})),                                              # a generator: P = −920
    (FLAT, Wave({1: (10.0, 0.0), 3: (0.3, 0.3), 5: (0.5, 2.0), 7: (0.2, -1.0)})),  # a heater on flat-topped mains
    (FLAT, Wave({1: (0.5, 0.2), 3: (0.4, 3.0), 5: (0.3, 0.5), 7: (0.2, -2.0), 9: (0.1, 1.0), 39: (0.05, 0.0)})),
    (FLAT, Wave({1: (0.006, -1.0), 2: (0.001, 0.0)})),                             # standby
    (MAINS, Wave({1: (3.0, 0.0), 2: (1.4, 0.0)}, direct=1.5)),                     # half-wave heater
], ids=['heater', 'coil', 'capacitor', 'generator', 'flat mains', 'rectifier', 'standby', 'half wave'])
def test_closed_forms(v, i, frequency, nominal):
    check(v, i, measured(v, i, frequency, nominal, rate=128 * nominal), frequency)


def parts(largest):
    """Up to four harmonics beside the fundamental, each to `largest` of it."""
    return st.dictionaries(st.integers(2, 40), st.tuples(st.floats(0.0, largest), st.floats(-3.1, 3.1)), max_size=4)


@given(st.floats(45.0, 65.0), st.floats(0.0, 6.28), st.floats(90.0, 260.0), st.floats(0.01, 20.0), st.floats(-3.1, 3.1),
       parts(0.04), parts(0.8), st.sampled_from([8000.0, 12800.0, 30000.0]))
@settings(max_examples=80, deadline=None)
def test_any_wave(frequency, turn, volts, amps, lag, voltage_parts, current_parts, rate):
    v = Wave({1: (volts, 0.0), **{h: (share * volts, phase) for h, (share, phase) in voltage_parts.items()}})
    i = Wave({1: (amps, -lag), **{h: (share * amps, phase) for h, (share, phase) in current_parts.items()}})
    check(v, i, measured(v, i, frequency, 50.0 if frequency < 55 else 60.0, rate, turn), frequency, 2 * TOLERANCE)


@given(st.floats(0.01, 100.0))
@settings(max_examples=20, deadline=None)
def test_power_is_proportional_to_current(factor):
    i = Wave({1: (1.0, -0.5), 3: (0.3, 0.2)})
    scaled = Wave({h: (rms * factor, phase) for h, (rms, phase) in i.parts.items()})
    one, many = measured(FLAT, i, 50.1), measured(FLAT, scaled, 50.1)
    for name in ('current', 'active_power', 'reactive_power', 'apparent_power', 'harmonics'):
        assert getattr(many, name) == pytest.approx(factor * getattr(one, name), rel=1e-9)
    for name in ('voltage', 'frequency', 'power_factor', 'voltage_thd', 'current_thd'):
        assert getattr(many, name) == pytest.approx(getattr(one, name), rel=1e-9)


@pytest.mark.parametrize('amps', [0.0, 0.0049])
def test_without_a_load_ratios_are_not_defined(amps):
    got = measured(MAINS, Wave({1: (amps, 0.0)}), 50.0)
    assert np.isnan(got.power_factor) and np.isnan(got.current_thd)
    assert got.active_power == pytest.approx(230 * amps, rel=1e-4, abs=1e-9)
    assert got.voltage_thd == pytest.approx(0.0, abs=1e-3) and got.harmonics.shape == (40,)


def test_dead_mains_still_have_root_mean_squares():
    got = meter_dead(Window([3.0, -3.0, 3.0, -3.0], [1.0, 1.0, 1.0, -1.0], 6400.0))
    assert (got.voltage, got.current, got.active_power, got.apparent_power) == (3.0, 1.0, 1.5, 3.0)
    for name in ('reactive_power', 'power_factor', 'frequency', 'voltage_thd', 'current_thd', 'harmonics'):
        assert np.isnan(getattr(got, name)).all(), name
    assert got.harmonics.shape == (40,)


def test_energy_of_a_kilowatt_hour():
    counter = EnergyCounter(2.0)
    for _ in range(3600):
        counter.add(1000.0, 1.0)
    assert counter.energy_kwh == pytest.approx(3.0, rel=1e-12)


@given(st.lists(st.tuples(st.floats(allow_nan=True, allow_infinity=True, width=32), st.floats(0.0, 3600.0))))
def test_energy_never_falls_and_counts_what_is_drawn(steps):
    counter, drawn = EnergyCounter(), 0.0
    for power, duration in steps:
        before = counter.energy_kwh
        assert counter.add(power, duration) == counter.energy_kwh >= before
        drawn += power * duration / 3.6e6 if 0 < power < np.inf else 0.0
    assert counter.energy_kwh == pytest.approx(drawn)


@pytest.mark.parametrize('duration', [-1.0, np.nan, np.inf])
def test_impossible_durations(duration):
    counter = EnergyCounter(1.0)
    with pytest.raises(WaveformError, match='energy over'):
        counter.add(100.0, duration)
    assert counter.energy_kwh == 1.0


@pytest.mark.parametrize('start', [-0.1, np.nan, np.inf])
def test_impossible_counters(start):
    with pytest.raises(WaveformError, match='cannot start'):
        EnergyCounter(start)
