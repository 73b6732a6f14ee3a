"""`hearthgrid fuzz`: hostile bytes into the parsers of bytes from outside."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from hearthgrid.options import AsJson


def fuzz(
    name: Annotated[str, typer.Argument(help='A target, or "all".')] = '',
    list_: Annotated[bool, typer.Option('--list', help='What there is.')] = False,
    count: Annotated[int, typer.Option(help='Inputs of each target.', min=1)] = 2000,
    seed: Annotated[int, typer.Option(help='The same seed makes the same inputs.')] = 0,
    keep: Annotated[Path, typer.Option(help='Folder for inputs that fail.')] = Path('fuzz-failures'),
    replay: Annotated[Path | None, typer.Option(help='Feed this file alone, and show what happens.')] = None,
    json_: AsJson = False,
) -> None:
    """Feed hostile bytes to the parsers. Exit code 1 where one fails otherwise than it is documented to."""
    import json
    from contextlib import ExitStack

    from hearthgrid.cli import err, fail, out
    from hearthgrid.fuzz import run
    from hearthgrid.fuzz_targets import targets

    known = targets()
    if list_ or not name:
        if json_:
            print(json.dumps({target.name: target.about for target in known.values()}))
        for target in [] if json_ else known.values():
            out.print(f'{target.name:20} {target.about}', highlight=False, markup=False)
        return
    if name != 'all' and name not in known:
        raise fail(f'no target is called {name!r}; there are {", ".join(known)}', 2)
    if replay is not None:
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            try:
                known[name].open(Path(folder), stack)[1](replay.read_bytes())
            except (KeyError, OSError) as error:
                raise fail(f'{replay}: {error}', 2) from None
            except known[name].refuses as error:
                out.print(f'refused: {type(error).__name__}: {str(error)[:300]}', markup=False, highlight=False)
                return
        out.print('taken')
        return
    rows, failed = [], False
    for target in known.values() if name == 'all' else [known[name]]:
        with err.status(f'{target.name} …') as shown, tempfile.TemporaryDirectory() as folder:
            outcome = run(
                target, count, seed, Path(folder), keep,
                lambda text, target=target, shown=shown: shown.update(f'{target.name}: {text}'),
            )  # fmt: skip
        rows.append(outcome.__dict__)
        failed = failed or outcome.failed > 0
        if not json_:
            out.print(
                f'{outcome.name:20} {outcome.inputs:8,} inputs {outcome.taken:8,} taken {outcome.refused:8,} refused '
                f'{outcome.failed:4} failed {outcome.seconds:6.1f} s of CPU',
                highlight=False,
            )
            for error, path in outcome.failures:
                out.print(f'  {error}\n  input: {path}', markup=False, highlight=False, soft_wrap=True)
    if json_:
        print(json.dumps(rows))
    raise typer.Exit(int(failed))
