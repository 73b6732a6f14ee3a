"""Add up the JUnit files of all packages and print `N passed, N failed, N skipped`; exit 1 unless all is well.

Arguments: the folder of results, the number of steps that failed. What failed before `retest.py` ran it again is named.
"""

import sys
from pathlib import Path
from xml.etree import ElementTree

PACKAGES = ('hearthgrid', 'hearthgrid_core', 'hearthgrid_firmware', 'hearthgrid_ros', 'outlet_node', 'hub_nodes',
            'sim_nodes')


def count(base: Path) -> tuple[int, int, int]:
    """Return how many tests passed, failed and were skipped; a package without results counts as a failure."""
    passed = failed = skipped = 0
    for package in PACKAGES:
        report = base / package / 'pytest.xml'
        try:
            suites = list(ElementTree.parse(report).getroot().iter('testsuite'))
        except (OSError, ElementTree.ParseError) as error:
            print(f'{package}: no test results ({error})')
            failed += 1
            continue
        for suite in suites:
            tests, bad = int(suite.get('tests', 0)), int(suite.get('failures', 0)) + int(suite.get('errors', 0))
            left = int(suite.get('skipped', 0))
            passed, failed, skipped = passed + tests - bad - left, failed + bad, skipped + left
        if not sum(int(suite.get('tests', 0)) for suite in suites):
            print(f'{package}: no test ran')
            failed += 1
    return passed, failed, skipped


if __name__ == '__main__':
    passed, failed, skipped = count(Path(sys.argv[1]))
    # A step that failed without a failing test (style, a crashed runner) is a failure as well.
    failed = failed or int(sys.argv[2])
    at_first = Path(sys.argv[1], 'failed_at_first.txt')
    for name in at_first.read_text().splitlines() if at_first.is_file() else ():
        print(f'failed at first: {name}')
    print(f'{passed} passed, {failed} failed, {skipped} skipped')
    sys.exit(1 if failed else 0)
