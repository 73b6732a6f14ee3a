"""From the node's settings, the home's file and recordings to a `World`."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from hearthgrid_core.settings import check_bounds, setting
from hearthgrid_core.sim import (
    LIBRARY,
    AdcSettings,
    BatterySettings,
    OutletSettings,
    PvSettings,
    Recording,
    ReplaySettings,
    SiteSettings,
    SupplySettings,
    TariffSettings,
    TieSettings,
    World,
    WorldConfig,
    split,
)
from hearthgrid_ros import params
from hearthgrid_ros.home import Home, Outlet, load, minutes
from hearthgrid_ros.recordings import RecordingError, read

ON_A_CIRCUIT = 6  # outlets of one room that share a wire


@dataclass(frozen=True)
class WorldSettings:
    """Of the simulated house."""

    home_file: str = params.home_file()
    keys_file: str = params.keys_file()
    seed: int = setting(1, '1', 0, 2**31 - 1, 'Same seed and commands, same samples; but the sun follows the clock.')
    pace: float = setting(20.0, '1', 0.1, 1000.0, "How many times faster than life the appliances' programmes run.")
    block_cycles: int = setting(0, '1', 0, 32, 'Mains cycles in a block of samples; 0: 10 at 50 Hz, 12 at 60 Hz.')
    backlog: float = setting(2.0, 's', 0.2, 60.0, 'After a stall longer than this the blocks in between are given up.')
    sun_shift: float = setting(0.0, 'h', -24.0, 24.0, 'Added to the clock of sun and weather: sunshine by night.')
    reconnect_wait: float = setting(
        10.0, 's', 0.1, 600.0, 'How long the utility must be well before the tie closes (IEEE 1547-2018 default: 300).'
    )
    inverter_delay: float = setting(
        0.0, 's', 0.0, 600.0, 'From the loss of the grid until the inverter can form an island; 0: it holds the bus.'
    )
    ahead_step: float = setting(900.0, 's', 300.0, 3600.0, 'Step of the price and weather series.')
    ahead_hours: float = setting(48.0, 'h', 1.0, 48.0, 'How far they look.')
    resident_patience: float = setting(
        8.0, 's', 0.0, 3600.0, 'How long a device runs before the simulated resident names it; 0: nobody does.'
    )
    replay: str = setting('', '', None, None, 'File or folder of recordings to play instead of simulated appliances.')
    replay_train_fraction: float = setting(0.5, '1', 0.0, 1.0, 'Share of the recordings whose label the hub is told.')
    replay_order: str = setting(
        'shuffled', '', None, None, 'Which recordings train: drawn by the seed, or the first.', ('shuffled', 'given')
    )
    replay_wait: float = setting(
        60.0, 's', 0.0, 600.0, 'How long the play waits for somebody who reads the labels and the samples.'
    )
    replay_play: float = setting(3.0, 's', 0.5, 3600.0, 'How long each recording is played; its end is looped.')
    replay_gap: float = setting(2.0, 's', 0.5, 3600.0, 'Off between two recordings of an outlet.')

    def __post_init__(self):
        check_bounds(self)


def default_home() -> Home:
    """Return the home simulated where no file describes one: an outlet for each of a few appliances."""
    kinds = ('refrigerator', 'kettle', 'television', 'laptop', 'led_lamp', 'router', 'washing_machine', 'heater')
    return Home(outlets=[Outlet(id=kind, appliance=kind) for kind in kinds])


def config(home: Home, settings: WorldSettings, now: float) -> WorldConfig:
    """Return the world of a home. ValueError names the outlet whose appliance the library does not have."""
    for outlet in home.outlets:
        if outlet.appliance and outlet.appliance not in LIBRARY:
            known = ', '.join(sorted(LIBRARY))
            raise ValueError(f'outlet {outlet.id}: no appliance is called {outlet.appliance!r}; there are: {known}')
    tariff = home.tariff
    stores = {
        name: BatterySettings(
            capacity_kwh=battery.capacity_kwh,
            power_max=battery.power_max,
            efficiency=battery.efficiency,
            initial=battery.initial,
            grid_forming=battery.grid_forming,
            start_delay=settings.inverter_delay,
            rank=home.inverters.index(name) if battery.grid_forming else 0,
        )
        for name, battery in home.stores.items()
    }
    offset = datetime.fromtimestamp(now, ZoneInfo(home.timezone)).utcoffset()
    return WorldConfig(
        outlets=_outlets(home),
        supply=SupplySettings(
            voltage=home.supply.voltage,
            frequency=float(home.supply.frequency),
            resistance=home.supply.resistance,
            reactance=home.supply.reactance,
        ),
        tie=TieSettings(reconnect_wait=settings.reconnect_wait),
        battery=stores.pop('battery', None),
        further=tuple(stores.items()),
        pv=home.pv and PvSettings(power_max=home.pv.power_max),
        adc=AdcSettings(block_cycles=settings.block_cycles),
        site=SiteSettings(
            latitude=home.latitude,
            longitude=home.longitude,
            utc_offset=offset.total_seconds(),
            sun_shift=3600.0 * settings.sun_shift,
        ),
        tariff=TariffSettings(
            currency=tariff.currency,
            fees=tariff.fees,
            sell=tariff.sell,
            buy=tuple((60.0 * minutes(s.start), s.price) for s in tariff.buy if tariff.kind == 'daily'),
        ),
        pace=settings.pace,
    )


def _outlets(home: Home) -> tuple[OutletSettings, ...]:
    """Outlets of a room share circuits, each on its own place along the wire."""
    seen: Counter = Counter()
    out = []
    for outlet in home.outlets:
        room = outlet.room or outlet.id
        out.append(
            OutletSettings(outlet.id, outlet.appliance, f'{room} {seen[room] // ON_A_CIRCUIT + 1}', outlet.line_length)
        )
        seen[room] += 1
    return tuple(out)


def tracks(
    recordings: list[Recording], home: Home, settings: WorldSettings
) -> dict[str, list[tuple[Recording, bool]]]:
    """Return what each outlet plays: the k-th outlet all recordings of the k-th label, training ones first.

    ValueError where there are more labels than outlets.
    """
    labels = sorted({recording.label for recording in recordings})
    if len(labels) > len(home.outlets):
        raise ValueError(f'{len(labels)} labels are recorded, but the home has {len(home.outlets)} outlets')
    out = {}
    for outlet, label in zip(home.outlets, labels, strict=False):
        of_label = [recording for recording in recordings if recording.label == label]
        shuffled = settings.replay_order == 'shuffled'
        chance = np.random.default_rng([settings.seed, 300, labels.index(label)]) if shuffled else None
        out[outlet.id] = split(of_label, settings.replay_train_fraction, chance)
    return out


def world(settings: WorldSettings, now: float, warn) -> tuple[World, Home]:
    """Return the world of the settings, begun at `now` [s], and its home.

    warn : called with a line for each recording that is left out.
    Raises ValueError (HomeError, RecordingError) with file and reason.
    """
    home = load(settings.home_file) if settings.home_file else default_home()
    order = {}
    if settings.replay:
        recordings, problems = read(settings.replay)
        for problem in problems:
            warn(f'left out: {problem}')
        if not recordings:
            raise RecordingError(settings.replay, 'no recording can be played')
        order = tracks(recordings, home, settings)
    play = ReplaySettings(play=settings.replay_play, gap=settings.replay_gap)
    return World(config(home, settings, now), settings.seed, now, order, play), home
