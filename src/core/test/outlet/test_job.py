"""Deferrable jobs: progress, the last moment to start, and every way to end."""
import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.outlet import Job, JobBook, JobSettings, Status

NAN = math.nan
WASH = Job('wash', energy_kwh=1.0, deadline=20_000.0, power=1000.0)  # needs an hour
SETTINGS = JobSettings(job_margin=60.0, job_margin_share=0.05)


def book(job: Job = WASH) -> JobBook:
    held = JobBook(SETTINGS)
    held.add(0.0, job)
    return held


@pytest.mark.parametrize('fields, words', [
    ({'energy_kwh': 0.0}, 'energy_kwh is 0.0'), ({'energy_kwh': NAN}, 'energy_kwh is nan'),
    ({'power': -5.0}, 'power is -5.0'), ({'power': math.inf}, 'power is inf'), ({'deadline': NAN}, 'deadline nan')])
def test_a_job_that_cannot_be_is_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        replace(WASH, **fields)


def test_a_second_job_and_a_late_one_are_refused():
    held = book()
    with pytest.raises(ValueError, match='job wash is not finished'):
        held.add(1.0, replace(WASH, id='again'))
    held.cancel()
    with pytest.raises(ValueError, match='deadline has passed'):
        held.add(20_000.0, WASH)
    held.add(1.0, replace(WASH, id='again'))


def test_a_deadline_moves_while_the_job_is_not_finished_and_only_into_the_future():
    held = book()
    before = held.latest_start()
    held.move(10.0, WASH.deadline + 500.0)
    assert held.latest_start() == before + 500.0 and held.job == replace(WASH, deadline=WASH.deadline + 500.0)
    with pytest.raises(ValueError, match='has passed'):
        held.move(10.0, 10.0)
    held.cancel()
    with pytest.raises(ValueError, match='no job'):
        held.move(10.0, 1e6)
    with pytest.raises(ValueError, match='no job'):
        JobBook(SETTINGS).move(0.0, 1.0)


def test_it_waits_for_the_plan_until_the_last_moment_and_then_starts_itself():
    held = book()
    latest = 20_000.0 - 3600.0 * 1.05 - 60.0
    assert held.latest_start() == latest
    held.step(latest - 1.0, False, 0.0)
    assert held.must_run(latest - 1.0) is None
    assert held.waits().band.off
    assert held.must_run(latest).band.on
    assert 'to meet its deadline' in held.must_run(latest).reason


def test_what_was_done_early_moves_the_last_moment():
    held = book(replace(WASH, interruptible=True))
    held.step(0.0, True, 1000.0)
    held.step(1800.0, True, 1000.0)
    assert held.job.delivered_kwh == pytest.approx(0.5)
    assert held.latest_start() == pytest.approx(20_000.0 - 1800.0 * 1.05 - 60.0)


@pytest.mark.parametrize('interruptible, holds_on', [(True, False), (False, True)])
def test_only_an_interruptible_job_gives_way_to_the_plan_once_started(interruptible, holds_on):
    held = book(replace(WASH, interruptible=interruptible))
    held.step(1.0, True, 0.0)
    assert bool(held.must_run(1.0)) is holds_on
    held.step(2.0, False, 0.0)            # somebody more urgent opened the relay
    assert held.must_run(2.0) is None


@pytest.mark.parametrize('timeline, status, delivered', [
    # (time [s], running, power [W])
    ([(3600, True, 999)], Status.RUNNING, 0.999),
    ([(3600, True, 1000)], Status.DONE, 1.0),
    ([(3600, False, 1000)], Status.WAITING, 0.0),                                  # not its own energy
    ([(3600, True, NAN)], Status.RUNNING, 0.0),
    ([(3600, True, -50)], Status.RUNNING, 0.0),
    ([(1800, True, 1000), (3600, False, 0)], Status.WAITING, 0.5),
    ([(20_000, False, 0)], Status.MISSED, 0.0),
    ([(20_000, True, 180.0)], Status.DONE, 1.0),                                   # in the last moment
    ([(2160, True, 1000), (2160.2, True, 3), (3000, True, 3), (3061, True, 3)], Status.DONE, 0.6),  # ended by itself
    ([(2160, True, 1000), (2160.2, True, 3), (3000, True, 3), (3001, True, 400), (3061, True, 3)], Status.RUNNING, 0.6),
    ([(1000, True, 1000), (1001, True, 3), (9000, True, 3)], Status.RUNNING, 0.28),  # too early to believe it
    ([(3600, True, 1000), (3601, True, 1000)], Status.DONE, 1.0),
])
def test_how_a_job_goes(timeline, status, delivered):
    held = book()
    held.step(0.0, timeline[0][1], 0.0)
    for now, running, power in timeline:
        held.step(float(now), running, power)
    assert held.job.status is status
    assert held.job.delivered_kwh == pytest.approx(delivered, abs=5e-3)
    assert held.job.progress == pytest.approx(min(delivered, 1.0), abs=5e-3)


def test_a_job_that_ended_says_nothing():
    held = book()
    assert held.cancel().status is Status.CANCELLED
    assert held.cancel() is None
    assert (held.must_run(1e9), held.waits(), held.latest_start()) == (None, None, math.inf)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 0.3), st.floats(500.0, 3000.0), st.floats(100.0, 9000.0), st.floats(2.0, 20.0))
def test_with_the_plan_silent_the_deadline_is_met_whenever_it_can_be(energy, power, deadline, period):
    held, now, needed, started = JobBook(SETTINGS), 0.0, energy * 3.6e6 / power, None
    held.add(now, Job('x', energy, deadline, power, interruptible=True))
    while not held.job.status.ended:
        running = held.must_run(now) is not None
        started = now if running and started is None else started
        now += period
        held.step(now, running, power)
    if needed * 1.05 + 60.0 + period < deadline:
        assert held.job.status is Status.DONE
        assert started >= deadline - needed * 1.05 - 60.0 - 1e-6  # not earlier than it must
    elif needed > deadline + period:
        assert held.job.status is Status.MISSED


def test_a_job_outlives_a_restart():
    held = book()
    held.step(0.0, True, 0.0)
    held.step(600.0, True, 900.0)
    again = JobBook(SETTINGS)
    again.restore(held.to_dict())
    assert again.job == held.job and again.running
    empty = JobBook(SETTINGS)
    empty.restore(None)
    assert empty.job is None


@pytest.mark.parametrize('kept', [{}, {'id': 'x'}, [], 'x', {'status': 77}])
def test_a_damaged_job_is_an_error(kept):
    with pytest.raises(ValueError, match='damaged'):
        JobBook(SETTINGS).restore(kept)
