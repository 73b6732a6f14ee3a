"""The forecast node: what comes on the topics, what is forecast of it, and what garbage may do (nothing)."""
import math
import signal
import time

import numpy as np
import pytest

from hearthgrid_core.forecast import Verdict
from hearthgrid_msgs import msg
from hearthgrid_ros.health import OK, STALE, WARN
from hearthgrid_ros.interfaces import FORECASTS, GET_HISTORY, PRICES, READINGS, STATES, WEATHER
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph, process
from hearthgrid_ros.time import to_msg, to_seconds
from hub_nodes import forecast
from hub_nodes.forecast import ForecastNode

NAN = math.nan
LOAD, PV = msg.Forecast.QUANTITY_LOAD, msg.Forecast.QUANTITY_PV
PRICE, TEMPERATURE = msg.Forecast.QUANTITY_IMPORT_PRICE, msg.Forecast.QUANTITY_AIR_TEMPERATURE


FEED = 0.1             # between two rounds of readings: a flood would keep the interpreter from the worker thread [s]
HOME = '/forecasting'  # a home of its own: the store of another test's home must not answer


@pytest.fixture(scope='module')
def ros():
    with graph() as made, pytest.MonkeyPatch.context() as patch:
        patch.setattr(forecast, 'TICK', 0.1)  # the same, sooner
        yield made


@pytest.fixture
def talk(ros):
    node = ros.add(ForecastNode, **options(HOME, {'warm_up': 0.0, 'period': 1.0}))
    made = Talk(ros, node)
    yield made
    ros.end(made.peer)
    ros.end(node)


class Talk:
    """A peer that plays meters, utility and store, and hears the forecasts."""

    def __init__(self, ros, node) -> None:
        self.ros, self.node, self.peer = ros, node, ros.peer(HOME)
        self.heard = ros.hear(self.peer, FORECASTS)
        self.ends = {row.name: row.publisher(self.peer) for row in (READINGS, STATES, PRICES, WEATHER)}
        assert all(ros.matched(end) for end in self.ends.values())

    @property
    def now(self) -> float:
        return self.node.now()

    def send(self, row, message) -> None:
        self.ends[row.name].publish(message)

    def read(self, outlet: str, power: float, age: float = 0.0) -> None:
        self.send(READINGS, msg.Reading(stamp=to_msg(self.now - age), outlet=outlet, duration=1.0, active_power=power))

    def price(self, values, step=3600.0, start=None, export=None) -> None:
        start = math.floor(self.now / 3600) * 3600.0 if start is None else start
        values = [float(v) for v in values]
        self.send(PRICES, msg.PriceSeries(stamp=to_msg(self.now), currency='EUR', start=to_msg(start), step=step,
                                          import_price=values, export_price=values if export is None else export))

    def weather(self, irradiance=(), temperature=(), step=3600.0) -> None:
        start = math.floor(self.now / 3600) * 3600.0
        self.send(WEATHER, msg.WeatherSeries(stamp=to_msg(self.now), start=to_msg(start), step=step,
                                             irradiance=[float(v) for v in irradiance],
                                             air_temperature=[float(v) for v in temperature]))

    def until(self, condition, timeout: float = 20.0) -> bool:
        return self.ros.until(condition, timeout)

    def forecast(self, quantity, target='home', fits=lambda made: True, feed=None):
        """Wait for a forecast that fits, feeding readings meanwhile, and return it."""
        found, fed = [], [-math.inf]

        def arrived() -> bool:
            if feed and time.monotonic() - fed[0] > FEED:
                fed[0] = time.monotonic()
                feed()
            asked = [made for made in self.heard if (made.quantity, made.target) == (quantity, target)]
            found.extend(filter(fits, asked))
            self.heard.clear()
            return bool(found)

        assert self.until(arrived), self.node.health._checks
        return found[-1]


def whole(made) -> bool:
    arrays = made.mean, made.lower, made.upper
    return (all(len(array) == 192 and np.isfinite(array).all() for array in arrays)
            and (np.array(made.lower) <= np.array(made.mean) + 1e-4).all()
            and (np.array(made.mean) <= np.array(made.upper) + 1e-4).all())


def test_seconds_of_readings_make_a_wide_forecast_of_the_load(talk):
    assert talk.node.health._checks['forecast'][0] == STALE
    talk.send(STATES, msg.OutletState(outlet='car', deferrable=True))
    assert talk.until(lambda: talk.node._power.watch('car') and 'car' in talk.node._power._recorders)

    def feed():
        for outlet, power in (('car', 2000.0), ('pv', -500.0), ('battery', 200.0), ('grid', 2100.0)):
            talk.read(outlet, power)

    home = talk.forecast(LOAD, fits=lambda made: abs(made.mean[0] - 2400.0) < 1.0, feed=feed)
    base = talk.forecast(LOAD, 'base', fits=lambda made: abs(made.mean[0] - 400.0) < 1.0, feed=feed)
    assert whole(home) and whole(base)
    assert home.upper[0] - home.mean[0] > 500.0, 'minutes of history promise little'
    assert base.history < 3600.0 and to_seconds(home.start) == pytest.approx(talk.now, abs=30.0)
    assert talk.node.health._checks['forecast'][0] == OK


def test_announced_prices_are_the_forecast_and_beyond_them_yesterday(talk):
    day = 0.2 + 0.1 * np.sin(np.arange(30) / 24 * 2 * np.pi)
    talk.price(day)
    made = talk.forecast(PRICE, feed=lambda: talk.read('grid', 1.0))
    assert made.method.startswith('announced, then')
    assert whole(made) and made.step == 900.0
    shift = round((to_seconds(made.start) - math.floor(talk.now / 3600) * 3600.0) / 900)
    known = np.repeat(day, 4)[shift:]
    np.testing.assert_allclose(made.mean[:len(known)], known, atol=1e-6)
    np.testing.assert_allclose(made.lower[:len(known)], known, atol=1e-6)
    assert made.upper[-1] > made.mean[-1] > made.lower[-1]


def test_the_past_of_prices_outlives_the_node(ros, tmp_path):
    """A day that was announced and is over; the store keeps no prices."""
    settings = {'warm_up': 0.0, 'period': 1.0, 'state_dir': str(tmp_path)}
    node = ros.add(ForecastNode, **options(HOME, settings))
    talk = Talk(ros, node)
    start = math.floor(talk.now / 3600) * 3600.0 - 30 * 3600.0
    prices = 0.2 + 0.01 * np.arange(40)
    talk.price(prices, start=start)
    assert talk.until(lambda: node._price is not None, 90.0)
    ros.end(talk.peer)
    ros.end(node)
    again = ros.add(ForecastNode, **options(HOME, settings))
    known = again._past['price'].series()
    assert known.known.sum() >= 4 * 30 and '1.2 days' in again.health._checks['price past'][1]
    np.testing.assert_allclose([known.at(start + 3600.0 * k + 60.0) for k in range(30)], prices[:30], atol=1e-6)
    ros.end(again)


@pytest.mark.parametrize('content', ['{"format": "hearthgrid prices 1", "start": "x"}', 'not json', '[]'])
def test_a_damaged_past_of_prices_is_put_aside(ros, tmp_path, content):
    (tmp_path / 'prices.json').write_text(content)
    node = ros.add(ForecastNode, **options(HOME, {'state_dir': str(tmp_path)}))
    level, text = node.health._checks['price past'][:2]
    assert level == WARN and 'begun anew' in text and not len(node._past['price'].series())
    ros.end(node)
    assert list(tmp_path.glob('prices.json.bad-*'))


def test_sun_ahead_is_power_ahead_and_air_stays_air(talk):
    talk.weather(irradiance=[500.0] * 48, temperature=[11.0] * 48)

    def feed():
        talk.read('grid', 300.0)
        talk.read('pv', -900.0)

    made = talk.forecast(PV, fits=lambda made: made.method.startswith('irradiance'), feed=feed)
    assert len(made.mean) == 192 and 200.0 < made.mean[20] <= 1100.0
    assert made.upper[20] > made.mean[20] > made.lower[20]
    air = talk.forecast(TEMPERATURE, feed=feed)
    assert air.mean[0] == pytest.approx(11.0) and whole(air)


def test_the_stored_past_is_learnt(talk, ros):
    asked = []

    def answer(request, response):
        asked.append(request)
        response.success = request.outlet == 'grid'
        if response.success:
            start = to_seconds(request.start)
            response.points = [msg.HistoryPoint(start=to_msg(start + 900.0 * k), mean=700.0 if k % 7 else NAN, count=1)
                               for k in range(1900)]
        return response

    GET_HISTORY.server(talk.peer, answer)
    made = talk.forecast(LOAD, fits=lambda made: made.history > 10 * 86400.0, feed=lambda: talk.read('grid', 700.0))
    assert whole(made) and np.allclose(made.mean, 700.0, atol=5.0)
    assert talk.until(lambda: {request.outlet for request in asked} >= {'grid', 'pv', 'battery'})
    assert asked[0].quantity == 'active_power' and asked[0].step == 900.0
    assert (to_seconds(asked[0].end) - to_seconds(asked[0].start)) / 900.0 < 1998


@pytest.mark.parametrize('send, check, reason', [
    (lambda talk: talk.price([0.1, NAN]), 'prices', 'not a number'),
    (lambda talk: talk.price([0.1], export=[0.1, 0.2]), 'prices', '1 import but 2 export'),
    (lambda talk: talk.price([]), 'prices', 'empty'),
    (lambda talk: talk.price([0.1], start=1e9), 'prices', 'ended'),
    (lambda talk: talk.price([0.1], step=-5.0), 'prices', 'steps of -5'),
    (lambda talk: talk.weather([math.inf] * 4), 'weather', 'irradiance is not a number'),
    (lambda talk: talk.weather(), 'weather', 'neither'),
    (lambda talk: talk.weather([1.0] * 4, step=NAN), 'weather', 'steps of nan'),
])
def test_garbage_is_refused_and_the_reason_told(talk, send, check, reason):
    send(talk)
    assert talk.until(lambda: talk.node.health._checks.get(check, (OK, ''))[0] == WARN)
    assert reason in talk.node.health._checks[check][1]
    assert talk.node._price is None and talk.node._irradiance is None


@pytest.mark.parametrize('outlet, power, age', [('grid', NAN, 0.0), ('grid', 500.0, 3600.0), ('grid', 500.0, -3600.0),
                                                ('kettle', 500.0, 0.0), ('', 500.0, 0.0)])
def test_readings_that_cannot_be_used_are_not(talk, outlet, power, age):
    talk.read(outlet, power, age)
    talk.send(STATES, msg.OutletState(outlet='marker', deferrable=True))
    assert talk.until(lambda: 'marker' in talk.node._power._recorders)
    talk.read('marker', 1.0)
    assert talk.until(lambda: talk.node._power.measured('marker')), 'what was sent before has arrived'
    assert not talk.node._power.measured('grid') and talk.node._first is None


def test_it_starts_with_its_defaults_and_ends_on_sigterm(ros):
    peer = ros.peer(namespace='', name='watcher')
    with process('hub_nodes.forecast') as child:
        assert ros.until(lambda: any(name == 'forecast' for name, _ in peer.get_node_names_and_namespaces()))
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    ros.end(peer)


def test_the_diagnostics_say_which_model_is_used_and_how_it_did(talk):
    verdicts = {name: Verdict(better, 80.0, 100.0, 90.0, 95.0, 30.0, 0.8, 1.0, 14.0)
                for name, better in (('home', True), ('base', False))}
    talk.node._told(verdicts | {'pv': None})
    level, text, values = talk.node.health._checks['learned']
    assert level == OK and text == 'home: used, +20 %, base: not used, +20 %'
    assert values['home_error'] == 80.0 and values['base_used'] is False and 'pv_error' not in values
