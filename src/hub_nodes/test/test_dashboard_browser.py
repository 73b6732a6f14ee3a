"""The pages in a real browser, from the screen to the ROS graph and back."""
import importlib.util
import math
import re
import signal
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from hearthgrid_msgs import msg
from hearthgrid_ros.time import to_seconds


def helper():
    path = Path(__file__).with_name('dashboard_browser.py')
    spec = importlib.util.spec_from_file_location('dashboard_browser', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shared = helper()
browser, home, own, url, page = shared.browser, shared.home, shared.own, shared.url, shared.page
dashboard, url_of, until, card, picture = shared.dashboard, shared.url_of, shared.until, shared.card, shared.picture
TIMEOUT, PAGES, DRAWN, NAMELESS = shared.TIMEOUT, shared.PAGES, shared.DRAWN, shared.NAMELESS


def test_a_reading_is_on_the_screen_and_follows(page, home, url):
    from playwright.sync_api import expect
    kettle = home.outlets[1]
    kettle.watts = 1234.0
    page.goto(url)
    expect(card(page, 'kettle').locator('.outlet-power')).to_have_text('1.23 kW', use_inner_text=True)
    kettle.watts = 56.0
    expect(card(page, 'kettle').locator('.outlet-power')).to_have_text('56 W', use_inner_text=True)
    expect(page.get_by_role('status').first).to_contain_text('On the grid')
    expect(page.locator('.live svg path').first).to_be_attached()


def test_off_auto_and_on_reach_the_outlet_in_the_persons_voice(page, home, url):
    from playwright.sync_api import expect
    kettle = home.outlets[1]
    kettle.requests.clear()
    page.goto(url)
    switch = card(page, 'kettle').get_by_role('group')
    for wish, relay in (('Off', 'Off'), ('On', 'On'), ('Auto', 'On')):
        before = len(kettle.requests)
        switch.get_by_role('button', name=wish, exact=True).click()
        until(lambda before=before: len(kettle.requests) > before, page)
        expect(switch.get_by_role('button', name=wish, exact=True)).to_have_attribute('aria-pressed', 'true')
        expect(card(page, 'kettle').locator('.why strong')).to_have_text(relay)
    off, on, auto = kettle.requests
    assert {r.voice for r in kettle.requests} == {msg.Request.VOICE_PERSON} and off.sender == 'dashboard'
    assert (off.power_min, off.power_max) == (0.0, 0.0) and on.power_min > 0 and on.power_max == math.inf
    assert math.isnan(auto.power_max)
    assert off.counter < on.counter < auto.counter and {r.epoch for r in kettle.requests} == {0}
    assert abs(to_seconds(off.stamp) - home.now()) < TIMEOUT
    assert to_seconds(off.expiry) - to_seconds(off.stamp) == pytest.approx(43_200, abs=1e-3)


def test_the_keyboard_switches_too(page, home, url):
    lamp = home.outlets[2]
    lamp.requests.clear()
    page.goto(url)
    page.get_by_role('link', name='Skip to content').focus()
    target = card(page, lamp.id).get_by_role('button', name='Off', exact=True)
    target.wait_for()
    for _ in range(40):
        page.keyboard.press('Tab')
        if target.evaluate('it => it === document.activeElement'):
            break
    page.keyboard.press('Space')
    until(lambda: lamp.requests, page)
    assert lamp.requests[0].power_max == 0.0


def test_a_correction_is_carried_to_identification_and_comes_back(page, home, url):
    from playwright.sync_api import expect
    home.corrections.clear()
    page.goto(f'{url}outlet/kettle')
    page.get_by_label('Not right? It is a …').fill('toaster')
    page.get_by_label('Make and model, if you like').fill('Dualit 2')
    page.keyboard.press('Enter')
    until(lambda: home.corrections, page)
    assert [(c.outlet, c.type, c.model) for c in home.corrections] == [('kettle', 'toaster', 'Dualit 2')]
    expect(page.locator('.device')).to_have_text('Toaster, Dualit 2')
    expect(page.get_by_text('named', exact=True)).to_be_visible()


def test_an_outlets_page_shows_waveform_history_and_sets_its_priority(page, home, url):
    from playwright.sync_api import expect
    kettle = home.outlets[1]
    page.goto(f'{url}outlet/kettle')
    expect(page.get_by_role('heading', level=1)).to_have_text('Kettle')
    expect(page.get_by_text('two mains cycles at')).to_be_visible()
    for name in ('Voltage and current over two', 'Current against voltage', 'Stored power', 'RMS current of each'):
        expect(page.get_by_role('img', name=name).locator('svg path').first).to_be_attached()
    expect(page.locator('dd').filter(has_text='230.4')).to_be_visible()
    page.get_by_label('Priority in an outage').first.select_option('medical')
    until(lambda: kettle.priority == msg.OutletState.CLASS_MEDICAL, page)
    expect(page.get_by_text('Priority: Medical')).to_be_visible()


def test_a_new_user_is_led_to_a_home_of_their_own_and_mistakes_lose_nothing(page, home, url, own):
    from playwright.sync_api import expect
    page.goto(url)
    page.get_by_role('link', name='Set up your own').click()
    expect(page.get_by_role('list').filter(has_text='Set a password')).to_be_visible()
    expect(page.get_by_role('status').first).to_contain_text('On the grid')
    page.get_by_label('Paid for what is sold').fill('much')
    page.get_by_label('Name, row 2').fill('Tea kettle')
    page.get_by_role('button', name='Save').click()
    expect(page.locator('[id="error-tariff.sell"]')).to_have_text('this is no number')
    expect(page.get_by_label('Paid for what is sold')).to_have_attribute('aria-invalid', 'true')
    assert not own.exists()
    expect(page.get_by_label('Name, row 2')).to_have_value('Tea kettle')
    page.get_by_label('Paid for what is sold').fill('0.11')
    page.get_by_role('button', name='Save').click()
    expect(page.get_by_text('Changed: tariff.sell, outlets.1.title')).to_be_visible()
    expect(page.get_by_text('To take effect the home has to start again')).to_be_visible()
    assert own.read_text().startswith('# the example') and 'title: "Tea kettle"' in own.read_text()
    page.goto(f'{url}settings')
    expect(page.locator('.log li').first).to_contain_text('home edit')


def test_a_tripped_outlet_is_reset(page, home, url):
    from playwright.sync_api import expect
    dishwasher = home.outlets[3]
    dishwasher.trip = msg.OutletState.TRIP_OVERCURRENT
    home.states.publish(dishwasher.state())
    page.goto(f'{url}outlet/{dishwasher.id}')
    expect(page.get_by_text('Tripped: over-current')).to_be_visible()
    page.get_by_role('button', name='Reset the trip').click()
    until(lambda: dishwasher.trip == 0, page)
    expect(page.get_by_role('button', name='Reset the trip')).to_be_hidden()


def test_an_outage_is_scripted_shown_and_ended(page, home, url):
    from playwright.sync_api import expect
    page.goto(url)
    page.get_by_role('button', name='Fail the grid').click()
    expect(page.get_by_role('status').first).to_contain_text('Running as an island')
    page.get_by_role('button', name='Restore it').click()
    expect(page.get_by_role('status').first).to_contain_text('On the grid')


def test_the_plan_page_draws_prices_power_and_the_devices_times(page, home, url):
    from playwright.sync_api import expect
    page.goto(f'{url}plan')
    expect(page.get_by_text('less than without a plan')).to_be_visible()
    for name in ('Prices of coming hours', 'Planned power', 'Planned energy in the battery', 'Expected use',
                 'Expected sun'):
        expect(page.get_by_role('img', name=name).locator('svg path').first).to_be_attached()
    expect(page.locator('.gantt .bars').first).to_have_attribute('aria-label', re.compile('kW'))


@pytest.mark.parametrize('how', ['keys', 'drag'])
def test_a_deadline_is_moved_and_reaches_the_outlets_action(page, home, url, how):
    from playwright.sync_api import expect
    home.goals.clear()
    page.goto(f'{url}plan')
    mark = page.get_by_role('slider', name='Deadline of Washing machine')
    expect(mark).to_have_attribute('data-at', f'{home.deadline:.0f}')
    before = home.deadline
    mark.scroll_into_view_if_needed()
    if how == 'keys':
        mark.focus()
        for key in ('ArrowRight', 'ArrowRight', 'PageUp', 'ArrowLeft'):
            page.keyboard.press(key)
        wanted = before + 75 * 60
    else:
        box, track = mark.bounding_box(), mark.locator('..').bounding_box()
        y, start, length = box['y'] + 8, *(float(mark.get_attribute(name)) for name in ('data-start', 'data-length'))
        wanted = before + 4 * 3600
        page.mouse.move(box['x'] + 12, y)
        page.mouse.down()
        page.mouse.move(track['x'] + track['width'] * (wanted - 60 - start) / length, y, steps=5)
        page.mouse.up()
    until(lambda: home.goals, page)
    goal, = home.goals
    assert (goal.id, to_seconds(goal.deadline), goal.energy_kwh, goal.power) == ('wash', wanted, 1.0, 2000.0)
    expect(mark).to_have_attribute('data-at', f'{wanted:.0f}')
    if how == 'keys':
        expect(mark).to_be_focused()


def test_what_if_shows_both_plans_and_a_wrong_number_loses_nothing(page, home, url):
    from playwright.sync_api import expect
    page.goto(f'{url}plan')
    page.locator('.chart svg path').first.wait_for(state='attached')  # the page is heard by now
    form = page.get_by_role('form', name='What if')
    form.get_by_role('button', name='Work it out').click()
    expect(page.get_by_text('Change something first.')).to_be_visible()
    form.get_by_label('Battery holds').fill('27')
    form.get_by_label('Sold at, all day').fill('0.05')
    form.get_by_role('button', name='Work it out').click()
    row = page.get_by_role('row').filter(has=page.get_by_role('rowheader', name='Cost'))
    expect(row.get_by_role('cell').nth(1)).to_contain_text('€', timeout=90e3)  # a planner that has to start
    expect(page.get_by_text('planned twice')).to_be_visible()
    expect(form.get_by_label('Battery holds')).to_have_value('27')


def test_the_devices_page_says_what_each_is_and_costs_and_learns_what_it_is_told(page, home, url):
    from playwright.sync_api import expect
    home.corrections.clear()
    page.goto(f'{url}devices')
    row = page.locator('li.device-row[data-outlet=refrigerator]')
    expect(row.locator('.device')).to_have_text('Refrigerator, Liebherr CN 4313')
    expect(row).to_contain_text('Known to waste energy')
    expect(row.locator('.device-cost .hint')).to_contain_text('0.93', use_inner_text=True)
    row.get_by_text('Not right?').click()
    row.get_by_label('It is a …').fill('freezer')
    page.keyboard.press('Enter')
    expect(row.locator('.device')).to_have_text('Freezer')
    row.get_by_role('button', name='Take the last correction back').click()
    expect(row.locator('.device')).to_have_text('Refrigerator, Liebherr CN 4313')
    assert [c.undo for c in home.corrections] == [False, True]


def test_the_micro_grid_page_shows_leader_members_and_what_is_shed(page, home, url):
    from playwright.sync_api import expect
    page.goto(f'{url}microgrid')
    expect(page.locator('.sequence [aria-current]')).to_have_text('Grid')
    page.goto(url)
    page.get_by_role('button', name='Fail the grid').click()
    expect(page.get_by_role('status').first).to_contain_text('Running as an island')  # before the page is left
    page.goto(f'{url}microgrid')
    expect(page.locator('.sequence [aria-current]')).to_have_text('Regulate')
    expect(page.locator('.standing dd').first).to_have_text('Battery')
    expect(page.get_by_role('img', name='5 members vote, 4 outlets, 1 shed')).to_be_visible()
    expect(page.locator('.shed-row[data-outlet=kettle]')).to_contain_text('shed now')
    expect(page.locator('.past .past-list strong').first).to_have_text('Regulate')
    feeding = page.locator('.feeding .fact')
    expect(feeding.locator('dt')).to_have_text(['Grid', 'Solar', 'All batteries', 'Battery', 'Garage battery'])
    expect(feeding.nth(4).locator('dd')).to_have_text('200 W given · 30 %', use_inner_text=True)
    expect(card(page, 'garage')).to_have_count(0)  # it is no outlet
    page.goto(url)
    page.get_by_role('button', name='Restore it').click()
    expect(page.get_by_role('status').first).to_contain_text('On the grid')


@pytest.mark.parametrize('how', ['buttons', 'drag'])
def test_the_shed_order_is_changed_by_hand(page, home, url, how):
    from playwright.sync_api import expect
    for outlet, priority in zip(home.outlets, (2, 6, 6, 6), strict=True):
        outlet.priority, outlet.rank = priority, home.outlets.index(outlet)
        home.states.publish(outlet.state())
    rows = page.locator('.shed-row')
    last = home.outlets[3]
    page.goto(f'{url}microgrid')
    expect(rows.last).to_have_attribute('data-outlet', last.id)
    if how == 'buttons':
        page.get_by_role('button', name=f'Keep {last.title} longer').click()
        expect(rows.nth(2)).to_have_attribute('data-outlet', last.id)
        assert (last.priority, last.rank) == (6, 1)
    else:
        rows.last.drag_to(rows.first)
        expect(rows.first).to_have_attribute('data-outlet', last.id)
        assert (last.priority, last.rank) == (2, 0)


# the look has come, and no colour is on its way to another
SETTLED = '''look => matchMedia(`(prefers-color-scheme: ${look})`).matches
    && document.getAnimations().every(one => one.effect.getTiming().iterations === Infinity)'''
SIZES = {'desktop': {'width': 1360, 'height': 900}, 'phone': {'width': 360, 'height': 740}}


@pytest.mark.parametrize('size', SIZES)
def test_axe_finds_nothing_serious_on_any_page(browser, home, url, size):
    from axe_playwright_python.sync_playwright import Axe
    context = browser.new_context(viewport=SIZES[size], reduced_motion='reduce')
    page, found = context.new_page(), []
    for path in (*PAGES, 'setup', 'api/docs'):
        page.emulate_media(color_scheme='light')
        page.goto(url + path)
        if path in PAGES:
            page.locator(DRAWN.get(path, '.chart svg path')).first.wait_for(state='attached')
            page.evaluate('document.querySelectorAll("details").forEach(one => { one.open = true; })')
        for look in ('light', 'dark'):
            page.emulate_media(color_scheme=look)
            page.wait_for_function(SETTLED, arg=look)
            found += [f'{path} {look}: {one["id"]}: {part["html"][:160]} {part["failureSummary"][:240]}'
                      for one in Axe().run(page).response['violations']
                      if one['impact'] in ('serious', 'critical') for part in one['nodes'][:4]]
    context.close()
    assert found == []


@pytest.mark.parametrize('look', ['light', 'dark'])
def test_nothing_leaves_the_machine_nothing_breaks_and_everything_has_a_name(browser, home, url, look):
    context = browser.new_context(color_scheme=look, viewport={'width': 1360, 'height': 900})
    asked, broken = [], []
    page = context.new_page()
    page.on('request', lambda request: asked.append(request.url))
    page.on('websocket', lambda socket: asked.append(socket.url))
    page.on('console', lambda line: broken.append(line.text) if line.type in ('error', 'warning') else None)
    page.on('pageerror', lambda error: broken.append(str(error)))
    for path in PAGES:
        page.goto(url + path)
        page.locator(DRAWN.get(path, '.chart svg path')).first.wait_for(state='attached')
        picture(page, f'{path.replace("/", "-") or "overview"}-{look}')
        assert page.evaluate(NAMELESS) == []
        assert page.locator('h1').count() == 1 and page.locator('main').count() == 1
    context.close()
    here = urlsplit(url).netloc
    outside = [a for a in asked if urlsplit(a).netloc != here and urlsplit(a).scheme not in ('data', 'blob')]
    assert len(asked) > 10 and outside == [] and broken == []


@pytest.mark.parametrize('path', PAGES)
def test_a_phone_shows_it_without_scrolling_sideways(browser, home, url, path):
    context = browser.new_context(viewport={'width': 360, 'height': 740}, is_mobile=True, has_touch=True)
    page = context.new_page()
    page.goto(url + path)
    page.locator(DRAWN.get(path, '.chart svg path')).first.wait_for(state='attached')
    wide = page.evaluate('[...document.querySelectorAll("main *")].filter(e => e.getBoundingClientRect().right > 361 '
                         '&& !e.closest("svg, .unseen, .chart-table .table-box")).map(e => e.className).slice(0, 5)')
    assert page.evaluate('document.documentElement.scrollWidth') <= 360 and wide == []
    picture(page, f'{path.replace("/", "-") or "overview"}-phone')
    context.close()


def test_the_look_is_switched_and_remembered(page, home, url):
    page.goto(url)
    ground = 'getComputedStyle(document.body).backgroundColor'
    before = page.evaluate(ground)
    page.get_by_role('button', name='Switch between light and dark').click()
    after = page.evaluate(ground)
    page.reload()
    assert before != after and page.evaluate(ground) == after


def test_an_empty_home_says_that_it_waits(page, home):
    from playwright.sync_api import expect
    with dashboard(namespace='/elsewhere') as child:
        page.goto(url_of(child))
        expect(page.get_by_role('status').first).to_contain_text('Waiting for the first reading')
        expect(page.get_by_text('No outlet has been heard of yet.')).to_be_visible()
        expect(page.get_by_role('button', name='Fail the grid')).to_be_hidden()
        page.goto(f'{page.url}outlet/kettle')
        expect(page.get_by_role('heading', level=1)).to_have_text('No such outlet')


def test_a_lost_connection_is_said_and_heals_by_itself(page, home):
    from playwright.sync_api import expect
    with dashboard() as child:
        address = url_of(child)
        page.goto(address)
        expect(card(page, 'kettle').locator('.outlet-power')).to_contain_text('W')
        child.send_signal(signal.SIGTERM)
        assert child.wait(TIMEOUT) == 0  # with a page open
    expect(page.get_by_role('alert').filter(has_text='Connection to Hearthgrid lost')).to_be_visible()
    with dashboard(port=urlsplit(address).port) as child:
        url_of(child)
        expect(page.get_by_text('Connection to Hearthgrid lost')).to_be_hidden()
        expect(card(page, 'kettle').locator('.outlet-power')).to_contain_text('W')


def test_a_home_that_goes_quiet_is_said(page, home, url):
    from playwright.sync_api import expect
    page.goto(url)
    expect(page.get_by_role('status').first).to_contain_text('On the grid')
    home.silent = True
    try:
        expect(page.get_by_role('status').first).to_contain_text('No outlet is heard')
        expect(card(page, 'kettle')).to_contain_text('Not heard for')
    finally:
        home.silent = False
    expect(page.get_by_role('status').first).to_contain_text('On the grid')


def test_a_page_nobody_looks_at_is_left_alone_until_it_is_looked_at(page, home, url):
    from playwright.sync_api import expect
    power = card(page, 'kettle').locator('.outlet-power')
    home.outlets[1].watts = 111.0
    page.goto(url)
    expect(power).to_have_text('111 W', use_inner_text=True)
    page.evaluate(HIDE, True)
    home.outlets[1].watts = 222.0
    until(lambda: page.request.get(f'{url}api/status').json()['outlets'][1]['power'] == 222.0, page)
    page.wait_for_timeout(1200)  # two refreshes of a page that is seen
    assert power.inner_text() == '111\u00a0W'
    page.evaluate(HIDE, False)
    expect(power).to_have_text('222 W', use_inner_text=True)


HIDE = """hidden => {
    Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""
