"""What a signature costs, and its ratio to the bare FFT and wavelet transform of the same batch.

`windows a second`: from raw samples to the classifier's vectors, 240 windows of ten cycles (24 outlets, two seconds) at
6 400 Hz: `align_batch`, `signatures`, `vector`. `signature, batch`: the same after alignment, against `scipy.fft.rfft`
of voltage and current and `pywt.wavedec` of current on the same arrays. `one at a time`: the same, window by window.
`block`: what an outlet computes for every block of ten cycles (align, meter), against the 200 ms the block lasts; at
1 ms, one core would carry 200 outlets. Processor time, best of interleaved repetitions: other work on the machine takes
none of it, so a window a second is a window a second of a whole core.
"""
import time
from collections.abc import Callable

import numpy as np
import pywt
from scipy import fft

from hearthgrid.benchmark import Result
from hearthgrid_core.waveform import Window, align, align_batch, meter, signature, signatures

NAME = 'signature-cost'
GOAL = 3.0              # ratio of the batch
RATE_GOAL = 5000.0      # [windows/s]
BLOCK, BLOCK_GOAL = 200e3, 1000.0   # what a block lasts, and what it may cost [µs]
WINDOWS = 240
REPETITIONS = 15
RATE, NOMINAL, CYCLES = 6400.0, 50.0, 10


def run(progress: Callable[[str], None]) -> list[Result]:
    """Measure; about ten seconds."""
    windows = _windows()
    progress(f'aligning {len(windows)} windows of {CYCLES} cycles')
    aligned = [align(window, NOMINAL, cycles=CYCLES) for window in windows]
    voltage, current = np.stack([a.voltage for a in aligned]), np.stack([a.current for a in aligned])
    frequency = np.array([a.frequency for a in aligned])

    count = min(len(window) for window in windows)
    raw = np.stack([window.voltage[:count] for window in windows]), np.stack([w.current[:count] for w in windows])

    def extract():
        made = align_batch(*raw, RATE, NOMINAL, CYCLES)
        return signatures(made.voltage, made.current, made.frequency).vector()

    progress('the whole batch at once')
    assert len(extract()) == len(windows)
    whole, plain = _seconds(extract, lambda: [signature(align(w, NOMINAL, cycles=CYCLES)).vector() for w in windows])
    ours, bare = _seconds(lambda: signatures(voltage, current, frequency).vector(), lambda: _bare(voltage, current))
    progress('one window at a time')
    ours_single, bare_single = _seconds(
        lambda: [signature(a).vector() for a in aligned],
        lambda: [_bare(v, i) for v, i in zip(voltage, current, strict=True)])
    progress('what an outlet does with every block')
    block, = _seconds(lambda: [meter(align(window, NOMINAL, cycles=CYCLES)) for window in windows])
    each = 1e6 / len(windows)
    rate = len(windows) / whole
    return [
        Result('windows a second on one core', rate, '1/s', len(windows) / plain, 'one by one', RATE_GOAL,
               plain / whole, f'≥ {RATE_GOAL:g} /s', rate >= RATE_GOAL),
        Result('raw samples to vectors, batch', whole * each, 'µs', bare * each, 'FFT + wavelet', ratio=whole / bare,
               goal='told, no goal'),
        Result('signature, batch', ours * each, 'µs', bare * each, 'FFT + wavelet', GOAL, ours / bare,
               f'ratio ≤ {GOAL:g}', ours <= GOAL * bare),
        Result('signature, one at a time', ours_single * each, 'µs', bare_single * each, 'FFT + wavelet',
               ratio=ours_single / bare_single, goal='told, no goal'),
        Result('align + meter a block', block * each, 'µs', BLOCK, 'the block lasts', BLOCK_GOAL, block * each / BLOCK,
               f'≤ {BLOCK_GOAL:g} µs', block * each <= BLOCK_GOAL)]


def _bare(voltage: np.ndarray, current: np.ndarray) -> None:
    fft.rfft(voltage, axis=-1)
    fft.rfft(current, axis=-1)
    pywt.wavedec(current, 'db4', mode='periodization', level=5, axis=-1)


def _seconds(*jobs: Callable[[], None]) -> list[float]:
    """Return the best processor time of each job; they take turns, so that a busy machine is busy for all."""
    best = [np.inf] * len(jobs)
    for _ in range(REPETITIONS):
        for k, job in enumerate(jobs):
            begin = time.process_time()
            job()
            best[k] = min(best[k], time.process_time() - begin)
    return best


def _windows() -> list[Window]:
    """Return windows of mixed loads on distorted, noisy mains a little off its nominal frequency."""
    rng = np.random.default_rng(1)
    out = []
    for _ in range(WINDOWS):
        count = int(1.2 * CYCLES / NOMINAL * RATE)
        angle = 2 * np.pi * rng.uniform(49.8, 50.2) * np.arange(count) / RATE + rng.uniform(0, 2 * np.pi)
        voltage = 325 * np.sin(angle) + 8 * np.sin(5 * angle) + rng.normal(0, 1, count)
        current = rng.uniform(0.1, 10) * np.sin(angle - rng.uniform(0, 1)) ** rng.choice([1, 3, 9])
        out.append(Window(voltage, current + rng.normal(0, 0.005, count), RATE))
    return out
