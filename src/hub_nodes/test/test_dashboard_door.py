"""Who gets past the door: logins, cookies, tokens, other sites, and what a refusal looks like."""
import importlib.util
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from hub_nodes.dashboard.login import inside


def helper():
    spec = importlib.util.spec_from_file_location('dashboard_backend', Path(__file__).with_name('dashboard_backend.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fake = helper()
HOST = 'http://localhost'
PROBLEM = 'application/problem+json'
FORM = {'content-type': 'application/x-www-form-urlencoded'}


class Clock:
    """A clock the tests turn."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture()
def clock():
    return Clock()


@pytest.fixture()
def access(tmp_path, clock):
    return fake.access(tmp_path, clock=clock)


@pytest.fixture()
def client(access):
    return visitor(access)


def visitor(access, address: str = '127.0.0.1', host: str = HOST) -> TestClient:
    return TestClient(fake.application(fake.FakeBackend(), access), host, follow_redirects=False,
                      client=(address, 5000))


def login(client, name: str = 'anna', password: str = fake.PASSWORD, **more):
    return client.post('/login', data={'name': name, 'password': password, **more}, headers={'origin': HOST})


def with_users(access):
    for name, role in (('anna', 'admin'), ('bob', 'operator'), ('eve', 'viewer')):
        access.users.add(name, fake.PASSWORD, role)


def test_without_a_user_this_machine_needs_no_login_and_no_other_is_let_in(access, client):
    assert client.get('/api/v1/me').json() == {'name': '', 'scope': 'admin'}
    assert client.get('/login').headers['location'] == '/'
    other = visitor(access, '192.168.1.7')
    assert other.get('/api/v1/me').status_code == 401 and other.get('/setup').status_code == 303
    assert client.get('/api/v1/me', headers={'x-forwarded-for': '203.0.113.9'}).status_code == 401  # behind a proxy
    access.remote = True
    assert client.get('/api/v1/me').status_code == 401 and client.get('/').headers['location'] == '/login'


def test_the_first_user_is_made_in_the_page_once(access, client):
    assert 'Make the first user' in client.get('/setup').text
    form = {'name': 'anna', 'password': fake.PASSWORD, 'again': fake.PASSWORD}
    for wrong, words in (({'again': 'another'}, 'differ'), ({'password': 'short', 'again': 'short'}, '10 to 256'),
                         ({'name': ''}, 'A name has')):
        answer = client.post('/setup', data=form | wrong, headers={'origin': HOST})
        assert answer.status_code == 422 and words in answer.text and not access.users.any()
    answer = client.post('/setup', data=form, headers={'origin': HOST})
    assert answer.status_code == 303 and 'HttpOnly' in answer.headers['set-cookie']
    assert client.get('/api/v1/me').json() == {'name': 'anna', 'scope': 'admin'}
    fresh = visitor(access)
    assert fresh.get('/setup').status_code == 303
    fresh.post('/setup', data=form | {'name': 'mallory'}, headers={'origin': HOST})
    assert [user.name for user in access.users.list()] == ['anna']
    assert fresh.get('/api/v1/me').status_code == 401


@pytest.mark.parametrize('method, path, status, kind', [
    ('GET', '/', 303, ''), ('GET', '/settings', 303, ''), ('GET', '/outlet/kettle', 303, ''),
    ('GET', '/_nicegui/client/x', 303, ''), ('POST', '/', 401, 'text/plain'), ('POST', '/logout', 401, 'text/plain'),
    ('GET', '/api/v1/outlets', 401, PROBLEM), ('GET', '/api/status', 401, PROBLEM),
    ('GET', '/api/openapi.json', 401, PROBLEM), ('GET', '/api/docs', 401, PROBLEM),
    ('GET', '/api/nothing', 401, PROBLEM), ('GET', '/api//health', 401, PROBLEM),
    ('GET', '/hearthgrid/../api/status', 401, PROBLEM),
    ('GET', '/api/health', 200, 'application/json'), ('GET', '/login', 200, 'text/html'),
    ('GET', '/hearthgrid/style.css', 200, 'text/css'), ('GET', '/hearthgrid/..%2f..%2faccess.py', 404, ''),
])
def test_what_a_stranger_gets(access, client, method, path, status, kind):
    with_users(access)
    answer = client.request(method, path)
    assert answer.status_code == status and answer.headers.get('content-type', '').startswith(kind)
    if status == 401 and 'json' in kind:
        assert answer.json()['status'] == 401 and answer.headers['www-authenticate'] == 'Bearer'


def test_a_strangers_websocket_is_closed_before_it_is_open(access, client):
    with client.websocket_connect('ws://localhost/api/v1/stream') as stream:
        assert stream.receive_json()  # while there is no user
        with_users(access)
        with pytest.raises(WebSocketDisconnect):
            while True:
                stream.receive_json()
    for path in ('/api/v1/stream', '/_nicegui_ws/socket.io/?EIO=4&transport=websocket'):
        with pytest.raises(WebSocketDisconnect), client.websocket_connect(f'ws://localhost{path}'):
            pass


def test_a_login_goes_where_it_was_asked_for_and_a_logout_ends_it(access, client):
    with_users(access)
    assert client.get('/plan?a=1').headers['location'] == '/login?next=%2Fplan%3Fa%3D1'
    answer = login(client, next='/plan?a=1')
    assert answer.status_code == 303 and answer.headers['location'] == '/plan?a=1'
    cookie = answer.headers['set-cookie']
    assert 'HttpOnly' in cookie and 'SameSite=lax' in cookie and 'Secure' not in cookie
    assert client.get('/api/v1/me').json() == {'name': 'anna', 'scope': 'admin'}
    stolen = dict(client.cookies)
    assert client.post('/logout', headers={'origin': HOST}).status_code == 303
    thief = visitor(access)
    thief.cookies.update(stolen)
    assert thief.get('/api/v1/me').status_code == 401


def test_a_cookie_is_found_among_strange_ones_of_other_programs(access, client):
    with_users(access)
    cookie = login(client).headers['set-cookie'].split(';')[0]
    stranger = visitor(access)
    for header in (f'a={{"b": [1]}}; {cookie}', f'=; ;{cookie}', f'x y@z=1; {cookie}; hearthgrid2=1'):
        assert stranger.get('/api/v1/me', headers={'cookie': header}).status_code == 200
    assert stranger.get('/api/v1/me', headers={'cookie': 'hearthgrid'}).status_code == 401


def test_over_https_the_cookie_is_secure_and_bound_to_the_host(tmp_path, clock):
    access = fake.access(tmp_path, clock=clock, secure=True)
    with_users(access)
    cookie = visitor(access, host='https://localhost').post(
        '/login', data={'name': 'anna', 'password': fake.PASSWORD}, headers={'origin': 'https://localhost'}).headers[
        'set-cookie']
    assert cookie.startswith('__Host-hearthgrid=') and 'Secure' in cookie and 'Path=/' in cookie


@pytest.mark.parametrize('change', [
    lambda users: users.set_password('bob', 'another good password'), lambda users: users.set_role('bob', 'viewer'),
    lambda users: users.remove('bob')])
def test_a_change_of_a_user_ends_their_logins(access, client, change):
    with_users(access)
    login(client, 'bob')
    assert client.get('/api/v1/me').status_code == 200
    change(access.users)
    assert client.get('/api/v1/me').status_code == 401


def test_a_login_is_over_after_its_time(access, client, clock):
    with_users(access)
    login(client)
    clock.now += 3599
    assert client.get('/api/v1/me').status_code == 200
    clock.now += 2
    assert client.get('/api/v1/me').status_code == 401


def test_after_five_wrong_passwords_even_the_right_one_waits(access, client, clock):
    with_users(access)
    for _ in range(5):
        answer = login(client, password='wrong password')
        assert answer.status_code == 401 and 'Name or password is wrong' in answer.text
    answer = login(client)
    assert answer.status_code == 429 and 'Try again in 30 s' in answer.text and answer.headers['retry-after'] == '31'
    assert login(visitor(access, '127.0.0.2')).status_code == 303  # from elsewhere the right one still works
    clock.now += 31
    assert login(client).status_code == 303
    assert [entry.action for entry in access.audit.latest()].count('login') == 8
    assert not any(fake.PASSWORD in entry.detail + entry.target for entry in access.audit.latest())


def test_many_addresses_or_many_names_wait_too(access, clock):
    with_users(access)
    for i in range(20):
        assert access.login('anna', 'wrong', f'10.0.0.{i}').wait == 0
    assert access.login('anna', fake.PASSWORD, '10.0.1.1').wait > 0
    clock.now += 100_000
    for i in range(20):
        assert access.login(f'name{i}', 'wrong', '10.0.0.1').wait == 0
    assert access.login('bob', fake.PASSWORD, '10.0.0.1').wait > 0


def test_a_password_typed_as_a_name_is_not_written_down(access):
    with_users(access)
    access.login('my secret password', 'x', '127.0.0.1')
    assert all('secret' not in entry.target + entry.detail for entry in access.audit.latest())


@pytest.mark.parametrize('target, goes', [
    ('/plan', '/plan'), ('/outlet/a?b=c', '/outlet/a?b=c'), ('', '/'), ('plan', '/'), ('//evil.example', '/'),
    ('/\\evil.example', '/'), ('https://evil.example', '/'), ('/a\r\nSet-Cookie: x', '/'), ('/login?next=/login', '/'),
    ('/ä"<', '/%C3%A4%22%3C'),
])
def test_a_login_leads_nowhere_else(target, goes):
    assert inside(target) == goes


def test_other_sites_cannot_use_a_login(access, client):
    with_users(access)
    login(client)
    wish = {'wish': 'off'}
    put = '/api/v1/outlets/kettle/request'
    assert client.put(put, json=wish, headers={'origin': HOST}).status_code == 200
    for headers in ({'origin': 'http://evil.example'}, {'origin': 'null'}, {'host': 'evil.example', 'origin': HOST},
                    {}):
        assert client.put(put, json=wish, headers=headers).status_code == 403
    assert client.post('/logout', headers={'origin': 'http://evil.example'}).status_code == 403
    assert client.get('/api/v1/me').status_code == 200


def test_a_token_is_for_the_interface_only_and_ends_when_it_is_removed(access, client):
    with_users(access)
    secret = access.tokens.add('grafana', 'read', 0.0)
    given = {'authorization': f'Bearer {secret}'}
    assert client.get('/api/v1/me', headers=given).json() == {'name': 'grafana', 'scope': 'read'}
    assert client.get('/metrics', headers=given).status_code == 200
    assert client.get('/', headers=given).status_code == 303
    for wrong in (f'Basic {secret}', f'Bearer {secret}x', 'Bearer', '', f'Bearer {secret[:-1]}', 'Bearer \xff'):
        assert client.get('/api/v1/me', headers={'authorization': wrong.encode('latin-1')}).status_code == 401
    access.tokens.remove('grafana')
    assert client.get('/api/v1/me', headers=given).status_code == 401


def test_a_wrong_token_beside_a_good_cookie_is_a_wrong_token(access, client):
    with_users(access)
    login(client)
    assert client.get('/api/v1/me', headers={'authorization': 'Bearer hg_wrong'}).status_code == 401


def test_metrics_are_open_to_this_machine_and_to_others_with_a_token(access, client):
    with_users(access)
    assert client.get('/metrics').status_code == 200
    assert visitor(access, '192.168.1.7').get('/metrics').status_code == 401
    assert client.get('/metrics', headers={'forwarded': 'for=203.0.113.9'}).status_code == 401
    access.remote = True
    assert client.get('/metrics').status_code == 401


@pytest.mark.parametrize('path', ['/login', '/api/health', '/api/v1/outlets', '/nothing', '/hearthgrid/style.css'])
def test_every_answer_carries_its_headers(client, path):
    headers = client.get(path).headers
    assert "frame-ancestors 'none'" in headers['content-security-policy']
    assert headers['x-content-type-options'] == 'nosniff' and headers['referrer-policy'] == 'same-origin'
    assert headers['x-frame-options'] == 'DENY' and headers['cross-origin-opener-policy'] == 'same-origin'


def test_what_only_this_person_may_see_is_not_kept(client):
    assert client.get('/api/v1/outlets').headers['cache-control'] == 'no-store'


def test_a_damaged_file_of_users_lets_nobody_in_and_opens_nothing(access, client, tmp_path):
    with_users(access)
    login(client)
    (tmp_path / 'users.json').write_text('{')
    for one in (client, visitor(access)):  # with a login of before, and without
        assert one.get('/api/v1/me').status_code == 401 and one.get('/setup').status_code == 303
    assert 'cannot be used' in login(client).text


@pytest.mark.parametrize('body, headers', [
    (b'x' * 9000, FORM), (b'\xff\xfe=%', FORM), (b'&'.join(b'a=1' for _ in range(100)), FORM), (b'', {}),
    (b'{}', {'content-type': 'application/json'}),
])
def test_a_form_that_is_none_is_a_wrong_login(access, client, body, headers):
    with_users(access)
    assert client.post('/login', content=body, headers=headers).status_code == 401


def test_a_body_too_large_is_refused_before_it_is_read(access, client):
    for length in ('1000001', '99999999999999999999', '-1', 'x'):
        answer = client.put('/api/v1/outlets/kettle/request', content=b'{}', headers={'content-length': length})
        assert answer.status_code == 413
    answer = client.put('/api/v1/outlets/kettle/request', content=(b' ' * 100_000 for _ in range(20)))
    assert answer.status_code >= 400
