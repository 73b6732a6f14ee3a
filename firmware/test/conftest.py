"""The C core as a shared library beside its Python twin. Without its tool a test is skipped; with CI=true it fails."""
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from cffi import FFI

FIRMWARE = Path(__file__).resolve().parents[1]
CORE, APP = FIRMWARE / 'core', FIRMWARE / 'app'
sys.path.append(str(Path(__file__).parent))  # for what tests share: outlet_bench
WARNINGS = ('-std=c99 -O2 -Wall -Wextra -Wpedantic -Wconversion -Wdouble-promotion -Wshadow -Wstrict-prototypes '
            '-Werror').split()


def missing(what: str, package: str) -> None:
    """Skip, or fail where nothing may be missing."""
    text = f'{what} is not installed (Debian: {package})'
    pytest.fail(text) if os.environ.get('CI') == 'true' else pytest.skip(text)


@pytest.fixture(scope='session')
def tool():
    """Return the path of a program; skip, or fail where CI=true, when it is missing."""
    def find(name: str, package: str) -> str:
        return shutil.which(name) or missing(name, package)
    return find


def declarations(compiler: str, empty: Path, headers) -> str:
    """Return headers as one text without macros: structs and prototypes as the C compiler sees them."""
    for name in ('stdbool.h', 'stddef.h', 'stdint.h'):
        (empty / name).touch()
    text = ''.join(f'#include "{header.name}"\n' for header in headers)
    folders = [f'-I{folder}' for folder in (empty, CORE, APP, FIRMWARE / 'test')]
    return subprocess.run([compiler, '-E', '-P', '-nostdinc', *folders, '-'], input=text, text=True,
                          capture_output=True, check=True).stdout


@pytest.fixture(scope='session')
def library(tool, tmp_path_factory):
    """Return a maker of `lib` (the functions of C sources) and `ffi`.

    HEARTHGRID_FIRMWARE_CFLAGS adds flags, such as those of sanitizers.
    """
    def make(sources, headers) -> SimpleNamespace:
        compiler, folder = tool('cc', 'build-essential'), tmp_path_factory.mktemp('core')
        extra = os.environ.get('HEARTHGRID_FIRMWARE_CFLAGS', '').split()
        made = folder / 'libhearthgrid.so'
        subprocess.run([compiler, *WARNINGS, *extra, f'-I{CORE}', f'-I{APP}', '-shared', '-fPIC', '-o', made, *sources,
                        '-lm'], check=True)
        ffi = FFI()
        ffi.cdef(declarations(compiler, folder, headers))
        return SimpleNamespace(lib=ffi.dlopen(str(made)), ffi=ffi)
    return make


@pytest.fixture(scope='session')
def core(library) -> SimpleNamespace:
    """Return the core."""
    return library(sorted(CORE.glob('*.c')), sorted(CORE.glob('*.h')))


@pytest.fixture(scope='session')
def application(library) -> SimpleNamespace:
    """Return the core and the part of the application that knows neither ROS nor an operating system."""
    sources = [APP / f'{name}.c' for name in ('analyse', 'app', 'asks', 'control', 'devices', 'island', 'keep',
                                              'member', 'keys', 'own_shedding', 'reading', 'session', 'words')]
    feed = FIRMWARE / 'test' / 'feed.c'
    return library([*sorted(CORE.glob('*.c')), *sources, feed], [feed.with_suffix('.h'), APP / 'session.h'])


@pytest.fixture(scope='session')
def settings(core):
    """Return a maker of C settings from a Python settings object: field by field, by name."""
    def make(kind: str, values):
        made = core.ffi.new(f'hg_{kind}_settings_t *')
        for name, _ in core.ffi.typeof(f'hg_{kind}_settings_t').fields:
            setattr(made, name, getattr(values, name))
        return made
    return make


@pytest.fixture(scope='session')
def window(core):
    """Return a maker of hg_window_t from counts; what it points to lives as long as it does."""
    def make(voltage: np.ndarray, current: np.ndarray, scales: tuple[float, float], rate: float):
        rows = [np.ascontiguousarray(x, dtype=np.int16) for x in (voltage, current)]
        made = core.ffi.new('hg_window_t *')
        made.voltage, made.current = (core.ffi.from_buffer('int16_t[]', row) for row in rows)
        made.n, made.sampling_rate = len(rows[0]), rate
        made.scale.voltage, made.scale.current = scales
        return SimpleNamespace(c=made, keep=rows)
    return make


@pytest.fixture(scope='session')
def recordings() -> dict[str, np.ndarray]:
    """Return the waveforms recorded from real appliances (480, 2944)."""
    root = Path(os.environ.get('HEARTHGRID_DATA', FIRMWARE.parents[1] / 'shared' / 'data'))
    file = root / 'vpc_waveforms' / 'vpc.npz'
    if not file.exists():
        pytest.skip(f'no recordings at {file}; HEARTHGRID_DATA says where they are')
    with np.load(file) as kept:
        return {name: kept[name] for name in kept.files}
