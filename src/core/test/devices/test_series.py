"""Features of power series."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.devices.examples import DevicesError
from hearthgrid_core.devices.series import SERIES_FEATURE_NAMES, series_features, switched_on


def named(power, rate=1.0) -> dict[str, float]:
    return dict(zip(SERIES_FEATURE_NAMES, series_features(np.asarray(power, float), rate), strict=True))


def cycling(on=30, off=70, cycles=10, watts=100.0):
    return np.tile(np.r_[np.zeros(off), np.full(on, watts)], cycles)


def test_a_cycling_load_has_its_duty_and_its_durations():
    found = named(cycling(), rate=0.5)
    assert found['duty'] == pytest.approx(0.3)
    assert found['runs'] == pytest.approx(np.log(10))
    assert found['lasted_0.5'] == pytest.approx(np.log(60))
    assert found['pause_0.5'] == pytest.approx(np.log(140))
    assert found['off_at_first'] == 1.0


def test_an_inrush_shows_first_and_then_the_level():
    found = named(np.r_[np.zeros(50), 300.0, np.full(249, 100.0)])
    assert found['on_0'] == pytest.approx(np.log(3.0))
    assert found['on_8'] == pytest.approx(0.0, abs=1e-9)


def test_the_time_above_each_share_and_each_decade():
    found = named(cycling(watts=100.0))
    assert [found[f'share_above_{k}'] ** 2 for k in (0, 11)] == pytest.approx([0.3, 0.3])   # ½ % and 90 % of the top
    assert [found[f'watts_above_{k}'] ** 2 for k in (10, 11)] == pytest.approx([0.3, 0.0])  # from 100 W, from 158 W


def test_the_ripple_lies_in_its_band():
    n = np.arange(2000)
    found = named(100 + 20 * np.sin(2 * np.pi * 0.2 * n), rate=100.0)     # 0.4 of half the rate: band 7 or 8
    bands = [found[f'band_{k}'] for k in range(20)]
    assert int(np.argmax(bands)) in (7, 8)


def test_an_uncalibrated_copy_differs_only_in_absolute_features():
    one, other = named(cycling(watts=100.0)), named(cycling(watts=7.3))
    differing = {name for name in one if not np.isclose(one[name], other[name], atol=1e-6)}
    assert differing and all(name.startswith(('log_', 'watts_', 'level_')) for name in differing)


@pytest.mark.parametrize('power', [np.zeros(16), np.ones(16), np.full(400, -3.0), np.r_[np.zeros(15), 1.0],
                                   np.r_[1e4, np.zeros(3000)]])
def test_whatever_the_series_the_features_are_finite(power):
    assert np.isfinite(series_features(power, 0.25)).all()


@given(st.lists(st.floats(-10, 4000), min_size=16, max_size=200), st.sampled_from([0.25, 1.0, 100.0]))
def test_any_series_has_finite_features(power, rate):
    assert np.isfinite(series_features(np.array(power), rate)).all()


@pytest.mark.parametrize('power, rate', [(np.ones(15), 1.0), (np.ones((4, 16)), 1.0), (np.r_[np.ones(20), np.nan], 1.0),
                                         (np.ones(20), 0.0), (np.ones(20), np.nan)])
def test_what_is_no_series_is_refused(power, rate):
    with pytest.raises(DevicesError):
        series_features(power, rate)


def test_a_dip_above_the_lower_bound_does_not_switch_off():
    x = np.r_[np.zeros(10), np.full(10, 100.0), np.full(3, 7.0), np.full(10, 100.0), np.zeros(10)]
    begin, end = switched_on(x, 0.0, 100.0)
    assert (begin.tolist(), end.tolist()) == ([10], [33])
