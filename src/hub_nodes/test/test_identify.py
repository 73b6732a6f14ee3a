"""Identification as a node: labelled signatures in, identities out, and what survives which mishap."""
import io
import math
import os
import signal
import time

import numpy as np
import pytest

from hearthgrid_core.devices import IdentityState
from hearthgrid_core.waveform import FEATURE_NAMES, FEATURES, signatures
from hearthgrid_msgs import msg, srv
from hearthgrid_ros.health import OK, WARN
from hearthgrid_ros.interfaces import CORRECT_IDENTITY, IDENTITIES, LABELS, SIGNATURES
from hearthgrid_ros.node import options
from hearthgrid_ros.testing import graph, process
from hearthgrid_ros.time import to_msg
from hub_nodes.identify import FILE, IdentifyNode, claim_of, signature_vector

KNOWN, NAMED, UNKNOWN, OFF = (msg.Identity.STATE_KNOWN, msg.Identity.STATE_NAMED, msg.Identity.STATE_UNKNOWN,
                              msg.Identity.STATE_OFF)
LOADS = {  # RMS current of harmonics 1, 3, 5 [A]
    'heater': {1: 6.0}, 'laptop': {1: 0.2 + 0.05j, 3: -0.15 + 0.05j, 5: 0.1}, 'fan': {1: 0.3 - 0.3j, 3: 0.01},
    'welder': {1: 9.0 - 8.0j, 3: 2.0}, 'off': {}}
START = time.time() - 3600.0


def signature(at: float, load: str, outlet: str = 'kettle', **change) -> msg.Signature:
    """Return what an outlet says of a synthetic load, with a little noise."""
    random = np.random.default_rng(round(1000 * at) % 2**32)
    angle = 2 * np.pi * np.arange(1280) / 128
    current = sum(2 ** 0.5 * (amp * (1 + 0.02 * random.standard_normal()) * np.exp(1j * order * angle)).real
                  for order, amp in LOADS[load].items()) + 1e-4 * random.standard_normal(1280)
    made = signatures((2 ** 0.5 * 230 * np.cos(angle))[None], current[None], np.array([50.0]))[0]
    fields = {name: float(getattr(made, name)) for name in (
        'frequency', 'voltage', 'current', 'active_power', 'reactive_power', 'crest_factor')}
    return msg.Signature(**{
        'stamp': to_msg(at), 'outlet': outlet, 'sequence': 7, 'version': made.version, 'cycles': 10,
        'reason': msg.Signature.REASON_HEARTBEAT, **fields, 'inrush_ratio': math.nan, 'settling_time': math.nan,
        'harmonics_real': made.harmonics.real.tolist(), 'harmonics_imag': made.harmonics.imag.tolist(),
        'wavelet_energy': made.wavelet_energy.tolist(), 'trajectory': made.trajectory.tolist(), **change})


def label(begin: float, end: float, type: str, outlet: str = 'kettle', **change) -> msg.Label:
    return msg.Label(**{'stamp': to_msg(begin), 'outlet': outlet, 'source': msg.Label.SOURCE_RECORDING,
                        'valid_from': to_msg(begin), 'valid_until': to_msg(end), 'type': type, **change})


class Talk:
    """A peer that speaks to an identify node and hears it."""

    def __init__(self, ros) -> None:
        self.ros, self.peer, self.clock = ros, ros.peer(), START
        self.identities = ros.hear(self.peer, IDENTITIES)
        self._signatures, self._labels = SIGNATURES.publisher(self.peer), LABELS.publisher(self.peer)
        self._correct = CORRECT_IDENTITY.client(self.peer)

    def meet(self) -> None:
        assert self.ros.matched(self._signatures) and self.ros.matched(self._labels)

    def show(self, load: str, outlet: str = 'kettle', **change) -> float:
        self.clock += 10.0
        self._signatures.publish(signature(self.clock, load, outlet, **change))
        return self.clock

    def say(self, *arguments, **change) -> None:
        self._labels.publish(label(*arguments, **change))

    def ask(self, load: str, outlet: str = 'kettle', tries: int = 1) -> msg.Identity:
        """Show a load and return the first identity that judges it.

        tries : ask again where nobody answers: one that was killed counts as a reader for some time yet
        """
        for _ in range(tries):
            stamp = to_msg(self.show(load, outlet))
            found = []

            def answered(stamp=stamp, found=found) -> bool:
                found[:] = [heard for heard in self.identities if heard.outlet == outlet and heard.stamp == stamp]
                return bool(found)

            if self.ros.until(answered, 20.0 if tries == 1 else 1.0):
                return found[0]
        raise AssertionError(f'{outlet} was not judged')

    def correct(self, outlet: str, type: str, model: str = '') -> srv.CorrectIdentity.Response:
        return self.ros.call(self._correct, srv.CorrectIdentity.Request(outlet=outlet, type=type, model=model))

    def teach(self, looks: int = 4, loads=('heater', 'laptop', 'fan')) -> None:
        """Label some looks at each load on an outlet of its own, half of them before and half after the label."""
        for load in loads:
            begin = self.clock + 5.0
            for k in range(looks):
                if k == looks // 2:
                    self.say(begin, begin + 10.0 * looks, load, f'teacher_{load}')
                self.show(load, f'teacher_{load}')


@pytest.fixture(scope='module')
def ros():
    with graph() as made:
        yield made


def make(ros, folder='') -> IdentifyNode:
    return ros.add(IdentifyNode, **options('/home', {'state_dir': str(folder), 'refit_period': 0.0,
                                                     'save_period': 0.0}))


@pytest.fixture
def node(ros, tmp_path):
    made = make(ros, tmp_path)
    yield made
    ros.end(made)


@pytest.fixture
def talk(ros, node):
    made = Talk(ros)
    made.meet()
    yield made
    ros.end(made.peer)


def taught(ros, node, talk, **given) -> None:
    talk.teach(**given)
    wanted = 4 * len(given.get('loads', 'abc'))
    assert ros.until(lambda: len(node._household.identifier) == wanted)
    assert ros.until(lambda: node._household.identifier.ready and not node._household.identifier.stale
                     and node._fitting is None)


def status(node, check):
    return next(status for status in node.health.statuses() if status.name.endswith(f': {check}'))


def test_the_states_are_the_messages():
    assert {state.name: int(state) for state in IdentityState} == {
        name.removeprefix('STATE_'): getattr(msg.Identity, name)
        for name in dir(msg.Identity) if name.startswith('STATE_')}


def test_labelled_signatures_in_identities_out(ros, node, talk):
    taught(ros, node, talk)
    known = talk.ask('laptop')
    assert (known.state, known.type, known.model, known.signature) == (KNOWN, 'laptop', '', 7)
    assert 0.5 < known.probability <= 1 and math.isnan(known.model_probability) and known.recipe
    assert known.candidates[0] == 'laptop' and len(known.candidates) == len(known.candidate_probabilities) == 3
    unknown = talk.ask('welder', 'garage')
    assert (unknown.state, unknown.type) == (UNKNOWN, '') and len(unknown.candidates) == 3
    off = talk.ask('off')
    assert (off.state, off.type) == (OFF, 'laptop')


def test_before_anything_is_taught_all_is_unknown(talk):
    answer = talk.ask('heater')
    assert answer.state == UNKNOWN and math.isnan(answer.probability) and list(answer.candidates) == []


def test_a_new_label_changes_the_answer_for_what_is_plugged_in(ros, node, talk):
    at = talk.show('heater')
    talk.say(at - 1.0, at + 1.0, 'heater', model='bathroom')
    assert ros.until(lambda: any(i.outlet == 'kettle' and i.type == 'heater' for i in talk.identities))
    assert (talk.identities[-1].model, talk.identities[-1].model_probability) == ('bathroom', 1.0)


def test_a_person_names_and_takes_it_back(ros, node, talk):
    taught(ros, node, talk)
    talk.ask('welder')
    named = talk.correct('kettle', 'welder', 'arc')
    assert named.success and named.examples == 1 and 'welder' in named.message
    answer = talk.ask('welder')
    assert (answer.state, answer.type, answer.model) == (NAMED, 'welder', 'arc')
    taken = talk.correct('kettle', '')
    assert taken.success and taken.examples == 0
    assert ros.until(lambda: not node._household.identifier.stale and node._fitting is None)
    assert talk.ask('welder').state == UNKNOWN


@pytest.mark.parametrize('outlet, type, words', [
    ('nobody', 'kettle', 'switch it on'), ('', 'kettle', 'switch it on'), ('nobody', '', 'no name')])
def test_a_correction_that_cannot_be_says_why(talk, outlet, type, words):
    answer = talk.correct(outlet, type)
    assert not answer.success and words in answer.message


GARBAGE = [
    {'version': 2}, {'version': 0}, {'harmonics_real': []}, {'harmonics_imag': [1.0] * 32}, {'trajectory': [0.0] * 63},
    {'wavelet_energy': []}, {'harmonics_real': [math.nan] * 21}, {'harmonics_imag': [math.inf] * 21},
    {'active_power': math.nan}, {'current': math.nan}, {'current': -5.0}, {'voltage': math.inf}, {'current': 3e38},
    {'crest_factor': 3e38}, {'outlet': ''}, {'stamp': to_msg(START + 1e7)}, {'trajectory': [3e38] * 64}]


def test_garbage_is_refused_once_each_and_poisons_nothing(ros, node, talk):
    taught(ros, node, talk)
    assert status(node, 'input').level == OK
    begin = talk.clock
    talk.say(begin, begin + 1e4, 'poison')
    for change in GARBAGE:
        talk.show('heater', **change)
    talk.say(begin, begin - 1.0, 'laptop')
    talk.say(begin, begin + 1.0, '')
    talk.say(begin, begin + 1.0, 'laptop', '')
    assert ros.until(lambda: node._refused >= len(GARBAGE) + 3), (node._refused, node._reason)
    assert status(node, 'input').level == WARN
    assert node._household.identifier.types == ['heater', 'laptop', 'fan']
    assert talk.ask('laptop', 'desk').type == 'laptop'


def test_a_stale_or_repeated_signature_is_refused(ros, node, talk):
    talk.ask('heater')
    talk.show('heater', stamp=to_msg(talk.clock))
    talk.show('heater', stamp=to_msg(START - 1e6))
    assert ros.until(lambda: node._refused == 2)


def test_what_is_known_survives_a_restart(ros, tmp_path):
    first, talk = make(ros, tmp_path), Talk(ros)
    talk.meet()
    taught(ros, first, talk)
    ros.end(first)
    second = make(ros, tmp_path)
    talk.meet()
    assert ros.until(lambda: second._household.identifier.ready)
    assert talk.ask('fan').type == 'fan' and len(second._household.identifier) == 12
    ros.end(second)
    ros.end(talk.peer)


def test_what_was_taught_the_moment_before_the_end_is_kept(ros, tmp_path):
    node, talk = make(ros, tmp_path), Talk(ros)
    talk.meet()
    talk.ask('heater')
    node._household.hear(claim_of(label(START, talk.clock + 1.0, 'heater')))
    ros.end(node)
    ros.end(talk.peer)
    assert np.load(tmp_path / FILE, allow_pickle=False)['types'].tolist() == ['heater']


def truncated(good: bytes) -> bytes:
    return good[:len(good) // 2]


def foreign(good: bytes) -> bytes:
    arrays = dict(np.load(io.BytesIO(good)))
    return packed({**arrays, 'signature_version': np.array(99)})


def poisoned(good: bytes) -> bytes:
    arrays = dict(np.load(io.BytesIO(good)))
    return packed({**arrays, 'vectors': np.full_like(arrays['vectors'], np.nan)})


def pickled(good: bytes) -> bytes:
    return packed({**np.load(io.BytesIO(good)), 'types': np.array([{'a': 1}], dtype=object)})


def packed(arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


@pytest.mark.parametrize('damage', [
    truncated, foreign, poisoned, pickled, lambda good: b'', lambda good: b'text', lambda good: packed({}),
    lambda good: good.replace(b'vectors', b'victors')])
def test_a_file_that_cannot_be_used_is_kept_aside_and_learning_starts_afresh(ros, tmp_path, damage):
    first, talk = make(ros, tmp_path), Talk(ros)
    talk.meet()
    talk.show('heater')
    assert ros.until(lambda: 'kettle' in first._household._outlets) and talk.correct('kettle', 'heater').success
    ros.end(first)
    bad = damage((tmp_path / FILE).read_bytes())
    (tmp_path / FILE).write_bytes(bad)
    second = make(ros, tmp_path)
    assert len(second._household.identifier) == 0 and second._household.names == {}
    assert [path.read_bytes() for path in tmp_path.glob(f'{FILE}.bad-*')] == [bad]
    talk.meet()
    talk.ask('heater')
    assert talk.correct('kettle', 'heater').success
    assert len(np.load(tmp_path / FILE, allow_pickle=False)['types']) == 1
    ros.end(second)
    ros.end(talk.peer)


def test_a_folder_that_cannot_be_written_is_said_and_costs_nothing_else(ros, tmp_path):
    (tmp_path / 'taken').write_text('a file where a folder should be')
    node, talk = make(ros, tmp_path / 'taken'), Talk(ros)
    talk.meet()
    talk.ask('heater')
    answer = talk.correct('kettle', 'heater')
    assert answer.success and 'cannot be written' in answer.message and status(node, 'state').level == WARN
    assert talk.ask('heater').state == NAMED
    ros.end(node)
    ros.end(talk.peer)


def arguments(folder) -> tuple[str, ...]:
    return ('--ros-args', '-r', '__ns:=/home', '-p', f'state_dir:={folder}')


def test_a_correction_survives_kill_9(ros, tmp_path):
    talk = Talk(ros)
    with process('hub_nodes.identify', *arguments(tmp_path)) as child:
        talk.ask('welder', tries=30)
        assert talk.correct('kettle', 'welder', 'arc').success
        os.kill(child.pid, signal.SIGKILL)
        child.wait(20)
    with process('hub_nodes.identify', *arguments(tmp_path)):
        answer = talk.ask('welder', tries=30)
        assert (answer.state, answer.type, answer.model) == (NAMED, 'welder', 'arc')
    ros.end(talk.peer)


def test_it_starts_on_its_defaults_and_ends_on_sigterm(ros):
    talk = Talk(ros)
    with process('hub_nodes.identify', '--ros-args', '-r', '__ns:=/home') as child:
        assert talk.ask('heater', tries=30).state == UNKNOWN
        child.send_signal(signal.SIGTERM)
        assert child.wait(20) == 0
    ros.end(talk.peer)


def test_a_wrong_setting_is_one_line(ros):
    with process('hub_nodes.identify', '--ros-args', '-p', 'trees:=0') as child:
        output, _ = child.communicate(timeout=30)
    assert child.returncode == 2 and 'trees' in output and 'Traceback' not in output


def test_the_vector_on_the_wire_is_the_cores():
    sent = signature(START, 'laptop')
    made = signature_vector(sent)
    assert made.shape == (FEATURES,)
    assert made[FEATURE_NAMES.index('log_active_power')] == pytest.approx(math.log10(1 + sent.active_power), rel=1e-5)
    third = complex(sent.harmonics_real[2], sent.harmonics_imag[2])
    first = complex(sent.harmonics_real[0], sent.harmonics_imag[0])
    assert made[FEATURE_NAMES.index('real_3')] == pytest.approx(third.real / abs(first), rel=1e-5)
    assert made[FEATURE_NAMES.index('trajectory_9')] == pytest.approx(sent.trajectory[9], rel=1e-5)
