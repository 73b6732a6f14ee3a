"""The micro-ROS agent, through which outlets on boards are heard: where it is, and how it is started."""
import os
import shutil
from pathlib import Path

TRANSPORTS = ('udp', 'serial')
PROGRAM = 'micro_ros_agent'
PLAIN = 'MicroXRCEAgent'    # the same without ROS around it: no entry in the list of nodes, else the same words
DEVICE, PORT, BAUD = '/dev/ttyACM0', 8888, 460800  # of the ports in firmware/ports


def find(environment=os.environ) -> str | None:
    """Return the agent's program on the path or in an installed package, else the plain agent, None without either."""
    path = environment.get('PATH', os.defpath)
    found = shutil.which(PROGRAM, path=path)
    if found:
        return found
    for prefix in filter(None, environment.get('AMENT_PREFIX_PATH', '').split(os.pathsep)):
        program = Path(prefix) / 'lib' / PROGRAM / PROGRAM
        if os.access(program, os.X_OK):
            return str(program)
    return shutil.which(PLAIN, path=path)


def arguments(transport: str, device: str, port: int) -> list[str]:
    """Return the agent's arguments. ValueError for a transport or port that is none."""
    if transport not in TRANSPORTS:
        raise ValueError(f'transport:={transport} is none of {", ".join(TRANSPORTS)}')
    if not 0 < port < 65536:
        raise ValueError(f'port:={port} is no port')
    if transport == 'udp':
        return ['udp4', '--port', str(port)]
    return ['serial', '--dev', device or DEVICE, '-b', str(BAUD)]


def advice(wanted: list[str], distribution: str) -> str:
    """Return what to do where there is no agent, by command."""
    device = f'--device {wanted[wanted.index("--dev") + 1]} ' if '--dev' in wanted else ''
    line = ' '.join(wanted)
    return (f'no {PROGRAM} on the path nor in an installed package, and no {PLAIN} on the path. As a package: build '
            f'micro_ros_agent and micro_ros_msgs of micro-ROS in a workspace with colcon, source it, and start this '
            f'again; or by hand:\n'
            f'  ros2 run {PROGRAM} {PROGRAM} {line}\n'
            f'As its official container:\n'
            f'  docker run --rm --net=host {device}microros/micro-ros-agent:{distribution} {line}')
