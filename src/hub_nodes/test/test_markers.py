"""The house for rviz, and the files that rviz and rqt open."""
import json
import math
import signal
from ast import literal_eval
from pathlib import Path

import pytest
import yaml
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from sensor_msgs.msg import BatteryState
from visualization_msgs.msg import Marker

from hearthgrid_msgs.msg import Identity, OutletState, Reading
from hearthgrid_ros.home import HomeError
from hearthgrid_ros.interfaces import BATTERY, ECHO, IDENTITIES, MARKERS, READINGS, STATES
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph, process
from hub_nodes import markers
from hub_nodes.markers import BLUE, GREY, MAGENTA, MarkersNode, Shown, colour, words

CONFIG = Path(__file__).resolve().parents[3] / 'config'
NAN = math.nan
OPEN, CLOSED = OutletState.RELAY_OPEN, OutletState.RELAY_CLOSED
HOME = '''
outlets:
  - {id: kettle, title: Kettle, room: Kitchen, position: [1, 2, 1]}
  - {id: fridge, title: Fridge, room: Kitchen, position: [4, 2, 0.3]}
  - {id: desk, room: Study, position: [1, 9, 0.3]}
'''


@pytest.mark.parametrize('power, state, expected', [
    (NAN, {}, BLUE), (0.0, {}, BLUE), (10.0, {'relay': CLOSED}, BLUE), (-50.0, {}, BLUE),
    (10.001, {}, (0.0, 1.0, 0.0, 1.0)), (3000.0, {}, (1.0, 0.0, 0.0, 1.0)), (1e6, {}, (1.0, 0.0, 0.0, 1.0)),
    (math.sqrt(10 * 3000), {}, (1.0, 1.0, 0.0, 1.0)),
    (0.0, {'relay': OPEN}, GREY), (500.0, {'relay': OPEN, 'trip': OutletState.TRIP_OVERCURRENT}, MAGENTA)])
def test_a_colour_tells_what_an_outlet_does(power, state, expected):
    assert colour(power, OutletState(**state), True) == pytest.approx(expected, abs=1e-3)
    assert colour(power, OutletState(**state), False) == pytest.approx((*expected[:3], 0.25), abs=1e-3)


@pytest.mark.parametrize('reading, state, identity, expected', [
    (None, None, None, 'Kettle\n– W'),
    (2150.0, {'relay': CLOSED}, None, 'Kettle\n2.15 kW'),
    (0.4, {'relay': OPEN}, None, 'Kettle\n0 W\noff'),
    (0.0, {'trip': 1}, None, 'Kettle\n0 W\ntripped'),
    (60.0, None, {'state': 2, 'type': 'kettle', 'probability': 0.974}, 'Kettle\n60 W\nkettle 97 %'),
    (60.0, None, {'state': 3, 'type': 'kettle', 'model': 'Severin', 'probability': NAN}, 'Kettle\n60 W\nSeverin'),
    (60.0, None, {'state': 0}, 'Kettle\n60 W\nunknown device'),
    (60.0, None, {'state': 1, 'type': 'kettle'}, 'Kettle\n60 W')])
def test_words_say_it_too(reading, state, identity, expected):
    shown = Shown('Kettle', (0, 0, 0), True, 0,
                  reading=None if reading is None else Reading(active_power=reading),
                  state=None if state is None else OutletState(**state),
                  identity=None if identity is None else Identity(**identity))
    assert words(shown, True) == expected
    assert words(shown, False).split('\n')[1] == 'not heard'


@pytest.fixture(scope='module')
def ros():
    with graph() as made:
        yield made


@pytest.fixture
def house(ros, tmp_path):
    """Return a node that draws HOME, and a peer that sees it."""
    (tmp_path / 'home.yaml').write_text(HOME)
    node = ros.add(MarkersNode, **options('/home', {'home_file': str(tmp_path / 'home.yaml'), 'period': 0.2}))
    node.peer = ros.peer()
    node.seen = ros.hear(node.peer, MARKERS)
    yield node
    ros.end(node)
    ros.end(node.peer)


def say(ros, house, topic, *messages):
    publisher = topic.publisher(house.peer)
    ends = [end for end in house.subscriptions if end.topic_name == publisher.topic_name]
    assert ros.matched(publisher) and ros.until(lambda: all(end.get_publisher_count() for end in ends))
    for message in messages:
        publisher.publish(message)


def marker(house, namespace, number):
    found = [m for m in (house.seen[-1].markers if house.seen else []) if (m.ns, m.id) == (namespace, number)]
    return found[-1] if found else None


def text(house, number, namespace=markers.NAMES):
    found = marker(house, namespace, number)
    return found.text if found else ''


def test_the_home_is_drawn_before_anything_is_heard(ros, house):
    assert ros.until(lambda: house.seen)
    drawn = house.seen[-1].markers
    assert {m.ns for m in drawn} == {markers.OUTLETS, markers.NAMES, markers.ROOMS}
    assert len({(m.ns, m.id) for m in drawn}) == len(drawn), 'each has its own number'
    assert all(m.header.frame_id == markers.FRAME and m.pose.orientation.w == 1 for m in drawn)
    assert text(house, 0) == 'Kettle\nnot heard' and text(house, 2) == 'desk\nnot heard'
    kitchen, name = marker(house, markers.ROOMS, 0), marker(house, markers.ROOMS, 1)
    assert (kitchen.pose.position.x, kitchen.scale.x, kitchen.scale.y) == (2.5, 5.0, 2.0) and name.text == 'Kitchen'
    assert house.health.statuses()[0].level == markers.STALE


def test_what_is_heard_is_shown(ros, house):
    say(ros, house, READINGS, *(Reading(outlet=outlet, active_power=power) for outlet, power in
                                (('kettle', 2000.0), ('grid', 1500.0), ('battery', -400.0))))
    say(ros, house, STATES, OutletState(outlet='desk', relay=OPEN, title='My desk'))
    say(ros, house, IDENTITIES, Identity(outlet='kettle', state=2, type='kettle', probability=0.9))
    say(ros, house, BATTERY, BatteryState(percentage=0.54))
    assert ros.until(lambda: text(house, 0) == 'Kettle\n2.00 kW\nkettle 90 %' and 'My desk' in text(house, 2))
    assert marker(house, markers.OUTLETS, 0).color.r > 0.9
    assert ros.until(lambda: text(house, 1, markers.SOURCES) == 'Grid\n1.50 kW'
                     and text(house, 5, markers.SOURCES) == 'Battery\n-400 W\n54 %')
    assert marker(house, markers.SOURCES, 2) is None, 'no panels were heard'
    assert house.health.statuses()[0].level == markers.OK


def test_an_outlet_the_home_does_not_list_comes_and_goes(ros, house, monkeypatch):
    say(ros, house, READINGS, Reading(outlet='toaster', active_power=800.0))
    assert ros.until(lambda: text(house, 3) == 'toaster\n800 W')
    monkeypatch.setattr(markers, 'GONE', 0.0)
    monkeypatch.setattr(markers, 'QUIET', 0.0)
    assert ros.until(lambda: any((m.ns, m.id, m.action) == (markers.OUTLETS, 3, Marker.DELETE)
                                 for picture in house.seen for m in picture.markers))
    assert ros.until(lambda: marker(house, markers.OUTLETS, 3) is None)
    assert text(house, 0) == 'Kettle\nnot heard', 'what the home lists stays'


def test_strangers_are_numbered_apart_and_bounded(ros, house, monkeypatch):
    monkeypatch.setattr(markers, 'STRANGERS_MAX', 3)
    for name in 'abcde':
        house._on_reading(Reading(outlet=name))
    strangers = {id: shown for id, shown in house._outlets.items() if not shown.listed}
    assert list(strangers) == list('abc')
    assert len({shown.number for shown in house._outlets.values()}) == 6
    assert len({shown.position for shown in strangers.values()}) == 3
    del house._outlets['b']
    house._on_reading(Reading(outlet='f'))
    assert house._outlets['f'].position == strangers['b'].position, 'a place that is free again'
    house._on_reading(Reading(outlet=''))
    assert '' not in house._outlets


def test_it_draws_what_it_hears_without_a_home_file(ros):
    node = ros.add(MarkersNode, **options('/home'))
    node._on_reading(Reading(outlet='kettle', active_power=5.0))
    assert list(node._outlets) == ['kettle']
    ros.end(node)


def test_it_starts_by_itself_and_ends_on_sigterm(ros):
    peer = ros.peer()
    seen, publisher = ros.hear(peer, MARKERS), READINGS.publisher(peer)
    with process('hub_nodes.markers', '--ros-args', '-r', '__ns:=/home') as child:
        assert ros.matched(publisher)
        publisher.publish(Reading(outlet='kettle'))
        assert ros.until(lambda: seen)
        child.send_signal(signal.SIGTERM)
        said = child.stdout.read()
        assert child.wait(30) == 0 and 'Traceback' not in said, said
    ros.end(peer)


def test_a_home_that_cannot_be_read_is_refused(ros, tmp_path):
    with pytest.raises(HomeError):
        ros.add(MarkersNode, **options('/home', {'home_file': str(tmp_path / 'none.yaml')}))


def test_the_rviz_file_shows_what_the_node_publishes():
    manager = yaml.safe_load((CONFIG / 'rviz' / 'hearthgrid.rviz').read_text())['Visualization Manager']
    assert manager['Global Options']['Fixed Frame'] == markers.FRAME
    display, = (d for d in manager['Displays'] if d['Class'] == 'rviz_default_plugins/MarkerArray')
    assert sorted(display['Namespaces']) == sorted(markers.NAMESPACES)
    topic = display['Topic']
    assert topic['Value'] == f'/home/{MARKERS.name}' and topic['Depth'] == MARKERS.quality.reader_depth
    assert (topic['Reliability Policy'] == 'Reliable') == (MARKERS.quality.reliability == ReliabilityPolicy.RELIABLE)
    assert (topic['Durability Policy'] == 'Transient Local') == (
        MARKERS.quality.durability == DurabilityPolicy.TRANSIENT_LOCAL)


def test_the_rqt_perspective_plots_fields_that_exist():
    perspective = json.loads((CONFIG / 'rqt' / 'hearthgrid.perspective').read_text())
    values = []

    def collect(group):
        assert set(group) == {'keys', 'groups'}
        for key, value in group['keys'].items():
            assert value['type'] == 'repr'
            values.append((key, literal_eval(value['repr'])))
        for inner in group['groups'].values():
            collect(inner)

    collect(perspective)
    found = dict(values)
    plugins = perspective['groups']['pluginmanager']['groups']
    assert all(numbers == [1] for numbers in found['running-plugins'].values())
    assert all(name.split('__')[1] + '/' + name.split('__')[2] in found['running-plugins'] for name in plugins)
    listed = {outlet['id'] for outlet in yaml.safe_load((CONFIG / 'home.yaml').read_text())['outlets']}
    for path in found['topics']:
        _, home, outlet, topic, field = path.split('/')
        assert (home, topic) == ('home', ECHO.name) and outlet in listed
        assert field in Reading.get_fields_and_field_types()
