"""The home's YAML: what is read, and what is said when something in it is wrong."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_ros.home import RESERVED, Home, HomeError, from_labels, load, minutes, parse
from hearthgrid_ros.home_forms import FORM, upgrade

MINIMAL = 'outlets:\n  - id: kettle\n'


def test_a_home_needs_only_outlets():
    home = parse(MINIMAL)
    assert (home.name, home.supply.voltage, home.supply.frequency) == ('home', 230.0, 50)
    assert home.outlet('kettle').priority == 'comfort' and home.outlet('toaster') is None


@pytest.mark.parametrize('text, line, words', [
    ('outlets:\n  - id: kettle\n    priority: vital\n', 3, 'outlets[0].priority'),           # not a class
    ('outlets:\n  - id: kettle\n  - id: kettle\n', 1, 'two outlets'),                        # the same twice
    ('outlets:\n  - id: Grid\n', 2, 'outlets[0].id'),                                        # not an identifier
    ('outlets:\n  - id: grid\n', 2, 'name of the system'),                                   # a meter is called so
    ('outlets:\n  - id: kettle\n    colour: red\n', 3, 'nothing is called so'),              # no such field
    ('outlets: []\n', 1, 'outlets'),                                                         # none
    ('name: home\n', 1, 'outlets: is missing'),
    ('timezone: Mars/Olympus\n' + MINIMAL, 1, 'no time zone'),
    ('supply:\n  frequency: 55\n' + MINIMAL, 2, 'supply.frequency'),
    ('battery:\n  capacity_kwh: -1\n' + MINIMAL, 2, 'capacity_kwh'),
    ('tariff:\n  kind: daily\n' + MINIMAL, 2, 'at least one step'),
    ('tariff:\n  kind: daily\n  buy: [{start: "7:00", price: 1}, {start: "6:00", price: 2}]\n' + MINIMAL, 2, 'rise'),
    ('outlets:\n  - id: a\n    schedule:\n      - {start: "25:00", end: "6:00", switch: on}\n', 4, 'start'),
    ('outlets: [\n', 2, ''),                                                                 # no YAML
    ('- kettle\n', 1, 'mapping'),
    ('', 1, 'mapping'),
])
def test_a_mistake_is_named_with_file_line_and_reason(text, line, words):
    with pytest.raises(HomeError) as caught:
        parse(text, 'my.yaml')
    assert str(caught.value).startswith(f'my.yaml:{line}: ') and words in str(caught.value)


def test_every_mistake_is_told_at_once():
    with pytest.raises(HomeError) as caught:
        parse('outlets:\n  - id: 7\n    priority: x\n    line_length: -3\n', 'my.yaml')
    assert len(str(caught.value).split('\n')) == 3


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(HomeError, match='No such file'):
        load(tmp_path / 'none.yaml')


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / 'home.yaml').write_bytes(b'\xff\xfe\x00outlets')
    with pytest.raises(HomeError, match='home.yaml'):
        load(tmp_path / 'home.yaml')


def test_a_home_survives_its_own_dump():
    home = parse('supply: {voltage: 120, frequency: 60}\npv: null\noutlets:\n  - id: tv\n    room: Lounge\n'
                 '    schedule:\n      - {days: [monday], start: "22:00", end: "6:00", switch: off, power_max: 40}\n')
    assert parse(home.dump()) == home


@given(st.lists(st.text(max_size=40), min_size=1, max_size=30))
def test_any_labels_become_a_valid_home(labels):
    home = from_labels(labels)
    ids = [outlet.id for outlet in home.outlets]
    assert len(set(ids)) == len(labels) and not set(ids) & set(RESERVED)
    assert parse(home.dump()) == home and isinstance(home, Home)


@given(st.integers(0, 23), st.integers(0, 59))
def test_clock_times(hour, minute):
    assert minutes(f'{hour}:{minute:02}') == 60 * hour + minute


@pytest.mark.parametrize('text, says', [
    ('outlets:\n  - {id: tv}\nversion: 99\n', 'my.yaml:3: written for a newer Hearthgrid (version 99; this one knows'),
    ('version: x\noutlets: [{id: tv}]\n', 'my.yaml:1: the version of a home file is a whole number'),
    ('version: true\noutlets: [{id: tv}]\n', 'my.yaml:1: the version'),
    ('version: 0\noutlets: [{id: tv}]\n', 'my.yaml:1: the version')])
def test_a_file_of_no_form_that_is_known_is_refused(text, says):
    with pytest.raises(HomeError) as told:
        parse(text, 'my.yaml')
    assert says in str(told.value)


def test_a_file_of_any_older_form_is_read():
    steps = (lambda d: {**{k: v for k, v in d.items() if k != 'label'}, 'name': d['label']},
             lambda d: {**d, 'name': d['name'].lower()})
    for old in ({'label': 'HUT', 'outlets': []}, {'version': 1, 'label': 'HUT', 'outlets': []},
                {'version': 2, 'name': 'HUT', 'outlets': []}, {'version': 3, 'name': 'hut', 'outlets': []}):
        assert upgrade(old, steps) == {'version': 3, 'name': 'hut', 'outlets': []}
    with pytest.raises(ValueError, match='newer'):
        upgrade({'version': 4}, steps)


def test_a_dump_says_its_form():
    assert parse(MINIMAL).dump().startswith(f'version: {FORM}\n')
    assert parse(f'version: {FORM}\n' + MINIMAL) == parse(MINIMAL)
