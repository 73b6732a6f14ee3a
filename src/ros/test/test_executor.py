"""LeanExecutor does what rclpy's own does: the same graph is run under both."""
import threading

import pytest
import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.timer import TimerInfo

from hearthgrid_msgs.msg import Reading
from hearthgrid_msgs.srv import ResetTrip
from hearthgrid_ros.executor import BURST, LeanExecutor
from hearthgrid_ros.node import wait_until
from hearthgrid_ros.testing import own_domain


@pytest.fixture(params=[LeanExecutor, SingleThreadedExecutor], ids=['lean', 'rclpy'])
def world(request):
    """A node under each executor: what holds for one must hold for the other."""
    own_domain()
    context = rclpy.Context()
    rclpy.init(context=context)
    executor, node = request.param(context=context), Node('n', context=context)
    executor.add_node(node)
    yield executor, node
    executor.shutdown(timeout_sec=1.0)
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def test_timers_tick_and_stop(world):
    executor, node = world
    ticks = []
    timer = node.create_timer(0.01, lambda: ticks.append(1))
    assert wait_until(executor, lambda: len(ticks) >= 3)
    timer.cancel()
    executor.spin_once(0.05)
    count = len(ticks)
    for _ in range(5):
        executor.spin_once(0.02)
    assert len(ticks) == count


def test_a_timer_may_ask_when_it_was_due(world):
    executor, node = world
    infos = []

    def tick(info: TimerInfo):
        infos.append(info)
    node.create_timer(0.01, tick)
    assert wait_until(executor, lambda: infos) and infos[0].expected_call_time is not None


def test_every_message_arrives_in_order(world):
    executor, node = world
    heard = []
    node.create_subscription(Reading, 'r', lambda m: heard.append(m.sequence), 2 * BURST)
    publisher = node.create_publisher(Reading, 'r', 2 * BURST)
    assert wait_until(executor, lambda: publisher.get_subscription_count() == 1)
    for number in range(2 * BURST):
        publisher.publish(Reading(sequence=number))
    assert wait_until(executor, lambda: len(heard) == 2 * BURST) and heard == list(range(2 * BURST))


def test_raw_messages_and_message_info(world):
    executor, node = world
    raw, informed = [], []
    node.create_subscription(Reading, 'r', raw.append, 5, raw=True)
    node.create_subscription(Reading, 'r', lambda m, info: informed.append(info), 5)
    publisher = node.create_publisher(Reading, 'r', 5)
    assert wait_until(executor, lambda: publisher.get_subscription_count() == 2)
    publisher.publish(Reading(outlet='kettle'))
    assert wait_until(executor, lambda: raw and informed)
    assert isinstance(raw[0], bytes) and 'source_timestamp' in informed[0]


def test_a_service_called_from_a_coroutine(world):
    executor, node = world
    node.create_service(ResetTrip, 's', lambda request, response: ResetTrip.Response(message=request.sender))
    client, answers = node.create_client(ResetTrip, 's'), []

    async def ask():
        answers.append(await client.call_async(ResetTrip.Request(sender='me')))
    assert wait_until(executor, client.service_is_ready)
    executor.create_task(ask)
    assert wait_until(executor, lambda: answers) and answers[0].message == 'me'


def test_entities_made_and_destroyed_in_callbacks(world):
    executor, node = world
    heard = []

    def once():
        timer.cancel()
        node.create_subscription(Reading, 'late', heard.append, 5)
        node.destroy_timer(timer)
    timer = node.create_timer(0.01, once)
    publisher = node.create_publisher(Reading, 'late', 5)
    assert wait_until(executor, lambda: publisher.get_subscription_count() == 1)
    publisher.publish(Reading())
    assert wait_until(executor, lambda: heard)


def test_a_node_may_leave_while_others_stay(world):
    executor, node = world
    other, ticks = Node('other', context=node.context), []
    other.create_timer(0.01, lambda: ticks.append('other'))
    executor.add_node(other)
    assert wait_until(executor, lambda: ticks)
    executor.remove_node(other)
    other.destroy_node()
    node.create_timer(0.01, lambda: ticks.append('node'))
    assert wait_until(executor, lambda: 'node' in ticks)


def test_an_error_in_a_callback_reaches_the_caller(world):
    executor, node = world

    def fail():
        raise RuntimeError('ours')
    node.create_timer(0.01, fail)
    with pytest.raises(RuntimeError, match='ours'):
        wait_until(executor, lambda: False, timeout=10.0)


def test_a_wake_up_from_another_thread(world):
    executor, _ = world
    done = []
    threading.Timer(0.05, lambda: executor.create_task(lambda: done.append(1))).start()
    assert wait_until(executor, lambda: done)


def test_shutdown_of_the_context_ends_the_spin(world):
    executor, node = world
    threading.Timer(0.2, lambda: rclpy.shutdown(context=node.context)).start()
    with pytest.raises((ExternalShutdownException, RCLError)):  # during the wait, or just before it
        while True:
            executor.spin_once(1.0)


def test_idle_entities_cost_no_gathering():
    """The point of it: the wait set is built once, not at every wake-up."""
    own_domain()
    context = rclpy.Context()
    rclpy.init(context=context)
    executor, node = LeanExecutor(context=context), Node('n', context=context)
    executor.add_node(node)
    ticks, gathered = [], []
    node.create_timer(0.005, lambda: ticks.append(1))
    gather = executor._gather
    executor._gather = lambda: (gathered.append(1), gather())
    assert wait_until(executor, lambda: len(ticks) >= 50)
    assert len(gathered) <= 2
    executor.shutdown(timeout_sec=1.0)
    node.destroy_node()
    rclpy.shutdown(context=context)
