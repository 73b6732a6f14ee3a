import numpy as np
import pytest

from hearthgrid_core.forecast import Series
from hearthgrid_core.forecast.photovoltaic import YIELD, Coefficient, forecast, learn

HOURS = np.arange(24.0)


def sun(days: int, seed: int = 1) -> Series:
    clear = 900 * np.clip(np.sin((HOURS - 5.5) / 13 * np.pi), 0, None)
    cloud = np.random.default_rng(seed).uniform(0.3, 1.0, days).repeat(24)
    return Series(0.0, 3600.0, np.tile(clear, days) * cloud)


def test_without_a_past_the_rating_counts():
    made = forecast(Series(0.0, 3600.0, np.array([0.0, 500.0])), Coefficient.rated(4000.0), 4000.0)
    assert made.mean.tolist() == [0.0, pytest.approx(YIELD * 2000)]
    assert made.upper[1] > 1.3 * made.mean[1] and made.lower[1] < 0.5 * made.mean[1]
    assert made.method == 'irradiance × rated power' and made.upper[0] == 0.0


def test_the_coefficient_is_learnt():
    irradiance = sun(20)
    power = Series(0.0, 3600.0, 2.5 * irradiance.values)
    learnt = learn(power, irradiance, 4000.0)
    assert learnt.hourly[12] == pytest.approx(2.5, rel=0.06)
    made = forecast(sun(2, seed=9), learnt, 4000.0)
    np.testing.assert_allclose(made.mean, 2.5 * sun(2, seed=9).values, rtol=0.15, atol=20)
    assert made.upper.max() - made.lower.max() < 0.5 * made.mean.max(), 'narrower than the first guess'


def test_panels_that_face_west_make_more_after_noon():
    irradiance = sun(30)
    factor = np.where(HOURS < 12, 1.5, 3.5)
    learnt = learn(Series(0.0, 3600.0, np.tile(factor, 30) * irradiance.values), irradiance, 4000.0)
    assert learnt.hourly[9] < 2.0 < 3.0 < learnt.hourly[15]


def test_gaps_and_nights_teach_nothing_wrong():
    irradiance = sun(20)
    power = 2.5 * irradiance.values
    power[50:120], power[200] = np.nan, -3000.0
    learnt = learn(Series(0.0, 3600.0, power), irradiance, 4000.0)
    assert np.isfinite(learnt.hourly).all() and learnt.hourly[12] == pytest.approx(2.5, rel=0.1)


@pytest.mark.parametrize('start', [0.0, 1e6])
def test_nothing_in_common_leaves_the_guess(start):
    irradiance = Series(0.0, 3600.0, np.zeros(24))
    assert learn(Series(start, 3600.0, np.ones(24)), irradiance, 4000.0).history == 0.0
    with pytest.raises(ValueError, match='steps'):
        learn(Series(0.0, 60.0, np.ones(3)), irradiance, 4000.0)


def test_it_is_capped_and_unknown_sun_stays_unknown():
    made = forecast(Series(0.0, 3600.0, np.array([1400.0, np.nan, -5.0])), Coefficient.rated(4000.0), 4000.0)
    assert made.mean[0] == 4000.0 and np.isnan(made.mean[1]) and made.mean[2] == 0.0
