"""`hearthgrid bench`."""

import json
import math
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from hearthgrid.options import AsJson


def bench(
    name: Annotated[str, typer.Argument(help='A benchmark, or "all".')] = '',
    list_: Annotated[bool, typer.Option('--list', help='What there is.')] = False,
    json_: AsJson = False,
    markdown: Annotated[bool, typer.Option('--markdown', help='Rows for docs/benchmarks.md.')] = False,
) -> None:
    """Measure a claim. Exit code 1 where one does not hold."""
    from hearthgrid import benchmark
    from hearthgrid.cli import err, fail, out

    try:
        found = benchmark.find()
    except FileNotFoundError as error:
        raise fail(error) from None
    if list_ or not name:
        if json_:
            print(json.dumps({b.name: b.about for b in found.values()}))
        else:
            for b in found.values():
                out.print(f'{b.name:19} {b.about}', highlight=False, markup=False)
        return
    if name != 'all' and name not in found:
        raise fail(f'no benchmark is called {name!r}; there are {", ".join(found)}', 2)
    results = []
    for b in found.values() if name == 'all' else [found[name]]:
        with err.status(f'{b.name} …') as shown:
            try:
                results += b.run(lambda text, b=b, shown=shown: shown.update(f'{b.name}: {text}'))
            except FileNotFoundError as error:
                raise fail(f'{b.name}: {error}') from None
    if json_:
        print(
            json.dumps(
                [
                    {k: None if isinstance(v, float) and math.isnan(v) else v for k, v in r.__dict__.items()}
                    for r in results
                ]
            )
        )
    elif markdown:
        print(benchmark.markdown(results))
    else:
        table = Table(box=None)
        for column in ('what', 'value', 'baseline', 'ratio', 'goal', ''):
            table.add_column(column)
        for r in results:
            table.add_row(
                escape(r.name),
                escape(f'{benchmark.number(r.value)} {r.unit}'),
                f'{r.baseline_name} {benchmark.number(r.baseline)}'.strip(),
                benchmark.number(r.ratio),
                r.goal,
                'holds' if r.holds else '[red]missed[/]',
            )
        out.print(table)
    raise typer.Exit(int(not all(r.holds for r in results)))
