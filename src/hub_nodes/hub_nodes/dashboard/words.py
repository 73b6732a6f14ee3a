"""Numbers as people read them, always with a unit; what is not known is a dash."""
import math

from hub_nodes.dashboard.when import local

DASH = '–'
SPACE = '\u00a0'  # does not break: between a number and its unit
_ABBREVIATIONS = ('ev', 'tv', 'pc', 'led', 'crt', 'lcd')
_SYMBOLS = {'EUR': '€', 'USD': '$', 'GBP': '£', 'JPY': '¥'}


def quantity(value: float | None, unit: str, digits: int = 1) -> str:
    """Return a value with its unit: '230.1 V'."""
    if value is None or not math.isfinite(value):
        return DASH
    shown = f'{value:,.{digits}f}'.replace(',', SPACE)
    zero = not shown.strip('-0.')
    return f'{shown.lstrip("-") if zero else shown.replace("-", "−")}{SPACE}{unit}'


def power(value: float | None) -> str:
    """Return a power, W below 1000 and kW above. `value` in [W]."""
    if value is None or not math.isfinite(value):
        return DASH
    size = abs(value)
    if size >= 999.5:
        return quantity(value * 1e-3, 'kW', 2 if size < 9995 else 1)
    return quantity(value, 'W', 1 if 0.05 <= size < 9.95 else 0)


def percent(value: float | None, digits: int = 0) -> str:
    """Return a share of 1 as per cent."""
    return quantity(None if value is None else value * 100, '%', digits)


def money(value: float | None, currency: str, per: str = '', digits: int = 2) -> str:
    """Return an amount: '0.31 €/kWh'."""
    if value is None or not math.isfinite(value):
        return DASH
    return quantity(value, f'{_SYMBOLS.get(currency, currency)}{f"/{per}" if per else ""}'.strip(), digits)


def price_unit(currency: str) -> str:
    """Return the unit of a price of energy: '€/kWh'."""
    return f'{_SYMBOLS.get(currency, currency) or "price"}/kWh'


def span(seconds: float) -> str:
    """Return a duration in its two largest units at most: '40 s', '12 min', '2 h 05 min', '3 d 4 h'."""
    if not math.isfinite(seconds):
        return DASH
    whole = max(0, round(seconds))
    if whole < 90:
        return f'{whole}{SPACE}s'
    minutes = round(whole / 60)
    if minutes < 60:
        return f'{minutes}{SPACE}min'
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f'{hours}{SPACE}h' + (f' {minutes:02d}{SPACE}min' if minutes else '')
    days, hours = divmod(hours, 24)
    return f'{days}{SPACE}d' + (f' {hours}{SPACE}h' if hours else '')


def clock(at: float, now: float, seconds: bool = False) -> str:
    """Return a local time of day, with the day when it is not that of `now`. Both in [s]."""
    if not math.isfinite(at):
        return DASH
    then, today = local(at), local(now)
    day = '' if then.date() == today.date() else f'{then:%a %d %b} '
    return day + (f'{then:%H:%M:%S}' if seconds else f'{then:%H:%M}')


def plain(name: str) -> str:
    """Return an identifier as words: 'washing_machine' → 'washing machine'."""
    return name.replace('_', ' ').strip()


def title(name: str) -> str:
    """Return an identifier as a heading: 'ev_charger' → 'EV charger'."""
    first, *rest = plain(name).split(' ')
    return ' '.join([first.upper() if first in _ABBREVIATIONS else first[:1].upper() + first[1:], *rest])


def source(name: str) -> str:
    """Return what people call the grid, the sun or a battery: 'garage' → 'Garage battery'."""
    named = {'grid': 'Grid', 'pv': 'Solar', 'battery': 'Battery'}.get(name) or title(name)
    return named if name in ('grid', 'pv') or 'battery' in name.lower() else f'{named} battery'


VOICES = {'plan': 'The plan', 'person': 'You', 'grid_service': 'The utility', 'island': 'The micro-grid',
          'protection': 'Protection'}
TRIPS = {'overcurrent': 'over-current', 'overtemperature': 'over-temperature', 'sensor': 'its sensor cannot be trusted'}
PRIORITIES = {'medical': 'Medical: shed last', 'refrigeration': 'Refrigeration',
              'safety': 'Safety: light, alarm, network', 'essential': 'Essential', 'deferrable': 'Deferrable',
              'comfort': 'Comfort: shed first'}
KINDS = {'overcurrent': 'Over-current', 'overtemperature': 'Over-temperature', 'voltage': 'Supply voltage',
         'sensor': 'Measurement', 'silent': 'Not heard', 'power': 'Unusual power', 'waste': 'Stand-by for long',
         'waveform': 'Changed waveform', 'arc': 'Arc', 'stuck': 'Runs without end',
         'start': 'Starts hard', 'winding': 'Shorted winding', 'contact': 'Hot contact', 'forgotten': 'Left on',
         'drift': 'Slow change', 'unknown_device': 'Unknown device', 'tamper': 'Another device', 'unknown': 'Notice'}
SEVERITIES = {'critical': 'Critical', 'warning': 'Warning', 'info': 'Notice', 'unknown': 'Notice'}
MODES = {'grid': 'on the grid', 'outage': 'outage', 'unknown': 'not known'}
STEPS = {'election': 'choosing a leader', 'confirmation': 'confirming the leader', 'join': 'outlets are joining',
         'shed': 'fitting the load to the battery', 'regulate': 'holding voltage and frequency',
         'synchronise': 'synchronising with the grid'}


def relay(state) -> str:
    """Return what an outlet's relay does, from a `values.State` or None."""
    if state is None:
        return 'State not known'
    if state.trip != 'none':
        return f'Tripped: {TRIPS.get(state.trip, plain(state.trip))}'
    return {'open': 'Off', 'closed': 'On'}.get(state.relay, 'State not known')


def standing(state) -> bool:
    """Return whether an outlet goes by what a person set once, its schedule or a job, and not by a switch."""
    return state.voice == 'person' and state.reason.startswith(('schedule ', 'job '))


def _days(text: str) -> str:
    for days, name in (('Mon Tue Wed Thu Fri Sat Sun', 'every day'), ('Mon Tue Wed Thu Fri', 'Mon–Fri')):
        text = text.replace(days, name, 1)
    return text


def signs(text: str) -> str:
    """Return a text with the signs of currencies for their codes."""
    for code, sign in _SYMBOLS.items():
        text = text.replace(f' {code}', f' {sign}')
    return text


def reason(text: str) -> str:
    """Return what a plan gives as a reason as a sentence begins."""
    return signs(text[:1].upper() + text[1:])


def because(state) -> str:
    """Return who decided and why, from a `values.State` or None."""
    if state is None:
        return ''
    why = signs(state.reason.strip())
    if state.voice == 'unknown' and why in ('', 'nobody asked'):
        why = 'nobody asks otherwise'
    elif standing(state):
        why = _days(why.replace('schedule ', 'schedule: ', 1))
    elif state.voice in VOICES:
        why = f'{VOICES[state.voice]}: {why}' if why else VOICES[state.voice]
    why = why[:1].upper() + why[1:]
    return f'{why}{". " if why else ""}Waits for its minimum on or off time.' if state.waiting else why


def device(identity) -> str:
    """Return what is plugged in, from a `values.Identity` or None."""
    if identity is None or (identity.state == 'off' and not identity.type):
        return 'Nothing identified yet' if identity is None else 'Draws too little to tell'
    if identity.state == 'unknown' or not identity.type:
        return 'Unknown device'
    name = title(identity.type)
    return f'{name}, {identity.model}' if identity.model else name


def confidence(identity) -> str:
    """Return how sure identification is, from a `values.Identity` or None; empty when there is nothing to say."""
    if identity is None or identity.state in ('unknown', 'off'):
        return ''
    return 'named' if identity.state == 'named' else (
        f'{percent(identity.probability)} sure' if math.isfinite(identity.probability) else '')


def nameplate(identity) -> str:
    """Return what the library of models says of a `values.Identity` or None; empty when it says nothing."""
    if identity is None:
        return ''
    rated = f'rated {power(identity.rated_power)}' if math.isfinite(identity.rated_power) else ''
    return '. '.join(part[:1].upper() + part[1:] for part in (identity.note.rstrip('.'), rated) if part)


def evidence(anomaly) -> str:
    """Return what speaks for a `values.Anomaly` and what it costs: 'since 08:10, 96 % sure, 1.2 kWh wasted'."""
    parts = []
    if anomaly.since > 0 and math.isfinite(anomaly.stamp):
        parts.append(f'since {clock(anomaly.since, anomaly.stamp)}')
    if math.isfinite(anomaly.probability):
        parts.append(f'{percent(anomaly.probability)} sure')
    if math.isfinite(anomaly.wasted_energy_kwh) and anomaly.wasted_energy_kwh > 0:
        worth = f' ({money(anomaly.wasted_money, anomaly.currency)})' if math.isfinite(anomaly.wasted_money) else ''
        parts.append(f'{quantity(anomaly.wasted_energy_kwh, "kWh", 2)} wasted{worth}')
    return ', '.join(parts)
