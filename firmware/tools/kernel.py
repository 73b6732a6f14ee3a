"""Write `core/kernel.c`: the weights that interpolate between samples, which stand in flash and not in RAM.

`python tools/kernel.py` rewrites the file; `python tools/kernel.py -` prints it. A test holds the file to this.
"""
import sys
from importlib import import_module
from pathlib import Path

import numpy as np

FILE = Path(__file__).resolve().parents[1] / 'core' / 'kernel.c'
STEPS = 256  # of a sample: core/align.h has the same
alignment = import_module('hearthgrid_core.waveform.alignment')


def weights() -> np.ndarray:
    """Return (STEPS + 1, TAPS) float32: a sinc under a Kaiser window at each step of a sample, its sum 1."""
    distance = np.arange(alignment.TAPS) - alignment.REACH - np.arange(STEPS + 1)[:, None] / STEPS
    inside = np.maximum(1.0 - (2.0 * distance / alignment.TAPS) ** 2, 0.0)
    made = np.sinc(distance) * np.i0(alignment._SHARPNESS * np.sqrt(inside))
    return (made / made.sum(axis=1, keepdims=True)).astype(np.float32)


def text() -> str:
    """Return the file."""
    rows = ['  {' + ', '.join(f'{value!s}F' if 'e' in str(value) or '.' in str(value) else f'{value}.0F'
                              for value in row) + '}' for row in weights()]
    return '\n'.join(['/* Written by tools/kernel.py. */', '#include "align.h"', '',
                      'const float HG_KERNEL[HG_KERNEL_STEPS + 1][HG_ALIGN_TAPS] = {', ',\n'.join(rows), '};', ''])


if __name__ == '__main__':
    if sys.argv[1:] == ['-']:
        sys.stdout.write(text())
    else:
        FILE.write_text(text(), encoding='utf-8')
