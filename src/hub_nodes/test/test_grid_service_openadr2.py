"""OpenADR 2.0b against openleadr's own server (VTN) on loopback, with mutual TLS and signed messages."""
import importlib.util
import math
from datetime import timedelta
from pathlib import Path

import pytest
from openleadr import enums

from hearthgrid_msgs import msg, srv
from hearthgrid_ros.health import ERROR, WARN
from hearthgrid_ros.interfaces import SET_OPT
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph
from hearthgrid_ros.time import to_msg, to_seconds
from hub_nodes.grid_service.node import GridServiceNode

_spec = importlib.util.spec_from_file_location('grid_service_home', Path(__file__).with_name('grid_service_home.py'))
home_of = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(home_of)
EURO, KILOWATT, KILOWATTHOUR = home_of.EURO, home_of.KILOWATT, home_of.KILOWATTHOUR
Authority, Vtn, fingerprint, DAY = home_of.Authority, home_of.Vtn, home_of.fingerprint, home_of.DAY



@pytest.fixture(scope='module')
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp('certificates'))


@pytest.fixture
def ros():
    with graph() as made:
        yield made


@pytest.fixture
def make(ros, authority, tmp_path):
    with home_of.utilities(ros, authority, tmp_path) as made:
        yield made


ACTIVE_IN = msg.GridEvent.STATUS_ACTIVE, msg.GridEvent.OPT_IN


def test_a_level_holds_while_it_is_active_and_is_changed_and_cancelled(make):
    utility = make()
    assert utility.registered()
    utility.vtn.event('SIMPLE', 'level', [2.0])
    assert utility.limit(event='e', level=msg.GridLimit.LEVEL_HIGH, import_max=2500.0)
    assert utility.until(lambda: ('e', 0, 'optIn', 200) in utility.vtn.opts and utility.state() == ACTIVE_IN)
    said = utility.events[-1]
    assert said.kind == msg.GridEvent.KIND_LEVEL and said.programme == 'http://utility.example/programme'
    assert to_seconds(said.end) - to_seconds(said.start) == pytest.approx(3600, abs=1e-3)
    utility.vtn.change('e', lambda event: setattr(event.event_signals[0].intervals[0], 'signal_payload', 1.0))
    assert utility.limit(level=msg.GridLimit.LEVEL_MODERATE, import_max=5000.0)
    assert utility.until(lambda: ('e', 1, 'optIn', 200) in utility.vtn.opts)
    utility.vtn.cancel('e')
    assert utility.limit(event='', level=msg.GridLimit.LEVEL_NORMAL, import_max=math.inf)
    assert utility.until(lambda: utility.state()[0] == msg.GridEvent.STATUS_CANCELLED)


def test_it_starts_and_ends_by_the_clock_of_the_home_with_the_server_gone(make):
    utility = make(settings={'near': 4.0})
    assert utility.registered()
    utility.vtn.event('SIMPLE', 'level', [3.0], start=8.0, length=3.0)
    assert utility.until(lambda: utility.state() and utility.state()[0] == msg.GridEvent.STATUS_FAR)
    assert utility.limits[-1].level == msg.GridLimit.LEVEL_SPECIAL, 'the plan is told beforehand'
    assert to_seconds(utility.limits[-1].start) > utility.now
    utility.vtn.stop()
    assert utility.until(lambda: utility.state()[0] == msg.GridEvent.STATUS_NEAR)
    assert utility.until(lambda: utility.health('server') == WARN)
    assert utility.until(lambda: utility.state()[0] == msg.GridEvent.STATUS_ACTIVE)
    assert utility.until(lambda: utility.state()[0] == msg.GridEvent.STATUS_COMPLETED)
    assert utility.limit(event='', import_max=math.inf)


@pytest.mark.parametrize('signal, fields', [
    (('LOAD_CONTROL', 'x-loadControlCapacity', [0.3], None), {'import_max': 3000.0, 'dispatch': math.nan}),
    (('LOAD_DISPATCH', 'setpoint', [-2.5], KILOWATT), {'dispatch': -2500.0, 'import_max': math.inf}),
    (('CHARGE_STATE', 'setpoint', [9.0], KILOWATTHOUR), {'charge': 4000.0, 'dispatch': math.nan}),
])
def test_limits_and_setpoints(make, signal, fields):
    utility = make()
    assert utility.registered()
    name, type, values, unit = signal
    assert utility.until(lambda: utility.node._charge == 0.5)
    utility.vtn.event(name, type, values, unit=unit, length=1800.0)
    assert utility.limit(event='e', **fields)
    assert utility.until(lambda: utility.state() == ACTIVE_IN)


def test_prices_take_the_place_of_others_and_give_it_back(make):
    utility = make()
    assert utility.registered()
    hour = utility.now // 3600 * 3600
    utility.others.publish(msg.PriceSeries(stamp=to_msg(utility.now), issuer='market', currency='EUR',
                                           start=to_msg(hour), step=300.0, import_price=[0.25] * 200,
                                           export_price=[0.08] * 200))
    assert utility.until(lambda: utility.node._base is not None)
    utility.vtn.event('ELECTRICITY_PRICE', 'price', [0.5, 0.75], start=-600.0, unit=EURO, length=1800.0)
    assert utility.until(lambda: utility.prices and utility.prices[-1].issuer == 'grid_service')
    said = utility.prices[-1]
    begin = (utility.now - to_seconds(said.start)) // said.step
    assert said.import_price[int(begin) + 1] == 0.5 and 0.75 in list(said.import_price)
    assert said.import_price[-1] == 0.25 and said.export_price[0] == pytest.approx(0.08)
    assert utility.limits[-1].event == '', 'a price is no limit'
    utility.vtn.cancel('e')
    assert utility.until(lambda: utility.prices[-1].issuer == 'market')


def test_reports_of_power_baseline_and_delivered(make):
    utility = make()
    utility.power = 700.0
    quarter = int(utility.now // 900)
    for back in range(1, 46 * 96):      # a home that usually draws 1 kW
        utility.node._log.means[quarter - back] = 1000.0
    assert utility.registered()
    assert utility.until(lambda: utility.vtn.reports.get('power'))
    assert [(name, resource, unit) for name, resource, _, unit in utility.vtn.offered] == [
        (name, 'home', 'W') for name in ('power', 'baseline', 'delivered')]
    assert utility.vtn.reports['power'][-1][1] == 700.0
    assert 'baseline' not in utility.vtn.reports, 'without an event there is none'
    utility.vtn.event('SIMPLE', 'level', [2.0])
    assert utility.until(lambda: utility.vtn.reports.get('delivered'))
    assert utility.vtn.reports['baseline'][-1][1] == pytest.approx(1000.0)
    assert utility.vtn.reports['delivered'][-1][1] == pytest.approx(300.0)


def test_the_rules_and_a_person_opt_out_and_in(make):
    utility = make(settings={'participate': False})
    assert utility.registered()
    utility.vtn.event('SIMPLE', 'level', [1.0])
    assert utility.until(lambda: ('e', 0, 'optOut', 200) in utility.vtn.opts and utility.state() is not None)
    assert utility.state()[1] == msg.GridEvent.OPT_OUT and utility.limits[-1].event == ''
    client = SET_OPT.client(utility.peer)
    answer = utility.ros.call(client, srv.SetOpt.Request(id='e', opt_in=True))
    assert answer.success
    assert utility.limit(event='e', import_max=5000.0)
    assert utility.until(lambda: ('e', 0, 'optIn', 200) in utility.vtn.opts)
    answer = utility.ros.call(client, srv.SetOpt.Request(id='x', opt_in=True))
    assert not answer.success and "no event is called 'x'" in answer.message


def test_what_is_not_understood_is_refused_and_answered_and_hides_nothing(make):
    utility = make()
    assert utility.registered()
    utility.vtn.event('BID_LOAD', 'setpoint', [1.0], id='bid')
    utility.vtn.event('LOAD_DISPATCH', 'setpoint', ['NaN'], id='nan', unit=KILOWATT)
    utility.vtn.event('SIMPLE', 'level', [1.0], id='good')
    assert utility.limit(event='good', import_max=5000.0)
    unsupported = enums.STATUS_CODES.SIGNAL_NOT_SUPPORTED
    assert utility.until(lambda: {('bid', 0, 'optOut', unsupported), ('nan', 0, 'optOut', unsupported),
                                  ('good', 0, 'optIn', 200)} <= set(utility.vtn.opts))
    assert utility.health('events') == WARN and 'value of nan' in utility.words('events')


def test_a_server_that_restarts_and_forgot_all_is_registered_with_again(make):
    utility = make()
    assert utility.registered()
    utility.vtn.event('SIMPLE', 'level', [1.0])
    assert utility.limit(event='e', import_max=5000.0)
    utility.vtn.stop()
    assert utility.until(lambda: utility.health('server') == WARN)
    assert utility.limits[-1].event == 'e', 'out of reach, the event goes on'
    utility.serve()
    utility.trust_again()
    assert utility.registered()
    assert utility.limits[-1].event == 'e', 'a server that lists nothing has cancelled nothing'
    utility.vtn.event('SIMPLE', 'level', [3.0], id='f', priority=1)
    assert utility.limit(event='f', import_max=1000.0)
    assert utility.until(lambda: utility.state('e')[0] == msg.GridEvent.STATUS_CANCELLED), 'now it lists another alone'


def test_a_node_that_restarts_without_its_server_keeps_to_its_events(make):
    utility = make()
    assert utility.registered()
    utility.vtn.event('SIMPLE', 'level', [2.0])
    assert utility.limit(event='e', import_max=2500.0)
    utility.ros.end(utility.node)
    assert utility.limit(event='', import_max=math.inf), 'a node that ends withdraws what it asked'
    utility.vtn.stop()
    utility.node = utility.ros.add(GridServiceNode, **options('/home', utility.parameters))
    assert utility.limit(event='e', import_max=2500.0)


def test_a_server_whose_certificate_expired_is_not_spoken_to(make):
    utility = make(lasts=timedelta(days=-1))
    assert utility.until(lambda: utility.health('server') == ERROR)
    assert 'certificate has expired' in utility.words('server') and utility.vtn.registered == 0


def test_a_home_whose_certificate_expired_says_so(make):
    utility = make(home_lasts=timedelta(days=-1))
    assert utility.until(lambda: utility.health('server') == ERROR and utility.health('certificate') == ERROR)
    assert 'the certificate of the home expired 1 days ago' in utility.words('server')


def test_a_home_the_server_does_not_know_is_told(make):
    utility = make(served=False)
    utility.serve()
    utility.vtn.home = 'another'
    utility.trust_again()
    assert utility.until(lambda: 'does not register' in utility.words('server')), utility.words('server')


def test_a_message_signed_by_another_is_refused(make):
    utility = make(served=False)
    utility.serve()     # with a new certificate, of which the home was not told
    assert utility.until(lambda: 'signature does not hold' in utility.words('server')), utility.words('server')
    assert utility.vtn.registered == 0
