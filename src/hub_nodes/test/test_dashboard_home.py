"""The home file as a form: what is changed is changed, all else stays, and nothing that is no home is written."""
import asyncio
import importlib.util
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from hearthgrid_ros.home import parse
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.home_addresses import AddressBook
from hub_nodes.dashboard.home_edit import BACKUPS, HomeEditor
from hub_nodes.dashboard.home_fields import FIELDS, TABLES
from hub_nodes.dashboard.home_settings import Catalogue
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
    ({'name': 'Our Home'}, 'name', 'small letters'), ({'outlets__1__id': 'Bad Id'}, 'outlets.1.id', 'small letters'),
    ({'outlets__1__id': 'fridge'}, '', 'two outlets'),
    ({'outlets__1__priority': 'never'}, 'outlets.1.priority', 'Input'),
    ({'tariff__kind': 'daily'}, '', 'at least one step'), ({'battery__reserve': '0.95'}, 'battery.reserve', 'less'),
    ({'tariff__buy': '06:00 cheap'}, 'tariff.buy', 'no time and price'),
    ({'tariff__buy': '25:00 0.2'}, 'tariff.buy', 'a time of day'),
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


SETTINGS = {'plan': [{'name': 'period', 'default': 600.0, 'unit': 's', 'low': 60.0, 'high': 3600.0, 'choices': [],
                      'description': 'Between plans.'},
                     {'name': 'mode', 'default': 'calm', 'unit': '', 'low': None, 'high': None,
                      'choices': ['calm', 'eager'], 'description': ''}],
            'outlet': [{'name': 'echo', 'default': False, 'unit': '', 'low': None, 'high': None, 'choices': [],
                        'description': ''},
                       {'name': 'blocks', 'default': 5, 'unit': '', 'low': 1, 'high': 9, 'choices': [],
                        'description': ''}]}


@pytest.fixture()
def whole(tmp_path):
    """An editor that knows settings of nodes and where addresses lie."""
    (tmp_path / 'home.yaml').write_text(FILE)
    listed = Catalogue((sys.executable, '-c', f'print({json.dumps(SETTINGS)!r})'))
    return HomeEditor(str(tmp_path / 'home.yaml'), '', listed, AddressBook(str(tmp_path / 'state'), ''))


def put(editor, fields):
    text = editor.text()
    return editor.save(editor.form(text) | fields, text)


def row(table, number, **cells):
    return {f'{table}.{number}.{name}': text for name, text in cells.items()}


PHONE = row('notify.channels', 0, name='phone', address='json://me:secret@127.0.0.1/x', severity='info',
            quiet='22:00-7:00')
BROKER = {'gateway.host': 'broker.lan', 'gateway.ca': 'ca.pem', 'gateway.certificate': 'c.pem', 'gateway.key': 'k.pem'}
LAMP = row('gateway.plugs', 0, id='den_lamp', family='shelly', topic='plug1', title='The lamp')


def test_every_list_of_the_file_is_filled_changed_and_emptied(whole):
    assert not put(whole, PHONE | BROKER | LAMP | row('batteries', 0, name='barn', capacity_kwh='5', power_max='3000')
                   | row('nodes', 0, name='plan.period', value='300')
                   | row('nodes', 1, name='kettle/outlet.echo', value='yes')).errors
    home = parse(whole.text())
    channel, = home.notify.channels
    assert (channel.name, channel.severity) == ('phone', 'info')
    assert (channel.quiet.start, channel.quiet.end) == ('22:00', '7:00')
    plug, = home.gateway.plugs
    assert (plug.id, plug.family, plug.topic, plug.title, home.gateway.port) == (
        'den_lamp', 'shelly', 'plug1', 'The lamp', 8883)
    assert home.batteries['barn'].capacity_kwh == 5.0 and home.batteries['barn'].power_max == 3000.0
    assert home.nodes == {'plan': {'period': 300}, 'kettle/outlet': {'echo': True}}
    assert not put(whole, {'notify.channels.0.name': 'mobile', 'notify.channels.0.quiet': '',
                           'notify.channels.0.burst': '7', 'batteries.0.name': 'shed', 'batteries.0.wear_price': '0.1',
                           'nodes.0.name': 'plan.mode', 'nodes.0.value': 'eager', 'nodes.1.name': '',
                           'gateway.plugs.0.priority': 'medical'}).errors
    home = parse(whole.text())
    assert home.notify.channels[0].name == 'mobile' and home.notify.channels[0].quiet is None
    assert home.notify.channels[0].burst == 7
    assert list(home.batteries) == ['shed'] and home.batteries['shed'].wear_price == 0.1
    assert home.batteries['shed'].capacity_kwh == 5.0 and home.nodes == {'plan': {'mode': 'eager'}}
    assert home.gateway.plugs[0].priority == 'medical'
    assert not put(whole, {'notify.channels.0.name': '', 'gateway.host': '', 'batteries.0.name': '',
                           'nodes.0.name': ''}).errors
    home = parse(whole.text())
    assert home.notify is None and home.gateway is None and not home.batteries and not home.nodes
    assert '# the kitchen' in whole.text()


def test_an_address_is_kept_for_its_owner_only_follows_its_channel_and_is_never_shown(whole):
    saved = put(whole, PHONE)
    kept = whole.addresses.path(parse(whole.text()))
    assert kept.stat().st_mode & 0o777 == 0o600 and 'me:secret@' in kept.read_text()
    assert whole.kept(whole.text()) == {'phone'}
    put(whole, {'notify.channels.0.name': 'mobile'})
    assert whole.kept(whole.text()) == {'phone', 'mobile'}
    for shown in (str(saved), whole.text(), str(whole.form(whole.text()))):
        assert 'me:secret' not in shown


def test_a_setting_that_may_hold_a_password_is_not_shown_and_stays(whole):
    whole.path.write_text(FILE + 'nodes: {store: {database: "postgresql://me:secret@host/db"}}\n')
    assert 'secret@' not in str(whole.form(whole.text()))
    assert put(whole, {'timezone': 'UTC'}).changed == ('timezone',) and 'me:secret@' in whole.text()


def test_all_of_an_outlet_and_of_the_home_can_be_changed(whole):
    given = {'outlets.1.schedule': 'Mon-Fri 22:00 - 06:00 OFF; sat,sun 8:00-10:00 on 500 W; daily 12:00-13:00 on',
             'outlets.1.minimum_on': '30', 'outlets.1.position': '1, 2.5, 0', 'outlets.1.voter': 'yes',
             'market.prices': 'awattar', 'grid_service.url': 'https://vtn.example/x', 'grid_service.ven_name': 'us',
             'grid_service.programmes': 'a, b', 'battery.grid_forming': 'no', 'latitude': '48.1'}
    assert not put(whole, given).errors
    home = parse(whole.text())
    night, morning, noon = home.outlets[1].schedule
    assert night.days == ['monday', 'tuesday', 'wednesday', 'thursday', 'friday'] and not night.switch
    assert (morning.start, morning.power_max, morning.switch) == ('8:00', 500.0, True) and len(noon.days) == 7
    kettle = home.outlets[1]
    assert (kettle.minimum_on, kettle.position, kettle.voter) == (30.0, (1.0, 2.5, 0.0), True)
    assert (home.market.prices, home.grid_service.programmes, home.latitude) == ('awattar', ['a', 'b'], 48.1)
    assert not home.battery.grid_forming
    assert whole.form(whole.text())['outlets.1.schedule'] == (
        'mon-fri 22:00-06:00 off; sat,sun 8:00-10:00 on 500 W; daily 12:00-13:00 on')
    assert put(whole, {}).changed == ()  # what is shown is what is typed


@pytest.mark.parametrize('fields, place, words', [
    ({'outlets.1.schedule': 'never'}, 'outlets.1.schedule', 'no rule'),
    ({'outlets.1.schedule': 'moonday 1:00-2:00 on'}, 'outlets.1.schedule', 'no day'),
    ({'outlets.1.schedule': 'daily 1:00-26:00 on'}, 'outlets.1.schedule', 'time of day'),
    ({'outlets.1.position': '1, 2'}, 'outlets.1.position', 'three numbers'),
    ({'outlets.2.title': 'Lamp', 'outlets.2.id': ''}, 'outlets.2.id', 'empty the whole row'),
    ({'outlets.0.id': '', 'outlets.1.rank': '-1'}, 'outlets.1.rank', 'greater'),  # as on the screen
    (PHONE | {'notify.channels.0.quiet': 'nights'}, 'notify.channels.0.quiet', 'two times'),
    (PHONE | {'notify.channels.0.address': 'hello'}, 'notify.channels.0.address', 'understands'),
    (PHONE | {'notify.channels.0.burst': '1'}, 'notify.channels.0.burst', 'greater'),
    (PHONE | row('notify.channels', 1, name='phone'), 'notify.addresses', 'two channels'),
    ({'notify.addresses': 'x.yaml'}, 'notify.addresses', 'a channel is needed'),
    (LAMP, 'gateway.host', 'needed'), (BROKER | LAMP | {'gateway.key': ''}, 'gateway.key', 'needed'),
    (BROKER | LAMP | {'gateway.plugs.0.topic': 'a/#'}, 'gateway.plugs.0.topic', 'no #'),
    (BROKER | LAMP | {'gateway.plugs.0.id': 'fridge'}, '', 'two outlets'),
    (BROKER | LAMP | {'gateway.plugs.0.endpoint': 'left'}, 'gateway.plugs.0.id', 'is a number'),
    ({'gateway.ca': 'ca.pem'}, 'gateway.host', 'needed'), ({'market.prices': 'tibber'}, 'market.prices', 'token_file'),
    ({'grid_service.url': 'http://vtn.example/', 'grid_service.ven_name': 'x'}, 'grid_service.url', 'https'),
    (row('batteries', 0, name='kettle', capacity_kwh='5'), '', 'battery cannot be called'),
    (row('batteries', 0, name='barn', capacity_kwh='-5'), 'batteries.0.capacity_kwh', 'greater'),
    (row('nodes', 0, name='plan', value='5'), 'nodes.0.name', 'a dot between'),
    (row('nodes', 0, name='plan.period', value=''), 'nodes.0.value', 'needed'),
    (row('nodes', 0, name='plam.period', value='5'), 'nodes.0.name', 'no program'),
    (row('nodes', 0, name='kettle/plan.period', value='5'), 'nodes.0.name', 'no program'),
    (row('nodes', 0, name='plan.perjod', value='5'), 'nodes.0.name', 'no setting'),
    (row('nodes', 0, name='plan.period', value='5'), 'nodes.0.value', 'from 60 to 3600 s'),
    (row('nodes', 0, name='plan.period', value='often'), 'nodes.0.value', 'number'),
    (row('nodes', 0, name='plan.mode', value='wild'), 'nodes.0.value', 'one of calm, eager'),
    (row('nodes', 0, name='outlet.blocks', value='2.5'), 'nodes.0.value', 'whole number'),
    (row('nodes', 0, name='outlet.echo', value='3'), 'nodes.0.value', 'yes or no'),
])
def test_a_mistake_in_a_list_is_said_at_its_field_and_nothing_is_written(whole, fields, place, words):
    saved = put(whole, fields)
    assert words in saved.errors.get(place, ''), saved
    assert not saved.changed and whole.text() == FILE and not (whole.path.parent / 'state').exists()


def test_settings_of_nodes_that_cannot_be_checked_are_not_written(editor):
    editor.catalogue = Catalogue((sys.executable, '-c', 'raise SystemExit(1)'))
    with pytest.raises(Refused, match='not known'):
        put(editor, row('nodes', 0, name='plan.period', value='300'))
    assert editor.text() == FILE


def test_the_end_of_the_page_ends_the_command_that_lists_settings(editor, tmp_path):
    """Its thread would keep the process, and who ends the home would kill that after some seconds."""
    begun = tmp_path / 'begun'
    editor.catalogue = Catalogue((sys.executable, '-c', f'open({str(begun)!r}, "w"); import time; time.sleep(3600)'))
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(editor.catalogue.proposed)
        while not begun.exists():
            time.sleep(0.01)
        editor.catalogue.close()
        with pytest.raises(Refused, match='not known'):
            asked.result(90.0)
    with pytest.raises(Refused, match='not known'):
        editor.catalogue.nodes()


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
@given(st.sampled_from([field.place for field in FIELDS] + [
    f'{table.part}.{row}.{column.name}' for table in TABLES[:3] for row in (0, 1) for column in table.columns]),
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
