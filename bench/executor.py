"""LeanExecutor against rclpy's SingleThreadedExecutor: CPU of one process with the messages of 24 outlets.

Each outlet has a block of samples five times a second, a timer, four idle subscriptions and two idle services; nothing
is computed. CPU is the process' own user and system time [% of one core].
"""

import array
import subprocess
import sys
import time

import psutil

from hearthgrid.benchmark import Result

NAME = 'executor'
OUTLETS = 24
SECONDS = 15.0


def run(progress) -> list[Result]:
    """Measure both."""
    cpu = {}
    for name in ('SingleThreadedExecutor', 'LeanExecutor'):
        progress(name)
        output = subprocess.run(
            [sys.executable, __file__, name], capture_output=True, text=True, check=True, timeout=120
        )
        cpu[name] = float(output.stdout)
    lean, plain = cpu['LeanExecutor'], cpu['SingleThreadedExecutor']
    return [
        Result(
            f'{OUTLETS} outlets in one process',
            lean,
            '% of a core',
            plain,
            'SingleThreadedExecutor',
            1.0,
            lean / plain,
            "cheaper than rclpy's own",
            lean < plain,
        )
    ]


def spin(name: str) -> float:
    """Spin the outlets under one executor and return its CPU. [% of one core]"""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node

    from hearthgrid_msgs.msg import Reading, Samples
    from hearthgrid_msgs.srv import ResetTrip
    from hearthgrid_ros.executor import LeanExecutor

    rclpy.init()
    executor = {'LeanExecutor': LeanExecutor, 'SingleThreadedExecutor': SingleThreadedExecutor}[name]()
    source = Node('source')
    publishers = []
    for number in range(OUTLETS):
        node = Node('outlet', namespace=f'/e/o{number}', start_parameter_services=False, enable_rosout=False)
        publisher = node.create_publisher(Reading, '/e/readings', 5)
        node.create_subscription(Samples, 'adc', lambda message: None, 20)
        for idle in range(4):
            node.create_subscription(Reading, f'idle_{idle}', lambda message: None, 1)
        for idle in range(2):
            node.create_service(ResetTrip, f'ask_{idle}', lambda request, response: response)
        node.create_timer(1.0, lambda publisher=publisher: publisher.publish(Reading()))
        publishers.append(source.create_publisher(Samples, f'/e/o{number}/adc', 20))
        executor.add_node(node)
    message = Samples(voltage=array.array('h', range(1280)), current=array.array('h', range(1280)))
    turn = [0]

    def publish() -> None:  # outlets' converters are not in step with each other
        publishers[turn[0] % OUTLETS].publish(message)
        turn[0] += 1

    source.create_timer(0.2 / OUTLETS, publish)
    executor.add_node(source)
    deadline = time.monotonic() + 4.0
    while time.monotonic() < deadline:
        executor.spin_once(0.1)
    before, started = sum(psutil.Process().cpu_times()[:2]), time.monotonic()
    while time.monotonic() < started + SECONDS:
        executor.spin_once(0.1)
    return 100.0 * (sum(psutil.Process().cpu_times()[:2]) - before) / (time.monotonic() - started)


if __name__ == '__main__':
    print(spin(sys.argv[1]))
