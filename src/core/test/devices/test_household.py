"""Looks and claims meet in any order; a name holds until the load is unlike it. Times in seconds on one outlet."""
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.devices import UNTIL_CHANGE, Claim, DevicesError, Household, Identifier, IdentityState, Look
from hearthgrid_core.devices.household import CLAIMS, LOOKS, OUTLETS

OFF, KNOWN, NAMED, UNKNOWN = IdentityState.OFF, IdentityState.KNOWN, IdentityState.NAMED, IdentityState.UNKNOWN
SHAPE = {'features': 6, 'signature_version': 1, 'view': lambda vectors: vectors}


class Home:
    """A household and the cloud of its devices."""

    def __init__(self, cloud) -> None:
        self.cloud, self.household, self.clock = cloud, Household(Identifier(**SHAPE)), 0

    def look(self, time, device, outlet='kettle', changed=False) -> None:
        vector = np.zeros(6) if device == 'off' else self.cloud.look(device)
        power = 0.0 if device == 'off' else 60.0
        self.household.see(Look(outlet, int(time), float(time), 0.2, vector, power, power, changed))

    def claim(self, begin, end, type='lamp', said=None, **change) -> int:
        return self.household.hear(Claim(change.pop('outlet', 'kettle'), type, change.pop('model', ''), float(begin),
                                         float(end), float(begin if said is None else said), **change))

    def fit(self) -> None:
        self.household.adopt(self.household.identifier.fit(self.household.identifier.taught()))

    def answer(self, time, device, outlet='kettle'):
        self.look(time, device, outlet)
        answers = {look.outlet: answer for look, answer in self.household.answers()}
        return answers[outlet]

    @property
    def taught(self) -> list[str]:
        return self.household.identifier.types

    def __len__(self) -> int:
        return len(self.household.identifier)


@pytest.fixture
def home(cloud) -> Home:
    return Home(cloud)


def test_a_claim_after_its_looks_teaches_those_inside_it(home):
    for time in range(10):
        home.look(time, 'lamp')
    assert home.claim(2.5, 6.1) == 3                        # 3, 4, 5; at 6 it ends within the window
    assert len(home) == 3 and home.taught == ['lamp']


def test_a_claim_before_its_looks_teaches_them_as_they_come(home):
    assert home.claim(2.5, 6.1) == 0
    for time in range(10):
        home.look(time, 'lamp')
    assert len(home) == 3


def test_a_claim_without_end_holds_until_the_load_changes(home):
    home.look(1, 'lamp', changed=True)
    assert home.claim(0, UNTIL_CHANGE, said=2) == 1
    home.look(3, 'lamp')
    home.look(4, 'fan', changed=True)
    home.look(5, 'fan')
    assert len(home) == 2


def test_the_change_may_be_known_before_the_claim(home):
    home.look(1, 'lamp')
    home.look(3, 'fan', changed=True)
    home.look(4, 'fan')
    assert home.claim(0, UNTIL_CHANGE, said=2) == 1
    home.look(5, 'fan')
    assert len(home) == 1


def test_a_later_claim_corrects_an_earlier_one(home):
    home.look(1, 'lamp')
    home.claim(0, 2, 'fan')
    home.claim(0, 2, 'lamp')
    assert home.taught == ['lamp'] and len(home) == 1


def test_looks_of_one_claim_are_one_group(home):
    for time in range(4):
        home.look(time, 'lamp')
    home.claim(0, 1.5), home.claim(2, 9)
    home.look(4, 'lamp')
    groups = home.household.identifier.taught().groups.tolist()
    assert groups[0] == groups[1] and groups[2] == groups[3] == groups[4] != groups[0]


def test_what_is_off_teaches_nothing(home):
    home.look(1, 'off')
    assert home.claim(0, 2) == 0 and len(home) == 0


def test_claims_of_other_outlets_are_theirs(home):
    home.look(1, 'lamp')
    assert home.claim(0, 2, outlet='heater') == 0


@pytest.mark.parametrize('change', [
    {'type': ''}, {'outlet': ''}, {'end': -1.0}, {'begin': float('nan')}, {'end': float('nan')}, {'said': float('inf')},
    {'type': 'ü' * 25}, {'model': 'x' * 65}])
def test_a_claim_without_sense_is_refused_at_once(home, change):
    with pytest.raises(DevicesError):
        home.claim(**{'begin': 0.0, 'end': 2.0, **change})
    home.look(1, 'lamp')
    assert len(home) == 0


@pytest.mark.parametrize('change', [
    {'vector': np.full(6, np.nan)}, {'vector': np.zeros(5)}, {'time': float('nan')}, {'active_power': float('inf')},
    {'apparent_power': 1e30}, {'active_power': float('nan')},
    {'time': 1.0}, {'time': 0.5}])
def test_a_look_that_cannot_be_used_is_refused(home, change):
    home.look(1, 'lamp')
    good = {'outlet': 'kettle', 'sequence': 2, 'time': 2.0, 'duration': 0.2, 'vector': np.ones(6),
            'active_power': 60.0, 'apparent_power': 60.0, 'changed': False}
    with pytest.raises(DevicesError):
        home.household.see(Look(**{**good, **change}))
    home.household.see(Look(**good))


def taught(home) -> Home:
    for k, device in enumerate(('lamp', 'lamp', 'lamp', 'fan', 'fan', 'fan')):
        home.look(k, device, outlet='teacher')
        home.claim(k - 0.1, k + 0.5, device, outlet='teacher')
    home.fit()
    home.household.answers()
    return home


def test_answers_off_known_unknown(home):
    taught(home)
    assert home.answer(20, 'off').type == ''
    assert (home.answer(21, 'lamp').state, home.answer(22, 'welder').state) == (KNOWN, UNKNOWN)
    assert home.household.answers() == []


def test_off_keeps_what_it_was(home):
    taught(home)
    home.answer(20, 'lamp')
    answer = home.answer(21, 'off')
    assert (answer.state, answer.type) == (OFF, 'lamp')


def test_a_new_fit_answers_again(home):
    home.look(1, 'lamp')
    assert [answer.state for _, answer in home.household.answers()] == [UNKNOWN]
    home.claim(0, 2)
    home.fit()
    assert [answer.state for _, answer in home.household.answers()] == [KNOWN]


def test_a_person_names_and_it_is_learnt_for_all_outlets(home):
    for time in range(3):
        home.look(time, 'welder')
    assert home.household.correct('kettle', 'welder') == 'kettle is a welder: 3 examples more'
    home.fit()
    assert (home.answer(4, 'welder').state, home.answer(5, 'welder', 'other').state) == (NAMED, KNOWN)


def test_a_name_teaches_back_to_when_the_load_was_off(home):
    home.look(1, 'fan'), home.look(2, 'off'), home.look(3, 'lamp'), home.look(4, 'lamp')
    home.household.correct('kettle', 'lamp')
    assert len(home) == 2


def test_while_the_load_stays_on_its_other_states_belong_to_the_name(home):
    taught(home)
    home.look(20, 'washer')
    home.household.correct('kettle', 'washer')
    home.look(21, 'spinning', changed=True)
    assert home.answer(22, 'heating').state is NAMED
    assert home.household.identifier.count('washer') == 2     # a change teaches, a heartbeat does not


def test_a_name_holds_through_off_and_ends_when_two_looks_are_unlike_it(home):
    taught(home)
    for time in range(20, 23):
        home.look(time, 'welder')
    home.household.correct('kettle', 'welder', 'arc')
    home.fit()
    life = [(23, 'off'), (24, 'welder'), (25, 'off'), (26, 'lamp'), (27, 'welder'), (28, 'off'), (29, 'lamp'),
            (30, 'lamp')]
    states = [home.answer(time, device) for time, device in life]
    assert [answer.state for answer in states] == [OFF, NAMED, OFF, NAMED, NAMED, OFF, NAMED, KNOWN]
    assert states[0].type == 'welder' and (states[-1].type, states[-1].model) == ('lamp', '')
    assert home.household.names == {} and home.household.identifier.count('welder') >= 3


def test_one_look_judged_twice_is_one_doubt(home):
    taught(home)
    home.look(20, 'welder')
    home.household.correct('kettle', 'welder')
    home.fit()
    home.answer(21, 'off')
    assert home.answer(22, 'lamp').state is NAMED
    home.fit()
    assert dict(home.household.names) == {'kettle': ('welder', '')}
    home.household.answers()
    assert dict(home.household.names) == {'kettle': ('welder', '')}


def test_taking_a_name_back_forgets_what_it_taught(home):
    taught(home)
    home.look(20, 'welder')
    home.household.correct('kettle', 'welder')
    assert 'no longer called welder' in home.household.correct('kettle', '')
    assert home.household.identifier.count('welder') == 0 and home.household.names == {}
    with pytest.raises(DevicesError, match='no name'):
        home.household.correct('kettle', '')


@pytest.mark.parametrize('device', ['off', None])
def test_nothing_to_learn_from_is_said_to_the_person(home, device):
    if device:
        home.look(1, device)
    with pytest.raises(DevicesError, match='switch it on'):
        home.household.correct('kettle', 'kettle')


def test_a_persons_claim_names_too_before_or_after(home):
    home.look(1, 'lamp')
    home.claim(0, 2, by_person=True)
    home.claim(0, 5, outlet='other', by_person=True)
    home.look(3, 'lamp', outlet='other')
    assert set(home.household.names) == {'kettle', 'other'}


def test_names_and_examples_survive_in_the_state(home):
    taught(home)
    home.look(20, 'welder')
    home.household.correct('kettle', 'welder', 'arc')
    again = Home(home.cloud)
    again.household = Household.from_state(home.household.state(), **SHAPE)
    again.fit()
    assert again.household.names == {'kettle': ('welder', 'arc')}
    assert (again.answer(30, 'welder').state, again.answer(31, 'lamp', 'other').state) == (NAMED, KNOWN)
    again.household.correct('kettle', '')
    assert again.household.identifier.count('welder') == 0


@pytest.mark.parametrize('change', [
    {'named_types': None}, {'named_types': np.array([], dtype='<U48')}, {'named_counts': np.array([7])},
    {'named_counts': np.array([-1])}, {'named_types': np.array([''])}, {'named_models': np.array(['x' * 65])},
    {'named_outlets': np.array([1])}, {'named_numbers': np.array([0.5])}, {'named_outlets': np.array('kettle')}])
def test_damaged_names_are_refused(home, change):
    home.look(1, 'lamp')
    home.household.correct('kettle', 'lamp')
    state = {name: array for name, array in {**home.household.state(), **change}.items() if array is not None}
    with pytest.raises(DevicesError):
        Household.from_state(state, **SHAPE)


def test_memory_is_bounded(home):
    for k in range(OUTLETS + 5):
        home.look(k, 'lamp', outlet=f'outlet{k}')
    for k in range(3 * LOOKS):
        home.look(2000 + k, 'lamp', outlet='outlet9')
        home.claim(1e6 + k, 1e9, outlet='outlet9')
    assert len(home.household._outlets) == OUTLETS and len(home.household.answers()) <= OUTLETS
    assert len(home.household._outlets['outlet9'].seen) == LOOKS
    assert len(home.household._outlets['outlet9'].claims) == CLAIMS


@given(st.permutations(['claim', *range(6)]), st.integers(0, 5), st.integers(1, 6))
def test_a_closed_claim_teaches_the_same_whenever_it_comes(order, begin, length):
    """Looks come in their order; the claim may come before, between or after them."""
    from random import Random

    class Cloud:
        def look(self, device):
            return np.array([Random(device).uniform(-1, 1)] * 6)

    home, times = Home(Cloud()), itertools.count()
    for step in order:
        if step == 'claim':
            home.claim(begin - 0.1, begin + length - 0.5)
        else:
            home.look(next(times), 'lamp')
    assert len(home) == len([t for t in range(6) if begin <= t and t + 0.2 <= begin + length - 0.5])
