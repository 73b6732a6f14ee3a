"""The outlets of a home file, or one of them: `outlet:=kettle`.

For outlets on boards: `transport:=udp|serial [device:=/dev/ttyACM0] [port:=8888]` starts the micro-ROS agent instead.
"""

import os

from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.substitutions import LaunchConfiguration

from hearthgrid import agent
from hearthgrid.launching import description
from launch import LaunchDescription

ARGUMENTS = (
    ('transport', '', 'udp or serial: outlets on boards, through the micro-ROS agent; empty: Python outlets here'),
    ('device', agent.DEVICE, 'of the serial transport'),
    ('port', str(agent.PORT), 'of the udp transport'),
)


def generate_launch_description():
    declared = [DeclareLaunchArgument(name, default_value=value, description=text) for name, value, text in ARGUMENTS]
    return LaunchDescription([*declared, OpaqueFunction(function=_actions)])


def _actions(context):
    transport, device, port = (LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS)
    if not transport:
        return [description(simulation='false', hub='false')]
    wanted = agent.arguments(transport, device, int(port))
    program = agent.find()
    if program is None:
        raise RuntimeError(agent.advice(wanted, os.environ.get('ROS_DISTRO', 'jazzy')))
    return [ExecuteProcess(cmd=[program, *wanted], output='screen', respawn=True, respawn_delay=1.0)]
