"""The simulated inverters by their own rules: a dead bus is energised in turn, PV trips and returns by the standard."""
import math
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.island.black_start import Phase
from hearthgrid_core.sim import (
    AdcSettings,
    BatterySettings,
    Mode,
    Outage,
    OutageKind,
    OutletSettings,
    PvSettings,
    ScriptOutage,
    SetInverter,
    Setpoint,
    SiteSettings,
    Source,
    SupplySettings,
    TieSettings,
    World,
    WorldConfig,
)

T0 = 1_718_967_600.0  # noon of a summer's day
BIG = BatterySettings(power_max=8000.0, capacity_kwh=20.0, start_delay=1.0, soft_start=0.1)


def world(battery=BIG, **parts):
    quiet = SupplySettings(voltage_wander=0.0, frequency_wander=0.0, distortion=0.0)
    return World(WorldConfig((OutletSettings('lamp', 'led_lamp'), OutletSettings('fridge', 'router')), supply=quiet,
                             battery=battery, **{'adc': AdcSettings(noise=0.0)} | parts), 1, T0)


def fail(home, start, end=math.inf):
    home.apply(ScriptOutage(Outage(OutageKind.BLACKOUT, T0 + start, T0 + end)))


def cycles(home, until):
    """Return the RMS voltage at the first outlet, cycle by cycle from now on [V]."""
    blocks = home.step(T0 + until).blocks
    volts = np.concatenate([b.voltage[0] for b in blocks]) * home.converter.voltage_scale
    return np.sqrt((volts.reshape(-1, 128) ** 2).mean(axis=1))


def halves(volts):
    """Return when voltage comes and goes, as runs of cycles that are lit or dark."""
    lit = volts > 20.0
    edges = np.flatnonzero(np.diff(lit)) + 1
    return [(bool(run[0]), len(run)) for run in np.split(lit, edges)]


@pytest.mark.parametrize('rank, bits', [(0, '000'), (3, '011'), (5, '101')])
def test_an_inverter_that_starts_later_speaks_its_rank_on_the_dead_bus_and_ramps(rank, bits):
    home = world(replace(BIG, rank=rank))
    fail(home, 0.6)
    volts = cycles(home, 3.6)
    runs = halves(volts)
    assert runs[0] == (True, 31)                                   # 0.6 s, and the fading of the bus
    begin = runs[1][1] / 50
    assert begin == pytest.approx(1.0 + 0.12 + 0.055 * rank, abs=0.06)
    spoken = [1] + [half for bit in bits for half in ((0, 1) if bit == '1' else (1, 0))]
    start = runs[0][1] + runs[1][1]
    seen = [volts[start + 2 * k:start + 2 * k + 2].mean() for k in range(7)]
    assert [bool(v > 20.0) for v in seen] == [bool(half) for half in spoken]
    assert max(seen) == pytest.approx(0.25 * 230.0, rel=0.03)
    ramp = volts[start + 14:]
    assert np.all(np.diff(ramp[:5]) > 0) and ramp[6] == pytest.approx(230.0, rel=0.01)


def test_without_delay_it_holds_the_bus():
    home = world(replace(BIG, start_delay=0.0))
    fail(home, 0.6)
    assert cycles(home, 2.0).min() > 150.0


@pytest.mark.parametrize('order, source', [(Mode.IDLE, Source.NONE), (Mode.FORM, Source.ISLAND),
                                           (Mode.FOLLOW, Source.ISLAND), (None, Source.ISLAND)])
def test_only_idle_bars_it(order, source):
    home = world()
    if order:
        home.apply(SetInverter('battery', Setpoint(order, expiry=T0 + 100.0)))
    fail(home, 0.6)
    assert home.step(T0 + 4.0).source is source


def test_the_grid_back_before_its_turn_is_taken_and_never_fought():
    for back in np.arange(1.5, 2.3, 0.05):      # before, in and after the start
        home = world(tie=TieSettings(reconnect_wait=0.2))
        fail(home, 0.6, float(back))
        sources = []
        while home.now < T0 + 8.0:
            sources.append(home.step(home.now + 1.5 * home.block_duration).source)
            assert not (home.supply.tie.closed and sources[-1] is Source.ISLAND)
        assert sources[-1] is Source.GRID and home.supply.inverters.all[0].start.phase is Phase.OFF


def test_a_battery_that_gave_up_starts_by_the_same_rule():
    home = world(replace(BIG, start_delay=0.0, restart_wait=2.0))
    fail(home, 0.6)
    home.step(T0 + 1.0)
    home.supply.inverters.all[0].former.blocked_until = T0 + 3.0
    volts = cycles(home, 5.0)
    runs = halves(volts)
    assert runs[0] == (True, 1) and runs[1][1] / 50 == pytest.approx(2.0 + 0.12, abs=0.06)
    assert [length for _, length in runs[2:-1]] == [4, 2, 2, 2, 2, 2]


def test_pv_gives_nothing_into_a_start():
    home = world(replace(BIG, start_delay=0.5), pv=PvSettings(power_max=3000.0), site=SiteSettings(cloudiness=0.0),
                 adc=AdcSettings(noise=0.0, block_cycles=1))
    fail(home, 0.6)
    low = []
    while home.now < T0 + 3.0:
        home.step(home.now + 1.5 * home.block_duration)
        if home.supply.source is Source.ISLAND and abs(home.supply._board[0]) < 0.4 * 230.0:
            low.append(home.supply._pv)
    assert len(low) > 5 and not any(low) and home.supply._pv > 0.0


# PV beside the grid: IEEE 1547-2018, category III. [s] dead, [s] until it feeds in again
@pytest.mark.parametrize('dead, back', [(0.3, 0.0), (1.5, 0.0), (3.0, 5.0)])
def test_pv_rides_through_what_the_standard_says_and_returns_after_its_wait(dead, back):
    home = world(None, pv=PvSettings(power_max=3000.0, enter_wait=5.0), site=SiteSettings(cloudiness=0.0))
    home.step(T0 + 1.0)
    assert home.supply._pv > 1000.0
    fail(home, 1.0, 1.0 + dead)
    home.step(T0 + 1.0 + dead)
    begun = home.now
    while home.supply._pv < 1000.0:
        home.step(home.now + 1.5 * home.block_duration)
        assert home.now - begun < 20.0
    wait = 0.0 if not back else home.supply._config.tie.dip_wait
    assert home.now - begun == pytest.approx(back + wait, abs=0.75)
