"""Imports point down only, and the reference pages say what the code says."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hearthgrid import reference

ROOT = Path(__file__).resolve().parent.parent


def test_imports_point_down_only():
    result = subprocess.run(
        [Path(sys.executable).with_name('lint-imports'), '--no-cache'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': ':'.join(sys.path)},
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    'page, made', [('interfaces.md', reference.interfaces_page), ('parameters.md', reference.parameters_page)]
)
def test_reference_pages_are_up_to_date(page, made):
    assert (ROOT / 'docs' / page).read_text() == made(), (
        f'make it again: hearthgrid {page.removesuffix(".md")} --markdown'
    )


def chance(tree):
    """Yield lines where a module draws a number from a generator nobody gave it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module == 'random':
            yield from (node.lineno for name in node.names if name.name != 'Random')
        elif isinstance(node, ast.Import) and any(name.name == 'random' for name in node.names):
            yield node.lineno
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ('Random', 'np.random.default_rng'):
            if not node.args and not node.keywords:
                yield node.lineno
        elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == 'np.random':
            if node.attr not in ('default_rng', 'Generator', 'SeedSequence', 'BitGenerator'):
                yield node.lineno


def test_the_core_draws_no_number_of_its_own():
    for path in (ROOT / 'src/core/hearthgrid_core').rglob('*.py'):
        assert not list(chance(ast.parse(path.read_text()))), path


@pytest.mark.parametrize(
    'code', ['import random', 'from random import choice', 'np.random.rand(3)', 'np.random.default_rng()']
)
def test_that_would_be_noticed(code):
    assert list(chance(ast.parse(code)))


def test_no_machine_is_named():
    """Paths and registries of one machine have no place in the repository."""
    files = subprocess.run(['git', 'ls-files'], cwd=ROOT, capture_output=True, text=True)
    if files.returncode:
        pytest.skip('not a git checkout')
    words = ['pypi' + '.org', 'python' + 'hosted', 'registry.' + 'npmjs', 'deb.' + 'debian.org']
    for name in files.stdout.split():
        path = ROOT / name
        if path.suffix not in ('.png', '.jpg', '.svg') and path.is_file():
            text = path.read_text(encoding='utf-8', errors='replace')
            assert not [word for word in words if word in text], name
