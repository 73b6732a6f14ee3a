"""Surprise and its sum: closed forms, distribution-free ranks, and the budget kept in the long run."""
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.devices.tail import Prior, Tail, evidence, probability_of_fault

PRIOR = Prior(0.7, 0.05)
VALUES = st.lists(st.floats(-5, 10), min_size=2, max_size=28)


def test_the_evidence_is_the_mixture_of_power_bets():
    epsilon = (np.arange(100_000) + 0.5) / 100_000
    for p in (1e-9, 1e-4, 0.01, 0.3, 0.9, 0.9995, 1.0):
        assert evidence(p) == pytest.approx(np.mean(epsilon * p ** (epsilon - 1)), rel=1e-4)


def test_the_mean_evidence_of_an_ordinary_day_is_one():
    log = np.linspace(math.log(1e-12), 0, 200_001)
    mass = np.array([evidence(math.exp(x)) * math.exp(x) for x in log])
    assert np.trapezoid(mass, log) == pytest.approx(1.0, abs=0.04)     # the rest lies below 1e-12


@given(VALUES, st.floats(-20, 40), st.floats(-20, 40))
def test_higher_is_never_likelier(values, one, other):
    tail, (low, high) = Tail.of(values, PRIOR), sorted((one, other))
    assert 0 < tail.exceedance(high) <= tail.exceedance(low) <= 1


def test_inside_it_is_the_rank_and_beyond_it_the_excess_counts():
    tail = Tail.of([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], Prior(1.0, 0.5))
    assert tail.exceedance(0.0) == 1.0 and tail.exceedance(3.0) == pytest.approx(5 / 7)
    # two largest over the third: excess 1 + 2, P(x > 4) = 3/7
    assert tail.exceedance(7.0) == pytest.approx(3 / 7 * (1 + 3 / 3.5) ** -3)


def test_fewer_days_make_a_heavier_tail():
    few, many = (Tail.of(list(np.linspace(1, 2, n)), PRIOR).exceedance(3.0) for n in (4, 28))
    assert few > 10 * many


def test_a_tail_of_one_value_is_refused():
    with pytest.raises(ValueError, match='two'):
        Tail.of([1.0], PRIOR)


@pytest.mark.parametrize('draw', [lambda r, n: r.exponential(size=n), lambda r, n: r.normal(size=n),
                                  lambda r, n: r.choice([0.0, 1.0], n) + 0.01 * r.normal(size=n)])
def test_false_alarms_keep_to_the_budget(draw):
    """Days drawn alike: the mean time to a false alarm is at least the threshold."""
    rng, alarms, days, threshold = np.random.default_rng(3), 0, 0, 30.0
    for _ in range(60):
        values, total = draw(rng, 150).tolist(), 0.0
        for k in range(8, 150):
            total = (1 + total) * evidence(Tail.of(values[max(0, k - 28):k], PRIOR).exceedance(values[k]))
            days += 1
            if total >= threshold:
                alarms, total = alarms + 1, 0.0
    assert alarms <= days / threshold


def test_the_posterior_of_a_fault():
    assert probability_of_fault(0.0, 0.01) == 0.0
    assert probability_of_fault(100.0, 0.01) == pytest.approx(0.5) and probability_of_fault(1e9, 0.01) > 0.999
