"""`hearthgrid user` and `hearthgrid token`: who may come in, changed from the command line."""

import json

import pytest
from typer.testing import CliRunner

from hearthgrid.cli import app
from hub_nodes.dashboard.tokens import Tokens
from hub_nodes.dashboard.users import Users

PASSWORD = 'correct horse battery'


@pytest.fixture()
def run(tmp_path):
    def run(*arguments: str, given: str = ''):
        return CliRunner().invoke(app, [*arguments, '--state-dir', str(tmp_path)], input=given)

    return run


def test_a_user_is_added_listed_changed_and_removed(run, tmp_path):
    assert run('user', 'add', 'anna', '--role', 'admin', '--stdin', given=f'{PASSWORD}\n').exit_code == 0
    assert run('user', 'add', 'bob', given=f'{PASSWORD}\n{PASSWORD}\n').exit_code == 0
    assert json.loads(run('user', 'list', '--json').stdout) == [
        {'name': 'anna', 'role': 'admin'},
        {'name': 'bob', 'role': 'viewer'},
    ]
    assert run('user', 'role', 'bob', 'operator').exit_code == 0
    assert run('user', 'password', 'bob', '--stdin', given='another good one\n').exit_code == 0
    assert Users(str(tmp_path)).check('bob', 'another good one').role == 'operator'
    assert run('user', 'remove', 'bob').exit_code == 0
    assert [user.name for user in Users(str(tmp_path)).list()] == ['anna']


@pytest.mark.parametrize(
    'arguments, given, words',
    [
        (('user', 'add', 'bob', '--stdin'), PASSWORD, 'first user has to be an admin'),
        (('user', 'add', 'bob', '--role', 'admin', '--stdin'), 'short', '10 to 256 characters'),
        (('user', 'add', 'bob', '--role', 'admin', '--stdin'), '', '10 to 256 characters'),
        (('user', 'add', 'b/b', '--role', 'admin', '--stdin'), PASSWORD, 'a name has'),
        (('user', 'remove', 'bob'), '', 'there is no user bob'),
        (('token', 'remove', 'x'), '', 'there is no token x'),
        (('token', 'add', 'x', '--scope', 'all'), '', 'none of read, control, admin'),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_1(run, arguments, given, words):
    answer = run(*arguments, given=given)
    assert answer.exit_code == 1 and words in answer.output and 'Traceback' not in answer.output


def test_no_command_takes_a_password_as_an_argument(run):
    for command in ('add', 'password'):
        shown = CliRunner().invoke(app, ['user', command, '--help']).output
        assert '--stdin' in shown and '--password' not in shown
    assert run('user', 'add', 'anna', PASSWORD).exit_code == 2


def test_a_token_is_printed_once_alone_on_the_output(run, tmp_path):
    secret = run('token', 'add', 'grafana', '--scope', 'read').stdout.strip()
    assert Tokens(str(tmp_path)).check(secret).name == 'grafana'
    assert 'grafana' in run('token', 'list').stdout and secret not in run('token', 'list', '--json').stdout
    assert run('token', 'remove', 'grafana').exit_code == 0 and Tokens(str(tmp_path)).check(secret) is None


def test_every_setting_of_every_node_is_listed_for_programs():
    listed = json.loads(CliRunner().invoke(app, ['parameters', '--json']).stdout)
    assert {'outlet', 'plan', 'dashboard', 'world'} <= set(listed)
    (one,) = [one for one in listed['dashboard'] if one['name'] == 'page_rate']
    assert (one['default'], one['unit'], one['low'], one['high']) == (10.0, 'Hz', 0.2, 10.0) and one['description']
