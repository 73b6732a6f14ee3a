"""Voltage optimisation as a node: against readings of its own, and in a home with the simulated regulator."""
import math
import signal

import pytest

from hearthgrid_msgs import msg
from hearthgrid_ros.health import OK, STALE, WARN
from hearthgrid_ros.interfaces import INVERTER_SETPOINT, READINGS, REGULATOR, REGULATOR_SETPOINT
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph, process
from hearthgrid_ros.time import to_msg, to_seconds
from hub_nodes.voltage import VoltageNode

FAST = {'settle': 0.0, 'dwell': 1.0, 'reaction': 1.0, 'margin_first': 0.0, 'patience': 1.0, 'age_max': 2.0,
        'carry': 1.0, 'hysteresis': 0.0, 'refresh': 1.0, 'life': 3.0, 'operations_max': 1000.0}
GRID, ISLAND = msg.Reading.SUPPLY_GRID, msg.Reading.SUPPLY_ISLAND


@pytest.fixture
def ros():
    with graph() as made:
        yield made


class Feeder:
    """A peer that plays a regulator and two outlets, a few times a second, and hears the setpoints."""

    def __init__(self, ros, levels=(1.02, 1.0), home='/home') -> None:
        self.ros, self.peer, self.levels, self.tap, self.supply = ros, ros.peer(home), levels, 0, GRID
        self.step, self.age, self.outlets_speak, self.regulator_speaks = 0.00625, 0.0, True, True
        self.heard = ros.hear(self.peer, REGULATOR_SETPOINT)
        self.inverter = ros.hear(self.peer, INVERTER_SETPOINT)
        self.readings, self.state = READINGS.publisher(self.peer), REGULATOR.publisher(self.peer)
        self._last = 0.0

    def speak(self) -> None:
        now = self.peer.get_clock().now().nanoseconds * 1e-9
        if now < self._last + 0.2:
            return
        self._last = now
        if self.regulator_speaks:
            self.state.publish(msg.Regulator(stamp=to_msg(now - self.age), regulator='pole', tap=self.tap,
                                             step=self.step, voltage=230.0))
        for k, level in enumerate(self.levels if self.outlets_speak else ()):
            self.readings.publish(msg.Reading(stamp=to_msg(now - self.age), outlet=f'o{k}', supply=self.supply,
                                              voltage=230.0 * (level + self.tap * 0.00625)))

    def until(self, condition, timeout=20.0) -> bool:
        return self.ros.until(lambda: self.speak() or condition(), timeout)


def status(node, check):
    return next(status for status in node.health.statuses() if status.name.endswith(f': {check}'))


def test_it_lowers_within_the_limits_with_commands_that_expire_and_rise(ros):
    feeder, node = Feeder(ros), ros.add(VoltageNode, **options('/home', FAST))

    def follow():
        feeder.tap = feeder.heard[-1].tap if feeder.heard else 0
        return feeder.tap <= -5

    assert feeder.until(follow, 40.0)
    assert 1.0 - 0.00625 * 8 <= 1.0 + feeder.tap * 0.00625
    said = list(feeder.heard)
    assert {m.regulator for m in said} == {'pole'} and {m.sender for m in said} == {'voltage'}
    assert [m.counter for m in said] == sorted({m.counter for m in said}) and len({m.epoch for m in said}) == 1
    assert all(to_seconds(m.expiry) - to_seconds(m.stamp) == pytest.approx(3.0, abs=1e-3) for m in said)
    assert all(m.reason for m in said) and status(node, 'voltage').level == OK


def test_a_low_outlet_raises(ros):
    feeder, _ = Feeder(ros, (1.0, 0.92)), ros.add(VoltageNode, **options('/home', FAST))
    assert feeder.until(lambda: feeder.heard and feeder.heard[-1].tap >= 5)


def test_without_a_regulator_it_is_silent(ros):
    feeder, node = Feeder(ros, (0.92,)), ros.add(VoltageNode, **options('/home', FAST))
    feeder.regulator_speaks = False
    assert feeder.until(lambda: 'voltage' in [s.name.split(': ')[-1] for s in node.health.statuses()])
    assert feeder.until(lambda: node._readings == {} and status(node, 'voltage').level == STALE)
    assert not feeder.heard


def test_stale_words_are_refused_and_suspend_it(ros):
    feeder, node = Feeder(ros), ros.add(VoltageNode, **options('/home', FAST))
    assert feeder.until(lambda: feeder.heard)
    feeder.age = 60.0
    assert feeder.until(lambda: status(node, 'regulator').level == WARN)
    assert feeder.until(lambda: status(node, 'voltage').level == WARN)
    assert feeder.until(lambda: 'suspended' in feeder.heard[-1].reason)
    assert status(node, 'readings').level == WARN
    feeder.age = 0.0
    assert feeder.until(lambda: status(node, 'voltage').level == OK)


def test_lost_telemetry_and_an_island_suspend_it(ros):
    feeder, _ = Feeder(ros), ros.add(VoltageNode, **options('/home', FAST))
    assert feeder.until(lambda: feeder.heard)
    feeder.outlets_speak = False
    assert feeder.until(lambda: 'no outlet is heard' in feeder.heard[-1].reason)
    feeder.outlets_speak, feeder.supply = True, ISLAND
    assert feeder.until(lambda: 'another source' in feeder.heard[-1].reason)
    feeder.supply = GRID
    assert feeder.until(lambda: 'suspended' not in feeder.heard[-1].reason)


def test_in_an_island_the_inverter_is_asked_and_the_regulator_is_not(ros):
    feeder = Feeder(ros, (1.0, 0.93))
    node = ros.add(VoltageNode, **options('/home', FAST | {'actuator': 'inverter', 'settle': 5.0}))
    feeder.supply = ISLAND
    assert feeder.until(lambda: feeder.inverter and feeder.inverter[-1].voltage > 231.0)
    last = feeder.inverter[-1]
    assert last.inverter == 'battery' and last.mode == msg.InverterSetpoint.MODE_FORM and math.isnan(last.frequency)
    assert not feeder.heard
    feeder.supply = GRID
    assert feeder.until(lambda: 'another source' in status(node, 'voltage').message)
    count, counter = len(feeder.inverter), node._counter
    ticks = node.get_clock().now().nanoseconds + int(3e9)
    assert feeder.until(lambda: node.get_clock().now().nanoseconds > ticks)
    assert (len(feeder.inverter), node._counter) == (count, counter), 'under the grid the inverter belongs to the plan'


def test_it_steps_aside_for_the_inverter_s_own_member_and_comes_back(ros):
    feeder = Feeder(ros, (1.0, 0.93))
    node = ros.add(VoltageNode, **options('/home', FAST | {'actuator': 'inverter', 'settle': 5.0}))
    feeder.supply, member = ISLAND, INVERTER_SETPOINT.publisher(feeder.peer)
    counter = 0

    def ours():
        return [m for m in feeder.inverter if m.sender == 'voltage']

    def steer(life=6.0, inverter='battery'):
        nonlocal counter
        counter += 1
        now = feeder.peer.get_clock().now().nanoseconds * 1e-9
        member.publish(msg.InverterSetpoint(stamp=to_msg(now), expiry=to_msg(now + life), inverter=inverter, mode=3,
                                            counter=counter, frequency=50.0, voltage=230.0, sender=inverter))

    assert feeder.until(lambda: ours(), 90.0)
    steer(inverter='barn')  # is another inverter's
    count = len(ours())
    assert feeder.until(lambda: len(ours()) > count, 90.0)

    def aside():
        if counter < 2 or status(node, 'voltage').level != WARN:
            steer()
        return 'stepped aside: battery sets' in status(node, 'voltage').message

    assert feeder.until(aside, 90.0)
    count, until = node._counter, node.now() + 3.0
    assert feeder.until(lambda: node.now() > until)
    assert node._steered[1] < until or node._counter == count, 'it says nothing while another does'
    assert feeder.until(lambda: node._counter > count and 'stepped aside' not in status(node, 'voltage').message, 90.0)


def test_the_step_is_the_regulator_s_own(ros):
    feeder, node = Feeder(ros), ros.add(VoltageNode, **options('/home', FAST))
    feeder.step = 0.0125
    assert feeder.until(lambda: node._rules.step == pytest.approx(0.0125))
    feeder.step = 0.2
    assert feeder.until(lambda: status(node, 'regulator').level == WARN)
    assert node._rules.step == pytest.approx(0.0125)


def test_deactivated_it_gives_the_voltage_back(ros):
    feeder, node = Feeder(ros, (1.0, 0.92)), ros.add(VoltageNode, **options('/home', FAST))
    assert feeder.until(lambda: feeder.heard and feeder.heard[-1].tap > 0)
    ros.end(node)
    assert ros.until(lambda: feeder.heard[-1].tap == 0 and 'as supplied' in feeder.heard[-1].reason)


def test_the_home_file_gives_the_voltage(ros, tmp_path):
    (tmp_path / 'home.yaml').write_text('supply: {voltage: 120, frequency: 60}\noutlets: [{id: kettle}]\n')
    node = ros.add(VoltageNode, **options('/home', {'home_file': str(tmp_path / 'home.yaml')}))
    assert node._rules.nominal_voltage == 120.0


@pytest.mark.parametrize('wrong', [{'life': 2.0}, {'actuator': 'magic'}, {'voltage_min': 0.5}])
def test_settings_that_cannot_be_used_are_refused(ros, wrong):
    with pytest.raises(ValueError, match='|'.join(wrong)):
        ros.add(VoltageNode, **options('/home', wrong))


def test_it_starts_on_its_defaults_and_ends_on_sigterm(ros):
    feeder = Feeder(ros, home='/alone')  # no earlier test's node speaks there
    with process('hub_nodes.voltage', '--ros-args', '-r', '__ns:=/alone') as child:
        assert feeder.until(lambda: feeder.heard or child.poll() is not None, 80.0) and child.poll() is None
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    assert feeder.until(lambda: 'as supplied' in feeder.heard[-1].reason)
