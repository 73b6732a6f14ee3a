import numpy as np
import pytest

from hearthgrid_core.forecast import (
    METHODS,
    ForecastSettings,
    blend,
    mean_of_days,
    persistence,
    same_time_last_week,
    same_time_yesterday,
)
from hearthgrid_core.forecast.baselines import (
    CLEAR,
    FAINT,
    SCALED,
    SEEN,
    SHARES,
    SKY,
    YESTERDAY,
    complete,
    mean_so_far,
    scaled_day,
    usual_day,
)

HOURLY = ForecastSettings(step=3600.0, horizon=48 * 3600.0, days=3, recent=3600.0, blend_time=7200.0)
DAY = np.arange(24.0)
SUN = 1000.0 * np.maximum(np.sin((np.arange(24.0) - 5.5) / 13 * np.pi), 0.0) * (np.arange(24) < 19)


def test_yesterday_repeats_over_two_days():
    past = np.concatenate([DAY, DAY + 100])
    np.testing.assert_array_equal(same_time_yesterday(past, 48, HOURLY), np.concatenate([DAY + 100, DAY + 100]))


def test_yesterday_holds_when_the_clock_stands_elsewhere():
    past = np.concatenate([DAY, DAY[:6] + 100])  # it is 06:00
    np.testing.assert_array_equal(same_time_yesterday(past, 4, HOURLY), [6, 7, 8, 9])


def test_last_week_is_seven_days_earlier():
    past = np.arange(8 * 24.0)
    np.testing.assert_array_equal(same_time_last_week(past, 2, HOURLY), [24, 25])
    assert np.isnan(same_time_last_week(past[:100], 2, HOURLY)).all()


def test_the_mean_of_days_leaves_out_what_is_not_known():
    past = np.concatenate([DAY, np.full(24, np.nan), DAY + 10])
    np.testing.assert_array_equal(mean_of_days(past, 3, HOURLY), [5, 6, 7])


def test_persistence_reaches_back_over_a_short_gap_only():
    assert persistence(np.array([1.0, 5.0]), 2, HOURLY).tolist() == [5.0, 5.0]
    assert persistence(np.array([5.0, np.nan]), 1, HOURLY).tolist() == [5.0]
    assert np.isnan(persistence(np.array([5.0] + [np.nan] * 13), 1, HOURLY)).all()


def test_the_blend_starts_at_the_last_measurement_and_ends_at_the_profile():
    past = np.concatenate([DAY, DAY, DAY + 8.0])
    profile = mean_of_days(past, 48, HOURLY)
    before = mean_of_days(past[:-1], 1, HOURLY)[0]
    offset = past[-1] - before
    expected = profile + offset * np.exp(-np.arange(48) / 2.0)
    np.testing.assert_allclose(blend(past, 48, HOURLY), expected)


def test_the_mean_so_far_is_reached_from_the_last_value():
    out = mean_so_far(np.array([0.0, 0.0, 6.0]), 40, HOURLY)
    assert out[0] == pytest.approx(6.0) and out[-1] == pytest.approx(2.0, abs=1e-6)


def test_a_usual_day_has_more_of_yesterday_and_takes_what_there_is():
    past = np.concatenate([DAY, DAY + 10, DAY + 20, DAY + 50])
    np.testing.assert_allclose(usual_day(past, 24, HOURLY), DAY + (1 - YESTERDAY) * 80 / 3 + YESTERDAY * 50)
    past[-24:] = np.nan
    np.testing.assert_allclose(usual_day(past, 24, HOURLY), DAY + 15, err_msg='yesterday is not known: of two days')


@pytest.mark.parametrize('share', [0.25, 0.5, 1.0])
def test_a_dim_hour_dims_the_hours_to_come_and_is_forgotten_as_the_sky_is(share):
    past = np.concatenate([SUN] * 20 + [share * SUN[:10]])
    least = FAINT * SUN.max()
    seen = (share * SUN[9] + least) / (SUN[9] + least)
    wanted = np.roll(SUN, -10) * (1 + (seen - 1) * np.exp(-(np.arange(24) + 0.5) * 3600 / SKY))
    np.testing.assert_allclose(scaled_day(past, 14, HOURLY), wanted[:14])


def test_a_bright_hour_brings_no_more_than_clear_days_had_once_these_are_known():
    for days, top in ((SEEN - 1, np.inf), (SEEN, 500.0), (CLEAR + 3, 500.0)):
        past = np.concatenate([0.4 * SUN] * (days - 1) + [0.5 * SUN, SUN[:10]])
        made = scaled_day(past, 8, HOURLY)
        assert (made > 0.5 * SUN[10:18] + 1).any() == (top > 500.0)
        assert made[0] > 0.47 * SUN[10]


def test_nights_and_homes_without_sun_scale_nothing():
    past = np.concatenate([SUN] * 9)
    np.testing.assert_allclose(scaled_day(past, 48, HOURLY), np.concatenate([SUN, SUN]), err_msg='from midnight')
    np.testing.assert_array_equal(scaled_day(np.zeros(100), 24, HOURLY), np.zeros(24))
    flood = np.concatenate([SUN] * 5 + [SUN[:6] + 1e6])
    assert scaled_day(flood, 4, HOURLY) == pytest.approx(SUN[6:10] * (1 + (SHARES[1] - 1) * np.exp(
        -(np.arange(4) + 0.5) * 3600 / SKY)), rel=0.05), 'no hour says more than three usual ones'


@pytest.mark.parametrize('name', METHODS | SCALED)
@pytest.mark.parametrize('past', [
    [], [np.nan] * 30, [3.0], [3.0] * 5, [np.nan, 3.0] * 40, list(np.arange(400.0)),
], ids=['nothing', 'only gaps', 'one hour', 'five hours', 'gaps', 'weeks'])
def test_every_method_survives_every_history(name, past):
    past = np.array(past, dtype=float)
    out = complete((METHODS | SCALED)[name], past, 48, HOURLY)
    assert out.shape == (48,)
    assert np.isfinite(out).all() == np.isfinite(past).any()


@pytest.mark.parametrize('name', METHODS | SCALED)
def test_no_method_looks_ahead_or_changes_its_input(name):
    past = np.random.default_rng(1).normal(size=300)
    kept = past.copy()
    (METHODS | SCALED)[name](past, 48, HOURLY)
    np.testing.assert_array_equal(past, kept)


@pytest.mark.parametrize('change', [{'step': 7000.0}, {'horizon': 300.0}, {'step': 60.0}, {'memory': 2 * 86400.0}])
def test_settings_that_do_not_fit_are_refused(change):
    with pytest.raises(ValueError):
        ForecastSettings(**change)
