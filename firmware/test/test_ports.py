"""The application for boards: compiled and linked for each port, run in QEMU under the real kernel where that is given.

No package carries FreeRTOS or micro-ROS for Cortex-M. Every run compiles and links the ports with headers that stand in
for the kernel's; HEARTHGRID_FREERTOS (a folder with include/ and libfreertos.a) makes the application run in QEMU.
"""
import importlib.util
import json
import math
import os
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from cffi import FFI

FIRMWARE = Path(__file__).resolve().parents[1]
KERNEL = FIRMWARE / 'test' / 'kernel'
PORTS = ('mps2_an500', 'stm32f767', 'stm32h743')
FLASH, RAM = 2**20, 256 * 1024
PROCESSOR = '-mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard'.split()


def made(folder: Path, *options: str) -> subprocess.CompletedProcess:
    return subprocess.run(['make', '-C', FIRMWARE, f'BUILD={folder}', 'app', *options], text=True, capture_output=True)


def sizes(image: Path) -> tuple[int, int]:
    """Return the image's (flash, RAM) [B]; what stands for a board's flash sectors is neither."""
    table = subprocess.run(['arm-none-eabi-size', '-A', image], text=True, capture_output=True, check=True).stdout
    found = {name: int(size) for name, size in re.findall(r'^(\.\w+)(?:\.exidx)?\s+(\d+)', table, re.M)}
    return (sum(found.get(name, 0) for name in ('.text', '.ARM', '.data')),
            sum(found.get(name, 0) for name in ('.data', '.bss', '.stack')))


@pytest.fixture(scope='module')
def tools(tool):
    tool('arm-none-eabi-gcc', 'gcc-arm-none-eabi libnewlib-arm-none-eabi')
    tool('make', 'make')


@pytest.fixture(scope='module')
def kernel(tools, tmp_path_factory) -> Path:
    """Return a folder as FREERTOS names it, of what stands in for the kernel."""
    folder = tmp_path_factory.mktemp('kernel')
    (folder / 'include').symlink_to(KERNEL / 'include')
    subprocess.run(['arm-none-eabi-gcc', *PROCESSOR, '-std=c99', f'-I{KERNEL}/include', f'-I{FIRMWARE}/app', '-c',
                    KERNEL / 'kernel.c', '-o', folder / 'kernel.o'], check=True)
    subprocess.run(['arm-none-eabi-ar', 'rcs', folder / 'libfreertos.a', folder / 'kernel.o'], check=True)
    return folder


@pytest.mark.parametrize('port', PORTS)
def test_the_application_links_for_each_port(kernel, tmp_path, capsys, port):
    done = made(tmp_path, f'PORT={port}', f'FREERTOS={kernel}', 'OUTLET=fridge')
    assert done.returncode == 0, done.stdout + done.stderr
    image = tmp_path / port / 'outlet.elf'
    flash, ram = sizes(image)
    with capsys.disabled():
        print(f'\n{port}, without kernel and micro-ROS: flash {flash} of {FLASH} B, RAM {ram} of {RAM} B')
    assert flash <= FLASH // 4 and ram <= RAM
    symbols = subprocess.run(['arm-none-eabi-nm', image], text=True, capture_output=True, check=True).stdout
    assert not re.findall(r' [TtWw] (_?malloc\w*|_sbrk|_free_r|_dtoa_r)$', symbols, re.M)    # nothing allocates
    found = {name: int(at, 16) for at, name in re.findall(r'^([0-9a-f]+) \w (\w+)$', symbols, re.M)}
    assert found['vectors'] == (0 if port == 'mps2_an500' else 0x08000000)
    subprocess.run(['arm-none-eabi-objcopy', '-O', 'binary', '-j', '.text', image, tmp_path / 'text'], check=True)
    words = (tmp_path / 'text').read_bytes()
    entries = [int.from_bytes(words[4 * k:4 * k + 4], 'little') for k in range(16 + 57)]
    assert entries[0] == found['stack_top'] and entries[1] == found['reset_handler'] | 1
    interrupt = (8, 'timer_handler') if port == 'mps2_an500' else (56, 'dma2_stream0_handler')
    assert entries[16 + interrupt[0]] == found[interrupt[1]] | 1
    if port != 'mps2_an500':
        assert b'fridge\0' in words


@pytest.mark.parametrize('board', ['stm32f767', 'stm32h743'])
def test_static_analysis_of_the_ports_finds_nothing(tool, board):
    folders = [FIRMWARE / 'ports' / name for name in ('arm', 'mps2_an500', 'stm32')]
    done = subprocess.run([tool('cppcheck', 'cppcheck'), '--std=c99', '--enable=warning,style,performance,portability',
                           '--error-exitcode=1', '--quiet', '--suppress=missingIncludeSystem', f'-DHG_PORT_{board}',
                           '-DHG_NOMINAL=50', *(f'-I{FIRMWARE / name}' for name in ('core', 'app', 'm7', 'ports/arm')),
                           f'-I{folders[-1]}', FIRMWARE / 'app' / 'tasks.c', FIRMWARE / 'app' / 'transport.c',
                           *folders], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('options, words', [
    ([], 'FREERTOS is not set'), (['FREERTOS=/nowhere'], 'FREERTOS=/nowhere holds no libfreertos.a')])
def test_without_the_kernel_the_message_says_so(tools, tmp_path, options, words):
    done = made(tmp_path, *options)
    assert done.returncode != 0 and words in done.stdout


def test_without_micro_ros_the_message_says_so(kernel, tmp_path):
    done = made(tmp_path, f'FREERTOS={kernel}', 'MICRO_ROS=/nowhere')
    assert done.returncode != 0 and 'MICRO_ROS=/nowhere holds no libmicroros.a' in done.stdout
    given = tmp_path / 'given'
    for missing, words in (('libmicroros.a', 'holds no include/rmw_microros'),
                           ('include/rmw_microros/rmw_microros', 'was made without hearthgrid_msgs')):
        (given / missing).parent.mkdir(parents=True, exist_ok=True)
        (given / missing).touch()
        done = made(tmp_path, f'FREERTOS={kernel}', f'MICRO_ROS={given}')
        assert done.returncode != 0 and words in done.stdout


def test_the_application_runs_under_the_kernel(tool, tools, tmp_path, capsys):
    freertos = os.environ.get('HEARTHGRID_FREERTOS')
    if not freertos:
        pytest.skip('HEARTHGRID_FREERTOS does not say where include/ and libfreertos.a are; see docs/firmware.md')
    tool('qemu-system-arm', 'qemu-system-arm')
    done = made(tmp_path, f'FREERTOS={freertos}')
    assert done.returncode == 0, done.stdout + done.stderr
    image = tmp_path / 'mps2_an500' / 'outlet.elf'
    run = subprocess.run(['qemu-system-arm', '-M', 'mps2-an500', '-nographic', '-semihosting', '-icount', 'shift=3',
                          '-kernel', image], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=300)
    assert run.returncode == 0 and 'FAILED' not in run.stdout, run.stdout
    assert run.stdout.count('passed ') == 6
    count = {name: int(value) for name, value in re.findall(r'^count (\w+) (\d+)$', run.stdout, re.M)}
    with capsys.disabled():
        print('\nfirmware under FreeRTOS (QEMU): flash {} B, RAM {} B'.format(*sizes(image)))
        for name, value in count.items():
            print(f'  {name:28} {value:8}')
    assert count['control_late'] == 0 and count['control_samples_fewest'] >= 63
    for task in ('control', 'analysis', 'comms', 'interrupt'):
        assert count[f'{task}_stack_unused'] >= 512, task


def loaded(name: str):
    spec = importlib.util.spec_from_file_location(name, FIRMWARE / 'tools' / f'{name}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_micro_ros_is_built_with_is_current():
    pytest.importorskip('hearthgrid_msgs', reason='the messages are not built')
    meta, counts = loaded('colcon_meta'), loaded('entities').counts()
    text = (FIRMWARE / 'app' / 'colcon.meta').read_text(encoding='utf-8')
    assert text == meta.text(), 'run: python firmware/tools/colcon_meta.py'
    given = dict(argument[2:].split('=') for package in json.loads(text)['names'].values()
                 for argument in package['cmake-args'])
    for name in ('publishers', 'subscriptions', 'services', 'clients', 'nodes'):
        assert int(given[f'RMW_UXRCE_MAX_{name.upper()}']) == counts[name]
    pieces = int(given['RMW_UXRCE_STREAM_HISTORY_OUTPUT'])
    assert pieces & (pieces - 1) == 0 and pieces * int(given['UCLIENT_CUSTOM_TRANSPORT_MTU']) > 4 * 1408 + 128


@pytest.fixture(scope='module')
def printer(tool, tmp_path_factory):
    """Return the boards' snprintf, compiled here, as a function from a format and values to text."""
    library = tmp_path_factory.mktemp('print') / 'print.so'
    subprocess.run([tool('cc', 'build-essential'), '-std=c99', '-Dsnprintf=hg_snprintf', '-Dvsnprintf=hg_vsnprintf',
                    '-shared', '-fPIC', FIRMWARE / 'ports' / 'arm' / 'print.c', '-o', library, '-lm'], check=True)
    ffi = FFI()
    ffi.cdef('int hg_snprintf(char *to, size_t room, const char *format, ...);')
    lib = ffi.dlopen(str(library))

    def show(room: int, text: str, *values):
        out = ffi.new('char[]', 200)
        length = lib.hg_snprintf(out, room, text.encode(), *values)
        return ffi.string(out).decode(), length
    return SimpleNamespace(show=show, ffi=ffi)


@pytest.mark.parametrize('text, kind, value', [
    ('%d', 'int', -12), ('%d', 'int', -2**31), ('%5d|', 'int', -7), ('%05d|', 'int', -7), ('%u', 'unsigned', 2**32 - 1),
    ('%02x', 'unsigned', 10), ('%.0f W', 'double', 2.5), ('%.0f', 'double', -0.4), ('%.3f', 'double', 1234.5678),
    ('%8.2f|', 'double', -3.14159), ('%.2f', 'double', 0.006), ('%.1f', 'double', 0.96), ('%.2f', 'double', 1e6),
    ('%c%%', 'char', 'x')])
def test_numbers_are_printed_as_everywhere(printer, text, kind, value):
    given = value.encode() if kind == 'char' else value
    expected = text % value
    expected = expected.removeprefix('-') if not expected.strip('-0.') else expected     # no sign before nothing
    assert printer.show(200, text, printer.ffi.cast(kind, given)) == (expected, len(expected))


def test_texts_are_cut_where_the_room_ends(printer):
    told = printer.ffi.new('char[]', b'kettle')
    assert printer.show(200, '%.3s|%8s|', told, told) == ('ket|  kettle|', 13)
    assert printer.show(5, 'a %s', told) == ('a ke', 8)
    assert printer.show(200, '%f %f', *(printer.ffi.cast('double', x) for x in (math.nan, -math.inf)))[0] == 'nan -inf'
