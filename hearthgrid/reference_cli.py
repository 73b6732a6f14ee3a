"""`hearthgrid interfaces` and `hearthgrid parameters`."""

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from hearthgrid.options import AsJson


def interfaces(
    json_: AsJson = False,
    markdown: Annotated[bool, typer.Option('--markdown', help='The page docs/interfaces.md.')] = False,
) -> None:
    """List every topic, service and action."""
    from hearthgrid import reference
    from hearthgrid.cli import out

    if markdown:
        print(reference.interfaces_page(), end='')
    elif json_:
        print(json.dumps(reference.interface_rows()))
    else:
        table = Table(box=None)
        for column in ('name', 'type', 'scope', 'quality', 'what'):
            table.add_column(column)
        for row in reference.interface_rows():
            table.add_row(*(escape(row[name]) for name in ('name', 'type', 'scope', 'quality', 'doc')))
        out.print(table)


def parameters(
    markdown: Annotated[bool, typer.Option('--markdown', help='The page docs/parameters.md.')] = False,
    json_: AsJson = False,
) -> None:
    """List every parameter of every node, with unit, default and bounds."""
    from hearthgrid import reference
    from hearthgrid.cli import out

    if json_:
        print(json.dumps(reference.parameters()))
        return
    text = reference.parameters_page()
    print(text, end='') if markdown else out.print(text, markup=False, highlight=False)
