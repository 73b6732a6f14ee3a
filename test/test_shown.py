"""What the command line shows arrives whole: brackets are units, not styles."""

import io
import re

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from hearthgrid import cli, past, summary
from hearthgrid.witness import Seen
from hearthgrid_msgs.msg import OutletState, Reading


def leaves(command, path=()):
    """Yield (words, command) of every command."""
    for name, below in getattr(command, 'commands', {}).items():
        yield from leaves(below, (*path, name))
    yield ' '.join(path), command


@pytest.mark.parametrize('command', [pytest.param(command, id=words or 'hearthgrid')
                                     for words, command in leaves(typer.main.get_command(cli.app))])  # fmt: skip
def test_no_unit_of_a_help_text_is_taken_for_a_style(command):
    for text in (command.help or '', *(getattr(option, 'help', None) or '' for option in command.params)):
        assert not re.search(r'(?<!\\)\[[a-z#/@]', text), text


def test_help_shows_units_and_where_the_state_lies():
    shown = CliRunner(env={'COLUMNS': '200'}).invoke(cli.app, ['history', '--help']).output
    assert '[s]; 0: fitting' in shown and '~/.local/state/hearthgrid' in shown


def test_history_shows_the_unit_and_small_numbers(monkeypatch, tmp_path):
    rows = [(1e9 + k, 0.0612 + k, 0.06, 1200.0, 1.0) for k in range(3)]
    monkeypatch.setattr(past, 'points', lambda *_: (rows, 'kWh'))
    written = io.StringIO()
    monkeypatch.setattr(cli, 'out', Console(file=written, width=132))
    done = CliRunner().invoke(cli.app, ['history', 'car', '--quantity', 'energy_kwh', '--state-dir', str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert 'car energy_kwh [kWh]' in written.getvalue()
    assert '0.0612' in written.getvalue() and '1,200.0' in written.getvalue()


def test_a_name_with_brackets_is_shown_as_it_is():
    seen = Seen()
    seen.states['lamp'] = OutletState(outlet='lamp', title='Lamp [red]', reason='[bold]')
    seen.readings['lamp'] = Reading(outlet='lamp', active_power=7.0)
    seen.first_energy['lamp'] = 0.0
    written = io.StringIO()
    Console(file=written, width=132).print(summary.outlet_table(seen))
    assert 'Lamp [red]' in written.getvalue() and '[bold]' in written.getvalue()
