"""CPU and memory of a simulated home of 24 outlets, and how both grow, beside bare rclpy moving the same messages.

Every size is a real start of the plan `hearthgrid up` uses, page included, nobody looking at it. The peer is two
processes of plain rclpy with its own executor: one publishes a block of samples for every outlet five times a second,
the other has a node and a subscription an outlet, publishes a reading a second for each, and reads them all on one
topic. It computes nothing. CPU is user and system time of all processes over the wall time [% of one core]; memory is
the sum of resident sets, shared pages counted in each [MB]. SIZES in the environment chooses others; SECONDS how long
each is watched.
"""

import array
import math
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from hearthgrid.benchmark import Result
from hearthgrid.bringup import Options, plan
from hearthgrid.shm import remove_orphans
from hearthgrid.supervisor import Supervisor
from hearthgrid_ros.home import Home, Supply

NAME = 'home-cost'
SIZES = tuple(int(size) for size in os.environ.get('SIZES', '12,24,48,96,192').split(','))
SECONDS = float(os.environ.get('SECONDS', '30'))
WARM_UP = 20.0  # starting, discovering, the first plan [s]
KINDS = (
    'refrigerator',
    'kettle',
    'television',
    'laptop',
    'led_lamp',
    'router',
    'washing_machine',
    'fan',
    'computer',
    'freezer',
)
CPU_GOAL, MEMORY_GOAL = 100.0, 1500.0  # for 24 outlets [% of a core], [MB]


def run(progress) -> list[Result]:
    """Measure every size."""
    results = []
    for size in SIZES:
        progress(f'{size} outlets: the home')
        cpu, memory = measure_home(size)
        progress(f'{size} outlets: bare rclpy')
        bare_cpu, bare_memory = measure_bare(size)
        goal = size == 24
        results.append(
            Result(
                f'{size} outlets, CPU',
                cpu,
                '% of a core',
                bare_cpu,
                'bare rclpy',
                CPU_GOAL if goal else math.nan,
                cpu / bare_cpu,
                'under one core' if goal else '',
                cpu < CPU_GOAL or not goal,
            )
        )
        results.append(
            Result(
                f'{size} outlets, memory',
                memory,
                'MB',
                bare_memory,
                'bare rclpy',
                MEMORY_GOAL if goal else math.nan,
                memory / bare_memory,
                'under 1.5 GB' if goal else '',
                memory < MEMORY_GOAL or not goal,
            )
        )
    return results


def measure_home(size: int) -> tuple[float, float]:
    """Return CPU [% of a core] and memory [MB] of a home of `size` outlets."""
    outlets = [{'id': f'outlet_{n}', 'appliance': KINDS[n % len(KINDS)], 'room': f'room {n // 6}'} for n in range(size)]
    home = Home(outlets=outlets, supply=Supply(resistance=0.01, reactance=0.005))  # a line that fits so many outlets
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'home.yaml'
        file.write_text(home.dump())
        supervisor = Supervisor(plan(home, Options(str(file), folder, port=0)), Path(folder), lambda line: None)
        supervisor.start()
        try:
            return watch([child.popen.pid for child in supervisor.children])
        finally:
            restarts = sum(child.restarts for child in supervisor.children)
            supervisor.stop()
            if restarts:
                raise RuntimeError(f'{restarts} processes had to be started again: nothing was measured')


def measure_bare(size: int) -> tuple[float, float]:
    """Return the same of bare rclpy moving the messages of `size` outlets."""
    pair = [subprocess.Popen([sys.executable, __file__, role, str(size)]) for role in ROLES]
    try:
        return watch([process.pid for process in pair])
    finally:
        for process in pair:
            process.kill()
            process.wait()
        remove_orphans()


def watch(pids: list[int]) -> tuple[float, float]:
    """Let processes warm up, then return their CPU [% of a core] and memory [MB]."""
    time.sleep(WARM_UP)
    processes = [psutil.Process(pid) for pid in pids]

    def spent() -> float:
        return sum(sum(process.cpu_times()[:2]) for process in processes)

    before, started = spent(), time.monotonic()
    time.sleep(SECONDS)
    cpu = 100.0 * (spent() - before) / (time.monotonic() - started)
    return cpu, sum(process.memory_info().rss for process in processes) / 1e6


def bare_source(size: int) -> None:
    """Publish what the converters of `size` outlets deliver."""
    import rclpy
    from rclpy.node import Node

    from hearthgrid_msgs.msg import Samples

    rclpy.init()
    node = Node('source', namespace='/bare')
    publishers = [node.create_publisher(Samples, f'/bare/o{n}/adc', 20) for n in range(size)]
    message = Samples(voltage=array.array('h', range(1280)), current=array.array('h', range(1280)))
    node.create_timer(0.2, lambda: [publisher.publish(message) for publisher in publishers])
    rclpy.spin(node)


def bare_outlets(size: int) -> None:
    """Receive the blocks, a node an outlet; send a reading a second each; receive them all."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.node import Node

    from hearthgrid_msgs.msg import Reading, Samples

    rclpy.init()
    executor = SingleThreadedExecutor()
    for number in range(size):
        node = Node('outlet', namespace=f'/bare/o{number}', start_parameter_services=False, enable_rosout=False)
        publisher = node.create_publisher(Reading, '/bare/readings', 5)
        node.create_subscription(Samples, 'adc', lambda message: None, 20)
        node.create_timer(1.0, lambda publisher=publisher: publisher.publish(Reading(harmonics=[0.0] * 40)))
        executor.add_node(node)
    hub = Node('hub', namespace='/bare')
    hub.create_subscription(Reading, '/bare/readings', lambda message: None, 256)
    executor.add_node(hub)
    executor.spin()


ROLES = {'source': bare_source, 'outlets': bare_outlets}

if __name__ == '__main__':
    ROLES[sys.argv[1]](int(sys.argv[2]))
