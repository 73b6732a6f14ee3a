"""Protocols and scores."""
import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from hearthgrid_core.devices.examples import DevicesError
from hearthgrid_core.devices.protocol import (
    BINS,
    calibration,
    calibration_error,
    calibration_floor,
    calibration_squared,
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


def answers(count, off, seed):
    """Confidences of a usual kind, and answers that are right as often as they say, less `off`."""
    random = np.random.default_rng(seed)
    confidence = 0.2 + 0.8 * random.beta(3, 1, count)
    return confidence, random.random(count) < confidence - off


def test_without_chance_a_perfect_model_has_no_calibration_error_on_average():
    found = np.array([calibration_squared(*answers(300, 0.0, seed)) for seed in range(2000)])
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(len(found)) and (found < 0).mean() > 0.4
    plain = [calibration_error(*answers(300, 0.0, seed)) for seed in range(50)]
    assert np.mean(plain) > 0.03                                        # which the plain one has


def test_without_chance_an_error_is_found_as_large_as_it_is():
    found = [calibration_squared(*answers(300, 0.1, seed)) for seed in range(1000)]
    assert np.mean(found) == pytest.approx(0.1 ** 2, rel=0.05)


def test_the_squared_error_by_its_plain_twin():
    """Kumar, Liang, Ma 2019: (p − ȳ)² − ȳ (1 − ȳ) / (n − 1) of each bin, where the bin has one confidence."""
    random = np.random.default_rng(5)
    confidence = np.repeat(np.linspace(0.3, 0.99, BINS), 20)
    right, order = random.random(20 * BINS) < 0.7, random.permutation(20 * BINS)
    wanted = 0.0
    for begin in range(0, len(right), 20):
        share = right[begin:begin + 20].mean()
        wanted += ((confidence[begin] - share) ** 2 - share * (1 - share) / 19) / BINS
    assert calibration_squared(confidence[order], right[order]) == pytest.approx(wanted)


@pytest.mark.parametrize('off', [0.0, 0.15])
def test_nineteen_of_twenty_intervals_hold_the_calibration_error(off):
    made = [calibration(*answers(400, off, seed), np.random.default_rng(0), tries=100) for seed in range(40)]
    assert np.mean([one.debiased_low <= off <= one.debiased_high for one in made]) > 0.85
    assert (np.mean([one.debiased_low > 0 for one in made]) > 0.5) == (off > 0)
    assert all(one.error_low < one.error_high and one.chance < one.chance_high for one in made)


def test_answers_that_go_wrong_together_say_less():
    """Houses of ten answers, each house right or wrong as a whole: an interval that draws answers is too narrow."""
    random = np.random.default_rng(3)
    confidence, house = np.full(400, 0.7), np.repeat(np.arange(40), 10)
    right = np.repeat(random.random(40) < 0.7, 10)
    alone, together = (calibration(confidence, right, np.random.default_rng(1), groups, tries=300)
                       for groups in (None, house))
    assert together.error_high > alone.error_high and together.debiased_low <= alone.debiased_low
    assert together.error == alone.error and together.debiased == alone.debiased


def test_the_area_counts_ties_half():
    strange, known = np.array([1.0, 2.0, 2.0, 3.0]), np.array([0.0, 2.0, 1.0])
    assert roc_area(strange, known) == pytest.approx(roc_auc_score([1] * 4 + [0] * 3, np.r_[strange, known]))


@pytest.mark.parametrize('wrong', [lambda: list(kfold(LABELS, 1, 0)), lambda: split(LABELS, 5, 0),
                                   lambda: list(leave_group_out(np.zeros(3))), lambda: roc_area(np.ones(0), np.ones(2)),
                                   lambda: calibration_squared(np.ones(1), np.ones(1)),
                                   lambda: score(LABELS, np.ones((35, 2)), ('kettle', 'fridge'))])
def test_what_cannot_be_tested_is_refused(wrong):
    with pytest.raises(DevicesError):
        wrong()
