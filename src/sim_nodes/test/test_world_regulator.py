"""The simulated regulator on real ROS 2: neutral, obedient, and deaf to what is stale, strange or repeated."""
import pytest

from hearthgrid_msgs.msg import RegulatorSetpoint
from hearthgrid_ros.health import WARN
from hearthgrid_ros.interfaces import READINGS, REGULATOR, REGULATOR_SETPOINT
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph
from hearthgrid_ros.time import to_msg
from sim_nodes.world import WorldNode


@pytest.fixture
def ros():
    with graph() as made:
        yield made


def test_it_obeys_only_what_is_fresh_known_and_new(ros, tmp_path):
    path = tmp_path / 'home.yaml'
    path.write_text('supply: {voltage: 230, frequency: 50}\npv: null\nbattery: null\noutlets: [{id: lamp}]\n')
    peer = ros.peer()
    states, readings = ros.hear(peer, REGULATOR), ros.hear(peer, READINGS)
    node = ros.add(WorldNode, **options('/home', {'home_file': str(path)}))
    orders = REGULATOR_SETPOINT.publisher(peer)
    assert ros.matched(orders) and ros.until(lambda: states and readings)
    assert (states[-1].regulator, states[-1].tap, states[-1].operations) == ('regulator', 0, 0)
    assert states[-1].step == pytest.approx(0.00625) and states[-1].voltage == pytest.approx(230.0, rel=0.03)

    def told(word, *, age=0.0, life=30.0, **fields):
        now = peer.get_clock().now().nanoseconds * 1e-9 - age
        orders.publish(RegulatorSetpoint(**{'stamp': to_msg(now), 'expiry': to_msg(now + life), 'epoch': 1,
                                            'regulator': 'regulator', 'sender': 'test', **fields}))
        assert ros.until(lambda: word in ' '.join(s.message for s in node.health.statuses())), word

    told('no regulator', regulator='pole', tap=-1, counter=1)
    told('expired', tap=-1, counter=1, age=5.0, life=1.0)
    told('old', tap=-1, counter=1, age=60.0, life=600.0)
    told('tap 40', tap=40, counter=1)
    assert [s.level for s in node.health.statuses() if s.name.endswith('regulator')] == [WARN]
    told('obeyed', tap=-2, counter=2)
    assert ros.until(lambda: states[-1].tap == -2 and states[-1].operations == 2)
    assert states[-1].voltage == pytest.approx(230.0 * (1 - 2 * 0.00625), rel=0.03)
    told('newer', tap=5, counter=2)
    readings.clear()
    assert ros.until(lambda: any(r.outlet == 'grid' and r.voltage < 230.5 for r in readings))
    assert states[-1].tap == -2
