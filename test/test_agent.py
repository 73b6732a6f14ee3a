"""The way to outlets on boards: the agent is found and started with the right words, or the message says how to get it.

The launch file runs against stand-ins for the launch packages, so that it is tested where only the wheels of ROS are.
"""
import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from hearthgrid import agent

FILE = Path(__file__).resolve().parents[1] / 'launch' / 'outlet.launch.py'


class Recorded(SimpleNamespace):
    def __init__(self, *given, **named):
        super().__init__(given=given, **named)


class Configuration(Recorded):
    def perform(self, context):
        return context[self.given[0]]


@pytest.fixture
def launch_file(monkeypatch):
    """Return the launch file as a module, and what it does with these arguments."""
    parts = {'launch': ['LaunchDescription'], 'launch.substitutions': ['LaunchConfiguration'],
             'launch.actions': ['DeclareLaunchArgument', 'ExecuteProcess', 'OpaqueFunction', 'SetEnvironmentVariable'],
             'launch_ros': [], 'launch_ros.actions': ['Node']}
    for name, classes in parts.items():
        module = ModuleType(name)
        for kind in classes:
            setattr(module, kind, Configuration if kind == 'LaunchConfiguration' else type(kind, (Recorded,), {}))
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.delitem(sys.modules, 'hearthgrid.launching', raising=False)
    spec = importlib.util.spec_from_file_location('outlet_launch', FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def run(**arguments):
        *declared, opaque = module.generate_launch_description().given[0]
        context = {argument.given[0]: argument.default_value for argument in declared} | arguments
        return opaque.function(context)
    yield run
    sys.modules.pop('hearthgrid.launching', None)


@pytest.fixture
def installed(tmp_path, monkeypatch):
    program = tmp_path / 'micro_ros_agent'
    program.write_text('#!/bin/sh\n')
    program.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    return str(program)


@pytest.mark.parametrize('arguments, words', [
    ({'transport': 'udp'}, ['udp4', '--port', '8888']),
    ({'transport': 'udp', 'port': '9999'}, ['udp4', '--port', '9999']),
    ({'transport': 'serial'}, ['serial', '--dev', '/dev/ttyACM0', '-b', '460800']),
    ({'transport': 'serial', 'device': '/dev/ttyUSB3'}, ['serial', '--dev', '/dev/ttyUSB3', '-b', '460800'])])
def test_the_agent_is_started_and_comes_back(launch_file, installed, arguments, words):
    [process] = launch_file(**arguments)
    assert process.cmd == [installed, *words] and process.respawn


def test_without_the_agent_the_commands_are_told(launch_file, tmp_path, monkeypatch):
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.setenv('AMENT_PREFIX_PATH', '')
    monkeypatch.setenv('ROS_DISTRO', 'kilted')
    with pytest.raises(RuntimeError) as told:
        launch_file(transport='serial', device='/dev/ttyUSB3')
    words = 'serial --dev /dev/ttyUSB3 -b 460800'
    assert f'ros2 run micro_ros_agent micro_ros_agent {words}' in str(told.value)
    assert f'--device /dev/ttyUSB3 microros/micro-ros-agent:kilted {words}' in str(told.value)


@pytest.mark.parametrize('arguments', [{'transport': 'zigbee'}, {'transport': 'udp', 'port': '0'},
                                       {'transport': 'udp', 'port': '65536'}])
def test_what_cannot_be_is_refused(launch_file, installed, arguments):
    with pytest.raises(ValueError):
        launch_file(**arguments)


def test_without_a_transport_the_outlets_run_here(launch_file):
    [description] = launch_file()
    names = {argument.given[0]: argument.default_value for argument in description.given[0][:-1]}
    assert (names['outlets'], names['hub'], names['simulation']) == ('true', 'false', 'false')


def test_an_installed_package_is_found(tmp_path):
    program = tmp_path / 'lib' / 'micro_ros_agent' / 'micro_ros_agent'
    program.parent.mkdir(parents=True)
    program.touch()
    found = {'PATH': '', 'AMENT_PREFIX_PATH': f'/nowhere:{tmp_path}'}
    assert agent.find(found) is None    # it cannot be run
    program.chmod(0o755)
    assert agent.find(found) == str(program)


def test_the_plain_agent_serves_where_the_other_is_not(tmp_path):
    plain = tmp_path / 'MicroXRCEAgent'
    plain.touch()
    plain.chmod(0o755)
    found = {'PATH': str(tmp_path), 'AMENT_PREFIX_PATH': ''}
    assert agent.find(found) == str(plain)
    other = tmp_path / 'micro_ros_agent'
    other.touch()
    other.chmod(0o755)
    assert agent.find(found) == str(other)
