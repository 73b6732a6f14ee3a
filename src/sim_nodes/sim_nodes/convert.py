"""The world's values as messages, and messages as commands to the world."""

import math
from array import array

from sensor_msgs.msg import BatteryState as BatteryMessage

from hearthgrid_core.sim import (
    BatteryState,
    MeterReading,
    Mode,
    Outage,
    OutageKind,
    Played,
    Plug,
    RegulatorState,
    ScriptOutage,
    SetInverter,
    Setpoint,
    SetRegulator,
    Source,
    TieState,
)
from hearthgrid_core.sim.gate import STALE, Ticket
from hearthgrid_core.sim.market import PricesAhead
from hearthgrid_core.sim.regulator import NAME as REGULATOR
from hearthgrid_core.sim.weather import WeatherAhead
from hearthgrid_msgs.msg import (
    Breaker,
    InverterSetpoint,
    Label,
    PriceSeries,
    Reading,
    Regulator,
    RegulatorSetpoint,
    RelayCommand,
    WeatherSeries,
)
from hearthgrid_msgs.srv import PlugAppliance
from hearthgrid_msgs.srv import ScriptOutage as ScriptOutageService
from hearthgrid_ros.time import to_msg, to_seconds

ISSUER = 'world'
NOTHING = 'nothing'  # in PlugAppliance: leave the outlet empty
SUPPLY = {
    Source.GRID: Reading.SUPPLY_GRID,
    Source.ISLAND: Reading.SUPPLY_ISLAND,
    Source.NONE: Reading.SUPPLY_NONE,
}
MODES = {
    InverterSetpoint.MODE_IDLE: Mode.IDLE,
    InverterSetpoint.MODE_FOLLOW: Mode.FOLLOW,
    InverterSetpoint.MODE_FORM: Mode.FORM,
}
_SERVICE = ScriptOutageService.Request
KINDS = {
    _SERVICE.KIND_BLACKOUT: OutageKind.BLACKOUT,
    _SERVICE.KIND_SAG: OutageKind.SAG,
    _SERVICE.KIND_SWELL: OutageKind.SWELL,
    _SERVICE.KIND_FREQUENCY: OutageKind.FREQUENCY,
}


def counts(row) -> array:
    """Return int16 samples as what a message takes without looking at each."""
    out = array('h')
    out.frombytes(row.tobytes())
    return out


def reading(of: MeterReading, sequence: int) -> Reading:
    """Return a meter's reading; contacts have no temperature here."""
    apparent = of.voltage * of.current
    return Reading(
        stamp=to_msg(of.end),
        outlet=of.name,
        sequence=sequence,
        duration=of.duration,
        supply=SUPPLY[of.source],
        voltage=of.voltage,
        current=of.current,
        active_power=of.active_power,
        reactive_power=of.reactive_power,
        apparent_power=apparent,
        power_factor=of.active_power / apparent if apparent > 1.0 else math.nan,
        frequency=of.frequency,
        energy_kwh=of.energy_kwh,
        voltage_thd=of.voltage_thd,
        current_thd=of.current_thd,
        harmonics=array('f', of.harmonics.tolist()),
        temperature=math.nan,
    )


def breaker(of: TieState, now: float) -> Breaker:
    """Return the tie's state."""
    return Breaker(
        stamp=to_msg(now),
        state=Breaker.STATE_CLOSED if of.closed else Breaker.STATE_OPEN,
        grid_alive=of.grid_alive,
        grid_voltage=of.grid_voltage,
        grid_frequency=of.grid_frequency,
        angle=of.angle,
        reason=of.reason,
    )


def battery(of: BatteryState, now: float) -> BatteryMessage:
    """Return the battery's state; cells are not simulated, so what is theirs is NaN."""
    out = BatteryMessage(
        voltage=math.nan,
        temperature=math.nan,
        current=math.nan,
        charge=math.nan,
        capacity=math.nan,
        design_capacity=math.nan,
        percentage=of.soc,
        power_supply_health=BatteryMessage.POWER_SUPPLY_HEALTH_GOOD,
        power_supply_technology=BatteryMessage.POWER_SUPPLY_TECHNOLOGY_LION,
        present=True,
        location=of.name,
    )
    out.header.stamp, out.header.frame_id = to_msg(now), of.name
    if of.power > 10.0:
        out.power_supply_status = BatteryMessage.POWER_SUPPLY_STATUS_CHARGING
    elif of.power < -10.0:
        out.power_supply_status = BatteryMessage.POWER_SUPPLY_STATUS_DISCHARGING
    elif of.soc > 0.99:
        out.power_supply_status = BatteryMessage.POWER_SUPPLY_STATUS_FULL
    else:
        out.power_supply_status = BatteryMessage.POWER_SUPPLY_STATUS_NOT_CHARGING
    return out


def prices(of: PricesAhead, currency: str, now: float) -> PriceSeries:
    """Return the prices ahead."""
    return PriceSeries(
        stamp=to_msg(now),
        issuer=ISSUER,
        currency=currency,
        start=to_msg(of.start),
        step=of.step,
        import_price=array('f', of.import_price.tolist()),
        export_price=array('f', of.export_price.tolist()),
        carbon_intensity=array('f', of.carbon_intensity.tolist()),
    )


def weather(of: WeatherAhead, now: float) -> WeatherSeries:
    """Return the weather ahead."""
    return WeatherSeries(
        stamp=to_msg(now),
        issuer=ISSUER,
        start=to_msg(of.start),
        step=of.step,
        air_temperature=array('f', of.air_temperature.tolist()),
        irradiance=array('f', of.irradiance.tolist()),
        cloud_cover=array('f', of.cloud_cover.tolist()),
        wind_speed=array('f', of.wind_speed.tolist()),
    )


def label(of: Played, now: float) -> Label:
    """Return what a recording says was plugged in while it was played."""
    return Label(
        stamp=to_msg(now),
        outlet=of.outlet,
        source=Label.SOURCE_RECORDING,
        valid_from=to_msg(of.start),
        valid_until=to_msg(of.end),
        type=of.label,
        model=of.model,
    )


def naming(outlet: str, kind: str, since: float, now: float) -> Label:
    """Return the resident's word about a device that runs since `since` [s]."""
    return Label(
        stamp=to_msg(now),
        outlet=outlet,
        source=Label.SOURCE_PERSON,
        valid_from=to_msg(since),
        type=kind.replace('_', ' '),
    )


def relay(of: RelayCommand) -> Ticket:
    """Return what a relay's command says of itself; it has no expiry, so it goes stale as setpoints do."""
    stamp = to_seconds(of.stamp)
    return Ticket(of.outlet, stamp, stamp + STALE, 0, of.counter)


def ticket(of: InverterSetpoint | RegulatorSetpoint) -> Ticket:
    """Return what a setpoint says of itself."""
    steers, term = '', 0
    if isinstance(of, InverterSetpoint):
        refers = of.mode == InverterSetpoint.MODE_FORM and not (math.isnan(of.frequency) and math.isnan(of.voltage))
        steers, term = of.inverter if refers else '', of.term
    return Ticket(of.sender, to_seconds(of.stamp), to_seconds(of.expiry), of.epoch, of.counter, term, steers)


def setpoint(of: InverterSetpoint) -> SetInverter:
    """Return the command a setpoint stands for. ValueError on an unknown mode or numbers that are none."""
    if of.mode not in MODES:
        raise ValueError(f'mode {of.mode} is none')
    follows = of.mode == InverterSetpoint.MODE_FOLLOW
    return SetInverter(
        of.inverter,
        Setpoint(
            MODES[of.mode],
            of.active_power if follows else 0.0,
            of.reactive_power if follows else 0.0,
            of.frequency,
            of.voltage,
            to_seconds(of.expiry),
        ),
    )


def regulator(of: RegulatorState, now: float) -> Regulator:
    """Return the regulator's state."""
    return Regulator(
        stamp=to_msg(now), regulator=REGULATOR, tap=of.tap, step=of.step, voltage=of.voltage, operations=of.operations
    )


def set_regulator(of: RegulatorSetpoint) -> SetRegulator:
    """Return the command a setpoint stands for."""
    return SetRegulator(of.regulator, of.tap, to_seconds(of.expiry))


def outage(of: ScriptOutageService.Request, now: float) -> ScriptOutage:
    """Return the command a service request stands for. ValueError on an unknown kind or impossible times."""
    if of.restore:
        return ScriptOutage(None)
    if of.kind not in KINDS:
        raise ValueError(f'kind {of.kind} is none')
    if not (math.isfinite(of.delay) and math.isfinite(of.duration) and of.delay >= 0 and of.duration >= 0):
        raise ValueError(f'a delay of {of.delay} s and a duration of {of.duration} s; neither may be below 0')
    start = now + of.delay
    kind = KINDS[of.kind]
    residual = 0.0 if kind is OutageKind.BLACKOUT else of.residual
    return ScriptOutage(Outage(kind, start, start + of.duration if of.duration else math.inf, residual))


def plug(of: PlugAppliance.Request) -> Plug:
    """Return the command a service request stands for."""
    return Plug(of.outlet, {'': None, NOTHING: ''}.get(of.appliance, of.appliance), of.on)
