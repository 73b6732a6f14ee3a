"""The plan of what runs where."""

import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from hearthgrid.bringup import HUB, SECTIONS, NodeSpec, Options, Process, plan
from hearthgrid.cli import app
from hearthgrid.up import alone
from hearthgrid_ros.home import HomeError, parse

HOME = 'outlets:\n' + ''.join(f'  - id: outlet_{n}\n' for n in range(30))


def planned(text=HOME, **choices):
    return plan(parse(text), Options('home.yaml', 'state', **choices))


def nodes(processes):
    return [node for process in processes for node in process.nodes]


def test_every_outlet_has_its_two_nodes_in_its_own_namespace():
    found = {(n.namespace, n.name) for n in nodes(planned()) if n.package == 'outlet_node'}
    assert found == {(f'/home/outlet_{k}', name) for k in range(30) for name in ('outlet', 'consensus')} | {
        ('/home/battery', 'consensus')
    }


def test_a_few_processes_by_default():
    assert [p.name for p in planned()] == ['world', 'outlets_1', 'outlets_2', 'inverter', 'hub', 'plan', 'dashboard']


@pytest.mark.parametrize('section', [
    'notify: {channels: [{name: phone}]}', 'gateway: {host: h, ca: a, certificate: c, key: k}',
    'grid_service: {url: "https://u.example", ven_name: me}',
    'market: {prices: awattar}'])
def test_a_section_of_the_home_file_starts_its_node(section):
    before, after = ({n.name for n in nodes(planned(text))} for text in (HOME, f'{HOME}{section}\n'))
    assert after - before == {section.partition(':')[0]}


def test_one_process_a_node_by_choice():
    processes = planned(each=True)
    assert all(len(p.nodes) == 1 for p in processes)
    assert len({p.name for p in processes}) == len(processes) == len(nodes(planned()))


@pytest.mark.parametrize(
    'choices, absent',
    [
        ({'simulation': False}, {'world'}),
        ({'hub': False}, {name for name, _, _ in HUB} - set(SECTIONS)),
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


@pytest.mark.parametrize(
    'text, committee',
    [
        ('outlets: [{id: a}]', 'battery'),  # of two, one: an even number bears no more
        ('outlets: [{id: a}, {id: b, always_on: true}]', 'battery,b,a'),
        ('outlets: [{id: a}, {id: b}, {id: c}]', 'battery,a,b'),
        ('battery: null\noutlets: [{id: a}, {id: b}, {id: c}]', 'a,b,c'),
        ('battery: {grid_forming: false}\noutlets: [{id: a}]', 'a'),
        (HOME, 'battery,' + ','.join(f'outlet_{k}' for k in range(6))),
        ('outlets: [{id: a}, {id: b}, {id: c, voter: true}, {id: d, voter: true}]', 'battery,c,d'),
    ],
)
def test_who_elects_the_leader(text, committee):
    members = [node for node in nodes(planned(text)) if node.name == 'consensus']
    assert {node.parameters['committee'] for node in members} == {committee}
    inverter = [node for node in members if node.parameters.get('meter')]
    assert [node.namespace for node in inverter] == ['/home/battery'] * ('battery' in committee)


def test_one_outlet_alone_has_the_committee_of_the_whole_home():
    for only, name in (('outlet_4', 'outlet'), ('battery', 'consensus')):
        found = nodes(planned(only=only, simulation=False, hub=False))
        assert {node.namespace for node in found} == {f'/home/{only}'} and name in {node.name for node in found}
        assert found[-1].parameters['committee'].startswith('battery,outlet_0')


def test_too_many_voters_are_refused():
    flagged = ''.join(f'  - {{id: o{n}, voter: true}}\n' for n in range(7))
    with pytest.raises(HomeError, match='8 voters'):
        parse('outlets:\n' + flagged)


def test_the_service_starts_with_options_that_exist():
    unit = (Path(__file__).parents[1] / 'packaging/hearthgrid.service').read_text()
    command = re.search(r"exec hearthgrid up (.*)'$", unit, re.M)[1]
    known = {name for one in typer.main.get_command(app).commands['up'].params
             for name in (*one.opts, *one.secondary_opts)}  # fmt: skip
    asked = {word for word in command.split() if word.startswith('--')}
    assert asked and asked <= known and 'KillSignal=SIGINT' in unit


def test_one_home_at_a_time_runs_from_a_state_folder(tmp_path):
    code = f'import pathlib, time; from hearthgrid.up import alone\nwith alone(pathlib.Path({str(tmp_path)!r})):\n' \
           ' print("held", flush=True); time.sleep(600)'
    with subprocess.Popen([sys.executable, '-c', code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == 'held\n'
        said = CliRunner().invoke(app, ['up', '--state-dir', str(tmp_path)])
        other.kill()
    assert said.exit_code == 1 and f'already runs from {tmp_path} (process {other.pid})' in said.stderr, said.output
    with alone(tmp_path):       # what died holds nothing
        pass
