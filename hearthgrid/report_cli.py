"""`hearthgrid report`."""

import os
import shutil
import subprocess
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from hearthgrid.options import StateDir

CHROMIUM = ('chromium', 'chromium-browser', 'google-chrome')
PATIENCE = 120.0  # with the browser that prints [s]


def chromium() -> str | None:
    """Return the program of a Chromium: what HEARTHGRID_CHROMIUM says, else the first that is installed."""
    return os.environ.get('HEARTHGRID_CHROMIUM') or next(filter(None, map(shutil.which, CHROMIUM)), None)


def printed(text: str, path: Path) -> None:
    """Print a page of HTML to a PDF file with Chromium. ReportError, for people, when that cannot be; OSError."""
    from hearthgrid.report_numbers import ReportError

    browser = chromium()
    if browser is None:
        raise ReportError('a PDF is printed with Chromium: apt-get install chromium (HTML needs none)')
    with tempfile.TemporaryDirectory(prefix='hearthgrid-report-') as folder:
        page, made = Path(folder) / 'report.html', Path(folder) / 'report.pdf'
        page.write_text(text, encoding='utf-8')
        command = [browser, '--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', '--no-pdf-header-footer',
                   f'--user-data-dir={folder}/profile', f'--print-to-pdf={made}', page.as_uri()]
        try:
            subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False)
        except subprocess.TimeoutExpired:
            raise ReportError(f'{browser} did not print in {PATIENCE:.0f} s') from None
        if not made.exists():
            raise ReportError(f'{browser} could not print the report')
        shutil.copyfile(made, path)


def report(
    state_dir: StateDir = None,
    month: Annotated[str, typer.Option(help='YYYY-MM, in the home’s local time. Empty: the last --days.')] = '',
    days: Annotated[int, typer.Option(help='Back from now.', min=1, max=400)] = 30,
    out_file: Annotated[Path, typer.Option('--out', help='File to write.')] = Path('report.html'),
    home: Annotated[
        Path | None, typer.Option('--home', help='YAML file of the home.', show_default='the one that last ran')
    ] = None,
) -> None:
    """Write what a home cost and saved, its peaks, plans, forecasts, outages and anomalies: HTML, or PDF for `.pdf`."""
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
        if out_file.suffix.lower() == '.pdf':
            with err.status('printing'):
                printed(text, out_file)
        else:
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
