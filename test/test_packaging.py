"""The systemd units and the container file: what they call is there, and systemd understands them."""

import re
import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hearthgrid.cli import app

ROOT = Path(__file__).parent.parent
UNITS = sorted([*(ROOT / 'packaging').glob('*.service'), *(ROOT / 'packaging').glob('*.timer')])
SERVICES = [unit for unit in UNITS if unit.suffix == '.service']
EXPOSURE = 2.5  # of 10, as systemd-analyze counts


def read(unit):
    parser = RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read_string(re.sub(r'\\\n\s*', '', unit.read_text()))
    return parser


@pytest.mark.parametrize('unit', SERVICES, ids=lambda unit: unit.name)
def test_a_service_calls_what_there_is_and_is_bounded(unit):
    service = read(unit)['Service']
    assert service['User'] == 'hearthgrid' and service['ProtectSystem'] == 'strict'
    assert int(service['MemoryMax'].rstrip('G')) <= 3
    script = shlex.split(service['ExecStart'])[-1]
    sourced = re.search(r'source /opt/hearthgrid/(\S+)', script)[1]
    assert (ROOT / sourced).is_file()
    words = shlex.split(re.search(r'hearthgrid ((?:up|store) [^&]+)', script)[1])
    command = [word for word in words[:2] if word.isalpha()]
    answer = CliRunner(env={'COLUMNS': '200'}).invoke(app, [*command, '--help'])
    assert answer.exit_code == 0, answer.output
    for option in (word for word in words if word.startswith('--')):
        assert option in re.sub(r'\x1b\[[\d;]*m', '', answer.output)


@pytest.mark.parametrize('unit', UNITS, ids=lambda unit: unit.name)
def test_systemd_understands_a_unit(unit):
    if shutil.which('systemd-analyze') is None:  # then only what does not need it
        assert read(unit).sections()
        return
    done = subprocess.run(['systemd-analyze', 'verify', unit], capture_output=True, text=True, check=False)
    said = [line for line in done.stderr.splitlines() if unit.name in line]
    assert said == []
    if unit.suffix == '.service':
        rated = subprocess.run(['systemd-analyze', 'security', '--offline=true', unit], capture_output=True, text=True,
                               check=False)  # fmt: skip
        found = re.search(r'exposure level for \S+: ([\d.]+)', rated.stdout)
        assert found is None or float(found[1]) <= EXPOSURE, rated.stdout  # an older one cannot rate a file


def test_the_container_file_calls_what_there_is():
    text = (ROOT / 'packaging' / 'Containerfile').read_text()
    for script in re.findall(r'source (scripts/\S+)', text):
        assert (ROOT / script).is_file()
    assert 'setup()' in (ROOT / 'scripts' / 'setup.sh').read_text()
    ignored = (ROOT / '.containerignore').read_text().split()
    for name in ('.git', '.venv', 'build', 'install', 'log', 'state'):
        assert name in ignored, 'neither copied into the image nor built over'
