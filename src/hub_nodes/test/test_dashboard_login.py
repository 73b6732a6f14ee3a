"""Who may do what, in a real browser: login, lock-out, roles, the first user, settings, and the way out."""
import importlib.util
import re
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from hearthgrid_ros.interfaces import AUDIT
from hearthgrid_ros.testing import process
from hub_nodes.dashboard.users import Users


def helper():
    path = Path(__file__).with_name('dashboard_browser.py')
    spec = importlib.util.spec_from_file_location('dashboard_browser', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shared = helper()
browser, home, page, until, url_of = shared.browser, shared.home, shared.page, shared.until, shared.url_of
PASSWORD = 'correct horse battery'
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
WIDE = ('[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > 361)'
        '.map(e => e.outerHTML.slice(0, 80)).slice(0, 5)')


def dashboard(folder):
    return process('hub_nodes.dashboard.node', '--ros-args', '-r', '__ns:=/home', '-p', 'port:=0', '-p',
                   f'state_dir:={folder}')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp('state')
    users = Users(str(made), CHEAP)
    for name, role in (('anna', 'admin'), ('bob', 'operator'), ('eve', 'viewer')):
        users.add(name, PASSWORD, role)
    return made


@pytest.fixture(scope='module')
def url(home, folder):
    with dashboard(folder) as child:
        yield url_of(child)


@pytest.fixture(scope='module')
def audit(home):
    heard: list = []
    AUDIT.subscription(home, heard.append)
    return heard


def login(page, url: str, name: str, password: str = PASSWORD, path: str = '') -> None:
    page.goto(url + path)
    page.get_by_label('Name').fill(name)
    page.get_by_label('Password').fill(password)
    page.keyboard.press('Enter')


def test_a_login_leads_to_the_page_asked_for_and_a_logout_away_from_all(page, url):
    from playwright.sync_api import expect
    login(page, url, 'eve', path='plan')
    expect(page).to_have_url(f'{url}plan')
    expect(page.get_by_role('status').first).to_contain_text('On the grid')
    assert all(cookie['httpOnly'] and cookie['sameSite'] == 'Lax' for cookie in page.context.cookies())
    page.get_by_role('button', name='Log out').click()
    expect(page.get_by_role('heading', level=1)).to_have_text('Log in')
    page.goto(f'{url}plan')
    expect(page.get_by_role('heading', level=1)).to_have_text('Log in')


def test_wrong_passwords_lock_out_even_the_right_one(page, url):
    from playwright.sync_api import expect
    for _ in range(5):
        login(page, url, 'locked', 'wrong password')
        expect(page.get_by_role('alert')).to_have_text('Name or password is wrong.')
    login(page, url, 'locked')
    expect(page.get_by_role('alert')).to_contain_text('Too many wrong passwords. Try again in')
    login(page, url, 'eve')  # others still get in
    expect(page.get_by_role('button', name='Log out')).to_be_visible()


def test_a_viewer_sees_no_switch_and_the_server_refuses_one(page, home, url):
    from playwright.sync_api import expect
    kettle = home.outlets[1]
    kettle.requests.clear()
    login(page, url, 'eve')
    expect(shared.card(page, 'kettle').locator('.outlet-power')).to_contain_text('W')
    assert page.locator('.switch:visible').count() == 0 and page.get_by_text('Fail the grid').is_hidden()
    code = page.evaluate('''() => fetch("/api/v1/outlets/kettle/request", {method: "PUT",
        headers: {"content-type": "application/json"}, body: '{"wish": "off"}'}).then(r => r.status)''')
    assert code == 403
    page.goto(f'{url}outlet/kettle')
    expect(page.get_by_label('Priority in an outage').first).to_be_disabled()
    assert page.get_by_text('Not right? It is a …').count() == 0
    page.goto(f'{url}settings')
    expect(page.get_by_role('heading', name='You')).to_be_visible()
    assert page.get_by_role('heading', name='Users').count() == 0 and kettle.requests == []


def test_an_operator_switches_and_that_is_on_the_audit_topic(page, home, url, audit):
    kettle = home.outlets[1]
    kettle.requests.clear()
    login(page, url, 'bob')
    shared.card(page, 'kettle').get_by_role('button', name='Off', exact=True).click()
    until(lambda: kettle.requests, page)
    until(lambda: any(one.action == 'switch' for one in audit), page)
    told = next(one for one in audit if one.action == 'switch')
    assert (told.user, told.source, told.target, told.allowed) == ('bob', 'page', 'kettle', True)
    shared.card(page, 'kettle').get_by_role('button', name='Auto', exact=True).click()
    until(lambda: len(kettle.requests) == 2, page)


def test_a_page_of_somebody_removed_meanwhile_ends_at_the_login(page, home, url, folder):
    from playwright.sync_api import expect
    Users(str(folder), CHEAP).add('tom', PASSWORD, 'operator')
    login(page, url, 'tom')
    expect(page.get_by_role('button', name='Log out')).to_be_visible()
    Users(str(folder), CHEAP).remove('tom')
    expect(page.get_by_role('heading', level=1)).to_have_text('Log in')


def test_an_admin_makes_users_and_tokens_and_sees_who_did_what(page, url, folder):
    from playwright.sync_api import expect
    login(page, url, 'anna', path='settings')
    page.get_by_text('Add a user').click()
    form = page.get_by_role('form', name='Add a user')
    form.get_by_label('Name').fill('mia')
    form.get_by_label('Password').fill(PASSWORD)
    form.get_by_label('Role').select_option('operator')
    form.get_by_role('button', name='Add').click()
    expect(page.locator('li[data-user=mia]')).to_be_visible()
    row = page.locator('li[data-user=mia]').element_handle()
    page.get_by_label('Role of mia').select_option('viewer')
    until(lambda: Users(str(folder), CHEAP).get('mia').role == 'viewer', page)
    until(lambda: not row.evaluate('row => row.isConnected'), page)  # drawn anew; a click before would be lost
    page.get_by_role('button', name='Remove mia').click()
    expect(page.locator('li[data-user=mia]')).to_have_count(0)
    page.get_by_text('Make a token').click()
    form = page.get_by_role('form', name='Make a token')
    form.get_by_label('Name').fill('grafana')
    form.get_by_role('button', name='Make', exact=True).click()
    expect(page.locator('.secret')).to_have_text(re.compile(r'hg_\S{43}'))
    bearer = {'authorization': f'Bearer {page.locator(".secret").inner_text()}'}
    assert page.request.get(f'{url}api/v1/me', headers=bearer).json() == {'name': 'grafana', 'scope': 'read'}
    expect(page.locator('.log')).to_contain_text('anna · token add · grafana')
    expect(page.locator('.log')).not_to_contain_text('hg_')
    page.get_by_role('button', name='Remove grafana').click()
    until(lambda: page.request.get(f'{url}api/v1/me', headers=bearer).status == 401, page)


def test_ones_own_password_is_changed_with_the_old_one(page, url, folder):
    from playwright.sync_api import expect
    Users(str(folder), CHEAP).add('pia', PASSWORD, 'viewer')
    login(page, url, 'pia', path='settings')
    for old, words in (('wrong password', 'The old password is wrong.'), (PASSWORD, 'Log in')):
        if not page.get_by_label('Old password').is_visible():
            page.get_by_text('Change the password').click()
        page.get_by_label('Old password').fill(old)
        page.get_by_label('New password').fill('another good password')
        page.get_by_role('button', name='Change it').click()
        expect(page.get_by_text(words).first).to_be_visible()
    expect(page.get_by_role('heading', level=1)).to_have_text('Log in')
    login(page, url, 'pia', 'another good password')
    expect(page.get_by_role('button', name='Log out')).to_be_visible()


def test_an_anomaly_is_seen_and_a_test_message_sent(page, home, url):
    from playwright.sync_api import expect
    login(page, url, 'anna', path='notices')
    row = page.locator('li[data-anomaly=a1]')
    row.get_by_role('button', name='I have seen it').click()
    until(lambda: home.acknowledged, page)
    assert (home.acknowledged[0].id, home.acknowledged[0].sender) == ('a1', 'anna')
    expect(row).to_contain_text('Seen by anna')
    page.goto(f'{url}settings')
    page.get_by_label('Channel').fill('pager')
    page.get_by_role('button', name='Send a test message').click()
    expect(page.get_by_text('no channel is called pager').first).to_be_visible()
    page.get_by_label('Channel').fill('')
    page.get_by_role('button', name='Send a test message').click()
    expect(page.get_by_text('The test message is sent.').first).to_be_visible()
    assert home.tested == ['pager', '']


def test_the_first_user_is_made_in_the_page(browser, home, tmp_path):
    from playwright.sync_api import expect
    with dashboard(tmp_path) as child:
        url = url_of(child)
        context = browser.new_context(viewport={'width': 360, 'height': 740}, is_mobile=True, has_touch=True)
        page = context.new_page()
        page.goto(url)
        page.get_by_role('link', name='Set a password').click()
        assert page.evaluate(WIDE) == []
        page.get_by_label('Name').fill('anna')
        for field in page.locator('input[type=password]').all():
            field.fill(PASSWORD)
        page.get_by_role('button', name='Make the first user').click()
        expect(page.get_by_role('button', name='Log out')).to_be_visible()
        assert context.request.get(f'{url}api/v1/me').json() == {'name': 'anna', 'scope': 'admin'}
        context.clear_cookies()
        page.goto(url)
        expect(page.get_by_role('heading', level=1)).to_have_text('Log in')
        context.close()


@pytest.mark.parametrize('path', ['', 'login', 'settings', 'notices'])
def test_a_phone_shows_it_without_scrolling_sideways(browser, home, url, path):
    context = browser.new_context(viewport={'width': 360, 'height': 740}, is_mobile=True, has_touch=True)
    page = context.new_page()
    broken = []
    page.on('console', lambda line: broken.append(line.text) if line.type in ('error', 'warning') else None)
    if path != 'login':
        login(page, url, 'anna')
        page.get_by_role('button', name='Log out').wait_for()
    page.goto(url + path)
    page.locator('main .card').first.wait_for()
    assert page.evaluate('document.documentElement.scrollWidth') <= 360 and page.evaluate(WIDE) == []
    assert page.evaluate(shared.NAMELESS) == [] and broken == []
    shared.picture(page, f'{path or "overview"}-admin-phone')
    context.close()
