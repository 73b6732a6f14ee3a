"""The processes of a large home meet at a discovery server; a small one needs none."""

import os
import subprocess
import sys
from contextlib import ExitStack

import psutil
import pytest

from hearthgrid import meeting
from hearthgrid.meeting import MANY, SERVER, SUPER, Meeting, join
from hearthgrid_ros.testing import own_domain

SPEAKER = '''
import sys, time
import rclpy
from std_msgs.msg import Empty
rclpy.init()
node = rclpy.create_node(sys.argv[1])
publisher = node.create_publisher(Empty, 'word', 1)
heard = []
node.create_subscription(Empty, 'word', heard.append, 1)
end = time.monotonic() + 60
while publisher.get_subscription_count() < 2 and time.monotonic() < end:
    time.sleep(0.02)
print(publisher.get_subscription_count(), flush=True)
sys.stdin.read()
'''


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """A state folder and an environment in which nobody has met."""
    own_domain()
    monkeypatch.setenv('HEARTHGRID_STATE', str(tmp_path / 'state'))
    for name in (SERVER, SUPER):
        monkeypatch.setenv(name, 'x')  # so that what is set meanwhile is undone
        monkeypatch.delenv(name)


def meet(stack):
    made = stack.enter_context(Meeting(MANY))
    if not made.address:
        (pytest.fail if os.environ.get('CI') == 'true' else pytest.skip)('this ROS 2 has no fast-discovery-server')
    return made


def speakers():
    """Return what two processes say of each other."""
    pipes = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE, 'text': True}
    made = [subprocess.Popen([sys.executable, '-c', SPEAKER, name], **pipes) for name in ('one', 'other')]
    said = [one.stdout.readline().strip() for one in made]  # neither leaves before both have counted
    for one in made:
        one.communicate(timeout=120)
    return said


def test_processes_meet_at_the_server_and_again_after_it_was_killed(alone):
    with ExitStack() as stack:
        made = meet(stack)
        assert made.address == os.environ[SERVER] and speakers() == ['2', '2']
        psutil.Process(made._process.pid).kill()
        made._process.wait(10)
        made.keep()
        assert made._process.poll() is None and speakers() == ['2', '2']
        process = made._process
    assert process.poll() is not None and SERVER not in os.environ and not meeting.file().exists()


def test_a_tool_joins_where_the_home_meets_and_nowhere_else(alone):
    join()
    assert SERVER not in os.environ
    with ExitStack() as stack:
        address = meet(stack).address
        del os.environ[SERVER]
        join()
        assert (os.environ[SERVER], os.environ[SUPER]) == (address, 'TRUE')
        told = meeting.file().read_text()
    meeting.file().write_text(told)  # of a home that was killed
    os.environ.pop(SERVER, None)
    join()
    assert SERVER not in os.environ


@pytest.mark.parametrize('text', ['', '{', '[]', '{"pid": "x", "address": "y"}', '{"pid": 1, "address": "y"}'])
def test_a_damaged_word_is_no_word(alone, text):
    meeting.file().parent.mkdir(parents=True)
    meeting.file().write_text(text)
    join()
    assert SERVER not in os.environ


@pytest.mark.parametrize('processes, environment', [
    (MANY - 1, {}), (MANY, {SERVER: '127.0.0.1:1'}), (MANY, {'ROS_SECURITY_ENABLE': 'true'}),
    (MANY, {'RMW_IMPLEMENTATION': 'rmw_zenoh_cpp'})])  # fmt: skip
def test_who_needs_no_server(alone, monkeypatch, processes, environment):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with Meeting(processes) as made:
        assert made.address == '' and os.environ.get(SERVER) == environment.get(SERVER)
