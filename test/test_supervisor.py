"""Processes that die come back; all end together; nothing stays behind."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from hearthgrid import shm
from hearthgrid import supervisor as watching
from hearthgrid.bringup import NodeSpec, Process
from hearthgrid.supervisor import News, Supervisor
from hearthgrid.zygote import Forked
from hearthgrid_ros.testing import own_domain

NODE = """
from hearthgrid_ros.node import HomeNode
class Node(HomeNode):
    def __init__(self, **given):
        super().__init__('sleeper', **given)
        self.get_logger().warning('awake')
class Broken(HomeNode):
    def __init__(self, **given):
        raise ValueError('this cannot be')
"""


def until(condition, supervisor=None, timeout=30.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, 'it did not come true in time'
        if supervisor:
            supervisor.poll()
        time.sleep(0.05)


@pytest.fixture
def supervised(tmp_path, monkeypatch):
    """Make a Supervisor of nodes written above; end it after the test."""
    (tmp_path / 'supervised_nodes.py').write_text(NODE)
    monkeypatch.setenv('PYTHONPATH', ':'.join([str(tmp_path), *sys.path]))
    own_domain()
    made = []

    def make(*names):
        lines = []
        processes = tuple(
            Process(f'{name}_{k}'.lower(), (NodeSpec('x', 'x', f'supervised_nodes:{name}', 'sleeper', f'/home/n{k}'),))
            for k, name in enumerate(names)
        )
        supervisor = Supervisor(processes, tmp_path / 'state', lines.append)
        made.append(supervisor)
        supervisor.start()
        return supervisor, lines

    yield make
    for supervisor in made:
        supervisor.stop()


def test_a_killed_process_comes_back(supervised):
    supervisor, lines = supervised('Node', 'Node')
    until(lambda: sum('awake' in line for line in lines) == 2, supervisor)
    first = supervisor.children[0].popen.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: sum('awake' in line for line in lines) == 3, supervisor)
    assert supervisor.children[0].popen.pid != first and supervisor.children[0].restarts == 1
    assert any('SIGKILL' in line for line in lines)
    assert supervisor.stop() == [] and not any(
        psutil.pid_exists(c.popen.pid) and c.popen.poll() is None for c in supervisor.children
    )


def test_a_process_that_nobody_reaches_any_more_comes_back(supervised, monkeypatch):
    monkeypatch.setattr(watching, 'LISTENING', 0.2)
    supervisor, lines = supervised('Node', 'Node')
    child, other = supervisor.children
    until(lambda: any('_el' in name for name in shm.used_by(child.popen.pid)), supervisor)
    first, well = child.popen.pid, other.popen.pid
    ports = {name.removesuffix('_el') for name in shm.used_by(first) if re.match(r'fastdds_port\d+_el$', name)}
    assert not shm.deaf(first)
    for name in ports:
        (shm.FOLDER / name).unlink()  # what Fast DDS does to the port of a listener that it takes for dead
    until(lambda: child.restarts == 1, supervisor)
    assert child.popen.pid != first and other.popen.pid == well and other.restarts == 0
    assert any('nobody reaches it' in line for line in lines)


def test_many_are_forked_from_one_that_has_imported_everything(supervised, monkeypatch):
    """They come back, also when nobody forks any more, and all end by themselves."""
    monkeypatch.setattr(watching, 'MANY', 2)
    supervisor, lines = supervised('Node', 'Node')
    until(lambda: sum('awake' in line for line in lines) == 2, supervisor)
    assert all(type(c.popen) is Forked and os.getpgid(c.popen.pid) == c.popen.pid for c in supervisor.children)
    os.kill(supervisor.children[0].popen.pid, signal.SIGKILL)
    until(lambda: sum('awake' in line for line in lines) == 3, supervisor)
    assert type(supervisor.children[0].popen) is Forked and any('SIGKILL' in line for line in lines)
    supervisor._zygote._process.kill()
    supervisor._zygote._process.wait()
    os.kill(supervisor.children[1].popen.pid, signal.SIGKILL)
    until(lambda: sum('awake' in line for line in lines) == 4, supervisor)
    assert type(supervisor.children[1].popen) is subprocess.Popen
    assert supervisor.stop() == [] and all(c.popen.returncode == 0 for c in supervisor.children)


def test_what_cannot_start_is_tried_again_ever_more_slowly(supervised):
    supervisor, lines = supervised('Broken')
    until(lambda: supervisor.children[0].in_a_row >= 2, supervisor)
    assert any('this cannot be' in line for line in lines) and supervisor.children[0].due > time.monotonic()


def test_the_log_keeps_every_line(supervised, tmp_path):
    supervisor, lines = supervised('Node')
    until(lambda: any('awake' in line for line in lines), supervisor)
    supervisor.stop()
    assert 'awake' in (tmp_path / 'state/log/node_0.log').read_text()


def test_what_many_nodes_say_is_told_once():
    said = []
    news = News(said.append)
    for number in range(16):
        news.tell(f'[WARN] [1795339417.7{number}] [home.outlet_{number}.consensus]: supply: outage, {180 + number} V')
    news.tell('[ERROR] [1795339417.9] [home.store]: database: gone')
    news.poll(time.monotonic())
    assert said == ['home.outlet_0.consensus: supply: outage, 180 V', 'home.store: database: gone']
    news.poll(time.monotonic() + 60.0)
    assert len(said) == 3 and '15 more' in said[2]
    news.tell('[WARN] [1795339999.0] [home.outlet_3.consensus]: supply: outage, 0 V')
    assert said[-1] == 'home.outlet_3.consensus: supply: outage, 0 V'


SUPERVISE = """
import sys, time
from pathlib import Path
from hearthgrid.bringup import NodeSpec, Process
from hearthgrid.supervisor import News, Supervisor
nodes = (NodeSpec('x', 'x', 'supervised_nodes:Node', 'sleeper', '/home'),)
s = Supervisor((Process('p', nodes),), Path(sys.argv[1]), lambda line: print(line, flush=True))
s.start()
print('child', s.children[0].popen.pid, flush=True)
while True: time.sleep(0.1)
"""


def test_no_process_outlives_a_killed_supervisor(tmp_path, monkeypatch):
    (tmp_path / 'supervised_nodes.py').write_text(NODE)
    monkeypatch.setenv('PYTHONPATH', ':'.join([str(tmp_path), *sys.path]))
    own_domain()
    parent = subprocess.Popen([sys.executable, '-c', SUPERVISE, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with parent:
        lines = []
        while not any('awake' in line for line in lines):
            lines.append(parent.stdout.readline())
            assert lines[-1], 'the supervisor ended'
        child = psutil.Process(int(lines[0].split()[1]))
        parent.kill()
    assert psutil.wait_procs([child], timeout=20)[1] == []


@pytest.fixture
def shared_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(shm, 'FOLDER', tmp_path)
    monkeypatch.setattr(shm, 'in_use', lambda: {'fastrtps_0123'})
    return tmp_path


@pytest.mark.parametrize(
    'name, removed',
    [
        ('fastrtps_4567', True),  # nobody has it
        ('fastdds_4567_el', True),
        ('sem.fastdds_port7400_mutex', True),
        ('fastrtps_0123', False),  # in use
        ('sem.fastrtps_0123_mutex', False),  # belongs to one in use
        ('fastrtps_0123_el', False),
        ('pulse-shm-1', False),  # somebody else's
    ],
)
def test_only_orphans_of_the_middleware_are_removed(shared_memory, name, removed):
    (shared_memory / name).write_bytes(b'')
    assert (name in shm.remove_orphans()) == removed
    assert Path(shared_memory / name).exists() != removed


def test_a_file_of_a_process_that_starts_meanwhile_stays(shared_memory, monkeypatch):
    def who_uses_what():
        (shared_memory / 'fastrtps_new').write_bytes(b'')
        return set()

    monkeypatch.setattr(shm, 'in_use', who_uses_what)
    assert shm.remove_orphans() == [] and (shared_memory / 'fastrtps_new').exists()


def test_what_is_mapped_is_in_use():
    if not shm.FOLDER.is_dir():
        pytest.skip('this machine has no /dev/shm')
    path = shm.FOLDER / f'fastrtps_test_{os.getpid()}'
    try:
        with path.open('wb'):
            assert path.name in shm.in_use() and path.name not in shm.remove_orphans()
        assert path.name in shm.remove_orphans()
    finally:
        path.unlink(missing_ok=True)
