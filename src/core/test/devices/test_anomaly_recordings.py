"""The watch over recorded devices: how often it cries for nothing, and whether it sees what was done to them."""
from datetime import datetime, timezone

import numpy as np
import pytest

from hearthgrid_core.devices import AnomalyDetector, Kind, Observation, Status

FRIDGES = (('Refrigerator', '599393'), ('Refrigerator', 'B83B9E'))
DEVICES = (*FRIDGES, ('Router', 'B7DF9D'), ('Dishwasher', 'B82F81'), ('TV-LCD', 'B8121D'))
MINUTE = 60.0


@pytest.fixture(scope='module')
def days(recordings):
    """Rows (label, epoch second of midnight, (1440,) mean power a minute [W]) of whole days, by label and device."""
    data = np.load(recordings / 'tracebase_4s' / 'tracebase_half.npz')
    out = {device: [] for device in DEVICES}
    power, keys = data['p'], list(zip(data['label'].tolist(), data['device'].tolist(), strict=True))
    for k in np.flatnonzero(data['coverage'] > 0.9):
        if keys[k] in out:
            midnight = datetime.strptime(str(data['day'][k]), '%Y.%m.%d').replace(tzinfo=timezone.utc).timestamp()
            out[keys[k]].append((keys[k][0], midnight, power[k].reshape(1440, -1).mean(axis=1)))
    return {device: sorted(rows, key=lambda row: row[1])[:20] for device, rows in out.items()}


def power_alarms(rows) -> list[int]:
    """Return the day, by its number, of each alarm of unusual power that was raised."""
    detector, raised = AnomalyDetector('outlet'), []
    for number, (label, midnight, minutes) in enumerate(rows):
        for k, power in enumerate(minutes.tolist(), 1):
            events = detector.step(midnight + k * MINUTE, Observation(230.0, power / 230, power, power, type=label))
            raised += [number for e in events if e.kind is Kind.POWER and e.status is Status.RAISED]
    return raised


def test_false_alarms_are_rare(days):
    judged = sum(max(0, len(rows) - 3) for rows in days.values())
    assert judged > 50
    assert sum(len(power_alarms(rows)) for rows in days.values()) / judged < 0.05


@pytest.mark.parametrize('fault', [lambda p: p + 100.0, lambda p: p * 0.0, lambda p: np.full_like(p, p.max())])
@pytest.mark.parametrize('device', FRIDGES)
def test_what_is_done_to_a_refrigerator_is_seen_that_day(days, device, fault):
    *before, (label, midnight, minutes) = days[device][:7]
    assert 6 in power_alarms([*before, (label, midnight, fault(minutes))])
