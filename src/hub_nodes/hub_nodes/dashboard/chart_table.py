"""What a chart shows, as the columns of a table: for who does not see it, and for who wants the numbers."""

ACROSS = {'ms': 'Time [ms]', 'V': 'Voltage [V]'}  # what an axis of numbers is, by its unit
HIDDEN = '_low'  # a series that is only the lower edge of the band stacked on it


def columns(options: dict) -> dict:
    """Return what the page needs to make a table of a chart's points.

    x : heading of what runs across, `kind` of it (time, value, category).  columns : each its name, the axis that says
    its unit, the series it adds up, and whether a point holds until the next.  units : of the axes.  say : how a place
    on the axis across is said, {} for its number; empty as it is.
    """
    x = options['xAxis']
    kind = x.get('type', 'value')
    axes = options['yAxis'] if isinstance(options['yAxis'], list) else [options['yAxis']]
    made = []
    for i, series in enumerate(options['series']):
        edge = i and options['series'][i - 1]['name'] == HIDDEN
        name = series['name']
        if name == HIDDEN:
            name = f'{options["series"][i + 1]["name"]}: from'
        elif edge:
            name = f'{name}: to'
        made.append({'name': name, 'axis': series.get('yAxisIndex', 0), 'series': [i - 1, i] if edge else [i],
                     'holds': 'step' in series})
    head = {'time': 'Time', 'category': 'Harmonic'}.get(kind) or ACROSS[x['name']]
    say = {'time': '', 'category': 'harmonic {}'}.get(kind, f'{{}} {x["name"]}')
    return {'x': head, 'kind': kind, 'columns': made, 'units': [axis['name'] for axis in axes], 'say': say}
