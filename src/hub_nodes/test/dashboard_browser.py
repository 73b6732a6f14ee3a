"""A browser, a pretended home and the dashboard in front of it, for the tests that use pages as a person does."""
import importlib.util
import os
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph, process

CHROMIUM = os.environ.get('HEARTHGRID_CHROMIUM') or next(filter(None, map(
    shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
             '--disable-component-update', '--disable-sync']
TIMEOUT = 90.0  # for anything to come true [s]
PAGES = ('', 'devices', 'plan', 'microgrid', 'outlet/kettle', 'notices', 'settings', 'home')
# what shows that a page is drawn, where it is no chart
DRAWN = {'devices': '.loop svg polygon', 'notices': '.notices li', 'settings': '.facts.plain dd',
         'home': '.home-outlets td input'}


def needed(what: str) -> None:
    """Skip without a browser, but not where the project is checked for good."""
    if os.environ.get('CI', '').lower() in ('1', 'true'):
        pytest.fail(f'{what}, and CI needs it', pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope='module')
def browser():
    if CHROMIUM is None:
        needed('no chromium on this machine (apt-get install chromium)')
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        needed('playwright is not installed')
    expect.set_options(timeout=TIMEOUT * 1e3)
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield made
        made.close()


def fake():
    path = Path(__file__).with_name('dashboard_home.py')
    spec = importlib.util.spec_from_file_location('dashboard_home', path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def home(browser):
    """A home of four outlets that runs in a thread; its attributes say what it was asked."""
    with graph() as made:
        node = made.add(fake().FakeHome, 4, True, **options('/home'))
        stop = threading.Event()

        def spin() -> None:
            while not stop.is_set():
                made.executor.spin_once(0.05)

        thread = threading.Thread(target=spin)
        thread.start()
        yield node
        stop.set()
        thread.join()


def dashboard(port: int = 0, namespace: str = '/home', **parameters):
    more = (part for name, value in parameters.items() for part in ('-p', f'{name}:={value}'))
    return process('hub_nodes.dashboard.node', '--ros-args', '-r', f'__ns:={namespace}', '-p', f'port:={port}', '-p',
                   'quiet_after:=3.0', *more, HEARTHGRID_SUPERVISOR='test')


def url_of(child) -> str:
    return next(found.group(1) for found in (re.search(r'the page is at (http://\S+/)', line) for line in child.stdout)
                if found)


@pytest.fixture(scope='module')
def own(tmp_path_factory):
    """The file of a home nobody has set up yet; beside it the example."""
    folder = tmp_path_factory.mktemp('own')
    (folder / 'example.yaml').write_text('# the example\n' + fake().home_yaml(4))
    return folder / 'home.yaml'


@pytest.fixture(scope='module')
def url(home, own):
    """A dashboard under a supervisor, as far as it can tell, that keeps what it has to beside the home's file."""
    with dashboard(home_file=own.with_name('example.yaml'), home_source=own, state_dir=own.parent / 'state') as child:
        yield url_of(child)


@pytest.fixture()
def page(browser):
    context = browser.new_context(viewport={'width': 1360, 'height': 900})
    made = context.new_page()
    made.set_default_timeout(TIMEOUT * 1e3)
    yield made
    context.close()


def until(condition: Callable[[], object], page=None) -> None:
    """Wait until `condition()`, letting the page work meanwhile."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, 'it did not come true'
        page.wait_for_timeout(50) if page is not None else time.sleep(0.02)


def card(page, outlet: str):
    return page.locator(f'li[data-outlet={outlet}]')


# what one can use but a screen reader has no name for
NAMELESS = '''() => [...document.querySelectorAll(
        "a[href], button, input:not([type=hidden]), select, [role=img], [role=group]")]
    .filter(e => !(e.ariaLabel || e.textContent.trim() || e.labels?.length)).map(e => e.outerHTML)'''


def picture(page, name: str) -> None:
    """Keep a screenshot where HEARTHGRID_ARTEFACTS says."""
    folder = os.environ.get('HEARTHGRID_ARTEFACTS')
    if folder:
        page.screenshot(path=Path(folder) / f'dashboard-{name}.png', full_page=True)
