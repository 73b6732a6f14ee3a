"""Real recordings behind an outlet's converter, in step with the simulated mains."""
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.signal import resample_poly

from ..settings import check_bounds, setting
from ..waveform import fundamental_frequency

CYCLES_MIN = 4          # a recording shorter than this cannot be looped


@dataclass(frozen=True)
class ReplaySettings:
    """How recordings are played."""

    start: float = setting(2.0, 's', 0.0, 3600.0, 'From the command to start to the first recording.')
    play: float = setting(3.0, 's', 0.2, 3600.0, 'How long each is played; its end is looped.')
    gap: float = setting(2.0, 's', 0.2, 3600.0, 'Off between two recordings.')
    loop_cycles: int = setting(6, '1', 1, 1000, 'Whole cycles at its end that are looped.')

    def __post_init__(self):
        check_bounds(self)


@dataclass(frozen=True, eq=False)
class Recording:
    """What was measured on one appliance, from its switch-on.

    voltage, current : (n,) [V], [A]     sampling_rate : [Hz]     label : what it is     model : which unit, '' unknown
    Raises ValueError on lengths that differ, samples that are not finite, or too few.
    """

    voltage: np.ndarray
    current: np.ndarray
    sampling_rate: float
    label: str
    model: str = ''

    def __post_init__(self):
        if not self.label:
            raise ValueError('a recording has no label')
        if not (math.isfinite(self.sampling_rate) and self.sampling_rate > 1000):
            raise ValueError(f'{self.label}: sampled at {self.sampling_rate} Hz; more than 1000 Hz is needed')
        for name in ('voltage', 'current'):
            values = np.asarray(getattr(self, name), dtype=float)
            if values.ndim != 1 or not np.isfinite(values).all():
                raise ValueError(f'{self.label}: {name} is no row of finite samples')
            object.__setattr__(self, name, values)
        if self.voltage.size != self.current.size:
            raise ValueError(f'{self.label}: {self.voltage.size} samples of voltage, {self.current.size} of current')
        if self.voltage.size < CYCLES_MIN * self.sampling_rate / 60:
            raise ValueError(f'{self.label}: {self.voltage.size} samples are less than {CYCLES_MIN} cycles')


@dataclass(frozen=True)
class Played:
    """A recording that began on an outlet: seconds of its switch-on and switch-off, and whether it is to teach."""

    outlet: str
    number: int         # of the outlet's recordings, from 0
    label: str
    model: str
    training: bool
    start: float
    end: float


def split(recordings: Sequence[Recording], share: float,
          generator: np.random.Generator | None = None) -> list[tuple[Recording, bool]]:
    """Return the order to play recordings of one label in, each with whether it is for training.

    The first `share` (rounded, at least one of two or more) trains; the rest tests. As given, or shuffled by
    `generator`.
    """
    if not 0 <= share <= 1:
        raise ValueError(f'a training share of {share}')
    order = np.arange(len(recordings)) if generator is None else generator.permutation(len(recordings))
    training = round(share * len(recordings))
    if 0 < share < 1 and len(recordings) > 1:
        training = min(len(recordings) - 1, max(1, training))
    return [(recordings[index], place < training) for place, index in enumerate(order.tolist())]


class _Tape:
    """One recording as functions of the angle its fundamental has turned since its first sample."""

    def __init__(self, recording: Recording, sampling_rate: float, nominal: float, loop_cycles: int):
        both = np.stack([recording.voltage, recording.current], axis=1)
        rate = recording.sampling_rate
        fraction = int(rate / sampling_rate + 1e-6)
        if fraction >= 2:  # nothing above the converter's own limit
            both, rate = resample_poly(both, 1, fraction, axis=0, padtype='line'), rate / fraction
        frequency = fundamental_frequency(recording.voltage, recording.sampling_rate, nominal)
        turn = 2 * math.pi * frequency / rate
        cycles = math.floor((len(both) - 1) * turn / (2 * math.pi))
        whole = round(cycles * 2 * math.pi / turn)
        # Phase of the fundamental at the first sample, cosine convention.
        hann = 1 - np.cos(2 * np.pi * np.arange(whole) / whole)
        self.phase = float(np.angle(np.sum(hann * both[:whole, 0] * np.exp(-1j * turn * np.arange(whole)))))
        self._spline = CubicSpline(np.arange(len(both)), both)
        self._turn, self._end = turn, 2 * math.pi * cycles
        self._loop = 2 * math.pi * min(loop_cycles, cycles - 1)

    def at(self, angle: np.ndarray) -> np.ndarray:
        """Return (n, 2) voltage [V] and current [A]; beyond the end, the last cycles again and again."""
        over = angle >= self._end
        if over.any():
            angle = np.where(over, self._end - self._loop + np.mod(angle - self._end, self._loop), angle)
        return self._spline(angle / self._turn)


class Player:
    """Plays one outlet's recordings in order, each once, with gaps between.

    A recording begins when the simulated mains reaches the phase it began at, and follows the mains' frequency, so that
    voltage joins to voltage; then nothing of the played window is simulated.
    """

    def __init__(self, outlet: str, order: Sequence[tuple[Recording, bool]], settings: ReplaySettings,
                 sampling_rate: float, nominal: float):
        self._outlet, self._order, self._settings = outlet, list(order), settings
        self._rate, self._nominal = sampling_rate, nominal
        for recording, _ in self._order:  # now rather than in the middle of the play
            if math.isnan(fundamental_frequency(recording.voltage, recording.sampling_rate, nominal)):
                raise ValueError(f'{recording.label}: no mains is found in its voltage')
        self._index = 0
        self._tape: _Tape | None = self._load()
        self._due: int | None = None                        # sample of the next switch-on, at the earliest
        self._angle, self._end = 0.0, -1                    # since switch-on [rad]; sample of the switch-off

    def begin(self, sample: int, late: float = 0.0) -> None:
        """Start playing at `sample`, `late` [s] after the settings' start. Once begun, nothing changes."""
        if self._due is None:
            self._due = sample + round((self._settings.start + late) * self._rate)

    @property
    def period(self) -> float:
        """From one switch-on to the next. [s]"""
        return self._settings.play + self._settings.gap

    @property
    def done(self) -> bool:
        """Whether all have been played."""
        return self._index >= len(self._order)

    @property
    def left(self) -> int:
        """How many recordings have not been played to their end."""
        return len(self._order) - self._index

    def render(self, first: int, length: int, phase: float, turn: float,
               time_of: Callable[[int], float]) -> tuple[list[tuple[int, np.ndarray]], list[Played]]:
        """Play over `length` samples from sample `first`, where the mains is at `phase`, turning `turn` a sample [rad].

        time_of : sample number to seconds. Returns pieces (offset, (n, 2) voltage and current), and what began.
        """
        pieces, began, at = [], [], 0
        while at < length and self._due is not None and not self.done:
            if self._end < 0:
                at = self._switch_on(first, at, length, phase, turn)
                if at is None:
                    break
                recording, training = self._order[self._index]
                began.append(Played(self._outlet, self._index, recording.label, recording.model, training,
                                    time_of(first + at), time_of(self._end)))
            count = min(length, self._end - first) - at
            pieces.append((at, self._tape.at(self._angle + turn * np.arange(count))))
            self._angle += turn * count
            at += count
            if first + at >= self._end:
                self._index += 1
                self._due, self._end = self._end + round(self._settings.gap * self._rate), -1
                self._tape = self._load()
        return pieces, began

    def _switch_on(self, first: int, at: int, length: int, phase: float, turn: float) -> int | None:
        """Return the offset where the next recording begins, None when not in this stretch."""
        at = max(at, self._due - first)
        if at >= length:
            return None
        wait = math.ceil(((self._tape.phase - phase - turn * at) % (2 * math.pi)) / turn)
        at += wait
        if at >= length:
            return None
        self._angle = (phase + turn * at - self._tape.phase) % (2 * math.pi)
        if self._angle > math.pi:
            self._angle = 0.0
        self._end = first + at + round(self._settings.play * self._rate)
        return at

    def _load(self) -> _Tape | None:
        if self.done:
            return None
        return _Tape(self._order[self._index][0], self._rate, self._nominal, self._settings.loop_cycles)
