"""A window of the waveform: what an outlet's converter measured, in physical units."""
from dataclasses import dataclass

import numpy as np

COUNT_MAX = 32767  # the converter's counts are symmetric, so that a sign change never clips


class WaveformError(ValueError):
    """A waveform that cannot be used: wrong lengths, not finite, too short, or no mains where mains is needed."""


@dataclass(frozen=True, eq=False)
class Window:
    """Simultaneous samples of one outlet.

    voltage : (n,) float64, as the outlet sees it. [V]
    current : (n,) float64, positive when the appliance draws. [A]
    sampling_rate : [Hz]
    start : time of the first sample, UNIX epoch. [s]

    Raises WaveformError where the arrays differ in length, are empty or not finite, or the rate is not positive.
    """

    voltage: np.ndarray
    current: np.ndarray
    sampling_rate: float
    start: float = 0.0

    def __post_init__(self):
        for name in ('voltage', 'current'):
            try:
                values = np.asarray(getattr(self, name), dtype=np.float64)
            except (TypeError, ValueError) as error:
                raise WaveformError(f'{name} is not an array of numbers') from error
            if values.ndim != 1 or not values.size:
                raise WaveformError(f'{name} has shape {values.shape}; it must be (n,) with n ≥ 1')
            finite = np.isfinite(values)
            if not finite.all():
                raise WaveformError(f'{name} holds {np.count_nonzero(~finite)} samples that are not finite')
            object.__setattr__(self, name, values)
        if self.voltage.size != self.current.size:
            raise WaveformError(f'voltage has {self.voltage.size} samples, current {self.current.size}')
        _check_positive('sampling_rate', self.sampling_rate, 'Hz')
        if not np.isfinite(self.start):
            raise WaveformError(f'start is {self.start} s')

    @classmethod
    def from_counts(cls, voltage, current, voltage_scale: float, current_scale: float, sampling_rate: float,
                    start: float) -> 'Window':
        """Return the window of a block of converter counts.

        voltage, current : (n,) counts.     voltage_scale, current_scale : [V/count], [A/count], > 0.
        Raises WaveformError as the class does, or where a scale is not positive.
        """
        _check_positive('voltage_scale', voltage_scale, 'V/count')
        _check_positive('current_scale', current_scale, 'A/count')
        return cls(np.multiply(voltage, voltage_scale, dtype=np.float64),
                   np.multiply(current, current_scale, dtype=np.float64), sampling_rate, start)

    def to_counts(self, voltage_scale: float, current_scale: float) -> tuple[np.ndarray, np.ndarray]:
        """Return (voltage, current) as int16 (n,) counts, clipped to ±32 767 as a converter does.

        voltage_scale, current_scale : [V/count], [A/count], > 0.
        """
        _check_positive('voltage_scale', voltage_scale, 'V/count')
        _check_positive('current_scale', current_scale, 'A/count')
        return _counts(self.voltage, voltage_scale), _counts(self.current, current_scale)

    def __len__(self) -> int:
        return self.voltage.size

    @property
    def duration(self) -> float:
        """Samples × sampling interval. [s]"""
        return self.voltage.size / self.sampling_rate

    @property
    def end(self) -> float:
        """When the sample after the last one is due. [s]"""
        return self.start + self.duration


def _counts(values: np.ndarray, scale: float) -> np.ndarray:
    return np.clip(np.rint(values / scale), -COUNT_MAX, COUNT_MAX).astype(np.int16)


def _check_positive(name: str, value: float, unit: str) -> None:
    if not (np.isfinite(value) and value > 0):
        raise WaveformError(f'{name} is {value} {unit}; it must be positive')
