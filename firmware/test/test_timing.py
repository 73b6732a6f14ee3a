"""Weekly schedules, jobs and the switch-on: the C core and `hearthgrid_core` are told the same and say the same."""
import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from hearthgrid_core.outlet.job import Job, JobBook, JobSettings, Status
from hearthgrid_core.outlet.schedule import Entry, Schedule
from hearthgrid_core.waveform import Window
from hearthgrid_core.waveform.turn_on import TurnOnSettings, TurnOnTracker

OK, ARGUMENT, DAMAGED = 0, 1, 6
NAN, INF = math.nan, math.inf

minutes = st.sampled_from([0, 1, 59, 420, 421, 720, 1320, 1438, 1439])
entries = st.builds(lambda days, start, end, on, cap: (days, start, end, on, cap if cap or not on else 1.0),
                    st.integers(1, 127), minutes, minutes, st.booleans(), st.sampled_from([INF, 0.0, 0.5, 1.0, 900.0]))


def entry(row: tuple) -> dict:
    return dict(zip(('days', 'start', 'end', 'on', 'power_max'), row, strict=True))


@given(st.lists(entries, max_size=33), st.lists(st.tuples(st.integers(0, 6), minutes), max_size=20))
@examples(max_examples=300, deadline=None)
def test_a_schedule_asks_the_same(core, rows, moments):
    state, table = core.ffi.new('hg_schedule_t *'), core.ffi.new('hg_entry_t[33]', [entry(r) for r in rows])
    assert core.lib.hg_schedule_set(state, table, len(rows)) == (OK if len(rows) <= 32 else ARGUMENT)
    if len(rows) > 32:
        with pytest.raises(ValueError):
            Schedule(tuple(Entry(*row) for row in rows))
        return
    twin = Schedule(tuple(Entry(*row) for row in rows))
    for weekday, minute in moments:
        found, expected = core.lib.hg_schedule_at(state, weekday, minute), twin.at(weekday, minute)
        assert (found == core.ffi.NULL) == (expected is None)
        if expected is not None:
            assert (found.days, found.start, found.end, found.on, found.power_max) == dataclasses.astuple(expected)
            band = core.lib.hg_entry_band(found)
            assert (band.power_min, band.power_max) == (expected.band.power_min, expected.band.power_max)
    assert core.lib.hg_schedule_at(state, 7, 0) == core.lib.hg_schedule_at(state, -1, 0) == core.ffi.NULL


@pytest.mark.parametrize('row', [(0, 0, 60, True, INF), (128, 0, 60, True, INF), (1, 1440, 60, True, INF),
                                 (1, 0, 1440, True, INF), (1, 0, 60, True, NAN), (1, 0, 60, False, -1.0),
                                 (1, 0, 60, True, 0.0)])
def test_what_is_no_rule_is_refused_and_the_old_ones_stay(core, row):
    state, good = core.ffi.new('hg_schedule_t *'), entry((1, 0, 60, True, INF))
    assert core.lib.hg_schedule_set(state, [good], 1) == OK
    assert core.lib.hg_schedule_set(state, [good, entry(row)], 2) == ARGUMENT
    assert state.count == 1
    with pytest.raises(ValueError):
        Entry(*row)


def told(core, job: Job):
    return core.ffi.new('hg_job_t *', {**dataclasses.asdict(job), 'id': job.id.encode(), 'status': int(job.status)})


def same(core, state, twin: JobBook, now: float) -> None:
    assert state.known == (twin.job is not None)
    if twin.job is not None:
        assert core.ffi.string(state.job.id).decode() == twin.job.id
        for name in ('energy_kwh', 'delivered_kwh', 'deadline', 'power', 'interruptible', 'status'):
            assert getattr(state.job, name) == getattr(twin.job, name), name
        assert core.lib.hg_job_ended(core.ffi.addressof(state, 'job')) == twin.job.status.ended
        assert core.lib.hg_job_progress(core.ffi.addressof(state, 'job')) == twin.job.progress
        assert core.lib.hg_job_remaining(core.ffi.addressof(state, 'job')) == twin.job.remaining_time
    assert core.lib.hg_job_book_latest_start(state) == twin.latest_start()
    word = twin.must_run(now)
    why = 0 if word is None else 1 if 'deadline' in word.reason else 2
    assert core.lib.hg_job_book_must_run(state, now) == why
    assert core.lib.hg_job_book_waits(state) == (twin.waits() is not None)


jobs = st.builds(lambda energy, ahead, power, interruptible, done: (energy, ahead, power, interruptible, done),
                 st.sampled_from([0.02, 0.5, 1.2]), st.sampled_from([-1.0, 0.0, 600.0, 4000.0, 20000.0]),
                 st.sampled_from([100.0, 2000.0]), st.booleans(), st.sampled_from([0.0, 0.0, 0.3]))
steps = st.tuples(st.sampled_from([0.0, 0.01, 60.0, 450.0, 900.0, 3600.0, -5.0]), st.sampled_from([True, True, False]),
                  st.sampled_from([0.0, 4.9, 5.1, 99.0, 120.0, 1990.0, NAN]),
                  st.sampled_from(['step'] * 6 + ['add', 'cancel', 'restart', 'move']), jobs)


@given(st.lists(steps, max_size=40), st.sampled_from([JobSettings(), JobSettings(0.0, 0.0, 60.0)]))
@examples(max_examples=300, deadline=None)
def test_a_job_is_kept_as_by_the_twin(core, settings, story, values):
    twin, state, now = JobBook(values), core.ffi.new('hg_job_book_t *'), 1e9
    made = settings('job', values)
    assert core.lib.hg_job_book_init(state, made) == OK
    for k, (wait, running, power, what, (energy, ahead, expected, interruptible, done)) in enumerate(story):
        now += wait
        if what == 'add':
            job = Job(f'job {k}', energy, now + ahead, expected, interruptible, delivered_kwh=done)
            try:
                twin.add(now, job)
                status = OK
            except ValueError:
                status = ARGUMENT
            assert core.lib.hg_job_book_add(state, now, told(core, job)) == status
        elif what == 'move':
            try:
                twin.move(now, now + ahead)
                status = OK
            except ValueError:
                status = ARGUMENT
            assert core.lib.hg_job_book_move(state, now, now + ahead) == status
        elif what == 'cancel':
            assert core.lib.hg_job_book_cancel(state) == (twin.cancel() is not None)
        elif what == 'restart':
            kept, before, twin = twin.to_dict(), state, JobBook(values)
            twin.restore(kept)
            state = core.ffi.new('hg_job_book_t *')
            assert core.lib.hg_job_book_init(state, made) == OK
            if kept is not None:
                assert core.lib.hg_job_book_restore(state, core.ffi.addressof(before, 'job')) == OK
        else:
            twin.step(now, running, power)
            assert core.lib.hg_job_book_step(state, now, running, power) == OK
        same(core, state, twin, now)


def test_a_job_that_cannot_be_is_refused(core, settings):
    state = core.ffi.new('hg_job_book_t *')
    assert core.lib.hg_job_book_init(state, settings('job', JobSettings())) == OK
    good = told(core, Job('j', 1.0, 100.0, 50.0))
    for name, value in (('energy_kwh', 0.0), ('energy_kwh', NAN), ('power', INF), ('power', -1.0), ('deadline', INF),
                        ('delivered_kwh', NAN), ('delivered_kwh', -0.1), ('status', 6)):
        job = core.ffi.new('hg_job_t *', good[0])
        setattr(job, name, value)
        assert core.lib.hg_job_book_add(state, 0.0, job) == ARGUMENT, name
        assert core.lib.hg_job_book_restore(state, job) == DAMAGED, name
    core.ffi.memmove(good.id, b'x' * 49, 49)
    assert core.lib.hg_job_book_restore(state, good) == DAMAGED and not state.known
    assert core.lib.hg_job_book_step(state, NAN, True, 1.0) == ARGUMENT
    made = settings('job', JobSettings())
    made.job_idle_time = 0.5
    assert core.lib.hg_job_book_init(state, made) == ARGUMENT
    assert Status(core.lib.HG_JOB_STATUS_MISSED) is Status.MISSED


blocks = st.tuples(st.sampled_from([0.0, 0.0, 0.013, 0.024, 0.031, 0.5, 5.2, 5.9, 22.7]), st.integers(1, 3),
                   st.sampled_from([640, 1280, 1280, 100]), st.sampled_from(['', '', '', '', '', 'lost']))


@given(st.lists(blocks, max_size=30), st.integers(0, 99), st.sampled_from([50.0, 49.1, 60.3]),
       st.sampled_from([TurnOnSettings(), TurnOnSettings(horizon=0.5), TurnOnSettings(0.0, 0.4, 2.0)]))
@examples(max_examples=200, deadline=None)
def test_a_switch_on_is_followed_as_by_the_twin(core, settings, story, seed, frequency, values):
    rng, scale, rate = np.random.default_rng(seed), 0.003, 6400.0
    twin, state = TurnOnTracker(values), core.ffi.new('hg_turn_on_t *')
    assert core.lib.hg_turn_on_init(state, settings('turn_on', values)) == OK
    inrush, settling = core.ffi.new('double *'), core.ffi.new('double *')
    for amps, repeat, n, event in story:
        if event == 'lost':
            twin.lost()
            core.lib.hg_turn_on_lost(state)
        for part in range(repeat):
            level = amps * (1.0 + rng.random() * (3.0 if part == 0 else 0.05))
            fade = np.exp(-np.arange(n) / 900.0 * rng.random())
            counts = np.rint(2**.5 * level / scale * fade * np.sin(2 * np.pi * 50.0 / rate * np.arange(n)))
            counts = np.clip(counts, -32767, 32767).astype(np.int16)
            twin.step(Window(np.zeros(n), counts * scale, rate), frequency)
            buffer = core.ffi.from_buffer('int16_t[]', counts)
            assert core.lib.hg_turn_on_step(state, buffer, n, scale, rate, frequency) == OK
            core.lib.hg_turn_on_result(state, inrush, settling)
            assert inrush[0] == pytest.approx(twin.result.inrush_ratio, rel=1e-9, nan_ok=True)
            assert settling[0] == pytest.approx(twin.result.settling_time, rel=1e-9, nan_ok=True)


def test_what_is_no_block_or_too_long_a_story_is_refused(core, settings):
    state, counts = core.ffi.new('hg_turn_on_t *'), core.ffi.new('int16_t[10]')
    for values in (TurnOnSettings(horizon=31.0), TurnOnSettings(horizon=600.0)):
        assert core.lib.hg_turn_on_init(state, settings('turn_on', values)) == ARGUMENT
    made = settings('turn_on', TurnOnSettings())
    made.current_on = made.current_off
    assert core.lib.hg_turn_on_init(state, made) == ARGUMENT
    assert core.lib.hg_turn_on_init(state, settings('turn_on', TurnOnSettings())) == OK
    for n, scale, rate, frequency in ((0, 0.003, 6400.0, 50.0), (10, 0.0, 6400.0, 50.0), (10, NAN, 6400.0, 50.0),
                                      (10, 0.003, 6400.0, 0.0), (10, 0.003, 6400.0, 6400.0), (10, 0.003, NAN, 50.0)):
        assert core.lib.hg_turn_on_step(state, counts, n, scale, rate, frequency) == ARGUMENT
