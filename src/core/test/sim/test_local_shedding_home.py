"""A simulated home in an outage with every message lost: outlets see the overload in their own samples and shed."""
import numpy as np
import pytest

from hearthgrid_core.island.local_shedding import LocalSettings, LocalShedding
from hearthgrid_core.outlet.schedule import Priority
from hearthgrid_core.sim import (
    BatterySettings,
    Outage,
    OutageKind,
    OutletSettings,
    ScriptOutage,
    Source,
    SwitchRelay,
    World,
    WorldConfig,
)

T0 = 1_700_000_000.0
LOADS = {  # outlet → appliance, class
    'oxygen': ('oxygen_concentrator', Priority.MEDICAL), 'router': ('router', Priority.SAFETY),
    'heater': ('heater', Priority.COMFORT), 'fan_heater': ('heater', Priority.COMFORT)}


class Home:
    """The world, and at every outlet nothing but its own shedding."""

    def __init__(self, power, seed=1):
        outlets = tuple(OutletSettings(name, kind) for name, (kind, _) in LOADS.items())
        battery = BatterySettings(power_max=power, capacity_kwh=20.0)
        self.world = World(WorldConfig(outlets, battery=battery, pace=1.0), seed, T0)
        settings = LocalSettings(island_power=power)
        self.rules = {name: LocalShedding(settings, name) for name in LOADS}
        self.shed_at, self.sources = {}, []

    def run(self, until):
        world = self.world
        while world.now < T0 + until - 1e-6:
            output = world.step(world.now + 1.5 * world.block_duration)
            self.sources.append(output.source)
            block = output.blocks[0]
            for row, (name, (_, priority)) in enumerate(LOADS.items()):
                rule, volts = self.rules[name], block.voltage[row] * world.converter.voltage_scale
                rule.step(world.now, block.start, volts, world.rate, 50.0, priority, 0)
                off = rule.held(world.now, None, float('nan'), priority, 0)
                if off and name not in self.shed_at:
                    self.shed_at[name] = world.now - T0
                    world.apply(SwitchRelay(name, False))
        return self


@pytest.mark.parametrize('seed', [0, 2])     # one heater runs when the grid fails
def test_comfort_goes_and_the_battery_never_stops(seed):
    home = Home(1400.0, seed).run(2.0)
    assert not home.shed_at
    home.world.apply(ScriptOutage(Outage(OutageKind.BLACKOUT, T0 + 2.3 + 0.037 * seed)))
    home.run(12.0)
    assert set(home.shed_at) == {'heater', 'fan_heater'}
    assert max(home.shed_at.values()) < 2.3 + 1.0
    assert Source.NONE not in home.sources
    assert np.abs(home.world.supply.frequency - 50.0) < 0.5


def test_what_the_battery_carries_stays_on():
    home = Home(6000.0).run(2.0)
    home.world.apply(ScriptOutage(Outage(OutageKind.BLACKOUT, T0 + 2.3)))
    home.run(8.0)
    assert not home.shed_at and home.sources[-1] is Source.ISLAND
