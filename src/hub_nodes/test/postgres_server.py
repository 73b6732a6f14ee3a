"""A real PostgreSQL server for tests: a new cluster in a folder, on a socket of its own."""
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

PATIENCE = 60.0  # [s]


def programs() -> Path | None:
    """Return the folder of initdb and postgres, None where there is no server."""
    found = shutil.which('initdb')
    if found:
        return Path(found).resolve().parent
    installed = sorted(Path('/usr/lib/postgresql').glob('*/bin/initdb'))  # Debian keeps them off the path
    return installed[-1].parent if installed else None


def timescale() -> str:
    """Return the version of the TimescaleDB that the installed server could load, empty where there is none."""
    folder = programs()
    if folder is None or not (folder / 'pg_config').is_file():
        return ''
    shared = subprocess.run([folder / 'pg_config', '--sharedir'], capture_output=True, text=True, check=True).stdout
    control = Path(shared.strip()) / 'extension' / 'timescaledb.control'
    if not control.is_file():
        return ''
    return next(line.split("'")[1] for line in control.read_text().splitlines() if line.startswith('default_version'))


class Server:
    """`start`, `kill` and `stop` it as often as wanted; what was committed stays in its folder.

    extended : with TimescaleDB, which must be installed.
    """

    def __init__(self, extended: bool = False) -> None:
        self._programs, self.extended = programs(), extended
        if self._programs is None:
            if os.environ.get('CI') == 'true':
                pytest.fail('no PostgreSQL server is installed')
            pytest.skip('no PostgreSQL server is installed')
        # The server refuses to run as root, and a socket's path must be short.
        self._user = pwd.getpwnam('postgres').pw_uid if os.geteuid() == 0 else None
        self.folder = Path(tempfile.mkdtemp(prefix='hearthgrid-pg-'))
        if self._user is not None:
            os.chown(self.folder, self._user, -1)
        self._run('initdb', '--auth=trust', '--no-sync', '--username=home', '--encoding=UTF8', '--locale=C', '-D',
                  self.data)
        self.url = f'postgresql://home@/postgres?host={self.folder}'
        self._process = None
        self._options = ['-c', 'listen_addresses=', '-c', 'fsync=off']
        if extended:  # nor does it call home
            self._options += ['-c', 'shared_preload_libraries=timescaledb', '-c', 'timescaledb.telemetry_level=off']
            self.start()
            with psycopg.connect(self.url, autocommit=True) as connection:
                connection.execute('CREATE EXTENSION timescaledb')

    @property
    def data(self) -> Path:
        return self.folder / 'data'

    def _run(self, program: str, *arguments) -> None:
        subprocess.run([self._programs / program, *arguments], user=self._user, cwd=self.folder, check=True,
                       stdout=subprocess.DEVNULL, timeout=PATIENCE)

    def start(self) -> None:
        """Start it and wait until it answers."""
        if self._process is not None and self._process.poll() is None:
            return
        self._process = subprocess.Popen(
            [self._programs / 'postgres', '-D', self.data, '-k', self.folder, *self._options],
            user=self._user, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=(self.folder / 'log').open('a'))
        for _ in range(int(PATIENCE / 0.1)):
            if self._process.poll() is not None:
                raise RuntimeError((self.folder / 'log').read_text()[-2000:])
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                try:
                    self._process.wait(0.1)
                except subprocess.TimeoutExpired:
                    pass
        raise RuntimeError('PostgreSQL does not answer')

    def kill(self) -> None:
        """End it as a power cut would, with its children."""
        self._run('pg_ctl', '-D', self.data, '-m', 'immediate', '-W', 'stop')
        self._process.wait(PATIENCE)

    def stop(self) -> None:
        """End it and delete its folder."""
        if self._process is not None and self._process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
