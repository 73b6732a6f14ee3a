"""Every picture of the page in docs/images, from a running simulated home: `python scripts/pictures.py`.

Starts the home of config/home.yaml in a ROS domain of its own, where on earth it is noon, waits until there is
something to see, and looks with Chromium. Takes some five minutes; needs playwright and Chromium (apt-get install
chromium).
"""
import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timezone
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

from hearthgrid.report_cli import chromium
from hearthgrid_ros.home import load
from hearthgrid_ros.testing import free_port

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120.0  # for anything to be there [s]
WIDE, PHONE = {'width': 1280, 'height': 900}, {'width': 390, 'height': 844}
OUTAGE = 60.0     # [s]
PASSWORD = 'correct horse battery'  # of a home that lives for these pictures


def start(folder: Path, port: int) -> subprocess.Popen:
    """Start the home; it ends with `stop`."""
    home = load(ROOT / 'config' / 'home.yaml')
    east = 12 - datetime.now(timezone.utc).hour  # hours to where it is noon
    there = {'timezone': f'Etc/GMT{-east:+d}', 'latitude': 35.0, 'longitude': 15.0 * east}
    (folder / 'home.yaml').write_text(home.model_copy(update=there).dump())
    environment = {'ROS_DOMAIN_ID': '97', 'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', **os.environ}
    return subprocess.Popen(
        [sys.executable, '-m', 'hearthgrid.cli', 'up', '--home', str(folder / 'home.yaml'), '--state-dir',
         str(folder / 'state'), '--port', str(port)], env=environment, stdout=subprocess.DEVNULL)


def look(page: Page, url: str, path: str, name: str, out: Path, whole: bool = False) -> None:
    """Take one picture, with all that is on the page drawn."""
    page.goto(url + path)
    page.locator('main .card').first.wait_for()
    page.wait_for_timeout(4000)
    page.screenshot(path=out / f'{name}.png', full_page=whole)
    print(f'{name}.png', flush=True)


def ask(page: Page, method: str, url: str, body: dict) -> None:
    """Ask the interface for programs with the page's login."""
    answer = page.request.fetch(url, method=method, data=body, headers={'Origin': url.split('/api')[0]})
    if not answer.ok:
        raise RuntimeError(f'{method} {url}: {answer.status} {answer.text()[:200]}')


def take(url: str, out: Path, settle: float) -> None:
    """Take all pictures."""
    expect.set_options(timeout=PATIENCE * 1e3)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=['--no-sandbox', '--disable-gpu'])
        options = {'reduced_motion': 'reduce', 'timezone_id': 'UTC', 'locale': 'en-GB'}
        wide = browser.new_context(viewport=WIDE, **options).new_page()
        dark = browser.new_context(viewport=WIDE, color_scheme='dark', **options).new_page()
        phone = browser.new_context(viewport=PHONE, is_mobile=True, has_touch=True, **options).new_page()
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                wide.goto(url)
                break
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1.0)
        expect(wide.get_by_text('less than without a plan')).to_be_visible()
        wide.wait_for_timeout(settle * 1e3)  # for identities, a history and some minutes of curves
        look(wide, url, '', 'dashboard', out)
        look(dark, url, '', 'dashboard-dark', out)
        look(phone, url, '', 'dashboard-phone', out)
        look(wide, url, 'outlet/fridge', 'dashboard-outlet', out, True)
        look(wide, url, 'devices', 'dashboard-devices', out)
        look(wide, url, 'plan', 'dashboard-plan', out, True)
        look(wide, url, 'home', 'dashboard-home', out)
        ask(wide, 'POST', f'{url}api/v1/simulation/outage', {'duration': OUTAGE})
        wide.goto(f'{url}microgrid')
        expect(wide.locator('.sequence [aria-current]')).to_have_text('Regulate')
        wide.wait_for_timeout(15_000)  # until who leads is confirmed
        wide.screenshot(path=out / 'dashboard-microgrid.png')
        print('dashboard-microgrid.png', flush=True)
        wide.goto(f'{url}setup')  # a first user, who makes a token and switches something
        for field, text in (('name', 'anna'), ('password', PASSWORD), ('again', PASSWORD)):
            wide.locator(f'input[name={field}]').fill(text)
        wide.keyboard.press('Enter')
        wide.locator('main .card').first.wait_for()
        ask(wide, 'POST', f'{url}api/v1/tokens', {'name': 'grafana', 'scope': 'read'})
        ask(wide, 'PUT', f'{url}api/v1/outlets/kettle/request', {'wish': 'off'})
        look(wide, url, 'settings', 'dashboard-settings', out)
        browser.close()


def stop(home: subprocess.Popen) -> None:
    """End the home as Ctrl-C does."""
    home.send_signal(signal.SIGINT)
    try:
        home.wait(60.0)
    except subprocess.TimeoutExpired:
        home.kill()
        home.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, default=ROOT / 'docs' / 'images', help='folder of the pictures')
    parser.add_argument('--settle', type=float, default=150.0, help='seconds to let the home run first')
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    port = free_port()
    with tempfile.TemporaryDirectory(prefix='hearthgrid-pictures-') as folder:
        home = start(Path(folder), port)
        try:
            take(f'http://127.0.0.1:{port}/', given.out, given.settle)
        finally:
            stop(home)
    return 0


if __name__ == '__main__':
    sys.exit(main())
