"""What a home does and did, as tables for a terminal and as plain values for programs."""

import math
from dataclasses import asdict, dataclass

from rich.markup import escape
from rich.table import Table

from hearthgrid.witness import METERS, Seen, mode_names
from hearthgrid_msgs.msg import Identity, OutletState, Plan, Request

RELAY = {OutletState.RELAY_OPEN: 'off', OutletState.RELAY_CLOSED: 'on'}
VOICE = {
    getattr(Request, n): n.removeprefix('VOICE_').lower().replace('_', ' ')
    for n in dir(Request)
    if n.startswith('VOICE_')
}
TRIP = {
    OutletState.TRIP_OVERCURRENT: 'tripped: over-current',
    OutletState.TRIP_OVERTEMPERATURE: 'tripped: too hot',
    OutletState.TRIP_SENSOR: 'tripped: sensor',
}
PLAN = {Plan.STATUS_OPTIMAL: 'optimal', Plan.STATUS_RELAXED: 'relaxed', Plan.STATUS_FAILED: 'failed'}


@dataclass(frozen=True)
class OutletRow:
    """One outlet as people see it."""

    outlet: str
    title: str
    power: float  # [W]
    voltage: float  # [V]
    relay: str
    device: str  # empty = unknown
    probability: float
    energy_wh: float  # since this program began to listen
    voice: str
    reason: str


def meters(seen: Seen) -> tuple[str, ...]:
    """Return the ids of readings that are no outlet's: the connection, the sun, and every battery."""
    return (*METERS, *sorted(set(seen.batteries) - set(METERS)))


def outlet_rows(seen: Seen) -> list[OutletRow]:
    """Return a row an outlet, by id."""
    out = []
    for id in sorted((set(seen.readings) | set(seen.states)) - set(meters(seen))):
        reading, state, identity = seen.readings.get(id), seen.states.get(id), seen.identities.get(id)
        out.append(
            OutletRow(
                id,
                state.title if state else id,
                float(reading.active_power) if reading else math.nan,
                float(reading.voltage) if reading else math.nan,
                RELAY.get(state.relay, 'unknown') if state else 'unknown',
                device(identity),
                float(identity.probability) if identity else math.nan,
                1000.0 * (reading.energy_kwh - seen.first_energy[id]) if reading else math.nan,
                VOICE.get(state.voice, '') if state and state.voice else '',
                (TRIP.get(state.trip) or state.reason) if state else '',
            )
        )
    return out


def device(identity) -> str:
    """Return what an identity says, in words; an empty text when it is more likely wrong than right."""
    if identity is None or identity.state == Identity.STATE_UNKNOWN or identity.probability < 0.5:
        return ''
    return 'off' if identity.state == Identity.STATE_OFF else identity.model or identity.type


def home_line(seen: Seen) -> str:
    """Return the home in one line."""
    rows = outlet_rows(seen)
    power = {id: seen.readings[id].active_power for id in meters(seen) if id in seen.readings}
    parts = [mode(seen), f'{_unit(sum(r.power for r in rows if not math.isnan(r.power)), "W")} drawn']
    parts += [f'{id} {round(value) + 0.0:+,.0f} W' for id, value in power.items()]
    for name, battery in sorted(seen.batteries.items()):
        if not math.isnan(battery.percentage):
            parts.append(f'{name} {100 * battery.percentage:.0f} %')
    known = sum(r.device not in ('', 'off') for r in rows)
    parts.append(f'{sum(not math.isnan(r.power) for r in rows)} outlets, {known} identified')
    if seen.anomalies:
        parts.append(f'{len(seen.anomalies)} anomalies')
    return ' · '.join(parts)


def mode(seen: Seen) -> str:
    """Return where most members believe the home stands."""
    names = [mode_names().get(m.mode, 'unknown') for m in seen.islands.values()]
    return max(set(names), key=names.count) if names else 'waiting'


def as_json(seen: Seen) -> dict:
    """Return everything `status` shows as plain values (NaN becomes None)."""
    plan = seen.plan
    return _plain(
        {
            'mode': mode(seen),
            'outlets': [asdict(row) for row in outlet_rows(seen)],
            'meters': {
                id: {
                    'active_power_w': float(seen.readings[id].active_power),
                    'voltage_v': float(seen.readings[id].voltage),
                    'frequency_hz': float(seen.readings[id].frequency),
                }
                for id in meters(seen)
                if id in seen.readings
            },
            'battery': float(seen.batteries['battery'].percentage) if 'battery' in seen.batteries else None,
            'batteries': {name: float(battery.percentage) for name, battery in sorted(seen.batteries.items())},
            'plan': None
            if plan is None
            else {
                'epoch': plan.epoch,
                'status': PLAN.get(plan.status, 'unknown'),
                'cost': float(plan.cost),
                'currency': plan.currency,
            },
            'anomalies': [{'id': a.id, 'outlet': a.outlet, 'text': a.text} for a in seen.anomalies.values()],
            'messages': dict(seen.counts),
        }
    )


def _plain(value):
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def outlet_table(seen: Seen) -> Table:
    """Return the outlets as a table."""
    table = Table(title=f'\n{home_line(seen)}', title_justify='left', title_style='', box=None, pad_edge=False)
    for name, justify in (
        ('outlet', 'left'),
        ('power', 'right'),
        ('voltage', 'right'),
        ('relay', 'left'),
        ('device', 'left'),
        ('energy seen', 'right'),
        ('because', 'left'),
    ):
        table.add_column(name, justify=justify, no_wrap=name != 'because')
    for row in outlet_rows(seen):
        sure = '' if math.isnan(row.probability) or row.device in ('', 'off') else f' {100 * row.probability:.0f} %'
        table.add_row(
            escape(row.title),
            _unit(row.power, 'W'),
            _unit(row.voltage, 'V'),
            row.relay,
            escape((row.device or '?') + sure),
            _unit(row.energy_wh, 'Wh', 2),
            escape(f'{row.voice}: {row.reason}' if row.voice else row.reason),
        )
    return table


def process_table(children) -> Table:
    """Return what each process of a Supervisor cost."""
    table = Table(box=None, pad_edge=False)
    for name, justify in (
        ('process', 'left'),
        ('nodes', 'right'),
        ('CPU', 'right'),
        ('memory', 'right'),
        ('restarts', 'right'),
    ):
        table.add_column(name, justify=justify)
    for child in children:
        table.add_row(
            child.process.name,
            str(len(child.process.nodes)),
            f'{child.cpu_total:.1f} s',
            f'{child.memory / 1e6:.0f} MB',
            str(child.restarts),
        )
    return table


def _unit(value: float, unit: str, digits: int = 0) -> str:
    # + 0.0 turns a rounded −0 into 0.
    return '·' if math.isnan(value) else f'{round(value, digits) + 0.0:,.{digits}f} {unit}'
