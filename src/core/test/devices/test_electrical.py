"""What signatures and contacts tell: starts, windings, resting currents, warm contacts."""
import math

import numpy as np
import pytest

from hearthgrid_core.devices.channels import HEAT_FLOOR, quantity
from hearthgrid_core.devices.electrical import LOOKS, TAU, Looks, Warmth
from hearthgrid_core.waveform import FEATURE_NAMES, FEATURES

PHASE = 2 * np.pi * np.arange(64) / 64


def vector(current=2.0, reactive=0.0, sine=0.0, settling=0.0, wave=None) -> np.ndarray:
    out = np.zeros(FEATURES)
    values = {'log_current': np.log10(1e-3 + current), 'log_reactive_power': np.log10(1 + reactive),
              'displacement_sin': sine, 'log_settling': np.log10(1 + settling / 0.1)}
    for name, value in values.items():
        out[FEATURE_NAMES.index(name)] = value
    first = FEATURE_NAMES.index('trajectory_0')
    out[first:first + 64] = np.sin(PHASE) if wave is None else wave
    return out


def told(seen) -> dict[str, float]:
    looks = Looks()
    for _ in range(LOOKS):
        out = looks.take(seen)
    return {name: quantity(name, value) for name, value in out.items()}


def test_a_start_that_was_seen_tells_how_long_it_took():
    assert told(vector(settling=0.4))['start'] == pytest.approx(0.4)
    assert 'start' not in told(vector())


def test_a_lagging_load_tells_its_reactive_power():
    assert told(vector(reactive=80.0, sine=-0.6))['winding'] == pytest.approx(80.0)
    assert 'winding' not in told(vector(reactive=80.0, sine=-0.1))


def test_an_arc_lets_the_current_rest_around_its_zeros():
    """A gap that needs 100 V to strike, on a resistance at 230 V, conducts a third of a radian late."""
    broken = np.where(np.abs(np.sin(PHASE)) > 100 / 325, np.sin(PHASE), 0.0)
    assert told(vector(wave=broken))['rest'] > told(vector())['rest'] + 0.1
    assert 'rest' not in told(vector(current=0.1, wave=broken))


def test_one_odd_window_is_no_news():
    looks = Looks()
    values = [looks.take(vector(settling=s)).get('start') for s in (0.4, 0.4, 0.4, 9.0, 0.4)]
    assert values[:2] == [None, None] and all(math.exp(v) == pytest.approx(0.4) for v in values[2:])


def warm(resistance, current=8.0) -> float:
    """Return what is told of contacts of so many K/A² after an hour at rest and an hour of load."""
    warmth, square, out = Warmth(), 0.0, math.nan
    for k in range(7200):
        amperes = 0.0 if k < 3600 else current
        square += (amperes ** 2 - square) / TAU
        out = warmth.take(float(k), amperes, 25.0 + resistance * square)
    return out


@pytest.mark.parametrize('resistance', [0.05, 0.3])
def test_contacts_tell_their_resistance_whatever_the_current(resistance):
    for current in (4.0, 12.0):
        assert math.exp(warm(resistance, current)) - HEAT_FLOOR == pytest.approx(resistance, rel=0.05)


@pytest.mark.parametrize('current, temperature', [(math.nan, 30.0), (8.0, math.nan), (8.0, 30.0), (0.1, 30.0)])
def test_contacts_that_cannot_be_judged(current, temperature):
    assert math.isnan(Warmth().take(0.0, current, temperature))
