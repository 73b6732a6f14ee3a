import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.forecast import Recorder, Series

NAN = np.nan


@pytest.mark.parametrize('start, step, values', [
    (np.nan, 60.0, [1.0]), (0.0, 0.0, [1.0]), (0.0, -1.0, [1.0]), (0.0, 60.0, [np.inf]), (0.0, 60.0, [[1.0]]),
])
def test_what_is_no_series_is_refused(start, step, values):
    with pytest.raises(ValueError):
        Series(start, step, np.array(values))


@pytest.mark.parametrize('start, step, count, expected', [
    (0.0, 10.0, 4, [1, 2, NAN, 4]),                # its own grid
    (0.0, 20.0, 2, [1.5, 4]),                      # half of the second step is known, which is enough
    (5.0, 10.0, 3, [1.5, 2, 4]),                   # shifted: weighted by time
    (-10.0, 10.0, 2, [NAN, 1]),                    # before the first
    (0.0, 5.0, 4, [1, 1, 2, 2]),                   # finer
    (30.0, 10.0, 3, [4, NAN, NAN]),                # beyond the last
])
def test_resampling_weighs_by_time(start, step, count, expected):
    series = Series(0.0, 10.0, np.array([1.0, 2.0, NAN, 4.0]))
    np.testing.assert_allclose(series.resampled(start, step, count).values, expected)


@given(st.lists(st.one_of(st.just(NAN), st.floats(-1e4, 1e4)), min_size=1, max_size=30),
       st.floats(-50, 400), st.floats(1, 60), st.integers(1, 20))
def test_resampling_equals_its_plain_twin(values, start, step, count):
    series = Series(7.0, 10.0, np.array(values))
    out = series.resampled(start, step, count).values
    for k in range(count):
        low, high = start + k * step, start + (k + 1) * step
        shares = [(max(0.0, min(high, 17.0 + 10 * i) - max(low, 7.0 + 10 * i)), v) for i, v in enumerate(values)]
        known = [(share, v) for share, v in shares if share > 0 and not np.isnan(v)]
        covered = sum(share for share, _ in known)
        if covered > 0.5 * step + 1e-6:
            assert out[k] == pytest.approx(sum(share * v for share, v in known) / covered, abs=1e-6)
        elif covered < 0.5 * step - 1e-6:
            assert np.isnan(out[k])


def test_at_and_until():
    series = Series(100.0, 10.0, np.array([1.0, 2.0, 3.0]))
    assert [series.at(t) for t in (100.0, 119.9, 120.0)] == [1.0, 2.0, 3.0]
    assert np.isnan(series.at(99.9)) and np.isnan(series.at(130.0))
    assert list(series.until(125.0).values) == [1.0, 2.0] and len(series.until(0.0)) == 0


def test_filling_gaps_from_another_series_keeps_what_is_known():
    mine = Series(20.0, 10.0, np.array([NAN, 5.0]))
    filled = mine.filled_from(Series(0.0, 10.0, np.array([1.0, 2.0, 3.0, 4.0, 9.0])))
    assert filled.start == 0.0 and list(filled.values) == [1.0, 2.0, 3.0, 5.0, 9.0]
    with pytest.raises(ValueError, match='grids'):
        mine.filled_from(Series(5.0, 10.0, np.array([1.0])))


def test_the_recorder_makes_means_and_forgets_the_oldest():
    recorder = Recorder(60.0, 3)
    for second, value in ((1, 10.0), (2, 20.0), (61, 5.0), (181, 7.0)):
        assert recorder.add(float(second), 1.0, value)
    series = recorder.series()
    assert series.start == 60.0
    np.testing.assert_allclose(series.values, [5.0, NAN, 7.0])
    assert not recorder.add(30.0, 1.0, 99.0), 'older than what is kept'
    for bad in (NAN, np.inf):
        assert not recorder.add(200.0, 1.0, bad) and not recorder.add(bad, 1.0, 1.0)


def test_a_long_silence_clears_all_steps():
    recorder = Recorder(60.0, 4)
    recorder.add(30.0, 1.0, 3.0)
    recorder.add(30.0 + 60 * 1000, 1.0, 8.0)
    assert list(recorder.series().values) == [8.0]


def test_the_recorder_learns_the_past_but_trusts_itself():
    recorder = Recorder(60.0, 10)
    recorder.add(330.0, 60.0, 100.0)
    recorder.learn(Series(0.0, 120.0, np.array([1.0, 2.0, 3.0, 4.0])))
    series = recorder.series()
    assert series.start == 0.0
    np.testing.assert_allclose(series.values, [1, 1, 2, 2, 3, 100])


@given(st.lists(st.tuples(st.integers(0, 2000), st.floats(-1e3, 1e3)), max_size=60))
def test_the_recorder_equals_its_plain_twin(readings):
    recorder, plain, newest = Recorder(60.0, 5), {}, None
    for end, value in readings:
        number = int((end - 0.5) // 60)
        newest = number if newest is None else max(newest, number)
        if number > newest - 5:
            plain.setdefault(number, []).append(value)
        recorder.add(float(end), 1.0, value)
    kept = {n: np.mean(v) for n, v in plain.items() if n > (newest or 0) - 5}
    series = recorder.series()
    assert {round(t / 60): v for t, v in zip(series.times, series.values, strict=True) if v == v} == pytest.approx(kept)
