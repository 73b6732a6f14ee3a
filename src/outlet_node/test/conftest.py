"""A bench for one outlet: its converter, a virtual clock, and what the home hears of it."""
import dataclasses
import itertools
import math
import time

import numpy as np
import pytest

from hearthgrid_msgs import msg, srv
from hearthgrid_ros import interfaces
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph
from hearthgrid_ros.time import to_msg
from outlet_node.consensus import ConsensusNode
from outlet_node.outlet import OutletNode

RATE, SAMPLES, BLOCK = 6400.0, 1280, 0.2  # [Hz], a block, [s]
VOLTS, AMPS = 0.02, 0.0025                # [V/count], [A/count]
NUMBERS = itertools.count()


@dataclasses.dataclass
class Converter:
    """Sine waves as an ADC delivers them, block after block."""

    start: float
    number: int = 0

    def block(self, current: float = 0.0, voltage: float = 230.0, frequency: float = 50.0, lag: float = 0.0,
              temperature: float = 25.0) -> msg.Samples:
        """Return the next block of a sine of RMS voltage [V] and current [A]."""
        angle = 2 * np.pi * frequency * (self.number * SAMPLES + np.arange(SAMPLES)) / RATE
        counts = [np.clip(np.rint(math.sqrt(2) * rms * np.sin(angle - shift) / scale), -32767, 32767).astype(np.int16)
                  for rms, shift, scale in ((voltage, 0.0, VOLTS), (current, lag, AMPS))]
        message = msg.Samples(
            stamp=to_msg(self.start + self.number * BLOCK), outlet='kettle', sequence=self.number, sampling_rate=RATE,
            nominal_frequency=50.0, voltage_scale=VOLTS, current_scale=AMPS, temperature=temperature,
            voltage=counts[0].tolist(), current=counts[1].tolist())
        self.number += 1
        return message


class Bench:
    """One node in a graph, on virtual time: `feed` gives it blocks and moves the clock along.

    Each has a home of its own, since the graph forgets slowly what an earlier test left.
    """

    def __init__(self, made, maker, **parameters) -> None:
        self.graph, self.maker, self.parameters = made, maker, parameters
        self.home = f'/home{next(NUMBERS)}'
        self.peer = made.peer(self.home)
        self.time = time.time()
        self.converter = Converter(self.time)
        self.adc = made.peer(f'{self.home}/kettle', 'converter')
        self.samples = interfaces.ADC.publisher(self.adc)
        self.tie = interfaces.TIE.publisher(self.peer)
        self.request = interfaces.REQUEST.publisher_to(self.peer, 'kettle')
        self.counter = 0
        self.heard = {row.name: made.hear(self.peer, row) for row in (
            interfaces.READINGS, interfaces.SIGNATURES, interfaces.WAVEFORMS, interfaces.STATES, interfaces.RELAYS,
            interfaces.JOBS, interfaces.ISLAND, interfaces.BALLOTS)}
        self.node = None
        self.begin()

    def begin(self):
        """Make the node, as a process would that starts now."""
        self.node = self.maker(namespace=f'{self.home}/kettle', context=self.graph.context,
                               **options(parameters=self.parameters))
        self.node.now = self.node.clock = lambda: self.time
        self.graph.add(lambda **_: self.node)
        readers = [self.tie] + [self.samples] * (not self.parameters.get('meter'))
        readers += [self.request] * isinstance(self.node, OutletNode)
        assert all(self.graph.matched(publisher) for publisher in readers)
        names = {p.topic_name.rpartition('/')[2] for p in self.node.publishers} & set(self.heard)
        topics = [f'{self.home}/{name}' for name in names]
        assert self.graph.until(lambda: all(self.peer.count_publishers(topic) for topic in topics))
        return self.node

    def restart(self):
        """End the node in good order, forget what was heard of it, and make it anew."""
        self.graph.end(self.node)
        self.until(lambda: not self.samples.get_subscription_count() + self.request.get_subscription_count())
        for heard in self.heard.values():
            heard.clear()
        return self.begin()

    def feed(self, blocks: int = 1, **load) -> None:
        """Give the node `blocks` blocks, one at a time, each as its last sample is due."""
        for _ in range(blocks):
            self.give(self.converter.block(**load))

    def give(self, message: msg.Samples) -> None:
        """Give the node one block and wait until it has taken it."""
        self.time += BLOCK
        taken = []
        own = next(s for s in self.node.subscriptions if s.topic_name.endswith('/adc'))
        callback, own.callback = own.callback, lambda m: (callback(m), taken.append(m))
        self.samples.publish(message)
        assert self.graph.until(lambda: taken), 'the node took no block'
        own.callback = callback

    def ask(self, voice: int, power_min: float, power_max: float, validity: float = 60.0, age: float = 0.0,
            **fields) -> msg.Request:
        """Send a request and wait until the node has taken it; what is not said is in order."""
        self.counter += 1
        asked = msg.Request(
            stamp=to_msg(self.time - age), expiry=to_msg(self.time + validity), voice=voice, epoch=1,
            counter=self.counter, power_min=power_min, power_max=power_max, reason='because', sender='peer')
        for name, value in fields.items():
            setattr(asked, name, value)
        self.send(asked)
        return asked

    def send(self, asked: msg.Request) -> None:
        """Send a request and wait until the node has taken it."""
        before = len(self.node._arrived)
        self.request.publish(asked)
        assert self.graph.until(lambda: len(self.node._arrived) > before), 'the node took no request'

    def until(self, condition, timeout: float = 20.0) -> None:
        """Spin until the condition holds."""
        assert self.graph.until(condition, timeout)

    def last(self, topic: str):
        """Return the last word heard on a topic, None when there is none."""
        return self.heard[topic][-1] if self.heard[topic] else None

    def state(self, condition) -> msg.OutletState:
        """Wait for a state that fulfils a condition and return it."""
        self.until(lambda: self.last('states') is not None and condition(self.last('states')))
        return self.last('states')

    def call(self, row, **fields):
        """Call one of the outlet's services."""
        return self.graph.call(row.client(self.peer, 'kettle'), row.type.Request(**fields))

    def reset(self) -> srv.ResetTrip.Response:
        """Ask for the trip to be reset."""
        return self.call(interfaces.RESET_TRIP, sender='tester')


def _bench(maker):
    with graph() as made:
        yield lambda **parameters: Bench(made, maker, **parameters)


@pytest.fixture
def bench():
    """Return a function that makes a Bench of an outlet with parameters."""
    yield from _bench(OutletNode)


@pytest.fixture
def member():
    """Return a function that makes a Bench of a consensus member with parameters."""
    yield from _bench(ConsensusNode)


@pytest.fixture
def converter():
    """Return the class of a fake converter."""
    return Converter
