"""Messages to values and back."""
import array
import math

import numpy as np

from hearthgrid_core import outlet as core
from hearthgrid_core.island import View
from hearthgrid_core.island.shedding import Offer
from hearthgrid_core.outlet import capture as capturing
from hearthgrid_core.waveform import Aligned, Metering, Signature
from hearthgrid_msgs import msg
from hearthgrid_ros.time import to_msg, to_seconds

REASON_LENGTH = 128  # of texts on the wire [byte]
MANY = 128  # outlets an IslandMode can name


def block(message: msg.Samples) -> core.Block:
    """Return a block of samples with nothing checked; counts are views of the message."""
    return core.Block(to_seconds(message.stamp), message.sequence, message.sampling_rate, message.nominal_frequency,
                      message.voltage_scale, message.current_scale, message.temperature,
                      np.frombuffer(message.voltage, np.int16), np.frombuffer(message.current, np.int16))


def reading(outlet: str, sequence: int, of: capturing.Reading, supply: int) -> msg.Reading:
    """Return a reading on the wire."""
    m: Metering = of.metering
    return msg.Reading(
        stamp=to_msg(of.end), outlet=outlet, sequence=sequence, duration=of.duration, supply=supply, voltage=m.voltage,
        current=m.current, active_power=m.active_power, reactive_power=m.reactive_power,
        apparent_power=m.apparent_power, power_factor=m.power_factor, frequency=m.frequency, energy_kwh=of.energy_kwh,
        voltage_thd=m.voltage_thd, current_thd=m.current_thd,
        harmonics=_floats([] if np.isnan(m.harmonics[0]) else m.harmonics), temperature=of.temperature)


def signature(outlet: str, sequence: int, reason: int, of: Signature, aligned: Aligned) -> msg.Signature:
    """Return a signature on the wire."""
    return msg.Signature(
        stamp=to_msg(aligned.start), outlet=outlet, sequence=sequence, version=of.version, reason=reason,
        cycles=aligned.cycles, frequency=float(of.frequency), voltage=float(of.voltage), current=float(of.current),
        active_power=float(of.active_power), reactive_power=float(of.reactive_power),
        crest_factor=float(of.crest_factor), inrush_ratio=float(of.inrush_ratio),
        settling_time=float(of.settling_time), harmonics_real=_floats(of.harmonics.real),
        harmonics_imag=_floats(of.harmonics.imag), wavelet_energy=_floats(of.wavelet_energy),
        trajectory=_floats(of.trajectory))


def waveform(outlet: str, sequence: int, reason: int, raw) -> msg.Waveform:
    """Return the raw window of `Capture.raw` on the wire; without mains `cycles` is 0 and `frequency` NaN."""
    given, aligned, voltage, current, start = raw
    return msg.Waveform(
        stamp=to_msg(start), outlet=outlet, sequence=sequence, reason=reason, cycles=aligned.cycles if aligned else 0,
        sampling_rate=given.sampling_rate, frequency=aligned.frequency if aligned else math.nan,
        voltage_scale=given.voltage_scale, current_scale=given.current_scale, voltage=_counts(voltage),
        current=_counts(current))


def job(outlet: str, now: float, of: core.Job) -> msg.Job:
    """Return a job on the wire."""
    return msg.Job(stamp=to_msg(now), outlet=outlet, id=of.id, status=of.status, energy_kwh=of.energy_kwh,
                   delivered_kwh=of.delivered_kwh, power=of.power, deadline=to_msg(of.deadline),
                   interruptible=of.interruptible)


def features(throttleable: bool, keyed: bool) -> int:
    """Return what this outlet can, as flags of a state."""
    state = msg.OutletState
    always = (state.FEATURE_POWER | state.FEATURE_VOLTAGE | state.FEATURE_CURRENT | state.FEATURE_ENERGY
              | state.FEATURE_SWITCH | state.FEATURE_WAVEFORM | state.FEATURE_TEMPERATURE
              | state.FEATURE_ISLAND | state.FEATURE_SCHEDULE | state.FEATURE_JOB)
    return always | state.FEATURE_CAP * throttleable | state.FEATURE_AUTHENTICATION * keyed


def offer(message: msg.OutletState) -> Offer:
    """Return what a state offers to the leader of an island. ValueError when it is none."""
    if not message.outlet:
        raise ValueError('it names no outlet')
    return Offer(message.outlet, core.Priority(message.priority), message.rank, message.demand, message.inrush,
                 message.relay == msg.OutletState.RELAY_CLOSED)


def shed(message: msg.OutletState) -> bool:
    """Return whether an outlet is off for the island's sake."""
    return message.voice == msg.Request.VOICE_ISLAND and message.power_max == 0.0


def island(member: str, view: View, stamp) -> msg.IslandMode:
    """Return a member's view on the wire."""
    return msg.IslandMode(
        stamp=stamp, member=member, mode=view.mode, epoch=view.epoch, term=view.term, leader=view.leader,
        provisional=view.provisional, authority=view.authority, committee=list(view.committee),
        members=list(view.members[:MANY]), shed=list(view.shed[:MANY]), voltage=view.voltage, frequency=view.frequency,
        evidence=short(view.evidence))


def schedule(entries) -> core.Schedule:
    """Return the schedule of msg.ScheduleEntry rows. ValueError when a row is none."""
    return core.Schedule(tuple(core.Entry(e.days, e.start_minute, e.end_minute, e.on, e.power_max) for e in entries))


def schedule_entries(of: core.Schedule) -> list[msg.ScheduleEntry]:
    """Return a schedule's rows on the wire."""
    return [msg.ScheduleEntry(days=e.days, start_minute=e.start, end_minute=e.end, on=e.on, power_max=e.power_max)
            for e in of.entries]


def short(text: str, length: int = REASON_LENGTH) -> str:
    """Return a text cut to what a bounded string holds, counted in bytes as the wire does."""
    return text.encode()[:length].decode(errors='ignore')


def _floats(values) -> array.array:
    return array.array('f', np.asarray(values, np.float32).tobytes())


def _counts(values: np.ndarray) -> array.array:
    return array.array('h', values.astype(np.int16).tobytes())
