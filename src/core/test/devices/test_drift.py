"""Whether a waveform is still its own."""
import json
import math

import numpy as np
import pytest

from hearthgrid_core.devices import AnomalySettings, DevicesError
from hearthgrid_core.devices.drift import REFERENCE, Drift

SETTINGS = AnomalySettings()
BOUND = SETTINGS.waveform_ratio


def drift() -> Drift:
    return Drift(SETTINGS, lambda vectors: vectors)


def look(random, shift=0.0, noise=0.3):
    return np.array([1.0, 2.0, 3.0, 4.0]) + shift + noise * random.standard_normal(4)


def grown(random, count=30) -> Drift:
    made = drift()
    for _ in range(count):
        made.step(look(random))
    return made


def test_its_own_noise_is_nothing():
    random = np.random.default_rng(0)
    made = grown(random)
    for _ in range(200):
        made.step(look(random))
        assert not made.ratio > BOUND


def test_a_changed_waveform_needs_most_of_the_newest_looks():
    random = np.random.default_rng(0)
    made, found = grown(random), []
    for _ in range(5):
        made.step(look(random, shift=5.0))
        found.append(made.ratio > BOUND)
    assert found == [False, False, True, True, True]


def test_before_the_warm_up_nothing_is_judged():
    random = np.random.default_rng(0)
    made = grown(random, SETTINGS.waveform_warm - 1)
    assert math.isnan(made.ratio) and not made._recent


def test_two_ways_to_run_are_both_its_own():
    random = np.random.default_rng(1)
    made = drift()
    for k in range(60):
        made.step(look(random, shift=8.0 * (k % 2)))
    assert made.ratio < BOUND


def test_slow_wear_is_not_learnt_away():
    random = np.random.default_rng(2)
    made = grown(random, 60)
    assert len(made._reference) == REFERENCE
    found = False
    for k in range(400):
        made.step(look(random, shift=0.02 * k))
        found |= made.ratio > BOUND
    assert found and len(made._reference) == REFERENCE


def test_what_is_far_off_is_not_taken_for_reference():
    random = np.random.default_rng(3)
    made = grown(random, 20)
    before = len(made._reference)
    made.step(look(random, shift=50.0))
    assert len(made._reference) == before


def test_what_was_learnt_is_kept():
    random = np.random.default_rng(4)
    made = grown(random)
    again = Drift.from_state(json.loads(json.dumps(made.state())), SETTINGS, lambda vectors: vectors)
    for _ in range(5):
        seen = look(random, shift=5.0)
        made.step(seen)
        again.step(seen)
    assert again.ratio == pytest.approx(made.ratio)


@pytest.mark.parametrize('state', [{}, {'reference': 3}, {'reference': [[1.0], [2.0, 3.0]]},
                                   {'reference': [[math.nan] * 4]}, {'reference': [[0.0] * 4] * 99}])
def test_a_damaged_state_is_refused(state):
    with pytest.raises(DevicesError):
        Drift.from_state(state, SETTINGS, lambda vectors: vectors)
