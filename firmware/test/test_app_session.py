"""The session with the agent and its clock: what a board does when the agent is gone, slow, or back after hours."""
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

SEEK, JOIN, JOINED, LEAVE = range(4)
NOTHING, PONG, SILENT, OPEN, FAILED, CLOSED = range(6)
WAIT, PING, MAKE, CLOSE = range(4)


@pytest.fixture(scope='session')
def session(application):
    return application


class Link:
    """A session, a clock and an agent that is there or not."""

    def __init__(self, c, now=0.0, **given):
        values = {'ping_period': 1.0, 'back_off': 0.25, 'back_off_max': 8.0, 'open_timeout': 10.0, 'silent_max': 3}
        self.c, self.now, self.there, self.opens = c, now, True, True
        self.s = c.ffi.new('hg_session_t *')
        self.status = c.lib.hg_session_init(self.s, c.ffi.new('hg_session_settings_t *', values | given), now)
        self.done, self.event = [], NOTHING

    def step(self, event=None, chance=0.0):
        event, self.event = (self.event if event is None else event), NOTHING
        action = self.c.lib.hg_session_step(self.s, self.now, event, chance)
        if action != WAIT:
            self.done.append((self.now, action))
        return action

    def answer(self, action):
        """What a port's link says to an action."""
        return {WAIT: NOTHING, PING: PONG if self.there else SILENT, CLOSE: CLOSED,
                MAKE: OPEN if self.there and self.opens else FAILED}[action]

    def run(self, seconds, step=0.01):
        for _ in range(round(seconds / step)):
            self.event = self.answer(self.step())
            self.now += step

    def count(self, action, since=0.0):
        return sum(kind == action and at >= since for at, kind in self.done)


def test_it_joins_and_stays(session):
    link = Link(session)
    link.run(10.0)
    assert [kind for _, kind in link.done[:2]] == [PING, MAKE]
    assert (link.s.state, link.s.joins, link.s.losses) == (JOINED, 1, 0)
    assert link.count(MAKE) == 1 and 9 <= link.count(PING) <= 11


def test_without_an_agent_it_knocks_ever_less_for_hours_and_then_joins_at_once(session):
    link = Link(session)
    link.run(5.0)
    link.there = False
    link.run(2.0)
    assert link.s.state == SEEK and link.s.losses == 1 and link.count(CLOSE) == 1
    begun = link.now
    link.run(6 * 3600.0, step=0.1)
    assert link.s.state == SEEK and link.count(MAKE) == 1
    assert 6 * 3600 / 8.0 * 0.9 < link.count(PING, begun) < 6 * 3600 / 8.0 * 1.1  # each eight seconds, not more
    link.there = True
    link.run(9.0)
    assert (link.s.state, link.s.joins) == (JOINED, 2)


def test_a_single_lost_ping_does_not_end_it(session):
    link = Link(session)
    link.run(3.0)
    link.now = math.ceil(link.now) + 1.0
    assert link.step(NOTHING) == PING
    assert link.step(SILENT) == PING and link.step(SILENT) == PING and link.s.state == JOINED
    assert link.step(PONG) == WAIT and link.s.silent == 0
    link.now += 1.0
    assert [link.step(NOTHING), link.step(SILENT), link.step(SILENT), link.step(SILENT)] == [PING, PING, PING, CLOSE]


def test_an_agent_that_answers_but_takes_no_entities_is_not_hammered(session):
    link = Link(session)
    link.opens = False
    link.run(600.0, step=0.1)
    assert link.s.state in (SEEK, JOIN, LEAVE) and link.s.joins == 0
    assert 60 <= link.count(MAKE) <= 90  # one each eight seconds
    assert link.count(MAKE) - link.count(CLOSE) in (0, 1)


def test_chance_spreads_a_home(session):
    early, late = Link(session), Link(session)
    for link, chance in ((early, 0.0), (late, 0.999)):
        link.step(chance=chance)
        link.step(SILENT, chance)
    assert early.s.next == pytest.approx(0.25) and late.s.next == pytest.approx(0.25 * 1.25, rel=1e-3)


def test_an_action_that_is_never_answered_does_not_hang_it(session):
    link = Link(session)
    assert link.step() == PING
    link.now = 10.0
    assert link.step() == WAIT and link.s.state == SEEK and not link.s.asked
    link.now = 11.0
    assert link.step() == PING and link.step(PONG) == MAKE
    link.now = 21.0
    assert link.step() == CLOSE and link.s.state == LEAVE
    link.now = 31.0
    assert link.step() == CLOSE
    assert link.step(CLOSED) == WAIT and link.s.state == SEEK


@pytest.mark.parametrize('wrong', [{'ping_period': 0.0}, {'back_off': -1.0}, {'back_off_max': 0.1}, {'silent_max': 0},
                                   {'open_timeout': math.nan}])
def test_settings_that_cannot_be_are_refused(session, wrong):
    assert Link(session, **wrong).status == session.lib.HG_ERROR_ARGUMENT


@given(st.lists(st.tuples(st.sampled_from(range(6)), st.floats(-1.0, 20.0), st.floats(0.0, 0.999)), max_size=80))
@settings(max_examples=200, deadline=None)
def test_whatever_a_link_says_there_is_one_action_at_a_time(session, story):
    link, outstanding = Link(session), None
    for event, wait, chance in story:
        link.now += wait
        before = link.s.state
        action = link.step(event, chance)
        assert link.s.state in (SEEK, JOIN, JOINED, LEAVE)
        assert (action == MAKE) == (before == SEEK and link.s.state == JOIN)
        if link.s.state == LEAVE and before != LEAVE:
            assert action == CLOSE
        if action == PING:
            assert outstanding != PING or event in (PONG, SILENT, FAILED) or wait != 0
        outstanding = action if action != WAIT else outstanding
        assert 0.25 <= link.s.wait <= 8.0


def test_the_clock_goes_ahead_at_once_and_back_only_slowly(session):
    c, clock = session, session.ffi.new('hg_clock_t *')
    c.lib.hg_clock_init(clock)
    assert math.isnan(c.lib.hg_clock_now(clock, 5.0))
    assert c.lib.hg_clock_sync(clock, 10.0, 10.2, 1000.0)
    assert c.lib.hg_clock_now(clock, 10.1) == pytest.approx(1000.0, abs=0.11)
    assert not c.lib.hg_clock_sync(clock, 20.0, 21.0, 2000.0)  # a round trip too long to say anything
    assert c.lib.hg_clock_sync(clock, 20.0, 20.0, 1010.0 + 60.0)
    assert c.lib.hg_clock_now(clock, 20.0) == pytest.approx(1070.0, abs=0.2)
    assert c.lib.hg_clock_sync(clock, 30.0, 30.0, 1079.0)  # one second behind
    assert c.lib.hg_clock_now(clock, 130.0) == pytest.approx(1179.5, abs=0.2)
    assert c.lib.hg_clock_now(clock, 330.0) == pytest.approx(1379.0, abs=0.01)


@given(st.lists(st.tuples(st.floats(0.0, 100.0), st.floats(-50.0, 50.0)), min_size=1, max_size=40))
@settings(max_examples=200, deadline=None)
def test_wall_time_never_goes_back(session, story):
    clock, now, before = session.ffi.new('hg_clock_t *'), 0.0, -math.inf
    session.lib.hg_clock_init(clock)
    for step, error in story:
        now += step
        session.lib.hg_clock_sync(clock, now, now, 1e6 + now + error)
        wall = session.lib.hg_clock_now(clock, now)
        assert wall >= before
        before = wall
