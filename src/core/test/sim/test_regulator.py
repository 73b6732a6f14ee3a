"""The regulator's mechanism, alone and in the world."""
import math

import numpy as np
import pytest

from hearthgrid_core.sim import (
    OutletSettings,
    RegulatorSettings,
    SetRegulator,
    SupplySettings,
    World,
    WorldConfig,
)
from hearthgrid_core.sim.regulator import Regulator


def order(tap, expiry=1e9, name='regulator'):
    return SetRegulator(name, tap, expiry)


def test_it_moves_tap_by_tap_and_counts():
    regulator = Regulator(RegulatorSettings(tap_time=2.0))
    regulator.command(order(-2))
    moved = [now for now in range(10) if regulator.advance(float(now))]
    assert moved == [0, 2] and (regulator.tap, regulator.operations) == (-2, 2)
    assert regulator.ratio == pytest.approx(1 - 2 * 0.00625)
    regulator.command(order(0))
    assert regulator.advance(10.0) and regulator.advance(12.0) and regulator.operations == 4


def test_an_expired_order_leaves_the_tap_where_it_is():
    regulator = Regulator(RegulatorSettings(tap_time=2.0))
    regulator.command(order(5, expiry=3.0))
    assert [regulator.advance(now) for now in (0.0, 2.0, 4.0, 6.0)] == [True, True, False, False]
    assert regulator.tap == 2


@pytest.mark.parametrize('wrong', [order(17), order(-17), order(1, name='pole')])
def test_impossible_orders_are_refused(wrong):
    with pytest.raises(ValueError):
        Regulator(RegulatorSettings()).check(wrong)


def rms(output):
    block = output.blocks[-1]
    return float(np.sqrt(np.mean(np.square(block.voltage[0].astype(float)))))


def made(**more):
    quiet = SupplySettings(voltage_wander=0.0, distortion=0.0)
    return World(WorldConfig((OutletSettings('lamp', 'led_lamp'),), supply=quiet, **more), seed=3)


def test_the_home_follows_the_tap():
    world = made()
    before = world.step(1.0)
    assert (before.regulator.tap, before.regulator.voltage) == (0, pytest.approx(230.0))
    world.apply(order(-4))
    after = world.step(10.0)
    assert (after.regulator.tap, after.regulator.operations) == (-4, 4)
    assert rms(after) / rms(before) == pytest.approx(1 - 4 * 0.00625, rel=1e-3)
    assert after.tie.closed and after.tie.grid_voltage == pytest.approx(230.0 * (1 - 4 * 0.00625))


def test_left_alone_it_changes_nothing():
    one, other = made(), made(regulator=None)
    a, b = one.step(2.0), other.step(2.0)
    assert b.regulator is None and all(np.array_equal(x.voltage, y.voltage)
                                       for x, y in zip(a.blocks, b.blocks, strict=True))
    with pytest.raises(ValueError, match='no regulator'):
        other.apply(order(1))
    with pytest.raises(ValueError):
        one.apply(order(99))
    assert math.isfinite(one.step(3.0).regulator.voltage)
