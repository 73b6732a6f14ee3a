"""When the load changed: a timeline of meterings every 0.2 s."""
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.waveform import ChangeDetector, ChangeSettings, Window, meter_dead

BLANK = replace(meter_dead(Window([0.0], [0.0], 6400.0)), reactive_power=0.0)


def said(*powers, settings=None):
    """At which steps a change is said. A power is P, or (P, Q1); NaN is a window without mains."""
    detector, steps = ChangeDetector(settings), []
    for k, power in enumerate(powers):
        active, reactive = power if isinstance(power, tuple) else (power, 0.0)
        if np.isnan(active):
            reactive = np.nan
        if detector.step(0.2 * k, replace(BLANK, active_power=active, reactive_power=reactive,
                                          apparent_power=np.hypot(active, reactive))):
            steps.append(k)
    return steps


NAN = float('nan')


@pytest.mark.parametrize('powers, steps', [
    ([0.0] * 10,                                        []),         # nothing plugged in
    ([1000.0] * 10,                                     [2]),        # the first steady state is news
    ([0.0] * 4 + [1000.0] * 8,                          [6]),        # said when steady, once
    ([0.0] * 4 + [9000.0, 3000.0] + [1000.0] * 8,       [8]),        # … after the inrush
    ([1000.0] * 5 + [0.0] * 5,                          [2, 7]),     # off is a state too
    ([1000.0] * 5 + [1060.0] * 5,                       [2]),        # 6 % more is the same state
    ([1000.0] * 5 + [1100.0] * 5,                       [2, 7]),     # 10 % is not
    ([10.0] * 5 + [13.0] * 5,                           [2]),        # 3 W is within the step
    ([10.0] * 5 + [15.0] * 5,                           [2, 7]),
    ([100.0] * 5 + [(100.0, 60.0)] * 5,                 [2, 7]),     # reactive power alone
    ([1000.0] * 5 + [2000.0] + [1000.0] * 5,            [2]),        # a blip
    ([1000.0] * 5 + [NAN] * 5 + [1000.0] * 5,           [2]),        # an outage is no change of the load
    ([1000.0] * 5 + [NAN] * 5 + [500.0] * 5,            [2, 12]),
    ([500.0, 500.0, NAN, 500.0, 500.0, 500.0],          [5]),        # steadiness is of neighbours
])
def test_what_counts_as_a_change(powers, steps):
    assert said(*powers) == steps


def test_a_slow_drift_is_said_when_it_has_gone_far_enough():
    # 0.5 % of 1 kW a step: news each time it is 8 % away from the last news.
    steps = said(*[1000.0] * 3, *(1000.0 + 5.0 * k for k in range(100)))
    assert steps[0] == 2
    assert 15 <= min(np.diff(steps)) and max(np.diff(steps)) <= 27


def test_a_load_that_never_rests_is_said_now_and_then():
    steps = said(*(100.0 * 1.3 ** k for k in range(100)), settings=ChangeSettings(patience=4.05))
    assert steps == [21, 43, 65, 87]


@pytest.mark.parametrize('wrong', [dict(step=0.0), dict(relative=-0.1), dict(relative=1.1), dict(steady=0),
                                   dict(patience=0.0)])
def test_impossible_settings(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ChangeSettings(**wrong)
