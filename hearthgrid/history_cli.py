"""`hearthgrid history`."""

import json
import math
import time
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from hearthgrid.options import AsJson, StateDir


def history(
    outlet: Annotated[str, typer.Argument(help='Outlet, or grid, pv, battery. Empty: what there is.')] = '',
    quantity: Annotated[str, typer.Option(help='A field of Reading.')] = 'active_power',
    hours: Annotated[float, typer.Option(help='Back from now.', min=0)] = 24.0,
    step: Annotated[float, typer.Option(help='Of the answer \\[s]; 0: fitting.', min=0)] = 0.0,
    json_: AsJson = False,
    csv: Annotated[bool, typer.Option('--csv', help='Print CSV.')] = False,
    state_dir: StateDir = None,
) -> None:
    """Read the store's file: works with the home running or not."""
    from hearthgrid.cli import fail, out, state_folder
    from hearthgrid.past import PastError, outlets, points, sparkline

    folder = state_folder(state_dir)
    try:
        if not outlet:
            names = outlets(folder)
            print(json.dumps(names)) if json_ else out.print('\n'.join(names), highlight=False)
            return
        rows, unit = points(folder, outlet, quantity, time.time() - 3600 * hours, time.time(), step)
    except PastError as error:
        raise fail(error) from None
    if json_:
        print(
            json.dumps(
                {
                    'outlet': outlet,
                    'quantity': quantity,
                    'unit': unit,
                    'points': [[None if isinstance(v, float) and math.isnan(v) else v for v in row] for row in rows],
                }
            )
        )
    elif csv:
        print('start,mean,minimum,maximum,count')
        print('\n'.join(','.join(f'{v:.10g}' for v in row) for row in rows))
    else:
        table = Table(
            title=escape(f'{outlet} {quantity} [{unit}]  {sparkline([row[1] for row in rows])}'),
            title_justify='left',
            box=None,
        )
        for column in ('from', 'mean', 'min', 'max', 'readings'):
            table.add_column(column, justify='right')
        for start, mean, low, high, count in [row for row in rows if row[4]][-40:]:
            table.add_row(
                time.strftime('%m-%d %H:%M:%S', time.localtime(start)),
                *(f'{value:,.1f}' if abs(value) >= 10 else f'{value:.4g}' for value in (mean, low, high)),
                f'{count:.0f}',
            )
        out.print(table)
