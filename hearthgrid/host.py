"""Run the nodes of one process, as the plan of `hearthgrid.bringup` wrote them down."""

import ctypes
import os
import signal
import sys
from pathlib import Path

from hearthgrid.bringup import NodeSpec, Process
from hearthgrid_ros.node import options, run

CROWD = 8  # from so many nodes on, a process goes without parameter services and rosout


PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with(parent: int) -> None:
    """Have this process end when its supervisor does, even a killed one: a home must not go on half watched."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)


def maker(spec: NodeSpec, lean: bool):
    """Return a function that makes the node."""

    def make():
        node = spec.load()(**options(spec.namespace, spec.parameters, lean))
        assert node.get_name() == spec.name, f'{spec.target} calls itself {node.get_name()}, the plan {spec.name}'
        return node

    return make


def main() -> int:
    """Run the processes' nodes; the one argument is the file `Process.write` made, the rest is for ROS."""
    if len(sys.argv) < 2:
        print('usage: host PROCESS.json [--ros-args …]', file=sys.stderr)
        return 2
    if 'HEARTHGRID_SUPERVISOR' in os.environ:
        die_with(int(os.environ['HEARTHGRID_SUPERVISOR']))
    specs = Process.read(Path(sys.argv[1]))
    return run(*(maker(spec, len(specs) >= CROWD) for spec in specs), args=sys.argv[2:])


if __name__ == '__main__':
    sys.exit(main())
