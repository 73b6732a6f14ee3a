"""The world on real ROS 2: starts, keeps pace, obeys, refuses, ends."""

import math
import signal
import time

import numpy as np
import pytest

from hearthgrid_msgs.msg import Breaker, InverterSetpoint, Reading, RelayCommand
from hearthgrid_msgs.srv import PlugAppliance, ScriptOutage
from hearthgrid_ros.interfaces import (
    ADC,
    BATTERY,
    INVERTER_SETPOINT,
    LABELS,
    PLUG_APPLIANCE,
    PRICES,
    READINGS,
    RELAYS,
    SCRIPT_OUTAGE,
    TIE,
    TRUTH,
    WEATHER,
)
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph, process
from hearthgrid_ros.time import to_msg, to_seconds
from sim_nodes.world import WorldNode

HOME = """
supply: {voltage: 230, frequency: 50}
battery: {power_max: 5000}
outlets:
  - {id: concentrator, appliance: oxygen_concentrator, room: Bedroom}
  - {id: router, appliance: router, room: Hall}
  - {id: spare, room: Hall}
"""


@pytest.fixture
def home_file(tmp_path):
    path = tmp_path / 'home.yaml'
    path.write_text(HOME)
    return str(path)


@pytest.fixture
def ros():
    with graph() as made:
        yield made


def world(ros, **parameters):
    """Return the node under test, a peer in its home, and what the world says on each topic."""
    peer = ros.peer()
    heard = {row.name: ros.hear(peer, row) for row in (READINGS, TIE, BATTERY, PRICES, WEATHER, LABELS, TRUTH)}
    node = ros.add(WorldNode, **options('/home', parameters))
    return node, peer, heard


def current(block):
    """RMS [A]"""
    return float(np.sqrt(np.mean(np.square(np.asarray(block.current, dtype=float)))) * block.current_scale)


def voltage(block):
    """RMS [V]"""
    return float(np.sqrt(np.mean(np.square(np.asarray(block.voltage, dtype=float)))) * block.voltage_scale)


def test_default_config_speaks_and_ends_on_sigterm(ros):
    peer = ros.peer('/x')
    blocks = ros.hear(peer, ADC, 'kettle')
    with process('sim_nodes.world', '--ros-args', '-r', '__ns:=/x') as child:
        assert ros.until(lambda: len(blocks) >= 3, 40.0)
        child.send_signal(signal.SIGTERM)
        assert child.wait(20.0) == 0
        assert 'Traceback' not in child.stdout.read()


def test_blocks_are_contiguous_and_in_step_with_the_clock(ros, home_file):
    _, peer, heard = world(ros, home_file=home_file)
    blocks = ros.hear(peer, ADC, 'router')
    assert ros.until(lambda: len(blocks) >= 15 and len(heard['readings']) >= 6)
    assert all(b.outlet == 'router' and len(b.voltage) == len(b.current) == 1280 for b in blocks)
    assert np.diff([b.sequence for b in blocks]).tolist() == [1] * (len(blocks) - 1)
    starts = [to_seconds(b.stamp) for b in blocks]
    np.testing.assert_allclose(np.diff(starts), 0.2, atol=1e-6)
    assert 0 <= time.time() - (starts[-1] + 0.2) < 2.0
    assert voltage(blocks[-1]) == pytest.approx(230.0, rel=0.03)
    assert blocks[-1].sampling_rate == 6400.0 and blocks[-1].nominal_frequency == 50.0
    assert 20 < blocks[-1].temperature < 40


def test_it_says_what_a_house_says(ros, home_file):
    _, _, heard = world(ros, home_file=home_file)
    others = ('tie', 'battery', 'prices', 'weather')
    assert ros.until(lambda: len(heard['readings']) >= 6 and all(heard[name] for name in others))
    latest = {r.outlet: r for r in heard['readings']}
    grid, pv, battery = (latest[name] for name in ('grid', 'pv', 'battery'))
    assert grid.supply == Reading.SUPPLY_GRID and 49.8 < grid.frequency < 50.2
    assert 280 < grid.active_power - pv.active_power - battery.active_power < 350, 'what the appliances draw'
    assert pv.active_power <= 0
    assert grid.duration == pytest.approx(1.0) and math.isnan(grid.temperature)
    assert len(grid.harmonics) == 13 and 0 < grid.voltage_thd < 0.05
    tie = heard['tie'][-1]
    assert (tie.state, tie.grid_alive, tie.angle) == (Breaker.STATE_CLOSED, True, 0.0)
    assert heard['battery'][-1].percentage == pytest.approx(0.5, abs=0.01) and heard['battery'][-1].present
    prices, weather = heard['prices'][-1], heard['weather'][-1]
    assert prices.currency == 'EUR' and prices.step == weather.step == 900.0
    assert len(prices.import_price) == len(prices.export_price) == len(weather.irradiance) == 192
    assert 0 <= time.time() - to_seconds(prices.start) < 900 + 5


def test_the_same_seed_gives_the_same_samples(ros, tmp_path):
    path = tmp_path / 'home.yaml'
    path.write_text(f'pv: null  # the sun follows the clock\n{HOME}')
    peer = ros.peer()
    runs = []
    for _ in range(2):
        blocks = ros.hear(peer, ADC, 'concentrator')
        node = ros.add(WorldNode, **options('/home', {'home_file': str(path), 'seed': 5}))
        assert ros.until(lambda blocks=blocks: any(b.sequence == 5 for b in blocks))
        runs.append({b.sequence: b for b in blocks})
        ros.end(node)
    for sequence in set(runs[0]) & set(runs[1]):
        one, two = (run[sequence] for run in runs)
        assert one.voltage == two.voltage and one.current == two.current
    assert 5 in set(runs[0]) & set(runs[1])


def test_a_relay_command_stops_the_current_and_a_stranger_is_mentioned_once(ros, home_file):
    node, peer, _ = world(ros, home_file=home_file)
    blocks = ros.hear(peer, ADC, 'concentrator')
    relays = RELAYS.publisher(peer)
    assert ros.matched(relays) and ros.until(lambda: blocks)
    assert current(blocks[-1]) > 1.0, 'relays start closed'
    warned = []
    node.get_logger().warning = warned.append
    for _ in range(3):
        relays.publish(RelayCommand(stamp=to_msg(time.time()), outlet='nobody', closed=False, power_max=math.inf))
    relays.publish(RelayCommand(stamp=to_msg(time.time()), outlet='concentrator', closed=False, power_max=math.inf))
    assert ros.until(lambda: current(blocks[-1]) < 0.01)
    assert voltage(blocks[-1]) > 200
    relays.publish(RelayCommand(stamp=to_msg(time.time()), outlet='concentrator', closed=True, power_max=math.inf))
    assert ros.until(lambda: current(blocks[-1]) > 1.0)
    assert ros.until(lambda: len(warned) >= 1)
    assert len(warned) == 1 and 'nobody' in warned[0]


def setpoint(**fields):
    now = time.time()
    values = {'stamp': to_msg(now), 'expiry': to_msg(now + 60), 'inverter': 'battery', 'active_power': 1000.0,
              'mode': InverterSetpoint.MODE_FOLLOW, 'frequency': math.nan, 'voltage': math.nan, 'sender': 'plan',
              'epoch': 1, 'counter': 1}
    return InverterSetpoint(**(values | fields))


def test_the_battery_follows_and_bad_setpoints_are_refused(ros, home_file):
    node, peer, heard = world(ros, home_file=home_file)
    publisher = INVERTER_SETPOINT.publisher(peer)
    assert ros.matched(publisher)
    verdicts = []
    node.health.check = lambda name, level, message, **_: verdicts.append(message) if name == 'setpoints' else None

    def told(message, word):
        before = len(verdicts)
        publisher.publish(message)
        assert ros.until(lambda: len(verdicts) > before)
        assert word in verdicts[-1], verdicts[-1]

    old = to_msg(time.time() - 60)
    told(setpoint(expiry=old), 'expired')
    told(setpoint(stamp=old), 'old')
    told(setpoint(stamp=to_msg(time.time() + 60), expiry=to_msg(time.time() + 120)), 'future')
    told(setpoint(mode=InverterSetpoint.MODE_UNKNOWN), 'mode 0')
    told(setpoint(active_power=math.nan), 'not a number')
    told(setpoint(inverter='windmill'), 'windmill')
    told(setpoint(counter=7), 'obeyed')
    told(setpoint(counter=7, active_power=-3000.0), 'newer')
    assert ros.until(lambda: any(r.outlet == 'battery' and 990 < r.active_power < 1010 for r in heard['readings']))


def test_an_outage_runs_its_course(ros, home_file):
    _, peer, heard = world(ros, home_file=home_file, reconnect_wait=0.5)
    blocks = ros.hear(peer, ADC, 'concentrator')
    client = SCRIPT_OUTAGE.client(peer)
    assert ros.until(lambda: blocks)
    Request = ScriptOutage.Request
    for bad in ({'kind': Request.KIND_UNKNOWN}, {'kind': Request.KIND_SAG, 'residual': 1.5},
                {'kind': Request.KIND_BLACKOUT, 'delay': -1.0}, {'kind': Request.KIND_BLACKOUT, 'duration': math.nan}):
        answer = ros.call(client, Request(**bad))
        assert not answer.success and answer.message
    assert ros.call(client, Request(kind=Request.KIND_BLACKOUT)).success
    assert ros.until(lambda: heard['tie'][-1].state == Breaker.STATE_OPEN and not heard['tie'][-1].grid_alive)
    assert ros.until(lambda: heard['readings'] and heard['readings'][-1].supply == Reading.SUPPLY_ISLAND)
    assert voltage(blocks[-1]) > 200, 'the battery carries the home'
    assert ros.call(client, Request(restore=True)).success
    assert ros.until(lambda: heard['tie'][-1].state == Breaker.STATE_CLOSED)
    assert heard['tie'][-1].reason == 'synchronised'


def test_an_inverter_that_starts_later_energises_the_dead_home(ros, home_file):
    _, peer, heard = world(ros, home_file=home_file, inverter_delay=1.0)
    blocks = ros.hear(peer, ADC, 'router')
    client = SCRIPT_OUTAGE.client(peer)
    assert ros.until(lambda: blocks and voltage(blocks[-1]) > 200)
    assert ros.call(client, ScriptOutage.Request(kind=ScriptOutage.Request.KIND_BLACKOUT)).success
    assert ros.until(lambda: voltage(blocks[-1]) < 1)
    assert heard['tie'][-1].state == Breaker.STATE_OPEN
    assert ros.until(lambda: voltage(blocks[-1]) > 200)
    assert heard['tie'][-1].state == Breaker.STATE_OPEN and not heard['tie'][-1].grid_alive


def test_appliances_are_plugged_and_switched(ros, home_file):
    _, peer, _ = world(ros, home_file=home_file)
    blocks = ros.hear(peer, ADC, 'spare')
    client = PLUG_APPLIANCE.client(peer)
    Request = PlugAppliance.Request
    assert not ros.call(client, Request(outlet='spare', appliance='toaster', on=True)).success
    assert not ros.call(client, Request(outlet='nobody', on=True)).success
    assert ros.call(client, Request(outlet='spare', appliance='oxygen_concentrator', on=True)).success
    assert ros.until(lambda: blocks and current(blocks[-1]) > 1.0)
    assert ros.call(client, Request(outlet='spare', on=False)).success
    assert ros.until(lambda: current(blocks[-1]) < 0.01)
    assert ros.call(client, Request(outlet='spare', on=True)).success
    assert ros.until(lambda: current(blocks[-1]) > 1.0)
    assert ros.call(client, Request(outlet='spare', appliance='nothing', on=True)).success
    assert ros.until(lambda: current(blocks[-1]) < 0.01)


def test_a_stall_is_caught_up_or_given_up(ros, home_file):
    node, peer, _ = world(ros, home_file=home_file, backlog=0.5)
    blocks = ros.hear(peer, ADC, 'router')
    assert ros.until(lambda: len(blocks) >= 3)
    clock, said = node.now, []
    node.get_logger().warning = said.append
    node.now = lambda: clock() + 100.0
    assert ros.until(lambda: blocks[-1].sequence - blocks[0].sequence > 490)
    jump = np.diff([b.sequence for b in blocks])
    stall = jump[jump > 100]  # a busy machine may stall by itself beside it
    assert len(stall) == 1 and 496 <= stall[0] <= 600
    starts = np.diff([to_seconds(b.stamp) for b in blocks])
    np.testing.assert_allclose(starts, 0.2 * jump, atol=1e-5)
    assert [line for line in said if 'given up' in line]


RATE, CYCLES = 6400.0, 30


def recordings(folder, labels, count):
    """An .npz of `count` recordings a label: a resistor each, of so many amperes as its place."""
    t = np.arange(round(CYCLES * RATE / 50)) / RATE
    wave = np.sin(2 * np.pi * 50 * t + 0.4)
    rows = [(label, (1 + k) * 0.5 * wave) for k, label in enumerate(labels) for _ in range(count)]
    path = folder / 'recordings.npz'
    np.savez(path, v=np.tile(325 * wave, (len(rows), 1)), i=np.array([i for _, i in rows]), fs=RATE,
             label=np.array([label for label, _ in rows]))
    return str(path)


def test_recordings_are_played_and_only_the_training_half_is_told(ros, home_file, tmp_path):
    labels = ['boiler', 'drill']
    home = tmp_path / 'replay.yaml'
    home.write_text('supply: {voltage: 230, frequency: 50}\noutlets: [{id: one}, {id: two}]\n')
    node, peer, heard = world(ros, home_file=str(home), replay=recordings(tmp_path, labels, 2), replay_play=0.6,
                              replay_gap=0.5, replay_wait=20.0)
    blocks = ros.hear(peer, ADC, 'one'), ros.hear(peer, ADC, 'two')
    assert ros.until(lambda: len(heard['labels']) >= 2 and len(heard['truth']) >= 2)
    assert ros.until(lambda: node._left == 0)
    told, true = heard['labels'], heard['truth']
    assert sorted((m.outlet, m.type) for m in told) == sorted((m.outlet, m.type) for m in true) == [
        ('one', 'boiler'), ('two', 'drill')]
    for outlet, seen in zip(('one', 'two'), blocks, strict=True):
        spans = [(to_seconds(m.valid_from), to_seconds(m.valid_until)) for m in told + true if m.outlet == outlet]
        assert all(end - start == pytest.approx(0.6, abs=1e-3) for start, end in spans)
        amplitude = 0.5 if outlet == 'one' else 1.0
        inside = [current(b) for b in seen for start, end in spans
                  if start < to_seconds(b.stamp) and to_seconds(b.stamp) + 0.2 < end]
        assert inside and inside == pytest.approx([amplitude / 2**0.5] * len(inside), rel=0.02)
        outside = [current(b) for b in seen
                   if all(to_seconds(b.stamp) + 0.2 < start or to_seconds(b.stamp) > end for start, end in spans)]
        assert outside and max(outside) < 0.01


@pytest.mark.parametrize('parameters, reason', [
    ({'seed': -1}, 'seed'),
    ({'home_file': '/nowhere.yaml'}, 'nowhere.yaml'),
    ({'replay': '/nowhere.npz'}, 'nowhere.npz'),
    ({'replay_order': 'backwards'}, 'replay_order'),
])
def test_settings_that_cannot_be_used_are_refused_with_the_reason(ros, parameters, reason):
    with pytest.raises(ValueError, match=reason):
        ros.add(WorldNode, **options('/home', parameters))


def test_an_appliance_nobody_knows_is_refused_with_its_outlet(ros, tmp_path):
    path = tmp_path / 'home.yaml'
    path.write_text('outlets: [{id: a, appliance: toaster}]\n')
    with pytest.raises(ValueError, match="outlet a: .*'toaster'.*kettle"):
        ros.add(WorldNode, **options('/home', {'home_file': str(path)}))


def test_more_labels_than_outlets_are_refused(ros, tmp_path):
    home = tmp_path / 'home.yaml'
    home.write_text('outlets: [{id: one}]\n')
    path = recordings(tmp_path, ['boiler', 'drill'], 2)
    with pytest.raises(ValueError, match='2 labels'):
        ros.add(WorldNode, **options('/home', {'home_file': str(home), 'replay': path}))
