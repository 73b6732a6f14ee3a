"""Prototypes in the outlet: three windows, drift, undo, room."""
import numpy as np
import pytest

from hearthgrid_core.devices.examples import DevicesError
from hearthgrid_core.devices.prototypes import BYTES_MAX, Prototypes

NOISE = np.full(49, 0.1)


def looks(at, count, seed):
    return at + 0.1 * np.random.default_rng(seed).standard_normal((count, 49))


@pytest.fixture
def book():
    made = Prototypes(NOISE)
    made.teach(looks(0.0, 3, 1), 'fridge')
    made.teach(looks(1.0, 3, 2), 'kettle')
    return made


def test_three_windows_are_enough(book):
    assert {book.recognise(x)[0] for x in looks(0.0, 50, 3)} == {'fridge'}
    assert {book.recognise(x)[0] for x in looks(1.0, 50, 4)} == {'kettle'}
    assert book.recognise(np.full(49, 5.0))[0] == ''


def test_drift_is_followed_and_nothing_else_forgotten(book):
    for step, x in enumerate(looks(0.0, 2000, 5)):
        assert book.follow(x - 0.0005 * step) == 'fridge'       # ten deviations in all
    assert book.recognise(np.full(49, -1.0))[0] == 'fridge'
    assert book.recognise(np.full(49, 1.0))[0] == 'kettle'
    assert Prototypes.from_state(book.state()).recognise(np.full(49, -1.0))[0] == 'fridge'


def test_what_a_correction_drops_is_said_and_relearnt_alone(book):
    kettle = book.distance(np.full(49, 1.0), 'kettle')
    assert book.teach(looks(0.0, 3, 1), 'toaster') == ('fridge',)
    assert book.recognise(np.zeros(49))[0] == 'toaster' and book.names == ('kettle', 'toaster')
    book.relearn({'fridge', 'toaster'}, [(x, 'fridge') for x in looks(0.0, 3, 1)])
    assert book.recognise(np.zeros(49))[0] == 'fridge' and set(book.names) == {'kettle', 'fridge'}
    assert book.distance(np.full(49, 1.0), 'kettle') == kettle
    assert book.distance(np.zeros(49), 'toaster') == np.inf


def test_only_what_is_surely_the_device_refines_it(book):
    between = np.full(49, 0.25)     # two and a half deviations off: near, not sure
    before = book.distance(between, 'fridge')
    assert book.recognise(between)[0] == 'fridge' and book.follow(between) == ''
    assert book.distance(between, 'fridge') == before


def test_there_is_always_room(book):
    for k in range(200):
        book.teach(looks(10.0 + 3 * k, 3, k), f'device {k}')
        assert book.bytes <= BYTES_MAX
    assert book.recognise(np.full(49, 10.0 + 3 * 199))[0] == 'device 199'


@pytest.mark.parametrize('harm', [
    lambda s: s.pop('means'), lambda s: s.update(prototypes_version=np.array(7)),
    lambda s: s.update(means=s['means'][:, :-1]), lambda s: s.update(counts=s['counts'] * 0),
    lambda s: s.update(means=s['means'] * np.inf), lambda s: s.update(noise=s['noise'] * 0)])
def test_a_damaged_state_is_refused(book, harm):
    state = dict(book.state())
    harm(state)
    with pytest.raises(DevicesError):
        Prototypes.from_state(state)


@pytest.mark.parametrize('windows, name', [([], 'x'), ([np.zeros(48)], 'x'), ([np.full(49, np.nan)], 'x'),
                                           ([np.zeros(49)], ''), ([np.zeros(49)], 'x' * 114)])
def test_what_cannot_be_learnt_changes_nothing(book, windows, name):
    with pytest.raises(DevicesError):
        book.teach(windows, name)
    assert book.names == ('fridge', 'kettle')


def test_teaching_the_same_again_refines_and_does_not_begin_anew(book):
    before = book.state()
    book.teach(looks(0.0, 3, 1) + 0.01, 'fridge')
    state = book.state()
    assert state['names'].tolist() == before['names'].tolist() and before['counts'].sum() == 6
    assert state['counts'].sum() == 9


@pytest.mark.parametrize('order', [(0, 1, 3), (3, 1, 0), (1, 3, 0)])
def test_what_a_lesson_dropped_is_put_back_where_it_was(order):
    book = Prototypes(NOISE)
    for k, name in enumerate('abcde'):
        book.teach([np.full(49, 3.0 * k)], name)
    before = book.book
    assert book.teach([np.full(49, 3.0 * k) for k in order], 'x') == tuple('abcde'[k] for k in order)
    book.put_back('x', [], [(k, before[k]) for k in order])
    assert book.book == before
    book.teach([np.full(49, 6.0), np.full(49, 20.0)], 'c')
    book.put_back('c', [(2, before[2])], [])
    assert book.book == before


def test_a_device_like_another_is_taught_beside_it():
    book = Prototypes(NOISE)
    assert book.teach([np.zeros(49)], 'fridge') == () and book.teach([np.full(49, 0.15)], 'freezer') == ()
    assert book.recognise(np.full(49, 0.06))[0] == 'fridge' and book.recognise(np.full(49, 0.1))[0] == 'freezer'
    assert book.follow(np.full(49, 0.06)) == ''         # between the two nothing is refined
    assert book.follow(np.full(49, 0.01)) == 'fridge'
