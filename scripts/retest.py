"""Run every test file in which a test failed once more, whole and alone, and let the second result stand.

Tests of whole homes share a machine with who knows what, and those of one file often go on from where the one before
left the home: so the file is run again, not the test. What failed at first is named in `build/failed_at_first.txt`: a
fault to look for, in the test or in what it tests. More than a few files are no chance: then none is run again.

Argument: the folder of results. The rest of the environment is that of `colcon test`.
"""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

FILES_MAX = 6
COLCON = (sys.executable, '-m', 'colcon', '--log-base', 'log')
COUNTED = {'tests': None, 'failures': 'failure', 'errors': 'error', 'skipped': 'skipped'}


def packages() -> dict[str, Path]:
    """Return each package's folder."""
    listed = subprocess.run([*COLCON, 'list'], capture_output=True, text=True, check=True).stdout
    rows = (line.split('\t') for line in listed.splitlines())
    return {name: Path(folder) for name, folder, _ in rows}


def file_of(classname: str, folder: Path) -> str | None:
    """Return the file a test of `classname` (package, modules, classes) stands in, None where there is none."""
    parts = classname.split('.')[1:]
    while parts:
        path = Path(*parts).with_suffix('.py')
        if (folder / path).is_file():
            return str(path)
        parts.pop()
    return None


def failed(report: Path, folder: Path) -> dict[str | None, list[str]]:
    """Return the failed tests of each file, under None those that belong to no file."""
    found: dict[str | None, list[str]] = {}
    for case in ElementTree.parse(report).getroot().iter('testcase'):
        if case.find('failure') is not None or case.find('error') is not None:
            classname = case.get('classname', '')
            found.setdefault(file_of(classname, folder), []).append(f'{classname}::{case.get("name")}')
    return found


def merge(first: Path, second: Path, files: set[str], folder: Path) -> None:
    """Put the second run's results of `files` in the place of the first run's, in the first report."""
    tree = ElementTree.parse(first)
    suite = next(tree.getroot().iter('testsuite'))
    again = list(ElementTree.parse(second).getroot().iter('testcase'))
    if {file_of(case.get('classname', ''), folder) for case in again} != files:
        return  # the second run fell over: the first stands
    for case in list(suite.iter('testcase')):
        if file_of(case.get('classname', ''), folder) in files:
            suite.remove(case)
    suite.extend(again)
    cases = list(suite.iter('testcase'))
    for name, mark in COUNTED.items():
        suite.set(name, str(sum(mark is None or case.find(mark) is not None for case in cases)))
    tree.write(first)


def main(base: Path) -> None:
    reports = {name: (base / name / 'pytest.xml', folder) for name, folder in packages().items()}
    found = {name: failed(report, folder) for name, (report, folder) in reports.items() if report.is_file()}
    names = [test for tests in found.values() for some in tests.values() for test in some]
    (base / 'failed_at_first.txt').write_text('\n'.join(names))
    if not 0 < sum(len(tests) for tests in found.values()) <= FILES_MAX:
        return
    for name, tests in found.items():
        files = {file for file in tests if file}
        if not files:
            continue
        print(f'once more: {name} {" ".join(sorted(files))}', flush=True)
        report, folder = reports[name]
        first = report.rename(report.with_name('first.txt'))  # no name that colcon takes for a result
        subprocess.run(
            [*COLCON, 'test', '--packages-select', name, '--event-handlers', 'console_cohesion+', 'console_direct-',
             'console_start_end-', '--pytest-args', '--import-mode=importlib', '--color=no', '-q', *sorted(files)],
            env={**os.environ, 'COLCON_FEATURE_FLAGS': 'drop_test_deps'}, check=False)
        second = report.rename(report.with_name('second.txt')) if report.is_file() else None
        first.rename(report)
        if second:
            merge(report, second, files, folder)


if __name__ == '__main__':
    main(Path(sys.argv[1]))
