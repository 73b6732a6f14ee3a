"""The trained model, its forest as arrays, and its saved state."""
import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from hearthgrid_core.devices.examples import DevicesError
from hearthgrid_core.devices.forest import grow
from hearthgrid_core.devices.model import (
    BLENDS,
    KNOTS,
    PENALTIES,
    SHARPNESS,
    TEMPERATURES,
    Model,
    Ranks,
    _calibrated,
    _choose,
    _folds,
    even_weights,
    train,
    train_validated,
)


def clouds(seed, count=40, spread=1.0):
    random = np.random.default_rng(seed)
    middle = np.array([[0, 0, 0, 5], [6, 0, 1, 5], [0, 6, 2, 5]], dtype=float)
    of = np.repeat(np.arange(3), count)
    return middle[of] + spread * random.standard_normal((len(of), 4)), np.array(['fan', 'heater', 'lamp'])[of]


@pytest.fixture(scope='module')
def model():
    features, labels = clouds(0)
    return train(features, labels, np.arange(len(labels)), seed=3, trees=40)


def test_the_forest_as_arrays_answers_as_the_one_it_was_grown_from():
    features, labels = clouds(1, spread=3.0)
    of = np.unique(labels, return_inverse=True)[1]
    weight = np.random.default_rng(0).uniform(0.5, 2, len(of))
    ours = grow(features, of, weight, trees=20, seed=7)
    theirs = ExtraTreesClassifier(20, max_features=0.2, random_state=7).fit(features, of, weight)
    fresh = clouds(2, spread=3.0)[0]
    np.testing.assert_allclose(ours.probability(fresh), theirs.predict_proba(fresh), atol=1e-6)


def test_new_examples_are_recognised_and_probabilities_sum_to_one(model):
    features, labels = clouds(9)
    found = model.probability(features)
    assert np.mean(np.array(model.classes)[found.argmax(axis=1)] == labels) > 0.97
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_what_is_far_from_everything_is_the_strangest(model):
    known = model.novelty(clouds(9)[0])
    assert model.novelty(np.array([[30.0, 30.0, 30.0, 30.0]]))[0] > known.max()


def test_the_same_seed_gives_the_same_model():
    features, labels = clouds(0, spread=3.0)
    one, other, third = (train(features, labels, np.arange(len(labels)), seed, trees=10) for seed in (1, 1, 2))
    fresh = clouds(5, spread=3.0)[0]
    assert (one.probability(fresh) == other.probability(fresh)).all()
    assert (one.probability(fresh) != third.probability(fresh)).any()


def test_a_saved_model_answers_the_same(model):
    again = Model.from_state(model.state())
    fresh = clouds(4)[0]
    assert (again.probability(fresh) == model.probability(fresh)).all()
    assert (again.novelty(fresh) == model.novelty(fresh)).all()


@pytest.mark.parametrize('harm', [
    lambda s: s.pop('forest_left'), lambda s: s.update(model_version=np.array(99)),
    lambda s: s.update(knots=s['knots'][:, :-1]), lambda s: s.update(weights=s['weights'] * np.nan),
    lambda s: s.update(forest_left=np.zeros_like(s['forest_left'])),        # a walk that never ends
    lambda s: s.update(forest_right=s['forest_right'] + 10 ** 6),           # a walk that leaves the arrays
    lambda s: s.update(forest_feature=s['forest_feature'] + 50), lambda s: s.update(classes=np.array(['a', 'a', 'b'])),
    lambda s: s.update(forest_share=s['forest_share'][:-1]), lambda s: s.update(temperature=np.array(0.0)),
    lambda s: s.update(sharpness=np.array(-1.0)), lambda s: s.pop('sharpness'),
    lambda s: s.update(noise=-s['noise'])])
def test_a_foreign_or_damaged_state_is_refused(model, harm):
    state = dict(model.state())
    harm(state)
    with pytest.raises(DevicesError):
        Model.from_state(state)


def test_blend_penalty_temperature_and_sharpness_have_the_least_loss_on_what_was_held_back():
    features, labels = clouds(0, count=15, spread=4.0)
    of, groups = np.unique(labels, return_inverse=True)[1], np.arange(len(labels))
    folds = _folds(features, of, groups, 3, lambda share: None)

    def loss(blend, penalty, temperature, sharpness, slip=0.0):
        total = 0.0
        for fold in folds:
            odds = (fold.forest + 0.01) ** (1 - blend) * (fold.lines[penalty] + 0.01) ** blend
            share = odds / odds.sum(axis=1, keepdims=True)
            odds = share ** (1 / temperature) / (1 - share + 1e-4) ** sharpness
            share = odds / odds.sum(axis=1, keepdims=True)
            total -= sum((1 - slip) * np.log(row[true] + 1e-9) + slip * np.log(1 - row[true] + 1e-9)
                         for row, true in zip(share, fold.truth, strict=True))
        return total

    blend, penalty, temperature, sharpness = _choose(folds)
    assert min(loss(blend, penalty, t, 0.0) for t in TEMPERATURES) == pytest.approx(
        min(loss(b, p, t, 0.0) for b in BLENDS for p in range(len(PENALTIES)) for t in TEMPERATURES))
    slip = 1 / (len(labels) + 2)
    assert loss(blend, penalty, temperature, sharpness, slip) == pytest.approx(
        min(loss(blend, penalty, t, s, slip) for s in SHARPNESS for t in TEMPERATURES))
    assert all(np.abs(fold.lines[0] - fold.lines[-1]).max() > 0.01 for fold in folds)      # the penalty matters


def test_what_was_always_right_is_not_sure_beyond_what_was_seen():
    features, labels = clouds(0, count=15, spread=0.1)
    found = train_validated(features, labels, np.arange(len(labels)), 3, trees=20)[1].probability.max(axis=1)
    assert 0.5 / len(labels) < 1 - found.mean() < 4 / len(labels)


def test_sharpness_makes_the_nearly_sure_surer_and_leaves_order_and_the_torn():
    share = np.array([[0.9, 0.07, 0.03], [0.5, 0.5, 0.0]])
    found = _calibrated(share, 1.0, 1.0)
    odds = share / (1 - share + 1e-4)
    np.testing.assert_allclose(found, odds / odds.sum(axis=1, keepdims=True), atol=1e-9)
    assert found[0, 0] > 0.98 and (np.argsort(found[0]) == np.argsort(share[0])).all()
    np.testing.assert_allclose(found[1], share[1], atol=1e-9)
    np.testing.assert_allclose(_calibrated(share, 1.0, 0.0), share, atol=1e-9)


def test_where_straight_lines_reach_further_they_are_blended_in():
    """A little of each of twenty features says it, which a tree takes many steps to see."""
    random = np.random.default_rng(0)
    learnt, fresh = (random.standard_normal((count, 20)) for count in (150, 400))
    labels, truth = (np.where(x.sum(axis=1) > 0, 'up', 'down') for x in (learnt, fresh))
    model = train(learnt, labels, np.arange(150) // 3, seed=0, trees=30)
    assert model.blend >= 0.7
    assert np.mean(np.array(model.classes)[model.probability(fresh).argmax(axis=1)] == truth) > 0.85


def test_groups_of_a_class_weigh_the_same():
    weight = even_weights(np.array([0, 0, 0, 0, 1]), np.array(list('aaabc')))
    assert weight[:3].sum() == pytest.approx(weight[3]) and weight.mean() == pytest.approx(1.0)
    assert (weight[:4].sum() / weight[4]) == pytest.approx(np.sqrt(2))


def test_ranks_are_normal_scores_and_bounded():
    random = np.random.default_rng(0)
    ranks = Ranks.of(np.exp(random.standard_normal((5000, 1))))
    assert ranks.knots.shape == (KNOTS, 1)
    at = np.exp(np.array([[-1.0], [0.0], [1.0], [50.0]]))
    np.testing.assert_allclose(ranks(at)[:, 0], [-1.0, 0.0, 1.0, 2.5], atol=0.08)


@pytest.mark.parametrize('features, labels', [
    (np.ones((4, 2)), np.array(['a'] * 4)), (np.full((2, 2), np.nan), np.array(['a', 'b'])),
    (np.ones((3, 2)), np.array(['a', 'b']))])
def test_what_cannot_be_learnt_is_refused(features, labels):
    with pytest.raises(DevicesError):
        train(features, labels, np.arange(len(labels)), 0)


def test_rows_of_another_length_are_refused(model):
    with pytest.raises(DevicesError):
        model.probability(np.ones((1, 5)))


def test_the_folds_judge_every_example_without_having_seen_its_group():
    features, labels = clouds(0, count=30, spread=2.0)
    groups = np.arange(len(labels)) // 3
    told = []
    model, found = train_validated(features, labels, groups, 3, trees=20, progress=told.append)
    assert found.tested.all() and told[-1] == 1.0 and told == sorted(told)
    np.testing.assert_allclose(found.probability.sum(axis=1), 1.0)
    right = np.array(model.classes)[found.probability.argmax(axis=1)] == labels
    assert 0.8 < right.mean() < 1.0 and np.isfinite(found.novelty).all()
    assert (model.probability(features) == train(features, labels, groups, 3, trees=20).probability(features)).all()


def test_a_group_of_its_own_class_cannot_be_judged():
    features, labels = clouds(0, count=12)
    groups = np.where(labels == 'lamp', 'one', np.arange(len(labels)).astype(str))
    found = train_validated(features, labels, groups, 3, trees=10)[1]
    assert not found.tested[labels == 'lamp'].any() and found.tested[labels != 'lamp'].all()
    assert np.isnan(found.novelty[labels == 'lamp']).all()


def test_single_precision_changes_no_rank():
    random = np.random.default_rng(0)
    features = np.repeat(random.standard_normal((40, 2)), 5, axis=0)
    ranks = Ranks.of(features)
    assert (ranks(features) == ranks(features.astype(np.float32))).all()
