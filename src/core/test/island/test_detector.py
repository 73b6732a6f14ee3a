"""The outage detector: what is flagged, what is declared, and the plain twin."""

import math
from collections import deque

import numpy as np
import pytest

from hearthgrid_core.island.detector import SAGS, DetectorSettings, OutageDetector, fit_weights, frequency_shift
from hearthgrid_core.sim.disturbances import KINDS, disturbance, outage
from hearthgrid_core.sim.islanding import Balance, islanded

RATES = {50.0: 6400.0, 60.0: 7680.0}


def detector(nominal=50.0, **changes):
    return OutageDetector(DetectorSettings(nominal_frequency=nominal, sampling_rate=RATES[nominal], **changes))


def plain(settings, voltage):
    """Return flag and RMS, one sample after the other, from the definitions."""
    cycle = round(settings.sampling_rate / settings.nominal_frequency)
    half, fit, peak = cycle // 2, max(cycle // 5, 6), math.sqrt(2) * settings.nominal_voltage
    cos, sin = fit_weights(fit, 2 * math.pi * settings.nominal_frequency / settings.sampling_rate)
    past = deque([0.0] * (2 * cycle), 2 * cycle)
    good, flagged, flags, all_rms = round(settings.clear_time * settings.sampling_rate), False, [], []
    for count, sample in enumerate(voltage):
        past.append(sample)
        seen = list(past)
        rms = math.sqrt(sum(v * v for v in seen[-half:]) / half) / settings.nominal_voltage
        ago = math.sqrt(sum(v * v for v in seen[-half - cycle : -cycle]) / half) / settings.nominal_voltage
        amplitude = math.hypot(sum(np.multiply(cos, seen[-fit:])), sum(np.multiply(sin, seen[-fit:]))) / peak
        low = rms < settings.low or (rms < settings.sagging * ago and amplitude < settings.collapsing * ago)
        good = good + 1 if rms >= settings.well else 0
        if low and count >= cycle:
            flagged = True
        elif good >= round(settings.clear_time * settings.sampling_rate):
            flagged = False
        flags.append(flagged)
        all_rms.append(rms)
    return flags, all_rms


@pytest.mark.parametrize('kind', KINDS)
def test_the_fast_equals_the_plain(kind):
    rng = np.random.default_rng(5)
    voltage = disturbance(kind, rng).voltage[:2600]
    found = detector().step(0.0, voltage)
    flags, rms = plain(DetectorSettings(), voltage)
    assert found.flag.tolist() == flags
    assert found.rms == pytest.approx(rms, abs=1e-9)


@pytest.mark.parametrize('cuts', [3, 7, 128, 1280])
def test_it_does_not_matter_how_the_samples_are_cut(cuts):
    rng = np.random.default_rng(6)
    voltage = np.concatenate(
        [
            disturbance('jump 60', rng).voltage,
            outage(rng, 0.3, 1.0).voltage,
            disturbance('itic', rng).voltage[:1000],
            outage(rng, 0.0, 2.0).voltage,
        ]
    )
    whole, one = detector().step(0.0, voltage), detector()
    parts = [one.step(k / 6400.0, voltage[k : k + cuts]) for k in range(0, len(voltage), cuts)]
    assert np.concatenate([p.flag for p in parts]).tolist() == whole.flag.tolist()
    assert parts[-1].declared == pytest.approx(whole.declared)
    assert parts[-1].evidence == whole.evidence == 'under 23 V for 20 ms'


@pytest.mark.parametrize('nominal', [50.0, 60.0])
@pytest.mark.parametrize('before', [0.9, 1.0, 1.1])
@pytest.mark.parametrize('residual', [0.0, 0.25, 0.4999])
def test_a_lost_supply_is_flagged_in_time_at_every_point_on_wave(nominal, before, residual):
    rng = np.random.default_rng(7)
    late = []
    for point in np.linspace(0.0, 2 * math.pi, 60, endpoint=False):
        lost = outage(rng, residual, point, nominal_frequency=nominal, sampling_rate=RATES[nominal], before=before)
        flag = detector(nominal).step(0.0, lost.voltage).flag
        assert not flag[: int(lost.begin * RATES[nominal])].any()
        late.append(np.flatnonzero(flag)[0] / RATES[nominal] - lost.begin)
    assert np.percentile(late, 99) <= 0.005 and max(late) <= 0.010


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('nominal', [50.0, 60.0])
def test_no_outage_is_declared_where_there_is_none(kind, nominal):
    rng, one = np.random.default_rng(8), detector(nominal)
    for _ in range(10):
        one.reset()
        assert one.step(0.0, disturbance(kind, rng, 230.0, nominal, RATES[nominal]).voltage).declared is None


@pytest.mark.parametrize(
    'residual, duration, declared',
    [
        (0.0, 0.020, False),
        (0.0, 0.040, True),
        (0.05, 0.040, True),
        (0.15, 0.9, False),
        (0.15, 1.2, True),
        (0.6, 10.0, False),
        (0.6, 11.0, True),
        (0.8, 20.0, False),
        (0.8, 22.0, True),
        (0.9, 30.0, False),
    ],
)
def test_how_long_a_sag_may_last(residual, duration, declared):
    time = np.arange(int((duration + 0.3) * 6400)) / 6400.0
    voltage = 325.27 * np.sin(2 * math.pi * 50 * time) * np.where((time > 0.1) & (time <= 0.1 + duration), residual, 1)
    found = detector().step(100.0, voltage)
    assert (found.declared is not None) == declared
    if declared:
        limit = min(t for level, t in SAGS if residual < level)
        assert 0.020 < found.declared - 100.1 <= limit + 0.011


@pytest.mark.parametrize('frequency, declared', [(47.5, False), (51.5, False), (46.9, True), (51.9, True)])
def test_a_frequency_no_grid_keeps_is_declared(frequency, declared):
    voltage = 325.27 * np.sin(2 * math.pi * frequency * np.arange(6400) / 6400.0)
    found = detector().step(0.0, voltage)
    assert (found.declared is not None) == declared
    assert found.frequency == pytest.approx(frequency, abs=0.05)


def test_a_flag_goes_back_by_itself_and_a_declaration_does_not():
    wave = 325.27 * np.sin(2 * math.pi * 50 * np.arange(6400) / 6400.0)
    one = detector()
    dip = one.step(0.0, np.concatenate([wave[:1280], 0.2 * wave[1280:1920], wave[1920:]]))
    assert dip.flag[1300:1900].any() and not dip.flag[-1] and dip.declared is None
    out = one.step(1.0, np.concatenate([0.0 * wave[:640], wave]))
    assert out.declared == pytest.approx(1.029, abs=0.002) and out.flag[-1]
    one.reset()
    assert one.step(3.0, wave).declared is None


@pytest.mark.parametrize('nominal', [50.0, 60.0])
@pytest.mark.parametrize('reactive', [0.97, 1.0, 1.03])
def test_a_balanced_island_is_found_and_a_grid_is_not(nominal, reactive):
    balance = Balance(reactive=reactive, nominal_frequency=nominal, sampling_rate=RATES[nominal])
    found = detector(nominal).step(0.0, islanded(balance, 0.5, 2.0))
    assert found.declared is not None and 0.5 < found.declared < 2.5
    assert detector(nominal).step(0.0, islanded(balance, 2.0, 0.0)).declared is None
    passive = detector(nominal).step(0.0, islanded(balance, 0.5, 2.0, lambda *_: 0.0))
    assert passive.declared is None  # so it is the active method that finds it


def test_the_shift_pushes_away_from_nominal_and_is_bounded():
    assert frequency_shift(50.5, 50.0) > frequency_shift(50.0, 50.0) > 0.0 > frequency_shift(49.5, 50.0)
    assert frequency_shift(90.0, 50.0) == -frequency_shift(10.0, 50.0) == pytest.approx(math.pi / 4)


@pytest.mark.parametrize('bad', [[], [1.0, math.nan], [[1.0, 2.0]]])
def test_bad_samples_are_an_error_and_lose_nothing(bad):
    one, wave = detector(), 325.27 * np.sin(2 * math.pi * 50 * np.arange(1280) / 6400.0)
    one.step(0.0, wave)
    with pytest.raises(ValueError, match='finite'):
        one.step(0.2, np.array(bad))
    assert not one.step(0.2, wave).flag.any()


@pytest.mark.parametrize('changes', [{'low': 0.9, 'well': 0.88}, {'low': 0.2}])
def test_settings_that_cannot_be(changes):
    with pytest.raises(ValueError):
        DetectorSettings(**changes)


def test_an_unknown_disturbance_is_an_error():
    with pytest.raises(ValueError, match='thunder'):
        disturbance('thunder', np.random.default_rng(1))
