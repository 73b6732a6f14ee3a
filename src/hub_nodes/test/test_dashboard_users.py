"""Users, tokens, sessions, waits and the audit log, each by itself."""
import json
import os
import stat
import subprocess
import sys
import threading

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from hub_nodes.dashboard.attempts import Attempts, Buckets
from hub_nodes.dashboard.audit import AuditLog
from hub_nodes.dashboard.rows import Refused
from hub_nodes.dashboard.sessions import Sessions
from hub_nodes.dashboard.tokens import Tokens
from hub_nodes.dashboard.users import PASSWORD_MAX, Users
from hub_nodes.dashboard.who import SCOPES, Who

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
PASSWORD, NOW = 'correct horse battery', 1_800_000_000.0


@pytest.fixture()
def users(tmp_path):
    made = Users(str(tmp_path), CHEAP)
    made.add('anna', PASSWORD, 'admin')
    return made


def test_only_the_right_password_of_a_user_is_right(users):
    assert users.check('anna', PASSWORD).role == 'admin'
    for name, password in (('anna', PASSWORD + ' '), ('anna', ''), ('bob', PASSWORD), ('', ''), ('Anna', PASSWORD),
                           ('anna', 'x' * (PASSWORD_MAX + 1))):
        assert users.check(name, password) is None


def test_no_password_is_kept_and_only_the_owner_reads_the_file(users, tmp_path):
    path = tmp_path / 'users.json'
    assert PASSWORD not in path.read_text() and '$argon2id$' in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    twice = json.loads(path.read_text())['rows']['anna']['hash']
    users.set_password('anna', PASSWORD)
    assert json.loads(path.read_text())['rows']['anna']['hash'] != twice  # salted


@pytest.mark.parametrize('name, password, role, words', [
    ('bob', 'short', 'viewer', '10 to 256 characters'), ('bob', 'x' * 257, 'viewer', '10 to 256 characters'),
    ('bob', 'aaaaaaaaaaaa', 'viewer', 'guessed'), ('bartholomew', 'Bartholomew', 'viewer', 'guessed'),
    ('anna', PASSWORD, 'viewer', 'there is a user anna already'), ('bob', PASSWORD, 'root', 'none of viewer, operator'),
    ('', PASSWORD, 'viewer', 'a name has'), ('a b', PASSWORD, 'viewer', 'a name has'),
    ('../x', PASSWORD, 'viewer', 'a name has'), ('bob\n', PASSWORD, 'viewer', 'a name has'),
    ('b' * 33, PASSWORD, 'viewer', 'a name has'),
])
def test_what_is_no_user_is_refused_and_changes_nothing(users, name, password, role, words):
    with pytest.raises(Refused, match=words):
        users.add(name, password, role)
    assert [user.name for user in users.list()] == ['anna']


def test_there_is_always_an_admin_and_the_first_user_is_one(tmp_path, users):
    users.add('bob', PASSWORD, 'viewer')
    for change in (lambda: users.remove('anna'), lambda: users.set_role('anna', 'operator')):
        with pytest.raises(Refused, match='last admin'):
            change()
    users.set_role('bob', 'admin')
    users.remove('anna')
    users.remove('bob')  # the last user of all may go: then this machine needs no login
    assert not users.any()
    with pytest.raises(Refused, match='first user has to be an admin'):
        users.add('bob', PASSWORD, 'viewer')


def test_of_two_who_both_make_the_first_user_one_does(tmp_path):
    made = [Users(str(tmp_path), CHEAP) for _ in range(2)]
    said = []

    def first(one, name) -> None:
        try:
            said.append(one.add(name, PASSWORD, 'admin', first=True).name)
        except Refused as refusal:
            said.append(str(refusal))
    threads = [threading.Thread(target=first, args=(one, name)) for one, name in zip(made, ('a', 'b'), strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 'there is a user already' in said and len(made[0].list()) == 1


def test_what_another_process_changes_is_seen_and_none_is_lost(tmp_path, users):
    code = ('import sys; from hub_nodes.dashboard.users import Users; from argon2 import PasswordHasher\n'
            'users = Users(sys.argv[1], PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))\n'
            'print("ready", flush=True)\n'
            'for i in range(40): users.add(f"other{i}", "correct horse battery", "viewer")')
    with subprocess.Popen([sys.executable, '-c', code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout.readline() == 'ready\n'
        for i in range(40):
            users.add(f'own{i}', PASSWORD, 'viewer')
        assert child.wait(60) == 0
    assert len(users.list()) == 81 and users.check('other3', PASSWORD)


def test_a_damaged_file_lets_nobody_in(tmp_path, users):
    (tmp_path / 'users.json').write_text('{"format": "hearthgrid users 1", "rows": ')
    for question in (users.any, users.list, lambda: users.check('anna', PASSWORD)):
        with pytest.raises(ValueError, match='cannot be read'):
            question()


def test_without_a_folder_nothing_is_kept_and_that_is_said():
    users = Users('', CHEAP)
    assert not users.any() and not users.keeps
    with pytest.raises(Refused, match='state_dir'):
        users.add('anna', PASSWORD, 'admin')


def test_a_role_or_password_that_changes_changes_the_mark(users):
    users.add('bob', PASSWORD, 'viewer')
    marks = [users.get('bob').mark]
    users.set_role('bob', 'operator')
    marks.append(users.get('bob').mark)
    users.set_password('bob', PASSWORD)
    marks.append(users.get('bob').mark)
    assert len(set(marks)) == 3


def test_a_token_is_shown_once_and_kept_as_a_hash(tmp_path):
    tokens = Tokens(str(tmp_path))
    secret = tokens.add('grafana', 'read', NOW)
    assert secret.startswith('hg_') and len(secret) > 40 and secret not in (tmp_path / 'tokens.json').read_text()
    assert tokens.check(secret).name == 'grafana' and tokens.check(secret[:-1]) is None and tokens.check('') is None
    with pytest.raises(Refused, match='already'):
        tokens.add('grafana', 'admin', NOW)
    with pytest.raises(Refused, match='none of read, control, admin'):
        tokens.add('other', 'write', NOW)
    tokens.remove('grafana')
    assert tokens.check(secret) is None
    with pytest.raises(Refused, match='there is no token'):
        tokens.remove('grafana')


@pytest.mark.parametrize('scope', SCOPES)
@pytest.mark.parametrize('needed', SCOPES)
def test_each_scope_holds_those_before_it(scope, needed):
    assert Who('x', scope, 'api').may(needed) is (SCOPES.index(scope) >= SCOPES.index(needed))


def test_a_session_is_read_back_until_it_is_over_or_ended(tmp_path):
    sessions = Sessions(str(tmp_path), 100.0)
    cookie, session = sessions.begin('anna', 'mark', NOW)
    assert sessions.read(cookie, NOW + 99) == session and sessions.read(cookie, NOW + 100) is None
    assert Sessions(str(tmp_path), 100.0).read(cookie, NOW) == session  # after a restart
    sessions.end(session.id, session.until, NOW)
    assert sessions.read(cookie, NOW) is None
    assert Sessions(str(tmp_path), 100.0).read(cookie, NOW) is None


def test_a_cookie_of_another_home_or_with_a_changed_byte_is_none(tmp_path):
    sessions = Sessions(str(tmp_path / 'a'), 100.0)
    cookie, _ = sessions.begin('anna', 'mark', NOW)
    assert Sessions(str(tmp_path / 'b'), 100.0).read(cookie, NOW) is None
    for i in range(0, len(cookie) - 1):
        changed = cookie[:i] + ('A' if cookie[i] != 'A' else 'B') + cookie[i + 1:]
        assert sessions.read(changed, NOW) is None
    assert stat.S_IMODE(os.stat(tmp_path / 'a' / 'session_key').st_mode) == 0o600


@given(st.text())
def test_no_cookie_breaks_it(cookie):
    assert Sessions('', 100.0).read(cookie, NOW) is None


@pytest.mark.parametrize('failures, wait', [(0, 0.0), (4, 0.0), (5, 30.0), (6, 60.0), (7, 120.0), (30, 3600.0)])
def test_waits_after_wrong_passwords_double(failures, wait):
    attempts = Attempts(5)
    for _ in range(failures):
        attempts.failed(NOW, 'anna')
    assert attempts.wait(NOW, 'anna', 'else') == wait and attempts.wait(NOW, 'else') == 0.0
    attempts.succeeded('anna')
    assert attempts.wait(NOW, 'anna') == 0.0


def test_failures_are_forgotten_after_a_day_and_never_more_are_kept_than_fit():
    attempts = Attempts(1)
    attempts.failed(NOW, 'anna')
    attempts.failed(NOW + 86_401, 'anna')
    assert attempts.wait(NOW + 86_401, 'anna') == 30.0
    for i in range(5000):
        attempts.failed(NOW, str(i))
    assert len(attempts._kept) == 4096


def test_a_bucket_gives_its_burst_and_then_its_rate():
    buckets = Buckets(2.0, 3.0)
    assert [buckets.take(NOW, 'a') for _ in range(4)] == [0, 0, 0, pytest.approx(0.5)]
    assert buckets.take(NOW, 'b') == 0
    assert buckets.take(NOW + 0.5, 'a') == 0 and buckets.take(NOW + 0.5, 'a') > 0
    assert buckets.take(NOW - 100, 'b') == 0  # the clock was set back


def test_the_audit_log_keeps_its_lines_over_a_restart_and_stays_within_its_bound(tmp_path):
    told = []
    log = AuditLog(str(tmp_path), told.append, size_max=5000)
    for i in range(100):
        detail = f'number {i}\nand\x1b[2J' + 'ä' * 100
        log.note(NOW + i, Who('anna', 'admin', 'page'), 'switch', 'kettle', i % 2 == 0, detail)
    assert len(told) == 100 and told[-1].detail.startswith('number 99 and?[2Jää')
    assert max(len(entry.detail.encode()) for entry in told) <= 160
    size = sum(path.stat().st_size for path in tmp_path.glob('audit*'))
    assert 5000 < size <= 10_000 and stat.S_IMODE((tmp_path / 'audit.jsonl').stat().st_mode) == 0o600
    again = AuditLog(str(tmp_path)).latest(500)
    assert again[0] == told[-1] and again == told[::-1][:len(again)]


def test_a_flood_of_refusals_does_not_wash_the_rest_out():
    log = AuditLog('')
    log.note(NOW, Who('anna', 'admin', 'page'), 'switch', 'kettle')
    for i in range(10_000):
        log.note(NOW + i, None, 'login', '', False, 'wrong')
    entries = log.latest(500)
    assert entries[-1].user == 'anna' and len(entries) == 1 + 50 + 199
    assert entries[0].detail.startswith('(49 more since')
    log.note(NOW, Who('bob', 'viewer', 'page'), 'switch', 'kettle', False)
    assert log.latest(1)[0].user == 'bob'  # of others nothing is lost


def test_what_others_say_is_written_too_and_a_flood_of_it_washes_nothing_out(tmp_path):
    log = AuditLog(str(tmp_path))
    log.note(NOW, Who('anna', 'admin', 'page'), 'switch', 'kettle')
    for _ in range(10_000):
        log.hear(NOW, 'x\n' * 100, 'mqtt' * 9, 'switch', 'kettle', True, 'OFF')
    entries = AuditLog(str(tmp_path)).latest(500)
    assert entries[-1].user == 'anna' and len(entries) == 1 + 50
    assert (entries[0].target, entries[0].detail, len(entries[0].source)) == ('kettle', 'OFF', 16)


def test_a_torn_line_of_the_audit_log_loses_itself_alone(tmp_path):
    log = AuditLog(str(tmp_path))
    log.note(NOW, None, 'login', 'anna', False)
    with open(tmp_path / 'audit.jsonl', 'ab') as file:
        file.write(b'{"at": 18000')
    log = AuditLog(str(tmp_path))
    log.note(NOW + 1, None, 'login', 'anna')
    assert [entry.at for entry in AuditLog(str(tmp_path)).latest()] == [NOW + 1, NOW]


def test_an_audit_log_that_cannot_be_written_is_said_once_and_goes_on_in_memory(tmp_path):
    said = []
    (tmp_path / 'audit.jsonl').mkdir()
    log = AuditLog(str(tmp_path / 'audit.jsonl' / 'file'), complain=said.append)
    (tmp_path / 'audit.jsonl' / 'file').write_text('in the way')
    for _ in range(3):
        log.note(NOW, None, 'login')
    assert len(said) == 1 and len(log.latest()) == 3
