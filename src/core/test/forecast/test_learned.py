from datetime import datetime, timezone

import numpy as np
import pytest

from hearthgrid_core.forecast import DAY, LEARNED, LOAD, PHOTOVOLTAIC, PRICE, Forecaster, ForecastSettings, Series
from hearthgrid_core.forecast.features import filled, rows
from hearthgrid_core.forecast.forest import QuantileForest
from hearthgrid_core.forecast.holidays import HOLIDAY, kinds
from hearthgrid_core.forecast.lear import lear
from hearthgrid_core.forecast.learned import PriceLearner, stretch

HOURLY = ForecastSettings(step=3600.0, horizon=DAY)
DAYS = 40


def heated(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return (hours,) a load that follows the temperature, and (1, hours + 24) that temperature, known ahead."""
    chance = np.random.default_rng(seed)
    hours = np.arange(24 * (DAYS + 1))
    air = np.repeat(chance.uniform(-10, 10, DAYS + 1), 24) + 3 * np.sin(hours / 24 * 2 * np.pi)
    load = 1000 - 40 * air + 30 * chance.normal(size=len(hours))
    return load[:24 * DAYS], air[None]


def trained(values: np.ndarray, prior=LOAD, outside=None, **more) -> tuple[Forecaster, Series]:
    past = Series(0.0, 3600.0, values)
    forecaster = Forecaster(HOURLY, prior)
    forecaster.learn(past)
    forecaster.train(past, outside, **more)
    return forecaster, past


def test_what_only_the_weather_tells_is_learnt_and_used():
    load, air = heated()
    forecaster, past = trained(load, outside=air)
    verdict = forecaster.verdict
    assert verdict.better and verdict.error < 0.6 * verdict.baseline
    made = forecaster.forecast(past, air)
    assert made.method == LEARNED and np.abs(made.mean - (1000 - 40 * air[0, -24:])).mean() < 150
    assert (made.lower <= made.median).all() and (made.median <= made.upper).all()


def test_without_the_weather_it_was_trained_with_a_baseline_steps_in():
    load, air = heated()
    forecaster, past = trained(load, outside=air)
    assert forecaster.forecast(past).method != LEARNED


def test_where_a_baseline_is_better_it_is_used():
    values = np.cumsum(np.random.default_rng(1).normal(size=24 * DAYS)) + 1000
    forecaster, past = trained(values)
    assert not forecaster.verdict.better
    assert forecaster.forecast(past).method in forecaster.errors
    assert forecaster.tried(past).method == LEARNED, 'it can still be shown beside'


def test_a_rival_that_knows_better_keeps_it_out():
    load, air = heated()
    forecaster, past = trained(load, outside=air, rival=load)
    assert not forecaster.verdict.better and forecaster.verdict.baseline == 0.0


def test_nothing_is_learnt_of_a_few_days():
    forecaster, past = trained(np.random.default_rng(0).uniform(100, 200, 24 * 9))
    assert forecaster.verdict is None and forecaster.forecast(past).method != LEARNED


def test_the_trial_is_of_days_it_was_not_fitted_on(monkeypatch):
    seen = []
    fit = PriceLearner.fit
    monkeypatch.setattr(PriceLearner, 'fit', lambda self, values, *rest: (seen.append(len(values)),
                                                                         fit(self, values, *rest)))
    trained(np.random.default_rng(0).uniform(size=24 * 60), PRICE)
    assert seen == [24 * 46, 24 * 60]


def test_features_look_at_nothing_after_the_origin():
    chance = np.random.default_rng(0)
    past, later = chance.uniform(size=24 * 20), chance.uniform(size=24 * 20)
    origin, leads = 24 * 12 + 5, np.arange(48)
    mixed = np.concatenate([past[:origin], later[origin:]])
    both = (rows(values, origin, leads, 0.0, HOURLY) for values in (past, mixed))
    assert np.array_equal(*both)
    assert not np.array_equal(rows(past, origin, leads, 0.0, HOURLY), rows(later, origin, leads, 0.0, HOURLY))


def test_gaps_in_past_and_weather_leave_a_finite_forecast():
    load, air = heated()
    load[100:160], load[-5:], air[0, :50], air[0, 400:500], air[0, -3:] = (np.nan,) * 5
    forecaster, past = trained(load, outside=air)
    made = forecaster.forecast(past, air)
    assert made.method == LEARNED
    assert all(np.isfinite(array).all() for array in (made.mean, made.lower, made.upper, made.median))


def test_weather_of_another_length_is_refused():
    load, air = heated()
    with pytest.raises(ValueError, match='shape'):
        trained(load, outside=air[:, 1:])


def test_sun_does_not_fall_below_zero():
    values = np.maximum(0, np.sin(np.arange(24 * DAYS) / 24 * 2 * np.pi)) * np.random.default_rng(0).uniform(
        200, 900, 24 * DAYS)
    forecaster, past = trained(values, PHOTOVOLTAIC)
    made = forecaster.tried(past)
    assert (made.lower >= 0).all() and (made.mean >= 0).all()


def test_gaps_are_filled_from_the_day_before():
    values = np.arange(72.0)
    values[30:33] = np.nan
    assert filled(values, 24)[30:33].tolist() == [6.0, 7.0, 8.0]
    with pytest.raises(ValueError):
        filled(np.full(5, np.nan), 24)


def test_quantiles_of_a_forest_are_those_of_the_noise():
    chance = np.random.default_rng(2)
    x = chance.uniform(size=(4000, 1))
    y = 10 * (x[:, 0] > 0.5) + chance.normal(size=4000)
    mean, (low, middle, high) = QuantileForest(x[:3000], y[:3000]).predict(x[3000:], (0.1, 0.5, 0.9))
    rest = y[3000:]
    assert 0.70 < ((rest >= low) & (rest <= high)).mean() < 0.88, 'of 80 %; leaves of ten remember a little too well'
    assert np.abs(mean - 10 * (x[3000:, 0] > 0.5)).mean() < 0.5 and np.abs(middle - mean).mean() < 0.5


def test_a_forest_is_the_same_twice():
    load, air = heated()
    made = [trained(load, outside=air)[0].forecast(Series(0.0, 3600.0, load), air).mean for _ in range(2)]
    assert np.array_equal(*made)


def test_a_law_that_prices_follow_is_found():
    days = [np.random.default_rng(3).uniform(30, 60, 24) for _ in range(7)]
    while len(days) < 200:  # tomorrow is the mean of today and today a week ago, plus some unrest
        days.append(0.5 * days[-1] + 0.5 * days[-7] + np.random.default_rng(len(days)).normal(size=24))
    past = np.concatenate(days)
    made = lear(past, 48, 24)
    law = 0.5 * days[-1] + 0.5 * days[-7]
    assert made.shape == (48,) and np.abs(made[:24] - law).mean() < 0.45 < 0.8 < np.abs(days[-1] - law).mean()


def test_prices_use_what_is_foreseen():
    chance = np.random.default_rng(4)
    wind = chance.uniform(size=24 * 241)
    past = 60 - 40 * wind + chance.normal(size=len(wind))
    made = lear(past[:-24], 24, 24, wind[None])
    blind = lear(past[:-24], 24, 24)
    assert np.abs(made - past[-24:]).mean() < 0.5 * np.abs(blind - past[-24:]).mean()


@pytest.mark.parametrize('shift', [0, 2])
def test_a_holiday_in_the_week_is_known_by_its_date(shift):
    start, days = datetime(2023, 1, 1, tzinfo=timezone.utc).timestamp(), 486    # to the end of April 2024
    free = kinds(start + DAY * (np.arange(days + 1) + 0.5)) == HOLIDAY
    assert free[days], 'a Wednesday, the first of May'
    levels = np.where(free, 35.0, 50.0)[:, None] + 5.0 * np.sin(np.arange(24) / 4)
    past = (levels + np.random.default_rng(1).normal(size=levels.shape))[:days].ravel()
    error = np.abs(lear(past, 24, 24, None, start + DAY * (days + shift)) - levels[days]).mean()
    assert error < 4.0 if shift == 0 else error > 10.0, 'two days off it is a Friday'
    assert np.abs(lear(past, 24, 24) - levels[days]).mean() > 10.0


def test_the_learner_hands_the_date_on():
    made = []
    for start in (0.0, 100 * DAY):
        past = Series(start, 3600.0, 40 + 10 * np.random.default_rng(5).normal(size=24 * 60))
        forecaster = Forecaster(HOURLY, PRICE)
        forecaster.train(past)
        made.append(forecaster.tried(past).mean)
        assert np.array_equal(made[-1], lear(past.values, HOURLY.count, 24, None, past.end))
    assert not np.array_equal(*made)


def test_too_few_days_of_prices_are_no_forecast():
    assert np.isnan(lear(np.ones(24 * 27), 24, 24)).all()
    assert np.allclose(lear(np.ones(24 * 40), 24, 24), 1.0), 'what never changes stays'


@pytest.mark.parametrize('spread, factor', [(1.2816, 1.0), (0.6408, 2.0), (2.5631, 0.5)])
def test_a_spread_is_stretched_to_cover(spread, factor):
    actual = np.random.default_rng(0).normal(size=20000)
    guess = np.stack([np.full(20000, value) for value in (-spread, 0.0, spread)])
    assert stretch(actual, guess) == pytest.approx(factor, rel=0.03)
    nights = np.zeros((4, 20000))       # of which a forecast of the sun is sure, and rightly
    assert stretch(np.append(actual, nights[0]), np.hstack([guess, nights[1:]])) == stretch(actual, guess)
    assert stretch(nights[0], nights[1:]) == 1.0, 'nothing but nights tells nothing'
