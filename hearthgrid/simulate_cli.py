"""`hearthgrid simulate`."""

import json
import math
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from hearthgrid.options import AsJson


def simulate(
    home: Annotated[
        Path | None, typer.Option('--home', help='YAML file of the home.', show_default='config/home.yaml')
    ] = None,
    days: Annotated[int, typer.Option(help='How many.', min=1, max=366)] = 7,
    what_if: Annotated[
        list[str] | None,
        typer.Option(help='A home with something changed, e.g. battery=20,tariff=flat. May be given several times.'),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help='CSV or Parquet, or a folder of them: time, load, pv, price, sell, carbon.')
    ] = None,
    first: Annotated[str, typer.Option('--start', help='First day, without --data.')] = '2026-04-06',
    perfect: Annotated[bool, typer.Option('--perfect', help='Also with perfect forecasts.')] = False,
    seed: Annotated[int, typer.Option(help='Of people, weather and prices.', min=0)] = 1,
    json_: AsJson = False,
) -> None:
    """Run a home for days on virtual time: the plan against doing nothing, own use and timers, and what-ifs."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from hearthgrid import simulate_compare as comparing
    from hearthgrid.cli import config_folder, err, fail, out
    from hearthgrid.simulate_course import CourseError
    from hearthgrid_ros.home import HomeError, load

    try:
        described = load(home or config_folder() / 'home.yaml')
        changes = [comparing.change(text, described) for text in what_if or ()]
        make = comparing.maker(described, days, seed, date.fromisoformat(first), data)
        with Progress(
            TextColumn('{task.description}'), BarColumn(), TimeElapsedColumn(), console=err, transient=True
        ) as shown:
            bar = shown.add_task('', total=1.0)

            def tell(name: str, share: float) -> None:
                shown.update(bar, description=name, completed=share)

            rows = comparing.compare(described, make, changes, perfect, tell)
    except (HomeError, CourseError, ValueError) as error:
        raise fail(error, 2) from None
    if json_:
        print(json.dumps([{k: None if isinstance(v, float) and math.isnan(v) else v for k, v in
                           ({'home': r.home, 'controller': r.controller, 'saved': r.saved, 'captured': r.captured}
                            | asdict(r.outcome)).items()} for r in rows]))  # fmt: skip
        return
    out.print(comparing.table(rows, described.tariff.currency, days))
