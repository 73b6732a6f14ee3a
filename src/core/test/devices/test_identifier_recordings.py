"""Identification of real appliances: 16 appliances, 10 recordings of each to learn from, 20 to recognise."""
import numpy as np
import pytest

from hearthgrid_core.devices import Identifier, IdentityState
from hearthgrid_core.waveform import signatures

WINDOW = 6 * 128
SEEDS = range(3)


@pytest.fixture(scope='module')
def appliances(recordings):
    data = np.load(recordings / 'vpc_waveforms' / 'vpc.npz')
    made = {}
    for name, window in (('first', slice(None, WINDOW)), ('last', slice(-WINDOW, None))):
        made[name] = signatures(data['v'][:, window].astype(float), data['i'][:, window].astype(float),
                                np.full(len(data['v']), float(data['f0'])))
    return made, data['label'], data['recording']


def learnt(vectors, labels, chosen) -> Identifier:
    made = Identifier()
    for k in np.flatnonzero(chosen):
        made.learn(vectors[k], str(labels[k]))
    made.refit()
    return made


def answers(made: Identifier, batch, chosen) -> list:
    return made.identify_all(batch.vector()[chosen], batch.active_power[chosen],
                             (batch.voltage * batch.current)[chosen])


@pytest.mark.parametrize('window, accuracy', [('first', 0.983), ('last', 0.996)])  # a plain forest on 21 harmonics
def test_better_than_a_plain_forest(appliances, window, accuracy):
    batches, labels, recording = appliances
    batch, right = batches[window], []
    for seed in SEEDS:
        train = np.isin(recording, 1 + np.random.default_rng(seed).permutation(30)[:10])
        found = answers(learnt(batch.vector(), labels, train), batch, ~train)
        likeliest = [answer.candidates[0][0] if answer.candidates else 'off' for answer in found]
        right.append(np.mean(np.array(likeliest) == labels[~train]))
    assert np.mean(right) >= accuracy


def test_four_appliances_never_taught_are_mostly_unknown_and_the_taught_mostly_known(appliances):
    batches, labels, recording = appliances
    batch, detected, refused = batches['last'], [], []
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        train = np.isin(recording, 1 + random.permutation(30)[:10])
        strange = np.isin(labels, random.choice(np.unique(labels), 4, replace=False))
        made = learnt(batch.vector(), labels, train & ~strange)
        unknown = np.array([a.state is IdentityState.UNKNOWN for a in answers(made, batch, ~train)])
        detected.append(unknown[strange[~train]].mean())
        refused.append(unknown[~strange[~train]].mean())
    assert np.mean(detected) > 0.75 and np.mean(refused) < 0.03
