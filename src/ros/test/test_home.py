"""The home's YAML: what is read, and what is said when something in it is wrong."""
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearthgrid_ros.home import RESERVED, Home, HomeError, from_labels, load, minutes, parse

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
