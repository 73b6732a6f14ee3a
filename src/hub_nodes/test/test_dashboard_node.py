"""The node by itself: starts with its defaults, takes in topics, answers, and ends."""
import asyncio
import http.client
import json
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address

import pytest
from argon2 import PasswordHasher
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from nicegui import background_tasks

from hearthgrid_msgs import msg
from hearthgrid_ros.interfaces import READINGS, RESET_TRIP, STATES
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph, own_domain, process
from hearthgrid_ros.time import to_msg
from hub_nodes.dashboard.node import DashboardNode
from hub_nodes.dashboard.users import Users

own_domain()
NODE = 'hub_nodes.dashboard.node'
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def arguments(*parameters):
    return ['--ros-args', '-r', '__ns:=/home', *(part for p in parameters for part in ('-p', p))]


def url_of(child):
    for line in child.stdout:
        found = re.search(r'the page is at (https?://\S+/)', line)
        if found:
            return found.group(1)
    raise AssertionError('the node ended before it served the page')


def fetch(url, **headers):
    """Return status and JSON (or text) of a page."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as response:
            body, code = response.read().decode(), response.status
    except urllib.error.HTTPError as error:
        body, code = error.read().decode(), error.code
    return code, json.loads(body) if body.startswith('{') else body


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_it_starts_serves_and_ends_on_a_signal(number):
    with process(NODE, *arguments('port:=0')) as child:
        url = url_of(child)
        code, health = fetch(f'{url}api/health')
        assert (code, health['ok'], health['home']) == (200, True, 'waiting')
        child.send_signal(number)
        assert child.wait(90) == 0
    with pytest.raises(urllib.error.URLError):
        fetch(f'{url}api/health')


REFUSED = {  # what is set, and the words about it
    'host:=0.0.0.0': 'make a user (hearthgrid user add) and set',
    'host:=0.0.0.0 allow_remote:=true': 'allow_remote needs a user, and there is none',
    'certificate:=/nowhere.pem': 'certificate and certificate_key go together',
    'certificate:=/nowhere.pem certificate_key:=/nowhere.key': 'No such file',
    'port:=70000': 'port', 'page_rate:=0.0': 'page_rate',
    'home_file:=/nowhere/home.yaml': 'home_file: /nowhere/home.yaml',
    'state_dir:={damaged}': 'users.json cannot be read', 'port:={taken}': 'parameter port',
}
STARTS = '''
import contextlib, io, json, sys
from hearthgrid_ros.node import run
from hub_nodes.dashboard.node import DashboardNode
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = run(DashboardNode, args=arguments)
    print(json.dumps([code, said.getvalue()]), flush=True)
'''


@pytest.fixture(scope='module')
def refused(tmp_path_factory):
    """What came of starting the node with each of these settings, one after another in one process."""
    folder = tmp_path_factory.mktemp('damaged')
    (folder / 'users.json').write_text('{')
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        tried = [arguments('port:=0', *given.format(damaged=folder, taken=other.getsockname()[1]).split())
                 for given in REFUSED]
        done = subprocess.run([sys.executable, '-c', STARTS, json.dumps(tried)], capture_output=True, timeout=180)
    made = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b'[')]
    assert len(made) == len(REFUSED), done.stderr.decode()
    return dict(zip(REFUSED, made, strict=True))


@pytest.mark.parametrize('given', REFUSED)
def test_a_setting_that_is_refused_is_one_line_and_exit_2(refused, given):
    code, said = refused[given]
    assert code == 2 and REFUSED[given] in said and said.count('\n') == 1 and 'Traceback' not in said


def test_the_program_ends_so_too():
    with process(NODE, *arguments('port:=70000')) as child:
        said, _ = child.communicate(timeout=90)
    assert child.returncode == 2 and 'hearthgrid: ' in said and 'Traceback' not in said


def test_open_to_the_network_only_with_a_user_who_logs_in_and_with_a_warning(tmp_path):
    Users(str(tmp_path), CHEAP).add('anna', 'correct horse battery', 'admin')
    with process(NODE, *arguments('port:=0', 'host:=0.0.0.0', 'allow_remote:=true', f'state_dir:={tmp_path}')) as child:
        url = url_of(child)
        assert 'without HTTPS' in next(line for line in child.stdout if 'open to other machines' in line)
        assert fetch(f'{url}api/health', Host='home.lan')[0] == 200
        assert fetch(f'{url}api/status', Host='home.lan')[0] == 401


def certificate(folder):
    """Write a certificate of this machine and its key; return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'localhost')])
    now = datetime.now(timezone.utc)
    made = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address('127.0.0.1'))]), False)
            .sign(key, hashes.SHA256()))
    paths = folder / 'cert.pem', folder / 'key.pem'
    paths[0].write_bytes(made.public_bytes(Encoding.PEM))
    paths[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return paths


def test_with_a_certificate_it_speaks_https_and_nothing_else(tmp_path):
    cert, key = certificate(tmp_path)
    with process(NODE, *arguments('port:=0', f'certificate:={cert}', f'certificate_key:={key}')) as child:
        url = url_of(child)
        assert url.startswith('https://')
        trust = ssl.create_default_context(cafile=str(cert))
        with urllib.request.urlopen(f'{url}api/health', timeout=60, context=trust) as answer:
            assert json.loads(answer.read())['ok']
        with pytest.raises((urllib.error.URLError, ConnectionError, http.client.HTTPException)):
            fetch(url.replace('https', 'http') + 'api/health')


@pytest.fixture(scope='module')
def ros():
    with graph() as made:
        yield made


@pytest.fixture()
def dashboard(ros, tmp_path):
    (tmp_path / 'home.yaml').write_text('outlets:\n  - {id: kettle, title: Tea kettle, room: Kitchen}\n')
    node = ros.add(DashboardNode, **options('/home', {'port': 0, 'home_file': str(tmp_path / 'home.yaml')}))
    yield node
    if node in ros._nodes:
        ros.end(node)


def test_what_is_published_is_in_the_status(ros, dashboard):
    peer = ros.peer()
    readings, states = READINGS.publisher(peer), STATES.publisher(peer)
    assert ros.matched(readings) and ros.matched(states)
    readings.publish(msg.Reading(stamp=to_msg(dashboard.now()), outlet='kettle', active_power=1234.0, supply=1))
    states.publish(msg.OutletState(outlet='kettle', relay=2, reason='nobody asked'))
    assert ros.until(lambda: (view := dashboard.model.outlet('kettle', dashboard.now())).reading and view.state)
    code, status = fetch(f'{dashboard.url}api/status')
    kettle = status['outlets'][0]
    assert code == 200 and status['home']['kind'] == 'grid'
    assert (kettle['title'], kettle['room'], kettle['power'], kettle['state']['relay']) == (
        'Tea kettle', 'Kitchen', 1234.0, 'closed')


def test_what_cannot_be_true_is_refused_and_the_rest_goes_on(ros, dashboard):
    readings = READINGS.publisher(ros.peer(name='liar'))
    assert ros.matched(readings)
    now = dashboard.now()
    for bad in ({'stamp': to_msg(now)}, {'stamp': to_msg(now + 3600), 'outlet': 'kettle'}, {'outlet': 'kettle'},
                {'stamp': to_msg(now), 'outlet': 'kettle', 'supply': 99}):
        readings.publish(msg.Reading(active_power=1.0, **bad))
    readings.publish(msg.Reading(stamp=to_msg(dashboard.now()), outlet='kettle', active_power=7.0))
    assert ros.until(lambda: dashboard.model.outlet('kettle', dashboard.now()).power == 7.0)
    assert dashboard._refusals == 4


def test_other_sites_are_kept_out_and_pages_carry_their_policy(dashboard):
    url = f'{dashboard.url}api/health'
    assert fetch(url)[0] == 200
    assert fetch(url, Host='evil.example')[0] == 403
    assert fetch(url, Origin='http://evil.example')[0] == 403
    with urllib.request.urlopen(dashboard.url, timeout=60) as page:
        assert "default-src 'self'" in page.headers['content-security-policy']
        assert re.findall(r'(?:src|href)="(?:https?:)?//', page.read().decode()) == []


@pytest.mark.parametrize('path', ['nothing', 'outlet/nobody', 'api/nothing'])
def test_what_does_not_exist_says_so(dashboard, path):
    assert fetch(f'{dashboard.url}{path}')[0] == 404


def test_an_ended_node_answers_what_is_asked_of_it(ros, dashboard):
    ros.end(dashboard)
    answer = asyncio.run(dashboard.actions.reset_trip('kettle'))
    assert not answer.ok and 'ending' in answer.text


def test_a_second_life_in_the_same_process_serves_again(ros, dashboard):
    for _ in range(2):
        ros.end(dashboard)
        with pytest.raises(urllib.error.URLError):
            fetch(f'{dashboard.url}api/health')
        dashboard = ros.add(DashboardNode, **options('/home', {'port': 0}))
        assert fetch(f'{dashboard.url}api/health')[0] == 200
        assert fetch(f'{dashboard.url}plan')[0] == 200
    ros.end(dashboard)


def test_a_task_of_an_earlier_life_does_not_hold_up_the_end(ros, dashboard):
    gone = asyncio.new_event_loop()
    left = gone.create_task(asyncio.sleep(3600), name='left behind')
    background_tasks.running_tasks.add(left)
    try:
        assert fetch(f'{dashboard.url}plan')[0] == 200
        assert dashboard._server.stop()  # in time
    finally:
        background_tasks.running_tasks.discard(left)
        left.cancel()
        gone.run_until_complete(asyncio.gather(left, return_exceptions=True))
        gone.close()


def asked(ros, question):
    """Return the answer to what a page asks, while the graph spins."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(asyncio.run(question)))
    thread.start()
    assert ros.until(lambda: answers)
    thread.join()
    return answers[0]


def test_services_that_are_not_there_or_do_not_answer_are_told(ros, dashboard):
    actions = dashboard.actions
    missing = asked(ros, actions.history('kettle', 'active_power', 60.0))
    assert not missing.ok and missing.text == 'The store is not there.'


def test_a_service_that_does_not_answer_is_told_and_nothing_is_kept(ros):
    dashboard = ros.add(DashboardNode, **options('/home', {'port': 0, 'service_timeout': 0.5}))
    deaf = ros.peer(name='deaf')
    deaf.create_service(RESET_TRIP.type, RESET_TRIP.of(deaf, 'kettle'), lambda *_: None)
    ros.executor.remove_node(deaf)  # it is there, and never spins
    answer = asked(ros, dashboard.actions.reset_trip('kettle'))
    assert not answer.ok and 'did not answer' in answer.text
    client = dashboard.actions._caller._clients[RESET_TRIP.name, 'kettle']
    assert ros.until(lambda: not client._pending_requests)
    ros.end(dashboard)


@pytest.mark.parametrize('success, message, text', [
    (True, '', 'The trip is reset.'), (False, 'still hot', 'Tea kettle: still hot'), (False, '', 'Tea kettle: refused'),
])
def test_what_a_service_says_is_told(ros, dashboard, success, message, text):
    peer = ros.peer(name='outlet')

    def answer(request, response):
        assert request.sender == 'dashboard'
        response.success, response.message = success, message
        return response

    server = peer.create_service(RESET_TRIP.type, RESET_TRIP.of(peer, 'kettle'), answer)
    said = asked(ros, dashboard.actions.reset_trip('kettle'))
    peer.destroy_service(server)
    assert (said.ok, said.text) == (success, text)


def test_asking_an_outlet_that_does_not_listen_changes_nothing(ros, dashboard):
    answer = asked(ros, dashboard.actions.ask('kettle', 'off'))
    assert not answer.ok and 'does not listen' in answer.text
    assert dashboard.model.outlet('kettle', dashboard.now()).wish == 'auto'


