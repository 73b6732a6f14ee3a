import os
from pathlib import Path

import numpy as np
import pytest

from hearthgrid_core.forecast import (
    LOAD,
    PHOTOVOLTAIC,
    PRICE,
    Forecaster,
    ForecastSettings,
    Series,
    coverage,
    mean_absolute_error,
    pinball_loss,
    skill,
)

HOURLY = ForecastSettings(step=3600.0, horizon=24 * 3600.0)
PROFILE = 300 + 200 * np.sin(np.arange(24) / 24 * 2 * np.pi)
DATA = Path(os.environ.get('HEARTHGRID_DATA', Path(__file__).parents[4].parent / 'shared' / 'data'))


def past(days: int, noise: float = 0.0, seed: int = 1) -> Series:
    values = np.tile(PROFILE, days) + noise * np.random.default_rng(seed).normal(size=24 * days)
    return Series(0.0, 3600.0, values)


def test_before_anything_is_known_the_guess_is_wide_and_says_so():
    forecast = Forecaster(HOURLY, LOAD).forecast(Series(0.0, 3600.0, np.empty(0)))
    assert forecast.method == 'first guess' and forecast.history == 0.0
    assert (forecast.mean == LOAD.level).all()
    assert (forecast.lower == 0).all() and (forecast.upper > 2 * LOAD.level).all()


def test_after_minutes_it_forecasts_from_what_it_saw_and_stays_wide():
    settings = ForecastSettings(step=300.0, horizon=3600.0)
    forecaster = Forecaster(settings, LOAD)
    short = Series(0.0, 300.0, np.array([200.0, 210.0]))
    forecaster.learn(short)
    forecast = forecaster.forecast(short)
    assert forecast.start == 600.0 and forecast.history == 600.0
    assert np.allclose(forecast.mean, 205.0, atol=10) and (forecast.upper - forecast.mean > 300).all()


def test_with_days_the_profile_wins_and_the_spread_becomes_the_noise():
    forecaster = Forecaster(HOURLY, LOAD)
    history = past(28, noise=30.0)
    forecaster.learn(history)
    forecast = forecaster.forecast(history)
    assert forecast.method == 'mean of days'
    assert mean_absolute_error(PROFILE, forecast.mean) < 15
    width = float((forecast.upper - forecast.lower).mean())
    assert 60 < width < 350, 'near 2·1.28·σ, and still wider: a week is little evidence'


def test_the_last_measurement_wins_where_it_tells_more():
    level = np.cumsum(np.random.default_rng(3).normal(size=24 * 20))  # a random walk has no profile
    settings = ForecastSettings(step=3600.0, horizon=3 * 3600.0)
    forecaster = Forecaster(settings, PRICE)
    forecaster.learn(Series(0.0, 3600.0, level))
    assert forecaster.errors['persistence'] < forecaster.errors['same time yesterday']
    assert forecaster.forecast(Series(0.0, 3600.0, level)).method == 'persistence'


def test_the_winner_has_the_smallest_error():
    forecaster = Forecaster(HOURLY, LOAD)
    history = past(20, noise=50.0)
    forecaster.learn(history)
    assert forecaster.forecast(history).method == min(forecaster.errors, key=forecaster.errors.get)


def test_panels_follow_the_sky_of_the_last_hour_and_no_lucky_week():
    sun = 2000.0 * np.maximum(np.sin((np.arange(24) - 5.5) / 13 * np.pi), 0.0) * (np.arange(24) < 19)
    clouds = np.random.default_rng(2).uniform(0.3, 1.0, 7)
    days = np.outer(np.tile(clouds, 4), sun).ravel()        # by chance each week was as the week before
    forecaster = Forecaster(HOURLY, PHOTOVOLTAIC)
    assert forecaster.forecast(Series(0.0, 3600.0, days[:30])).method == 'usual day, scaled to the last hour'
    history = Series(0.0, 3600.0, days)
    forecaster.learn(history)
    assert min(forecaster.errors, key=forecaster.errors.get) == 'same time last week', 'it is computed beside'
    noons = []
    for share in (0.2, 1.0):
        today = Series(0.0, 3600.0, np.concatenate([days, share * sun[:10]]))
        forecast = forecaster.forecast(today)
        assert forecast.method == 'usual day, scaled to the last hour'
        noons.append(forecast.mean[2] / sun[12])
    assert noons[0] < 0.4 < 0.8 < noons[1]


def test_spread_covers_what_it_promises():
    actual, low, high = [], [], []
    for seed in range(12):
        history = past(40, noise=60.0, seed=seed)
        before = Series(0.0, 3600.0, history.values[:30 * 24 + seed])
        forecaster = Forecaster(HOURLY, LOAD)
        forecaster.learn(before)
        forecast = forecaster.forecast(before)
        actual.append(history.values[len(before):len(before) + 24])
        low.append(forecast.lower)
        high.append(forecast.upper)
    assert 0.75 < coverage(np.concatenate(actual), np.concatenate(low), np.concatenate(high)) < 0.995


def test_gaps_and_negative_values_leave_a_finite_forecast():
    values = past(10, noise=40.0).values
    values[30:80], values[100], values[-3:] = np.nan, -500.0, np.nan
    forecaster = Forecaster(HOURLY, LOAD)
    series = Series(0.0, 3600.0, values)
    forecaster.learn(series)
    forecast = forecaster.forecast(series)
    for array in (forecast.mean, forecast.lower, forecast.upper):
        assert array.shape == (24,) and np.isfinite(array).all() and (array >= 0).all()
    assert (forecast.lower <= forecast.mean).all() and (forecast.mean <= forecast.upper).all()


def test_a_price_may_fall_below_zero():
    forecast = Forecaster(HOURLY, PRICE).forecast(Series(0.0, 3600.0, np.full(30, -0.2)))
    assert (forecast.mean < 0).all()


def test_another_step_is_refused():
    with pytest.raises(ValueError, match='steps'):
        Forecaster(HOURLY, LOAD).forecast(Series(0.0, 60.0, np.ones(10)))


@pytest.mark.parametrize('actual, forecast, error', [([1, 2], [2, 4], 1.5), ([1, np.nan], [2, 9], 1.0)])
def test_mean_absolute_error(actual, forecast, error):
    assert mean_absolute_error(np.array(actual), np.array(forecast)) == error


def test_pinball_loss_is_least_at_the_quantile():
    sample = np.random.default_rng(0).normal(size=4000)
    loss = [pinball_loss(sample, np.full(4000, q), 0.9) for q in (0.8, 1.2816, 1.8)]
    assert loss[1] == min(loss)
    assert pinball_loss(np.array([3.0]), np.array([1.0]), 0.9) == pytest.approx(1.8)
    assert pinball_loss(np.array([1.0]), np.array([3.0]), 0.9) == pytest.approx(0.2)


def test_scores_of_nothing_are_no_number():
    nothing = np.array([np.nan])
    assert all(np.isnan(score) for score in (mean_absolute_error(nothing, nothing), pinball_loss(nothing, nothing, 0.5),
                                             coverage(nothing, nothing, nothing), skill(1.0, 0.0)))
    assert skill(0.5, 2.0) == 0.75


@pytest.mark.skipif(not (DATA / 'household_1min').is_dir(), reason=f'no real households under {DATA}')
def test_a_real_household_is_forecast_no_worse_than_by_its_worst_baseline():
    pandas = pytest.importorskip('pandas')
    watts = pandas.read_parquet(DATA / 'household_1min' / 'ideal_house65.parquet')['Aggregate'].to_numpy(float)
    series = Series(0.0, 60.0, watts[:30 * 1440]).resampled(0.0, 3600.0, 30 * 24)
    before = series.until(29 * 86400.0)
    forecaster = Forecaster(HOURLY, LOAD)
    forecaster.learn(before)
    forecast = forecaster.forecast(before)
    assert forecaster.errors[forecast.method] < 0.8 * forecaster.errors['persistence']
    assert coverage(series.values[-24:], forecast.lower, forecast.upper) > 0.5
