"""The notify node against a web server that works, fails, refuses and hangs."""
import json
import logging
import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hearthgrid_msgs import msg
from hearthgrid_ros.health import ERROR, OK, WARN
from hearthgrid_ros.interfaces import ACKNOWLEDGE, ANOMALIES, GRID_LIMIT, ISLAND, JOBS, TEST_NOTIFICATION
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph, process
from hearthgrid_ros.time import to_msg
from hub_nodes.notify import NotifyNode

SECRET = 'geheim4711'
HOME = """
timezone: Europe/Berlin
outlets: [{id: kettle, title: The kettle}]
notify:
  channels:
    - {name: phone, severity: info, group_time: 0.2, repeat_time: 1, hourly: 3600, burst: 100}
"""
FAST = {'retry_first': 0.1, 'retry_max': 0.5}


class Service:
    """A web server that notes what it is sent and answers with `status`; 0 = not until `release` is set."""

    def __init__(self) -> None:
        self.status, self.got, self.tries, self.release = 200, [], 0, threading.Event()
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
                service.tries += 1
                status = service.status
                if status == 0:
                    service.release.wait(30.0)
                    return
                if status == 200:
                    service.got.append(body)
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def url(self, name, timeout=5):
        return f'json://u:{SECRET}@127.0.0.1:{self.port}/{name}-{SECRET}?rto={timeout}&cto=2&+X-Key={SECRET}'

    def lines(self):
        return [line for message in self.got for line in message['message'].splitlines()]

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service(monkeypatch):
    for name in ('http_proxy', 'HTTP_PROXY', 'all_proxy', 'ALL_PROXY'):
        monkeypatch.delenv(name, raising=False)
    made = Service()
    yield made
    made.close()


class House:
    """A graph with a peer that plays the rest of the home, and the files of the node."""

    def __init__(self, ros, folder, service, home=HOME, **addresses) -> None:
        self.ros, self.folder, self.service = ros, folder, service
        (folder / 'home.yaml').write_text(home)
        self.addresses(**(addresses or {'phone': service.url('phone')}))
        self.peer = ros.peer()
        self.topics = {row.name: row.publisher(self.peer) for row in (ANOMALIES, ISLAND, GRID_LIMIT, JOBS)}

    def addresses(self, **urls) -> None:
        path = self.folder / 'notify_addresses.yaml'
        path.write_text(json.dumps(urls))
        path.chmod(0o600)

    def parameters(self, **changes):
        return FAST | {'home_file': str(self.folder / 'home.yaml'), 'state_dir': str(self.folder)} | changes

    def start(self, **changes):
        node = self.ros.add(NotifyNode, **options('/home', self.parameters(**changes)))
        assert all(self.ros.matched(publisher) for publisher in self.topics.values())
        return node

    def say(self, **more):
        now = to_msg(self.peer.get_clock().now().nanoseconds * 1e-9)
        self.topics['anomalies'].publish(msg.Anomaly(**{
            'id': 'i1', 'outlet': 'kettle', 'kind': 9, 'severity': 2, 'status': 1, 'text': 'arcs',
            'stamp': now} | more))

    def heard(self, *words) -> bool:
        return self.ros.until(lambda: any(all(word in line for word in words) for line in self.service.lines()))

    def call(self, row, **request):
        return self.ros.call(row.client(self.peer), row.type.Request(**request))


@pytest.fixture
def house(tmp_path, service):
    with graph() as ros:
        yield House(ros, tmp_path, service)


def level(node, check):
    found = next(status for status in node.health.statuses() if status.name.endswith(f': {check}'))
    return found.level, found.message


def test_news_of_every_kind_reach_the_channel(house):
    node = house.start()
    house.say()
    assert house.heard('WARNING', 'The kettle: arcs')
    now = to_msg(house.peer.get_clock().now().nanoseconds * 1e-9)
    house.topics['jobs'].publish(msg.Job(stamp=now, outlet='kettle', id='tea', status=msg.Job.STATUS_DONE))
    house.topics['grid_limit'].publish(msg.GridLimit(stamp=now, event='e', start=now, level=2, import_max=2000.0,
                                                     export_max=float('inf'), dispatch=float('nan'),
                                                     charge=float('nan')))
    house.topics['island'].publish(msg.IslandMode(stamp=now, member='kettle', mode=msg.IslandMode.MODE_OUTAGE))
    assert house.heard('INFO', 'The kettle: finished') and house.heard('INFO', 'import at most 2000 W')
    assert house.heard('CRITICAL', 'the grid is gone')
    house.topics['island'].publish(msg.IslandMode(stamp=now, member='kettle', mode=msg.IslandMode.MODE_GRID))
    house.say(status=2)
    assert house.heard('OVER', 'the grid is back') and house.heard('OVER', 'The kettle')
    assert level(node, 'channel phone')[0] == level(node, 'channels')[0] == OK
    house.say(id='')
    assert house.ros.until(lambda: level(node, 'input')[0] == WARN)


def test_a_critical_one_is_repeated_until_acknowledged(house):
    house.start()
    house.say(severity=3)
    assert house.heard('CRITICAL', 'nobody has acknowledged', '[i1]')
    answer = house.call(ACKNOWLEDGE, id='i1', sender='Ann')
    assert answer.success
    told = len(house.service.got)
    assert not house.ros.until(lambda: len(house.service.got) > told + 1, 2.5)  # one may have been on its way
    assert not house.call(ACKNOWLEDGE, id='other', sender='Ann').success
    assert house.call(ACKNOWLEDGE, id='other').message == 'nothing called other stands'


@pytest.mark.parametrize('status', [500, 404, 0])
def test_a_service_that_fails_or_hangs_is_tried_until_it_works(house, status):
    house.addresses(phone=house.service.url('phone', timeout=0.3))
    house.service.status = status
    node = house.start()
    house.say()
    assert house.ros.until(lambda: house.service.tries >= 3)
    assert level(node, 'channel phone')[0] == WARN
    house.say(id='i2', text='hums')
    house.service.status = 200
    assert house.heard('arcs') and house.heard('hums')
    assert house.ros.until(lambda: level(node, 'channel phone')[0] == OK)
    assert sum('arcs' in line for line in house.service.lines()) == 1


def test_a_channel_that_hangs_holds_up_neither_another_nor_the_end(tmp_path, service):
    stuck = Service()
    stuck.status = 0
    try:
        with graph() as ros:
            home = HOME + HOME.splitlines()[-1].replace('phone', 'mail') + '\n'
            house = House(ros, tmp_path, service, home, phone=stuck.url('phone', 30), mail=service.url('mail'))
            node = house.start()
            house.say()
            assert house.heard('arcs') and ros.until(lambda: stuck.tries == 1)
            assert house.call(TEST_NOTIFICATION, channel='mail').success
            ros.end(node)
            kept = json.loads((tmp_path / 'notify.json').read_text())
            assert [row['id'] for row in kept['pending']['phone']] == ['i1'] and not kept['pending']['mail']
    finally:
        stuck.close()


def test_what_was_not_delivered_and_what_was_acknowledged_outlive_a_restart(house):
    house.service.status = 500
    node = house.start(pending_max=3)
    for number in range(6):
        house.say(id=f'w{number}', text=f'word{number}')
    assert house.ros.until(lambda: house.service.tries >= 2 and len(node._notifier.standing) == 6)
    house.say(id='c', severity=3, text='burns')
    assert house.ros.until(lambda: 'c' in node._notifier.standing)
    assert house.call(ACKNOWLEDGE, id='c', sender='Ann').success
    house.ros.end(node)
    assert os.stat(house.folder / 'notify.json').st_mode & 0o077 == 0
    house.service.status = 200
    house.start(pending_max=3)
    assert house.heard('word5')
    for number in range(6):
        house.say(id=f'w{number}', text=f'word{number}')
    house.say(id='new', text='afterwards')
    assert house.heard('afterwards')
    lines = house.service.lines()
    assert sum('word' in line for line in lines) <= 3  # the bound held, and said again nothing is news
    assert not any('burns' in line for line in lines)


def test_killed_at_any_moment_it_tells_afterwards(house):
    house.service.status = 500
    arguments = [part for name, value in house.parameters().items() for part in ('-p', f'{name}:={value}')]
    with process('hub_nodes.notify', '--ros-args', '-r', '__ns:=/home', *arguments) as child:
        assert house.ros.matched(house.topics['anomalies'])
        house.say()
        state = house.folder / 'notify.json'
        assert house.ros.until(lambda: state.exists() and '"pending": {"phone": [{"id": "i1"' in state.read_text(), 40)
        child.send_signal(signal.SIGKILL)
        child.wait()
    house.service.status = 200
    house.start()
    assert house.heard('arcs')


def test_a_damaged_file_is_put_aside(house):
    (house.folder / 'notify.json').write_text('{"format": "hearthgrid notify 1", "notifier": 3}')
    node = house.start()
    house.say()
    assert house.heard('arcs') and level(node, 'state')[0] == OK
    assert list(house.folder.glob('notify.json.bad-*'))


@pytest.mark.parametrize('status, channel, success, words', [
    (200, '', True, 'phone: delivered'), (200, 'phone', True, 'phone: delivered'),
    (500, 'phone', False, 'phone: the service cannot be reached or refuses'),
    (200, 'fax', False, 'no such channel; there are: phone')])
def test_the_test_button_says_what_came_of_it(house, status, channel, success, words):
    house.service.status = status
    house.start()
    answer = house.call(TEST_NOTIFICATION, channel=channel)
    assert (answer.success, answer.message) == (success, words)
    assert len(house.service.got) == (status == 200 and success)


def test_without_channels_or_addresses_it_says_so(house):
    node = house.ros.add(NotifyNode, **options('/home', {}))
    assert level(node, 'channels')[0] == WARN and 'no section' in level(node, 'channels')[1]
    house.ros.end(node)
    (house.folder / 'notify_addresses.yaml').unlink()
    node = house.start()
    assert level(node, 'channel phone')[0] == ERROR
    assert not house.call(TEST_NOTIFICATION, channel='').success
    house.say()
    assert house.ros.until(lambda: len(node._boxes['phone']) == 1)
    house.addresses(phone=house.service.url('phone'))
    assert house.heard('arcs')


def test_the_secret_is_nowhere(house, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    heard = house.ros.hear(house.peer, ANOMALIES)
    house.service.status = 500
    node = house.start()
    house.say()
    assert house.ros.until(lambda: house.service.tries >= 2 and heard)
    answers = [house.call(TEST_NOTIFICATION, channel='')]
    house.addresses(phone=f'nonsense://{SECRET}')
    answers.append(house.call(TEST_NOTIFICATION, channel=''))
    house.addresses(phone=f'json://u:{SECRET}@127.0.0.1:1/{SECRET}')  # nobody listens there
    answers.append(house.call(TEST_NOTIFICATION, channel=''))
    health = [str(status) for status in node.health.statuses()]
    house.ros.end(node)
    out = capfd.readouterr()
    files = [path.read_text() for path in house.folder.iterdir() if path.name != 'notify_addresses.yaml']
    everything = '\n'.join([*map(str, answers), *health, *files, caplog.text, out.out, out.err, repr(vars(node))])
    assert not any(answer.success for answer in answers) and 'arcs' in everything
    assert SECRET not in everything


def test_settings_that_contradict_are_refused(house):
    with pytest.raises(ValueError, match='retry_max'):
        house.start(retry_first=10.0, retry_max=1.0)
