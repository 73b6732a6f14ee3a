"""Real servers that take line protocol, for tests: InfluxDB 1.x and VictoriaMetrics, in folders of their own."""
import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from hearthgrid_ros.testing import free_port

PATIENCE = 90.0  # [s]


class Server:
    """`start`, `kill` and `stop` it as often as wanted; what it took stays in its folder."""

    program = scheme = ''
    ping = '/health'

    def __init__(self) -> None:
        self._program = shutil.which(self.program)
        if self._program is None:
            if os.environ.get('CI') == 'true':
                pytest.fail(f'{self.program} is not installed')
            pytest.skip(f'{self.program} is not installed')
        self.folder = Path(tempfile.mkdtemp(prefix=f'hearthgrid-{self.program}-'))
        self.port, self._process = free_port(), None
        self.url = f'{self.scheme}://127.0.0.1:{self.port}'

    def command(self) -> list:
        raise NotImplementedError

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f'http://127.0.0.1:{self.port}{self.ping}', timeout=2) as answer:
                return answer.status in (200, 204)
        except (OSError, urllib.error.URLError):
            return False

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = subprocess.Popen([self._program, *map(str, self.command())], cwd=self.folder,
                                         stdout=subprocess.DEVNULL, stderr=(self.folder / 'log').open('a'))
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if self._process.poll() is not None:
                raise RuntimeError((self.folder / 'log').read_text()[-2000:])
            if self.answers():
                return
            time.sleep(0.05)
        self.stop()
        raise RuntimeError(f'{self.program} does not answer')

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait(PATIENCE)

    def end(self) -> None:
        """Ask it to end, and wait until it has."""
        self._process.terminate()
        self._process.wait(PATIENCE)

    def stop(self) -> None:
        """End it and delete its folder."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


class Influx(Server):
    program, scheme, ping = 'influxd', 'influxdb', '/ping'  # 1.6 has no /health

    def command(self) -> list:
        config = self.folder / 'influxdb.conf'
        config.write_text(f'''
reporting-disabled = true
bind-address = "127.0.0.1:{free_port()}"
[meta]
dir = "{self.folder}/meta"
[data]
dir = "{self.folder}/data"
wal-dir = "{self.folder}/wal"
query-log-enabled = false
[monitor]
store-enabled = false
[http]
bind-address = "127.0.0.1:{self.port}"
log-enabled = false
''')
        return ['run', '-config', config]


class Victoria(Server):
    program, scheme = 'victoria-metrics', 'victoriametrics'
    retention = '100y'  # it drops in silence what is older

    def command(self) -> list:
        return [f'-storageDataPath={self.folder}/data', f'-httpListenAddr=127.0.0.1:{self.port}',
                f'-retentionPeriod={self.retention}', '-memory.allowedBytes=64MB', '-loggerLevel=ERROR']
