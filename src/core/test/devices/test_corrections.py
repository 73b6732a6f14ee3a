"""A correction is taken back as if it had never been made, also after a restart."""
import numpy as np
import pytest

from hearthgrid_core.devices import DevicesError, Household, Identifier, Look
from hearthgrid_core.devices.corrections import KEPT, Correction, Corrections

SHAPE = {'features': 6, 'signature_version': 1, 'view': lambda vectors: vectors}


class Home:
    def __init__(self, cloud):
        self.cloud, self.household, self.clock = cloud, Household(Identifier(**SHAPE)), 0.0

    def look(self, device, outlet='desk', changed=False):
        self.clock += 1.0
        self.household.see(Look(outlet, int(self.clock), self.clock, 0.2, self.cloud.look(device), 60.0, 60.0, changed))

    def examples(self):
        taught = self.household.identifier.taught()
        return sorted(zip(taught.types.tolist(), taught.models.tolist(), map(tuple, taught.vectors), strict=True))

    def restart(self):
        self.household = Household.from_state(self.household.state(), **SHAPE)


@pytest.fixture
def home(cloud):
    return Home(cloud)


@pytest.mark.parametrize('restart', [False, True])
def test_a_first_name_is_taken_back(home, restart):
    for _ in range(3):
        home.look('lamp')
    home.household.correct('desk', 'toaster')
    home.look('lamp', changed=True)         # taught by the name since
    assert len(home.examples()) == 4
    if restart:
        home.restart()
    assert 'not named any more' in home.household.undo('desk')
    assert home.examples() == [] and home.household.names == {}
    with pytest.raises(DevicesError, match='no correction of desk'):
        home.household.undo('desk')


@pytest.mark.parametrize('restart', [False, True])
def test_a_wrong_second_name_gives_way_to_the_first(home, restart):
    for _ in range(3):
        home.look('lamp')
    home.household.correct('desk', 'lamp', 'reading')
    before = home.examples()
    home.household.correct('desk', 'toaster')
    assert {type for type, _, _ in home.examples()} == {'toaster'}
    if restart:
        home.restart()
    assert 'a lamp again' in home.household.undo('desk')
    assert home.examples() == before and home.household.names == {'desk': ('lamp', 'reading')}
    home.household.undo('desk')
    assert home.examples() == [] and home.household.names == {}


def test_a_name_that_was_forgotten_comes_back(home):
    for _ in range(3):
        home.look('lamp')
    home.household.correct('desk', 'lamp')
    before = home.examples()
    home.household.correct('desk', '')
    assert home.examples() == []
    home.household.undo('desk')
    assert home.examples() == before and home.household.names == {'desk': ('lamp', '')}
    home.household.correct('desk', '')      # its numbers are the new ones
    assert home.examples() == []


def test_undoing_one_outlet_leaves_the_others(home):
    for outlet in ('desk', 'hall'):
        home.look('lamp' if outlet == 'desk' else 'fan', outlet)
        home.household.correct(outlet, outlet)
    home.household.undo('desk')
    assert [type for type, _, _ in home.examples()] == ['hall'] and set(home.household.names) == {'hall'}


def test_a_refused_correction_leaves_nothing_to_undo(home):
    home.look('lamp')
    with pytest.raises(DevicesError):
        home.household.correct('desk', 'x' * 60)
    with pytest.raises(DevicesError, match='no correction'):
        home.household.undo('desk')


def pile():
    made = Corrections()
    made.push(Correction('desk', 'lamp', '', (4, 5), (7,), ((4, np.arange(6.0), 'lamp', '', -4),)))
    made.push(Correction('hall', '', '', (), (8, 9), ()))
    return made


def test_what_is_kept_is_read_back_and_bounded():
    again = Corrections.from_state(pile().state(6), 6)
    hall, desk = again.pop('hall'), again.pop('desk')
    assert (hall.learnt, hall.type, again.pop('desk')) == ((8, 9), '', None)
    assert (desk.numbers, desk.replaced[0][0], desk.replaced[0][4]) == ((4, 5), 4, -4)
    assert desk.replaced[0][1].tolist() == list(range(6))
    assert Corrections.from_state({}, 6).pop('desk') is None
    for k in range(KEPT + 1):
        again.push(Correction(f'o{k}', '', '', (), (), ()))
    assert again.pop('o0') is None and again.pop('o1')


@pytest.mark.parametrize('harm', [
    lambda s: s.pop('undo_learnt'), lambda s: s.update(undo_types=s['undo_types'][:1]),
    lambda s: s.update(undo_vectors=s['undo_vectors'] * np.nan), lambda s: s.update(undo_learnt=s['undo_learnt'] + 5),
    lambda s: s.update(undo_vectors=s['undo_vectors'][:, :4]), lambda s: s.update(undo_outlets=np.array([1, 2]))])
def test_damaged_corrections_are_refused(harm):
    state = pile().state(6)
    harm(state)
    with pytest.raises(DevicesError):
        Corrections.from_state(state, 6)
