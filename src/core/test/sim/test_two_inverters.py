"""Two battery inverters in one home: shared by droop, started in turn on a dead bus, joined and left while live."""
import math
from dataclasses import replace

import numpy as np
import pytest

from hearthgrid_core.island.regulation import Given, Regulation, RegulationSettings
from hearthgrid_core.island.secondary import Share
from hearthgrid_core.island.watch import Tie
from hearthgrid_core.sim import (
    AdcSettings,
    BatterySettings,
    Mode,
    Outage,
    OutageKind,
    OutletSettings,
    ScriptOutage,
    SetInverter,
    Setpoint,
    Source,
    SupplySettings,
    SwitchRelay,
    TieSettings,
    World,
    WorldConfig,
)

T0 = 1_718_967_600.0
HOUSE = BatterySettings(power_max=5000.0, capacity_kwh=10.0)
BARN = BatterySettings(power_max=3000.0, capacity_kwh=5.0, rank=1)
LATE = {'start_delay': 1.0, 'soft_start': 0.1}
NAMES = ('battery', 'barn')


def world(house=HOUSE, barn=BARN, heaters=2, **parts):
    quiet = SupplySettings(voltage_wander=0.0, frequency_wander=0.0, distortion=0.0)
    outlets = (OutletSettings('lamp', 'led_lamp'), *(OutletSettings(f'heater{k}', 'heater') for k in range(heaters)))
    return World(WorldConfig(outlets, supply=quiet, battery=house, further=(('barn', barn),),
                             adc=AdcSettings(noise=0.0), **parts), 1, T0)


def fail(home, start=0.5, end=math.inf):
    home.apply(ScriptOutage(Outage(OutageKind.BLACKOUT, T0 + start, T0 + end)))


def powers(home):
    return np.array([home.supply.inverters.by_name[name].power for name in NAMES])


def on(home):
    return [unit.name for unit in home.supply.inverters.all if unit.on]


def test_they_hold_the_bus_and_share_by_droop():
    home = world()
    fail(home)
    shares, frequencies = [], []
    while home.now < T0 + 5.0:
        end = home.step(home.now + 0.2)
        if end.source is Source.ISLAND:
            shares.append(powers(home) / (5000.0, 3000.0))
            frequencies.append(end.frequency)
    assert end.source is Source.ISLAND and on(home) == list(NAMES)
    assert powers(home).sum() > 2500.0 and shares[-1][0] == pytest.approx(shares[-1][1], rel=0.01)
    assert max(abs(a - b) for a, b in shares[5:]) < 0.02, 'they do not swing against each other'
    assert frequencies[-1] == pytest.approx(50.0 * (1 - 0.01 * shares[-1].mean()), abs=2e-3)


def test_meters_and_batteries_tell_them_apart():
    home = world()
    fail(home)
    readings = home.step(T0 + 6.0).readings
    last = {r.name: r for r in readings}
    assert set(last) == {'grid', 'battery', 'barn'}
    given = -np.array([last[name].active_power for name in NAMES])
    assert given == pytest.approx(powers(home), rel=0.02) and last['grid'].active_power == 0.0
    units = home.supply.inverters.all
    spent = [(0.5 * u.battery.capacity - u.battery.energy) / u.settings.power_max for u in units]
    assert spent[0] == pytest.approx(spent[1], rel=0.1)


def test_every_battery_tells_its_charge():
    home = world(house=replace(HOUSE, initial=0.8), barn=replace(BARN, initial=0.4))
    fail(home)
    end = home.step(T0 + 4.0)
    assert (end.battery.name, [b.name for b in end.further]) == ('battery', ['barn'])
    assert end.battery.soc == pytest.approx(0.8, abs=0.01) and end.further[0].soc == pytest.approx(0.4, abs=0.01)
    assert -end.further[0].power == pytest.approx(powers(home)[1]) and end.further[0].capacity_kwh == 5.0


def test_a_load_step_is_shared_and_no_power_is_lost():
    home = world()
    fail(home)
    home.apply(SwitchRelay('heater1', False), T0)
    home.step(T0 + 3.0)
    before = powers(home)
    home.apply(SwitchRelay('heater1', True), T0 + 3.0)
    home.step(T0 + 4.0)
    added = powers(home) - before
    assert added.sum() > 1000.0 and added[0] / added[1] == pytest.approx(5 / 3, rel=0.02)


def test_who_is_barred_leaves_it_to_the_other_and_joins_again_in_step():
    home = world()
    fail(home)
    home.step(T0 + 2.0)
    home.apply(SetInverter('battery', Setpoint(Mode.IDLE, expiry=T0 + 4.0)))
    volts = []
    while home.now < T0 + 9.0:
        block = home.step(home.now + 0.2).blocks[-1]
        volts.append(np.sqrt(np.mean((block.voltage[0] * home.converter.voltage_scale) ** 2)))
        if T0 + 2.5 < home.now < T0 + 3.5:
            assert on(home) == ['barn']
    assert min(volts) > 205.0 and on(home) == list(NAMES)
    assert powers(home)[0] / powers(home)[1] == pytest.approx(5 / 3, rel=0.02)


def test_a_dead_bus_is_started_by_the_first_rank_and_the_other_joins():
    home = world(replace(HOUSE, **LATE), replace(BARN, **LATE))
    fail(home)
    alone, together = [], []
    while home.now < T0 + 6.0:
        home.step(home.now + 0.2)
        alone.append(on(home) == ['battery'])
        together.append(on(home) == list(NAMES))
    assert any(alone) and together[-1] and together.index(True) > alone.index(True)
    assert powers(home)[0] / powers(home)[1] == pytest.approx(5 / 3, rel=0.02)


@pytest.mark.parametrize('absent, starter', [('battery', 'barn'), ('barn', 'battery')])
def test_a_dead_bus_is_started_by_whoever_may(absent, starter):
    home = world(replace(HOUSE, **LATE), replace(BARN, **LATE))
    home.apply(SetInverter(absent, Setpoint(Mode.IDLE, expiry=T0 + 100.0)))
    fail(home)
    assert home.step(T0 + 4.0).source is Source.ISLAND and on(home) == [starter]


def test_never_two_start_a_dead_bus_at_once():
    for delay in np.arange(0.85, 1.35, 0.05):
        home = world(replace(HOUSE, **LATE), replace(BARN, **{**LATE, 'start_delay': float(delay)}), heaters=0)
        fail(home)
        while home.now < T0 + 4.0:
            home.step(home.now + 0.2)
            full = [u for u in home.supply.inverters.all if u.start.phase.value in ('ramp', 'on')]
            assert len(full) <= 1, delay
        assert on(home) == list(NAMES), delay


def test_the_tie_closes_in_step_and_nobody_feeds_an_island_any_more():
    home = world(tie=TieSettings(reconnect_wait=0.5))
    fail(home, 0.5, 3.0)
    while home.now < T0 + 30.0 and not home.step(home.now + 0.2).tie.closed or home.now < T0 + 4.0:
        pass
    assert home.supply.tie.closed and on(home) == []
    end = home.step(home.now + 2.0)
    assert end.source is Source.GRID and end.tie.closed


def test_secondary_control_over_their_own_meters_brings_back_nominal_and_keeps_the_shares():
    home = world(replace(HOUSE, droop_frequency=0.012))     # droops unlike each other
    settings = RegulationSettings(inverter='battery,barn', inverter_power=8000.0)
    members = {name: Regulation(replace(settings, inverter_rating=rating), name, 0.5, 5.0)
               for name, rating in (('battery', 5000.0), ('barn', 3000.0))}
    fail(home)
    home.step(T0 + 1.0)
    words, counter = [], 0
    for _ in range(75):
        end = home.step(home.now + 1.0)
        tie = Tie(home.now, end.tie.closed, end.tie.grid_alive)
        said = []
        for name, member in members.items():
            mine = [r for r in end.readings if r.name == name][-1:]
            events = [Given(-r.active_power, -r.reactive_power, r.voltage, r.frequency) for r in mine]
            events += [w for w in words if w.sender != name]
            for event in events:
                said += member.step(home.now, tie, True, event)
        words = [w for w in said if type(w) is Share]
        for steer in (w for w in said if type(w) is not Share):
            counter += 1
            home.apply(SetInverter(steer.inverter, Setpoint(Mode.FORM, frequency=steer.frequency,
                                                            voltage=steer.voltage, expiry=home.now + 5.0)))
    shares = powers(home) / (5000.0, 3000.0)
    assert counter > 70 and end.frequency == pytest.approx(50.0, abs=0.02)
    assert shares[0] == pytest.approx(shares[1], rel=0.05), 'the droops alone would be a fifth apart'


@pytest.mark.parametrize('parts, words', [
    ({'battery': None}, 'need `battery`'), ({'further': (('battery', BARN),)}, 'names of their own'),
    ({'further': (('lamp', BARN),)}, 'names of their own'), ({'further': (('barn', HOUSE),)}, 'the same rank')])
def test_a_home_that_cannot_be_is_refused(parts, words):
    good = {'outlets': (OutletSettings('lamp'),), 'battery': HOUSE, 'further': (('barn', BARN),)}
    with pytest.raises(ValueError, match=words):
        WorldConfig(**good | parts)
