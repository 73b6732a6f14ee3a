"""Recordings behind a converter."""
import math
import os
from pathlib import Path

import numpy as np
import pytest

from hearthgrid_core.sim import (
    AdcSettings,
    Outage,
    OutageKind,
    OutletSettings,
    Plug,
    Recording,
    ReplaySettings,
    ScriptOutage,
    StartReplay,
    SupplySettings,
    SwitchRelay,
    World,
    WorldConfig,
    split,
)
from hearthgrid_core.waveform.harmonics import harmonic_phasors

T0 = 1_700_000_000.0
DATA = Path(os.environ.get('HEARTHGRID_DATA', Path(__file__).resolve().parents[4] / '..' / 'shared' / 'data'))
VPC = DATA / 'vpc_waveforms' / 'vpc.npz'
SETTINGS = ReplaySettings(start=0.3, play=1.0, gap=0.5, loop_cycles=6)


def recording(label='lamp', phase=0.7, frequency=60.05, rate=7680.0, cycles=23, third=0.4, surge=3.0, fifth=4.0):
    """A current with a third harmonic at −40°, three times as large at first."""
    t = np.arange(round(cycles * rate / 60)) / rate
    angle = 2 * np.pi * frequency * t + phase
    envelope = 1 + (surge - 1) * np.exp(-t / 0.03)
    voltage = 311 * np.cos(angle) + fifth * np.cos(5 * angle)
    return Recording(voltage, envelope * (2 * np.cos(angle - 0.3) + third * np.cos(3 * angle - 0.7)), rate, label)


def world(order, settings=SETTINGS, frequency=60.0, **supply):
    mains = SupplySettings(voltage=220.0, frequency=frequency, **supply)
    config = WorldConfig((OutletSettings('a'), OutletSettings('b', 'router')), supply=mains, adc=AdcSettings(noise=0.0))
    made = World(config, 1, T0, {'a': order}, settings)
    made.apply(StartReplay())
    return made


def samples(world, output):
    return tuple(np.concatenate([getattr(b, name)[0] for b in output.blocks]) * scale for name, scale in
                 (('voltage', world.converter.voltage_scale), ('current', world.converter.current_scale)))


def test_each_is_played_once_in_order_with_gaps_between():
    labels = ['one', 'two', 'three']
    w = world([(recording(label), label != 'three') for label in labels])
    output = w.step(T0 + 8.0)
    assert [(p.outlet, p.number, p.label, p.training) for p in output.played] == [
        ('a', 0, 'one', True), ('a', 1, 'two', True), ('a', 2, 'three', False)]
    _, current = samples(w, output)
    heard = np.abs(current.reshape(-1, 128)).max(axis=1) > 0.5
    edges = np.flatnonzero(np.diff(heard.astype(int))) / 60
    starts, ends = edges[::2], edges[1::2]
    assert len(starts) == len(ends) == 3
    for k, one in enumerate(output.played):
        assert one.start - T0 == pytest.approx(starts[k], abs=0.03)
        assert one.end - one.start == pytest.approx(1.0, abs=1e-6)
        assert 0.3 + 1.5 * k <= one.start - T0 <= 0.3 + 1.5 * k + 0.02 * (k + 1)
    assert not np.abs(current[round((ends[-1] + 0.03) * 7680):]).max() > 0.1, 'silent when all were played'


@pytest.mark.parametrize('recorded', [59.9, 60.0, 60.13])
@pytest.mark.parametrize('rate', [7680.0, 30720.0, 12000.0])
@pytest.mark.parametrize('mains', [50.0, 60.0])
def test_waveforms_survive_another_rate_and_frequency(recorded, rate, mains):
    one = recording(frequency=recorded, rate=rate, cycles=24, surge=1.0)
    w = world([(one, True)], frequency=mains, frequency_wander=0.0)
    w.step(T0 + 0.8)
    block = w.step(T0 + 1.0).blocks[-1]
    cycles = w.config.block_cycles
    v, i = (harmonic_phasors(x[0] * scale, cycles, 5) for x, scale in
            ((block.voltage, w.converter.voltage_scale), (block.current, w.converter.current_scale)))
    assert abs(v[0]) == pytest.approx(311 / 2**0.5, rel=2e-3)
    assert abs(i[0]) == pytest.approx(2**0.5, rel=5e-3)
    assert np.angle(i[0] / v[0]) == pytest.approx(-0.3, abs=0.01)
    assert abs(i[2]) == pytest.approx(0.4 / 2**0.5, rel=0.02)
    assert math.remainder(np.angle(i[2]) - 3 * np.angle(v[0]) + 0.7, 2 * math.pi) == pytest.approx(0.0, abs=0.03)


def test_what_the_converter_cannot_see_is_not_folded_back():
    one = recording(rate=30720.0, surge=1.0)
    t = np.arange(one.current.size) / one.sampling_rate
    loud = Recording(one.voltage, one.current + np.sin(2 * np.pi * 5000 * t), one.sampling_rate, 'loud')
    (_, clean), (_, filtered) = (samples(w, w.step(T0 + 1.2)) for w in (world([(r, True)]) for r in (one, loud)))
    assert np.std(filtered - clean) < 0.03


def test_nothing_plays_until_it_is_said_and_then_outlets_take_turns():
    config = WorldConfig((OutletSettings('a'), OutletSettings('b')), supply=SupplySettings(frequency=60.0))
    w = World(config, 1, T0, {id: [(recording(id), True)] * 2 for id in 'ab'}, SETTINGS)
    assert w.step(T0 + 2.0).played == () and w.replay_left == 4
    w.apply(StartReplay(), T0 + 2.5)
    w.apply(StartReplay(), T0 + 3.1)    # said again: nothing new
    played = w.step(T0 + 8.0).played
    assert [p.outlet for p in played] == list('abab')
    assert [p.start - T0 for p in played] == pytest.approx([2.8, 3.55, 4.3, 5.05], abs=0.05)
    assert w.replay_left == 0


def test_the_switch_on_is_preserved_and_the_end_is_looped():
    one = recording(surge=3.0)
    w = world([(one, True)], frequency_wander=0.0)
    output = w.step(T0 + 2.0)
    _, current = samples(w, output)
    on = round((output.played[0].start - T0) * w.rate)
    cycles = np.sqrt((current[on:on + 60 * 128].reshape(60, 128) ** 2).mean(axis=1))
    recorded = np.sqrt((one.current.reshape(23, 128) ** 2).mean(axis=1))
    np.testing.assert_allclose(cycles[:22], recorded[:22], rtol=0.02)
    np.testing.assert_allclose(cycles[24:], recorded[17:22].mean(), rtol=0.03)


def test_voltage_joins_to_voltage_where_it_begins_ends_and_loops():
    w = world([(recording(fifth=0.0), True)], distortion=0.0, voltage_wander=0.0)
    voltage, _ = samples(w, w.step(T0 + 2.0))
    bend = np.abs(np.diff(voltage, 2))
    assert bend.max() < 2.5 * np.median(np.sort(bend)[-200:])


def test_relay_and_blackout_silence_it():
    w = world([(recording(), True)], ReplaySettings(start=0.1, play=5.0, gap=0.5))
    w.apply(SwitchRelay('a', False), T0 + 1.0)
    w.apply(SwitchRelay('a', True), T0 + 2.0)
    w.apply(ScriptOutage(Outage(OutageKind.BLACKOUT, T0 + 3.0, T0 + 4.0)))
    voltage, current = samples(w, w.step(T0 + 5.0))
    heard = np.abs(current.reshape(-1, 128)).max(axis=1) > 0.5
    lit = np.abs(voltage.reshape(-1, 128)).max(axis=1) > 100
    for begin, end, on, live in [(0.2, 0.95, True, True), (1.05, 1.95, False, True), (2.05, 2.95, True, True),
                                 (3.1, 3.9, False, False), (4.2, 4.9, True, True)]:
        part = slice(round(begin * 60), round(end * 60))
        assert (heard[part] == on).all() and (lit[part] == live).all(), (begin, end)


def test_the_meter_counts_what_is_played():
    one = recording(surge=1.0)
    w = world([(one, True)], ReplaySettings(start=0.0, play=60.0, gap=0.5))
    w.apply(Plug('b', '', True))
    reading = w.step(T0 + 4.0).readings[-1]
    assert reading.active_power == pytest.approx((one.voltage * one.current).mean(), rel=0.03)
    assert reading.reactive_power == pytest.approx(311 * math.sin(0.3), rel=0.05)


def test_the_same_seed_gives_the_same_play():
    one, two = (samples(w, w.step(T0 + 2.0)) for w in (world([(recording(), True)]) for _ in range(2)))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize('count, share, training', [
    (30, 0.5, 15), (3, 0.5, 2), (2, 0.1, 1), (2, 0.9, 1), (1, 0.5, 0), (4, 0.0, 0), (4, 1.0, 4)])
def test_the_split_trains_first_and_tests_the_rest(count, share, training):
    many = [recording(str(k + 1)) for k in range(count)]
    order = split(many, share)
    assert [r.label for r, _ in order] == [r.label for r in many]
    assert [flag for _, flag in order] == [True] * training + [False] * (count - training)
    shuffled = split(many, share, np.random.default_rng(1))
    assert {r.label for r, _ in shuffled} == {r.label for r in many}
    assert sum(flag for _, flag in shuffled) == training


@pytest.mark.parametrize('bad, reason', [
    (lambda: Recording(np.ones(900), np.ones(899), 7680.0, 'x'), '900 samples of voltage, 899'),
    (lambda: Recording(np.full(900, np.nan), np.ones(900), 7680.0, 'x'), 'finite'),
    (lambda: Recording(np.ones(100), np.ones(100), 7680.0, 'x'), 'less than 4 cycles'),
    (lambda: Recording(np.ones(900), np.ones(900), 100.0, 'x'), '1000 Hz'),
    (lambda: Recording(np.ones(900), np.ones(900), 7680.0, ''), 'no label'),
    (lambda: world([(Recording(np.zeros(2900), np.ones(2900), 7680.0, 'x'), True)]), 'no mains'),
    (lambda: split([], 1.5), 'training share'),
])
def test_recordings_that_cannot_be_played_are_refused(bad, reason):
    with pytest.raises(ValueError, match=reason):
        bad()


def test_an_outlet_plays_or_has_an_appliance():
    config = WorldConfig((OutletSettings('a', 'kettle'),))
    with pytest.raises(ValueError, match='appliance and recordings'):
        World(config, 1, T0, {'a': [(recording(), True)]})
    with pytest.raises(ValueError, match='plays recordings'):
        world([(recording(), True)]).apply(Plug('a', 'kettle'))


@pytest.mark.skipif(not VPC.exists(), reason=f'the real recordings are not at {VPC} (HEARTHGRID_DATA)')
def test_real_recordings_come_through_with_their_power():
    data = np.load(VPC)
    for label in ('Microwaves', 'Laptop', 'Heater'):
        row = np.flatnonzero(data['label'] == label)[0]
        one = Recording(data['v'][row], data['i'][row], float(data['fs']), label)
        w = world([(one, True)], ReplaySettings(start=0.1, play=2.0, gap=0.5))
        voltage, current = samples(w, w.step(T0 + 1.8))
        tail = slice(-7680, None)
        played = (voltage[tail] * current[tail]).mean()
        assert played == pytest.approx((one.voltage[-768:] * one.current[-768:]).mean(), rel=0.03)
