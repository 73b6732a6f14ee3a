"""Several batteries at one board: what they are together, and who does how much."""
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_core.plan import BatteryFacts, split, together

HOUSE, BARN = BatteryFacts(10.0, 4000.0, 0.95, 0.2, 0.03), BatteryFacts(5.0, 3000.0, 0.9, 0.1, 0.06)


def test_together_they_hold_and_can_what_each_does():
    made, charge = together([(HOUSE, 0.5), (BARN, 0.8)])
    assert made.capacity == 15.0 and made.power_max == 7000.0
    assert charge == pytest.approx((5.0 + 4.0) / 15.0)
    assert made.capacity * made.reserve == pytest.approx(2.5)
    assert made.efficiency == pytest.approx(0.95 * 2 / 3 + 0.9 / 3) and made.wear_price == pytest.approx(0.04)


def test_one_is_what_it_was_and_none_is_none():
    assert together([(HOUSE, 0.4)]) == (HOUSE, 0.4)
    battery, charge = together([])
    assert battery is None and math.isnan(charge)


@pytest.mark.parametrize('power, charges, expected', [
    (-1000.0, (0.5, 0.1), (-1000.0, 0.0)),      # the barn is at its reserve
    (-1000.0, (0.5, 0.7), (-500.0, -500.0)),    # 3 kWh above the reserve in each
    (3000.0, (0.9, 0.6), (1000.0, 2000.0)),     # room for 1 and 2 kWh
    (6900.0, (0.5, 0.5), (4000.0, 2900.0)),     # one's power is not enough
    (9000.0, (0.5, 0.5), (4000.0, 3000.0)),     # nor that of both
    (1000.0, (1.0, 1.0), (0.0, 0.0)),
    (-1000.0, (0.2, 0.1), (-800.0, -200.0)),    # into the reserves only where there is nothing else
    (-6000.0, (0.5, 0.1), (-4000.0, -2000.0)),
    (1000.0, (math.nan, math.nan), (1000 * 2 / 3, 1000 / 3)),
    (0.0, (0.5, 0.5), (0.0, 0.0))])
def test_who_does_how_much(power, charges, expected):
    assert split(power, list(zip((HOUSE, BARN), charges, strict=True))) == pytest.approx(expected, abs=1e-6)


stores = st.lists(st.tuples(st.builds(BatteryFacts, st.floats(0.1, 50), st.floats(10, 1e4), st.floats(0.6, 1),
                                      st.floats(0, 0.9), st.floats(0, 1)), st.floats(0, 1)), min_size=1, max_size=4)


@given(st.floats(-3e4, 3e4), stores)
def test_nobody_is_asked_beyond_what_it_can_and_all_is_given_that_can_be(power, stores):
    parts = np.array(split(power, stores))
    assert (np.abs(parts) <= [facts.power_max + 1e-6 for facts, _ in stores]).all()
    assert (parts * math.copysign(1.0, power) >= 0).all()
    able = [facts.power_max for facts, charge in stores if (charge < 0.999 - 1e-9 if power > 0 else charge > 2e-3)]
    assert abs(parts.sum()) >= min(abs(power), sum(able)) - 1e-3
    assert abs(parts.sum()) <= abs(power) + 1e-3
