"""Write `vectors.h`, a window of counts for the self-test: `vectors.py FILE [RECORDINGS.npz INDEX]`.

Without a recording it is a synthetic load of some harmonics.
"""
import math
import runpy
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np

BOARD_KEYS = Path(__file__).resolve().parents[2] / 'hearthgrid' / 'board_keys.py'
SAMPLES, CYCLES, NOMINAL, RATE = 13 * 128, 10, 50.0, 6400.0


def synthetic() -> tuple[np.ndarray, np.ndarray, float]:
    """Return voltage [V], current [A] and nominal frequency [Hz] of a load that is neither sine nor symmetric."""
    turn = 2 * np.pi * 49.97 / RATE * np.arange(SAMPLES) + 0.7
    voltage = 325 * np.sin(turn) + 8 * np.sin(5 * turn + 1)
    current = 3 * np.sin(turn - 0.5) + 1.1 * np.sin(3 * turn + 2) + 0.4 * np.sin(7 * turn) + 0.1 * np.sin(2 * turn)
    return voltage, current, NOMINAL


def recorded(file: str, index: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the same of the end of one recording."""
    with np.load(file) as kept:
        return kept['v'][index, -SAMPLES:], kept['i'][index, -SAMPLES:], float(kept['f0'])


def keys() -> bytes:
    """Return the keys of an outlet called `me`, as they lie in a board's flash."""
    def key(epoch: int, letter: bytes, begins: float = -math.inf, ends: float = math.inf) -> SimpleNamespace:
        return SimpleNamespace(epoch=epoch, secret=letter * 32, begins=begins, ends=ends)
    return runpy.run_path(str(BOARD_KEYS))['image']('me', [key(2, b'r', ends=2e9), key(3, b's', 1.9e9)], [key(1, b'b')])


def text(voltage: np.ndarray, current: np.ndarray, nominal: float) -> str:
    """Return the header of voltage [V] and current [A], both (SAMPLES,), 128 samples a cycle."""
    scales = [float(np.max(np.abs(x))) / 30000 for x in (voltage, current)]
    lines = ['/* Written by tools/vectors.py. */', '#include <stdint.h>',
             f'static const uint8_t VECTOR_KEYS[] = {{{", ".join(map(str, keys()))}}};',
             f'#define VECTOR_SAMPLES {SAMPLES}U',
             f'#define VECTOR_CYCLES {CYCLES}U', f'#define VECTOR_NOMINAL {nominal!r}',
             f'#define VECTOR_RATE {nominal * 128!r}', f'#define VECTOR_VOLTAGE_SCALE {scales[0]!r}',
             f'#define VECTOR_CURRENT_SCALE {scales[1]!r}']
    for name, values, scale in zip(('VOLTAGE', 'CURRENT'), (voltage, current), scales, strict=True):
        counts = ', '.join(str(int(count)) for count in np.rint(values / scale))
        lines.append(f'static const int16_t VECTOR_{name}[VECTOR_SAMPLES] = {{{counts}}};')
    return '\n'.join([*lines, ''])


if __name__ == '__main__':
    made = recorded(sys.argv[2], int(sys.argv[3])) if len(sys.argv) > 2 else synthetic()
    Path(sys.argv[1]).write_text(text(*made), encoding='ascii')
