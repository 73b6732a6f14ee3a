"""`hearthgrid security dependencies`: locked packages against databases of known holes, and nobody there to ask."""

import json
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hearthgrid import audit_dependencies as audit
from hearthgrid.cli import app

LOCK = 'Jinja2==3.1.2 \\\n    --hash=sha256:00\nzope.interface==7.0 ; python_version < "3.12"\nodd==1.0\n'


def advisory(name, id='PYSEC-1', events=(), versions=(), **more):
    spans = [{'type': 'ECOSYSTEM', 'events': list(events)}] if events else []
    about = {'package': {'ecosystem': 'PyPI', 'name': name}, 'ranges': spans, 'versions': list(versions)}
    return {'id': id, 'summary': 'words', 'affected': [about], **more}


@pytest.fixture
def lock(tmp_path):
    (tmp_path / 'lock').write_text(LOCK)
    return tmp_path / 'lock'


def looked(lock, *rows):
    (lock.parent / 'db.json').write_text(json.dumps(rows))
    return audit.look_up(lock, lock.parent / 'db.json')


@pytest.mark.parametrize('events, hit', [
    ([{'introduced': '0'}], True),
    ([{'introduced': '0'}, {'fixed': '3.1.3'}], True),
    ([{'introduced': '0'}, {'fixed': '3.1.2'}], False),
    ([{'introduced': '3.1.2'}, {'fixed': '3.10'}], True),
    ([{'introduced': '3.2'}], False),
    ([{'introduced': '0'}, {'last_affected': '3.1.2'}], True),
    ([{'introduced': '0'}, {'last_affected': '3.1.1'}], False),
    ([{'fixed': '2.0'}, {'introduced': '0'}], False),  # any order
    ([{'introduced': '0'}, {'fixed': '2.0'}, {'introduced': '3.0'}, {'fixed': '4.0'}], True),
])  # fmt: skip
def test_a_version_is_in_a_range_or_not(lock, events, hit):
    level, text = looked(lock, advisory('jinja2', events=events))
    assert level == ('error' if hit else 'ok'), text
    assert ('jinja2 3.1.2: PYSEC-1' in text) == hit


def test_names_are_compared_as_indexes_do_and_others_left_alone(lock):
    row = advisory('Zope_Interface', versions=['7.0'])
    assert looked(lock, row)[0] == 'error'
    row['affected'][0]['package']['ecosystem'] = 'npm'
    assert looked(lock, row)[0] == 'ok'
    assert looked(lock, advisory('odd', versions=['1.0'], withdrawn='2024-01-01T00:00:00Z'))[0] == 'ok'
    assert looked(lock, advisory('other', versions=['1.0'])) == ('ok', 'no known hole in 3 packages (1 advisories of '
                                                                 'db.json)')  # fmt: skip


def test_folder_and_archive_are_read(lock, tmp_path):
    (tmp_path / 'db').mkdir()
    (tmp_path / 'db' / 'a.json').write_text(json.dumps(advisory('odd', versions=['1.0'])))
    with zipfile.ZipFile(tmp_path / 'all.zip', 'w') as archive:
        archive.write(tmp_path / 'db' / 'a.json', 'a.json')
    for place in ('db', 'all.zip'):
        command = ['security', 'dependencies', '--lock', str(lock), '--database', str(tmp_path / place)]
        answer = CliRunner().invoke(app, command)
        assert answer.exit_code == 1 and 'odd 1.0: PYSEC-1' in answer.output, answer.output


@pytest.mark.parametrize('content', ['', '{', '[]', '{"id": 1, "affected": 3}', '[1]', '{"id": "x", "affected": [3]}'])
def test_a_database_that_says_nothing_is_not_taken_for_good_news(lock, content):
    (lock.parent / 'db').write_text(content)
    answer = CliRunner().invoke(app, ['security', 'dependencies', '--lock', str(lock), '--database',
                                      str(lock.parent / 'db')])  # fmt: skip
    assert answer.exit_code == 3 and 'not looked' in answer.output, answer.output


def test_nobody_there_to_ask_is_said(lock, monkeypatch):
    monkeypatch.setattr(audit, 'find_spec', lambda name: None)
    answer = CliRunner().invoke(app, ['security', 'dependencies', '--lock', str(lock)])
    assert answer.exit_code == 3 and 'pip-audit is not installed' in answer.output


# What pip-audit 2 prints with --format json.
FINE = {'name': 'a', 'version': '1', 'vulns': []}
HOLE = {'name': 'jinja2', 'version': '3.1.2', 'vulns': [{'id': 'PYSEC-2024-1', 'fix_versions': ['3.1.3'],
                                                        'aliases': [], 'description': ''}]}  # fmt: skip
UNKNOWN = {'name': 'b', 'skip_reason': 'Dependency not found on PyPI and could not be audited: b (1)'}


@pytest.mark.parametrize('rows, code, level, words', [
    ([FINE], 0, 'ok', 'no known hole in 1'), ([FINE, HOLE], 1, 'error', 'jinja2 3.1.2: PYSEC-2024-1; mended in 3.1.3'),
    ([FINE, UNKNOWN], 0, 'warning', '1 of 2 packages could not be looked up: b'),
    ([UNKNOWN, HOLE], 1, 'error', 'could not be looked up'), (None, 1, 'warning', 'no route to host'),
])  # fmt: skip
def test_what_pip_audit_says_is_understood(lock, monkeypatch, rows, code, level, words):
    said = '' if rows is None else json.dumps({'dependencies': rows, 'fixes': []})
    script = f'import sys; print({said!r}); print("no route to host", file=sys.stderr); sys.exit({code})'
    monkeypatch.setattr(audit, 'find_spec', lambda name: True)
    monkeypatch.setattr(audit, 'COMMAND', [sys.executable, '-c', script])
    told = audit.ask(lock, 30.0)
    assert told[0] == level and words in told[1]
    monkeypatch.setattr(audit, 'COMMAND', [sys.executable, '-c', 'import time; time.sleep(60)'])
    assert 'did not answer' in audit.ask(lock, 0.2)[1]


def test_the_lock_of_this_repository_is_understood():
    packages = audit.locked(Path(__file__).parent.parent / 'requirements.lock')
    assert len(packages) > 200 and packages['numpy'] and all(packages.values())
