"""The ring against its plain twin, a list of samples that is cut at every break."""
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.waveform import CaptureRing, WaveformError, Window

RATE = 1000.0


def block(first: int, count: int, start: float, rate: float = RATE) -> Window:
    """Samples that count themselves."""
    voltage = np.arange(first, first + count, dtype=float)
    return Window(voltage, -voltage, rate, start)


def test_a_block_joins_where_the_last_one_ended():
    ring = CaptureRing(1.0)
    assert ring.latest(0.001) is None
    assert not ring.append(block(0, 100, 50.0))             # the first has nothing to join
    assert ring.append(block(100, 100, 50.1))
    assert ring.duration == pytest.approx(0.2)
    window = ring.latest(0.15)
    assert window.voltage.tolist() == list(range(50, 200))
    assert window.current.tolist() == [-x for x in range(50, 200)]
    assert window.start == pytest.approx(50.05)
    assert ring.latest(0.201) is None


@pytest.mark.parametrize('start, rate, joins', [
    (50.1,    RATE,       True),
    (50.1009, RATE,       True),     # the stamp jitters within the tolerance
    (50.0991, RATE,       True),
    (50.102,  RATE,       False),    # a gap
    (50.2,    RATE,       False),
    (50.0,    RATE,       False),    # the same block again
    (40.0,    RATE,       False),    # from the past
    (50.1,    2 * RATE,   False),    # another converter
])
def test_what_restarts_the_ring(start, rate, joins):
    ring = CaptureRing(1.0, tolerance=1e-3)
    ring.append(block(0, 100, 50.0))
    assert ring.append(block(100, 100, start, rate)) is joins
    held = round(ring.duration * rate)
    assert held == (200 if joins else 100)
    newest = ring.latest(held / rate)
    assert newest.voltage[-1] == 199
    assert newest.end == pytest.approx(start + 100 / rate)  # time is the newest stamp's


@given(st.lists(st.tuples(st.integers(1, 70), st.booleans()), min_size=1, max_size=60), st.integers(1, 50))
def test_the_ring_is_a_list_cut_at_every_break(blocks, kept):
    ring, twin, first, start = CaptureRing(kept / RATE), [], 0, 7.0
    for count, gap in blocks:
        start += 0.5 * gap
        ring.append(block(first, count, start))
        twin = ([] if gap else twin) + list(range(first, first + count))
        first, start = first + count, start + count / RATE
    twin = twin[-kept:]
    assert ring.latest(len(twin) / RATE).voltage.tolist() == twin
    assert ring.latest((len(twin) + 1) / RATE) is None


def test_a_window_is_the_readers_own():
    ring = CaptureRing(0.1)
    ring.append(block(0, 100, 0.0))
    window = ring.latest(0.1)
    ring.append(block(100, 100, 0.1))
    assert window.voltage.tolist() == list(range(100))


def test_cleared_means_empty():
    ring = CaptureRing(1.0)
    ring.append(block(0, 100, 0.0))
    ring.clear()
    assert ring.duration == 0.0 and ring.latest(0.01) is None


def test_impossible_rings_and_windows():
    for seconds, tolerance in ((0.0, 0.0), (-1.0, 0.0), (np.nan, 0.0), (1.0, -1.0), (1.0, np.nan)):
        with pytest.raises(ValueError):
            CaptureRing(seconds, tolerance)
    with pytest.raises(WaveformError):
        CaptureRing(1.0).latest(0.0)
