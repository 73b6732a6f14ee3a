"""The home file as a form: what is changed is changed, all else stays, and nothing that is no home is written."""
import asyncio
import importlib.util
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from hearthgrid_ros.home import parse
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.home_edit import BACKUPS, FIELDS, HomeEditor
from hub_nodes.dashboard.permitted import Permitted
from hub_nodes.dashboard.reports import Reports
from hub_nodes.dashboard.rows import Refused
from hub_nodes.dashboard.who import Who

_spec = importlib.util.spec_from_file_location('dashboard_backend', Path(__file__).with_name('dashboard_backend.py'))
fake = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fake)

FILE = '''# ours, since 2021
name: home
tariff: {kind: dynamic, sell: 0.08}  # ask again in May
pv: {power_max: 4000}

outlets:
  # the kitchen
  - {id: fridge, title: Fridge, priority: refrigeration, schedule: [{start: "01:00", end: "05:30", switch: off}]}
  - id: kettle   # the loud one
    title: Kettle
'''


@pytest.fixture()
def editor(tmp_path):
    (tmp_path / 'home.yaml').write_text(FILE)
    return HomeEditor(str(tmp_path / 'home.yaml'))


def changed(editor, **fields):
    """Return what came of a form with these fields changed; `__` is a dot."""
    text = editor.text()
    said = editor.form(text) | {name.replace('__', '.'): value for name, value in fields.items()}
    return editor.save({name: value for name, value in said.items() if value != 'no'}, text)  # as a browser sends it


def test_what_is_changed_is_changed_and_comments_and_the_rest_stay(editor):
    saved = changed(editor, tariff__sell='0.1', outlets__1__title='Tea kettle', outlets__1__always_on='yes')
    assert saved.changed == ('tariff.sell', 'outlets.1.title', 'outlets.1.always_on') and not saved.errors
    home, text = parse(editor.text()), editor.text()
    assert (home.tariff.sell, home.outlets[1].title, home.outlets[1].always_on) == (0.1, 'Tea kettle', True)
    for kept in ('# ours, since 2021', '# ask again in May', '# the kitchen', '# the loud one', 'switch: off'):
        assert kept in text
    assert home.outlets[0] == parse(FILE).outlets[0]
    assert open(saved.backup).read() == FILE


def test_a_form_nobody_changed_writes_nothing(editor):
    assert changed(editor).changed == () and editor.text() == FILE and len(os.listdir(editor.path.parent)) == 1


@pytest.mark.parametrize('fields, place, words', [
    ({'tariff__sell': 'x'}, 'tariff.sell', 'no number'), ({'tariff__sell': ''}, 'tariff.sell', 'needed'),
    ({'supply__voltage': '12'}, 'supply.voltage', 'greater'), ({'timezone': 'Mars/X'}, 'timezone', 'no time zone'),
    ({'name': 'Our Home'}, 'name', 'pattern'), ({'outlets__1__id': 'Bad Id'}, 'outlets.1.id', 'pattern'),
    ({'outlets__1__id': 'fridge'}, '', 'two outlets'),
    ({'outlets__1__priority': 'never'}, 'outlets.1.priority', 'Input'),
    ({'tariff__kind': 'daily'}, '', 'at least one step'), ({'battery__reserve': '0.95'}, 'battery.reserve', 'less'),
    ({'tariff__buy': '06:00 cheap'}, 'tariff.buy', 'no time and price'),
    ({'tariff__buy': '25:00 0.2'}, 'tariff.buy', 'pattern'),
    ({'outlets__1__id': 'home'}, 'outlets.1.id', 'name of the'),
    ({'outlets__0__id': '', 'outlets__1__id': ''}, '', ''),
])
def test_a_mistake_is_said_at_its_field_and_nothing_is_written(editor, fields, place, words):
    saved = changed(editor, **fields)
    assert saved.errors and not saved.changed
    assert words in saved.errors.get(place, '') or place == '' and any(words in one for one in saved.errors.values())
    assert editor.text() == FILE and len(os.listdir(editor.path.parent)) == 1


def test_outlets_come_and_go(editor):
    saved = changed(editor, outlets__0__id='', outlets__2__id='lamp', outlets__2__title='12:30', outlets__3__id='')
    assert not saved.errors
    assert [(one.id, one.title) for one in parse(editor.text()).outlets] == [('kettle', 'Kettle'), ('lamp', '12:30')]


def test_parts_a_home_may_lack_come_and_go(editor):
    changed(editor, pv__power_max='', battery__capacity_kwh='13.5')
    home = parse(editor.text())
    assert home.pv is None and home.battery.capacity_kwh == 13.5
    changed(editor, pv__power_max='5000', battery__capacity_kwh='', battery__power_max='', battery__reserve='')
    home = parse(editor.text())
    assert home.pv.power_max == 5000.0 and home.battery is None


def test_daily_prices_are_read_back_whatever_the_hour(editor):
    changed(editor, tariff__kind='daily', tariff__buy='00:00 0.25, 12:30 0.32')
    assert [(one.start, one.price) for one in parse(editor.text()).tariff.buy] == [('00:00', 0.25), ('12:30', 0.32)]


def test_a_file_changed_meanwhile_is_not_overwritten(editor):
    text = editor.text()
    editor.path.write_text(FILE + '# by hand\n')
    with pytest.raises(Refused, match='changed meanwhile'):
        editor.save(editor.form(text) | {'timezone': 'UTC'}, text)
    assert editor.text().endswith('# by hand\n')


def test_the_first_home_begins_with_the_example_and_has_no_backup(tmp_path):
    (tmp_path / 'example.yaml').write_text(FILE)
    made = HomeEditor(str(tmp_path / 'own' / 'home.yaml'), str(tmp_path / 'example.yaml'))
    assert made.new
    saved = changed(made, timezone='UTC')
    assert saved.backup == '' and not made.new and parse(made.text()).timezone == 'UTC'
    assert (tmp_path / 'example.yaml').read_text() == FILE


def test_a_folder_that_cannot_be_written_is_told_and_the_file_stays(editor, monkeypatch):
    def full(*given):
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(os, 'replace', full)
    with pytest.raises(Refused, match='No space left'):
        changed(editor, timezone='UTC')
    assert editor.text() == FILE and not [name for name in os.listdir(editor.path.parent) if name.startswith('.')]


def test_old_copies_are_few(editor):
    for number in range(BACKUPS + 3):
        (editor.path.parent / f'home.yaml.2020{number:04d}-000000.bak').write_text('old')
    changed(editor, timezone='UTC')
    assert len(list(editor.path.parent.glob('*.bak'))) == BACKUPS


@pytest.mark.parametrize('scope, allowed', [('read', False), ('control', False), ('admin', True)])
def test_only_an_admin_changes_the_home_and_it_is_written_down(editor, tmp_path, scope, allowed):
    backend, access = fake.FakeBackend(), fake.access(tmp_path / 'state')
    backend.editor = editor
    access.still = lambda who: True
    who = Permitted(backend, Who('anna', scope, 'page'), access)
    made = asyncio.run(who.save_home(editor.form(FILE) | {'timezone': 'UTC'}, FILE))
    assert isinstance(made, Answer) is not allowed and (editor.text() != FILE) is allowed
    entry = access.audit.latest(1)[0]
    assert (entry.user, entry.action, entry.allowed) == ('anna', 'home edit', allowed)
    assert ('timezone' in entry.detail) is allowed
    assert asyncio.run(who.start_again()).ok is allowed


def reports(code: str, folder='.') -> Reports:
    return Reports(str(folder), '', (sys.executable, '-c', code))


def test_a_report_is_what_the_command_wrote():
    write = 'import sys; open(sys.argv[sys.argv.index("--out") + 1], "w").write(sys.argv[4])'
    assert asyncio.run(reports(write).make('2026-04', 'pdf')) == b'2026-04'


@pytest.mark.parametrize('code, words', [
    ('raise SystemExit("hearthgrid: no such month")', 'no such month'), ('', 'the command failed')])
def test_a_report_that_fails_is_told_in_the_commands_words(code, words):
    made = asyncio.run(reports(code).make('2026-04', 'html'))
    assert not made.ok and words in made.text


def test_without_a_state_folder_there_is_no_report():
    assert 'state folder' in asyncio.run(Reports('', '').make('2026-04', 'html')).text


@limits(max_examples=60, deadline=None)
@given(st.sampled_from([field.place for field in FIELDS] + ['outlets.0.title', 'outlets.1.room', 'outlets.1.id']),
       st.text(max_size=40))
def test_whatever_is_typed_the_file_stays_a_home(tmp_path_factory, place, typed):
    path = tmp_path_factory.mktemp('home') / 'home.yaml'
    path.write_text(FILE)
    made = HomeEditor(str(path))
    saved = made.save(made.form(FILE) | {place: typed}, FILE)
    home = parse(made.text())
    if saved.errors:
        assert made.text() == FILE
    elif place == 'outlets.0.title':
        assert home.outlets[0].title == typed.strip()
