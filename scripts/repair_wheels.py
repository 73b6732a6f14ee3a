"""Point the ROS wheels' CMake exports at this environment.

The `ros-*` wheels were built elsewhere: their CMake files name the Python and numpy headers of the machine that built
them. Run with the environment's own interpreter; does nothing where nothing is wrong.
"""

import re
import sys
import sysconfig
from pathlib import Path

import numpy

FOREIGN = re.compile(r'/opt/python/[^;"\s]*?/(?P<what>site-packages/numpy/_core/include|include/python3\.\d+)')


def repair(prefix: Path) -> int:
    """Rewrite foreign header folders below `prefix`/share; return how many files changed."""
    here = {'site-packages': numpy.get_include(), 'include': sysconfig.get_path('include')}
    changed = 0
    for file in (prefix / 'share').rglob('*.cmake'):
        text = file.read_text()
        mended = FOREIGN.sub(lambda m: here[m['what'].split('/')[0]], text)
        if mended != text:
            file.write_text(mended)
            changed += 1
    return changed


if __name__ == '__main__':
    print(f'{repair(Path(sys.prefix))} CMake files repaired')
