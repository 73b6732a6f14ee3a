"""What may be taught, what is kept, and what a saved state must look like."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.devices.examples import DevicesError, Examples, squared_distances

GOOD = [1.0, 2.0, 3.0]


def examples(per_unit=4, total=10) -> Examples:
    return Examples(3, 1, per_unit, total)


@pytest.mark.parametrize('vector, label, reason', [
    ([1.0, 2.0], ('kettle', ''), 'has 3 features'),
    ([[1.0, 2.0, 3.0]], ('kettle', ''), 'has 3 features'),
    ([], ('kettle', ''), 'has 3 features'),
    ([1.0, float('nan'), 3.0], ('kettle', ''), 'feature 1 .* is nan'),
    ([1.0, 2.0, float('inf')], ('kettle', ''), 'feature 2 .* is inf'),
    ([1.0, 2.0, -1e300], ('kettle', ''), 'feature 2 .* is -1e\\+300'),
    (['a', 'b', 'c'], ('kettle', ''), 'a row of numbers'),
    (None, ('kettle', ''), 'features|finite|numbers'),
    ([[1.0], 2.0, 3.0], ('kettle', ''), 'a row of numbers'),
    (GOOD, ('', ''), 'needs a type'),
    (GOOD, ('x' * 49, ''), 'at most 48'),
    (GOOD, ('ü' * 25, ''), 'at most 48'),
    (GOOD, ('\udc80', ''), 'is text'),
    (GOOD, ('kettle', 'x' * 65), 'at most 64'),
    (GOOD, (None, ''), 'is text'),
    (GOOD, ('ket\0tle', ''), 'is text'),
])
def test_what_cannot_be_used_is_refused_and_loses_nothing(vector, label, reason):
    kept = examples()
    kept.add(GOOD, 'lamp')
    with pytest.raises(DevicesError, match=reason):
        kept.add(vector, *label)
    assert kept.types() == ['lamp'] and len(kept) == 1


def test_the_vector_is_copied():
    kept, mine = examples(), np.array(GOOD)
    kept.add(mine, 'lamp')
    mine[:] = 0
    assert kept.taught().vectors.tolist() == [GOOD]


def test_numbers_are_never_given_twice():
    kept = examples()
    first = kept.add(GOOD, 'lamp')
    assert kept.forget([first, 99]) == 1
    assert kept.forget([first]) == 0
    assert kept.add(GOOD, 'lamp') > first


def test_a_full_unit_loses_the_older_of_its_nearest_pair():
    kept = examples(per_unit=3)
    numbers = [kept.add([x, 0.0, 0.0], 'fan') for x in (0.0, 10.0, 20.0, 10.5)]
    assert kept.forget([numbers[1]]) == 0
    assert kept.taught().vectors[:, 0].tolist() == [0.0, 20.0, 10.5]


def test_a_heartbeat_does_not_push_out_the_other_states():
    kept = examples(per_unit=4)
    kept.add([100.0, 0.0, 0.0], 'fan')
    for k in range(50):
        kept.add([1e-3 * k, 0.0, 0.0], 'fan')
    assert 100.0 in kept.taught().vectors[:, 0]


def test_a_full_set_thins_its_largest_unit():
    kept = examples(per_unit=8, total=6)
    for k in range(5):
        kept.add([float(k), 0.0, 0.0], 'lamp')
    for type in ('fan', 'kettle'):
        kept.add(GOOD, type)
    assert len(kept) == 6 and kept.count('lamp') == 4 and kept.count('kettle') == 1


@given(st.lists(st.tuples(st.sampled_from('abc'), st.sampled_from(['', 'm']), st.integers(-5, 5)), max_size=60))
def test_bounds_hold_whatever_is_taught(labels):
    kept = examples(per_unit=3, total=5)
    for type, model, x in labels:
        kept.add([float(x), 1.0, 2.0], type, model)
        taught = kept.taught()
        assert len(kept) <= 5
        assert all(np.sum((taught.types == t) & (taught.models == m)) <= 3 for t in 'abc' for m in ('', 'm'))
    assert len(kept) == min(len(labels), len(kept))


def full() -> Examples:
    kept = examples()
    kept.add(GOOD, 'lamp', 'desk', group=7)
    kept.forget([kept.add(GOOD, 'fan')])
    kept.add([4.0, 5.0, 6.0], 'kettle')
    return kept


def test_a_state_comes_back_the_same():
    restored = examples()
    restored.restore(full().state())
    for name, array in full().state().items():
        np.testing.assert_array_equal(restored.state()[name], array)
    assert restored.add(GOOD, 'lamp') == full().add(GOOD, 'lamp')


def test_an_empty_state_comes_back_empty():
    restored = full()
    restored.restore(examples().state())
    assert len(restored) == 0


@pytest.mark.parametrize('change, reason', [
    ({'signature_version': np.array(2)}, 'signature_version 2; this is 1'),
    ({'state_version': np.array(9)}, 'state_version 9'),
    ({'state_version': np.array('1')}, 'state_version'),
    ({'vectors': None}, "lack 'vectors'"),
    ({'vectors': np.zeros((2, 4))}, 'vectors are .* not as many'),
    ({'vectors': np.zeros((3, 3))}, 'vectors are'),
    ({'vectors': np.array([['a'] * 3] * 2)}, 'vectors are'),
    ({'vectors': np.full((2, 3), np.nan)}, 'no feature can be'),
    ({'vectors': np.full((2, 3), 1e300)}, 'no feature can be'),
    ({'types': np.array(['lamp'])}, 'types are'),
    ({'types': np.array([1, 2])}, 'types are'),
    ({'types': np.array(['lamp', ''])}, 'no type, or is too long'),
    ({'types': np.array(['lamp', 'x' * 49])}, 'no type, or is too long'),
    ({'models': np.array(['', 'x' * 65])}, 'no type, or is too long'),
    ({'models': np.array([['a', 'b']])}, 'models are'),
    ({'numbers': np.array([1, 1])}, 'not distinct'),
    ({'numbers': np.array([0, 1])}, 'not distinct'),
    ({'numbers': np.array([1, 900])}, 'not distinct'),
    ({'numbers': np.array(5)}, 'are'),
    ({'groups': np.array([0.5, 1.0])}, 'groups are'),
    ({'next_number': np.array(2)}, 'not distinct'),
    ({'next_number': np.array([4, 4])}, 'next_number are'),
])
def test_a_foreign_or_damaged_state_is_refused_and_changes_nothing(change, reason):
    state = {**full().state(), **change}
    mine = examples()
    mine.add(GOOD, 'toaster')
    with pytest.raises(DevicesError, match=reason):
        mine.restore({name: array for name, array in state.items() if array is not None})
    assert mine.types() == ['toaster']


def test_a_state_larger_than_the_bounds_is_thinned():
    restored = examples(per_unit=1, total=1)
    restored.restore(full().state())
    assert len(restored) == 1


def test_distances_against_their_definition():
    random = np.random.default_rng(0)
    a, b = random.standard_normal((5, 4)), random.standard_normal((3, 4))
    plain = [[sum((x - y) ** 2 for x, y in zip(p, q, strict=True)) for q in b] for p in a]
    np.testing.assert_allclose(squared_distances(a, b), plain, atol=1e-12)
    assert (squared_distances(a, a).diagonal() >= 0).all()
