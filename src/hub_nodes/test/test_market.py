"""The market node against a server on loopback: fetched, kept, offline, spoiled."""
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from hearthgrid_ros.health import OK, WARN
from hearthgrid_ros.home import HomeError, parse
from hearthgrid_ros.interfaces import PRICES, WEATHER
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph
from hearthgrid_ros.time import to_seconds
from hub_nodes.adapters.market import MarketNode
from hub_nodes.adapters.source import price_source, weather_source


class Server:
    """Answers each path with what `pages` holds: bytes, or a status."""

    def __init__(self):
        self.pages, self.asked = {}, []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                page = outer.pages.get(self.path.partition('?')[0], 404)
                self.send_response(page if isinstance(page, int) else 200)
                body = b'' if isinstance(page, int) else page
                self.send_header('content-length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self._server.server_port}'
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()



def hour():
    """Return the begin of the hour under way, also in a suite that runs over its end. [s]"""
    return time.time() // 3600 * 3600


def awattar(prices, start=None):
    start = hour() - 3600 if start is None else start
    return json.dumps({'data': [
        {'start_timestamp': (start + 3600 * k) * 1000, 'end_timestamp': (start + 3600 * (k + 1)) * 1000,
         'marketprice': price, 'unit': 'Eur/MWh'} for k, price in enumerate(prices)]}).encode()


def weather_csv():
    return f'start,air_temperature\n{hour()},4.5\n{hour() + 3600},5.5\n'.encode()


@pytest.fixture
def server():
    made = Server()
    made.pages = {'/prices': awattar([10.0, 100.0, -50.0]), '/weather': weather_csv()}
    yield made
    made.stop()


@pytest.fixture
def ros():
    with graph() as made:
        yield made


class Listener:
    def __init__(self, ros, server, folder, **settings):
        file = folder / 'home.yaml'
        file.write_text(f'outlets: [{{id: kettle}}]\ntariff: {{fees: 0.1, sell: 0.05}}\nmarket: {{prices: awattar, '
                        f'prices_url: "{server.url}/prices", weather: csv, weather_url: "{server.url}/weather"}}\n')
        self.ros, self.peer = ros, ros.peer()
        self.prices, self.weather = (ros.hear(self.peer, row) for row in (PRICES, WEATHER))
        self.node = ros.add(MarketNode, **options('/home', {
            'home_file': str(file), 'state_dir': str(folder), 'retry': 0.2, 'period': 1.0, **settings}))

    def status(self, check):
        return next(((s.level, s.message) for s in self.node.health.statuses() if s.name.endswith(f': {check}')),
                    (None, ''))


def test_prices_with_fees_and_weather_from_now_on(ros, server, tmp_path):
    heard = Listener(ros, server, tmp_path)
    assert ros.until(lambda: heard.prices and heard.weather)
    prices, weather = heard.prices[-1], heard.weather[-1]
    assert (to_seconds(prices.start), prices.step, prices.issuer, prices.currency) == (hour(), 3600.0, 'awattar', 'EUR')
    assert prices.import_price.tolist() == pytest.approx([0.2, 0.05])
    assert prices.export_price.tolist() == pytest.approx([0.05, 0.05])
    assert weather.air_temperature.tolist() == [4.5, 5.5] and not weather.irradiance
    assert heard.status('prices')[0] == OK and (tmp_path / 'market_prices.json').exists()


@pytest.mark.parametrize('page, words', [(503, 'it answered 503'), (b'{"data": 7}', 'data is no list'),
                                         (b'x' * 2_000_000, 'more than 1048576'), (302, 'it answered 302')])
def test_what_fails_is_said_once_tried_again_and_the_last_good_holds(ros, server, tmp_path, page, words):
    heard = Listener(ros, server, tmp_path)
    assert ros.until(lambda: heard.prices)
    good, server.pages['/prices'] = server.pages['/prices'], page
    assert ros.until(lambda: heard.status('prices')[0] == WARN) and words in heard.status('prices')[1]
    assert heard.prices[-1].import_price.tolist() == pytest.approx([0.2, 0.05])
    server.pages['/prices'] = good
    assert ros.until(lambda: heard.status('prices')[0] == OK)


def test_a_node_that_starts_offline_has_what_was_kept(ros, server, tmp_path):
    heard = Listener(ros, server, tmp_path)
    assert ros.until(lambda: heard.status('cache')[0] == OK and heard.status('weather')[0] == OK)
    ros.end(heard.node)
    server.pages = {}
    again = Listener(ros, server, tmp_path)
    assert ros.until(lambda: again.prices and again.prices[-1].import_price.tolist() == pytest.approx([0.2, 0.05]))
    assert ros.until(lambda: again.status('prices')[0] == WARN) and '404' in again.status('prices')[1]


def test_a_spoiled_cache_and_prices_that_are_over_are_said(ros, server, tmp_path):
    (tmp_path / 'market_prices.json').write_text('{')
    server.pages['/prices'] = awattar([10.0, 20.0], hour() - 86_400)
    heard = Listener(ros, server, tmp_path)
    assert 'cannot be used' in heard.status('prices')[1]
    assert ros.until(lambda: 'is over' in heard.status('prices')[1]) and not heard.prices


@pytest.mark.parametrize('section, words', [
    ('{prices: entsoe, token_file: x}', 'needs an `area`'), ('{prices: tibber}', 'needs a `token_file`'),
    ('{weather: csv}', 'csv needs its url'), ('{prices_url: "ftp://x"}', 'pattern')])
def test_the_section_is_checked(section, words):
    with pytest.raises(HomeError, match=words):
        parse(f'outlets: [{{id: kettle}}]\nmarket: {section}\n')


def test_what_each_service_is_asked(tmp_path):
    token = tmp_path / 'token'
    token.write_text('secret\n')
    now = 1_700_040_000.0       # 2023-11-15 10:20 in Berlin

    def asked(section, source=price_source):
        return source(parse(f'outlets: [{{id: kettle}}]\nmarket: {section}\n')).requests(now)
    entsoe, = asked(f'{{prices: entsoe, area: 10Y1001A1001A82H, token_file: {token}}}')
    assert entsoe.query == {'documentType': 'A44', 'in_Domain': '10Y1001A1001A82H', 'out_Domain': '10Y1001A1001A82H',
                            'periodStart': '202311142300', 'periodEnd': '202311162300', 'securityToken': 'secret'}
    tibber, = asked(f'{{prices: tibber, token_file: {token}}}')
    assert (tibber.method, tibber.headers) == ('POST', {'authorization': 'Bearer secret'})
    today, tomorrow = asked('{prices: nord_pool, area: NO1}')
    assert 'date=2023-11-15' in today.url and not today.optional
    assert 'date=2023-11-16' in tomorrow.url and tomorrow.optional
    weather, = asked('{weather: open_meteo}', weather_source)
    assert 'latitude=52.5000&longitude=13.4000' in weather.url
