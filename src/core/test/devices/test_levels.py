"""Features of levels: histograms in watt, edges, noise at each level."""
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.devices.levels import level_features


def two_levels(low=5.0, high=100.0, turns=10, noise=0.0, seed=0):
    """Fifty samples at each, in turns; noise while high. [W]"""
    x = np.tile(np.r_[np.full(50, low), np.full(50, high)], turns)
    return np.maximum(0.0, x + noise * (x == high) * np.random.default_rng(seed).standard_normal(len(x)))


def test_the_time_at_each_size():
    found = level_features(two_levels(), 0.25)
    sizes = {k: found[f'size_{k}'] ** 2 for k in range(21)}
    assert sizes[3] == pytest.approx(0.5) and sizes[10] == pytest.approx(0.5)       # 4 … 7 W and 90 … 120 W
    assert sum(sizes.values()) == pytest.approx(1.0)


def test_the_time_above_each_size_by_its_plain_twin():
    x = two_levels(noise=30.0, seed=2)
    found = level_features(x, 0.25)
    for k, watts in {0: 1, 2: 4, 8: 65, 9: 90, 10: 120, 19: 2500}.items():
        assert found[f'size_above_{k}'] ** 2 == pytest.approx(sum(value >= watts for value in x) / len(x)), watts


def test_a_load_of_nearly_the_same_size_is_near_when_counted_from_above():
    """89 and 91 W are in two bins; from above they differ at one level of twenty, by half the time."""
    one, other = (level_features(two_levels(high=watts), 0.25) for watts in (89.0, 91.0))
    assert [k for k in range(20) if one[f'size_above_{k}'] != other[f'size_above_{k}']] == [9]
    assert [k for k in range(20) if one[f'edge_up_above_{k}'] != other[f'edge_up_above_{k}']] == []
    assert one['edge_up_above_3'] == pytest.approx(np.log1p(10)) and one['edge_up_above_12'] == 0.0


def test_edges_are_counted_by_their_size():
    found = level_features(two_levels(), 0.25)
    assert found['edge_up_10'] == pytest.approx(np.log1p(10)) and found['edge_down_10'] == pytest.approx(np.log1p(9))
    assert found['edges'] == pytest.approx(np.log1p(19))
    assert sum(found[f'edge_up_{k}'] for k in range(21)) == found['edge_up_10']


def test_where_the_power_goes_within_a_minute():
    """At 0.25 Hz a minute is fifteen samples: of a hundred, fifteen go up, fifteen down, seventy stay."""
    found = level_features(np.tile(two_levels(turns=1), 100), 0.25)
    stay_low, up, down, stay_high = (found[f'move_{k}'] ** 2 for k in (22, 26, 62, 66))
    assert (stay_low, up, down, stay_high) == pytest.approx((0.35, 0.15, 0.15, 0.35), abs=2e-3)


def test_noise_belongs_to_its_level():
    quiet, loud = (level_features(two_levels(noise=noise, turns=20), 0.25) for noise in (0.0, 4.0))
    assert loud['noise_next_6_median'] > quiet['noise_next_6_median'] + 1.0
    assert loud['noise_next_2_median'] == quiet['noise_next_2_median']
    assert loud['noise_next_9_median'] == -1.5                              # never there


def test_the_commonest_watts():
    found = level_features(np.r_[np.full(300, 60.0), np.full(100, 80.0), np.zeros(100)], 1.0)
    assert found['peak_0'] == pytest.approx(np.log1p(60)) and found['peak_1'] == pytest.approx(0.75)
    assert found['peak_4'] == pytest.approx(0.75) and found['peak_5'] == pytest.approx(0.25) and found['peak_6'] == 0


def test_noise_at_a_level_by_its_plain_twin():
    x = two_levels(noise=3.0, seed=4)
    found = level_features(x, 0.25)
    steps = [abs(x[k] - x[k - 15]) for k in range(15, len(x)) if 90 <= x[k] < 180]
    assert found['noise_later_6_median'] == pytest.approx(np.log(0.3 + np.median(steps)))
    assert found['noise_later_6_mean'] == pytest.approx(np.log(0.3 + np.mean(steps)))


@given(st.lists(st.floats(0, 4000), min_size=16, max_size=80), st.sampled_from([0.25, 1.0, 100.0]))
@settings(max_examples=60, deadline=None)
def test_any_series_has_the_same_finite_features(power, rate):
    found = level_features(np.array(power), rate)
    assert np.isfinite(list(found.values())).all()
    assert list(found) == list(level_features(np.zeros(16), 1.0))
