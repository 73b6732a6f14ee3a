"""The table itself: its names, its bounds, and that both ends of a row match."""
import re
from dataclasses import replace

import pytest
from rclpy.qos import QoSCompatibility, qos_check_compatible

from hearthgrid_ros import interfaces as rows
from hearthgrid_ros.testing import graph


def test_names_are_relative_lower_case_and_unique():
    names = [(row.name, row.scope) for row in rows.TABLE]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch('[a-z][a-z_]*', row.name) for row in rows.TABLE)


def test_every_row_says_what_it_is():
    assert all(len(row.doc) > 10 for row in rows.TABLE)


@pytest.mark.parametrize('row', rows.TOPICS, ids=lambda row: row.name)
def test_writer_and_reader_agree(row):
    offered, asked = row.quality.profile(row.quality.writer_depth), row.quality.profile(row.quality.reader_depth)
    assert qos_check_compatible(offered, asked)[0] == QoSCompatibility.OK


def own_types():
    types = {row.type for row in rows.TABLE if row.type.__module__.startswith('hearthgrid_msgs')}
    return sorted(types, key=lambda type_: type_.__name__)


def fields_of(type_):
    parts = [type_] if hasattr(type_, 'get_fields_and_field_types') else [
        getattr(type_, part) for part in ('Request', 'Response', 'Goal', 'Result', 'Feedback') if hasattr(type_, part)]
    return [(part, name, kind) for part in parts for name, kind in part.get_fields_and_field_types().items()]


@pytest.mark.parametrize('type_', own_types(), ids=lambda t: t.__name__)
def test_everything_is_bounded(type_):
    """A microcontroller must reserve every array and string."""
    for part, name, kind in fields_of(type_):
        assert 'sequence<' not in kind or re.search(r', \d+>$', kind), f'{part.__name__}.{name}: {kind}'
        assert kind != 'string', f'{part.__name__}.{name} has no bound'


@pytest.mark.parametrize('type_', own_types(), ids=lambda t: t.__name__)
def test_enumerations_start_at_unknown(type_):
    for part in {part for part, _, _ in fields_of(type_)} | {type_}:
        families: dict[str, dict[str, int]] = {}
        for name in dir(part):
            if name.isupper() and '_' in name and isinstance(getattr(part, name), int):
                families.setdefault(name.split('_')[0], {})[name] = getattr(part, name)
        for family, values in families.items():
            assert values.get(f'{family}_UNKNOWN', values.get(f'{family}_NONE')) == 0, f'{part.__name__}: {family}'
            assert len(set(values.values())) == len(values)


@pytest.mark.parametrize('namespace, row, name', [
    ('/home', rows.READINGS, '/home/readings'),
    ('/home/kettle', rows.READINGS, '/home/readings'),
    ('/home/kettle', rows.ADC, '/home/kettle/adc'),
    ('/home/kettle', rows.DIAGNOSTICS, '/diagnostics'),
    ('/villa', rows.GET_HISTORY, '/villa/get_history'),
    ('/', rows.READINGS, '/readings'),
])
def test_where_a_name_lives(namespace, row, name):
    with graph() as g:
        assert row.resolve(g.peer(namespace)) == name


def test_a_hub_node_speaks_to_one_outlet():
    with graph() as g:
        hub, kettle, toaster = g.peer(), g.peer('/home/kettle', 'a'), g.peer('/home/toaster', 'b')
        heard, silent = g.hear(kettle, rows.REQUEST), g.hear(toaster, rows.REQUEST)
        publisher = rows.REQUEST.publisher_to(hub, 'kettle')
        assert g.matched(publisher)
        publisher.publish(rows.REQUEST.type(sender='plan'))
        assert g.until(lambda: heard) and heard[0].sender == 'plan' and not silent


def test_a_late_joiner_learns_every_last_word():
    with graph() as g:
        for name in ('kettle', 'toaster'):
            publisher = rows.STATES.publisher(g.peer(f'/home/{name}', name))
            for reason in ('old', 'new'):
                publisher.publish(rows.STATES.type(outlet=name, reason=reason))
        heard = g.hear(g.peer(name='late'), rows.STATES)
        assert g.until(lambda: len(heard) >= 2)
        assert sorted((m.outlet, m.reason) for m in heard) == [('kettle', 'new'), ('toaster', 'new')]


def test_a_wrong_reliability_would_be_noticed():
    """The check above can fail: a reliable reader of a best-effort writer is refused."""
    row = rows.READINGS
    asked = replace(row.quality, reliability=rows.STATE.reliability).profile(1)
    assert qos_check_compatible(row.quality.profile(1), asked)[0] != QoSCompatibility.OK
