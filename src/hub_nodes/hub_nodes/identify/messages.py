"""Between messages and the values of the core."""
import math

import numpy as np
from scipy.special import expit

from hearthgrid_core.devices import UNTIL_CHANGE, Claim, DevicesError, Identification, Look
from hearthgrid_core.waveform import Signature, WaveformError
from hearthgrid_msgs import msg
from hearthgrid_ros.time import to_msg, to_seconds
from hub_nodes.identify.library import Entry


def signature_vector(message: msg.Signature) -> np.ndarray:
    """Return what classifiers take of a signature (FEATURES,). DevicesError when it is of no use."""
    real, imag, wavelet, trajectory = (np.array(values, dtype=np.float64) for values in (
        message.harmonics_real, message.harmonics_imag, message.wavelet_energy, message.trajectory))
    if real.shape != imag.shape:
        raise DevicesError(f'a signature of {message.outlet!r} has {real.size} real and {imag.size} imaginary parts')
    scalars = (np.float64(getattr(message, name)) for name in (
        'frequency', 'voltage', 'current', 'active_power', 'reactive_power', 'crest_factor', 'inrush_ratio',
        'settling_time'))
    try:
        with np.errstate(all='ignore'):     # what is no number is refused by whoever takes the vector
            return Signature(message.version, *scalars, real + 1j * imag, wavelet, trajectory).vector()
    except WaveformError as error:
        raise DevicesError(f'{message.outlet!r}: {error}') from None


def look_of(message: msg.Signature) -> Look:
    """Return a signature as identification takes it. DevicesError."""
    if not message.outlet:
        raise DevicesError('a signature does not say of which outlet it is')
    return Look(outlet=message.outlet, sequence=message.sequence, time=to_seconds(message.stamp),
                duration=message.cycles / message.frequency if message.frequency > 0 else 0.0,
                vector=signature_vector(message), active_power=message.active_power,
                apparent_power=message.voltage * message.current, changed=message.reason == message.REASON_CHANGE)


def claim_of(message: msg.Label) -> Claim:
    """Return what a label says. Without `valid_from` it holds from its stamp, without `valid_until` until a change."""
    said, begin, end = (to_seconds(stamp) for stamp in (message.stamp, message.valid_from, message.valid_until))
    return Claim(outlet=message.outlet, type=message.type, model=message.model, begin=begin or said,
                 end=end or UNTIL_CHANGE, said=said, by_person=message.source == message.SOURCE_PERSON)


def identity_of(look: Look, answer: Identification, recipe: str, entry: Entry | None) -> msg.Identity:
    """Return the message of an answer. entry : what the library says of this device"""
    known = entry or Entry(type=answer.type or 'unknown')
    novelty = float(expit(answer.novelty))      # a half at the bound
    return msg.Identity(
        stamp=to_msg(look.time), outlet=look.outlet, signature=look.sequence, state=int(answer.state), type=answer.type,
        model=answer.model, probability=answer.probability, model_probability=answer.model_probability,
        novelty=novelty, rated_power=math.nan if known.rated_power is None else known.rated_power, note=known.note,
        candidates=[type for type, _ in answer.candidates],
        candidate_probabilities=[probability for _, probability in answer.candidates], recipe=recipe)
