"""An outlet that knows its devices by itself: beside the hub, without it, and over a restart."""
import json

import pytest

from hearthgrid_core.devices.own import RECIPE
from hearthgrid_msgs import msg
from hearthgrid_ros import interfaces
from hearthgrid_ros.health import WARN
from hearthgrid_ros.time import to_msg

Identity = msg.Identity
LAMP, HEATER = {'current': 0.5, 'lag': 0.9}, {'current': 9.0}
SILENCE = 2.0   # of the hub, in these tests [s]


class Hub:
    """What the outlet hears of a hub, said by hand; and what the home hears of identities."""

    def __init__(self, home):
        self.home = home
        self.identities = home.graph.hear(home.peer, interfaces.IDENTITIES)
        self.peer = None

    def begin(self):
        self.peer = self.home.graph.peer(self.home.home, 'hub')
        self.publisher = interfaces.IDENTITIES.publisher(self.peer)
        assert self.home.graph.matched(self.publisher, 2)

    def end(self):
        self.home.graph.end(self.peer)

    def answer(self, state, type='', outlet='kettle', **fields):
        """Answer to the last signature, and wait until the outlet has heard it."""
        seen = self.home.last('signatures')
        message = Identity(stamp=seen.stamp, outlet=outlet, signature=seen.sequence, state=state, type=type,
                           probability=0.99, recipe='model 1', **fields)
        taken, devices = [], self.home.node._devices
        own = devices._heard_on[0]
        callback, own.callback = own.callback, lambda raw: (callback(raw), taken.append(raw))
        self.publisher.publish(message)
        self.home.until(lambda: taken)
        own.callback = callback

    def own(self):
        """Return the outlet's own answers."""
        return [one for one in self.identities if one.recipe == RECIPE]


def show(home, load):
    """Have the outlet look at a load that runs; return its signature."""
    home.feed(6, **load)
    before = len(home.heard['signatures'])
    home.call(interfaces.CAPTURE_WAVEFORM)
    home.until(lambda: len(home.heard['signatures']) > before)
    return home.last('signatures')


def taught(home, hub, load=LAMP, type='lamp'):
    """Have a person name a load after three looks."""
    for _ in range(3):
        show(home, load)
        hub.answer(Identity.STATE_UNKNOWN)
    hub.answer(Identity.STATE_NAMED, type)


def asked(home, hub, load):
    """Return the outlet's own answer to a load, when its patience with the hub is over."""
    seen = show(home, load)
    for _ in range(30):
        home.time += 1.0
        home.converter.start += 1.0
        home.node._watch()
        if hub.home.graph.until(lambda: any(one.stamp == seen.stamp for one in hub.own()), 0.2):
            break
    return next(one for one in hub.own() if one.stamp == seen.stamp)


@pytest.fixture
def home(bench, tmp_path):
    return bench(state_dir=str(tmp_path), hub_silence=SILENCE, signature_heartbeat=86400.0)


@pytest.fixture
def hub(home):
    made = Hub(home)
    made.begin()
    return made


def test_beside_a_hub_it_is_silent_without_one_it_answers_and_then_is_silent_again(home, hub):
    taught(home, hub)
    home.time += 100.0
    home.converter.start += 100.0
    home.node._watch()
    assert hub.own() == [] and home.peer.count_publishers(f'{home.home}/identities') == 1
    hub.end()
    lamp = asked(home, hub, LAMP)
    assert (lamp.state, lamp.type, lamp.outlet) == (Identity.STATE_KNOWN, 'lamp', 'kettle')
    assert lamp.probability > 0.8 and lamp.novelty < 0.5 and list(lamp.candidates) == ['lamp']
    assert lamp.signature == home.last('signatures').sequence
    strange = asked(home, hub, HEATER)
    assert (strange.state, strange.type) == (Identity.STATE_UNKNOWN, '') and strange.novelty > 0.5
    late = home.graph.hear(home.graph.peer(home.home, 'late'), interfaces.IDENTITIES)
    home.until(lambda: late)
    assert len(late) == 1 and late[0].stamp == strange.stamp        # its last word only
    hub.begin()
    show(home, LAMP)
    hub.answer(Identity.STATE_KNOWN, 'lamp')
    home.until(lambda: home.peer.count_publishers(f'{home.home}/identities') == 1)
    count = len(hub.own())
    for _ in range(5):
        home.time += 1.0
        home.node._watch()
    late = home.graph.hear(home.graph.peer(home.home, 'later'), interfaces.IDENTITIES)
    home.until(lambda: late)
    assert len(hub.own()) == count and all(one.recipe == 'model 1' for one in late)


def test_what_it_learnt_is_a_small_file(home, hub, tmp_path):
    taught(home, hub)
    kept = (tmp_path / 'kettle.devices.json').read_bytes()
    assert len(kept) < 32 * 1024 and json.loads(kept)['recipe'] == RECIPE


def test_what_it_learnt_is_there_after_a_restart_and_can_still_be_taken_back(home, hub):
    taught(home, hub)
    hub.end()
    home.restart()
    home.feed(3, **LAMP)
    assert asked(home, hub, LAMP).type == 'lamp'
    hub.begin()
    home.feed(5)            # off
    show(home, LAMP)
    hub.answer(Identity.STATE_NAMED, 'heater')
    hub.answer(Identity.STATE_KNOWN, 'lamp')        # the person took that back
    hub.end()
    assert asked(home, hub, LAMP).type == 'lamp'


@pytest.mark.parametrize('content', ['{"format": "some', '[]', '{"format": "else"}', '', '{"book": 1}'])
def test_a_damaged_or_foreign_file_is_put_aside_with_one_line(home, hub, tmp_path, content, capfd):
    hub.end()
    path = tmp_path / 'kettle.devices.json'
    path.write_text(content)
    home.restart()
    home.feed(3, **LAMP)
    assert path.with_suffix('.damaged').read_text() == content and not path.exists()
    said = capfd.readouterr()
    assert (said.out + said.err).count('kettle.devices') == 2       # one line: the file, and where it is now
    hub.begin()
    taught(home, hub)
    assert path.exists()


def test_where_nothing_can_be_written_it_says_so_and_learns_all_the_same(bench, tmp_path):
    (tmp_path / 'file').write_text('')
    home = bench(state_dir=str(tmp_path / 'file'), hub_silence=SILENCE)
    hub = Hub(home)
    hub.begin()
    taught(home, hub)
    status = next(s for s in home.node.health.statuses() if s.name.endswith(': devices'))
    assert status.level == WARN and 'cannot be written' in status.message
    hub.end()
    assert asked(home, hub, LAMP).type == 'lamp'


def test_a_label_teaches_and_only_words_for_this_outlet_count(home, hub):
    labels = interfaces.LABELS.publisher(hub.peer)
    assert home.graph.matched(labels)
    for outlet, type in (('kettles', 'toaster'), ('kettle', 'lamp')):
        labels.publish(msg.Label(stamp=to_msg(home.time), outlet=outlet, source=msg.Label.SOURCE_PERSON, type=type))
    home.until(lambda: home.node._devices._own._open)
    for _ in range(3):
        show(home, LAMP)
    assert home.node._devices._own.names == ('lamp\t',)
    seen = home.last('signatures')
    for outlet in ('kettl', 'kettle2', ''):
        hub.publisher.publish(Identity(stamp=seen.stamp, outlet=outlet, signature=seen.sequence, type='toaster',
                                       state=Identity.STATE_NAMED))
    hub.answer(Identity.STATE_UNKNOWN)      # comes after them
    assert home.node._devices._own.names == ('lamp\t',)
    hub.publisher.publish(Identity(stamp=seen.stamp, outlet='kettle', signature=seen.sequence, state=99))
    hub.answer(Identity.STATE_UNKNOWN)
    assert home.node._devices._own.names == ('lamp\t',)

