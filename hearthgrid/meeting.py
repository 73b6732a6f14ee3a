"""Where the processes of a large home find each other: Fast DDS's discovery server, on this machine alone.

Without it every process tells every other of each of its topics: forty processes spend minutes of a processor on that.
The server passes on only what two have in common. A file in the user's state folder tells the command line where it is;
tools of ROS 2 are told by `ROS_DISCOVERY_SERVER` and `ROS_SUPER_CLIENT`.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import psutil

from hearthgrid.bringup import default_state_dir
from hearthgrid.kinship import die_with
from hearthgrid_ros.durable import replace

SERVER, SUPER = 'ROS_DISCOVERY_SERVER', 'ROS_SUPER_CLIENT'
TOOL = 'fast-discovery-server'
FORMS = (('42',), ())  # what goes before its options: since Fast DDS 3.2 the number of the command, before nothing
PATIENCE = 3.0  # for it to begin to listen [s]
MANY = 24  # processes: from so many on they meet at the server


def file() -> Path:
    """Return the file that tells this user's tools where the server of this ROS domain is."""
    return default_state_dir() / f'discovery-{os.environ.get("ROS_DOMAIN_ID", "0")}.json'


def join() -> None:
    """Let this process, a tool, find the home of its domain where that one meets at a server."""
    if SERVER in os.environ:
        return
    try:
        told = json.loads(file().read_text(encoding='utf-8'))
        address, running = str(told['address']), TOOL in ' '.join(psutil.Process(int(told['pid'])).cmdline())
    except (OSError, ValueError, TypeError, KeyError, psutil.Error):
        return
    if running:
        os.environ[SERVER], os.environ[SUPER] = address, 'TRUE'


class Meeting:
    """A discovery server while it is entered. `address` is empty where there is none."""

    def __init__(self, processes: int) -> None:
        """processes : of the home; fewer than `MANY` need no server."""
        wanted = (processes >= MANY and SERVER not in os.environ
                  and os.environ.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp') == 'rmw_fastrtps_cpp'
                  and os.environ.get('ROS_SECURITY_ENABLE') != 'true')  # fmt: skip
        beside = Path(sys.executable).with_name(TOOL)
        self._tool = (str(beside) if beside.exists() else shutil.which(TOOL)) if wanted else None
        self._process: subprocess.Popen | None = None
        self._port = 0
        self.address = ''

    def __enter__(self) -> 'Meeting':
        if self._tool:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(('127.0.0.1', 0))
                self._port = probe.getsockname()[1]
            if self._start():
                self.address = os.environ[SERVER] = f'127.0.0.1:{self._port}'
                self._tell()
        return self

    def __exit__(self, *_) -> None:
        if self.address:
            file().unlink(missing_ok=True)
            del os.environ[SERVER]
        self._end()

    def keep(self) -> None:
        """Start it again if it has ended; those who have met already do not mind."""
        if self.address and self._process.poll() is not None and self._start():
            self._tell()

    def _start(self) -> bool:
        """Return whether the server listens, started with a form of its command that this one knows."""
        return any(self._start_as(form) for form in FORMS)

    def _start_as(self, form: tuple[str, ...]) -> bool:
        profile = 'FASTDDS_DEFAULT_PROFILES_FILE'  # the home's is for those who meet
        self._process = subprocess.Popen(
            [self._tool, *form, '-i', '0', '-l', '127.0.0.1', '-p', str(self._port)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
            env={name: value for name, value in os.environ.items() if name != profile},
            preexec_fn=partial(die_with, os.getpid()))
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._listens():
                return True
            time.sleep(0.02)
        self._end()
        return False

    def _listens(self) -> bool:
        try:
            connections = psutil.Process(self._process.pid).net_connections('udp')
        except psutil.Error:
            return False
        return any(c.laddr and c.laddr.port == self._port for c in connections)

    def _tell(self) -> None:
        file().parent.mkdir(parents=True, exist_ok=True)
        replace(file(), json.dumps({'address': self.address, 'pid': self._process.pid}).encode(), sync=False)

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
