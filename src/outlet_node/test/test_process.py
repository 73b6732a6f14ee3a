"""The nodes as processes: they start on their defaults, end on SIGTERM, and recover from kill -9."""
import json
import signal
import time

import pytest

from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces
from hearthgrid_ros.testing import graph, process

NAMESPACE = ('--ros-args', '-r', '__ns:=/home/kettle')


@pytest.mark.parametrize('module, topic, number', [
    ('outlet_node.outlet', '/readings', signal.SIGTERM), ('outlet_node.outlet', '/readings', signal.SIGINT),
    ('outlet_node.consensus', '/island', signal.SIGTERM)])
def test_a_node_starts_on_its_defaults_and_ends_when_told(module, topic, number):
    with graph() as home, process(module) as child:
        peer = home.peer('/')
        assert home.until(lambda: peer.count_publishers(topic) or child.poll() is not None, 60.0)
        assert child.poll() is None
        child.send_signal(number)
        output, _ = child.communicate(timeout=60)
        assert child.returncode == 0
        assert 'Traceback' not in output


def test_a_setting_that_cannot_be_is_one_clear_line():
    with graph(), process('outlet_node.outlet', '--ros-args', '-p', 'current_rating:=1000.0') as child:
        output, _ = child.communicate(timeout=60)
        assert child.returncode == 2
        assert 'Traceback' not in output and 'current_rating' in output


def test_an_outlet_told_to_end_opens_its_relay(converter):
    with graph() as home, process('outlet_node.outlet', *NAMESPACE) as child:
        relays, feed = home.hear(home.peer(), interfaces.RELAYS), Feed(home, converter)
        assert home.until(lambda: feed.step() and relays and relays[-1].closed, 60.0)
        child.terminate()
        assert home.until(lambda: not relays[-1].closed, 60.0)
        assert child.wait(60) == 0


def test_a_killed_outlet_goes_on_where_it_was(tmp_path, converter):
    arguments = (*NAMESPACE, '-p', f'state_dir:={tmp_path}', '-p', 'save_period:=1.0')
    memory = tmp_path / 'kettle.memory.json'
    with graph() as home:
        peer, readings, states = home.peer(), [], []
        interfaces.READINGS.subscription(peer, readings.append)
        interfaces.STATES.subscription(peer, states.append)
        feed = Feed(home, converter, current=10.0)
        client = interfaces.SET_SCHEDULE.client(peer, 'kettle')
        entry = msg.ScheduleEntry(days=127, start_minute=0, end_minute=0, on=True, power_max=900.0)
        with process('outlet_node.outlet', *arguments) as child:
            assert home.call(client, interfaces.SET_SCHEDULE.type.Request(entries=[entry]), 60.0).success
            assert home.until(lambda: feed.step() and readings and memory.exists()
                              and json.loads(memory.read_text())['energy_kwh'] > 0.0, 60.0)
            child.kill()
            child.wait()
        kept = json.loads(memory.read_text())['energy_kwh']
        heard, seen = len(readings), len(states)
        with process('outlet_node.outlet', *arguments) as child:
            assert home.until(lambda: feed.step() and len(readings) > heard and len(states) > seen, 60.0)
            assert readings[-1].energy_kwh > kept
            assert states[-1].power_max == 900.0 and states[-1].reason.startswith('schedule')


class Feed:
    """A converter in real time: `step()` gives the blocks that are due."""

    def __init__(self, home, converter, **load) -> None:
        node = home.peer('/home/kettle', 'converter')
        self.publisher, self.converter, self.load = interfaces.ADC.publisher(node), converter(time.time()), load

    def step(self) -> bool:
        """Publish what is due; return True."""
        while self.converter.start + (self.converter.number + 1) * 0.2 <= time.time():
            self.publisher.publish(self.converter.block(**self.load))
        return True
