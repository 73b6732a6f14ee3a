"""What a simulated home is made of."""
import math
from dataclasses import dataclass, field

from ..settings import check_bounds, setting
from .regulator import RegulatorSettings


@dataclass(frozen=True)
class SupplySettings:
    """The utility as seen at the house."""

    voltage: float = setting(230.0, 'V', 90.0, 260.0, 'Nominal voltage.')
    frequency: float = setting(50.0, 'Hz', 50.0, 60.0, 'Nominal frequency: 50 or 60.')
    resistance: float = setting(0.10, 'Ω', 0.0, 2.0, 'Of the service line.')
    reactance: float = setting(0.05, 'Ω', 0.0, 2.0, 'Of the service line at nominal frequency.')
    voltage_wander: float = setting(0.006, '1', 0.0, 0.05, 'Standard deviation of the slow movement, over nominal.')
    frequency_wander: float = setting(0.015, 'Hz', 0.0, 0.5, 'Standard deviation of the slow frequency movement.')
    distortion: float = setting(0.025, '1', 0.0, 0.08, 'Background voltage THD.')

    def __post_init__(self):
        check_bounds(self)
        if self.frequency not in (50.0, 60.0):
            raise ValueError(f'frequency is {self.frequency:g} Hz; mains is 50 or 60 Hz')


@dataclass(frozen=True)
class TieSettings:
    """The breaker between utility and home, and its own interlock."""

    open_delay: float = setting(0.008, 's', 0.0, 0.1, 'From the loss of the utility to an open breaker.')
    loss_voltage: float = setting(0.5, '1', 0.1, 0.9, 'Voltage over nominal below which the utility is lost.')
    dip: float = setting(0.5, 's', 0.0, 10.0, 'A loss shorter than this was a dip: the breaker closes again at once.')
    dip_wait: float = setting(0.1, 's', 0.02, 10.0, 'How long the utility must be well after a dip.')
    reconnect_wait: float = setting(10.0, 's', 0.1, 600.0,
                                    'How long the utility must be well after an outage (IEEE 1547-2018 default: 300).')
    sync_frequency: float = setting(0.1, 'Hz', 0.01, 0.3, 'Largest difference of frequency to close on a live bus.')
    sync_voltage: float = setting(0.03, '1', 0.01, 0.1, 'Largest difference of voltage over nominal.')
    sync_angle: float = setting(math.radians(10.0), 'rad', 0.01, 0.35, 'Largest angle.')

    def __post_init__(self):
        check_bounds(self)


@dataclass(frozen=True)
class BatterySettings:
    """The home battery and its inverter."""

    capacity_kwh: float = setting(10.0, 'kWh', 0.01, 1000.0, 'Usable capacity.')
    power_max: float = setting(4000.0, 'W', 1.0, 1e5, 'Rated power either way.')
    efficiency: float = setting(0.95, '1', 0.5, 1.0, 'One way.')
    idle_power: float = setting(12.0, 'W', 0.0, 200.0, 'What the inverter itself uses, from the battery.')
    initial: float = setting(0.5, '1', 0.0, 1.0, 'State of charge at the start.')
    empty: float = setting(0.05, '1', 0.0, 0.5, 'State of charge below which it gives nothing.')
    grid_forming: bool = setting(True, '', None, None, 'Whether it can carry the home alone.')
    droop_frequency: float = setting(0.01, '1', 0.001, 0.05, 'Fall of frequency over nominal at rated power.')
    droop_voltage: float = setting(0.025, '1', 0.0, 0.1, 'Fall of voltage over nominal at rated reactive power.')
    filter_time: float = setting(0.01, 's', 0.005, 1.0, 'Of the power measurement behind the droop.')
    limit_rate: float = setting(10.0, 'Hz/s', 0.0, 200.0, 'Of the frequency per overload; 0: it only droops.')
    resistance: float = setting(0.05, 'Ω', 0.0, 2.0, 'Of its output, when it forms the grid.')
    reactance: float = setting(0.15, 'Ω', 0.0, 5.0, 'Of its output, when it forms the grid.')
    surge: float = setting(2.0, '1', 1.0, 5.0, 'Current it can give for a moment, over rated.')
    overload: float = setting(1.1, '1', 1.0, 2.0, 'Power over rated above which it stops after overload_time.')
    overload_time: float = setting(5.0, 's', 0.1, 60.0, 'How long it bears an overload.')
    restart_wait: float = setting(10.0, 's', 0.5, 600.0, 'From an overload stop to the next black start.')
    soft_start: float = setting(0.5, 's', 0.0, 10.0, 'Ramp to full voltage at a black start.')
    start_delay: float = setting(0.0, 's', 0.0, 600.0, 'From the loss of the grid until it can form an island; 0: it '
                                 'holds the bus.')
    rank: int = setting(0, '1', 0, 7, 'Its turn among the sources of the home to energise a dead bus.')

    def __post_init__(self):
        check_bounds(self)


@dataclass(frozen=True)
class PvSettings:
    """Solar panels behind a grid-following inverter."""

    power_max: float = setting(4000.0, 'W', 1.0, 1e5, 'At 1 000 W/m².')
    enter_wait: float = setting(5.0, 's', 0.0, 600.0, 'How long the bus must be well before it feeds in.')
    curtail_start: float = setting(1.004, '1', 1.0, 1.05, 'Frequency over nominal where it begins to give way.')
    curtail_stop: float = setting(1.024, '1', 1.001, 1.1, 'Frequency over nominal where it gives nothing.')

    def __post_init__(self):
        check_bounds(self)
        if self.curtail_stop <= self.curtail_start:
            raise ValueError('curtail_stop must lie above curtail_start')


@dataclass(frozen=True)
class AdcSettings:
    """Each outlet's converter."""

    samples_per_cycle: int = setting(128, '1', 32, 512, 'Of the nominal cycle.')
    block_cycles: int = setting(0, '1', 0, 32, 'Nominal cycles in a block; 0: 10 at 50 Hz, 12 at 60 Hz (200 ms).')
    voltage_range: float = setting(650.0, 'V', 100.0, 2000.0, 'Full scale.')
    current_range: float = setting(80.0, 'A', 1.0, 1000.0, 'Full scale.')
    noise: float = setting(1.0, 'counts', 0.0, 100.0, 'Standard deviation of each sample.')

    def __post_init__(self):
        check_bounds(self)


@dataclass(frozen=True)
class SiteSettings:
    """Where the house stands, and its clock."""

    latitude: float = setting(52.5, '°', -90.0, 90.0, 'Of the house.')
    longitude: float = setting(13.4, '°', -180.0, 180.0, 'Of the house.')
    utc_offset: float = setting(3600.0, 's', -50400.0, 50400.0, 'Local time minus UTC.')
    sun_shift: float = setting(0.0, 's', -86400.0, 86400.0,
                               'Added to the clock of sun and weather, for a sunny simulation at night.')
    cloudiness: float = setting(0.35, '1', 0.0, 1.0, 'How much of the sky clouds cover on average.')
    temperature: float = setting(10.0, '°C', -40.0, 50.0, 'Mean of the year.')

    def __post_init__(self):
        check_bounds(self)


@dataclass(frozen=True)
class TariffSettings:
    """What energy costs. Daily steps hold where `buy` has any; otherwise a day-ahead market and `fees`."""

    currency: str = setting('EUR', '', None, None, 'ISO 4217.')
    level: float = setting(0.12, '1/kWh', 0.0, 10.0, 'Mean market price.')
    fees: float = setting(0.12, '1/kWh', -10.0, 10.0, 'Added to the market price.')
    sell: float = setting(0.08, '1/kWh', -10.0, 10.0, 'Paid for exported energy, mean of the day when dynamic.')
    buy: tuple[tuple[float, float], ...] = field(default=())  # (seconds of the local day, price) rising in time

    def __post_init__(self):
        check_bounds(self)
        starts = [start for start, _ in self.buy]
        if starts != sorted(set(starts)) or any(not 0 <= start < 86400 for start in starts):
            raise ValueError('the steps of `buy` must rise within one day')


@dataclass(frozen=True)
class OutletSettings:
    """One outlet of the simulated home."""

    id: str
    appliance: str = ''         # a kind of the library, '' = nothing plugged in
    circuit: str = ''           # outlets of one circuit share its wire
    distance: float = 10.0      # of wire to the board [m]


@dataclass(frozen=True)
class WorldConfig:
    """The whole simulated home."""

    outlets: tuple[OutletSettings, ...]
    supply: SupplySettings = SupplySettings()
    tie: TieSettings = TieSettings()
    battery: BatterySettings | None = None
    further: tuple[tuple[str, BatterySettings], ...] = ()  # more battery inverters beside `battery`, by name
    pv: PvSettings | None = None
    regulator: RegulatorSettings | None = RegulatorSettings()
    adc: AdcSettings = AdcSettings()
    site: SiteSettings = SiteSettings()
    tariff: TariffSettings = TariffSettings()
    pace: float = 20.0          # how many times faster than life the appliances' programmes run [1]
    relay_delay: float = 0.008  # from command to moving contact [s]
    ambient: float = 24.0       # around the outlets [°C]

    def __post_init__(self):
        if not self.outlets:
            raise ValueError('a home needs at least one outlet')
        ids = [outlet.id for outlet in self.outlets]
        if len(set(ids)) != len(ids):
            raise ValueError('two outlets have the same id')
        named = ['grid', 'pv', 'battery', *ids, *(name for name, _ in self.further)]
        if self.further and (self.battery is None or len(set(named)) != len(named)):
            raise ValueError('further batteries need `battery`, and names of their own')
        ranks = [b.rank for b in (self.battery, *(b for _, b in self.further)) if b and b.grid_forming]
        if len(set(ranks)) != len(ranks):
            raise ValueError('two grid-forming inverters have the same rank')
        if not self.pace > 0 or self.relay_delay < 0:
            raise ValueError('pace must be above 0 and relay_delay not below it')

    @property
    def block_cycles(self) -> int:
        """Nominal mains cycles in a block of samples."""
        return self.adc.block_cycles or round(self.supply.frequency / 5)

    @property
    def block_samples(self) -> int:
        """Samples in a block."""
        return self.block_cycles * self.adc.samples_per_cycle

    @property
    def sampling_rate(self) -> float:
        """[Hz]"""
        return self.supply.frequency * self.adc.samples_per_cycle
