"""The store as a node: from topics into the file, and out through the service."""
import math
import signal

import pytest

from hearthgrid_msgs import msg, srv
from hearthgrid_ros.health import ERROR, OK, WARN
from hearthgrid_ros.interfaces import ANOMALIES, GET_COSTS, GET_HISTORY, PLAN, PRICES, READINGS, STATES
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph, process
from hearthgrid_ros.time import to_msg
from hub_nodes.store import StoreNode
from hub_nodes.store.history import finest_step
from hub_nodes.store.model import QUANTITIES
from hub_nodes.store.node import POINTS_MAX, StoreSettings
from hub_nodes.store.place import open_history


@pytest.fixture(scope='module')
def ros():
    with graph() as made:
        yield made


@pytest.fixture
def store(ros, tmp_path):
    node = ros.add(StoreNode, **options('/home', {'state_dir': str(tmp_path), 'flush_period': 0.05}))
    node.peer = ros.peer()
    yield node
    ros.end(node)
    ros.end(node.peer)


def reading(at, outlet='kettle', **values):
    return msg.Reading(**{'stamp': to_msg(at), 'outlet': outlet, 'duration': 1.0, **dict.fromkeys(QUANTITIES, math.nan),
                          **values})


def publish(ros, store, topic, *messages):
    publisher = topic.publisher(store.peer)
    assert ros.matched(publisher)
    heard = [end for end in store._ends if end.topic_name == publisher.topic_name]
    assert ros.until(lambda: all(end.get_publisher_count() for end in heard))  # telemetry is not repeated
    for message in messages:
        publisher.publish(message)
    return publisher


def level(node, check):
    return next(status.level for status in node.health.statuses() if status.name.endswith(f': {check}'))


def ask(ros, store, **request):
    client = GET_HISTORY.client(store.peer)
    return ros.call(client, srv.GetHistory.Request(**{'outlet': 'kettle', 'quantity': 'active_power', **request}))


def test_a_reading_published_is_in_the_history(ros, store):
    now = math.floor(store.now())
    publish(ros, store, READINGS, reading(now - 2, active_power=1900.0), reading(now - 1, active_power=2100.0))
    assert ros.until(lambda: store._writer.stats().written == 2)
    answer = ask(ros, store, start=to_msg(now - 10), step=10.0)
    assert answer.success and answer.unit == 'W', answer.message
    known = [point for point in answer.points if point.count]
    assert sum(point.count for point in known) == 2
    assert max(point.maximum for point in known) == 2100 and min(point.minimum for point in known) == 1900
    as_fine_as_fits = ask(ros, store)
    assert [point.count for point in as_fine_as_fits.points if point.count] == [1, 1]
    dark = ask(ros, store, quantity='temperature')
    assert dark.success and all(math.isnan(point.mean) and not point.count for point in dark.points)
    assert level(store, 'database') == OK and level(store, 'queue') == OK and level(store, 'input') == OK


@pytest.mark.parametrize('request_, reason', [
    ({'outlet': 'toaster'}, "no reading of 'toaster'"),
    ({'quantity': 'harmonics'}, 'is not kept'),
    ({'step': -1.0}, 'above 0'), ({'step': math.nan}, 'above 0'), ({'step': 0.001}, 'at least'),
    ({'end': to_msg(1.0)}, 'the end must be after')])
def test_a_question_that_cannot_be_answered_says_why(ros, store, request_, reason):
    publish(ros, store, READINGS, reading(store.now() - 100), reading(store.now()))
    assert ros.until(lambda: store._writer.stats().written == 2)
    answer = ask(ros, store, **request_)
    assert not answer.success and reason in answer.message and not answer.points


def test_what_happens_is_recorded(ros, store, tmp_path):
    now = store.now()
    publish(ros, store, ANOMALIES, msg.Anomaly(stamp=to_msg(now), id='a1', outlet='kettle', text='too hot'))
    publish(ros, store, PLAN, msg.Plan(stamp=to_msg(now), epoch=3))
    states = publish(ros, store, STATES, msg.OutletState(stamp=to_msg(now), outlet='kettle', thermal_load=0.1))
    states.publish(msg.OutletState(stamp=to_msg(now + 1), outlet='kettle', thermal_load=0.2))
    states.publish(msg.OutletState(stamp=to_msg(now + 2), outlet='kettle', relay=2))
    assert ros.until(lambda: store._writer.stats().records == 4)
    records = open_history(tmp_path).records()
    assert sorted(record.kind for record in records) == ['anomaly', 'plan', 'state', 'state']
    assert next(record.data for record in records if record.kind == 'anomaly')['text'] == 'too hot'


def test_an_event_with_a_wrong_clock_is_kept_under_the_time_it_was_heard(ros, store, tmp_path):
    ahead = to_msg(store.now() + 1e6)
    publish(ros, store, ANOMALIES, msg.Anomaly(id='never set'), msg.Anomaly(id='ahead', stamp=ahead))
    assert ros.until(lambda: store._writer.stats().records == 2)
    assert all(abs(record.time - store.now()) < 60 for record in open_history(tmp_path).records())


@pytest.mark.parametrize('off, outlet', [(3600.0, 'kettle'), (-20 * 86_400.0, 'kettle'), (0.0, '')])
def test_a_reading_with_a_wrong_stamp_or_no_name_is_refused_and_told(ros, store, off, outlet):
    publish(ros, store, READINGS, reading(store.now() + off, outlet), reading(store.now()))
    assert ros.until(lambda: store._writer.stats().written == 1 and store._refused == 1)
    assert level(store, 'input') == WARN and level(store, 'queue') == OK


def test_a_lost_database_is_an_error_until_it_is_back(ros, store, tmp_path, monkeypatch):
    monkeypatch.setattr('hub_nodes.store.writer.RETRY', 0.05)
    assert ros.until(lambda: level(store, 'database') == OK)
    away = tmp_path.with_name(tmp_path.name + '_away')
    tmp_path.rename(away)
    tmp_path.touch()
    publisher = publish(ros, store, READINGS, reading(store.now()))
    assert ros.until(lambda: level(store, 'database') == ERROR)
    assert not ask(ros, store).success
    publisher.publish(reading(store.now()))
    assert ros.until(lambda: store._writer.stats().queued == 2)
    tmp_path.unlink()
    assert ros.until(lambda: level(store, 'database') == OK and store._writer.stats().written == 2)


def test_dropped_readings_are_a_warning(ros, store):
    store._writer._count(dropped=3)
    assert level(store, 'queue') == WARN


def test_inactive_hears_nothing_and_active_goes_on(ros, store):
    assert store.trigger_deactivate() and store.get_name()
    assert not list(store.subscriptions)
    store.trigger_activate()
    publish(ros, store, READINGS, reading(store.now()))
    assert ros.until(lambda: store._writer.stats().written == 1)


def test_without_a_folder_it_works_and_says_what_that_means(ros):
    node = ros.add(StoreNode, **options('/home'))
    file = node._backend.path
    assert ros.until(lambda: level(node, 'database') == WARN and file.exists())
    ros.end(node)
    assert not file.parent.exists()


@pytest.mark.parametrize('duration, step', [(1, 1), (1998, 1), (1999, 2), (86_400, 60), (30 * 86_400, 1800),
                                            (10 * 365 * 86_400, 2 * 86_400)])
def test_the_finest_step_fits_the_answer(duration, step):
    assert finest_step(duration, POINTS_MAX) == step and duration / step + 2 <= POINTS_MAX


@pytest.mark.parametrize('wrong', [{'flush_period': 2.0}, {'queue': 1}, {'minutes_days': 7.0}, {'size_max': math.nan}])
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StoreSettings(**wrong)


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_it_starts_by_itself_and_ends_on_a_signal(ros, tmp_path, number):
    with process('hub_nodes.store.node', '--ros-args', '-p', f'state_dir:={tmp_path}') as child:
        assert ros.until((tmp_path / 'hearthgrid.db').exists)
        child.send_signal(number)
        said = child.stdout.read()
        assert child.wait(30) == 0 and 'Traceback' not in said and 'Warning' not in said, said
    assert not (tmp_path / 'hearthgrid.db-wal').exists(), 'closed cleanly'
    assert open_history(tmp_path).outlets() == []


def test_costs_are_told(ros, store):
    now = store.now()
    publish(ros, store, READINGS, reading(now - 5, energy_kwh=7.0), reading(now - 1, energy_kwh=9.0))
    publish(ros, store, PRICES, msg.PriceSeries(stamp=to_msg(now), issuer='market', currency='EUR', step=86_400.0,
                                                start=to_msg(now - 86_400), import_price=[0.25, 0.25]))
    assert ros.until(lambda: store._writer.stats().written == 2 and store._writer.stats().records == 1)
    answer = ros.call(GET_COSTS.client(store.peer), srv.GetCosts.Request(start=to_msg(now - 3600)))
    assert answer.success and answer.currency == 'EUR', answer.message
    kettle, = answer.outlets
    assert (kettle.outlet, kettle.energy_kwh, kettle.priced) == ('kettle', 2.0, 1.0)
    assert kettle.cost == pytest.approx(0.5)
    refused = ros.call(GET_COSTS.client(store.peer), srv.GetCosts.Request(start=to_msg(now + 100)))
    assert not refused.success and 'after the start' in refused.message
