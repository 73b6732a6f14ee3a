"""Recording and replaying: what went out comes back, in a format others read."""

import threading

import pytest
from rosbags.rosbag2 import Reader, StoragePlugin, Writer

from hearthgrid import bags
from hearthgrid_ros import interfaces as rows
from hearthgrid_ros.definitions import message_name, typestore
from hearthgrid_ros.testing import graph

READING = rows.READINGS.type
REQUEST = rows.REQUEST.type


@pytest.fixture
def bag(tmp_path):
    """A bag of ten readings and one relay command, recorded from a graph."""
    path, counts = tmp_path / 'bag', []
    with graph() as g:
        node = g.peer()
        readings, relays = rows.READINGS.publisher(node), rows.RELAYS.publisher(node)
        done = threading.Event()

        def stop(seconds, found):
            counts.append(dict(found))
            return done.is_set() or seconds > 30

        recorder = threading.Thread(target=bags.record, args=('home', path, stop))
        recorder.start()
        assert g.matched(readings) and g.matched(relays)
        relays.publish(rows.RELAYS.type(outlet='kettle', closed=True))
        for number in range(10):  # best effort: said again until it is heard
            before = counts[-1].get('/home/readings', 0) if counts else 0

            def heard(number=number, before=before):
                readings.publish(READING(outlet='kettle', sequence=number, harmonics=[1.0, 0.5]))
                return counts and counts[-1].get('/home/readings', 0) > before

            assert g.until(heard)
        assert g.until(lambda: counts[-1].get('/home/relays') == 1)
        done.set()
        recorder.join()
    return path


def test_a_bag_is_mcap_with_the_definitions_inside(bag):
    with Reader(bag) as reader:
        found = {c.topic: c for c in reader.connections if c.msgcount}
        assert set(found) == {'/home/readings', '/home/relays'}
        assert found['/home/readings'].msgtype == 'hearthgrid_msgs/msg/Reading'
        assert 'active_power' in found['/home/readings'].msgdef.data
    assert list(bag.glob('*.mcap')) and (bag / 'metadata.yaml').exists()


@pytest.mark.parametrize('commands', [False, True])
def test_replay_says_it_again_and_switches_nothing_unasked(bag, commands):
    with graph() as g:
        node = g.peer()
        readings, relays = g.hear(node, rows.READINGS), g.hear(node, rows.RELAYS)
        done = threading.Event()

        def play():
            while not done.is_set():  # until the other side has found it
                bags.replay(bag, 10.0, commands, lambda *_: False)

        player = threading.Thread(target=play)
        player.start()
        assert g.until(lambda: {m.sequence for m in readings} >= set(range(10)) and (bool(relays) or not commands))
        done.set()
        player.join()
        assert bool(relays) == commands and readings[0].harmonics.tolist() == [1.0, 0.5]


def test_a_bag_is_not_overwritten(bag):
    with pytest.raises(bags.BagError, match='exists'):
        bags.record('home', bag, lambda *_: True)


@pytest.mark.parametrize('damage', ['truncated', 'no metadata', 'missing'])
def test_a_damaged_bag_is_one_clear_error(bag, damage):
    if damage == 'truncated':
        file = next(bag.glob('*.mcap'))
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    elif damage == 'no metadata':
        (bag / 'metadata.yaml').unlink()
    path = bag if damage != 'missing' else bag / 'none'
    with pytest.raises(bags.BagError, match=str(path)):
        bags.replay(path, 1.0, False, lambda *_: False)


@pytest.mark.parametrize('hostile', [bytes.fromhex('00012222'), bytes.fromhex('0001000000000000'), b'', b'\xff' * 64])
@pytest.mark.parametrize('plugin', [StoragePlugin.MCAP, StoragePlugin.SQLITE3], ids=lambda plugin: plugin.name)
def test_bytes_that_end_fast_cdr_s_process_are_one_clear_error(tmp_path, plugin, hostile):
    """`00 01 22 22` handed to it as an Identity is a segmentation fault: this process would not live to fail."""
    path, kind = tmp_path / 'bag', message_name(rows.IDENTITIES.type)
    with Writer(path, version=9, storage_plugin=plugin) as writer:
        place = writer.add_connection('/home/identities', kind, typestore=typestore([kind]))
        writer.write(place, 1, hostile)
    with pytest.raises(bags.BagError, match='no Identity'):
        bags.replay(path, 1.0, False, lambda *_: False)
