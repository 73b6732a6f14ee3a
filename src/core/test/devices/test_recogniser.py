"""A trained model and what the home taught: who answers, what is followed, what is taken back."""
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.devices import Identifier, IdentityState
from hearthgrid_core.devices.bundle import Trained, Unit
from hearthgrid_core.devices.recogniser import Recogniser

NOISE, CENTRES = 0.1, {'fan': np.zeros(6), 'heater': np.r_[3.0, np.zeros(5)]}
BIG = np.r_[3.0, 0.6, np.zeros(4)]
TRAINED = Trained(b'', tuple(CENTRES), np.log(3.0), (NOISE,) * 6, (Unit('heater', 'big', tuple(BIG)),), (8.0, 3.0), {},
                  (8.0, 3.0, 1.0))
STRANGE = np.full(6, 8.0)


def judge(rows):
    """Two classes by distance; novelty as the trained model's."""
    apart = np.stack([np.sqrt(((rows - c) ** 2).mean(axis=1)) for c in CENTRES.values()], axis=1) / NOISE
    odds = np.exp(-(apart - apart.min(axis=1, keepdims=True)))
    return odds / odds.sum(axis=1, keepdims=True), np.log(np.maximum(apart.min(axis=1), 1e-3))


def make(**given):
    return Recogniser(TRAINED, judge, features=6, view=lambda x: x, **given)


def ask(made, vector):
    return made.identify(np.asarray(vector, dtype=float), 100.0)


def test_before_anything_is_taught_the_model_answers():
    made = make()
    fan, strange = ask(made, CENTRES['fan']), ask(made, STRANGE)
    assert made.ready and (fan.state, fan.type, fan.model) == (IdentityState.KNOWN, 'fan', '')
    assert fan.probability > 0.9 and fan.novelty < 0 and np.isnan(fan.model_probability)
    assert (strange.state, strange.type, len(strange.candidates)) == (IdentityState.UNKNOWN, '', 2)
    assert made.identify(np.zeros(6), 0.5).state is IdentityState.OFF


def test_a_shipped_unit_is_named_only_where_the_model_knows_its_type():
    made = make()
    big = ask(made, BIG)
    assert (big.type, big.model) == ('heater', 'big') and 0 < big.model_probability < 1
    assert ask(made, STRANGE).model == ''


def test_three_looks_teach_a_new_device_and_the_others_stay():
    made, random = make(), np.random.default_rng(0)
    for _ in range(3):
        made.learn(STRANGE + 0.05 * random.standard_normal(6), 'welder', 'arc')
    for _ in range(20):
        seen = ask(made, STRANGE + 0.05 * random.standard_normal(6))
        assert (seen.state, seen.type, seen.model) == (IdentityState.KNOWN, 'welder', 'arc')
        assert seen.candidates[0][0] == 'welder' and len(seen.candidates) == 3
        assert sum(p for _, p in seen.candidates) == pytest.approx(1.0)
    assert ask(made, CENTRES['fan']).type == 'fan' and ask(made, CENTRES['heater']).type == 'heater'


def test_what_the_home_taught_goes_before_the_model_only_where_it_is_nearer():
    made = make()
    made.learn(CENTRES['fan'] + 0.25, 'humidifier')
    assert ask(made, CENTRES['fan'] + 0.22).type == 'humidifier'
    assert ask(made, CENTRES['fan'] + 0.05).type == 'fan'


def test_forgetting_brings_back_what_a_correction_dropped():
    made = make()
    made.learn(STRANGE, 'welder')
    wrong = made.learn(STRANGE, 'kettle')
    assert ask(made, STRANGE).type == 'kettle'
    assert made.forget([wrong]) == 1
    assert ask(made, STRANGE).type == 'welder'
    assert made.forget([wrong]) == 0


def test_a_drifting_device_is_followed_over_a_restart():
    made = make()
    made.learn(STRANGE, 'welder')
    for step in range(300):
        made.follow(STRANGE - 0.003 * step)
    assert made.moved
    moved = STRANGE - 0.9
    again = Recogniser.from_state(made.state(), trained=TRAINED, judge=judge, features=6, view=lambda x: x)
    assert not made.moved
    for one in (made, again):
        assert ask(one, moved).type == 'welder' and ask(one, CENTRES['fan']).type == 'fan'
        assert one.unlike(moved, 'welder') < 0 < one.unlike(CENTRES['fan'], 'welder')
    assert np.isnan(made.unlike(moved, 'nobody')) and made.bytes < 1000


def test_what_was_taught_without_a_model_counts_with_one():
    plain = Identifier(features=6, view=lambda x: x)
    plain.learn(STRANGE, 'welder', 'arc')
    made = Recogniser.from_state(plain.state(), trained=TRAINED, judge=judge, features=6, view=lambda x: x)
    assert ask(made, STRANGE).model == 'arc' and made.stale
    assert len(Identifier.from_state(made.state(), features=6, view=lambda x: x)) == 1


@pytest.mark.parametrize('harm', [
    lambda s: s.update(means=s['means'] * np.nan), lambda s: s.pop('counts'),
    lambda s: s.update(trained_hash=np.array('another')), lambda s: s.update(displaced_names=np.array(['x', 'y']))])
def test_damaged_prototypes_are_made_again_from_the_examples(harm):
    made = make()
    made.learn(STRANGE, 'welder')
    state = dict(made.state())
    harm(state)
    again = Recogniser.from_state(state, trained=TRAINED, judge=judge, features=6, view=lambda x: x)
    assert ask(again, STRANGE).type == 'welder' and ask(again, BIG).model == 'big'


def test_where_the_model_knows_it_what_the_home_taught_must_be_more_likely_than_not():
    look, doubtful = CENTRES['fan'] + 0.22, replace(TRAINED, taught=(-4.0, 0.0, 1.0))
    for trained, type in ((TRAINED, 'humidifier'), (doubtful, 'fan')):
        made = Recogniser(trained, judge, features=6, view=lambda x: x)
        made.learn(CENTRES['fan'] + 0.25, 'humidifier')
        made.learn(STRANGE, 'welder')
        seen = ask(made, look)
        assert seen.type == type and seen.probability > 0.5
    seen = ask(made, STRANGE)       # which the model does not know: the home's word stands, and says how sure it is
    assert (seen.state, seen.type) == (IdentityState.KNOWN, 'welder') and seen.probability == pytest.approx(
        1 / (1 + np.exp(2.0)))      # novelty counts up to two
