"""The pieces of the classifier against plain twins."""
import numpy as np
import pytest

from hearthgrid_core.devices import classifier
from hearthgrid_core.devices.classifier import fit
from hearthgrid_core.devices.examples import DevicesError, Taught
from hearthgrid_core.devices.settings import IdentifierSettings

SETTINGS = IdentifierSettings()


def taught(cloud, looks: dict[tuple[str, str], int], groups=None) -> Taught:
    pairs = [pair for pair, count in looks.items() for _ in range(count)]
    return Taught(np.array([cloud.look(''.join(pair)) for pair in pairs]), np.array([p[0] for p in pairs]),
                  np.array([p[1] for p in pairs]), np.arange(len(pairs)) if groups is None else np.array(groups))


def same(vectors):
    return vectors


def test_nothing_taught_is_refused():
    with pytest.raises(DevicesError, match='nothing'):
        fit(Taught(np.empty((0, 6)), np.array([]), np.array([]), np.array([])), SETTINGS, same)


def test_folds_deal_the_groups_of_a_unit_and_split_none():
    labels = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    groups = np.array([5, 5, 6, 7, 8, 9, 1, 2])
    assert classifier._folds(labels, groups).tolist() == [0, 0, 1, 2, 3, 0, 0, 1]


def test_scales_against_the_plain_way():
    random = np.random.default_rng(3)
    points, labels, groups = random.standard_normal((9, 2)), np.array([0] * 4 + [1] * 4 + [2]), np.arange(9)
    groups[1] = groups[0]
    apart = np.linalg.norm(points[:, None] - points, axis=2)
    apart[groups[:, None] == groups] = np.inf
    blank = 2.0

    def nearest(k):
        return min((np.linalg.norm(points[k] - points[j]) for j in range(9)
                    if labels[j] == labels[k] and groups[j] != groups[k]), default=None)

    logs = {k: np.log(d) for k in range(9) if (d := nearest(k)) is not None}
    pooled = (len(logs) * np.quantile(list(logs.values()), 0.75) + 10 * np.log(blank)) / (len(logs) + 10)
    for label in (0, 1):
        own = [log for k, log in logs.items() if labels[k] == label]
        want = (len(own) * np.quantile(own, 0.75) + 4 * pooled) / (len(own) + 4)
        assert classifier._scales(apart, labels, 3, blank)[label] == pytest.approx(np.exp(want))
    assert classifier._scales(apart, labels, 3, blank)[2] == pytest.approx(np.exp(pooled))


def test_without_two_looks_at_anything_the_scale_is_the_priors():
    assert classifier._scales(np.full((2, 2), np.inf), np.array([0, 1]), 2, 3.5).tolist() == [3.5, 3.5]


def test_whitening_makes_the_scatter_within_units_round():
    random = np.random.default_rng(4)
    size = np.array([0.1, 1.0, 5.0])
    labels = np.repeat([0, 1], 4000)
    seen = size * random.standard_normal((8000, 3)) + 100.0 * labels[:, None]
    white = seen @ classifier._whitening(seen, labels, np.arange(8000))
    within = np.cov((white - np.where(labels[:, None] == 0, white[labels == 0].mean(0), white[labels == 1].mean(0))).T)
    np.testing.assert_allclose(within, np.eye(3), atol=0.05)


def test_one_look_leaves_the_priors_noise():
    whiten = classifier._whitening(np.ones((1, 3)), np.array([0]), np.array([0]))
    np.testing.assert_allclose(np.linalg.norm(whiten, axis=0), 1 / classifier.PRIOR_NOISE)


def test_heartbeats_of_one_label_count_as_one_look():
    random = np.random.default_rng(5)
    seen = 1e-4 * random.standard_normal((40, 3))
    once = classifier._whitening(seen, np.zeros(40, int), np.zeros(40, int))
    np.testing.assert_allclose(np.linalg.norm(once, axis=0), 1 / classifier.PRIOR_NOISE)


def test_the_bound_leans_on_the_prior_until_there_is_evidence():
    assert classifier._bound([], 0.02) == classifier.PRIOR_NOVELTY
    assert classifier._bound([np.full(10_000, 0.2)], 0.02) == pytest.approx(0.2, abs=0.01)
    assert classifier._bound([np.full(10, 0.2)], 0.02) == pytest.approx((0.2 + classifier.PRIOR_NOVELTY) / 2)


def test_the_temperature_sharpens_what_is_right_and_flattens_what_is_wrong():
    truth = np.arange(20) % 2
    logs = np.where(truth[:, None] == [0, 1], np.log(0.7), np.log(0.3))
    assert classifier._temperature([logs], [truth]) == classifier.TEMPERATURES[0]
    assert classifier._temperature([logs], [1 - truth]) == classifier.TEMPERATURES[-1]
    assert classifier._temperature([], []) == 1.0


def test_probabilities_are_distributions_and_a_type_is_the_sum_of_its_units(cloud):
    judge = fit(taught(cloud, {('lamp', 'a'): 6, ('lamp', 'b'): 6, ('fan', ''): 6}), SETTINGS, same)
    verdict = judge.judge(np.array([cloud.look('lampa'), cloud.look('fan'), np.full(6, 50.0)]))
    np.testing.assert_allclose(verdict.unit_probability.sum(axis=1), 1)
    lamp = [k for k, unit in enumerate(judge.units) if unit[0] == 'lamp']
    np.testing.assert_allclose(verdict.type_probability[:, judge.types.index('lamp')],
                               verdict.unit_probability[:, lamp].sum(axis=1))


def test_a_batch_is_judged_as_one_by_one(cloud):
    judge = fit(taught(cloud, {('lamp', ''): 6, ('fan', ''): 6}), SETTINGS, same)
    rows = np.array([cloud.look('lamp'), cloud.look('fan'), cloud.look('else')])
    whole = judge.judge(rows)
    for k, row in enumerate(rows):
        single = judge.judge(row[None])
        np.testing.assert_allclose(single.type_probability[0], whole.type_probability[k], rtol=1e-9)
        assert single.novelty[0] == pytest.approx(whole.novelty[k])


def test_same_examples_and_seed_same_judge(cloud):
    examples = taught(cloud, {('lamp', ''): 6, ('fan', ''): 6})
    row = cloud.look('lamp', noise=1.0)[None]
    first, second = (fit(examples, SETTINGS, same).judge(row) for _ in range(2))
    np.testing.assert_array_equal(first.unit_probability, second.unit_probability)
    np.testing.assert_array_equal(first.novelty, second.novelty)
