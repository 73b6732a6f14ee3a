"""Windows refuse what a converter cannot have measured, and counts survive the way there and back."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.waveform import WaveformError, Window

GOOD = dict(voltage=[1.0, 2.0], current=[0.1, 0.2], sampling_rate=6400.0, start=5.0)


@pytest.mark.parametrize('wrong, reason', [
    (dict(current=[0.1]),                       'voltage has 2 samples, current 1'),
    (dict(voltage=[], current=[]),              r'shape \(0,\)'),
    (dict(voltage=3.0),                         r'shape \(\)'),
    (dict(voltage=[[1.0, 2.0]]),                r'shape \(1, 2\)'),
    (dict(voltage=['a', 'b']),                  'not an array of numbers'),
    (dict(voltage=[1.0, np.nan]),               'voltage holds 1 samples that are not finite'),
    (dict(current=[np.inf, -np.inf]),           'current holds 2 samples that are not finite'),
    (dict(sampling_rate=0.0),                   'sampling_rate is 0.0 Hz'),
    (dict(sampling_rate=-1.0),                  'must be positive'),
    (dict(sampling_rate=np.nan),                'must be positive'),
    (dict(start=np.nan),                        'start'),
])
def test_a_window_says_what_is_wrong_with_it(wrong, reason):
    with pytest.raises(WaveformError, match=reason):
        Window(**{**GOOD, **wrong})


@pytest.mark.parametrize('voltage_scale, current_scale', [(0.0, 1.0), (-1.0, 1.0), (1.0, np.nan), (np.inf, 1.0)])
def test_a_scale_is_positive(voltage_scale, current_scale):
    with pytest.raises(WaveformError, match='scale'):
        Window.from_counts([1], [1], voltage_scale, current_scale, 6400.0, 0.0)
    with pytest.raises(WaveformError, match='scale'):
        Window(**GOOD).to_counts(voltage_scale, current_scale)


def test_duration_and_end():
    window = Window(np.zeros(640), np.zeros(640), 6400.0, 10.0)
    assert (len(window), window.duration, window.end) == (640, 0.1, 10.1)


@given(st.lists(st.tuples(st.integers(-32767, 32767), st.integers(-32767, 32767)), min_size=1, max_size=50),
       st.floats(1e-4, 1.0), st.floats(1e-6, 1.0))
def test_counts_survive_the_way_there_and_back(counts, voltage_scale, current_scale):
    voltage, current = np.array(counts, dtype=np.int16).T
    window = Window.from_counts(voltage, current, voltage_scale, current_scale, 6400.0, 0.0)
    assert window.voltage == pytest.approx(voltage * voltage_scale)
    back = window.to_counts(voltage_scale, current_scale)
    assert back[0].dtype == back[1].dtype == np.int16
    assert (back[0] == voltage).all() and (back[1] == current).all()


def test_what_the_converter_cannot_show_is_clipped():
    voltage, current = Window([1e6, -1e6], [0.4, 0.6], 6400.0).to_counts(0.01, 1.0)
    assert voltage.tolist() == [32767, -32767]
    assert current.tolist() == [0, 1]
