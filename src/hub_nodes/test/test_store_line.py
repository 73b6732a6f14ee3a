"""Real InfluxDB 1.x and VictoriaMetrics behind the store keep the contract, and their faults cost nothing."""
import importlib.util
import json
import math
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub_nodes.store import copying, line, line_forward
from hub_nodes.store.backend import Retention, Unavailable
from hub_nodes.store.history import FILE
from hub_nodes.store.line import LineBackend
from hub_nodes.store.line_protocol import reading_lines, record_lines
from hub_nodes.store.line_server import Influx, make_server
from hub_nodes.store.model import QUANTITIES, Record
from hub_nodes.store.node import StoreSettings
from hub_nodes.store.place import make_backend, open_history, remember
from hub_nodes.store.sqlite import SqliteBackend


def _load(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f'{name}.py'))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


line_servers, contract = _load('line_servers'), _load('store_contract')
T0, batch, bins, record = contract.T0, contract.batch, contract.bins, contract.record
LONG = 90.0


@pytest.fixture(scope='module', params=['Influx', 'Victoria'])
def server(request):
    made = getattr(line_servers, request.param)()
    made.start()
    yield made
    made.stop()


@pytest.fixture(autouse=True)
def no_wait(monkeypatch):
    monkeypatch.setattr(line_forward, 'AGE', 0.0)
    monkeypatch.setattr(line_forward, 'RETRIES', (0.05,))


class Eager(LineBackend):
    """Everything goes to the server at once and from the file as soon as it may, so that answers come from there."""

    def __init__(self, url, folder, retention=None):
        super().__init__(url, folder, retention, keep=0, settle=0)

    def _days(self, days):
        return None  # the tests' readings are of last year

    def settle(self):
        """Wait until the server shows all that it took."""
        assert self.drain(LONG)
        until = time.monotonic() + LONG
        while self._forwarder.position().proven < self._newest // 60_000 * 60_000:
            assert time.monotonic() < until
            self._server.flush()
            assert self.drain(LONG)

    def write(self, batch, durable=False):
        done = super().write(batch, durable)
        assert self.drain(LONG)
        return done

    def maintain(self, now):
        self.settle()
        return super().maintain(now)


class TestLine(contract.Contract):
    @pytest.fixture(autouse=True)
    def served(self, server):
        self.url, self.names = server.url, {}

    def make(self, folder, retention=None):
        name = self.names.setdefault(folder, f's{abs(hash(str(folder)))}')
        return Eager(f'{self.url}/{name}', folder, retention)

    @settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))  # a server is asked each time
    @given(data=st.data())
    def test_history_is_what_a_plain_twin_says(self, data):
        contract.Contract.test_history_is_what_a_plain_twin_says.hypothesis.inner_test(self, data)


@pytest.fixture
def backend(server, tmp_path, request):
    made = Eager(f'{server.url}/t{abs(hash(request.node.name))}', tmp_path)
    yield made
    made.close()


def minutes_of_readings(backend, count=6):
    """Write a reading every 10 s and let all but the newest minute go from the file."""
    backend.write(batch(*((k % 2, T0 + 10 * k, float(k)) for k in range(6 * count))))
    while backend.maintain(T0 + 60 * count):
        pass


def in_file(backend):
    return backend._connection.execute('SELECT count(*) FROM readings').fetchone()[0]


def test_readings_go_from_the_file_and_come_back_from_the_server(backend):
    minutes_of_readings(backend)
    assert in_file(backend) == 6, 'the newest minute'
    found = backend.history().readings('kettle', T0, T0 + 360)
    assert found['active_power'].tolist() == list(range(0, 36, 2)) and np.isnan(found['voltage']).all()
    assert bins(backend.history().aggregate('kettle', 'active_power', T0, T0 + 60, 20)) == [
        (0, 0, 0, 0, 1), (20, 2, 2, 2, 1), (40, 4, 4, 4, 1)]
    assert backend._reader.count(0, round(1000 * T0) + 10**9) == 36 and backend.remark() == ''


def test_a_late_reading_brings_its_minute_back(backend):
    minutes_of_readings(backend)
    backend.write(batch((0, T0 + 65, 500.0), (0, T0 + 80, math.nan)))  # a new one, and a correction
    for _ in range(2):
        rows = backend.history().readings('kettle', T0 + 60, T0 + 120)['active_power'].tolist()
        assert rows[:2] == [6, 500] and math.isnan(rows[2]) and rows[3] == 10
        assert bins(backend.history().aggregate('kettle', 'active_power', T0 + 60, T0 + 120, 60)) == [
            (60, (6 + 500 + 10) / 3, 6, 500, 3)]
        backend.maintain(T0 + 360)


def test_of_a_late_moment_told_twice_the_last_word_holds_also_where_the_server_has_it_already(backend):
    minutes_of_readings(backend)
    written = backend.write(batch((0, T0 + 80, 500.0), (0, T0 + 80, 8.0)))  # another one, and what was there
    assert written.refused == 0
    assert backend.history().readings('kettle', T0 + 60, T0 + 120)['active_power'].tolist() == [6, 8, 10]


def test_a_dead_server_costs_nothing_is_told_and_caught_up_in_order(server, backend, monkeypatch):
    monkeypatch.setattr(line_forward, 'RETRIES', (0.05,))
    minutes_of_readings(backend)
    # Of VictoriaMetrics a kill costs some seconds of what it took: why nothing goes from the file before it was counted
    # half a minute later (AGE, which is 0 here).
    (server.kill if isinstance(backend._server, Influx) else server.end)()
    try:
        rows = [(0, T0 + 400 + k, float(k)) for k in range(300)]
        LineBackend.write(backend, batch(*rows, records=[record(n=1)]), durable=True)
        LineBackend.maintain(backend, T0 + 800)
        backend._forwarder._wake.set()
        until = time.monotonic() + LONG
        while not backend.remark() and time.monotonic() < until:
            time.sleep(0.01)
        assert 'wait in the file' in backend.remark()
        assert len(backend.history().readings('kettle', T0 + 400, T0 + 800)) == 300, 'the newest are in the file'
        assert backend.history().aggregate('kettle', 'active_power', T0, T0 + 360, 60).count.sum() == 18
        with pytest.raises(Unavailable):
            backend.history().readings('kettle', T0, T0 + 60)
        done = LineBackend.write(backend, batch((0, T0 + 65, 1.0), (0, T0 + 900, 2.0)))
        assert (done.readings, done.refused) == (1, 1), 'its minute cannot be brought back'
    finally:
        server.start()
    backend.settle()
    assert backend.remark() == '' and len(backend.history().records()) == 1
    assert backend._reader.count(round(1000 * (T0 + 400)), round(1000 * (T0 + 1000))) == 301
    while backend.maintain(T0 + 1000):
        pass
    assert len(backend.history().readings('kettle', T0, T0 + 1000)) == 18 + 301


def test_numbers_of_records_are_series_there(server, backend):
    backend.write(contract.Batch(records=[
        Record.of('price', 'utility', T0, {'start': T0, 'step': 900.0, 'import_price': [0.1, None, 0.3]}),
        Record.of('state', 'kettle', T0, {'relay_closed': True, 'power_max': 5.5, 'note': 'text'}),
        Record.of('anomaly', 'kettle', T0, {'severity': 3})]))
    assert len(backend.history().records()) == 3
    backend.settle()
    if isinstance(backend._server, Influx):
        rp, name = '"hearthgrid_numbers"', backend._server.database
        found = backend._server._tell(f'SELECT * FROM "{name}".{rp}.hearthgrid_price')[0]
        assert found['values'] == [[round(1000 * T0), 0.1, 'utility'], [round(1000 * (T0 + 1800)), 0.3, 'utility']]
        found = backend._server._tell(f'SELECT relay_closed, power_max FROM "{name}".{rp}.hearthgrid_state')[0]
        assert found['values'] == [[round(1000 * T0), 1.0, 5.5]]
        assert [v for v, in backend._server._tell('SHOW MEASUREMENTS')[0]['values']] == [
            'hearthgrid_price', 'hearthgrid_state']
    else:
        until, found = time.monotonic() + LONG, {}
        while len(found) < 3 and time.monotonic() < until:
            backend._server.flush()
            answer = backend._server._ask('GET', '/api/v1/export', params={
                'match[]': f'{{__name__=~"hearthgrid_.*",db="{backend._server.database}"}}', 'start': '0'}).text
            found = {(one := json.loads(text))['metric']['__name__']: one['values'] for text in answer.splitlines()}
        assert found == {'hearthgrid_price_import_price': [0.1, 0.3], 'hearthgrid_state_relay_closed': [1],
                         'hearthgrid_state_power_max': [5.5]}


def test_what_the_embedded_file_held_goes_to_the_server_when_one_is_set(server, tmp_path, request):
    old = SqliteBackend(tmp_path / FILE)
    old.write(batch(*((0, T0 + k, float(k)) for k in range(300)), records=[record(n=1)]))
    old.close()
    made = Eager(f'{server.url}/t{abs(hash(request.node.name))}', tmp_path)
    made.open()
    made.settle()
    while made.maintain(T0 + 400):
        pass
    assert in_file(made) == 60 and len(made.history().readings('kettle', T0, T0 + 400)) == 300
    made.close()
    assert len(made.history().records()) == 1
    other = Eager(f'{server.url}/u{abs(hash(request.node.name))}', tmp_path)  # another database: it has only the file
    other.write(batch((0, T0 + 301, 1.0)))
    assert len(other.history().readings('kettle', T0, T0 + 400)) == 61
    assert other.history().aggregate('kettle', 'active_power', T0, T0 + 240, 60).count.sum() == 240, 'minutes stay'
    other.close()
    back = SqliteBackend(tmp_path / FILE)  # and an embedded home again
    back.write(batch((0, T0 + 302, 1.0)))
    assert back.history().aggregate('kettle', 'active_power', T0, T0 + 240, 1).step == 60
    back.close()


def test_history_moves_to_and_from_every_other(server, tmp_path, request):
    for name in 'abc':
        (tmp_path / name).mkdir()
    source = Eager(f'{server.url}/t{abs(hash(request.node.name))}', tmp_path / 'a', Retention(readings=1.0))
    rows = [(k % 2, T0 + 37.0 * k, float(k)) for k in range(200)] + [(0, T0 + 2 * contract.DAY, 5.0)]
    source.write(batch(*rows, records=[record(n=k) for k in range(5)]))
    while source.maintain(T0 + 2 * contract.DAY):
        pass
    embedded = SqliteBackend(tmp_path / 'b' / FILE)
    again = Eager(f'{server.url}/u{abs(hash(request.node.name))}', tmp_path / 'c')
    copying.copy(source.history(), embedded)
    copying.copy(embedded.history(), again)
    for target in (embedded, again):
        for outlet in ('kettle', 'heater'):
            assert target.history().minutes(outlet, T0, T0 + contract.DAY) == source.history().minutes(
                outlet, T0, T0 + contract.DAY) != []
        assert target.history().readings('kettle', T0, T0 + 3 * contract.DAY)['active_power'].tolist() == [5]
        assert len(target.history().records()) == 5
        target.close()
    source.close()


class Fake:
    """A server that answers as it is told and keeps what it was sent."""

    def __init__(self):
        fake = self
        self.status, self.text, self.lines, self.limit, self.counted = 204, '', [], 10**9, None

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers['Content-Length'] or 0))
                if not self.path.startswith('/write'):
                    counted = len({row.rsplit(b' ', 1)[1] for row in fake.lines if b'_reading' in row})
                    told = {'series': [{'values': [[0, counted if fake.counted is None else fake.counted]]}]}
                    told = told if b'count' in body else {}
                    status, text = 200, json.dumps({'results': [told]})
                elif len(body.split(b'\n')) > fake.limit:
                    status, text = 413, ''
                else:
                    status, text = fake.status, fake.text
                    if status == 204:
                        fake.lines += body.split(b'\n')
                self.send_response(status)
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = f'influxdb://home:secret@127.0.0.1:{self._server.server_port}/x'
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(line_forward, 'RETRIES', (0.02,))
    monkeypatch.setattr(line_forward, 'PERIOD', 0.02)
    monkeypatch.setattr(line_forward, 'DOUBT', 0.0)
    made = Fake()
    yield made
    made.close()


ROWS = [(0, T0 + k, float(k)) for k in range(180)]


def test_lines_the_server_refuses_stay_in_the_file(fake, tmp_path):
    fake.status, fake.text = 400, '{"error": "partial write: field type conflict dropped=1"}'
    backend = LineBackend(fake.url, tmp_path, keep=0, settle=0)
    backend.write(batch(*ROWS))
    assert backend.drain(LONG)
    while backend.maintain(T0 + 300):
        pass
    assert 'field type conflict' in backend.remark() and 'secret' not in backend.remark()
    assert in_file(backend) == 180 and len(backend.history().readings('kettle', T0, T0 + 300)) == 180
    backend.close()


def test_what_the_server_took_and_does_not_have_stays_in_the_file(fake, tmp_path):
    fake.counted = 0
    backend = LineBackend(fake.url, tmp_path, keep=0, settle=0)
    backend.write(batch(*ROWS))
    deadline = time.monotonic() + LONG
    while backend._forwarder.position().proven < (T0 + 120) * 1000 and time.monotonic() < deadline:
        assert backend.drain(LONG)
        time.sleep(0.01)
    while backend.maintain(T0 + 300):
        pass
    assert 'are not there' in backend.remark() and in_file(backend) == 180
    backend.close()


def test_nothing_goes_from_the_file_before_it_was_taken_for_a_while(fake, tmp_path, monkeypatch):
    monkeypatch.setattr(line_forward, 'AGE', 1000.0)
    backend = LineBackend(fake.url, tmp_path, keep=0, settle=0)
    backend.write(batch(*ROWS))
    assert backend.drain(LONG) and backend._forwarder.position().acked > (T0 + 179) * 1000
    while backend.maintain(T0 + 300):
        pass
    assert in_file(backend) == 180
    monkeypatch.setattr(line_forward, 'AGE', 0.0)
    backend._forwarder.drain(LONG)
    while backend.maintain(T0 + 300):
        pass
    assert in_file(backend) == 60
    backend.close()


@pytest.mark.parametrize('status', [401, 404, 429, 500, 503])
def test_a_server_that_is_not_well_is_asked_again(fake, tmp_path, status):
    fake.status, fake.text = status, 'no'
    backend = LineBackend(fake.url, tmp_path, keep=0, settle=0)
    backend.write(batch(*ROWS))
    assert not backend.drain(0.2) and str(status) in backend.remark() and 'secret' not in backend.remark()
    fake.status = 204
    assert backend.drain(LONG) and backend.remark() == ''
    stamps = [int(row.rsplit(b' ', 1)[1]) for row in fake.lines]
    assert stamps == sorted(stamps) and len(stamps) == 180, 'in order, each once'
    backend.close()


def test_a_server_that_takes_little_at_once_gets_little(fake, tmp_path):
    fake.limit = 50
    backend = LineBackend(fake.url, tmp_path, keep=0, settle=0)
    backend.write(batch(*ROWS))
    assert backend.drain(LONG) and len(fake.lines) == 180
    backend.close()


def test_a_file_at_its_bound_gives_up_what_nobody_took_and_says_so(fake, tmp_path, monkeypatch):
    monkeypatch.setattr(line, 'RAW_KEPT', 60_000)
    fake.status = 503
    backend = LineBackend(fake.url, tmp_path, Retention(size_max=1), keep=0, settle=0)
    backend.write(batch(*ROWS))
    while backend.maintain(T0 + 300):
        pass
    assert backend._lost == 60, 'the newest hour (here: two minutes) stays'
    fake.status = 204
    assert backend.drain(LONG) and '60 readings had to go' in backend.remark()
    assert backend.history().aggregate('kettle', 'active_power', T0, T0 + 180, 60).count.tolist() == [60] * 3
    backend.close()


@pytest.mark.parametrize('name', ['Küche, links=oben', 'a b', 'a\\', "it's", 'a"b', 'x\ny'])
def test_any_name_is_found_again(backend, name):
    backend.write(contract.Batch(contract.readings(*((0, T0 + 60 * k, 5.0) for k in range(4))), (name,)))
    while backend.maintain(T0 + 300):
        pass
    assert in_file(backend) == 1
    assert backend.history().readings(name, T0, T0 + 300)['active_power'].tolist() == [5] * 4


def test_lines_are_as_the_protocol_wants_them():
    rows = contract.readings((0, T0, 1.5))
    rows['voltage'], rows['energy_kwh'] = np.float32(230.1), 12345.678901
    assert reading_lines(rows, ['my lamp,=']) == (
        b'hearthgrid_reading,outlet=my\\ lamp\\,\\= supply=1i,duration=1,voltage=230.100006,active_power=1.5,'
        b'energy_kwh=12345.678901 1750032000000')
    assert set(QUANTITIES) >= {'voltage', 'energy_kwh'}
    assert record_lines([record('weather', temperature=-3, text='x', gone=None)]) == (
        b'hearthgrid_weather,subject=kettle temperature=-3.0 1750032000000')


@pytest.mark.parametrize('address', ['influxdb://', 'influxdb://host:port/x', 'influxdb://h/a/b', 'victoriametrics:///x',
                                     'influxdb://h/x?u=1', 'http://h/x'])
def test_an_address_nobody_understands_is_refused(address, tmp_path):
    with pytest.raises(ValueError, match='database'):
        StoreSettings(database=address)
    with pytest.raises(ValueError, match='database'):
        make_backend(address, tmp_path)


def test_other_programs_find_it(server, tmp_path, request):
    made = Eager(f'{server.url}/t{abs(hash(request.node.name))}', tmp_path)
    minutes_of_readings(made)
    remember(tmp_path, f'{server.url}/t{abs(hash(request.node.name))}')
    assert len(open_history(tmp_path).readings('kettle', T0, T0 + 360)) == 18
    with pytest.raises(Unavailable, match='state folder'):
        open_history(server.url)
    made.close()


def test_influxdb_drops_readings_when_the_home_does(tmp_path):
    influx = line_servers.Influx()
    influx.start()
    try:
        for days, hours in ((14.0, '384h'), (2.0, '96h')):
            asked = make_server(f'{influx.url}/home', (days, 365.0))
            asked.prepare()
            shown = asked._tell('SHOW RETENTION POLICIES ON "home"')[0]
            assert {row[0]: row[1] for row in shown['values']}['hearthgrid_readings'] == f'{hours}0m0s'
    finally:
        influx.stop()
