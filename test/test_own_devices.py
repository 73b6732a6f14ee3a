"""The hub and an outlet that listens to it: what a person says in the dashboard reaches what the outlet keeps."""
import math
import time

import numpy as np
import pytest

from hearthgrid_msgs import msg, srv
from hearthgrid_ros import interfaces
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph
from hearthgrid_ros.time import to_msg
from hub_nodes.identify import IdentifyNode
from outlet_node.outlet import OutletNode

RATE, SAMPLES, BLOCK = 6400.0, 1280, 0.2
Identity = msg.Identity


@pytest.fixture
def ros():
    with graph() as made:
        yield made


class Plug:
    """An outlet on virtual time, fed without a converter."""

    def __init__(self, ros, folder):
        self.time, self.number = time.time(), 0
        self.node = ros.add(OutletNode, **options('/home/kettle', {'state_dir': str(folder), 'hub_silence': 2.0}))
        self.node.now = self.node.clock = lambda: self.time

    def feed(self, amps, blocks=1):
        for _ in range(blocks):
            angle = 100 * np.pi * (self.number * SAMPLES + np.arange(SAMPLES)) / RATE
            counts = [(wave / scale).astype(np.int16) for wave, scale in (
                (325 * np.sin(angle), 0.02), (amps * np.sin(angle - 0.9), 0.0025))]
            self.time += BLOCK
            self.node._on_samples(msg.Samples(
                stamp=to_msg(self.time - BLOCK), outlet='kettle', sequence=self.number, sampling_rate=RATE,
                nominal_frequency=50.0, voltage_scale=0.02, current_scale=0.0025, temperature=25.0,
                voltage=counts[0].tolist(), current=counts[1].tolist()))
            self.number += 1

    def show(self, amps):
        self.feed(amps, 6)
        assert self.node.show_now() is not None


def test_a_person_names_renames_and_takes_back_and_the_outlet_answers_when_the_hub_is_gone(ros, tmp_path):
    plug = Plug(ros, tmp_path)
    hub = ros.add(IdentifyNode, **options('/home', {'refit_period': 0.0}))
    hub.now = hub.clock = lambda: plug.time
    peer = ros.peer()
    identities, correct = ros.hear(peer, interfaces.IDENTITIES), interfaces.CORRECT_IDENTITY.client(peer)
    own = plug.node._devices._own

    def told(type, undo=False):
        answer = ros.call(correct, srv.CorrectIdentity.Request(outlet='kettle', type=type, undo=undo))
        assert answer.success, answer.message

    assert ros.matched(plug.node._to['signatures']) and ros.matched(hub._identities, 2)
    for _ in range(3):
        before = len(identities)
        plug.show(0.7)
        assert ros.until(lambda before=before: len(identities) > before)
    told('lamp')
    assert ros.until(lambda: own.names == ('lamp\t',))
    told('toaster')
    assert ros.until(lambda: own.names == ('toaster\t',))
    told('', undo=True)
    assert ros.until(lambda: own.names == ('lamp\t',))
    assert all(one.recipe.startswith('trees') for one in identities)
    ros.end(hub)
    plug.show(0.7)
    for _ in range(4):
        plug.time += 1.0
        plug.node._watch()
    assert ros.until(lambda: identities[-1].recipe.startswith('outlet'))
    found = identities[-1]
    assert (found.state, found.type) == (Identity.STATE_KNOWN, 'lamp') and math.isnan(found.rated_power)
