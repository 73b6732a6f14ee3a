"""The recipe of the signature: what a load looks like from its outlet. Any change of a number here is a new version."""
from dataclasses import dataclass

import numpy as np

from .alignment import SAMPLES_PER_CYCLE, Aligned
from .harmonics import harmonic_phasors
from .metering import LOAD_MIN
from .turn_on import TurnOn
from .wavelet import BANDS, wavelet_shares
from .window import WaveformError

SIGNATURE_VERSION = 1
HARMONICS = 21
POINTS = 64             # of the trajectory
_GROUP = 32             # windows whose samples fit the cache together

_SMALL = 1e-3           # floor of harmonic and band shares, about what 16 bits resolve [1]
_RATIO_MAX = 3.0        # of a harmonic over the fundamental [1]

FEATURE_NAMES: tuple[str, ...] = (
    'log_current', 'log_active_power', 'log_reactive_power', 'power_factor', 'displacement_cos', 'displacement_sin',
    'crest_factor', 'log_inrush', 'log_settling',
    *(f'{part}_{h}' for part in ('real', 'imag', 'log') for h in range(2, HARMONICS + 1)),
    *(f'wavelet_{band}' for band in range(BANDS)),
    *(f'trajectory_{point}' for point in range(POINTS)))
FEATURES = len(FEATURE_NAMES)


@dataclass(frozen=True, eq=False)
class Signature:
    """One signature, or m of them with a leading axis on every field but `version`.

    frequency [Hz]     voltage, current : RMS [V], [A]     active_power [W]
    reactive_power : of the fundamental, positive when lagging. [var]
    crest_factor : peak over RMS current, NaN without current. [1]
    inrush_ratio [1], settling_time [s] : of the switch-on, NaN where it was not seen.
    harmonics : (21,) complex RMS of the current, turned so that the voltage's fundamental has phase zero: the real part
        is in phase with the voltage, the imaginary part negative when lagging. [A]
    wavelet_energy : (6,) share of the current's energy in each octave, coarsest first; zero without current. [1]
    trajectory : (64,) the mean cycle of current over its peak, from the voltage's rising zero crossing; zero without
        current. [1]
    """

    version: int
    frequency: np.ndarray
    voltage: np.ndarray
    current: np.ndarray
    active_power: np.ndarray
    reactive_power: np.ndarray
    crest_factor: np.ndarray
    inrush_ratio: np.ndarray
    settling_time: np.ndarray
    harmonics: np.ndarray
    wavelet_energy: np.ndarray
    trajectory: np.ndarray

    def vector(self) -> np.ndarray:
        """Return what classifiers take: (FEATURES,), finite, named by `FEATURE_NAMES`. (m, FEATURES) of a batch.

        Powers and current as logarithms, everything else relative to the load's own size. A load below `LOAD_MIN`
        has zero for every ratio; a switch-on that was not seen counts as one without inrush.
        Raises WaveformError on another version of the recipe, wrong lengths, or values that are not finite.
        """
        lengths = tuple(np.shape(part)[-1] for part in (self.harmonics, self.wavelet_energy, self.trajectory))
        if self.version != SIGNATURE_VERSION or lengths != (HARMONICS, BANDS, POINTS):
            raise WaveformError(f'a signature of version {self.version} with lengths {lengths}; '
                                f'this is version {SIGNATURE_VERSION} with {(HARMONICS, BANDS, POINTS)}')
        if not all(np.isfinite(part).all() for part in (self.harmonics, self.wavelet_energy, self.trajectory)):
            raise WaveformError('a signature that is not finite')
        first = np.abs(self.harmonics[..., :1])
        loaded = first >= LOAD_MIN
        relative = np.divide(self.harmonics, first, out=np.zeros_like(self.harmonics), where=loaded)
        size = np.abs(relative[..., 1:])
        clipped = relative[..., 1:] * (_RATIO_MAX / np.maximum(size, _RATIO_MAX))
        apparent = self.voltage * self.current
        head = np.stack([
            np.log10(1e-3 + self.current), _signed_log(self.active_power), _signed_log(self.reactive_power),
            np.divide(self.active_power, apparent, out=np.zeros_like(apparent), where=loaded[..., 0]),
            relative[..., 0].real, relative[..., 0].imag,
            np.where(loaded[..., 0], np.nan_to_num(self.crest_factor), 0.0),
            np.log10(np.maximum(1.0, np.nan_to_num(self.inrush_ratio, nan=1.0))),
            np.log10(1.0 + np.nan_to_num(self.settling_time) / 0.1)], axis=-1)
        on = loaded.astype(float)
        vector = np.concatenate([
            head, clipped.real, clipped.imag, np.log10(np.maximum(size, _SMALL)) * on,
            np.log10(np.maximum(self.wavelet_energy, _SMALL)) * on, self.trajectory * on], axis=-1)
        if not np.isfinite(vector).all():
            raise WaveformError('a signature that is not finite')
        return vector

    def __getitem__(self, index) -> 'Signature':
        """Return one signature of a batch, or a slice of it."""
        return Signature(self.version, *(getattr(self, name)[index] for name in list(self.__dataclass_fields__)[1:]))


def signature(aligned: Aligned, turn_on: TurnOn | None = None) -> Signature:
    """Return the signature of whole cycles; `turn_on` where the switch-on was seen."""
    batch = signatures(aligned.voltage[None], aligned.current[None], np.array([aligned.frequency]),
                       aligned.samples_per_cycle)[0]
    return batch if turn_on is None else with_turn_on(batch, turn_on)


def with_turn_on(of: Signature, turn_on: TurnOn) -> Signature:
    """Return the signature with what was seen of the switch-on."""
    return Signature(**{**of.__dict__, 'inrush_ratio': np.float64(turn_on.inrush_ratio),
                        'settling_time': np.float64(turn_on.settling_time)})


def signatures(voltage: np.ndarray, current: np.ndarray, frequency: np.ndarray,
               samples_per_cycle: int = SAMPLES_PER_CYCLE) -> Signature:
    """Return the signatures of m aligned windows of the same length, as one `Signature` with a leading axis.

    voltage, current : (m, cycles × samples_per_cycle), as `align` gives them. [V], [A]     frequency : (m,) [Hz]
    Raises WaveformError where the shapes do not fit or a sample is not finite.
    """
    cycles = _checked_cycles(voltage, current, frequency, samples_per_cycle)
    if len(voltage) <= _GROUP:
        return _signatures(voltage, current, frequency, cycles, samples_per_cycle)
    parts = [_signatures(*(x[k:k + _GROUP] for x in (voltage, current, frequency)), cycles, samples_per_cycle)
             for k in range(0, len(voltage), _GROUP)]
    return Signature(SIGNATURE_VERSION, *(np.concatenate([getattr(part, name) for part in parts])
                                          for name in list(Signature.__dataclass_fields__)[1:]))


def _signatures(voltage, current, frequency, cycles: int, samples_per_cycle: int) -> Signature:
    count = voltage.shape[1]
    volts = harmonic_phasors(voltage, cycles, 1)[:, 0]
    amps = harmonic_phasors(current, cycles, HARMONICS)
    harmonics = amps * np.exp(np.angle(volts)[:, None] * (-1j * np.arange(1, HARMONICS + 1)))
    rms_voltage, rms_current = (np.sqrt(np.einsum('mk,mk->m', x, x) / count) for x in (voltage, current))
    peak = np.abs(current).max(axis=1)
    mean_cycle = current.reshape(len(current), cycles, samples_per_cycle).mean(axis=1)
    mean_cycle = mean_cycle.reshape(len(current), POINTS, -1).mean(axis=2)
    top = np.abs(mean_cycle).max(axis=1, keepdims=True)
    unseen = np.full(len(current), np.nan)
    return Signature(
        version=SIGNATURE_VERSION, frequency=np.asarray(frequency, dtype=float), voltage=rms_voltage,
        current=rms_current, active_power=np.einsum('mk,mk->m', voltage, current) / count,
        reactive_power=-np.abs(volts) * harmonics[:, 0].imag,
        crest_factor=np.divide(peak, rms_current, out=np.full(len(current), np.nan), where=rms_current > 0),
        inrush_ratio=unseen, settling_time=unseen, harmonics=harmonics, wavelet_energy=wavelet_shares(current),
        trajectory=np.divide(mean_cycle, top, out=np.zeros_like(mean_cycle), where=top > 0))


def _checked_cycles(voltage: np.ndarray, current: np.ndarray, frequency: np.ndarray, samples_per_cycle: int) -> int:
    if voltage.ndim != 2 or voltage.shape != current.shape or np.shape(frequency) != voltage.shape[:1]:
        raise WaveformError(f'voltage {voltage.shape}, current {current.shape} and frequency {np.shape(frequency)} '
                            'do not belong together')
    cycles, rest = divmod(voltage.shape[1], samples_per_cycle)
    if rest or not cycles or samples_per_cycle % POINTS:
        raise WaveformError(f'{voltage.shape[1]} samples are not whole cycles of {samples_per_cycle}, '
                            f'itself a multiple of {POINTS}')
    if not (np.isfinite(voltage).all() and np.isfinite(current).all()):
        raise WaveformError('a sample is not finite')
    return cycles


def _signed_log(power: np.ndarray) -> np.ndarray:
    """Logarithmic where large, linear within a watt, odd."""
    return np.sign(power) * np.log10(1 + np.abs(power))
