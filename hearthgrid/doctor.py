"""What is wrong with this machine, and what to do about it."""

import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

LISTEN = 4.0  # for the lights of a home that runs: a report comes each second [s]


@dataclass(frozen=True)
class Finding:
    """One thing looked at."""

    name: str
    level: str  # ok, warning, error
    text: str  # what was found, and what to do where it is not well


def examine(state_dir: Path, port: int) -> Iterator[Finding]:
    """Yield findings, quick ones first. Nothing is changed."""
    for name, look in (
        ('python', _python),
        ('ROS 2', _ros),
        ('messages', _messages),
        ('solver', _solver),
        ('compiler', _compiler),
        ('shared memory', _shared_memory),
        ('state folder', lambda: _state(state_dir)),
        ('database', lambda: _database(state_dir)),
        ('server', lambda: _server(state_dir)),
        ('keys', lambda: _keys(state_dir)),
        ('page', lambda: _page(port)),
        ('clock', _clock),
        ('talk', _talk),
    ):
        yield _look(name, look)
    yield from _lights()


def _look(name: str, look: Callable[[], tuple[str, str]]) -> Finding:
    try:
        level, text = look()
    except Exception as error:  # a doctor does not fall ill
        level, text = 'error', f'{type(error).__name__}: {error}'
    return Finding(name, level, text)


def _python() -> tuple[str, str]:
    version = '.'.join(map(str, sys.version_info[:3]))
    known = (3, 10) <= sys.version_info[:2] <= (3, 14)
    return ('ok', version) if known else ('error', f'{version}: 3.10 to 3.14 is needed')


def _ros() -> tuple[str, str]:
    import rclpy  # noqa: F401  what is asked is whether it can be imported

    distro, middleware = os.environ.get('ROS_DISTRO', '?'), os.environ.get('RMW_IMPLEMENTATION', 'default middleware')
    reach = os.environ.get('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SUBNET')
    text = f'{distro}, {middleware}, discovery {reach}'
    if reach in ('LOCALHOST', 'OFF'):
        return 'ok', text
    return 'warning', f'{text}: everyone on the network can join; set ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST'


def _messages() -> tuple[str, str]:
    from hearthgrid_ros.interfaces import TABLE

    return 'ok', f'hearthgrid_msgs built, {len(TABLE)} interfaces'


def _solver() -> tuple[str, str]:
    import cvxpy

    found = cvxpy.installed_solvers()
    return (
        ('ok', f'cvxpy {cvxpy.__version__} with {", ".join(found)}')
        if 'HIGHS' in found
        else ('error', 'cvxpy has no HiGHS: run ./run again')
    )


def _compiler() -> tuple[str, str]:
    found = shutil.which('c++')
    return (
        ('ok', found)
        if found
        else ('warning', 'no C++ compiler: messages cannot be rebuilt (apt install build-essential)')
    )


def _shared_memory() -> tuple[str, str]:
    from hearthgrid.shm import FOLDER, OURS, in_use

    if not FOLDER.is_dir():
        return 'warning', f'{FOLDER} is missing: ROS talks over UDP only'
    free = shutil.disk_usage(FOLDER).free / 1e6
    used = in_use()
    left = [f.name for f in FOLDER.iterdir() if OURS.match(f.name) and f.name not in used]
    if free < 64:
        return 'error', f'{free:.0f} MB free in {FOLDER}; 64 MB are needed'
    if len(left) > 50:
        return 'warning', f'{len(left)} files of ended ROS processes in {FOLDER}; the next start removes them'
    return 'ok', f'{free:,.0f} MB free'


def _state(folder: Path) -> tuple[str, str]:
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    if not os.access(existing, os.W_OK):
        return 'error', f'{existing} cannot be written; choose another with --state-dir'
    free = shutil.disk_usage(existing).free / 1e9
    return ('ok' if free > 1 else 'error', f'{folder}, {free:.1f} GB free' + ('' if free > 1 else '; make room'))


def _database(folder: Path) -> tuple[str, str]:
    path = folder / 'hearthgrid.db'
    if not path.exists():
        return 'ok', 'none yet'
    try:
        with sqlite3.connect(f'file:{path}?mode=ro', uri=True, timeout=5) as connection:
            verdict = connection.execute('PRAGMA quick_check(1)').fetchone()[0]
    except sqlite3.Error as error:
        return 'error', f'{path}: {error}'
    size = path.stat().st_size / 1e6
    return ('ok', f'{path}, {size:.1f} MB, sound') if verdict == 'ok' else ('error', f'{path}: {verdict}')


def _server(folder: Path) -> tuple[str, str]:
    from hub_nodes.store.address import LINE, without_password
    from hub_nodes.store.backend import StoreError
    from hub_nodes.store.place import database, open_history

    try:
        place = database(folder)
        if not place:
            return 'ok', 'none: history lies in the state folder'
        if place.startswith(LINE):
            from hub_nodes.store.line_server import make_server

            make_server(place).count(0, 1)
        else:
            open_history(place).outlets()
    except StoreError as error:
        return 'error', f'{error}; start it, or look at `store: {{database: …}}` in the home file'
    return 'ok', f'{without_password(place)} answers'


def _lights() -> Iterator[Finding]:
    """The lights of a home that runs, each with what it means and what to do."""
    from hearthgrid.doctor_lights import lines, listen

    try:
        heard = listen(LISTEN)
    except Exception as error:
        yield Finding('lights', 'error', f'{type(error).__name__}: {error}')
        return
    yield Finding('lights', 'ok', f'{len(heard)} of a running home' if heard else 'no home runs here')
    for name, level, text in lines((name, level, text) for name, (level, text) in heard.items()):
        yield Finding(name, level, text)


def _keys(folder: Path) -> tuple[str, str]:
    from hearthgrid_ros import key_file

    path = folder / key_file.NAME
    if not path.exists():
        return 'ok', 'none yet; `hearthgrid up` makes them'
    keys = key_file.load(path)
    if key_file.others_read(path):
        return 'error', f'others may read {path}: chmod 600 it, then `hearthgrid keys rotate --all`'
    revoked = [name for name, stored in keys.outlets.items() if stored.revoked]
    if revoked:
        return 'warning', f'revoked: {", ".join(revoked)} obey nobody; `hearthgrid keys add` gives a new one'
    return 'ok', f'{len(keys.outlets)} of outlets, only its owner reads {path}'


def _page(port: int) -> tuple[str, str]:
    with socket.socket() as probe:
        probe.settimeout(1)
        if probe.connect_ex(('127.0.0.1', port)) == 0:
            return 'ok', f'something answers on port {port} (a running home?)'
    return 'ok', f'port {port} is free'


def _clock() -> tuple[str, str]:
    year = time.gmtime().tm_year
    return (
        ('ok', time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime()))
        if year >= 2024
        else ('error', f'the clock says {year}: readings would be stamped wrongly')
    )


def _talk() -> tuple[str, str]:
    """Two processes of this machine find each other and exchange a message."""
    code = (
        'import sys, time, rclpy\n'
        'from std_msgs.msg import String\n'
        'rclpy.init()\n'
        'node = rclpy.create_node("doctor_" + sys.argv[1])\n'
        'heard = []\n'
        'node.create_subscription(String, "/hearthgrid_doctor", lambda m: heard.append(m.data), 10)\n'
        'out = node.create_publisher(String, "/hearthgrid_doctor", 10)\n'
        'deadline = time.monotonic() + 30\n'
        'me, other = sys.argv[1], {"a": "b", "b": "a"}[sys.argv[1]]\n'
        'while time.monotonic() < deadline and other + "+" not in heard:\n'  # + : it hears me
        '    out.publish(String(data=me + "+" * bool({other, other + "+"} & set(heard))))\n'
        '    rclpy.spin_once(node, timeout_sec=0.1)\n'
        'for _ in range(10): out.publish(String(data=me + "+")); time.sleep(0.05)\n'
        'sys.exit(0 if {other, other + "+"} & set(heard) else 3)\n'
    )
    started = time.monotonic()
    pair = [
        subprocess.Popen(
            [sys.executable, '-c', code, side], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        for side in 'ab'
    ]
    errors = [process.communicate(timeout=90)[1] for process in pair]
    codes = [process.returncode for process in pair]
    if codes == [0, 0]:
        return 'ok', f'two processes found each other in {time.monotonic() - started:.1f} s'
    if 3 in codes:
        return (
            'error',
            'two processes on this machine do not hear each other: is the loopback interface up, and unfiltered?',
        )
    return 'error', next((e.strip().split('\n')[-1] for e in errors if e.strip()), f'exit codes {codes}')
