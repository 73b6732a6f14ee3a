"""From a ROS message to the screen: 100 outlets at 1 Hz, three open overviews in Chromium, and how late each is.

A process publishes readings evenly over the second. The dashboard node runs as in a home. Each page notes when the
number of a reading stands in a drawn frame (a mutation, then the next animation frame), by the clock the publisher took
just before it published. Publisher, node, Chromium and its pages share this machine; the time of the processor is the
node's own. HEARTHGRID_PAGE_SECONDS of measuring (20), HEARTHGRID_PAGE_OUTLETS (100), HEARTHGRID_PAGE_CLIENTS (3).
"""

import os
import re
import subprocess
import sys
import time

import numpy as np
import psutil

from hearthgrid.benchmark import Result
from hearthgrid.report_cli import chromium

NAME = 'page-latency'
GOAL = 0.25  # [s]
SETTLE = 5.0  # before the measurement [s]
WATTS = 900  # values that tell one second from another
ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
             '--disable-component-update', '--disable-renderer-backgrounding',
             '--disable-backgrounding-occluded-windows', '--disable-background-timer-throttling']
WATCH = """() => {
    window.seen = [];
    const now = () => performance.timeOrigin + performance.now();
    const observer = new MutationObserver(list => {
        const changed = new Set();
        for (const one of list) {
            const node = one.target.nodeType === 1 ? one.target : one.target.parentElement;
            const power = node && node.closest('.outlet-power');
            if (power) changed.add(power);
        }
        if (!changed.size) return;
        const rows = [...changed].map(e => [e.closest('[data-outlet]').dataset.outlet, parseInt(e.textContent)]);
        requestAnimationFrame(() => { const at = now(); for (const [id, watts] of rows) seen.push([id, watts, at]); });
    });
    observer.observe(document.querySelector('.outlet-list'), {subtree: true, childList: true, characterData: true});
}"""


def run(progress) -> list[Result]:
    """Measure."""
    seconds = float(os.environ.get('HEARTHGRID_PAGE_SECONDS', '20'))
    outlets = int(os.environ.get('HEARTHGRID_PAGE_OUTLETS', '100'))
    clients = int(os.environ.get('HEARTHGRID_PAGE_CLIENTS', '3'))
    environment = {**os.environ, 'ROS_DOMAIN_ID': os.environ.get('ROS_DOMAIN_ID', '93')}
    node = subprocess.Popen(
        [sys.executable, '-m', 'hub_nodes.dashboard.node', '--ros-args', '-r', '__ns:=/home', '-p', 'port:=0'],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
    publisher = subprocess.Popen([sys.executable, __file__, str(outlets)], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True, env=environment)
    try:
        url = next(found.group(1) for line in node.stdout if (found := re.search(r'(http://\S+/)', line)))
        progress(f'{outlets} outlets, {clients} pages')
        pages, share, lasted = look(url, clients, outlets, seconds, node.pid)
        said, _ = publisher.communicate('end\n', timeout=30)
    finally:
        for child in (publisher, node):
            child.terminate()
            child.wait(20)
    sent = {}
    for line in said.splitlines():
        outlet, watts, at = line.split()
        sent.setdefault((outlet, int(watts)), float(at))
    delays = np.array([at / 1e3 - sent[outlet, watts] for seen in pages for outlet, watts, at in seen
                       if (outlet, watts) in sent])
    due = outlets * clients * lasted
    middle, late, worst = np.percentile(delays, (50, 95, 99))
    load = os.getloadavg()[0]
    what = f'{outlets} outlets at 1 Hz, {clients} pages'
    return [
        Result(f'{what}: to the screen, 95 % within', late, 's', limit=GOAL, goal='≤ 0.25 s', holds=bool(late <= GOAL)),
        Result('… half within', middle, 's'),
        Result('… 99 % within', worst, 's'),
        Result('… readings drawn, of those published', len(delays) / due, '1', limit=0.95, goal='≥ 0.95',
               holds=bool(len(delays) >= 0.95 * due)),
        Result('… the node takes', 100 * share, '% of a core'),
        Result('… load of the machine meanwhile', load, '1'),
    ]


def look(url: str, clients: int, outlets: int, seconds: float, pid: int) -> tuple[list[list], float, float]:
    """Return what each page drew (outlet, watts, time [ms]), the node's share of a core, and how long it lasted."""
    from playwright.sync_api import sync_playwright

    program = chromium()
    if program is None:
        raise FileNotFoundError('no chromium on this machine (apt-get install chromium)')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        pages = [browser.new_context(viewport={'width': 1360, 'height': 900}).new_page() for _ in range(clients)]
        for page in pages:
            page.goto(url)
            page.wait_for_function(f"document.querySelectorAll('.outlet-power').length >= {outlets}", timeout=60e3)
        pages[0].wait_for_timeout(SETTLE * 1e3)
        for page in pages:
            page.evaluate(WATCH)
        process = psutil.Process(pid)
        before, began = sum(process.cpu_times()[:2]), time.monotonic()
        pages[0].wait_for_timeout(seconds * 1e3)
        seen = [page.evaluate('window.seen') for page in pages]
        lasted = time.monotonic() - began
        share = (sum(process.cpu_times()[:2]) - before) / lasted
        browser.close()
    return seen, share, lasted


def publish(outlets: int) -> None:
    """Publish until a line comes; then print outlet, watts and wall-clock time [s] of each reading."""
    import threading

    import rclpy
    from rclpy.node import Node

    from hearthgrid_msgs import msg
    from hearthgrid_ros.interfaces import READINGS
    from hearthgrid_ros.time import to_msg

    rclpy.init()
    readings = READINGS.publisher(Node('outlets', namespace='/home', start_parameter_services=False))
    ended, sent, number = threading.Event(), [], 0
    threading.Thread(target=lambda: (sys.stdin.readline(), ended.set()), daemon=True).start()
    began = time.monotonic()
    while not ended.is_set():
        turn, which = divmod(number, outlets)
        ended.wait(max(0.0, began + number / outlets - time.monotonic()))
        outlet, watts, now = f'outlet_{which:03d}', 1 + turn % WATTS, time.time()
        readings.publish(msg.Reading(stamp=to_msg(now), outlet=outlet, sequence=turn, duration=1.0, supply=1,
                                     voltage=230.0, frequency=50.0, active_power=float(watts)))
        sent.append(f'{outlet} {watts} {now:.6f}')
        number += 1
    print('\n'.join(sent))


if __name__ == '__main__':
    publish(int(sys.argv[1]))
