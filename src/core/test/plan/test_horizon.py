import numpy as np
import pytest

from hearthgrid_core.plan import Horizon


@pytest.mark.parametrize('now, start, first', [
    (7200.0, 7200.0, 1.0),      # on the grid
    (7200.0 + 900, 7200.0, 0.75),   # a quarter of the first step is over
    (7200.0 + 3500, 10800.0, 1.0),  # too little is left of it
])
def test_the_first_step_is_what_is_left_of_it(now, start, first):
    horizon = Horizon(now, 3600.0, 3)
    assert horizon.start == start
    np.testing.assert_allclose(horizon.hours, [first, 1.0, 1.0])
    assert horizon.edges[0] == max(now, start) and horizon.end == start + 3 * 3600.0


def test_overlap_is_a_share_of_each_step():
    horizon = Horizon(1800.0, 3600.0, 3)
    np.testing.assert_allclose(horizon.overlap(1800.0, 5400.0), [1.0, 0.5, 0.0])
    np.testing.assert_allclose(horizon.overlap(-1e9, 1e9), [1.0, 1.0, 1.0])
    np.testing.assert_allclose(horizon.overlap(2700.0, 2700.0), [0.0, 0.0, 0.0])


def test_index_stays_inside():
    horizon = Horizon(0.0, 60.0, 3)
    assert [horizon.index(t) for t in (-5.0, 0.0, 59.9, 60.0, 1e6)] == [0, 0, 0, 1, 2]


@pytest.mark.parametrize('now, step, count', [(np.nan, 60.0, 3), (0.0, 0.0, 3), (0.0, 60.0, 0)])
def test_what_is_no_horizon_is_refused(now, step, count):
    with pytest.raises(ValueError):
        Horizon(now, step, count)
