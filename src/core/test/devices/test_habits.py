"""Habits of invented devices, day after day on virtual time."""
import copy
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.devices import AnomalySettings, DevicesError, Kind
from hearthgrid_core.devices.channels import CHANNELS
from hearthgrid_core.devices.habits import ENDLESS_LEAST, MONTH, Habits
from hearthgrid_core.devices.watch import Watch

SETTINGS = AnomalySettings()
DAY = 1440


class Life:
    """A device lived through minute by minute, and what was raised and cleared on the way."""

    def __init__(self, own=SETTINGS, seed=0) -> None:
        self.habits, self.now, self._random = Habits(own), 0.0, np.random.default_rng(seed)
        self.log: list[tuple[str, str]] = []

    def live(self, minutes, power) -> list[tuple[str, str]]:
        """Return ('+', channel) where one was raised, ('-', channel) where it was cleared."""
        log = []
        for _ in range(minutes):
            before = set(self.habits.up)
            mean = power(int(self.now // 60)) * (1 + 0.01 * self._random.standard_normal())
            self.now += 60.0
            self.habits.minute(self.now, max(0.0, mean), 0.02 * mean)
            after = set(self.habits.up)
            log += [('+', name) for name in after - before] + [('-', name) for name in before - after]
        return log


def fridge(minute: int) -> float:
    """90 W for 15 to 17 minutes an hour."""
    return 90.0 if minute % 60 < 15 + minute // 60 % 3 else 2.0


def lamp(minute: int) -> float:
    """40 W in the evening, for two to five hours."""
    return 40.0 if 0 <= minute % DAY - 1080 < 120 + 60 * (minute // DAY * 7 % 4) else 0.3


def settled(device, days=12) -> Life:
    life = Life()
    assert life.live(days * DAY, device) == []
    return life


@pytest.mark.parametrize('device', [fridge, lamp])
def test_as_always_is_nothing(device):
    life = settled(device, 25)
    assert life.habits.days == 24 and life.habits.cyclic == (device is fridge)


def test_before_the_warm_up_nothing_is_unusual():
    life = Life()
    assert life.live(2 * DAY, fridge) + life.live(DAY, lambda m: 3 * fridge(m)) == []
    assert not life.habits.warm


FAULTS = {
    'stuck': (fridge, lambda m: 90.0, ('run', 'burst'), 12),
    'door': (fridge, lambda m: 90.0 if m % 60 < 40 else 2.0, ('run', 'burst'), 24),
    'dead': (fridge, lambda m: 0.0, ('pause',), 24),
    'level': (fridge, lambda m: 1.5 * fridge(m), ('peak',), 2),
    'forgotten': (lamp, lambda m: 40.0, ('run', 'burst', 'energy'), 48),
    'standby': (lamp, lambda m: max(lamp(m), 4.0), ('standby',), 12),
}


@pytest.mark.parametrize('device, faulty, channels, hours', FAULTS.values(), ids=FAULTS)
def test_a_fault_is_found_with_its_evidence(device, faulty, channels, hours):
    life = settled(device)
    began = life.now
    log = life.live(hours * 60, faulty)
    assert [sign for sign, _ in log] == ['+'] and log[0][1] in channels
    found = life.habits.finding(log[0][1])
    assert found.value > found.expected and found.text and 0 < found.probability <= 1
    assert began - 4 * 3600 <= found.since <= life.now


def test_what_runs_by_itself_is_stuck_and_what_a_person_runs_is_forgotten():
    for device, kinds in ((fridge, {Kind.STUCK, Kind.WASTE}), (lamp, {Kind.FORGOTTEN, Kind.POWER})):
        life = settled(device)
        (_, name), = life.live(2 * DAY, lambda m, device=device: max(40.0, device(m)))
        assert life.habits.finding(name).kind in kinds


def test_an_endless_run_is_told_as_stuck_without_more_power_but_not_of_what_a_person_runs():
    life = settled(fridge)
    assert life.live(ENDLESS_LEAST - 10, lambda m: 25.0) == []
    assert life.live(20, lambda m: 25.0) == [('+', 'run')]
    found = life.habits.finding('run')
    assert found.kind is Kind.STUCK and found.value >= ENDLESS_LEAST and 0.3 < found.probability < 0.7
    assert life.live(DAY, fridge) == [('-', 'run')]
    life = settled(lamp)
    assert life.live(ENDLESS_LEAST + 10, lambda m: 40.0) == []


def test_it_is_cleared_when_it_is_ordinary_again_and_not_at_once():
    life = settled(fridge)
    assert life.live(120, lambda m: 1.5 * fridge(m)) == [('+', 'peak')]
    assert life.live(10, fridge) == []
    assert life.live(120, fridge) == [('-', 'peak')] and life.live(2 * DAY, fridge) == []


def test_what_was_told_and_is_over_is_no_news_for_days_unless_it_is_more():
    life = settled(fridge)
    assert life.live(DAY, lambda m: (1.5 if m % DAY < 120 else 1.0) * fridge(m)) == [('+', 'peak'), ('-', 'peak')]
    again = Habits.from_state(json.loads(json.dumps(life.habits.state())), SETTINGS)
    assert again.state()['channels']['peak'] == life.habits.state()['channels']['peak']
    assert ('+', 'peak') in copy.deepcopy(life).live(120, lambda m: 2.5 * fridge(m))
    log = life.live(2 * DAY, lambda m: (1.45 if m % DAY < 120 else 1.0) * fridge(m))
    assert ('+', 'peak') not in log     # its whole day may be news


def test_what_wants_a_hand_is_told_each_time():
    life = settled(fridge)
    for _ in range(2):
        (sign, name), = life.live(DAY // 2, lambda m: 90.0)
        assert sign == '+' and life.habits.finding(name).kind is Kind.STUCK
        assert life.live(DAY // 2 + DAY, fridge) == [('-', name)]


def test_a_day_of_less_is_no_slow_fall_but_several_are():
    life = settled(lamp)
    assert life.live(DAY, lambda m: lamp(m) / 4) == [] == life.live(2 * DAY, lamp)
    (sign, name), = life.live(6 * DAY, lambda m: lamp(m) / 4)
    assert (sign, name) == ('+', 'loss') and life.habits.finding(name).value == pytest.approx(10.0, rel=0.1)


def test_a_slow_drift_is_found_and_not_learnt_away():
    life, begin = settled(lamp, 14), 14 * DAY
    log = life.live(25 * DAY, lambda m: lamp(m) * (1 + 0.015 * (m - begin) / DAY))
    assert log and log[0][1] in ('level', 'peak')


def test_after_a_week_it_is_the_new_ordinary():
    life = settled(fridge)
    log = life.live((SETTINGS.accept_days + 2) * DAY, lambda m: 1.5 * fridge(m))
    assert log == [('+', 'peak'), ('-', 'peak')]
    assert life.live(5 * DAY, lambda m: 1.5 * fridge(m)) == []


def test_one_cause_is_told_once():
    life = settled(fridge)
    assert len(life.live(3 * DAY, lambda m: 3 * fridge(m) + 30)) == 1


ODD, MIDDLING, ORDINARY = 9.0, 2.0, 0.5      # evidence of a day


@pytest.mark.parametrize('days, learnt, waiting', [
    ([ORDINARY, MIDDLING], [0, 1], []),
    ([ORDINARY, ODD], [0], [1]),
    ([ODD, MIDDLING], [1], [0]),                # what is neither tells nothing of those that wait
    ([ODD, ODD, ORDINARY], [0, 1, 2], []),      # they were outliers of the old habit
    ([ODD, ODD, ODD], [0, 1, 2], []),           # they are the new one
    ([ODD, ODD, ODD, ODD], [0, 1, 2], [3]),
])
def test_an_odd_day_is_learnt_once_an_ordinary_one_follows_or_it_lasts(days, learnt, waiting):
    watch = Watch(28)
    for day, found in enumerate(days):
        watch.take(float(day), found, found == ODD, first=False, longest=3)
    assert list(watch.values) == learnt and watch.waiting == waiting


@given(st.lists(st.sampled_from([ODD, MIDDLING, ORDINARY]), max_size=40), st.integers(2, 9))
def test_no_day_is_lost_and_none_waits_for_ever(days, longest):
    watch = Watch(100)
    for day, found in enumerate(days):
        watch.take(float(day), found, found == ODD, first=False, longest=longest)
        assert sorted([*watch.values, *watch.waiting]) == list(range(day + 1))
        assert all(days[int(value)] == ODD for value in watch.waiting) and len(watch.waiting) < longest
    for day in range(longest):
        watch.take(100.0 + day, ODD, True, first=False, longest=longest)
    assert len(watch.waiting) < longest and 100.0 in watch.values


def test_a_small_fault_that_lasts_is_told_and_not_learnt_before():
    life = settled(lamp, 8)
    assert life.live(4 * DAY, lambda m: max(lamp(m), 0.6)) == [('+', 'standby')]
    assert 0.3 < life.habits.finding('standby').expected < 0.4


def test_what_an_earlier_version_saved_is_taken_over():
    life = settled(fridge, 8)
    state = json.loads(json.dumps(life.habits.state()))
    for kept in state['channels'].values():
        del kept['waiting']
    assert Habits.from_state(state, SETTINGS).state()['channels'] == life.habits.state()['channels']


def test_days_that_wait_outlast_a_restart():
    life = settled(lamp, 8)
    life.live(2 * DAY, lambda m: max(lamp(m), 0.6))
    again = Habits.from_state(json.loads(json.dumps(life.habits.state())), SETTINGS)
    kept = again.state()['channels']['standby']
    assert kept['waiting'] and kept == life.habits.state()['channels']['standby']


def test_the_threshold_follows_from_the_budget():
    for budget in (0.1, 1.0, 10.0):
        life = Life(AnomalySettings(false_alarms=budget))
        life.live(6 * DAY, fridge)
        assert life.habits.threshold == pytest.approx(len(life.habits._judged) * MONTH / budget)


def test_a_larger_budget_finds_sooner():
    delays = []
    for budget in (0.1, 10.0):
        life = Life(AnomalySettings(false_alarms=budget))
        life.live(8 * DAY, fridge)
        began = life.now
        while not life.habits.up and life.now < began + 5 * 86400:
            life.live(30, lambda m: 90.0)
        delays.append(life.now - began)
    assert delays[1] < delays[0]


def test_days_of_no_use_teach_nothing():
    life = settled(lamp)
    days = life.habits.days
    life.live(6 * DAY, lambda m: 0.3)
    assert life.habits.days <= days + 1 and life.habits.up == []


def test_what_signatures_tell_is_judged_as_the_rest():
    life = Life()
    for day in range(10):
        life.live(720, lamp)
        life.habits.put('heat', math.log(0.1 + 0.005 * (day % 3)))
        assert life.live(720, lamp) == []
    life.habits.put('heat', math.log(1.0))
    assert life.live(2, lamp) == [('+', 'heat')]
    assert life.habits.finding('heat').kind is Kind.CONTACT and 'K/A²' in life.habits.finding('heat').text


@pytest.mark.parametrize('minutes', [0, 500, 8 * DAY + 77])
def test_a_restart_changes_nothing(minutes):
    life = Life()
    life.live(minutes, fridge)
    again = Habits.from_state(json.loads(json.dumps(life.habits.state())), SETTINGS)
    before, after = life.habits.state(), again.state()
    assert after.pop('worst') == pytest.approx(before.pop('worst')) and after == before
    for k in range(2 * DAY):
        for habits in (life.habits, again):
            habits.minute(life.now + 60.0 * (k + 1), 90.0)
        assert again.up == life.habits.up


def test_memory_is_bounded():
    life = Life(AnomalySettings(history_days=5))
    life.live(12 * DAY, fridge)
    state = life.habits.state()
    assert len(state['facts']) == 5 and all(len(c['values']) <= 5 for c in state['channels'].values())
    assert len(state['minutes']) <= DAY and set(state['channels']) == set(CHANNELS)


@pytest.mark.parametrize('change', [{'version': 0}, {'facts': [[1.0]]}, {'minutes': [None]}, {'channels': {}},
                                    {'worst': {'run': 'x'}}, {'begun': [1]}, {'facts': 3}, {'day': 'x'}])
def test_a_damaged_state_is_refused(change):
    with pytest.raises(DevicesError):
        Habits.from_state({**Life().habits.state(), **change}, SETTINGS)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 3000), st.floats(0, 1e4)), max_size=12), st.integers(0, 99))
def test_it_never_raises_and_tells_one_cause_of_power_at_a_time(pieces, seed):
    life = Life(AnomalySettings(false_alarms=30.0), seed)
    for minutes, power in pieces:
        life.live(min(minutes, 1500), lambda m, power=power: power if m % 7 else fridge(m))
        life.now += 60.0 * (minutes // 3)       # a gap
        assert sum(CHANNELS[name].power for name in life.habits.up) <= 1
        for name in CHANNELS:
            life.habits.finding(name)
