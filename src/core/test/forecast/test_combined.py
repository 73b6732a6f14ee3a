import numpy as np
import pytest

from hearthgrid_core.forecast import DAY, LOAD, Forecaster, ForecastSettings, Series
from hearthgrid_core.forecast.combined import HomeLearner
from hearthgrid_core.forecast.like_days import (
    BESIDE,
    EVENING,
    HALF_LIFE,
    LIKENESS,
    MONDAY,
    OTHER_KIND,
    like_days,
)

HOURLY = ForecastSettings(step=3600.0, horizon=DAY)
LEVELS = (0.1, 0.5, 0.9)
SHARES = (0.35, 0.45, 0.2)


def unrest(days: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).gamma(2.0, 300.0, 24 * days)


def plainly(past: np.ndarray, origin: int, start: float, ahead: int) -> np.ndarray:
    """Return the quantiles one hour `ahead` of the origin, hourly steps, by loops; without the last hour's offset."""
    cases = []
    last = origin // 24 - 1
    spread = np.std(past[origin - 24 * last:origin])
    for k in range(1, last + 1):
        then = origin - 24 * k
        apart = np.mean([abs(past[then - j] - past[origin - j]) for j in range(1, EVENING + 1)])
        apart += abs(past[then - 24:then].mean() - past[origin - 24:origin].mean())
        weight = np.exp(-apart / LIKENESS / spread) * 2**(-k / HALF_LIFE)
        kinds = [((start + 3600 * (at + ahead)) // DAY - MONDAY) % 7 >= 5 for at in (then, origin)]
        weight *= 1.0 if kinds[0] == kinds[1] else OTHER_KIND
        for beside, factor in ((0, 1.0), (-1, BESIDE), (1, BESIDE)):
            if 0 <= then + ahead + beside < origin:
                cases.append((past[then + ahead + beside], weight * factor))
    cases.sort()
    total, out = sum(weight for _, weight in cases), []
    for level in LEVELS:
        so_far = 0.0
        for value, weight in cases:
            so_far += weight
            if so_far >= level * total:
                out.append(value)
                break
    return np.array(out)


@pytest.mark.parametrize('origin', [24 * 20, 24 * 25 + 7])
def test_quantiles_are_those_of_plain_loops(origin):
    past, start = unrest(30), 11 * 3600.0
    _, quantiles = like_days(past, origin, start, HOURLY, LEVELS)
    offset = past[origin - 1] - plainly(past, origin, start, -1)[1]
    for ahead in (0, 5, 23):
        wanted = plainly(past, origin, start, ahead) + offset * np.exp(-ahead * 3600.0 / HOURLY.blend_time)
        assert quantiles[:, ahead] == pytest.approx(wanted)


def test_like_days_look_at_nothing_after_the_origin():
    past, origin = unrest(30), 24 * 20 + 5
    mixed = np.concatenate([past[:origin], unrest(30, seed=1)[origin:]])
    for one, other in zip(like_days(past, origin, 0.0, HOURLY, LEVELS), like_days(mixed, origin, 0.0, HOURLY, LEVELS),
                          strict=True):
        assert np.array_equal(one, other)


def test_a_weekend_is_forecast_from_weekends():
    days = np.arange(5 * 7 + 5)                            # of the files, from a Monday on: the next is a Saturday
    past = np.repeat(np.where(days % 7 >= 5, 900.0, 300.0), 24)
    past += np.random.default_rng(0).normal(0, 300, len(past))     # so that Fridays differ as much as Sundays do
    ahead = [np.mean(like_days(past, len(past), MONDAY * DAY + shift * DAY, HOURLY, LEVELS)[1][1][3:])
             for shift in (0, 3)]
    assert ahead[0] > ahead[1] + 50, 'the same past, called Thursday to come, tells less of a weekend'


def test_what_follows_an_evening_is_foreseen():
    chance = np.random.default_rng(0)
    busy = chance.integers(0, 2, 51)                       # known the evening before, by what is drawn then
    past = np.concatenate([np.concatenate([np.full(18, 200.0 + 800.0 * was), np.full(6, 100.0 + 900.0 * then)])
                           for was, then in zip(busy[:-1], busy[1:], strict=True)])
    _, (_, middle, _) = like_days(past, len(past), 0.0, HOURLY, LEVELS)
    assert middle[5:18] == pytest.approx(np.full(13, 200.0 + 800.0 * busy[-1]))


def test_what_departs_by_a_share_is_scaled_to_the_last_hour():
    sun = np.maximum(np.sin((np.arange(24) - 5.5) / 13 * np.pi), 0.0) * (np.arange(24) < 19)
    past = np.concatenate([np.tile(800.0 * sun, 20), 400.0 * sun[:10]])
    mean, quantiles = like_days(past, len(past), 0.0, HOURLY, LEVELS, scaled=True)
    plain, _ = like_days(past, len(past), 0.0, HOURLY, LEVELS)
    assert mean[1] < 0.7 * 800.0 * sun[11] and (quantiles[:, 9:] == 0).any() and (mean >= 0).all()
    assert (plain[9:19] < 0).any(), 'where an offset would take from the night'
    night = past[:24 * 20]
    for one, other in zip(like_days(night, len(night), 0.0, HOURLY, LEVELS, scaled=True),
                          like_days(night, len(night), 0.0, HOURLY, LEVELS), strict=True):
        assert one == pytest.approx(other), 'from midnight there is nothing to scale by'


def test_what_never_changes_stays_and_too_little_is_refused():
    mean, quantiles = like_days(np.full(24 * 12, 7.0), 24 * 12, 0.0, HOURLY, LEVELS)
    assert mean == pytest.approx(np.full(24, 7.0)) and quantiles == pytest.approx(np.full((3, 24), 7.0))
    with pytest.raises(ValueError, match='too few'):
        like_days(np.ones(24 * 12), 24, 0.0, HOURLY, LEVELS)
    week = ForecastSettings(step=3600.0, horizon=7 * DAY)
    assert np.isfinite(like_days(unrest(8), 24 * 8, 0.0, week, LEVELS)[1]).all()
    with pytest.raises(ValueError, match='too few'):
        like_days(unrest(7), 24 * 7, 0.0, week, LEVELS)


def weighed(values: np.ndarray, actual: np.ndarray, shares=SHARES) -> HomeLearner:
    learner, origins = HomeLearner(HOURLY, shares), np.array([24 * 20, 24 * 21])
    learner.fit(values[:24 * 20], 0.0, None)
    learner.weigh(values, origins, 0.0, None, actual)
    return learner


def test_who_was_right_while_tried_rules_and_what_is_not_known_does_not_count():
    values = unrest(24)
    actual = np.stack([values[24 * 19:24 * 20], values[24 * 20:24 * 21]])    # each day like yesterday
    actual[0, 3:9], actual[1, -2:] = np.nan, np.nan
    learner = weighed(values, actual)
    made = learner.guess(values, np.array([24 * 22]), 0.0, None)
    assert made.median[0] == pytest.approx(values[24 * 21:24 * 22], rel=1e-6)
    assert made.mean[0] == pytest.approx(values[24 * 21:24 * 22], rel=1e-6)
    assert (made.lower < made.median).any() and (made.upper > made.median).any(), 'yesterday borrows a spread'


def test_members_that_erred_alike_keep_their_shares():
    values = np.full(24 * 24, 500.0)
    for actual in (np.full((2, 24), 500.0), np.full((2, 24), 800.0)):
        learner = weighed(values, actual)
        assert learner._middle == pytest.approx(SHARES) and learner._mean == pytest.approx(SHARES)


def test_together_they_beat_the_best_baseline_where_no_member_has_to():
    """A home of habits, a level that drifts and chance: the combination errs less than its parts and any baseline."""
    chance = np.random.default_rng(5)
    days = 70
    drift = np.exp(np.cumsum(chance.normal(0, 0.1, days)) - np.arange(days) * 0.005)
    habit = 300 + 250 * np.maximum(0, np.sin((np.arange(24) - 6) / 24 * 2 * np.pi))
    values = (drift[:, None] * habit * chance.gamma(3.0, 1 / 3.0, (days, 24))).ravel()
    forecaster, past = Forecaster(HOURLY, LOAD), Series(0.0, 3600.0, values)
    forecaster.train(past)
    assert forecaster.verdict.better
    errors = []
    for shares in ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), SHARES):
        learner = HomeLearner(HOURLY, shares)
        learner.fit(values[:24 * 50], 0.0, None)
        origins = 24 * np.arange(50, days - 1)
        actual = np.stack([values[o:o + 24] for o in origins])
        errors.append(np.abs(learner.guess(values, origins, 0.0, None).median - actual).mean())
    assert errors[2] < min(errors[:2])
