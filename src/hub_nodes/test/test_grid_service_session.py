"""The session's thread against links of our own, and the node's memory."""
import asyncio
import json
import math
import threading
import time

import pytest

from hearthgrid_core.grid_service import Answer, Event, Interval, Kind, Opt, PowerLog, Programme, RuleSettings, Signal
from hub_nodes.grid_service.memory import Memory
from hub_nodes.grid_service.session import Session, State
from hub_nodes.grid_service.wire import Heard, LinkError


class Link:
    """A link that does as it is told."""

    period = 0.05

    def __init__(self, answers=None, hang=False):
        self.fault, self.hang, self.sent, self.closed, self.opened = answers, hang, [], 0, 0

    async def open(self):
        self.opened += 1

    async def poll(self):
        if self.hang:
            await asyncio.sleep(3600)
        return None

    async def answer(self, answers):
        if self.fault and answers:
            raise LinkError('no', status=self.fault)
        self.sent += answers

    async def report(self, measured, outcomes):
        pass

    async def close(self):
        self.closed += 1


def until(condition, timeout=20.0):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def start():
    made = []

    def started(make):
        made.append(Session(make, retry_first=0.05))
        made[-1].start()
        return made[-1]

    yield started
    for session in made:
        assert session.stop()


IN = Answer('e', 0, Opt.IN)


def test_what_is_sent_is_sent_once(start):
    link = Link()
    session = start(lambda: link)
    assert until(lambda: link.opened)
    session.send([IN])
    assert until(lambda: link.sent)
    session.send([Answer('f', 0, Opt.OUT)])
    assert until(lambda: len(link.sent) == 2) and link.sent == [IN, Answer('f', 0, Opt.OUT)]


def test_a_server_that_fails_at_answers_is_not_up_and_is_not_asked_for_ever(start):
    """What is pending is dropped with the link: a server that restarted may not know the event any more."""
    link, news = Link(answers=500), []
    session = start(lambda: link)
    assert until(lambda: link.opened)
    session.send([IN])
    assert until(lambda: link.closed)
    assert until(lambda: news.extend(session.news()) or any(isinstance(n, State) and n.up for n in news))
    assert [n.up for n in news if isinstance(n, State)] == [False, True] and link.sent == []


def test_answers_that_are_forbidden_do_not_end_the_session(start):
    link, news = Link(answers=403), []
    session = start(lambda: link)
    assert until(lambda: link.opened)
    session.send([IN])
    assert until(lambda: news.extend(session.news()) or any(isinstance(n, Heard) and n.refused for n in news))
    assert not link.closed


def test_whatever_a_library_raises_the_session_goes_on(start):
    links = iter([ZeroDivisionError, RecursionError, None, None, None])

    def make():
        error = next(links)
        if error:
            raise error('inside')
        return Link()
    session, news = start(make), []
    assert until(lambda: news.extend(session.news()) or any(isinstance(n, State) and n.up for n in news))
    reasons = [n.reason for n in news if isinstance(n, State)]
    assert reasons[:2] == ['ZeroDivisionError: inside', 'RecursionError: inside']


def test_it_ends_while_a_request_hangs():
    link = Link(hang=True)
    session = Session(lambda: link)
    session.start()
    assert until(lambda: link.opened) and session.stop() and link.closed
    assert not any(thread.name == 'grid_service' for thread in threading.enumerate())


def programme():
    made = Programme(RuleSettings())
    made.hear(0.0, [Event('e', (Signal(Kind.LEVEL, (Interval(1e5, math.inf, 1.0),)),))])
    made.step(0.0)
    return made


def test_the_memory_keeps_all(tmp_path):
    log = PowerLog()
    log.means = {7: 123.456, 8: -5.0}
    Memory(str(tmp_path)).save(programme(), log, {'2024-05-29'})
    again, means = Programme(RuleSettings()), PowerLog()
    assert Memory(str(tmp_path)).load(0.0, again, means) == {'2024-05-29'}
    assert means.means == {7: 123.46, 8: -5.0} and again.dump() == programme().dump()


@pytest.mark.parametrize('content', [b'', b'{', b'[]', b'{}', b'\xff', b'[' * 100_000, json.dumps(
    {'format': 'hearthgrid grid_service 1', 'power': {'x': 1}, 'days': [], 'programme': []}).encode(), json.dumps(
    {'format': 'hearthgrid grid_service 1', 'power': {}, 'days': [], 'programme': [{'id': 'e'}]}).encode()])
def test_a_spoiled_memory_is_put_aside(tmp_path, content):
    (tmp_path / 'grid_service.json').write_bytes(content)
    memory, made, log = Memory(str(tmp_path)), Programme(RuleSettings()), PowerLog()
    with pytest.raises(ValueError, match='cannot be used'):
        memory.load(7.0, made, log)
    assert (tmp_path / 'grid_service.json.bad-7').read_bytes() == content and not made.entries and not log.means
    memory.save(made, log, set())
    assert memory.load(8.0, made, log) == set()


def test_without_a_folder_nothing_is_kept():
    memory = Memory('')
    memory.save(programme(), PowerLog(), set())
    assert memory.load(0.0, Programme(RuleSettings()), PowerLog()) == set()
