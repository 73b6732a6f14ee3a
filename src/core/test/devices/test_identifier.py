"""Identification from the first label on: what is known, what is off, and what is not known."""
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.devices import DevicesError, Identifier, IdentifierSettings, IdentityState
from hearthgrid_core.devices.classifier import Verdict

FEATURES = 6


def identifier(**given) -> Identifier:
    return Identifier(IdentifierSettings(**given), features=FEATURES, signature_version=1, view=lambda vectors: vectors)


def taught(cloud, looks: dict, **given) -> Identifier:
    made = identifier(**given)
    for device, count in looks.items():
        type, _, model = device.partition('/')
        for _ in range(count):
            made.learn(cloud.look(device), type, model)
    made.refit()
    return made


def test_before_anything_is_learnt_all_is_unknown(cloud):
    new = identifier()
    answer = new.identify(cloud.look('lamp'), 60.0)
    assert not new.ready and answer.state is IdentityState.UNKNOWN
    assert answer.type == '' and math.isnan(answer.probability) and answer.candidates == ()


@pytest.mark.parametrize('active, apparent, state', [
    (0.0, 0.0, IdentityState.OFF),
    (3.9, 11.9, IdentityState.OFF),
    (-0.5, 0.0, IdentityState.OFF),
    (4.1, 4.1, IdentityState.KNOWN),
    (0.9, 20.0, IdentityState.KNOWN),      # a capacitive load: next to no watts, but not off
    (-2.0, 20.0, IdentityState.KNOWN),
])
def test_off_is_little_of_both_powers(cloud, active, apparent, state):
    made = taught(cloud, {'lamp': 3})
    assert made.identify(cloud.look('lamp'), active, apparent).state is state


@pytest.mark.parametrize('looks', [1, 2, 3, 10])
def test_it_knows_from_few_examples_and_from_many(cloud, looks):
    made = taught(cloud, {'lamp': looks, 'fan': looks, 'kettle': looks})
    for device in ('lamp', 'fan', 'kettle'):
        answer = made.identify(cloud.look(device), 60.0)
        assert (answer.state, answer.type) == (IdentityState.KNOWN, device)
        assert answer.novelty <= 0


@pytest.mark.parametrize('looks', [1, 2, 3, 10])
def test_the_never_seen_is_unknown_but_has_candidates(cloud, looks):
    made = taught(cloud, {'lamp': looks, 'fan': looks, 'kettle': looks})
    answer = made.identify(cloud.look('welder'), 60.0)
    assert answer.state is IdentityState.UNKNOWN and answer.type == '' and answer.novelty > 0
    assert {type for type, _ in answer.candidates} == {'lamp', 'fan', 'kettle'}


def test_type_then_model(cloud):
    made = taught(cloud, {'lamp/desk': 6, 'lamp/floor': 6, 'fan/usb': 6})
    answer = made.identify(cloud.look('lamp/floor'), 60.0)
    assert (answer.type, answer.model) == ('lamp', 'floor')
    assert 0.5 < answer.model_probability <= 1 and 0.5 < answer.probability <= 1


def test_a_model_that_was_never_said_is_not_given(cloud):
    answer = taught(cloud, {'lamp': 6, 'fan/usb': 6}).identify(cloud.look('lamp'), 60.0)
    assert answer.type == 'lamp' and answer.model == '' and math.isnan(answer.model_probability)


@pytest.mark.parametrize('probability, novelty, model', [
    ([0.9, 0.1], -1.0, 'desk'), ([0.9, 0.1], 1.0, ''), ([0.45, 0.45], -1.0, 'desk'), ([0.1, 0.1], -1.0, 'desk'),
    ([0.2, 0.3], -1.0, 'floor')])
def test_a_model_is_named_where_it_stands_out_and_is_not_new(cloud, probability, novelty, model):
    class Judge:
        types, units = ['lamp', 'fan'], [('lamp', 'desk'), ('lamp', 'floor'), ('fan', '')]

        def judge(self, vectors):
            by_unit = np.array([[*probability, 1 - sum(probability)]])
            return Verdict(np.array([[0.9, 0.1]]), by_unit, np.array([-1.0]), np.array([novelty]))

    made = identifier()
    made.adopt(Judge())
    answer = made.identify(cloud.look('lamp'), 60.0)
    assert (answer.type, answer.model) == ('lamp', model)


def test_the_second_look_at_what_sent_heartbeats_before_is_no_stranger(cloud):
    """Forty looks within one label say little of how the device looks another day."""
    made = identifier()
    for device in ('lamp', 'fan'):
        once = cloud.look(device)
        for _ in range(20):
            made.learn(once + 1e-4 * np.random.default_rng(0).standard_normal(FEATURES), device, group=1)
    made.refit()
    assert [made.identify(cloud.look(device), 60.0).type for device in ('lamp', 'fan')] == ['lamp', 'fan']


def test_many_clear_examples_make_a_sure_answer(cloud):
    made = taught(cloud, {'lamp': 10, 'fan': 10, 'kettle': 10})
    assert made.identify(cloud.look('fan'), 60.0).probability > 0.99


def test_five_candidates_at_most_likeliest_first(cloud):
    made = taught(cloud, {f'device{k}': 4 for k in range(7)})
    candidates = made.identify(cloud.look('device3'), 60.0).candidates
    odds = [probability for _, probability in candidates]
    assert len(candidates) == 5 and candidates[0][0] == 'device3' and odds == sorted(odds, reverse=True)


def test_learning_answers_after_the_fit_and_forgetting_undoes_it(cloud):
    made = taught(cloud, {'lamp': 3})
    number = made.learn(cloud.look('fan'), 'fan')
    assert made.stale and made.identify(cloud.look('fan'), 60.0).type != 'fan'
    made.refit()
    assert not made.stale and made.identify(cloud.look('fan'), 60.0).type == 'fan'
    assert made.forget([number]) == 1 and made.stale
    made.refit()
    assert made.identify(cloud.look('fan'), 60.0).type != 'fan' and made.count('fan') == 0


def test_forgetting_everything_leaves_nothing_to_know(cloud):
    made = identifier()
    number = made.learn(cloud.look('lamp'), 'lamp')
    made.refit()
    made.forget([number])
    made.refit()
    assert not made.ready and made.identify(cloud.look('lamp'), 60.0).state is IdentityState.UNKNOWN


def test_what_is_learnt_while_another_thread_fits_stays_stale(cloud):
    made = taught(cloud, {'lamp': 3})
    snapshot = made.taught()
    made.learn(cloud.look('fan'), 'fan')
    made.adopt(made.fit(snapshot))
    assert made.stale


def test_unlike(cloud):
    made = taught(cloud, {'lamp/desk': 4, 'fan': 4})
    assert made.unlike(cloud.look('lamp/desk'), 'lamp', 'desk') <= 0
    assert made.unlike(cloud.look('fan'), 'lamp', 'desk') > 0
    assert math.isnan(made.unlike(cloud.look('fan'), 'fan', 'usb'))
    assert math.isnan(identifier().unlike(cloud.look('fan'), 'fan', ''))


def test_a_state_brings_the_same_answers_back(cloud):
    made = taught(cloud, {'lamp/desk': 5, 'lamp/floor': 5, 'fan': 5})
    again = Identifier.from_state(made.state(), made.settings, features=FEATURES, signature_version=1,
                                  view=lambda vectors: vectors)
    assert again.stale
    again.refit()
    for device in ('lamp/desk', 'fan', 'else'):
        row = cloud.look(device, noise=0.3)
        assert str(again.identify(row, 60.0)) == str(made.identify(row, 60.0))


def test_a_state_of_another_signature_version_is_refused(cloud):
    with pytest.raises(DevicesError, match='signature_version 1; this is 2'):
        Identifier.from_state(taught(cloud, {'lamp': 1}).state(), features=FEATURES, signature_version=2)


@pytest.mark.parametrize('vector, power, version, reason', [
    ([1.0] * 5, 60.0, 1, 'has 6 features'),
    ([1.0] * 5 + [math.nan], 60.0, 1, 'is nan'),
    ([1.0] * 6, math.nan, 1, 'power of a signature'),
    ([1.0] * 6, 60.0, 2, 'compares version 1 only'),
])
def test_what_cannot_be_judged_is_refused_clearly(cloud, vector, power, version, reason):
    made = taught(cloud, {'lamp': 2})
    with pytest.raises(DevicesError, match=reason):
        made.identify(vector, power, version=version)
    assert made.identify(cloud.look('lamp'), 60.0).type == 'lamp'


def test_what_cannot_be_learnt_is_refused_and_poisons_nothing(cloud):
    made = taught(cloud, {'lamp': 2})
    for vector, version in (([1.0] * 7, 1), ([1e300] * 6, 1), ([1.0] * 6, 3)):
        with pytest.raises(DevicesError):
            made.learn(vector, 'fan', version=version)
    assert not made.stale and made.types == ['lamp']


FINITE = st.lists(st.floats(-1e4, 1e4), min_size=FEATURES, max_size=FEATURES)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(FINITE, st.sampled_from('abc'), st.sampled_from(['', 'm'])), min_size=1, max_size=8), FINITE)
def test_whatever_is_taught_the_answer_is_sane(labels, row):
    made = identifier(trees=8)
    for vector, type, model in labels:
        made.learn(vector, type, model)
    made.refit()
    answer = made.identify(row, 60.0)
    total = sum(probability for _, probability in answer.candidates)
    assert total == pytest.approx(1.0) and all(0 <= probability <= 1 for _, probability in answer.candidates)
    assert math.isfinite(answer.novelty)
    if answer.state is IdentityState.KNOWN:
        assert answer.type == answer.candidates[0][0] and answer.novelty <= 0
    else:
        assert answer.type == answer.model == ''


def test_an_order_of_settings_is_checked():
    with pytest.raises(ValueError, match='trees'):
        IdentifierSettings(trees=0)


def test_all_at_once_is_one_by_one(cloud):
    made = taught(cloud, {'lamp': 4, 'fan': 4})
    rows = [cloud.look(device) for device in ('lamp', 'fan', 'else', 'lamp')]
    powers = [60.0, 30.0, 20.0, 0.0]
    assert [a.state for a in made.identify_all(rows, powers)] == [a.state for a in map(made.identify, rows, powers)]
    assert [a.type for a in made.identify_all(rows, powers)] == ['lamp', 'fan', '', '']
    with pytest.raises(DevicesError, match='4 vectors'):
        made.identify_all(rows, powers[:2])
    assert made.identify_all([], []) == []
    assert np.isfinite(made.identify_all(rows, powers)[0].probability)
