"""Run the nodes of one process, as the plan of `hearthgrid.bringup` wrote them down."""

import os
import sys
from pathlib import Path

from hearthgrid.bringup import NodeSpec, Process
from hearthgrid.kinship import die_with
from hearthgrid_ros.node import options, run

CROWD = 8  # from so many nodes on, a process goes without parameter services and rosout


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
        die_with(int(os.environ['HEARTHGRID_SUPERVISOR']))  # a home must not go on half watched
    specs = Process.read(Path(sys.argv[1]))
    return run(*(maker(spec, len(specs) >= CROWD) for spec in specs), args=sys.argv[2:])


if __name__ == '__main__':
    sys.exit(main())
