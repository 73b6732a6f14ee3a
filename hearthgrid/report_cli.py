"""`hearthgrid report`."""

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer


def report(
    state_dir: Annotated[
        Path | None, typer.Option('--state-dir', help='Of the home.', show_default='$HEARTHGRID_STATE')
    ] = None,
    month: Annotated[str, typer.Option(help='YYYY-MM, in the home’s local time. Empty: the last --days.')] = '',
    days: Annotated[int, typer.Option(help='Back from now.', min=1, max=400)] = 30,
    out_file: Annotated[Path, typer.Option('--out', help='File to write.')] = Path('report.html'),
    home: Annotated[
        Path | None, typer.Option('--home', help='YAML file of the home.', show_default='the one that last ran')
    ] = None,
) -> None:
    """Write what a home cost and saved, its peaks, plans, forecasts, outages and anomalies as one page of HTML."""
    from zoneinfo import ZoneInfo

    from hearthgrid.cli import err, fail, out, state_folder
    from hearthgrid.report import amount, page
    from hearthgrid.report_numbers import ReportError, described, gather, period
    from hub_nodes.store.backend import StoreError
    from hub_nodes.store.place import open_history

    folder = state_folder(state_dir)
    try:
        history = open_history(folder)
        facts = described(folder, home)
        zone = ZoneInfo(facts.timezone) if facts else datetime.now().astimezone().tzinfo
        start, end = period(month, days, time.time(), zone)
        with err.status('reading'):
            numbers = gather(history, start, end, facts, zone)
            text = page(numbers, facts.name if facts else 'home')
        out_file.write_text(text, encoding='utf-8')
    except (ReportError, StoreError) as error:
        raise fail(error) from None
    except OSError as error:
        raise fail(f'{out_file}: {error.strerror}') from None
    measured, idle = numbers.bills.get('measured'), numbers.bills.get('doing nothing')
    words = 'no cost is known'
    if measured is not None:
        saved = amount(idle.cost - measured.cost)
        words = f'{amount(measured.cost)} {numbers.currency}, {saved} less than doing nothing'
    out.print(f'{out_file}: {words}', highlight=False, markup=False, soft_wrap=True)
