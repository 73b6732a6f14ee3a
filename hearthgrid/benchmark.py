"""The form of a benchmark: one file in `bench/`, run by `hearthgrid bench NAME`, told in one table."""

import importlib.util
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True)
class Result:
    """One claim, measured: against a baseline of the same run, and against its goal."""

    name: str
    value: float
    unit: str
    baseline: float = math.nan  # measured in the same run, in the same unit; NaN = none
    baseline_name: str = ''
    limit: float = math.nan  # what `value` or `ratio` is held against
    ratio: float = math.nan  # value over baseline
    goal: str = ''  # in words
    holds: bool = True

    def __post_init__(self) -> None:
        for field in fields(self):  # numpy's own numbers are none to JSON
            object.__setattr__(self, field.name, field.type(getattr(self, field.name)))


@dataclass(frozen=True)
class Benchmark:
    """A file of `bench/`."""

    name: str
    about: str  # first line of its docstring
    run: Callable[[Callable[[str], None]], list[Result]]


def folder() -> Path:
    """Return where the benchmarks lie: beside the sources."""
    root = os.environ.get('HEARTHGRID_ROOT')
    return Path(root) / 'bench' if root else Path(__file__).resolve().parent.parent / 'bench'


def recordings() -> Path:
    """Return where real recordings lie: $HEARTHGRID_DATA, else ../shared/data. FileNotFoundError where they do not."""
    chosen = os.environ.get('HEARTHGRID_DATA')
    path = Path(chosen) if chosen else folder().parent.parent / 'shared' / 'data'
    if not path.is_dir():
        raise FileNotFoundError(f'no recordings at {path}: set HEARTHGRID_DATA to their folder')
    return path


def find() -> dict[str, Benchmark]:
    """Return all benchmarks by name. FileNotFoundError where there is no `bench/`."""
    if not folder().is_dir():
        raise FileNotFoundError(f'no benchmarks at {folder()}: they come with the sources')
    found = {}
    for path in sorted(folder().glob('*.py')):
        module = beside(path.stem)
        if hasattr(module, 'NAME'):
            found[module.NAME] = Benchmark(module.NAME, (module.__doc__ or '').strip().split('\n')[0], module.run)
    return found


def beside(stem: str) -> ModuleType:
    """Return a file of `bench/` as a module: also for one that needs another."""
    path, name = folder() / f'{stem}.py', f'hearthgrid_bench_{stem}'
    module = sys.modules.get(name)
    if module is None or module.__file__ != str(path):
        spec = importlib.util.spec_from_file_location(name, path)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def markdown(results: list[Result]) -> str:
    """Return rows of the table of `docs/benchmarks.md`."""
    return '\n'.join(
        f'| {r.name} | {number(r.value)} {r.unit} | {r.baseline_name} {number(r.baseline)} | '
        f'{number(r.ratio)} | {r.goal} | {"holds" if r.holds else "**missed**"} |'
        for r in results
    )


def number(value: float) -> str:
    """Return a measured number for people; an empty text for NaN."""
    if math.isnan(value):
        return ''
    return f'{value:,.0f}' if abs(value) >= 1000 else f'{value:.3g}'
