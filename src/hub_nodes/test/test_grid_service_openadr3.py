"""OpenADR 3.1 against a small server of our own on loopback, with OAuth and mutual TLS. It stands in for a VTN."""
import asyncio
import importlib.util
import math
import ssl
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from aiohttp import web

from hearthgrid_msgs import msg, srv
from hearthgrid_ros.health import ERROR, OK, WARN
from hearthgrid_ros.home import load
from hearthgrid_ros.interfaces import GRID_EVENTS, GRID_LIMIT, PRICES, SET_OPT
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import free_port, graph
from hub_nodes.grid_service.node import GridServiceNode
from hub_nodes.grid_service.openadr2_read import Home
from hub_nodes.grid_service.openadr3 import Client
from hub_nodes.grid_service.wire import Outcome

_spec = importlib.util.spec_from_file_location(
    'grid_service_utility', Path(__file__).with_name('grid_service_utility.py'))
utility_of = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(utility_of)

HOME = """
battery: {{capacity_kwh: 10, power_max: 4000}}
outlets: [{{id: kettle}}]
grid_service: {{protocol: openadr3, url: '{url}', ven_name: test home, certificate: {certificate}, key: {key},
  authority: {authority}, client_id: me, secret_file: {secret}, poll: 1}}
"""


class Vtn:
    """In memory: events, reports, VENs, tokens that can be made to expire."""

    def __init__(self, authority, port=0):
        certificate, key = authority.issue('vtn3')
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.context.load_verify_locations(authority.file)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.port = port or free_port()
        self.url = f'https://127.0.0.1:{self.port}/openadr3/3.1.0'
        self.events, self.reports, self.vens, self.tokens, self.polls = {}, [], [], set(), 0
        self.refuse_reports, self.raw = False, None
        self._looped = utility_of.Looped()
        self._looped.do(self._run())

    async def _run(self):
        app = web.Application()
        base = '/openadr3/3.1.0'
        app.router.add_get(f'{base}/auth/server', self._server)
        app.router.add_post(f'{base}/auth/token', self._token)
        app.router.add_post(f'{base}/vens', self._ven)
        app.router.add_get(f'{base}/events', self._list)
        app.router.add_post(f'{base}/reports', self._report)
        self.runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self.runner.setup()
        await web.TCPSite(self.runner, '127.0.0.1', self.port, ssl_context=self.context).start()

    def stop(self):
        looped, self._looped = self._looped, None
        if looped is not None:      # else the test stopped it
            looped.do(self.runner.cleanup())
            looped.end()

    async def _server(self, request):
        return web.json_response({'tokenURL': f'{self.url}/auth/token'})

    async def _token(self, request):
        form = await request.post()
        if (form['grant_type'], form['client_id'], form['client_secret']) != ('client_credentials', 'me', 'hush'):
            return web.json_response({'error': 'invalid_client'}, status=401)
        self.tokens.add(token := f'token{len(self.tokens)}')
        return web.json_response({'access_token': token, 'token_type': 'Bearer', 'expires_in': 3600})

    def _knows(self, request):
        if request.headers.get('authorization', '').removeprefix('Bearer ') not in self.tokens:
            raise web.HTTPUnauthorized

    async def _ven(self, request):
        self._knows(request)
        body = await request.json()
        if body['venName'] in self.vens:
            return web.json_response({'title': 'conflict', 'status': 409}, status=409)
        self.vens.append(body['venName'])
        return web.json_response({**body, 'id': 'ven-1', 'objectType': 'VEN'}, status=201)

    async def _list(self, request):
        self._knows(request)
        self.polls += 1
        if self.raw is not None:
            return web.Response(body=self.raw, content_type='application/json')
        skip, limit = int(request.query['skip']), int(request.query['limit'])
        assert limit <= 50 and request.query['active'] == 'true'
        wanted = request.query.get('programID')
        rows = [row for row in self.events.values() if wanted in (None, row['programID'])]
        return web.json_response(rows[skip:skip + limit])

    async def _report(self, request):
        self._knows(request)
        if self.refuse_reports:
            return web.json_response({'status': 403}, status=403)
        self.reports.append(await request.json())
        return web.json_response({'id': f'report-{len(self.reports)}'}, status=201)

    def event(self, type, value, start=0.0, length='PT1H', id='e', **change):
        now = datetime.now(timezone.utc)
        begin = (now + timedelta(seconds=start)).isoformat().replace('+00:00', 'Z')
        stamp = now.isoformat().replace('+00:00', 'Z')
        self.events[id] = {
            'id': id, 'objectType': 'EVENT', 'programID': 'program-1', 'createdDateTime': stamp,
            'modificationDateTime': stamp, 'intervalPeriod': {'start': begin, 'duration': length},
            'intervals': [{'id': 0, 'payloads': [{'type': type, 'values': [value]}]}], **change}


@pytest.fixture(scope='module')
def authority(tmp_path_factory):
    return utility_of.Authority(tmp_path_factory.mktemp('certificates'))


@pytest.fixture
def vtn(authority):
    made = Vtn(authority)
    yield made
    made.stop()


@pytest.fixture
def home(authority, vtn, tmp_path):
    certificate, key = authority.issue('home3')
    secret = tmp_path / 'secret'
    secret.write_text('hush\n')
    file = tmp_path / 'home.yaml'
    file.write_text(HOME.format(url=vtn.url, certificate=certificate, key=key, authority=authority.file, secret=secret))
    return file


class Listener:
    def __init__(self, ros, home, **settings):
        self.ros, self.peer = ros, ros.peer()
        self.limits, self.events, self.prices = (
            ros.hear(self.peer, row) for row in (GRID_LIMIT, GRID_EVENTS, PRICES))
        self.node = ros.add(GridServiceNode, **options('/home', {
            'home_file': str(home), 'retry': 0.2, 'hours_a_day': 24.0, **settings}))

    def until(self, condition, timeout=30.0):
        return self.ros.until(condition, timeout)

    def level(self, check):
        return next((s.level for s in self.node.health.statuses() if s.name.endswith(f': {check}')), None)

    def words(self, check):
        return next((s.message for s in self.node.health.statuses() if s.name.endswith(f': {check}')), '')


@pytest.fixture
def heard(home):
    with graph() as ros:
        yield Listener(ros, home)


def test_events_come_change_and_are_deleted(vtn, heard):
    assert heard.until(lambda: heard.level('server') == OK) and vtn.vens == ['test home']
    vtn.event('IMPORT_CAPACITY_LIMIT', 3.5, payloadDescriptors=[
        {'objectType': 'EVENT_PAYLOAD_DESCRIPTOR', 'payloadType': 'IMPORT_CAPACITY_LIMIT', 'units': 'KW'}])
    assert heard.until(lambda: heard.limits and heard.limits[-1].import_max == 3500.0)
    assert heard.until(lambda: heard.events and heard.events[-1].status == msg.GridEvent.STATUS_ACTIVE)
    time.sleep(0.01)    # a later modification
    vtn.event('IMPORT_CAPACITY_LIMIT', 2.0)
    assert heard.until(lambda: heard.limits[-1].import_max == 2000.0)
    del vtn.events['e']
    assert heard.until(lambda: math.isinf(heard.limits[-1].import_max))
    assert heard.until(lambda: heard.events[-1].status == msg.GridEvent.STATUS_CANCELLED)


@pytest.mark.parametrize('type, value, fields', [
    ('ALERT_GRID_EMERGENCY', 'help', {'level': msg.GridLimit.LEVEL_SPECIAL, 'import_max': 500.0}),
    ('EXPORT_CAPACITY_LIMIT', 0, {'export_max': 0.0}),
    ('DISPATCH_SETPOINT', -2, {'dispatch': -2000.0}),
    ('SIMPLE', 1, {'level': msg.GridLimit.LEVEL_MODERATE, 'import_max': 5000.0}),
])
def test_payloads_reach_the_home(vtn, heard, type, value, fields):
    vtn.event(type, value)
    assert heard.until(lambda: heard.limits and all(getattr(heard.limits[-1], k) == v for k, v in fields.items()))


def test_prices_without_others(vtn, heard):
    vtn.event('PRICE', 0.42)
    vtn.event('GHG', 250, id='g')
    assert heard.until(lambda: heard.prices and len(heard.prices[-1].carbon_intensity))
    said = heard.prices[-1]
    assert said.import_price[0] == pytest.approx(0.42) and said.carbon_intensity[0] == pytest.approx(0.25)
    assert said.issuer == 'grid_service' and said.currency == 'EUR'


def test_more_than_a_page_and_what_cannot_be_used(vtn, heard):
    for k in range(120):
        vtn.event('SIMPLE', 1, id=f'e{k}', start=7200)
    vtn.event('CURVE', 'x', id='curve')
    assert heard.until(lambda: len(heard.node._programme.entries) == 120)
    assert heard.until(lambda: heard.level('events') == WARN) and 'CURVE' in heard.words('events')


def test_a_person_opts_out_and_the_server_may_refuse_to_hear_it(vtn, heard):
    vtn.event('SIMPLE', 2, reportDescriptors=[{'payloadType': 'OPERATING_STATE'}])

    def states():
        return [r['resources'][0]['intervals'][0]['payloads'][0]['values'][0] for r in vtn.reports]
    assert heard.until(lambda: states() == ['RUNNING_CURTAILED'])
    polls = vtn.polls
    assert heard.until(lambda: vtn.polls > polls + 2) and len(vtn.reports) == 1, 'said once'
    client = SET_OPT.client(heard.peer)
    assert heard.ros.call(client, srv.SetOpt.Request(id='e', opt_in=False)).success
    assert heard.until(lambda: states()[-1] == 'RUNNING_OPTED_OUT' and heard.limits[-1].event == '')
    vtn.refuse_reports = True
    assert heard.ros.call(client, srv.SetOpt.Request(id='e', opt_in=True)).success
    assert heard.until(lambda: 'refuses reports: it answered 403' in heard.words('events'))
    assert heard.level('server') == OK and heard.limits[-1].event == 'e', 'the home goes on'


def test_a_token_that_is_no_longer_taken_and_a_server_that_restarts(vtn, heard, authority):
    vtn.event('SIMPLE', 1)
    assert heard.until(lambda: heard.limits and heard.limits[-1].event == 'e')
    vtn.tokens.clear()
    polls = vtn.polls
    assert heard.until(lambda: vtn.polls > polls and vtn.tokens and heard.level('server') == OK)
    vtn.stop()
    assert heard.until(lambda: heard.level('server') == WARN) and heard.limits[-1].event == 'e'
    again = Vtn(authority, vtn.port)
    try:
        assert heard.until(lambda: heard.level('server') == OK)
        assert heard.until(lambda: heard.limits[-1].event == ''), 'a listing that is empty says that all are gone'
    finally:
        again.stop()


@pytest.mark.parametrize('raw, words', [
    (b'[' + b' ' * 2_000_000 + b']', 'more than 1048576 bytes'), (b'{}', 'no list'), (b'[NaN]', 'no JSON'),
    (b'<html/>', 'no JSON')])
def test_hostile_answers(vtn, heard, raw, words):
    vtn.event('SIMPLE', 1)
    assert heard.until(lambda: heard.limits and heard.limits[-1].event == 'e')
    vtn.raw = raw
    assert heard.until(lambda: heard.level('server') == WARN and words in heard.words('server'))
    assert heard.limits[-1].event == 'e'
    vtn.raw = None
    assert heard.until(lambda: heard.level('server') == OK)


def test_a_wrong_secret(vtn, home):
    Path(home.parent / 'secret').write_text('wrong')
    with graph() as ros:
        heard = Listener(ros, home)
        assert heard.until(lambda: heard.level('server') == ERROR) and 'it answered 401' in heard.words('server')


def test_the_outcome_of_an_event_is_reported_where_it_was_asked_for(vtn, home):
    """Client alone: an event lasts quarter hours."""
    vtn.event('SIMPLE', 1, reportDescriptors=[{'payloadType': 'DEMAND'}, {'payloadType': 'BASELINE'},
                                              {'payloadType': 'DELTA_USAGE'}])
    vtn.event('SIMPLE', 1, id='other')
    facts = load(home).grid_service

    async def run():
        client = Client(facts, Home(10_000.0, 10.0, 'EUR'))
        try:
            await client.open()
            assert len((await client.poll()).events) == 2
            values = (600.0, math.nan), (1000.0, 1000.0)
            await client.report(None, [Outcome('e', 1.7e9, *values), Outcome('other', 1.7e9, *values)])
        finally:
            await client.close()

    asyncio.run(run())
    assert len(vtn.reports) == 1
    resource = vtn.reports[0]['resources'][0]
    assert vtn.reports[0]['eventID'] == 'e' and vtn.reports[0]['clientName'] == 'test home'
    assert resource['intervalPeriod'] == {'start': '2023-11-14T22:13:20Z', 'duration': 'PT15M'}
    assert [{p['type']: p['values'][0] for p in i['payloads']} for i in resource['intervals']] == [
        {'BASELINE': 1.0, 'DELTA_USAGE': -0.1, 'DEMAND': 0.6}, {'BASELINE': 1.0}]


@pytest.mark.parametrize('change, words', [
    ({'home_file': ''}, 'needs a home_file'), ({'retry': 0.0}, 'retry')])
def test_settings_are_checked(home, change, words):
    with graph() as ros, pytest.raises(ValueError, match=words):
        ros.add(GridServiceNode, **options('/home', {'home_file': str(home), **change}))
