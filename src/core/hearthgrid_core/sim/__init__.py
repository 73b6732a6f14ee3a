"""The electrical world of a simulated home: values in, samples out; no clock, no files, and chance only from a seed."""
from .appliances import LIBRARY, Appliance, appliance
from .battery import Mode, Setpoint
from .meters import MeterReading, Source
from .records import (
    BatteryState,
    Block,
    Plug,
    ScriptOutage,
    SetInverter,
    StartReplay,
    SwitchRelay,
    TieState,
    WorldOutput,
)
from .regulator import RegulatorSettings, RegulatorState, SetRegulator
from .replay import Played, Recording, ReplaySettings, split
from .settings import (
    AdcSettings,
    BatterySettings,
    OutletSettings,
    PvSettings,
    SiteSettings,
    SupplySettings,
    TariffSettings,
    TieSettings,
    WorldConfig,
)
from .utility import Outage, OutageKind
from .world import World

__all__ = [
    'LIBRARY', 'AdcSettings', 'Appliance', 'BatterySettings', 'BatteryState', 'Block', 'MeterReading', 'Mode', 'Outage',
    'OutageKind', 'OutletSettings', 'Played', 'Plug', 'PvSettings', 'Recording', 'RegulatorSettings',
    'RegulatorState', 'ReplaySettings', 'ScriptOutage', 'SetInverter', 'SetRegulator',
    'Setpoint', 'SiteSettings', 'Source', 'StartReplay', 'SupplySettings', 'SwitchRelay',
    'TariffSettings', 'TieSettings', 'TieState', 'WorldConfig', 'World', 'WorldOutput', 'appliance', 'split',
]
