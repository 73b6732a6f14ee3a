"""Controls of the pages, each to its effect on the ROS graph or in a file and back; some on a phone."""
import importlib.util
import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from hearthgrid_msgs import msg
from hearthgrid_ros.home import parse
from hearthgrid_ros.time import to_seconds
from hub_nodes.dashboard import when
from hub_nodes.store.backend import Retention
from hub_nodes.store.history import FILE
from hub_nodes.store.model import READING, Batch
from hub_nodes.store.sqlite import SqliteBackend


def helper():
    path = Path(__file__).with_name('dashboard_browser.py')
    spec = importlib.util.spec_from_file_location('dashboard_browser', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shared = helper()
browser, home, own, url, page = shared.browser, shared.home, shared.own, shared.url, shared.page
until, card = shared.until, shared.card


@pytest.fixture()
def phone(browser):
    context = browser.new_context(viewport={'width': 390, 'height': 844}, is_mobile=True, has_touch=True)
    made = context.new_page()
    made.set_default_timeout(shared.TIMEOUT * 1e3)
    yield made
    context.close()


def labelled(page, place: str):
    """Return the input of a field of the home's form."""
    return page.locator(f'[name="{place}"]')


def test_every_link_leads_to_its_page(page, home, url):
    from playwright.sync_api import expect
    page.goto(url)
    for name, path in (('Devices', 'devices'), ('Plan', 'plan'), ('Micro-grid', 'microgrid'), ('Notices', 'notices'),
                       ('Settings', 'settings'), ('Overview', '')):
        page.get_by_role('navigation').get_by_role('link', name=name, exact=True).click()
        expect(page).to_have_url(url + path)
        expect(page.get_by_role('navigation').locator('[aria-current]')).to_have_text(name)
    for start, links in {
            '': {'All of the plan': 'plan', 'Kettle': 'outlet/kettle'},
            'settings': {'Change the home': 'home', 'Name the devices': 'devices', 'Make the first user': 'setup'},
            'devices': {'Kettle': 'outlet/kettle'}, 'microgrid': {'Kettle': 'outlet/kettle'},
            'plan': {'Washing machine': 'outlet/washing_machine', 'Hearthgrid, overview': '',
                     'Set a password': 'setup'},
            'outlet/nobody': {'Back to the overview': ''}}.items():
        page.goto(url + start)
        for name, path in links.items():
            link = page.get_by_role('link', name=name, exact=True).first
            expect(link).to_be_visible()
            assert link.evaluate('it => it.href') == url + path
        link.click()
        expect(page).to_have_url(url + path)
    page.goto(url)
    page.get_by_role('link', name='Skip to content').focus()
    page.keyboard.press('Enter')
    assert page.evaluate('document.activeElement.id') == 'main'


def test_a_chart_is_a_table_too_and_follows(page, home, url):
    from playwright.sync_api import expect
    kettle = home.outlets[1]
    kettle.watts = 1234.0
    page.goto(f'{url}outlet/kettle')
    page.get_by_text('As a table').nth(2).click()  # the last five minutes
    table = page.get_by_role('region', name='Power over the last five minutes')
    expect(table.get_by_role('columnheader')).to_have_text(['Time', 'Power [W]'])
    expect(table.locator('tr td').last).to_have_text('1234')
    chart = page.get_by_role('img', name='Power over the last five minutes')
    told = page.locator(f'#{chart.get_attribute("aria-describedby")}')
    expect(told).to_contain_text(re.compile(r'Power: least .* W at .*, most .*, last 1234 W at \d\d:\d\d:\d\d'))
    rows = table.locator('tbody tr').count()
    kettle.watts = 77.0
    expect(table.locator('tr td').last).to_have_text('77.0')
    expect(told).to_contain_text('last 77.0 W')
    assert table.locator('tbody tr').count() > rows
    page.goto(f'{url}plan')
    heads = {'Prices of coming hours': ['Time', 'Buying [€/kWh]', 'Selling [€/kWh]', 'Planned from the grid [kW]'],
             'Expected use of coming hours': ['Time', 'Expected use [kW]', '8 of 10 times within: from [kW]',
                                              '8 of 10 times within: to [kW]'],
             'Temperature outside and sun': ['Time', 'Outside [°C]', 'Sun [W/m²]']}
    for name, columns in heads.items():
        table = page.get_by_role('region', name=name)
        page.get_by_label(f'As a table: {name}').click()
        expect(table.get_by_role('columnheader')).to_have_text(columns)
        expect(table.locator('tbody tr').nth(20)).to_be_attached()
        assert '–' not in table.locator('tbody tr').nth(5).inner_text()


def test_history_is_saved_as_a_file(page, home, url):
    from playwright.sync_api import expect
    page.goto(f'{url}outlet/kettle')
    history = page.get_by_role('region', name='History')
    history.get_by_role('button', name='24 h').click()
    expect(history.get_by_role('link', name='CSV')).to_have_attribute('href', re.compile('kettle.csv.*step=10$'))
    for link, begins in (('CSV', b'start [s],start (UTC),mean [W]'), ('Parquet', b'PAR1')):
        with page.expect_download() as made:
            history.get_by_role('link', name=link).click()
        assert Path(made.value.path()).read_bytes().startswith(begins)
        assert made.value.suggested_filename == f'kettle-active_power.{link.lower()}'


def test_a_job_is_given_by_hand(page, home, own, url):
    from playwright.sync_api import expect
    page.goto(f'{url}outlet/washing_machine')
    jobs = page.get_by_role('region', name='Jobs')
    expect(jobs.locator('li[data-job=wash]')).to_contain_text('1.0 kWh by')
    jobs.get_by_text('Give a job').click()
    form = jobs.get_by_role('form', name='Give a job')
    form.get_by_label('Energy').fill('much')
    form.get_by_role('button', name='Give it').click()
    expect(form.get_by_role('alert')).to_have_text('Not given: Energy [kWh] has to be above 0 and at most 1 000.')
    assert not home.goals
    for label, text in (('Energy', '2.5'), ('Draws', '1800'), ('Done by', '06:30')):
        form.get_by_label(label).fill(text)
    form.get_by_label('May be interrupted').select_option('yes')
    form.get_by_role('button', name='Give it').click()
    until(lambda: home.goals, page)
    goal = home.goals[-1]
    assert (goal.id[:5], goal.energy_kwh, goal.power, goal.interruptible) == ('page-', 2.5, 1800.0, True)
    assert 0 < to_seconds(goal.deadline) - home.now() <= 86_400
    zone = ZoneInfo(parse(own.with_name('example.yaml').read_text()).timezone)
    assert f'{datetime.fromtimestamp(to_seconds(goal.deadline), zone):%H:%M}' == '06:30'
    expect(page.get_by_text('holds the job; the plan chooses when').first).to_be_visible()
    expect(form.get_by_role('alert')).to_be_hidden()
    jobs.get_by_role('button', name='Take it back').click()  # what somebody else gave is not this page's to take back
    expect(page.get_by_text('no job wash was given from here').first).to_be_visible()
    page.goto(f'{url}outlet/kettle')  # takes none
    page.locator('.outlet-top .big').wait_for()
    expect(page.get_by_role('region', name='Jobs')).to_be_hidden()


def test_a_schedule_is_changed_by_hand_and_mistakes_lose_nothing(phone, home, url):
    from playwright.sync_api import expect
    lamp = home.outlets[2]
    lamp.rules = [msg.ScheduleEntry(days=31, start_minute=60, end_minute=330, on=False, power_max=float('inf'))]
    phone.goto(f'{url}outlet/{lamp.id}')
    rules = phone.get_by_role('form', name='Schedule')
    first = rules.get_by_role('group', name='Rule 1')
    expect(first.get_by_label('From')).to_have_value('01:00')
    expect(first.get_by_label('Friday')).to_be_checked()
    expect(first.get_by_label('Sunday')).not_to_be_checked()
    first.get_by_label('Sunday').tap()
    first.get_by_label('To').fill('06:15')
    rules.get_by_role('button', name='Add a rule').tap()
    second = rules.get_by_role('group', name='Rule 2')
    second.get_by_label('It is').select_option('on')
    second.get_by_label('At most').fill('much')
    rules.get_by_role('button', name='Keep the schedule').tap()
    expect(second.get_by_role('alert')).to_have_text('Not kept: much is no power.')
    assert len(lamp.rules) == 1
    expect(first.get_by_label('To')).to_have_value('06:15')
    second.get_by_label('At most').fill('500')
    rules.get_by_role('button', name='Keep the schedule').tap()
    until(lambda: len(lamp.rules) == 2, phone)
    assert [(r.days, r.start_minute, r.end_minute, r.on, r.power_max) for r in lamp.rules] == [
        (95, 60, 375, False, float('inf')), (127, 1320, 360, True, 500.0)]
    expect(phone.get_by_text('The schedule is kept.').first).to_be_visible()
    assert phone.evaluate('document.documentElement.scrollWidth') <= 390
    phone.reload()
    phone.get_by_role('button', name='Remove rule 1').tap()
    expect(rules.get_by_role('group')).to_have_count(1)
    rules.get_by_role('button', name='Keep the schedule').tap()
    until(lambda: len(lamp.rules) == 1, phone)
    assert lamp.rules[0].power_max == 500.0


def test_an_outlets_own_page_switches_and_shows_each_span_of_its_history(page, home, url):
    from playwright.sync_api import expect
    kettle = home.outlets[1]
    kettle.requests.clear()
    page.goto(f'{url}outlet/kettle')
    switch = page.locator('.outlet-top').get_by_role('group', name='Switch Kettle')
    for wish in ('Off', 'Auto'):
        before = len(kettle.requests)
        switch.get_by_role('button', name=wish, exact=True).click()
        until(lambda before=before: len(kettle.requests) > before, page)
        expect(switch.get_by_role('button', name=wish, exact=True)).to_have_attribute('aria-pressed', 'true')
    home.histories.clear()
    for name, length in (('24 h', 86_400), ('7 d', 604_800), ('1 h', 3600)):
        page.get_by_role('group', name='Time shown').get_by_role('button', name=name).click()
        until(lambda length=length: any(abs(one[1] - one[0] - length) < 5 for one in home.histories
                                        if one[2] == 'kettle'), page)
        expect(page.get_by_role('button', name=name)).to_have_attribute('aria-pressed', 'true')


def test_the_cost_of_another_month_is_asked_of_the_store(page, home, url):
    from playwright.sync_api import expect
    page.goto(f'{url}devices')
    row = page.locator('li.device-row[data-outlet=refrigerator]')
    expect(row.locator('.device-cost .hint')).to_contain_text('€')
    home.costs_asked.clear()
    page.get_by_label('Month', exact=True).select_option(index=1)
    until(lambda: home.costs_asked, page)
    start, end = home.costs_asked[-1]
    assert 27 * 86_400 < end - start < 32 * 86_400 and end <= home.now()
    expect(row.locator('.device-cost .hint')).to_contain_text('0.31 €', use_inner_text=True)


def test_today_is_told_against_doing_nothing(page, home, url):
    from playwright.sync_api import expect
    page.goto(url)
    today = page.locator('.today')
    for name in ('Cost', 'Doing nothing', 'Saved'):
        expect(today.locator('.fact').filter(has=page.get_by_text(name, exact=True)).locator('dd')).to_contain_text('€')


def test_members_and_outages_can_be_read(page, home, url):
    from playwright.sync_api import expect
    page.goto(url)
    page.get_by_role('button', name='Fail the grid').click()
    expect(page.get_by_role('status').first).to_contain_text('Running as an island')
    page.goto(f'{url}microgrid')
    expect(page.locator('.outages li').first).to_contain_text('still going on')
    page.get_by_text('Who says what').click()
    expect(page.get_by_role('region', name='Members').get_by_role('row').nth(1)).to_contain_text('Battery · leads')
    page.goto(url)
    page.get_by_role('button', name='Restore it').click()
    expect(page.get_by_role('status').first).to_contain_text('On the grid')  # a page left at once may take it along
    page.goto(f'{url}microgrid')
    expect(page.locator('.outages li').first).to_contain_text('until')
    rows = page.locator('.shed-row')
    moved = rows.nth(1).get_attribute('data-outlet')
    page.locator(f'.shed-row[data-outlet={moved}]').get_by_role('button', name=re.compile('^Shed .* sooner')).click()
    expect(rows.nth(2)).to_have_attribute('data-outlet', moved)  # not the note of it, which goes away by itself


def test_a_report_is_made_and_comes_to_the_person(page, home, url, own):
    from playwright.sync_api import expect
    (own.parent / 'state').mkdir(exist_ok=True)
    store = SqliteBackend(own.parent / 'state' / FILE, Retention(readings=3650.0))
    store.open()
    month = when.month_start(home.now())
    rows = np.zeros(60, READING)
    rows['time'], rows['duration'], rows['active_power'] = month + 60.0 * np.arange(1, 61), 60.0, 1000.0
    store.write(Batch(rows, ('grid',)))
    store.close()
    page.goto(f'{url}settings')
    button = page.get_by_role('button', name=re.compile(r'Report of \d{4}-\d\d as HTML')).first
    with page.expect_download() as arrived:
        button.click()
        expect(page.get_by_text('Making the report of')).to_be_visible()
    name = arrived.value.suggested_filename
    assert re.fullmatch(r'hearthgrid-\d{4}-\d\d\.html', name)
    assert '<html' in Path(arrived.value.path()).read_text()[:500].lower()
    with page.expect_download() as arrived:
        page.get_by_role('button', name=re.compile(r'Report of \d{4}-\d\d as PDF')).first.click()
    printed = Path(arrived.value.path()).read_bytes()
    assert arrived.value.suggested_filename.endswith('.pdf') and printed.startswith(b'%PDF-')
    assert re.search(rb'/Type\s*/Page\b', printed) and b'/ToUnicode' in printed  # pages, with text that can be searched


def test_lists_of_the_home_are_filled_saved_and_the_home_starts_again(page, home, url, own):
    from playwright.sync_api import expect
    page.goto(f'{url}home')
    labelled(page, 'outlets.0.id').wait_for()
    page.get_by_role('button', name='More of kettle').click()
    labelled(page, 'outlets.1.schedule').fill('mon-fri 22:00-06:00 of')
    page.locator('.home-channels summary').click()
    labelled(page, 'notify.channels.0.name').fill('phone')
    labelled(page, 'notify.channels.0.address').fill('json://me:very-secret@127.0.0.1/x')
    labelled(page, 'notify.channels.0.quiet').fill('22:00-07:00')
    page.locator('.home-plugs summary').click()
    labelled(page, 'gateway.plugs.0.id').fill('den_lamp')
    labelled(page, 'gateway.plugs.0.topic').fill('plug1')
    page.locator('.home-nodes summary').click()
    expect(page.locator('#hg-settings option[value="plan.period"]')).to_be_attached()
    labelled(page, 'nodes.0.name').fill('plan.period')
    labelled(page, 'nodes.0.value').fill('300')
    save = page.get_by_role('button', name='Save', exact=True)
    save.click()
    expect(page.locator('[id="error-outlets.1.schedule"]')).to_contain_text('is no rule')
    labelled(page, 'outlets.1.schedule').fill('mon-fri 22:00-06:00 off')
    save.click()
    expect(page.locator('[id="error-gateway.host"]')).to_have_text('this is needed')
    for name in ('host', 'ca', 'certificate', 'key'):
        labelled(page, f'gateway.{name}').fill(f'{name}.pem')
    save.click()
    expect(page.get_by_text('Changed: ')).to_be_visible()
    made = parse(own.read_text())
    assert made.outlets[1].schedule[0].start == '22:00' and made.nodes == {'plan': {'period': 300}}
    assert made.notify.channels[0].quiet.end == '07:00' and made.gateway.plugs[0].topic == 'plug1'
    kept = own.parent / 'state' / 'notify_addresses.yaml'
    assert 'very-secret' in kept.read_text() and kept.stat().st_mode & 0o777 == 0o600
    expect(labelled(page, 'notify.channels.0.address')).to_have_attribute('placeholder', 'kept, not shown')
    assert 'very-secret' not in page.content() and 'very-secret' not in own.read_text()
    page.get_by_role('button', name='Start the home again').click()
    until((own.parent / 'state' / 'restart').exists, page)
    page.goto(f'{url}settings')
    expect(page.locator('.log li').nth(1)).to_contain_text('home edit')
    expect(page.locator('.log li').first).to_contain_text('start again')
    assert 'very-secret' not in page.content()
    # rows that go away leave the others as they are
    page.goto(f'{url}home')
    labelled(page, 'outlets.0.id').fill('')
    labelled(page, 'notify.channels.0.name').fill('')
    page.get_by_role('button', name='Save', exact=True).click()
    expect(page.get_by_text('Changed: ')).to_be_visible()
    labelled(page, 'outlets.0.title').fill('The kettle')
    page.get_by_role('button', name='Save', exact=True).click()
    expect(page.get_by_text('Changed: outlets.0.title')).to_be_visible()
    made = parse(own.read_text())
    assert [one.id for one in made.outlets] == [one.id for one in home.outlets[1:]] and made.notify is None
    assert made.outlets[0].title == 'The kettle' and made.outlets[0].schedule
    # what is heard but not in the file is taken in when asked, not before
    page.get_by_role('button', name=f'Take {home.outlets[0].title} in').click()
    page.get_by_role('button', name='Add another outlet').click()
    labelled(page, f'outlets.{len(made.outlets) + 2}.id').fill('cellar')
    page.get_by_role('button', name='Save', exact=True).click()
    expect(page.get_by_text('Changed: outlets.4.id')).to_be_visible()
    assert [one.id for one in parse(own.read_text()).outlets[3:]] == [home.outlets[0].id, 'cellar']


def test_a_phone_switches_acknowledges_and_moves(phone, home, url):
    from playwright.sync_api import expect
    lamp = home.outlets[0]
    lamp.requests.clear()
    home.acknowledged.clear()
    phone.goto(url)
    card(phone, lamp.id).get_by_role('button', name='Off', exact=True).tap()
    until(lambda: lamp.requests, phone)
    expect(card(phone, lamp.id).get_by_role('button', name='Off', exact=True)).to_have_attribute('aria-pressed', 'true')
    card(phone, lamp.id).get_by_role('button', name='Auto', exact=True).tap()
    phone.locator('.top nav').get_by_role('link', name='Notices').tap()
    phone.locator('li[data-anomaly=a2]').get_by_role('button', name='I have seen it').tap()
    until(lambda: home.acknowledged, phone)
    assert home.acknowledged[0].id == 'a2'
    expect(phone.locator('li[data-anomaly=a2]')).to_contain_text('Seen by')
