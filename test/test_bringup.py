"""The plan of what runs where."""

from dataclasses import fields

import pytest

from hearthgrid.bringup import HUB, NodeSpec, Options, Process, plan
from hearthgrid_ros.home import HomeError, parse

HOME = 'outlets:\n' + ''.join(f'  - id: outlet_{n}\n' for n in range(30))


def planned(text=HOME, **choices):
    return plan(parse(text), Options('home.yaml', 'state', **choices))


def nodes(processes):
    return [node for process in processes for node in process.nodes]


def test_every_outlet_has_its_two_nodes_in_its_own_namespace():
    found = {(n.namespace, n.name) for n in nodes(planned()) if n.package == 'outlet_node'}
    assert found == {(f'/home/outlet_{k}', name) for k in range(30) for name in ('outlet', 'consensus')}


def test_a_few_processes_by_default():
    assert [p.name for p in planned()] == ['world', 'outlets_1', 'outlets_2', 'hub', 'plan', 'dashboard']


def test_one_process_a_node_by_choice():
    processes = planned(each=True)
    assert all(len(p.nodes) == 1 for p in processes)
    assert len({p.name for p in processes}) == len(processes) == len(nodes(planned()))


@pytest.mark.parametrize(
    'choices, absent',
    [
        ({'simulation': False}, {'world'}),
        ({'hub': False}, {name for name, _, _ in HUB}),
        ({'dashboard': False}, {'dashboard'}),
        ({'outlets': False}, {'outlet', 'consensus'}),
    ],
)
def test_parts_may_be_left_out(choices, absent):
    before, after = ({n.name for n in nodes(planned(**c))} for c in ({}, choices))
    assert before - after == absent


@pytest.mark.parametrize(
    'spec',
    nodes(planned('outlets: [{id: kettle, schedule: [{start: "1:00", end: "2:00", switch: off}]}]\n')),
    ids=lambda spec: spec.name,
)
def test_every_parameter_of_the_plan_exists_and_is_accepted(spec):
    """A name that no node declares would be ignored in silence."""
    settings = spec.load().settings_class
    assert set(spec.parameters) <= {f.name for f in fields(settings)}
    settings(**spec.parameters)


def test_the_home_file_sets_parameters_by_node_and_by_outlet():
    text = 'nodes: {outlet: {current_rating: 16.0}, outlet_3/outlet: {current_rating: 10.0}}\n' + HOME
    rating = {n.namespace: n.parameters.get('current_rating') for n in nodes(planned(text)) if n.name == 'outlet'}
    assert rating['/home/outlet_3'] == 10.0 and rating['/home/outlet_4'] == 16.0


@pytest.mark.parametrize(
    'given, words', [('{planner: {x: 1}}', "no node is called 'planner'"), ('{outlet: {raiting: 1}}', "'raiting'")]
)
def test_what_does_not_exist_is_named(given, words):
    with pytest.raises(HomeError, match=words):
        planned(f'nodes: {given}\n{HOME}')


def test_a_process_survives_its_file(tmp_path):
    for process in planned():
        assert Process.read(process.write(tmp_path)) == process.nodes


def test_every_target_can_be_loaded():
    assert all(isinstance(node.load(), type) for node in nodes(planned('outlets: [{id: kettle}]')))


def test_a_missing_class_is_an_error_of_ours():
    with pytest.raises(AttributeError):
        NodeSpec('hearthgrid', 'x', 'hearthgrid.bringup:Missing', 'x', '').load()
