"""Windows a second through one outlet to the hub: samples in, metering, control, reading out.

One real outlet node is fed blocks of 1 280 samples as fast as it takes them, over the middleware, in one process; a
reader on the hub's side hears its readings. The peer is a node that takes the same blocks and does nothing. Each block
stands for 200 ms of mains.
"""

import os
import time

import numpy as np

from hearthgrid.benchmark import Result
from hearthgrid_core.waveform import Window
from hearthgrid_ros import interfaces as rows
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import Graph, own_domain
from hearthgrid_ros.time import to_msg

NAME = 'window-rate'
WINDOWS = int(os.environ.get('COUNT', '1500'))
BLOCK = 0.2  # [s]
NEEDED = 5.0  # windows a second an outlet must take [1/s]


def run(progress) -> list[Result]:
    """Measure the outlet, then the empty peer."""
    own_domain()
    progress('outlet')
    rate = measure(True)
    progress('empty node')
    bare = measure(False)
    return [
        Result('windows through one outlet', rate, '1/s', bare, 'empty node', NEEDED, rate / bare, 'reported', True),
        Result(
            'outlets one core could carry',
            rate / NEEDED,
            'outlets',
            bare / NEEDED,
            'empty node',
            24.0,
            rate / bare,
            'at least 24',
            rate / NEEDED >= 24,
        ),
    ]


def measure(real: bool) -> float:
    """Return blocks a second."""
    from outlet_node.outlet import OutletNode

    graph = Graph()
    try:
        source = graph.peer('/home', 'source')
        publisher = rows.ADC.publisher_to(source, 'kettle')
        taken, origin = [0], time.time()
        if real:
            node = graph.add(OutletNode, **options('/home/kettle'))
            take = node._on_samples
            node.now = lambda: origin + BLOCK * (taken[0] + 1)  # the mains' clock: blocks come faster than life

            def counted(message):
                take(message)
                taken[0] += 1

            subscription = next(s for s in node.subscriptions if s.topic_name.endswith('/adc'))
            subscription.callback = counted
        else:
            node = graph.peer('/home/kettle', 'empty')

            def counted(message):
                taken[0] += 1

            rows.ADC.subscription(node, counted)
        readings = graph.hear(source, rows.READINGS)
        assert graph.matched(publisher)
        blocks = made(64)
        start, begun, sent = time.time(), None, 0
        while taken[0] < WINDOWS:
            while sent - taken[0] < 8 and sent < WINDOWS + 100:
                message = blocks[sent % len(blocks)]
                message.stamp, message.sequence = to_msg(origin + BLOCK * sent), sent
                publisher.publish(message)
                sent += 1
            graph.executor.spin_once(0.01)
            if begun is None and taken[0] >= 50:
                begun, first = time.monotonic(), taken[0]
            if time.time() - start > 120:
                raise RuntimeError(f'only {taken[0]} of {WINDOWS} blocks were taken in two minutes')
        rate = (taken[0] - first) / (time.monotonic() - begun)
        if real and not readings:
            raise RuntimeError('no reading came out: nothing was measured')
        return rate
    finally:
        graph.close()


def made(count: int) -> list:
    """Return blocks of a load that changes now and then."""
    rate, n = 6400.0, 1280
    out = []
    for number in range(count):
        t = (np.arange(n) + number * n) / rate
        current = (4.0 if number % 32 < 16 else 2.0) * np.sqrt(2) * np.sin(2 * np.pi * 50 * t - 0.3)
        window = Window(np.sqrt(2) * 230 * np.sin(2 * np.pi * 50 * t), current, rate, 0.0)
        v, i = window.to_counts(0.02, 0.002)
        out.append(
            rows.ADC.type(
                outlet='kettle',
                sampling_rate=rate,
                nominal_frequency=50.0,
                voltage_scale=0.02,
                current_scale=0.002,
                temperature=25.0,
                voltage=v.tolist(),
                current=i.tolist(),
            )
        )
    return out
