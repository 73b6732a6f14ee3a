"""Nodes start, report their health, and end cleanly; time survives the trip through a stamp."""
import math
import os
import signal
import sys
import textwrap

import pytest
from diagnostic_msgs.msg import DiagnosticArray
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_ros.health import ERROR, OK, WARN, HealthReport, PeerWatch
from hearthgrid_ros.interfaces import DIAGNOSTICS
from hearthgrid_ros.node import HomeNode, ManagedNode, options
from hearthgrid_ros.testing import free_ports, graph, process
from hearthgrid_ros.time import to_msg, to_seconds


@given(st.floats(0, 4e9))
def test_a_stamp_keeps_the_microsecond(seconds):
    assert to_seconds(to_msg(seconds)) == pytest.approx(min(seconds, 2**31 - 1), abs=1e-6)


@pytest.mark.parametrize('seconds', [math.nan, math.inf, -math.inf])
def test_what_is_no_time_is_refused(seconds):
    with pytest.raises(ValueError):
        to_msg(seconds)


def test_before_the_epoch_is_the_epoch():
    assert to_seconds(to_msg(-5.0)) == 0.0


def test_health_is_published_with_level_and_values():
    with graph() as g:
        node, heard = g.add(HomeNode, 'store', **options('/home')), []
        g.peer().create_subscription(DiagnosticArray, '/diagnostics', heard.append, 10)
        node.health.check('rows', OK, 'writes', rate=12.5)
        node.health.check('disk', WARN, 'nearly full', free_mb=20)
        HealthReport([node], DIAGNOSTICS)
        assert g.until(lambda: heard)
        found = {s.name: s for s in heard[0].status}
        assert found['home/store: disk'].level == WARN and found['home/store: rows'].values[0].value == '12.5'
        assert node.health.level() == WARN
        first = node.health.statuses()
        node.health.check('rows', OK, 'writes', rate=12.5)
        assert node.health.statuses()[0] is first[0], 'nothing new'
        for said in ((OK, 'writes', {'rate': 12.6}), (OK, 'still', {'rate': 12.6}), (WARN, 'still', {'rate': 12.6})):
            node.health.check('rows', *said[:2], **said[2])
            now = node.health.statuses()[0]
            assert (now.level, now.message, now.values[0].value) == (*said[:2], '12.6')


class Lines:
    def __init__(self):
        self.lines = []

    def info(self, text):
        self.lines.append(('info', text))

    def warning(self, text):
        self.lines.append(('warning', text))


def test_a_lost_peer_is_told_once_and_once_that_it_is_back():
    log = Lines()
    watch = PeerWatch(log, 'the broker')
    for up in (True, True, False, False, False, True, True):
        watch.report(up)
    assert log.lines == [('warning', 'the broker is unreachable'), ('info', 'the broker is back')]


class Steps(ManagedNode):
    def __init__(self, **given):
        super().__init__('steps', **given)
        self.steps = []

    def on_configure(self, state):
        self.steps.append('configure')
        return super().on_configure(state)

    def on_activate(self, state):
        self.steps.append('activate')
        return super().on_activate(state)

    def on_deactivate(self, state):
        self.steps.append('deactivate')
        return super().on_deactivate(state)


def test_a_managed_node_brings_itself_up_and_is_made_safe():
    with graph() as g:
        node = g.add(Steps)
        assert node.steps == ['configure', 'activate'] and node.state == 'active'
        g.end(node)
        assert node.steps[-1] == 'deactivate'


def test_a_managed_node_that_is_still_referred_to_leaves_no_participant():
    with graph():
        pass  # what is loaded once
    before = len(os.listdir('/proc/self/task'))
    with graph() as g:
        node = g.add(Steps)
        assert len(os.listdir('/proc/self/task')) > before
    assert len(os.listdir('/proc/self/task')) == before and node.steps[-1] == 'deactivate'


def test_autostart_may_be_left_to_others():
    with graph() as g:
        node = g.add(Steps, **options('/home', {'autostart': False}))
        assert node.steps == [] and node.state == 'unconfigured'


def test_lean_nodes_have_no_parameter_services():
    with graph() as g:
        lean, full = g.add(HomeNode, 'lean', **options('/home', lean=True)), g.add(HomeNode, 'full', **options('/home'))
        assert len(list(lean.services)) == 0 < len(list(full.services))


NODE = '''
from hearthgrid_ros.node import HomeNode, run
class Node(HomeNode):
    def __init__(self, **given):
        super().__init__('ends', **given)
        self.create_timer(0.05, self.tick)
    def tick(self):
        print('running', flush=True)
    def make_safe(self):
        {safe}
raise SystemExit(run(Node))
'''


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('safe, said', [("print('safe', flush=True)", 'safe'), ("raise RuntimeError('hm')", 'hm')])
def test_a_process_ends_cleanly_on_a_signal(number, safe, said, tmp_path, monkeypatch):
    (tmp_path / 'a_node.py').write_text(textwrap.dedent(NODE.format(safe=safe)))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv('PYTHONPATH', ':'.join(sys.path))
    with process('a_node') as child:
        assert child.stdout.readline()
        child.send_signal(number)
        rest = child.communicate(timeout=30)[0]
        assert child.returncode == 0 and said in rest


def test_error_is_the_worst_level():
    with graph() as g:
        node = g.add(HomeNode, 'n', **options('/home'))
        for name, level in (('a', OK), ('b', ERROR), ('c', WARN)):
            node.health.check(name, level, name)
        assert node.health.level() == ERROR


def test_free_ports_are_different():
    assert len(set(free_ports(50))) == 50
