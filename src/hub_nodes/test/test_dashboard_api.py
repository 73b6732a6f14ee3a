"""The interface for programs: who may ask what, what comes of it, files, stream, metrics, and its description."""
import csv
import importlib.util
import io
import json
import math
import time
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from hub_nodes.dashboard import values
from hub_nodes.dashboard.backend import Answer
from hub_nodes.dashboard.home_addresses import AddressBook
from hub_nodes.dashboard.home_edit import HomeEditor, mark_of
from hub_nodes.dashboard.who import SCOPES


def helper():
    spec = importlib.util.spec_from_file_location('dashboard_backend', Path(__file__).with_name('dashboard_backend.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fake = helper()
V1 = '/api/v1'
SOON = time.time() + 3600
JOB = {'energy_kwh': 1.0, 'deadline': SOON, 'power': 1000.0}
RULE = {'days': 31, 'start_minute': 60, 'end_minute': 120, 'on': True}
ADMIN = {'name': 'zoe', 'password': fake.PASSWORD, 'role': 'viewer'}
HOME = 'tariff: {sell: 0.08}\noutlets: [{id: kettle}]\n'
MARK = mark_of(HOME)
ROUTES = (  # what it needs, method, path, body, status
    ('read', 'GET', '/me', None, 200), ('read', 'GET', '/status', None, 200), ('read', 'GET', '/outlets', None, 200),
    ('read', 'GET', '/outlets/kettle', None, 200), ('read', 'GET', '/outlets/kettle/schedule', None, 200),
    ('read', 'GET', '/history/kettle', None, 200), ('read', 'GET', '/history/grid', None, 200),
    ('read', 'GET', '/history/garage', None, 200),
    ('read', 'GET', '/jobs', None, 200), ('read', 'GET', '/plan', None, 200), ('read', 'GET', '/prices', None, 200),
    ('read', 'GET', '/weather', None, 200), ('read', 'GET', '/forecasts', None, 200),
    ('read', 'GET', '/anomalies', None, 200), ('read', 'GET', '/island', None, 200),
    ('read', 'GET', '/costs', None, 200), ('read', 'GET', '/export/kettle.csv', None, 200),
    ('read', 'GET', '/export/kettle.parquet', None, 200),
    ('read', 'GET', '/report?month=2026-04&kind=pdf', None, 200),
    ('read', 'POST', '/plan/what-if', {'battery_kwh': 20, 'outlet': 'kettle', 'without': True}, 200),
    ('control', 'PUT', '/outlets/kettle/jobs/job-1/deadline', {'deadline': 3e9}, 200),
    ('control', 'PUT', '/outlets/kettle/request', {'wish': 'off'}, 200),
    ('control', 'PUT', '/outlets/kettle/schedule', {'entries': [RULE]}, 200),
    ('control', 'PUT', '/outlets/kettle/priority', {'priority': 'medical'}, 200),
    ('control', 'PUT', '/outlets/kettle/label', {'type': 'toaster'}, 200),
    ('control', 'DELETE', '/outlets/kettle/label', None, 200), ('control', 'DELETE', '/outlets/kettle/trip', None, 200),
    ('control', 'POST', '/outlets/kettle/jobs', JOB, 201),
    ('control', 'DELETE', '/outlets/kettle/jobs/job-1', None, 200),
    ('control', 'PUT', '/anomalies/a1/acknowledgement', None, 200),
    ('control', 'POST', '/simulation/outage', {'duration': 5}, 200),
    ('admin', 'GET', '/users', None, 200), ('admin', 'POST', '/users', ADMIN, 201),
    ('admin', 'PUT', '/users/bob/role', {'role': 'viewer'}, 200), ('admin', 'DELETE', '/users/bob', None, 200),
    ('admin', 'GET', '/tokens', None, 200), ('admin', 'POST', '/tokens', {'name': 'new', 'scope': 'read'}, 201),
    ('admin', 'DELETE', '/tokens/read', None, 200), ('admin', 'GET', '/audit', None, 200),
    ('admin', 'POST', '/notifications/test', {'channel': ''}, 200), ('admin', 'GET', '/home', None, 200),
    ('admin', 'PUT', '/home', {'fields': {'tariff.sell': '0.1'}, 'mark': MARK}, 200),
    ('admin', 'POST', '/home/restart', None, 200),
)


@pytest.fixture()
def home(tmp_path):
    made = fake.FakeBackend()
    (tmp_path / 'home.yaml').write_text(HOME)
    made.editor = HomeEditor(str(tmp_path / 'home.yaml'), addresses=AddressBook(str(tmp_path), ''))
    return made


@pytest.fixture()
def access(tmp_path):
    made = fake.access(tmp_path, rate=1000.0)
    made.users.add('anna', fake.PASSWORD, 'admin')
    made.users.add('bob', fake.PASSWORD, 'viewer')
    return made


@pytest.fixture()
def tokens(access):
    return {scope: access.tokens.add(scope, scope, 0.0) for scope in SCOPES}


@pytest.fixture()
def client(home, access, tokens):
    made = TestClient(fake.application(home, access), 'http://localhost', follow_redirects=False,
                      client=('127.0.0.1', 5000))
    made.headers['authorization'] = f'Bearer {tokens["admin"]}'
    return made


def asked(client, method: str, path: str, body=None, scope: str = '', tokens=None):
    headers = {'authorization': f'Bearer {tokens[scope]}'} if scope else {}
    return client.request(method, f'{V1}{path}', json=body, headers=headers)


@pytest.mark.parametrize('scope', SCOPES)
@pytest.mark.parametrize('needs, method, path, body, status', ROUTES)
def test_each_route_is_for_its_scope_and_those_above(client, home, access, tokens, scope, needs, method, path, body,
                                                     status):
    before = [user.name for user in access.users.list()], [token.name for token in access.tokens.list()]
    answer = asked(client, method, path, body, scope, tokens)
    if SCOPES.index(scope) >= SCOPES.index(needs):
        assert answer.status_code == status, answer.text
    else:
        assert answer.status_code == 403 and answer.headers['content-type'] == 'application/problem+json'
        assert needs in answer.json()['detail'] and home.asked == []
        assert before == ([user.name for user in access.users.list()], [token.name for token in access.tokens.list()])
        refused = access.audit.latest(1)[0]
        assert (refused.user, refused.allowed) == (scope, False)


def test_the_table_above_has_every_route(client):
    described = {(method.upper(), path) for path, methods in client.get('/api/openapi.json').json()['paths'].items()
                 for method in methods if path.startswith(V1)}
    tried = set()
    for _, method, path, _, _ in ROUTES:
        path = f'{V1}{path.partition("?")[0]}'
        for known in described:
            pattern = known[1].replace('{outlet}', 'kettle').replace('{source}', 'kettle').replace('{name}', 'bob')
            pattern = pattern.replace('{id}', 'a1' if 'anomalies' in known[1] else 'job-1')
            if known[0] == method and pattern == path:
                tried.add(known)
    assert described - tried <= {('DELETE', f'{V1}/tokens/{{name}}')}


def test_without_a_token_nothing_is_answered(client):
    for _, method, path, body, _ in ROUTES:
        assert client.request(method, f'{V1}{path}', json=body, headers={'authorization': ''}).status_code == 401


def test_an_outlet_is_answered_with_what_is_known_and_null_for_what_is_not(client):
    kettle = asked(client, 'GET', '/outlets/kettle').json()
    assert (kettle['title'], kettle['room'], kettle['power']) == ('Kettle', 'Kitchen', 1234.0)
    assert kettle['reading']['current'] is None and kettle['state']['power_max'] is None  # not measured; no cap
    assert kettle['identity']['type'] == 'kettle'


@pytest.mark.parametrize('body, wish', [
    ({'wish': 'on'}, ('ask', 'kettle', 'on', math.inf, 0.0)),
    ({'wish': 'off'}, ('ask', 'kettle', 'off', math.inf, 0.0)),
    ({'wish': 'on', 'power_max': 500, 'lifetime': 600}, ('ask', 'kettle', 'on', 500.0, 600.0)),
    ({'wish': 'limit', 'power_max': 0}, ('ask', 'kettle', 'limit', 0.0, 0.0)),
    ({'wish': 'auto'}, ('ask', 'kettle', 'auto', math.inf, 0.0)),
])
def test_a_wish_reaches_the_home(client, home, access, body, wish):
    assert asked(client, 'PUT', '/outlets/kettle/request', body).json()['text'] == 'Done.'
    assert home.asked == [wish]
    entry = access.audit.latest(1)[0]
    assert (entry.user, entry.source, entry.action, entry.target, entry.allowed) == (
        'admin', 'api', 'switch', 'kettle', True)


@pytest.mark.parametrize('method, path, body', [
    ('PUT', '/outlets/kettle/request', {}), ('PUT', '/outlets/kettle/request', {'wish': 'maybe'}),
    ('PUT', '/outlets/kettle/request', {'wish': 'limit'}),
    ('PUT', '/outlets/kettle/request', {'wish': 'off', 'power_max': 1}),
    ('PUT', '/outlets/kettle/request', {'wish': 'on', 'power_max': -1}),
    ('PUT', '/outlets/kettle/request', {'wish': 'on', 'power_max': '5'}),
    ('PUT', '/outlets/kettle/request', {'wish': 'on', 'lifetime': 1e9}),
    ('PUT', '/outlets/kettle/request', {'wish': 'on', 'more': 1}), ('PUT', '/outlets/kettle/request', []),
    ('PUT', '/outlets/kettle/schedule', {'entries': [RULE | {'days': 0}]}),
    ('PUT', '/outlets/kettle/schedule', {'entries': [RULE] * 33}),
    ('PUT', '/outlets/kettle/schedule', {'entries': [RULE | {'start_minute': 1440}]}),
    ('PUT', '/outlets/kettle/priority', {'priority': 'unknown'}),
    ('PUT', '/outlets/kettle/priority', {'priority': 'comfort', 'rank': 65536}),
    ('PUT', '/outlets/kettle/label', {'type': ' '}), ('PUT', '/outlets/kettle/label', {'type': 'a\nb'}),
    ('POST', '/outlets/kettle/jobs', JOB | {'energy_kwh': 0}),
    ('POST', '/outlets/kettle/jobs', JOB | {'deadline': 1.0}),
    ('GET', '/outlets/ket%20tle', None), ('GET', '/history/kettle?quantity=charm', None),
    ('GET', '/history/kettle?start=9&end=5', None), ('GET', '/history/kettle?start=0&end=100000&step=1', None),
    ('GET', '/history/kettle?start=nan', None), ('GET', '/history/kettle?begin=5', None),
    ('GET', '/me?x=', None), ('GET', '/costs?start=5&start=6', None),
    ('GET', '/costs?start=inf', None), ('GET', '/audit?count=0', None),
    ('GET', '/export/kettle.csv?start=0&end=100000&step=1', None),
    ('POST', '/users', ADMIN | {'password': 'short'}), ('POST', '/users', ADMIN | {'name': '../x'}),
])
def test_what_cannot_be_is_422_with_words_and_changes_nothing(client, home, method, path, body):
    answer = asked(client, method, path, body)
    assert answer.status_code == 422 and answer.json()['detail'], answer.text
    assert not [wish for wish in home.asked if wish[0] != 'history']


def test_a_body_that_is_no_json_or_holds_nan_is_refused(client, home):
    for body in (b'{', b'{"wish": "on", "power_max": NaN}', b'\xff', b'{"wish": "on", "power_max": Infinity}'):
        answer = client.put(f'{V1}/outlets/kettle/request', content=body, headers={'content-type': 'application/json'})
        assert answer.status_code in (400, 422) and answer.json()['detail']
    assert home.asked == []


@pytest.mark.parametrize('path', ['/outlets/nobody', '/outlets/nobody/schedule', '/history/nobody', '/nothing',
                                  '/export/nobody.csv'])
def test_what_does_not_exist_is_404(client, path):
    answer = asked(client, 'GET', path)
    assert answer.status_code == 404 and answer.json()['title'] == 'Not Found'


@pytest.mark.parametrize('method, path, allow', [('POST', '/outlets', 'GET'), ('GET', '/outlets/kettle/request', 'PUT'),
                                                 ('PATCH', '/outlets/kettle/label', 'DELETE, PUT')])
def test_another_method_is_405_and_says_which(client, method, path, allow):
    answer = asked(client, method, path)
    assert answer.status_code == 405 and answer.headers['allow'] == allow


@pytest.mark.parametrize('why, status', [('refused', 409), ('absent', 503), ('unknown', 404)])
def test_what_the_world_does_wrong_is_an_error_with_its_words(client, home, access, why, status):
    home.answer = Answer(False, 'The kettle is on strike.', why)
    answer = asked(client, 'PUT', '/outlets/kettle/request', {'wish': 'on'})
    assert answer.status_code == status and answer.json()['detail'] == 'The kettle is on strike.'
    assert not access.audit.latest(1)[0].allowed


def test_users_and_tokens_are_made_through_it_and_the_secret_is_given_once(client, access):
    assert asked(client, 'POST', '/users', ADMIN).status_code == 201
    assert asked(client, 'POST', '/users', ADMIN).status_code == 409
    assert access.users.check('zoe', fake.PASSWORD).role == 'viewer'
    secret = asked(client, 'POST', '/tokens', {'name': 'new', 'scope': 'control'}).json()['id']
    assert access.tokens.check(secret).scope == 'control'
    assert secret not in asked(client, 'GET', '/tokens').text and secret not in asked(client, 'GET', '/audit').text
    assert asked(client, 'DELETE', '/users/anna').status_code == 409  # the last admin
    assert asked(client, 'DELETE', '/users/nobody').status_code == 404


def test_too_many_questions_are_429_and_say_when(home, tmp_path):
    access = fake.access(tmp_path, rate=1.0)
    client = TestClient(fake.application(home, access), 'http://localhost', client=('127.0.0.1', 5000))
    codes = [client.get(f'{V1}/me').status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]
    answer = client.get(f'{V1}/me')
    assert answer.headers['retry-after'] == '1' and answer.json()['status'] == 429


def test_csv_has_units_times_and_empty_cells_for_what_is_not_known(client, home):
    answer = asked(client, 'GET', '/export/kettle.csv?start=1000&end=1400&step=100')
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ['start [s]', 'start (UTC)', 'mean [W]', 'minimum [W]', 'maximum [W]']
    assert rows[1] == ['1000.000', '1970-01-01T00:16:40Z', '', '', ''] and rows[2][2] == '1' and len(rows) == 5
    assert 'attachment; filename="kettle-active_power.csv"' in answer.headers['content-disposition']


def test_a_long_export_is_asked_in_parts_the_store_answers(client, home):
    answer = asked(client, 'GET', '/export/kettle.csv?start=0&end=50000&step=10')
    assert [ask[3:] for ask in home.asked] == [(0.0, 19_990.0, 10.0), (19_990.0, 39_980.0, 10.0),
                                               (39_980.0, 50_000.0, 10.0)]
    rows = answer.text.splitlines()[1:]
    assert len(rows) == 5000 and [float(row.split(',')[0]) for row in rows] == [10.0 * i for i in range(5000)]


def test_a_step_that_two_parts_of_an_export_share_is_in_it_once(client):
    rows = asked(client, 'GET', '/export/kettle.csv?start=5&end=50005&step=10').text.splitlines()[1:]
    assert [float(row.split(',')[0]) for row in rows] == [10.0 * i for i in range(5001)]


def test_parquet_is_read_by_others(client):
    parquet = pytest.importorskip('pyarrow.parquet')
    file = asked(client, 'GET', '/export/kettle.parquet?start=1000&end=1400&step=100').content
    table = parquet.read_table(io.BytesIO(file))
    assert table.column_names == ['start', 'mean', 'minimum', 'maximum'] and table.num_rows == 4
    assert table['mean'].to_pylist() == [None, 1.0, 2.0, 3.0]
    assert table['start'][0].as_py().timestamp() == 1000.0 and table.schema.metadata[b'unit'] == b'W'


def test_the_stream_tells_all_and_then_what_changes_until_its_token_ends(client, home, access):
    with client.websocket_connect(f'ws://localhost{V1}/stream') as stream:
        first = stream.receive_json()
        assert first['kind'] == 'status' and first['outlets'][0]['outlet'] == 'kettle'
        home.model.put(values.Reading('kettle', home.now(), sequence=2, active_power=7.0), home.now())
        change = stream.receive_json()
        while not change['outlets'] or change['outlets'][0]['power'] != 7.0:
            change = stream.receive_json()
        assert change['kind'] == 'change' and 'plan' not in change
        access.tokens.remove('admin')  # and with its token it ends
        with pytest.raises(WebSocketDisconnect) as ended:
            while True:
                stream.receive_json()
        assert ended.value.code == 1008


def test_metrics_are_what_prometheus_reads(client):
    from prometheus_client.parser import text_string_to_metric_families
    answer = client.get('/metrics')
    found = {(sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
             for family in text_string_to_metric_families(answer.text) for sample in family.samples}
    assert found['hearthgrid_outlet_power_watts', 'kettle'] == 1234.0
    assert found['hearthgrid_outlet_energy_joules_total', 'kettle'] == 7.2e6
    assert found['hearthgrid_outlet_relay_closed', 'kettle'] == 1.0 and found['hearthgrid_home_mode', 'grid'] == 1.0
    assert found['hearthgrid_anomalies', 'warning'] == 1.0
    assert found['hearthgrid_price_per_kwh', 'EUR', 'import'] == 0.3
    assert not any(name == 'hearthgrid_outlet_current_amperes' for name, *_ in found)  # not measured
    assert found['hearthgrid_battery_charge_ratio', 'battery'] == 0.5
    assert found['hearthgrid_battery_power_watts', 'garage'] == -300.0
    assert ('hearthgrid_battery_charge_ratio', 'garage') not in found  # it did not say
    assert found['hearthgrid_home_power_watts', 'battery'] == -300.0


def test_the_reference_page_names_every_route_and_needs_nothing_from_elsewhere(client):
    page = client.get('/api/docs').text
    for path in client.get('/api/openapi.json').json()['paths']:
        assert path in page
    assert '<script' not in page and 'http://' not in page and 'https://' not in page


def test_the_description_speaks_of_problems_only_and_of_how_to_say_who_one_is(client):
    schema = client.get('/api/openapi.json').json()
    assert 'HTTPValidationError' not in json.dumps(schema)
    assert schema['components']['securitySchemes']['HTTPBearer']['scheme'] == 'bearer'
    for methods in schema['paths'].values():
        for about in methods.values():
            assert about['description'] and all('application/problem+json' in answer['content'] for code, answer
                                                in about['responses'].items() if code >= '4')


def test_the_home_file_is_read_and_changed_by_field_and_a_secret_never_comes_back(client, home, tmp_path):
    read = client.get(f'{V1}/home').json()
    assert read['fields']['outlets.0.id'] == 'kettle' and read['fields']['tariff.sell'] == '0.08'
    rows = {'notify.channels.0.name': 'phone', 'notify.channels.0.address': 'json://user:very-secret@127.0.0.1/hook',
            'outlets.0.schedule': 'mon-fri 22:00-06:00 off'}
    made = client.put(f'{V1}/home', json={'fields': rows, 'mark': read['mark']})
    assert made.status_code == 200 and made.json()['changed'] == [
        'outlets.0.schedule', 'notify.channels.0.name', 'notify.channels.0.address']
    again = client.get(f'{V1}/home')
    assert again.json()['fields']['outlets.0.schedule'] == 'mon-fri 22:00-06:00 off'
    assert again.json()['mark'] == made.json()['mark'] and 'very-secret' in (
        tmp_path / 'notify_addresses.yaml').read_text()
    for shown in (again.text, made.text, client.get(f'{V1}/audit').text, home.editor.text()):
        assert 'very-secret' not in shown
    stale = client.put(f'{V1}/home', json={'fields': rows, 'mark': read['mark']})
    wrong = client.put(f'{V1}/home', json={'fields': {'supply.voltage': '9'}, 'mark': made.json()['mark']})
    assert (stale.status_code, wrong.status_code) == (409, 422) and 'supply.voltage: ' in wrong.json()['detail']
