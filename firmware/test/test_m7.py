"""The core on a Cortex-M7, as QEMU's mps2-an500 models it: known answers, the twin's vectors, and the budgets.

QEMU counts instructions, not cycles: what a real core's caches, wait states and dual issue make of it is not measured.
"""
import importlib.util
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hearthgrid_core.waveform import Window, align, meter, signature

FIRMWARE = Path(__file__).resolve().parents[1]
CLOCK = 216e6           # [Hz]
FLASH, RAM = 2**20, 256 * 1024
WINDOW = 0.05 * 0.2 * CLOCK     # instructions of one analysis, at one a cycle: 5 % of 200 ms
SAMPLE = 2e-6 * CLOCK           # … of one protection decision
APPLIANCES = (0, 130, 410)      # recordings


@pytest.fixture(scope='module')
def vectors():
    spec = importlib.util.spec_from_file_location('vectors', FIRMWARE / 'tools' / 'vectors.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope='module')
def target(tool, tmp_path_factory):
    """Return a function from the text of vectors.h to (what the image printed, its exit code, sections by size)."""
    tool('arm-none-eabi-gcc', 'gcc-arm-none-eabi libnewlib-arm-none-eabi')
    tool('qemu-system-arm', 'qemu-system-arm')
    tool('make', 'make')

    def run(text: str, *options: str):
        folder = tmp_path_factory.mktemp('m7')
        (folder / 'vectors.h').write_text(text)
        made = subprocess.run(['make', '-C', FIRMWARE, f'BUILD={folder}', f'VECTORS={folder}/vectors.h', *options],
                              text=True, capture_output=True)
        assert made.returncode == 0, made.stdout + made.stderr
        image = folder / 'mps2_an500.elf'
        done = subprocess.run(['qemu-system-arm', '-M', 'mps2-an500', '-nographic', '-semihosting', '-icount',
                               'shift=0', '-kernel', image], text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        table = subprocess.run(['arm-none-eabi-size', '-A', image], text=True, capture_output=True, check=True).stdout
        sizes = {name: int(size) for name, size in re.findall(r'^(\.\w+)\s+(\d+)', table, re.M)}
        return done.stdout, done.returncode, sizes
    return run


def values(printed: str) -> dict[str, list[float]]:
    """Return what the image measured, by name."""
    found: dict[str, list[float]] = {}
    for name, bits in re.findall(r'^value (\w+) ([0-9a-f]{16})$', printed, re.M):
        found.setdefault(name, []).append(struct.unpack('>d', bytes.fromhex(bits))[0])
    return found


def is_the_twins(found: dict[str, list[float]], vectors, voltage, current, nominal: float) -> None:
    scales = [float(np.max(np.abs(x))) / 30000 for x in (voltage, current)]
    counts = [np.rint(x / scale) for x, scale in zip((voltage, current), scales, strict=True)]
    aligned = align(Window.from_counts(*counts, *scales, nominal * 128, 0.0), nominal, cycles=vectors.CYCLES)
    metering = meter(aligned)
    assert found['frequency'][0] == pytest.approx(metering.frequency, rel=1e-9)
    for name in ('voltage', 'current', 'active_power'):
        assert found[name][0] == pytest.approx(getattr(metering, name), rel=1e-5)
    assert found['reactive_power'][0] == pytest.approx(metering.reactive_power, abs=1e-5 * metering.apparent_power)
    assert np.max(np.abs(np.array(found['feature']) - signature(aligned).vector())) < 2e-3


def test_self_test_and_budgets_on_the_target(target, vectors, capsys):
    load = vectors.synthetic()
    printed, code, sizes = target(vectors.text(*load))
    assert code == 0 and 'FAILED' not in printed, printed
    assert printed.count('passed ') == 12
    is_the_twins(values(printed), vectors, *load)
    assert values(printed)['trip_time'][0] == pytest.approx(38.8, abs=0.2)

    budget = {name: int(count) for name, count in re.findall(r'^budget (\w+) (\d+)$', printed, re.M)}
    flash = sum(sizes.get(name, 0) for name in ('.text', '.ARM', '.data'))
    ram = sum(sizes.get(name, 0) for name in ('.data', '.bss', '.stack'))
    with capsys.disabled():
        print(f'\nfirmware on a Cortex-M7 (QEMU): flash {flash} of {FLASH} B, RAM {ram} of {RAM} B')
        for name, count in budget.items():
            print(f'  {name:28} {count:8}')
    assert flash <= FLASH // 4 and ram <= RAM * 3 // 4      # the rest is FreeRTOS's and micro-ROS's
    assert 0 < budget['window_instructions'] <= WINDOW
    assert 0 < budget['guard_instructions'] <= SAMPLE       # the short-circuit decision
    assert 0 < budget['sample_instructions'] <= SAMPLE      # … with the outage detector, while the supply is well
    assert 0 < budget['sample_worst_instructions'] <= SAMPLE    # … and in a dip, a collapse and an outage
    assert all(0 < count <= 4096 for name, count in budget.items() if name.endswith('_stack'))


@pytest.mark.parametrize('index', APPLIANCES)
def test_real_appliances_on_the_target(target, vectors, recordings, index):
    load = recordings['v'][index, -vectors.SAMPLES:], recordings['i'][index, -vectors.SAMPLES:], 60.0
    printed, code, _ = target(vectors.text(*load))
    is_the_twins(values(printed), vectors, *load)


def test_the_transform_of_cmsis_dsp_gives_the_same(target, vectors):
    sources = os.environ.get('HEARTHGRID_CMSIS_DSP')
    if not sources:
        pytest.skip('HEARTHGRID_CMSIS_DSP does not say where the sources of CMSIS-DSP are; see `make cmsis`')
    load = vectors.synthetic()
    printed, code, _ = target(vectors.text(*load), f'CMSIS_DSP={sources}')
    assert code == 0, printed
    is_the_twins(values(printed), vectors, *load)


def test_the_self_test_runs_clean_under_sanitizers(tool, tmp_path):
    tool('cc', 'build-essential')
    subprocess.run([tool('make', 'make'), '-C', FIRMWARE, f'BUILD={tmp_path}', 'host',
                    f'PYTHON={sys.executable}'], check=True, capture_output=True)
    done = subprocess.run([tmp_path / 'selftest'], text=True, capture_output=True)
    assert done.returncode == 0 and done.stderr == '' and done.stdout.count('passed ') == 12
