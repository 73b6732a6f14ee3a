"""Chart options out of values. Pure: dictionaries for ECharts, drawn as SVG so that colours are variables of the page.

A chart is made once with its axes (`…_chart`) and then only given rows (`…_rows`): for each series its points, a point
being [x, y, …]. x of a time axis is the home's local time, see `when`.
"""
import math
from collections.abc import Iterable, Sequence

import numpy as np

from hub_nodes.dashboard import values
from hub_nodes.dashboard.when import milliseconds

Rows = list[list[list[float]]]
HARMONICS = 21     # bars shown
CYCLES = 2         # of a waveform shown
# Axes that do not blow noise up, and end at round numbers. [V], [Hz]
_SPAN_V = {':min': 'v => Math.floor(v.min / 5 - 1) * 5', ':max': 'v => Math.ceil(v.max / 5 + 1) * 5'}
_SPAN_HZ = {':min': 'v => Math.floor(v.min * 5 - 1) / 5', ':max': 'v => Math.ceil(v.max * 5 + 1) / 5'}
FONT = 'Roboto, system-ui, sans-serif'  # the page's, by name: text is measured before it is drawn


def _axis(name: str, **more) -> dict:
    line = {'lineStyle': {'color': 'var(--line)'}}
    return {'name': name, 'nameTextStyle': {'color': 'var(--muted)', 'fontSize': 12},
            'axisLabel': {'color': 'var(--muted)', 'fontSize': 12, 'hideOverlap': True}, 'axisLine': line,
            'axisTick': {'show': False}, 'splitLine': line} | more


def _time_axis() -> dict:
    axis = _axis('', type='time', splitLine={'show': False}, splitNumber=6)
    axis['axisLabel']['formatter'] = {'year': '{yyyy}', 'month': '{d} {MMM}', 'day': '{d} {MMM}', 'hour': '{HH}:{mm}',
                                      'minute': '{HH}:{mm}', 'second': '{HH}:{mm}:{ss}',
                                      'millisecond': '{HH}:{mm}:{ss}', 'none': '{HH}:{mm}'}
    return axis


def _chart(series: Sequence[dict], x: dict, y: dict | list[dict], unit: str | Sequence[str], digits: int = 1,
           legend: bool = True) -> dict:
    units = [unit] * len(series) if isinstance(unit, str) else unit
    tip = {':valueFormatter': f'v => v == null || Number.isNaN(+v) ? "–" : (+v).toFixed({digits}) + " {units[0]}"'}
    named = [dict(s, id=str(i), data=[], animation=False, emphasis={'disabled': True}, tooltip={
        ':valueFormatter': f'v => v == null || Number.isNaN(+v) ? "–" : (+v).toFixed({digits}) + " {units[i]}"'})
        for i, s in enumerate(series)]
    return {
        'animation': False,
        'useUTC': True,
        'textStyle': {'fontFamily': FONT, 'fontSize': 12, 'color': 'var(--ink)'},
        'grid': {'left': 8, 'right': 24, 'top': 52 if legend else 30, 'bottom': 4, 'containLabel': True},
        'legend': {'show': legend, 'top': 0, 'left': 0, 'itemWidth': 14, 'itemHeight': 8, 'itemGap': 16,
                   'icon': 'roundRect', 'textStyle': {'color': 'var(--ink)', 'fontSize': 12}},
        'tooltip': {'trigger': 'axis', 'confine': True, 'backgroundColor': 'var(--card)', 'borderColor': 'var(--line)',
                    'textStyle': {'color': 'var(--ink)', 'fontSize': 13}, 'transitionDuration': 0,
                    'axisPointer': {'lineStyle': {'color': 'var(--muted)'}}} | tip,
        'xAxis': x, 'yAxis': y, 'series': named,
    }


def _line(name: str, colour: str, area: float = 0.0, **more) -> dict:
    style = {'name': name, 'type': 'line', 'showSymbol': False, 'lineStyle': {'width': 2}, 'color': colour}
    return style | ({'areaStyle': {'opacity': area}} if area else {}) | more


def steps(start: float, step: float, row: Iterable[float], scale: float = 1.0) -> list[list[float]]:
    """Return a series of steps as points, the last one drawn to its end. `start`, `step` in [s]."""
    points = [[milliseconds(start + i * step), _number(value * scale)] for i, value in enumerate(row)]
    if points:
        points.append([milliseconds(start + len(points) * step), points[-1][1]])
    return points


def _number(value: float) -> float | None:
    return round(float(value), 6) if math.isfinite(value) else None


def live_chart() -> dict:
    """The home's power over the last minutes. [kW]"""
    series = [_line('Home uses', 'var(--load)', area=0.10), _line('Grid', 'var(--grid)'),
              _line('Solar', 'var(--solar)'), _line('Battery', 'var(--battery)')]
    return _chart(series, _time_axis(), _axis('kW'), 'kW', 2)


def live_rows(samples: Iterable[Sequence[float]]) -> Rows:
    """`samples` : rows of time [s], load, grid, solar, battery [W], as of `HomeModel.samples`."""
    rows = list(samples)
    return [[[milliseconds(row[0]), _number(row[column] * 1e-3)] for row in rows] for column in range(1, 5)]


def mains_chart() -> dict:
    """Voltage [V] and frequency [Hz] over the last minutes."""
    series = [_line('Voltage', 'var(--grid)'), _line('Frequency', 'var(--price)', yAxisIndex=1)]
    right = _axis('Hz', splitLine={'show': False}, **_SPAN_HZ)
    right['axisLabel'] |= {'showMinLabel': False, 'showMaxLabel': False}  # ends between the steps would overlap
    return _chart(series, _time_axis(), [_axis('V', **_SPAN_V), right], ['V', 'Hz'], 2)


def mains_rows(rows: Iterable[Sequence[float]]) -> Rows:
    """`rows` : time [s], voltage [V], frequency [Hz], as of `HomeModel.mains`."""
    rows = list(rows)
    return [[[milliseconds(row[0]), _number(row[column])] for row in rows] for column in (1, 2)]


def power_chart() -> dict:
    """One outlet's power over the last minutes. [W]"""
    return _chart([_line('Power', 'var(--load)', area=0.12)], _time_axis(), _axis('W', **_POWER), 'W', 1,
                  legend=False)


def power_rows(history: Iterable[tuple[float, float]]) -> Rows:
    """`history` : time [s] and power [W] of each reading."""
    return [[[milliseconds(at), _number(watts)] for at, watts in history]]


def price_chart(unit: str = 'price') -> dict:
    """Prices ahead [`unit`] and what the plan does with them [kW]."""
    series = [_line('Buying', 'var(--price)', step='end'), _line('Selling', 'var(--sell)', step='end'),
              _line('Planned from the grid', 'var(--grid)', 0.12, step='end', yAxisIndex=1, lineStyle={'width': 1})]
    right = _axis('kW', splitLine={'show': False})
    return _chart(series, _time_axis(), [_axis(unit), right], [unit, unit, 'kW'], 3)


def price_rows(prices: values.Prices | None, plan: values.Plan | None, since: float) -> Rows:
    """Prices [currency/kWh] and planned grid power [kW] from `since` [s] on."""
    rows = [steps(prices.start, prices.step, row) if prices else [] for row in
            ((prices.import_price, prices.export_price) if prices else ((), ()))]
    rows.append(steps(plan.start, plan.step, plan.grid_power, 1e-3) if plan else [])
    return [_from(row, since) for row in rows]


def _from(points: list[list[float]], since: float) -> list[list[float]]:
    """Return points from the step that holds at `since` [s] on."""
    begin = milliseconds(since)
    first = sum(1 for point in points if point[0] <= begin)
    return points[max(0, first - 1):]


def weather_chart() -> dict:
    """Weather ahead: temperature outside [°C] and sun on the roof [W/m²]."""
    series = [_line('Outside', 'var(--load)'), _line('Sun', 'var(--solar)', 0.12, yAxisIndex=1)]
    right = _axis('W/m²', splitLine={'show': False}, min=0)
    return _chart(series, _time_axis(), [_axis('°C'), right], ['°C', 'W/m²'], 1)


def weather_rows(weather: values.Weather | None, since: float) -> Rows:
    """Temperature [°C] and irradiance [W/m²] from `since` [s] on."""
    if weather is None:
        return [[], []]
    return [_from(steps(weather.start, weather.step, row), since)
            for row in (weather.air_temperature, weather.irradiance)]


def _faint(name: str) -> dict:
    """Return a word of a legend in the colour of a band."""
    return {'name': name, 'itemStyle': {'opacity': 0.3}}


def forecast_chart(name: str, colour: str) -> dict:
    """One quantity ahead, with the band that holds four times of five. [kW]"""
    hidden = {'lineStyle': {'opacity': 0}, 'stack': 'band', 'silent': True, 'symbol': 'none', 'stackStrategy': 'all'}
    series = [_line(name, colour), _line('_low', colour, **hidden),
              _line('8 of 10 times within', colour, area=0.18, **hidden)]
    chart = _chart(series, _time_axis(), _axis('kW', min=0), 'kW', 2)
    chart['legend']['data'] = [name, _faint('8 of 10 times within')]
    chart['tooltip']['show'] = False
    return chart


def forecast_rows(forecast: values.Forecast | None, since: float) -> Rows:
    """Mean, lower edge, and the width above it (stacked). [kW]"""
    if forecast is None:
        return [[], [], []]
    width = [high - low for low, high in zip(forecast.lower, forecast.upper, strict=True)]
    return [_from(steps(forecast.start, forecast.step, row, 1e-3), since)
            for row in (forecast.mean, forecast.lower, width)]


def plan_chart() -> dict:
    """Planned power of the home. [kW]"""
    series = [_line('Grid', 'var(--grid)', step='end'), _line('Solar', 'var(--solar)', step='end'),
              _line('Battery', 'var(--battery)', step='end'), _line('Unplanned use', 'var(--load)', 0.1, step='end')]
    return _chart(series, _time_axis(), _axis('kW'), 'kW', 2)


def plan_rows(plan: values.Plan | None) -> Rows:
    """Grid, solar, battery and unplanned power of each step. [kW]"""
    if plan is None:
        return [[], [], [], []]
    return [steps(plan.start, plan.step, row, 1e-3)
            for row in (plan.grid_power, plan.pv_power, plan.battery_power, plan.base_load)]


def battery_chart() -> dict:
    """Planned energy in the battery. [kWh]"""
    return _chart([_line('In the battery', 'var(--battery)', area=0.15)], _time_axis(), _axis('kWh', min=0), 'kWh', 2,
                  legend=False)


def battery_rows(plan: values.Plan | None) -> Rows:
    """Energy at the end of each step. [kWh]"""
    if plan is None:
        return [[]]
    return [[[milliseconds(plan.start + (i + 1) * plan.step), _number(energy)]
             for i, energy in enumerate(plan.battery_energy_kwh)]]


# Noise shall look like nothing. [A], [W]
_FROM_ZERO = {':min': 'v => v.min > -1 ? 0 : null'}
_AT_REST = 0.05  # current below which a picture is not blown up [A]
_POWER = {'min': 0, ':max': 'v => v.max < 1 ? 1 : null'}
_HARMONICS = {'min': 0, ':max': 'v => v.max < 0.01 ? 0.01 : null'}
_AT_LEAST = {':min': 'v => v.max - v.min < 0.2 ? -0.2 : null', ':max': 'v => v.max - v.min < 0.2 ? 0.2 : null'}


def waveform_chart() -> dict:
    """Voltage and current over two mains cycles."""
    series = [_line('Voltage', 'var(--grid)'), _line('Current', 'var(--price)', yAxisIndex=1)]
    right = _axis('A', splitLine={'show': False}, **_AT_LEAST)
    below = _axis('ms', type='value', splitLine={'show': False}, max='dataMax', nameLocation='middle', nameGap=24)
    return _roomy(_chart(series, below, [_axis('V'), right], ['V', 'A'], 2))


def _shown(waveform: values.Waveform, cycles: float) -> int:
    frequency = waveform.frequency if 40.0 <= waveform.frequency <= 70.0 else 50.0
    return min(len(waveform.voltage), round(cycles * waveform.sampling_rate / frequency) + 1)


def waveform_rows(waveform: values.Waveform | None) -> Rows:
    """Voltage [V] and current [A] against time [ms] from the rising zero crossing, whole cycles."""
    if waveform is None:
        return [[], []]
    count = _shown(waveform, CYCLES)
    at = np.round(np.arange(count) / waveform.sampling_rate * 1e3, 4)
    return [np.column_stack((at, np.round(row[:count], 4))).tolist() for row in (waveform.voltage, waveform.current)]


def trajectory_chart() -> dict:
    """The V–I picture: current against voltage over a cycle; every kind of appliance has its own."""
    chart = _chart([_line('V–I', 'var(--accent)')], _axis('V', type='value', nameLocation='middle', nameGap=24),
                   _axis('A', **_AT_LEAST), 'A', 2, legend=False)
    chart['tooltip']['show'] = False
    return _roomy(chart)


def _roomy(chart: dict) -> dict:
    """Make room for the name of the axis below."""
    chart['grid']['bottom'] = 22
    return chart


def trajectory_rows(waveform: values.Waveform | None) -> Rows:
    """Current [A] against voltage [V], one cycle, closed."""
    if waveform is None:
        return [[]]
    count = _shown(waveform, 1)
    return [np.column_stack((np.round(waveform.voltage[:count], 2), np.round(waveform.current[:count], 4))).tolist()]


def harmonics_chart() -> dict:
    """RMS current of each harmonic. [A]"""
    bars = {'name': 'Current', 'type': 'bar', 'color': 'var(--price)', 'barCategoryGap': '30%'}
    x = _axis('multiple of the mains frequency', type='category', data=[str(n + 1) for n in range(HARMONICS)],
              splitLine={'show': False}, nameLocation='middle', nameGap=24)
    return _roomy(_chart([bars], x, _axis('A', **_HARMONICS), 'A', 3, legend=False))


def harmonics_rows(reading: values.Reading | None) -> Rows:
    """Bars of harmonic 1, 2, … [A]"""
    if reading is None:
        return [[]]
    return [[[str(n + 1), _number(amperes)] for n, amperes in enumerate(reading.harmonics[:HARMONICS])]]


def history_chart(unit: str = 'W') -> dict:
    """A stored quantity over time: its mean, and the band between smallest and largest."""
    hidden = {'lineStyle': {'opacity': 0}, 'stack': 'band', 'silent': True, 'symbol': 'none', 'stackStrategy': 'all'}
    series = [_line('Mean', 'var(--load)'), _line('_low', 'var(--load)', **hidden),
              _line('Smallest to largest', 'var(--load)', area=0.14, **hidden)]
    chart = _chart(series, _time_axis(), _axis(unit, **_FROM_ZERO), unit, 1)
    chart['legend']['data'] = ['Mean', _faint('Smallest to largest')]
    chart['tooltip']['show'] = False
    return chart


def between(start: float, end: float) -> dict:
    """Return the bounds of a time axis: what was not stored stays empty. [s]"""
    return {'min': milliseconds(start), 'max': milliseconds(end)}


def history_rows(history: values.History | None) -> Rows:
    """Mean, smallest, and the width above it (stacked), in the history's unit."""
    if history is None:
        return [[], [], []]
    width = [high - low for low, high in zip(history.minimum, history.maximum, strict=True)]
    return [[[milliseconds(at), _number(value)] for at, value in zip(history.start, row, strict=True)]
            for row in (history.mean, history.minimum, width)]


def segments(power: Sequence[float], least: float = 1.0) -> list[tuple[int, int, float]]:
    """Return the stretches in which a device runs: first step, step after the last, mean power. [W]

    least : below this it does not run. [W]
    """
    out, first = [], None
    for i, watts in enumerate((*power, 0.0)):
        runs = watts >= least
        if runs and first is None:
            first = i
        elif not runs and first is not None:
            out.append((first, i, sum(power[first:i]) / (i - first)))
            first = None
    return out


PICTURE = 64  # points of a small V–I picture


def loop_picture(waveform: values.Waveform | None) -> str:
    """Return a small V–I picture, one cycle, as SVG that fills its box; empty when nothing is drawn."""
    if waveform is None:
        return ''
    count = _shown(waveform, 1)
    pick = np.linspace(0, count - 1, min(PICTURE, count)).round().astype(int)
    voltage, current = waveform.voltage[pick], waveform.current[pick]
    size = np.abs(voltage).max(), max(float(np.abs(current).max()), _AT_REST)
    if not size[0] > 0:
        return ''
    points = ' '.join(f'{x:.1f},{y:.1f}' for x, y in zip(30 + 27 * voltage / size[0], 30 - 27 * current / size[1],
                                                         strict=True))
    return ('<svg viewBox="0 0 60 60" role="img" aria-label="Current against voltage over one cycle">'
            '<path d="M3 30H57M30 3V57" stroke="var(--line)" fill="none"/>'
            f'<polygon points="{points}" fill="none" stroke="var(--accent)" stroke-width="1.5"/></svg>')
