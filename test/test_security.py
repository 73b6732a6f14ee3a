"""Keys from the command line, policies of SROS 2 from the table, hostile bytes in short."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from hearthgrid.bringup import HUB, Options
from hearthgrid.cli import app
from hearthgrid.dds_profiles import profiles_xml
from hearthgrid.fuzz import Target, run
from hearthgrid.fuzz_targets import targets
from hearthgrid.security import allowed, enclaves, permissions_xml, policy_xml, validity, wire
from hearthgrid_ros import interfaces, key_file
from hearthgrid_ros.home import parse
from hearthgrid_ros.speakers import SPEAKERS

ROOT = Path(__file__).resolve().parent.parent
HOME = """
outlets: [{id: kettle}, {id: lamp}]
battery: {capacity_kwh: 10, power_max: 4000}
gateway: {host: h, ca: a, certificate: c, key: k, plugs: [{id: plug, family: tasmota, topic: t}]}
notify: {channels: [{name: phone}]}
market: {prices: awattar}
grid_service: {url: "https://u.example", ven_name: me}
"""
ALL = enclaves(parse(HOME), Options('home.yaml', 'state', each=True))
FOLDERS = {'outlet': 'src/outlet_node/outlet_node', 'consensus': 'src/outlet_node/outlet_node',
           'world': 'src/sim_nodes/sim_nodes'}
CONSENSUS = ('consensus.py', 'ballots.py', 'memory.py')


@pytest.fixture()
def hearthgrid(tmp_path):
    def run(*arguments):
        return CliRunner().invoke(app, [*arguments, '--state-dir', str(tmp_path)])

    return run


def test_keys_are_made_rotated_revoked_and_never_shown(hearthgrid, tmp_path):
    (tmp_path / 'home.yaml').write_text(HOME)
    path = tmp_path / key_file.NAME
    assert hearthgrid('keys', 'init', '--home', str(tmp_path / 'home.yaml')).exit_code == 0
    first = key_file.load(path)
    assert set(first.outlets) == {'kettle', 'lamp', 'plug', 'battery', 'pv', 'regulator'} and first.home.epoch == 1
    assert path.stat().st_mode & 0o777 == 0o600
    secrets = [key.secret.hex() for stored in (first.home, *first.outlets.values()) for key in stored.keys]
    assert len(set(secrets)) == 7 and all(len(secret) == 64 for secret in secrets)
    assert 'everybody has a key' in hearthgrid('keys', 'init', '--home', str(tmp_path / 'home.yaml')).output
    assert hearthgrid('keys', 'rotate', 'kettle').output == 'kettle: epoch 2\n'
    stored = key_file.load(path).of('kettle')
    old, new = stored.keys
    assert (old.secret, new.epoch) == (first.of('kettle').keys[0].secret, 2)
    assert old.ends == pytest.approx(new.begins + key_file.GRACE)
    assert hearthgrid('keys', 'revoke', 'lamp').exit_code == 0 and key_file.load(path).of('lamp').revoked
    assert 'home: epoch 2' in hearthgrid('keys', 'rotate', '--all').output and key_file.load(path).of('lamp').revoked
    assert hearthgrid('keys', 'init', '--home', str(tmp_path / 'home.yaml')).exit_code == 0
    assert key_file.load(path).of('lamp').revoked  # that was somebody's decision
    assert hearthgrid('keys', 'add', 'lamp').output == 'lamp: epoch 2\n'
    rows = {row['name']: row for row in json.loads(hearthgrid('keys', 'show', '--json').stdout)}
    assert (rows['kettle']['epoch'], rows['lamp']['epoch'], rows['home']['epoch']) == (3, 2, 2)
    shown = hearthgrid('keys', 'show').output
    now = key_file.load(path)
    secrets += [key.secret.hex() for one in (now.home, *now.outlets.values()) for key in one.keys]
    assert not [secret for secret in secrets if secret in shown]
    assert hearthgrid('keys', 'export', 'kettle', str(tmp_path / 'kettle.json')).exit_code == 0
    given = key_file.load(tmp_path / 'kettle.json')
    assert set(given.outlets) == {'kettle'} and given.home == now.home


@pytest.mark.parametrize('arguments, words', [
    (('show',), 'has no keys yet'), (('rotate', 'kettle'), 'has no keys yet'), (('rotate',), 'name an outlet'),
    (('rotate', 'kettle', '--all'), 'name an outlet'), (('revoke', 'kettle'), 'has no keys yet')])
def test_what_cannot_be_is_one_line(hearthgrid, arguments, words):
    answer = hearthgrid('keys', *arguments)
    assert answer.exit_code in (1, 2) and words in answer.output and 'Traceback' not in answer.output


def test_a_damaged_file_of_keys_is_said_and_left(hearthgrid, tmp_path):
    path = tmp_path / key_file.NAME
    path.write_text('{"format": "hearthgrid keys 1", "home": {"epoch": 1, "keys": [{"key": "feed"}]}}')
    before = path.read_bytes()
    for arguments in (('show',), ('rotate', '--all'), ('add', 'kettle')):
        answer = hearthgrid('keys', *arguments)
        assert answer.exit_code == 1 and 'no file of this format' in answer.output and 'feed' not in answer.output
    assert path.read_bytes() == before


def referred(name):
    """Return the rows of the table that a node's code names."""
    by_name = {key: row for key, row in vars(interfaces).items() if row in interfaces.TABLE}
    folder = ROOT / FOLDERS.get(name, 'src/hub_nodes/hub_nodes')
    target = {'market': 'adapters'}.get(name, name)
    if name in ('outlet', 'consensus'):
        files = [file for file in folder.glob('*.py') if (file.name in CONSENSUS) is (name == 'consensus')]
    elif name == 'world':
        files = [folder / 'world.py']
    else:
        files = list((folder / target).rglob('*.py')) if (folder / target).is_dir() else [folder / f'{target}.py']
    found = set()
    for file in files:
        tree = ast.parse(file.read_text())
        ours = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
                and node.module == 'hearthgrid_ros.interfaces' for alias in node.names}
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == 'interfaces' and node.attr in by_name:
                found.add(by_name[node.attr])
        found |= {by_name[name] for name in ours & set(by_name)}
    return found


@pytest.mark.parametrize('name', ['outlet', 'consensus', 'world', *(name for name, _, _ in HUB)])
def test_who_speaks_what_is_what_the_code_says(name):
    found = referred(name)
    if any(row.guarded and (row.scope is interfaces.Scope.HOME) for row in found & set(interfaces.SERVICES)):
        found.add(interfaces.PERMITS)  # by `calls.py`; outlets hear permits with their requests
    assert SPEAKERS[name].rows == found


def test_every_topic_appears_for_its_speakers_and_for_nobody_else():
    for row in interfaces.TOPICS:
        for way, of in (('publish', 'says'), ('subscribe', 'hears')):
            may = {enclave.profiles[0].node for enclave in ALL if allowed(enclave, row, way)}
            does = {name for name, speaks in SPEAKERS.items() if row in getattr(speaks, of)}
            if row is interfaces.DIAGNOSTICS and of == 'says':
                does |= set(SPEAKERS)
            assert may == does, (row.name, way)
    assert {enclave.profiles[0].node for enclave in ALL} == set(SPEAKERS)


def test_an_outlet_hears_its_own_requests_only_and_nobody_else_s():
    for enclave in ALL:
        hears = allowed(enclave, interfaces.REQUEST, 'subscribe')
        node = enclave.profiles[0]
        if node.node == 'outlet':
            assert hears == [f'{node.namespace}/request'] and not allowed(enclave, interfaces.REQUEST, 'publish')
        elif node.node == 'gateway':
            assert hears == ['/home/plug/request']
        elif node.node != 'tools':
            assert not hears
    for row in (*interfaces.SERVICES, *interfaces.ACTIONS):
        part = f'/{row.name}/_action/send_goalRequest' if row in interfaces.ACTIONS else f'/{row.name}Request'
        may = {enclave.profiles[0].node for enclave in ALL if any(name.endswith(part) for name in wire(enclave)[0])}
        assert may == {name for name, speaks in SPEAKERS.items() if row in speaks.asks}, row.name


PROFILES = '''
import json, rclpy
from rclpy.qos import qos_profile_system_default as unsaid
from hearthgrid_ros import interfaces as io
from hearthgrid_ros.testing import own_domain
own_domain()
rclpy.init()
node, made = rclpy.create_node('stranger'), {}
for row in (io.READINGS, io.PLAN, io.ADC):
    name = f'/home/kettle/{row.name}' if row.scope is io.Scope.OUTLET else f'/home/{row.name}'
    node.create_publisher(row.type, name, unsaid)
    while not (ends := node.get_publishers_info_by_topic(name)):
        rclpy.spin_once(node, timeout_sec=0.05)
    made[row.name] = [ends[0].qos_profile.reliability.name, ends[0].qos_profile.durability.name]
print(json.dumps(made))
'''


def test_fast_dds_has_a_profile_of_each_topic_with_the_qualities_of_the_table(tmp_path):
    """Who asks for nothing of its own gets what the table says."""
    text = profiles_xml(ALL, (ROOT / 'config' / 'fastdds.xml').read_text())
    root, space = ElementTree.fromstring(text), '{http://www.eprosima.com}'
    for kind, way in (('writer', 'publish'), ('reader', 'subscribe')):
        names = [end.get('profile_name') for end in root.iter(f'{space}data_{kind}')]
        wanted = {name for enclave in ALL for row in interfaces.TOPICS for name in allowed(enclave, row, way)}
        assert len(names) == len(set(names)) and set(names) == wanted
    (tmp_path / 'fastdds.xml').write_text(text)
    environment = {**os.environ, 'FASTDDS_DEFAULT_PROFILES_FILE': str(tmp_path / 'fastdds.xml'),
                   'RMW_FASTRTPS_USE_QOS_FROM_XML': '1'}
    run = subprocess.run([sys.executable, '-c', PROFILES], env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0 and 'XML' not in run.stderr, run.stderr
    assert json.loads(run.stdout) == {
        row.name: [row.quality.reliability.name, row.quality.durability.name]
        for row in (interfaces.READINGS, interfaces.PLAN, interfaces.ADC)}


def test_the_files_say_the_same_and_deny_the_rest():
    policy = ElementTree.fromstring(policy_xml(ALL).split('\n', 1)[1])
    assert [enclave.get('path') for enclave in policy.iter('enclave')] == [enclave.path for enclave in ALL]
    assert {right for group in policy.iter() for right in group.attrib.values() if right == 'DENY'} == set()
    for enclave in ALL:
        grant = ElementTree.fromstring(permissions_xml(enclave, 7, *validity(10)).split('\n', 1)[1]).find('.//grant')
        said = {name.text for name in grant.iterfind('allow_rule/publish/topics/topic')}
        assert said == set(wire(enclave)[0]) and grant.findtext('default') == 'DENY'
        assert grant.findtext('allow_rule/domains/id') == '7' and not [name for name in said if name.endswith('*')]


def test_a_keystore_is_written_signed_and_verifies(hearthgrid, tmp_path):
    (tmp_path / 'home.yaml').write_text(HOME)
    store = tmp_path / 'keystore'
    arguments = ['security', 'policies', str(store), '--home', str(tmp_path / 'home.yaml'), '--domain', '5']
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 0 and 'ROS_SECURITY_ENABLE=true' in answer.output, answer.output
    key = (store / 'enclaves/home/hub/key.pem').read_bytes()
    assert CliRunner().invoke(app, arguments).exit_code == 0
    assert (store / 'enclaves/home/hub/key.pem').read_bytes() == key  # a second time changes no identity
    private = [file for file in store.rglob('*key.pem')]
    assert private and all(file.stat().st_mode & 0o077 == 0 for file in private)
    for own in (file.parent for file in store.glob('enclaves/home/*/permissions.p7s')):
        for name in ('permissions', 'governance'):
            done = subprocess.run(
                ['openssl', 'smime', '-verify', '-text', '-in', own / f'{name}.p7s', '-CAfile',
                 own / 'permissions_ca.cert.pem'], capture_output=True, check=False)  # fmt: skip
            source = own / 'permissions.xml' if name == 'permissions' else store / 'enclaves/governance.xml'
            assert done.stdout.replace(b'\r\n', b'\n') == source.read_bytes(), done.stderr
        chain = ['openssl', 'verify', '-CAfile', own / 'identity_ca.cert.pem', own / 'cert.pem']
        assert subprocess.run(chain, check=False).returncode == 0


@pytest.mark.parametrize('name', sorted(targets()))
def test_hostile_bytes_are_taken_or_refused(name, tmp_path):
    count = {'course-csv': 10, 'home': 40, 'home-form': 40, 'library': 40, 'addresses': 40,
             'bag-mcap': 40, 'bag-db3': 40, 'course-parquet': 20}.get(name, 150)  # these are slow
    outcome = run(targets()[name], count, 12, tmp_path, tmp_path / 'failed')
    assert outcome.failures == [] and outcome.inputs == count


def test_a_parser_that_breaks_is_noticed_and_its_input_kept(tmp_path):
    def parser(content):
        if b'9999' in content:
            raise IndexError('beyond the end')
        if len(content) < 3:
            raise ValueError('short')

    broken = Target('broken', '', (ValueError,), lambda folder, stack: ([b'a: 12, b: 34'], parser))
    outcome = run(broken, 500, 1, tmp_path, tmp_path / 'failed')
    assert outcome.failed > 0 and outcome.refused > 0 and 'IndexError: beyond the end' in outcome.failures[0][0]
    assert b'9999' in Path(outcome.failures[0][1]).read_bytes()
    assert run(broken, 500, 1, tmp_path, tmp_path / 'again').__dict__ | {'seconds': 0, 'failures': 0} == \
        outcome.__dict__ | {'seconds': 0, 'failures': 0}
