"""From recordings of any kind to a table of features: what the data allow, chosen by kind alone.

| kind | a row is | features |
| --- | --- | --- |
| waveform | a window of ten whole cycles, up to eight a recording | the signature in the classifier's view |
| series | the whole series | `series_features` |
| frames | 32 frames in a row, up to eight such windows a recording | quantiles of each column |
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from hearthgrid_core.devices.examples import DevicesError
from hearthgrid_core.devices.series import SERIES_FEATURE_NAMES, series_features
from hearthgrid_core.devices.view import appliance_view
from hearthgrid_core.waveform import (
    LOAD_MIN,
    Aligned,
    Signature,
    WaveformError,
    Window,
    align,
    fundamental_frequency,
    narrowed,
    signature,
)
from hearthgrid_core.waveform.signature import HARMONICS
from hearthgrid_ros.recordings import FRAMES, SERIES, WAVEFORM, Example, of_kind

CYCLES, CYCLES_MIN = 10, 3
WINDOWS = 8  # of a recording
ALL = 64  # harmonics that 128 samples a cycle hold
PASSED = 0.9  # of what the Nyquist frequency allows that a converter's filter lets through
NARROW = int(PASSED * 1000.0 / 2 / 60.0)  # harmonics that a converter at 1 kHz holds
IDLE = 0.05  # a window with less current than this share of the recording's largest says nothing of the load
FRAME_WINDOW = 32
QUANTILES = (0.1, 0.5, 0.9)


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of features and the recordings they come from.

    kind : of the recordings     columns : names of the features     rows : (n, d) finite     recording : (n,) index
    into `examples`, each of which has a row     problems : what is wrong with the recordings left out
    """

    kind: str
    columns: tuple[str, ...]
    rows: np.ndarray
    recording: np.ndarray
    examples: tuple[Example, ...]
    problems: tuple[str, ...]

    def fact(self, name: str) -> np.ndarray:
        """Return (m,) what each recording says of `name`. ValueError naming the choice, where one says nothing."""
        without = sum(name not in example.facts for example in self.examples)
        if without:
            known = sorted(set.intersection(*(set(example.facts) for example in self.examples)))
            raise ValueError(f'{without} of {len(self.examples)} recordings do not say {name!r}; '
                             f'all of them say {", ".join(known)}')
        return np.array([example.facts[name] for example in self.examples])


def table(examples: list[Example], kind: str = '', progress: Callable[[int, int], None] | None = None,
          harmonics: int = ALL) -> Table:
    """Return the features of examples of one kind. ValueError where kinds are mixed or nothing can be used.

    kind : '' where there is only one.     progress(done, total)     harmonics : as in `window_signatures`
    """
    chosen = of_kind(examples, kind)
    of = {WAVEFORM: lambda example: waveform_rows(example, harmonics), SERIES: _series_rows,
          FRAMES: _frame_rows}[chosen[0].kind]
    rows, recording, kept, problems = [], [], [], []
    for number, example in enumerate(chosen, start=1):
        try:
            found = of(example)
        except (WaveformError, DevicesError) as error:
            problems.append(f'{example.source}: {error}')
        else:
            recording += [len(kept)] * len(found)
            rows.append(found)
            kept.append(example)
        if progress:
            progress(number, len(chosen))
    if not rows:
        raise ValueError(problems[0])
    names = {WAVEFORM: tuple(f'view_{k}' for k in range(rows[0].shape[1])), SERIES: SERIES_FEATURE_NAMES,
             FRAMES: tuple(f'{name}_{q}' for q in (*QUANTILES, 'change') for name in chosen[0].columns)}
    return Table(chosen[0].kind, names[chosen[0].kind], np.concatenate(rows), np.array(recording), tuple(kept),
                 tuple(problems))


def bandwidth(examples: list[Example]) -> int:
    """Return how many harmonics every one of the waveforms holds, `ALL` where each holds those of the signature.

    A recording at 1 kHz ends at the seventh: whoever compares it with one at 7.68 kHz must not look further there.
    """
    rates = [example.sampling_rate for example in examples if example.kind == WAVEFORM]
    held = int(PASSED * min(rates) / 2 / 60.0) if rates else ALL
    return max(1, held) if held < HARMONICS else ALL


def waveform_rows(example: Example, harmonics: int = ALL) -> np.ndarray:
    """Return (windows, d). WaveformError where no window has mains and three whole cycles."""
    return appliance_view(np.stack([one.vector() for one in window_signatures(example, harmonics)]))


def window_signatures(example: Example, harmonics: int = ALL) -> list[Signature]:
    """Return the signatures of up to `WINDOWS` windows, evenly spaced, of those where the load is on.

    harmonics : of the current that are looked at, as a slower converter sees it
    """
    voltage, current, rate = *example.values, example.sampling_rate
    nominal = 50.0 if fundamental_frequency(voltage, rate, 55.0) < 55 else 60.0
    size = int((CYCLES + 2) / (0.9 * nominal) * rate)   # holds them down to a tenth below nominal
    count = int(np.clip(voltage.size // size, 1, 4 * WINDOWS))
    begins = np.linspace(0, max(0, voltage.size - size), max(count, min(2, -(-voltage.size // size)))).astype(int)
    found, reason = [], None
    for begin in begins:
        window = Window(voltage[begin:begin + size], current[begin:begin + size], rate)
        try:
            found.append(signature(_aligned(window, nominal, harmonics)))
        except WaveformError as error:
            reason = error
    if not found:
        raise reason
    drawn = np.array([one.current for one in found])
    on = np.flatnonzero((drawn >= LOAD_MIN) & (drawn >= IDLE * drawn.max()))
    on = on if on.size else np.arange(len(found))
    return [found[k] for k in on[np.unique(np.linspace(0, on.size - 1, min(WINDOWS, on.size)).round().astype(int))]]


def _aligned(window: Window, nominal: float, harmonics: int) -> Aligned:
    try:
        whole = align(window, nominal, cycles=CYCLES)
    except WaveformError:
        whole = align(window, nominal)      # a short recording: what it holds
        if whole.cycles < CYCLES_MIN:
            raise
    return whole if harmonics >= ALL else replace(whole, current=narrowed(whole.current, whole.cycles, harmonics))


def _series_rows(example: Example) -> np.ndarray:
    return series_features(example.values, example.sampling_rate)[None]


def _frame_rows(example: Example) -> np.ndarray:
    """Quantiles of each column over a window, and how much it changes from frame to frame; zero where it is missing."""
    values = np.where(np.isfinite(example.values), example.values, np.nan)
    count = int(np.clip(len(values) // FRAME_WINDOW, 1, WINDOWS))
    out = []
    for begin in np.linspace(0, max(0, len(values) - FRAME_WINDOW), count).astype(int):
        part = values[begin:begin + FRAME_WINDOW]
        ordered = np.sort(part, axis=0)                 # NaN last
        there = np.isfinite(part).sum(axis=0)
        picks = [ordered[np.maximum(0, np.round(q * (there - 1)).astype(int)), np.arange(part.shape[1])]
                 for q in QUANTILES]
        change = np.abs(np.diff(part, axis=0))
        moved = np.nansum(change, axis=0) / np.maximum(1, np.isfinite(change).sum(axis=0))
        out.append(np.nan_to_num(np.concatenate([*picks, moved])))
    return np.array(out)
