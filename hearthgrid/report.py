"""The report of a home as one page of HTML, its pictures inside."""

import base64
import html
import io
import math
from datetime import datetime

import numpy as np

from hearthgrid.report_events import DONE, Event
from hearthgrid.report_numbers import Bill, Numbers
from hearthgrid.report_scores import quarters

BLUE, GREY, ORANGE, GREEN = '#2563eb', '#6b7280', '#ea580c', '#16a34a'
UNKNOWN = 'not known'
SEVERITY = {0: UNKNOWN, 1: 'info', 2: 'warning', 3: 'critical'}
STATUS = {0: UNKNOWN, 1: 'waiting', 2: 'running', DONE: 'done', 4: 'missed', 5: 'cancelled'}
SHOWN = 200  # rows of a table
STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem;color:#111}
table{border-collapse:collapse;margin:1rem 0}td,th{text-align:left;padding:.2rem .8rem;border-bottom:1px solid #ddd}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}img{max-width:100%}figure{margin:1.5rem 0}
.quiet{color:#6b7280}"""


def page(n: Numbers, name: str) -> str:
    """Return the page."""
    parts = [_head(n, name), _bills(n), _figure(_daily(n), 'cost of each day'), _profile(n), _devices(n), _jobs(n),
             _plan(n), _scores(n), _events(n)]  # fmt: skip
    return (f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Report of {html.escape(name)}</title>'
            f'<style>{STYLE}</style>{"".join(parts)}</html>\n')  # fmt: skip


# Sections.


def _head(n: Numbers, name: str) -> str:
    known = f'The grid meter was heard {n.known:.1%} of the time'
    priced = f', and {n.priced:.1%} of that has a price' if n.known else ''
    return (f'<h1>Report of {html.escape(name)}</h1><p>{_time(n, n.start)} to {_time(n, n.end)} '
            f'({html.escape(str(n.zone))}). {known}{priced}. Only what is known is counted.')  # fmt: skip


def _bills(n: Numbers) -> str:
    money = html.escape(n.currency or 'currency')
    if 'measured' not in n.bills:
        return f'<h2>Cost</h2><p>{UNKNOWN}: {html.escape(n.why_not["measured"])}.'
    actual = n.bills['measured']
    rows = []
    for name in ('measured', 'doing nothing', 'timers'):
        bill = n.bills.get(name)
        if bill is None:
            rows.append([name, f'{UNKNOWN}: {n.why_not[name]}', *[''] * 7])
            continue
        saved = '' if bill is actual else amount(bill.cost - actual.cost)
        rows.append([name, amount(bill.cost), amount(bill.bill), saved, f'{bill.imported:.1f}', f'{bill.exported:.1f}',
                     _known(bill.peak / 1e3, '.2f'), _time(n, bill.peak_at), _known(bill.carbon, '.1f')])  # fmt: skip
    return '<h2>Cost</h2>' + _table(
        ['', f'cost [{money}]', f'bill [{money}]', f'saved [{money}]', 'import [kWh]', 'export [kWh]', 'peak [kW]',
         'peak at', 'carbon [kg]'], rows) + (
        '<p class="quiet">Cost: the bill, and the battery’s wear, less the worth of what is stored beyond the first '
        'charge. Doing nothing: the same loads, jobs on arrival, battery idle. Timers: jobs at 01:00 and 02:00, the '
        'battery for own use. Both are computed from what was measured.')  # fmt: skip


def _profile(n: Numbers) -> str:
    if not np.isfinite(n.load).any():
        return ''
    return _figure(_days_of(n), 'power over the last days')


def _devices(n: Numbers) -> str:
    money = html.escape(n.currency or 'currency')
    used = sorted(n.devices.items(), key=lambda item: -item[1].energy_kwh)
    if not used:
        return f'<h2>Devices</h2><p>{UNKNOWN}: no outlet was heard.'
    rows = [[name, f'{c.energy_kwh:.2f}', _known(c.cost, '.2f'), f'{c.priced:.0%}'] for name, c in used]
    return '<h2>Devices</h2>' + _table(['outlet', 'energy [kWh]', f'cost [{money}]', 'priced'], rows) + \
        _figure(_bars(n, used[:20]), 'energy of each device')  # fmt: skip


def _jobs(n: Numbers) -> str:
    if not n.jobs:
        return '<h2>Jobs</h2><p>None.'
    missed = sum(job.status == 4 for job in n.jobs)
    rows = [[job.outlet, job.id, _time(n, job.asked), _time(n, job.deadline), f'{job.energy:.2f}',
             f'{job.delivered:.2f}', STATUS.get(job.status, UNKNOWN)] for job in n.jobs]  # fmt: skip
    return f'<h2>Jobs</h2><p>{len(n.jobs)}, of which {missed} missed their deadline.' + _table(
        ['outlet', 'job', 'asked', 'deadline', 'energy [kWh]', 'delivered [kWh]', ''], rows)  # fmt: skip


def _plan(n: Numbers) -> str:
    if not np.isfinite(n.planned).any():
        return f'<h2>Plan against actual</h2><p>{UNKNOWN}: no plan is stored.'
    return (
        '<h2>Plan against actual</h2><p>Mean error of the planned grid power, first plan of each hour, by quarter '
        f'hours: {_known(n.plan_error, ".0f")} W.' + _figure(_planned(n), 'planned and measured grid power')
    )


def _scores(n: Numbers) -> str:
    if not n.scores:
        return f'<h2>Forecasts</h2><p>{UNKNOWN}: no forecast is stored.'
    rows = [[s.quantity, s.unit, s.ahead, _known(s.error, '.3g'), _known(s.pinball, '.3g'), _known(s.covered, '.0%'),
             _known(s.skill, '+.0%'), str(s.count)] for s in n.scores]  # fmt: skip
    return '<h2>Forecasts</h2>' + _table(
        ['', 'unit', 'ahead', 'mean absolute error', 'pinball loss', 'within 10–90 %', 'skill', 'forecasts'], rows) + \
        '<p class="quiet">Within: 80 % would be right. Skill: against the same time yesterday.' + \
        (_figure(_sample(n), 'the last load forecast') if n.sample else '')  # fmt: skip


def _events(n: Numbers) -> str:
    out = '<h2>Outages</h2>'
    out += _table(['from', 'to', 'lasted', 'why'], [
        [_time(n, e.start), _time(n, e.end), _lasted(e), e.words] for e in n.outages]) if n.outages else '<p>None.'
    out += '<h2>Anomalies</h2>'
    return out + (_table(['from', 'to', 'outlet', '', 'what'], [
        [_time(n, e.start), _time(n, e.end), e.subject, SEVERITY.get(e.severity, UNKNOWN), e.words]
        for e in n.anomalies]) if n.anomalies else '<p>None.')  # fmt: skip


# Words.


def _table(head: list[str], rows: list[list[str]]) -> str:
    number = [bool(rows) and all(_is_number(row[k]) for row in rows) for k in range(len(head))]
    mark = [' class="n"' if is_number else '' for is_number in number]
    lines = [''.join(f'<th{m}>{text}' for m, text in zip(mark, head, strict=True))]
    lines += [''.join(f'<td{m}>{html.escape(text)}' for m, text in zip(mark, row, strict=True)) for row in rows[:SHOWN]]
    more = f'<p class="quiet">… and {len(rows) - SHOWN} more.' if len(rows) > SHOWN else ''
    return '<table>' + ''.join(f'<tr>{line}' for line in lines) + f'</table>{more}'


def _is_number(text: str) -> bool:
    return text in ('', UNKNOWN) or text.lstrip('+-−').replace('.', '').rstrip('%').isdigit()


def _known(value: float, form: str) -> str:
    return format(value, form) if math.isfinite(value) else UNKNOWN


def amount(value: float) -> str:
    """Return an amount in words."""
    return f'{round(value, 2) + 0.0:.2f}'  # no −0.00


def _time(n: Numbers, time: float) -> str:
    return datetime.fromtimestamp(time, n.zone).strftime('%Y-%m-%d %H:%M') if math.isfinite(time) else UNKNOWN


def _lasted(event: Event) -> str:
    seconds = event.end - event.start
    if not math.isfinite(seconds):
        return 'not over'
    return f'{seconds:.1f} s' if seconds < 120 else f'{seconds / 60:.0f} min'


# Pictures.


def _axes(width: float = 9.0, height: float = 3.2):
    from matplotlib.figure import Figure  # without pyplot: no display, nothing global

    figure = Figure(figsize=(width, height), layout='constrained')
    return figure, figure.add_subplot()


def _figure(figure, words: str) -> str:
    if figure is None:
        return ''
    out = io.BytesIO()
    figure.savefig(out, format='png', dpi=100)
    data = base64.b64encode(out.getvalue()).decode()
    return f'<figure><img alt="{html.escape(words)}" src="data:image/png;base64,{data}"></figure>'


def _local(n: Numbers, times: np.ndarray) -> list[datetime]:
    return [datetime.fromtimestamp(t, n.zone) for t in times.tolist()]


def _dates(axes, n: Numbers) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(tz=n.zone)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=n.zone))


def _daily(n: Numbers):
    """Bill of each local day, beside those of the other ways."""
    if not n.bills:
        return None
    figure, axes = _axes()
    place = np.arange(len(n.days) - 1)
    colours = {'measured': BLUE, 'doing nothing': GREY, 'timers': ORANGE}
    shown: dict[str, Bill] = {name: n.bills[name] for name in colours if name in n.bills}
    for k, (name, bill) in enumerate(shown.items()):
        axes.bar(place + 0.27 * (k - 1), bill.daily, 0.25, color=colours[name], label=name)
    step = max(1, len(place) // 15)
    axes.set_xticks(place[::step], [t.strftime('%d.%m.') for t in _local(n, n.days[:-1:step])])
    axes.set_ylabel(f'bill [{n.currency or "currency"}]')
    axes.legend(frameon=False, ncols=3)
    return figure


def _tail(n: Numbers, values: np.ndarray, days: float = 7.0) -> tuple[list[datetime], np.ndarray]:
    """Return the last days of minutes as quarter hours."""
    made = quarters(values)
    keep = round(days * 96)
    return _local(n, n.times[: len(made) * 15 : 15][-keep:]), made[-keep:]


def _days_of(n: Numbers):
    figure, axes = _axes()
    for name, values, colour in (('load', n.load, GREY), ('PV', -n.pv, ORANGE), ('grid', n.grid, BLUE)):
        times, made = _tail(n, values)
        axes.plot(times, made / 1e3, color=colour, linewidth=1, label=name)
    axes.set_ylabel('power [kW]')
    axes.legend(frameon=False, ncols=3)
    _dates(axes, n)
    return figure


def _planned(n: Numbers):
    figure, axes = _axes()
    for name, values, colour in (('planned', n.planned, ORANGE), ('measured', n.grid, BLUE)):
        times, made = _tail(n, values)
        axes.plot(times, made / 1e3, color=colour, linewidth=1, label=name)
    axes.set_ylabel('grid power [kW]')
    axes.legend(frameon=False, ncols=2)
    _dates(axes, n)
    return figure


def _sample(n: Numbers):
    figure, axes = _axes()
    times, s = _local(n, n.sample['times']), n.sample
    axes.fill_between(times, s['lower'] / 1e3, s['upper'] / 1e3, color=BLUE, alpha=0.2, label='10 … 90 %')
    axes.plot(times, s['mean'] / 1e3, color=BLUE, linewidth=1, label='forecast')
    axes.plot(times, s['actual'] / 1e3, color=GREY, linewidth=1, label='measured')
    axes.set_ylabel('load [kW]')
    axes.legend(frameon=False, ncols=3)
    _dates(axes, n)
    return figure


def _bars(n: Numbers, used):
    figure, axes = _axes(height=0.6 + 0.25 * len(used))
    names = [name for name, _ in reversed(used)]
    axes.barh(np.arange(len(names)), [cost.energy_kwh for _, cost in reversed(used)], color=GREEN)
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_xlabel('energy [kWh]')
    return figure
