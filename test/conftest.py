"""A home started as a person starts it, for tests of the whole."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request

import psutil
import pytest

from hearthgrid_ros.testing import Graph, free_port, own_domain
from hub_nodes.store.place import open_history


class Running:
    """`hearthgrid up` of a home's text, in a folder. PATIENCE : CI is slow [s]"""

    PATIENCE = 90.0

    def __init__(self, folder, text, *options):
        self.folder = folder
        (folder / 'home.yaml').write_text(text)
        self.port = free_port()
        self.process = subprocess.Popen(
            self.command('up', '--home', folder / 'home.yaml', '--state-dir', folder / 'state', '--port', self.port,
                         *options),
            stdout=(folder / 'out.txt').open('w'), stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.graph = Graph()

    @staticmethod
    def command(*arguments):
        return [sys.executable, '-m', 'hearthgrid.cli', *map(str, arguments)]

    def child(self, name):
        """Return the running process of that name, or None."""
        for child in psutil.Process(self.process.pid).children():
            try:
                if child.cmdline()[-1].endswith(f'/{name}.json'):
                    return child
            except (psutil.Error, IndexError):
                continue
        return None

    def kill(self, name):
        """Kill a process, and wait until another one has its place."""
        old = self.child(name)
        old.kill()
        self.until(lambda: (new := self.child(name)) is not None and new.pid != old.pid)

    def until(self, condition, timeout=PATIENCE):
        """Listen until something is so; what the home printed is shown when it does not come."""
        assert self.graph.until(condition, timeout), self.text()[-6000:]

    def stored(self, outlet):
        """Return the time of the newest reading in the database [s], 0 when there is none."""
        try:
            span = open_history(self.folder / 'state').span(outlet)
        except Exception:
            return 0.0
        return span[1] if span else 0.0

    def page(self, path='/api/health'):
        """Return what the page answers, None when it does not."""
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.port}{path}', timeout=2) as answer:
                return json.load(answer)
        except OSError:
            return None

    def put(self, path, body):
        """Send the page a change; return status and answer, None when there is none."""
        request = urllib.request.Request(
            f'http://127.0.0.1:{self.port}{path}', json.dumps(body).encode(), {'Content-Type': 'application/json'},
            method='PUT')  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return None

    def text(self):
        return (self.folder / 'out.txt').read_text()

    def close(self):
        self.graph.close()
        self.process.terminate()
        deadline = time.monotonic() + 20.0
        while self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope='module')
def running(tmp_path_factory):
    """Start a home in a ROS domain of its own; it ends with the module."""
    own_domain()
    made = []

    def start(text, *options):
        made.append(Running(tmp_path_factory.mktemp('home'), text, *options))
        return made[-1]

    yield start
    for home in made:
        home.close()
