"""Protocols and scores."""
import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from hearthgrid_core.devices.examples import DevicesError
from hearthgrid_core.devices.protocol import (
    calibration_error,
    calibration_floor,
    kfold,
    leave_group_out,
    roc_area,
    score,
    split,
    wilson,
)

LABELS = np.repeat(['kettle', 'fridge', 'lamp'], [20, 10, 5])


def test_every_example_is_tested_once_and_classes_are_spread():
    masks = list(kfold(LABELS, 5, seed=1))
    assert (np.sum(masks, axis=0) == 1).all()
    assert all((LABELS[mask] == 'lamp').sum() == 1 and (LABELS[mask] == 'kettle').sum() == 4 for mask in masks)


def test_a_split_leaves_as_many_of_each_class_to_learn_from():
    test = split(LABELS, 4, seed=0)
    assert [(LABELS[~test] == name).sum() for name in ('kettle', 'fridge', 'lamp')] == [4, 4, 4]
    assert (split(LABELS, 4, seed=0) == test).all() and (split(LABELS, 4, seed=1) != test).any()


def test_a_group_is_never_on_both_sides():
    groups = np.array(list('aabbc'))
    assert [groups[m].tolist() for m in leave_group_out(groups)] == [['a', 'a'], ['b', 'b'], ['c']]


def test_scores_agree_with_their_definitions():
    random = np.random.default_rng(2)
    probability = random.dirichlet(np.ones(3), size=len(LABELS))
    found = score(LABELS, probability, ('fridge', 'kettle', 'lamp'))
    answers = np.array(['fridge', 'kettle', 'lamp'])[probability.argmax(axis=1)]
    assert found.accuracy == np.mean(answers == LABELS)
    assert found.macro_f1 == pytest.approx(f1_score(LABELS, answers, average='macro'))
    assert found.confusion.sum() == len(LABELS) and found.table[1].count == 20


def test_wilson_gives_the_textbook_interval():
    assert wilson(8, 10) == pytest.approx((0.490, 0.943), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0) and wilson(0, 10)[0] == 0.0


@pytest.mark.parametrize('confidence, right, error', [
    ([0.9] * 10, [1] * 9 + [0], 0.0), ([1.0] * 4, [1, 1, 0, 0], 0.5), ([0.5] * 2 + [1.0] * 2, [1, 0, 1, 1], 0.0)])
def test_calibration_error(confidence, right, error):
    assert calibration_error(np.array(confidence), np.array(right)) == pytest.approx(error)


def test_chance_alone_makes_a_calibration_error_that_falls_with_the_number():
    """One bin of n answers at 0.5: the mean of |right − n/2| / n is √(1/(2πn)) (half-normal)."""
    for count in (100, 10000):
        mean, high = calibration_floor(np.full(count, 0.5), np.random.default_rng(1))
        assert mean == pytest.approx(np.sqrt(1 / (2 * np.pi * count)), rel=0.15)
        assert high == pytest.approx(1.96 * 0.5 / np.sqrt(count), rel=0.15)
    assert calibration_floor(np.ones(50), np.random.default_rng(1)) == (0.0, 0.0)


def test_the_area_counts_ties_half():
    strange, known = np.array([1.0, 2.0, 2.0, 3.0]), np.array([0.0, 2.0, 1.0])
    assert roc_area(strange, known) == pytest.approx(roc_auc_score([1] * 4 + [0] * 3, np.r_[strange, known]))


@pytest.mark.parametrize('wrong', [lambda: list(kfold(LABELS, 1, 0)), lambda: split(LABELS, 5, 0),
                                   lambda: list(leave_group_out(np.zeros(3))), lambda: roc_area(np.ones(0), np.ones(2)),
                                   lambda: score(LABELS, np.ones((35, 2)), ('kettle', 'fridge'))])
def test_what_cannot_be_tested_is_refused(wrong):
    with pytest.raises(DevicesError):
        wrong()
