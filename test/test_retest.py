"""A failed test file is run once more by itself, and only its own results change."""

import importlib.util
import json
import textwrap
from pathlib import Path
from xml.etree import ElementTree

import pytest

SCRIPT = Path(__file__).parents[1] / 'scripts/retest.py'
spec = importlib.util.spec_from_file_location('retest', SCRIPT)
retest = importlib.util.module_from_spec(spec)
spec.loader.exec_module(retest)

FIRST = """
    <testsuites><testsuite name="pytest" tests="4" failures="1" errors="1" skipped="1">
    <testcase classname="home.test.test_one" name="well"/>
    <testcase classname="home.test.test_one.Class" name="bad"><failure message="x"/></testcase>
    <testcase classname="home.test.test_two" name="left"><skipped/></testcase>
    <testcase classname="" name="test.test_gone"><error message="no such module"/></testcase>
    </testsuite></testsuites>
"""
AGAIN = """
    <testsuites><testsuite name="pytest">
    <testcase classname="home.test.test_one" name="well"><skipped/></testcase>
    <testcase classname="home.test.test_one.Class" name="bad">{}</testcase>
    </testsuite></testsuites>
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'test').mkdir()
    for name in ('test_one', 'test_two'):
        (tmp_path / 'test' / f'{name}.py').touch()
    (tmp_path / 'first.xml').write_text(textwrap.dedent(FIRST).strip())
    return tmp_path


def test_what_failed_is_found_with_its_file(folder):
    assert retest.failed(folder / 'first.xml', folder) == {
        'test/test_one.py': ['home.test.test_one.Class::bad'], None: ['::test.test_gone']}


@pytest.mark.parametrize(('outcome', 'failures'), [('', '0'), ('<failure message="y"/>', '1')])
def test_the_second_run_of_a_file_takes_the_place_of_the_first(folder, outcome, failures):
    (folder / 'second.xml').write_text(textwrap.dedent(AGAIN.format(outcome)).strip())
    retest.merge(folder / 'first.xml', folder / 'second.xml', {'test/test_one.py'}, folder)
    suite = next(ElementTree.parse(folder / 'first.xml').getroot().iter('testsuite'))
    assert {name: suite.get(name) for name in retest.COUNTED} == {
        'tests': '4', 'failures': failures, 'errors': '1', 'skipped': '2'}


def test_a_second_run_that_fell_over_changes_nothing(folder):
    (folder / 'second.xml').write_text('<testsuite><testcase classname="home" name="missing_result"/></testsuite>')
    before = (folder / 'first.xml').read_text()
    retest.merge(folder / 'first.xml', folder / 'second.xml', {'test/test_one.py'}, folder)
    assert (folder / 'first.xml').read_text() == before


def test_no_package_adds_files_of_its_own_to_those_that_are_run_again():
    root = SCRIPT.parents[1]
    for path in (root / 'colcon.pkg', *root.glob('src/*/colcon.pkg')):
        assert [one for one in json.loads(path.read_text())['pytest-args'] if not one.startswith('-')] == [], path
