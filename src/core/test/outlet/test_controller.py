"""The outlet's decision: timelines that read as the specification, and what must hold whatever happens."""
import dataclasses
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.outlet import (
    Entry,
    Job,
    JobSettings,
    Measurement,
    OutletController,
    Priority,
    ProtectionSettings,
    Refusal,
    RelaySettings,
    Request,
    RequestSettings,
    Schedule,
    Snapshot,
    Status,
    Trip,
    Voice,
)

NOW, INF = 1_800_000_000.0, math.inf
ON, OFF = (1.0, INF), (0.0, 0.0)
IDLE = Measurement(NOW, 230.0, 0.0, 0.0, 0.0, 25.0)
DRAWING = Measurement(NOW, 230.0, 8.7, 8.7, 2000.0, 25.0)


def outlet(normally_on: bool = True, **relay) -> OutletController:
    fast = {'minimum_on_time': 0.0, 'minimum_off_time': 0.0, **relay}
    return OutletController(ProtectionSettings(), RelaySettings(**fast), RequestSettings(), JobSettings(), normally_on)


def ask(voice: Voice, band: tuple[float, float], at: float = 0.0, until: float = 900.0, counter: int = 0,
        reason: str = '') -> Request:
    return Request(voice, voice.name, 1, counter or int(at * 10) + 1, NOW + at, NOW + until, *band,
                   reason or voice.name)


def cycle(controller: OutletController, at: float, *requests: Request, measurement=IDLE, minute: int = 0,
          islanded: bool = False):
    return controller.step(NOW + at, Snapshot(measurement, 0, minute, islanded, requests))


@pytest.mark.parametrize('said, closed, voice', [
    ([], True, Voice.UNKNOWN),
    ([(Voice.PLAN, OFF)], False, Voice.PLAN),
    ([(Voice.PLAN, OFF), (Voice.PERSON, ON)], True, Voice.PERSON),
    ([(Voice.PLAN, ON), (Voice.PERSON, OFF)], False, Voice.PERSON),
    ([(Voice.PERSON, ON), (Voice.GRID_SERVICE, OFF)], False, Voice.GRID_SERVICE),
    ([(Voice.GRID_SERVICE, OFF), (Voice.ISLAND, ON)], True, Voice.ISLAND),
    ([(Voice.ISLAND, OFF), (Voice.PLAN, ON), (Voice.PERSON, ON), (Voice.GRID_SERVICE, ON)], False, Voice.ISLAND),
    ([(Voice.PERSON, (0.0, INF)), (Voice.PLAN, OFF)], False, Voice.PLAN),     # "may be on" leaves it to the plan
])
def test_protection_island_grid_service_person_plan(said, closed, voice):
    decision = cycle(outlet(), 0.0, *(ask(*word) for word in said))
    assert (decision.closed, decision.voice, decision.refused) == (closed, voice, ())


def test_a_day_without_a_hub():
    """08:00 plan off for 15 min, then silence; the schedule says off 09:00 to 10:00; a person wants tea at 09:30."""
    controller = outlet()
    controller.schedule = Schedule((Entry(127, 540, 600, False),))
    timeline = [  # minutes after 08:00, request, closed, who, words
        (0, ask(Voice.PLAN, OFF, 0, 900, reason='dear now'), False, Voice.PLAN, 'dear now'),
        (14, None, False, Voice.PLAN, 'dear now'),
        (15.1, None, True, Voice.UNKNOWN, 'nobody asked'),          # the plan expired, the hub is dead
        (60, None, False, Voice.PERSON, 'schedule Mon Tue Wed Thu Fri Sat Sun 09:00–10:00 off'),
        (90, ask(Voice.PERSON, ON, 5400, 6000, reason='tea'), True, Voice.PERSON, 'tea'),
        (101, None, False, Voice.PERSON, 'schedule Mon Tue Wed Thu Fri Sat Sun 09:00–10:00 off'),
        (120, None, True, Voice.UNKNOWN, 'nobody asked'),
    ]
    for minutes, request, closed, voice, reason in timeline:
        decision = cycle(controller, minutes * 60, *filter(None, [request]), minute=480 + int(minutes))
        assert (decision.closed, decision.voice, decision.reason) == (closed, voice, reason), minutes


def test_the_plan_comes_before_the_schedule():
    controller = outlet()
    controller.schedule = Schedule((Entry(127, 0, 0, False),))
    assert cycle(controller, 0.0, ask(Voice.PLAN, ON)).closed


@pytest.mark.parametrize('normally_on', [True, False])
def test_the_place_of_the_relay_when_nobody_asks(normally_on):
    controller = outlet(normally_on)
    assert cycle(controller, 0.0).closed is normally_on
    assert cycle(controller, 1.0, ask(Voice.PLAN, (0.0, 500.0), 1.0)).closed is normally_on


def test_in_an_island_neither_plan_nor_grid_service_binds():
    controller = outlet()
    words = ask(Voice.PLAN, OFF), ask(Voice.GRID_SERVICE, OFF)
    assert not cycle(controller, 0.0, *words).closed
    assert cycle(controller, 1.0, islanded=True).closed
    assert not cycle(controller, 2.0, ask(Voice.ISLAND, OFF, 2.0), islanded=True).closed
    assert not cycle(controller, 3.0).closed  # back on the grid they bind again


@pytest.mark.parametrize('voice', [Voice.ISLAND, Voice.GRID_SERVICE, Voice.PERSON, Voice.PLAN])
def test_the_outlets_own_droop_comes_before_every_request_and_behind_protection(voice):
    controller = outlet(minimum_on_time=60.0)
    cycle(controller, 0.0, ask(voice, (100.0, math.inf)))
    snapshot = Snapshot(IDLE, 0, 0, True, (), 'overload')
    decision = controller.step(NOW + 1.0, snapshot)     # it does not wait for the relay's dwell
    assert (decision.closed, decision.voice, decision.reason) == (False, Voice.ISLAND, 'overload')
    assert controller.demand == 0.0
    short = dataclasses.replace(IDLE, current=500.0)
    tripped = controller.step(NOW + 2.0, dataclasses.replace(snapshot, measurement=short))
    assert tripped.voice is Voice.PROTECTION


def test_what_an_overload_was_made_of_is_remembered_as_demand():
    controller = outlet()
    cycle(controller, 0.0)
    controller.step(NOW + 1.0, Snapshot(dataclasses.replace(DRAWING, stamp=NOW + 1.0), 0, 0, True, (), 'overload'))
    cycle(controller, 2.0)
    assert controller.demand == DRAWING.active_power


def test_a_trip_beats_everything_and_stays_until_reset():
    controller = outlet(minimum_on_time=3600.0, minimum_off_time=5.0)
    cycle(controller, 0.0, *(ask(voice, ON) for voice in (Voice.PLAN, Voice.PERSON, Voice.GRID_SERVICE, Voice.ISLAND)))
    short = dataclasses.replace(DRAWING, current=90.0, current_cycle=150.0)
    decision = cycle(controller, 0.2, measurement=short)
    assert (decision.closed, decision.trip, decision.voice) == (False, Trip.OVERCURRENT, Voice.PROTECTION)
    assert decision.reason == 'tripped, short circuit: 150 A in one cycle'
    assert not cycle(controller, 500.0).closed
    assert controller.protection.reset() == ''
    assert cycle(controller, 500.2).closed


def test_waiting_is_said():
    controller = outlet(minimum_on_time=60.0)
    cycle(controller, 0.0)
    decision = cycle(controller, 10.0, ask(Voice.PERSON, OFF, 10.0))
    assert (decision.closed, decision.waiting, decision.band.off) == (True, 50.0, True)
    assert not cycle(controller, 60.0).closed


def test_without_samples_a_relay_stays_closed_but_is_never_closed():
    controller = outlet()
    first = cycle(controller, 0.0, measurement=None)
    assert not first.closed and first.reason == 'no samples, so no protection: stays open (nobody asked)'
    assert cycle(controller, 1.0).closed
    assert cycle(controller, 2.0, measurement=None).closed
    assert not cycle(controller, 3.0, ask(Voice.PERSON, OFF, 3.0, 4.0), measurement=None).closed
    assert not cycle(controller, 5.0, measurement=None).closed
    assert cycle(controller, 6.0).closed


def test_a_person_or_island_cap_opens_a_plain_relay_and_a_plan_cap_does_not():
    for voice, closed in ((Voice.PLAN, True), (Voice.PERSON, False), (Voice.ISLAND, False)):
        controller = outlet(cap_time=2.0)
        first = cycle(controller, 0.0, ask(voice, (0.0, 800.0), reason='spare'), measurement=DRAWING)
        assert first.band.power_max == 800.0
        assert cycle(controller, 1.0, measurement=DRAWING).closed
        decision = cycle(controller, 2.0, measurement=DRAWING)
        assert decision.closed is closed
        if not closed:
            assert decision.voice is voice and decision.reason == 'spare: at most 800 W, the load drew 2000 W'
            assert not cycle(controller, 99.0).closed
        assert cycle(controller, 901.0).closed  # the cap has expired


def test_an_urgent_on_keeps_a_load_that_breaks_a_less_urgent_cap():
    controller = outlet(cap_time=0.0)
    cycle(controller, 0.0, ask(Voice.ISLAND, (100.0, 3000.0)), ask(Voice.PERSON, (0.0, 500.0)), measurement=DRAWING)
    assert cycle(controller, 1.0, measurement=DRAWING).closed


def test_a_job_waits_runs_with_the_plan_and_is_done():
    controller = outlet()
    assert cycle(controller, 0.0).closed
    controller.jobs.add(NOW, Job('wash', 0.5, NOW + 7200, 2000.0))
    decision = cycle(controller, 1.0)
    assert not decision.closed and decision.reason == 'job wash waits for the plan'
    assert decision.job.status is Status.WAITING
    assert cycle(controller, 2.0, ask(Voice.PLAN, (2000.0, 2000.0), 2.0, 300.0)).closed
    assert cycle(controller, 3.0, measurement=DRAWING).job.status is Status.RUNNING
    decision = cycle(controller, 303.0, measurement=DRAWING)   # the plan is silent now, but it has begun
    assert decision.closed and decision.reason == 'job wash must not be interrupted'
    assert not cycle(controller, 304.0, ask(Voice.PERSON, OFF, 304.0, 305.0), measurement=DRAWING).closed
    assert not cycle(controller, 306.0).closed                 # interrupted all the same, it waits again
    decision = cycle(controller, 7200.0 - 597.0 * 1.05 - 60.0)  # ten minutes of work are left
    assert decision.closed and decision.reason == 'job wash must run now to meet its deadline'
    cycle(controller, 6600.0, measurement=DRAWING)
    for second in range(6601, 7199, 10):
        decision = cycle(controller, second, measurement=DRAWING)
    assert decision.job.status is Status.DONE and decision.job.delivered_kwh == pytest.approx(0.5, rel=0.02)
    assert decision.closed and decision.voice is Voice.UNKNOWN


def test_at_the_last_moment_the_deadline_beats_the_plan_but_not_the_person():
    controller = outlet()
    controller.jobs.add(NOW, Job('wash', 1.0, NOW + 1000.0, 2000.0))   # cannot be met: it starts at once
    assert cycle(controller, 0.0, ask(Voice.PLAN, OFF)).closed
    assert not cycle(controller, 1.0, ask(Voice.PERSON, OFF, 1.0)).closed
    assert cycle(controller, 1001.0).job.status is Status.MISSED


@pytest.mark.parametrize('priority, tripped, stays', [
    (Priority.UNKNOWN, False, False), (Priority.COMFORT, False, False), (Priority.ESSENTIAL, False, False),
    (Priority.DEFERRABLE, False, False), (Priority.MEDICAL, False, True), (Priority.REFRIGERATION, False, True),
    (Priority.SAFETY, False, True), (Priority.MEDICAL, True, False)])
def test_where_the_relay_is_left_when_the_outlet_stops(priority, tripped, stays):
    controller = outlet(minimum_on_time=3600.0)
    controller.priority = priority
    assert cycle(controller, 0.0).closed
    if tripped:
        cycle(controller, 1.0, measurement=dataclasses.replace(DRAWING, current_cycle=200.0))
    assert controller.release(NOW + 2.0) is stays


def test_current_through_an_open_relay_is_seen_once_it_lasts():
    controller = outlet()
    cycle(controller, 0.0, ask(Voice.PERSON, OFF))
    assert not cycle(controller, 0.9, measurement=DRAWING).welded   # the block that saw it open
    assert not cycle(controller, 1.1).welded
    assert cycle(controller, 1.2, measurement=DRAWING).welded


def test_refused_requests_are_listed_with_their_reason_and_change_nothing():
    controller = outlet()
    late, good = ask(Voice.PERSON, OFF, until=-1.0), ask(Voice.PLAN, OFF)
    decision = cycle(controller, 0.0, late, good, good)
    assert [(item.request, item.refusal) for item in decision.refused] == [
        (late, Refusal.EXPIRED), (good, Refusal.REPLAYED)]
    assert decision.voice is Voice.PLAN


def test_the_same_snapshot_at_the_same_time_changes_nothing():
    controller = outlet()
    snapshot = Snapshot(DRAWING, 0, 0, False, (ask(Voice.PLAN, ON),))
    first = controller.step(NOW, snapshot)
    memory = controller.memory()
    assert controller.step(NOW, dataclasses.replace(snapshot)) == first
    assert controller.memory() == memory


def test_memory_and_preferences_outlive_a_restart():
    controller = outlet(minimum_off_time=60.0)
    controller.choose(Schedule((Entry(127, 0, 0, True),)), Priority.MEDICAL)
    controller.jobs.add(NOW, Job('wash', 1.0, NOW + 7200, 2000.0))
    cycle(controller, 0.0, ask(Voice.PERSON, ON), measurement=DRAWING)
    cycle(controller, 1.0, measurement=DRAWING)
    again = outlet(minimum_off_time=60.0)
    again.restore_preferences(NOW + 2.0, controller.preferences())
    again.restore_memory(NOW + 2.0, controller.memory())
    assert (again.schedule, again.priority) == (controller.schedule, Priority.MEDICAL)
    decision = cycle(again, 2.0, measurement=DRAWING)
    assert decision.closed and decision.reason == 'PERSON' and decision.job.status is Status.RUNNING


def test_what_only_the_installer_set_is_not_kept_so_that_it_can_be_changed():
    controller = outlet()
    controller.schedule, controller.priority = Schedule((Entry(127, 0, 0, True),)), Priority.MEDICAL
    assert controller.preferences() == {'requests': []}
    controller.choose(priority=Priority.SAFETY)
    again = outlet()
    again.schedule = controller.schedule
    again.restore_preferences(NOW, controller.preferences())
    assert (again.schedule, again.priority) == (controller.schedule, Priority.SAFETY)
    assert again.preferences() == {'priority': 3, 'requests': []}


@pytest.mark.parametrize('kept', [None, [], {}, 'x', {'schedule': [], 'priority': 99, 'requests': []},
                                  {'schedule': [{}], 'priority': 1, 'requests': []},
                                  {'schedule': [], 'priority': 1, 'requests': [{}]},
                                  {'schedule': [], 'priority': 1, 'requests': 7}])
def test_damaged_preferences_are_an_error_and_change_nothing(kept):
    controller = outlet()
    controller.priority = Priority.SAFETY
    with pytest.raises(ValueError):
        controller.restore_preferences(NOW, kept)
    assert (controller.schedule, controller.priority) == (Schedule(), Priority.SAFETY)


@pytest.mark.parametrize('kept', [None, [], {}, 'x', {'protection': {}, 'relay': {}, 'job': None}])
def test_a_damaged_memory_is_an_error(kept):
    with pytest.raises(ValueError, match='damaged'):
        outlet().restore_memory(NOW, kept)


voices = st.sampled_from([Voice.PLAN, Voice.PERSON, Voice.GRID_SERVICE, Voice.ISLAND])
limits = st.sampled_from([ON, OFF, (0.0, 500.0), (0.0, INF), (100.0, 3000.0), (0.0, math.nan)])
events = st.lists(st.tuples(
    st.floats(0.05, 30.0),                                                     # time since the last [s]
    st.one_of(st.none(), st.tuples(voices, limits, st.floats(-1.0, 60.0))),     # a request and its validity
    st.sampled_from([None, IDLE, DRAWING, dataclasses.replace(DRAWING, current=150.0, current_cycle=150.0),
                     dataclasses.replace(IDLE, temperature=90.0), dataclasses.replace(IDLE, current=math.nan)]),
    st.booleans()), max_size=40)


@settings(max_examples=150, deadline=None)
@given(events, st.booleans(),
       st.lists(st.tuples(st.integers(0, 1439), st.integers(0, 1439), st.booleans()), max_size=3))
def test_what_holds_whatever_happens(happenings, normally_on, rules):
    controller = OutletController(ProtectionSettings(), RelaySettings(minimum_on_time=20.0, minimum_off_time=40.0),
                                  RequestSettings(), JobSettings(), normally_on)
    controller.schedule = Schedule(tuple(Entry(127, *rule) for rule in rules))
    controller.jobs.add(NOW, Job('x', 1.0, NOW + 400.0, 2000.0, interruptible=True))
    at, since, was, binding = 0.0, -INF, None, {}
    for number, (wait, request, measurement, islanded) in enumerate(happenings):
        at += wait
        asked = [ask(request[0], request[1], at, at + request[2], number + 1)] if request else []
        decision = cycle(controller, at, *asked, measurement=measurement, islanded=islanded, minute=int(at))
        for item in asked:
            if item.expiry < NOW + at:
                assert decision.refused[0].refusal is Refusal.EXPIRED
            else:
                binding[item.voice] = item
        if decision.trip is not Trip.NONE:                     # protection beats everything, at once
            assert not decision.closed and decision.voice is Voice.PROTECTION and decision.band.off
        if was is not None and decision.closed != was:         # dwell times are never broken but by protection
            protective = decision.trip is not Trip.NONE and not decision.closed
            assert protective or at - since >= (20.0 if was else 40.0) - 1e-6
        if measurement is None and was is not True:
            assert not decision.closed                         # never closed blindly
        if controller.relay.closed is not None and was != decision.closed:
            was, since = decision.closed, at
        if decision.voice in binding and decision.reason == decision.voice.name:
            assert binding[decision.voice].expiry >= NOW + at  # an expired request is never obeyed
            assert not (islanded and decision.voice in (Voice.PLAN, Voice.GRID_SERVICE))
        cap = min((item.power_max for voice, item in binding.items() if voice is Voice.ISLAND
                   and item.expiry >= NOW + at and not math.isnan(item.power_max)), default=INF)
        assert decision.band.power_max <= cap                  # nobody widens what the island allows


@pytest.mark.parametrize('priority, at, islanded, word, closed', [
    (Priority.COMFORT, 4.9, True, None, True),       # a leader may be on its way
    (Priority.COMFORT, 5.1, True, None, False),
    (Priority.DEFERRABLE, 5.1, True, None, False),
    (Priority.UNKNOWN, 5.1, True, None, False),
    (Priority.ESSENTIAL, 5.1, True, None, True),
    (Priority.MEDICAL, 99.0, True, None, True),
    (Priority.COMFORT, 5.1, False, None, True),      # the grid is there
    (Priority.COMFORT, 5.1, True, (0.0, INF), True),  # a leader serves it
    (Priority.MEDICAL, 5.1, True, OFF, False),
])
def test_an_island_that_nobody_leads_falls_back_on_what_is_safe(priority, at, islanded, word, closed):
    controller = outlet()
    controller.priority = priority
    cycle(controller, 0.0, islanded=islanded)
    asked = [ask(Voice.ISLAND, word, 3.0, at + 1.0)] if word else []
    cycle(controller, 3.0, *asked, islanded=islanded)
    decision = cycle(controller, at, islanded=islanded)
    assert decision.closed == closed
    if not closed:
        assert decision.voice is Voice.ISLAND


def test_a_leaders_word_that_expires_leads_to_the_safe_default_and_a_provisional_one_cannot_end_it():
    controller = outlet()
    controller.priority = Priority.COMFORT
    served = ask(Voice.ISLAND, (0.0, INF), 1.0, 3.0)
    for at, requests, closed in [
            (0.0, (), True), (1.0, (served,), True), (7.9, (), True), (8.2, (), True), (13.3, (), False),
            (14.0, (dataclasses.replace(ask(Voice.ISLAND, (0.0, INF), 14.0, 20.0), provisional=True),), False),
            (15.0, (ask(Voice.ISLAND, (0.0, INF), 15.0, 20.0, counter=999),), True)]:
        decision = cycle(controller, at, *requests, islanded=True)
        assert decision.closed == closed, at
        assert [r.refusal for r in decision.refused] == [Refusal.RAISES] * (at == 14.0)


def test_the_highest_fence_and_the_demand_outlive_a_restart():
    controller = outlet()
    late = dataclasses.replace(ask(Voice.ISLAND, (0.0, INF), 0.0, 5.0), term=7)
    cycle(controller, 0.0, late)
    cycle(controller, 1.0, measurement=dataclasses.replace(DRAWING, stamp=NOW + 1))
    again = outlet()
    again.restore_memory(NOW + 90, controller.memory())
    assert again.demand == 2000.0
    stale = dataclasses.replace(ask(Voice.ISLAND, OFF, 90.0, 95.0), term=6)
    assert [r.refusal for r in cycle(again, 90.0, stale).refused] == [Refusal.FENCED]
    older = {name: part for name, part in controller.memory().items() if name not in ('fence', 'demand')}
    outlet().restore_memory(NOW + 90, older)     # kept by a version before


def test_the_demand_follows_the_draw_and_is_remembered_while_off():
    controller = outlet()
    watts = [0.0, 0.0, 2000.0, 2000.0, 300.0, 300.0]
    seen = []
    for second, power in enumerate(watts):
        cycle(controller, second, measurement=dataclasses.replace(IDLE, stamp=NOW + second, active_power=power))
        seen.append(controller.demand)
    assert seen[1:] == [0.0, 2000.0, 2000.0, 1150.0, 725.0] and math.isnan(seen[0])
    cycle(controller, 6.0, ask(Voice.PERSON, OFF, 6.0), measurement=dataclasses.replace(IDLE, stamp=NOW + 6))
    assert controller.demand == 725.0


@pytest.mark.parametrize('rank', [-1, 65536, 1.5])
def test_a_rank_that_is_none_is_refused_and_nothing_taken(rank):
    controller = outlet()
    controller.choose(rank=3)
    with pytest.raises(ValueError, match='rank'):
        controller.choose(priority=Priority.MEDICAL, rank=rank)
    with pytest.raises(ValueError, match='rank'):
        controller.restore_preferences(NOW, {'rank': rank, 'requests': []})
    assert (controller.priority, controller.rank) == (Priority.UNKNOWN, 3)
    again = outlet()
    again.restore_preferences(NOW, controller.preferences())
    assert again.rank == 3
