"""The signature: its recipe against a plain twin, and what it must not depend on."""
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hearthgrid_core.waveform import (
    FEATURE_NAMES,
    FEATURES,
    SIGNATURE_VERSION,
    TurnOn,
    WaveformError,
    Window,
    align,
    meter,
    signature,
    signatures,
    wavelet_shares,
    with_turn_on,
)

RATE = 6400.0
LOADS = {
    'heater': lambda angle: 6.0 * np.sin(angle),
    'motor': lambda angle: 2.0 * np.sin(angle - 0.9) + 0.1 * np.sin(3 * angle),
    'charger': lambda angle: 0.4 * np.sin(angle) ** 15,
    'half wave': lambda angle: 3.0 * np.maximum(0.0, np.sin(angle)),
}


def window(load, frequency=50.0, turn=0.0, cycles=12.5, scale=1.0):
    angle = 2 * np.pi * frequency * np.arange(round(cycles / frequency * RATE)) / RATE + turn
    return Window(325.0 * np.sin(angle) + 5.0 * np.sin(5 * angle), scale * LOADS[load](angle), RATE)


def aligned(load, **how):
    return align(window(load, **how), 50.0, cycles=10)


def plain(voltage, current):
    """The recipe in words of one sample: harmonics by definition, everything else by loops."""
    n = len(voltage)

    def phasor(x, h):
        return 2 ** 0.5 * sum(x[k] * np.exp(-2j * np.pi * h * k / 128) for k in range(n)) / n

    turn = np.angle(phasor(voltage, 1))
    rms = (sum(x * x for x in current) / n) ** 0.5
    cycle = [sum(current[k::128]) / (n // 128) for k in range(128)]
    points = [(cycle[2 * k] + cycle[2 * k + 1]) / 2 for k in range(64)]
    return dict(voltage=(sum(x * x for x in voltage) / n) ** 0.5, current=rms,
                active_power=sum(v * i for v, i in zip(voltage, current, strict=True)) / n,
                crest_factor=max(abs(x) for x in current) / rms,
                harmonics=[phasor(current, h) * np.exp(-1j * h * turn) for h in range(1, 22)],
                trajectory=[x / max(abs(y) for y in points) for x in points], wavelet_energy=wavelet_shares(current))


@pytest.mark.parametrize('load', LOADS)
def test_the_batch_is_the_plain_recipe(load):
    windows = [aligned(load, frequency=f, turn=f) for f in (49.5, 50.0, 50.2)]
    batch = signatures(np.stack([a.voltage for a in windows]), np.stack([a.current for a in windows]),
                       np.array([a.frequency for a in windows]))
    assert batch.vector().shape == (3, FEATURES) and batch.version == SIGNATURE_VERSION
    for k, a in enumerate(windows):
        one = signature(a)
        for name, value in plain(a.voltage, a.current).items():
            assert getattr(one, name) == pytest.approx(value, abs=1e-9), name
        for name in one.__dataclass_fields__:
            assert getattr(one, name) == pytest.approx(getattr(batch[k], name), nan_ok=True), name
        assert one.vector() == pytest.approx(batch.vector()[k])
        metering = meter(a)
        assert np.abs(one.harmonics) == pytest.approx(metering.harmonics[:21], abs=1e-12)
        assert one.reactive_power == pytest.approx(metering.reactive_power)
        assert one.active_power == pytest.approx(metering.active_power)


def test_a_large_batch_is_its_windows_one_by_one():
    windows = [aligned(load, turn=turn) for load in LOADS for turn in np.linspace(0.0, 6.0, 20)]
    batch = signatures(np.stack([a.voltage for a in windows]), np.stack([a.current for a in windows]),
                       np.array([a.frequency for a in windows])).vector()
    assert batch == pytest.approx(np.array([signature(a).vector() for a in windows]))


@pytest.mark.parametrize('lag, real, imag', [(0.0, 1.0, 0.0), (np.pi / 2, 0.0, -1.0), (-np.pi / 2, 0.0, 1.0),
                                             (np.pi, -1.0, 0.0)])
def test_real_is_in_phase_and_lagging_is_negative(lag, real, imag):
    angle = 2 * np.pi * 50.0 * np.arange(1600) / RATE + 2.0
    a = align(Window(325.0 * np.sin(angle), 2 ** 0.5 * np.sin(angle - lag), RATE), 50.0)
    assert signature(a).harmonics[0] == pytest.approx(complex(real, imag), abs=1e-4)


@pytest.mark.parametrize('load', LOADS)
@given(turn=st.floats(0.0, 6.28), frequency=st.floats(48.5, 51.5))
@settings(max_examples=15, deadline=None)
def test_it_does_not_matter_when_the_window_began(load, turn, frequency):
    reference, other = (signature(aligned(load, turn=t, frequency=f)) for t, f in ((0.0, 50.0), (turn, frequency)))
    assert other.harmonics == pytest.approx(reference.harmonics, abs=5e-4 * reference.current)
    assert other.trajectory == pytest.approx(reference.trajectory, abs=5e-3)
    assert other.wavelet_energy == pytest.approx(reference.wavelet_energy, abs=2e-3)
    assert other.crest_factor == pytest.approx(reference.crest_factor, rel=3e-3)


SIZE = ('log_current', 'log_active_power', 'log_reactive_power')


@pytest.mark.parametrize('load', LOADS)
@given(scale=st.floats(0.2, 50.0))
@settings(max_examples=15, deadline=None)
def test_only_the_size_features_know_the_size(load, scale):
    one, other = (signature(aligned(load, scale=s)).vector() for s in (1.0, scale))
    for name, a, b in zip(FEATURE_NAMES, one, other, strict=True):
        if name not in SIZE:
            assert b == pytest.approx(a, abs=1e-9), name
    at = FEATURE_NAMES.index('log_current')
    assert 10 ** other[at] - 1e-3 == pytest.approx(scale * (10 ** one[at] - 1e-3))


@pytest.mark.parametrize('load', LOADS)
def test_the_parts_say_what_they_are(load):
    got = signature(aligned(load, turn=1.0))
    assert got.harmonics.shape == (21,) and got.wavelet_energy.shape == (6,) and got.trajectory.shape == (64,)
    assert got.wavelet_energy.sum() == pytest.approx(1.0)
    assert np.abs(got.trajectory).max() == pytest.approx(1.0)
    assert np.isnan(got.inrush_ratio) and np.isnan(got.settling_time)


def test_a_signature_without_a_load_is_finite():
    nothing = signature(align(Window(window('heater').voltage, np.zeros(1600), RATE), 50.0))
    assert np.isnan(nothing.crest_factor) and not nothing.wavelet_energy.any() and not nothing.trajectory.any()
    assert np.isfinite(nothing.vector()).all()
    noise = np.random.default_rng(0).normal(0.0, 1e-3, 1600)
    faint = signature(align(Window(window('heater').voltage, noise, RATE), 50.0))
    assert np.abs(faint.vector() - nothing.vector()).max() < 0.5         # noise has no features of its own


def test_the_switch_on_is_part_of_it():
    base = aligned('motor')
    seen, blind = signature(base, TurnOn(6.0, 0.3)), signature(base)
    assert (seen.inrush_ratio, seen.settling_time) == (6.0, 0.3)
    differ = {name for name, a, b in zip(FEATURE_NAMES, seen.vector(), blind.vector(), strict=True) if a != b}
    assert differ == {'log_inrush', 'log_settling'}
    assert with_turn_on(blind, TurnOn(1.0, 0.0)).vector() == pytest.approx(blind.vector())


def test_features_have_a_name_each():
    assert len(set(FEATURE_NAMES)) == FEATURES == signature(aligned('heater')).vector().size


@pytest.mark.parametrize('voltage, current, frequency, reason', [
    ((2, 1280), (2, 1279), 2, 'belong together'),
    ((2, 1280), (3, 1280), 2, 'belong together'),
    ((2, 1280), (2, 1280), 3, 'belong together'),
    ((1280,), (1280,), 1, 'belong together'),
    ((2, 1281), (2, 1281), 2, 'whole cycles'),
    ((2, 0), (2, 0), 2, 'whole cycles'),
])
def test_batches_that_do_not_fit(voltage, current, frequency, reason):
    with pytest.raises(WaveformError, match=reason):
        signatures(np.ones(voltage), np.ones(current), np.full(frequency, 50.0))


def test_a_batch_that_is_not_finite():
    values = np.ones((2, 128))
    values[1, 5] = np.nan
    for voltage, current in ((values, np.ones((2, 128))), (np.ones((2, 128)), values)):
        with pytest.raises(WaveformError, match='not finite'):
            signatures(voltage, current, np.full(2, 50.0))


@pytest.mark.parametrize('wrong, reason', [
    (dict(version=2), 'version 2'),
    (dict(harmonics=np.zeros(20, dtype=complex)), 'lengths'),
    (dict(trajectory=np.zeros(0)), 'lengths'),
    (dict(wavelet_energy=np.zeros(7)), 'lengths'),
    (dict(active_power=np.nan), 'not finite'),
    (dict(harmonics=np.full(21, np.nan + 0j)), 'not finite'),
])
def test_what_arrives_broken_has_no_vector(wrong, reason):
    with pytest.raises(WaveformError, match=reason):
        replace(signature(aligned('heater')), **wrong).vector()


def test_real_appliances_are_told_apart():
    """16 appliances, every other recording to learn from, the last six cycles of the rest to recognise: the nearest."""
    root = os.environ.get('HEARTHGRID_DATA') or Path(__file__).parents[5] / 'shared' / 'data'
    path = Path(root, 'vpc_waveforms', 'vpc.npz')
    if not path.is_file():
        pytest.skip('real recordings are not here: vpc_waveforms/vpc.npz below $HEARTHGRID_DATA or ../shared/data')
    with np.load(path, allow_pickle=False) as data:
        volts, amps, labels, take = (data[name] for name in ('v', 'i', 'label', 'recording'))
        rate, nominal = float(data['fs']), float(data['f0'])
    six = [align(Window(v[-8 * 128:], i[-8 * 128:], rate), nominal, cycles=6) for v, i in zip(volts, amps, strict=True)]
    vectors = signatures(*(np.stack(x) for x in zip(*((a.voltage, a.current) for a in six), strict=True)),
                         np.array([a.frequency for a in six])).vector()
    learn = take % 2 == 1
    distance = np.abs(vectors[~learn][:, None] - vectors[learn][None]).sum(axis=2)
    right = labels[learn][distance.argmin(axis=1)] == labels[~learn]
    assert right.mean() >= 0.99, f'{right.mean():.3f} of {right.size}'
