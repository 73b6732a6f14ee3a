"""What a compiler's warnings do not see: static analysis, sanitizers under the twins, and branches never taken."""
import os
import re
import subprocess
import sys
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parents[1]
CORE = FIRMWARE / 'core'
FULLY_COVERED = ('protection', 'authentic', 'seal', 'keyring', 'permit')  # authentic: relay commands too
SUITES = [FIRMWARE / 'test' / f'test_{name}.py' for name in (
    'outlet', 'island', 'prototypes', 'own_devices', 'election', 'ballot', 'seal', 'journal', 'timing', 'keyring',
    'permit')]
INPUTS = 200_000  # of the fuzzer


def run_suites(suites, folder: Path, **variables: str) -> subprocess.CompletedProcess:
    outer = {name: value for name, value in os.environ.items() if name != 'PYTEST_ADDOPTS'}  # colcon's own wishes
    return subprocess.run([sys.executable, '-m', 'pytest', '--import-mode=importlib', '-q', '-p', 'no:cacheprovider',
                           f'--basetemp={folder}', *suites], text=True, capture_output=True, cwd=FIRMWARE,
                          env={**outer, **variables})


def test_static_analysis_finds_nothing(tool):
    done = subprocess.run([tool('cppcheck', 'cppcheck'), '--std=c99', '--enable=warning,style,performance,portability',
                           '--error-exitcode=1', '--quiet', '--suppress=missingIncludeSystem', f'-I{CORE}', CORE],
                          text=True, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_the_core_allocates_nothing_and_keeps_nothing(tool, tmp_path):
    """No heap, no output, no variable that outlives a call: only code and constants."""
    for source in sorted(CORE.glob('*.c')):
        subprocess.run([tool('cc', 'build-essential'), '-std=c99', '-O2', '-c', source, '-o', tmp_path / 'part.o'],
                       check=True)
        symbols = subprocess.run(['nm', tmp_path / 'part.o'], text=True, capture_output=True, check=True).stdout
        assert not re.findall(r' [BbDdC] \w+', symbols), source.name
        assert not re.findall(r' U (malloc|calloc|realloc|free|printf|fopen|time|rand)\n', symbols), source.name


def test_the_twins_agree_under_sanitizers(tool, tmp_path):
    """The interpreter is not instrumented, so the sanitizer is loaded ahead of it; leaks are the interpreter's."""
    library = subprocess.run([tool('cc', 'build-essential'), '-print-file-name=libasan.so'], text=True,
                             capture_output=True, check=True).stdout.strip()
    done = run_suites(SUITES, tmp_path / 'inner', LD_PRELOAD=os.path.realpath(library), ASAN_OPTIONS='detect_leaks=0',
                      HEARTHGRID_FIRMWARE_CFLAGS='-g -fsanitize=address,undefined -fno-sanitize-recover=all',
                      HEARTHGRID_FIRMWARE_SCHEDULES='50')
    assert done.returncode == 0 and ' passed' in done.stdout, done.stdout[-3000:] + done.stderr[-3000:]


def test_what_nobody_meant_breaks_nothing(tool, tmp_path):
    """Random requests, ballots, memories and flash under sanitizers; a failure says how to see it again."""
    tool('cc', 'build-essential')
    subprocess.run([tool('make', 'make'), '-C', FIRMWARE, f'BUILD={tmp_path}', 'fuzz', f'PYTHON={sys.executable}'],
                   check=True, capture_output=True)
    done = subprocess.run([tmp_path / 'fuzz', str(INPUTS), '1'], text=True, capture_output=True,
                          env={**os.environ, 'ASAN_OPTIONS': 'abort_on_error=1', 'UBSAN_OPTIONS': 'abort_on_error=1'})
    assert done.returncode == 0 and f'fuzz: {INPUTS} inputs' in done.stdout, done.stderr[-3000:]


def test_every_branch_of_protection_and_authentication_is_taken(tool, tmp_path):
    gcov = tool('gcov', 'gcc')
    told = [SUITES[0], *(FIRMWARE / 'test' / f'test_{name}.py' for name in ('seal', 'keyring', 'permit')), '-k',
            'not relay_moves and not cap and not judged and not settle and not senders and not _file_']
    done = run_suites(told, tmp_path / 'inner', HEARTHGRID_FIRMWARE_CFLAGS='--coverage -O0')
    assert done.returncode == 0, done.stdout[-3000:]
    for name in FULLY_COVERED:
        data = next(tmp_path.rglob(f'*{name}.gcda'))
        report = subprocess.run([gcov, '--branch-probabilities', '--object-file', data, CORE / f'{name}.c'], text=True,
                                capture_output=True, check=True, cwd=tmp_path)
        listing = (tmp_path / f'{name}.c.gcov').read_text(encoding='utf-8')
        branches = re.findall(r'^branch +\d+ (never executed|taken \d+)', listing, re.M)
        missed = re.findall(r'^(?:branch +\d+ (?:never executed|taken 0%)| +#####).*', listing, re.M)
        assert len(branches) >= 10 and not missed, f'{report.stdout}\n' + listing
