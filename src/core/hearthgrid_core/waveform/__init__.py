"""Waveforms: windows, alignment to the mains, metering, harmonics, wavelet energies, turn-on, and the signature."""
from .alignment import SAMPLES_PER_CYCLE, Aligned, align, fundamental_frequency
from .batch import AlignedBatch, align_batch
from .change import ChangeDetector, ChangeSettings
from .harmonics import harmonic_phasors, narrowed
from .metering import LOAD_MIN, EnergyCounter, Metering, meter, meter_dead
from .ring import CaptureRing
from .signature import FEATURE_NAMES, FEATURES, SIGNATURE_VERSION, Signature, signature, signatures, with_turn_on
from .turn_on import TurnOn, TurnOnSettings, TurnOnTracker
from .wavelet import wavelet_shares
from .window import WaveformError, Window

__all__ = [
    'FEATURES', 'FEATURE_NAMES', 'LOAD_MIN', 'SAMPLES_PER_CYCLE', 'SIGNATURE_VERSION', 'Aligned', 'AlignedBatch',
    'CaptureRing', 'ChangeDetector', 'ChangeSettings', 'EnergyCounter', 'Metering', 'Signature', 'TurnOn',
    'TurnOnSettings', 'TurnOnTracker', 'WaveformError', 'Window', 'align', 'align_batch', 'fundamental_frequency',
    'harmonic_phasors', 'meter', 'meter_dead', 'narrowed', 'signature', 'signatures', 'wavelet_shares', 'with_turn_on',
]
